//! Answers: what became of each entry of a bundle, and the response Bundle that says so.

use crate::records::Version;
use base::finding::Finding;
use std::sync::Arc;

/// What a response carries of what was written (`Prefer: return=...`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// Status, location and version only; the default for bundles.
    #[default]
    Minimal,
    /// The resource as it was written.
    Representation,
    /// An `OperationOutcome`.
    Outcome,
}

/// What became of one entry.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The version written, matched or read: gives `location`, `etag` and `lastModified`.
    pub version: Option<Version>,
    /// The answer to a GET: one resource as JSON.
    pub body: Option<Arc<[u8]>>,
    /// Why not, or what was remarked.
    pub findings: Vec<Finding>,
}

/// The answers of a bundle, in the order of its entries.
#[derive(Clone, Debug)]
pub struct Answers {
    /// `transaction-response` or `batch-response`.
    pub kind: &'static str,
    /// One an entry.
    pub entries: Vec<Answer>,
}

impl Answers {
    /// Appends the response Bundle as compact JSON. `base` (`http://host/fhir`, or empty for relative locations) goes
    /// before each location.
    pub fn write(&self, base: &str, prefer: Return, out: &mut Vec<u8>) {
        let _ = (base, prefer, out);
        unimplemented!()
    }
}
