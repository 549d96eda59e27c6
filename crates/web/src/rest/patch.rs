//! Patch documents: JSON Patch (RFC 6902) and FHIRPath Patch (R4 fhirpatch).

use super::Asked;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;

/// What a patch document does to a resource.
pub type Edit = Box<dyn Fn(&mut Json<'static>) -> Result<(), Refusal>>;

/// Reads the patch in the body.
pub fn read(_asked: &Asked<'_>) -> Result<Edit, Refusal> {
    Err(Refusal::new(Kind::NotOffered, "not-supported", "PATCH is not offered"))
}
