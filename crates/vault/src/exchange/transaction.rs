//! Transactions: all entries of a bundle, or none (R4 http section 3.1.0.11.2).

use super::check::at_entry;
use super::conditional::exclusive;
use super::entries;
use super::plan::{Plan, Step, plan};
use super::single::unless_named;
use super::{Answer, Answers, ENTRIES_MAX, Get, Terms};
use crate::access::Visit;
use crate::error::{Error, Fault};
use crate::records::{Expect, Vault, Written};
use fhir::json::Json;

/// Carries out a transaction Bundle in the order DELETE, POST, PUT and PATCH, GET and HEAD, all or nothing.
///
/// References to entries (`fullUrl`) and conditional references are rewritten. A refusal names the entry
/// (`Bundle.entry[3]`), and nothing was written. Refused too: a resource or a `fullUrl` that two
/// entries are about. Two conditional creates that say the same make one resource.
pub fn transaction(vault: &Vault, visit: &Visit, bundle: Json<'_>, terms: Terms<'_>) -> Result<Answers, Error> {
    let mut entries = Vec::new();
    for (_, entry) in entries::read(bundle, ENTRIES_MAX, terms.base)? {
        entries.push(entry?);
    }
    let held = entries.iter().any(|e| e.request.is_conditional()).then(|| exclusive(vault));
    let patched: Vec<(String, String)> = entries.iter().filter_map(|e| e.request.patches()).collect();
    let turns = vault.inner.turns.take(patched.iter().map(|(kind, id)| (kind.as_str(), id.as_str())));
    let named: Vec<bool> = entries.iter().map(|e| e.request.names_a_version()).collect();
    let Plan { changes, steps } = plan(vault, visit, entries, terms.several)?;
    let written = match changes.is_empty() {
        true => Vec::new(),
        false => vault.commit(visit, changes).map_err(|error| blamed(error, &steps, &named))?,
    };
    drop((held, turns));
    let answers = steps.into_iter().map(|step| answer(step, &written, terms.get));
    Ok(Answers { kind: "transaction-response", entries: answers.collect::<Result<_, _>>()? })
}

/// Says which entry asked for the change that was refused (`change[2]`). Where the client named no version, a version
/// that was overtaken is a conflict.
fn blamed(error: Error, steps: &[Step], named: &[bool]) -> Error {
    let Error::Refusal(mut refusal) = error else { return error };
    let number = |path: &str| path.strip_prefix("change[")?.strip_suffix(']')?.parse::<usize>().ok();
    let change = refusal.findings.first().and_then(|finding| number(&finding.path));
    let Some(entry) = change.and_then(|change| steps.iter().position(|step| step.makes(change))) else {
        return refusal.into();
    };
    for finding in &mut refusal.findings {
        finding.path = format!("Bundle.entry[{entry}]");
    }
    let expect = if named[entry] { Expect::Version(0) } else { Expect::Any };
    match unless_named(refusal.into(), expect) {
        Error::Refusal(refusal) => at_entry(refusal, entry).into(),
        fault => fault,
    }
}

fn answer(step: Step, written: &[Written], get: Get<'_>) -> Result<Answer, Error> {
    match step {
        Step::Change(i, findings) => {
            let written = written.get(i).cloned().ok_or_else(unanswered)?;
            Ok(Answer { findings, ..Answer::written(written) })
        }
        Step::Deletions(range) => Ok(Answer::deleted(written.get(range).unwrap_or_default().to_vec())),
        Step::Same(i) => match written.get(i).cloned() {
            Some(Written::Created(found) | Written::Updated(found) | Written::Unchanged(found)) => {
                Ok(Answer::written(Written::Unchanged(found)))
            }
            Some(Written::Deleted(_)) | None => Err(unanswered().into()),
        },
        Step::Matched(found) => Ok(Answer::written(Written::Unchanged(found))),
        Step::Nothing => Ok(Answer::written(Written::Deleted(None))),
        // The changes are durable by now; a GET that fails is answered as such and takes nothing back.
        Step::Read(reading) => match get(&reading.asked()) {
            Ok(answer) => Ok(answer),
            Err(Error::Refusal(refusal)) => Ok(Answer::refused(refusal)),
            Err(fault) => Err(fault),
        },
    }
}

fn unanswered() -> Fault {
    Fault::Altered("a commit did not answer for each change".to_owned())
}
