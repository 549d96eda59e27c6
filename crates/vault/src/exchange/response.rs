//! Answers: what became of each entry of a bundle, and the response Bundle that says so.

use crate::records::{Version, Written};
use base::finding::Finding;
use base::refusal::{Kind, Refusal};
use fhir::json::write_string;
use std::io::Write as _;
use std::sync::Arc;

/// What a response carries of what was written (`Prefer: return=...`, R4 http section 3.1.0.4.2).
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

impl Answer {
    /// The answer to a write.
    #[must_use]
    pub fn written(written: Written) -> Answer {
        let (status, version) = match written {
            Written::Created(version) => (201, Some(version)),
            Written::Updated(version) | Written::Unchanged(version) => (200, Some(version)),
            Written::Deleted(version) => (204, version),
        };
        Answer { status, version, body: None, findings: Vec::new() }
    }

    /// The answer to a conditional delete. Of several deleted ones none is named: there is one `location` only.
    #[must_use]
    pub fn deleted(mut gone: Vec<Written>) -> Answer {
        let one = if gone.len() == 1 { gone.pop() } else { None };
        Answer::written(one.unwrap_or(Written::Deleted(None)))
    }

    /// The answer to what a rule refused.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Answer {
        Answer { status: status(refusal.kind), version: None, body: None, findings: refusal.findings }
    }
}

impl Answers {
    /// The response Bundle as compact JSON. `base` (`http://host/fhir`, or empty for relative locations) goes before
    /// each location. What is written is let go of, so that memory does not hold it twice.
    #[must_use]
    pub fn into_bytes(self, base: &str, prefer: Return) -> Vec<u8> {
        let bodies: usize = self.entries.iter().filter_map(|answer| carried(answer, prefer)).map(<[u8]>::len).sum();
        let mut out = Vec::with_capacity(bodies + self.entries.len() * 256 + 64);
        out.extend_from_slice(br#"{"resourceType":"Bundle","type":""#);
        out.extend_from_slice(self.kind.as_bytes());
        out.push(b'"');
        // An empty array is no FHIR; a response without entries has no member at all.
        let last = self.entries.len().checked_sub(1);
        for (i, answer) in self.entries.into_iter().enumerate() {
            out.extend_from_slice(if i == 0 { br#","entry":["#.as_slice() } else { b"," });
            write_entry(&answer, base, prefer, &mut out);
            if Some(i) == last {
                out.push(b']');
            }
        }
        out.push(b'}');
        out
    }
}

fn write_entry(answer: &Answer, base: &str, prefer: Return, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(resource) = carried(answer, prefer) {
        out.extend_from_slice(br#""resource":"#);
        out.extend_from_slice(resource);
        out.push(b',');
    }
    out.extend_from_slice(br#""response":{"status":""#);
    say(out, format_args!("{} {}\"", answer.status, phrase(answer.status)));
    if let Some(version) = &answer.version {
        write_version(version, base, out);
    }
    let asked = prefer == Return::Outcome && answer.body.is_none();
    if asked || !answer.findings.is_empty() {
        out.extend_from_slice(br#","outcome":"#);
        write_outcome(&answer.findings, out);
    }
    out.extend_from_slice(b"}}");
}

/// The resource an answer brings along.
fn carried(answer: &Answer, prefer: Return) -> Option<&[u8]> {
    let written = || answer.version.as_ref().map(|v| &*v.body).filter(|b| !b.is_empty());
    match (&answer.body, prefer) {
        (Some(body), _) => Some(body),
        (None, Return::Representation) => written(),
        (None, Return::Minimal | Return::Outcome) => None,
    }
}

fn write_version(version: &Version, base: &str, out: &mut Vec<u8>) {
    if !version.deleted {
        out.extend_from_slice(br#","location":"#);
        let slash = if base.is_empty() { "" } else { "/" };
        let Version { resource_type, id, version, .. } = version;
        write_string(&format!("{base}{slash}{resource_type}/{id}/_history/{version}"), out);
    }
    // A tag of a part would be taken for one of the whole.
    if version.partial {
        return;
    }
    let (number, updated) = (version.version, version.updated);
    say(out, format_args!(r#","etag":"W/\"{number}\"","lastModified":"{updated}""#));
}

/// Appends a compact `OperationOutcome`. Without findings it says that all is well, for an outcome needs at least one
/// issue (R4 operationoutcome section 2.36.6).
pub fn write_outcome(findings: &[Finding], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"resourceType":"OperationOutcome","issue":["#);
    if findings.is_empty() {
        out.extend_from_slice(
            br#"{"severity":"information","code":"informational","diagnostics":"No issues were found."}"#,
        );
    }
    for (i, finding) in findings.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let (severity, code) = (finding.severity.code(), finding.code);
        say(out, format_args!(r#"{{"severity":"{severity}","code":"{code}","diagnostics":"#));
        write_string(&finding.message, out);
        if !finding.path.is_empty() {
            out.extend_from_slice(br#","expression":["#);
            write_string(&finding.path, out);
            out.push(b']');
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

fn say(out: &mut Vec<u8>, words: std::fmt::Arguments<'_>) {
    out.write_fmt(words).expect("writing to memory does not fail");
}

/// The HTTP status a kind of refusal stands for (R4 http section 3.1.0.4, RFC 9110), alone or as an entry of a bundle.
#[must_use]
pub fn status(kind: Kind) -> u16 {
    match kind {
        Kind::Malformed => 400,
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::NotFound => 404,
        Kind::NotAllowed => 405,
        Kind::NotAcceptable => 406,
        Kind::Conflict => 409,
        Kind::Gone => 410,
        Kind::Precondition => 412,
        Kind::TooLarge => 413,
        Kind::MediaType => 415,
        // The same request would cost the same later: 429, which invites a retry, would mislead.
        Kind::Invalid | Kind::TooCostly => 422,
        Kind::NotOffered => 501,
        Kind::Unavailable => 503,
        Kind::Full => 507,
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Position;
    use base::clock::Instant;
    use fhir::json::Json;

    #[test]
    fn findings_keep_their_place() {
        let findings =
            [Finding::error("required", "Patient.name[0]", "is \"missing\""), Finding::warning("value", "", "odd")];
        let said = |findings: &[Finding]| {
            let mut out = Vec::new();
            write_outcome(findings, &mut out);
            String::from_utf8(out).expect("UTF-8")
        };
        let want = concat!(
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"required","#,
            r#""diagnostics":"is \"missing\"","expression":["Patient.name[0]"]},"#,
            r#"{"severity":"warning","code":"value","diagnostics":"odd"}]}"#,
        );
        assert_eq!(said(&findings), want);
        assert!(said(&[]).contains("informational"));
    }

    #[test]
    fn a_response_says_what_became_of_each_entry() {
        let version = Version {
            resource_type: "Patient".to_owned(),
            id: "1".to_owned(),
            version: 2,
            kid: 0,
            position: Position(7),
            updated: Instant(0),
            deleted: false,
            partial: false,
            body: Arc::from(&br#"{"resourceType":"Patient"}"#[..]),
        };
        let refusal = Refusal::new(Kind::Conflict, "conflict", "somebody was \"first\"");
        let entries = vec![Answer::written(Written::Updated(version)), Answer::refused(refusal)];
        let answers = Answers { kind: "batch-response", entries };
        let out = answers.clone().into_bytes("http://h/fhir", Return::Minimal);
        let want = concat!(
            r#"{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"200 OK","#,
            r#""location":"http://h/fhir/Patient/1/_history/2","etag":"W/\"2\"","#,
            r#""lastModified":"1970-01-01T00:00:00.000Z"}},{"response":{"status":"409 Conflict","outcome":"#,
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"conflict","#,
            r#""diagnostics":"somebody was \"first\""}]}}}]}"#,
        );
        assert_eq!(String::from_utf8(out).expect("UTF-8"), want);
        let whole = answers.into_bytes("", Return::Representation);
        assert!(Json::parse(&whole).expect("JSON").get("entry").expect("entries").items()[0].get("resource").is_some());
    }
}
