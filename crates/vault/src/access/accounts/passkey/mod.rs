//! Passkeys: key pairs on people's own devices, which know their owner by PIN or fingerprint. One counts as two factors, and
//! is good for no other site. [`ceremony`] says when one is believed; here is what is kept of them.

mod ceremony;

pub use ceremony::{Bound, Offered, Place, Shown};

use super::throttle::Try;
use super::{Account, SignedIn, Terms, WORD_BYTES_MAX, require_owner, wrong};
use crate::access::{Context, Visit};
use crate::error::Error;
use crate::records::Vault;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fhir::json::Json;
use std::sync::Arc;

/// Most passkeys of one account.
const PASSKEYS_MAX: usize = 20;

/// How a passkey signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    Es256,
    /// RSA with SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Of a COSE number (RFC 9053).
    pub(super) fn of(number: i32) -> Option<Algorithm> {
        match number {
            -7 => Some(Algorithm::Es256),
            -257 => Some(Algorithm::Rs256),
            -8 => Some(Algorithm::EdDsa),
            _ => None,
        }
    }

    fn number(self) -> i32 {
        match self {
            Algorithm::Es256 => -7,
            Algorithm::Rs256 => -257,
            Algorithm::EdDsa => -8,
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Algorithm::Es256 => &ECDSA_P256_SHA256_ASN1,
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::EdDsa => &ED25519,
        }
    }
}

/// What is kept of a passkey. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// Its id, in base64url. Nobody else has it.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub added: Instant,
    /// When it was shown last.
    pub used: Option<Instant>,
    /// Whether its device says that it is kept elsewhere, too.
    pub is_backed_up: bool,
    may_back_up: bool,
    key: Vec<u8>,
    algorithm: Algorithm,
    counter: u32,
}

impl Default for Passkey {
    fn default() -> Passkey {
        Passkey {
            id: String::new(),
            name: String::new(),
            added: Instant(0),
            used: None,
            is_backed_up: false,
            may_back_up: false,
            key: Vec::new(),
            algorithm: Algorithm::default(),
            counter: 0,
        }
    }
}

impl Passkey {
    /// As it is kept in its account.
    pub(super) fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let mut members = vec![
            ("id", text(&self.id)),
            ("name", text(&self.name)),
            ("added", Json::number(self.added.0)),
            ("key", Json::string(STANDARD.encode(&self.key))),
            ("algorithm", Json::number(self.algorithm.number())),
            ("counter", Json::number(self.counter)),
            ("mayBackUp", Json::Bool(self.may_back_up)),
            ("backedUp", Json::Bool(self.is_backed_up)),
        ];
        members.extend(self.used.map(|used| ("used", Json::number(used.0))));
        Json::object(members)
    }

    /// Reads what [`Passkey::write`] wrote.
    pub(super) fn read(json: &Json<'_>) -> Option<Passkey> {
        let number = |name: &str| json.get(name)?.as_number()?.parse::<i64>().ok();
        let flag = |name: &str| json.get(name).and_then(Json::as_bool);
        Some(Passkey {
            id: json.text("id")?.to_owned(),
            name: json.text("name")?.to_owned(),
            added: Instant(number("added")?),
            used: number("used").map(Instant),
            is_backed_up: flag("backedUp")?,
            may_back_up: flag("mayBackUp")?,
            key: STANDARD.decode(json.text("key")?).ok()?,
            algorithm: Algorithm::of(i32::try_from(number("algorithm")?).ok()?)?,
            counter: u32::try_from(number("counter")?).ok()?,
        })
    }
}

impl Account {
    /// Its passkeys, the oldest first.
    #[must_use]
    pub fn passkeys(&self) -> &[Passkey] {
        &self.secrets.passkeys
    }
}

impl Vault {
    /// Adds a passkey to an account. Its owner gives the present password, if there is one.
    pub fn add_passkey(
        &self,
        visit: &Visit,
        id: &str,
        present: &str,
        name: &str,
        offered: &Offered,
        bound: Bound<'_>,
    ) -> Result<Arc<Account>, Error> {
        self.require_proof(visit, id, present)?;
        let name = name.trim().to_owned();
        if name.is_empty() || name.len() > WORD_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(
                wrong("the passkey's name is empty, too long or has control characters; name its device").into()
            );
        }
        let made = ceremony::register(offered, bound).map_err(wrong)?;
        let passkey = Passkey { name, added: self.clock().now(), ..made };
        self.amend_account(visit, id, |account| {
            if account.secrets.passkeys.len() >= PASSKEYS_MAX {
                return Err(wrong("the account has 20 passkeys; remove one first"));
            }
            // Whether another account has it is asked where the account is kept, in the same turn.
            if account.secrets.passkeys.iter().any(|known| known.id == passkey.id) {
                return Err(in_use());
            }
            if !(bound.use_up)() {
                return Err(wrong("the page of this passkey was sent before; open your passkeys again"));
            }
            account.secrets.passkeys.push(passkey);
            Ok(())
        })
    }

    /// Takes a passkey away; without `passkey` all of them. Every session of the account is void afterwards: whoever has the
    /// device may have one.
    pub fn remove_passkey(&self, visit: &Visit, id: &str, passkey: Option<&str>) -> Result<Arc<Account>, Error> {
        require_owner(visit, id)?;
        let now = self.clock().now();
        self.amend_account(visit, id, |account| {
            let before = account.secrets.passkeys.len();
            account.secrets.passkeys.retain(|known| passkey.is_some_and(|passkey| known.id != passkey));
            if account.secrets.passkeys.len() == before {
                let message = match passkey {
                    Some(_) => "the account has no such passkey",
                    None => "the account has no passkeys; there are none to remove",
                };
                return Err(Refusal::new(Kind::NotFound, "not-found", message));
            }
            account.void_tokens(now);
            Ok(())
        })
    }

    /// Signs in whoever shows a passkey, and writes so to the audit; a failure too. Whatever is wrong, the answer is the same.
    /// `only` as [`Attempt::only`](super::Attempt::only).
    pub fn sign_in_with_passkey(
        &self,
        shown: &Shown,
        bound: Bound<'_>,
        only: &[&str],
        context: Context,
        terms: impl FnOnce(&Account) -> Terms,
    ) -> Result<SignedIn, Error> {
        let id = URL_SAFE_NO_PAD.encode(&shown.id);
        let account = self.account_of_passkey(&id)?;
        let owner = account.as_deref().filter(|account| account.id.as_bytes() == shown.owner && account.is_active);
        let comes_by_word = owner.is_some_and(|owner| owner.comes_by_word(only));
        let mut why = "no active account has this passkey";
        let own = Context { asked: "by a passkey".to_owned(), ..context.clone() };
        let strong = |account: &Account| Terms { is_strong: true, ..terms(account) };
        let show = |account: &mut Account, now: Instant| {
            let known = account.secrets.passkeys.iter_mut().find(|known| known.id == id).ok_or_else(not_shown)?;
            let mut refuse = |said| {
                why = said;
                not_shown()
            };
            ceremony::show(known, shown, bound).map_err(&mut refuse)?;
            if comes_by_word {
                return Err(refuse("its owner comes in by a provider's word alone"));
            }
            // Only what was shown well is used up: strangers cannot fill what is remembered.
            if !(bound.use_up)() {
                return Err(refuse("its challenge was used before"));
            }
            known.used = Some(now);
            Ok(())
        };
        let entered = match owner {
            Some(owner) => self.enter(owner, show, own, strong),
            None => Err(not_shown().into()),
        };
        if matches!(&entered, Err(Error::Refusal(refusal)) if refusal.kind == Kind::Unauthenticated) {
            // Nobody guesses a key: waiting only keeps strangers from drowning the audit.
            let login = format!("passkey of {}", account.as_deref().map_or("", |account| &account.login));
            let tried = Try::Door { login: &login, source: &context.from, device: None };
            self.known().throttle.begin(self.clock().now(), &tried).map_err(super::sign_in::too_often)?;
            let whose = account.as_deref().map_or_else(String::new, |account| format!(" login={}", account.login));
            self.note_failed_sign_in(&format!("by a passkey{whose} refused={why}"), context)?;
        }
        entered
    }

    fn account_of_passkey(&self, id: &str) -> Result<Option<Arc<Account>>, Error> {
        let has = |account: &&Arc<Account>| account.secrets.passkeys.iter().any(|known| known.id == id);
        Ok(self.account_book()?.all().find(has).cloned())
    }
}

pub(super) fn in_use() -> Refusal {
    Refusal::new(Kind::Conflict, "duplicate", "this passkey is in use already; add another")
}

fn not_shown() -> Refusal {
    let message = "the passkey is none of an active account here, or was not shown as it must be; try again, or sign in otherwise";
    Refusal::new(Kind::Unauthenticated, "login", message)
}
