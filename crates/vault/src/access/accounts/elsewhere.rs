//! Coming in by an identity provider's word: who somebody is there becomes an account here, if the operator has linked the
//! two. Nobody is linked by name or address: those change hands.

use super::throttle::{Own, Try};
use super::{Account, Identity, SignedIn, Terms, require_administrator, wrong};
use crate::access::{Context, Principal, Purpose, Roles, Visit};
use crate::error::Error;
use crate::records::Vault;
use base::refusal::{Kind, Refusal};
use std::sync::Arc;

/// Longest issuer or subject, in bytes (OpenID Connect Core 1.0 section 2 bounds `sub`).
const IDENTITY_BYTES_MAX: usize = 255;

/// What a provider has said of somebody, its signature checked.
#[derive(Clone, Debug)]
pub struct Vouched<'a> {
    /// The provider's name in the configuration, for the audit.
    pub provider: &'a str,
    /// Who it is.
    pub identity: Identity,
    /// The roles that the provider lets this person have now; `None`: it has no say.
    pub roles: Option<Roles>,
    /// Whether the person showed two factors there.
    pub is_strong: bool,
    /// Whether everybody here needs a second factor.
    pub needs_second_factor: bool,
    /// The code of the account's own second factor, where it was asked for.
    pub code: Option<&'a str>,
}

/// What comes of it.
#[derive(Clone, Debug)]
pub enum Welcome {
    /// Somebody is in.
    In(Box<SignedIn>),
    /// The provider saw one factor: the account's own code is wanted, too.
    CodeWanted,
}

impl Vault {
    /// Signs in whom a provider has vouched for, and writes so to the audit; a failure too. Refuses who is linked with no
    /// active account, has a role here that the provider does not grant, or can show no second factor.
    pub fn sign_in_vouched(
        &self,
        vouched: &Vouched<'_>,
        context: Context,
        terms: impl FnOnce(&Account) -> Terms,
    ) -> Result<Welcome, Error> {
        let entered = self.try_vouched(vouched, &context, terms);
        if let Err(Error::Refusal(refusal)) = &entered
            && refusal.kind != Kind::Unavailable
        {
            let said = refusal.findings.first().map_or("", |finding| finding.message.as_str());
            self.note_failed_sign_in(&vouched.asked(Some(said)), context)?;
        }
        entered
    }

    fn try_vouched(
        &self,
        vouched: &Vouched<'_>,
        context: &Context,
        terms: impl FnOnce(&Account) -> Terms,
    ) -> Result<Welcome, Error> {
        let account = self.account_of_identity(&vouched.identity)?.filter(|account| account.is_active);
        let account = account.ok_or_else(|| unknown(vouched))?;
        if vouched.roles.is_some_and(|granted| account.roles.iter().any(|role| !granted.contains(role))) {
            return Err(not_granted().into());
        }
        let is_strong = vouched.is_strong || !vouched.needs_second_factor;
        let code = match (is_strong, account.has_second_factor(), vouched.code) {
            (true, ..) => None,
            (false, false, _) => return Err(one_factor().into()),
            (false, true, None) => return Ok(Welcome::CodeWanted),
            (false, true, Some(code)) => Some(code),
        };
        let context = Context { asked: vouched.asked(None), ..context.clone() };
        let terms = |account: &Account| Terms { is_strong: vouched.is_strong, ..terms(account) };
        let entered = match code {
            None => self.enter(&account, |_, _| Ok(()), context, terms)?,
            Some(code) => {
                let own = Try::Owner(&account.id, Own::CodeAfterProvider);
                let throttle = &self.known().throttle;
                throttle.begin(self.clock().now(), &own).map_err(super::sign_in::too_often)?;
                let entered = self.enter(&account, |account, now| account.use_code(code, now), context, terms)?;
                throttle.succeed(&own);
                entered
            }
        };
        Ok(Welcome::In(Box::new(entered)))
    }

    /// Writes to the audit that somebody could not be signed in; `asked` says how they tried and why not.
    pub fn note_failed_sign_in(&self, asked: &str, context: Context) -> Result<(), Error> {
        let context = Context { asked: asked.to_owned(), ..context };
        self.close_now(&Visit::of(Principal::nobody(), Purpose::Operations, Some(context)), 401)
    }

    /// Links an account with who its owner is at a provider. Refuses somebody who is linked with another account.
    pub fn link_identity(&self, visit: &Visit, id: &str, identity: Identity) -> Result<Arc<Account>, Error> {
        let is_bounded = |text: &String| !text.is_empty() && text.len() <= IDENTITY_BYTES_MAX;
        let is_printable = |text: &String| !text.chars().any(char::is_control);
        let said = [&identity.issuer, &identity.subject];
        if !said.iter().all(|text| is_bounded(text) && is_printable(text)) {
            return Err(wrong("the issuer or subject is empty, longer than 255 bytes or has control characters").into());
        }
        self.change_account(visit, id, |account| {
            if !account.identities.contains(&identity) {
                account.identities.push(identity);
            }
            Ok(())
        })
    }

    /// Ends an account's links with a provider: all, or one person's. Its sessions are void afterwards.
    pub fn unlink_identity(
        &self,
        visit: &Visit,
        id: &str,
        issuer: &str,
        subject: Option<&str>,
    ) -> Result<Arc<Account>, Error> {
        require_administrator(visit)?;
        let now = self.clock().now();
        self.amend_account(visit, id, |account| {
            let before = account.identities.len();
            account.identities.retain(|one| one.issuer != issuer || subject.is_some_and(|word| word != one.subject));
            if account.identities.len() == before {
                let known: Vec<String> =
                    account.identities.iter().map(|one| format!("{} at {}", one.subject, one.issuer)).collect();
                let message = match known.as_slice() {
                    [] => "the account is not linked with anybody anywhere".to_owned(),
                    known => format!("the account has no such link; it is linked with {}", known.join(", ")),
                };
                return Err(Refusal::new(Kind::NotFound, "not-found", message));
            }
            account.void_tokens(now);
            Ok(())
        })
    }
}

impl Vouched<'_> {
    /// What the audit keeps of it.
    fn asked(&self, why: Option<&str>) -> String {
        let why = why.map(|why| format!(" refused={why}")).unwrap_or_default();
        format!("provider={} subject={}{why}", self.provider, self.identity.subject)
    }
}

/// The person is told the name under which the operator can link them.
fn unknown(vouched: &Vouched<'_>) -> Refusal {
    let message = format!(
        "no active account here is linked with you there; ask the operator, and say that you are `{}` there",
        vouched.identity.subject
    );
    Refusal::new(Kind::Unauthenticated, "login", message)
}

fn not_granted() -> Refusal {
    let message = "your account here has a role that you do not have there (any more); ask the operator";
    Refusal::new(Kind::Forbidden, "forbidden", message)
}

fn one_factor() -> Refusal {
    let message = "you showed one factor there, and your account here has no second one; ask the operator, or use two factors there";
    Refusal::new(Kind::Forbidden, "forbidden", message)
}
