//! One resource at a time: create, update, patch, delete.

use super::{Edit, Outcome};
use crate::access::Visit;
use crate::error::Error;
use crate::records::{Expect, Vault, Written};
use fhir::json::Json;

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
    let _ = (vault, visit, resource_type, resource, if_none_exist);
    unimplemented!()
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
    let _ = (vault, visit, resource_type, id, resource, expect);
    unimplemented!()
}

/// Deletes a resource (R4 http section 3.1.0.7). Deleting what is not there is no error.
pub fn delete(vault: &Vault, visit: &Visit, resource_type: &str, id: &str, expect: Expect) -> Result<Written, Error> {
    let _ = (vault, visit, resource_type, id, expect);
    unimplemented!()
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
    let _ = (vault, visit, resource_type, id, expect, edit);
    unimplemented!()
}
