//! One resource at a time: create, update, patch, delete.

use super::check::{Around, Checked, check, malformed};
use super::conditional::{Matches, Resolver, exclusive, several};
use super::links::Links;
use super::{Edit, Outcome};
use crate::access::Visit;
use crate::error::{Error, Fault};
use crate::records::{Change, Expect, Vault, Version, Written};
use base::refusal::{Kind, Refusal};
use fhir::json::Json;

/// How often a patch without `If-Match` is tried. Patches wait for their turn; only plain writes come in between.
const PATCH_TRIES: usize = 8;

/// Creates a resource under a fresh id, whatever id it carries (R4 http section 3.1.0.8).
///
/// With `if_none_exist`, a query, an existing match is answered instead (`Unchanged`); several matches are refused with
/// `Precondition`. Refuses with `Malformed` what is no resource of that type, with `Invalid` what does not validate.
pub fn create(
    vault: &Vault,
    visit: &Visit,
    resource_type: &str,
    resource: Json<'_>,
    if_none_exist: Option<&str>,
) -> Result<Outcome, Error> {
    let resolver = Resolver::new(vault, visit);
    let _held = if_none_exist.map(|_| exclusive(vault));
    if let Some(query) = if_none_exist {
        match resolver.matches(resource_type, query)? {
            Matches::None => {}
            Matches::One(found) => return Ok(Outcome { written: Written::Unchanged(found), findings: Vec::new() }),
            Matches::Several => return Err(several("If-None-Exist")),
        }
    }
    put(vault, visit, resource_type, &vault.fresh_id(), resource, Expect::Absent, &resolver)
}

/// Writes a new version of a resource, or its first under that id (R4 http section 3.1.0.4).
///
/// The resource must carry the same type and id (`Malformed`).
pub fn update(
    vault: &Vault,
    visit: &Visit,
    resource_type: &str,
    id: &str,
    resource: Json<'_>,
    expect: Expect,
) -> Result<Outcome, Error> {
    same_id(&resource, resource_type, id)?;
    vault.check_choice(visit, resource_type, id, expect)?;
    put(vault, visit, resource_type, id, resource, expect, &Resolver::new(vault, visit))
}

/// Refuses a resource that does not carry the id it is to be written to.
pub(super) fn same_id(resource: &Json<'_>, resource_type: &str, id: &str) -> Result<(), Refusal> {
    let message = match resource.text("id") {
        Some(own) if own == id => return Ok(()),
        Some(_) => "the resource's id is not the id in the URL",
        None => "an update needs the resource's id in the body, equal to the id in the URL",
    };
    Err(malformed(&format!("{resource_type}.id"), message))
}

/// Checks a resource that came on its own, and writes it.
pub(super) fn put(
    vault: &Vault,
    visit: &Visit,
    resource_type: &str,
    id: &str,
    resource: Json<'_>,
    expect: Expect,
    resolver: &Resolver<'_>,
) -> Result<Outcome, Error> {
    let around = Around { links: &Links::default(), base: None, strict: false };
    let Checked { resource, findings } =
        check(resource, resource_type, id, around, &mut |kind, query| resolver.reference(kind, query))?;
    let written = commit_one(vault, visit, Change::Put { resource, expect, skip_same: false })?;
    Ok(Outcome { written, findings })
}

/// Commits a single change.
pub(super) fn commit_one(vault: &Vault, visit: &Visit, change: Change) -> Result<Written, Error> {
    let written = vault.commit(visit, vec![change])?.pop();
    written.ok_or_else(|| Fault::Altered("a commit answered for no change".to_owned()).into())
}

/// Deletes a resource (R4 http section 3.1.0.7). Deleting what is not there is no error.
pub fn delete(vault: &Vault, visit: &Visit, resource_type: &str, id: &str, expect: Expect) -> Result<Written, Error> {
    let change = Change::Delete { resource_type: resource_type.to_owned(), id: id.to_owned(), expect };
    commit_one(vault, visit, change)
}

/// Changes the current version by an edit (R4 http section 3.1.0.5). What was never there is `NotFound`, what was
/// deleted `Gone`; type and id cannot be edited.
pub fn patch(
    vault: &Vault,
    visit: &Visit,
    resource_type: &str,
    id: &str,
    expect: Expect,
    edit: Edit<'_>,
) -> Result<Outcome, Error> {
    let _turn = vault.inner.turns.take([(resource_type, id)]);
    let resolver = Resolver::new(vault, visit);
    changed(vault, visit, (resource_type, id), expect, &resolver, &|current| edited(current, edit))
}

/// What a current version becomes.
pub(super) type Becoming<'b> = &'b dyn Fn(&Version) -> Result<Json<'static>, Error>;

/// Writes what the current version becomes. Where nobody named a version (`Expect::Any`), it starts again on the newer one
/// when a plain write came in between. The caller holds the resource's turn.
pub(super) fn changed(
    vault: &Vault,
    visit: &Visit,
    (resource_type, id): (&str, &str),
    expect: Expect,
    resolver: &Resolver<'_>,
    becoming: Becoming<'_>,
) -> Result<Outcome, Error> {
    for _ in 0..PATCH_TRIES {
        let current = current(vault, visit, resource_type, id)?;
        let next = becoming(&current)?;
        let exact = exactly(expect, current.version);
        match put(vault, visit, resource_type, id, next, exact, resolver) {
            Err(Error::Refusal(no)) if expect == Expect::Any && is_overtaken(&no) => {}
            done => return done,
        }
    }
    Err(overtaken().into())
}

/// What must be there when a change made of `version` is written.
pub(super) fn exactly(expect: Expect, version: u64) -> Expect {
    if expect == Expect::Any { Expect::Version(version) } else { expect }
}

/// Whether somebody else's write came first.
fn is_overtaken(refusal: &Refusal) -> bool {
    matches!(refusal.kind, Kind::Conflict | Kind::Precondition) && refusal.findings.iter().any(|f| f.code == "conflict")
}

/// The refusal for a change that named no version and came too late: a conflict, for no condition of the client's failed.
fn overtaken() -> Refusal {
    let message = "somebody else wrote this resource while the change was being made; send it again";
    Refusal::new(Kind::Conflict, "conflict", message)
}

/// Calls it a conflict where the client named no version.
pub(super) fn unless_named(error: Error, expect: Expect) -> Error {
    match error {
        Error::Refusal(refusal) if expect == Expect::Any && is_overtaken(&refusal) => overtaken().into(),
        error => error,
    }
}

/// The current version, or why there is none to change.
pub(super) fn current(vault: &Vault, visit: &Visit, resource_type: &str, id: &str) -> Result<Version, Error> {
    match vault.read(visit, resource_type, id, None)? {
        Some(version) if version.deleted => {
            Err(Refusal::new(Kind::Gone, "deleted", format!("{resource_type}/{id} was deleted")).into())
        }
        Some(version) => Ok(version),
        None => Err(Refusal::new(Kind::NotFound, "not-found", format!("there is no {resource_type}/{id}")).into()),
    }
}

/// The resource as the edit leaves it; its type and id must stay.
pub(super) fn edited(version: &Version, edit: Edit<'_>) -> Result<Json<'static>, Error> {
    let tree =
        Json::parse(&version.body).map_err(|e| Fault::Altered(format!("a stored resource cannot be read: {e}")))?;
    let mut tree = tree.into_owned();
    edit(&mut tree)?;
    if tree.text("id") != Some(&version.id) || tree.text("resourceType") != Some(&version.resource_type) {
        let message = "a patch may not change resourceType or id";
        return Err(Refusal::new(Kind::Invalid, "business-rule", message).into());
    }
    Ok(tree)
}
