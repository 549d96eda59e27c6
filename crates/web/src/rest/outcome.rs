//! `OperationOutcome`: findings as FHIR says them.

use base::finding::Finding;
use vault::exchange::write_outcome;

/// The findings as a compact `OperationOutcome`, as the entries of a bundle carry them.
#[must_use]
pub fn write(findings: &[Finding]) -> Vec<u8> {
    let mut out = Vec::with_capacity(160 + findings.len() * 160);
    write_outcome(findings, &mut out);
    out
}
