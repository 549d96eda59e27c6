//! Deeds about apps: programs of others, as the operator decides.

use super::Done;
use crate::stop::Stop;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::access::apps::{App, Proof, Reach, Registration, Review};
use vault::access::audit::Deed;
use vault::access::disclosures::Basis;
use vault::access::{Context, Purpose, Visit};
use vault::{Error, Vault};

/// Said when it was not done.
pub const NO_APP: &str = "No app was changed.";

const WHATS: [&str; 5] = ["register", "list", "approve", "suspend", "secret"];

/// A deed about an app; what does not belong to it is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppDeed {
    /// What: `register`, `list`, `approve`, `suspend`, `secret`.
    pub what: String,
    /// Its client id.
    pub client: Option<String>,
    /// The name that people are shown.
    pub name: Option<String>,
    /// Where codes may be sent.
    pub redirects: Vec<String>,
    /// The scopes that it may ask for, separated by spaces.
    pub scopes: Option<String>,
    /// Where it is opened from charts.
    pub launch: Option<String>,
    /// Whether it is to have a secret.
    pub has_secret: bool,
    /// Its public keys, a JSON Web Key Set.
    pub keys: Option<String>,
    /// Where they stand.
    pub keys_at: Option<String>,
    /// The login of the account that it acts as.
    pub acts_as: Option<String>,
    /// Code of a purpose.
    pub purpose: Option<String>,
    /// How long its access tokens last.
    pub token_seconds: Option<u32>,
    /// Who stands behind it.
    pub reach: Option<String>,
    /// Code of the legal ground of an outside recipient.
    pub basis: Option<String>,
    /// Where that recipient is.
    pub address: Option<String>,
    /// Whether it may act at once.
    pub is_approved: bool,
    /// Whether to answer in JSON.
    pub is_json: bool,
}

impl AppDeed {
    /// A deed with nothing given.
    pub fn new(what: &str) -> AppDeed {
        AppDeed { what: what.to_owned(), ..AppDeed::default() }
    }

    fn words(&self) -> [(&'static str, &Option<String>); 11] {
        [
            ("client", &self.client),
            ("name", &self.name),
            ("scopes", &self.scopes),
            ("launch", &self.launch),
            ("keys", &self.keys),
            ("keysAt", &self.keys_at),
            ("actsAs", &self.acts_as),
            ("purpose", &self.purpose),
            ("reach", &self.reach),
            ("basis", &self.basis),
            ("address", &self.address),
        ]
    }

    /// As it is sent.
    pub fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let mut members = vec![("do", text("app")), ("what", text(&self.what))];
        members.extend(self.words().into_iter().filter_map(|(name, word)| Some((name, text(word.as_deref()?)))));
        members.push(("redirects", Json::Array(self.redirects.iter().map(|one| text(one)).collect())));
        members.extend(self.token_seconds.map(|seconds| ("tokenSeconds", Json::number(seconds))));
        members.push(("secret", Json::Bool(self.has_secret)));
        members.push(("approved", Json::Bool(self.is_approved)));
        members.push(("json", Json::Bool(self.is_json)));
        Json::object(members)
    }

    /// Reads what [`AppDeed::write`] wrote. `None`: it is no such deed.
    pub fn read(json: &Json<'_>) -> Option<AppDeed> {
        let text = |name: &str| json.text(name).map(str::to_owned);
        let flag = |name: &str| json.get(name).and_then(Json::as_bool);
        Some(AppDeed {
            what: text("what").filter(|what| WHATS.contains(&what.as_str()))?,
            client: text("client"),
            name: text("name"),
            redirects: json
                .get("redirects")?
                .items()
                .iter()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
            scopes: text("scopes"),
            launch: text("launch"),
            has_secret: flag("secret")?,
            keys: text("keys"),
            keys_at: text("keysAt"),
            acts_as: text("actsAs"),
            purpose: text("purpose"),
            reach: text("reach"),
            basis: text("basis"),
            address: text("address"),
            token_seconds: json.get("tokenSeconds").and_then(Json::as_number).and_then(|n| n.parse().ok()),
            is_approved: flag("approved")?,
            is_json: flag("json")?,
        })
    }

    /// Does it.
    pub fn carry_out(&self, vault: &Vault, visit: &Visit) -> Result<Done, Stop> {
        let from = visit.context().map(|context| context.from.clone()).unwrap_or_default();
        let visit = visit.asking(Context { from, ..Context::new(Deed::Administer, format!("app {}", self.what)) });
        let done = self.act(vault, &visit).map(Done::well).map_err(|e| Stop::vault(NO_APP, e));
        let status = done.as_ref().err().map_or(200, Stop::status);
        vault.close_now(&visit, status).map_err(|e| Stop::vault(NO_APP, e))?;
        done
    }

    fn act(&self, vault: &Vault, visit: &Visit) -> Result<String, Error> {
        let client = self.client.as_deref().unwrap_or_default();
        match self.what.as_str() {
            "register" => self.register(vault, visit),
            "approve" => vault.review_app(visit, client, Review::Approved).map(|app| self.line(&app)),
            "suspend" => vault.review_app(visit, client, Review::Suspended).map(|app| self.line(&app)),
            "secret" => {
                let (app, secret) = vault.renew_app_secret(visit, client)?;
                let secret = secret.ok_or_else(|| wrong("the app shows itself otherwise than by a secret"))?;
                Ok(format!("{}{}", self.line(&app), told(&secret)))
            }
            _ => Ok(vault.apps()?.iter().map(|app| self.line(app)).collect()),
        }
    }

    fn register(&self, vault: &Vault, visit: &Visit) -> Result<String, Error> {
        let acts_as = match &self.acts_as {
            Some(login) => {
                let account = vault.account_of_login(login)?.ok_or_else(|| wrong("nobody has the login to act as"))?;
                Some(account.id.clone())
            }
            None => None,
        };
        let purpose = match &self.purpose {
            Some(code) => Some(Purpose::from_code(code).ok_or_else(|| wrong("the purpose is no code of HL7's"))?),
            None => None,
        };
        // Taken for the house's, what an app of others reads would be missing in every accounting.
        let reach = self.reach.as_deref().and_then(Reach::from_code);
        let reach = reach.ok_or_else(|| wrong("an app is house, patient or outside; name one"))?;
        let basis = match &self.basis {
            Some(code) => Some(Basis::from_code(code).ok_or_else(|| wrong("the basis is no ground of disclosures"))?),
            None => None,
        };
        let registration = Registration {
            name: self.name.clone().unwrap_or_default(),
            proof: self.proof(),
            redirects: self.redirects.clone(),
            launch: self.launch.clone(),
            scopes: self.scopes.clone().unwrap_or_default(),
            acts_as,
            purpose,
            token_seconds: self.token_seconds,
            reach,
            basis,
            address: self.address.clone().unwrap_or_default(),
        };
        let (mut app, secret) = vault.register_app(visit, self.client.as_deref(), registration)?;
        if self.is_approved {
            app = vault.review_app(visit, &app.id, Review::Approved)?;
        }
        let next = if self.is_json || self.is_approved {
            String::new()
        } else {
            format!("next: look at it, then run `chartroom app approve {}`\n", app.id)
        };
        Ok(format!("{}{}{next}", self.line(&app), secret.as_deref().map(told).unwrap_or_default()))
    }

    fn proof(&self) -> Proof {
        match (&self.keys, &self.keys_at) {
            (Some(keys), _) => Proof::Keys(keys.clone()),
            (None, Some(address)) => Proof::KeysAt(address.clone()),
            (None, None) if self.has_secret => Proof::Secret(String::new()),
            (None, None) => Proof::Public,
        }
    }

    /// What people or programs read about an app.
    fn line(&self, app: &App) -> String {
        let said = &app.registration;
        if !self.is_json {
            let reach = match said.reach {
                Reach::House => String::new(),
                Reach::Patient | Reach::Outside => format!("  ({})", said.reach.words()),
            };
            return format!("{}  {}  {}  {}{reach}\n", app.id, app.review.code(), said.proof.code(), said.name);
        }
        let text = |text: &str| Json::string(text.to_owned());
        let mut members = vec![
            ("client_id", text(&app.id)),
            ("name", text(&said.name)),
            ("review", text(app.review.code())),
            ("proof", text(said.proof.code())),
            ("redirects", Json::Array(said.redirects.iter().map(|one| text(one)).collect())),
            ("scopes", text(&said.scopes)),
            ("reach", text(said.reach.code())),
        ];
        members.extend(said.basis.map(|basis| ("basis", text(basis.code()))));
        members.extend(Some(said.address.as_str()).filter(|at| !at.is_empty()).map(|at| ("address", text(at))));
        members.extend(said.launch.as_deref().map(|launch| ("launch", text(launch))));
        members.extend(said.acts_as.as_deref().map(|account| ("actsAs", text(account))));
        format!("{}\n", String::from_utf8_lossy(&Json::object(members).to_bytes()))
    }
}

fn told(secret: &str) -> String {
    format!("secret  {secret}\n")
}

fn wrong(message: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "invalid", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_about_an_app_is_read_as_it_was_written() {
        let word = || Some("w \" x".to_owned());
        for what in WHATS {
            let bare = AppDeed::new(what);
            let full = AppDeed {
                client: word(),
                name: word(),
                redirects: vec!["https://a/cb".to_owned()],
                scopes: word(),
                launch: word(),
                has_secret: true,
                keys: word(),
                keys_at: word(),
                acts_as: word(),
                purpose: word(),
                reach: word(),
                basis: word(),
                address: word(),
                token_seconds: Some(300),
                is_approved: true,
                is_json: true,
                ..bare.clone()
            };
            for deed in [bare, full] {
                assert_eq!(AppDeed::read(&deed.write()).as_ref(), Some(&deed));
            }
        }
        assert_eq!(AppDeed::read(&AppDeed::new("other").write()), None);
    }
}
