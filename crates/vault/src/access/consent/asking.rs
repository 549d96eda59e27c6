//! The question a consent is asked: who, why, what for, when.

use super::super::{Principal, Purpose};
use super::model::Party;
use base::clock::Instant;

/// What is done with the record (FHIR consent-action).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Gather it from elsewhere.
    Collect,
    /// Look at it or work with it in the house (`access`, `use`).
    Access,
    /// Send it out.
    Disclose,
    /// Correct it.
    Correct,
}

impl Handling {
    /// The kinds of handling that a code means; none for one that is unknown. Who may correct may also look.
    #[must_use]
    pub fn of_code(code: &str) -> &'static [Handling] {
        match code {
            "collect" => &[Handling::Collect],
            "access" | "use" => &[Handling::Access],
            "disclose" => &[Handling::Disclose],
            "correct" => &[Handling::Correct, Handling::Access],
            _ => &[],
        }
    }
}

/// Who asks, as consents name people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// All resources they stand for or belong to: `Practitioner/7`, their `PractitionerRole`, `Organization`,
    /// `CareTeam`.
    pub references: Vec<String>,
    /// Codes of what they are: our roles, or HL7's such as `PAYOR`.
    pub kinds: Vec<String>,
    /// They are the patient.
    pub is_patient: bool,
    /// They act for the patient (45 CFR 164.502(g)(1); see [`super::Proxy::stands`]): only provisions that name them
    /// hide anything. What a minor decides alone is hidden from a parent besides ([`super::Proxy::hidden`]).
    pub acts_for_patient: bool,
}

impl Asker {
    /// The asker that a principal is, for this patient's chart (`Patient/3`). What they belong to is added by whoever
    /// knows the record ([`Asker::belonging`]).
    #[must_use]
    pub fn of(principal: &Principal, patient: &str) -> Asker {
        Asker {
            references: principal.stands_for.iter().chain(&principal.units).cloned().collect(),
            kinds: principal.roles.iter().map(|role| role.code().to_owned()).collect(),
            is_patient: principal.stands_for.iter().any(|reference| reference == patient),
            acts_for_patient: false,
        }
    }

    /// The same with what the record says they belong to (`Organization/7`, `CareTeam/3`) and are (codes of roles).
    #[must_use]
    pub fn belonging(mut self, references: &[String], kinds: &[String]) -> Asker {
        self.references.extend_from_slice(references);
        self.kinds.extend_from_slice(kinds);
        self
    }

    /// Whether a provision about this party is about them.
    #[must_use]
    pub fn is(&self, party: &Party) -> bool {
        match party {
            Party::Named(reference) => self.references.contains(reference),
            Party::Kind(code) => self.kinds.contains(code),
        }
    }
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Who.
    pub asker: &'q Asker,
    /// Why.
    pub purpose: Purpose,
    /// What is done.
    pub handling: Handling,
    /// When.
    pub now: Instant,
}

impl Question<'_> {
    /// Whether it is an emergency: somebody must be treated now.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        matches!(self.purpose, Purpose::Emergency | Purpose::BreakGlass)
    }

    /// Whether the purpose is this one or a part of it.
    #[must_use]
    pub fn is_for(&self, purpose: Purpose) -> bool {
        std::iter::successors(Some(self.purpose), |p| p.part_of()).any(|p| p == purpose)
    }
}
