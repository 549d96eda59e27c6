//! Deeds about accounts: who may come in, as the operator decides.

use super::Done;
use crate::stop::Stop;
use base::id::Ids;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::sync::Arc;
use vault::access::audit::Deed;
use vault::access::{
    Account, Context, Identity, Profile, Purpose, Role, Roles, Terms, Visit, check_password, purposes,
};
use vault::{Error, Vault};

/// What is to be done with accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Make one.
    Add,
    /// Print all.
    List,
    /// Change what is given.
    Change,
    /// End its use.
    Deactivate,
    /// Void its sessions and tokens.
    SignOut,
    /// Set its password.
    Password,
    /// Give it a second factor.
    Totp,
    /// Take its second factor away.
    TotpRemove,
    /// Make a token.
    Token,
    /// Take its passkeys away.
    PasskeysRemove,
    /// Link it with who its owner is at an identity provider.
    Link,
    /// End such a link.
    Unlink,
}

const WHATS: [(What, &str); 12] = [
    (What::Add, "add"),
    (What::List, "list"),
    (What::Change, "change"),
    (What::Deactivate, "deactivate"),
    (What::SignOut, "sign-out"),
    (What::Password, "password"),
    (What::Totp, "totp"),
    (What::TotpRemove, "totp-remove"),
    (What::Token, "token"),
    (What::PasskeysRemove, "passkeys-remove"),
    (What::Link, "link"),
    (What::Unlink, "unlink"),
];

impl What {
    fn code(self) -> &'static str {
        WHATS.iter().find(|(what, _)| *what == self).map_or("", |(_, code)| code)
    }

    fn of(code: &str) -> Option<What> {
        WHATS.iter().find(|(_, known)| *known == code).map(|(what, _)| *what)
    }
}

/// A deed about an account; what does not belong to it is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDeed {
    /// What.
    pub what: What,
    /// Whose, by login.
    pub login: String,
    /// The name people know.
    pub name: Option<String>,
    /// Codes of roles.
    pub roles: Option<Vec<String>>,
    /// What the account stands for.
    pub stands_for: Option<Vec<String>>,
    /// Units.
    pub units: Option<Vec<String>>,
    /// A password; one is made up where none is given.
    pub password: Option<String>,
    /// Code of a purpose.
    pub purpose: Option<String>,
    /// How long a token lasts, in minutes.
    pub minutes: Option<u32>,
    /// The identity provider of a link.
    pub issuer: Option<String>,
    /// Who the owner is there.
    pub subject: Option<String>,
    /// Whether it can be used again.
    pub is_active: bool,
    /// Whether to answer in JSON.
    pub is_json: bool,
}

impl AccountDeed {
    /// A deed about the account of a login, with nothing given.
    pub fn new(what: What, login: impl Into<String>) -> AccountDeed {
        AccountDeed {
            what,
            login: login.into(),
            name: None,
            roles: None,
            stands_for: None,
            units: None,
            password: None,
            purpose: None,
            minutes: None,
            issuer: None,
            subject: None,
            is_active: false,
            is_json: false,
        }
    }

    /// As it is sent.
    pub fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let mut members = vec![("do", text("account")), ("what", text(self.what.code())), ("login", text(&self.login))];
        let words = [
            ("name", &self.name),
            ("password", &self.password),
            ("purpose", &self.purpose),
            ("issuer", &self.issuer),
            ("subject", &self.subject),
        ];
        members.extend(words.iter().filter_map(|(name, word)| Some((*name, text(word.as_deref()?)))));
        let lists = [("roles", &self.roles), ("standsFor", &self.stands_for), ("units", &self.units)];
        for (name, list) in lists {
            members.extend(list.iter().map(|list| (name, Json::Array(list.iter().map(|item| text(item)).collect()))));
        }
        members.extend(self.minutes.map(|minutes| ("minutes", Json::number(minutes))));
        members.push(("active", Json::Bool(self.is_active)));
        members.push(("json", Json::Bool(self.is_json)));
        Json::object(members)
    }

    /// Reads what [`AccountDeed::write`] wrote. `None`: it is no such deed.
    pub fn read(json: &Json<'_>) -> Option<AccountDeed> {
        let text = |name: &str| json.text(name).map(str::to_owned);
        let list = |name: &str| {
            let items = json.get(name)?.items().iter();
            Some(items.filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>())
        };
        Some(AccountDeed {
            what: What::of(json.text("what")?)?,
            login: text("login")?,
            name: text("name"),
            roles: list("roles"),
            stands_for: list("standsFor"),
            units: list("units"),
            password: text("password"),
            purpose: text("purpose"),
            minutes: json.get("minutes").and_then(Json::as_number).and_then(|n| n.parse().ok()),
            issuer: text("issuer"),
            subject: text("subject"),
            is_active: json.get("active")?.as_bool()?,
            is_json: json.get("json")?.as_bool()?,
        })
    }

    /// Does it.
    pub fn carry_out(&self, vault: &Vault, visit: &Visit) -> Result<Done, Stop> {
        let from = visit.context().map(|context| context.from.clone()).unwrap_or_default();
        let place = format!("account {}", self.what.code());
        let asked = if self.login.is_empty() { String::new() } else { format!("login={}", self.login) };
        let visit = visit.asking(Context { from, asked, ..Context::new(Deed::Administer, place) });
        let done = self.act(vault, &visit).map(Done::well).map_err(|e| Stop::vault(self.undone(), e));
        let status = done.as_ref().err().map_or(200, Stop::status);
        vault.close_now(&visit, status).map_err(|e| Stop::vault(self.undone(), e))?;
        done
    }

    /// What to say when it was not done.
    pub fn undone(&self) -> &'static str {
        if self.what == What::Token { "No token was given." } else { UNDONE }
    }

    fn act(&self, vault: &Vault, visit: &Visit) -> Result<String, Error> {
        if self.what == What::List {
            return Ok(vault.accounts()?.iter().map(|account| self.line(account)).collect());
        }
        if self.what == What::Add {
            return self.add(vault, visit);
        }
        let account = vault.account_of_login(&self.login)?;
        let account = account.ok_or_else(|| Refusal::new(Kind::NotFound, "not-found", "nobody has this login"))?;
        let id = &account.id;
        match self.what {
            What::Change => vault.change_account(visit, id, |account| self.change(account)).map(|a| self.line(&a)),
            What::Deactivate => vault.deactivate_account(visit, id).map(|account| self.line(&account)),
            What::SignOut => vault.sign_out_everywhere(visit, id).map(|account| self.line(&account)),
            What::Password => self.set_password(vault, visit, &account),
            What::Totp => self.give_second_factor(vault, visit, &account),
            What::TotpRemove => vault.drop_second_factor(visit, id).map(|account| self.line(&account)),
            What::PasskeysRemove => vault.remove_passkey(visit, id, None).map(|account| self.line(&account)),
            What::Token => self.token(vault, &account),
            What::Link => vault.link_identity(visit, id, self.identity()).map(|account| self.line(&account)),
            What::Unlink => {
                let issuer = self.issuer.as_deref().unwrap_or_default();
                vault.unlink_identity(visit, id, issuer, self.subject.as_deref()).map(|account| self.line(&account))
            }
            What::Add | What::List => Ok(String::new()),
        }
    }

    fn identity(&self) -> Identity {
        let (issuer, subject) = (self.issuer.clone().unwrap_or_default(), self.subject.clone().unwrap_or_default());
        Identity { issuer, subject }
    }

    fn add(&self, vault: &Vault, visit: &Visit) -> Result<String, Error> {
        if self.name.as_deref().unwrap_or_default().trim().is_empty() {
            return Err(nameless(&self.login).into());
        }
        let profile = Profile {
            login: self.login.clone(),
            name: self.name.clone().unwrap_or_default(),
            roles: roles(self.roles.as_deref().unwrap_or_default())?,
            stands_for: self.stands_for.clone().unwrap_or_default(),
            units: self.units.clone().unwrap_or_default(),
            is_demo: false,
        };
        if let Some(password) = &self.password {
            check_password(password, &profile.login)?;
        }
        let account = vault.create_account(visit, profile)?;
        // A program signs in with its own key; and a password that nobody is told helps nobody.
        if account.roles.contains(Role::App) || (self.is_json && self.password.is_none()) {
            return Ok(self.line(&account));
        }
        self.set_password(vault, visit, &account)
    }

    fn change(&self, account: &mut Account) -> Result<(), Refusal> {
        if let Some(name) = &self.name {
            account.name.clone_from(name);
        }
        if let Some(codes) = &self.roles {
            account.roles = roles(codes)?;
        }
        if let Some(stands_for) = &self.stands_for {
            account.stands_for.clone_from(stands_for);
        }
        if let Some(units) = &self.units {
            account.units.clone_from(units);
        }
        account.is_active |= self.is_active;
        Ok(())
    }

    fn set_password(&self, vault: &Vault, visit: &Visit, account: &Account) -> Result<String, Error> {
        let password = self.password.clone().unwrap_or_else(|| Ids::System.uuid());
        let account = vault.set_password(visit, &account.id, "", &password)?;
        let mut said = self.line(&account);
        if self.password.is_none() && !self.is_json {
            said.push_str(&format!("password  {password}\nnext: hand it over; its owner changes it at /account\n"));
        }
        Ok(said)
    }

    fn give_second_factor(&self, vault: &Vault, visit: &Visit, account: &Account) -> Result<String, Error> {
        let (proposal, codes) = vault.give_second_factor(visit, &account.id)?;
        let codes = codes.join("\n  ");
        Ok(format!("secret  {}\naddress  {}\nrecovery codes\n  {codes}\n", proposal.text, proposal.address))
    }

    fn token(&self, vault: &Vault, account: &Arc<Account>) -> Result<String, Error> {
        let purpose = match &self.purpose {
            Some(code) => Purpose::from_code(code).ok_or_else(|| unknown("purpose", code))?,
            None => purposes(account.roles).first().copied().unwrap_or(Purpose::Operations),
        };
        let terms = Terms::new(purpose, i64::from(self.minutes.unwrap_or(60)) * 60_000);
        vault.issue_session(account, terms).map(|(token, _)| format!("{token}\n"))
    }

    /// What people or programs read about an account.
    fn line(&self, account: &Account) -> String {
        let text = |text: &str| Json::string(text.to_owned());
        let list = |items: &[String]| Json::Array(items.iter().map(|item| text(item)).collect());
        if !self.is_json {
            let state = if account.is_active { "active" } else { "deactivated" };
            let link = |one: &Identity| format!("  linked with {} at {}\n", one.subject, one.issuer);
            let links: String = account.identities.iter().map(link).collect();
            return format!("{}  {}  {}  {state}\n{links}", account.login, account.roles, account.name);
        }
        let link = |one: &Identity| Json::object([("issuer", text(&one.issuer)), ("subject", text(&one.subject))]);
        let links = Json::Array(account.identities.iter().map(link).collect());
        let roles = Json::Array(account.roles.iter().map(|role| text(role.code())).collect());
        let json = Json::object([
            ("id", text(&account.id)),
            ("login", text(&account.login)),
            ("name", text(&account.name)),
            ("roles", roles),
            ("standsFor", list(&account.stands_for)),
            ("units", list(&account.units)),
            ("active", Json::Bool(account.is_active)),
            ("demo", Json::Bool(account.is_demo)),
            ("identities", links),
            ("password", Json::Bool(account.has_password())),
            ("secondFactor", Json::Bool(account.has_second_factor())),
            ("passkeys", Json::number(account.passkeys().len())),
            ("recoveryCodesLeft", Json::number(account.recovery_codes_left())),
        ]);
        format!("{}\n", String::from_utf8_lossy(&json.to_bytes()))
    }
}

/// Said when it was not done.
pub const UNDONE: &str = "No account was changed.";

fn nameless(login: &str) -> Refusal {
    let message = format!(
        "the account has no name: give the one people know, as in \
         `chartroom account add {login} --name \"Sun-hee Kim\" --role physician`"
    );
    Refusal::new(Kind::Invalid, "required", message)
}

fn roles(codes: &[String]) -> Result<Roles, Refusal> {
    codes.iter().map(|code| Role::from_code(code).ok_or_else(|| unknown("role", code))).collect()
}

fn unknown(kind: &str, code: &str) -> Refusal {
    let all: Vec<&str> = match kind {
        "role" => Role::ALL.iter().map(|role| role.code()).collect(),
        _ => Purpose::ALL.iter().map(|purpose| purpose.code()).collect(),
    };
    let message = format!("{code} is no {kind}; there are {}", all.join(", "));
    Refusal::new(Kind::Invalid, "invalid", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_about_an_account_is_read_as_it_was_written() {
        for (what, _) in WHATS {
            let bare = AccountDeed::new(what, "kim");
            let full = AccountDeed {
                name: Some("Dr Kim".to_owned()),
                roles: Some(vec!["physician".to_owned()]),
                stands_for: Some(Vec::new()),
                units: Some(vec!["Location/icu".to_owned()]),
                password: Some("p \" w".to_owned()),
                purpose: Some("TREAT".to_owned()),
                minutes: Some(5),
                issuer: Some("https://login.example.org".to_owned()),
                subject: Some("7".to_owned()),
                is_active: true,
                is_json: true,
                ..bare.clone()
            };
            for deed in [bare, full] {
                assert_eq!(AccountDeed::read(&deed.write()).as_ref(), Some(&deed));
            }
        }
    }
}
