//! What an account's owner sets: password, second factor, recovery codes.

use super::throttle::{Own, Try};
use super::{Account, Totp, password, require_owner, totp, wrong};
use crate::access::Visit;
use crate::error::Error;
use crate::records::Vault;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;

/// A second factor that is proposed and not in force yet. Shows nothing of itself.
#[derive(Clone)]
pub struct Proposal {
    /// The secret as people type it into an app.
    pub text: String,
    /// The address that a QR code shows to an app.
    pub address: String,
    /// The same, sealed: to be given back with the first code.
    pub sealed: String,
}

impl Vault {
    /// Sets an account's password. Every session and token of it is void afterwards. Its owner gives the present password,
    /// if there is one; the operator need not.
    pub fn set_password(&self, visit: &Visit, id: &str, present: &str, new: &str) -> Result<Arc<Account>, Error> {
        self.require_proof(visit, id, present)?;
        let account = self.account(id)?.ok_or_else(super::no_account)?;
        password::check(new, &account.login)?;
        let (hash, now) = (password::hash(new)?, self.clock().now());
        self.amend_account(visit, id, |account| {
            account.secrets.password = Some(hash);
            account.void_tokens(now);
            Ok(())
        })
    }

    /// A fresh secret for an account's second factor. Nothing is kept of it until [`Vault::confirm_second_factor`].
    pub fn propose_second_factor(&self, visit: &Visit, id: &str) -> Result<Proposal, Error> {
        require_owner(visit, id)?;
        let account = self.account(id)?.ok_or_else(super::no_account)?;
        let fresh = Totp::fresh();
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let sealed = ring.sessions.seal(&label(id), &fresh.secret)?;
        Ok(Proposal {
            text: fresh.text(),
            address: fresh.address(&account.login),
            sealed: URL_SAFE_NO_PAD.encode(sealed),
        })
    }

    /// Puts a proposed second factor in force, once its owner shows a code of it. Answers fresh recovery codes; they are
    /// shown once and kept only as hashes.
    pub fn confirm_second_factor(
        &self,
        visit: &Visit,
        id: &str,
        present: &str,
        sealed: &str,
        code: &str,
    ) -> Result<Vec<String>, Error> {
        self.require_proof(visit, id, present)?;
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let opened = URL_SAFE_NO_PAD.decode(sealed).ok();
        let secret = opened.and_then(|mut sealed| ring.sessions.open(&label(id), &mut sealed).map(<[u8]>::to_vec));
        let Some(secret) = secret else {
            return Err(wrong("the proposed secret is none that was given to this account; begin again").into());
        };
        let mut factor = Totp { secret, last_step: 0 };
        let Some(step) = factor.step_of(code, self.clock().now()) else {
            return Err(
                wrong("the code is not the one of now; look at the app again, and at the device's clock").into()
            );
        };
        factor.last_step = step;
        self.put_second_factor(visit, id, factor)
    }

    /// Puts a fresh second factor in force at the operator's word, for handing over with the account.
    pub fn give_second_factor(&self, visit: &Visit, id: &str) -> Result<(Proposal, Vec<String>), Error> {
        super::require_administrator(visit)?;
        let account = self.account(id)?.ok_or_else(super::no_account)?;
        let fresh = Totp::fresh();
        let proposal = Proposal { text: fresh.text(), address: fresh.address(&account.login), sealed: String::new() };
        Ok((proposal, self.put_second_factor(visit, id, fresh)?))
    }

    /// Takes an account's second factor away, for whoever lost it and the recovery codes. Sessions are void afterwards.
    pub fn drop_second_factor(&self, visit: &Visit, id: &str) -> Result<Arc<Account>, Error> {
        let now = self.clock().now();
        self.change_account(visit, id, |account| {
            account.secrets.totp = None;
            account.secrets.recovery.clear();
            account.void_tokens(now);
            Ok(())
        })
    }

    fn put_second_factor(&self, visit: &Visit, id: &str, factor: Totp) -> Result<Vec<String>, Error> {
        let codes = totp::fresh_codes();
        self.amend_account(visit, id, |account| {
            account.secrets.totp = Some(factor);
            account.secrets.recovery = codes.iter().map(|code| totp::hash_code(id, code)).collect();
            Ok(())
        })?;
        Ok(codes)
    }

    /// Whoever found a screen unlocked must not be able to take the account over: its owner gives the password again. One who
    /// has none here, because a provider answers for them, gets one from the operator first: what they add would let them
    /// in when the provider no longer does.
    pub(super) fn require_proof(&self, visit: &Visit, id: &str, present: &str) -> Result<(), Error> {
        require_owner(visit, id)?;
        if visit.is_operator() {
            return Ok(());
        }
        let account = self.account(id)?.ok_or_else(super::no_account)?;
        let Some(hash) = account.secrets.password.as_deref() else {
            let message = "the account has no password here to confirm this by; ask the operator, who can give it one";
            return Err(Refusal::new(Kind::Forbidden, "forbidden", message).into());
        };
        let tried = Try::Owner(&account.id, Own::Password);
        let throttle = &self.inner.store.gate.accounts.throttle;
        if let Err(wait) = throttle.begin(self.clock().now(), &tried) {
            let message = format!("there were too many tries; wait {} seconds, then try again", (wait + 999) / 1_000);
            return Err(Refusal::new(Kind::Unavailable, "throttled", message).into());
        }
        if !password::holds(present, Some(hash)) {
            return Err(wrong("the present password is wrong; type the one you signed in with").into());
        }
        throttle.succeed(&tried);
        Ok(())
    }
}

/// A proposal belongs to one account.
fn label(id: &str) -> Vec<u8> {
    format!("second factor {id}").into_bytes()
}
