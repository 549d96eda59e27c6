//! The audit for those who review it: searched by patient, account, period and deed, and taken out as CSV.

use super::frame::{At, line, link, seated, table};
use super::{escape, looked, patients, words};
use crate::answer::{Outcome, plain};
use crate::server::Shared;
use crate::sign_in::Asked;
use axum::http::{HeaderValue, StatusCode, header};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::calendar::span;
use std::collections::HashMap;
use vault::access::audit::{Deed, Found, Outcome as Ended, Wanted, report};
use vault::{Error, Position};

/// Entries on a page.
const SHOWN: usize = 50;

/// Patients of one entry that are named.
const NAMES: usize = 3;

/// Entries of one file; the last line says when there are more.
const FILE_MAX: usize = 20_000;

/// Deeds that are offered to look for.
const DEEDS: [(Deed, &str); 13] = [
    (Deed::Read, "opened"),
    (Deed::Search, "looked through"),
    (Deed::Create, "added"),
    (Deed::Update, "changed"),
    (Deed::Preview, "tried a change"),
    (Deed::Export, "took a copy"),
    (Deed::Disclose, "sent outside"),
    (Deed::RecordDisclosure, "noted what went outside"),
    (Deed::ReadDisclosures, "looked at what went outside"),
    (Deed::Accounting, "answered for what went outside"),
    (Deed::BreakGlass, "broke the glass"),
    (Deed::ReadAudit, "read the audit"),
    (Deed::SignIn, "signed in"),
];

/// `GET /audit?patient=ID&login=LOGIN&since=DAY&until=DAY&deed=CODE&below=ENTRY`. For those who review the whole audit;
/// patients have `/looked`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadAudit, |at| {
        shared.vault.check_reviews_audit(&at.seat.visit)?;
        let below = at.text("below").parse().ok().map(Position);
        let page =
            shared.vault.audit(&at.seat.visit, &Wanted { below, count: SHOWN, names: Some(NAMES), ..wanted(at)? })?;
        let mut names = HashMap::new();
        let rows = page.found.iter().map(|found| row(at, found, &mut names)).collect::<Result<Vec<_>, Error>>()?;
        let list = if rows.is_empty() {
            format!("<p>No entry fits.</p>{}", meant(at)?)
        } else {
            table(&["When", "Who", "Why", "What", "Patients", "Entry"], rows)
        };
        let mut further = format!("<a href=\"{}\">All that fit, as CSV</a>", again(at, "/audit.csv", ""));
        if let Some(next) = page.next {
            let older = again(at, "/audit", &next.0.to_string());
            further.push_str(&format!(" · <a href=\"{older}\">Older ones</a>"));
        }
        let body = format!("<h1>Audit</h1>{}{list}<p>{further}</p>", search_form(at));
        Ok(at.page("Audit", &body))
    })
}

/// Whom a name may mean that was typed where no patient has it as id: each leads to the same question about that patient.
fn meant(at: &At<'_>) -> Result<String, Error> {
    let typed = at.text("patient");
    if typed.is_empty() || !names_people(at) {
        return Ok(String::new());
    }
    let rest = ["login", "since", "until", "deed"].map(|name| (name, at.text(name)));
    let found = patients::found(at, typed, &|id| link("/audit", &[&[("patient", id)], &rest[..]].concat()))?;
    Ok(format!("<h2>Whom do you mean?</h2>{found}"))
}

/// Whether the visitor may know who a patient is: who reads the audit alone does not.
fn names_people(at: &At<'_>) -> bool {
    at.shared.vault.could_read(&at.seat.visit, "Patient")
}

fn search_form(at: &At<'_>) -> String {
    let option = |(deed, words): &(Deed, &str)| {
        let chosen = if deed.code() == at.text("deed") { " selected" } else { "" };
        format!("<option value=\"{}\"{chosen}>{words}</option>", deed.code())
    };
    let deeds: String = DEEDS.iter().map(option).collect();
    format!(
        "<form class=\"wide\" method=\"get\" action=\"/audit\"><div class=\"side\">{}{}{}{}<div><label for=\"deed\">Deed\
         </label><select id=\"deed\" name=\"deed\"><option value=\"\">any</option>{deeds}</select></div></div>\
         <button>Search</button></form>",
        line(
            "patient",
            if names_people(at) { "Patient: name, birth date, number, id" } else { "Patient’s id" },
            at.text("patient"),
            "autocomplete=\"off\""
        ),
        line("login", "Login", at.text("login"), "autocomplete=\"off\" autocapitalize=\"none\""),
        line("since", "From day", at.text("since"), "type=\"date\""),
        line("until", "To day", at.text("until"), "type=\"date\""),
    )
}

/// The same question elsewhere.
fn again(at: &At<'_>, path: &str, below: &str) -> String {
    let mut pairs: Vec<(&str, &str)> =
        ["patient", "login", "since", "until", "deed"].into_iter().map(|name| (name, at.text(name))).collect();
    pairs.push(("below", below));
    link(path, &pairs)
}

fn wanted(at: &At<'_>) -> Result<Wanted, Error> {
    let named = |name: &str| Some(at.text(name)).filter(|text| !text.is_empty());
    let edge = |name: &str| named(name).map(|text| span(text).ok_or_else(|| no_day(name))).transpose();
    let patient = named("patient").map(|id| id.strip_prefix("Patient/").unwrap_or(id).to_owned());
    let account = match named("login") {
        None => None,
        Some("operator") => Some("operator".to_owned()),
        Some(login) => {
            let account = at.shared.vault.account_of_login(login)?;
            Some(account.map_or_else(|| format!("nobody is {login}"), |account| account.id.clone()))
        }
    };
    Ok(Wanted {
        patient,
        account,
        since: edge("since")?.map(|(first, _)| Instant(first)),
        until: edge("until")?.map(|(_, last)| Instant(last)),
        deed: named("deed").and_then(Deed::of_code),
        ..Wanted::default()
    })
}

fn no_day(name: &str) -> Refusal {
    Refusal::new(Kind::Malformed, "value", format!("{name} is a day such as 2026-11-23"))
}

fn row(at: &At<'_>, found: &Found, names: &mut HashMap<String, String>) -> Result<Vec<String>, Error> {
    let event = &found.event;
    let who = at.shared.vault.who(&event.account)?.name;
    let who = match (who.as_str(), event.account.as_str()) {
        ("", "") => "Nobody signed in".to_owned(),
        ("", "operator") => "Operator".to_owned(),
        (name, _) => escape(name),
    };
    let mut patients: Vec<String> = Vec::new();
    for patient in found.patients.iter().take(NAMES) {
        let id = patient.strip_prefix("Patient/").unwrap_or(patient);
        let name = names.entry(id.to_owned()).or_insert_with(|| at.person(id));
        patients.push(format!("<a href=\"{}\">{name}</a>", link("/audit", &[("patient", id)])));
    }
    let more = found.patients.len().saturating_sub(NAMES) + found.unnamed;
    if more > 0 {
        patients.push(format!("and {more} more"));
    }
    let ended = match event.outcome {
        Ended::Served => String::new(),
        Ended::Refused => format!(" <span class=\"mark\">refused, {}</span>", event.status),
        Ended::Failed => format!(" <span class=\"mark bad\">failed, {}</span>", event.status),
    };
    let asked = if event.asked.is_empty() { event.about.first().map_or("", String::as_str) } else { &event.asked };
    // A command is known by its words, which say more than what it wrote.
    let is_command = !event.place.is_empty() && !event.place.contains(char::is_uppercase);
    let asked = if is_command { format!("{} {}", event.place, event.asked) } else { asked.to_owned() };
    Ok(vec![
        words::time(found.at),
        format!("{who}<br><small>{}</small>", escape(&words::roles(&event.roles))),
        looked::why(found),
        format!(
            "{}{ended}<br><small>{}</small>",
            words::deed(event.deed),
            escape(&asked.chars().take(90).collect::<String>())
        ),
        patients.join("<br>"),
        format!("<small>{}</small>", found.position.0),
    ])
}

/// `GET /audit.csv`: the same as a file.
pub fn csv(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadAudit, |at| {
        shared.vault.check_reviews_audit(&at.seat.visit)?;
        let page = shared.vault.audit(&at.seat.visit, &Wanted { count: FILE_MAX, ..wanted(at)? })?;
        let mut text = report::header();
        for found in &page.found {
            text.push_str(&report::line(found, &shared.vault.who(&found.event.account)?.name));
        }
        if let Some(next) = page.next {
            text.push_str(&format!("more below entry {}: ask for a shorter period\r\n", next.0));
        }
        let mut answer = plain(StatusCode::OK, "text/csv; charset=utf-8", text);
        let name = HeaderValue::from_static("attachment; filename=\"audit.csv\"");
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
        Ok(answer)
    })
}
