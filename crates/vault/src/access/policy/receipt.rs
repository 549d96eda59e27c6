//! Why somebody may see something or not, in plain words.

use super::grants::{Consented, Deed, asked_as};
use super::question::{Action, Class, Relationship, Relationships};
use super::text::{Policies, Said};
use super::world::{Question, World};
use crate::access::label::{Label, Labels};
use crate::access::principal::{Principal, Purpose};
use std::fmt;

/// What somebody asks "why?" about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// For what.
    pub purpose: Purpose,
    /// What was done, on what, of whom.
    pub deed: Deed,
}

/// One reason: about the resource apart from its labels, or about one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Which label; `None`: apart from its labels.
    pub label: Option<Label>,
    /// Whether this part of the answer is yes.
    pub permitted: bool,
    /// The policies that made it so. None: no policy permits it.
    pub policies: Vec<Said>,
}

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Yes or no.
    pub permitted: bool,
    /// What was asked.
    pub asked: Asked,
    /// In which relationship this is the answer: the one that permits, or else the nearest.
    pub relationship: Relationship,
    /// The reasons; where the answer is no, those that say no.
    pub reasons: Vec<Reason>,
    /// Relationships in which the answer would be yes. Empty where it is yes already.
    pub would_need: Relationships,
    /// Consents that had a say, by reference; the consent rules fill them in.
    pub consents: Vec<String>,
}

/// Explains a decision by asking the policies again.
#[must_use]
pub fn explain(policies: &Policies, principal: &Principal, asked: Asked) -> Receipt {
    let world = World::new(policies, principal.roles);
    let told = |r| reasons(policies, &world, principal, &asked, r);
    let tried = asked.deed.relationships.iter().map(|r| (r, told(r)));
    let tried: Vec<(Relationship, Vec<Reason>)> = tried.collect();
    let yes = |reasons: &[Reason]| reasons.iter().all(|reason| reason.permitted);
    let refusals = |reasons: &[Reason]| reasons.iter().filter(|reason| !reason.permitted).count();
    let best = tried.into_iter().min_by_key(|(_, reasons)| (refusals(reasons), !reasons[0].permitted));
    let (relationship, mut reasons) = best.unwrap_or_else(|| (Relationship::None, told(Relationship::None)));
    let permitted = yes(&reasons);
    if !permitted {
        reasons.retain(|reason| !reason.permitted);
    }
    reasons.dedup_by(|later, first| later.permitted == first.permitted && later.policies == first.policies);
    let would_need = if permitted { Relationships::NONE } else { would_need(told) };
    Receipt { permitted, asked, relationship, reasons, would_need, consents: Vec::new() }
}

fn reasons(policies: &Policies, world: &World, who: &Principal, asked: &Asked, of: Relationship) -> Vec<Reason> {
    let labels = asked.deed.labels.iter().map(Some);
    [None].into_iter().chain(labels).map(|label| reason(policies, world, who, (asked, of, label))).collect()
}

fn reason(
    policies: &Policies,
    world: &World,
    who: &Principal,
    (asked, of, label): (&Asked, Relationship, Option<Label>),
) -> Reason {
    if who.is_operator() {
        return Reason { label, permitted: true, policies: Vec::new() };
    }
    let Deed { action, class, consented, .. } = asked.deed;
    let Consented { ordinary, labels, in_program } = consented;
    let question = Question {
        purpose: asked.purpose,
        action: asked_as(action, class),
        class,
        relationship: of,
        label,
        consented: label.map_or(ordinary, |label| labels.contains(label)),
        in_program,
    };
    let decided = world.decide(&question);
    let said = decided.policies.iter().filter_map(|id| policies.says(id).cloned());
    Reason { label, permitted: decided.permitted, policies: said.collect() }
}

fn would_need(told: impl Fn(Relationship) -> Vec<Reason>) -> Relationships {
    let opens = |relationship: &Relationship| told(*relationship).iter().all(|reason| reason.permitted);
    Relationship::ALL.iter().copied().filter(opens).collect()
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Deed { action, class, .. } = self.asked.deed;
        let answer = if self.permitted { "Yes" } else { "No" };
        writeln!(f, "{answer}: {} {}, for {}.", action.words(), class.words(), self.asked.purpose.words())?;
        for reason in &self.reasons {
            reason.write(f, self)?;
        }
        if !self.would_need.is_empty() {
            let needed: Vec<&str> = self.would_need.iter().map(Relationship::words).collect();
            writeln!(f, "It would be permitted where {}.", needed.join(", or "))?;
        }
        self.consents.iter().try_for_each(|consent| writeln!(f, "Consent: {consent}."))
    }
}

impl Reason {
    fn write(&self, f: &mut fmt::Formatter<'_>, receipt: &Receipt) -> fmt::Result {
        let about = self.label.map_or_else(String::new, |label| format!("Because it is labelled {}: ", label.words()));
        if self.policies.is_empty() && !self.permitted {
            writeln!(f, "{about}No policy permits it, and {}.", receipt.relationship.words())?;
        }
        self.policies
            .iter()
            .try_for_each(|said| writeln!(f, "{about}{} ({}; policy `{}`)", said.says, said.source, said.id))
    }
}

/// A question about a resource with some labels, without any consent on record.
#[must_use]
pub fn asked(purpose: Purpose, action: Action, class: Class, relationships: Relationships, labels: Labels) -> Asked {
    Asked { purpose, deed: Deed { action, class, relationships, labels, consented: Consented::NOTHING } }
}

#[cfg(test)]
mod tests {
    use super::super::grants::Grants;
    use super::*;
    use crate::access::principal::{Role, Roles};

    fn why(role: Role, purpose: Purpose, class: Class, relationship: Relationship, label: Option<Label>) -> String {
        let principal = Principal::new("a", "A", Roles::NONE.with(role));
        let labels = label.into_iter().collect();
        let question = asked(purpose, Action::Read, class, Relationships::NONE.with(relationship), labels);
        explain(Policies::house(), &principal, question).to_string()
    }

    #[test]
    fn a_receipt_reads_as_plain_words() {
        let (doctor, treat) = (Role::Physician, Purpose::Treatment);
        let cases = [
            (
                why(doctor, treat, Class::Note, Relationship::None, None),
                "No: read notes and documents, for treatment.\n\
                 No policy permits it, and you have no relationship with this patient.\n\
                 It would be permitted where you wrote it, or the patient is in your care.\n",
            ),
            (
                why(doctor, treat, Class::Note, Relationship::Care, None),
                "Yes: read notes and documents, for treatment.\n\
                 Physicians see and write the charts of patients in their care, and what they wrote themselves. (45 CFR \
                 164.506(c)(1)-(2); policy `physician-care`)\n",
            ),
            (
                why(doctor, treat, Class::Note, Relationship::Care, Some(Label::Part2)),
                "No: read notes and documents, for treatment.\n\
                 Because it is labelled substance use disorder programme (42 CFR Part 2): Records of a substance use \
                 disorder programme need the patient's written consent, except for the patient, for those who treat the \
                 patient in the programme that recorded them, for their author, and in a medical emergency. (42 CFR 2.13; 2.23; 2.31; 2.51; 2.12(c)(3); policy \
                 `part-2-needs-consent`)\n\
                 It would be permitted where you wrote it.\n",
            ),
            (
                why(Role::Biller, Purpose::Payment, Class::Note, Relationship::None, None),
                "No: read notes and documents, for payment.\n\
                 No policy permits it, and you have no relationship with this patient.\n",
            ),
        ];
        for (written, expected) in cases {
            assert_eq!(written, expected);
        }
    }

    #[test]
    fn a_receipt_and_the_grants_say_the_same() {
        let principal = Principal::new("a", "A", Roles::NONE.with(Role::HimSpecialist));
        let grants = Grants::compile(Policies::house(), principal.roles, Purpose::RecordManagement);
        for class in Class::ALL {
            for label in [Label::Hiv, Label::PsychotherapyNote, Label::Part2, Label::Restricted] {
                let labels = Labels::NONE.with(label);
                let relationships = Relationships::NONE.with(Relationship::None).with(Relationship::Care);
                let question = asked(Purpose::RecordManagement, Action::Read, *class, relationships, labels);
                let receipt = explain(Policies::house(), &principal, question);
                assert_eq!(receipt.permitted, grants.permits(&question.deed), "{class} {label}");
                assert!(!receipt.reasons.is_empty());
            }
        }
    }
}
