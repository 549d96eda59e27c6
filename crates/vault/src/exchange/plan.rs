//! Plans: a transaction's entries, named, linked and checked, ready to be committed.

use super::Several;
use super::check::{Around, at_entry, check, in_entry};
use super::conditional::{Matches, Resolver, aim, condemned, deletion, several, the_one};
use super::entries::{Entry, Reading, Request, Target};
use super::links::{Links, base_of};
use super::once::{self, Claims, FullUrls};
use super::patching::patched;
use super::single::{current, exactly, same_id};
use crate::access::Visit;
use crate::error::Error;
use crate::records::{Change, Expect, Vault, Version};
use base::finding::Finding;
use base::refusal::Refusal;
use std::collections::HashMap;
use std::ops::Range;

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
    /// The deletions of these numbers.
    Deletions(Range<usize>),
    /// A conditional create that found its match.
    Matched(Version),
    /// A conditional create of what the change of that number creates already.
    Same(usize),
    /// Nothing to do.
    Nothing,
    /// To be answered after the changes.
    Read(Reading),
}

impl Step {
    /// Whether the change of that number is this step's.
    pub fn makes(&self, change: usize) -> bool {
        match self {
            Step::Change(number, _) => *number == change,
            Step::Deletions(range) => range.contains(&change),
            Step::Matched(_) | Step::Same(_) | Step::Nothing | Step::Read(_) => false,
        }
    }
}

/// What an entry is about, once its conditions are resolved.
enum Aim {
    Write {
        resource_type: String,
        id: String,
        expect: Expect,
    },
    Patch {
        found: Version,
        expect: Expect,
    },
    Delete {
        resource_type: String,
        id: String,
    },
    /// All that a condition matches; maybe nothing.
    DeleteAll(Vec<Version>),
    Matched(Version),
    /// Created already by the entry of that number.
    Same {
        first: usize,
        resource_type: String,
        id: String,
    },
    Read,
}

impl Aim {
    /// `Type/id` of what is written.
    fn written(&self) -> Vec<String> {
        match self {
            Aim::Write { resource_type, id, .. } | Aim::Delete { resource_type, id } => {
                vec![format!("{resource_type}/{id}")]
            }
            Aim::Patch { found, .. } => vec![key(found)],
            Aim::DeleteAll(found) => found.iter().map(key).collect(),
            Aim::Matched(_) | Aim::Same { .. } | Aim::Read => Vec::new(),
        }
    }

    /// `Type/id` of what the entry's `fullUrl` stands for.
    fn named(&self) -> Option<String> {
        match self {
            Aim::Matched(found) | Aim::Patch { found, .. } => Some(key(found)),
            Aim::Write { resource_type, id, .. } | Aim::Same { resource_type, id, .. } => {
                Some(format!("{resource_type}/{id}"))
            }
            Aim::Delete { .. } | Aim::DeleteAll(_) | Aim::Read => None,
        }
    }
}

/// `Type/id` of a version.
fn key(version: &Version) -> String {
    format!("{}/{}", version.resource_type, version.id)
}

/// Makes the plan of a transaction. The caller holds the conditional lock if an entry is conditional.
pub(super) fn plan(vault: &Vault, visit: &Visit, entries: Vec<Entry<'_>>, several: Several) -> Result<Plan, Error> {
    let resolver = Resolver::new(vault, visit);
    let aims = aims((vault, visit), &entries, several, &resolver)?;
    distinct(&aims)?;
    let links = links(&entries, &aims)?;
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&i| entries[i].request.rank());
    let mut work: Vec<Option<(Entry<'_>, Aim)>> = entries.into_iter().zip(aims).map(Some).collect();
    let mut changes = Vec::with_capacity(work.len());
    let mut steps: Vec<Option<Step>> = work.iter().map(|_| None).collect();
    for i in order {
        let Some((entry, aim)) = work[i].take() else { continue };
        steps[i] = Some(match aim {
            // Creates are processed in their own order, so that the first has its change by now.
            Aim::Same { first, .. } => match steps[first] {
                Some(Step::Change(change, _)) => Step::Same(change),
                _ => Step::Nothing,
            },
            aim => step(entry, aim, &links, &resolver, &mut changes).map_err(|e| blame(e, i))?,
        });
    }
    Ok(Plan { changes, steps: steps.into_iter().flatten().collect() })
}

/// What each entry is about.
fn aims(
    (vault, visit): (&Vault, &Visit),
    entries: &[Entry<'_>],
    several: Several,
    resolver: &Resolver<'_>,
) -> Result<Vec<Aim>, Error> {
    let (mut urls, mut claims) = (FullUrls::default(), Claims::default());
    let mut aims = Vec::with_capacity(entries.len());
    for entry in entries {
        urls.take(entry.index, entry.full_url.as_deref(), entry.resource.as_ref())?;
        let aim = aim_of((vault, visit), entry, several, resolver).and_then(|aim| claimed(aim, entry, &mut claims));
        aims.push(aim.map_err(|e| blame(e, entry.index))?);
    }
    Ok(aims)
}

/// The same aim, unless an earlier entry creates what this one's condition asks for.
fn claimed<'e>(aim: Aim, entry: &'e Entry<'e>, claims: &mut Claims<'e>) -> Result<Aim, Error> {
    let Aim::Write { resource_type, id, expect: Expect::Absent } = &aim else { return Ok(aim) };
    let (query, creates) = match &entry.request {
        Request::Post { if_none_exist: Some(query), .. } => (query, entry.resource.as_ref()),
        Request::Put(Target::Search(_, query), _) => (query, None),
        _ => return Ok(aim),
    };
    let earlier = claims.claim((resource_type, query), entry.index, id, creates)?;
    Ok(match earlier {
        Some(first) => Aim::Same { first: first.index, resource_type: resource_type.clone(), id: first.id },
        None => aim,
    })
}

fn aim_of(
    (vault, visit): (&Vault, &Visit),
    entry: &Entry<'_>,
    several_mean: Several,
    resolver: &Resolver<'_>,
) -> Result<Aim, Error> {
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
            vault.check_choice(visit, resource_type, id, *expect)?;
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
            Aim::Delete { resource_type: resource_type.clone(), id: id.clone() }
        }
        Request::Delete(Target::Search(resource_type, query)) => {
            Aim::DeleteAll(condemned(vault, visit, resource_type, query, several_mean)?)
        }
    })
}

/// Refuses a transaction that touches a resource twice, or deletes what a conditional create of it found.
fn distinct(aims: &[Aim]) -> Result<(), Refusal> {
    let mut seen = HashMap::with_capacity(aims.len());
    for (i, target) in aims.iter().enumerate().flat_map(|(i, aim)| aim.written().into_iter().map(move |t| (i, t))) {
        if let Some(first) = seen.insert(target, i) {
            return Err(once::same_resource(first, i));
        }
    }
    for (i, aim) in aims.iter().enumerate() {
        let Aim::Matched(found) = aim else { continue };
        let is_deletion = |&other: &usize| matches!(aims[other], Aim::Delete { .. } | Aim::DeleteAll(_));
        if let Some(other) = seen.get(&key(found)).copied().filter(is_deletion) {
            return Err(once::same_resource(other.min(i), other.max(i)));
        }
    }
    Ok(())
}

/// Where each `fullUrl` leads. Refused where two versions under one `fullUrl` go to two resources.
fn links(entries: &[Entry<'_>], aims: &[Aim]) -> Result<Links, Refusal> {
    let mut links = Links::default();
    for (entry, aim) in entries.iter().zip(aims) {
        let (Some(url), Some(target)) = (&entry.full_url, aim.named()) else { continue };
        if links.add(url, target.clone()).is_some_and(|other| other != target) {
            let first = entries.iter().position(|e| e.full_url.as_ref() == Some(url)).unwrap_or(entry.index);
            return Err(once::same_url(first, entry.index));
        }
    }
    Ok(links)
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
        (Aim::Delete { resource_type, id }, _, _) => {
            changes.push(Change::Delete { resource_type, id, expect: Expect::Any });
            return Ok(Step::Deletions(changes.len() - 1..changes.len()));
        }
        (Aim::DeleteAll(found), _, _) => {
            let first = changes.len();
            changes.extend(found.into_iter().map(deletion));
            return Ok(Step::Deletions(first..changes.len()));
        }
        (Aim::Read, _, Request::Get(reading)) => return Ok(Step::Read(reading)),
        (Aim::Write { resource_type, id, expect }, Some(resource), _) => (resource_type, id, resource, expect),
        (Aim::Patch { found, expect }, Some(document), _) => {
            let resource = patched(&found, &document, resolver.now())?;
            let expect = exactly(expect, found.version);
            (found.resource_type, found.id, resource, expect)
        }
        (Aim::Same { .. } | Aim::Read | Aim::Write { .. } | Aim::Patch { .. }, _, _) => {
            return Ok(Step::Nothing);
        }
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
