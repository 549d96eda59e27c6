//! Release for programs: operations that answer what the pages show, from the same functions.

use super::case::{Case, tasks};
use super::package::{Package, numbered};
use super::recall::recalls;
use super::request::Request;
use super::work::{self, Done};
use crate::due::due;
use crate::parameters::{answer, known, list, parameter};
use base::day::Day;
use fhir::json::Json;
use vault::Error;
use vault::access::audit::Deed;
use vault::access::disclosures::reading::Words;
use web::room::{Answer, Call, Operation};

const fn operation(
    name: &'static str,
    on: Option<&'static str>,
    deed: Deed,
    posts: bool,
    answer: web::room::Answers,
) -> Operation {
    Operation { name, on, deed, posts, answer }
}

/// All of them. A request is also noted by creating its Task.
pub const OPERATIONS: &[Operation] = &[
    operation("due", None, Deed::Search, false, all_due),
    operation("request-release", None, Deed::Create, true, request),
    operation("release-requests", None, Deed::Search, false, own),
    operation("release", Some("Task"), Deed::Read, false, show),
    operation("release-step", Some("Task"), Deed::Operation, true, step),
    operation("release-deliver", Some("Task"), Deed::Disclose, true, deliver),
    operation("release-recall", None, Deed::Search, false, recall),
];

fn all_due(call: &Call<'_>) -> Result<Answer, Error> {
    known(call, &[])?;
    Ok(list("due", due(call.vault, call.visit)?.iter().map(crate::due::Due::json)))
}

fn request(call: &Call<'_>) -> Result<Answer, Error> {
    known(
        call,
        &[
            "patient",
            "what",
            "received",
            "type",
            "start",
            "end",
            "via",
            "requester",
            "contact",
            "recipient",
            "address",
            "purpose",
            "form",
            "route",
        ],
    )?;
    let request = work::take_in(call.vault, call.visit, &call.words)?;
    Ok(list("request", [told(&request)]))
}

fn own(call: &Call<'_>) -> Result<Answer, Error> {
    known(call, &["patient"])?;
    let patient = call.words.as_slice().one("patient").map(|id| id.strip_prefix("Patient/").unwrap_or(id).to_owned());
    let all = tasks(call.vault, call.visit, patient.as_deref())?;
    Ok(list("request", all.iter().filter_map(Request::read).map(|request| told(&request))))
}

fn show(call: &Call<'_>) -> Result<Answer, Error> {
    known(call, &["route", "type", "start", "end", "but"])?;
    let case = Case::find(call.vault, call.visit, call.id)?;
    let package = case.route().map(|_| work::preview(call.vault, call.visit, &case, &call.words)).transpose()?;
    let mut all = vec![("request", told(&case.request)), ("state", stands(&case))];
    all.extend(package.map(|package| ("package", contents(&package))));
    Ok(answer(all.into_iter().map(|(name, of)| parameter(name, &of)).collect()))
}

fn step(call: &Call<'_>) -> Result<Answer, Error> {
    let what = call.words.as_slice().one("step").unwrap_or_default();
    let Done { case, says } = work::step(call.vault, call.visit, call.id, what, &call.words)?;
    let said = Json::object([("text", Json::string(says))]);
    let all = [("said", said), ("request", told(&case.request)), ("state", stands(&case))];
    Ok(answer(all.iter().map(|(name, of)| parameter(name, of)).collect()))
}

fn deliver(call: &Call<'_>) -> Result<Answer, Error> {
    known(call, &["channel", "password"])?;
    let (_, receipt) = work::deliver(call.vault, call.visit, call.id, &call.words, work::HTTP_BYTES_MAX)?;
    Ok(Answer::File(receipt.name, "application/zip", receipt.bytes))
}

fn recall(call: &Call<'_>) -> Result<Answer, Error> {
    known(call, &["patient"])?;
    let text = |text: &str| Json::string(text.to_owned());
    let patient = call.words.as_slice().one("patient").map(|id| id.strip_prefix("Patient/").unwrap_or(id));
    let all = recalls(call.vault, call.visit, patient)?;
    let told = all.iter().map(|one| {
        Json::object([
            ("request", text(&one.request)),
            ("patient", text(&format!("Patient/{}", one.patient))),
            ("recipient", text(&one.recipient)),
            ("on", text(&one.on.to_string())),
            ("about", text(&one.about)),
            ("sent", Json::number(one.sent)),
            ("now", Json::number(one.now)),
            ("withdrawn", Json::Bool(one.is_withdrawn)),
        ])
    });
    Ok(list("recall", told))
}

/// What is asked, for programs.
#[must_use]
pub fn told(request: &Request) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let mut members = vec![
        ("id", text(&request.id)),
        ("patient", text(&format!("Patient/{}", request.patient))),
        ("status", text(&request.status)),
        ("received", text(&Day::at(request.received).to_string())),
        ("what", text(&request.what)),
    ];
    for name in ["via", "requester", "recipient", "purpose", "form", "route"] {
        members.push((name, text(request.text(name))));
    }
    Json::object(members)
}

/// What was decided, for programs.
#[must_use]
pub fn stands(case: &Case) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let mut members = vec![("next", text(case.next()))];
    members.extend(case.due().map(|due| ("due", text(&due.to_string()))));
    members.extend(case.clock().map(|clock| ("source", text(clock.duty.source))));
    members.extend(case.state.claimed.as_deref().map(|by| ("claimed", text(by))));
    if let Some(decided) = &case.state.decided {
        let terms = decided.route.terms();
        members.extend([
            ("route", text(decided.route.code())),
            ("law", text(terms.source)),
            ("goes", text(terms.minimum.words())),
            ("decidedBy", text(&decided.by)),
        ]);
    }
    members.extend(case.state.cents.map(|cents| ("feeCents", Json::number(cents))));
    members.extend(case.state.looked.as_ref().map(|looked| ("secondLook", text(&looked.by))));
    members.extend(case.state.refused.as_ref().map(|refused| ("refused", text(refused.ground.code()))));
    members.extend(case.state.delivered.as_ref().map(|delivered| ("manifest", text(&delivered.manifest))));
    Json::object(members)
}

/// What would go and what stays, for programs.
#[must_use]
pub fn contents(package: &Package) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let goes = package.items.iter().map(|item| text(&numbered(&item.version)));
    let stays = package.left_out.iter().map(|one| text(&format!("{}: {}", one.about, one.why)));
    let foreign =
        package.foreign.iter().map(|one| text(&format!("{}: {}: {}", one.version, one.place, one.sign.words())));
    let sensitive = package.sensitive().map(|item| text(&numbered(&item.version)));
    Json::object([
        ("goes", Json::Array(goes.collect())),
        ("stays", Json::Array(stays.collect())),
        ("sensitive", Json::Array(sensitive.collect())),
        ("foreign", Json::Array(foreign.collect())),
    ])
}
