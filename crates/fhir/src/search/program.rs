//! Paths compiled into one tree for each type, so that one walk over a resource finds the elements of all of them.
//!
//! A node knows the JSON members that lead on from it; a choice element (`value[x]`) is resolved to its members
//! (`valueQuantity`) when the tree is made. A resource's own members drive the walk, so that what is absent costs nothing.

use super::convert::Convert;
use super::expression::Step;
use super::params::Kind;
use crate::definitions::{Binding, Definitions, ElementDef, TypeDef, TypeId, capital};
use crate::json::Json;

/// A compiled set of paths.
#[derive(Debug, Default)]
pub(super) struct Program {
    root: Node,
}

/// What to do with an element that was reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Emit {
    /// Whose it is: a path's number, or a component's.
    pub(super) slot: u16,
    /// How it becomes values.
    pub(super) convert: Convert,
}

#[derive(Debug, Default)]
struct Node {
    emits: Vec<Emit>,
    /// Members that lead on, sorted by length and name.
    edges: Vec<Edge>,
    /// Nodes that go on from the same element where a test holds.
    filters: Vec<(Test, Node)>,
    /// `x.exists() and x != false`, with the members `x` may have.
    holds: Vec<(Emit, Vec<String>)>,
}

#[derive(Debug)]
struct Edge {
    member: String,
    /// Only this item of an array.
    index: Option<usize>,
    node: Node,
}

#[derive(Debug, PartialEq)]
enum Test {
    Equals { member: String, value: String },
    HasExtension(String),
}

impl Test {
    fn holds(&self, element: &Json<'_>) -> bool {
        match self {
            Test::Equals { member, value } => element.text(member) == Some(value),
            Test::HasExtension(url) => {
                element.get("extension").is_some_and(|e| e.items().iter().any(|x| x.text("url") == Some(url)))
            }
        }
    }
}

static TRUE: Json<'static> = Json::Bool(true);
static FALSE: Json<'static> = Json::Bool(false);

impl Program {
    /// Adds a path that starts at an element of type `ty`. False when nothing of that kind can stand there.
    pub(super) fn add(
        &mut self,
        defs: &'static Definitions,
        ty: TypeId,
        steps: &[Step],
        slot: u16,
        kind: Kind,
    ) -> bool {
        Compiler { defs, slot, kind }.add(&mut self.root, ty, None, steps)
    }

    /// The type of the elements a path of plain members leads to.
    pub(super) fn lands(defs: &'static Definitions, ty: TypeId, steps: &[Step]) -> Option<TypeId> {
        steps.iter().try_fold(ty, |ty, step| match step {
            Step::Child(name) => members(defs, defs.get(ty), name).first().map(|m| m.2),
            _ => None,
        })
    }

    /// The resource types that references at the end of a path of plain members may point to; `None`: any.
    pub(super) fn points_to(defs: &'static Definitions, ty: TypeId, steps: &[Step]) -> Option<Vec<String>> {
        let plain: Vec<Step> = steps.iter().filter(|s| !matches!(s, Step::OfType(_))).cloned().collect();
        let (Step::Child(last), before) = plain.split_last()? else { return None };
        let holder = Program::lands(defs, ty, before)?;
        let mut targets = Vec::new();
        for one in &defs.get(holder).element(last)?.types {
            let name = defs.get(one.id).name.as_str();
            if matches!(name, "Reference" | "canonical") {
                if one.targets.is_empty() || one.targets.iter().any(|t| t == "Resource") {
                    return None;
                }
                targets.extend_from_slice(&one.targets);
            } else if matches!(name, "uri" | "Resource") {
                return None;
            }
        }
        Some(targets)
    }

    /// Calls `found` for each element each path leads to.
    pub(super) fn run<'a>(&self, element: &'a Json<'a>, found: &mut impl FnMut(&Emit, &'a Json<'a>)) {
        self.root.visit(element, found);
    }
}

impl Node {
    fn visit<'a>(&self, element: &'a Json<'a>, found: &mut impl FnMut(&Emit, &'a Json<'a>)) {
        for emit in &self.emits {
            found(emit, element);
        }
        for (test, node) in &self.filters {
            if test.holds(element) {
                node.visit(element, found);
            }
        }
        for (emit, members) in &self.holds {
            let value = members.iter().find_map(|m| element.get(m));
            found(emit, if value.is_some_and(|v| v.as_bool() != Some(false)) { &TRUE } else { &FALSE });
        }
        if self.edges.is_empty() {
            return;
        }
        let Json::Object(object) = element else { return };
        for (member, value) in object.iter() {
            for edge in self.edges_of(member) {
                edge.follow(value, found);
            }
        }
    }

    fn edges_of(&self, member: &str) -> &[Edge] {
        let key = (member.len(), member);
        let from = self.edges.partition_point(|e| (e.member.len(), e.member.as_str()) < key);
        let same = self.edges[from..].iter().take_while(|e| e.member == member).count();
        &self.edges[from..from + same]
    }

    fn edge(&mut self, member: String, index: Option<usize>) -> &mut Node {
        let key = (member.len(), member.as_str(), index);
        let at = match self.edges.binary_search_by(|e| (e.member.len(), e.member.as_str(), e.index).cmp(&key)) {
            Ok(at) => at,
            Err(at) => {
                self.edges.insert(at, Edge { member, index, node: Node::default() });
                at
            }
        };
        &mut self.edges[at].node
    }

    fn filtered(&mut self, test: Test) -> &mut Node {
        let at = self.filters.iter().position(|(t, _)| *t == test).unwrap_or_else(|| {
            self.filters.push((test, Node::default()));
            self.filters.len() - 1
        });
        &mut self.filters[at].1
    }
}

impl Edge {
    fn follow<'a>(&self, value: &'a Json<'a>, found: &mut impl FnMut(&Emit, &'a Json<'a>)) {
        match (value, self.index) {
            (Json::Null, _) => {}
            (Json::Array(items), None) => {
                for item in items.iter().filter(|i| **i != Json::Null) {
                    self.node.visit(item, found);
                }
            }
            (Json::Array(items), Some(n)) => {
                if let Some(item) = items.get(n).filter(|i| **i != Json::Null) {
                    self.node.visit(item, found);
                }
            }
            (_, None | Some(0)) => self.node.visit(value, found),
            (_, Some(_)) => {}
        }
    }
}

struct Compiler {
    defs: &'static Definitions,
    slot: u16,
    kind: Kind,
}

impl Compiler {
    fn add(&self, node: &mut Node, ty: TypeId, binding: Option<&'static Binding>, steps: &[Step]) -> bool {
        match steps {
            [] => self.emit(node, ty, binding),
            [Step::Child(name), Step::Holds] => self.holds(node, ty, name),
            [Step::Child(name), Step::Index(n), rest @ ..] => self.child(node, ty, name, Some(*n), rest),
            [Step::Child(name), rest @ ..] => self.child(node, ty, name, None, rest),
            [Step::OfType(name), rest @ ..] => self.is(ty, name) && self.add(node, ty, binding, rest),
            [Step::Where { member, value }, rest @ ..] => {
                let test = Test::Equals { member: member.clone(), value: value.clone() };
                self.add(node.filtered(test), ty, binding, rest)
            }
            [Step::HasExtension(url), rest @ ..] => {
                self.add(node.filtered(Test::HasExtension(url.clone())), ty, binding, rest)
            }
            // A target is tested by who compares references; the others have no meaning here.
            [Step::Target(_), rest @ ..] => self.add(node, ty, binding, rest),
            [Step::Resource | Step::Index(_) | Step::Exists | Step::Holds, ..] => false,
        }
    }

    /// An extension stands for its value.
    fn emit(&self, node: &mut Node, ty: TypeId, binding: Option<&'static Binding>) -> bool {
        let name = &self.defs.get(ty).name;
        if name == "Extension" && self.kind != Kind::Composite {
            return self.child(node, ty, "value", None, &[]);
        }
        let Some(convert) = Convert::of(self.defs, self.kind, ty, binding) else { return false };
        node.emits.push(Emit { slot: self.slot, convert });
        true
    }

    fn child(&self, node: &mut Node, ty: TypeId, name: &str, index: Option<usize>, rest: &[Step]) -> bool {
        let (wanted, rest) = match rest {
            [Step::OfType(wanted), rest @ ..] => (Some(wanted.as_str()), rest),
            _ => (None, rest),
        };
        let mut any = false;
        for (member, element, ty) in members(self.defs, self.defs.get(ty), name) {
            if wanted.is_none_or(|wanted| self.is(ty, wanted)) {
                // A branch that leads nowhere leaves an edge without emits, which costs one look; there are few.
                any |= self.add(node.edge(member, index), ty, element.binding.as_ref(), rest);
            }
        }
        any
    }

    fn holds(&self, node: &mut Node, ty: TypeId, name: &str) -> bool {
        let members: Vec<String> = members(self.defs, self.defs.get(ty), name).into_iter().map(|m| m.0).collect();
        node.holds.push((Emit { slot: self.slot, convert: Convert::Boolean }, members));
        true
    }

    /// Whether a type is the one named. A type that specialises it is not: `ConceptMap.source as uri` is no canonical.
    fn is(&self, ty: TypeId, wanted: &str) -> bool {
        self.defs.get(ty).name == wanted
    }
}

/// The JSON members behind an element name: one for each type of a choice. A member's own name (`valueDateTime`) is
/// taken too, as US Core writes it.
fn members(defs: &Definitions, ty: &'static TypeDef, name: &str) -> Vec<(String, &'static ElementDef, TypeId)> {
    let Some(element) = ty.element(name) else {
        return ty.property(name).map(|p| (name.to_owned(), p.element, p.ty)).into_iter().collect();
    };
    if !element.is_choice {
        return element.types.first().map(|t| (name.to_owned(), element, t.id)).into_iter().collect();
    }
    element.types.iter().map(|t| (format!("{name}{}", capital(&defs.get(t.id).name)), element, t.id)).collect()
}
