//! Every request leaves its entry in the audit, durable before the first byte of its answer leaves (45 CFR 164.312(b)).
//!
//! A [`Note`] goes with a request from the moment somebody stands behind it. Whoever answers closes it and waits; nobody is
//! kept waiting on a thread meanwhile. If the entry cannot be written, the answer is not given. A note that nobody closed,
//! because the client went away or the time was up, is written when the last work for the request ends.

use crate::answer::{Outcome, status_of};
use crate::listen::Peer;
use crate::rest::Place;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Response};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use vault::access::{Context, Visit};
use vault::{Error, Vault};

/// The client went away before it was answered: not in RFC 9110, but widely known from nginx.
const GONE_AWAY: u16 = 499;

/// The log takes longer than this: the disk hangs.
const WAIT: Duration = Duration::from_secs(10);

/// A longer request id is not taken over.
const REQUEST_ID_MAX: usize = 64;

/// The header that names a request (R4 http section 3.1.0.1.11).
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives requests their ids.
pub struct RequestIds {
    start: String,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that begin with something no other server has.
    pub fn new(start: &str) -> RequestIds {
        RequestIds { start: start.chars().take(8).collect(), next: AtomicU64::new(1) }
    }

    /// The id that the client gave the request, or a new one.
    pub fn of(&self, parts: &Parts) -> String {
        let given = parts.headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let fits = |id: &&str| {
            let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(known)
        };
        let next = || format!("{}-{:x}", self.start, self.next.fetch_add(1, Ordering::Relaxed));
        given.filter(fits).map_or_else(next, str::to_owned)
    }
}

/// What the audit is to know of a request.
pub fn context(parts: &Parts, place: Place, request: &str) -> Context {
    let uri = &parts.uri;
    let path = uri.path().strip_prefix("/fhir").unwrap_or(uri.path()).trim_start_matches('/');
    let asked = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    Context {
        asked,
        from: parts.extensions.get::<Peer>().map(|peer| peer.0.to_string()).unwrap_or_default(),
        request: request.to_owned(),
        ..Context::new(place.deed, format!("{} {}", method(&parts.method), place.text))
    }
}

/// A method by its name; what is none of HTTP's own is not repeated.
fn method(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => method.as_str(),
        _ => "OTHER",
    }
}

/// Names the request in its answer.
pub fn named(mut answer: Response<Bytes>, request: &str) -> Response<Bytes> {
    answer.headers_mut().extend(HeaderValue::from_str(request).ok().map(|id| (REQUEST_ID, id)));
    answer
}

/// The entry that a request will have in the audit. Clones are the same one.
#[derive(Clone)]
pub struct Note(Arc<Open>);

struct Open {
    vault: Vault,
    visit: Visit,
    /// What stands in the entry if nobody closes it.
    status: AtomicU16,
    is_closed: AtomicBool,
}

impl Note {
    /// Of a visit that was told what it asks for ([`Visit::asking`]).
    pub fn open(vault: &Vault, visit: Visit) -> Note {
        let (status, is_closed) = (AtomicU16::new(GONE_AWAY), AtomicBool::new(false));
        Note(Arc::new(Open { vault: vault.clone(), visit, status, is_closed }))
    }

    /// The visit that the entry is about.
    pub fn visit(&self) -> &Visit {
        &self.0.visit
    }

    /// The answer without an entry, to measure what entries cost.
    pub fn forgotten(self, answer: Outcome) -> Outcome {
        self.0.is_closed.store(true, Ordering::Relaxed);
        answer
    }

    /// The answer, once its entry is durable; a refusal when that cannot be. An answer that says the time was up holds
    /// nothing, and is not kept waiting for work that still goes on.
    pub async fn closed(self, answer: Outcome, is_late: bool) -> Outcome {
        let status = status_of(&answer);
        if is_late {
            self.0.status.store(status, Ordering::Relaxed);
            return answer;
        }
        self.0.is_closed.store(true, Ordering::Relaxed);
        let (done, durable) = oneshot::channel();
        self.0.vault.close(&self.0.visit, status, Box::new(move |written| drop(done.send(written))));
        match timeout(WAIT, durable).await {
            Ok(Ok(Ok(()))) => answer,
            Ok(Ok(Err(error))) => Err(unwritten(error)),
            Ok(Err(_)) | Err(_) => Err(slow().into()),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_closed.load(Ordering::Relaxed) {
            // Nobody waits any more, and nothing was given away.
            self.vault.close(&self.visit, self.status.load(Ordering::Relaxed), Box::new(|_| ()));
        }
    }
}

/// Why an answer is not given: it could not be written down that it was. A change that was made stays made.
fn unwritten(error: Error) -> Error {
    let Error::Refusal(refusal) = error else { return error };
    let message =
        "the audit cannot be written, because the disk is full, so that nothing is shown; make room, and ask again";
    match refusal.kind {
        Kind::Full => Refusal::new(Kind::Full, "no-store", message).into(),
        _ => refusal.into(),
    }
}

fn slow() -> Refusal {
    let message = "the audit could not be written in time, so that nothing is shown; read before you repeat a write";
    Refusal::new(Kind::Unavailable, "timeout", message)
}
