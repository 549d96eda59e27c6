//! What does not exist for whoever asks: elements of some types, and every search parameter that reads one of them.
//!
//! A parameter over an element that somebody may not see would tell what stands there: by what it finds, by what it
//! sorts first, by what it leads to. So it is no parameter for them, and is answered like one that nobody knows.

use super::{Filter, Query, SortBy};
use crate::definitions::TypeDef;
use crate::search::params::{Param, path_text};
use std::collections::BTreeMap;

/// Elements at the top level of resources, by type, that do not exist for somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    types: BTreeMap<String, Vec<String>>,
}

/// Nothing is hidden.
pub const NOTHING: &Hidden = &Hidden { types: BTreeMap::new() };

impl Hidden {
    /// These elements, named without `[x]`. Types without one are left out.
    #[must_use]
    pub fn new<'e, E: IntoIterator<Item = &'e str>>(types: impl IntoIterator<Item = (&'e str, E)>) -> Hidden {
        let owned = |(name, elements): (&str, E)| {
            (name.to_owned(), elements.into_iter().map(str::to_owned).collect::<Vec<String>>())
        };
        Hidden { types: types.into_iter().map(owned).filter(|(_, elements)| !elements.is_empty()).collect() }
    }

    /// Whether everything is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The hidden elements of a type.
    #[must_use]
    pub fn of(&self, resource_type: &str) -> &[String] {
        self.types.get(resource_type).map_or(&[], Vec::as_slice)
    }

    /// Whether a JSON member of a resource (`multipleBirthBoolean`, `_birthDate`) is one of the hidden elements.
    #[must_use]
    pub fn hides_member(&self, ty: &TypeDef, member: &str) -> bool {
        let elements = self.of(&ty.name);
        let name = member.strip_prefix('_').unwrap_or(member);
        let element = || ty.property(name).map_or(name, |property| property.element.name.as_str());
        !elements.is_empty() && elements.iter().any(|hidden| hidden == element())
    }

    /// Whether a parameter reads a hidden element.
    #[must_use]
    pub fn hides(&self, param: &Param) -> bool {
        let paths = param.paths.iter().chain(param.components.iter().flat_map(|component| &component.paths));
        !self.is_empty() && paths.into_iter().any(|used| path_text(used.path).is_some_and(|text| self.hides_path(text)))
    }

    /// Whether words of these types (none: of all) cannot be asked for: `_text` where a narrative is hidden, `_content`
    /// where anything is, for what one resource contains may be of another type.
    #[must_use]
    pub fn hides_words(&self, types: &[&str], narrative: bool) -> bool {
        if !narrative {
            return !self.is_empty();
        }
        let asked = |name: &str| types.is_empty() || types.contains(&name);
        self.types.iter().any(|(name, elements)| asked(name) && elements.iter().any(|element| element == "text"))
    }

    /// Whether a query asks by what is hidden: then it was not read for whoever asks.
    #[must_use]
    pub fn is_asked_by(&self, query: &Query) -> bool {
        let types: Vec<&str> = query.types.iter().map(String::as_str).collect();
        let sorts = query.sort.iter().any(|sort| matches!(sort.by, SortBy::Param(param) if self.hides(param)));
        !self.is_empty() && (sorts || self.is_in(&query.filter, &types))
    }

    fn is_in(&self, filter: &Filter, types: &[&str]) -> bool {
        match filter {
            Filter::And(all) | Filter::Or(all) => all.iter().any(|filter| self.is_in(filter, types)),
            Filter::Not(filter) => self.is_in(filter, types),
            Filter::Test(test) => self.hides(test.param),
            Filter::Missing { param, .. } => self.hides(param),
            Filter::Chain { param, target, filter } => self.hides(param) || self.is_in(filter, &[target]),
            Filter::Has { source, param, filter } => self.hides(param) || self.is_in(filter, &[source]),
            Filter::Words { narrative, .. } => self.hides_words(types, *narrative),
            Filter::Current(current) => {
                let parts = [&current.stored, &current.only, &current.otherwise];
                parts.into_iter().any(|filter| self.is_in(filter, types))
            }
            Filter::All
            | Filter::Never
            | Filter::Id(_)
            | Filter::LastUpdated(_)
            | Filter::List(_)
            | Filter::Compartment { .. } => false,
        }
    }

    /// `token Patient.address.city`: the second word names type and element.
    fn hides_path(&self, text: &str) -> bool {
        let path = text.split(' ').nth(1).unwrap_or_default();
        let mut steps = path.split(['.', '[']);
        let (root, element) = (steps.next().unwrap_or_default(), steps.next().unwrap_or_default());
        self.of(root).iter().any(|hidden| hidden == element)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{parse, parse_for};
    use super::*;
    use crate::definitions::r4;
    use base::clock::Instant;

    fn hidden() -> Hidden {
        Hidden::new(
            [("Patient", &["text", "address", "generalPractitioner", "multipleBirth"][..]), ("Task", &[][..])]
                .map(|(name, elements)| (name, elements.iter().copied())),
        )
    }

    fn messages(resource_type: Option<&str>, name: &str, value: &str) -> Vec<String> {
        let pairs = [(name.to_owned(), value.to_owned())];
        let query = parse_for(resource_type, &pairs, false, Instant(0), &hidden()).expect("lenient");
        assert!(!hidden().is_asked_by(&query));
        query.findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_parameter_over_a_hidden_element_is_not_known() {
        for (name, value) in [
            ("address-city", "x"),
            ("address:contains", "x"),
            ("address:missing", "true"),
            ("general-practitioner", "Practitioner/1"),
            ("general-practitioner.name", "x"),
            ("_text", "x"),
            ("_content", "x"),
            ("_filter", "address co \"x\""),
            ("_sort", "-address-state"),
            ("_include", "Patient:general-practitioner"),
            ("_has:Patient:link:address", "x"),
        ] {
            let pairs = [(name.to_owned(), value.to_owned())];
            assert!(parse_for(Some("Patient"), &pairs, true, Instant(0), &hidden()).is_err(), "{name}");
            assert_eq!(messages(Some("Patient"), name, value).len(), 1, "{name}");
            if let Ok(query) = parse(Some("Patient"), &pairs, true, Instant(0)) {
                let includes = name == "_include";
                assert!(hidden().is_asked_by(&query) || includes, "{name}");
            }
        }
        for (ty, name) in [(Some("Observation"), "subject:Patient.address"), (None, "_text"), (None, "_content")] {
            assert_eq!(messages(ty, name, "x").len(), 1, "{name}");
        }
        for (ty, name) in [(Some("Patient"), "family"), (Some("Task"), "_text"), (Some("RelatedPerson"), "address")] {
            assert_eq!(messages(ty, name, "x").len(), 0, "{name}");
        }
    }

    #[test]
    fn it_is_answered_like_what_never_was() {
        let said = |name: &str| messages(Some("Patient"), name, "x").remove(0).replace(name, "?");
        assert_eq!(said("address-use"), said("adresss-use"));
        assert!(!said("address").contains("address-"), "a hint would name another hidden one");
    }

    #[test]
    fn a_member_is_hidden_by_its_element() {
        let patient = r4().resource("Patient").expect("Patient");
        for (member, is_hidden) in [
            ("multipleBirthBoolean", true),
            ("_multipleBirthInteger", true),
            ("address", true),
            ("id", false),
            ("birthDate", false),
        ] {
            assert_eq!(hidden().hides_member(patient, member), is_hidden, "{member}");
        }
    }
}
