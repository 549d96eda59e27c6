//! A request for records: a FHIR Task, whoever wrote it. The patient may have, so that nothing here is a decision.

use super::rules::Route;
use crate::task::{self, inputs, is_open, said, text, written, wrong};
use base::clock::Instant;
use base::day::Day;
use base::refusal::Refusal;
use fhir::json::Json;
use vault::Version;
use vault::access::disclosures::reading::{self, Words};
use vault::log::receipt::digest;

/// What tells its Tasks from those of other rooms.
pub const CODE: &str = "release";

/// The texts that a request may carry.
const TEXTS: [&str; 8] = ["via", "requester", "contact", "recipient", "address", "purpose", "form", "route"];

/// How a request can come in.
pub const VIAS: [&str; 6] = ["letter", "fax", "phone", "in-person", "portal", "fhir"];

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The id of the Task.
    pub id: String,
    /// Its version; 0: it is not kept yet.
    pub version: u64,
    /// The id of the patient.
    pub patient: String,
    /// The status of the Task.
    pub status: String,
    /// When it came in.
    pub received: Instant,
    /// What is asked for, in words.
    pub what: String,
    /// Types of resources; empty: all.
    pub types: Vec<String>,
    /// The first day asked about.
    pub from: Option<Day>,
    /// The last.
    pub until: Option<Day>,
    texts: Vec<(String, String)>,
}

impl Request {
    /// Reads the words of a form, an operation or a command: `patient`, `what`, `received`, `type` (several), `start`, `end`,
    /// `via`, `requester`, `contact`, `recipient`, `address`, `purpose`, `form`, `route`.
    pub fn asked(words: &[(String, String)], now: Instant) -> Result<Request, Refusal> {
        let request = Request {
            id: String::new(),
            version: 0,
            patient: task::about(words)?,
            status: "requested".to_owned(),
            received: task::came_in(words, now)?,
            what: said(words, "what")?,
            types: types(words)?,
            from: reading::day(words, "start")?,
            until: reading::day(words, "end")?,
            texts: texts(words)?,
        };
        if request.what.is_empty() {
            return Err(wrong("say what is asked for, as `what`"));
        }
        match request.text("route") {
            "" => {}
            code if Route::from_code(code).is_some() => {}
            _ => return Err(unknown_route()),
        }
        Ok(request)
    }

    /// Reads a Task; `None`: it is no request for records of a patient.
    #[must_use]
    pub fn read(version: &Version) -> Option<Request> {
        let task = task::coded_as(version, CODE)?;
        let inputs = inputs(&task);
        let words = inputs.as_slice();
        let day = |name: &str| words.one(name).and_then(Day::parse);
        Some(Request {
            id: version.id.clone(),
            version: version.version,
            patient: task::patient(&task)?,
            status: task.text("status")?.to_owned(),
            received: task::received(&task, version),
            what: task.text("description").unwrap_or_default().to_owned(),
            types: words.all("type").into_iter().map(str::to_owned).collect(),
            from: day("start"),
            until: day("end"),
            texts: inputs.iter().filter(|(name, _)| TEXTS.contains(&name.as_str())).cloned().collect(),
        })
    }

    /// One of its texts: `via`, `requester`, `contact`, `recipient`, `address`, `purpose`, `form`, `route`.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.texts.as_slice().one(name).unwrap_or_default()
    }

    /// The same request, with one of its texts.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Request {
        self.texts.retain(|(known, _)| known != name);
        self.texts.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether it waits for its answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        is_open(&self.status)
    }

    /// What is asked, as a hash: the same whatever the desk has noted on the Task.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let asked = Request { status: String::new(), received: Instant(0), ..self.clone() };
        digest(&asked.write().to_bytes())
    }

    /// As a Task.
    #[must_use]
    pub fn write(&self) -> Json<'static> {
        let mut inputs: Vec<Json<'static>> = self.texts.iter().map(|(name, value)| written(name, value)).collect();
        inputs.extend(self.types.iter().map(|one| written("type", one)));
        inputs.extend(self.from.map(|day| written("start", &day.to_string())));
        inputs.extend(self.until.map(|day| written("end", &day.to_string())));
        let mut members = vec![
            ("resourceType", text("Task")),
            ("status", text(&self.status)),
            ("intent", text("order")),
            ("code", task::code(CODE)),
            ("description", text(&self.what)),
            ("for", Json::object([("reference", text(&format!("Patient/{}", self.patient)))])),
            ("authoredOn", text(&self.received.to_string())),
        ];
        if !inputs.is_empty() {
            members.push(("input", Json::Array(inputs)));
        }
        Json::object(members)
    }
}

fn texts(words: &[(String, String)]) -> Result<Vec<(String, String)>, Refusal> {
    let mut found = Vec::new();
    for name in TEXTS {
        let value = said(words, name)?;
        if !value.is_empty() {
            found.push((name.to_owned(), value));
        }
    }
    Ok(found)
}

/// Types of resources, each by itself or several with commas.
pub fn types(words: &[(String, String)]) -> Result<Vec<String>, Refusal> {
    let named = words.all("type").into_iter().flat_map(|list| list.split([',', ' '])).filter(|ty| !ty.is_empty());
    let named: Vec<String> = named.map(str::to_owned).collect();
    match named.iter().find(|ty| fhir::definitions::r4().resource(ty).is_none()) {
        Some(_) => Err(wrong("`type` names a resource type that FHIR R4 does not have, such as Observation")),
        None => Ok(named),
    }
}

/// Said where the route is missing or is none.
#[must_use]
pub fn unknown_route() -> Refusal {
    let known: Vec<&str> = Route::ALL.iter().map(|route| route.code()).collect();
    wrong(format!("`route` is missing or unknown; it is one of {}", known.join(", ")))
}
