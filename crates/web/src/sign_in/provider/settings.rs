//! What the operator says of an identity provider.

use crate::egress::host_of;
use jsonwebtoken::Algorithm;
use std::fmt;
use vault::access::{Role, Roles};

/// Claims that name nobody for good (OpenID Connect Core 1.0 section 5.7): names and addresses are given to others. As
/// [`plain`] has them.
const UNSTABLE: [&str; 19] = [
    "commonname",
    "displayname",
    "email",
    "emailaddress",
    "familyname",
    "givenname",
    "login",
    "mail",
    "name",
    "nickname",
    "phone",
    "phonenumber",
    "preferredusername",
    "samaccountname",
    "surname",
    "uniquename",
    "upn",
    "username",
    "userprincipalname",
];

/// A claim's name as it is compared: what stands after a namespace, letters and digits alone, small.
fn plain(claim: &str) -> String {
    let last = claim.rsplit(['/', ':', '#']).next().unwrap_or_default();
    last.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A provider of OpenID Connect whose word is taken for who somebody is.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Names it in addresses and commands: lower-case letters, digits and `-`.
    pub id: String,
    /// What the button says.
    pub name: String,
    /// Its `iss`, letter for letter. `https`, but on this machine.
    pub issuer: String,
    /// What this server is called there.
    pub client: String,
    /// How this server shows that it is itself.
    pub proof: ClientProof,
    /// The claim that names people: `sub`, or another that is never given to somebody else.
    pub subject: String,
    /// Scopes to ask for, besides `openid`.
    pub scopes: Vec<String>,
    /// Hosts besides the issuer's that its addresses may lead to.
    pub hosts: Vec<String>,
    /// The signatures that are taken: `RS256`, `ES256`.
    pub signatures: Vec<String>,
    /// When what it saw counts as two factors.
    pub second_factor: SecondFactor,
    /// Which of its words let somebody have which roles; `None`: it has no say in roles.
    pub roles: Option<RoleRule>,
    /// How many seconds ago people may have shown there who they are, at most; `None`: as the provider likes.
    pub max_age_seconds: Option<u32>,
    /// Whether those who are linked with it come in by its word alone: no password and no passkey of theirs is good here.
    pub is_only: bool,
}

/// How this server shows that it is itself (OpenID Connect Core 1.0 section 9). Its `Debug` shows nothing.
#[derive(Clone)]
pub enum ClientProof {
    /// `client_secret_basic`.
    Basic(String),
    /// `client_secret_post`.
    Post(String),
    /// `private_key_jwt`: a private key, P-256 or RSA, as PKCS #8 in PEM, and the name it has there.
    Key {
        /// PEM.
        pem: Vec<u8>,
        /// `kid`.
        name: String,
    },
}

impl fmt::Debug for ClientProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientProof(…)")
    }
}

/// When what a provider saw counts as two factors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondFactor {
    /// Never: the account's own code is asked for, too.
    Never,
    /// Always: the provider lets nobody in with one.
    Always,
    /// Where its token says so.
    Said {
        /// Any of these in `amr` (RFC 8176).
        amr: Vec<String>,
        /// Or one of these as `acr`; they are asked for.
        acr: Vec<String>,
    },
}

/// Which words of a claim let somebody have which roles.
#[derive(Clone, Debug)]
pub struct RoleRule {
    /// The claim: a text, or a list of texts.
    pub claim: String,
    /// Its words, and the roles of each.
    pub allow: Vec<(String, Roles)>,
}

impl RoleRule {
    /// The roles that some words let somebody have.
    pub fn granted<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Roles {
        let words: Vec<&str> = words.into_iter().collect();
        let meant = self.allow.iter().filter(|(word, _)| words.contains(&word.as_str()));
        meant.fold(Roles::NONE, |granted, (_, roles)| granted.union(*roles))
    }
}

impl SecondFactor {
    /// Whether a token's `amr` and `acr` show two factors.
    pub fn is_shown(&self, amr: &[&str], acr: Option<&str>) -> bool {
        match self {
            SecondFactor::Never => false,
            SecondFactor::Always => true,
            SecondFactor::Said { amr: methods, acr: classes } => {
                methods.iter().any(|method| amr.contains(&method.as_str()))
                    || classes.iter().any(|class| acr == Some(class))
            }
        }
    }
}

impl Provider {
    /// Says what is wrong with it, if anything.
    pub fn check(&self) -> Result<(), String> {
        let is_id = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.id.is_empty() || self.id.len() > 40 || !self.id.bytes().all(is_id) {
            return Err(format!("`{}` is no id; use lower-case letters, digits and -", self.id));
        }
        if self.name.trim().is_empty() || self.client.is_empty() {
            return Err(format!("the provider {} has no name or no client_id", self.id));
        }
        if self.issuer.contains(['?', '#', ' ']) || !self.covers(&self.issuer) {
            return Err(format!("the issuer of {} is no https address without query", self.id));
        }
        if UNSTABLE.contains(&plain(&self.subject).as_str()) {
            let (claim, id) = (&self.subject, &self.id);
            return Err(format!("{id}: `{claim}` can pass to somebody else; use sub, or a number of staff"));
        }
        if self.signatures.is_empty() || self.algorithms().len() != self.signatures.len() {
            return Err(format!("{}: signatures are RS256 and ES256; write one or both", self.id));
        }
        if let ClientProof::Key { pem, .. } = &self.proof {
            super::client::read_key(pem).map_err(|why| format!("{}: {why}", self.id))?;
        }
        Ok(())
    }

    /// Whether an address is one of its own.
    pub(super) fn covers(&self, address: &str) -> bool {
        crate::egress::is_at(&self.hosts(), address)
    }

    /// The hosts at which it may be asked.
    pub(super) fn hosts(&self) -> Vec<String> {
        host_of(&self.issuer).into_iter().chain(self.hosts.iter().cloned()).collect()
    }

    /// The signatures that are taken.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let known = |word: &String| match word.as_str() {
            "RS256" => Some(Algorithm::RS256),
            "ES256" => Some(Algorithm::ES256),
            _ => None,
        };
        self.signatures.iter().filter_map(known).collect()
    }

    /// The roles that words of the rule's claim grant; `None`: there is no rule.
    pub(super) fn granted<'a>(&self, words: impl FnOnce(&str) -> Vec<&'a str>) -> Option<Roles> {
        self.roles.as_ref().map(|rule| rule.granted(words(&rule.claim)))
    }
}

impl RoleRule {
    /// A rule from codes of roles. Says which code is none.
    pub fn read(claim: String, allow: impl IntoIterator<Item = (String, Vec<String>)>) -> Result<RoleRule, String> {
        let roles = |codes: Vec<String>| {
            let role = |code: &String| Role::from_code(code).ok_or_else(|| format!("{code} is no role"));
            codes.iter().map(role).collect::<Result<Roles, String>>()
        };
        let allow = allow.into_iter().map(|(word, codes)| Ok((word, roles(codes)?))).collect::<Result<_, String>>()?;
        Ok(RoleRule { claim, allow })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Provider {
        let text = str::to_owned;
        Provider {
            id: text("hospital"),
            name: text("Saint Anna"),
            issuer: text("https://login.example.org/staff"),
            client: text("chartroom"),
            proof: ClientProof::Basic(text("s")),
            subject: text("sub"),
            scopes: Vec::new(),
            hosts: vec![text("keys.example.org")],
            signatures: vec![text("RS256")],
            second_factor: SecondFactor::Never,
            roles: None,
            max_age_seconds: None,
            is_only: false,
        }
    }

    #[test]
    fn what_cannot_be_a_provider_is_refused() {
        assert_eq!(provider().check(), Ok(()));
        let text = str::to_owned;
        for wrong in [
            Provider { id: text("Hospital"), ..provider() },
            Provider { name: text(" "), ..provider() },
            Provider { client: text(""), ..provider() },
            Provider { issuer: text("http://login.example.org"), ..provider() },
            Provider { issuer: text("https://login.example.org?x"), ..provider() },
            Provider { subject: text("email"), ..provider() },
            Provider { signatures: vec![text("none")], ..provider() },
            Provider { signatures: vec![text("HS256")], ..provider() },
            Provider { signatures: Vec::new(), ..provider() },
            Provider { proof: ClientProof::Key { pem: b"x".to_vec(), name: text("k") }, ..provider() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
        let shown = format!("{:?}", provider());
        assert!(!shown.contains("Basic"), "{shown}");
    }

    #[test]
    fn however_it_is_written_a_name_or_an_address_names_nobody() {
        for subject in [
            "email",
            "Email",
            "e-mail",
            "preferredUsername",
            "phone_number",
            "UPN",
            "unique_name",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            "urn:oid:x:name",
        ] {
            assert!(Provider { subject: subject.to_owned(), ..provider() }.check().is_err(), "{subject}");
        }
        for subject in ["sub", "oid", "employee_number", "https://example.org/claims/staff-id"] {
            assert_eq!(Provider { subject: subject.to_owned(), ..provider() }.check(), Ok(()), "{subject}");
        }
    }

    #[test]
    fn two_factors_are_what_the_operator_says() {
        let said = SecondFactor::Said { amr: vec!["mfa".to_owned()], acr: vec!["gold".to_owned()] };
        for (amr, acr, shown) in [
            (&["pwd"][..], None, false),
            (&["pwd", "mfa"], None, true),
            (&[], Some("gold"), true),
            (&["mf", "gold"], Some("mfa"), false),
        ] {
            assert_eq!(said.is_shown(amr, acr), shown, "{amr:?} {acr:?}");
        }
        assert!(SecondFactor::Always.is_shown(&[], None) && !SecondFactor::Never.is_shown(&["mfa"], None));
    }

    #[test]
    fn words_grant_roles() {
        let allow = [("doctors", vec!["physician"]), ("coding", vec!["coder", "biller"])];
        let allow = allow.map(|(word, codes)| (word.to_owned(), codes.into_iter().map(str::to_owned).collect()));
        let rule = RoleRule::read("groups".to_owned(), allow).expect("a rule");
        assert_eq!(rule.granted(["doctors", "others"]), Roles::NONE.with(Role::Physician));
        assert_eq!(rule.granted(["doctors", "coding"]).iter().count(), 3);
        assert_eq!(rule.granted(["Doctors"]), Roles::NONE);
        let wrong = RoleRule::read("groups".to_owned(), [("x".to_owned(), vec!["king".to_owned()])]);
        assert_eq!(wrong.map(|_| ()), Err("king is no role".to_owned()));
    }
}
