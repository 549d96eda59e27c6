//! What was decided and said, as a document of the chart that is linked to the entries it is about (45 CFR 164.526(c)(1),
//! (d)(4)): whoever reads one finds the other.

use crate::task::text;
use base::clock::Instant;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fhir::json::Json;
use vault::Version;

/// The kinds of these documents.
pub const SYSTEM: &str = "https://chartroom.dev/fhir/CodeSystem/amendment";

/// What a notice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The record was amended.
    Amended,
    /// The patient disagrees with what stands there.
    Disputed,
}

impl Kind {
    const fn code(self) -> &'static str {
        match self {
            Kind::Amended => "amended",
            Kind::Disputed => "disputed",
        }
    }

    /// The title.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Kind::Amended => "Amendment at the patient's request",
            Kind::Disputed => "Statement about a disputed entry",
        }
    }
}

/// A notice about entries of a patient's chart.
#[must_use]
pub fn document(kind: Kind, patient: &str, records: &[String], says: &str, now: Instant) -> Json<'static> {
    let reference = |to: &str| Json::object([("reference", text(to))]);
    let coding = Json::object([("system", text(SYSTEM)), ("code", text(kind.code())), ("display", text(kind.words()))]);
    let attachment = Json::object([
        ("contentType", text("text/plain;charset=utf-8")),
        ("data", text(&BASE64_STANDARD.encode(says))),
        ("title", text(kind.words())),
    ]);
    Json::object([
        ("resourceType", text("DocumentReference")),
        ("status", text("current")),
        ("docStatus", text("final")),
        ("type", Json::object([("coding", Json::Array(vec![coding])), ("text", text(kind.words()))])),
        ("subject", reference(&format!("Patient/{patient}"))),
        ("date", text(&now.to_string())),
        ("description", text(kind.words())),
        ("content", Json::Array(vec![Json::object([("attachment", attachment)])])),
        ("context", Json::object([("related", Json::Array(records.iter().map(|record| reference(record)).collect()))])),
    ])
}

/// The entries that a notice is about; `None`: this is no notice.
#[must_use]
pub fn about(version: &Version) -> Option<Vec<String>> {
    let document = Json::parse(&version.body).ok().filter(|_| version.resource_type == "DocumentReference")?;
    let codings = document.get("type")?.get("coding")?.items();
    codings.iter().find(|coding| coding.text("system") == Some(SYSTEM))?;
    let related = document.get("context")?.get("related")?.items().iter();
    Some(related.filter_map(|one| one.text("reference").map(str::to_owned)).collect())
}
