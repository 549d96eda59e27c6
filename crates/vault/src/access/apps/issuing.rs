//! From an agreement to tokens: the code, the access token, the refresh token, and what ends them.
//!
//! Codes and refresh tokens are sealed names of a grant; nothing of them is kept but how many there were. One that comes
//! twice ends the grant with all its tokens (RFC 6749 section 4.1.2, RFC 9700 section 4.14.2).

use super::grants::{Agreed, CODE_MS, Grant};
use super::{App, Registration};
use crate::access::accounts::{Account, Session, Terms, purposes};
use crate::access::scopes::{Level, Scopes, Word};
use crate::access::{Context, Principal, Purpose, Visit};
use crate::error::Error;
use crate::records::Vault;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;

const CODE: (&str, &[u8]) = ("cc1.", b"app code");
const REFRESH: (&str, &[u8]) = ("cr1.", b"app refresh");

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How long a refresh token lasts unused (ONC 170.315(g)(10) asks three months at least).
const REFRESH_MS: i64 = 100 * DAY_MS;

/// A PKCE verifier (RFC 7636 section 4.1).
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// What an app is handed.
#[derive(Clone, Debug)]
pub struct Handed {
    /// The access token.
    pub token: String,
    /// What it stands for.
    pub session: Session,
    /// For whom the app acts; itself where it acts by itself.
    pub account: Arc<Account>,
    /// The scopes it has.
    pub scopes: Scopes,
    /// The refresh token.
    pub refresh: Option<String>,
    /// The grant it comes from.
    pub grant: Option<Grant>,
}

/// What an app brings to have its code turned into tokens.
#[derive(Clone, Copy, Debug)]
pub struct Redeemed<'a> {
    /// The code.
    pub code: &'a str,
    /// Where it was sent.
    pub redirect: &'a str,
    /// What the challenge was made of.
    pub verifier: &'a str,
}

/// A sealed name of a grant.
struct Named {
    account: String,
    grant: String,
    number: u64,
}

impl Vault {
    /// Notes what the person of a visit has agreed to, and answers the code for the app. `session` is theirs, at pages.
    pub fn agree(&self, visit: &Visit, session: &Session, agreed: Agreed) -> Result<String, Error> {
        let account = &visit.principal().account;
        crate::access::accounts::require_owner(visit, account)?;
        let now = self.clock().now();
        let owner = self.account(account)?.ok_or_else(not_approved)?;
        let app = self.app(&agreed.client)?.filter(|app| app.is_approved()).ok_or_else(not_approved)?;
        let scopes = agreed.scopes.within(&app.scopes());
        let scopes = scopes.only(|_| true, |scope| scope.level != Level::System);
        let mut grant = Grant {
            id: self.inner.store.ids.uuid(),
            agreed: Agreed { scopes, ..agreed },
            purpose: visit.purpose(),
            since: Instant(now.0.max(owner.tokens_from.0).max(app.tokens_from.0)),
            until: Instant(now.0 + CODE_MS),
            is_redeemed: false,
            refresh: 0,
            session: None,
            is_ended: false,
        };
        if grant.agreed.scopes.has(Word::Online) && !grant.agreed.scopes.has(Word::Offline) {
            grant.bound_to(session);
        }
        let code = self.seal_name(CODE, &Named { account: account.clone(), grant: grant.id.clone(), number: 1 })?;
        self.add_grant(visit, account, grant)?;
        Ok(code)
    }

    /// Turns a code into tokens, once. `app` has shown that it is itself.
    pub fn redeem(&self, app: &App, brought: Redeemed<'_>, context: Context) -> Result<Handed, Error> {
        let named = self.open_name(CODE, brought.code).ok_or_else(|| no_grant("the code is none of ours"))?;
        let _turn = self.inner.store.gate.apps.turn();
        let (account, grant, visit) = self.named_grant(app, &named, context)?;
        let now = self.clock().now();
        if grant.is_redeemed {
            self.end_family(&visit, &named)?;
            return Err(no_grant("the code was used before; all that came from it is void").into());
        }
        let fits = grant.agreed.redirect == brought.redirect && is_met(&grant.agreed.challenge, brought.verifier);
        if !fits || !grant.stands(now) {
            self.end_family(&visit, &named)?;
            return Err(no_grant("the code is too old, or is not for this redirect_uri and code_verifier").into());
        }
        let refreshes = grant.agreed.scopes.has(Word::Offline) || grant.agreed.scopes.has(Word::Online);
        let until = match refreshes {
            true => now.0 + REFRESH_MS,
            false => now.0 + app.lasts_ms(),
        };
        self.alter_grant(&visit, &named.account, &named.grant, |grant, _| {
            (grant.is_redeemed, grant.refresh, grant.until) = (true, u64::from(refreshes), Instant(until));
            Ok(())
        })?;
        let grant = Grant { is_redeemed: true, refresh: u64::from(refreshes), until: Instant(until), ..grant };
        let scopes = grant.agreed.scopes.clone();
        self.hand(app, &account, grant, scopes)
    }

    /// Turns a refresh token into new tokens; it is void then. `asked` may name fewer scopes than were agreed to.
    pub fn refresh(&self, app: &App, token: &str, asked: Option<&str>, context: Context) -> Result<Handed, Error> {
        let named = self.open_name(REFRESH, token).ok_or_else(|| no_grant("the refresh token is none of ours"))?;
        let _turn = self.inner.store.gate.apps.turn();
        let (account, grant, visit) = self.named_grant(app, &named, context)?;
        let now = self.clock().now();
        if grant.refresh != named.number {
            self.end_family(&visit, &named)?;
            return Err(no_grant("the refresh token was used before; all that came from it is void").into());
        }
        if !grant.stands(now) || !self.is_online(&grant, &account) {
            return Err(no_grant("what was agreed to has ended").into());
        }
        let scopes = fewer(&grant.agreed.scopes, asked)?;
        let (number, until) = (grant.refresh + 1, Instant(now.0 + REFRESH_MS));
        self.alter_grant(&visit, &named.account, &named.grant, |grant, _| {
            (grant.refresh, grant.until) = (number, until);
            Ok(())
        })?;
        self.hand(app, &account, Grant { refresh: number, until, ..grant }, scopes)
    }

    /// Tokens for an app that acts by itself (SMART Backend Services). `app` has shown that it is itself.
    pub fn act_for_itself(&self, app: &App, asked: &str, context: Context) -> Result<Handed, Error> {
        let Registration { acts_as, purpose, .. } = &app.registration;
        let account = acts_as.as_deref().map(|id| self.account(id)).transpose()?.flatten();
        let account = account.filter(|account| account.is_active).ok_or_else(|| {
            Refusal::new(Kind::Forbidden, "unauthorized_client", "the app is not one that acts by itself")
        })?;
        let scopes = Scopes::parse(asked).within(&app.scopes());
        let scopes = scopes.only(|_| false, |scope| scope.level == Level::System);
        if scopes.is_empty() {
            return Err(no_scope("none of the scopes is one that the app may have by itself").into());
        }
        let usual = || purposes(account.roles).first().copied().unwrap_or(Purpose::Operations);
        let terms = Terms {
            client: Some(app.id.clone()),
            scopes: scopes.to_string(),
            ..Terms::new(purpose.unwrap_or_else(usual), app.lasts_ms().min(5 * 60_000))
        };
        let (token, session) = self.issue_session(&account, terms)?;
        let visit = visit_of(&account, app, session.purpose, context);
        self.close_now(&visit, 200)?;
        Ok(Handed { token, session, account, scopes, refresh: None, grant: None })
    }

    /// Ends what an app gives back: the grant of a refresh token, or of an access token (RFC 7009 section 2.1). Nothing
    /// happens where it is none of this app's.
    pub fn give_back(&self, app: &App, token: &str, context: Context) -> Result<(), Error> {
        let named = match self.open_name(REFRESH, token) {
            Some(named) => named,
            None => {
                let session = self.session(token).map(|(session, _)| session);
                let own = session.filter(|session| session.client.as_deref() == Some(&app.id));
                let Some(session) = own else { return Ok(()) };
                let Some(grant) = session.grant.clone() else { return self.end_own(app, &session, context) };
                Named { account: session.account, grant, number: 0 }
            }
        };
        let _turn = self.inner.store.gate.apps.turn();
        match self.named_grant(app, &named, context) {
            Ok((_, _, visit)) => self.end_family(&visit, &named),
            Err(Error::Refusal(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends a session of an app that acts by itself.
    fn end_own(&self, app: &App, session: &Session, context: Context) -> Result<(), Error> {
        let Some(account) = self.account(&session.account)? else { return Ok(()) };
        let (visit, now) = (visit_of(&account, app, session.purpose, context), self.clock().now());
        self.amend_account(&visit, &account.id, |account| {
            account.end_session(session.id.clone(), session.until, now);
            Ok(())
        })?;
        Ok(())
    }

    /// The app that a refresh token was given to, whether it is still good or not.
    pub fn app_of_refresh(&self, token: &str) -> Result<Option<Arc<App>>, Error> {
        let Some(named) = self.open_name(REFRESH, token) else { return Ok(None) };
        let grants = self.grants_of(&named.account)?;
        let grant = grants.all.iter().find(|grant| grant.id == named.grant);
        grant.map_or(Ok(None), |grant| self.app(&grant.agreed.client))
    }

    /// What a refresh token stands for, if it is good and this app's: for introspection (RFC 7662).
    pub fn refresh_stands_for(&self, app: &App, token: &str) -> Option<(Arc<Account>, Grant)> {
        let named = self.open_name(REFRESH, token)?;
        let account = self.account(&named.account).ok().flatten()?;
        let grant = self.grants_of(&named.account).ok()?.all.iter().find(|grant| grant.id == named.grant)?.clone();
        let good = grant.stands(self.clock().now())
            && grant.refresh == named.number
            && grant.agreed.client == app.id
            && grant.since >= app.tokens_from
            && is_owned(&grant, &account)
            && self.is_online(&grant, &account);
        good.then_some((account, grant))
    }

    /// Notes in the audit that an app was refused something.
    pub fn note_app_refused(&self, app: &App, context: Context) -> Result<(), Error> {
        self.close_now(&Visit::of(Principal::nobody().with_app(&app.id), Purpose::Operations, Some(context)), 400)
    }

    /// The account and the grant of a name, for the app that it was made for. A name that another app brings was stolen.
    fn named_grant(&self, app: &App, named: &Named, context: Context) -> Result<(Arc<Account>, Grant, Visit), Error> {
        let account = self.account(&named.account)?.ok_or_else(|| no_grant("there is no such account"))?;
        let grants = self.grants_of(&named.account)?;
        let grant = grants.all.iter().find(|grant| grant.id == named.grant).cloned();
        let grant = grant.ok_or_else(|| no_grant("what was agreed to has ended"))?;
        let visit = visit_of(&account, app, grant.purpose, context);
        if grant.agreed.client != app.id {
            self.end_family(&visit, named)?;
            return Err(no_grant("this was given to another app; all that came from it is void").into());
        }
        if grant.is_ended || grant.since < app.tokens_from || !is_owned(&grant, &account) {
            return Err(no_grant("what was agreed to has ended").into());
        }
        Ok((account, grant, visit))
    }

    fn end_family(&self, visit: &Visit, named: &Named) -> Result<(), Error> {
        self.alter_grant(visit, &named.account, &named.grant, |grant, now| {
            grant.end(now);
            Ok(())
        })
    }

    /// Whether the person of a grant that must not outlive their session is still there.
    fn is_online(&self, grant: &Grant, account: &Account) -> bool {
        let Some((id, issued, until, idle_ms)) = grant.session.clone() else { return true };
        let terms = Terms::new(grant.purpose, 0);
        let session = Session {
            id,
            account: account.id.clone(),
            purpose: terms.purpose,
            issued,
            until,
            idle_ms,
            client: None,
            scopes: String::new(),
            patient: None,
            grant: None,
            is_strong: false,
        };
        self.is_session_open(&session, account)
    }

    fn hand(&self, app: &App, account: &Arc<Account>, grant: Grant, scopes: Scopes) -> Result<Handed, Error> {
        let terms = Terms {
            client: Some(app.id.clone()),
            scopes: scopes.to_string(),
            patient: grant.agreed.patient.clone(),
            grant: Some(grant.id.clone()),
            ..Terms::new(grant.purpose, app.lasts_ms())
        };
        let (token, session) = self.issue_session(account, terms)?;
        let named = Named { account: account.id.clone(), grant: grant.id.clone(), number: grant.refresh };
        let refresh = (grant.refresh > 0).then(|| self.seal_name(REFRESH, &named)).transpose()?;
        Ok(Handed { token, session, account: Arc::clone(account), scopes, refresh, grant: Some(grant) })
    }

    fn seal_name(&self, (form, label): (&str, &[u8]), named: &Named) -> Result<String, Error> {
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let plain = format!("{} {} {}", named.account, named.grant, named.number);
        Ok(format!("{form}{}", URL_SAFE_NO_PAD.encode(ring.sessions.seal(label, plain.as_bytes())?)))
    }

    fn open_name(&self, (form, label): (&str, &[u8]), token: &str) -> Option<Named> {
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let mut sealed = URL_SAFE_NO_PAD.decode(token.strip_prefix(form)?).ok()?;
        let plain = str::from_utf8(ring.sessions.open(label, &mut sealed)?).ok()?;
        let mut parts = plain.split(' ');
        let (account, grant) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Named { account, grant, number: parts.next()?.parse().ok()? })
    }
}

/// The visit of an app that acts for an account.
fn visit_of(account: &Account, app: &App, purpose: Purpose, context: Context) -> Visit {
    Visit::of(account.principal().with_app(&app.id), purpose, Some(context))
}

/// Whether the account may still be used, and has voided nothing since.
fn is_owned(grant: &Grant, account: &Account) -> bool {
    account.is_active && grant.since >= account.tokens_from && purposes(account.roles).contains(&grant.purpose)
}

/// Whether a challenge was made of a verifier by S256 (RFC 7636 section 4.6).
fn is_met(challenge: &str, verifier: &str) -> bool {
    let is_verifier = VERIFIER_CHARS.contains(&verifier.len())
        && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    let made = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    is_verifier && verify_slices_are_equal(made.as_bytes(), challenge.as_bytes()).is_ok()
}

/// The scopes that an app asks for at a refresh: none more than were agreed to (RFC 6749 section 6).
fn fewer(agreed: &Scopes, asked: Option<&str>) -> Result<Scopes, Refusal> {
    let Some(asked) = asked else { return Ok(agreed.clone()) };
    let wanted = Scopes::strict(asked).map_err(|_| no_scope("a scope is none that was agreed to"))?;
    let met = wanted.within(agreed);
    if met == wanted && !met.is_empty() { Ok(met) } else { Err(no_scope("a scope is none that was agreed to")) }
}

fn not_approved() -> Refusal {
    Refusal::new(Kind::Forbidden, "unauthorized_client", "this app may not act here")
}

fn no_grant(message: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "invalid_grant", message)
}

fn no_scope(message: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "invalid_scope", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_met_by_its_verifier_alone() {
        // RFC 7636 appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_met(challenge, verifier));
        for (challenge, verifier) in [
            (challenge, ""),
            (challenge, challenge),
            (verifier, verifier),
            ("", ""),
            (challenge, &verifier[1..]),
            (challenge, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk "),
        ] {
            assert!(!is_met(challenge, verifier), "{challenge} {verifier}");
        }
    }

    #[test]
    fn a_refresh_never_widens() {
        let agreed = Scopes::parse("patient/Observation.rs?category=a patient/Condition.rs offline_access");
        for (asked, good) in [
            (None, true),
            (Some("patient/Condition.rs"), true),
            (Some("patient/Condition.r"), true),
            (Some("patient/Observation.rs"), false),
            (Some("patient/*.rs"), false),
            (Some("patient/Condition.cruds"), false),
            (Some("user/Condition.rs"), false),
            (Some("openid"), false),
            (Some(""), false),
            (Some("nonsense"), false),
        ] {
            assert_eq!(fewer(&agreed, asked).is_ok(), good, "{asked:?}");
        }
    }
}
