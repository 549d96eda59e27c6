//! What a visit with some roles and a purpose is granted: every decision of the policies, asked once and kept as bits.
//!
//! The questions that policies can be asked are finite, so that a visit never waits for Cedar: a cell for each action,
//! class and relationship says for which labels the answer is yes.

use super::question::{Action, Class, Relationship, Relationships};
use super::slice::Slice;
use super::text::Policies;
use super::views;
use super::world::{Question, World};
use crate::access::label::{Label, Labels};
use crate::access::principal::{Purpose, Role, Roles};
use fhir::search::query::Hidden as Elements;
use std::sync::Arc;

/// The bit that stands for "apart from its labels"; labels have the bits below.
pub(super) const ORDINARY: usize = Label::ALL.len();
pub(super) const ASKED: usize = ORDINARY + 1;
const EVERYTHING: u32 = (1 << ASKED) - 1;
const CELLS: usize = Action::ALL.len() * Class::ALL.len() * Relationship::ALL.len();

/// What a patient's consent or authorization on record opens for this visit, and what needs none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consented {
    /// What carries no label, too: an authorization for everything.
    pub ordinary: bool,
    /// The labels it covers.
    pub labels: Labels,
    /// Whether the visitor works in the Part 2 program that recorded it (42 CFR 2.12(c)(3)).
    pub in_program: bool,
}

impl Consented {
    /// No consent on record covers this visit.
    pub const NOTHING: Consented = Consented { ordinary: false, labels: Labels::NONE, in_program: false };

    fn bits(self) -> u32 {
        self.labels.bits() | u32::from(self.ordinary) << ORDINARY
    }
}

/// One thing to be decided, for a visit that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What is done.
    pub action: Action,
    /// On what.
    pub class: Class,
    /// How the visitor stands to the patient, in every way that holds.
    pub relationships: Relationships,
    /// What the version is labelled with.
    pub labels: Labels,
    /// What the patient has consented to.
    pub consented: Consented,
}

/// Yes or no, with the policy that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling<'g> {
    /// Permitted by this policy.
    Permit(&'g str),
    /// Forbidden by this policy, or permitted by none.
    Deny(Option<&'g str>),
}

/// Labels for which one cell says yes: without the patient's consent, with it, and to those of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    plain: u32,
    consented: u32,
    in_program: u32,
}

impl Cell {
    /// The labels it says yes for, where something was consented to.
    fn open(self, consented: Consented) -> u32 {
        let in_program = if consented.in_program { self.in_program } else { 0 };
        self.plain | self.consented & consented.bits() | in_program
    }

    fn permits(self, asked: u32, consented: Consented) -> bool {
        asked & !self.open(consented) == 0
    }
}

/// The compiled decisions for some roles and one purpose.
#[derive(Debug)]
pub struct Grants {
    cells: Box<[Cell]>,
    /// For each cell and label the deciding policy without consent: its place in `ids` plus 1, or 0.
    reasons: Box<[u16]>,
    ids: Vec<String>,
    /// For each class the roles that may read it by themselves: whose views hold.
    readers: [Roles; Class::ALL.len()],
    /// The elements that these views leave out.
    elements: Arc<Elements>,
}

impl Grants {
    /// Asks the policies everything, for these roles and this purpose: some ten milliseconds. Keep what comes back.
    #[must_use]
    pub fn compile(policies: &Policies, roles: Roles, purpose: Purpose) -> Grants {
        let mut grants = Grants {
            cells: vec![Cell::default(); CELLS].into(),
            reasons: vec![0; CELLS * ASKED].into(),
            ids: policies.said().map(|said| said.id.clone()).collect(),
            readers: [Roles::NONE; Class::ALL.len()],
            elements: Arc::default(),
        };
        let world = World::new(policies, roles);
        for action in Action::ALL {
            let mut filled: Vec<(Class, Slice)> = Vec::new();
            for class in Class::ALL.iter().filter(|class| asked_as(*action, **class) == *action) {
                let slice = Slice::of(&world, *action, *class);
                match filled.iter().find(|(_, known)| known.decides_like(&slice)) {
                    Some((known, _)) => grants.copy_class(*action, *known, *class),
                    None => grants.fill_class(&world, &slice, (purpose, *action, *class)),
                }
                filled.push((*class, slice));
            }
        }
        grants.readers = readers(policies, roles, purpose, &grants);
        grants.elements = Arc::new(views::hidden_by(&grants.readers));
        grants
    }

    /// Everything: for whoever holds the root key at the machine's own command line.
    #[must_use]
    pub fn operator() -> Grants {
        Grants {
            cells: vec![Cell { plain: EVERYTHING, consented: EVERYTHING, in_program: EVERYTHING }; CELLS].into(),
            reasons: vec![1; CELLS * ASKED].into(),
            ids: vec!["operator".to_owned()],
            readers: [Roles::NONE; Class::ALL.len()],
            elements: Arc::default(),
        }
    }

    fn fill_class(&mut self, world: &World, slice: &Slice, (purpose, action, class): (Purpose, Action, Class)) {
        if !slice.permits {
            return;
        }
        for (at, relationship) in Relationship::ALL.iter().enumerate() {
            let cell = cell_of(action, class, *relationship);
            match slice.relationships[at] {
                alike if alike < at => self.copy_cell(cell_of(action, class, Relationship::ALL[alike]), cell),
                _ => {
                    let relationship = *relationship;
                    let ordinary = Question { purpose, action, class, relationship, ..Question::ORDINARY };
                    self.fill_cell(world, slice, cell, ordinary);
                }
            }
        }
    }

    /// Asks about the ordinary and then about the labels; those that no policy tells apart are asked about once.
    fn fill_cell(&mut self, world: &World, slice: &Slice, at: usize, ordinary: Question) {
        for bit in (0..ASKED).rev() {
            let alike = slice.labels[bit];
            if alike > bit {
                self.copy_bit(at, alike, bit);
                continue;
            }
            let question = Question { label: Label::ALL.get(bit).copied(), ..ordinary };
            let plain = world.decide_by(&slice.set, &question);
            let with_consent = Question { consented: true, ..question };
            let consented =
                if slice.asks_consent { world.decide_by(&slice.set, &with_consent).permitted } else { plain.permitted };
            let of_program = || world.decide_by(&slice.set, &Question { in_program: true, ..question }).permitted;
            let in_program = if slice.asks_program { of_program() } else { plain.permitted };
            self.cells[at].plain |= u32::from(plain.permitted) << bit;
            self.cells[at].consented |= u32::from(consented) << bit;
            self.cells[at].in_program |= u32::from(in_program) << bit;
            self.reasons[at * ASKED + bit] = plain.policies.first().map_or(0, |id| self.number(id));
            // A label only narrows: where the ordinary is refused, there is nothing left to ask.
            if bit == ORDINARY && !plain.permitted && !consented && !in_program {
                return;
            }
        }
    }

    fn copy_class(&mut self, action: Action, from: Class, to: Class) {
        for relationship in Relationship::ALL {
            self.copy_cell(cell_of(action, from, *relationship), cell_of(action, to, *relationship));
        }
    }

    fn copy_cell(&mut self, from: usize, to: usize) {
        self.cells[to] = self.cells[from];
        self.reasons.copy_within(from * ASKED..(from + 1) * ASKED, to * ASKED);
    }

    fn copy_bit(&mut self, at: usize, from: usize, to: usize) {
        let cell = &mut self.cells[at];
        cell.plain |= (cell.plain >> from & 1) << to;
        cell.consented |= (cell.consented >> from & 1) << to;
        cell.in_program |= (cell.in_program >> from & 1) << to;
        self.reasons[at * ASKED + to] = self.reasons[at * ASKED + from];
    }

    fn number(&self, id: &str) -> u16 {
        let found = self.ids.binary_search_by(|known| known.as_str().cmp(id));
        found.ok().and_then(|at| u16::try_from(at + 1).ok()).unwrap_or(0)
    }

    /// Whether a deed is permitted: by some relationship, for the ordinary and for every label.
    #[must_use]
    pub fn permits(&self, deed: &Deed) -> bool {
        let (asked, consented) = (asked(deed.labels), deed.consented);
        deed.relationships.iter().any(|r| self.cell(deed.action, deed.class, r).permits(asked, consented))
    }

    /// The same with the policy that decided, for the audit.
    #[must_use]
    pub fn ruling(&self, deed: &Deed) -> Ruling<'_> {
        let (asked, consented) = (asked(deed.labels), deed.consented);
        let mut against = None;
        for relationship in deed.relationships.iter() {
            let cell = self.cell(deed.action, deed.class, relationship);
            if cell.permits(asked, consented) {
                return Ruling::Permit(self.reason(deed, relationship, ORDINARY).unwrap_or("consent"));
            }
            let open = cell.open(consented);
            let refused = (0..ASKED).rev().find(|bit| asked & !open & (1 << bit) != 0);
            against = against.or(refused.and_then(|bit| self.reason(deed, relationship, bit)));
        }
        Ruling::Deny(against)
    }

    /// Whether some relationship to some patient permits it. Where not, the answer is no before any look at the record.
    #[must_use]
    pub fn ever(&self, action: Action, class: Class) -> bool {
        !self.relationships(action, class).is_empty()
    }

    /// The relationships for which anything is permitted: the others need not be worked out.
    #[must_use]
    pub fn relationships(&self, action: Action, class: Class) -> Relationships {
        let open = |r: &Relationship| self.cell(action, class, *r).consented & 1 << ORDINARY != 0;
        Relationship::ALL.iter().copied().filter(open).collect()
    }

    /// What stays hidden in one relationship: labels that nothing opens, and labels that only consent opens. `None`: the
    /// ordinary is not permitted either, unless `consented.ordinary`.
    #[must_use]
    pub fn hidden(&self, action: Action, class: Class, relationship: Relationship) -> Option<Hidden> {
        let cell = self.cell(action, class, relationship);
        let labels = |bits: u32| Labels::from_bits(bits & (EVERYTHING >> 1));
        (cell.plain & 1 << ORDINARY != 0).then(|| Hidden {
            never: labels(!(cell.plain | cell.consented)),
            without_consent: labels(cell.consented & !cell.plain),
        })
    }

    /// The elements that this visit does not see in a resource of a type, at its top level: minimum necessary
    /// (45 CFR 164.514(d)(2)).
    #[must_use]
    pub fn hidden_elements(&self, class: Class, resource_type: &str) -> Vec<&'static str> {
        views::hidden(self.readers[class.number()], resource_type)
    }

    /// The same for every type at once.
    #[must_use]
    pub fn elements(&self) -> &Arc<Elements> {
        &self.elements
    }

    fn cell(&self, action: Action, class: Class, relationship: Relationship) -> Cell {
        self.cells[cell_of(action, class, relationship)]
    }

    fn reason(&self, deed: &Deed, relationship: Relationship, bit: usize) -> Option<&str> {
        let number = self.reasons[cell_of(deed.action, deed.class, relationship) * ASKED + bit];
        usize::from(number).checked_sub(1).and_then(|at| self.ids.get(at)).map(String::as_str)
    }
}

/// Labels that one relationship does not open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Whatever the patient consents to.
    pub never: Labels,
    /// Unless the patient consents.
    pub without_consent: Labels,
}

/// The audit is never read as other resources are: whoever reads or searches it is asked for `audit-read`.
pub(super) fn asked_as(action: Action, class: Class) -> Action {
    match (action, class) {
        (Action::Read | Action::Search, Class::Audit) => Action::AuditRead,
        _ => action,
    }
}

fn cell_of(action: Action, class: Class, relationship: Relationship) -> usize {
    let row = asked_as(action, class).number() * Class::ALL.len() + class.number();
    row * Relationship::ALL.len() + relationship.number()
}

fn asked(labels: Labels) -> u32 {
    labels.bits() | 1 << ORDINARY
}

/// The roles among these that may read a class without the others.
fn readers(policies: &Policies, roles: Roles, purpose: Purpose, grants: &Grants) -> [Roles; Class::ALL.len()] {
    let mut readers = [roles; Class::ALL.len()];
    if roles.iter().count() > 1 {
        for class in Class::ALL {
            let alone = |role: &Role| reads_alone(policies, *role, purpose, *class);
            let able: Roles = roles.iter().filter(|_| grants.ever(Action::Read, *class)).filter(alone).collect();
            readers[class.number()] = if able.is_empty() { roles } else { able };
        }
    }
    readers
}

fn reads_alone(policies: &Policies, role: Role, purpose: Purpose, class: Class) -> bool {
    let action = asked_as(Action::Read, class);
    let world = World::new(policies, Roles::NONE.with(role));
    let slice = Slice::of(&world, action, class);
    Relationship::ALL.iter().any(|relationship| {
        let asked = Question { purpose, action, class, relationship: *relationship, ..Question::ORDINARY };
        let question = Question { consented: true, ..asked };
        slice.permits && world.decide_by(&slice.set, &question).permitted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::id::Ids;

    const fn deed(action: Action, class: Class, relationship: Relationship, labels: Labels) -> Deed {
        let relationships = Relationships::NONE.with(relationship);
        Deed { action, class, relationships, labels, consented: Consented::NOTHING }
    }

    /// What is compiled says what Cedar says when all policies are asked.
    #[test]
    fn compiled_grants_agree_with_cedar() {
        let policies = Policies::house();
        let (ids, mut random) = (Ids::seeded(1), [0; 8]);
        let combined = Roles::NONE.with(Role::Nurse).with(Role::Coder);
        for (roles, purpose) in [
            (Roles::NONE.with(Role::Physician), Purpose::BreakGlass),
            (Roles::NONE.with(Role::HimSpecialist), Purpose::RecordManagement),
            (Roles::NONE.with(Role::Proxy), Purpose::FamilyRequest),
            (Roles::NONE.with(Role::App), Purpose::Treatment),
            (combined, Purpose::Treatment),
        ] {
            let (grants, world) = (Grants::compile(policies, roles, purpose), World::new(policies, roles));
            for _ in 0..400 {
                ids.fill(&mut random);
                let pick = |at: usize, of: usize| usize::from(random[at]) % of;
                let action = Action::ALL[pick(0, Action::ALL.len())];
                let class = Class::ALL[pick(1, Class::ALL.len())];
                let relationship = Relationship::ALL[pick(2, Relationship::ALL.len())];
                let label = Label::ALL[pick(3, Label::ALL.len())];
                let action = asked_as(action, class);
                let in_program = random[4] % 2 == 0;
                let question = Question { purpose, action, class, relationship, in_program, ..Question::ORDINARY };
                let labelled = Question { label: Some(label), ..question };
                let expected = [question, labelled].iter().all(|q| world.decide_by(policies.set(), q).permitted);
                let asked = deed(action, class, relationship, Labels::NONE.with(label));
                let asked = Deed { consented: Consented { in_program, ..Consented::NOTHING }, ..asked };
                assert_eq!(grants.permits(&asked), expected, "{roles} {labelled:?}");
                assert_eq!(matches!(grants.ruling(&asked), Ruling::Permit(_)), expected);
            }
        }
    }

    #[test]
    fn every_relationship_that_holds_counts() {
        let grants = Grants::compile(Policies::house(), Roles::NONE.with(Role::Physician), Purpose::Treatment);
        let none = deed(Action::Read, Class::Clinical, Relationship::None, Labels::NONE);
        assert_eq!(grants.ruling(&none), Ruling::Deny(None));
        let both = Deed { relationships: none.relationships.with(Relationship::Care), ..none };
        assert_eq!(grants.ruling(&both), Ruling::Permit("physician-care"));
        assert!(!grants.ever(Action::Delete, Class::Clinical) && grants.ever(Action::Read, Class::Note));
        let relevant = grants.relationships(Action::Read, Class::Note);
        assert_eq!(relevant.to_string(), "author care");
    }

    #[test]
    fn the_operator_is_granted_everything() {
        let grants = Grants::operator();
        let asked = deed(Action::Delete, Class::Audit, Relationship::None, Label::ALL.iter().copied().collect());
        assert_eq!(grants.ruling(&asked), Ruling::Permit("operator"));
        assert!(grants.hidden_elements(Class::Identity, "Patient").is_empty());
    }
}
