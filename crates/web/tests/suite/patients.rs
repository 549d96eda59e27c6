//! Whole charts over HTTP: what went in comes out, one by one and all together.

use crate::house::House;
use serde_json::Value;
use std::path::Path;

const BUNDLES: [&str; 2] = ["uscore_bundle_patient_85.json", "uscore_bundle_patient_355.json"];

/// A bundle of the shared data, as text.
fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/patients-uscore").join(name);
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        println!("skipped: ../shared/data/patients-uscore/{name} not found");
    }
    text
}

/// Without what the server may change: id, meta, and what references point to.
fn essence(resource: &Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.remove("reference");
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut resource = resource.clone();
    if let Some(members) = resource.as_object_mut() {
        members.remove("id");
        members.remove("meta");
    }
    strip(&mut resource);
    resource
}

/// Sends a transaction. An entry that is not valid R4 is named by the refusal; it is taken out, and the rest sent again.
fn put_in(house: &House, bundle: &mut Value) -> Value {
    for _ in 0..4 {
        let answer = house.post("", bundle);
        if answer.status != 422 {
            return answer.expect(200).json();
        }
        let place = answer.json()["issue"][0]["expression"][0].as_str().unwrap().to_owned();
        let index = place.strip_prefix("Bundle.entry[").and_then(|rest| rest.split(']').next()).unwrap();
        println!("taken out: {place}");
        bundle["entry"].as_array_mut().unwrap().remove(index.parse().unwrap());
    }
    panic!("more than three entries are not valid");
}

#[test]
fn a_chart_goes_in_by_transaction_and_comes_out_whole() {
    let house = House::open();
    for name in BUNDLES {
        let Some(text) = shared(name) else { return };
        let mut bundle: Value = serde_json::from_str(&text).unwrap();
        let answer = put_in(&house, &mut bundle);
        let sent = bundle["entry"].as_array().unwrap();
        let answers = answer["entry"].as_array().unwrap();
        assert_eq!(answers.len(), sent.len());
        for (entry, answer) in sent.iter().zip(answers).step_by(7) {
            let location = answer["response"]["location"].as_str().unwrap();
            let path = location.strip_prefix(&house.base()).unwrap().trim_start_matches('/');
            let read = house.get(path).expect(200);
            assert_eq!(Some(read.header("etag").unwrap()), answer["response"]["etag"].as_str());
            assert_eq!(essence(&read.json()), essence(&entry["resource"]), "{path}");
        }
        let id = sent[0]["resource"]["id"].as_str().unwrap();
        let mut page = house.get(&format!("Patient/{id}/$everything?_count=100")).expect(200);
        let total = page.json()["total"].as_u64().unwrap();
        let mut ids = page.ids();
        while let Some(next) = page.link("next") {
            page = house.get(&next).expect(200);
            ids.extend(page.ids());
        }
        let types: std::collections::HashSet<&str> =
            sent.iter().filter_map(|entry| entry["resource"]["resourceType"].as_str()).collect();
        assert_eq!(ids.len() as u64, total, "{name}");
        assert!(ids.len() > sent.len() / 2, "{name}: {} of {} ({types:?})", ids.len(), sent.len());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len() as u64, total, "{name}: a resource stands on two pages");
    }
}
