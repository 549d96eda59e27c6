//! `is`, `as` and `ofType`.

use super::ast::TypeSpec;
use super::item::{Collection, Item};
use super::model::model;
use super::value::Value;
use crate::definitions::TypeId;

/// Whether an item has a type or one that specialises it.
pub(super) fn is(item: &Item<'_>, ty: TypeSpec) -> bool {
    match (item, ty) {
        (Item::Node(_), TypeSpec::Fhir(id) | TypeSpec::Quantity(id)) => is_fhir(item, id),
        (Item::Value(value), TypeSpec::System(name)) => name == "Any" || value.type_name() == name,
        (Item::Value(value), TypeSpec::Quantity(_)) => matches!(value, Value::Quantity(_)),
        (_, TypeSpec::System(name)) => name == "Any",
        (_, TypeSpec::Never | TypeSpec::Fhir(_) | TypeSpec::Quantity(_)) => false,
    }
}

/// Whether an item is a node of a FHIR type or one that specialises it.
pub(super) fn is_fhir(item: &Item<'_>, id: TypeId) -> bool {
    item.node().and_then(|node| node.ty).is_some_and(|ty| ty == id || model().definitions.is_a(ty, id))
}

/// The items of a type. Primitives must have the very type: a `code` is not got `as(string)` (official suite,
/// testFHIRPathAsFunction11).
pub(super) fn only<'a>(input: Collection<'a>, ty: TypeSpec) -> Collection<'a> {
    let fits = |item: &Item<'a>| match ty {
        TypeSpec::Fhir(id) if model().is_primitive(id) => item.node().is_some_and(|node| node.ty == Some(id)),
        _ => is(item, ty),
    };
    match &*input {
        [item] if fits(item) => input,
        [] | [_] => Collection::EMPTY,
        _ => input.into_iter().filter(fits).collect(),
    }
}
