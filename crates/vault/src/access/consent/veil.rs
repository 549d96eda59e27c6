//! A veil: what one patient's consents hide from one question, compiled.
//!
//! Who asks, why, what for and when are settled when the veil is made; what is left are conditions on resources. Most
//! are on type and labels, which the gate has for every position without opening it ([`Veil::glance`], nanoseconds);
//! only where codes, dates, authors or single resources decide does it ask for a look ([`Veil::look`]).

use super::super::{Label, Labels, Purpose};
use super::asking::Question;
use super::facts::Facts;
use super::model::{Consent, Effect, Provision, Regime};
use super::scope::{Place, Scope, Told};
use super::standing::{Standing, standing};
use crate::search::rows::type_number;

/// What the gate may do with a position, by its type and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glance {
    /// No consent hides it.
    Seen,
    /// It does not exist for this visit.
    Hidden,
    /// Its facts decide: ask [`Veil::look`].
    Look,
}

/// Why something is hidden, for the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The consent, `Consent/12`; empty where the law hides without one.
    pub consent: String,
    /// The provision in it: `provision.provision[0]`, `policyRule`; empty where there is none.
    pub provision: String,
    /// The law.
    pub law: &'static str,
}

/// What somebody owes who was let through in an emergency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Document the disclosure at once: recipient, discloser, date and time, nature of the emergency (42 CFR 2.51(c)).
    DocumentEmergency,
    /// Ask the recipient not to use or disclose it further (45 CFR 164.522(a)(1)(iv)).
    AskNotToDisclose,
}

/// What the consents of one patient hide.
#[derive(Clone, Debug)]
pub struct Veil {
    clear: bool,
    everything: Option<Why>,
    rules: Vec<Rules>,
    part2: bool,
    duties: Vec<Duty>,
}

/// One consent, with all that does not depend on the resource settled.
#[derive(Clone, Debug)]
struct Rules {
    consent: String,
    regime: Regime,
    base: Option<Effect>,
    root: Option<Rule>,
    /// Whether what it permits opens something.
    is_open: bool,
}

#[derive(Clone, Debug)]
struct Rule {
    path: String,
    effect: Option<Effect>,
    scope: Scope,
    exceptions: Vec<Rule>,
}

/// Sets of what a rule may come to before a look.
const SILENT: u8 = 1;
const PERMIT: u8 = 2;
const DENY: u8 = 4;

/// The veil that these consents of one patient lay before a question. The order of `consents` does not matter.
/// `links_of` gives what a resource of the record refers to; it is asked only for provisions about what is related to a
/// resource.
#[must_use]
pub fn veil(consents: &[Consent], question: &Question, links_of: &dyn Fn(&str) -> Vec<String>) -> Veil {
    let mut veil = Veil { clear: false, everything: None, rules: Vec::new(), part2: true, duties: Vec::new() };
    if question.asker.is_patient {
        return Veil { clear: true, part2: false, ..veil };
    }
    veil.part2 = !question.asker.acts_for_patient;
    if question.is_emergency() && veil.part2 {
        veil.part2 = false;
        veil.duties.push(Duty::DocumentEmergency);
    }
    for stands in standing(consents, question.now) {
        veil.add(stands, question, links_of);
    }
    veil
}

impl Veil {
    /// The veil of somebody from whom no consent hides anything.
    #[must_use]
    pub fn none() -> Veil {
        Veil { clear: true, everything: None, rules: Vec::new(), part2: false, duties: Vec::new() }
    }

    /// Whether nothing of this patient is seen at all.
    #[must_use]
    pub fn hides_everything(&self) -> Option<&Why> {
        self.everything.as_ref()
    }

    /// What an answer given under this veil obliges to.
    #[must_use]
    pub fn duties(&self) -> &[Duty] {
        &self.duties
    }

    /// What to do with a resource of this type ([`type_number`]) with these labels; `is_exempt` is [`Facts::is_exempt`].
    #[must_use]
    pub fn glance(&self, type_number: u8, labels: Labels, is_exempt: bool) -> Glance {
        if self.clear {
            return Glance::Seen;
        }
        if self.everything.is_some() {
            return Glance::Hidden;
        }
        let place = Place { type_number, labels, facts: None };
        let mut glance = if is_exempt { Glance::Seen } else { self.part2_glance(place) };
        for rules in self.rules.iter().filter(|rules| rules.hides()) {
            match rules.may_come_to(place) {
                DENY => return Glance::Hidden,
                outcomes if outcomes & DENY != 0 && glance == Glance::Seen => glance = Glance::Look,
                _ => {}
            }
        }
        glance
    }

    /// Why this resource is hidden; `None` when it is seen.
    #[must_use]
    pub fn look(&self, facts: &Facts) -> Option<Why> {
        if self.clear {
            return None;
        }
        if self.everything.is_some() {
            return self.everything.clone();
        }
        let place = Place { type_number: type_number(&facts.resource_type), labels: facts.labels, facts: Some(facts) };
        let denied = self.rules.iter().filter(|rules| rules.hides()).find_map(|rules| match rules.decided(place) {
            Some((Effect::Deny, path)) => Some(rules.why(path)),
            Some((Effect::Permit, _)) | None => None,
        });
        let waits = || !facts.is_exempt && self.part2_glance(place) != Glance::Seen;
        denied.or_else(|| waits().then(Why::without_part2_consent))
    }

    /// The consent or authorization by which this resource may be seen, where a policy asks for one: a provision that
    /// permits. That a patient lets the house share (`OPTIN`) is not yet a consent to what the law asks a consent for.
    #[must_use]
    pub fn granted(&self, facts: &Facts) -> Option<Why> {
        let place = Place { type_number: type_number(&facts.resource_type), labels: facts.labels, facts: Some(facts) };
        let rules = self.rules.iter().filter(|rules| rules.opens(facts.labels));
        rules.filter_map(|rules| rules.root.as_ref().map(|root| (rules, root))).find_map(|(rules, root)| {
            match root.decided(place) {
                Some((Effect::Permit, path)) => Some(rules.why(path)),
                Some((Effect::Deny, _)) | None => None,
            }
        })
    }

    fn add(&mut self, stands: Standing<'_>, question: &Question, links_of: &dyn Fn(&str) -> Vec<String>) {
        let (consent, emergency) = (stands.consent, question.is_emergency());
        if consent.unreadable && !emergency {
            let why =
                Why { consent: consent.reference.clone(), provision: String::new(), law: "the consent cannot be read" };
            self.everything.get_or_insert(why);
            return;
        }
        let wide = |root: &Provision| consent.regime == Regime::Part2 && !names_somebody(root);
        let root = consent.provision.as_ref().filter(|root| !wide(root));
        let rules = Rules {
            consent: consent.reference.clone(),
            regime: consent.regime,
            base: consent
                .base
                .filter(|base| *base == Effect::Permit || !(emergency || question.asker.acts_for_patient)),
            root: root.and_then(|root| settle(root, question, links_of)),
            is_open: stands.opens,
        };
        let restricts = matches!(consent.regime, Regime::Restriction | Regime::SelfPay);
        if emergency && restricts && !self.duties.contains(&Duty::AskNotToDisclose) {
            self.duties.push(Duty::AskNotToDisclose);
        }
        if rules.base.is_some() || rules.root.is_some() {
            self.rules.push(rules);
        }
    }

    /// Records of a Part 2 program are seen only under a consent that says so (42 CFR 2.13(a), 2.31).
    fn part2_glance(&self, place: Place) -> Glance {
        if !self.part2 || !place.labels.contains(Label::Part2) {
            return Glance::Seen;
        }
        let mut glance = Glance::Hidden;
        for rules in self.rules.iter().filter(|rules| rules.regime == Regime::Part2) {
            match rules.root_may_come_to(place) {
                PERMIT => return Glance::Seen,
                outcomes if outcomes & PERMIT != 0 => glance = Glance::Look,
                _ => {}
            }
        }
        glance
    }
}

impl Why {
    fn without_part2_consent() -> Why {
        Why {
            consent: String::new(),
            provision: String::new(),
            law: "42 CFR 2.13(a): no consent of the patient lets this record be seen",
        }
    }
}

/// A consent under Part 2 must say to whom (42 CFR 2.31(a)(4)), or be the one for treatment, payment and operations.
/// Where the root only holds others together, each of those that permit must.
fn names_somebody(root: &Provision) -> bool {
    const TPO: [Purpose; 3] = [Purpose::Treatment, Purpose::Payment, Purpose::Operations];
    let within = |purposes: &Vec<Purpose>| !purposes.is_empty() && purposes.iter().all(|purpose| TPO.contains(purpose));
    root.parties.is_some()
        || root.purposes.as_ref().is_some_and(within)
        || (root.effect.is_none()
            && root.exceptions.iter().all(|inner| inner.effect == Some(Effect::Deny) || names_somebody(inner)))
}

/// A provision with everything settled that does not depend on the resource. `None`: it is not about this question.
fn settle(provision: &Provision, question: &Question, links_of: &dyn Fn(&str) -> Vec<String>) -> Option<Rule> {
    let now = question.now.0;
    let timely = provision.period.is_none_or(|(first, last)| first <= now && now <= last);
    let party = provision.parties.as_ref().is_none_or(|all| all.iter().any(|party| question.asker.is(party)));
    let handling = provision.handlings.as_ref().is_none_or(|all| all.contains(&question.handling));
    let purpose = provision.purposes.as_ref().is_none_or(|all| all.iter().any(|purpose| question.is_for(*purpose)));
    if !(timely && party && handling && purpose) {
        return None;
    }
    // In an emergency a deny gives way, unless the patient has said that it shall not.
    let meant = provision.purposes.as_ref().is_some_and(|all| all.iter().any(|p| is_emergency(*p)));
    let gives_way = question.is_emergency() && !meant;
    // Whoever acts for the patient is kept out only by a provision that names them.
    let for_others = question.asker.acts_for_patient && provision.parties.is_none();
    let lifted = provision.effect == Some(Effect::Deny) && (gives_way || for_others);
    Some(Rule {
        path: provision.path.clone(),
        effect: provision.effect.filter(|_| !lifted),
        scope: Scope::new(&provision.content, provision.effect, links_of),
        exceptions: provision.exceptions.iter().filter_map(|inner| settle(inner, question, links_of)).collect(),
    })
}

fn is_emergency(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Emergency | Purpose::BreakGlass)
}

fn bit(effect: Option<Effect>) -> u8 {
    match effect {
        None => SILENT,
        Some(Effect::Permit) => PERMIT,
        Some(Effect::Deny) => DENY,
    }
}

impl Rules {
    /// An authorization and a Part 2 consent let somebody see; what they leave out is not forbidden by them.
    fn hides(&self) -> bool {
        match self.regime {
            Regime::Directive | Regime::Restriction | Regime::SelfPay => true,
            Regime::Authorization | Regime::Part2 | Regime::Other => false,
        }
    }

    /// Whether it stands under the law that asks for it: psychotherapy notes need an authorization (45 CFR 164.508(a)(2)),
    /// records of a Part 2 program a consent of their own (42 CFR 2.31).
    fn opens(&self, labels: Labels) -> bool {
        self.is_open
            && (!labels.contains(Label::PsychotherapyNote) || self.regime == Regime::Authorization)
            && (!labels.contains(Label::Part2) || self.regime == Regime::Part2)
    }

    fn may_come_to(&self, place: Place) -> u8 {
        self.root.as_ref().map_or(bit(self.base), |root| root.may_come_to(place, bit(self.base)))
    }

    fn root_may_come_to(&self, place: Place) -> u8 {
        self.root.as_ref().map_or(SILENT, |root| root.may_come_to(place, SILENT))
    }

    fn decided(&self, place: Place) -> Option<(Effect, &str)> {
        let by_root = self.root.as_ref().and_then(|root| root.decided(place));
        by_root.or_else(|| self.base.filter(|_| self.hides()).map(|base| (base, "policyRule")))
    }

    fn why(&self, provision: &str) -> Why {
        let law = match self.regime {
            Regime::Directive | Regime::Other => "the patient's directive",
            Regime::Restriction => "45 CFR 164.522(a)(1)(i), (iii)",
            Regime::SelfPay => "45 CFR 164.522(a)(1)(vi)",
            Regime::Authorization => "45 CFR 164.508",
            Regime::Part2 => "42 CFR 2.31",
        };
        Why { consent: self.consent.clone(), provision: provision.to_owned(), law }
    }
}

impl Rule {
    /// The outcomes that are possible for a place, given those of what is around it.
    fn may_come_to(&self, place: Place, around: u8) -> u8 {
        match self.scope.holds(place) {
            Told::No => around,
            Told::Yes => self.inside(place, around),
            Told::Unknown => around | self.inside(place, around),
        }
    }

    fn inside(&self, place: Place, around: u8) -> u8 {
        let own = if self.effect.is_some() { bit(self.effect) } else { around };
        // Deny wins among siblings; one that may not hold leaves the others' outcomes possible.
        let (mut outcomes, mut denied) = (SILENT, false);
        for exception in &self.exceptions {
            let one = exception.may_come_to(place, SILENT);
            denied |= one == DENY;
            outcomes = both(outcomes, one);
        }
        if denied { DENY } else { outcomes & !SILENT | if outcomes & SILENT != 0 { own } else { 0 } }
    }

    /// What it says of a place whose facts are known, and which provision says it.
    fn decided(&self, place: Place) -> Option<(Effect, &str)> {
        if self.scope.holds(place) != Told::Yes {
            return None;
        }
        let said = || self.exceptions.iter().filter_map(|exception| exception.decided(place));
        let denied = said().find(|(effect, _)| *effect == Effect::Deny);
        denied.or_else(|| said().next()).or_else(|| self.effect.map(|effect| (effect, self.path.as_str())))
    }
}

/// The possible outcomes of two siblings together: deny before permit before silence.
fn both(a: u8, b: u8) -> u8 {
    let mut outcomes = (a | b) & DENY;
    if a & !DENY != 0 && b & !DENY != 0 {
        outcomes |= (a | b) & PERMIT;
        outcomes |= a & b & SILENT;
    }
    outcomes
}
