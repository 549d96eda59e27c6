//! The entities that policies name, and one question put to Cedar.

use super::groups;
use super::question::{Action, Class, Relationship};
use super::slice;
use super::text::Policies;
use crate::access::label::Label;
use crate::access::principal::{Purpose, Role, Roles};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request,
    RestrictedExpression,
};
use std::collections::HashSet;
use std::str::FromStr;
use std::sync::OnceLock;

/// The name that stands for "apart from its labels".
pub(super) const NO_LABEL: &str = "none";

const VISITOR: &str = "visitor";

/// One question, as the policies see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// For what.
    pub purpose: Purpose,
    /// What is done.
    pub action: Action,
    /// On what.
    pub class: Class,
    /// Of whom.
    pub relationship: Relationship,
    /// About which label; `None` asks about the resource apart from its labels.
    pub label: Option<Label>,
    /// Whether the patient's consent or authorization on record names this visitor and purpose and covers the label.
    pub consented: bool,
    /// Whether the visitor works in the Part 2 program that recorded it.
    pub in_program: bool,
}

impl Question {
    /// About reading for treatment what is about no patient, apart from labels and without a consent: to be changed.
    pub const ORDINARY: Question = Question {
        purpose: Purpose::Treatment,
        action: Action::Read,
        class: Class::Directory,
        relationship: Relationship::Nobody,
        label: None,
        consented: false,
        in_program: false,
    };
}

/// Yes or no, and the policies that made it so. No policy: nothing permits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Whether it is permitted.
    pub permitted: bool,
    /// The deciding policies, in alphabetical order.
    pub policies: Vec<String>,
}

/// Everything that policies can name, with a visitor who has some roles, and the policies that can bear on them: what
/// questions are put to.
#[derive(Debug)]
pub struct World {
    policies: PolicySet,
    entities: Entities,
    authorizer: Authorizer,
}

const KINDS: [&str; 7] = ["Role", "Visitor", "Class", "Purpose", "Relationship", "Label", "Action"];

/// The entity of one of our kinds.
pub(super) fn uid(kind: &str, name: &str) -> EntityUid {
    static PARSED: OnceLock<Vec<EntityTypeName>> = OnceLock::new();
    let parse = |kind: &&str| EntityTypeName::from_str(kind).expect("our kinds are names");
    let parsed = PARSED.get_or_init(|| KINDS.iter().map(parse).collect());
    let at = KINDS.iter().position(|known| *known == kind).expect("one of our kinds");
    EntityUid::from_type_name_and_id(parsed[at].clone(), EntityId::new(name))
}

impl World {
    /// The world of a visitor with these roles.
    #[must_use]
    pub fn new(policies: &Policies, roles: Roles) -> World {
        let bearing = policies.set().policies().filter(|policy| slice::bears_on(policy, roles)).cloned();
        // They come out of a set, so that their ids differ; were they refused, the whole set decides.
        let bearing = PolicySet::from_policies(bearing).unwrap_or_else(|_| policies.set().clone());
        let visitor = entity(uid("Visitor", VISITOR), roles.iter().map(|role| uid("Role", role.code())));
        let all = known().chain([visitor]);
        // Groups never hold themselves, names differ: from_entities has nothing to refuse.
        let entities = Entities::from_entities(all, None).expect("our entities form a hierarchy");
        World { policies: bearing, entities, authorizer: Authorizer::new() }
    }

    /// Cedar's decision by all policies: what [`super::Grants`] holds compiled.
    #[must_use]
    pub fn decide(&self, question: &Question) -> Decided {
        self.decide_by(&self.policies, question)
    }

    /// The policies that can bear on somebody with these roles.
    pub(super) fn policies(&self) -> &PolicySet {
        &self.policies
    }

    /// Cedar's decision by some of the policies.
    pub(super) fn decide_by(&self, policies: &PolicySet, question: &Question) -> Decided {
        let Ok(request) = request(question) else { return Decided { permitted: false, policies: Vec::new() } };
        let response = self.authorizer.is_authorized(&request, policies, &self.entities);
        let mut ids: Vec<String> = response.diagnostics().reason().map(|id: &PolicyId| id.to_string()).collect();
        ids.sort_unstable();
        Decided { permitted: response.decision() == Decision::Allow, policies: ids }
    }
}

fn request(q: &Question) -> Result<Request, Box<dyn std::error::Error>> {
    let name = |kind: &str, code: &str| RestrictedExpression::new_entity_uid(uid(kind, code));
    let context = Context::from_pairs([
        ("purpose".to_owned(), name("Purpose", q.purpose.code())),
        ("relationship".to_owned(), name("Relationship", q.relationship.code())),
        ("label".to_owned(), name("Label", q.label.map_or(NO_LABEL, Label::code))),
        ("consented".to_owned(), RestrictedExpression::new_bool(q.consented)),
        ("in_program".to_owned(), RestrictedExpression::new_bool(q.in_program)),
    ])?;
    let (who, deed, what) = (uid("Visitor", VISITOR), uid("Action", q.action.code()), uid("Class", q.class.code()));
    Ok(Request::new(who, deed, what, context, None)?)
}

fn entity(uid: EntityUid, parents: impl Iterator<Item = EntityUid>) -> Entity {
    Entity::new_no_attrs(uid, parents.collect::<HashSet<_>>())
}

/// Every entity except the visitor: what a policy may name.
pub(super) fn known() -> impl Iterator<Item = Entity> {
    let roles = Role::ALL.iter().map(|role| entity(uid("Role", role.code()), [].into_iter()));
    let classes = Class::ALL
        .iter()
        .map(|class| entity(uid("Class", class.code()), groups::of_class(*class).map(|group| uid("Class", group))));
    let purposes = Purpose::ALL.iter().map(|purpose| {
        entity(uid("Purpose", purpose.code()), purpose.part_of().map(|wider| uid("Purpose", wider.code())).into_iter())
    });
    let relationships = Relationship::ALL.iter().map(|relationship| {
        let held_by = groups::of_relationship(*relationship).map(|group| uid("Relationship", group));
        entity(uid("Relationship", relationship.code()), held_by)
    });
    let labels = Label::ALL.iter().map(|label| {
        let held_by = groups::is_sensitive(*label).then(|| uid("Label", groups::SENSITIVE));
        entity(uid("Label", label.code()), held_by.into_iter())
    });
    let actions = Action::ALL.iter().map(|action| entity(uid("Action", action.code()), [].into_iter()));
    let groups = groups::CLASSES.iter().map(|(name, _)| ("Class", *name));
    let groups = groups.chain(groups::RELATIONSHIPS.iter().map(|(name, _)| ("Relationship", *name)));
    let groups = groups.chain([("Label", groups::SENSITIVE), ("Label", NO_LABEL)]);
    let groups = groups.map(|(kind, name)| entity(uid(kind, name), [].into_iter()));
    roles.chain(classes).chain(purposes).chain(relationships).chain(labels).chain(actions).chain(groups)
}
