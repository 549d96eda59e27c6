//! Coming in: login, password and code become a session, or one and the same no whatever was wrong.

use super::book::Accounts;
use super::throttle::{Own, Try};
use super::{Account, Session, Terms, normal, password, totp};
use crate::access::{Context, Principal, Purpose, Visit};
use crate::error::Error;
use crate::records::Vault;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use std::sync::Arc;

/// Sessions of one account that may be active at a time; one more ends the one used longest ago.
const SESSIONS_MAX: usize = 10;

/// Longer input is wrong without a look.
const TYPED_BYTES_MAX: usize = 1_024;

/// What somebody typed to sign in.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The login.
    pub login: &'a str,
    /// The password.
    pub password: &'a str,
    /// The code of the second factor, or a recovery code; empty where the account has none.
    pub code: &'a str,
    /// What [`SignedIn::device`] was when somebody last signed in on this device.
    pub device: Option<&'a str>,
    /// Issuers of providers by whose word alone those come in who are linked with them: no password of theirs is right.
    pub only: &'a [&'a str],
}

/// Somebody is in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Whose session it is.
    pub account: Arc<Account>,
    /// The token that stands for it.
    pub token: String,
    /// What it is.
    pub session: Session,
    /// The visit it makes.
    pub visit: Visit,
    /// For this device to keep: it tells its owner from strangers.
    pub device: String,
}

impl Vault {
    /// Signs somebody in, and writes so to the audit; a failure too. Whatever was wrong, the answer and the time it takes are
    /// the same. `terms` are made for the account that was found. Refuses with `Unavailable` whoever tries too often: the
    /// finding's message says how long to wait.
    ///
    /// Takes some 20 ms of a processor and 19 MiB: callers bound how many run at once.
    pub fn sign_in_with(
        &self,
        attempt: &Attempt<'_>,
        context: Context,
        terms: impl FnOnce(&Account) -> Terms,
    ) -> Result<SignedIn, Error> {
        let login = normal(attempt.login.get(..TYPED_BYTES_MAX).unwrap_or(attempt.login));
        let account = self.account_of_login(&login)?;
        let device = attempt.device.zip(account.as_deref());
        let device = device.and_then(|(mark, account)| self.device_of(mark, &account.id));
        let tried = Try::Door { login: &login, source: &context.from.clone(), device: device.as_deref() };
        let now = self.clock().now();
        self.known().throttle.begin(now, &tried).map_err(too_often)?;
        let hash = account.as_deref().and_then(|account| account.secrets.password.as_deref());
        let holds = password::holds(attempt.password, hash);
        let may_enter = |account: &Arc<Account>| holds && account.is_active && !account.comes_by_word(attempt.only);
        let entered = match account.filter(may_enter) {
            Some(account) => self.enter_by_code(&account, attempt.code, device.is_some(), context.clone(), terms),
            None => Err(wrong_words().into()),
        };
        match &entered {
            Ok(_) => self.known().throttle.succeed(&tried),
            Err(Error::Refusal(refusal)) if refusal.kind == Kind::Unauthenticated => {
                self.note_failure(&login, context)?;
            }
            Err(_) => {}
        }
        entered
    }

    /// The password was right: now the code, where the account has a second factor. Who knows the password may come from
    /// anywhere, so that codes are counted by account; that one has to wait is not said, for it would tell that the password
    /// is right. The owner's own device is counted by itself already.
    fn enter_by_code(
        &self,
        account: &Account,
        code: &str,
        is_own_device: bool,
        context: Context,
        terms: impl FnOnce(&Account) -> Terms,
    ) -> Result<SignedIn, Error> {
        let tried = Try::Owner(&account.id, Own::Code);
        let is_counted = account.has_second_factor() && !is_own_device;
        if is_counted && self.known().throttle.begin(self.clock().now(), &tried).is_err() {
            return Err(wrong_words().into());
        }
        let entered = self.enter(account, |account, now| account.use_code(code, now), context, terms)?;
        if is_counted {
            self.known().throttle.succeed(&tried);
        }
        Ok(entered)
    }

    /// Signs in an account whose owner was recognised by other means: an identity provider, a passkey, or as a made-up person
    /// of a demo hospital.
    pub fn sign_in_as(
        &self,
        account: &Account,
        context: Context,
        terms: impl FnOnce(&Account) -> Terms,
    ) -> Result<SignedIn, Error> {
        self.enter(account, |_, _| Ok(()), context, terms)
    }

    /// Begins a session for the owner of an active account, who `show`s what is asked for besides.
    pub(super) fn enter(
        &self,
        account: &Account,
        show: impl FnOnce(&mut Account, Instant) -> Result<(), Refusal>,
        context: Context,
        terms: impl FnOnce(&Account) -> Terms,
    ) -> Result<SignedIn, Error> {
        let now = self.clock().now();
        let terms = terms(account);
        let visit = Visit::of(account.principal(), terms.purpose, Some(context));
        let live = self.known().live_of(&account.id, now);
        let account = self.amend_account(&visit, &account.id, |account| {
            show(account, now)?;
            let surplus = (live.len() + 1).saturating_sub(SESSIONS_MAX);
            live.iter().take(surplus).for_each(|(id, until)| account.end_session(id.clone(), *until, now));
            Ok(())
        })?;
        let (token, session) = self.issue_session(&account, terms)?;
        self.close_now(&visit, 200)?;
        let device = self.device_mark(&account.id)?;
        Ok(SignedIn { account, token, session, visit, device })
    }

    /// A failed try stands in the audit with the login, if there is such an account; another may be a password in the wrong
    /// field.
    fn note_failure(&self, login: &str, mut context: Context) -> Result<(), Error> {
        let known = self.account_of_login(login)?;
        context.asked =
            known.map_or_else(|| "an unknown login".to_owned(), |account| format!("login={}", account.login));
        self.close_now(&Visit::of(Principal::nobody(), Purpose::Operations, Some(context)), 401)
    }

    pub(super) fn known(&self) -> &Accounts {
        &self.inner.store.gate.accounts
    }
}

impl Account {
    /// Uses up a code of the second factor or a recovery code, where the account has a second factor.
    pub(crate) fn use_code(&mut self, typed: &str, now: Instant) -> Result<(), Refusal> {
        let Some(factor) = &mut self.secrets.totp else { return Ok(()) };
        if let Some(step) = factor.step_of(typed, now) {
            factor.last_step = step;
            return Ok(());
        }
        let hash = totp::hash_code(&self.id, typed);
        let before = self.secrets.recovery.len();
        self.secrets.recovery.retain(|kept| *kept != hash);
        if self.secrets.recovery.len() < before { Ok(()) } else { Err(wrong_words()) }
    }
}

fn wrong_words() -> Refusal {
    let message = "login, password or code is wrong, or the account is not active; try again, after several tries a quarter of an hour later";
    Refusal::new(Kind::Unauthenticated, "login", message)
}

pub(super) fn too_often(wait_ms: i64) -> Refusal {
    let seconds = (wait_ms + 999) / 1_000;
    let message = format!("there were too many tries; wait {seconds} seconds, then try again");
    Refusal::new(Kind::Unavailable, "throttled", message)
}
