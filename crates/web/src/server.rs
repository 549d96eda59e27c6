//! The server: one vault, its settings, and the way every request goes.

use crate::answer::{Outcome, empty, guard, internal, plain, refuse, refused};
use crate::audited::{self, Note, RequestIds};
use crate::body::{Loaded, Reader};
use crate::lanes::Lane;
use crate::listen::Peer;
use crate::memory::{Memory, SMALL, Share, full};
use crate::pace::{Pace, Waiting};
use crate::rest::links::Sealer;
use crate::rest::{Call, Cost, Place};
use crate::settings::Settings;
use crate::sign_in::{self, Asked};
use crate::strangers::{Stranger, Strangers};
use crate::witnesses::Standings;
use crate::{bulk, gate, log, pages, rest, room, smart};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, Method, Response, StatusCode, Version, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use tokio::sync::Semaphore;
use vault::Vault;
use vault::records::RESOURCE_BYTES_MAX;

/// A server over one vault. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

/// Pages that are worked on at a time; checking a password takes 19 MiB.
const PAGES_MAX: usize = 4;

/// Forms that are read or worked on at a time.
const FORMS_MAX: usize = 256;

/// What all requests share.
pub(crate) struct Shared {
    pub vault: Vault,
    pub settings: Settings,
    /// The FHIR base, without a slash at the end.
    pub base: String,
    pub sealer: Sealer,
    /// The capability statement, made when it is first asked for.
    pub metadata: OnceLock<Bytes>,
    /// The same, indented.
    pub pretty_metadata: OnceLock<Bytes>,
    pub standings: Standings,
    /// Requests that nobody stands behind.
    pub strangers: Strangers,
    request_ids: RequestIds,
    pub smart: smart::Desk,
    pub providers: sign_in::provider::Desk,
    pub bulk: bulk::Desk,
    /// Challenges of passkeys that were used.
    pub used: sign_in::once::Used,
    requests: Semaphore,
    /// Places of pages and apps' forms: who fills them, signed in or not, fills none of the record's.
    forms: Semaphore,
    pub searches: Lane,
    writes: Lane,
    pages: Lane,
    /// What requests hold.
    pub memory: Memory,
}

/// The shared state, and the connection that a request came on.
#[derive(Clone)]
struct Entrance {
    shared: Arc<Shared>,
    pace: Arc<Pace>,
}

impl Server {
    /// A server over an open vault.
    #[must_use]
    pub fn new(vault: Vault, settings: Settings) -> Server {
        vault.know_base(&settings.fhir_base());
        let memory = Memory::new(settings.memory_bytes_max, settings.body_bytes_max, settings.searches_max);
        let shared = Shared {
            base: settings.fhir_base(),
            sealer: Sealer::new(&vault.link_key()),
            metadata: OnceLock::new(),
            pretty_metadata: OnceLock::new(),
            standings: Standings::new(&settings.witnesses),
            strangers: Strangers::default(),
            request_ids: RequestIds::new(&vault.fresh_id()),
            smart: smart::Desk::new(),
            providers: sign_in::provider::Desk::default(),
            bulk: bulk::Desk::open(&vault, memory.leaving.bytes_max()),
            used: sign_in::once::Used::default(),
            requests: Semaphore::new(settings.requests_max.max(1)),
            forms: Semaphore::new(FORMS_MAX),
            searches: Lane::new(settings.searches_max),
            writes: Lane::new(settings.writes_max),
            pages: Lane::new(PAGES_MAX),
            memory,
            vault,
            settings,
        };
        Server { shared: Arc::new(shared) }
    }

    /// All routes, for a listener of your own. Paths are read by hand in one place, `rest::route`.
    pub fn router(&self) -> Router {
        self.router_for(&Arc::default())
    }

    /// All routes, for one connection.
    pub(crate) fn router_for(&self, pace: &Arc<Pace>) -> Router {
        Router::new().fallback(enter).with_state(Entrance { shared: self.shared.clone(), pace: pace.clone() })
    }

    /// Answers one request that came by no listener.
    pub async fn answer(&self, request: Request) -> Response<Body> {
        enter(State(Entrance { shared: self.shared.clone(), pace: Arc::default() }), request).await
    }
}

/// Every request comes in here, and whatever happens, goes out with an answer.
async fn enter(State(Entrance { shared, pace }): State<Entrance>, request: Request) -> Response<Body> {
    let is_head = request.method() == Method::HEAD;
    // Over HTTP/2 one connection may let many answers lie; over HTTP/1 only one.
    let counted_from = if request.version() == Version::HTTP_2 { 1 } else { SMALL };
    let crossing = smart::cors::crossing(request.method(), request.uri().path(), request.headers());
    let answer = unpanicked(shared.answer(request)).await;
    let mut answer = guard(answer.unwrap_or_else(panicked));
    if let Some(crossing) = crossing {
        smart::cors::admit(&shared, &crossing, &mut answer);
    }
    let sent = bulk::after(answer.extensions_mut()).and_then(|after| bulk::go_on(after, &shared, &pace));
    if let Some(body) = sent {
        // Of a file nobody knows the length before it is made.
        return answer.map(|_| if is_head { Body::empty() } else { body });
    }
    if is_head {
        // The length a GET would have had (RFC 9110 section 9.3.2).
        let length = HeaderValue::from(answer.body().len());
        answer.headers_mut().insert(header::CONTENT_LENGTH, length);
        return answer.map(|_| Body::empty());
    }
    if answer.body().len() < counted_from {
        return answer.map(Body::from);
    }
    let room = answer.extensions_mut().remove::<Arc<Share>>();
    let room = room.or_else(|| shared.memory.leaving.take(answer.body().len()).map(Arc::new));
    let Some(room) = room else { return guard(refused(&full())).map(Body::from) };
    answer.map(|bytes| Body::from(Bytes::from_owner(Leaving::new(bytes, room, pace.waits()))))
}

/// An answer on its way out. What it holds is given back when its last byte is written.
pub(crate) struct Leaving {
    bytes: Bytes,
    _room: Arc<Share>,
    _waiting: Waiting,
}

impl Leaving {
    /// With its room, and what tells its connection that something waits.
    pub fn new(bytes: Bytes, room: Arc<Share>, waiting: Waiting) -> Leaving {
        Leaving { bytes, _room: room, _waiting: waiting }
    }
}

impl AsRef<[u8]> for Leaving {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Shared {
    async fn answer(self: &Arc<Self>, request: Request) -> Response<Bytes> {
        let path = request.uri().path();
        if let Some(place) = smart::place(path) {
            let Ok(_place) = self.forms.try_acquire() else { return self.turned_away(&request) };
            let work = Box::pin(self.answer_smart(request, place));
            let answered = tokio::time::timeout(self.settings.request_timeout, work);
            return answered.await.unwrap_or_else(|_| refused(&too_slow()));
        }
        match path.strip_prefix("/fhir") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                let Ok(_place) = self.requests.try_acquire() else { return self.turned_away(&request) };
                self.answer_fhir(request).await
            }
            _ if sign_in::is_page(path) || pages::allowed(self.settings.rooms, path).is_some() => {
                let Ok(_place) = self.forms.try_acquire() else { return self.turned_away(&request) };
                let limit = self.settings.request_timeout;
                let answered = tokio::time::timeout(limit, Box::pin(self.answer_page(request))).await;
                answered.unwrap_or_else(|_| refused(&too_slow()))
            }
            _ => self.answer_open(&request).unwrap_or_else(|error| refuse(&error, "a public page")),
        }
    }

    fn turned_away(self: &Arc<Self>, request: &Request) -> Response<Bytes> {
        Strangers::count(self, Stranger::TurnedAway, peer(request.extensions()));
        refused(&too_many())
    }

    /// Pages of signing in and of one's own account, and all others of people who are signed in.
    async fn answer_page(self: &Arc<Self>, request: Request) -> Response<Bytes> {
        let path = request.uri().path();
        let of_people = pages::allowed(self.settings.rooms, path);
        let methods = of_people.or_else(|| sign_in::allowed(path)).unwrap_or_default();
        let asked = match self.loaded(request, methods).await {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        let ahead = sign_in::provider::ahead(self, &asked).await;
        let (shared, id) = (self.clone(), asked.request.clone());
        let answered = match self.pages.turn().await {
            Ok(turn) if of_people.is_some() => turn.run(move || Ok(pages::answer(&shared, &asked))).await,
            Ok(turn) => turn.run(move || Ok(sign_in::answer(&shared, &asked, ahead))).await,
            Err(error) => Err(error),
        };
        audited::named(answered.unwrap_or_else(|error| refuse(&error, "a page")), &id)
    }

    /// What apps ask for, and the pages on which people decide about them.
    async fn answer_smart(self: &Arc<Self>, request: Request, place: smart::Place) -> Response<Bytes> {
        match self.loaded(request, place.methods()).await {
            Ok(asked) => {
                let id = asked.request.clone();
                audited::named(smart::answer(self, place, asked).await, &id)
            }
            Err(answer) => answer,
        }
    }

    /// A request for a page with its form, or what is answered instead.
    async fn loaded(&self, request: Request, methods: &'static str) -> Result<Asked, Response<Bytes>> {
        if request.method() == Method::OPTIONS {
            return Err(allowed(methods));
        }
        if !methods.split(", ").any(|method| method == request.method().as_str()) {
            return Err(not_allowed(methods));
        }
        let (parts, body) = request.into_parts();
        let form = Limited::new(body, sign_in::FORM_BYTES_MAX).collect();
        let Ok(form) = tokio::time::timeout(self.settings.form_timeout, form).await else {
            return Err(refused(&Refusal::new(
                Kind::Malformed,
                "timeout",
                "the form did not come in time; send it again",
            )));
        };
        match form {
            Ok(loaded) => {
                let request = self.request_ids.of(&parts);
                Ok(Asked { parts, body: loaded.to_bytes(), request })
            }
            Err(_) => Err(refused(&Refusal::new(Kind::TooLarge, "too-long", "the form is too large, or broke off"))),
        }
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
            pages::FAVICON => Ok(pages::favicon()),
            sign_in::passkeys::SCRIPT => Ok(sign_in::passkeys::script()),
            _ => match path.strip_prefix("/log/") {
                Some(rest) => log::answer(self, rest),
                None => Ok(refused(&nothing_here())),
            },
        }
    }

    async fn answer_fhir(self: &Arc<Self>, request: Request) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let mut place = rest::place(&parts.method, parts.uri.path());
        place.deed = room::deed(self.settings.rooms, parts.uri.path()).unwrap_or(place.deed);
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
        match self.settings.is_audited {
            true => note.closed(answer, is_late).await,
            false => note.forgotten(answer),
        }
    }

    async fn carry_out(self: &Arc<Self>, parts: Parts, body: Body, place: Place, note: Note) -> Outcome {
        if place.cost == Cost::Direct {
            let call = Call { parts, body: Bytes::new(), visit: note.visit().clone(), room: Mutex::default() };
            let answer = rest::answer(self, &call)?;
            // At once: whoever waited would hold the answer meanwhile.
            let room = self.memory.leaving.take(counted(&answer)).ok_or_else(full)?;
            return Ok(leaving_in(answer, room));
        }
        Box::pin(self.work(parts, body, place, note)).await
    }

    /// What takes a turn in a lane, and room: for the body first, then for the work, then for the answer.
    async fn work(self: &Arc<Self>, parts: Parts, body: Body, place: Place, note: Note) -> Outcome {
        let Place { cost, takes_bundles, .. } = place;
        let Loaded { bytes, tree_bytes, share } = self.reader(takes_bundles).read(&parts.headers, body).await?;
        let (turn, bundle, work) = match cost {
            Cost::Write => {
                let turn = self.writes.turn().await?;
                let reads = rest::read_bytes(&parts, &bytes);
                let bundle = self.memory.for_bundle(reads).await?;
                (turn, bundle, self.memory.for_write(bytes.len(), tree_bytes, reads > 0).await?)
            }
            Cost::Search | Cost::Direct => {
                let turn = self.searches.turn().await?;
                (turn, Share::default(), self.memory.for_search(tree_bytes).await?)
            }
        };
        let call = Call { parts, body: bytes, visit: note.visit().clone(), room: Mutex::new(bundle) };
        let shared = self.clone();
        let (answer, held) = turn
            .run(move || {
                let _until_it_ends = note;
                let answer = rest::answer(&shared, &call)?;
                Ok((answer, (share, work, call.room)))
            })
            .await?;
        let room = self.memory.for_answer(counted(&answer)).await.map_err(|full| unsaid(full, cost))?;
        drop(held);
        Ok(leaving_in(answer, room))
    }

    fn reader(&self, takes_bundles: bool) -> Reader<'_> {
        let most = self.settings.body_bytes_max;
        Reader {
            room: &self.memory.arriving,
            bytes_max: if takes_bundles { most } else { most.min(RESOURCE_BYTES_MAX) },
            tree_bytes_max: self.memory.working.bytes_max(),
        }
    }
}

/// How much room an answer needs.
fn counted(answer: &Response<Bytes>) -> usize {
    Some(answer.body().len()).filter(|&bytes| bytes >= SMALL).unwrap_or(0)
}

/// An answer with the room it has.
fn leaving_in(mut answer: Response<Bytes>, room: Share) -> Response<Bytes> {
    if counted(&answer) > 0 {
        answer.extensions_mut().insert(Arc::new(room));
    }
    answer
}

pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
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

/// A write whose answer finds no room was made all the same.
fn unsaid(full: Refusal, cost: Cost) -> Refusal {
    if cost != Cost::Write {
        return full;
    }
    let message = "the request was carried out, but its answer finds no room in this server's memory just now; \
                   read before you repeat a write, and ask for less with Prefer: return=minimal";
    Refusal::new(Kind::Unavailable, "throttled", message)
}

pub(crate) fn too_slow() -> Refusal {
    let message = "the request took longer than this server allows; a write may still have been made: \
                   read before you repeat it, and narrow a search";
    Refusal::new(Kind::Unavailable, "timeout", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_request_takes_before_it_is_known_is_little() {
        let folder = tempfile::tempdir().unwrap();
        let options = vault::Options {
            dir: folder.path().to_owned(),
            key: vault::records::KeySource::Beside,
            clock: base::clock::Clock::System,
            ids: base::id::Ids::seeded(1),
            labels: None,
        };
        let server = Server::new(Vault::open(options).unwrap(), Settings::new("http://localhost"));
        let answer = server.answer(Request::new(Body::empty()));
        let bytes = size_of_val(&answer);
        assert!(bytes <= 6_144, "{bytes} bytes are copied for each request; box what few requests need");
    }

    #[tokio::test]
    async fn a_panic_ends_one_request_only() {
        assert_eq!(unpanicked(async { 1 }).await, Some(1));
        assert_eq!(unpanicked(async { assert!(false_for_sure(), "planned") }).await, None);
    }

    fn false_for_sure() -> bool {
        std::hint::black_box(false)
    }
}
