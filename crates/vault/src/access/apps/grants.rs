//! Grants: what somebody has let an app do. A grant is the family of all tokens that came from one agreement; when it ends,
//! all of them are void.
//!
//! All grants of an account are one private document of type `x-grants`, so that reuse of a code or of a refresh token is
//! noticed whichever comes first, also after a restart.

use crate::access::accounts::Session;
use crate::access::scopes::Scopes;
use crate::access::{Purpose, Visit};
use crate::error::Error;
use crate::records::{Expect, Vault};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::collections::HashMap;
use std::sync::Arc;

const KIND: &str = "x-grants";

/// Grants of one account that stand at a time; one more ends the oldest.
const GRANTS_MAX: usize = 50;

/// Accounts whose grants are remembered, at most, before all are read again.
const KNOWN_MAX: usize = 10_000;

/// How long a code can be used (RFC 6749 section 4.1.2 allows ten minutes).
pub(super) const CODE_MS: i64 = 60_000;

/// How long a grant is remembered after its end, so that its last access token is known to be void.
const REMEMBERED_MS: i64 = 2 * 3_600_000;

/// What a person has agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The app, by client id.
    pub client: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Whom it is about, by id.
    pub patient: Option<String>,
    /// Which visit, by id.
    pub encounter: Option<String>,
    /// Whether the page from which the app was opened shows already who the patient is.
    pub has_banner: bool,
    /// Where the code is sent.
    pub redirect: String,
    /// The S256 challenge (RFC 7636 section 4.2).
    pub challenge: String,
    /// What the app wants to read in its identity token.
    pub nonce: Option<String>,
    /// The launch it came from; each counts once.
    pub launch: Option<String>,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Names it.
    pub id: String,
    /// What was agreed to.
    pub agreed: Agreed,
    /// Why its person was here then.
    pub purpose: Purpose,
    /// When.
    pub since: Instant,
    /// When it ends by itself.
    pub until: Instant,
    /// Whether its code was used.
    pub(super) is_redeemed: bool,
    /// How many refresh tokens it has had; the last one counts. 0: it has none.
    pub(super) refresh: u64,
    /// The session at pages that it must not outlive: id, when it began, when it ends, how long it may be idle.
    pub(super) session: Option<(String, Instant, Instant, Option<i64>)>,
    /// Whether it was ended before its time.
    pub is_ended: bool,
}

/// The grants of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    pub all: Vec<Grant>,
    version: u64,
}

/// What is remembered of them, by account.
#[derive(Default)]
pub(super) struct Known(HashMap<String, Arc<Grants>>);

impl Grant {
    /// Whether tokens of it are good.
    pub(super) fn stands(&self, now: Instant) -> bool {
        !self.is_ended && now < self.until
    }

    /// Ends it.
    pub(super) fn end(&mut self, now: Instant) {
        self.is_ended = true;
        self.until = Instant(now.0 + REMEMBERED_MS);
    }

    /// The session that it must not outlive.
    pub(super) fn bound_to(&mut self, session: &Session) {
        self.session = Some((session.id.clone(), session.issued, session.until, session.idle_ms));
    }
}

impl Vault {
    /// The grants of an account that stand, oldest first. For its owner, and for the operator.
    pub fn grants(&self, visit: &Visit, account: &str) -> Result<Vec<Grant>, Error> {
        crate::access::accounts::require_owner(visit, account)?;
        let now = self.clock().now();
        let (known, owner, apps) = (self.grants_of(account)?, self.account(account)?, self.apps()?);
        let is_void = |grant: &Grant| {
            let app = apps.iter().find(|app| app.id == grant.agreed.client);
            app.is_none_or(|app| grant.since < app.tokens_from)
                || owner.as_ref().is_none_or(|owner| grant.since < owner.tokens_from)
        };
        let stands = |grant: &&Grant| grant.stands(now) && grant.is_redeemed && !is_void(grant);
        Ok(known.all.iter().filter(stands).cloned().collect())
    }

    /// Ends a grant: all tokens of it are void from the next request on. For its owner, and for the operator.
    pub fn end_grant(&self, visit: &Visit, account: &str, id: &str) -> Result<(), Error> {
        crate::access::accounts::require_owner(visit, account)?;
        self.change_grant(visit, account, id, |grant, now| {
            grant.end(now);
            Ok(())
        })
    }

    /// The grant that a session comes from.
    #[must_use]
    pub fn grant_of(&self, session: &Session) -> Option<Grant> {
        let known = self.grants_of(&session.account).ok()?;
        known.all.iter().find(|grant| Some(&grant.id) == session.grant.as_ref()).cloned()
    }

    /// Whether tokens of a grant are good.
    pub(super) fn grant_stands(&self, account: &str, id: &str) -> bool {
        let now = self.clock().now();
        let known = self.grants_of(account);
        known.is_ok_and(|grants| grants.all.iter().any(|grant| grant.id == id && grant.stands(now)))
    }

    /// The grants of an account that are remembered.
    pub(super) fn grants_of(&self, account: &str) -> Result<Arc<Grants>, Error> {
        if let Some(known) = self.inner.store.gate.apps.grants.lock().0.get(account) {
            return Ok(Arc::clone(known));
        }
        let read = self.document(KIND, account)?.map(|document| Grants::read(&document.says, document.version));
        let read = Arc::new(read.unwrap_or_default());
        let mut known = self.inner.store.gate.apps.grants.lock();
        if known.0.len() >= KNOWN_MAX {
            known.0.clear();
        }
        // Somebody may have written meanwhile: what is there already is not older.
        Ok(Arc::clone(known.0.entry(account.to_owned()).or_insert(read)))
    }

    /// Adds a grant.
    pub(super) fn add_grant(&self, visit: &Visit, account: &str, grant: Grant) -> Result<(), Error> {
        let _turn = self.inner.store.gate.apps.turn();
        let mut grants = Grants::clone(&*self.grants_of(account)?);
        let launch = &grant.agreed.launch;
        if launch.is_some() && grants.all.iter().any(|known| known.agreed.launch == *launch) {
            return Err(used_launch().into());
        }
        let surplus = (grants.all.len() + 1).saturating_sub(GRANTS_MAX);
        grants.all.drain(..surplus);
        grants.all.push(grant);
        self.keep_grants(visit, account, grants)
    }

    /// Changes a grant. Refuses one that is not known.
    pub(super) fn change_grant(
        &self,
        visit: &Visit,
        account: &str,
        id: &str,
        change: impl FnOnce(&mut Grant, Instant) -> Result<(), Refusal>,
    ) -> Result<(), Error> {
        let _turn = self.inner.store.gate.apps.turn();
        self.alter_grant(visit, account, id, change)
    }

    /// [`Vault::change_grant`], for who holds the turn.
    pub(super) fn alter_grant(
        &self,
        visit: &Visit,
        account: &str,
        id: &str,
        change: impl FnOnce(&mut Grant, Instant) -> Result<(), Refusal>,
    ) -> Result<(), Error> {
        let now = self.clock().now();
        let mut grants = Grants::clone(&*self.grants_of(account)?);
        let grant = grants.all.iter_mut().find(|grant| grant.id == id).ok_or_else(no_grant)?;
        change(grant, now)?;
        self.keep_grants(visit, account, grants)
    }

    fn keep_grants(&self, visit: &Visit, account: &str, mut grants: Grants) -> Result<(), Error> {
        let now = self.clock().now();
        grants.all.retain(|grant| now.0 < grant.until.0.saturating_add(REMEMBERED_MS));
        let expect = if grants.version == 0 { Expect::Absent } else { Expect::Version(grants.version) };
        let kept = self.keep(visit, grants.write(account), expect);
        let mut known = self.inner.store.gate.apps.grants.lock();
        if let Err(error) = kept {
            known.0.remove(account);
            return Err(error);
        }
        grants.version += 1;
        known.0.insert(account.to_owned(), Arc::new(grants));
        Ok(())
    }
}

impl Grants {
    fn write(&self, account: &str) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let all = self.all.iter().map(Grant::write).collect();
        Json::object([("resourceType", text(KIND)), ("id", text(account)), ("grants", Json::Array(all))])
    }

    fn read(says: &Json<'_>, version: u64) -> Grants {
        let all = says.get("grants").map_or(&[][..], Json::items);
        Grants { all: all.iter().filter_map(Grant::read).collect(), version }
    }
}

impl Grant {
    fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let agreed = &self.agreed;
        let mut members = vec![
            ("id", text(&self.id)),
            ("client", text(&agreed.client)),
            ("scopes", Json::string(agreed.scopes.to_string())),
            ("banner", Json::Bool(agreed.has_banner)),
            ("redirect", text(&agreed.redirect)),
            ("challenge", text(&agreed.challenge)),
            ("purpose", text(self.purpose.code())),
            ("since", Json::number(self.since.0)),
            ("until", Json::number(self.until.0)),
            ("redeemed", Json::Bool(self.is_redeemed)),
            ("refresh", Json::number(self.refresh)),
            ("ended", Json::Bool(self.is_ended)),
        ];
        let words = [
            ("patient", &agreed.patient),
            ("encounter", &agreed.encounter),
            ("nonce", &agreed.nonce),
            ("launch", &agreed.launch),
        ];
        members.extend(words.iter().filter_map(|(name, word)| Some((*name, text(word.as_deref()?)))));
        if let Some((id, issued, until, idle)) = &self.session {
            let mut session =
                vec![("id", text(id)), ("issued", Json::number(issued.0)), ("until", Json::number(until.0))];
            session.extend(idle.map(|idle| ("idle", Json::number(idle))));
            members.push(("session", Json::object(session)));
        }
        Json::object(members)
    }

    fn read(says: &Json<'_>) -> Option<Grant> {
        let text = |name: &str| says.text(name).map(str::to_owned);
        let flag = |name: &str| says.get(name).and_then(Json::as_bool);
        let agreed = Agreed {
            client: text("client")?,
            scopes: Scopes::parse(says.text("scopes")?),
            patient: text("patient"),
            encounter: text("encounter"),
            has_banner: flag("banner")?,
            redirect: text("redirect")?,
            challenge: text("challenge")?,
            nonce: text("nonce"),
            launch: text("launch"),
        };
        Some(Grant {
            id: text("id")?,
            agreed,
            purpose: Purpose::from_code(says.text("purpose")?)?,
            since: Instant(number(says, "since")?),
            until: Instant(number(says, "until")?),
            is_redeemed: flag("redeemed")?,
            refresh: number(says, "refresh")?.cast_unsigned(),
            session: says.get("session").and_then(read_session),
            is_ended: flag("ended")?,
        })
    }
}

fn read_session(says: &Json<'_>) -> Option<(String, Instant, Instant, Option<i64>)> {
    let (issued, until) = (number(says, "issued")?, number(says, "until")?);
    Some((says.text("id")?.to_owned(), Instant(issued), Instant(until), number(says, "idle")))
}

fn number(says: &Json<'_>, name: &str) -> Option<i64> {
    says.get(name)?.as_number()?.parse().ok()
}

fn no_grant() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "there is no such agreement with an app")
}

fn used_launch() -> Refusal {
    Refusal::new(Kind::Invalid, "invalid", "this launch was used already; open the app from the chart again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_read_back_as_they_were_written() {
        let agreed = Agreed {
            client: "c".to_owned(),
            scopes: Scopes::parse("openid patient/Observation.rs"),
            patient: None,
            encounter: None,
            has_banner: false,
            redirect: "https://a/cb".to_owned(),
            challenge: "x".to_owned(),
            nonce: None,
            launch: None,
        };
        let bare = Grant {
            id: "g".to_owned(),
            agreed: agreed.clone(),
            purpose: Purpose::Treatment,
            since: Instant(1),
            until: Instant(2),
            is_redeemed: false,
            refresh: 0,
            session: None,
            is_ended: false,
        };
        let word = Some("w".to_owned());
        let (patient, encounter, nonce) = (word.clone(), word.clone(), word.clone());
        let full = Grant {
            agreed: Agreed { patient, encounter, nonce, launch: word, has_banner: true, ..agreed },
            is_redeemed: true,
            refresh: 7,
            session: Some(("s".to_owned(), Instant(3), Instant(4), Some(5))),
            is_ended: true,
            ..bare.clone()
        };
        let grants = Grants { all: vec![bare, full], version: 9 };
        assert_eq!(Grants::read(&grants.write("a"), 9), grants);
    }
}
