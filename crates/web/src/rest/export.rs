//! Bulk export over HTTP: kick-off, status, files, cancelling (Bulk Data Access 2.0).
//!
//! A job belongs to whoever started it. To everybody else it is not there, in the same words as one that never was.

use super::negotiate::{NDJSON, responds_async};
use super::{Asked, inputs, outcome};
use crate::answer::{Outcome, empty, json, plain};
use crate::bulk::{self, After, Job, Level, Part, Sending, Start, State, Wanted};
use crate::rest::condition::http_date;
use crate::server::Shared;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use base::finding::{Finding, Severity};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use fhir::json::Json;
use std::collections::BTreeSet;
use std::sync::Arc;
use vault::access::Visit;

/// How far a job is, for people.
const PROGRESS: HeaderName = HeaderName::from_static("x-progress");

/// Seconds until a client should ask again: for a job that goes on, and where there are too many.
const AGAIN: &str = "2";
const AGAIN_LATER: &str = "120";

/// Exports that a person may have at a time; a backend service may have more.
const OF_A_PERSON: usize = 2;

/// The file of what is to be said about an export.
const NOTES: &str = "OperationOutcome-1";

/// Starts an export.
pub fn kick_off(shared: &Shared, mut asked: Asked<'_>, level: Level) -> Outcome {
    if !responds_async(&asked.call.parts.headers) {
        let message = "an export is answered later: send Prefer: respond-async";
        return Err(Refusal::new(Kind::Malformed, "required", message).into());
    }
    if asked.call.parts.method != Method::POST && asked.pairs.iter().any(|(name, _)| name == "patient") {
        let message = "name patients in a Parameters resource with POST: an address is kept in many places";
        return Err(Refusal::new(Kind::Malformed, "not-supported", message).into());
    }
    // Nothing of what is asked is read for a visit that may export nothing.
    bulk::open_types(shared, &asked.call.visit)?;
    inputs::merge(&mut asked)?;
    let (visit, now) = (&asked.call.visit, shared.vault.clock().now());
    let wanted = Wanted::read(level, &asked.pairs, asked.prefer.strict)?;
    let pin = shared.vault.pin()?;
    // What can be refused is refused now, and not in a job that fails later.
    bulk::types_of(shared, visit, &wanted)?;
    bulk::whose(shared, visit, &wanted, pin)?;
    let filtered: BTreeSet<&str> = wanted.filters.iter().map(|(name, _)| name.as_str()).collect();
    for resource_type in filtered {
        bulk::query(shared, visit, &wanted, resource_type, now)?;
    }
    let kept = i64::try_from(shared.settings.exports_kept.as_millis()).unwrap_or(i64::MAX);
    let address = asked.call.parts.uri.path_and_query().map_or("", |address| address.as_str());
    let job = Arc::new(Job::new(Start {
        id: shared.vault.fresh_id(),
        owner: bulk::Owner::of(visit),
        request: format!("{}{address}", shared.settings.public_url),
        pairs: std::mem::take(&mut asked.pairs),
        wanted,
        pin,
        kept: (now, base::clock::Instant(now.0.saturating_add(kept))),
    }));
    if !shared.bulk.add(&job, most_of(shared, visit), now)? {
        return Ok(too_many());
    }
    let mut answer = empty(StatusCode::ACCEPTED);
    let address = HeaderValue::try_from(address_of(shared, &job));
    answer.headers_mut().extend(address.ok().map(|address| (header::CONTENT_LOCATION, address)));
    Ok(bulk::with(answer, After::Count(job, visit.clone())))
}

/// Exports that a visitor may have at a time.
fn most_of(shared: &Shared, visit: &Visit) -> usize {
    let is_service = visit.principal().scopes.split(' ').any(|scope| scope.starts_with("system/"));
    let most = shared.settings.exports_max;
    if is_service || visit.is_operator() { most } else { most.min(OF_A_PERSON) }
}

/// How far an export is, or where its files are.
pub fn status(shared: &Shared, asked: &Asked<'_>, id: &str) -> Outcome {
    asked.all_taken()?;
    let job = found(shared, asked, id)?;
    match job.state() {
        State::Counting(done, of) => {
            let mut answer = empty(StatusCode::ACCEPTED);
            let progress = HeaderValue::try_from(format!("{done} of {of} types")).ok();
            answer.headers_mut().extend(progress.map(|progress| (PROGRESS, progress)));
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(AGAIN));
            // After a restart nobody counts: whoever asks has it go on.
            Ok(bulk::with(answer, After::Count(job, asked.call.visit.clone())))
        }
        State::Ready(parts, notes) => {
            let parts = open_parts(shared, &asked.call.visit, &parts)?;
            let manifest = asked.printed(manifest(shared, &job, &parts, &notes).into());
            let mut answer = plain(StatusCode::OK, "application/json", manifest);
            answer.headers_mut().insert(header::EXPIRES, http_date(job.expires));
            Ok(answer)
        }
        State::Broken => {
            let message = "the export failed; the operator's log says why: delete it, and start it again";
            Ok(told(StatusCode::INTERNAL_SERVER_ERROR, "exception", message))
        }
    }
}

/// Ends an export.
pub fn cancel(shared: &Shared, asked: &Asked<'_>, id: &str) -> Outcome {
    asked.all_taken()?;
    let job = found(shared, asked, id)?;
    shared.bulk.end(&job);
    Ok(empty(StatusCode::ACCEPTED))
}

/// A file of an export.
pub fn file(shared: &Shared, asked: &Asked<'_>, id: &str, file: &str) -> Outcome {
    asked.all_taken()?;
    let job = found(shared, asked, id)?;
    let State::Ready(parts, notes) = job.state() else { return Err(unknown().into()) };
    let name = file.strip_suffix(".ndjson").unwrap_or_default();
    if name == NOTES && !notes.is_empty() {
        return Ok(plain(StatusCode::OK, NDJSON, outcome_line(&notes)));
    }
    let parts = open_parts(shared, &asked.call.visit, &parts)?;
    let part = parts.iter().find(|part| part.name == name).ok_or_else(unknown)?;
    if asked.call.parts.method == Method::HEAD {
        // Nothing leaves: neither an export for the audit nor a disclosure for the accounting.
        return Ok(plain(StatusCode::OK, NDJSON, Bytes::new()));
    }
    let asker = (&asked.call.visit, &asked.call.parts.headers);
    let sending: Sending = bulk::file(shared, asker, &job, part)?;
    Ok(bulk::with(plain(StatusCode::OK, NDJSON, Bytes::new()), After::Send(Arc::new(sending))))
}

/// The files whose type is open to the visit now: of the others it learns neither that there are any nor how many lines.
fn open_parts(shared: &Shared, visit: &Visit, parts: &[Part]) -> Result<Vec<Part>, vault::Error> {
    let open = bulk::open_types(shared, visit)?;
    Ok(parts.iter().filter(|part| open.contains(&part.resource_type.as_str())).cloned().collect())
}

fn found(shared: &Shared, asked: &Asked<'_>, id: &str) -> Result<Arc<Job>, Refusal> {
    shared.bulk.find(id, &asked.call.visit, shared.vault.clock().now()).ok_or_else(unknown)
}

fn unknown() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "there is no such export, or it has ended; start it again")
}

fn address_of(shared: &Shared, job: &Job) -> String {
    format!("{}/$export/{}", shared.base, job.id)
}

fn manifest(shared: &Shared, job: &Job, parts: &[Part], notes: &[String]) -> Vec<u8> {
    let text = |text: &str| Json::string(text);
    let at = address_of(shared, job);
    let file = |resource_type: &str, name: &str, count: u64| {
        Json::object([
            ("type", text(resource_type)),
            ("url", Json::string(format!("{at}/{name}.ndjson"))),
            ("count", Json::number(count)),
        ])
    };
    let output = parts.iter().map(|part| file(&part.resource_type, &part.name, part.count)).collect();
    let error = if notes.is_empty() { Vec::new() } else { vec![file("OperationOutcome", NOTES, 1)] };
    let members = [
        ("transactionTime", Json::string(job.moment.to_string())),
        ("request", text(&job.request)),
        ("requiresAccessToken", Json::Bool(true)),
        ("output", Json::Array(output)),
        ("deleted", Json::Array(Vec::new())),
        ("error", Json::Array(error)),
    ];
    Json::object(members).to_bytes()
}

/// What is to be said about an export, as one line.
fn outcome_line(notes: &[String]) -> Vec<u8> {
    let finding = |note: &String| Finding {
        severity: Severity::Warning,
        code: "not-supported",
        path: String::new(),
        message: note.clone(),
    };
    let mut line = outcome::write(&notes.iter().map(finding).collect::<Vec<_>>());
    line.push(b'\n');
    line
}

fn told(status: StatusCode, code: &'static str, message: &str) -> Response<Bytes> {
    json(status, outcome::write(&[Finding::error(code, "", message)]))
}

fn too_many() -> Response<Bytes> {
    let message = "too many exports are there already; DELETE those you have done with, or wait until they end";
    let mut answer = told(StatusCode::TOO_MANY_REQUESTS, "throttled", message);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(AGAIN_LATER));
    answer
}
