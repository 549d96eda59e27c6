//! Patch documents: JSON Patch (RFC 6902) and FHIRPath Patch (R4 fhirpatch).

use super::Asked;
use super::negotiate::{BodyKind, body_kind, unread};
use super::write::tree;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::patch::Patch;

/// What a patch document does to a resource.
pub type Edit = Box<dyn Fn(&mut Json<'static>) -> Result<(), Refusal>>;

/// Reads the patch in the body. `now` is what its paths mean by `now()`.
pub fn read(asked: &Asked<'_>, now: Instant) -> Result<Edit, Refusal> {
    let kind = body_kind(&asked.call.parts.headers)?;
    let document = tree(&asked.call.body)?;
    let patch = match kind {
        BodyKind::JsonPatch => Patch::json(&document)?,
        BodyKind::Fhir | BodyKind::Unsaid if document.text("resourceType") == Some("Parameters") => {
            Patch::fhirpath(&document)?
        }
        BodyKind::Fhir | BodyKind::Unsaid => {
            let message = "a patch is a Parameters resource (FHIRPath Patch) as application/fhir+json, \
                           or a JSON Patch as application/json-patch+json";
            return Err(Refusal::new(Kind::MediaType, "not-supported", message));
        }
        BodyKind::Form => return Err(unread()),
    };
    Ok(Box::new(move |resource| patch.apply(resource, now)))
}
