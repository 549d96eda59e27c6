//! Accounts: who may come in. Each person and each program has one of its own (45 CFR 164.312(a)(2)(i)); it is a private
//! document in the sealed log, so that who could do what at any time can be shown later.
//!
//! [`document`] is how one is kept, [`book`] what is remembered of all; [`password`], [`totp`] and [`second_factor`] are what
//! shows that somebody is its owner; [`sign_in`] and [`throttle`] how one comes in, [`elsewhere`] how by an identity provider's
//! word, [`passkey`] how by a key on one's own device, [`session`] how one stays. A change counts from the next request on.

pub(crate) mod book;
mod document;
mod elsewhere;
pub mod passkey;
mod password;
mod purposes;
mod second_factor;
mod session;
mod sign_in;
pub(super) mod throttle;
mod totp;

pub use elsewhere::{Vouched, Welcome};
pub use password::check as check_password;
pub use purposes::purposes;
pub use second_factor::Proposal;
pub use session::{Session, Terms};
pub use sign_in::{Attempt, SignedIn};

use super::{Principal, Roles, Visit};
use crate::error::Error;
use crate::records::{Expect, Vault};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::reference::Reference;
use std::fmt;
use std::sync::Arc;

/// Longest login and longest name, in bytes.
const WORD_BYTES_MAX: usize = 100;

/// Most references, units or identities of one account.
const LIST_MAX: usize = 50;

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Names it in the audit; never reused.
    pub id: String,
    /// What its owner types to sign in: lower-case letters, digits and `. _ - @ +`. Nobody else has it.
    pub login: String,
    /// The name people know.
    pub name: String,
    /// What its owner does here.
    pub roles: Roles,
    /// The resources it stands for: `Practitioner/7`, `PractitionerRole/9`, `Patient/3`, `RelatedPerson/4`.
    pub stands_for: Vec<String>,
    /// The units its owner works on: `Location/icu`, `Organization/oncology`.
    pub units: Vec<String>,
    /// Whether it can be used. An account is never deleted: the audit names it.
    pub is_active: bool,
    /// Whether it belongs to a made-up person of the demo hospital, whom one click signs in.
    pub is_demo: bool,
    /// Who its owner is at identity providers.
    pub identities: Vec<Identity>,
    /// Tokens issued before this moment are no longer good.
    pub tokens_from: Instant,
    pub(crate) secrets: Secrets,
    pub(crate) version: u64,
}

/// Who somebody is at an identity provider (OpenID Connect Core 1.0 section 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The provider's `iss`.
    pub issuer: String,
    /// Its `sub` for this person.
    pub subject: String,
}

/// What proves that somebody is an account's owner. Its `Debug` shows nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secrets {
    /// Argon2id hash as a PHC string.
    pub password: Option<String>,
    /// The second factor.
    pub totp: Option<Totp>,
    /// Hashes of the recovery codes that were not used yet.
    pub recovery: Vec<String>,
    /// Keys on its owner's devices, the oldest first.
    pub passkeys: Vec<passkey::Passkey>,
    /// Sessions that were ended before their time, with the moment when they would have ended by themselves.
    pub ended: Vec<(String, Instant)>,
}

/// A time-based one-time password (RFC 6238).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Totp {
    pub secret: Vec<u8>,
    /// The last time step that was used: no code counts twice.
    pub last_step: u64,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// What a new account is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// As [`Account::login`].
    pub login: String,
    /// As [`Account::name`].
    pub name: String,
    /// As [`Account::roles`].
    pub roles: Roles,
    /// As [`Account::stands_for`].
    pub stands_for: Vec<String>,
    /// As [`Account::units`].
    pub units: Vec<String>,
    /// As [`Account::is_demo`].
    pub is_demo: bool,
}

impl Account {
    fn new(id: String, profile: Profile) -> Account {
        let Profile { login, name, roles, stands_for, units, is_demo } = profile;
        Account {
            id,
            login: normal(&login),
            name: name.trim().to_owned(),
            roles,
            stands_for,
            units,
            is_active: true,
            is_demo,
            identities: Vec::new(),
            tokens_from: Instant(0),
            secrets: Secrets::default(),
            version: 0,
        }
    }

    /// The account as the gate knows it.
    #[must_use]
    pub fn principal(&self) -> Principal {
        let mut principal = Principal::new(&self.id, &self.name, self.roles);
        principal.stands_for.clone_from(&self.stands_for);
        principal.units.clone_from(&self.units);
        principal
    }

    /// Whether a password was set.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.secrets.password.is_some()
    }

    /// Whether signing in needs a code besides the password.
    #[must_use]
    pub fn has_second_factor(&self) -> bool {
        self.secrets.totp.is_some()
    }

    /// Whether its owner comes in by a provider's word alone: is linked with one of these issuers.
    pub(crate) fn comes_by_word(&self, only: &[&str]) -> bool {
        self.identities.iter().any(|identity| only.contains(&identity.issuer.as_str()))
    }

    /// Recovery codes that were not used yet.
    #[must_use]
    pub fn recovery_codes_left(&self) -> usize {
        self.secrets.recovery.len()
    }

    /// Refuses what no account may be.
    fn check(&self) -> Result<(), Refusal> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-@+".contains(&b);
        let starts_well = self.login.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !starts_well || self.login.len() > WORD_BYTES_MAX || !self.login.bytes().all(allowed) {
            return Err(wrong(
                "the login is none; use lower-case letters, digits and . _ - @ +, beginning with a letter or digit",
            ));
        }
        if self.name.is_empty() || self.name.len() > WORD_BYTES_MAX || self.name.chars().any(char::is_control) {
            return Err(wrong("the name is empty, too long or has control characters; give the name people know"));
        }
        if self.roles.is_empty() {
            return Err(wrong("the account has no role; give it at least one"));
        }
        if [self.stands_for.len(), self.units.len(), self.identities.len()].iter().any(|n| *n > LIST_MAX) {
            return Err(wrong("the account stands for too much, or has too many units or identities"));
        }
        let stands = ["Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Device"];
        refer(
            &self.stands_for,
            &stands,
            "an account stands for a Practitioner, PractitionerRole, Patient, RelatedPerson or Device, written Type/id",
        )?;
        refer(&self.units, &["Location", "Organization"], "a unit is a Location or Organization, written Type/id")
    }
}

/// Whether all are references `Type/id` to types of a list.
fn refer(references: &[String], types: &[&str], otherwise: &str) -> Result<(), Refusal> {
    let fits = |reference: &String| {
        let parsed = Reference::local(reference).filter(|r| r.version.is_none());
        parsed.is_some_and(|r| types.contains(&r.resource_type))
    };
    if references.iter().all(fits) { Ok(()) } else { Err(wrong(otherwise)) }
}

/// A login as it is kept and looked for.
pub(crate) fn normal(login: &str) -> String {
    login.trim().to_lowercase()
}

fn wrong(message: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "invalid", message)
}

impl Vault {
    /// Makes an account. Refuses a login that somebody has.
    pub fn create_account(&self, visit: &Visit, profile: Profile) -> Result<Arc<Account>, Error> {
        require_administrator(visit)?;
        let _turn = self.inner.store.gate.accounts.turn();
        self.keep_account(visit, Account::new(self.fresh_id(), profile))
    }

    /// Changes an account: `change` is given it as it is now. What was changed counts from the next request on.
    pub fn change_account(
        &self,
        visit: &Visit,
        id: &str,
        change: impl FnOnce(&mut Account) -> Result<(), Refusal>,
    ) -> Result<Arc<Account>, Error> {
        require_administrator(visit)?;
        self.amend_account(visit, id, change)
    }

    /// [`Vault::change_account`], for who has been found to be allowed to.
    pub(crate) fn amend_account(
        &self,
        visit: &Visit,
        id: &str,
        change: impl FnOnce(&mut Account) -> Result<(), Refusal>,
    ) -> Result<Arc<Account>, Error> {
        let _turn = self.inner.store.gate.accounts.turn();
        let present = self.account(id)?.ok_or_else(no_account)?;
        let mut account = Account::clone(&present);
        change(&mut account)?;
        account.login = normal(&account.login);
        account.id.clone_from(&present.id);
        if account == *present { Ok(present) } else { self.keep_account(visit, account) }
    }

    /// Ends an account's use: every session and token of it is void from the next request on, and nobody can sign in with it.
    pub fn deactivate_account(&self, visit: &Visit, id: &str) -> Result<Arc<Account>, Error> {
        let now = self.clock().now();
        self.change_account(visit, id, |account| {
            account.is_active = false;
            account.void_tokens(now);
            Ok(())
        })
    }

    /// Signs an account out everywhere: every session and token issued so far is void. For the operator, and for its owner.
    pub fn sign_out_everywhere(&self, visit: &Visit, id: &str) -> Result<Arc<Account>, Error> {
        require_owner(visit, id)?;
        let now = self.clock().now();
        self.amend_account(visit, id, |account| {
            account.void_tokens(now);
            Ok(())
        })
    }

    /// All accounts, by login.
    pub fn accounts(&self) -> Result<Vec<Arc<Account>>, Error> {
        let mut accounts: Vec<_> = self.account_book()?.all().cloned().collect();
        accounts.sort_by(|a, b| a.login.cmp(&b.login));
        Ok(accounts)
    }

    /// The account of an id.
    pub fn account(&self, id: &str) -> Result<Option<Arc<Account>>, Error> {
        Ok(self.account_book()?.by_id(id).cloned())
    }

    /// The account of a login, however its letters are written.
    pub fn account_of_login(&self, login: &str) -> Result<Option<Arc<Account>>, Error> {
        Ok(self.account_book()?.by_login(&normal(login)).cloned())
    }

    /// The account of somebody at an identity provider.
    pub fn account_of_identity(&self, identity: &Identity) -> Result<Option<Arc<Account>>, Error> {
        Ok(self.account_book()?.all().find(|account| account.identities.contains(identity)).cloned())
    }

    /// Writes an account that was checked for permission, and remembers it. The caller holds the turn.
    fn keep_account(&self, visit: &Visit, mut account: Account) -> Result<Arc<Account>, Error> {
        account.check()?;
        let book = self.account_book()?;
        if book.by_login(&account.login).is_some_and(|other| other.id != account.id) {
            return Err(Refusal::new(Kind::Conflict, "duplicate", "somebody has this login; choose another").into());
        }
        let others = || book.all().filter(|other| other.id != account.id);
        if others().any(|other| other.identities.iter().any(|identity| account.identities.contains(identity))) {
            let message = "another account has this identity; take it from that one first";
            return Err(Refusal::new(Kind::Conflict, "duplicate", message).into());
        }
        let has = |other: &Account, id: &str| other.secrets.passkeys.iter().any(|known| known.id == id);
        if account.secrets.passkeys.iter().any(|own| others().any(|other| has(other, &own.id))) {
            return Err(passkey::in_use().into());
        }
        let expect = if account.version == 0 { Expect::Absent } else { Expect::Version(account.version) };
        let kept = self.keep(visit, account.write(), expect);
        if let Err(error) = kept {
            self.inner.store.gate.accounts.forget();
            return Err(error);
        }
        account.version += 1;
        let account = Arc::new(account);
        self.inner.store.gate.accounts.remember(&account);
        Ok(account)
    }
}

impl Account {
    /// Every token issued up to now is void.
    pub(crate) fn void_tokens(&mut self, now: Instant) {
        self.tokens_from = Instant(now.0.max(self.tokens_from.0) + 1);
        self.secrets.ended.clear();
    }
}

fn require_administrator(visit: &Visit) -> Result<(), Refusal> {
    if visit.is_operator() {
        return Ok(());
    }
    let message = "accounts are changed by the operator; `chartroom account` at the server does it";
    Err(Refusal::new(Kind::Forbidden, "forbidden", message))
}

/// The operator, or whoever the account belongs to.
pub(crate) fn require_owner(visit: &Visit, id: &str) -> Result<(), Refusal> {
    let own = visit.principal().account == id && visit.principal().app.is_none();
    if visit.is_operator() || own {
        return Ok(());
    }
    Err(Refusal::new(Kind::Forbidden, "forbidden", "this is another person's account; sign in as that person"))
}

fn no_account() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "there is no such account")
}
