//! Plans: a transaction's entries, named, linked and checked, ready to be committed.

use super::check::{Around, at_entry, check, in_entry, malformed};
use super::conditional::{Matches, Resolver, aim, several, the_one};
use super::entries::{Entry, Reading, Request, Target};
use super::links::{Links, base_of};
use super::patching::patched;
use super::single::{current, same_id};
use crate::access::Visit;
use crate::error::Error;
use crate::records::{Change, Expect, Vault, Version};
use base::finding::Finding;
use base::refusal::Refusal;
use std::collections::HashMap;

/// What a transaction will do.
pub(super) struct Plan {
    /// Changes in the order of processing.
    pub changes: Vec<Change>,
    /// One an entry, in the order of the request.
    pub steps: Vec<Step>,
}

/// What one entry comes to.
pub(super) enum Step {
    /// The change of that number, with what validation remarked.
    Change(usize, Vec<Finding>),
    /// A conditional create that found its match.
    Matched(Version),
    /// A deletion that matches nothing.
    Nothing,
    /// To be answered after the changes.
    Read(Reading),
}

/// What an entry is about, once its conditions are resolved.
enum Aim {
    Write { resource_type: String, id: String, expect: Expect },
    Patch { found: Version, expect: Expect },
    Delete { resource_type: String, id: String, expect: Expect },
    Matched(Version),
    Nothing,
    Read,
}

impl Aim {
    /// `Type/id` of what is written.
    fn written(&self) -> Option<String> {
        match self {
            Aim::Write { resource_type, id, .. } | Aim::Delete { resource_type, id, .. } => {
                Some(format!("{resource_type}/{id}"))
            }
            Aim::Patch { found, .. } => Some(format!("{}/{}", found.resource_type, found.id)),
            Aim::Matched(_) | Aim::Nothing | Aim::Read => None,
        }
    }

    /// `Type/id` of what the entry's `fullUrl` stands for.
    fn named(&self) -> Option<String> {
        match self {
            Aim::Matched(found) => Some(format!("{}/{}", found.resource_type, found.id)),
            Aim::Delete { .. } => None,
            _ => self.written(),
        }
    }
}

/// Makes the plan of a transaction. The caller holds the conditional lock if an entry is conditional.
pub(super) fn plan(vault: &Vault, visit: &Visit, entries: Vec<Entry<'_>>) -> Result<Plan, Error> {
    let resolver = Resolver::new(vault, visit);
    let mut aims = Vec::with_capacity(entries.len());
    for entry in &entries {
        aims.push(aim_of(vault, visit, entry, &resolver).map_err(|e| blame(e, entry.index))?);
    }
    distinct(&aims)?;
    let links = links(&entries, &aims);
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&i| entries[i].request.rank());
    let mut work: Vec<Option<(Entry<'_>, Aim)>> = entries.into_iter().zip(aims).map(Some).collect();
    let mut changes = Vec::with_capacity(work.len());
    let mut steps: Vec<Option<Step>> = work.iter().map(|_| None).collect();
    for i in order {
        let Some((entry, aim)) = work[i].take() else { continue };
        steps[i] = Some(step(entry, aim, &links, &resolver, &mut changes).map_err(|e| blame(e, i))?);
    }
    Ok(Plan { changes, steps: steps.into_iter().flatten().collect() })
}

fn aim_of(vault: &Vault, visit: &Visit, entry: &Entry<'_>, resolver: &Resolver<'_>) -> Result<Aim, Error> {
    let own_id = entry.resource.as_ref().and_then(|r| r.text("id"));
    Ok(match &entry.request {
        Request::Get(_) => Aim::Read,
        Request::Post { resource_type, if_none_exist } => {
            let matches = match if_none_exist {
                Some(query) => resolver.matches(resource_type, query)?,
                None => Matches::None,
            };
            match matches {
                Matches::One(found) => Aim::Matched(found),
                Matches::Several => return Err(several("ifNoneExist")),
                Matches::None => {
                    let (resource_type, id) = (resource_type.clone(), vault.fresh_id());
                    Aim::Write { resource_type, id, expect: Expect::Absent }
                }
            }
        }
        Request::Put(Target::Id(resource_type, id), expect) => {
            if let Some(resource) = &entry.resource {
                same_id(resource, resource_type, id)?;
            }
            Aim::Write { resource_type: resource_type.clone(), id: id.clone(), expect: *expect }
        }
        Request::Put(Target::Search(resource_type, query), expect) => {
            let (id, expect) = aim(resolver, resource_type, query, own_id, *expect)?;
            Aim::Write { resource_type: resource_type.clone(), id, expect }
        }
        Request::Patch(Target::Id(resource_type, id), expect) => {
            Aim::Patch { found: current(vault, visit, resource_type, id)?, expect: *expect }
        }
        Request::Patch(Target::Search(resource_type, query), expect) => {
            Aim::Patch { found: the_one(resolver, resource_type, query)?, expect: *expect }
        }
        Request::Delete(Target::Id(resource_type, id)) => {
            Aim::Delete { resource_type: resource_type.clone(), id: id.clone(), expect: Expect::Any }
        }
        Request::Delete(Target::Search(resource_type, query)) => match resolver.matches(resource_type, query)? {
            Matches::None => Aim::Nothing,
            Matches::Several => return Err(several("the condition")),
            Matches::One(found) => {
                let expect = Expect::Version(found.version);
                Aim::Delete { resource_type: resource_type.clone(), id: found.id, expect }
            }
        },
    })
}

/// Refuses a transaction that touches a resource twice.
fn distinct(aims: &[Aim]) -> Result<(), Refusal> {
    let mut seen = HashMap::with_capacity(aims.len());
    for (i, target) in aims.iter().enumerate().filter_map(|(i, aim)| Some((i, aim.written()?))) {
        if let Some(first) = seen.insert(target, i) {
            let message = format!("entry {first} is about the same resource; a transaction may change it only once");
            return Err(malformed(&format!("Bundle.entry[{i}]"), message));
        }
    }
    Ok(())
}

fn links(entries: &[Entry<'_>], aims: &[Aim]) -> Links {
    let mut links = Links::default();
    for (entry, aim) in entries.iter().zip(aims) {
        if let (Some(url), Some(target)) = (&entry.full_url, aim.named()) {
            links.add(url, target);
        }
    }
    links
}

fn step(
    entry: Entry<'_>,
    aim: Aim,
    links: &Links,
    resolver: &Resolver<'_>,
    changes: &mut Vec<Change>,
) -> Result<Step, Error> {
    let (resource_type, id, resource, expect) = match (aim, entry.resource, entry.request) {
        (Aim::Matched(found), _, _) => return Ok(Step::Matched(found)),
        (Aim::Delete { resource_type, id, expect }, _, _) => {
            changes.push(Change::Delete { resource_type, id, expect });
            return Ok(Step::Change(changes.len() - 1, Vec::new()));
        }
        (Aim::Read, _, Request::Get(reading)) => return Ok(Step::Read(reading)),
        (Aim::Write { resource_type, id, expect }, Some(resource), _) => (resource_type, id, resource, expect),
        (Aim::Patch { found, expect }, Some(document), _) => {
            let resource = patched(&found, &document, resolver.now())?;
            let expect = if expect == Expect::Any { Expect::Version(found.version) } else { expect };
            (found.resource_type, found.id, resource, expect)
        }
        (Aim::Nothing | Aim::Read | Aim::Write { .. } | Aim::Patch { .. }, _, _) => return Ok(Step::Nothing),
    };
    let base = entry.full_url.as_deref().and_then(base_of);
    let around = Around { links, base, strict: true };
    let checked = check(resource, &resource_type, &id, around, &mut |kind, query| resolver.reference(kind, query))?;
    changes.push(Change::Put { resource: checked.resource, expect, skip_same: false });
    let findings = checked.findings.into_iter().map(|f| Finding { path: in_entry(&f.path, entry.index), ..f });
    Ok(Step::Change(changes.len() - 1, findings.collect()))
}

/// Says which entry an error is about.
fn blame(error: Error, index: usize) -> Error {
    match error {
        Error::Refusal(refusal) => at_entry(refusal, index).into(),
        Error::Fault(_) => error,
    }
}
