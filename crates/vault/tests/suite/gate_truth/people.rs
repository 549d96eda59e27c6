//! Who visits the made-up hospital of [`super::hospital`]: somebody in every role, in care and not.

use vault::Vault;
use vault::access::{Profile, Purpose, Role, Roles, Terms, Visit};

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
        vault.issue_session(&account, Terms::new(purpose, 48 * 3_600_000)).expect("a session").0
    }
}

const fn person(login: &'static str, role: &'static str, purpose: &'static str) -> Person {
    Person { login, role, purpose, stands_for: &[], units: &[], glass: None }
}

/// Everybody.
pub const PEOPLE: [Person; 17] = [
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
];
