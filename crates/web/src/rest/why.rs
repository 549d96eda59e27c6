//! `$why`: why the caller can or cannot see a resource, by which policy, label and consent.
//!
//! About what the caller may not see it says the same as about what does not exist.

use super::Asked;
use super::route::Key;
use crate::answer::{Outcome, json, plain};
use crate::server::Shared;
use axum::http::StatusCode;
use fhir::json::Json;

/// Answers `Observation/9/$why`, as Parameters or, for who asks for it, as plain text.
pub fn answer(shared: &Shared, asked: &Asked<'_>, key: Key<'_>) -> Outcome {
    asked.all_taken()?;
    let why = shared.vault.why(&asked.call.visit, key.resource_type, key.id)?;
    if asked.wants_text {
        return Ok(plain(StatusCode::OK, "text/plain; charset=utf-8", why.text));
    }
    let parameter = |name: &str, member: &'static str, value: Json<'static>| {
        Json::object([("name", Json::string(name)), (member, value)])
    };
    let mut list = vec![
        parameter("permitted", "valueBoolean", Json::Bool(why.permitted)),
        parameter("explanation", "valueString", Json::string(why.text)),
    ];
    list.extend(why.policies.into_iter().map(|id| parameter("policy", "valueString", Json::string(id))));
    let body = Json::object([("resourceType", Json::string("Parameters")), ("parameter", Json::Array(list))]);
    Ok(json(StatusCode::OK, asked.printed(body.to_bytes().into())))
}
