//! Amendments for programs: operations that answer what the pages show, from the same functions.

use super::case::{Answer as Decided, Case};
use super::request::{CODE, Request};
use super::work::{self, Done};
use crate::parameters::{answer, known, list, parameter};
use crate::task::{tasks, text};
use base::day::Day;
use fhir::json::Json;
use vault::Error;
use vault::access::audit::Deed;
use vault::access::disclosures::reading::Words;
use web::room::{Answer, Call, Operation};

/// All of them.
pub const OPERATIONS: &[Operation] = &[
    Operation { name: "request-amendment", on: None, deed: Deed::Create, posts: true, answer: request },
    Operation { name: "amendment-requests", on: None, deed: Deed::Search, posts: false, answer: all },
    Operation { name: "amendment", on: Some("Task"), deed: Deed::Read, posts: false, answer: show },
    Operation { name: "amendment-step", on: Some("Task"), deed: Deed::Operation, posts: true, answer: step },
    Operation { name: "amendment-statement", on: Some("Task"), deed: Deed::Create, posts: true, answer: statement },
];

fn request(call: &Call<'_>) -> Result<Answer, Error> {
    known(call, &["patient", "what", "why", "record", "received", "via", "requester", "tell"])?;
    let request = work::take_in(call.vault, call.visit, &call.words)?;
    Ok(list("request", [told(&request)]))
}

fn all(call: &Call<'_>) -> Result<Answer, Error> {
    known(call, &["patient"])?;
    let patient = call.words.as_slice().one("patient").map(|id| id.strip_prefix("Patient/").unwrap_or(id).to_owned());
    let all = tasks(call.vault, call.visit, CODE, patient.as_deref())?;
    Ok(list("request", all.iter().filter_map(Request::read).map(|request| told(&request))))
}

fn show(call: &Call<'_>) -> Result<Answer, Error> {
    known(call, &[])?;
    let case = Case::find(call.vault, call.visit, call.id)?;
    let untold = case.untold(call.vault, call.visit)?;
    let all = [("request", told(&case.request)), ("state", stands(&case, &untold))];
    Ok(answer(all.iter().map(|(name, of)| parameter(name, of)).collect()))
}

fn step(call: &Call<'_>) -> Result<Answer, Error> {
    let what = call.words.as_slice().one("step").unwrap_or_default();
    let Done { case, says } = work::step(call.vault, call.visit, call.id, what, &call.words)?;
    let untold = case.untold(call.vault, call.visit)?;
    let said = Json::object([("text", text(&says))]);
    let all = [("said", said), ("request", told(&case.request)), ("state", stands(&case, &untold))];
    Ok(answer(all.iter().map(|(name, of)| parameter(name, of)).collect()))
}

fn statement(call: &Call<'_>) -> Result<Answer, Error> {
    known(call, &["says"])?;
    let statement = work::answer_back(call.vault, call.visit, call.id, &call.words)?;
    Ok(list("statement", [Json::object([("request", text(&statement.about)), ("says", text(&statement.says))])]))
}

/// What is asked, for programs.
#[must_use]
pub fn told(request: &Request) -> Json<'static> {
    Json::object([
        ("id", text(&request.id)),
        ("patient", text(&format!("Patient/{}", request.patient))),
        ("status", text(&request.status)),
        ("stands", text(&request.says)),
        ("received", text(&Day::at(request.received).to_string())),
        ("what", text(&request.what)),
        ("why", text(&request.why)),
        ("record", text(&request.record)),
        ("via", text(&request.via)),
        ("requester", text(&request.requester)),
        ("tell", text(&request.tell)),
    ])
}

/// What was decided, for programs.
#[must_use]
pub fn stands(case: &Case, untold: &[String]) -> Json<'static> {
    let texts = |all: &[String]| Json::Array(all.iter().map(|one| text(one)).collect());
    let mut members = vec![("next", text(case.next(untold).unwrap_or("nothing")))];
    members.extend(case.due().map(|due| ("due", text(&due.to_string()))));
    members.extend(case.clock().map(|clock| ("source", text(clock.duty.source))));
    members.extend(case.state.claimed.as_deref().map(|by| ("claimed", text(by))));
    match &case.state.answer {
        Some((Decided::Amended(records, how), ..)) => {
            members.extend([("amended", texts(records)), ("how", text(how)), ("untold", texts(untold))]);
            members.push(("told", texts(&case.state.told.iter().map(|(who, _)| who.clone()).collect::<Vec<_>>())));
        }
        Some((Decided::Denied(ground, explains), ..)) => {
            members.extend([
                ("denied", text(ground.code())),
                ("law", text(ground.source())),
                ("explains", text(explains)),
            ]);
        }
        None => {}
    }
    members.extend(case.statement.as_ref().map(|statement| ("statement", text(&statement.says))));
    members.extend(case.state.linked.as_deref().map(|record| ("linked", text(record))));
    Json::object(members)
}
