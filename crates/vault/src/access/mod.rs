//! The gate: nothing is read or written without a visit that says who and why.

use crate::records::Vault;

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
        let _ = token;
        unimplemented!()
    }

    /// 32 bytes that only this installation can make, the same after every restart: the key for links that the server
    /// gives out and that come back to it.
    pub fn link_key(&self) -> [u8; 32] {
        unimplemented!()
    }
}
