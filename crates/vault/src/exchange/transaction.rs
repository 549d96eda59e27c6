//! Transactions: all entries of a bundle, or none (R4 http section 3.1.0.11.2).

use super::{Answers, Get};
use crate::access::Visit;
use crate::error::Error;
use crate::records::Vault;
use fhir::json::Json;

/// Carries out a transaction Bundle in the order DELETE, POST, PUT and PATCH, GET and HEAD, all or nothing.
///
/// References to entries (`fullUrl`) and conditional references are rewritten. A refusal names the entry
/// (`Bundle.entry[3]`), and nothing was written.
pub fn transaction(vault: &Vault, visit: &Visit, bundle: Json<'_>, get: Get<'_>) -> Result<Answers, Error> {
    let _ = (vault, visit, bundle, get);
    unimplemented!()
}
