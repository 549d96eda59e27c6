//! Primitives' extensions: the `_name` member that stands beside `name` (R4 json section 2.6.2).

use super::place::Place;
use super::walk::{Scope, Step, Walk};
use crate::definitions::Property;
use crate::json::{Json, Object};

/// The `_name` member beside a member.
pub(super) fn of<'r>(object: &'r Object<'r>, name: &str) -> Option<&'r Json<'r>> {
    object.iter().find(|(n, _)| n.strip_prefix('_') == Some(name)).map(|(_, value)| value)
}

impl Walk {
    /// The `_name` member beside a primitive: its id and extensions.
    pub(super) fn sidecar<'r>(
        &mut self,
        object: &'r Object<'r>,
        bare: &str,
        value: &'r Json<'r>,
        step: Step<'r>,
        place: &Place,
    ) {
        let Step { property, scope, .. } = step;
        if !self.is_primitive(property.ty) {
            return self.error("structure", place, "only primitive elements have a member that starts with _");
        }
        let Json::Array(items) = value else {
            if property.element.is_array {
                return self.error("structure", place, "the extensions of a repeating element must be an array");
            }
            return self.annotation(value, property, place, object.get(bare).is_some(), scope);
        };
        if !property.element.is_array {
            return self.error(
                "structure",
                place,
                "the extensions of a single element must be an object, not an array",
            );
        }
        let values = object.get(bare).map(Json::items);
        if items.is_empty() || values.is_some_and(|values| values.len() != items.len()) {
            let message = "the array of extensions must be as long as that of the values; fill it up with null";
            return self.error("structure", place, message);
        }
        for (i, item) in items.iter().enumerate() {
            let has_value = values.and_then(|v| v.get(i)).is_some_and(|v| *v != Json::Null);
            match item {
                Json::Null if has_value => {}
                Json::Null => self.error("structure", &place.at(i), "there is neither a value nor an extension here"),
                _ => self.annotation(item, property, &place.at(i), has_value, scope),
            }
        }
    }

    /// The id and extensions of one primitive value.
    fn annotation<'r>(
        &mut self,
        value: &'r Json<'r>,
        property: Property<'static>,
        place: &Place,
        has_value: bool,
        scope: Scope<'r>,
    ) {
        let Some(object) = value.as_object().filter(|o| !o.is_empty()) else {
            return self.error("structure", place, "the extensions of a primitive must be an object with members");
        };
        if object.get("extension").is_none() {
            if has_value {
                // An id alone is enough beside a value.
                for (name, _) in object.iter().filter(|(name, _)| !matches!(*name, "id" | "_id")) {
                    self.unknown(self.plan.r4.get(property.ty), name, &place.member(name));
                }
                return;
            }
            return self.error("structure", place, "there is neither a value nor an extension here");
        }
        self.object(object, property.ty, place, scope);
    }

    /// A `null` in an array of primitives stands for a value that has extensions only.
    pub(super) fn padding(&mut self, object: &Object, name: &str, index: usize, place: &Place) {
        if of(object, name).map(Json::items).and_then(|items| items.get(index)).is_none_or(|item| *item == Json::Null) {
            self.error("structure", place, "a null stands for a value with extensions, and here is no extension");
        }
    }
}
