//! Answers: how a resource, a refusal or a fault becomes an HTTP response, with the headers that every response has.

use crate::rest::condition::{etag, http_date};
use crate::rest::negotiate::FHIR_JSON;
use crate::rest::outcome;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use std::error::Error as _;
use vault::exchange::status;
use vault::{Error, Fault, Version};

/// What every handler gives: an answer, or why there is none.
pub type Outcome = Result<Response<Bytes>, Error>;

/// The HTTP status that an outcome will have.
pub fn status_of(outcome: &Outcome) -> u16 {
    match outcome {
        Ok(answer) => answer.status().as_u16(),
        Err(Error::Refusal(refusal)) => status(refusal.kind),
        Err(Error::Fault(Fault::Busy(_))) => StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        Err(Error::Fault(_)) => StatusCode::INTERNAL_SERVER_ERROR.as_u16(),
    }
}

/// A FHIR JSON answer.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    plain(status, FHIR_JSON, body)
}

/// An answer of any media type.
pub fn plain(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// The bytes of a version as they are stored.
pub fn stored(version: &Version) -> Bytes {
    Bytes::from_owner(version.body.clone())
}

/// Adds `ETag` and `Last-Modified`; not to a part: FHIR's tag is the version's number, and a copy of the part would be
/// taken for the whole version.
pub fn stamp(mut response: Response<Bytes>, version: &Version) -> Response<Bytes> {
    if version.partial {
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag(version.version));
    headers.insert(header::LAST_MODIFIED, http_date(version.updated));
    response
}

/// The headers that every answer carries: keep nothing, guess nothing, frame nothing, tell nobody where it came from.
pub fn guard(mut response: Response<Bytes>) -> Response<Bytes> {
    const GUARDS: [(HeaderName, HeaderValue); 4] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    ];
    for (name, value) in GUARDS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// The answer for what went wrong. `place` is a route without ids, for the log; faults are logged here and nowhere else.
pub fn refuse(error: &Error, place: &str) -> Response<Bytes> {
    match error {
        Error::Refusal(refusal) => refused(refusal),
        Error::Fault(fault) => {
            log_fault(fault, place);
            broken(fault)
        }
    }
}

/// The answer for a refusal.
pub fn refused(refusal: &Refusal) -> Response<Bytes> {
    let status = StatusCode::from_u16(status(refusal.kind)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, outcome::write(&refusal.findings));
    if refusal.kind == Kind::Unauthenticated {
        let challenge = HeaderValue::from_static("Bearer realm=\"chartroom\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    if matches!(refusal.kind, Kind::Unavailable | Kind::Full) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

// What broke inside is for the operator's log, never for the caller (SECURITY.md O09).
fn broken(fault: &Fault) -> Response<Bytes> {
    match fault {
        Fault::Busy(_) => refused(&Refusal::new(
            Kind::Unavailable,
            "transient",
            "the record store is busy; nothing was written: try again shortly",
        )),
        Fault::Database(_) | Fault::File { .. } | Fault::Altered(_) | Fault::Key(_) | Fault::Broken(_) => internal(),
    }
}

/// The answer when the program itself is at fault.
pub fn internal() -> Response<Bytes> {
    let refusal = Refusal::new(
        Kind::Unavailable,
        "exception",
        "the server failed; the operator's log says why: ask the operator before you repeat a write",
    );
    json(StatusCode::INTERNAL_SERVER_ERROR, outcome::write(&refusal.findings))
}

/// One line of the operator's log.
pub fn log_fault(fault: &Fault, place: &str) {
    let mut line = format!("fault: {place}: {fault}");
    let mut cause = fault.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    // One line, whatever the causes hold.
    eprintln!("{}", line.replace(|c: char| c.is_control(), " "));
}
