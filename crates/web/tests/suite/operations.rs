//! Operations over HTTP.

use crate::house::House;
use serde_json::{Value, json};

fn filled() -> House {
    let house = House::open();
    let subject = json!({"reference": "Patient/p"});
    for (path, resource) in [
        ("Organization/org", json!({"resourceType": "Organization", "id": "org", "name": "House"})),
        (
            "Patient/p",
            json!({"resourceType": "Patient", "id": "p", "meta": {"tag": [{"system": "urn:t", "code": "x"}]},
                "managingOrganization": {"reference": "Organization/org"}}),
        ),
        ("Patient/q", json!({"resourceType": "Patient", "id": "q"})),
        (
            "Observation/old",
            json!({"resourceType": "Observation", "id": "old", "status": "final", "code": {"text": "x"},
                "subject": subject, "effectiveDateTime": "2001-01-01", "performer": [{"reference": "Organization/org"}]}),
        ),
        (
            "Observation/new",
            json!({"resourceType": "Observation", "id": "new", "status": "final", "code": {"text": "x"},
                "subject": subject, "effectiveDateTime": "2026-01-01"}),
        ),
        ("Condition/c", json!({"resourceType": "Condition", "id": "c", "subject": subject, "code": {"text": "x"}})),
        (
            "Observation/other",
            json!({"resourceType": "Observation", "id": "other", "status": "final", "code": {"text": "x"},
                "subject": {"reference": "Patient/q"}}),
        ),
    ] {
        house.put(path, &resource).expect(201);
    }
    house
}

fn all(house: &House, path: &str) -> Vec<String> {
    let tree = house.get(path).expect(200).json();
    let entries = tree["entry"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<String> = entries.iter().map(|e| e["resource"]["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn everything_is_the_whole_record_of_one_patient() {
    let house = filled();
    for (path, expected) in [
        ("Patient/p/$everything", vec!["c", "new", "old", "org", "p"]),
        ("Patient/p/$everything?_type=Condition,Patient", vec!["c", "p"]),
        ("Patient/p/$everything?start=2020-01-01", vec!["c", "new", "p"]),
        ("Patient/p/$everything?end=2020-01-01", vec!["c", "old", "org", "p"]),
        ("Patient/p/$everything?_since=2999-01-01T00:00:00Z", vec![]),
        ("Patient/q/%24everything", vec!["other", "q"]),
    ] {
        assert_eq!(all(&house, path), expected, "{path}");
    }
    house.get("Patient/none/$everything").expect(404);
    house.get("Organization/org/$everything").expect(501);
    house.get("Patient/p/$everything?start=never").expect(400);
    house.get("Patient/p/$everything?_type=Nonsense").expect(400);
    let first = house.get("Patient/p/$everything?_count=2").expect(200);
    let second = house.get(&first.link("next").unwrap()).expect(200);
    let mut ids = [first.ids(), second.ids()].concat();
    ids.sort();
    assert_eq!(ids, ["c", "new", "old", "p"]);
}

#[test]
fn a_resource_is_validated_without_being_kept() {
    let house = filled();
    let severities = |answer: Value| -> Vec<String> {
        answer["issue"].as_array().unwrap().iter().map(|i| i["severity"].as_str().unwrap().to_owned()).collect()
    };
    let good = json!({"resourceType": "Patient", "gender": "female",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}});
    assert_eq!(severities(house.post("Patient/$validate", &good).expect(200).json()), ["information"]);
    let bad = json!({"resourceType": "Patient", "gender": "sphinx"});
    assert!(severities(house.post("Patient/$validate", &bad).expect(200).json()).contains(&"error".to_owned()));
    let wrapped = json!({"resourceType": "Parameters", "parameter": [
        {"name": "mode", "valueCode": "create"}, {"name": "resource", "resource": bad}]});
    assert!(severities(house.post("Patient/$validate", &wrapped).expect(200).json()).contains(&"error".to_owned()));
    let other = house.post("Observation/$validate", &good).expect(200).json();
    assert_eq!(severities(other), ["error"]);
    house.get("Patient/p/$validate").expect(200);
    house.get("Patient/none/$validate").expect(404);
    house.post("Patient/$validate?mode=sideways", &good).expect(400);
    house.send("POST", "Patient/$validate", &[], b"").expect(400);
    assert_eq!(house.get("Patient?_summary=count").json()["total"], 2);
}

#[test]
fn meta_is_told_alone() {
    let house = filled();
    for path in ["Patient/p/$meta", "Patient/p/_history/1/$meta"] {
        let answer = house.get(path).expect(200).json();
        assert_eq!(answer["parameter"][0]["valueMeta"]["tag"][0]["code"], "x", "{path}");
    }
    house.get("Patient/none/$meta").expect(404);
    house.get("Patient/p/$nonsense").expect(501);
    house.get("$nonsense").expect(501);
}
