//! A request for records: a FHIR Task, whoever wrote it. The patient may have, so that nothing here is a decision.

use super::rules::Route;
use base::clock::Instant;
use base::day::Day;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::Version;
use vault::access::disclosures::reading::{self, Words};
use vault::log::receipt::digest;

/// What marks these tasks.
pub const SYSTEM: &str = "https://chartroom.dev/fhir/CodeSystem/task";
/// The same.
pub const CODE: &str = "release";
/// The names of what is asked.
const INPUT: &str = "https://chartroom.dev/fhir/CodeSystem/release-input";

/// Longest text, in characters.
const TEXT_MAX: usize = 2_000;

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
        let patient = words.one("patient").unwrap_or_default().trim();
        let patient = patient.strip_prefix("Patient/").unwrap_or(patient).to_owned();
        let today = Day::at(now);
        let received = reading::day(words, "received")?.unwrap_or(today);
        if patient.is_empty() {
            return Err(wrong("a request is about a patient; name one as `patient`"));
        }
        if received > today {
            return Err(wrong("a request is noted after it came in; name a day that is not ahead as `received`"));
        }
        let request = Request {
            id: String::new(),
            version: 0,
            patient,
            status: "requested".to_owned(),
            received: if received == today { now } else { received.begins() },
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
        let task = Json::parse(&version.body).ok().filter(|_| !version.deleted)?;
        let codings = task.get("code")?.get("coding")?.items();
        codings.iter().find(|c| (c.text("system"), c.text("code")) == (Some(SYSTEM), Some(CODE)))?;
        let inputs: Vec<(String, String)> =
            task.get("input").map_or(&[][..], Json::items).iter().filter_map(input).collect();
        let words = inputs.as_slice();
        let day = |name: &str| words.one(name).and_then(Day::parse);
        Some(Request {
            id: version.id.clone(),
            version: version.version,
            patient: task.get("for")?.text("reference")?.strip_prefix("Patient/")?.to_owned(),
            status: task.text("status")?.to_owned(),
            received: task.text("authoredOn").and_then(moment).map_or(version.updated, |at| at.min(version.updated)),
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
        !matches!(self.status.as_str(), "completed" | "rejected" | "cancelled" | "failed" | "entered-in-error")
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
        let coding = coded(SYSTEM, CODE);
        let mut inputs: Vec<Json<'static>> = self.texts.iter().map(|(name, value)| written(name, value)).collect();
        inputs.extend(self.types.iter().map(|one| written("type", one)));
        inputs.extend(self.from.map(|day| written("start", &day.to_string())));
        inputs.extend(self.until.map(|day| written("end", &day.to_string())));
        let mut members = vec![
            ("resourceType", text("Task")),
            ("status", text(&self.status)),
            ("intent", text("order")),
            ("code", coding),
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

/// The Task with another status, in words of its own, and the day on which it is due.
#[must_use]
pub fn marked(version: &Version, status: &str, says: &str, due: Option<Day>, now: Instant) -> Option<Json<'static>> {
    let mut task = Json::parse(&version.body).ok()?.into_owned();
    let object = task.as_object_mut()?;
    // Its clock began when it came, whatever is noted on it later.
    if object.get("authoredOn").is_none() {
        object.set("authoredOn", text(&version.updated.to_string()));
    }
    object.set("status", text(status));
    object.set("businessStatus", Json::object([("text", text(says))]));
    object.set("lastModified", text(&now.to_string()));
    if let Some(due) = due {
        let period = Json::object([("end", text(&due.to_string()))]);
        object.set("restriction", Json::object([("period", period)]));
    }
    Some(task)
}

fn moment(text: &str) -> Option<Instant> {
    Instant::parse(text).or_else(|| Day::parse(text).map(Day::begins))
}

fn input(of: &Json<'_>) -> Option<(String, String)> {
    let coding = of.get("type")?.get("coding")?.items().iter().find(|c| c.text("system") == Some(INPUT))?;
    let value = of.text("valueString").or_else(|| of.text("valueCode")).or_else(|| of.text("valueDate"))?;
    Some((coding.text("code")?.to_owned(), value.to_owned()))
}

fn written(name: &str, value: &str) -> Json<'static> {
    Json::object([("type", coded(INPUT, name)), ("valueString", text(value))])
}

fn coded(system: &str, code: &str) -> Json<'static> {
    let coding = Json::object([("system", text(system)), ("code", text(code))]);
    Json::object([("coding", Json::Array(vec![coding]))])
}

fn text(text: &str) -> Json<'static> {
    Json::string(text.to_owned())
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

fn said(words: &[(String, String)], name: &str) -> Result<String, Refusal> {
    let value = words.one(name).unwrap_or_default().trim().replace(char::is_control, " ");
    if value.chars().count() > TEXT_MAX {
        return Err(wrong(format!("`{name}` takes at most {TEXT_MAX} characters; say it more briefly")));
    }
    Ok(value)
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

pub(super) fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, "business-rule", message)
}
