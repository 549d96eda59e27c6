//! How an app shows that it is itself (RFC 6749 section 2.3, RFC 7523), and how it is told that something was refused
//! (RFC 6749 section 5.2).

use super::keys::Fetched;
use super::{answer_json, statement};
use crate::answer::log_fault;
use crate::server::Shared;
use crate::sign_in::Asked;
use crate::sign_in::forms::Form;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fhir::json::Json;
use fhir::search::query::url;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vault::access::Context;
use vault::access::apps::{App, Proof};
use vault::{Error, Fault};

/// What `client_assertion_type` must say.
const STATEMENT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Refusals of one app that are noted in the audit in a minute; more would drown the rest.
const NOTED_MAX: u32 = 30;
const MINUTE_MS: i64 = 60_000;

/// OAuth's words for what can be wrong; a refusal of another kind is an `invalid_request`.
const WORDS: [&str; 8] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_token",
    "insufficient_scope",
];

/// An app that has shown that it is itself, as far as it can.
pub struct Shown {
    /// Which.
    pub app: Arc<App>,
    /// Whether by a secret or a key.
    pub is_proven: bool,
}

/// The app that sends a form.
pub fn show(shared: &Shared, asked: &Asked, form: &Form, fetched: Option<&Fetched>) -> Result<Shown, Error> {
    if !form.text("client_secret").is_empty() {
        return Err(unknown("a secret stands in the form; send it by HTTP Basic authentication").into());
    }
    let header = asked.parts.headers.get(header::AUTHORIZATION);
    let statement = form.text("client_assertion");
    match (header, statement.is_empty()) {
        (Some(_), false) => Err(invalid("the app shows itself in two ways; choose one").into()),
        (Some(header), true) => by_secret(shared, form, header),
        (None, false) if form.text("client_assertion_type") != STATEMENT => {
            Err(invalid("client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer").into())
        }
        (None, false) => by_statement(shared, asked, form, statement, fetched),
        (None, true) => by_name(shared, form),
    }
}

fn by_secret(shared: &Shared, form: &Form, header: &HeaderValue) -> Result<Shown, Error> {
    let (id, secret) = basic(header).ok_or_else(|| unknown("the Authorization header is none of HTTP Basic"))?;
    let app = approved(shared, &id)?.filter(|app| app.knows(&secret));
    let app = app.ok_or_else(|| unknown("client id or secret is wrong, or the app is not approved"))?;
    same_name(form, &app)?;
    Ok(Shown { app, is_proven: true })
}

fn by_statement(
    shared: &Shared,
    asked: &Asked,
    form: &Form,
    text: &str,
    fetched: Option<&Fetched>,
) -> Result<Shown, Error> {
    let named = statement::name(text).unwrap_or_default();
    let app = approved(shared, &named)?.filter(|app| app.registration.proof.is_signed());
    let app = app.ok_or_else(|| unknown("the statement names no app that is approved here and signs"))?;
    same_name(form, &app)?;
    let checked = statement::check(shared, &app, text, fetched);
    if checked.is_err() {
        note(shared, &app, asked, "statement refused")?;
    }
    checked?;
    Ok(Shown { app, is_proven: true })
}

/// An app that can keep no secret says its name alone.
fn by_name(shared: &Shared, form: &Form) -> Result<Shown, Error> {
    let app = match form.text("client_id") {
        // Who has a refresh token need not say its name (RFC 6749 section 6 asks only those who can prove it).
        "" if form.text("grant_type") == "refresh_token" => shared.vault.app_of_refresh(form.text("refresh_token"))?,
        id => shared.vault.app(id)?,
    };
    let app = app.filter(|app| app.is_approved() && app.registration.proof == Proof::Public);
    let app =
        app.ok_or_else(|| unknown("no app of this client id is approved here, or it must show that it is itself"))?;
    Ok(Shown { app, is_proven: false })
}

fn approved(shared: &Shared, id: &str) -> Result<Option<Arc<App>>, Error> {
    Ok(shared.vault.app(id)?.filter(|app| app.is_approved()))
}

/// A form that names another app than the one that has shown itself is refused.
fn same_name(form: &Form, app: &App) -> Result<(), Refusal> {
    let named = form.text("client_id");
    if named.is_empty() || named == app.id { Ok(()) } else { Err(unknown("the form names another app")) }
}

/// Id and secret (RFC 6749 section 2.3.1: both percent-coded, then RFC 7617).
fn basic(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, coded) = header.to_str().ok()?.split_once(' ')?;
    let plain = String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (id, secret) = plain.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let mut pairs = url::pairs(&format!("{id}={secret}")).ok()?;
    (pairs.len() == 1).then(|| pairs.remove(0))
}

/// What was refused to whom lately.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<String, (i64, u32)>>);

impl Failures {
    /// Whether one more of an app is noted.
    fn is_noted(&self, app: &str, now: Instant) -> bool {
        let minute = now.0.div_euclid(MINUTE_MS);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = known.entry(app.to_owned()).or_insert((minute, 0));
        if count.0 != minute {
            *count = (minute, 0);
        }
        count.1 = count.1.saturating_add(1);
        count.1 <= NOTED_MAX
    }
}

/// Notes in the audit that an app was refused something.
pub fn note(shared: &Shared, app: &App, asked: &Asked, why: &str) -> Result<(), Error> {
    if !shared.smart.failures.is_noted(&app.id, shared.vault.clock().now()) {
        return Ok(());
    }
    shared.vault.note_app_refused(app, Context { asked: why.to_owned(), ..asked.context() })
}

/// The answer for what went wrong.
pub fn refuse(error: &Error, place: &str) -> Response<Bytes> {
    let (status, word, why) = match error {
        Error::Refusal(refusal) => said(refusal),
        Error::Fault(Fault::Busy(_)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "the server is busy; try again shortly".to_owned(),
        ),
        Error::Fault(fault) => {
            log_fault(fault, place);
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "the server failed; its operator's log says why".to_owned(),
            )
        }
    };
    let body = Json::object([("error", Json::string(word)), ("error_description", Json::string(why))]);
    let mut answer = answer_json(status, &body);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = match word {
            "invalid_token" => HeaderValue::from_static("Bearer realm=\"chartroom\", error=\"invalid_token\""),
            _ => HeaderValue::from_static("Basic realm=\"chartroom\""),
        };
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

fn said(refusal: &Refusal) -> (StatusCode, &'static str, String) {
    let finding = refusal.findings.first();
    let why = finding.map(|finding| finding.message.clone()).unwrap_or_default();
    let known = finding.and_then(|finding| WORDS.iter().find(|word| **word == finding.code));
    let word = known.copied().unwrap_or("invalid_request");
    let status = match (word, refusal.kind) {
        ("invalid_client" | "invalid_token", _) => StatusCode::UNAUTHORIZED,
        ("insufficient_scope", _) => StatusCode::FORBIDDEN,
        (_, Kind::Unavailable | Kind::Full) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    (status, word, why)
}

/// A request that is none.
pub fn invalid(message: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "invalid_request", message)
}

/// An app that has not shown that it is itself.
pub fn unknown(message: &str) -> Refusal {
    Refusal::new(Kind::Unauthenticated, "invalid_client", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_secret_are_read() {
        for (value, read) in [
            ("Basic YTpi", Some(("a", "b"))),
            ("basic YSUyRGI6Yw==", Some(("a-b", "c"))),
            ("Basic YTpiOmM=", Some(("a", "b:c"))),
            ("Basic YWI=", None),
            ("Basic YSZiOmM=", None),
            ("Basic !", None),
            ("Bearer YTpi", None),
            ("Basic", None),
        ] {
            let found = basic(&HeaderValue::from_static(value));
            assert_eq!(found.as_ref().map(|(id, secret)| (id.as_str(), secret.as_str())), read, "{value}");
        }
    }

    #[test]
    fn refusals_are_noted_in_bounds() {
        let failures = Failures::default();
        let noted = (0..100).filter(|_| failures.is_noted("a", Instant(0))).count();
        assert_eq!(noted, NOTED_MAX as usize);
        assert!(failures.is_noted("b", Instant(0)) && failures.is_noted("a", Instant(MINUTE_MS)));
    }
}
