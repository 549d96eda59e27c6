//! A request to a room: a FHIR Task, told by its code, with what is asked as its inputs. Whoever may write Tasks of a patient
//! may have written it, the patient among them, so that nothing in it is a decision.

use base::clock::Instant;
use base::day::Day;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::search::query::Query;
use vault::access::Visit;
use vault::access::disclosures::reading::{self, Words};
use vault::search::Page;
use vault::{Error, Vault, Version};

/// What marks these Tasks.
const SYSTEM: &str = "https://chartroom.dev/fhir/CodeSystem/task";
/// The names of what is asked.
const INPUT: &str = "https://chartroom.dev/fhir/CodeSystem/release-input";

/// Longest text, in characters.
const TEXT_MAX: usize = 2_000;

/// Most resources that are read for one question.
pub const ITEMS_MAX: usize = 20_000;

/// Matches that are read at a time.
const PAGE: usize = 500;

/// The Tasks of a code, oldest first; `patient`: those of one.
pub fn tasks(vault: &Vault, visit: &Visit, code: &str, patient: Option<&str>) -> Result<Vec<Version>, Error> {
    let mut pairs =
        vec![("code".to_owned(), format!("{SYSTEM}|{code}")), ("_sort".to_owned(), "authored-on".to_owned())];
    pairs.extend(patient.map(|id| ("patient".to_owned(), format!("Patient/{id}"))));
    let query = vault.query(visit, Some("Task"), &pairs, true, vault.clock().now())?;
    read_all(vault, visit, &query)
}

/// All matches, to [`ITEMS_MAX`].
pub fn read_all(vault: &Vault, visit: &Visit, query: &Query) -> Result<Vec<Version>, Error> {
    let (mut all, mut page) = (Vec::new(), Page { count: PAGE, ..Page::default() });
    loop {
        let found = vault.search(visit, query, &page)?;
        all.extend(found.matches);
        match found.next {
            Some(next) if all.len() < ITEMS_MAX => (page.at, page.offset) = (Some(found.at), next),
            _ => return Ok(all),
        }
    }
}

/// The Task of a version, if it has that code.
#[must_use]
pub fn coded_as<'v>(version: &'v Version, code: &str) -> Option<Json<'v>> {
    let task = Json::parse(&version.body).ok().filter(|_| !version.deleted)?;
    let codings = task.get("code")?.get("coding")?.items();
    codings.iter().find(|c| (c.text("system"), c.text("code")) == (Some(SYSTEM), Some(code)))?;
    Some(task)
}

/// The id of the patient whom a Task is for.
#[must_use]
pub fn patient(task: &Json<'_>) -> Option<String> {
    task.get("for")?.text("reference")?.strip_prefix("Patient/").map(str::to_owned)
}

/// When a Task came in: what it says, and no later than it was written.
#[must_use]
pub fn received(task: &Json<'_>, version: &Version) -> Instant {
    let said = task.text("authoredOn");
    let said = said.and_then(|text| Instant::parse(text).or_else(|| Day::parse(text).map(Day::begins)));
    said.map_or(version.updated, |at| at.min(version.updated))
}

/// When a request is said to have come in, as `received`: today unless another day is named.
pub fn came_in(words: &[(String, String)], now: Instant) -> Result<Instant, Refusal> {
    let today = Day::at(now);
    let received = reading::day(words, "received")?.unwrap_or(today);
    if received > today {
        return Err(wrong("a request is noted after it came in; name a day that is not ahead as `received`"));
    }
    Ok(if received == today { now } else { received.begins() })
}

/// The id of the patient that words name as `patient`.
pub fn about(words: &[(String, String)]) -> Result<String, Refusal> {
    let patient = words.one("patient").unwrap_or_default().trim();
    match patient.strip_prefix("Patient/").unwrap_or(patient) {
        "" => Err(wrong("a request is about a patient; name one as `patient`")),
        id => Ok(id.to_owned()),
    }
}

/// Whether a Task of this status waits for its answer.
#[must_use]
pub fn is_open(status: &str) -> bool {
    !matches!(status, "completed" | "rejected" | "cancelled" | "failed" | "entered-in-error")
}

/// A Task with another status, in words of its own, and the day on which it is due.
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

/// What a Task asks, by name.
#[must_use]
pub fn inputs(task: &Json<'_>) -> Vec<(String, String)> {
    task.get("input").map_or(&[][..], Json::items).iter().filter_map(input).collect()
}

fn input(of: &Json<'_>) -> Option<(String, String)> {
    let coding = of.get("type")?.get("coding")?.items().iter().find(|c| c.text("system") == Some(INPUT))?;
    let value = of.text("valueString").or_else(|| of.text("valueCode")).or_else(|| of.text("valueDate"))?;
    Some((coding.text("code")?.to_owned(), value.to_owned()))
}

/// One input of a Task.
#[must_use]
pub fn written(name: &str, value: &str) -> Json<'static> {
    Json::object([("type", coded(INPUT, name)), ("valueString", text(value))])
}

/// The code of a Task.
#[must_use]
pub fn code(code: &str) -> Json<'static> {
    coded(SYSTEM, code)
}

fn coded(system: &str, code: &str) -> Json<'static> {
    let coding = Json::object([("system", text(system)), ("code", text(code))]);
    Json::object([("coding", Json::Array(vec![coding]))])
}

/// Text as JSON.
#[must_use]
pub fn text(text: &str) -> Json<'static> {
    Json::string(text.to_owned())
}

/// One of the words: trimmed, in one line, at most 2,000 characters.
pub fn said(words: &[(String, String)], name: &str) -> Result<String, Refusal> {
    let value = words.one(name).unwrap_or_default().trim().replace(char::is_control, " ");
    if value.chars().count() > TEXT_MAX {
        return Err(wrong(format!("`{name}` takes at most {TEXT_MAX} characters; say it more briefly")));
    }
    Ok(value)
}

/// A rule of the room says no.
pub fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, "business-rule", message)
}
