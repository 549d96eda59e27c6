//! Batches and transactions: many interactions in one request (R4 http section 3.1.0.11).

use super::route::{self, Target};
use super::{Asked, Call, read, write};
use crate::answer::{Outcome, json};
use crate::body::gets;
use crate::memory::full;
use crate::server::{Shared, too_slow};
use axum::http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use vault::Error;
use vault::exchange::{self, Answer, Several, Terms};

/// Once the answers to a bundle's GET entries take this many bytes, the rest are refused.
const ANSWERS_BYTES_MAX: usize = 16 << 20;

/// What a GET entry is expected to read.
const READ_BYTES: usize = 64 << 10;

/// Carries out the bundle in the body.
pub fn answer(shared: &Shared, asked: &Asked<'_>) -> Outcome {
    asked.all_taken()?;
    let bundle = write::resource(asked)?;
    if bundle.text("resourceType") != Some("Bundle") {
        let message = "only a Bundle of type batch or transaction is taken at the base; \
                       send a resource to [base]/Type instead";
        return Err(Refusal::new(Kind::Malformed, "structure", message).into());
    }
    let read = Cell::new(0);
    let clock = shared.vault.clock();
    let until =
        clock.now().0.saturating_add(i64::try_from(shared.settings.request_timeout.as_millis()).unwrap_or(i64::MAX));
    let get = |entry: &exchange::Asked<'_>| {
        if read.get() >= ANSWERS_BYTES_MAX {
            return Ok(Answer::refused(too_much()));
        }
        // Nobody waits for the answer any more; what is left would only keep others waiting.
        if clock.now().0 > until {
            return Ok(Answer::refused(too_slow()));
        }
        let answer = get(shared, asked, entry)?;
        read.set(read.get() + answer.body.as_ref().map_or(0, |body| body.len()));
        let mut room = asked.call.room.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(if room.grow(&shared.memory.bundles, read.get()) { answer } else { Answer::refused(full()) })
    };
    let several = Several::up_to(shared.settings.conditional_deletes_max);
    let terms = Terms { get: &get, several, base: &shared.base };
    let answers = exchange::bundle(&shared.vault, &asked.call.visit, bundle, terms)?;
    let out = answers.into_bytes(&shared.base, asked.prefer.give.unwrap_or_default());
    Ok(json(StatusCode::OK, asked.printed(Bytes::from(out))))
}

/// How much a bundle's GET entries will read, as far as can be told from outside.
pub fn read_bytes(parts: &Parts, body: &[u8]) -> usize {
    if super::below_base(parts.uri.path()).is_none_or(|path| !path.trim_matches('/').is_empty()) {
        return 0;
    }
    gets(body).saturating_mul(READ_BYTES).min(ANSWERS_BYTES_MAX)
}

fn too_much() -> Refusal {
    let message = format!(
        "the entries before this one fill the {} MiB that the answers to one bundle may take; ask in several requests",
        ANSWERS_BYTES_MAX >> 20
    );
    Refusal::new(Kind::TooCostly, "too-costly", message)
}

/// Answers a GET entry as the same request on its own would be.
fn get(shared: &Shared, asked: &Asked<'_>, entry: &exchange::Asked<'_>) -> Result<Answer, Error> {
    let url = entry.url.strip_prefix(shared.base.as_str()).unwrap_or(entry.url).trim_start_matches('/');
    asked.call.visit.ask_more(url);
    let conditional = entry.if_none_match.is_some() || entry.if_modified_since.is_some();
    if let (false, Some(Target::Instance(key))) = (conditional, route::target(url)) {
        return match shared.vault.read(&asked.call.visit, key.resource_type, key.id, None)? {
            Some(version) if version.deleted => Ok(Answer::refused(read::gone(key))),
            Some(version) => Ok(found(version, entry.method)),
            None => Ok(Answer::refused(super::not_found(key))),
        };
    }
    let call = call(asked, entry, url)?;
    let response = super::answer(shared, &call)?;
    let status = response.status().as_u16();
    let body = Some(response.into_body()).filter(|body| !body.is_empty() && entry.method != "HEAD");
    Ok(Answer { status, version: None, body: body.map(|body| Arc::from(&body[..])), findings: Vec::new() })
}

fn found(version: vault::Version, method: &str) -> Answer {
    let body = (method != "HEAD").then(|| version.body.clone());
    Answer { status: 200, version: Some(version), body, findings: Vec::new() }
}

fn call(asked: &Asked<'_>, entry: &exchange::Asked<'_>, url: &str) -> Result<Call, Refusal> {
    let mut request = Request::builder().method(entry.method).uri(format!("/fhir/{url}"));
    if let Some(tag) = entry.if_none_match {
        request = request.header(IF_NONE_MATCH, tag);
    }
    if let Some(date) = entry.if_modified_since {
        request = request.header(IF_MODIFIED_SINCE, date);
    }
    if asked.prefer.strict {
        request = request.header("prefer", "handling=strict");
    }
    let request = request.body(()).map_err(|_| {
        Refusal::new(
            Kind::Malformed,
            "value",
            "a GET entry's url is no address relative to the base, such as Patient/1",
        )
    })?;
    Ok(Call {
        parts: request.into_parts().0,
        body: Bytes::new(),
        visit: asked.call.visit.clone(),
        room: Mutex::default(),
    })
}
