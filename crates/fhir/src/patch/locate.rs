//! Where in a resource a node of a FHIRPath result stands, so that it can be changed there.

use crate::definitions::{TypeDef, r4};
use crate::fhirpath::Node;
use crate::json::{Json, Object};

/// One step down the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Item(usize),
}

/// An element's place: the object that holds it, the member, and the position if the member is a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    holder: Vec<Step>,
    pub(super) member: String,
    pub(super) index: Option<usize>,
}

/// A value and its sibling: what a member and its `_member` say together.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) value: Option<Json<'static>>,
    pub(super) sibling: Option<Json<'static>>,
}

/// Finds the node in the tree it was taken from; `None` for the resource itself and what is not in the tree.
pub(super) fn locate(resource: &Json<'_>, node: &Node<'_>) -> Option<Place> {
    let mut steps = Vec::new();
    let wanted = node.sibling.filter(|_| *node.json == Json::Null).unwrap_or(node.json);
    if !find(resource, wanted, &mut steps) {
        return None;
    }
    let index = match steps.last()? {
        Step::Item(index) => Some(*index),
        Step::Member(_) => None,
    };
    steps.truncate(steps.len() - usize::from(index.is_some()));
    let Some(Step::Member(name)) = steps.pop() else { return None };
    let is_sibling = *node.json == Json::Null;
    let member = if is_sibling { name.strip_prefix('_').unwrap_or(&name).to_owned() } else { name };
    Some(Place { holder: steps, member, index })
}

fn find(json: &Json<'_>, wanted: &Json<'_>, steps: &mut Vec<Step>) -> bool {
    if std::ptr::eq(std::ptr::from_ref(json).cast::<()>(), std::ptr::from_ref(wanted).cast::<()>()) {
        return true;
    }
    let mut below = |step: Step, json: &Json<'_>| {
        steps.push(step);
        let is_found = find(json, wanted, steps);
        if !is_found {
            steps.pop();
        }
        is_found
    };
    match json {
        Json::Array(items) => items.iter().enumerate().any(|(i, item)| below(Step::Item(i), item)),
        Json::Object(object) => object.iter().any(|(name, value)| below(Step::Member(name.to_owned()), value)),
        _ => false,
    }
}

fn walk<'j>(json: &'j mut Json<'static>, steps: &[Step]) -> Option<&'j mut Json<'static>> {
    steps.iter().try_fold(json, |json, step| match (json, step) {
        (Json::Array(items), Step::Item(i)) => items.get_mut(*i),
        (Json::Object(object), Step::Member(name)) => object.get_mut(name),
        _ => None,
    })
}

/// Adds an item at the end of a list member.
pub(super) fn push(object: &mut Object<'static>, name: &str, element: Element) {
    let is_it = |(member, _): (&str, &Json<'static>)| member.strip_prefix('_').unwrap_or(member) == name;
    let at = object.iter().position(is_it).unwrap_or(object.len());
    let mut items = list(object, name);
    items.push(element);
    write(object, at, name, items);
}

/// The items of a list member: values and siblings side by side.
fn list(object: &mut Object<'static>, name: &str) -> Vec<Element> {
    let items = |json: Option<Json<'static>>| match json {
        Some(Json::Array(items)) => items,
        _ => Vec::new(),
    };
    let (values, siblings) = (items(object.remove(name)), items(object.remove(&format!("_{name}"))));
    let some = |json: Option<&Json<'static>>| json.filter(|json| **json != Json::Null).cloned();
    (0..values.len().max(siblings.len()))
        .map(|i| Element { value: some(values.get(i)), sibling: some(siblings.get(i)) })
        .collect()
}

/// Writes a list member where `at` says, or takes it out if it is empty; `_name` only where there is something to say.
fn write(object: &mut Object<'static>, at: usize, name: &str, items: Vec<Element>) {
    let (mut values, mut siblings) = (Vec::new(), Vec::new());
    for item in items {
        values.push(item.value.unwrap_or(Json::Null));
        siblings.push(item.sibling.unwrap_or(Json::Null));
    }
    let says = |items: &[Json<'static>]| items.iter().any(|json| *json != Json::Null);
    if says(&siblings) {
        object.insert(at, format!("_{name}"), Json::Array(siblings));
    }
    if says(&values) {
        object.insert(at, name.to_owned(), Json::Array(values));
    }
}

/// The value itself, or that item of it; an array grows to hold it.
fn slot<'j>(json: &'j mut Json<'static>, index: Option<usize>) -> Option<&'j mut Json<'static>> {
    match (json, index) {
        (Json::Array(items), Some(index)) => {
            if items.len() <= index {
                items.resize(index + 1, Json::Null);
            }
            items.get_mut(index)
        }
        (json, None) => Some(json),
        _ => None,
    }
}

impl Place {
    /// Levels above the element.
    pub(super) fn depth(&self) -> usize {
        self.holder.len() + 2
    }

    /// Whether both are items of one list.
    pub(super) fn is_beside(&self, other: &Place) -> bool {
        self.holder == other.holder && self.member == other.member
    }

    /// The type of the object that holds the element.
    pub(super) fn holder_type(&self, resource: &Json<'_>) -> Option<&'static TypeDef> {
        let named = |json: &Json<'_>| json.text("resourceType").and_then(|name| r4().by_name(name));
        let (mut json, mut ty) = (resource, named(resource)?);
        for step in &self.holder {
            match step {
                Step::Item(index) => json = json.items().get(*index)?,
                Step::Member(name) => {
                    ty = r4().get(ty.property(name)?.ty);
                    json = json.get(name)?;
                }
            }
            if ty.is_abstract {
                ty = named(json).unwrap_or(ty);
            }
        }
        Some(ty)
    }

    /// The object that holds the element.
    pub(super) fn holder<'j>(&self, resource: &'j mut Json<'static>) -> Option<&'j mut Object<'static>> {
        walk(resource, &self.holder)?.as_object_mut()
    }

    /// The element itself, to add to: its object, or for a primitive the object of its id and extensions.
    pub(super) fn object<'j>(&self, resource: &'j mut Json<'static>) -> Option<&'j mut Object<'static>> {
        let holder = self.holder(resource)?;
        let here = holder.get(&self.member);
        let here = self.index.map_or(here, |index| here.and_then(|items| items.items().get(index)));
        if matches!(here, Some(Json::Object(_))) {
            let here = holder.get_mut(&self.member)?;
            return slot(here, self.index)?.as_object_mut();
        }
        let name = format!("_{}", self.member);
        if holder.get(&name).is_none() {
            let empty = if self.index.is_some() { Json::Array(Vec::new()) } else { Json::Null };
            holder.set(name.clone(), empty);
        }
        let sibling = slot(holder.get_mut(&name)?, self.index)?;
        if *sibling == Json::Null {
            *sibling = Json::Object(Object::default());
        }
        sibling.as_object_mut()
    }

    /// Changes the list that holds the element.
    pub(super) fn change_list<R>(
        &self,
        resource: &mut Json<'static>,
        change: impl FnOnce(&mut Vec<Element>) -> R,
    ) -> Option<R> {
        let holder = self.holder(resource)?;
        let at = holder.iter().position(|(name, _)| name.strip_prefix('_').unwrap_or(name) == self.member)?;
        let mut items = list(holder, &self.member);
        let result = change(&mut items);
        write(holder, at, &self.member, items);
        Some(result)
    }

    /// Takes the element out, and what holds it as far as that is empty then.
    pub(super) fn delete(&self, resource: &mut Json<'static>) {
        match self.index {
            Some(index) => {
                self.change_list(resource, |items| items.get(index).is_some().then(|| items.remove(index)));
            }
            None => {
                if let Some(holder) = self.holder(resource) {
                    holder.remove(&self.member);
                    holder.remove(&format!("_{}", self.member));
                }
            }
        }
        prune(resource, &self.holder);
    }

    /// Puts another value under `name` where this element stands.
    pub(super) fn replace(&self, resource: &mut Json<'static>, name: &str, element: Element) {
        if let Some(index) = self.index {
            self.change_list(resource, |items| items.get_mut(index).map(|item| *item = element));
            return;
        }
        let Some(holder) = self.holder(resource) else { return };
        let at = holder.iter().position(|(name, _)| name.strip_prefix('_').unwrap_or(name) == self.member);
        holder.remove(&self.member);
        holder.remove(&format!("_{}", self.member));
        let at = at.unwrap_or(holder.len());
        if let Some(sibling) = element.sibling {
            holder.insert(at, format!("_{name}"), sibling);
        }
        if let Some(value) = element.value {
            holder.insert(at, name.to_owned(), value);
        }
    }
}

/// Takes out what is empty, from the bottom of the path up. FHIR has no empty elements (R4 json section 2.6.2).
fn prune(resource: &mut Json<'static>, path: &[Step]) {
    for len in (1..=path.len()).rev() {
        let is_empty = match walk(resource, &path[..len]) {
            Some(Json::Object(object)) => object.is_empty(),
            Some(Json::Array(items)) => items.is_empty(),
            _ => false,
        };
        if !is_empty {
            return;
        }
        let above = walk(resource, &path[..len - 1]);
        match (above, &path[len - 1]) {
            (Some(Json::Object(object)), Step::Member(name)) => {
                object.remove(name);
            }
            (Some(Json::Array(items)), Step::Item(index)) if *index < items.len() => {
                items.remove(*index);
            }
            _ => return,
        }
    }
}
