//! Equality, equivalence and order (FHIRPath sections 6.1 and 6.2).

use super::ast::Outcome;
use super::decimal;
use super::error::FhirPathError;
use super::eval::Evaluator;
use super::item::{Collection, Item};
use super::quantity;
use super::value::{Quantity, Text, Unit, Value};
use crate::json::Json;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

impl<'a> Evaluator<'_, 'a> {
    /// `=` of two collections; `None` where precision or units leave it open, or one is empty.
    pub(super) fn equal(&mut self, a: &[Item<'a>], b: &[Item<'a>]) -> Outcome<Option<bool>> {
        if a.is_empty() || b.is_empty() {
            return Ok(None);
        }
        if a.len() != b.len() {
            return Ok(Some(false));
        }
        let mut all = Some(true);
        for (a, b) in a.iter().zip(b) {
            match self.same(a, b)? {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => all = None,
            }
        }
        Ok(all)
    }

    /// `=` of two items.
    pub(super) fn same(&mut self, a: &Item<'a>, b: &Item<'a>) -> Outcome<Option<bool>> {
        self.spend(1)?;
        match (a.value(), b.value()) {
            (Some(a), Some(b)) => Ok(values_equal(&a, &b)),
            (None, None) => match (a, b) {
                (Item::Node(a), Item::Node(b)) => {
                    let siblings = match (a.sibling, b.sibling) {
                        (Some(a), Some(b)) => self.same_tree(a, b)?,
                        (None, None) => true,
                        _ => false,
                    };
                    Ok(Some(siblings && self.same_tree(a.json, b.json)?))
                }
                (Item::Type { namespace, name }, Item::Type { namespace: other, name: b }) => {
                    Ok(Some(namespace == other && name == b))
                }
                _ => Ok(Some(false)),
            },
            _ => Ok(Some(false)),
        }
    }

    fn same_tree(&mut self, a: &Json<'_>, b: &Json<'_>) -> Outcome<bool> {
        self.spend(1)?;
        if std::ptr::eq(std::ptr::from_ref(a).cast::<()>(), std::ptr::from_ref(b).cast::<()>()) {
            return Ok(true);
        }
        match (a, b) {
            (Json::Number(a), Json::Number(b)) => {
                Ok(a == b || decimal::parse(a).zip(decimal::parse(b)).is_some_and(|(a, b)| a == b))
            }
            (Json::Array(a), Json::Array(b)) => {
                for (a, b) in a.iter().zip(b) {
                    if !self.same_tree(a, b)? {
                        return Ok(false);
                    }
                }
                Ok(a.len() == b.len())
            }
            (Json::Object(a), Json::Object(b)) => {
                for (name, a) in a.iter() {
                    let Some(b) = b.get(name) else { return Ok(false) };
                    if !self.same_tree(a, b)? {
                        return Ok(false);
                    }
                }
                Ok(a.len() == b.len())
            }
            _ => Ok(a == b),
        }
    }

    /// `~` of two collections: order does not matter.
    pub(super) fn equivalent(&mut self, a: &[Item<'a>], b: &[Item<'a>]) -> Outcome<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        let mut open: Vec<&Item<'a>> = b.iter().collect();
        for a in a {
            let mut found = None;
            for (i, b) in open.iter().enumerate() {
                if self.alike(a, b)? {
                    found = Some(i);
                    break;
                }
            }
            let Some(i) = found else { return Ok(false) };
            open.swap_remove(i);
        }
        Ok(true)
    }

    /// `~` of two items.
    fn alike(&mut self, a: &Item<'a>, b: &Item<'a>) -> Outcome<bool> {
        self.spend(1)?;
        match (a.value(), b.value()) {
            (Some(a), Some(b)) => {
                if let (Value::String(a), Value::String(b)) = (&a, &b) {
                    self.spend_text(a.len() + b.len())?;
                }
                Ok(values_equivalent(&a, &b))
            }
            (None, None) => match (a, b) {
                (Item::Node(a), Item::Node(b)) => {
                    let (a, b) = (super::navigate::children(&(*a).into()), super::navigate::children(&(*b).into()));
                    self.equivalent(&a, &b)
                }
                _ => Ok(self.same(a, b)? == Some(true)),
            },
            _ => Ok(false),
        }
    }

    /// Which of two collections of one comes first; `None` if one is empty or precision leaves it open.
    pub(super) fn order(&mut self, a: &[Item<'a>], b: &[Item<'a>]) -> Outcome<Option<Ordering>> {
        let (Some(a), Some(b)) = (super::eval::single(a, "a comparison")?, super::eval::single(b, "a comparison")?)
        else {
            return Ok(None);
        };
        match (a.value(), b.value()) {
            (Some(a), Some(b)) => values_ordered(&a, &b),
            _ => Err(FhirPathError::evaluation("only values can be compared")),
        }
    }

    /// Whether an item equals one of the collection.
    pub(super) fn holds(&mut self, items: &[Item<'a>], item: &Item<'a>) -> Outcome<bool> {
        for other in items {
            if self.same(other, item)? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The items without repetitions, in order.
    pub(super) fn distinct(&mut self, items: impl IntoIterator<Item = Item<'a>>) -> Outcome<Collection<'a>> {
        let mut set = Distinct::default();
        for item in items {
            set.insert(self, item)?;
        }
        Ok(set.items.into())
    }

    fn hash(&mut self, item: &Item<'a>, into: &mut DefaultHasher) -> Outcome<()> {
        match (item, item.value()) {
            (_, Some(Value::Boolean(b))) => b.hash(into),
            (_, Some(Value::String(text))) => {
                self.spend_text(text.len())?;
                text.hash(into);
            }
            (_, Some(value)) => value.as_decimal().map(|d| d.normalize()).hash(into),
            (Item::Node(node), None) => self.hash_tree(node.json, into)?,
            _ => {}
        }
        Ok(())
    }

    // Equal trees may differ in the order of members and in how numbers are written: both are left out.
    fn hash_tree(&mut self, json: &Json<'_>, into: &mut DefaultHasher) -> Outcome<()> {
        self.spend(1)?;
        match json {
            Json::Null | Json::Number(_) => {}
            Json::Bool(b) => b.hash(into),
            Json::String(text) => text.hash(into),
            Json::Array(items) => {
                for item in items {
                    self.hash_tree(item, into)?;
                }
            }
            Json::Object(object) => {
                let mut sum = 0_u64;
                for (name, value) in object.iter() {
                    let mut member = DefaultHasher::new();
                    name.hash(&mut member);
                    self.hash_tree(value, &mut member)?;
                    sum = sum.wrapping_add(member.finish());
                }
                sum.hash(into);
            }
        }
        Ok(())
    }
}

/// A growing collection without repetitions; buckets of equal hash keep it from comparing all with all.
#[derive(Default)]
pub(super) struct Distinct<'a> {
    pub(super) items: Vec<Item<'a>>,
    buckets: HashMap<u64, Vec<usize>>,
}

/// Below this many items comparing all is cheaper than hashing.
const FEW: usize = 8;

impl<'a> Distinct<'a> {
    /// Adds the item unless an equal one is there; says whether it was added.
    pub(super) fn insert(&mut self, evaluator: &mut Evaluator<'_, 'a>, item: Item<'a>) -> Outcome<bool> {
        if self.items.len() < FEW {
            let is_new = !evaluator.holds(&self.items, &item)?;
            if is_new {
                self.items.push(item);
            }
            return Ok(is_new);
        }
        if self.buckets.is_empty() {
            for (i, item) in self.items.iter().enumerate() {
                self.buckets.entry(key(evaluator, item)?).or_default().push(i);
            }
        }
        let bucket = self.buckets.entry(key(evaluator, &item)?).or_default();
        for i in &*bucket {
            if evaluator.same(&self.items[*i], &item)? == Some(true) {
                return Ok(false);
            }
        }
        bucket.push(self.items.len());
        self.items.push(item);
        Ok(true)
    }
}

fn key<'a>(evaluator: &mut Evaluator<'_, 'a>, item: &Item<'a>) -> Outcome<u64> {
    let mut hasher = DefaultHasher::new();
    evaluator.hash(item, &mut hasher)?;
    Ok(hasher.finish())
}

fn values_equal(a: &Value<'_>, b: &Value<'_>) -> Option<bool> {
    match (a, b) {
        (Value::Boolean(a), Value::Boolean(b)) => Some(a == b),
        (Value::String(a), Value::String(b)) => Some(**a == **b),
        (Value::Integer(a), Value::Integer(b)) => Some(a == b),
        (Value::Date(a) | Value::DateTime(a), Value::Date(b) | Value::DateTime(b))
        | (Value::Time(a), Value::Time(b)) => a.compare(b).map(Ordering::is_eq),
        _ => match numbers(a, b) {
            Some(Numbers::Plain(a, b)) => Some(a == b),
            Some(Numbers::Quantities(a, b)) => quantity::compare(&a, &b).map(Ordering::is_eq),
            None => Some(false),
        },
    }
}

fn values_equivalent(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => folded(a).eq(folded(b)),
        (Value::Date(a) | Value::DateTime(a), Value::Date(b) | Value::DateTime(b))
        | (Value::Time(a), Value::Time(b)) => a.equivalent(b),
        _ => match numbers(a, b) {
            Some(Numbers::Plain(a, b)) => decimal::equivalent(a, b),
            Some(Numbers::Quantities(a, b)) => quantity::equivalent(&a, &b),
            None => values_equal(a, b) == Some(true),
        },
    }
}

// Case is ignored and white space of any kind and length is one space.
fn folded(text: &str) -> impl Iterator<Item = char> {
    let words = text.split_whitespace().flat_map(|word| std::iter::once(' ').chain(word.chars()));
    words.flat_map(char::to_lowercase)
}

fn values_ordered(a: &Value<'_>, b: &Value<'_>) -> Outcome<Option<Ordering>> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Ok(Some((**a).cmp(b))),
        (Value::Date(a) | Value::DateTime(a), Value::Date(b) | Value::DateTime(b))
        | (Value::Time(a), Value::Time(b)) => Ok(a.compare(b)),
        _ => match numbers(a, b) {
            Some(Numbers::Plain(a, b)) => Ok(Some(a.cmp(&b))),
            Some(Numbers::Quantities(a, b)) => Ok(quantity::compare(&a, &b)),
            None => {
                Err(FhirPathError::evaluation(format!("{} and {} cannot be compared", a.type_name(), b.type_name())))
            }
        },
    }
}

/// Two numbers, or two quantities of which one may have been a number.
pub(super) enum Numbers<'a> {
    Plain(rust_decimal::Decimal, rust_decimal::Decimal),
    Quantities(Quantity<'a>, Quantity<'a>),
}

/// Integers become decimals, and numbers quantities of unit `1`, where the other side needs it (FHIRPath section 5.5).
pub(super) fn numbers<'a>(a: &Value<'a>, b: &Value<'a>) -> Option<Numbers<'a>> {
    let as_quantity = |value: &Value<'a>| match value {
        Value::Quantity(q) => Some((**q).clone()),
        _ => Some(Quantity { value: value.as_decimal()?, unit: Unit::Ucum(Text::Borrowed("1")) }),
    };
    match (a.as_decimal(), b.as_decimal()) {
        (Some(a), Some(b)) => Some(Numbers::Plain(a, b)),
        _ => Some(Numbers::Quantities(as_quantity(a)?, as_quantity(b)?)),
    }
}
