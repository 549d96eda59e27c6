//! From a node to the nodes below it.

use super::item::{Item, NOTHING, Node};
use super::model::{Model, model};
use super::value::{Text, Value};
use crate::definitions::TypeId;
use crate::json::{Json, Object};

/// The nodes a member's value stands for: each item of an array, with its `_name` sibling.
pub(super) fn values<'a>(
    value: Option<&'a Json<'a>>,
    sibling: Option<&'a Json<'a>>,
    ty: Option<TypeId>,
) -> impl Iterator<Item = Node<'a>> {
    let list = |json: Option<&'a Json<'a>>| match json {
        None => &[][..],
        Some(Json::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
    };
    let (values, siblings) = (list(value), list(sibling));
    (0..values.len().max(siblings.len())).filter_map(move |i| {
        let json = values.get(i).unwrap_or(&NOTHING);
        let sibling = siblings.get(i).filter(|s| s.as_object().is_some());
        let is_there = sibling.is_some() || !matches!(json, Json::Null);
        is_there.then(|| Node { json, sibling, ty: actual(json, ty) })
    })
}

// An element of type Resource has the type its content names.
fn actual(json: &Json<'_>, ty: Option<TypeId>) -> Option<TypeId> {
    let model = model();
    if ty.is_some() && ty != model.resource {
        return ty;
    }
    json.text("resourceType").and_then(|name| model.definitions.type_id(name)).or(ty)
}

/// The children of an item: everything directly below it, in the order of the tree.
pub(super) fn children<'a>(item: &Item<'a>) -> Vec<Item<'a>> {
    let Item::Node(node) = item else {
        return ["namespace", "name", "value", "unit"].iter().flat_map(|name| parts(item, name)).collect();
    };
    let mut out = Vec::new();
    let object = node.json.as_object().or_else(|| node.sibling?.as_object());
    for (name, value) in object.into_iter().flat_map(Object::iter) {
        let plain = name.strip_prefix('_').unwrap_or(name);
        if plain != name && object.is_some_and(|object| object.get(plain).is_some()) {
            continue;
        }
        if plain == "resourceType" && node.ty.is_none_or(|ty| is_resource(model(), ty)) {
            continue;
        }
        let ty = node.ty.and_then(|ty| model().definitions.get(ty).property(plain)).map(|property| property.ty);
        let (value, sibling) = match object.filter(|_| plain == name) {
            Some(object) => (Some(value), sibling_of(object, name, ty)),
            None => (None, Some(value)),
        };
        out.extend(values(value, sibling, ty).map(Item::Node));
    }
    out
}

/// `_name` beside a primitive, or beside anything where types are not known.
fn sibling_of<'j, 'a>(object: &'j Object<'a>, name: &str, ty: Option<TypeId>) -> Option<&'j Json<'a>> {
    match ty {
        Some(ty) if !model().is_primitive(ty) => None,
        Some(_) => object.iter().find(|(other, _)| other.strip_prefix('_') == Some(name)).map(|(_, value)| value),
        None => object.get(&format!("_{name}")),
    }
}

fn is_resource(model: &Model, ty: TypeId) -> bool {
    model.resource.is_some_and(|resource| model.definitions.is_a(ty, resource))
}

/// What a computed item has inside.
pub(super) fn parts<'a>(item: &Item<'a>, name: &str) -> Option<Item<'a>> {
    let value = match (item, name) {
        (Item::Type { namespace, .. }, "namespace") => Value::String(Text::Borrowed(namespace)),
        (Item::Type { name, .. }, "name") => Value::String(Text::Borrowed(name)),
        (Item::Value(Value::Quantity(q)), "value") => Value::Decimal(q.value),
        (Item::Value(Value::Quantity(q)), "unit") => Value::String(Text::from(q.unit.to_string())),
        _ => return None,
    };
    Some(Item::Value(value))
}
