//! Patches: JSON Patch (RFC 6902) and FHIRPath Patch (R4 fhirpatch), applied to a resource whole or not at all.
//!
//! ```
//! use base::clock::Instant;
//! use fhir::{json::Json, patch::Patch};
//!
//! let document = Json::parse(br#"[{"op":"replace","path":"/active","value":false}]"#)?;
//! let mut patient = Json::parse(br#"{"resourceType":"Patient","id":"1","active":true}"#)?.into_owned();
//! Patch::json(&document)?.apply(&mut patient, Instant(0))?;
//! assert_eq!(patient.get("active").and_then(Json::as_bool), Some(false));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A patched resource keeps its type and id; whether it is still valid is for [`crate::validate`] to say.

mod fhirpath_patch;
mod json_patch;
mod locate;
mod pointer;

use crate::json::{DEPTH_MAX, Json};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};

/// More operations than this in one patch are refused.
const OPERATIONS_MAX: usize = 10_000;
/// A patch may copy or bring in so many JSON values.
const VALUES_MAX: usize = 1_000_000;

/// A patch, read and ready to be applied, any number of times.
#[derive(Debug)]
pub struct Patch(Operations);

#[derive(Debug)]
enum Operations {
    Json(Vec<json_patch::Operation>),
    FhirPath(Vec<fhirpath_patch::Operation>),
}

impl Patch {
    /// Reads a JSON Patch document: an array of operations (RFC 6902 section 3).
    ///
    /// # Errors
    /// `Malformed`, with the number of the operation, if it is not that.
    pub fn json(document: &Json<'_>) -> Result<Patch, Refusal> {
        let Json::Array(operations) = document else {
            return Err(malformed("", "a JSON Patch is an array of operations"));
        };
        few(operations.len())?;
        let read = operations.iter().enumerate().map(|(i, operation)| json_patch::Operation::read(i, operation));
        Ok(Patch(Operations::Json(read.collect::<Result<_, _>>()?)))
    }

    /// Reads a FHIRPath Patch: a Parameters resource with a parameter `operation` for each (R4 fhirpatch).
    ///
    /// # Errors
    /// `Malformed`, with the number of the operation, if it is not that or a path cannot be compiled.
    pub fn fhirpath(parameters: &Json<'_>) -> Result<Patch, Refusal> {
        if parameters.text("resourceType") != Some("Parameters") {
            return Err(malformed("", "a FHIRPath Patch is a Parameters resource"));
        }
        let operations = parameters.get("parameter").map_or(&[][..], Json::items);
        few(operations.len())?;
        let read = operations.iter().enumerate().map(|(i, operation)| fhirpath_patch::Operation::read(i, operation));
        Ok(Patch(Operations::FhirPath(read.collect::<Result<_, _>>()?)))
    }

    /// Applies all operations in order, or none. `now` is what paths mean by `now()`.
    ///
    /// # Errors
    /// `Invalid` if an operation cannot be carried out on this resource, a test fails, or type or id would change;
    /// `TooLarge` if the result would be. The resource is as it was.
    pub fn apply(&self, resource: &mut Json<'static>, now: Instant) -> Result<(), Refusal> {
        let mut patched = resource.clone();
        match &self.0 {
            Operations::Json(operations) => json_patch::apply(operations, &mut patched)?,
            Operations::FhirPath(operations) => fhirpath_patch::apply(operations, &mut patched, now)?,
        }
        for name in ["resourceType", "id"] {
            if patched.get(name) != resource.get(name) {
                return Err(Refusal::new(Kind::Invalid, "business-rule", format!("a patch cannot change {name}")));
            }
        }
        *resource = patched;
        Ok(())
    }
}

fn few(operations: usize) -> Result<(), Refusal> {
    if operations > OPERATIONS_MAX {
        let what = format!("a patch has at most {OPERATIONS_MAX} operations; send several");
        return Err(Refusal::new(Kind::TooLarge, "too-long", what));
    }
    Ok(())
}

fn malformed(place: &str, what: &str) -> Refusal {
    let mut refusal = Refusal::new(Kind::Malformed, "structure", what);
    refusal.findings[0].path = place.to_owned();
    refusal
}

fn impossible(place: &str, what: &str) -> Refusal {
    let mut refusal = Refusal::new(Kind::Invalid, "processing", what);
    refusal.findings[0].path = place.to_owned();
    refusal
}

/// Counts the values of a tree and how deep it goes.
fn extent(json: &Json<'_>) -> (usize, usize) {
    let mut open = vec![(json, 1)];
    let (mut count, mut deepest) = (0, 0);
    while let Some((json, depth)) = open.pop() {
        count += 1;
        deepest = deepest.max(depth);
        match json {
            Json::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Json::Object(object) => open.extend(object.iter().map(|(_, value)| (value, depth + 1))),
            _ => {}
        }
    }
    (count, deepest)
}

/// What a patch has brought in so far.
#[derive(Default)]
struct Brought {
    values: usize,
}

impl Brought {
    /// Counts a value that goes `depth` levels below the top.
    fn count(&mut self, place: &str, value: &Json<'_>, depth: usize) -> Result<(), Refusal> {
        let (count, deepest) = extent(value);
        self.values += count;
        if self.values > VALUES_MAX || depth + deepest > DEPTH_MAX {
            let mut refusal =
                Refusal::new(Kind::TooLarge, "too-long", "the patched resource would be too large or deep");
            refusal.findings[0].path = place.to_owned();
            return Err(refusal);
        }
        Ok(())
    }
}
