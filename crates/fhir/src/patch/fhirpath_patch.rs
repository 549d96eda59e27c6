//! FHIRPath Patch (R4 fhirpatch): operations whose place is a FHIRPath expression and whose value is a FHIR element.

use super::locate::{Element, Place, locate, push};
use super::{Brought, impossible, malformed};
use crate::definitions::{Property, TypeDef, capital, r4};
use crate::fhirpath::{Context, Expr, Item, Node, compile};
use crate::json::{Json, Object};
use base::clock::Instant;
use base::refusal::Refusal;

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// `operation 2 (insert)`; never the path, which may quote a patient's values.
    place: String,
    path: Expr,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Add { name: String, value: Json<'static> },
    Insert { value: Json<'static>, index: usize },
    Delete,
    Replace { value: Json<'static> },
    Move { source: usize, destination: usize },
}

impl Operation {
    /// Reads the parameter of that number.
    pub(super) fn read(number: usize, parameter: &Json<'_>) -> Result<Operation, Refusal> {
        let kind = part(parameter, "type").and_then(|part| part.text("valueCode"));
        let place = format!("operation {number} ({})", kind.unwrap_or("of no type"));
        if parameter.text("name") != Some("operation") {
            return Err(malformed(&place, "every parameter of a FHIRPath Patch is named operation"));
        }
        let missing = |name: &str| malformed(&place, &format!("the part {name} is missing"));
        let text = |name: &str| part(parameter, name).and_then(|p| p.text("valueString")).ok_or_else(|| missing(name));
        let index = |name: &str| {
            let number = part(parameter, name).and_then(|p| p.get("valueInteger")).and_then(Json::as_number);
            number.and_then(|text| text.parse::<usize>().ok()).ok_or_else(|| missing(name))
        };
        let value = || part(parameter, "value").map(|p| p.clone().into_owned()).ok_or_else(|| missing("value"));
        let action = match kind {
            Some("add") => Action::Add { name: text("name")?.to_owned(), value: value()? },
            Some("insert") => Action::Insert { value: value()?, index: index("index")? },
            Some("delete") => Action::Delete,
            Some("replace") => Action::Replace { value: value()? },
            Some("move") => Action::Move { source: index("source")?, destination: index("destination")? },
            _ => return Err(malformed(&place, "the type is not one of add, insert, delete, replace, move")),
        };
        let path = compile(text("path")?).map_err(|error| malformed(&place, &format!("the path: {error}")))?;
        Ok(Operation { place, path, action })
    }

    fn apply(&self, resource: &mut Json<'static>, now: Instant, brought: &mut Brought) -> Result<(), Refusal> {
        match &self.action {
            Action::Add { name, value } => self.add(resource, now, name, value, brought),
            Action::Insert { value, index } => self.insert(resource, now, value, *index, brought),
            Action::Delete => self.delete(resource, now),
            Action::Replace { value } => self.replace(resource, now, value, brought),
            Action::Move { source, destination } => self.shift(resource, now, *source, *destination),
        }
    }

    fn refuse<T>(&self, what: &str) -> Result<T, Refusal> {
        Err(impossible(&self.place, what))
    }

    /// What the path leads to: type of each node and its place (`None`: the resource itself).
    fn targets(
        &self,
        resource: &Json<'static>,
        now: Instant,
    ) -> Result<Vec<(&'static TypeDef, Option<Place>)>, Refusal> {
        let found = self.path.evaluate(&Context::new(resource, now));
        let found = found.map_err(|error| impossible(&self.place, &error.to_string()))?;
        let target = |item: &Item<'_>| {
            let node: &Node<'_> = item.node()?;
            let ty = r4().get(node.ty?);
            let place = locate(resource, node);
            (place.is_some() || std::ptr::eq(node.json, resource)).then_some((ty, place))
        };
        match found.iter().map(target).collect() {
            Some(targets) => Ok(targets),
            None => self.refuse("the path leads to a computed value, not to an element"),
        }
    }

    fn single(&self, resource: &Json<'static>, now: Instant) -> Result<(&'static TypeDef, Option<Place>), Refusal> {
        let mut targets = self.targets(resource, now)?;
        match (targets.pop(), targets.is_empty()) {
            (Some(target), true) => Ok(target),
            (None, _) => self.refuse("the path leads to nothing"),
            (Some(_), false) => self.refuse("the path leads to several elements; it must lead to one"),
        }
    }

    /// The items of one list, as the path leads to them.
    fn list(&self, resource: &Json<'static>, now: Instant) -> Result<(&'static TypeDef, Place), Refusal> {
        let targets = self.targets(resource, now)?;
        match &targets[..] {
            [(ty, Some(first)), rest @ ..] if first.index.is_some() => {
                let is_one = rest.iter().all(|(_, place)| place.as_ref().is_some_and(|place| place.is_beside(first)));
                if is_one { Ok((ty, first.clone())) } else { self.refuse("the path leads to items of several lists") }
            }
            [] => self.refuse("the path leads to nothing"),
            _ => self.refuse("the path does not lead to a list"),
        }
    }

    fn add(
        &self,
        resource: &mut Json<'static>,
        now: Instant,
        name: &str,
        value: &Json<'static>,
        brought: &mut Brought,
    ) -> Result<(), Refusal> {
        let (ty, place) = self.single(resource, now)?;
        let (key, property) = match member(ty, name, value) {
            Some(found) => found,
            None => return self.refuse("the element at the path has no element of that name that takes such a value"),
        };
        let element = element(value, r4().get(property.ty)).ok_or_else(|| impossible(&self.place, UNFIT))?;
        self.count(&element, place.as_ref().map_or(1, Place::depth) + 1, brought)?;
        let object = match &place {
            None => resource.as_object_mut(),
            Some(place) => place.object(resource),
        };
        let Some(object) = object else { return self.refuse("nothing can be added to the element at the path") };
        if property.element.is_array {
            push(object, &key, element);
            return Ok(());
        }
        let is_there = property.element.types.iter().any(|ty| {
            let stem = &property.element.name;
            let key = if property.element.is_choice {
                format!("{stem}{}", capital(&r4().get(ty.id).name))
            } else {
                stem.clone()
            };
            object.get(&key).is_some() || object.get(&format!("_{key}")).is_some()
        });
        if is_there {
            return self.refuse("the element is there already and does not repeat; replace it");
        }
        if let Some(value) = element.value {
            object.set(key.clone(), value);
        }
        if let Some(sibling) = element.sibling {
            object.set(format!("_{key}"), sibling);
        }
        Ok(())
    }

    fn insert(
        &self,
        resource: &mut Json<'static>,
        now: Instant,
        value: &Json<'static>,
        index: usize,
        brought: &mut Brought,
    ) -> Result<(), Refusal> {
        let (ty, place) = self.list(resource, now)?;
        let element = element(value, ty).ok_or_else(|| impossible(&self.place, UNFIT))?;
        self.count(&element, place.depth() + 1, brought)?;
        let done = place.change_list(resource, |items| {
            let is_inside = index <= items.len();
            if is_inside {
                items.insert(index, element);
            }
            is_inside
        });
        if done == Some(true) { Ok(()) } else { self.refuse("the index is beyond the end of the list") }
    }

    /// Nothing at the path is nothing to delete.
    fn delete(&self, resource: &mut Json<'static>, now: Instant) -> Result<(), Refusal> {
        let targets = self.targets(resource, now)?;
        match &targets[..] {
            [] => Ok(()),
            [(_, Some(place))] => {
                place.delete(resource);
                Ok(())
            }
            [_] => self.refuse("a patch cannot delete the resource"),
            _ => self.refuse("the path leads to several elements; it must lead to one"),
        }
    }

    fn replace(
        &self,
        resource: &mut Json<'static>,
        now: Instant,
        value: &Json<'static>,
        brought: &mut Brought,
    ) -> Result<(), Refusal> {
        let (ty, place) = self.single(resource, now)?;
        let Some(place) = place else { return self.refuse("a patch cannot replace the resource") };
        let element = element(value, ty).ok_or_else(|| impossible(&self.place, UNFIT))?;
        self.count(&element, place.depth() + 1, brought)?;
        // Where the name carries the type (`valueQuantity`), another type is another name.
        let name = value_key(value).and_then(|(_, new)| {
            let holder = place.holder_type(resource)?;
            let stem = &holder.property(&place.member).filter(|property| property.element.is_choice)?.element.name;
            let name = format!("{stem}{}", capital(new));
            holder.property(&name).map(|_| name)
        });
        let name = name.unwrap_or_else(|| place.member.clone());
        place.replace(resource, &name, element);
        Ok(())
    }

    fn shift(
        &self,
        resource: &mut Json<'static>,
        now: Instant,
        source: usize,
        destination: usize,
    ) -> Result<(), Refusal> {
        let (_, place) = self.list(resource, now)?;
        let done = place.change_list(resource, |items| {
            let is_inside = source < items.len() && destination < items.len();
            if is_inside {
                let item = items.remove(source);
                items.insert(destination, item);
            }
            is_inside
        });
        if done == Some(true) { Ok(()) } else { self.refuse("source or destination is beyond the end of the list") }
    }

    fn count(&self, element: &Element, depth: usize, brought: &mut Brought) -> Result<(), Refusal> {
        for json in [&element.value, &element.sibling].into_iter().flatten() {
            brought.count(&self.place, json, depth)?;
        }
        Ok(())
    }
}

const UNFIT: &str = "the value does not fit the element it is for";

/// Applies the operations in order; after a refusal the resource is somewhere in between.
pub(super) fn apply(operations: &[Operation], resource: &mut Json<'static>, now: Instant) -> Result<(), Refusal> {
    let mut brought = Brought::default();
    operations.iter().try_for_each(|operation| operation.apply(resource, now, &mut brought))
}

fn part<'j, 'a>(parameter: &'j Json<'a>, name: &str) -> Option<&'j Json<'a>> {
    parameter.get("part")?.items().iter().find(|part| part.text("name") == Some(name))
}

/// The `value[x]` of a part: its key, and the type the key names.
fn value_key<'j>(part: &'j Json<'_>) -> Option<(&'j str, &'static str)> {
    let holder = r4().by_name("Parameters.parameter")?;
    part.as_object()?.iter().find_map(|(name, _)| {
        let key = name.strip_prefix('_').unwrap_or(name);
        let property = holder.property(key).filter(|property| property.element.name == "value")?;
        Some((key, r4().get(property.ty).name.as_str()))
    })
}

/// The JSON member that `name` means for such a value, and what the definitions say of it.
fn member(ty: &'static TypeDef, name: &str, value: &Json<'_>) -> Option<(String, Property<'static>)> {
    if let Some(property) = ty.property(name) {
        return Some((name.to_owned(), property));
    }
    ty.element(name).filter(|element| element.is_choice)?;
    let key = format!("{name}{}", capital(value_key(value)?.1));
    ty.property(&key).map(|property| (key, property))
}

/// The element a value part stands for: its `value[x]`, its resource, or its parts as members of an element of type
/// `ty`.
fn element(part: &Json<'static>, ty: &'static TypeDef) -> Option<Element> {
    if let Some((key, _)) = value_key(part) {
        let sibling = part.get(&format!("_{key}")).cloned();
        return Some(Element { value: part.get(key).cloned(), sibling });
    }
    if let Some(resource) = part.get("resource") {
        return Some(Element { value: Some(resource.clone()), sibling: None });
    }
    let mut object = Object::default();
    for inner in part.get("part")?.items() {
        let (key, property) = member(ty, inner.text("name")?, inner)?;
        let element = element(inner, r4().get(property.ty))?;
        if property.element.is_array {
            push(&mut object, &key, element);
            continue;
        }
        if let Some(value) = element.value {
            object.set(key.clone(), value);
        }
        if let Some(sibling) = element.sibling {
            object.set(format!("_{key}"), sibling);
        }
    }
    Some(Element { value: Some(Json::Object(object)), sibling: None })
}
