//! Links: references that only make sense inside their bundle, rewritten to where the resources went.
//!
//! An entry is referred to by its `fullUrl` (`urn:uuid:…`, `urn:oid:…`, or a RESTful URL) in `Reference.reference`, in
//! elements of type uri, url, canonical, oid and uuid, and in the narrative's `href` and `src` (R4 http section
//! 3.1.0.11.2). A conditional reference (`Practitioner?identifier=…`) is looked up. Only a string that looks like one of
//! these has its element's type asked for, so that the walk costs next to nothing.

use crate::error::Error;
use base::finding::Finding;
use base::refusal::{Kind, Refusal};
use fhir::definitions::{TypeId, r4};
use fhir::json::Json;
use fhir::reference::{self, Reference, is_urn};
use std::borrow::Cow;
use std::collections::HashMap;

/// Where the entries of a bundle went: `fullUrl` to `Type/id`.
#[derive(Clone, Debug, Default)]
pub struct Links {
    targets: HashMap<String, String>,
    restful: bool,
}

/// Looks up a conditional reference: type, query; answers `Type/id`.
pub(super) type Lookup<'l> = &'l mut dyn FnMut(&str, &str) -> Result<String, Error>;

impl Links {
    /// Remembers where the entry of that `fullUrl` went (`Type/id`), and tells where an earlier one did.
    pub fn add(&mut self, full_url: &str, target: String) -> Option<String> {
        self.restful |= full_url.starts_with("http");
        self.targets.insert(full_url.to_owned(), target)
    }

    /// The target of a reference as written in an entry whose own `fullUrl` has this base.
    fn target(&self, reference: &str, base: Option<&str>) -> Option<String> {
        let (address, rest) = reference.split_at(reference.find(['#', '|']).unwrap_or(reference.len()));
        let target = match (self.targets.get(address), base) {
            (Some(target), _) => target,
            (None, Some(base)) if self.restful => self.targets.get(&format!("{base}{address}"))?,
            (None, _) => return None,
        };
        Some(format!("{target}{rest}"))
    }

    /// Whether a string could be an address of an entry.
    fn may_name(&self, text: &str) -> bool {
        is_urn(text) || (self.restful && text.starts_with("http"))
    }
}

/// The base of a RESTful `fullUrl`: `http://a/fhir/Patient/1` gives `http://a/fhir/`.
pub(super) fn base_of(full_url: &str) -> Option<&str> {
    let Reference { base, resource_type, .. } = Reference::parse(full_url)?;
    (base.starts_with("http") && r4().resource(resource_type).is_some()).then_some(base)
}

/// Type and query of a conditional reference, if it is one.
pub(super) fn conditional(text: &str) -> Option<(&str, &str)> {
    reference::conditional(text).filter(|(resource_type, _)| r4().resource(resource_type).is_some())
}

/// Rewrites every link in a resource. `strict`: a `Reference` to a `urn:uuid` that no entry has is refused.
pub(super) fn rewrite(
    resource: &mut Json<'_>,
    links: &Links,
    base: Option<&str>,
    strict: bool,
    lookup: Lookup<'_>,
) -> Result<(), Error> {
    let root = resource.text("resourceType").unwrap_or_default().to_owned();
    let place = Place { parent: None, name: &root, index: None, restarts: Some(&root) };
    Walk { links, base, strict, lookup }.value(resource, &place)
}

/// Where the walk stands, as a chain on the stack.
struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    name: &'p str,
    index: Option<usize>,
    /// The type of a contained resource that starts here.
    restarts: Option<&'p str>,
}

impl Place<'_> {
    fn type_id(&self) -> Option<TypeId> {
        match (self.restarts, self.parent) {
            (Some(resource_type), _) => r4().type_id(resource_type),
            (None, Some(parent)) => r4().get(parent.type_id()?).property(self.name).map(|p| p.ty),
            (None, None) => None,
        }
    }

    /// Whether a string here is an address (R4 datatypes: uri and what specialises it).
    fn holds_address(&self) -> bool {
        let uri = r4().type_id("uri");
        self.type_id().zip(uri).is_some_and(|(ty, uri)| r4().is_a(ty, uri))
    }

    fn path(&self) -> String {
        let own = self.index.map_or_else(|| self.name.to_owned(), |i| format!("{}[{i}]", self.name));
        self.parent.map_or_else(|| own.clone(), |parent| format!("{}.{own}", parent.path()))
    }
}

struct Walk<'w, 'l> {
    links: &'w Links,
    base: Option<&'w str>,
    strict: bool,
    lookup: Lookup<'l>,
}

impl Walk<'_, '_> {
    fn value(&mut self, value: &mut Json<'_>, place: &Place<'_>) -> Result<(), Error> {
        match value {
            Json::Object(object) => {
                for (name, member) in object.iter_mut() {
                    self.member(name, member, place)?;
                }
                Ok(())
            }
            Json::String(text) => self.text(text, place),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => Ok(()),
        }
    }

    fn member(&mut self, name: &str, member: &mut Json<'_>, parent: &Place<'_>) -> Result<(), Error> {
        match member {
            Json::Array(items) => {
                for (i, item) in items.iter_mut().enumerate() {
                    self.named(name, Some(i), item, parent)?;
                }
                Ok(())
            }
            Json::Object(_) | Json::String(_) => self.named(name, None, member, parent),
            Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
        }
    }

    fn named(&mut self, name: &str, i: Option<usize>, value: &mut Json<'_>, parent: &Place<'_>) -> Result<(), Error> {
        let inner = matches!(name, "contained" | "resource");
        let restarts = if inner { value.text("resourceType").map(str::to_owned) } else { None };
        let place = Place { parent: Some(parent), name, index: i, restarts: restarts.as_deref() };
        self.value(value, &place)
    }

    fn text(&mut self, text: &mut Cow<'_, str>, place: &Place<'_>) -> Result<(), Error> {
        match place.name {
            "reference" => self.reference(text, place),
            "div" => {
                self.narrative(text);
                Ok(())
            }
            _ => {
                let is_link = self.links.may_name(text) && place.holds_address();
                if let Some(target) = is_link.then(|| self.links.target(text, None)).flatten() {
                    *text = Cow::Owned(target);
                }
                Ok(())
            }
        }
    }

    fn reference(&mut self, text: &mut Cow<'_, str>, place: &Place<'_>) -> Result<(), Error> {
        if let Some(target) = self.links.target(text, self.base) {
            *text = Cow::Owned(target);
        } else if let Some((resource_type, query)) = conditional(text) {
            let target = (self.lookup)(resource_type, query).map_err(|e| at(e, &place.path()))?;
            *text = Cow::Owned(target);
        } else if self.strict && is_urn(text) {
            let message = "no entry of the bundle has this fullUrl; add the entry or refer to a resource by Type/id";
            let finding = Finding::error("not-found", place.path(), message);
            return Err(Refusal::because(Kind::Invalid, vec![finding]).into());
        }
        Ok(())
    }

    /// Rewrites the values of `href` and `src` attributes.
    fn narrative(&self, div: &mut Cow<'_, str>) {
        if self.links.targets.is_empty() || !(div.contains("href=") || div.contains("src=")) {
            return;
        }
        let mut out = String::new();
        let mut rest: &str = div;
        while let Some((before, address, after)) = next_address(rest) {
            out.push_str(before);
            out.push_str(self.links.target(address, self.base).as_deref().unwrap_or(address));
            rest = after;
        }
        if !out.is_empty() {
            out.push_str(rest);
            *div = Cow::Owned(out);
        }
    }
}

/// Splits before and after the next quoted value of `href=` or `src=`.
fn next_address(text: &str) -> Option<(&str, &str, &str)> {
    let mark = [text.find("href="), text.find("src=")].into_iter().flatten().min()?;
    let quote = mark + text[mark..].find('=')? + 1;
    let sign = text[quote..].chars().next()?;
    if sign != '"' && sign != '\'' {
        return Some((&text[..quote], "", &text[quote..]));
    }
    let end = quote + 1 + text[quote + 1..].find(sign)?;
    Some((&text[..=quote], &text[quote + 1..end], &text[end..]))
}

/// Gives the findings of a refusal their place, where they have none.
fn at(error: Error, path: &str) -> Error {
    let Error::Refusal(mut refusal) = error else { return error };
    for finding in refusal.findings.iter_mut().filter(|f| f.path.is_empty()) {
        path.clone_into(&mut finding.path);
    }
    refusal.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str, strict: bool) -> Result<String, Error> {
        let mut links = Links::default();
        links.add("urn:uuid:a", "Patient/1".to_owned());
        links.add("http://old/fhir/Observation/7", "Observation/8".to_owned());
        let mut tree = Json::parse(text.as_bytes()).expect("the case is JSON");
        let mut lookup = |resource_type: &str, query: &str| match query {
            "identifier=x" => Ok(format!("{resource_type}/found")),
            _ => Err(Refusal::new(Kind::Precondition, "not-found", "none").into()),
        };
        rewrite(&mut tree, &links, Some("http://old/fhir/"), strict, &mut lookup)?;
        Ok(String::from_utf8(tree.to_bytes()).expect("UTF-8"))
    }

    #[test]
    fn links_are_rewritten_where_they_are_links() {
        for (what, text, want) in [
            ("a reference", r#"{"subject":{"reference":"urn:uuid:a"}}"#, r#"{"subject":{"reference":"Patient/1"}}"#),
            ("with a fragment", r#"{"s":{"reference":"urn:uuid:a#p"}}"#, r#"{"s":{"reference":"Patient/1#p"}}"#),
            ("relative", r#"{"s":{"reference":"Observation/7"}}"#, r#"{"s":{"reference":"Observation/8"}}"#),
            (
                "absolute",
                r#"{"s":[{"reference":"http://old/fhir/Observation/7"}]}"#,
                r#"{"s":[{"reference":"Observation/8"}]}"#,
            ),
            ("conditional", r#"{"s":{"reference":"Patient?identifier=x"}}"#, r#"{"s":{"reference":"Patient/found"}}"#),
            (
                "a uri, but not a string",
                r#"{"resourceType":"Patient","extension":[{"url":"u","valueUri":"urn:uuid:a"}],"identifier":[{"value":"urn:uuid:a"}]}"#,
                r#"{"resourceType":"Patient","extension":[{"url":"u","valueUri":"Patient/1"}],"identifier":[{"value":"urn:uuid:a"}]}"#,
            ),
            (
                "narrative",
                r#"{"text":{"div":"<div><a href='urn:uuid:a'>x</a><img src='#p'/> urn:uuid:a</div>"}}"#,
                r#"{"text":{"div":"<div><a href='Patient/1'>x</a><img src='#p'/> urn:uuid:a</div>"}}"#,
            ),
            ("elsewhere", r#"{"s":{"reference":"http://x/y?z=1"}}"#, r#"{"s":{"reference":"http://x/y?z=1"}}"#),
        ] {
            assert_eq!(rewritten(text, false).expect(what), want, "{what}");
        }
    }

    #[test]
    fn a_link_to_nowhere_is_named() {
        let text = r#"{"resourceType":"Observation","hasMember":[{"reference":"urn:uuid:b"}]}"#;
        assert!(rewritten(text, false).is_ok());
        let Err(Error::Refusal(refusal)) = rewritten(text, true) else { panic!("taken") };
        assert_eq!(refusal.findings[0].path, "Observation.hasMember[0].reference");
        let text = r#"{"resourceType":"Observation","subject":{"reference":"Patient?identifier=y"}}"#;
        let Err(Error::Refusal(refusal)) = rewritten(text, true) else { panic!("taken") };
        assert_eq!(refusal.findings[0].path, "Observation.subject.reference");
    }
}
