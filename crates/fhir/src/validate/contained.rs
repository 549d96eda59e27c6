//! The rules of contained resources (dom-3, dom-4, dom-5) and of the narrative (dom-6).

use super::Depth;
use super::place::Place;
use super::walk::{Scope, Walk};
use crate::json::Json;
use base::finding::Severity;

/// Looks at one resource after its members.
pub(super) fn check(walk: &mut Walk, resource: &Json, place: &Place, scope: Scope) {
    if scope.is_contained {
        return inside(walk, resource, place);
    }
    if let Some(contained) = resource.get("contained") {
        let below = place.member("contained");
        for (i, inner) in contained.items().iter().enumerate() {
            referred(walk, resource, inner, &below.at(i));
        }
    }
    if walk.depth >= Depth::Advice && resource.get("text").is_none() && has_narrative(walk, resource) {
        let message = "A resource should have a narrative for people to read (dom-6).";
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
                format!("A contained resource must not have meta.{name} ({rule})."),
            );
        }
    }
}

/// dom-3: a contained resource is referred to from the resource around it, or refers to it.
fn referred(walk: &mut Walk, resource: &Json, inner: &Json, place: &Place) {
    let Some(id) = inner.text("id") else {
        return walk.error(
            "invariant",
            &place.member("id"),
            "A contained resource must have an id, to be referred to (dom-3).",
        );
    };
    if !points_to(resource, id) && !points_to(inner, "") {
        let message = "A contained resource must be referred to from the resource around it, or refer to it (dom-3).";
        walk.error("invariant", place, message);
    }
}

/// Whether some string is `#id`: a reference, canonical, uri or url.
fn points_to(json: &Json, id: &str) -> bool {
    match json {
        Json::String(text) => text.strip_prefix('#') == Some(id),
        Json::Array(items) => items.iter().any(|item| points_to(item, id)),
        Json::Object(object) => object.iter().any(|(_, value)| points_to(value, id)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}
