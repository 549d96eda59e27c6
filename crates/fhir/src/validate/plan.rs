//! The definitions as the walk needs them: what to check at each type and element, worked out once.

use super::codes::Codes;
use super::format::Format;
use super::invariants::{Compiler, Invariant};
use crate::definitions::{BindingStrength, Definitions, ElementDef, TypeDef, TypeId, TypeKind, r4};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// No type has more elements than a mask has bits (ActivityDefinition has the most, 54).
pub(super) type Mask = u128;

/// What the walk asks, type by type.
pub(super) struct Plan {
    /// The definitions.
    pub r4: &'static Definitions,
    types: Vec<TypePlan>,
    /// Keys of the invariants that cannot be run, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// One type.
pub(super) struct TypePlan {
    /// How its values are looked at.
    pub shape: Shape,
    /// Its elements with `min` of 1 or more.
    pub required: Mask,
    /// The codes of each element's required binding.
    pub codes: Vec<Option<Arc<Codes>>>,
    /// What must hold of each value of the type.
    pub invariants: Vec<Arc<Invariant>>,
    /// What must hold of each value of an element, by element.
    pub element_invariants: Vec<Vec<Arc<Invariant>>>,
}

/// How a value of a type is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A JSON string, number or boolean.
    Primitive(Format),
    /// An object without rules beyond its elements.
    Object,
    /// A `Reference`.
    Reference,
    /// An `Extension`.
    Extension,
    /// A resource of any type, or of this one.
    Resource,
}

static PLAN: OnceLock<Plan> = OnceLock::new();

/// The plan for R4.
pub(super) fn plan() -> &'static Plan {
    PLAN.get_or_init(|| {
        let r4 = r4();
        let (mut sets, mut compiler) = (HashMap::new(), Compiler::default());
        let types = r4.types.iter().map(|ty| type_plan(ty, &mut sets, &mut compiler)).collect();
        Plan { r4, types, skipped: compiler.skipped }
    })
}

impl Plan {
    /// The plan of a type.
    pub fn of(&self, ty: TypeId) -> &TypePlan {
        &self.types[ty as usize]
    }
}

fn type_plan<'d>(ty: &'d TypeDef, sets: &mut HashMap<&'d str, Arc<Codes>>, compiler: &mut Compiler<'d>) -> TypePlan {
    assert!(ty.elements.len() <= Mask::BITS as usize, "the mask is too small for {}", ty.name);
    let required = ty.elements.iter().enumerate().filter(|(_, e)| e.min > 0).fold(0, |mask, (i, _)| mask | 1 << i);
    TypePlan {
        shape: shape(ty),
        required,
        codes: ty.elements.iter().map(|e| codes(e, sets)).collect(),
        invariants: compiler.compile(&ty.constraints),
        element_invariants: ty.elements.iter().map(|e| compiler.compile(&e.constraints)).collect(),
    }
}

fn shape(ty: &TypeDef) -> Shape {
    match (ty.kind, ty.name.as_str()) {
        (TypeKind::Primitive, name) => {
            Shape::Primitive(Format::of(name).expect("every primitive type of R4 has a format here"))
        }
        (TypeKind::Resource, _) => Shape::Resource,
        (_, "Reference") => Shape::Reference,
        (_, "Extension") => Shape::Extension,
        (TypeKind::Complex | TypeKind::Backbone, _) => Shape::Object,
    }
}

fn codes<'d>(element: &'d ElementDef, sets: &mut HashMap<&'d str, Arc<Codes>>) -> Option<Arc<Codes>> {
    let binding = element.binding.as_ref().filter(|b| b.strength == BindingStrength::Required)?;
    Some(sets.entry(&binding.value_set).or_insert_with(|| Arc::new(Codes::of(&binding.value_set))).clone())
}
