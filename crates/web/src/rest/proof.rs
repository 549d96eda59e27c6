//! `$proof`: that a version stands in the log, so that anybody can check it without this server (C2SP tlog-proof).

use super::route::Key;
use super::{Asked, read};
use crate::answer::{Outcome, json, plain};
use crate::server::Shared;
use axum::http::StatusCode;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::Version;

/// Answers `Patient/1/_history/2/$proof`, without a number for the current version. A deletion can be proved too.
pub fn answer(shared: &Shared, asked: &Asked<'_>, key: Key<'_>, number: Option<u64>) -> Outcome {
    asked.all_taken()?;
    let version = read::numbered(shared, asked, key, number)?;
    let proof = shared.vault.proof(&asked.call.visit, version.position)?.ok_or_else(|| {
        Refusal::new(Kind::Unavailable, "transient", "the version's proof cannot be made yet; try again shortly")
    })?;
    if asked.wants_text {
        return Ok(plain(StatusCode::OK, "text/plain; charset=utf-8", proof));
    }
    Ok(json(StatusCode::OK, asked.printed(parameters(&version, proof).to_bytes().into())))
}

/// The proof for those who read FHIR.
fn parameters(version: &Version, proof: String) -> Json<'static> {
    let parameter = |name: &str, member: &'static str, value: Json<'static>| {
        Json::object([("name", Json::string(name)), (member, value)])
    };
    let reference = format!("{}/{}/_history/{}", version.resource_type, version.id, version.version);
    let list = vec![
        parameter("version", "valueReference", Json::object([("reference", Json::string(reference))])),
        parameter("position", "valueString", Json::string(version.position.0.to_string())),
        parameter("updated", "valueInstant", Json::string(version.updated.to_string())),
        parameter("proof", "valueString", Json::string(proof)),
    ];
    Json::object([("resourceType", Json::string("Parameters")), ("parameter", Json::Array(list))])
}
