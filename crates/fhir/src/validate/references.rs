//! References: what they point to must be of a type the element allows, and there where it must be in the same resource.

use super::Wrong;
use super::contained::Inner;
use crate::definitions::Definitions;
use crate::json::Json;
use crate::reference::Reference;

/// What is wrong with the target of a `Reference`, if anything.
///
/// `contained` are the resources contained in the root. Literal references inside the server are looked at by their type
/// only: whether the target exists is the vault's business.
pub(super) fn check(r4: &Definitions, reference: &Json, targets: &[String], contained: &Inner) -> Option<Wrong> {
    let fits = |name: &str| targets.is_empty() || targets.iter().any(|t| t == name || t == "Resource");
    let says = reference.text("type");
    if let Some(says) = says.filter(|says| r4.resource(says).is_some() && !fits(says)) {
        return Some(("value", format!("this may not point to {says}: it must be {}", one_of(targets))));
    }
    let literal = reference.text("reference")?;
    if let Some(id) = literal.strip_prefix('#') {
        return inner(id, &fits, targets, contained);
    }
    let name = target_type(literal)?;
    if r4.resource(name).is_none() {
        let is_absolute = literal.contains(':');
        let wrong = || ("value", "a literal reference is Type/id, with a resource type of R4".to_owned());
        return (!is_absolute).then(wrong);
    }
    if !fits(name) {
        return Some(("value", format!("this may not point to {name}: it must be {}", one_of(targets))));
    }
    let differs = says.is_some_and(|says| says != name && !says.contains(':'));
    differs.then(|| ("value", "the type does not agree with the reference".to_owned()))
}

/// A reference to a contained resource, or with `#` alone to the one that contains this.
fn inner(id: &str, fits: &dyn Fn(&str) -> bool, targets: &[String], contained: &Inner) -> Option<Wrong> {
    if id.is_empty() {
        return None;
    }
    let Some(name) = contained.type_of(id) else {
        let what = "no contained resource has this id: a reference that starts with # points inside the same resource";
        return Some(("not-found", what.to_owned()));
    };
    (!fits(name)).then(|| ("value", format!("this may not point to {name}: it must be {}", one_of(targets))))
}

/// The type that `Type/id`, `Type/id/_history/v` or a URL that ends so points to; also that of `Type?criteria`.
fn target_type(literal: &str) -> Option<&str> {
    if let Some((before, _)) = literal.split_once('?') {
        return Some(before.rsplit('/').next().unwrap_or(before));
    }
    match Reference::parse(literal) {
        Some(reference) => Some(reference.resource_type),
        None if literal.contains(':') => None,
        None => Some(""),
    }
}

pub(super) fn one_of(targets: &[String]) -> String {
    match targets {
        [] => "any resource".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::r4;

    #[test]
    fn the_target_is_told_from_the_reference() {
        let root = Json::parse(br#"{"contained":[{"resourceType":"Device","id":"d"}]}"#).unwrap();
        let targets = ["Patient".to_owned(), "Group".to_owned()];
        for (reference, expected) in [
            (r#"{"reference":"Patient/1"}"#, None),
            (r#"{"reference":"Patient/1/_history/2"}"#, None),
            (r#"{"reference":"http://x/fhir/Group/1"}"#, None),
            (r#"{"reference":"http://x/other"}"#, None),
            (r#"{"reference":"Patient?identifier=a|b"}"#, None),
            (r#"{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}"#, None),
            (r##"{"reference":"#"}"##, None),
            (r#"{"display":"x"}"#, None),
            (r#"{"reference":"Device/1"}"#, Some("value")),
            (r#"{"reference":"http://x/fhir/Device/1"}"#, Some("value")),
            (r#"{"reference":"Patien/1"}"#, Some("value")),
            (r#"{"reference":"1"}"#, Some("value")),
            (r##"{"reference":"#d"}"##, Some("value")),
            (r##"{"reference":"#e"}"##, Some("not-found")),
            (r#"{"type":"Device"}"#, Some("value")),
            (r#"{"reference":"Patient/1","type":"Group"}"#, Some("value")),
        ] {
            let parsed = Json::parse(reference.as_bytes()).unwrap();
            let wrong = check(r4(), &parsed, &targets, &Inner::of(&root));
            assert_eq!(wrong.map(|(code, _)| code), expected, "{reference}");
        }
    }
}
