//! The gate: nothing is read or written without a visit that says who and why.

pub mod accounts;
pub mod apps;
pub mod audit;
mod authored;
mod belonging;
pub mod consent;
pub mod disclosures;
pub(crate) mod gate;
pub mod glass;
mod kept_out;
pub mod label;
pub mod policy;
pub mod principal;
pub(crate) mod private;
mod programs;
mod relations;
pub mod release;
pub mod scopes;
mod seeing;
pub(crate) mod sight;
mod token;
mod trial;
pub mod view;
mod vocabulary;
mod why;
mod writing;

pub use accounts::passkey;
pub use accounts::{
    Account, Attempt, Identity, Profile, Proposal, Session, SignedIn, Terms, Vouched, Welcome, check_password, purposes,
};
pub use label::{Label, Labels};
pub use policy::{Action, Class, Relationship, Relationships};
pub use principal::{Principal, Purpose, Role, Roles};
pub use trial::{Edit, Trial, Tried};
pub use why::Explained;

use crate::error::{Error, Fault};
use crate::records::{self, KeySource, Vault};
use audit::Deed;
use audit::trail::Trail;
use parking_lot::{Mutex, MutexGuard};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who is here, and why. Only this module makes one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Visit {
    asked: Arc<Asked>,
}

#[derive(Debug)]
struct Asked {
    principal: Principal,
    purpose: Purpose,
    /// `None`: what is done is part of something larger that writes its own event.
    context: Option<Context>,
    trail: Mutex<Trail>,
}

/// How many requests were shown something and ended without their entry in the audit.
static FORGOTTEN: AtomicU64 = AtomicU64::new(0);

/// How many requests of this process were shown something of the record and ended without [`Vault::close`]. Each is a bug of
/// whoever answers requests; tests see that there is none.
pub fn forgotten() -> u64 {
    FORGOTTEN.load(Ordering::Relaxed)
}

impl Drop for Asked {
    fn drop(&mut self) {
        let trail = self.trail.get_mut();
        if self.context.is_some() && !trail.is_closed && trail.shown > trail.told.unwrap_or(0) {
            FORGOTTEN.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What a request is, for the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// What is done.
    pub deed: Deed,
    /// Method and shape of the path, without ids; or the command.
    pub place: String,
    /// What is asked, as text. Kept sealed.
    pub asked: String,
    /// Network address of the client; empty at the command line.
    pub from: String,
    /// The request's id, if the client gave one.
    pub request: String,
    /// Why it is done, in the visitor's words; empty where the purpose says it.
    pub reason: String,
    /// How many requests this stands for: more than one only where nobody was signed in.
    pub times: u64,
}

impl Context {
    /// Of a deed at a place.
    #[must_use]
    pub fn new(deed: Deed, place: impl Into<String>) -> Context {
        let empty = String::new;
        Context {
            deed,
            place: place.into(),
            asked: empty(),
            from: empty(),
            request: empty(),
            reason: empty(),
            times: 1,
        }
    }
}

impl Visit {
    /// The operator at the machine's own command line: whoever can read the root key. A command writes one event for all
    /// that it does ([`Visit::asking`], [`Vault::close`](crate::Vault::close)).
    #[must_use]
    pub fn operator() -> Visit {
        Visit::of(Principal::operator(), Purpose::SystemAdministration, None)
    }

    pub(crate) fn of(principal: Principal, purpose: Purpose, context: Option<Context>) -> Visit {
        Visit { asked: Arc::new(Asked { principal, purpose, context, trail: Mutex::default() }) }
    }

    /// The same visitor with another request: nothing was shown yet.
    #[must_use]
    pub fn asking(&self, context: Context) -> Visit {
        Visit::of(self.asked.principal.clone(), self.asked.purpose, Some(context))
    }

    /// The same visitor, doing this to one patient's record for that reason.
    pub(crate) fn doing(&self, deed: Deed, reason: &str, kid: u32) -> Visit {
        let mut context = self.asked.context.clone().unwrap_or_else(|| Context::new(deed, "vault"));
        (context.deed, context.reason) = (deed, reason.to_owned());
        let visit = self.asking(context);
        visit.trail().patients.insert(kid);
        visit
    }

    /// Notes for the audit what is asked besides the address: a form, the entries of a bundle. What is too long is cut off.
    pub fn ask_more(&self, text: &str) {
        self.trail().ask(text);
    }

    /// Notes for the audit what the request turned out to do: a form that is only looked at writes nothing.
    pub fn turned_out(&self, deed: Deed) {
        self.trail().deed = Some(deed);
    }

    /// Refuses to show anything to a request that the audit would not know of: only what holds the keys may go without.
    pub(crate) fn must_ask(&self) -> Result<(), Fault> {
        if self.is_operator() || self.asked.context.is_some() {
            return Ok(());
        }
        let line =
            "Something was asked for that the audit would not have; this is a bug in the program. next: report it.";
        Err(Fault::Broken(line.to_owned()))
    }

    pub(crate) fn trail(&self) -> MutexGuard<'_, Trail> {
        self.asked.trail.lock()
    }

    /// Who.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.asked.principal
    }

    /// Why.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.asked.purpose
    }

    /// What the request is.
    #[must_use]
    pub fn context(&self) -> Option<&Context> {
        self.asked.context.as_ref()
    }

    /// Whether it is whoever holds the keys.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.asked.principal.is_operator()
    }
}

impl Vault {
    /// Who a bearer token stands for: the operator (`ct1.`), or whose session it is (`ct2.`). `None`: it is not one of ours,
    /// or no longer good. Takes the same time for every token of one length that is not ours.
    pub fn sign_in(&self, token: &str) -> Option<Visit> {
        self.session(token).map(|(_, visit)| visit).or_else(|| self.operator_of(token))
    }

    /// Who a token stands for in work that was begun while it was good: that its time ran out meanwhile ends nothing, and
    /// everything else does, such as signing out and suspension. Roles are those of now.
    pub fn still_in(&self, token: &str) -> Option<Visit> {
        self.begun_session(token).or_else(|| self.operator_of(token))
    }

    fn operator_of(&self, token: &str) -> Option<Visit> {
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        token::is_good(&ring, token).then(Visit::operator)
    }

    /// 32 bytes that only this installation can make, the same after every restart: the key for links that the server
    /// gives out and that come back to it.
    pub fn link_key(&self) -> [u8; 32] {
        self.inner.store.link_key
    }
}

/// A token with the operator's rights, for whoever can read the root key. Needs no lock, so that it can be had while the
/// server runs. It is good until the root key is changed.
pub fn issue_token(dir: &Path, key: &KeySource) -> Result<String, Error> {
    let ring = records::opening::ring_of(dir, key)?;
    Ok(token::issue(&ring))
}
