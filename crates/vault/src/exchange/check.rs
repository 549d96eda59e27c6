//! The checks every resource passes before it is written.

use super::links::{Links, Lookup, rewrite};
use crate::error::Error;
use base::finding::Finding;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::validate::{Depth, is_id, validate};
use std::borrow::Cow;

/// A resource ready to be written.
pub(super) struct Checked {
    pub resource: Json<'static>,
    /// What validation remarked.
    pub findings: Vec<Finding>,
}

/// What surrounds a resource: the bundle it came in, if any.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub links: &'a Links,
    /// Base of the entry's own `fullUrl`.
    pub base: Option<&'a str>,
    /// Whether a link to no entry is refused.
    pub strict: bool,
}

/// Gives a resource its id, follows its links and validates it. `lookup` finds what a conditional reference means.
pub(super) fn check(
    mut resource: Json<'_>,
    resource_type: &str,
    id: &str,
    around: Around<'_>,
    lookup: Lookup<'_>,
) -> Result<Checked, Error> {
    identify(&mut resource, resource_type, id)?;
    rewrite(&mut resource, around.links, around.base, around.strict, lookup)?;
    let findings = valid(&resource)?;
    Ok(Checked { resource: resource.into_owned(), findings })
}

/// Refuses what is no resource of that type, and sets its id, after `resourceType` where it had none.
fn identify(resource: &mut Json<'_>, resource_type: &str, id: &str) -> Result<(), Refusal> {
    let Some(kind) = resource.text("resourceType") else {
        return Err(malformed("resourceType", "a FHIR resource is a JSON object with a resourceType"));
    };
    if kind != resource_type {
        let message = format!("the resource is not of type {resource_type}, which the request names");
        return Err(malformed("resourceType", message));
    }
    if !is_id(id) {
        return Err(malformed(&format!("{resource_type}.id"), ID_RULE));
    }
    let Some(object) = resource.as_object_mut() else { return Ok(()) };
    match object.get_mut("id") {
        Some(old) if old.as_str() == Some(id) => {}
        Some(old) => *old = Json::string(id),
        None => object.insert(1, Cow::Borrowed("id"), Json::string(id)),
    }
    Ok(())
}

const ID_RULE: &str = "an id has 1 to 64 characters of A-Z, a-z, 0-9, '-' and '.'";

/// What validation remarks on a resource that can be taken; the refusal for one that cannot.
fn valid(resource: &Json<'_>) -> Result<Vec<Finding>, Refusal> {
    let findings = validate(resource, Depth::Full);
    if findings.iter().any(Finding::is_error) {
        return Err(Refusal::because(Kind::Invalid, findings));
    }
    Ok(findings)
}

/// A request that cannot be understood, with its place.
pub(super) fn malformed(path: &str, message: impl Into<String>) -> Refusal {
    Refusal::because(Kind::Malformed, vec![Finding::error("structure", path, message)])
}

/// Says of each finding which entry it is about.
pub(super) fn at_entry(mut refusal: Refusal, index: usize) -> Refusal {
    for finding in &mut refusal.findings {
        finding.path = in_entry(&finding.path, index);
    }
    refusal
}

/// `Patient.name[0]` in entry 3 is `Bundle.entry[3].resource.name[0]`.
pub(super) fn in_entry(path: &str, index: usize) -> String {
    match path.split_once('.') {
        _ if path.starts_with("Bundle.entry[") => path.to_owned(),
        Some((_, rest)) => format!("Bundle.entry[{index}].resource.{rest}"),
        None if path == "resourceType" => format!("Bundle.entry[{index}].resource.resourceType"),
        None => format!("Bundle.entry[{index}]"),
    }
}
