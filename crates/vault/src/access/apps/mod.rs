//! Apps: programs of others that act for somebody who signed in, or by themselves (SMART App Launch 2.2). Each is
//! registered by the operator as a private document in the sealed log, and acts only while its review says so.
//!
//! [`grants`] is what people have let apps do, [`issuing`] how that becomes tokens, [`launches`] the charts apps are opened
//! from, [`assertions`] the memory for signed statements that count once, [`signing`] the key of identity tokens. Whatever
//! is decided counts from the next request on.

mod assertions;
mod document;
mod grants;
mod issuing;
mod launches;
mod reach;
mod register;
mod signing;

pub use grants::{Agreed, Grant};
pub use issuing::{Handed, Redeemed};
pub use launches::Launch;
pub use reach::Reach;
pub use signing::PublicKey;

use super::Purpose;
use super::disclosures::Basis;
use super::scopes::{Level, Scopes};
use crate::keys::root::hex;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// How long an app's access token lasts unless the operator says otherwise.
pub const TOKEN_SECONDS: u32 = 15 * 60;

/// The shortest and the longest that an operator may say.
pub const TOKEN_SECONDS_RANGE: std::ops::RangeInclusive<u32> = 60..=3_600;

/// Longest name, address or key set of an app, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;
const KEYS_BYTES_MAX: usize = 64 << 10;
const LIST_MAX: usize = 20;

/// How an app shows that it is itself.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Proof {
    /// Not at all: it runs where it can keep no secret. Only PKCE binds its code to it.
    #[default]
    Public,
    /// By a secret; kept as a hash.
    Secret(String),
    /// By statements signed with a private key; these are the public ones (a JSON Web Key Set, RFC 7517).
    Keys(String),
    /// The same; the address at which the public ones stand.
    KeysAt(String),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Proof {
    /// As it is written.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Proof::Public => "public",
            Proof::Secret(_) => "secret",
            Proof::Keys(_) => "keys",
            Proof::KeysAt(_) => "keys-at",
        }
    }

    /// Whether it is by a private key.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        matches!(self, Proof::Keys(_) | Proof::KeysAt(_))
    }
}

/// What the review of an app has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Review {
    /// Nobody has decided yet: it cannot act.
    #[default]
    Pending,
    /// It may act.
    Approved,
    /// It may not act any more, and its tokens are void.
    Suspended,
}

impl Review {
    const ALL: [Review; 3] = [Review::Pending, Review::Approved, Review::Suspended];

    /// As it is written.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Review::Pending => "pending",
            Review::Approved => "approved",
            Review::Suspended => "suspended",
        }
    }

    fn of_code(code: &str) -> Option<Review> {
        Review::ALL.into_iter().find(|review| review.code() == code)
    }
}

/// What an operator says of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// The name that people are shown.
    pub name: String,
    /// How it shows that it is itself.
    pub proof: Proof,
    /// Where codes may be sent, each compared letter for letter (RFC 9700 section 2.1).
    pub redirects: Vec<String>,
    /// Where it is opened from a chart.
    pub launch: Option<String>,
    /// The scopes it may be given at most.
    pub scopes: String,
    /// The account it acts as when it acts by itself, by id.
    pub acts_as: Option<String>,
    /// What it acts for then.
    pub purpose: Option<Purpose>,
    /// How long its access tokens last.
    pub token_seconds: Option<u32>,
    /// Who stands behind it: whether what it reads leaves the house.
    pub reach: Reach,
    /// On what legal ground an outside recipient gets what it reads.
    pub basis: Option<Basis>,
    /// Where that recipient is, for the accounting.
    pub address: String,
}

/// A registered app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its client id.
    pub id: String,
    /// What was said of it.
    pub registration: Registration,
    /// Whether it may act.
    pub review: Review,
    /// Tokens issued before this moment are void.
    pub tokens_from: Instant,
    version: u64,
}

impl App {
    /// Whether it may act now.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.review == Review::Approved
    }

    /// The name that people are shown.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.registration.name
    }

    /// The scopes it may be given at most.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        Scopes::parse(&self.registration.scopes)
    }

    /// Whether a code may be sent there: the same letters as one that was registered.
    #[must_use]
    pub fn may_be_sent_to(&self, redirect: &str) -> bool {
        self.registration.redirects.iter().any(|known| known == redirect)
    }

    /// Whether a secret is its own. Takes the same time for every wrong one.
    #[must_use]
    pub fn knows(&self, secret: &str) -> bool {
        let Proof::Secret(hash) = &self.registration.proof else { return false };
        verify_slices_are_equal(hash_of(&self.id, secret).as_bytes(), hash.as_bytes()).is_ok()
    }

    /// The origins (RFC 6454) of pages that belong to it.
    pub fn origins(&self) -> impl Iterator<Item = String> {
        let addresses = self.registration.redirects.iter().chain(&self.registration.launch);
        addresses.filter_map(|address| origin_of(address))
    }

    /// How long its access tokens last, in milliseconds.
    pub(crate) fn lasts_ms(&self) -> i64 {
        i64::from(self.registration.token_seconds.unwrap_or(TOKEN_SECONDS)) * 1_000
    }
}

/// The origin of an `http` or `https` address.
fn origin_of(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    matches!(scheme, "http" | "https").then(|| format!("{scheme}://{}", host.to_ascii_lowercase()))
}

/// The hash under which an app's secret is kept. Secrets are made here, of 256 random bits: stretching adds nothing.
fn hash_of(id: &str, secret: &str) -> String {
    hex(digest::digest(&digest::SHA256, format!("app {id} {secret}").as_bytes()).as_ref())
}

impl Registration {
    /// Refuses what no app may be.
    pub fn check(&self) -> Result<(), Refusal> {
        self.check_reach()?;
        let name = &self.name;
        if name.trim().is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
            return Err(wrong(
                "the app's name is empty, too long or has control characters; give the name people know",
            ));
        }
        if self.redirects.len() > LIST_MAX || !self.redirects.iter().all(|address| is_redirect(address)) {
            return Err(wrong(
                "a redirect address is not one; give https://, an app's own scheme with a dot in it, or http:// on \
                 127.0.0.1, [::1] or localhost, without a fragment",
            ));
        }
        if self.launch.as_deref().is_some_and(|address| !is_redirect(address)) {
            return Err(wrong("the launch address is not one; give https://, or http:// on this machine"));
        }
        if self.token_seconds.is_some_and(|seconds| !TOKEN_SECONDS_RANGE.contains(&seconds)) {
            return Err(wrong("an access token lasts 60 to 3,600 seconds; choose a time between"));
        }
        self.check_scopes()?;
        match &self.proof {
            Proof::Keys(keys) if keys.len() > KEYS_BYTES_MAX => Err(wrong("the key set is larger than 64 KiB")),
            Proof::KeysAt(address) if !is_redirect(address) || !address.starts_with("http") => {
                Err(wrong("the key set's address is not one; give https://, or http:// on this machine"))
            }
            Proof::Public | Proof::Secret(_) | Proof::Keys(_) | Proof::KeysAt(_) => Ok(()),
        }
    }

    fn check_scopes(&self) -> Result<(), Refusal> {
        let scopes = Scopes::strict(&self.scopes)?;
        if scopes.is_empty() {
            return Err(wrong("the app has no scope; give those that it may ask for"));
        }
        let by_itself = scopes.resources().any(|scope| scope.level == Level::System);
        if by_itself && (!self.proof.is_signed() || self.acts_as.is_none()) {
            return Err(wrong(
                "an app with system scopes acts by itself; give its public keys, and the account that it acts as",
            ));
        }
        if self.redirects.is_empty() && !by_itself {
            return Err(wrong("the app has no redirect address; give at least one"));
        }
        Ok(())
    }
}

/// Whether codes may be sent there (RFC 8252 section 7, RFC 9700 section 2.1): TLS, this machine, or an app's own scheme.
fn is_redirect(address: &str) -> bool {
    let is_plain = address.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>`{}|^#'".contains(&b));
    let Some((scheme, rest)) = address.split_once(':') else { return false };
    let host = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    // The host stands in the policies of pages too.
    let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    let fits = match scheme {
        "https" => is_host,
        "http" => is_host && is_this_machine(host),
        // RFC 8252 section 7.1: a domain name reversed, which has a dot.
        own => {
            own.contains('.')
                && own.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".+-".contains(&b))
        }
    };
    is_plain && fits && address.len() <= TEXT_BYTES_MAX
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    ["127.0.0.1", "localhost", "::1"].contains(&name)
}

fn wrong(message: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "invalid", message)
}

/// Apps by client id.
type Book = HashMap<String, Arc<App>>;

/// What is remembered of apps while the vault is open. All of it can be read from the record again.
#[derive(Default)]
pub(crate) struct Apps {
    book: Mutex<Option<Arc<Book>>>,
    grants: Mutex<grants::Known>,
    turn: Mutex<()>,
    signing: OnceLock<Arc<signing::Signing>>,
}

impl Apps {
    /// Held from reading an app or a grant until its change is durable.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sent_to_safe_addresses_only() {
        for good in [
            "https://app.example/cb",
            "https://app.example:8443/cb?a=b",
            "http://127.0.0.1:3000/cb",
            "http://localhost/cb",
            "http://[::1]:9/cb",
            "com.example.app:/cb",
            "com.example.app://cb",
        ] {
            assert!(is_redirect(good), "{good}");
        }
        for bad in [
            "",
            "app.example/cb",
            "//app.example/cb",
            "http://app.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://localhost@evil.example/cb",
            "https:///cb",
            "https://app.example/cb#x",
            "https://app.example/c b",
            "https://app.example/cb\r\nX: y",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp://cb",
            "file:///etc/passwd",
            "HTTPS://app.example/cb",
            "https://app.example;sandbox/cb",
            "https://app.example,evil.example/cb",
            "https://*.example/cb",
            "https://é.example/",
        ] {
            assert!(!is_redirect(bad), "{bad}");
        }
    }

    #[test]
    fn origins_are_those_of_the_addresses() {
        assert_eq!(origin_of("https://App.example:8443/cb?x").as_deref(), Some("https://app.example:8443"));
        assert_eq!(origin_of("com.example.app://cb"), None);
        assert_eq!(origin_of("https://"), None);
    }

    #[test]
    fn a_registration_must_make_sense() {
        let good = Registration {
            name: "Growth chart".to_owned(),
            redirects: vec!["https://app.example/cb".to_owned()],
            scopes: "patient/Observation.rs launch/patient".to_owned(),
            ..Registration::default()
        };
        assert!(good.check().is_ok());
        let system = Registration { scopes: "system/Patient.rs".to_owned(), ..good.clone() };
        let keys = Proof::Keys("{}".to_owned());
        for bad in [
            Registration { name: " ".to_owned(), ..good.clone() },
            Registration { redirects: Vec::new(), ..good.clone() },
            Registration { redirects: vec!["http://app.example/cb".to_owned()], ..good.clone() },
            Registration { scopes: String::new(), ..good.clone() },
            Registration { scopes: "patient/Nonsense.rs".to_owned(), ..good.clone() },
            Registration { token_seconds: Some(7_200), ..good.clone() },
            Registration { launch: Some("javascript:x".to_owned()), ..good.clone() },
            Registration { proof: Proof::KeysAt("http://keys.example/jwks".to_owned()), ..good.clone() },
            Registration { proof: keys.clone(), ..system.clone() },
            Registration { acts_as: Some("a".to_owned()), ..system.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        assert!(Registration { proof: keys, acts_as: Some("a".to_owned()), ..system }.check().is_ok());
    }
}
