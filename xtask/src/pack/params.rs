//! `SearchParameter`s and `CompartmentDefinition`s.

use fhir::definitions::{CompartmentDef, SearchParamDef};
use fhir::json::Json;

const BASE: &str = "http://hl7.org/fhir/SearchParameter/";

/// The search parameters, in order of URL: those of the specification, and those another guide adds of its own.
///
/// Left out are examples and drafts marked experimental, and a guide's copies of the specification's parameters
/// (`derivedFrom`).
pub fn search_params(resources: &[Json<'static>]) -> Vec<SearchParamDef> {
    let mut all: Vec<SearchParamDef> = resources.iter().filter(|r| counts(r)).filter_map(search_param).collect();
    all.sort_by(|a, b| (!a.url.starts_with(BASE), &a.url).cmp(&(!b.url.starts_with(BASE), &b.url)));
    all
}

fn counts(resource: &Json) -> bool {
    resource.text("resourceType") == Some("SearchParameter")
        && resource.get("experimental").and_then(Json::as_bool) != Some(true)
        && resource.get("derivedFrom").is_none()
}

fn search_param(from: &Json<'static>) -> Option<SearchParamDef> {
    let text = |name: &str| from.text(name).unwrap_or_default().to_owned();
    let base = texts(from, "base");
    if base.is_empty() {
        return None;
    }
    let components = from.get("component").map(Json::items).unwrap_or_default();
    let part = |c: &Json<'static>| Some((c.text("definition")?.to_owned(), c.text("expression")?.to_owned()));
    Some(SearchParamDef {
        url: from.text("url")?.to_owned(),
        code: from.text("code")?.to_owned(),
        kind: from.text("type")?.to_owned(),
        base,
        expression: text("expression"),
        targets: texts(from, "target"),
        components: components.iter().filter_map(part).collect(),
        description: text("description"),
    })
}

/// The compartments, by name.
pub fn compartments(resources: &[Json<'static>]) -> Vec<CompartmentDef> {
    let is_example = |r: &Json| r.text("url").is_some_and(|u| u.ends_with("/example"));
    let mut all: Vec<CompartmentDef> = resources
        .iter()
        .filter(|r| r.text("resourceType") == Some("CompartmentDefinition") && !is_example(r))
        .filter_map(|r| Some(CompartmentDef { code: r.text("code")?.to_owned(), members: members(r) }))
        .collect();
    all.sort_by(|a, b| a.code.cmp(&b.code));
    all
}

fn members(compartment: &Json<'static>) -> Vec<(String, Vec<String>)> {
    let resources = compartment.get("resource").map(Json::items).unwrap_or_default();
    resources.iter().filter(|r| r.get("param").is_some()).filter_map(member).collect()
}

fn member(of: &Json<'static>) -> Option<(String, Vec<String>)> {
    let mut params = texts(of, "param");
    params.retain(|p| p != "{def}");
    Some((of.text("code")?.to_owned(), params))
}

fn texts(of: &Json<'static>, name: &str) -> Vec<String> {
    of.get(name).map(Json::items).unwrap_or_default().iter().filter_map(Json::as_str).map(str::to_owned).collect()
}
