//! Bundles of answers, spliced from stored bytes: a resource in a page is never parsed to be sent.

use axum::http::StatusCode;
use base::clock::Instant;
use fhir::json::{Json, write_string};
use vault::Version;

/// How an entry came into a searchset (FHIR value set search-entry-mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It matches.
    Match,
    /// It was brought along.
    Include,
    /// It is about the search itself.
    Outcome,
}

/// What an entry takes beside its resource, roughly.
const ENTRY_BYTES: usize = 384;

/// A bundle as it grows.
pub struct Bundle {
    out: Vec<u8>,
    entries: usize,
}

impl Bundle {
    /// Starts a bundle. `links` are relation and URL; `total` is left out where nobody counted.
    #[must_use]
    pub fn new(kind: &str, updated: Instant, total: Option<u64>, links: &[(&str, String)]) -> Bundle {
        let mut out = Vec::with_capacity(4096);
        out.extend_from_slice(br#"{"resourceType":"Bundle","meta":{"lastUpdated":""#);
        out.extend_from_slice(updated.to_string().as_bytes());
        out.extend_from_slice(br#""},"type":""#);
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        if let Some(total) = total {
            out.extend_from_slice(format!(",\"total\":{total}").as_bytes());
        }
        for (i, (relation, url)) in links.iter().enumerate() {
            out.extend_from_slice(if i == 0 { br#","link":[{"relation":""# } else { br#",{"relation":""# });
            out.extend_from_slice(relation.as_bytes());
            out.extend_from_slice(br#"","url":"#);
            write_string(url, &mut out);
            out.push(b'}');
        }
        if !links.is_empty() {
            out.push(b']');
        }
        Bundle { out, entries: 0 }
    }

    /// Makes room for versions, so that the text does not move while it grows.
    pub fn reserve<'v>(&mut self, versions: impl Iterator<Item = &'v Version>) {
        self.out.reserve(versions.map(|version| version.body.len() + ENTRY_BYTES).sum());
    }

    /// Adds a resource found by a search. `body` is what is sent, whole or trimmed.
    pub fn found(&mut self, base: &str, version: &Version, body: &[u8], mode: Mode) {
        self.open_entry();
        self.full_url(base, version);
        self.out.extend_from_slice(br#","resource":"#);
        self.out.extend_from_slice(body);
        self.mode(mode);
        self.out.push(b'}');
    }

    /// Adds a resource that was made for this answer; it has a type and an id.
    pub fn made(&mut self, base: &str, resource: &Json<'_>, mode: Mode) {
        let name = |name: &str| resource.text(name).unwrap_or_default();
        self.open_entry();
        self.out.extend_from_slice(br#""fullUrl":"#);
        write_string(&format!("{base}/{}/{}", name("resourceType"), name("id")), &mut self.out);
        self.out.extend_from_slice(br#","resource":"#);
        self.out.extend_from_slice(&resource.to_bytes());
        self.mode(mode);
        self.out.push(b'}');
    }

    /// Adds an `OperationOutcome` about the search.
    pub fn outcome(&mut self, body: &[u8]) {
        self.open_entry();
        self.out.extend_from_slice(br#""resource":"#);
        self.out.extend_from_slice(body);
        self.mode(Mode::Outcome);
        self.out.push(b'}');
    }

    /// Adds a version of a history, with what made it (R4 http section 3.1.0.13).
    pub fn version(&mut self, base: &str, version: &Version, body: &[u8]) {
        self.open_entry();
        self.full_url(base, version);
        if !version.deleted {
            self.out.extend_from_slice(br#","resource":"#);
            self.out.extend_from_slice(body);
        }
        let (method, status) = match (version.deleted, version.version) {
            (true, _) => ("DELETE", StatusCode::NO_CONTENT),
            (false, 1) => ("PUT", StatusCode::CREATED),
            (false, _) => ("PUT", StatusCode::OK),
        };
        let Version { resource_type, id, version: n, updated, .. } = version;
        let tail = format!(
            ",\"request\":{{\"method\":\"{method}\",\"url\":\"{resource_type}/{id}\"}},\"response\":{{\"status\":\"{}\",\
             \"etag\":\"W/\\\"{n}\\\"\",\"lastModified\":\"{updated}\"}}}}",
            status.as_str(),
        );
        self.out.extend_from_slice(tail.as_bytes());
    }

    fn open_entry(&mut self) {
        self.out.extend_from_slice(if self.entries == 0 { b",\"entry\":[{" } else { b",{" });
        self.entries += 1;
    }

    fn full_url(&mut self, base: &str, version: &Version) {
        // Types and ids hold no character that JSON escapes; the base was written once by the operator.
        self.out.extend_from_slice(br#""fullUrl":"#);
        let mut url = String::with_capacity(base.len() + version.resource_type.len() + version.id.len() + 2);
        url.extend([base, "/", &version.resource_type, "/", &version.id]);
        write_string(&url, &mut self.out);
    }

    fn mode(&mut self, mode: Mode) {
        self.out.extend_from_slice(match mode {
            Mode::Match => br#","search":{"mode":"match"}"#.as_slice(),
            Mode::Include => br#","search":{"mode":"include"}"#,
            Mode::Outcome => br#","search":{"mode":"outcome"}"#,
        });
    }

    /// The finished text. A bundle without entries has no `entry` at all, as FHIR JSON wants it.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.entries > 0 {
            self.out.push(b']');
        }
        self.out.push(b'}');
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vault::Position;

    fn version(n: u64, deleted: bool) -> Version {
        Version {
            resource_type: "Patient".to_owned(),
            id: "1".to_owned(),
            version: n,
            kid: 0,
            position: Position(7),
            updated: Instant(0),
            deleted,
            partial: false,
            body: b"{}".as_slice().into(),
        }
    }

    #[test]
    fn a_bundle_is_json_that_fhir_allows() {
        let links = [("self", "http://h/fhir/Patient?name=\"x".to_owned()), ("next", "n".to_owned())];
        let empty = Bundle::new("searchset", Instant(0), Some(0), &links[..1]).finish();
        assert_eq!(
            String::from_utf8(empty).unwrap(),
            r#"{"resourceType":"Bundle","meta":{"lastUpdated":"1970-01-01T00:00:00.000Z"},"type":"searchset","total":0,"link":[{"relation":"self","url":"http://h/fhir/Patient?name=\"x"}]}"#
        );
        let mut bundle = Bundle::new("searchset", Instant(0), None, &links);
        bundle.found("http://h/fhir", &version(1, false), b"{\"a\":1}", Mode::Match);
        bundle.outcome(b"{}");
        let tree: serde_json::Value = serde_json::from_slice(&bundle.finish()).unwrap();
        assert_eq!(tree["entry"][0]["fullUrl"], "http://h/fhir/Patient/1");
        assert_eq!(tree["entry"][1]["search"]["mode"], "outcome");
        assert_eq!(tree["link"][1]["relation"], "next");
    }

    #[test]
    fn a_history_says_what_made_each_version() {
        let mut bundle = Bundle::new("history", Instant(0), None, &[]);
        for (n, deleted) in [(3, true), (2, false), (1, false)] {
            bundle.version("http://h/fhir", &version(n, deleted), b"{}");
        }
        let tree: serde_json::Value = serde_json::from_slice(&bundle.finish()).unwrap();
        let said: Vec<_> = (0..3)
            .map(|i| format!("{} {}", tree["entry"][i]["request"]["method"], tree["entry"][i]["response"]["status"]))
            .collect();
        assert_eq!(said, ["\"DELETE\" \"204\"", "\"PUT\" \"200\"", "\"PUT\" \"201\""]);
        assert!(tree["entry"][0]["resource"].is_null());
        assert_eq!(tree["entry"][1]["response"]["etag"], "W/\"2\"");
    }
}
