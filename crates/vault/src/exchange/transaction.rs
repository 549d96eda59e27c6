//! Transactions: all entries of a bundle, or none (R4 http section 3.1.0.11.2).

use super::conditional::exclusive;
use super::entries;
use super::plan::{Step, plan};
use super::{Answer, Answers, ENTRIES_MAX, Get};
use crate::access::Visit;
use crate::error::{Error, Fault};
use crate::records::{Vault, Written};
use fhir::json::Json;

/// Carries out a transaction Bundle in the order DELETE, POST, PUT and PATCH, GET and HEAD, all or nothing.
///
/// References to entries (`fullUrl`) and conditional references are rewritten. A refusal names the entry
/// (`Bundle.entry[3]`), and nothing was written. Refused too: a resource that two entries are about.
pub fn transaction(vault: &Vault, visit: &Visit, bundle: Json<'_>, get: Get<'_>) -> Result<Answers, Error> {
    let mut entries = Vec::new();
    for (_, entry) in entries::read(bundle, ENTRIES_MAX)? {
        entries.push(entry?);
    }
    let held = entries.iter().any(|e| e.request.is_conditional()).then(|| exclusive(vault));
    let plan = plan(vault, visit, entries)?;
    let written = if plan.changes.is_empty() { Vec::new() } else { vault.commit(visit, plan.changes)? };
    drop(held);
    let mut written: Vec<Option<Written>> = written.into_iter().map(Some).collect();
    let answers = plan.steps.into_iter().map(|step| answer(step, &mut written, get));
    Ok(Answers { kind: "transaction-response", entries: answers.collect::<Result<_, _>>()? })
}

fn answer(step: Step, written: &mut [Option<Written>], get: Get<'_>) -> Result<Answer, Error> {
    match step {
        Step::Change(i, findings) => {
            let Some(written) = written.get_mut(i).and_then(Option::take) else {
                return Err(Fault::Altered("a commit did not answer for each change".to_owned()).into());
            };
            Ok(Answer { findings, ..Answer::written(written) })
        }
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
