//! What expressions work on: items that borrow from the tree, and ordered collections of them.

use super::decimal;
use super::model::{Class, model};
use super::value::{Quantity, Text, Unit, Value};
use crate::calendar;
use crate::definitions::TypeId;
use crate::json::Json;
use std::ops::Deref;

/// Stands where a primitive has extensions but no value, and where a reference leads outside the tree.
pub(super) static NOTHING: Json<'static> = Json::Null;

/// A place in the tree, with its type.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The value; `null` where a primitive has extensions only, or for the stub of a reference that leads elsewhere.
    pub json: &'a Json<'a>,
    /// The `_name` sibling of a primitive: its id and extensions.
    pub sibling: Option<&'a Json<'a>>,
    /// The type, where it is known.
    pub ty: Option<TypeId>,
}

/// One item of a collection.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// A place in the tree.
    Node(Node<'a>),
    /// A System value: a literal or something computed.
    Value(Value<'a>),
    /// The answer of `type()`.
    Type {
        /// `System` or `FHIR`.
        namespace: &'static str,
        /// `Integer`, `Patient`, ...
        name: &'static str,
    },
}

impl<'a> Node<'a> {
    /// A resource as a node; its type comes from `resourceType`.
    #[must_use]
    pub fn resource(json: &'a Json<'a>) -> Node<'a> {
        let ty = json.text("resourceType").and_then(|name| model().definitions.type_id(name));
        Node { json, sibling: None, ty }
    }

    /// An element whose type is known.
    #[must_use]
    pub fn typed(json: &'a Json<'a>, ty: TypeId) -> Node<'a> {
        Node { json, sibling: None, ty: Some(ty) }
    }

    pub(super) fn class(&self) -> Class {
        self.ty.map_or(Class::Complex, |ty| model().class(ty))
    }

    /// The System value a primitive or quantity stands for; none for other elements and for values that break the rules
    /// of their type.
    #[must_use]
    pub fn value(&self) -> Option<Value<'a>> {
        match self.json {
            Json::Null | Json::Array(_) => None,
            Json::Bool(b) => Some(Value::Boolean(*b)),
            Json::Number(text) => number(text, self.class()),
            Json::String(text) => string(text, self.class()),
            Json::Object(_) => (self.class() == Class::Quantity).then(|| quantity(self.json)).flatten(),
        }
    }
}

fn number<'a>(text: &str, class: Class) -> Option<Value<'a>> {
    if class != Class::Decimal
        && let Ok(n) = text.parse::<i64>()
    {
        return Some(Value::Integer(n));
    }
    decimal::parse(text).map(Value::Decimal)
}

fn string<'a>(text: &'a str, class: Class) -> Option<Value<'a>> {
    match class {
        Class::Date => calendar::parse_date(text).map(Value::Date),
        Class::DateTime => calendar::parse_date_time(text).map(Value::DateTime),
        Class::Time => calendar::parse_time(text).map(Value::Time),
        _ => Some(Value::String(Text::Borrowed(text))),
    }
}

// FHIR R4 fhirpath section 2.9.1.1: a Quantity with a comparator has no System equivalent.
fn quantity<'a>(json: &'a Json<'a>) -> Option<Value<'a>> {
    if json.get("comparator").is_some() {
        return None;
    }
    let value = decimal::parse(json.get("value")?.as_number()?)?;
    let unit = json.text("code").or_else(|| json.text("unit")).unwrap_or("1");
    Some(Value::Quantity(Box::new(Quantity { value, unit: Unit::Ucum(Text::Borrowed(unit)) })))
}

impl<'a> Item<'a> {
    /// The node, if the item is one.
    #[must_use]
    pub fn node(&self) -> Option<&Node<'a>> {
        if let Item::Node(node) = self { Some(node) } else { None }
    }

    /// The System value the item is or stands for.
    #[must_use]
    pub fn value(&self) -> Option<Value<'a>> {
        match self {
            Item::Node(node) => node.value(),
            Item::Value(value) => Some(value.clone()),
            Item::Type { .. } => None,
        }
    }

    /// The boolean the item is or stands for.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Item::Node(Node { json: Json::Bool(b), .. }) | Item::Value(Value::Boolean(b)) => Some(*b),
            _ => None,
        }
    }

    /// The name of the type: `boolean`, `HumanName`, `Patient.contact` of FHIR, `Boolean` of System.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Item::Node(node) => node.ty.map_or("Any", |ty| &model().definitions.get(ty).name),
            Item::Value(value) => value.type_name(),
            Item::Type { .. } => "TypeInfo",
        }
    }

    /// The item as JSON: nodes as they stand in the tree, quantities as `value` and `unit`.
    #[must_use]
    pub fn to_json(&self) -> Json<'static> {
        match self {
            Item::Node(node) => node.json.clone().into_owned(),
            Item::Value(value) => value.to_json(),
            Item::Type { namespace, name } => {
                Json::object([("namespace", Json::string(*namespace)), ("name", Json::string(*name))])
            }
        }
    }
}

impl<'a> From<Node<'a>> for Item<'a> {
    fn from(node: Node<'a>) -> Item<'a> {
        Item::Node(node)
    }
}

impl<'a> From<Value<'a>> for Item<'a> {
    fn from(value: Value<'a>) -> Item<'a> {
        Item::Value(value)
    }
}

/// Items in order. None and one need no allocation: most collections have no more.
#[derive(Clone, Debug, Default)]
pub struct Collection<'a>(Held<'a>);

#[derive(Clone, Debug, Default)]
enum Held<'a> {
    #[default]
    None,
    One(Item<'a>),
    Many(Vec<Item<'a>>),
}

impl<'a> Collection<'a> {
    /// The empty collection.
    pub const EMPTY: Collection<'static> = Collection(Held::None);

    /// Adds an item at the end.
    pub fn push(&mut self, item: impl Into<Item<'a>>) {
        let item = item.into();
        self.0 = match std::mem::take(&mut self.0) {
            Held::None => Held::One(item),
            Held::One(first) => Held::Many(vec![first, item]),
            Held::Many(mut items) => {
                items.push(item);
                Held::Many(items)
            }
        };
    }

    /// Keeps the first `len` items.
    pub fn truncate(&mut self, len: usize) {
        match &mut self.0 {
            Held::Many(items) => items.truncate(len),
            Held::One(_) if len == 0 => self.0 = Held::None,
            Held::None | Held::One(_) => {}
        }
    }

    pub(super) fn boolean(value: bool) -> Collection<'a> {
        Collection::from(Value::Boolean(value))
    }

    pub(super) fn optional_boolean(value: Option<bool>) -> Collection<'a> {
        value.map_or(Collection::EMPTY, Collection::boolean)
    }

    pub(super) fn optional(value: Option<Value<'a>>) -> Collection<'a> {
        value.map_or(Collection::EMPTY, Collection::from)
    }

    pub(super) fn integer(n: usize) -> Collection<'a> {
        Collection::from(Value::Integer(i64::try_from(n).unwrap_or(i64::MAX)))
    }

    pub(super) fn string(text: String) -> Collection<'a> {
        Collection::from(Value::String(Text::from(text)))
    }
}

impl<'a> Deref for Collection<'a> {
    type Target = [Item<'a>];

    fn deref(&self) -> &[Item<'a>] {
        match &self.0 {
            Held::None => &[],
            Held::One(item) => std::slice::from_ref(item),
            Held::Many(items) => items,
        }
    }
}

impl<'a> From<Value<'a>> for Collection<'a> {
    fn from(value: Value<'a>) -> Collection<'a> {
        Collection(Held::One(Item::Value(value)))
    }
}

impl<'a> From<Item<'a>> for Collection<'a> {
    fn from(item: Item<'a>) -> Collection<'a> {
        Collection(Held::One(item))
    }
}

impl<'a> From<Node<'a>> for Collection<'a> {
    fn from(node: Node<'a>) -> Collection<'a> {
        Collection(Held::One(Item::Node(node)))
    }
}

impl<'a> From<Vec<Item<'a>>> for Collection<'a> {
    fn from(items: Vec<Item<'a>>) -> Collection<'a> {
        Collection(Held::Many(items))
    }
}

impl<'a> FromIterator<Item<'a>> for Collection<'a> {
    fn from_iter<T: IntoIterator<Item = Item<'a>>>(items: T) -> Collection<'a> {
        let mut collection = Collection::EMPTY;
        collection.extend(items);
        collection
    }
}

impl<'a> Extend<Item<'a>> for Collection<'a> {
    fn extend<T: IntoIterator<Item = Item<'a>>>(&mut self, items: T) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<'a> IntoIterator for Collection<'a> {
    type Item = Item<'a>;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Item<'a>>, std::vec::IntoIter<Item<'a>>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self.0 {
            Held::None => (None, Vec::new()),
            Held::One(item) => (Some(item), Vec::new()),
            Held::Many(items) => (None, items),
        };
        one.into_iter().chain(many)
    }
}
