//! Batches: each entry on its own (R4 http section 3.1.0.11.1).

use super::check::{Around, at_entry, check, in_entry};
use super::conditional::{self, Resolver};
use super::entries::{self, Entry, Request, Target};
use super::links::Links;
use super::patching::patched;
use super::single::{self, same_id};
use super::{Answer, Answers, ENTRIES_MAX, Outcome, Terms};
use crate::access::Visit;
use crate::error::Error;
use crate::records::{Change, Expect, Vault, Version, Written};
use base::finding::Finding;
use crossbeam_channel::{Sender, unbounded};
use fhir::json::Json;

/// Carries out each entry of a batch Bundle independently; an entry's refusal is its answer. Only a bundle that cannot
/// be read is refused as a whole, and a fault stops everything.
pub fn batch(vault: &Vault, visit: &Visit, bundle: Json<'_>, terms: Terms<'_>) -> Result<Answers, Error> {
    let entries = entries::read(bundle, ENTRIES_MAX, terms.base)?;
    let mut answers: Vec<Option<Answer>> = entries.iter().map(|_| None).collect();
    let mut ranked: [Vec<Entry<'_>>; 4] = Default::default();
    for (i, entry) in entries {
        match entry {
            Ok(entry) => ranked[usize::from(entry.request.rank())].push(entry),
            Err(refusal) => answers[i] = Some(Answer::refused(refusal)),
        }
    }
    for entries in ranked {
        for (i, answer) in Rank::new(vault, visit, terms).carry_out(entries)? {
            answers[i] = Some(answer);
        }
    }
    Ok(Answers { kind: "batch-response", entries: answers.into_iter().flatten().collect() })
}

type Done = (usize, Vec<Finding>, Result<Vec<Written>, Error>);

/// Entries with the same verb. Their writes are submitted together, so that they share disk syncs.
struct Rank<'v> {
    vault: &'v Vault,
    visit: &'v Visit,
    terms: Terms<'v>,
    resolver: Resolver<'v>,
}

impl<'v> Rank<'v> {
    fn new(vault: &'v Vault, visit: &'v Visit, terms: Terms<'v>) -> Rank<'v> {
        Rank { vault, visit, terms, resolver: Resolver::new(vault, visit) }
    }

    fn carry_out(&self, entries: Vec<Entry<'_>>) -> Result<Vec<(usize, Answer)>, Error> {
        let (sender, done) = unbounded();
        let mut answers = Vec::with_capacity(entries.len());
        for entry in entries {
            let i = entry.index;
            match self.start(entry, &sender) {
                Ok(Some(answer)) => answers.push((i, answer)),
                Ok(None) => {}
                Err(Error::Refusal(refusal)) => answers.push((i, Answer::refused(at_entry(refusal, i)))),
                Err(fault) => return Err(fault),
            }
        }
        drop(sender);
        for (i, findings, written) in done {
            answers.push((i, settled(i, findings, written)?));
        }
        Ok(answers)
    }

    /// Answers an entry at once, or submits its write.
    fn start(&self, entry: Entry<'_>, done: &Sender<Done>) -> Result<Option<Answer>, Error> {
        let i = entry.index;
        let (change, findings) = match (entry.request, entry.resource) {
            (Request::Get(reading), _) => return (self.terms.get)(&reading.asked()).map(Some),
            (Request::Delete(Target::Search(kind, query)), _) => {
                let several = self.terms.several;
                let gone = conditional::conditional_delete(self.vault, self.visit, &kind, &query, several)?;
                return Ok(Some(Answer::deleted(gone)));
            }
            (Request::Delete(Target::Id(resource_type, id)), _) => {
                (Change::Delete { resource_type, id, expect: Expect::Any }, Vec::new())
            }
            (Request::Post { resource_type, if_none_exist: Some(query) }, Some(resource)) => {
                let outcome = single::create(self.vault, self.visit, &resource_type, resource, Some(&query))?;
                return Ok(Some(answered(outcome, i)));
            }
            (Request::Post { resource_type, if_none_exist: None }, Some(resource)) => {
                self.put(resource, &resource_type, &self.vault.fresh_id(), Expect::Absent)?
            }
            (Request::Put(Target::Search(kind, query), expect), Some(resource)) => {
                let update = conditional::conditional_update;
                return update(self.vault, self.visit, &kind, &query, resource, expect).map(|o| Some(answered(o, i)));
            }
            (Request::Put(Target::Id(resource_type, id), expect), Some(resource)) => {
                same_id(&resource, &resource_type, &id)?;
                self.vault.check_choice(self.visit, &resource_type, &id, expect)?;
                self.put(resource, &resource_type, &id, expect)?
            }
            (Request::Patch(target, expect), Some(document)) => {
                return self.patch(target, expect, &document).map(|o| Some(answered(o, i)));
            }
            (Request::Post { .. } | Request::Put(..) | Request::Patch(..), None) => return Ok(None),
        };
        let done = done.clone();
        let report = Box::new(move |written| drop(done.send((i, findings, written))));
        self.vault.submit(self.visit, vec![change], report);
        Ok(None)
    }

    fn put(&self, resource: Json<'_>, kind: &str, id: &str, expect: Expect) -> Result<(Change, Vec<Finding>), Error> {
        let around = Around { links: &Links::default(), base: None, strict: false };
        let checked =
            check(resource, kind, id, around, &mut |kind: &str, query: &str| self.resolver.reference(kind, query))?;
        Ok((Change::Put { resource: checked.resource, expect, skip_same: false }, checked.findings))
    }

    fn patch(&self, target: Target, expect: Expect, document: &Json<'_>) -> Result<Outcome, Error> {
        let (kind, id, _held) = match target {
            Target::Id(kind, id) => (kind, id, None),
            Target::Search(kind, query) => {
                let held = conditional::exclusive(self.vault);
                let id = conditional::the_one(&self.resolver, &kind, &query)?.id;
                (kind, id, Some(held))
            }
        };
        let _turn = self.vault.inner.turns.take([(kind.as_str(), id.as_str())]);
        let now = self.vault.clock().now();
        let becoming = |current: &Version| patched(current, document, now);
        single::changed(self.vault, self.visit, (&kind, &id), expect, &self.resolver, &becoming)
    }
}

fn answered(outcome: Outcome, index: usize) -> Answer {
    let findings = outcome.findings.into_iter().map(|f| Finding { path: in_entry(&f.path, index), ..f }).collect();
    Answer { findings, ..Answer::written(outcome.written) }
}

fn settled(i: usize, findings: Vec<Finding>, written: Result<Vec<Written>, Error>) -> Result<Answer, Error> {
    match written {
        Ok(mut written) => {
            let written = written.pop().unwrap_or(Written::Deleted(None));
            Ok(answered(Outcome { written, findings }, i))
        }
        Err(Error::Refusal(refusal)) => Ok(Answer::refused(at_entry(refusal, i))),
        Err(fault) => Err(fault),
    }
}
