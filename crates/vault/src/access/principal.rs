//! Who visits, and why: accounts as the gate knows them.
//!
//! A principal is an account with its roles and what it stands for in the record. Everybody has an account of their own
//! (45 CFR 164.312(a)(2)(i)); what a role may do is not written here but in the policies.

use super::vocabulary::{vocabulary, vocabulary_set};

vocabulary! {
    /// What somebody does here. What a role may do stands in `policy/policies/*.cedar`.
    Role {
        /// Treats patients and signs for it; also advanced practice nurses and physician assistants.
        Physician = "physician", "Physician";
        /// Cares for patients on a unit or in a clinic.
        Nurse = "nurse", "Nurse";
        /// Keeps charts complete, releases them, merges identities.
        HimSpecialist = "him-specialist", "Health information specialist";
        /// Turns charts into diagnosis and procedure codes.
        Coder = "coder", "Coder";
        /// Abstracts cancer cases for the registry.
        CancerRegistrar = "cancer-registrar", "Cancer registrar";
        /// Runs this program: no patient's information.
        Technologist = "technologist", "Technologist";
        /// Leads a department: numbers, no charts.
        Manager = "manager", "Manager";
        /// Answers for privacy (45 CFR 164.530(a)(1)(i)).
        PrivacyOfficer = "privacy-officer", "Privacy officer";
        /// Works on de-identified data sets only.
        Researcher = "researcher", "Researcher";
        /// Acts for a public health authority (45 CFR 164.512(b)).
        PublicHealth = "public-health", "Public health";
        /// The person whom a chart is about (45 CFR 164.524).
        Patient = "patient", "Patient";
        /// Acts for a patient: parent, guardian, health care agent (45 CFR 164.502(g)).
        Proxy = "proxy", "Proxy";
        /// A program that acts by itself (SMART Backend Services), not for a person who signed in.
        App = "app", "App";
        /// A system that sends messages and reads nothing.
        InterfacePartner = "interface-partner", "Interface partner";
        /// Reviews the audit: who looked at what, without the charts.
        Auditor = "auditor", "Auditor";
        /// Bills for services and answers payers: no notes.
        Biller = "biller", "Biller";
    }
}

vocabulary_set! {
    /// The roles of one account.
    Roles of Role in u16
}

vocabulary! {
    /// Why somebody is here: HL7 v3 PurposeOfUse (`http://terminology.hl7.org/CodeSystem/v3-ActReason`).
    Purpose {
        /// Treatment (45 CFR 164.501, 164.506(c)).
        Treatment = "TREAT", "treatment";
        /// Treatment in an emergency.
        Emergency = "ETREAT", "emergency treatment";
        /// The glass was broken: an emergency without the usual permission, with a reason, for one patient and some hours.
        BreakGlass = "BTG", "break the glass";
        /// Coordination of care.
        CareManagement = "CAREMGT", "care management";
        /// Payment.
        Payment = "HPAYMT", "payment";
        /// Health care operations (45 CFR 164.501).
        Operations = "HOPERAT", "health care operations";
        /// Keeping the record: completion, release, identity, retention.
        RecordManagement = "RECORDMGT", "record management";
        /// Admission, registration, scheduling.
        PatientAdministration = "PATADMIN", "patient administration";
        /// Quality improvement.
        Quality = "HQUALIMP", "quality improvement";
        /// Compliance: privacy review, audit.
        Compliance = "HCOMPL", "compliance";
        /// Running the systems.
        SystemAdministration = "HSYSADMIN", "system administration";
        /// Legal proceedings (45 CFR 164.512(e)).
        Legal = "HLEGAL", "legal";
        /// Training.
        Training = "TRAIN", "training";
        /// Research (45 CFR 164.512(i)).
        Research = "HRESCH", "research";
        /// Public health, cancer registries among it (45 CFR 164.512(b)).
        PublicHealth = "PUBHLTH", "public health";
        /// The patient asks (45 CFR 164.524).
        PatientRequest = "PATRQT", "patient request";
        /// Family asks.
        FamilyRequest = "FAMRQT", "family request";
        /// Somebody with a power of attorney asks.
        PowerOfAttorney = "PWATRNY", "power of attorney";
        /// Marketing: needs an authorization (45 CFR 164.508(a)(3)); no policy here permits it.
        Marketing = "HMARKT", "marketing";
    }
}

impl Purpose {
    /// The wider purpose of which this one is a part, as HL7's code system has it.
    #[must_use]
    pub const fn part_of(self) -> Option<Purpose> {
        match self {
            Purpose::Emergency | Purpose::CareManagement => Some(Purpose::Treatment),
            Purpose::BreakGlass => Some(Purpose::Emergency),
            Purpose::RecordManagement
            | Purpose::PatientAdministration
            | Purpose::Quality
            | Purpose::Compliance
            | Purpose::SystemAdministration
            | Purpose::Legal
            | Purpose::Training => Some(Purpose::Operations),
            Purpose::FamilyRequest | Purpose::PowerOfAttorney => Some(Purpose::PatientRequest),
            Purpose::Treatment
            | Purpose::Payment
            | Purpose::Operations
            | Purpose::Research
            | Purpose::PublicHealth
            | Purpose::PatientRequest
            | Purpose::Marketing => None,
        }
    }
}

/// An account as the gate knows it: who visits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account's id; names it in the audit. Never reused.
    pub account: String,
    /// The name people know.
    pub name: String,
    /// What they do here.
    pub roles: Roles,
    /// The resources of the record that this account stands for: `Practitioner/7`, `PractitionerRole/9`, `Patient/3`,
    /// `RelatedPerson/4`.
    pub stands_for: Vec<String>,
    /// The units they work on: `Location/icu`, `Organization/oncology`.
    pub units: Vec<String>,
    /// The app that acts for them, by its client id. The app's scopes narrow what the roles permit and never widen it.
    pub app: Option<String>,
    /// The scopes that app was given, separated by spaces.
    pub scopes: String,
    /// The patient that app was launched for, by id.
    pub launched_for: Option<String>,
    operator: bool,
}

impl Principal {
    /// An account with roles, which stands for nothing in the record yet.
    #[must_use]
    pub fn new(account: impl Into<String>, name: impl Into<String>, roles: Roles) -> Principal {
        Principal {
            account: account.into(),
            name: name.into(),
            roles,
            stands_for: Vec::new(),
            units: Vec::new(),
            app: None,
            scopes: String::new(),
            launched_for: None,
            operator: false,
        }
    }

    /// Whoever sits at the machine's own command line and can read the root key. The policies do not bind somebody who
    /// holds the keys; the audit names them.
    #[must_use]
    pub fn operator() -> Principal {
        let roles = Roles::NONE.with(Role::Technologist);
        Principal { operator: true, ..Principal::new("operator", "Operator", roles) }
    }

    /// Somebody who has not signed in.
    #[must_use]
    pub fn nobody() -> Principal {
        Principal::new("", "", Roles::NONE)
    }

    /// The same, with an app that acts for them.
    #[must_use]
    pub(crate) fn with_app(mut self, app: &str) -> Principal {
        self.app = Some(app.to_owned());
        self
    }

    /// The same, whatever an app was launched for and allowed.
    pub(crate) fn unbounded(&self) -> Principal {
        let mut principal = self.clone();
        (principal.scopes, principal.launched_for) = (String::new(), None);
        principal
    }

    /// Whether this is the operator at the command line.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.operator
    }

    /// The ids of the resources of one type that this account stands for.
    pub fn ids_of<'p>(&'p self, resource_type: &str) -> impl Iterator<Item = &'p str> {
        self.stands_for.iter().filter_map(move |reference| reference.strip_prefix(resource_type)?.strip_prefix('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_gate_are_found_by_their_codes() {
        for role in Role::ALL {
            assert_eq!(Role::from_code(role.code()), Some(*role));
        }
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_code(purpose.code()), Some(*purpose));
        }
        assert_eq!(Role::from_code("Physician"), None);
        assert_eq!(Role::ALL.len(), 16);
    }

    #[test]
    fn breaking_the_glass_is_treatment() {
        assert_eq!(Purpose::BreakGlass.part_of().and_then(Purpose::part_of), Some(Purpose::Treatment));
        assert!(Purpose::ALL.iter().all(|p| p.part_of().is_none_or(|wider| wider != *p)));
    }

    #[test]
    fn an_account_stands_for_resources() {
        let mut kim = Principal::new("kim", "Dr Kim", Roles::NONE.with(Role::Physician));
        kim.stands_for = vec!["Practitioner/7".to_owned(), "PractitionerRole/9".to_owned()];
        assert_eq!(kim.ids_of("Practitioner").collect::<Vec<_>>(), ["7"]);
        assert_eq!(kim.ids_of("Patient").count(), 0);
        assert!(!kim.is_operator() && Principal::operator().is_operator());
    }
}
