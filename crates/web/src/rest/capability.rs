//! The capability statement: what is answered here, told from the definitions themselves (R4 http section 3.1.0.9).

use super::operations::{OFFERED, OFFERED_AT_BASE};
use fhir::definitions::r4;
use fhir::json::Json;
use fhir::search::params;

/// The day of the release it describes.
const DATE: &str = "2026-11-23";

const TYPE_INTERACTIONS: [&str; 9] =
    ["read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"];

const SYSTEM_INTERACTIONS: [&str; 4] = ["transaction", "batch", "search-system", "history-system"];

/// What of others' statements holds here too.
const BULK_DATA: &str = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data";

type Member = (&'static str, Json<'static>);

/// The statement as compact JSON. `base` is the FHIR base, `deletes_max` the most that a conditional delete may delete.
pub fn statement(base: &str, deletes_max: usize) -> Vec<u8> {
    let rest = Json::object([
        ("mode", text("server")),
        ("security", crate::smart::security(base)),
        ("resource", Json::Array(r4().resource_names().map(|name| resource(name, deletes_max)).collect())),
        ("interaction", codes(&SYSTEM_INTERACTIONS)),
        ("searchParam", search_params("Resource")),
        ("operation", operations(None)),
        ("compartment", compartments()),
    ]);
    let statement: [Member; 13] = [
        ("resourceType", text("CapabilityStatement")),
        ("url", Json::string(format!("{base}/metadata"))),
        ("version", text(env!("CARGO_PKG_VERSION"))),
        ("name", text("Chartroom")),
        ("status", text("active")),
        ("date", text(DATE)),
        ("kind", text("instance")),
        ("instantiates", Json::Array(vec![text(BULK_DATA)])),
        ("software", Json::object([("name", text("Chartroom")), ("version", text(env!("CARGO_PKG_VERSION")))])),
        (
            "implementation",
            Json::object([("description", text("Chartroom, FHIR R4 record store")), ("url", Json::string(base))]),
        ),
        ("fhirVersion", text(&r4().version)),
        ("format", Json::Array(vec![text("json"), text("application/fhir+json")])),
        ("patchFormat", Json::Array(vec![text("application/json-patch+json"), text("application/fhir+json")])),
    ];
    let mut statement = Json::object(statement);
    if let Some(object) = statement.as_object_mut() {
        object.set("rest", Json::Array(vec![rest]));
    }
    statement.to_bytes()
}

fn text(text: &str) -> Json<'static> {
    Json::string(text)
}

fn codes(codes: &[&str]) -> Json<'static> {
    Json::Array(codes.iter().map(|code| Json::object([("code", text(code))])).collect())
}

fn resource(name: &str, deletes_max: usize) -> Json<'static> {
    let mut members: Vec<Member> = vec![
        ("type", text(name)),
        ("profile", Json::string(format!("http://hl7.org/fhir/StructureDefinition/{name}"))),
        ("interaction", codes(&TYPE_INTERACTIONS)),
        ("versioning", text("versioned-update")),
        ("readHistory", Json::Bool(true)),
        ("updateCreate", Json::Bool(true)),
        ("conditionalCreate", Json::Bool(true)),
        ("conditionalRead", text("full-support")),
        ("conditionalUpdate", Json::Bool(true)),
        ("conditionalDelete", text(if deletes_max > 1 { "multiple" } else { "single" })),
        ("referencePolicy", Json::Array(vec![text("literal"), text("logical"), text("local")])),
        ("searchInclude", Json::Array(includes(name))),
    ];
    let revincludes = revincludes(name);
    if !revincludes.is_empty() {
        members.push(("searchRevInclude", Json::Array(revincludes)));
    }
    members.push(("searchParam", search_params(name)));
    members.push(("operation", operations(Some(name))));
    Json::object(members)
}

fn search_params(resource_type: &str) -> Json<'static> {
    let param = |param: &params::Param| {
        Json::object([
            ("name", Json::string(param.code.clone())),
            ("definition", Json::string(param.url.clone())),
            ("type", text(param.kind.code())),
        ])
    };
    Json::Array(params::of(resource_type).iter().map(param).collect())
}

fn includes(resource_type: &str) -> Vec<Json<'static>> {
    let references = params::of(resource_type).iter().filter(|param| param.kind == params::Kind::Reference);
    let named = references.map(|param| Json::string(format!("{resource_type}:{}", param.code)));
    std::iter::once(text("*")).chain(named).collect()
}

fn revincludes(resource_type: &str) -> Vec<Json<'static>> {
    let mut found = Vec::new();
    for source in r4().resource_names() {
        for param in params::of(source) {
            if param.kind == params::Kind::Reference && param.targets.iter().any(|target| target == resource_type) {
                found.push(Json::string(format!("{source}:{}", param.code)));
            }
        }
    }
    found
}

fn operations(resource_type: Option<&str>) -> Json<'static> {
    let fits = |of: Option<&str>| match resource_type {
        Some(_) => of.is_none() || of == resource_type,
        None => true,
    };
    let mut seen: Vec<&str> = Vec::new();
    let mut list = Vec::new();
    let at_base = OFFERED_AT_BASE.iter().filter(|_| resource_type.is_none());
    for offered in at_base.chain(OFFERED.iter().filter(|offered| fits(offered.resource_type))) {
        // At the system level the name stands once for each definition.
        if !seen.contains(&offered.definition) {
            seen.push(offered.definition);
            list.push(Json::object([("name", text(offered.name)), ("definition", text(offered.definition))]));
        }
    }
    Json::Array(list)
}

fn compartments() -> Json<'static> {
    let url = |code: &str| Json::string(format!("http://hl7.org/fhir/CompartmentDefinition/{}", code.to_lowercase()));
    Json::Array(r4().compartments.iter().map(|compartment| url(&compartment.code)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_told_with_its_parameters() {
        let bytes = statement("http://h/fhir", 100);
        let tree = Json::parse(&bytes).unwrap();
        let rest = &tree.get("rest").unwrap().items()[0];
        let resources = rest.get("resource").unwrap().items();
        assert_eq!(resources.len(), r4().resource_names().count());
        let patient = resources.iter().find(|r| r.text("type") == Some("Patient")).unwrap();
        let codes: Vec<_> = patient.get("searchParam").unwrap().items().iter().filter_map(|p| p.text("name")).collect();
        for code in ["birthdate", "name", "_id", "_lastUpdated"] {
            assert!(codes.contains(&code), "{code}");
        }
        assert_eq!(rest.get("compartment").unwrap().items().len(), 5);
    }
}
