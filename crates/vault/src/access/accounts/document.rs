//! An account as a private document of type `x-account`.

use super::passkey::Passkey;
use super::{Account, Identity, Secrets, Totp};
use crate::access::private::Document;
use crate::access::{Role, Roles};
use base::clock::Instant;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fhir::json::Json;

/// The type of these documents.
pub(crate) const KIND: &str = "x-account";

impl Account {
    /// As it is kept.
    pub(crate) fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let texts = |list: &[String]| Json::Array(list.iter().map(|item| text(item)).collect());
        let roles: Vec<_> = self.roles.iter().map(|role| text(role.code())).collect();
        let identity = |i: &Identity| Json::object([("issuer", text(&i.issuer)), ("subject", text(&i.subject))]);
        let mut members = vec![
            ("resourceType", text(KIND)),
            ("id", text(&self.id)),
            ("login", text(&self.login)),
            ("name", text(&self.name)),
            ("roles", Json::Array(roles)),
            ("standsFor", texts(&self.stands_for)),
            ("units", texts(&self.units)),
            ("active", Json::Bool(self.is_active)),
            ("demo", Json::Bool(self.is_demo)),
            ("identities", Json::Array(self.identities.iter().map(identity).collect())),
            ("tokensFrom", Json::number(self.tokens_from.0)),
            ("recovery", texts(&self.secrets.recovery)),
        ];
        if let Some(password) = &self.secrets.password {
            members.push(("password", text(password)));
        }
        if let Some(totp) = &self.secrets.totp {
            let secret = Json::string(STANDARD.encode(&totp.secret));
            members.push(("totp", Json::object([("secret", secret), ("lastStep", Json::number(totp.last_step))])));
        }
        members.push(("passkeys", Json::Array(self.secrets.passkeys.iter().map(Passkey::write).collect())));
        let ended = |(session, until): &(String, Instant)| {
            Json::object([("session", text(session)), ("until", Json::number(until.0))])
        };
        members.push(("ended", Json::Array(self.secrets.ended.iter().map(ended).collect())));
        Json::object(members)
    }

    /// Reads what [`Account::write`] wrote; `None` when it is something else.
    pub(crate) fn read(document: &Document) -> Option<Account> {
        let says = &document.says;
        let items = |name: &str| says.get(name).map_or(&[][..], Json::items);
        let texts = |name: &str| items(name).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
        let flag = |name: &str| says.get(name).and_then(Json::as_bool);
        let roles: Roles = items("roles").iter().filter_map(|role| Role::from_code(role.as_str()?)).collect();
        Some(Account {
            id: document.id.clone(),
            login: says.text("login")?.to_owned(),
            name: says.text("name")?.to_owned(),
            roles,
            stands_for: texts("standsFor"),
            units: texts("units"),
            is_active: flag("active")?,
            is_demo: flag("demo")?,
            identities: items("identities").iter().filter_map(read_identity).collect(),
            tokens_from: Instant(number(says, "tokensFrom")?),
            secrets: Secrets {
                password: says.text("password").map(str::to_owned),
                totp: says.get("totp").and_then(read_totp),
                recovery: texts("recovery"),
                passkeys: items("passkeys").iter().filter_map(Passkey::read).collect(),
                ended: items("ended").iter().filter_map(read_ended).collect(),
            },
            version: document.version,
        })
    }
}

fn number<N: std::str::FromStr>(json: &Json<'_>, name: &str) -> Option<N> {
    json.get(name)?.as_number()?.parse().ok()
}

fn read_identity(json: &Json<'_>) -> Option<Identity> {
    Some(Identity { issuer: json.text("issuer")?.to_owned(), subject: json.text("subject")?.to_owned() })
}

fn read_totp(json: &Json<'_>) -> Option<Totp> {
    Some(Totp { secret: STANDARD.decode(json.text("secret")?).ok()?, last_step: number(json, "lastStep")? })
}

fn read_ended(json: &Json<'_>) -> Option<(String, Instant)> {
    Some((json.text("session")?.to_owned(), Instant(number(json, "until")?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::accounts::Profile;

    #[test]
    fn an_account_reads_back_as_it_was_written() {
        let profile = Profile { login: " Kim ".to_owned(), name: "Dr Kim".to_owned(), ..Profile::default() };
        let mut account = Account::new("a-1".to_owned(), profile);
        account.roles = Roles::NONE.with(Role::Physician).with(Role::Coder);
        account.stands_for = vec!["Practitioner/7".to_owned()];
        account.units = vec!["Location/icu".to_owned()];
        account.identities = vec![Identity { issuer: "https://id".to_owned(), subject: "7".to_owned() }];
        account.tokens_from = Instant(1_700_000_000_000);
        account.version = 3;
        let bare = account.clone();
        let mut passkey = Passkey::default();
        (passkey.id, passkey.used) = ("k".to_owned(), Some(Instant(3)));
        account.secrets = Secrets {
            password: Some("$argon2id$…".to_owned()),
            totp: Some(Totp { secret: vec![0, 255], last_step: 7 }),
            recovery: vec!["ab".to_owned()],
            passkeys: vec![passkey],
            ended: vec![("s".to_owned(), Instant(9))],
        };
        assert_eq!(account.login, "kim");
        for account in [account, bare] {
            let document = Document { id: account.id.clone(), version: 3, says: account.write() };
            assert_eq!(Account::read(&document).as_ref(), Some(&account));
            assert!(!format!("{account:?}").contains("argon2id"));
        }
    }
}
