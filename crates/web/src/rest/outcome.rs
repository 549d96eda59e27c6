//! `OperationOutcome`: findings as FHIR says them.

use base::finding::{Finding, Severity};
use fhir::json::write_string;

/// The findings as a compact `OperationOutcome`. Without a finding it says that all is well, for an outcome needs at
/// least one issue.
#[must_use]
pub fn write(findings: &[Finding]) -> Vec<u8> {
    let mut out = Vec::with_capacity(160 + findings.len() * 160);
    out.extend_from_slice(br#"{"resourceType":"OperationOutcome","issue":["#);
    if findings.is_empty() {
        issue(&well(), &mut out);
    }
    for (i, finding) in findings.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        issue(finding, &mut out);
    }
    out.extend_from_slice(b"]}");
    out
}

fn well() -> Finding {
    Finding {
        severity: Severity::Information,
        code: "informational",
        path: String::new(),
        message: "No issues were found.".to_owned(),
    }
}

fn issue(finding: &Finding, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"severity":""#);
    out.extend_from_slice(finding.severity.code().as_bytes());
    out.extend_from_slice(br#"","code":""#);
    out.extend_from_slice(finding.code.as_bytes());
    out.extend_from_slice(br#"","diagnostics":"#);
    write_string(&finding.message, out);
    if !finding.path.is_empty() {
        out.extend_from_slice(br#","expression":["#);
        write_string(&finding.path, out);
        out.push(b']');
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_keep_their_place() {
        let findings =
            [Finding::error("required", "Patient.name[0]", "is \"missing\""), Finding::warning("value", "", "odd")];
        let text = String::from_utf8(write(&findings)).unwrap();
        assert_eq!(
            text,
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"required","diagnostics":"is \"missing\"","expression":["Patient.name[0]"]},{"severity":"warning","code":"value","diagnostics":"odd"}]}"#
        );
        assert!(String::from_utf8(write(&[])).unwrap().contains("informational"));
    }
}
