//! The official cases of FHIRPath Patch and the cases of RFC 6902, unchanged.

use crate::archives::shared;
use crate::fhir_xml;
use base::clock::Instant;
use fhir::json::Json;
use fhir::patch::Patch;
use roxmltree::{Document, Node};

/// Equal but for the order of members.
fn same(a: &Json<'_>, b: &Json<'_>) -> bool {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => a == b,
    }
}

fn shown(json: &Json<'_>) -> String {
    String::from_utf8(json.to_bytes()).unwrap()
}

#[test]
fn the_official_fhirpath_patch_cases_pass() {
    let Some(path) = shared("fhir/patch/fhir-patch-tests.xml") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let document = Document::parse(&text).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("case"));
    let mut count = 0;
    for case in cases {
        let name = case.attribute("name").unwrap_or_default();
        let inner = |tag: &str| {
            let holder = case.children().find(|node| node.has_tag_name(tag))?;
            holder.children().find(Node::is_element).map(fhir_xml::resource)
        };
        let (mut resource, diff) = (inner("input").unwrap(), inner("diff").unwrap());
        let result = Patch::fhirpath(&diff).and_then(|patch| patch.apply(&mut resource, Instant(0)));
        match (inner("output"), result) {
            (Some(wanted), Ok(())) => {
                assert!(same(&resource, &wanted), "{name}:\n{}\n{}", shown(&resource), shown(&wanted));
            }
            (None, Err(_)) => {}
            (None, Ok(())) => panic!("{name} must be refused"),
            (Some(_), Err(refusal)) => panic!("{name}: {refusal}"),
        }
        count += 1;
    }
    println!("FHIRPath Patch: {count} cases passed");
    assert_eq!(count, 33);
}

#[test]
fn the_cases_of_rfc_6902_pass() {
    let Some(path) = shared("fhir/patch/json-patch-tests.json") else { return };
    let bytes = std::fs::read(path).unwrap();
    let cases = Json::parse(&bytes).unwrap();
    for case in cases.items() {
        let name = case.text("comment").unwrap_or_default();
        let mut document = case.get("doc").unwrap().clone().into_owned();
        let patch = Patch::json(case.get("patch").unwrap());
        let result = patch.and_then(|patch| patch.apply(&mut document, Instant(0)));
        match (case.get("expected"), result) {
            (Some(wanted), Ok(())) => assert!(same(&document, wanted), "{name}: {}", shown(&document)),
            (None, result) => assert!(result.is_err(), "{name} must be refused"),
            (Some(_), Err(refusal)) => panic!("{name}: {refusal}"),
        }
    }
    println!("JSON Patch: {} cases passed", cases.items().len());
    assert_eq!(cases.items().len(), 16);
}

fn fhirpath_patch(kind: &str, path: &str, rest: &str) -> Json<'static> {
    let text = format!(
        r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[
            {{"name":"type","valueCode":"{kind}"}},{{"name":"path","valueString":"{path}"}}{rest}]}}]}}"#
    );
    Json::parse(text.as_bytes()).unwrap().into_owned()
}

fn observation(members: &str) -> String {
    format!(r#"{{"resourceType":"Observation","id":"1",{members}}}"#)
}

/// A contained patient with these given names.
fn given(names: &str, siblings: &str) -> String {
    format!(r#""contained":[{{"resourceType":"Patient","name":[{{"given":[{names}],"_given":[{siblings}]}}]}}]"#)
}

#[test]
fn an_element_is_changed_where_it_stands() {
    let text = r#""status":"final","valueString":"x""#;
    let two = given(r#""A","B""#, r#"null,{"id":"b"}"#);
    let quantity = r#",{"name":"value","valueQuantity":{"value":1.50}}"#;
    let extension = r#",{"name":"name","valueString":"extension"},{"name":"value","part":[
        {"name":"url","valueUri":"u"},{"name":"value","valueCode":"c"}]}"#;
    let third = r#",{"name":"index","valueInteger":1},{"name":"value","valueString":"C"}"#;
    for (before, patch, after) in [
        (
            text,
            fhirpath_patch("replace", "Observation.value", quantity),
            r#""status":"final","valueQuantity":{"value":1.50}"#,
        ),
        (
            text,
            fhirpath_patch("add", "Observation.status", extension),
            r#""status":"final","valueString":"x","_status":{"extension":[{"url":"u","valueCode":"c"}]}"#,
        ),
        (&two, fhirpath_patch("delete", "Observation.contained.name.given[0]", ""), &given(r#""B""#, r#"{"id":"b"}"#)),
        (
            &two,
            fhirpath_patch("insert", "Observation.contained.name.given", third),
            &given(r#""A","C","B""#, r#"null,null,{"id":"b"}"#),
        ),
    ] {
        let before = observation(before);
        let mut resource = Json::parse(before.as_bytes()).unwrap().into_owned();
        Patch::fhirpath(&patch).unwrap().apply(&mut resource, Instant(0)).unwrap();
        assert_eq!(shown(&resource), observation(after));
    }
}

#[test]
fn what_fhirpath_patch_cannot_do_changes_nothing() {
    let before = observation(&format!(r#""status":"final","valueString":"x",{}"#, given(r#""A","B""#, "null,{}")));
    let moved = r#",{"name":"source","valueInteger":0},{"name":"destination","valueInteger":2}"#;
    for (kind, path, rest) in [
        ("add", "Observation", r#",{"name":"name","valueString":"value"},{"name":"value","valueInteger":1}"#),
        ("add", "Observation", r#",{"name":"name","valueString":"nobody"},{"name":"value","valueInteger":1}"#),
        ("delete", "Observation", ""),
        ("delete", "Observation.contained.name.given", ""),
        ("replace", "Observation.id", r#",{"name":"value","valueId":"2"}"#),
        ("replace", "Observation.status & 'x'", r#",{"name":"value","valueCode":"2"}"#),
        ("move", "Observation.contained.name.given", moved),
    ] {
        let mut resource = Json::parse(before.as_bytes()).unwrap().into_owned();
        let patch = Patch::fhirpath(&fhirpath_patch(kind, path, rest)).unwrap();
        assert!(patch.apply(&mut resource, Instant(0)).is_err(), "{kind} {path}");
        assert_eq!(shown(&resource), before);
    }
}
