//! Conditional interactions: which resource is meant is found by a search (R4 http section 3.1.0.4.3 and others).

use super::{Edit, Outcome, Several};
use crate::access::Visit;
use crate::error::Error;
use crate::records::{Expect, Vault, Written};
use fhir::json::Json;

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
    let _ = (vault, visit, resource_type, query, resource, expect);
    unimplemented!()
}

/// Deletes the matches. No match is no error: the answer is empty.
pub fn conditional_delete(
    vault: &Vault,
    visit: &Visit,
    resource_type: &str,
    query: &str,
    several: Several,
) -> Result<Vec<Written>, Error> {
    let _ = (vault, visit, resource_type, query, several);
    unimplemented!()
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
    let _ = (vault, visit, resource_type, query, expect, edit);
    unimplemented!()
}
