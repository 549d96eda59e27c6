//! The checks every resource passes before it is written.

use base::finding::Finding;
use base::refusal::{Kind, Refusal};

/// A request that cannot be understood, with its place.
pub(super) fn malformed(path: &str, message: impl Into<String>) -> Refusal {
    Refusal::because(Kind::Malformed, vec![Finding::error("structure", path, message)])
}
