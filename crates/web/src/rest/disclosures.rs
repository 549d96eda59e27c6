//! Disclosures as operations on a patient: recording, accounting, requests and their clock, suspensions, recipients
//! (45 CFR 164.528; 42 CFR 2.25).

use super::glass::{parameters, posted};
use super::route::{Key, Target};
use super::{Asked, inputs};
use crate::answer::{Outcome, plain};
use crate::server::Shared;
use axum::http::{Method, StatusCode};
use base::refusal::{Kind, Refusal};
use fhir::json::{Json, Object};
use vault::access::Action;
use vault::access::audit::Deed;
use vault::access::disclosures::{letter, reading, report};

/// The operations on one patient.
const ON_PATIENT: [&str; 10] = [
    "record-disclosure",
    "disclosures",
    "recipients",
    "accounting-of-disclosures",
    "request-accounting",
    "accounting-requests",
    "change-request",
    "suspend-accounting",
    "resume-accounting",
    "accounting-suspensions",
];

/// Whether an operation of a patient is one of these.
pub fn is_ours(name: &str) -> bool {
    ON_PATIENT.contains(&name)
}

/// What one of them does, in the words of the audit.
pub fn deed(name: &str, method: &Method) -> Deed {
    match name {
        "record-disclosure" | "suspend-accounting" | "resume-accounting" => Deed::RecordDisclosure,
        _ if *method == Method::POST => Deed::Accounting,
        _ => Deed::ReadDisclosures,
    }
}

/// Whether it can be had as a letter.
pub fn has_letter(target: Target<'_>) -> bool {
    matches!(target, Target::Operation(Key { resource_type: "Patient", .. }, "accounting-of-disclosures"))
}

/// Answers `Patient/1/$name`.
pub fn on_patient(shared: &Shared, mut asked: Asked<'_>, key: Key<'_>, name: &str) -> Outcome {
    let (vault, visit, today) = (&shared.vault, asked.call.visit.clone(), shared.vault.today());
    let posts = asked.call.parts.method == Method::POST;
    vault.check_accountable(&visit, action(name, posts), key.id)?;
    inputs::merge(&mut asked)?;
    let words = std::mem::take(&mut asked.pairs);
    known(name, &words)?;
    let one = |name: &str| reading::Words::one(words.as_slice(), name).unwrap_or_default();
    let told = |name: &str, of: &Json<'_>| vec![parameter(name, of)];
    let list = match name {
        "record-disclosure" => {
            posted(&asked)?;
            let disclosure = reading::disclosure(key.id, &words, today)?;
            let kept = vault.record_disclosure(&visit, disclosure)?;
            told("disclosure", &report::series(&report::single(&kept)))
        }
        "disclosures" => {
            let all = vault.disclosures(&visit, key.id)?;
            all.iter().map(|one| parameter("disclosure", &report::series(&report::single(one)))).collect()
        }
        "recipients" => {
            let consent = Some(one("consent")).filter(|consent| !consent.is_empty());
            let all = vault.recipients(&visit, key.id, consent)?;
            all.iter().map(|one| parameter("recipient", &report::recipient(one))).collect()
        }
        "accounting-of-disclosures" => {
            let (ask, request) = (reading::ask(&words)?, Some(one("request")).filter(|id| !id.is_empty()));
            let mut list = Vec::new();
            let accounting = if posts {
                let (accounting, kept) = vault.provide_accounting(&visit, key.id, ask, request)?;
                list.push(parameter("request", &report::request(&kept, today)));
                accounting
            } else {
                vault.accounting(&visit, key.id, ask)?
            };
            if asked.wants_text {
                return Ok(plain(StatusCode::OK, "text/plain; charset=utf-8", letter::letter(&accounting)));
            }
            list.insert(0, parameter("accounting", &report::accounting(&accounting)));
            list
        }
        "request-accounting" => {
            posted(&asked)?;
            let request = vault.request_accounting(&visit, key.id, reading::ask(&words)?)?;
            told("request", &report::request(&request, today))
        }
        "accounting-requests" => {
            let all = vault.accounting_requests(&visit, key.id)?;
            all.iter().map(|one| parameter("request", &report::request(one, today))).collect()
        }
        "change-request" => {
            posted(&asked)?;
            let request = vault.step_request(&visit, key.id, one("id"), &reading::step(&words)?)?;
            told("request", &report::request(&request, today))
        }
        "suspend-accounting" => {
            posted(&asked)?;
            let (suspension, until) = reading::suspension(key.id, &words, today)?;
            let suspension = vault.suspend_accounting(&visit, suspension, until)?;
            told("suspension", &report::suspension(&suspension, today))
        }
        "resume-accounting" => {
            posted(&asked)?;
            let suspension = vault.resume_accounting(&visit, key.id, one("id"))?;
            told("suspension", &report::suspension(&suspension, today))
        }
        _ => {
            let all = vault.suspensions(&visit, key.id)?;
            all.iter().map(|one| parameter("suspension", &report::suspension(one, today))).collect()
        }
    };
    Ok(parameters(&asked, list))
}

/// What somebody must be permitted, so that nothing is said to others.
fn action(name: &str, posts: bool) -> Action {
    match name {
        "record-disclosure" | "disclosures" => Action::RecordDisclosure,
        "suspend-accounting" | "resume-accounting" | "accounting-suspensions" => Action::RecordDisclosure,
        "accounting-of-disclosures" if posts => Action::RecordDisclosure,
        _ => Action::Account,
    }
}

/// `GET $accounting-requests`: all that wait for their answer.
pub fn waiting(shared: &Shared, asked: &Asked<'_>) -> Outcome {
    asked.all_taken()?;
    let today = shared.vault.today();
    let all = shared.vault.open_accounting_requests(&asked.call.visit)?;
    Ok(parameters(asked, all.iter().map(|one| parameter("request", &report::request(one, today))).collect()))
}

/// `POST $record-protocol`: research about 50 people or more.
pub fn protocol(shared: &Shared, mut asked: Asked<'_>) -> Outcome {
    posted(&asked)?;
    shared.vault.check_records_disclosures(&asked.call.visit)?;
    inputs::merge(&mut asked)?;
    let words = std::mem::take(&mut asked.pairs);
    known("record-protocol", &words)?;
    let kept = shared.vault.record_protocol(&asked.call.visit, reading::protocol(&words)?)?;
    let id = Json::object([("name", Json::string("id")), ("valueString", Json::string(kept.id))]);
    Ok(parameters(&asked, vec![id]))
}

/// Refuses a word that an operation does not know: left out in silence, it would be missing in the accounting.
fn known(name: &str, words: &[(String, String)]) -> Result<(), Refusal> {
    let known: &[&str] = match name {
        "record-disclosure" => {
            &["recipient", "address", "what", "purpose", "basis", "channel", "date", "resource", "consent"]
        }
        "record-protocol" => &["name", "describes", "what", "from", "until", "sponsor", "researcher", "people"],
        "recipients" => &["consent"],
        "accounting-of-disclosures" => &["law", "start", "end", "request"],
        "request-accounting" => &["law", "start", "end"],
        "change-request" => &["id", "step", "until", "reason", "cents"],
        "suspend-accounting" => &["agency", "basis", "statement", "written", "date", "until"],
        "resume-accounting" => &["id"],
        _ => &[],
    };
    if words.iter().all(|(name, _)| known.contains(&name.as_str())) {
        return Ok(());
    }
    let message = match known {
        [] => "this operation takes no parameters; leave them out".to_owned(),
        known => format!("this operation knows these parameters only: {}", known.join(", ")),
    };
    Err(Refusal::new(Kind::Malformed, "not-supported", message))
}

/// What the vault says of something, as a parameter with parts.
fn parameter(name: &str, of: &Json<'_>) -> Json<'static> {
    let members = of.as_object().into_iter().flat_map(Object::iter);
    let parts: Vec<Json<'static>> = members.flat_map(|(name, value)| part(name, value)).collect();
    Json::object([("name", Json::string(name.to_owned())), ("part", Json::Array(parts))])
}

/// One part a value; a list is as many parts of one name. FHIR has no empty strings.
fn part(name: &str, value: &Json<'_>) -> Vec<Json<'static>> {
    let of = |kind: &'static str, value: Json<'static>| {
        vec![Json::object([("name", Json::string(name.to_owned())), (kind, value)])]
    };
    match value {
        Json::String(text) if text.is_empty() => Vec::new(),
        Json::String(text) => of("valueString", Json::string(text.to_string())),
        Json::Number(number) => of("valueDecimal", Json::number(number)),
        Json::Bool(value) => of("valueBoolean", Json::Bool(*value)),
        Json::Array(items) => items.iter().flat_map(|item| part(name, item)).collect(),
        Json::Object(_) => vec![parameter(name, value)],
        Json::Null => Vec::new(),
    }
}
