//! A consent as rules: what of FHIR's Consent decides who may see what.

use super::super::{Labels, Purpose};
use super::asking::Handling;
use base::clock::Instant;

/// A consent that was read. It may be unreadable in part: see [`Consent::unreadable`].
#[derive(Clone, Debug, PartialEq)]
pub struct Consent {
    /// `Consent/12`: what receipts cite.
    pub reference: String,
    /// Whether it is in force.
    pub status: Status,
    /// Under which law it stands.
    pub regime: Regime,
    /// The patient, `Patient/3`.
    pub patient: String,
    /// Scope and categories, in one order: two directives with the same are about the same.
    pub about: Vec<String>,
    /// Who gave it, `Patient/3` or `RelatedPerson/5`.
    pub performers: Vec<String>,
    /// When it was given. Without a date it replaces no other, and is not replaced.
    pub given: Option<Instant>,
    /// What holds where no provision applies: OPTIN permits, OPTOUT denies (`policyRule`). `None`: nothing is said.
    pub base: Option<Effect>,
    /// The root provision.
    pub provision: Option<Provision>,
    /// It could not be understood, or says that it must not be (an unknown `modifierExtension`): it hides everything.
    pub unreadable: bool,
}

/// `Consent.status`, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// In force.
    Active,
    /// Not yet, not any more, or never (draft, proposed, rejected, inactive, entered-in-error).
    NotInForce,
}

/// The law or custom under which a consent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// The patient's wish: what may be seen and what not.
    Directive,
    /// A restriction the provider agreed to (45 CFR 164.522(a)(1)).
    Restriction,
    /// The restriction nobody may refuse: what was paid in full out of pocket is kept from the health plan
    /// (45 CFR 164.522(a)(1)(vi)).
    SelfPay,
    /// An authorization (45 CFR 164.508).
    Authorization,
    /// A consent under 42 CFR 2.31.
    Part2,
    /// About treatment or advance directives: says nothing about who sees the chart.
    Other,
}

/// Permit or deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// May be seen.
    Permit,
    /// May not be seen.
    Deny,
}

impl Effect {
    /// The other one.
    #[must_use]
    pub fn opposite(self) -> Effect {
        match self {
            Effect::Permit => Effect::Deny,
            Effect::Deny => Effect::Permit,
        }
    }
}

/// First and last millisecond.
pub type Span = (i64, i64);

/// One provision. In every condition `None` is "any"; an empty list is "never".
#[derive(Clone, Debug, PartialEq)]
pub struct Provision {
    /// Where it stands: `provision.provision[1]`.
    pub path: String,
    /// What it says. `None`: it only holds others together.
    pub effect: Option<Effect>,
    /// When it holds.
    pub period: Option<Span>,
    /// Whom it is about.
    pub parties: Option<Vec<Party>>,
    /// What is done.
    pub handlings: Option<Vec<Handling>>,
    /// Why.
    pub purposes: Option<Vec<Purpose>>,
    /// Which resources.
    pub content: Content,
    /// Exceptions.
    pub exceptions: Vec<Provision>,
}

/// Somebody a provision is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// One in the record: `Practitioner/7`.
    Named(String),
    /// Everybody in a role: `PAYOR`, `physician`.
    Kind(String),
}

/// Conditions on the resource itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// Sensitivity labels.
    pub labels: Option<LabelTest>,
    /// Resource types.
    pub types: Option<Vec<String>>,
    /// Codes, as `(system, code)` in the form in which [`super::facts`] compares them.
    pub codes: Option<Vec<(String, String)>>,
    /// When it happened.
    pub dates: Option<Span>,
    /// Single resources, and what hangs on them.
    pub instances: Option<Vec<Instance>>,
    /// Who wrote it.
    pub authors: Option<Vec<String>>,
}

/// Which labels a provision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelTest {
    /// Sensitive ones by name.
    pub named: Labels,
    /// What has no sensitive label (confidentiality N or below).
    pub plain: bool,
    /// Whatever is sensitive (confidentiality R or V in a deny).
    pub sensitive: bool,
}

/// `provision.data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instance {
    /// This resource.
    This(String),
    /// This resource and what it refers to.
    Related(String),
    /// This resource and what refers to it.
    Dependents(String),
    /// What this person or organization wrote.
    AuthoredBy(String),
}
