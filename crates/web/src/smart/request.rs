//! What an app asks a person for, checked before anybody is asked to sign in (RFC 6749 section 4.1.1, RFC 7636, SMART App
//! Launch 2.2 "Obtain authorization code").
//!
//! Until it is known which app asks, and that the address is one of its own, nothing is sent anywhere: the person reads
//! what is wrong.

use super::{twice, with_query};
use crate::rest::links::Bookmark;
use crate::server::Shared;
use crate::sign_in::forms::Form;
use base::refusal::{Kind, Refusal};
use fhir::search::query::url;
use std::sync::Arc;
use vault::Error;
use vault::access::apps::App;
use vault::access::scopes::{Level, Scopes, Word};

/// How long a person may take to sign in and to agree.
const WAITS_MS: i64 = 10 * 60_000;

/// Where requests that were checked are sealed for.
const PATH: &str = "/smart/consent";

/// A `state`, `nonce` or `launch` longer than this is refused.
const WORD_BYTES_MAX: usize = 2_000;

/// Characters of an S256 challenge.
const CHALLENGE_CHARS: usize = 43;

/// A checked request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub app: Arc<App>,
    /// Where the answer goes: one of the app's own addresses.
    pub redirect: String,
    /// What the app wants to read in the answer.
    pub state: String,
    /// What it asks for, as far as it may have it.
    pub scopes: Scopes,
    /// The S256 challenge.
    pub challenge: String,
    /// What the app wants to read in the identity token.
    pub nonce: Option<String>,
    /// The word with which it was opened from a chart.
    pub launch: Option<String>,
}

/// What is wrong with a request.
pub enum Wrong {
    /// It is told here: nobody knows yet to whom the answer may go.
    Here(Error),
    /// It is told the app.
    There {
        /// The app's address.
        to: Reply,
        /// OAuth's word for it.
        error: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// Where an answer to an app goes.
#[derive(Clone, Debug)]
pub struct Reply {
    redirect: String,
    state: String,
}

impl Reply {
    /// The address that tells the app what is wrong.
    pub fn error(&self, shared: &Shared, error: &str, why: &str) -> String {
        self.address(shared, &[("error", error), ("error_description", why)])
    }

    /// The address that hands the app its code. `iss` tells it from whom (RFC 9207).
    pub fn code(&self, shared: &Shared, code: &str) -> String {
        self.address(shared, &[("code", code)])
    }

    fn address(&self, shared: &Shared, pairs: &[(&str, &str)]) -> String {
        let mut pairs = pairs.to_vec();
        if !self.state.is_empty() {
            pairs.push(("state", &self.state));
        }
        pairs.push(("iss", &shared.base));
        with_query(&self.redirect, &pairs)
    }
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Wrong {
        Wrong::Here(refusal.into())
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Wrong {
        Wrong::Here(error)
    }
}

impl Request {
    /// Reads and checks a request.
    pub fn read(shared: &Shared, form: &Form) -> Result<Request, Wrong> {
        if let Some(name @ ("client_id" | "redirect_uri")) = twice(form) {
            return Err(here(&format!("the app's request names its {name} twice; tell whoever made the app")));
        }
        let app = shared.vault.app(form.text("client_id"))?.filter(|app| app.is_approved());
        let app = app.ok_or_else(|| here("no app that is approved here has this client_id; ask the operator"))?;
        let redirect = form.text("redirect_uri");
        if !app.may_be_sent_to(redirect) {
            return Err(here("the app's redirect_uri is none of those that were registered for it, letter for letter"));
        }
        let state = Some(form.text("state")).filter(|state| state.len() <= WORD_BYTES_MAX).unwrap_or_default();
        let reply = Reply { redirect: redirect.to_owned(), state: state.to_owned() };
        Request::read_rest(shared, form, app, &reply).map_err(|(error, why)| Wrong::There { to: reply, error, why })
    }

    fn read_rest(
        shared: &Shared,
        form: &Form,
        app: Arc<App>,
        reply: &Reply,
    ) -> Result<Request, (&'static str, String)> {
        check_shape(shared, form)?;
        let launch = word(form, "launch");
        let asked = Scopes::parse(form.text("scope")).within(&app.scopes());
        let scopes = asked.only(|word| word != Word::Launch || launch.is_some(), |scope| scope.level != Level::System);
        if scopes.is_empty() {
            return Err(("invalid_scope", "none of the scopes is one that this app may have".to_owned()));
        }
        if launch.is_some() && !scopes.has(Word::Launch) {
            return Err(invalid("launch stands without the scope launch, or the app may not have it"));
        }
        if scopes.to_string().len() > vault::access::scopes::BYTES_MAX {
            return Err(("invalid_scope", "the scopes are too many; ask for fewer".to_owned()));
        }
        Ok(Request {
            app,
            redirect: reply.redirect.clone(),
            state: reply.state.clone(),
            scopes,
            challenge: form.text("code_challenge").to_owned(),
            nonce: word(form, "nonce"),
            launch,
        })
    }

    /// Where the answer goes.
    #[must_use]
    pub fn reply(&self) -> Reply {
        Reply { redirect: self.redirect.clone(), state: self.state.clone() }
    }

    /// The request for the page on which the person agrees: nobody can read or alter it.
    pub fn seal(shared: &Shared, form: &Form) -> String {
        let mut query = String::new();
        for (name, value) in form.fields() {
            url::encode(name, &mut query);
            query.push('=');
            url::encode(value, &mut query);
            query.push('&');
        }
        let asked = shared.vault.clock().now().0;
        shared.sealer.seal(&Bookmark { at: 0, offset: 0, asked, query }, "", PATH)
    }

    /// Reads what [`Request::seal`] made, and checks it again: the app may have been suspended meanwhile.
    pub fn unseal(shared: &Shared, sealed: &str) -> Result<Request, Wrong> {
        let opened = shared.sealer.open(sealed, "", PATH).ok();
        let now = shared.vault.clock().now().0;
        let opened = opened.filter(|opened| (0..WAITS_MS).contains(&(now - opened.asked)));
        let opened =
            opened.ok_or_else(|| here("this page was open for too long; go back to the app and start again"))?;
        Request::read(shared, &Form::read(opened.query.as_bytes())?)
    }
}

/// Refuses what does not depend on the app.
fn check_shape(shared: &Shared, form: &Form) -> Result<(), (&'static str, String)> {
    if let Some(name) = twice(form) {
        return Err(invalid(&format!("a parameter stands twice: {name}")));
    }
    for (name, error) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
        if !form.text(name).is_empty() {
            return Err((error, format!("{name} is not taken; send the parameters themselves")));
        }
    }
    match form.text("response_type") {
        "code" => {}
        "" => return Err(invalid("response_type is missing; it must be code")),
        _ => return Err(("unsupported_response_type", "response_type must be code".to_owned())),
    }
    if !["", "query"].contains(&form.text("response_mode")) {
        return Err(invalid("response_mode must be query"));
    }
    if form.text("state").is_empty() || form.text("state").len() > WORD_BYTES_MAX {
        return Err(invalid("state is missing or longer than 2,000 bytes"));
    }
    let aud = form.text("aud");
    if aud.strip_suffix('/').unwrap_or(aud) != shared.base {
        return Err(invalid("aud is not the address of this FHIR server"));
    }
    check_challenge(form)?;
    if ["nonce", "launch"].iter().any(|name| form.text(name).len() > WORD_BYTES_MAX) {
        return Err(invalid("nonce or launch is longer than 2,000 bytes"));
    }
    if form.text("prompt").split(' ').any(|word| word == "none") {
        return Err(("consent_required", "every launch is agreed to by the person".to_owned()));
    }
    Ok(())
}

/// PKCE with S256, always (SMART App Launch 2.2 "Considerations for PKCE Support").
fn check_challenge(form: &Form) -> Result<(), (&'static str, String)> {
    if form.text("code_challenge_method") != "S256" {
        return Err(invalid("code_challenge_method must be S256"));
    }
    let challenge = form.text("code_challenge");
    let is_base64url = challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if challenge.len() != CHALLENGE_CHARS || !is_base64url {
        return Err(invalid("code_challenge is missing, or is none of S256"));
    }
    Ok(())
}

fn word(form: &Form, name: &str) -> Option<String> {
    Some(form.text(name)).filter(|word| !word.is_empty()).map(str::to_owned)
}

fn invalid(why: &str) -> (&'static str, String) {
    ("invalid_request", why.to_owned())
}

fn here(message: &str) -> Wrong {
    Refusal::new(Kind::Invalid, "invalid", message).into()
}
