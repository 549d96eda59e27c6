//! A request to amend, and a statement of disagreement: FHIR Tasks, whoever wrote them.

use crate::task::{self, inputs, said, text, written, wrong};
use base::clock::Instant;
use base::refusal::Refusal;
use fhir::json::Json;
use vault::Version;
use vault::access::disclosures::reading::Words;

/// What tells requests from the Tasks of other rooms.
pub const CODE: &str = "amendment";
/// What tells statements.
pub const STATEMENT: &str = "amendment-statement";

/// How a request can come in; `entity`: another covered entity has amended, and tells us (45 CFR 164.526(e)).
pub const VIAS: [&str; 6] = ["letter", "fax", "phone", "in-person", "portal", "entity"];

/// What somebody wants changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The id of the Task.
    pub id: String,
    /// The id of the patient.
    pub patient: String,
    /// The status of the Task.
    pub status: String,
    /// Where it stands, in words.
    pub says: String,
    /// When it came in.
    pub received: Instant,
    /// What is wrong, and what should stand there.
    pub what: String,
    /// Why.
    pub why: String,
    /// The entry it is about, as `Type/id`; empty: not named.
    pub record: String,
    /// Who asks, if not the patient.
    pub requester: String,
    /// How it came.
    pub via: String,
    /// Who should be told, as the patient names them.
    pub tell: String,
}

impl Request {
    /// Reads the words of a form, an operation or a command: `patient`, `what`, `why`, `record`, `received`, `via`,
    /// `requester`, `tell`.
    pub fn asked(words: &[(String, String)], now: Instant) -> Result<Request, Refusal> {
        let request = Request {
            id: String::new(),
            patient: task::about(words)?,
            status: "requested".to_owned(),
            says: String::new(),
            received: task::came_in(words, now)?,
            what: said(words, "what")?,
            why: said(words, "why")?,
            record: said(words, "record")?,
            requester: said(words, "requester")?,
            via: said(words, "via")?,
            tell: said(words, "tell")?,
        };
        if request.what.is_empty() {
            return Err(wrong("say what is wrong and what should stand there, as `what`"));
        }
        if request.why.is_empty() && request.via != "entity" {
            return Err(wrong("say why, as `why` (45 CFR 164.526(b)(1)); a few words will do"));
        }
        if !request.via.is_empty() && !VIAS.contains(&request.via.as_str()) {
            return Err(wrong(format!("`via` is one of {}", VIAS.join(", "))));
        }
        Ok(request)
    }

    /// Reads a Task; `None`: it is no request to amend a patient's record.
    #[must_use]
    pub fn read(version: &Version) -> Option<Request> {
        let task = task::coded_as(version, CODE)?;
        let inputs = inputs(&task);
        let word = |name: &str| inputs.as_slice().one(name).unwrap_or_default().to_owned();
        let member =
            |name: &str, part: &str| task.get(name).and_then(|one| one.text(part)).unwrap_or_default().to_owned();
        Some(Request {
            id: version.id.clone(),
            patient: task::patient(&task)?,
            status: task.text("status")?.to_owned(),
            says: member("businessStatus", "text"),
            received: task::received(&task, version),
            what: task.text("description").unwrap_or_default().to_owned(),
            why: word("why"),
            record: member("focus", "reference"),
            requester: word("requester"),
            via: word("via"),
            tell: word("tell"),
        })
    }

    /// Whether it waits for its answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        task::is_open(&self.status)
    }

    /// As a Task.
    #[must_use]
    pub fn write(&self) -> Json<'static> {
        let words = [("why", &self.why), ("requester", &self.requester), ("via", &self.via), ("tell", &self.tell)];
        let inputs: Vec<Json<'static>> =
            words.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| written(name, value)).collect();
        let mut members = vec![
            ("resourceType", text("Task")),
            ("status", text(&self.status)),
            ("intent", text("order")),
            ("code", task::code(CODE)),
            ("description", text(&self.what)),
            ("for", Json::object([("reference", text(&format!("Patient/{}", self.patient)))])),
            ("authoredOn", text(&self.received.to_string())),
        ];
        if !self.record.is_empty() {
            members.push(("focus", Json::object([("reference", text(&self.record))])));
        }
        if !inputs.is_empty() {
            members.push(("input", Json::Array(inputs)));
        }
        Json::object(members)
    }
}

/// What a patient says to a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The id of the request's Task.
    pub about: String,
    /// The id of the patient.
    pub patient: String,
    /// When.
    pub on: Instant,
    /// Why they disagree; empty: request and denial are to go along instead (45 CFR 164.526(d)(1)(iii)).
    pub says: String,
}

impl Statement {
    /// Reads a Task; `None`: it is no statement.
    #[must_use]
    pub fn read(version: &Version) -> Option<Statement> {
        let task = task::coded_as(version, STATEMENT)?;
        let about = task.get("partOf")?.items().first()?.text("reference")?.strip_prefix("Task/")?.to_owned();
        Some(Statement {
            about,
            patient: task::patient(&task)?,
            on: task::received(&task, version),
            says: task.text("description").unwrap_or_default().to_owned(),
        })
    }

    /// As a Task.
    #[must_use]
    pub fn write(&self) -> Json<'static> {
        let reference = |to: String| Json::object([("reference", text(&to))]);
        let mut members = vec![
            ("resourceType", text("Task")),
            ("status", text("requested")),
            ("intent", text("order")),
            ("code", task::code(STATEMENT)),
            ("partOf", Json::Array(vec![reference(format!("Task/{}", self.about))])),
            ("for", reference(format!("Patient/{}", self.patient))),
            ("authoredOn", text(&self.on.to_string())),
        ];
        if !self.says.is_empty() {
            members.push(("description", text(&self.says)));
        }
        Json::object(members)
    }
}
