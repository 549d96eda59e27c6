//! Who visits the made-up hospital of [`super::hospital`]: somebody in every role, in care and not.

use vault::Vault;
use vault::access::apps::{Agreed, Redeemed, Registration, Review};
use vault::access::audit::Deed;
use vault::access::scopes::Scopes;
use vault::access::{Context, Profile, Purpose, Role, Roles, Session, Terms, Visit};

/// Somebody with an account.
pub struct Person {
    pub login: &'static str,
    /// Codes of roles and purposes are the gate's.
    pub role: &'static str,
    pub purpose: &'static str,
    pub stands_for: &'static [&'static str],
    pub units: &'static [&'static str],
    /// Whose glass they broke: a patient's id.
    pub glass: Option<&'static str>,
    /// The app that acts for them.
    pub app: Option<App>,
}

/// What somebody let an app do.
pub struct App {
    pub scopes: &'static str,
    /// The patient it was opened for, by id.
    pub patient: Option<&'static str>,
}

impl Person {
    /// Makes their account; gives the token of a session of two days.
    pub fn token(&self, vault: &Vault) -> String {
        let owned = |all: &[&str]| all.iter().map(|reference| (*reference).to_owned()).collect();
        let profile = Profile {
            login: self.login.to_owned(),
            name: self.login.to_owned(),
            roles: Roles::NONE.with(Role::from_code(self.role).expect("a role")),
            stands_for: owned(self.stands_for),
            units: owned(self.units),
            ..Profile::default()
        };
        let account = vault.create_account(&Visit::operator(), profile).expect("an account");
        let purpose = Purpose::from_code(self.purpose).expect("a purpose");
        let (token, session) = vault.issue_session(&account, Terms::new(purpose, 48 * 3_600_000)).expect("a session");
        match &self.app {
            Some(app) => app.token(vault, self.login, &vault.sign_in(&token).expect("signed in"), &session),
            None => token,
        }
    }
}

impl App {
    /// Registers it, has the person agree, and gives the token it is handed.
    fn token(&self, vault: &Vault, id: &str, visit: &Visit, session: &Session) -> String {
        let redirect = "https://app.example/cb".to_owned();
        let registration = Registration {
            name: "Chart".to_owned(),
            redirects: vec![redirect.clone()],
            scopes: self.scopes.to_owned(),
            ..Registration::default()
        };
        let operator = || Visit::operator().asking(Context::new(Deed::Administer, "test"));
        let (app, _) = vault.register_app(&operator(), Some(id), registration).expect("registered");
        let app = vault.review_app(&operator(), &app.id, Review::Approved).expect("approved");
        let agreed = Agreed {
            client: app.id.clone(),
            scopes: Scopes::parse(self.scopes),
            patient: self.patient.map(str::to_owned),
            encounter: None,
            has_banner: false,
            redirect: redirect.clone(),
            // RFC 7636 appendix B.
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            nonce: None,
            launch: None,
        };
        let code = vault.agree(&visit.asking(Context::new(Deed::Agree, "test")), session, agreed).expect("agreed");
        let brought =
            Redeemed { code: &code, redirect: &redirect, verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" };
        vault.redeem(&app, brought, Context::new(Deed::Token, "test")).expect("redeemed").token
    }
}

/// Somebody with a role who comes for a purpose.
pub const fn person(login: &'static str, role: &'static str, purpose: &'static str) -> Person {
    Person { login, role, purpose, stands_for: &[], units: &[], glass: None, app: None }
}

/// Everybody.
pub const PEOPLE: [Person; 18] = [
    Person { stands_for: &["Practitioner/kim"], ..person("kim", "physician", "TREAT") },
    Person { stands_for: &["Practitioner/lee"], ..person("lee", "physician", "TREAT") },
    Person { stands_for: &["Practitioner/ruiz"], glass: Some("p3"), ..person("ruiz", "physician", "TREAT") },
    Person { stands_for: &["Practitioner/ana"], units: &["Location/icu"], ..person("ana", "nurse", "TREAT") },
    person("biller", "biller", "HPAYMT"),
    person("coder", "coder", "HPAYMT"),
    person("registrar", "cancer-registrar", "PUBHLTH"),
    person("him", "him-specialist", "RECORDMGT"),
    Person { stands_for: &["Patient/p1"], ..person("patient", "patient", "PATRQT") },
    Person { stands_for: &["RelatedPerson/mother"], ..person("mother", "proxy", "FAMRQT") },
    Person { stands_for: &["RelatedPerson/agent"], ..person("agent", "proxy", "PWATRNY") },
    person("researcher", "researcher", "HRESCH"),
    person("auditor", "auditor", "HCOMPL"),
    person("officer", "privacy-officer", "HCOMPL"),
    person("app", "app", "TREAT"),
    person("health", "public-health", "PUBHLTH"),
    person("partner", "interface-partner", "HOPERAT"),
    Person { stands_for: &["Practitioner/sun"], units: &["Organization/detox"], ..person("sun", "physician", "TREAT") },
];
