//! Signing in by the word of an identity provider, such as the hospital's (OpenID Connect Core 1.0: authorization code with
//! PKCE). The provider says who somebody is; the link that the operator made says which account that is; what the account
//! may do is decided here as for everybody.
//!
//! ```text
//! settings    what the operator says of a provider       discovery   what the provider says of itself
//! flow        what ties its answer to the browser        client      how a code becomes a token
//! token       what a token must say                      pages       going there, coming back
//! ```
//!
//! Each provider has its own address to come back to, so that an answer of one cannot be taken for another's (RFC 9700
//! section 4.4); an answer that names its provider must name the right one (RFC 9207).

mod client;
mod discovery;
pub mod flow;
mod pages;
mod settings;
mod token;

pub use pages::{back, begin, buttons, code};
pub use settings::{ClientProof, Provider, RoleRule, SecondFactor};

use super::cookies::Cookie;
use super::once::Used;
use super::{Asked, forms};
use crate::jwk;
use crate::kept::Kept;
use crate::server::{Shared, peer};
use crate::strangers::{Stranger, Strangers};
use axum::http::Method;
use discovery::Doors;
use flow::{Flow, Flows, Onward};
use forms::Form;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use token::Said;
use tokio::sync::Semaphore;

/// Questions to one provider at a time: one that hangs holds no more requests, and none of those who sign in otherwise.
const WIDTH: usize = 16;

/// Where browsers come back to, before the provider's id.
const BACK: &str = "/sign-in/callback/";

/// Said where as many ask a provider as may.
const TOO_MANY: &str = "too many people are signing in there";

/// Longest code or error of a provider.
const PARAMETER_BYTES_MAX: usize = 4 << 10;

/// What all signing in by providers shares.
#[derive(Default)]
pub struct Desk {
    its: Mutex<HashMap<String, Arc<Its>>>,
    flows: Flows,
}

/// What is known of one provider: no other can fill or hold it.
struct Its {
    doors: Kept<Arc<Doors>>,
    keys: jwk::Known,
    used: Used,
    turns: Semaphore,
}

impl Desk {
    fn of(&self, provider: &Provider) -> Arc<Its> {
        let fresh = || Its {
            doors: Kept::default(),
            keys: jwk::Known::default(),
            used: Used::default(),
            turns: Semaphore::new(WIDTH),
        };
        let mut its = self.its.lock().unwrap_or_else(PoisonError::into_inner);
        its.entry(provider.id.clone()).or_insert_with(|| Arc::new(fresh())).clone()
    }
}

/// The issuers by whose word alone those come in who are linked with them.
pub fn only(shared: &Shared) -> Vec<&str> {
    let only = shared.settings.providers.iter().filter(|provider| provider.is_only);
    only.map(|provider| provider.issuer.as_str()).collect()
}

/// What was asked of a provider before a thread is taken for the page.
pub enum Ahead {
    /// The page needs no provider.
    Nothing,
    /// Its doors, for sending somebody there.
    Doors(Result<Arc<Doors>, &'static str>),
    /// What came of somebody's coming back.
    Back(Box<Return>),
}

/// Somebody has come back.
pub struct Return {
    /// Where they go on to.
    pub onward: Onward,
    /// Who they are, or why that is not known.
    pub said: Result<Said, Failed>,
}

/// Why somebody is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Nothing of it belongs to this browser, or it is too late.
    Stray,
    /// The provider says no, in one of its words.
    Refused(&'static str),
    /// The provider cannot be asked.
    Unreachable(&'static str),
    /// What it sent is not believed. It took the code: the audit is told.
    Unbelieved(&'static str),
}

/// The id that an address to come back to names.
pub fn of_path(path: &str) -> Option<&str> {
    path.strip_prefix(BACK).filter(|id| !id.is_empty() && !id.contains('/'))
}

fn find<'a>(shared: &'a Shared, id: &str) -> Option<&'a Provider> {
    shared.settings.providers.iter().find(|provider| provider.id == id)
}

/// Where a provider sends browsers back to.
fn back_address(shared: &Shared, provider: &Provider) -> String {
    format!("{}{BACK}{}", shared.settings.public_url, provider.id)
}

/// Asks a provider what a page needs, if it needs something.
pub async fn ahead(shared: &Arc<Shared>, asked: &Asked) -> Ahead {
    if asked.parts.method == Method::POST && asked.path() == "/sign-in/provider" {
        let Some(provider) = chosen(shared, asked) else { return Ahead::Nothing };
        return Ahead::Doors(doors_of(shared, provider).await);
    }
    let Some(provider) = of_path(asked.path()).and_then(|id| find(shared, id)) else { return Ahead::Nothing };
    if asked.parts.method != Method::GET {
        return Ahead::Nothing;
    }
    let back = come_back(shared, provider, asked).await;
    if !matches!(back.said, Ok(_) | Err(Failed::Unbelieved(_))) {
        Strangers::count(shared, Stranger::Unknown, peer(&asked.parts.extensions));
    }
    Ahead::Back(Box::new(back))
}

/// The provider of a form that came from a page of this browser.
fn chosen<'a>(shared: &'a Shared, asked: &Asked) -> Option<&'a Provider> {
    forms::check_origin(&asked.parts.headers).ok()?;
    let form = Form::read(&asked.body).ok()?;
    let mark = Cookie::Form.read(shared, &asked.parts.headers)?;
    form.check(shared, &mark).ok()?;
    find(shared, form.text("provider"))
}

async fn come_back(shared: &Shared, provider: &Provider, asked: &Asked) -> Return {
    let stray = || Return { onward: Onward::default(), said: Err(Failed::Stray) };
    let Some(query) = asked.query().ok().filter(is_plain) else { return stray() };
    let sealed = Cookie::Provider.read(shared, &asked.parts.headers);
    let flow = sealed.and_then(|sealed| Flow::open(shared, provider, &sealed, query.text("state")));
    let Some(flow) = flow else { return stray() };
    let its = shared.providers.of(provider);
    if !its.used.is_fresh(&flow.state) {
        return stray();
    }
    let onward = shared.providers.flows.onward(&flow);
    let said = match its.turns.try_acquire() {
        Ok(_turn) => redeemed(shared, provider, &query, &flow).await,
        Err(_) => Err(Failed::Unreachable(TOO_MANY)),
    };
    // Only what the provider has given a token for is used up: strangers have any number of states given out.
    let has_token = matches!(said, Ok(_) | Err(Failed::Unbelieved(_)));
    if has_token && !its.used.use_up(&flow.state, shared.vault.clock().now()) {
        return Return { onward, said: Err(Failed::Stray) };
    }
    Return { onward, said }
}

/// Where a provider's doors are, if not too many ask it at once.
async fn doors_of(shared: &Shared, provider: &Provider) -> Result<Arc<Doors>, &'static str> {
    let its = shared.providers.of(provider);
    let Ok(_turn) = its.turns.try_acquire() else { return Err(TOO_MANY) };
    discovery::doors(&its.doors, &shared.settings, shared.vault.clock(), provider).await
}

/// Whether no parameter stands twice, and none is too long.
fn is_plain(query: &Form) -> bool {
    let names = ["code", "state", "iss", "error"];
    let all = || query.fields().filter(|(name, _)| names.contains(&name.as_str()));
    let is_single = |name: &&str| all().filter(|(known, _)| known == name).count() <= 1;
    names.iter().all(is_single) && all().all(|(_, value)| value.len() <= PARAMETER_BYTES_MAX)
}

async fn redeemed(shared: &Shared, provider: &Provider, query: &Form, flow: &Flow) -> Result<Said, Failed> {
    let its = shared.providers.of(provider);
    let doors = discovery::doors(&its.doors, &shared.settings, shared.vault.clock(), provider).await;
    let doors = doors.map_err(Failed::Unreachable)?;
    let named = query.fields().find(|(name, _)| name == "iss").map(|(_, value)| value.as_str());
    let is_its = named.map_or(!doors.names_itself, |named| named == provider.issuer);
    if !is_its {
        return Err(Failed::Stray);
    }
    let (code, error) = (query.text("code"), query.text("error"));
    if !error.is_empty() || code.is_empty() {
        return Err(Failed::Refused(word(error)));
    }
    let token = client::redeem(shared, provider, &doors, code, &flow.verifier).await.map_err(Failed::Unreachable)?;
    token::read(shared, provider, &doors, &token, &flow.nonce).await.map_err(Failed::Unbelieved)
}

/// A provider's word for what went wrong, if it is one of the standards' (RFC 6749 section 4.1.2.1; OpenID Connect Core 1.0
/// section 3.1.2.6): nothing else of a link is shown to people.
fn word(error: &str) -> &'static str {
    const WORDS: [&str; 10] = [
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
    ];
    WORDS.into_iter().find(|known| *known == error).unwrap_or("no reason")
}
