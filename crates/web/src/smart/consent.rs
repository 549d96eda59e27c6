//! The page on which a person agrees to what an app asks for, or does not. They choose what it may do, and whose chart.

use super::people::{self, Choice};
use super::request::{Request, Wrong};
use super::{Place, form_of, send_to};
use crate::answer::{Outcome, plain};
use crate::server::Shared;
use crate::sign_in::Asked;
use crate::sign_in::forms::Form;
use crate::sign_in::html::{escape, field, lead_to, page as html_page};
use crate::sign_in::seat::{Seat, Seated, noted, present, seated, take};
use crate::sign_in::see_other;
use aws_lc_rs::digest;
use axum::http::{HeaderMap, Method, StatusCode};
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::search::query::url;
use vault::Error;
use vault::access::apps::{Agreed, Launch};
use vault::access::audit::Deed;
use vault::access::scopes::{Interaction, Scope, Scopes, Word};

/// Kinds of records that a person can choose one by one where an app asks for all (US Core's and those around them).
const KINDS: [&str; 24] = [
    "Patient",
    "AllergyIntolerance",
    "Appointment",
    "CarePlan",
    "CareTeam",
    "Condition",
    "Coverage",
    "Device",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Goal",
    "Immunization",
    "MedicationDispense",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Practitioner",
    "Procedure",
    "Provenance",
    "QuestionnaireResponse",
    "RelatedPerson",
    "ServiceRequest",
    "Specimen",
];

/// `GET` and `POST /smart/authorize`: an app sends a person here.
pub fn authorize(shared: &Shared, asked: &Asked) -> Outcome {
    let form = match asked.parts.method {
        Method::POST => form_of(asked)?,
        _ => asked.query()?,
    };
    if let Err(wrong) = Request::read(shared, &form) {
        return tell(shared, wrong);
    }
    let to = page_of(&Request::seal(shared, &form));
    if begins_here(&asked.parts.headers) {
        return Ok(see_other(&to));
    }
    // Cookies do not come along on a way that began at another site: this page begins a new one (SameSite=Strict).
    let to = escape(&to);
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Chartroom</title>\
         <meta http-equiv=\"refresh\" content=\"0; url={to}\"></head>\
         <body><p><a href=\"{to}\">Go on</a></p></body></html>\n"
    );
    Ok(plain(StatusCode::OK, "text/html; charset=utf-8", body))
}

/// Whether a request did not begin at another site. Programs and old browsers say nothing.
fn begins_here(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    matches!(site, None | Some("same-origin" | "none"))
}

fn page_of(sealed: &str) -> String {
    let mut to = format!("{}?r=", Place::Consent.path());
    url::encode(sealed, &mut to);
    to
}

/// What is wrong: to the app, or here.
fn tell(shared: &Shared, wrong: Wrong) -> Outcome {
    match wrong {
        Wrong::Here(error) => Err(error),
        Wrong::There { to, error, why } => send_to(&to.error(shared, error, &why)),
    }
}

/// `GET /smart/consent`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let query = asked.query()?;
        let sealed = query.text("r");
        let request = match Request::unseal(shared, sealed) {
            Ok(request) => request,
            Err(wrong) => return tell(shared, wrong),
        };
        let launch = match launch_of(shared, &seat, &request) {
            Ok(launch) => launch,
            Err(refusal) => return send_to(&request.reply().error(shared, "invalid_request", &said(&refusal))),
        };
        let choice = match (&launch, request.scopes.needs_patient()) {
            (None, true) => Some(people::choice(shared, &seat, query.text("find"))?),
            _ => None,
        };
        let people = match (&launch, &choice) {
            (Some(launch), _) => people::settled(shared, &seat, &launch.patient)?,
            (None, Some(choice)) => choice.list(),
            (None, None) => String::new(),
        };
        draw(shared, &seat, &request, sealed, choice.as_ref(), &people)
    })
}

fn draw(
    shared: &Shared,
    seat: &Seat,
    request: &Request,
    sealed: &str,
    choice: Option<&Choice>,
    people: &str,
) -> Outcome {
    let app = escape(request.app.name());
    let host = request.redirect.split('/').nth(2).filter(|host| !host.is_empty()).unwrap_or(&request.redirect);
    let hidden = [field("csrf", &seat.sign(shared)), field("r", sealed)].concat();
    let finder = choice.map(|choice| choice.finder(sealed)).unwrap_or_default();
    let what: String = request.scopes.resources().map(line_of).collect();
    let words: String = request.scopes.words().map(word_line).collect();
    let can_agree = choice.is_none_or(Choice::has_somebody);
    let allow = if can_agree { "<button name=\"decision\" value=\"allow\">Let it</button> " } else { "" };
    let body = format!(
        "<h1>{app} asks for your agreement</h1>\
         <p>It is a program of others, at <code>{}</code>. It acts in your name, and sees nothing that you may not see. \
         You can end this at any time under <a href=\"{}\">apps</a>.</p>{finder}\
         <form method=\"post\" action=\"{}\">{hidden}{people}\
         <h2>What it may do</h2>{what}<h2>What else it wants</h2>{words}\
         {allow}<button class=\"plain\" name=\"decision\" value=\"deny\" formnovalidate>Do not</button></form>",
        escape(host),
        Place::Agreed.path(),
        Place::Consent.path()
    );
    let mut answer = html_page(shared, StatusCode::OK, "An app asks", Some(seat), &body);
    lead_to(&mut answer, [request.redirect.as_str()]);
    Ok(answer)
}

/// A scope as a person reads it, to tick; where it is for all kinds of records, single ones can be chosen instead.
fn line_of(scope: &Scope) -> String {
    let deeds: Vec<&str> = scope.interactions.iter().map(Interaction::words).collect();
    let kind = scope.resource_type.as_deref().map_or("all kinds of records".to_owned(), escape);
    let only =
        if scope.filter.is_empty() { String::new() } else { format!(" (only <code>{}</code>)", escape(&scope.filter)) };
    let words = format!("{}: <b>{kind}</b> {}{only}", deeds.join(", "), scope.level.words());
    let whole = tick(&scope.to_string(), &words, true);
    if scope.resource_type.is_some() {
        return whole;
    }
    let single = KINDS.iter().filter_map(|kind| Some((scope.narrowed_to(kind)?.to_string(), *kind)));
    let single: String = single.map(|(value, kind)| tick(&value, kind, false)).collect();
    format!(
        "{whole}<details><summary>Only some kinds: take the tick away above, and set some here</summary>{single}</details>"
    )
}

fn word_line(word: Word) -> String {
    tick(word.code(), word.words(), true)
}

fn tick(value: &str, words: &str, is_set: bool) -> String {
    let set = if is_set { " checked" } else { "" };
    format!(
        "<label class=\"choice\"><input type=\"checkbox\" name=\"may\" value=\"{}\"{set}> {words}</label>",
        escape(value)
    )
}

/// `POST /smart/consent`.
pub fn decide(shared: &Shared, asked: &Asked) -> Outcome {
    let form = Form::read(&asked.body)?;
    if present(shared, asked)?.is_none() {
        // Signing in leads to the page again: what was ticked is not kept.
        let mut to = "/sign-in?return=".to_owned();
        url::encode(&page_of(form.text("r")), &mut to);
        return Ok(see_other(&to));
    }
    // Who still has to set up a second factor agrees to nothing.
    let seat = match take(shared, asked)? {
        Seated::Here(seat) => seat,
        Seated::Away(answer) => return Ok(answer),
    };
    noted(shared, asked, seat, |seat| {
        form.check(shared, &seat.session.id)?;
        let request = match Request::unseal(shared, form.text("r")) {
            Ok(request) => request,
            Err(wrong) => return tell(shared, wrong),
        };
        answer_once(shared, form.text("r"))?;
        match agree(shared, &seat, &request, &form) {
            Ok(code) => send_to(&request.reply().code(shared, &code)),
            Err(Error::Refusal(refusal)) => {
                // The app is told, and the audit too: the answer's status does not say it.
                seat.visit.turned_out(Deed::Decline);
                seat.visit.ask_more("access_denied");
                send_to(&request.reply().error(shared, "access_denied", &said(&refusal)))
            }
            Err(error) => Err(error),
        }
    })
}

/// Takes a sealed request: whoever sends the form twice has answered the first time.
fn answer_once(shared: &Shared, sealed: &str) -> Result<(), Refusal> {
    let name = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, sealed.as_bytes()));
    if shared.smart.answered.use_up(&name, shared.vault.clock().now()) {
        return Ok(());
    }
    let message = "this was answered already; go back to the app, and start again there if nothing came of it";
    Err(Refusal::new(Kind::Conflict, "conflict", message))
}

fn agree(shared: &Shared, seat: &Seat, request: &Request, form: &Form) -> Result<String, Error> {
    if form.text("decision") != "allow" {
        return Err(denied("the person did not agree").into());
    }
    let launch = launch_of(shared, seat, request)?;
    let chosen: Vec<&str> = form.fields().filter(|(name, _)| name == "may").map(|(_, value)| value.as_str()).collect();
    let scopes = Scopes::parse(&chosen.join(" ")).within(&request.scopes);
    if scopes.is_empty() {
        return Err(denied("the person agreed to nothing of what was asked").into());
    }
    let patient = match &launch {
        Some(launch) => Some(launch.patient.clone()),
        None if scopes.needs_patient() => Some(form.text("patient").to_owned()),
        None => None,
    };
    if let Some(patient) = &patient {
        let found = shared.vault.read(&seat.visit, "Patient", patient, None)?;
        found.filter(|version| !version.deleted).ok_or_else(|| denied("nobody was chosen whom it is to be about"))?;
    }
    let agreed = Agreed {
        client: request.app.id.clone(),
        scopes,
        patient,
        encounter: launch.as_ref().and_then(|launch| launch.encounter.clone()),
        has_banner: launch.is_some(),
        redirect: request.redirect.clone(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        launch: launch.map(|launch| launch.id),
    };
    shared.vault.agree(&seat.visit, &seat.session, agreed)
}

/// The launch a request came from, if it came from one.
fn launch_of(shared: &Shared, seat: &Seat, request: &Request) -> Result<Option<Launch>, Refusal> {
    let word = request.launch.as_deref();
    word.map(|word| shared.vault.launch(&seat.visit, &request.app.id, word)).transpose()
}

fn said(refusal: &Refusal) -> String {
    refusal.findings.first().map(|finding| finding.message.clone()).unwrap_or_default()
}

fn denied(message: &str) -> Refusal {
    Refusal::new(Kind::Forbidden, "forbidden", message)
}
