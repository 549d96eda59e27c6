//! Patches inside a bundle: FHIRPath Patch as Parameters, JSON Patch as a Binary (R4 http section 3.1.0.5).

use super::check::malformed;
use super::single::edited;
use crate::error::Error;
use crate::records::Version;
use base::clock::Instant;
use base::refusal::Refusal;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fhir::json::Json;
use fhir::patch::Patch;

/// A stored resource as the patch document in an entry leaves it.
pub(super) fn patched(found: &Version, document: &Json<'_>, now: Instant) -> Result<Json<'static>, Error> {
    let patch = read(document)?;
    edited(found, &|resource| patch.apply(resource, now))
}

fn read(document: &Json<'_>) -> Result<Patch, Refusal> {
    match document.text("resourceType") {
        Some("Parameters") => Patch::fhirpath(document),
        Some("Binary") if document.text("contentType").is_some_and(is_json_patch) => {
            let text = BASE64_STANDARD.decode(document.text("data").unwrap_or_default());
            let text = text.map_err(|_| malformed("resource.data", "the patch is not base64"))?;
            let document =
                Json::parse(&text).map_err(|e| malformed("resource.data", format!("the patch is no JSON: {e}")))?;
            Patch::json(&document)
        }
        _ => Err(malformed(
            "resource",
            "a patch in a bundle is a Parameters resource, or a Binary of contentType application/json-patch+json",
        )),
    }
}

fn is_json_patch(media: &str) -> bool {
    media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json-patch+json"))
}
