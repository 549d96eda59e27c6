//! Sessions: what somebody who signed in carries with every request. A token `ct2.` holds the session itself, sealed under
//! a key of the root key, so that the server keeps nothing but who was active when.
//!
//! A session ends by its time, by its owner's idleness, by signing out, by whatever voids the account's tokens, and when the
//! account may no longer come for its purpose. All of it is asked again at every request.

use super::book::Live;
use super::{Account, purposes};
use crate::access::{Purpose, Visit};
use crate::error::Error;
use crate::keys::root::Ring;
use crate::records::Vault;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::Json;
use std::sync::Arc;

const FORM: &str = "ct2.";
const LABEL: &[u8] = b"session";
const DEVICE_LABEL: &[u8] = b"device";

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names it; random.
    pub id: String,
    /// The account's id.
    pub account: String,
    /// Why its owner is here.
    pub purpose: Purpose,
    /// When it began.
    pub issued: Instant,
    /// When it ends by itself.
    pub until: Instant,
    /// Milliseconds without a request after which it ends; `None`: idleness does not end it.
    pub idle_ms: Option<i64>,
    /// The app that acts, by its client id.
    pub client: Option<String>,
    /// The scopes the app was given, separated by spaces.
    pub scopes: String,
    /// The patient the app was launched for, by id.
    pub patient: Option<String>,
    /// The grant it comes from, by id; without one an app acts for itself.
    pub grant: Option<String>,
    /// Whether its owner showed two factors that the account knows nothing of: at a provider, or by a passkey.
    pub is_strong: bool,
}

/// What a session is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// As [`Session::purpose`].
    pub purpose: Purpose,
    /// Milliseconds until it ends by itself.
    pub lasts_ms: i64,
    /// As [`Session::idle_ms`].
    pub idle_ms: Option<i64>,
    /// As [`Session::client`].
    pub client: Option<String>,
    /// As [`Session::scopes`].
    pub scopes: String,
    /// As [`Session::patient`].
    pub patient: Option<String>,
    /// As [`Session::grant`].
    pub grant: Option<String>,
    /// As [`Session::is_strong`].
    pub is_strong: bool,
}

impl Terms {
    /// For a purpose and some time, without an app.
    #[must_use]
    pub fn new(purpose: Purpose, lasts_ms: i64) -> Terms {
        Terms {
            purpose,
            lasts_ms,
            idle_ms: None,
            client: None,
            scopes: String::new(),
            patient: None,
            grant: None,
            is_strong: false,
        }
    }
}

impl Session {
    fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let mut members = vec![
            ("i", text(&self.id)),
            ("a", text(&self.account)),
            ("p", text(self.purpose.code())),
            ("b", Json::number(self.issued.0)),
            ("e", Json::number(self.until.0)),
        ];
        members.extend(self.idle_ms.map(|idle| ("q", Json::number(idle))));
        members.extend(self.client.as_deref().map(|client| ("c", text(client))));
        members.extend(self.patient.as_deref().map(|patient| ("x", text(patient))));
        members.extend(self.grant.as_deref().map(|grant| ("g", text(grant))));
        members.extend(self.is_strong.then_some(("f", Json::Bool(true))));
        members.push(("s", text(&self.scopes)));
        Json::object(members)
    }

    fn read(text: &[u8]) -> Option<Session> {
        let says = Json::parse(text).ok()?;
        let words = |name: &str| says.text(name).map(str::to_owned);
        let number = |name: &str| says.get(name)?.as_number()?.parse::<i64>().ok();
        Some(Session {
            id: words("i")?,
            account: words("a")?,
            purpose: Purpose::from_code(says.text("p")?)?,
            issued: Instant(number("b")?),
            until: Instant(number("e")?),
            idle_ms: number("q"),
            client: words("c"),
            scopes: words("s")?,
            patient: words("x"),
            grant: words("g"),
            is_strong: says.get("f").and_then(Json::as_bool).unwrap_or(false),
        })
    }

    fn seal(&self, ring: &Ring) -> Result<String, Error> {
        let sealed = ring.sessions.seal(LABEL, &self.write().to_bytes())?;
        Ok(format!("{FORM}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    fn open(ring: &Ring, token: &str) -> Option<Session> {
        let mut sealed = URL_SAFE_NO_PAD.decode(token.strip_prefix(FORM)?).ok()?;
        Session::read(ring.sessions.open(LABEL, &mut sealed)?)
    }
}

impl Vault {
    /// A session of an account, and the token that stands for it. Refuses what is no longer active, and a purpose that its
    /// roles do not come for.
    pub fn issue_session(&self, account: &Account, terms: Terms) -> Result<(String, Session), Error> {
        if !account.is_active || !purposes::purposes(account.roles).contains(&terms.purpose) {
            let message =
                "the account is not active, or none of its roles comes for this purpose; choose another purpose";
            return Err(Refusal::new(Kind::Forbidden, "forbidden", message).into());
        }
        let now = self.clock().now();
        let session = Session {
            id: self.inner.store.ids.uuid(),
            account: account.id.clone(),
            purpose: terms.purpose,
            issued: Instant(now.0.max(account.tokens_from.0)),
            until: Instant(now.0.saturating_add(terms.lasts_ms)),
            idle_ms: terms.idle_ms,
            client: terms.client,
            scopes: terms.scopes,
            patient: terms.patient,
            grant: terms.grant,
            is_strong: terms.is_strong,
        };
        if session.idle_ms.is_some() {
            self.inner.store.gate.accounts.touch(&session, now);
        }
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        Ok((session.seal(&ring)?, session))
    }

    /// The session of a token, and the visit it makes; `None` when the token is not ours or no longer good. Being asked is
    /// being active.
    pub fn session(&self, token: &str) -> Option<(Session, Visit)> {
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let session = Session::open(&ring, token)?;
        let account = self.account(&session.account).ok().flatten()?;
        let now = self.clock().now();
        if !is_good(&session, &account, now) || !self.inner.store.gate.accounts.is_awake(&session, now) {
            return None;
        }
        let visit = self.visit_of(&session, &account)?;
        Some((session, visit))
    }

    /// The visit that a session of a token makes now, its time and its idleness aside: `None` when somebody ended it, or
    /// account or app may act no more. For work that was begun in time and takes longer. No activity.
    pub(crate) fn begun_session(&self, token: &str) -> Option<Visit> {
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let session = Session::open(&ring, token)?;
        let account = self.account(&session.account).ok().flatten()?;
        is_good(&session, &account, session.issued).then(|| self.visit_of(&session, &account))?
    }

    fn visit_of(&self, session: &Session, account: &Account) -> Option<Visit> {
        if session.client.is_some() && !self.app_may_act(session) {
            return None;
        }
        let mut principal = account.principal();
        principal.app.clone_from(&session.client);
        principal.scopes.clone_from(&session.scopes);
        principal.launched_for.clone_from(&session.patient);
        Some(Visit::of(principal, session.purpose, None))
    }

    /// Whether a session of an account is open, asked by somebody else than its owner: no activity.
    pub(crate) fn is_session_open(&self, session: &Session, account: &Account) -> bool {
        let now = self.clock().now();
        is_good(session, account, now) && self.inner.store.gate.accounts.was_awake(session, now)
    }

    /// Whose session a token was, if idleness is all that ended it: whoever signs in again may go on with what was typed.
    pub fn slept_session(&self, token: &str) -> Option<Session> {
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let session = Session::open(&ring, token)?;
        let account = self.account(&session.account).ok().flatten()?;
        is_good(&session, &account, self.clock().now()).then_some(session)
    }

    /// Ends one session before its time. `visit` is its owner's, or the operator's.
    pub fn end_session(&self, visit: &Visit, session: &Session) -> Result<(), Error> {
        super::require_owner(visit, &session.account)?;
        let now = self.clock().now();
        self.inner.store.gate.accounts.asleep(&session.id);
        self.amend_account(visit, &session.account, |account| {
            account.end_session(session.id.clone(), session.until, now);
            Ok(())
        })?;
        Ok(())
    }

    /// The mark of a device on which an account's owner has signed in: see `throttle`.
    pub(crate) fn device_mark(&self, account: &str) -> Result<String, Error> {
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let plain = format!("{} {account}", self.inner.store.ids.uuid());
        Ok(URL_SAFE_NO_PAD.encode(ring.sessions.seal(DEVICE_LABEL, plain.as_bytes())?))
    }

    /// The device of a mark, if it is one of this account's.
    pub(crate) fn device_of(&self, mark: &str, account: &str) -> Option<String> {
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let mut sealed = URL_SAFE_NO_PAD.decode(mark).ok()?;
        let plain = ring.sessions.open(DEVICE_LABEL, &mut sealed)?;
        let (device, owner) = str::from_utf8(plain).ok()?.split_once(' ')?;
        (owner == account).then(|| device.to_owned())
    }
}

/// Whether nothing but idleness can have ended a session.
fn is_good(session: &Session, account: &Account, now: Instant) -> bool {
    account.is_active
        && now < session.until
        && session.issued >= account.tokens_from
        && !account.secrets.ended.iter().any(|(ended, _)| *ended == session.id)
        && purposes::purposes(account.roles).contains(&session.purpose)
}

impl Account {
    /// A session is over, and so are those whose time has come.
    pub(crate) fn end_session(&mut self, session: String, until: Instant, now: Instant) {
        let ended = &mut self.secrets.ended;
        ended.retain(|(_, until)| now < *until);
        if !ended.iter().any(|(known, _)| *known == session) {
            ended.push((session, until));
        }
    }
}

impl Live {
    /// Whether somebody idle for so long has gone.
    pub(crate) fn has_slept(&self, idle_ms: i64, now: Instant) -> bool {
        now.0 - self.last.0 > idle_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::root::RootKey;
    use crate::records::KeySource;

    fn ring(digit: &str) -> Ring {
        let source = KeySource::Hex(digit.repeat(64));
        RootKey::find(&source, std::path::Path::new("."), true).and_then(|root| root.ring()).expect("a ring")
    }

    #[test]
    fn only_our_own_tokens_open() {
        let session = Session {
            id: "s".to_owned(),
            account: "a".to_owned(),
            purpose: Purpose::Treatment,
            issued: Instant(1),
            until: Instant(2),
            idle_ms: Some(3),
            client: Some("app".to_owned()),
            scopes: "user/*.rs openid".to_owned(),
            patient: Some("p".to_owned()),
            grant: Some("g".to_owned()),
            is_strong: true,
        };
        let (ours, theirs) = (ring("a"), ring("b"));
        let token = session.seal(&ours).expect("sealed");
        assert_eq!(Session::open(&ours, &token).as_ref(), Some(&session));
        assert_eq!(Session::open(&theirs, &token), None);
        for i in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[i] ^= 1;
            assert_eq!(Session::open(&ours, &String::from_utf8(forged).expect("ASCII")), None, "byte {i}");
        }
        for wrong in ["", "ct2.", "ct2", "ct1.00.00", &token[1..], &token.replace("ct2.", "ct1.")] {
            assert_eq!(Session::open(&ours, wrong), None, "{wrong}");
        }
    }
}
