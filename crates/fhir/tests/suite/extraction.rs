//! The one walk finds what the FHIRPath engine finds: every search parameter of every official R4 example.

use crate::archives::json_files;
use base::clock::Instant;
use fhir::definitions::r4;
use fhir::fhirpath::{Context, Expr, Item, compile};
use fhir::json::{Json, Object};
use fhir::search::extract::elements;
use fhir::search::params::{Kind, Param, PathId, of, path_text};
use std::collections::{BTreeMap, BTreeSet};

type Found = BTreeSet<Vec<u8>>;

#[test]
fn the_walk_finds_what_fhirpath_finds() {
    let Some(files) = json_files("fhir/hl7.fhir.r4.examples-4.0.1.tgz") else { return };
    let mut compiled: BTreeMap<&str, Expr> = BTreeMap::new();
    let (mut compared, mut filled) = (0, BTreeSet::new());
    let mut differing: BTreeMap<String, String> = BTreeMap::new();
    for (name, bytes) in &files {
        let Ok(resource) = Json::parse(bytes) else { continue };
        let Some(ty) = resource.text("resourceType") else { continue };
        let mut walked: BTreeMap<PathId, Vec<&Json>> = BTreeMap::new();
        elements(&resource, &mut |path, element| walked.entry(path).or_default().push(element));
        for param in of(ty).iter().filter(|p| !p.paths.is_empty()) {
            let expr = compiled.entry(&param.url).or_insert_with(|| compile(&param.expression).expect(&param.url));
            let told = told(expr, param.kind, &resource);
            let seen = seen(param, &walked, &resource);
            if told != seen {
                differing.entry(format!("{ty}?{}", param.code)).or_insert_with(|| name.clone());
            }
            compared += 1;
            if !seen.is_empty() {
                filled.insert((ty.to_owned(), &param.code));
            }
        }
    }
    println!("{compared} comparisons in {} examples; {} parameters had values", files.len(), filled.len());
    // To a union `1.0` and `1.00` are one; the walk keeps both, and their values are the same.
    differing.retain(|_, name| name != "Observation-decimal.json");
    assert_eq!(differing, BTreeMap::new());
    assert!(compared > 50_000 && filled.len() > 800, "{compared} {}", filled.len());
}

/// What the specification's expression leads to. Extensions stand for their values; a branch of a choice that the kind of
/// parameter has no rule for (`CarePlan.activity.detail.scheduledString` as a date) stands for nothing.
fn told(expr: &Expr, kind: Kind, resource: &Json<'_>) -> Found {
    let items = expr.evaluate(&Context::new(resource, Instant(0))).expect("an expression of the specification fails");
    let mut found = Found::new();
    for item in items.iter() {
        let Item::Node(node) = item else {
            found.insert(item.to_json().to_bytes());
            continue;
        };
        match (kind, node.ty.map_or("", |ty| r4().get(ty).name.as_str())) {
            (_, "Extension") => {
                let values = node.json.as_object().into_iter().flat_map(Object::iter);
                found.extend(values.filter(|(name, _)| name.starts_with("value")).map(|(_, value)| value.to_bytes()));
            }
            (Kind::Quantity, "SampledData") | (Kind::Date, "string") | (Kind::Reference, "Attachment") => {}
            // A primitive that has extensions but no value.
            _ if *node.json == Json::Null => {}
            _ => drop(found.insert(node.json.to_bytes())),
        }
    }
    found
}

fn seen(param: &Param, walked: &BTreeMap<PathId, Vec<&Json>>, resource: &Json<'_>) -> Found {
    let mut found = Found::new();
    for place in &param.paths {
        for element in walked.get(&place.path).into_iter().flatten() {
            let wanted = place.target.as_deref().filter(|_| element.get("resourceType").is_none());
            if wanted.is_none_or(|target| points_to(element, resource) == Some(target)) {
                found.insert(element.to_bytes());
            }
        }
    }
    found
}

/// The type a reference's text names, or that of the contained resource it points to.
fn points_to<'a>(element: &'a Json<'a>, resource: &'a Json<'a>) -> Option<&'a str> {
    let reference = element.text("reference")?;
    if let Some(id) = reference.strip_prefix('#') {
        let contained = resource.get("contained")?.items().iter().find(|c| c.text("id") == Some(id))?;
        return contained.text("resourceType");
    }
    let plain = reference.split("/_history/").next()?;
    let mut parts = plain.rsplit('/');
    parts.next()?;
    parts.next()
}

#[test]
fn every_path_has_a_text_and_every_parameter_a_source() {
    for param in r4().resource_names().flat_map(of) {
        for place in &param.paths {
            let text = path_text(place.path).unwrap_or_default();
            assert!(text.starts_with(param.kind.code()), "{}: {text}", param.code);
        }
        let answered_elsewhere = matches!(param.kind, Kind::Composite) || param.code.starts_with('_');
        assert!(answered_elsewhere || !param.paths.is_empty(), "{}", param.url);
    }
}
