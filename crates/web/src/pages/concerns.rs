//! Concerns about a look at a record: a patient raises one, the privacy officer answers it. Each is a FHIR Task, written and
//! read through the gate; its notes are what was answered.

use super::escape;
use super::frame::{At, link, seated, table};
use super::whose::{chooser, whose};
use super::{looked, words};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::html::field;
use crate::sign_in::{Asked, see_other};
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::access::Role;
use vault::access::audit::{Deed, Found, Wanted};
use vault::search::Page;
use vault::{Error, Expect, Position, Version, exchange};

/// What marks these tasks, and labels them (packs/labels/concern.toml): only the patient, whoever acts for the patient, and
/// privacy officers see them.
const SYSTEM: &str = "https://chartroom.dev/fhir/CodeSystem/task";
const CODE: &str = "privacy-concern";
/// Names an entry of the audit.
const ENTRY: &str = "https://chartroom.dev/fhir/NamingSystem/log-entry";

/// Longest text of a concern or an answer, in characters.
const TEXT_MAX: usize = 4_000;

/// Most concerns on the page.
const SHOWN: usize = 100;

/// `GET /concern?patient=ID&entry=NUMBER`: the form.
pub fn form(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadAudit, |at| {
        let people = whose(at)?;
        let patient = at.chosen(&people).ok_or_else(nobodys)?;
        let found = entry(at, &patient.id)?;
        let who = shared.vault.who(&found.event.account)?.name;
        let hidden = [at.sign(), field("patient", &patient.id), field("entry", at.text("entry"))].concat();
        let body = format!(
            "<h1>Raise a concern</h1>{}<dl><dt>Who</dt><dd>{} <small>{}</small></dd><dt>When</dt><dd>{}</dd>\
             <dt>Why</dt><dd>{}</dd><dt>What</dt><dd>{}</dd></dl>\
             <form method=\"post\" action=\"/concern\">{hidden}<label for=\"text\">What worries you about it?</label>\
             <textarea id=\"text\" name=\"text\" required maxlength=\"{TEXT_MAX}\"></textarea>\
             <p class=\"soft\">The privacy officer reads this and answers under Concerns. Whoever looked does not see it.</p>\
             <button>Send it to the privacy officer</button></form>",
            chooser("/looked", std::slice::from_ref(patient), patient),
            escape(&who),
            escape(&words::roles(&found.event.roles)),
            words::time(found.at),
            looked::why(&found),
            words::deed(found.event.deed),
        );
        Ok(at.page("Raise a concern", &body))
    })
}

/// The entry that the address names, if it is about this patient.
fn entry(at: &At<'_>, patient: &str) -> Result<Found, Error> {
    let number: u64 = at.text("entry").parse().map_err(|_| no_entry())?;
    let below = Some(Position(number.saturating_add(1)));
    let wanted = Wanted { patient: Some(patient.to_owned()), below, count: 1, ..Wanted::default() };
    let found = at.shared.vault.audit(&at.seat.visit, &wanted)?.found.into_iter().next();
    found.filter(|found| found.position.0 == number).ok_or_else(|| no_entry().into())
}

/// `POST /concern`.
pub fn raise(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Create, |at| {
        let people = whose(at)?;
        let patient = at.chosen(&people).ok_or_else(nobodys)?;
        let found = entry(at, &patient.id)?;
        let task = task(at, &patient.id, &found, written(at)?);
        exchange::create(&shared.vault, &at.seat.visit, "Task", task, None)?;
        Ok(see_other(&super::frame::address("/concerns", &[("patient", &patient.id)])))
    })
}

/// The text that was typed.
fn written<'a>(at: &'a At<'_>) -> Result<&'a str, Refusal> {
    let text = at.text("text");
    if text.is_empty() || text.chars().count() > TEXT_MAX {
        let message = format!("write some words, at most {TEXT_MAX} characters");
        return Err(Refusal::new(Kind::Invalid, "required", message));
    }
    Ok(text)
}

fn task(at: &At<'_>, patient: &str, found: &Found, says: &str) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let now = at.shared.vault.clock().now().to_string();
    let code = Json::object([("system", text(SYSTEM)), ("code", text(CODE)), ("display", text("Privacy concern"))]);
    let entry = Json::object([("system", text(ENTRY)), ("value", text(&found.position.0.to_string()))]);
    let mut members = vec![
        ("resourceType", text("Task")),
        ("status", text("requested")),
        ("intent", text("order")),
        ("code", Json::object([("coding", Json::Array(vec![code]))])),
        ("description", text(says)),
        ("focus", Json::object([("type", text("AuditEvent")), ("identifier", entry)])),
        ("for", reference(&format!("Patient/{patient}"))),
        ("authoredOn", text(&now)),
        ("lastModified", text(&now)),
        ("performerType", Json::Array(vec![Json::object([("text", text("Privacy officer"))])])),
    ];
    if let Some(own) = at.seat.account.stands_for.first() {
        members.push(("requester", reference(own)));
    }
    Json::object(members)
}

fn reference(to: &str) -> Json<'static> {
    Json::object([("reference", Json::string(to.to_owned()))])
}

/// `GET /concerns`: the patient's own; all of them for the privacy officer.
pub fn list(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Search, |at| {
        let code = format!("{SYSTEM}|{CODE}");
        let mut pairs = vec![("code", code.as_str()), ("_sort", "-authored-on")];
        let is_officer = at.seat.account.roles.contains(Role::PrivacyOfficer);
        let people = if is_officer { Vec::new() } else { whose(at)? };
        let patient = at.chosen(&people);
        let of = patient.map(|patient| format!("Patient/{}", patient.id)).unwrap_or_default();
        match patient {
            Some(_) => pairs.push(("patient", &of)),
            None if is_officer => {}
            None => return Err(nobodys().into()),
        }
        let found = at.find("Task", &pairs, &Page { count: SHOWN, ..Page::default() })?;
        let rows: Vec<_> = found.matches.iter().filter_map(|version| row(at, version, is_officer)).collect();
        let list = match (rows.is_empty(), is_officer) {
            (true, true) => "<p>None. Patients raise concerns under Who looked; they appear here.</p>".to_owned(),
            (true, false) => "<p>None. To raise one, go to <a href=\"/looked\">Who looked</a>.</p>".to_owned(),
            (false, true) => table(&["Raised", "Patient", "Concern", "State", "Answer"], rows),
            (false, false) => table(&["Raised", "Concern", "State"], rows),
        };
        let banner = patient.map(|patient| chooser("/concerns", &people, patient)).unwrap_or_default();
        let more = if found.next.is_some() { "<p>Older ones are not shown here.</p>" } else { "" };
        Ok(at.page("Concerns", &format!("<h1>Concerns</h1>{banner}{list}{more}")))
    })
}

fn row(at: &At<'_>, version: &Version, is_officer: bool) -> Option<Vec<String>> {
    let task = Json::parse(&version.body).ok()?;
    let patient = task.get("for").and_then(|of| of.text("reference")).unwrap_or_default();
    let entry = task.get("focus").and_then(|focus| focus.get("identifier")?.text("value")).unwrap_or_default();
    let notes = task.get("note").map_or(&[][..], Json::items).iter();
    let notes: String = notes
        .map(|note| {
            let (text, by) = (note.text("text").unwrap_or_default(), note.text("authorString").unwrap_or_default());
            let at = words::date(note.text("time").unwrap_or_default());
            format!("<p><strong>Answer</strong> <small>{}, {}</small><br>{}</p>", escape(by), escape(&at), escape(text))
        })
        .collect();
    let says = escape(task.text("description").unwrap_or_default());
    let raised = escape(&words::date(task.text("authoredOn").unwrap_or_default()));
    let (state, is_open) = state(task.text("status").unwrap_or_default());
    let mut cells = vec![raised, format!("{says}{notes}"), state.to_owned()];
    if is_officer {
        let id = patient.strip_prefix("Patient/").unwrap_or_default();
        let name = at.person(id);
        let entries = entry.parse::<u64>().map_or(String::new(), |n| (n + 1).to_string());
        let look = link("/audit", &[("patient", id), ("below", &entries)]);
        cells.insert(1, format!("{name}<br><a href=\"{look}\">entry {}</a>", escape(entry)));
        cells.push(if is_open { answer_form(at, version) } else { String::new() });
    }
    Some(cells)
}

/// The state in words, and whether something is left to do.
fn state(status: &str) -> (&'static str, bool) {
    match status {
        "completed" => ("<span class=\"mark good\">closed</span>", false),
        "in-progress" => ("<span class=\"mark\">answered, open</span>", true),
        "requested" => ("<span class=\"mark due\">waiting</span>", true),
        _ => ("<span class=\"mark\">other</span>", true),
    }
}

fn answer_form(at: &At<'_>, version: &Version) -> String {
    let id = escape(&version.id);
    let hidden = [at.sign(), field("id", &version.id), field("version", &version.version.to_string())].concat();
    format!(
        "<form method=\"post\" action=\"/concerns\">{hidden}<label for=\"a-{id}\">What you found</label>\
         <textarea id=\"a-{id}\" name=\"text\" required maxlength=\"{TEXT_MAX}\"></textarea>\
         <button name=\"do\" value=\"close\">Answer and close</button> \
         <button class=\"plain\" name=\"do\" value=\"answer\">Answer, keep open</button></form>"
    )
}

/// `POST /concerns`: the privacy officer answers.
pub fn answer(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Update, |at| {
        let says = written(at)?.to_owned();
        let version = at.text("version").parse().map_err(|_| no_concern())?;
        let status = if at.text("do") == "close" { "completed" } else { "in-progress" };
        let (now, by) = (shared.vault.clock().now().to_string(), at.seat.account.name.clone());
        let edit = |task: &mut Json<'static>| {
            let text = |text: &str| Json::string(text.to_owned());
            if !is_concern(task) {
                return Err(no_concern());
            }
            let Some(task) = task.as_object_mut() else { return Err(no_concern()) };
            let note = Json::object([("authorString", text(&by)), ("time", text(&now)), ("text", text(&says))]);
            let mut notes = task.get("note").map_or(&[][..], Json::items).to_vec();
            notes.push(note);
            task.set("note", Json::Array(notes));
            task.set("status", text(status));
            task.set("lastModified", text(&now));
            Ok(())
        };
        exchange::patch(&shared.vault, &at.seat.visit, "Task", at.text("id"), Expect::Version(version), &edit)?;
        Ok(see_other("/concerns"))
    })
}

fn is_concern(task: &Json<'_>) -> bool {
    let codings = task.get("code").and_then(|code| code.get("coding")).map_or(&[][..], Json::items);
    codings.iter().any(|coding| (coding.text("system"), coding.text("code")) == (Some(SYSTEM), Some(CODE)))
}

fn nobodys() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "your account stands for no such patient, and acts for none")
}

fn no_entry() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "there is no such entry about this record; choose one under /looked")
}

fn no_concern() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "there is no such concern")
}
