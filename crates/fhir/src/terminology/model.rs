//! Code systems and value sets as terminology needs them, read from the resources of that name.
//!
//! The pack of the specification and resources stored by users come through the same [`System::read`] and
//! [`ValueSet::read`], so that both behave the same.

use super::hierarchy::Lines;
use crate::json::Json;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How much of a code system its resource holds (value set codesystem-content-mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// All concepts.
    Complete,
    /// Some concepts; others exist.
    Part,
    /// None: the system is only named (SNOMED CT, LOINC).
    Absent,
}

/// A code system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct System {
    /// Canonical URL.
    pub url: String,
    /// Version, may be empty.
    pub version: String,
    /// Name for programs.
    pub name: String,
    /// Name for people, may be empty.
    pub title: String,
    /// How much of it is here.
    pub content: Content,
    /// Whether `A` and `a` are different codes. True where the resource does not say.
    pub case_sensitive: bool,
    /// The concepts, parents before children.
    pub concepts: Vec<Concept>,
    #[serde(skip)]
    pub(super) lines: Lines,
}

/// A concept of a code system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Concept {
    /// The code.
    pub code: String,
    /// Its text for people, may be empty.
    pub display: String,
    /// What it means, may be empty.
    pub definition: String,
    /// The concepts right above, as indexes into [`System::concepts`].
    pub parents: Vec<u32>,
    /// Properties in the order of the resource.
    pub properties: Vec<(String, Property)>,
    /// Texts in other languages or for other uses.
    pub designations: Vec<Designation>,
}

/// The value of a concept's property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Property {
    /// A code of the same system.
    Code(String),
    /// A code of some system.
    Coding(String, String),
    /// Text.
    Text(String),
    /// A number, as its text: a decimal or an integer.
    Number(String),
    /// A truth.
    Bool(bool),
    /// A moment.
    DateTime(String),
}

/// A text of a concept in a language or for a use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Designation {
    /// Language, may be empty.
    pub language: String,
    /// Code of the use, may be empty.
    pub usage: String,
    /// The text.
    pub value: String,
}

/// A value set's definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueSet {
    /// Canonical URL.
    pub url: String,
    /// Version, may be empty.
    pub version: String,
    /// Name for programs.
    pub name: String,
    /// Name for people, may be empty.
    pub title: String,
    /// `draft`, `active`, `retired` or `unknown`.
    pub status: String,
    /// `compose.inactive`: whether inactive codes belong to it. True where the resource does not say.
    pub inactive: bool,
    /// What belongs to it.
    pub include: Vec<Clause>,
    /// What does not.
    pub exclude: Vec<Clause>,
}

/// One `include` or `exclude` of a value set: the codes that fulfil all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clause {
    /// The code system; may be empty where value sets are named.
    pub system: String,
    /// The system's version, may be empty.
    pub version: String,
    /// Codes one by one with a display that may be empty; none means all of the system that pass the filters.
    pub concepts: Vec<(String, String)>,
    /// What a concept must fulfil.
    pub filters: Vec<Filter>,
    /// Value sets it must belong to.
    pub value_sets: Vec<String>,
}

/// One filter on the concepts of a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// `concept`, `code`, `display`, or a property.
    pub property: String,
    /// Value set filter-operator: `is-a`, `=`, `regex`, ...
    pub op: String,
    /// What to compare with.
    pub value: String,
}

impl System {
    /// Reads a `CodeSystem` resource. `None` if it has no URL.
    #[must_use]
    pub fn read(resource: &Json) -> Option<System> {
        let content = match resource.text("content") {
            Some("complete") => Content::Complete,
            Some("not-present") => Content::Absent,
            _ => Content::Part,
        };
        let mut system = System {
            url: resource.text("url")?.to_owned(),
            version: text(resource, "version"),
            name: text(resource, "name"),
            title: text(resource, "title"),
            content,
            case_sensitive: resource.get("caseSensitive").and_then(Json::as_bool) != Some(false),
            concepts: Vec::new(),
            lines: Lines::default(),
        };
        for concept in items(resource, "concept") {
            system.add(concept, None);
        }
        system.link();
        Some(system)
    }

    fn add(&mut self, from: &Json, parent: Option<u32>) {
        let index = self.concepts.len() as u32;
        self.concepts.push(Concept {
            code: text(from, "code"),
            display: text(from, "display"),
            definition: text(from, "definition"),
            parents: parent.into_iter().collect(),
            properties: items(from, "property").iter().filter_map(property).collect(),
            designations: items(from, "designation").iter().map(designation).collect(),
        });
        for child in items(from, "concept") {
            self.add(child, Some(index));
        }
    }

    /// Turns the properties `parent` and `child`, which hold what nesting cannot say, into parents.
    fn link(&mut self) {
        let mut pairs = Vec::new();
        let numbers: HashMap<&str, u32> =
            self.concepts.iter().enumerate().map(|(i, c)| (c.code.as_str(), i as u32)).collect();
        for (i, concept) in self.concepts.iter().enumerate() {
            for (name, value) in &concept.properties {
                let Property::Code(code) = value else { continue };
                match (name.as_str(), numbers.get(code.as_str())) {
                    ("parent", Some(&parent)) => pairs.push((i as u32, parent)),
                    ("child", Some(&child)) => pairs.push((child, i as u32)),
                    _ => {}
                }
            }
        }
        for (child, parent) in pairs {
            let parents = &mut self.concepts[child as usize].parents;
            if child != parent && !parents.contains(&parent) {
                parents.push(parent);
            }
        }
    }
}

impl ValueSet {
    /// Reads a `ValueSet` resource. `None` if it has no URL.
    ///
    /// A value set that has an expansion but no `compose` is the list of codes in its expansion.
    #[must_use]
    pub fn read(resource: &Json) -> Option<ValueSet> {
        let compose = resource.get("compose");
        let clauses = |name: &str| compose.map(|c| items(c, name).iter().map(clause).collect()).unwrap_or_default();
        let mut include: Vec<Clause> = clauses("include");
        if compose.is_none()
            && let Some(expansion) = resource.get("expansion")
        {
            listed(items(expansion, "contains"), &mut include);
        }
        Some(ValueSet {
            url: resource.text("url")?.to_owned(),
            version: text(resource, "version"),
            name: text(resource, "name"),
            title: text(resource, "title"),
            status: resource.text("status").unwrap_or("unknown").to_owned(),
            inactive: compose.and_then(|c| c.get("inactive")).and_then(Json::as_bool) != Some(false),
            include,
            exclude: clauses("exclude"),
        })
    }
}

fn listed(contains: &[Json], into: &mut Vec<Clause>) {
    for entry in contains {
        let system = text(entry, "system");
        if entry.get("abstract").and_then(Json::as_bool) != Some(true) && entry.get("code").is_some() {
            let concept = (text(entry, "code"), text(entry, "display"));
            match into.iter_mut().find(|c| c.system == system) {
                Some(clause) => clause.concepts.push(concept),
                None => into.push(Clause { system, concepts: vec![concept], ..Clause::default() }),
            }
        }
        listed(items(entry, "contains"), into);
    }
}

fn clause(from: &Json) -> Clause {
    Clause {
        system: text(from, "system"),
        version: text(from, "version"),
        concepts: items(from, "concept").iter().map(|c| (text(c, "code"), text(c, "display"))).collect(),
        filters: items(from, "filter")
            .iter()
            .map(|f| Filter { property: text(f, "property"), op: text(f, "op"), value: text(f, "value") })
            .collect(),
        value_sets: items(from, "valueSet").iter().filter_map(Json::as_str).map(str::to_owned).collect(),
    }
}

fn property(from: &Json) -> Option<(String, Property)> {
    let (name, value) = from.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    let owned = || value.as_str().map(str::to_owned);
    let value = match name {
        "valueCode" => Property::Code(owned()?),
        "valueCoding" => Property::Coding(text(value, "system"), text(value, "code")),
        "valueString" => Property::Text(owned()?),
        "valueInteger" | "valueDecimal" => Property::Number(value.as_number()?.to_owned()),
        "valueBoolean" => Property::Bool(value.as_bool()?),
        "valueDateTime" => Property::DateTime(owned()?),
        _ => return None,
    };
    Some((text(from, "code"), value))
}

fn designation(from: &Json) -> Designation {
    Designation {
        language: text(from, "language"),
        usage: from.get("use").map(|u| text(u, "code")).unwrap_or_default(),
        value: text(from, "value"),
    }
}

fn items<'j>(of: &'j Json<'_>, name: &str) -> &'j [Json<'j>] {
    of.get(name).map(Json::items).unwrap_or_default()
}

fn text(of: &Json, name: &str) -> String {
    of.text(name).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_and_properties_make_one_hierarchy() {
        let resource = Json::parse(
            br#"{"resourceType":"CodeSystem","url":"http://x","content":"complete","concept":[
                {"code":"a","concept":[{"code":"b"},{"code":"c","property":[{"code":"parent","valueCode":"b"}]}]},
                {"code":"d","property":[{"code":"child","valueCode":"b"},{"code":"child","valueCode":"d"}]}]}"#,
        );
        let system = System::read(&resource.unwrap()).unwrap();
        let parents: Vec<_> = system.concepts.iter().map(|c| (c.code.as_str(), c.parents.clone())).collect();
        assert_eq!(parents, [("a", vec![]), ("b", vec![0, 3]), ("c", vec![0, 1]), ("d", vec![])]);
    }

    #[test]
    fn an_expansion_alone_is_a_list_of_codes() {
        let resource = Json::parse(
            br#"{"resourceType":"ValueSet","url":"http://v","expansion":{"contains":[
                {"system":"http://s","abstract":true,"code":"g","contains":[{"system":"http://s","code":"x","display":"X"}]},
                {"system":"http://s","code":"y"}]}}"#,
        );
        let set = ValueSet::read(&resource.unwrap()).unwrap();
        assert_eq!(set.include.len(), 1);
        assert_eq!(set.include[0].concepts, [("x".into(), "X".into()), ("y".into(), String::new())]);
    }
}
