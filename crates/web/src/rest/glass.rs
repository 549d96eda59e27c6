//! Breaking the glass: one patient's chart opened in an emergency, with a reason that the patient and the privacy officer
//! read; and their review.

use super::route::Key;
use super::{Asked, inputs};
use crate::answer::{Outcome, json};
use crate::server::Shared;
use axum::http::{Method, StatusCode};
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::access::glass::Glass;

/// `POST Patient/1/$break-glass` with `reason`.
pub fn break_it(shared: &Shared, mut asked: Asked<'_>, key: Key<'_>) -> Outcome {
    posted(&asked)?;
    inputs::merge(&mut asked)?;
    let reason = asked.take("reason").unwrap_or_default();
    asked.all_taken()?;
    let glass = shared.vault.break_glass(&asked.call.visit, key.id, &reason)?;
    Ok(parameters(&asked, vec![told(&glass)]))
}

/// `GET $broken-glass`: all that were ever broken, newest first.
pub fn list(shared: &Shared, asked: &Asked<'_>) -> Outcome {
    asked.all_taken()?;
    let glasses = shared.vault.glasses(&asked.call.visit)?;
    Ok(parameters(asked, glasses.iter().map(told).collect()))
}

/// `POST $review-glass` with `id` and `finding`.
pub fn review(shared: &Shared, mut asked: Asked<'_>) -> Outcome {
    posted(&asked)?;
    inputs::merge(&mut asked)?;
    let (id, finding) = (asked.take("id").unwrap_or_default(), asked.take("finding").unwrap_or_default());
    asked.all_taken()?;
    if finding.trim().is_empty() {
        return Err(Refusal::new(Kind::Invalid, "required", "say what you found, as `finding`").into());
    }
    shared.vault.review_glass(&asked.call.visit, &id, &finding)?;
    Ok(parameters(&asked, Vec::new()))
}

/// It changes something, so that a link must not do it.
pub fn posted(asked: &Asked<'_>) -> Result<(), Refusal> {
    if asked.call.parts.method == Method::POST { Ok(()) } else { Err(super::not_allowed()) }
}

fn told(glass: &Glass) -> Json<'static> {
    let part = |name: &str, kind: &str, value: &str| {
        Json::object([
            ("name".to_owned(), Json::string(name.to_owned())),
            (kind.to_owned(), Json::string(value.to_owned())),
        ])
    };
    let mut parts = vec![
        part("id", "valueString", &glass.id),
        part("account", "valueString", &glass.account),
        part("patient", "valueString", &format!("Patient/{}", glass.patient)),
        part("reason", "valueString", &glass.reason),
        part("from", "valueInstant", &glass.from.to_string()),
        part("until", "valueInstant", &glass.until.to_string()),
    ];
    if let Some((who, finding)) = &glass.reviewed {
        parts.extend([part("reviewedBy", "valueString", who), part("finding", "valueString", finding)]);
    }
    Json::object([("name", Json::string("glass")), ("part", Json::Array(parts))])
}

/// A `Parameters` resource.
pub fn parameters(asked: &Asked<'_>, parameter: Vec<Json<'static>>) -> axum::http::Response<bytes::Bytes> {
    let mut members = vec![("resourceType", Json::string("Parameters"))];
    if !parameter.is_empty() {
        members.push(("parameter", Json::Array(parameter)));
    }
    json(StatusCode::OK, asked.printed(Json::object(members).to_bytes().into()))
}
