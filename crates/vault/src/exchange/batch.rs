//! Batches: each entry on its own (R4 http section 3.1.0.11.1).

use super::{Answers, Get};
use crate::access::Visit;
use crate::error::Error;
use crate::records::Vault;
use fhir::json::Json;

/// Carries out each entry of a batch Bundle independently; an entry's refusal is its answer. Only a bundle that cannot
/// be read is refused as a whole, and a fault stops everything.
pub fn batch(vault: &Vault, visit: &Visit, bundle: Json<'_>, get: Get<'_>) -> Result<Answers, Error> {
    let _ = (vault, visit, bundle, get);
    unimplemented!()
}
