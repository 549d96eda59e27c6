//! SMART App Launch 2.2: other people's programs act for somebody who signed in, or by themselves. What they may do is
//! decided in `vault::access`; here is how they ask.
//!
//! ```text
//! discovery   what is offered, and where                     request   what an app asks a person for, checked
//! consent     the page on which the person agrees            people    whose chart, where several can be meant
//! launch      opening an app from a chart                    agreed    what I let apps do, and ending it
//! token       codes, refresh tokens and statements become access tokens
//! client      how an app shows that it is itself             statement, keys   by a private key (JOSE)
//! identity    who signed in (OpenID Connect)                 telling   introspection and revocation
//! cors        which pages of other sites may ask
//! ```

mod agreed;
mod client;
mod consent;
pub mod cors;
mod discovery;
mod identity;
mod keys;
mod launch;
mod people;
mod request;
mod statement;
mod telling;
mod token;

pub use discovery::security;

use crate::answer::{Outcome, empty, plain};
use crate::jwk;
use crate::lanes::Lane;
use crate::server::{Shared, peer};
use crate::sign_in::forms::Form;
use crate::sign_in::once::Used;
use crate::sign_in::{Asked, refused_page};
use crate::strangers::{Stranger, Strangers};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use fhir::json::Json;
use fhir::search::query::url;
use std::sync::Arc;
use vault::Error;

/// Requests that are worked on at a time; a signature takes a third of a millisecond.
const WIDTH: usize = 8;

/// A place of this interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `.well-known/smart-configuration` below the FHIR base.
    Configuration,
    /// `.well-known/openid-configuration` below the FHIR base, which is the issuer.
    OpenIdConfiguration,
    /// The public keys of identity tokens.
    Keys,
    /// How an app may look inside.
    Style,
    /// Where an app sends a person.
    Authorize,
    /// The page on which a person agrees.
    Consent,
    /// The page from which apps are opened.
    Launch,
    /// What a person has agreed to.
    Agreed,
    /// Tokens.
    Token,
    /// What a token is worth.
    Introspect,
    /// Giving a token back.
    Revoke,
    /// Who signed in.
    UserInfo,
}

const PLACES: [(Place, &str, &str); 12] = [
    (Place::Configuration, "/fhir/.well-known/smart-configuration", "GET, HEAD"),
    (Place::OpenIdConfiguration, "/fhir/.well-known/openid-configuration", "GET, HEAD"),
    (Place::Keys, "/smart/keys", "GET, HEAD"),
    (Place::Style, "/smart/style", "GET, HEAD"),
    (Place::Authorize, "/smart/authorize", "GET, HEAD, POST"),
    (Place::Consent, "/smart/consent", "GET, HEAD, POST"),
    (Place::Launch, "/smart/launch", "GET, HEAD, POST"),
    (Place::Agreed, "/smart/apps", "GET, HEAD, POST"),
    (Place::Token, "/smart/token", "POST"),
    (Place::Introspect, "/smart/introspect", "POST"),
    (Place::Revoke, "/smart/revoke", "POST"),
    (Place::UserInfo, "/smart/userinfo", "GET, HEAD, POST"),
];

/// The place of a path.
#[must_use]
pub fn place(path: &str) -> Option<Place> {
    PLACES.iter().find(|(_, known, _)| *known == path).map(|(place, ..)| *place)
}

impl Place {
    /// Its methods.
    #[must_use]
    pub fn methods(self) -> &'static str {
        PLACES.iter().find(|(place, ..)| *place == self).map_or("", |(.., methods)| methods)
    }

    fn path(self) -> &'static str {
        PLACES.iter().find(|(place, ..)| *place == self).map_or("", |(_, path, _)| path)
    }

    /// Its address.
    fn address(self, public_url: &str) -> String {
        format!("{public_url}{}", self.path())
    }

    /// Whether people look at it.
    fn is_page(self) -> bool {
        matches!(self, Place::Authorize | Place::Consent | Place::Launch | Place::Agreed)
    }
}

/// What all requests of apps share.
pub struct Desk {
    lane: Lane,
    keys: jwk::Known,
    failures: client::Failures,
    /// Requests that a person has answered.
    answered: Used,
}

impl Desk {
    /// With nothing known yet.
    #[must_use]
    pub fn new() -> Desk {
        let (keys, failures) = (jwk::Known::default(), client::Failures::default());
        Desk { lane: Lane::new(WIDTH), keys, failures, answered: Used::default() }
    }
}

/// Answers a request whose method fits. What must be fetched from elsewhere is fetched before a thread is taken for it.
pub async fn answer(shared: &Arc<Shared>, place: Place, asked: Asked) -> Response<Bytes> {
    let fetched = keys::fetch_for(shared, place, &asked).await;
    let (work, from) = (shared.clone(), peer(&asked.parts.extensions));
    let done = match shared.smart.lane.turn().await {
        Ok(turn) => turn.run(move || Ok(answer_here(&work, place, &asked, fetched.as_ref()))).await,
        Err(error) => Err(error),
    };
    let answer = done.unwrap_or_else(|error| crate::answer::refuse(&error, "an app's request"));
    if answer.status() == StatusCode::UNAUTHORIZED && !place.is_page() {
        Strangers::count(shared, Stranger::Unknown, from);
    }
    answer
}

fn answer_here(shared: &Shared, place: Place, asked: &Asked, fetched: Option<&keys::Fetched>) -> Response<Bytes> {
    let answered = route(shared, place, asked, fetched);
    match answered {
        Ok(answer) => answer,
        Err(error) if place.is_page() => refused_page(shared, &error, place.path()),
        Err(error) => client::refuse(&error, place.path()),
    }
}

fn route(shared: &Shared, place: Place, asked: &Asked, fetched: Option<&keys::Fetched>) -> Outcome {
    let is_post = asked.parts.method == Method::POST;
    if is_post && place.is_page() && place != Place::Authorize {
        crate::sign_in::forms::check_origin(&asked.parts.headers)?;
    }
    match (place, is_post) {
        (Place::Configuration, _) => Ok(answer_json(StatusCode::OK, &discovery::configuration(shared))),
        (Place::OpenIdConfiguration, _) => Ok(answer_json(StatusCode::OK, &discovery::openid(shared))),
        (Place::Style, _) => Ok(answer_json(StatusCode::OK, &discovery::style())),
        (Place::Keys, _) => identity::keys(shared),
        (Place::UserInfo, _) => identity::user_info(shared, asked),
        (Place::Authorize, _) => consent::authorize(shared, asked),
        (Place::Consent, false) => consent::page(shared, asked),
        (Place::Consent, true) => consent::decide(shared, asked),
        (Place::Launch, false) => launch::page(shared, asked),
        (Place::Launch, true) => launch::open(shared, asked),
        (Place::Agreed, false) => agreed::page(shared, asked),
        (Place::Agreed, true) => agreed::end(shared, asked),
        (Place::Token, _) => token::answer(shared, asked, fetched),
        (Place::Introspect, _) => telling::introspect(shared, asked, fetched),
        (Place::Revoke, _) => telling::revoke(shared, asked, fetched),
    }
}

/// A JSON answer that is no FHIR.
fn answer_json(status: StatusCode, json: &Json<'_>) -> Response<Bytes> {
    plain(status, "application/json", json.to_bytes())
}

/// A form in which every name stands once (RFC 6749 section 3.2).
fn form_of(asked: &Asked) -> Result<Form, Refusal> {
    let is_form = asked.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = is_form.and_then(|value| value.split(';').next()).map(str::trim).unwrap_or_default();
    if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(client::invalid("the request is no form; send application/x-www-form-urlencoded"));
    }
    let form = Form::read(&asked.body).map_err(|_| client::invalid("the form is not percent-coded UTF-8"))?;
    if let Some(name) = twice(&form) {
        return Err(client::invalid(&format!("a parameter stands twice: {name}")));
    }
    Ok(form)
}

/// The first name known to OAuth that stands twice.
fn twice(form: &Form) -> Option<&'static str> {
    const NAMES: [&str; 21] = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "aud",
        "launch",
        "nonce",
        "prompt",
        "code_challenge",
        "code_challenge_method",
        "grant_type",
        "code",
        "code_verifier",
        "refresh_token",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "token",
        "token_type_hint",
    ];
    NAMES.into_iter().find(|name| form.fields().filter(|(known, _)| known == name).count() > 1)
}

/// An address with parameters added (RFC 6749 section 4.1.2).
fn with_query(address: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = address.to_owned();
    for (name, value) in pairs {
        out.push(if out.contains('?') { '&' } else { '?' });
        out.push_str(name);
        out.push('=');
        url::encode(value, &mut out);
    }
    out
}

/// Sends the browser to another site, which a registration has named.
fn send_to(address: &str) -> Result<Response<Bytes>, Error> {
    let mut answer = empty(StatusCode::SEE_OTHER);
    let to = HeaderValue::try_from(address);
    let to = to.map_err(|_| Refusal::new(Kind::Invalid, "invalid", "the app's address cannot be used"))?;
    answer.headers_mut().insert(header::LOCATION, to);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_their_paths() {
        for (known, path, methods) in PLACES {
            assert_eq!((place(path), known.methods()), (Some(known), methods));
        }
        assert_eq!(place("/smart"), None);
        assert_eq!(place("/smart/token/"), None);
    }

    #[test]
    fn parameters_are_added_to_an_address() {
        let pairs = [("code", "a b&c"), ("state", "x=y")];
        assert_eq!(with_query("https://a/cb", &pairs), "https://a/cb?code=a%20b%26c&state=x%3Dy");
        assert_eq!(with_query("https://a/cb?k=v", &pairs[..1]), "https://a/cb?k=v&code=a%20b%26c");
    }
}
