//! The rules of contained resources (dom-3, dom-4, dom-5) and of the narrative (dom-6).

use super::Depth;
use super::place::Place;
use super::walk::{Scope, Walk};
use crate::json::Json;
use base::finding::Severity;
use std::collections::{HashMap, HashSet};

/// The contained resources of a root, by id. Empty, and free, for a resource that contains none.
#[derive(Default)]
pub(super) struct Inner<'r> {
    types: HashMap<&'r str, &'r str>,
}

impl<'r> Inner<'r> {
    /// Those of a resource.
    pub fn of(root: &'r Json<'r>) -> Inner<'r> {
        let contained = root.get("contained").map(Json::items).unwrap_or_default();
        let id_and_type = |c: &'r Json<'r>| Some((c.text("id")?, c.text("resourceType").unwrap_or_default()));
        Inner { types: contained.iter().filter_map(id_and_type).collect() }
    }

    /// The type of the contained resource of that id.
    pub fn type_of(&self, id: &str) -> Option<&'r str> {
        self.types.get(id).copied()
    }
}

/// Looks at one resource after its members.
pub(super) fn check(walk: &mut Walk, resource: &Json, place: &Place, scope: Scope) {
    if scope.is_contained {
        return inside(walk, resource, place);
    }
    if let Some(contained) = resource.get("contained") {
        all(walk, resource, contained.items(), &place.member("contained"));
    }
    if walk.depth >= Depth::Advice && resource.get("text").is_none() && has_narrative(walk, resource) {
        let message = "a resource should have a narrative for people to read (dom-6)";
        walk.find(Severity::Warning, "invariant", place, message);
    }
}

fn has_narrative(walk: &Walk, resource: &Json) -> bool {
    let ty = resource.text("resourceType").and_then(|name| walk.plan.r4.by_name(name));
    ty.is_some_and(|ty| ty.property("text").is_some_and(|p| walk.plan.r4.get(p.ty).name == "Narrative"))
}

fn inside(walk: &mut Walk, resource: &Json, place: &Place) {
    let Some(meta) = resource.get("meta") else { return };
    let below = place.member("meta");
    for (name, rule) in [("versionId", "dom-4"), ("lastUpdated", "dom-4"), ("security", "dom-5")] {
        if meta.get(name).is_some() {
            walk.error(
                "invariant",
                &below.member(name),
                format!("a contained resource must not have meta.{name} ({rule})"),
            );
        }
    }
}

/// Each contained resource has an id of its own and is referred to from the resource around it, or refers to it (dom-3).
fn all(walk: &mut Walk, resource: &Json, contained: &[Json], place: &Place) {
    let (mut pointers, mut ids) = (HashSet::new(), HashSet::new());
    collect(resource, &mut pointers);
    for (i, inner) in contained.iter().enumerate() {
        let at = place.at(i);
        let Some(id) = inner.text("id") else {
            walk.error(
                "invariant",
                &at.member("id"),
                "a contained resource must have an id, to be referred to (dom-3)",
            );
            continue;
        };
        if !ids.insert(id) {
            let message = "another contained resource has this id; references inside could mean either";
            walk.error("value", &at.member("id"), message);
        }
        if !pointers.contains(id) && !refers_back(inner) {
            let message =
                "a contained resource must be referred to from the resource around it, or refer to it (dom-3)";
            walk.error("invariant", &at, message);
        }
    }
}

fn refers_back(inner: &Json) -> bool {
    let mut pointers = HashSet::new();
    collect(inner, &mut pointers);
    pointers.contains("")
}

/// All strings `#id`, without the `#`: references, canonicals, uris, urls.
fn collect<'j>(json: &'j Json, into: &mut HashSet<&'j str>) {
    match json {
        Json::String(text) => into.extend(text.strip_prefix('#')),
        Json::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Json::Object(object) => object.iter().for_each(|(_, value)| collect(value, into)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
