//! The pages: the house's queue of requests to amend with one request each, and the patient's own.

use super::case::{Answer, Case};
use super::request::{CODE, Request, VIAS};
use super::rules::Ground;
use super::work;
use crate::clocks::AMENDMENT;
use crate::notice;
use crate::speaks_for;
use crate::task::tasks;
use base::day::Day;
use std::fmt::Write;
use vault::Error;
use vault::access::Role;
use vault::access::audit::Deed;
use web::Outcome;
use web::room::{At, Page, Way, address, escape, field, line, link, see_other, table, words};

const DESK: &[Role] = &[Role::HimSpecialist];
const OWN: &[Role] = &[Role::Patient, Role::Proxy];

/// All of them.
pub const PAGES: &[Page] = &[
    Page { path: "/amendments", get: Some((Deed::Search, desk)), post: Some((Deed::Operation, act)) },
    Page { path: "/corrections", get: Some((Deed::Search, own)), post: Some((Deed::Create, ask)) },
];

/// The ways to them.
pub const WAYS: &[Way] = &[
    Way {
        path: "/amendments",
        name: "Amendments",
        does: "Requests to amend the record: amend, refuse, link what the patient says.",
        of: DESK,
    },
    Way { path: "/corrections", name: "Corrections", does: "Say that something in the record is wrong.", of: OWN },
];

fn day(day: Day) -> String {
    words::day(day.begins())
}

/// `GET /amendments`: the queue and a form; with `id` one request.
fn desk(at: &At<'_>) -> Outcome {
    if !at.text("id").is_empty() {
        return one(at, "");
    }
    let waiting = Case::waiting(at.vault(), at.visit())?;
    let mut rows = Vec::new();
    for case in &waiting {
        let next = case.next(&case.untold(at.vault(), at.visit())?).unwrap_or_default();
        rows.push(vec![
            case.due().map_or_else(|| "no day of law".to_owned(), day),
            day(Day::at(case.request.received)),
            at.person(&case.request.patient),
            escape(&case.request.what),
            format!("<a href=\"{}\">{next}</a>", link("/amendments", &[("id", &case.request.id)])),
        ]);
    }
    let list = match rows.as_slice() {
        [] => "<p>Nothing waits.</p>".to_owned(),
        _ => table(&["Due", "Received", "Patient", "What is wrong", "Next"], rows),
    };
    Ok(at.page("Amendments", &format!("<h1>Amendments</h1>{list}<h2>Note a request</h2>{}", intake(at))))
}

fn intake(at: &At<'_>) -> String {
    let vias: String = VIAS.iter().map(|via| format!("<option>{via}</option>")).collect();
    format!(
        "<form class=\"wide\" method=\"post\" action=\"/amendments\">{}<div class=\"side\">{}\
         <div><label for=\"via\">Came by</label><select id=\"via\" name=\"via\">{vias}</select></div>{}{}{}</div>{}{}\
         <button name=\"do\" value=\"note\">Note it</button></form>",
        at.sign(),
        line("patient", "Patient (id)", at.text("patient"), "required autocomplete=\"off\""),
        line("received", "Came on", "", "type=\"date\""),
        line("requester", "Who asks, if not the patient", "", ""),
        line("record", "Entry, as Type/id", "", ""),
        line("what", "What is wrong, and what should stand there", "", "required"),
        line("why", "Why", "", ""),
    )
}

/// `POST /amendments`: a request is noted, or a step is taken.
fn act(at: &At<'_>) -> Outcome {
    let (fields, does) = (at.fields(), at.text("do"));
    if does == "note" {
        let request = work::take_in(at.vault(), at.visit(), &fields)?;
        return Ok(see_other(&address("/amendments", &[("id", &request.id)])));
    }
    let done = work::step(at.vault(), at.visit(), at.text("id"), does, &fields)?;
    one(at, &done.says)
}

/// One request: what is asked, its clock, what was decided, and what can be done.
fn one(at: &At<'_>, says: &str) -> Outcome {
    let case = Case::find(at.vault(), at.visit(), at.text("id"))?;
    let untold = case.untold(at.vault(), at.visit())?;
    let note = match says {
        "" => String::new(),
        says => format!("<pre role=\"status\">{}</pre>", escape(says)),
    };
    let body = format!(
        "<h1>Request to amend</h1><div class=\"banner\"><strong>{}</strong></div>{note}{}{}",
        at.person(&case.request.patient),
        facts(at, &case, &untold)?,
        steps(at, &case, &untold),
    );
    Ok(at.page("Request to amend", &body))
}

fn facts(at: &At<'_>, case: &Case, untold: &[String]) -> Result<String, Error> {
    let mut list = String::new();
    let mut fact = |name: &str, html: &str| {
        if !html.is_empty() {
            let _ = write!(list, "<dt>{name}</dt><dd>{html}</dd>");
        }
    };
    let request = &case.request;
    fact("What is wrong", &escape(&request.what));
    fact("Why", &escape(&request.why));
    fact("Entry", &entry(&request.record));
    fact("Who asks", &escape(&request.requester));
    fact("Received", &format!("{} {}", day(Day::at(request.received)), escape(&request.via)));
    fact("Next", case.next(untold).unwrap_or("nothing"));
    if let Some(run) = case.clock() {
        fact("Due", &format!("{} ({})", case.due().map(day).unwrap_or_default(), run.duty.source));
    }
    if let Some(by) = case.state.claimed.as_deref() {
        let name = at.vault().who(by)?.name;
        fact("With", &if name.is_empty() { "the operator".to_owned() } else { escape(&name) });
    }
    match &case.state.answer {
        Some((Answer::Amended(records, how), _, on)) => {
            let records: Vec<String> = records.iter().map(|record| entry(record)).collect();
            fact("Amended", &format!("{}: {}<br>{}", day(*on), escape(how), records.join(", ")));
        }
        Some((Answer::Denied(ground, explains), _, on)) => {
            fact("Refused", &format!("{}: {} ({})<br>{}", day(*on), ground.words(), ground.source(), escape(explains)));
        }
        None => {}
    }
    if let Some(statement) = &case.statement {
        let says = match statement.says.as_str() {
            "" => "asks that request and refusal go along (45 CFR 164.526(d)(1)(iii))".to_owned(),
            says => escape(says),
        };
        fact("The patient answers", &format!("{}: {says}", words::day(statement.on)));
    }
    fact("Linked to", &case.state.linked.as_deref().map(entry).unwrap_or_default());
    for (who, on) in &case.state.told {
        fact("Told", &format!("{}, {}", escape(who), day(*on)));
    }
    fact("Asks us to tell", &escape(&request.tell));
    fact("To be told", &escape(&untold.join(", ")));
    Ok(format!("<dl>{list}</dl>"))
}

fn entry(record: &str) -> String {
    match record {
        "" => String::new(),
        record => format!("<a href=\"{}\">{}</a>", link("/entry", &[("about", record)]), escape(record)),
    }
}

fn steps(at: &At<'_>, case: &Case, untold: &[String]) -> String {
    let hidden = [at.sign(), field("id", &case.request.id)].concat();
    let form = |title: &str, inside: &str, does: &str| {
        format!(
            "<details><summary>{title}</summary><form class=\"wide\" method=\"post\" action=\"/amendments\">{hidden}{inside}\
             <button name=\"do\" value=\"{does}\">{title}</button></form></details>"
        )
    };
    let button = |title: &str, does: &str| {
        format!(
            "<form method=\"post\" action=\"/amendments\">{hidden}<button name=\"do\" value=\"{does}\">{title}</button></form>"
        )
    };
    if case.request.is_open() && case.state.claimed.is_none() {
        return button("Take it", "take");
    }
    let record = line("record", "Entries that are affected, as Type/id", &case.request.record, "required");
    if case.request.is_open() {
        let grounds: String =
            Ground::ALL.iter().map(|g| format!("<option value=\"{}\">{}</option>", g.code(), g.words())).collect();
        let deny = format!(
            "<div><label for=\"ground\">Ground</label><select id=\"ground\" name=\"ground\">{grounds}</select></div>{}{}",
            line("explains", "In plain words", "", ""),
            "<label><input type=\"checkbox\" name=\"maker-gone\" value=\"yes\"> Whoever made it cannot act any more</label>",
        );
        let extend = [
            line("reason", "Why, as they are told in writing", "", "required"),
            line("until", "Until", "", "type=\"date\""),
        ];
        return [
            form("Amend", &[record, line("how", "What was amended", "", "required")].concat(), "amend"),
            form("Refuse", &deny, "deny"),
            form("Put off, once", &extend.concat(), "extend"),
            button("Put it back", "put-back"),
            button("They take it back", "withdraw"),
        ]
        .concat();
    }
    match &case.state.answer {
        Some((Answer::Amended(..), ..)) => {
            let who = untold.first().map_or(case.request.tell.as_str(), String::as_str);
            form("Note who was told", &line("who", "Who", who, "required"), "tell")
        }
        Some((Answer::Denied(..), ..)) if case.statement.is_some() && case.state.linked.is_none() => {
            form("Link it to the entry", &[record, line("rebuttal", "Rebuttal, if any", "", "")].concat(), "link")
        }
        _ => String::new(),
    }
}

/// What stands beside an entry: the notices that are linked to it, and for the patient the way to say that it is wrong.
pub fn beside(at: &At<'_>, about: &str, patient: &str) -> Result<String, Error> {
    let kind = format!("{}|", notice::SYSTEM);
    let query = [("related", about), ("type", kind.as_str())];
    let found = at.find("DocumentReference", &query, &vault::search::Page { count: 20, ..Default::default() })?;
    let line = |version: &vault::Version| {
        let title = fhir::json::Json::parse(&version.body).ok();
        let title = title.as_ref().and_then(|document| document.text("description")).unwrap_or("Notice");
        let way = link("/entry", &[("about", &format!("DocumentReference/{}", version.id))]);
        format!("<p class=\"past\" role=\"note\"><a href=\"{way}\">{}</a></p>", escape(title))
    };
    let mut all: String = found.matches.iter().map(line).collect();
    if at.people()?.iter().any(|(id, _)| id == patient) {
        let way = link("/corrections", &[("patient", patient), ("record", about)]);
        let _ = write!(all, "<p><a href=\"{way}\">Say that this is wrong</a></p>");
    }
    Ok(all)
}

/// `GET /corrections`: the patient's own requests with what became of them, and a form for another.
fn own(at: &At<'_>) -> Outcome {
    let (patient, name) = speaks_for(at)?;
    let all = tasks(at.vault(), at.visit(), CODE, Some(&patient))?;
    let rows = all.iter().filter_map(Request::read).map(|request| {
        let due = AMENDMENT.first_end(Day::at(request.received), &Default::default());
        let says = if request.says.is_empty() { "received" } else { &request.says };
        let answer = if request.status == "rejected" { disagree(at, &patient, &request.id) } else { String::new() };
        vec![
            day(Day::at(request.received)),
            format!("{}<br><small>{}</small>", escape(&request.what), entry(&request.record)),
            format!("{}{answer}", escape(says)),
            if request.is_open() { day(due) } else { String::new() },
        ]
    });
    let list = table(&["Asked", "What is wrong", "State", "Answer by"], rows);
    let body = format!(
        "<h1>Corrections</h1><div class=\"banner\"><strong>{}</strong></div>{list}<h2>Say that something is wrong</h2><p>You get \
         an answer within 60 days. If we do not change it, we tell you why in writing, and you may say that you disagree; that \
         stays with the entry.</p><form class=\"wide\" method=\"post\" action=\"/corrections\">{}{}{}{}{}<button>Ask for the \
         correction</button></form>",
        escape(&name),
        [at.sign(), field("patient", &patient)].concat(),
        line("what", "What is wrong, and what should stand there?", "", "required"),
        line("why", "Why?", "", "required"),
        line("record", "The entry, if you know it", at.text("record"), ""),
        line("tell", "Who should be told when it is changed?", "", ""),
    );
    Ok(at.page("Corrections", &body))
}

fn disagree(at: &At<'_>, patient: &str, id: &str) -> String {
    let hidden = [at.sign(), field("patient", patient), field("id", id)].concat();
    format!(
        "<details><summary>Say that you disagree</summary><form class=\"wide\" method=\"post\" action=\"/corrections\">{hidden}\
         <div><label for=\"says-{id}\">Why you disagree</label><textarea id=\"says-{id}\" name=\"says\" rows=\"4\"></textarea>\
         </div><button name=\"do\" value=\"disagree\">Send it</button> <button class=\"plain\" name=\"do\" value=\"include\">Only \
         send my request and the refusal along</button></form></details>"
    )
}

/// `POST /corrections`: a request, or a statement of disagreement.
fn ask(at: &At<'_>) -> Outcome {
    let (patient, name) = speaks_for(at)?;
    let mut fields = at.fields();
    match at.text("do") {
        "disagree" | "include" => {
            fields.retain(|(name, _)| name == "says" && at.text("do") == "disagree");
            if fields.iter().all(|(_, says)| says.trim().is_empty()) && at.text("do") == "disagree" {
                return Err(crate::task::wrong("say why you disagree, or choose that the refusal goes along").into());
            }
            work::answer_back(at.vault(), at.visit(), at.text("id"), &fields)?;
        }
        _ => {
            fields.retain(|(name, _)| ["what", "why", "record", "tell"].contains(&name.as_str()));
            let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            fields.extend([own("patient", &patient), own("via", "portal"), own("requester", &name)]);
            work::take_in(at.vault(), at.visit(), &fields)?;
        }
    }
    Ok(see_other(&address("/corrections", &[("patient", &patient)])))
}
