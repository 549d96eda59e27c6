//! The gate: nothing is read or written without a visit that says who and why.

pub mod label;
pub mod policy;
pub mod principal;
mod token;
mod vocabulary;

pub use label::{Label, Labels};
pub use policy::{Action, Class, Relationship, Relationships};
pub use principal::{Principal, Purpose, Role, Roles};

use crate::error::Error;
use crate::records::{self, KeySource, Vault};
use std::path::Path;
use std::sync::Arc;

/// Who is here, and why. Only this module makes one.
#[derive(Clone, Debug)]
pub struct Visit {
    principal: String,
}

impl Visit {
    /// The operator at the machine's own command line: whoever can read the root key.
    #[must_use]
    pub fn operator() -> Visit {
        Visit { principal: "operator".to_owned() }
    }

    /// A name for the audit.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }
}

impl Vault {
    /// Who a bearer token stands for. `None`: it is not one of ours, or no longer good. Takes the same time for every
    /// token of one length.
    pub fn sign_in(&self, token: &str) -> Option<Visit> {
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
