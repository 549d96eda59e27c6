//! Writing: create, update, patch, delete and their conditional forms (R4 http sections 3.1.0.4 to 3.1.0.8).

use super::condition::Tags;
use super::negotiate::{BodyKind, body_kind, unread};
use super::route::Key;
use super::{Asked, not_allowed, outcome, url};
use crate::answer::{self, empty, json, stamp, stored};
use crate::server::Shared;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use base::finding::{Finding, Severity};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use fhir::json::Json;
use vault::exchange::{self, Return, Several};
use vault::{Error, Expect, Version, Written};

/// Writes addressed to a type: create, and what a query picks.
pub fn on_type(shared: &Shared, asked: &Asked<'_>, resource_type: &str) -> answer::Outcome {
    let visit = &asked.call.visit;
    match asked.call.parts.method {
        Method::POST => {
            asked.all_taken()?;
            let if_none_exist = if_none_exist(asked, resource_type)?;
            let resource = resource(asked)?;
            let done = exchange::create(&shared.vault, visit, resource_type, resource, if_none_exist.as_deref())?;
            Ok(written(shared, asked, done))
        }
        Method::PUT => {
            let query = condition(asked)?;
            let expect = expectation(asked, None)?;
            let done =
                exchange::conditional_update(&shared.vault, visit, resource_type, &query, resource(asked)?, expect);
            Ok(written(shared, asked, refused_if_stale(asked, done)?))
        }
        Method::PATCH => {
            let query = condition(asked)?;
            let expect = expectation(asked, None)?;
            let edit = super::patch::read(asked, shared.vault.clock().now())?;
            let done = exchange::conditional_patch(&shared.vault, visit, resource_type, &query, expect, &*edit);
            Ok(written(shared, asked, refused_if_stale(asked, done)?))
        }
        Method::DELETE => {
            let query = condition(asked)?;
            let several = Several::up_to(shared.settings.conditional_deletes_max);
            let mut gone = exchange::conditional_delete(&shared.vault, visit, resource_type, &query, several)?;
            Ok(deleted(asked, gone.pop().filter(|_| gone.is_empty())))
        }
        _ => Err(not_allowed().into()),
    }
}

/// Writes addressed to one resource.
pub fn on_instance(shared: &Shared, asked: &Asked<'_>, key: Key<'_>) -> answer::Outcome {
    let visit = &asked.call.visit;
    let Key { resource_type, id } = key;
    asked.all_taken()?;
    match asked.call.parts.method {
        Method::PUT => {
            let resource = resource(asked)?;
            let expect = expectation(asked, Some((shared, key)))?;
            let done = exchange::update(&shared.vault, visit, resource_type, id, resource, expect);
            Ok(written(shared, asked, refused_if_stale(asked, done)?))
        }
        Method::PATCH => {
            let edit = super::patch::read(asked, shared.vault.clock().now())?;
            let expect = expectation(asked, Some((shared, key)))?;
            let done = exchange::patch(&shared.vault, visit, resource_type, id, expect, &*edit);
            Ok(written(shared, asked, refused_if_stale(asked, done)?))
        }
        Method::DELETE => {
            let expect = expectation(asked, Some((shared, key)))?;
            let done = exchange::delete(&shared.vault, visit, resource_type, id, expect);
            Ok(deleted(asked, Some(refused_if_stale(asked, done)?)))
        }
        _ => Err(not_allowed().into()),
    }
}

/// The resource in the body.
pub fn resource<'c>(asked: &Asked<'c>) -> Result<Json<'c>, Refusal> {
    match body_kind(&asked.call.parts.headers)? {
        BodyKind::Fhir | BodyKind::Unsaid => tree(&asked.call.body),
        BodyKind::JsonPatch | BodyKind::Form => Err(unread()),
    }
}

/// The JSON of a body.
pub fn tree(body: &Bytes) -> Result<Json<'_>, Refusal> {
    if body.is_empty() {
        let message = "the request has no body; send the resource as application/fhir+json";
        return Err(Refusal::new(Kind::Malformed, "structure", message));
    }
    Json::parse(body)
        .map_err(|error| Refusal::new(Kind::Malformed, "structure", format!("the body is no JSON: {error}")))
}

/// The query of a conditional interaction. Without one it would mean every resource of the type.
fn condition(asked: &Asked<'_>) -> Result<String, Refusal> {
    if asked.pairs.is_empty() {
        let message = "without an id this needs a condition, such as ?identifier=system|value";
        return Err(Refusal::new(Kind::Precondition, "required", message));
    }
    Ok(url::query(&asked.pairs))
}

/// `If-None-Exist`: `identifier=x`, which some clients write with `?` or the type before it.
fn if_none_exist(asked: &Asked<'_>, resource_type: &str) -> Result<Option<String>, Refusal> {
    let Some(text) = asked.call.parts.headers.get("if-none-exist") else { return Ok(None) };
    let text = text.to_str().unwrap_or_default().trim();
    let query = match text.split_once('?') {
        Some((before, query)) if before.is_empty() || before == resource_type => query,
        Some(_) => "",
        None => text,
    };
    if url::pairs(query)?.is_empty() {
        let message = "If-None-Exist is a search such as identifier=system|value";
        return Err(Refusal::new(Kind::Malformed, "value", message));
    }
    Ok(Some(query.to_owned()))
}

/// What `If-Match` and `If-None-Match` expect of the current version (RFC 9110 section 13.1). `place` is where to look
/// when the tags leave it open; a query's match is only known later.
fn expectation(asked: &Asked<'_>, place: Option<(&Shared, Key<'_>)>) -> Result<Expect, Error> {
    let headers = &asked.call.parts.headers;
    if Tags::of(headers, header::IF_NONE_MATCH) == Some(Tags::Any) {
        return Ok(Expect::Absent);
    }
    let Some(tags) = Tags::of(headers, header::IF_MATCH) else { return Ok(Expect::Any) };
    match (&tags, place) {
        (Tags::Versions(versions), _) if versions.len() == 1 => Ok(Expect::Version(versions[0])),
        (_, Some((shared, key))) => {
            let found = shared.vault.read(&asked.call.visit, key.resource_type, key.id, None)?;
            let named = found.filter(|version| !version.deleted && tags.names(version.version));
            named.map(|version| Expect::Version(version.version)).ok_or_else(|| stale().into())
        }
        (_, None) => Err(stale().into()),
    }
}

/// A version that is not the expected one is 412 where the client named it (RFC 9110 section 13.1.1).
fn refused_if_stale<T>(asked: &Asked<'_>, done: Result<T, Error>) -> Result<T, Error> {
    let headers = &asked.call.parts.headers;
    let named = headers.contains_key(header::IF_MATCH) || headers.contains_key(header::IF_NONE_MATCH);
    match done {
        Err(Error::Refusal(refusal)) if named && is_stale(&refusal) => Err(stale().into()),
        other => other,
    }
}

/// Whether the version that was found is not the one expected.
fn is_stale(refusal: &Refusal) -> bool {
    let says_so = refusal.findings.first().is_some_and(|finding| finding.code == "conflict");
    refusal.kind == Kind::Conflict || (refusal.kind == Kind::Precondition && says_so)
}

fn stale() -> Refusal {
    let message = "the current version is not the one that If-Match or If-None-Match expects; \
                   read it, apply your change to it, and send that";
    Refusal::new(Kind::Precondition, "conflict", message)
}

fn written(shared: &Shared, asked: &Asked<'_>, done: exchange::Outcome) -> Response<Bytes> {
    let (status, said, version) = match done.written {
        Written::Created(version) => (StatusCode::CREATED, "created", version),
        Written::Updated(version) => (StatusCode::OK, "updated", version),
        Written::Unchanged(version) => (StatusCode::OK, "unchanged", version),
        Written::Deleted(version) => return deleted(asked, Some(Written::Deleted(version))),
    };
    let answer = match asked.prefer.give.unwrap_or(Return::Representation) {
        Return::Minimal => empty(status),
        Return::Representation => json(status, asked.printed(stored(&version))),
        Return::Outcome => json(status, asked.printed(report(said, done.findings))),
    };
    let mut answer = stamp(answer, &version);
    let name = if status == StatusCode::CREATED { header::LOCATION } else { header::CONTENT_LOCATION };
    if let Ok(location) = HeaderValue::from_str(&location(&shared.base, &version)) {
        answer.headers_mut().insert(name, location);
    }
    answer
}

fn deleted(asked: &Asked<'_>, gone: Option<Written>) -> Response<Bytes> {
    let version = match gone {
        Some(Written::Deleted(version)) => version,
        Some(Written::Created(v) | Written::Updated(v) | Written::Unchanged(v)) => Some(v),
        None => None,
    };
    let answer = match asked.prefer.give {
        Some(Return::Outcome) => json(StatusCode::OK, asked.printed(report("deleted", Vec::new()))),
        Some(Return::Minimal | Return::Representation) | None => empty(StatusCode::NO_CONTENT),
    };
    match version {
        Some(version) => stamp(answer, &version),
        None => answer,
    }
}

fn location(base: &str, version: &Version) -> String {
    format!("{base}/{}/{}/_history/{}", version.resource_type, version.id, version.version)
}

fn report(said: &str, mut findings: Vec<Finding>) -> Bytes {
    findings.insert(
        0,
        Finding {
            severity: Severity::Information,
            code: "informational",
            path: String::new(),
            message: format!("the resource was {said}"),
        },
    );
    Bytes::from(outcome::write(&findings))
}
