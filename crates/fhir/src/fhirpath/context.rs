//! What an expression is evaluated against.

use super::item::{Collection, Node};
use crate::json::Json;
use base::clock::Instant;

/// Finds the resource a reference text leads to.
pub type Resolve<'a> = dyn Fn(&str) -> Option<&'a Json<'a>> + 'a;
/// Whether a code (system, code) belongs to the value set of that URL; `None` if nobody knows.
pub type MemberOf<'a> = dyn Fn(Option<&str>, &str, &str) -> Option<bool> + 'a;
/// Whether in a system the first code subsumes the second; `None` if nobody knows.
pub type Subsumes<'a> = dyn Fn(&str, &str, &str) -> Option<bool> + 'a;
/// Whether a resource or element conforms to the profile of that URL; `None` if nobody knows the profile.
pub type ConformsTo<'a> = dyn Fn(Node<'a>, &str) -> Option<bool> + 'a;

/// Steps an evaluation may take unless the context says otherwise. One is a node looked at, or a call; some 50 ns.
pub const STEPS_MAX: u64 = 2_000_000;

/// Everything an evaluation may know. Small and `Copy`: one context of a resource serves all its elements by [`at`].
///
/// [`at`]: Context::at
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where the expression starts, `%context` and the first `$this`.
    pub focus: Option<Node<'a>>,
    /// `%resource`: the resource that holds the focus.
    pub resource: Option<Node<'a>>,
    /// `%rootResource`: the resource that holds `%resource`, where it is contained; else the same.
    pub root: Option<Node<'a>>,
    /// What `now()` answers.
    pub now: Instant,
    /// Values of further constants, by name without `%`.
    pub constants: &'a [(String, Collection<'a>)],
    /// Looks references up beyond contained resources and the entries of the same Bundle.
    pub resolve: Option<&'a Resolve<'a>>,
    /// Terminology for `memberOf`.
    pub member_of: Option<&'a MemberOf<'a>>,
    /// Terminology for `subsumes` and `subsumedBy`.
    pub subsumes: Option<&'a Subsumes<'a>>,
    /// Profiles for `conformsTo`; without it only R4's own types are known.
    pub conforms_to: Option<&'a ConformsTo<'a>>,
    /// Whether `as()` refuses several items, as FHIRPath 2.0 has it. R4's own constraints (dom-3) ask it of many, so
    /// that without this it picks those that have the type.
    pub single_as: bool,
    /// The most steps the evaluation may take.
    pub steps_max: u64,
}

impl<'a> Context<'a> {
    /// Nothing to stand on: for expressions of literals.
    #[must_use]
    pub fn empty(now: Instant) -> Context<'a> {
        Context {
            focus: None,
            resource: None,
            root: None,
            now,
            constants: &[],
            resolve: None,
            member_of: None,
            subsumes: None,
            conforms_to: None,
            single_as: false,
            steps_max: STEPS_MAX,
        }
    }

    /// A resource, looked at from its top.
    #[must_use]
    pub fn new(resource: &'a Json<'a>, now: Instant) -> Context<'a> {
        let node = Some(Node::resource(resource));
        Context { focus: node, resource: node, root: node, ..Context::empty(now) }
    }

    /// The same, looked at from one of its elements.
    #[must_use]
    pub fn at(self, focus: Node<'a>) -> Context<'a> {
        Context { focus: Some(focus), ..self }
    }

    /// A resource within the same root (contained), looked at from its top.
    #[must_use]
    pub fn within(self, resource: Node<'a>) -> Context<'a> {
        Context { focus: Some(resource), resource: Some(resource), ..self }
    }
}
