//! The server: one vault, its settings, and the way every request goes.

use crate::answer::{Outcome, empty, guard, internal, plain, refuse, refused};
use crate::audited::{self, Note, RequestIds};
use crate::body::{Budget, Loaded};
use crate::lanes::Lane;
use crate::listen::Peer;
use crate::rest::links::Sealer;
use crate::rest::{Call, Cost, Place};
use crate::settings::Settings;
use crate::sign_in::{self, Asked};
use crate::strangers::{Stranger, Strangers};
use crate::witnesses::Standings;
use crate::{gate, log, pages, rest};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, Method, Response, StatusCode, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use tokio::sync::Semaphore;
use vault::Vault;

/// A server over one vault. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

/// Pages that are worked on at a time; checking a password takes 19 MiB.
const PAGES_MAX: usize = 4;

/// What all requests share.
pub(crate) struct Shared {
    pub vault: Vault,
    pub settings: Settings,
    /// The FHIR base, without a slash at the end.
    pub base: String,
    pub sealer: Sealer,
    /// The capability statement, made when it is first asked for.
    pub metadata: OnceLock<Bytes>,
    pub standings: Standings,
    /// Requests that nobody stands behind.
    pub strangers: Strangers,
    request_ids: RequestIds,
    requests: Semaphore,
    searches: Lane,
    writes: Lane,
    pages: Lane,
    budget: Budget,
}

impl Server {
    /// A server over an open vault.
    #[must_use]
    pub fn new(vault: Vault, settings: Settings) -> Server {
        vault.know_base(&settings.fhir_base());
        let shared = Shared {
            base: settings.fhir_base(),
            sealer: Sealer::new(&vault.link_key()),
            metadata: OnceLock::new(),
            standings: Standings::new(&settings.witnesses),
            strangers: Strangers::default(),
            request_ids: RequestIds::new(&vault.fresh_id()),
            requests: Semaphore::new(settings.requests_max.max(1)),
            searches: Lane::new(settings.searches_max),
            writes: Lane::new(settings.writes_max),
            pages: Lane::new(PAGES_MAX),
            budget: Budget::new(&settings),
            vault,
            settings,
        };
        Server { shared: Arc::new(shared) }
    }

    /// All routes, for a listener of your own. Paths are read by hand in one place, `rest::route`.
    pub fn router(&self) -> Router {
        Router::new().fallback(enter).with_state(self.shared.clone())
    }

    /// Answers one request that came by no listener.
    pub async fn answer(&self, request: Request) -> Response<Body> {
        enter(State(self.shared.clone()), request).await
    }
}

/// Every request comes in here, and whatever happens, goes out with an answer.
async fn enter(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let is_head = request.method() == Method::HEAD;
    let answer = unpanicked(shared.answer(request)).await;
    let mut answer = guard(answer.unwrap_or_else(panicked));
    if is_head {
        // The length a GET would have had (RFC 9110 section 9.3.2).
        let length = HeaderValue::from(answer.body().len());
        answer.headers_mut().insert(header::CONTENT_LENGTH, length);
        return answer.map(|_| Body::empty());
    }
    answer.map(Body::from)
}

impl Shared {
    async fn answer(self: &Arc<Self>, request: Request) -> Response<Bytes> {
        let path = request.uri().path();
        match path.strip_prefix("/fhir") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                let Ok(_place) = self.requests.try_acquire() else { return self.turned_away(&request) };
                self.answer_fhir(request).await
            }
            _ if sign_in::is_page(path) => {
                let Ok(_place) = self.requests.try_acquire() else { return self.turned_away(&request) };
                let limit = self.settings.request_timeout;
                let answered = tokio::time::timeout(limit, self.answer_page(request)).await;
                answered.unwrap_or_else(|_| refused(&too_slow()))
            }
            _ => self.answer_open(&request).unwrap_or_else(|error| refuse(&error, "a public page")),
        }
    }

    fn turned_away(self: &Arc<Self>, request: &Request) -> Response<Bytes> {
        Strangers::count(self, Stranger::TurnedAway, peer(request.extensions()));
        refused(&too_many())
    }

    /// Pages of signing in and of one's own account.
    async fn answer_page(self: &Arc<Self>, request: Request) -> Response<Bytes> {
        let methods = sign_in::allowed(request.uri().path()).unwrap_or_default();
        if request.method() == Method::OPTIONS {
            return allowed(methods);
        }
        if !methods.split(", ").any(|method| method == request.method().as_str()) {
            return not_allowed(methods);
        }
        let (parts, body) = request.into_parts();
        let Ok(loaded) = Limited::new(body, sign_in::FORM_BYTES_MAX).collect().await else {
            return refused(&Refusal::new(Kind::TooLarge, "too-long", "the form is too large, or broke off"));
        };
        let (shared, body, id) = (self.clone(), loaded.to_bytes(), self.request_ids.of(&parts));
        let asked = Asked { parts, body, request: id.clone() };
        let answered = self.pages.run(move || Ok(sign_in::answer(&shared, &asked))).await;
        audited::named(answered.unwrap_or_else(|error| refuse(&error, "a page")), &id)
    }

    /// What anybody may see: nothing of it is about a patient.
    fn answer_open(&self, request: &Request) -> Outcome {
        let path = request.uri().path();
        if request.method() == Method::OPTIONS {
            return Ok(allowed("GET, HEAD"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(not_allowed("GET, HEAD"));
        }
        match path {
            "/health" => Ok(plain(StatusCode::OK, "application/json", &b"{\"status\":\"ready\"}\n"[..])),
            "/" => Ok(pages::home(&self.base)),
            _ => match path.strip_prefix("/log/") {
                Some(rest) => log::answer(self, rest),
                None => Ok(refused(&nothing_here())),
            },
        }
    }

    async fn answer_fhir(self: &Arc<Self>, request: Request) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let place = rest::place(&parts.method, parts.uri.path());
        if parts.method == Method::OPTIONS {
            return allowed(place.allowed);
        }
        let id = self.request_ids.of(&parts);
        let answer = self.try_fhir(parts, body, place, &id).await.unwrap_or_else(|error| {
            let mut answer = refuse(&error, place.text);
            if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
                answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(place.allowed));
            }
            answer
        });
        audited::named(answer, &id)
    }

    /// Signs in, and does nothing without a note for the audit, which is kept whatever happens.
    async fn try_fhir(self: &Arc<Self>, parts: Parts, body: Body, place: Place, id: &str) -> Outcome {
        if place.is_open {
            return rest::metadata(self, &parts);
        }
        let visit = gate::visit(&self.vault, &parts.headers).inspect_err(|_| {
            let stranger = Stranger::of(&parts.headers);
            Strangers::count(self, stranger, peer(&parts.extensions));
        })?;
        let note = Note::open(&self.vault, visit.asking(audited::context(&parts, place, id)));
        let work = self.carry_out(parts, body, place, note.clone());
        let (answer, is_late) = match unpanicked(tokio::time::timeout(self.settings.request_timeout, work)).await {
            Some(Ok(answer)) => (answer, false),
            Some(Err(_)) => (Err(too_slow().into()), true),
            None => (Ok(panicked()), false),
        };
        note.closed(answer, is_late).await
    }

    async fn carry_out(self: &Arc<Self>, parts: Parts, body: Body, place: Place, note: Note) -> Outcome {
        let loaded = match place.cost {
            Cost::Direct => Loaded::none(),
            Cost::Search | Cost::Write => self.budget.read(&parts.headers, body).await?,
        };
        let call = Call { parts, body: loaded.bytes.clone(), visit: note.visit().clone() };
        let lane = match place.cost {
            Cost::Direct => return rest::answer(self, &call),
            Cost::Search => &self.searches,
            Cost::Write => &self.writes,
        };
        let shared = self.clone();
        lane.run(move || {
            let _until_it_ends = (loaded, note);
            rest::answer(&shared, &call)
        })
        .await
    }
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().map(|peer| peer.0)
}

/// The answer to a request whose work ended in a panic.
fn panicked() -> Response<Bytes> {
    eprintln!("fault: a request ended in a panic; this is a bug in the program, please report it");
    internal()
}

/// Waits for `work`; `None` if it panicked.
async fn unpanicked<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    std::future::poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// The answer to OPTIONS (RFC 9110 section 9.3.7). It says nothing of any patient, so that nobody need sign in.
fn allowed(methods: &'static str) -> Response<Bytes> {
    let mut answer = empty(StatusCode::NO_CONTENT);
    let methods = HeaderValue::try_from(format!("{methods}, OPTIONS"));
    answer.headers_mut().extend(methods.ok().map(|methods| (header::ALLOW, methods)));
    answer
}

fn not_allowed(allowed: &'static str) -> Response<Bytes> {
    let refusal = Refusal::new(Kind::NotAllowed, "not-supported", format!("only {allowed} are answered here"));
    let mut answer = refused(&refusal);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn nothing_here() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "nothing is here; the FHIR interface is under /fhir")
}

fn too_many() -> Refusal {
    Refusal::new(Kind::Unavailable, "throttled", "the server is working on too many requests; try again shortly")
}

fn too_slow() -> Refusal {
    let message = "the request took longer than this server allows; a write may still have been made: \
                   read before you repeat it, and narrow a search";
    Refusal::new(Kind::Unavailable, "timeout", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_request_only() {
        assert_eq!(unpanicked(async { 1 }).await, Some(1));
        assert_eq!(unpanicked(async { assert!(false_for_sure(), "planned") }).await, None);
    }

    fn false_for_sure() -> bool {
        std::hint::black_box(false)
    }
}
