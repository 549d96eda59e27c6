//! The policies that can matter for an action on a class, and what they tell apart.
//!
//! Compiling asks Cedar thousands of questions; most need not be asked. A policy whose head does not fit decides nothing, and
//! two labels (or relationships) that no fitting policy names, neither itself nor a group that holds only one of them, get the
//! same answer: a policy knows them by nothing but the names it compares them with.

use super::grants::{ASKED, ORDINARY};
use super::groups;
use super::question::{Action, Class, Relationship};
use super::world::{NO_LABEL, World, uid};
use crate::access::label::Label;
use crate::access::principal::Roles;
use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, ResourceConstraint,
};
use std::collections::HashSet;

/// The policies whose head can fit a visitor's roles, an action and a class.
pub(super) struct Slice {
    pub(super) set: PolicySet,
    /// Whether one of them permits; where none does, everything is refused.
    pub(super) permits: bool,
    /// Whether one of them asks for consent.
    pub(super) asks_consent: bool,
    /// Whether one of them asks in whose program it was recorded.
    pub(super) asks_program: bool,
    /// For each label, and last for the ordinary, the highest that is treated alike.
    pub(super) labels: [usize; ASKED],
    /// For each relationship the lowest that is treated alike.
    pub(super) relationships: [usize; Relationship::ALL.len()],
    ids: Vec<PolicyId>,
    class_named: Vec<EntityUid>,
}

impl Slice {
    pub(super) fn of(world: &World, action: Action, class: Class) -> Slice {
        let fitting = world.policies().policies().filter(|policy| fits(policy, action, class));
        let mut fitting: Vec<Policy> = fitting.cloned().collect();
        fitting.sort_by(|a, b| a.id().cmp(b.id()));
        let named: HashSet<EntityUid> = fitting.iter().flat_map(Policy::entity_literals).collect();
        Slice {
            permits: fitting.iter().any(|policy| policy.effect() == Effect::Permit),
            asks_consent: fitting.iter().any(|policy| policy.to_string().contains("consented")),
            asks_program: fitting.iter().any(|policy| policy.to_string().contains("in_program")),
            labels: labels_alike(&named),
            relationships: relationships_alike(&named),
            ids: fitting.iter().map(|policy| policy.id().clone()).collect(),
            class_named: names_of_class(class).filter(|name| named.contains(name)).collect(),
            set: PolicySet::from_policies(fitting).unwrap_or_else(|_| world.policies().clone()),
        }
    }

    /// Whether the other slice, of the same action and another class, gives the same answers.
    pub(super) fn decides_like(&self, other: &Slice) -> bool {
        self.ids == other.ids && self.class_named == other.class_named
    }
}

fn labels_alike(named: &HashSet<EntityUid>) -> [usize; ASKED] {
    let signature = |bit: usize| -> Vec<EntityUid> {
        let label = Label::ALL.get(bit).copied();
        let group = label.filter(|label| groups::is_sensitive(*label)).map(|_| groups::SENSITIVE);
        let names = [Some(label.map_or(NO_LABEL, Label::code)), group];
        names.into_iter().flatten().map(|name| uid("Label", name)).filter(|name| named.contains(name)).collect()
    };
    let signatures: [Vec<EntityUid>; ASKED] = std::array::from_fn(signature);
    std::array::from_fn(|bit| signatures.iter().rposition(|known| *known == signatures[bit]).unwrap_or(ORDINARY))
}

fn relationships_alike(named: &HashSet<EntityUid>) -> [usize; Relationship::ALL.len()] {
    let signature = |at: usize| -> Vec<EntityUid> {
        let names = groups::of_relationship(Relationship::ALL[at]).chain([Relationship::ALL[at].code()]);
        names.map(|name| uid("Relationship", name)).filter(|name| named.contains(name)).collect()
    };
    let signatures: [Vec<EntityUid>; Relationship::ALL.len()] = std::array::from_fn(signature);
    std::array::from_fn(|at| signatures.iter().position(|known| *known == signatures[at]).unwrap_or(at))
}

fn names_of_class(class: Class) -> impl Iterator<Item = EntityUid> {
    groups::of_class(class).chain([class.code()]).map(|name| uid("Class", name))
}

/// Whether a policy can bear on somebody with these roles.
pub(super) fn bears_on(policy: &Policy, roles: Roles) -> bool {
    match policy.principal_constraint() {
        PrincipalConstraint::In(wanted) | PrincipalConstraint::IsIn(_, wanted) => {
            roles.iter().any(|role| uid("Role", role.code()) == wanted)
        }
        PrincipalConstraint::Any | PrincipalConstraint::Eq(_) | PrincipalConstraint::Is(_) => true,
    }
}

fn fits(policy: &Policy, action: Action, class: Class) -> bool {
    let action = uid("Action", action.code());
    let deed = match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::In(wanted) => wanted.contains(&action),
        ActionConstraint::Eq(wanted) => wanted == action,
    };
    let resource = match policy.resource_constraint() {
        ResourceConstraint::In(wanted) | ResourceConstraint::Eq(wanted) | ResourceConstraint::IsIn(_, wanted) => {
            names_of_class(class).any(|name| name == wanted)
        }
        ResourceConstraint::Any | ResourceConstraint::Is(_) => true,
    };
    deed && resource
}
