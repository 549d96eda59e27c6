//! Signing in at a page, and one's own account. Server-rendered; only passkeys need a script. A cookie stands for a session on pages
//! only: the FHIR interface takes bearer tokens and never looks at cookies, so that no other site can use one.
//!
//! [`seat`] is how every page learns who is there; [`forms`] guards what is sent; [`cookies`], [`html`] and [`qr`] are what
//! pages are made of; [`draft`] keeps what was typed; [`entrance`] is coming and going, [`provider`] coming by an identity provider's word, [`passkeys`] by a
//! key on one's own device, [`account`] what people see and change of their own account.

mod account;
mod cookies;
mod draft;
mod entrance;
pub mod forms;
pub mod html;
pub mod once;
pub mod passkeys;
pub mod provider;
mod qr;
pub mod seat;

use crate::answer::{Outcome, log_fault};
use crate::listen::Peer;
use crate::pages::frame::ways;
use crate::server::Shared;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use forms::Form;
use seat::Seat;
use vault::access::Context;
use vault::access::audit::Deed;
use vault::exchange::status;
use vault::{Error, Fault};

/// Most bytes of a form.
pub const FORM_BYTES_MAX: usize = 64 << 10;

/// A request for a page, with its form.
pub struct Asked {
    pub parts: Parts,
    pub body: Bytes,
    /// The request's id.
    pub request: String,
}

impl Asked {
    /// What the audit is to know of it. Paths of these pages hold no ids.
    pub fn context(&self) -> Context {
        let (path, method) = (self.path(), &self.parts.method);
        let deed = match (path, method == Method::POST) {
            ("/sign-in" | "/sign-in/provider" | "/sign-in/code" | "/sign-in/passkey", _) => Deed::SignIn,
            (path, _) if provider::of_path(path).is_some() => Deed::SignIn,
            ("/sign-out" | "/account/sign-out-everywhere", true) => Deed::SignOut,
            ("/smart/consent", true) => Deed::Agree,
            ("/smart/launch", true) => Deed::Launch,
            ("/smart/apps", true) => Deed::Decline,
            ("/smart/token" | "/smart/introspect" | "/smart/revoke", _) => Deed::Token,
            ("/smart/consent", false) => Deed::Search,
            (_, true) => Deed::Administer,
            (_, false) => Deed::Read,
        };
        let from = self.parts.extensions.get::<Peer>().map(|peer| peer.0.to_string()).unwrap_or_default();
        Context { from, request: self.request.clone(), ..Context::new(deed, format!("{method} {path}")) }
    }

    fn path(&self) -> &str {
        self.parts.uri.path()
    }

    pub fn query(&self) -> Result<Form, Refusal> {
        Form::read(self.parts.uri.query().unwrap_or_default().as_bytes())
    }
}

/// Whether a path is one of these pages.
pub fn is_page(path: &str) -> bool {
    allowed(path).is_some()
}

/// The methods of a page.
pub fn allowed(path: &str) -> Option<&'static str> {
    if provider::of_path(path).is_some() {
        return Some("GET");
    }
    match path {
        "/sign-in" | "/sign-out" | "/account/second-factor" => Some("GET, HEAD, POST"),
        "/account" => Some("GET, HEAD"),
        "/account/purpose" | "/account/password" | "/account/sign-out-everywhere" => Some("POST"),
        "/sign-in/provider" | "/sign-in/code" | "/sign-in/passkey" | "/account/passkeys/remove" => Some("POST"),
        "/account/passkeys" => Some("GET, HEAD, POST"),
        _ => None,
    }
}

/// Answers a page. Errors are pages too.
pub fn answer(shared: &Shared, asked: &Asked, ahead: provider::Ahead) -> Response<Bytes> {
    let answered = route(shared, asked, ahead);
    answered.unwrap_or_else(|error| refused_page(shared, &error, asked.path()))
}

fn route(shared: &Shared, asked: &Asked, ahead: provider::Ahead) -> Outcome {
    let is_post = asked.parts.method == Method::POST;
    if is_post {
        forms::check_origin(&asked.parts.headers)?;
    }
    match (asked.path(), is_post) {
        ("/sign-in/provider", true) => provider::begin(shared, asked, ahead),
        ("/sign-in/code", true) => provider::code(shared, asked),
        ("/sign-in/passkey", true) => passkeys::sign_in(shared, asked),
        ("/account/passkeys", false) => passkeys::page_of(shared, asked),
        ("/account/passkeys", true) => passkeys::add(shared, asked),
        ("/account/passkeys/remove", true) => passkeys::remove(shared, asked),
        (path, false) if provider::of_path(path).is_some() => provider::back(shared, asked, ahead),
        ("/sign-in", false) => entrance::sign_in_page(shared, asked),
        ("/sign-in", true) => entrance::sign_in(shared, asked),
        ("/sign-out", false) => entrance::sign_out_page(shared, asked),
        ("/sign-out", true) => entrance::sign_out(shared, asked),
        ("/account", false) => account::overview(shared, asked),
        ("/account/purpose", true) => account::choose_purpose(shared, asked),
        ("/account/password", true) => account::set_password(shared, asked),
        ("/account/sign-out-everywhere", true) => account::sign_out_everywhere(shared, asked),
        ("/account/second-factor", false) => account::second_factor_page(shared, asked),
        ("/account/second-factor", true) => account::confirm_second_factor(shared, asked),
        _ => Err(Refusal::new(Kind::NotFound, "not-found", "nothing is here; your account is at /account").into()),
    }
}

/// What went wrong, as a page.
pub fn refused_page(shared: &Shared, error: &Error, place: &str) -> Response<Bytes> {
    refused_at(shared, error, place, None)
}

/// The same for somebody who is signed in: with the ways to go on.
pub fn refused_at(shared: &Shared, error: &Error, place: &str, seat: Option<&Seat>) -> Response<Bytes> {
    let refusal = match error {
        Error::Refusal(refusal) => refusal.clone(),
        Error::Fault(fault) => {
            log_fault(fault, place);
            let is_busy = matches!(fault, Fault::Busy(_));
            let message = if is_busy {
                "the server is busy; try again shortly"
            } else {
                "the server failed; its operator's log says why"
            };
            Refusal::new(Kind::Unavailable, "exception", message)
        }
    };
    let code = StatusCode::from_u16(status(refusal.kind)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let said: String = refusal.findings.iter().map(|f| html::escape(&html::sentence(&f.message))).collect();
    let ways = seat.map(|seat| ways(shared, seat, "")).unwrap_or_default();
    let body = format!(
        "{ways}<h1>That was not done</h1><p role=\"alert\">{said}</p><p><a href=\"/account\">Your account</a></p>"
    );
    html::page(shared, code, "Not done", seat, &body)
}

/// Sends the browser on with a GET (RFC 9110 section 15.4.4). `to` is a path of this server.
pub fn see_other(to: &str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/account"));
    answer.headers_mut().insert(header::LOCATION, to);
    answer
}
