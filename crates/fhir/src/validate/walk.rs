//! The walk: down the tree and the definitions side by side.

use super::codes::{Codes, Verdict};
use super::contained::Inner;
use super::invariants::{self, Invariant};
use super::place::Place;
use super::plan::{Mask, Plan, Shape, plan};
use super::{Depth, contained, references, sidecar};
use crate::definitions::{ElementDef, ElementType, Property, TypeDef, TypeId, TypeKind, capital};
use crate::fhirpath::Node;
use crate::json::{Json, Object};
use base::finding::{Finding, Severity};
use base::near::nearest;
use std::sync::Arc;

/// More findings of one severity than this are not listed.
const FINDINGS_MAX: usize = 100;

/// What the walk has found so far.
pub(super) struct Walk {
    pub plan: &'static Plan,
    pub depth: Depth,
    pub findings: Vec<Finding>,
    /// Whether so many errors were found that looking on is of no use.
    is_full: bool,
}

/// The resource being walked.
#[derive(Clone, Copy)]
pub(super) struct Scope<'r> {
    /// The resource that contains the others; itself where it is not contained.
    pub root: Node<'r>,
    /// The resource itself.
    pub resource: Node<'r>,
    /// Whether it is contained.
    pub is_contained: bool,
    /// The resources the root contains.
    pub inner: &'r Inner<'r>,
}

/// One element on the way down: what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Step<'r> {
    /// The element, and the type that the member's name says.
    pub property: Property<'static>,
    /// The codes of its required binding.
    codes: Option<&'static Codes>,
    /// What must hold of each value.
    invariants: &'static [Arc<Invariant>],
    /// The resource it stands in.
    pub scope: Scope<'r>,
}

impl Walk {
    pub fn new(depth: Depth) -> Walk {
        Walk { plan: plan(), depth, findings: Vec::new(), is_full: false }
    }

    /// Walks a resource that stands alone.
    pub fn whole(&mut self, resource: &Json) {
        let place = Place::root(resource.text("resourceType").unwrap_or("Resource"));
        self.alone(resource, &place);
    }

    /// Walks a resource that no other contains.
    fn alone<'r>(&mut self, resource: &'r Json<'r>, place: &Place) {
        let (node, inner) = (Node::resource(resource), Inner::of(resource));
        self.resource(resource, place, Scope { root: node, resource: node, is_contained: false, inner: &inner });
    }

    pub fn error(&mut self, code: &'static str, place: &Place, message: impl Into<String>) {
        self.find(Severity::Error, code, place, message);
    }

    /// Adds a finding; after [`FINDINGS_MAX`] of its severity only that there are more.
    pub fn find(&mut self, severity: Severity, code: &'static str, place: &Place, message: impl Into<String>) {
        let alike = self.findings.iter().filter(|f| f.severity == severity).count();
        if alike < FINDINGS_MAX {
            self.findings.push(Finding { severity, code, path: place.to_string(), message: message.into() });
        } else if alike == FINDINGS_MAX {
            let message = "there are more findings like these than are listed here; mend these first";
            self.findings.push(Finding { severity, code: "too-long", path: String::new(), message: message.into() });
        }
        self.is_full |= severity >= Severity::Error && alike >= FINDINGS_MAX;
    }

    fn resource<'r>(&mut self, value: &'r Json<'r>, place: &Place, scope: Scope<'r>) {
        let Some(object) = value.as_object() else {
            return self.error("structure", place, "a resource must be a JSON object");
        };
        let Some(name) = object.get("resourceType") else {
            return self.error("structure", place, "a resource must have a resourceType");
        };
        let known = name.as_str().and_then(|name| self.plan.r4.type_id(name)).filter(|&id| {
            let ty = self.plan.r4.get(id);
            ty.kind == TypeKind::Resource && !ty.is_abstract
        });
        let Some(id) = known else {
            return self.error("structure", place, "the resourceType is not a resource type of R4");
        };
        self.object(object, id, place, scope);
        contained::check(self, value, place, scope);
        self.hold(&self.plan.of(id).invariants, Node::typed(value, id), place, scope);
    }

    /// Looks at invariants.
    fn hold<'r>(&mut self, invariants: &[Arc<Invariant>], node: Node<'r>, place: &Place, scope: Scope<'r>) {
        if self.depth >= Depth::Full && !invariants.is_empty() {
            invariants::check(self, invariants, node, place, scope);
        }
    }

    /// Walks the members of an object of a known type.
    pub(super) fn object<'r>(&mut self, object: &'r Object<'r>, id: TypeId, place: &Place, scope: Scope<'r>) {
        let plan = self.plan;
        let (ty, rules) = (plan.r4.get(id), plan.of(id));
        let mut seen: Mask = 0;
        let mut only_id = true;
        for (name, member) in object.iter() {
            if self.is_full {
                return;
            }
            if name == "resourceType" && rules.shape == Shape::Resource {
                continue;
            }
            let bare = name.strip_prefix('_').unwrap_or(name);
            only_id &= bare == "id";
            let Some(property) = ty.property(bare) else {
                self.unknown(ty, bare, &place.member(name));
                continue;
            };
            let bit = 1 << property.index;
            if seen & bit != 0 && property.element.is_choice {
                self.choice(object, ty, property, place);
            }
            seen |= bit;
            let below = place.member(&property.element.name);
            let step = Step {
                property,
                codes: rules.codes[property.index].as_deref(),
                invariants: &rules.element_invariants[property.index],
                scope,
            };
            if bare.len() == name.len() {
                self.member(object, name, member, step, &below);
            } else {
                self.sidecar(object, bare, member, step, &below);
            }
        }
        if only_id && rules.shape != Shape::Resource {
            self.error("structure", place, "an element must have a value or members; leave it out if it has none");
        } else if rules.required & !seen != 0 {
            self.missing(ty, rules.required & !seen, place);
        }
        if rules.shape == Shape::Extension && !only_id {
            self.extension(object, place);
        }
    }

    /// The value of a member, or its values.
    fn member<'r>(&mut self, object: &'r Object<'r>, name: &str, value: &'r Json<'r>, step: Step<'r>, place: &Place) {
        let element = step.property.element;
        if !element.is_array {
            if let Json::Array(_) = value {
                return self.error("structure", place, "this must be a single value, not an array");
            }
            let sibling = if step.invariants.is_empty() { None } else { sidecar::of(object, name) };
            return self.value(value, sibling, step, place);
        }
        let Json::Array(items) = value else {
            return self.error("structure", place, "this must be an array, also where it has one value only");
        };
        if items.is_empty() {
            return self.error("structure", place, "an array must not be empty; leave the element out");
        }
        if element.max.is_some_and(|max| items.len() > max as usize) {
            let max = element.max.unwrap_or_default();
            self.error("structure", place, format!("there may be at most {max} of these"));
        }
        for (i, item) in items.iter().enumerate() {
            let at = place.at(i);
            if self.is_full {
                return;
            }
            if *item == Json::Null && self.is_primitive(step.property.ty) {
                self.padding(object, name, i, &at);
            } else {
                self.value(item, None, step, &at);
            }
        }
    }

    pub(super) fn is_primitive(&self, id: TypeId) -> bool {
        matches!(self.plan.of(id).shape, Shape::Primitive(_))
    }

    /// One value. `sibling` is the `_name` member of a primitive.
    fn value<'r>(&mut self, value: &'r Json<'r>, sibling: Option<&'r Json<'r>>, step: Step<'r>, place: &Place) {
        let Step { property, scope, .. } = step;
        match self.plan.of(property.ty).shape {
            Shape::Primitive(format) => {
                if let Some((code, message)) = format.check(value) {
                    return self.error(code, place, message);
                }
            }
            Shape::Resource => return self.inner_resource(value, property.element, place, scope),
            shape @ (Shape::Object | Shape::Reference | Shape::Extension) => {
                let Some(object) = value.as_object() else {
                    return self.error("structure", place, "this must be a JSON object");
                };
                self.object(object, property.ty, place, scope);
                if shape == Shape::Reference {
                    self.reference(value, property, place, scope);
                }
                self.hold(&self.plan.of(property.ty).invariants, Node::typed(value, property.ty), place, scope);
            }
        }
        if let Some(codes) = step.codes {
            self.binding(value, property, codes, place);
        }
        self.hold(step.invariants, Node { sibling, ..Node::typed(value, property.ty) }, place, scope);
    }

    fn inner_resource<'r>(&mut self, value: &'r Json<'r>, element: &ElementDef, place: &Place, scope: Scope<'r>) {
        if element.name != "contained" {
            return self.alone(value, place);
        }
        if scope.is_contained {
            let message = "a contained resource must not contain others (dom-2); contain them beside it";
            return self.error("structure", place, message);
        }
        self.resource(value, place, Scope { is_contained: true, resource: Node::resource(value), ..scope });
    }

    fn reference(&mut self, value: &Json, property: Property<'static>, place: &Place, scope: Scope) {
        let ty = property.element.types.iter().find(|t| t.id == property.ty);
        let targets = ty.map(|t| &t.targets[..]).unwrap_or_default();
        if let Some((code, message)) = references::check(self.plan.r4, value, targets, scope.inner) {
            self.error(code, &place.member("reference"), message);
        }
    }

    fn binding(&mut self, value: &Json, property: Property<'static>, codes: &Codes, place: &Place) {
        let verdict = match self.plan.r4.get(property.ty).name.as_str() {
            "CodeableConcept" => codes.concept(value),
            "Coding" | "Quantity" => codes.coding(value),
            _ => value.as_str().map_or(Verdict::Fits, |code| codes.verdict(None, code)),
        };
        let set = property.element.binding.as_ref().map(|b| b.value_set.as_str()).unwrap_or_default();
        match (verdict, codes) {
            (Verdict::Fits, _) => {}
            (Verdict::Unchecked, Codes::Unknown(why)) => {
                let message = format!("The code was not checked against {set}: {why}");
                self.find(Severity::Information, "not-supported", place, message);
            }
            (Verdict::Outside | Verdict::Unchecked, _) => {
                let sample = codes.sample();
                self.error("code-invalid", place, format!("the code must be one of {set}{sample}"));
            }
        }
    }

    /// A choice came a second time: that is right only for `valueString` with `_valueString`.
    fn choice(&mut self, object: &Object, ty: &TypeDef, property: Property, place: &Place) {
        let same = |name: &str| {
            let bare = name.strip_prefix('_').unwrap_or(name);
            ty.property(bare).is_some_and(|p| p.index == property.index && p.ty != property.ty)
        };
        if object.iter().any(|(name, _)| same(name)) {
            let name = &property.element.name;
            let below = place.member(name);
            // Three of a kind come here twice; one finding is enough.
            let path = below.to_string();
            if !self.findings.iter().any(|f| f.path == path && f.code == "structure") {
                self.error("structure", &below, format!("only one type of {name}[x] may be there"));
            }
        }
    }

    pub(super) fn unknown(&mut self, ty: &TypeDef, name: &str, place: &Place) {
        let message = match (ty.element(name).filter(|e| e.is_choice), nearest(name, ty.member_names())) {
            (Some(choice), _) => {
                let name_of = |t: &ElementType| format!("{name}{}", capital(&self.plan.r4.get(t.id).name));
                let names: Vec<String> = choice.types.iter().take(5).map(name_of).collect();
                let more = if choice.types.len() > 5 { " and so on" } else { "" };
                format!("{name} has its type in its name: {}{more}", references::one_of(&names))
            }
            (None, Some(near)) => format!("{} has no such element; did you mean {near}?", ty.name),
            (None, None) => format!("{} has no such element", ty.name),
        };
        self.error("structure", place, message);
    }

    fn missing(&mut self, ty: &TypeDef, missing: Mask, place: &Place) {
        for (_, element) in ty.elements.iter().enumerate().filter(|(i, _)| missing & (1 << i) != 0) {
            let choice = if element.is_choice { "[x]" } else { "" };
            let message = format!("{}{choice} is missing; {} must have it", element.name, ty.name);
            self.error("required", &place.member(&element.name), message);
        }
    }

    /// `ext-1`: a value or extensions, not both.
    fn extension(&mut self, object: &Object, place: &Place) {
        let has_value = object.iter().any(|(name, _)| name.trim_start_matches('_').starts_with("value"));
        let has_extensions = object.get("extension").is_some();
        if has_value == has_extensions {
            self.error("invariant", place, "an extension must have either a value or extensions, not both (ext-1)");
        }
    }
}
