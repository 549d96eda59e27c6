//! Searches over HTTP: forms of asking, pages, and what is said about what was not understood.

use crate::house::House;
use serde_json::json;

fn filled(count: usize) -> House {
    let house = House::open();
    for i in 0..count {
        let gender = if i % 2 == 0 { "female" } else { "male" };
        let patient = json!({"resourceType": "Patient", "id": format!("p{i}"), "gender": gender,
            "name": [{"family": "Müller"}]});
        house.put(&format!("Patient/p{i}"), &patient).expect(201);
    }
    house
}

#[test]
fn one_question_can_be_asked_in_several_ways() {
    let house = filled(4);
    house.put(
        "Observation/o",
        &json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
            "subject": {"reference": "Patient/p1"}}),
    );
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for (method, path, body, ids) in [
        ("GET", "Patient?gender=female&_sort=_id", "", vec!["p0", "p2"]),
        ("POST", "Patient/_search", "gender=female&_sort=_id", vec!["p0", "p2"]),
        ("POST", "Patient/_search?gender=female", "_sort=_id", vec!["p0", "p2"]),
        ("GET", "Patient/_search?gender=female&_sort=_id", "", vec!["p0", "p2"]),
        ("GET", "?_type=Patient&gender=male&_sort=_id", "", vec!["p1", "p3"]),
        ("POST", "_search", "_type=Observation", vec!["o"]),
        ("GET", "Patient/p1/Observation", "", vec!["o"]),
        ("GET", "Patient/p1/Observation?status=final", "", vec!["o"]),
        ("POST", "Patient/p1/Observation/_search", "status=final", vec!["o"]),
        ("GET", "Patient/p0/Observation", "", vec![]),
        ("GET", "Patient/none/Observation", "", vec![]),
        ("GET", "Patient/p1/*?_type=Observation", "", vec!["o"]),
    ] {
        let answer = house.send(method, path, &form, body.as_bytes()).expect(200);
        assert_eq!(answer.ids(), ids, "{method} {path}");
        assert_eq!(answer.json()["total"], ids.len());
    }
    let posted = house.send("POST", "Patient/_search", &form, b"name=m%C3%BCller&_count=1").expect(200);
    assert_eq!(posted.link("self").unwrap(), "Patient?name=m%C3%BCller&_count=1");
    house.send("POST", "Patient/_search", &[("Content-Type", "application/json")], b"{}").expect(415);
    house.send("POST", "Patient/p1/Observation", &form, b"a=b").expect(405);
    house.get("Patient/p1/Organization").expect(404);
}

#[test]
fn pages_do_not_drift() {
    let house = filled(7);
    let mut answer = house.get("Patient?_count=3&_sort=_id").expect(200);
    let mut seen = answer.ids();
    assert!(answer.link("previous").is_none());
    // What is written while somebody turns the pages is not on them.
    house.put("Patient/a0", &json!({"resourceType": "Patient", "id": "a0"}));
    house.send("DELETE", "Patient/p5", &[], b"").expect(204);
    while let Some(next) = answer.link("next") {
        answer = house.get(&next).expect(200);
        assert_eq!(answer.json()["total"], 7);
        seen.extend(answer.ids());
    }
    assert_eq!(seen, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
    let back = house.get(&answer.link("previous").unwrap()).expect(200);
    assert_eq!(back.ids(), ["p3", "p4", "p5"]);
    let first = house.get(&back.link("first").unwrap()).expect(200);
    assert_eq!(first.ids(), ["p0", "p1", "p2"]);
}

#[test]
fn a_page_link_is_good_as_it_was_given_only() {
    let house = filled(3);
    let next = house.get("Patient?_count=1").expect(200).link("next").unwrap();
    let token = next.split_once("_page=").unwrap().1;
    house.get(&next).expect(200);
    for (path, status) in [
        (format!("Observation?_page={token}"), 404),
        (format!("Patient?_page={token}A"), 404),
        (format!("Patient?_page={}", &token[..token.len() - 2]), 404),
        (format!("Patient?_page={}", token.replace(&token[20..24], "AAAA")), 404),
        ("Patient?_page=".to_owned(), 404),
        (format!("Patient?_page={token}&_count=100"), 400),
        (format!("Patient?gender=male&_page={token}"), 400),
    ] {
        assert_eq!(house.get(&path).status, status, "{path}");
    }
    let other = filled(3);
    assert_eq!(other.get(&next).status, 404);
}

#[test]
fn what_is_not_understood_is_said() {
    let house = filled(1);
    let lenient = house.get("Patient?gender=female&nonsense=1").expect(200);
    assert_eq!(lenient.ids(), ["p0"]);
    assert_eq!(lenient.link("self").unwrap(), "Patient?gender=female");
    let tree = lenient.json();
    let outcome = tree["entry"].as_array().unwrap().iter().find(|e| e["search"]["mode"] == "outcome").unwrap();
    assert_eq!(outcome["resource"]["resourceType"], "OperationOutcome");
    house.send("GET", "Patient?nonsense=1", &[("Prefer", "handling=strict")], b"").expect(400);
    for bad in ["birthdate=someday", "_count=-1", "_count=x", "_summary=some", "a=%zz", "_sort=nonsense"] {
        let answer = house.send("GET", &format!("Patient?{bad}"), &[("Prefer", "handling=strict")], b"");
        assert_eq!(answer.status, 400, "{bad}");
    }
}

#[test]
fn counts_and_parts() {
    let house = filled(5);
    let count = house.get("Patient?_summary=count").expect(200).json();
    assert_eq!((&count["total"], &count["entry"]), (&json!(5), &json!(null)));
    assert_eq!(house.get("Patient?_count=0").expect(200).json()["total"], 5);
    let huge = house.get("Patient?_count=1000000000").expect(200);
    assert_eq!(huge.link("self").unwrap(), "Patient?_count=1000");
    let part = house.get("Patient?_elements=gender&_pretty=true").expect(200);
    assert!(part.body.starts_with(b"{\n"));
    let first = &part.json()["entry"][0]["resource"];
    assert!(first["gender"].is_string() && first["name"].is_null());
    assert_eq!(first["meta"]["tag"][0]["code"], "SUBSETTED");
}

#[test]
fn a_contained_resource_is_addressed_within_its_holder() {
    let house = House::open();
    let request = json!({"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p"}, "medicationReference": {"reference": "#a"},
        "contained": [{"resourceType": "Medication", "id": "a", "status": "active"}]});
    house.put("MedicationRequest/m", &request).expect(201);
    let path = "Medication?status=active&_contained=true";
    assert_eq!(house.get(path).expect(200).ids(), ["m"]);
    let alone = house.get(&format!("{path}&_containedType=contained")).expect(200).json();
    assert_eq!(alone["entry"][0]["fullUrl"], format!("{}/MedicationRequest/m#a", house.base()));
    assert_eq!(alone["entry"][0]["resource"], json!({"resourceType": "Medication", "id": "a", "status": "active"}));
    house.send("DELETE", path, &[], b"").expect(400);
    house.get("MedicationRequest/m").expect(200);
}
