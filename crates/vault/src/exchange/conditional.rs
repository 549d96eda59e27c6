//! Conditional interactions: which resource is meant is found by a search (R4 http section 3.1.0.4.3 and others).
//!
//! Search and write are done under one lock, so that two clients who both find nothing do not both create. A search
//! waits for the index to reach the head, so what the first wrote is found by the second. Plain writes take no lock.

use super::check::malformed;
use super::single::{exactly, unless_named};
use super::{Edit, Outcome, Several, single};
use crate::access::Visit;
use crate::error::Error;
use crate::records::{Change, Expect, Vault, Version, Written};
use crate::search::Page;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::search::query::{Contained, Query, Total, url};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;

/// Held from a conditional operation's search until its write is durable.
pub(super) fn exclusive(vault: &Vault) -> MutexGuard<'_, ()> {
    vault.inner.conditional.lock()
}

/// Finds what queries mean, and remembers it for as long as it lives: one bundle, or one import.
pub struct Resolver<'v> {
    vault: &'v Vault,
    visit: &'v Visit,
    known: Mutex<HashMap<String, String>>,
}

/// How many resources a condition has.
pub(super) enum Matches {
    None,
    One(Version),
    Several,
}

impl<'v> Resolver<'v> {
    /// A resolver that knows nothing yet.
    #[must_use]
    pub fn new(vault: &'v Vault, visit: &'v Visit) -> Resolver<'v> {
        Resolver { vault, visit, known: Mutex::new(HashMap::new()) }
    }

    /// The conditional lock of this resolver's vault.
    pub(super) fn exclusive(&self) -> MutexGuard<'v, ()> {
        exclusive(self.vault)
    }

    /// The time, as a patch's paths see it.
    pub fn now(&self) -> Instant {
        self.vault.clock().now()
    }

    /// Remembers that a query means this resource (`Type/id`), because it is about to be written.
    pub fn learn(&self, resource_type: &str, query: &str, target: String) {
        self.known.lock().insert(key(resource_type, query), target);
    }

    /// Forgets everything, because something was deleted.
    pub fn forget(&self) {
        self.known.lock().clear();
    }

    /// Whether a resource is there now.
    pub(super) fn has(&self, resource_type: &str, id: &str) -> Result<bool, Error> {
        Ok(self.vault.read(self.visit, resource_type, id, None)?.is_some_and(|version| !version.deleted))
    }

    /// What was learned about a query.
    pub(super) fn known(&self, resource_type: &str, query: &str) -> Option<String> {
        self.known.lock().get(&key(resource_type, query)).cloned()
    }

    /// The one resource a conditional reference means, as `Type/id`.
    pub(super) fn reference(&self, resource_type: &str, query: &str) -> Result<String, Error> {
        if let Some(target) = self.known(resource_type, query) {
            return Ok(target);
        }
        let target = match self.matches(resource_type, query)? {
            Matches::One(version) => format!("{resource_type}/{}", version.id),
            Matches::None => return Err(no_match("the conditional reference matches nothing; send its target first")),
            Matches::Several => return Err(several("the conditional reference")),
        };
        self.learn(resource_type, query, target.clone());
        Ok(target)
    }

    /// What a query matches now.
    pub(super) fn matches(&self, resource_type: &str, query: &str) -> Result<Matches, Error> {
        let mut found = matching(self.vault, self.visit, resource_type, query, 2)?;
        Ok(match (found.pop(), found.pop()) {
            (None, _) => Matches::None,
            (Some(one), None) => Matches::One(one),
            (Some(_), Some(_)) => Matches::Several,
        })
    }
}

fn key(resource_type: &str, query: &str) -> String {
    format!("{resource_type}?{query}")
}

fn matching(vault: &Vault, visit: &Visit, kind: &str, query: &str, count: usize) -> Result<Vec<Version>, Error> {
    let query = condition(vault, visit, kind, query)?;
    let page = Page { at: None, offset: 0, count };
    Ok(vault.search(visit, &query, &page)?.matches)
}

/// Parses a condition. It must select: an empty one would mean every resource of the type.
fn condition(vault: &Vault, visit: &Visit, resource_type: &str, text: &str) -> Result<Query, Refusal> {
    let pairs = url::pairs(text)?;
    if pairs.iter().all(|(name, value)| value.is_empty() || is_about_the_answer(name)) {
        return Err(malformed("", "a condition needs at least one search parameter, such as identifier=system|value"));
    }
    let mut query = vault.query(visit, Some(resource_type), &pairs, true, vault.clock().now())?;
    if query.contained != Contained::Without {
        return Err(malformed("", "a condition is about resources of their own; leave _contained out"));
    }
    query.total = Total::None;
    Ok(query)
}

fn is_about_the_answer(name: &str) -> bool {
    matches!(name, "_count" | "_sort" | "_summary" | "_elements" | "_total" | "_include" | "_revinclude" | "_format")
}

/// A condition that matches nothing where something is needed. Its code, `not-found`, tells import to wait.
fn no_match(message: &str) -> Error {
    Refusal::new(Kind::Precondition, "not-found", message).into()
}

/// A condition that matches more than one.
pub(super) fn several(what: &str) -> Error {
    let message = format!("{what} matches several resources; add a parameter that only one has");
    Refusal::new(Kind::Precondition, "multiple-matches", message).into()
}

/// Updates the one match, or creates when there is none. Several matches: `Precondition`.
///
/// An id in the resource must be the match's (`Malformed`); without a match it becomes the new resource's id.
pub fn conditional_update(
    vault: &Vault,
    visit: &Visit,
    resource_type: &str,
    query: &str,
    resource: Json<'_>,
    expect: Expect,
) -> Result<Outcome, Error> {
    let _held = exclusive(vault);
    let resolver = Resolver::new(vault, visit);
    let (id, exact) = aim(&resolver, resource_type, query, resource.text("id"), expect)?;
    single::put(vault, visit, resource_type, &id, resource, exact, &resolver).map_err(|e| unless_named(e, expect))
}

/// The id a conditional update writes to, and what must be there.
pub(super) fn aim(
    resolver: &Resolver<'_>,
    resource_type: &str,
    query: &str,
    own_id: Option<&str>,
    expect: Expect,
) -> Result<(String, Expect), Error> {
    match (resolver.matches(resource_type, query)?, own_id) {
        (Matches::Several, _) => Err(several("the condition")),
        (Matches::One(found), Some(id)) if found.id != id => {
            let message = "the resource's id is not the id of the resource that the condition matches";
            Err(malformed(&format!("{resource_type}.id"), message).into())
        }
        (Matches::One(found), _) => Ok((found.id, exactly(expect, found.version))),
        (Matches::None, own) => {
            if let Some(id) = own {
                resolver.vault.check_choice(resolver.visit, resource_type, id, Expect::Absent)?;
            }
            let id = own.map_or_else(|| resolver.vault.fresh_id(), str::to_owned);
            Ok((id, if expect == Expect::Any { Expect::Absent } else { expect }))
        }
    }
}

/// Deletes the matches in one commit. No match is no error: the answer is empty.
pub fn conditional_delete(
    vault: &Vault,
    visit: &Visit,
    resource_type: &str,
    query: &str,
    several: Several,
) -> Result<Vec<Written>, Error> {
    let _held = exclusive(vault);
    let found = condemned(vault, visit, resource_type, query, several)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let written = vault.commit(visit, found.into_iter().map(deletion).collect());
    written.map_err(|e| unless_named(e, Expect::Any))
}

/// What a conditional delete is to delete: all matches, if they are not too many.
pub(super) fn condemned(
    vault: &Vault,
    visit: &Visit,
    resource_type: &str,
    query: &str,
    several: Several,
) -> Result<Vec<Version>, Error> {
    let most = several.most();
    let found = matching(vault, visit, resource_type, query, most + 1)?;
    match several {
        Several::Refuse if found.len() > most => Err(self::several("the condition")),
        Several::UpTo(_) if found.len() > most => {
            let message = format!("the condition matches more than the {most} resources that may be deleted at once");
            Err(Refusal::new(Kind::Precondition, "multiple-matches", format!("{message}; narrow it")).into())
        }
        Several::Refuse | Several::UpTo(_) => Ok(found),
    }
}

/// The deletion of exactly this version, so that what no longer matches stays.
pub(super) fn deletion(found: Version) -> Change {
    let Version { resource_type, id, version, .. } = found;
    Change::Delete { resource_type, id, expect: Expect::Version(version) }
}

/// Patches the one match. None: `NotFound`; several: `Precondition`.
pub fn conditional_patch(
    vault: &Vault,
    visit: &Visit,
    resource_type: &str,
    query: &str,
    expect: Expect,
    edit: Edit<'_>,
) -> Result<Outcome, Error> {
    let _held = exclusive(vault);
    let found = the_one(&Resolver::new(vault, visit), resource_type, query)?;
    single::patch(vault, visit, resource_type, &found.id, expect, edit)
}

/// The one match. None: `NotFound`; several: `Precondition`.
pub(super) fn the_one(resolver: &Resolver<'_>, resource_type: &str, query: &str) -> Result<Version, Error> {
    match resolver.matches(resource_type, query)? {
        Matches::One(found) => Ok(found),
        Matches::Several => Err(several("the condition")),
        Matches::None => Err(Refusal::new(Kind::NotFound, "not-found", "the condition matches nothing").into()),
    }
}
