//! Validation: one walk over a resource and its definition, each finding at its place.
//!
//! What is looked at: known elements, cardinality, arrays, types, formats, choices, extensions, contained resources,
//! reference targets, the codes of required bindings, and the invariants. A message says what is wrong and what would be
//! right; it never repeats a value of the record. The walk costs no allocation where there is no fault; an invariant that does
//! not plainly hold is asked through FHIRPath.

mod codes;
mod contained;
mod format;
mod invariants;
mod place;
mod plan;
mod references;
mod shortcuts;
mod sidecar;
mod walk;
mod xhtml;

use crate::json::Json;
use base::finding::Finding;
use walk::Walk;

/// How much is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Structure, formats and codes.
    Structure,
    /// Also the invariants.
    #[default]
    Full,
    /// Also what is advised only: each resource should have a narrative (`dom-6`).
    Advice,
}

/// An issue type and a message.
type Wrong = (&'static str, String);

/// What is wrong with a resource; nothing, or only warnings and information, if it can be taken.
///
/// The resources of a Bundle's entries are looked at too. At most 100 findings of each severity are listed.
#[must_use]
pub fn validate(resource: &Json, depth: Depth) -> Vec<Finding> {
    let mut walk = Walk::new(depth);
    walk.whole(resource);
    walk.findings
}

/// The invariants of the specification that cannot be run: each one's key, and why.
#[must_use]
pub fn skipped() -> &'static [(String, String)] {
    &plan::plan().skipped
}

/// Whether a text can be a logical id: 1 to 64 letters, digits, hyphens and dots (R4 datatypes section 2.24.0.1).
#[must_use]
pub fn is_id(text: &str) -> bool {
    !text.is_empty() && format::id(text.as_bytes())
}
