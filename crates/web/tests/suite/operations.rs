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
        ("Patient/p/$everything?start=2020-01-01", vec!["c", "new", "org", "p"]),
        ("Patient/p/$everything?end=2020-01-01", vec!["c", "old", "org", "p"]),
        ("Patient/p/$everything?_since=2999-01-01T00:00:00Z", vec![]),
        ("Patient/q/%24everything", vec!["other", "q"]),
    ] {
        assert_eq!(all(&house, path), expected, "{path}");
    }
    let by_post = json!({"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Condition"}]});
    assert_eq!(house.post("Patient/p/$everything", &by_post).expect(200).ids(), ["c"]);
    let then = house.get("Observation/old").json()["meta"]["lastUpdated"].as_str().unwrap().to_owned();
    std::thread::sleep(std::time::Duration::from_millis(5));
    house.send("DELETE", "Observation/old", &[], b"").expect(204);
    assert_eq!(all(&house, "Patient/p/$everything"), ["c", "new", "org", "p"]);
    assert!(all(&house, &format!("Patient/p/$everything?_asof={then}")).contains(&"old".to_owned()));
    let subject = json!({"reference": "Patient/p"});
    house.put(
        "Observation/old",
        &json!({"resourceType": "Observation", "id": "old", "status": "final", "code": {"text": "x"},
            "subject": subject, "effectiveDateTime": "2001-01-01"}),
    );
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

#[test]
fn codes_are_explained() {
    let house = filled();
    let gender = "http://hl7.org/fhir/administrative-gender";
    let set = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let own = json!({"resourceType": "CodeSystem", "id": "own", "url": "urn:own", "status": "active",
        "content": "complete", "concept": [{"code": "a", "display": "A", "concept": [{"code": "b", "display": "B"}]}]});
    house.put("CodeSystem/own", &own).expect(201);
    let own_set = json!({"resourceType": "ValueSet", "id": "set", "url": "urn:set", "status": "active",
        "compose": {"include": [{"system": "urn:own"}]}});
    house.put("ValueSet/set", &own_set).expect(201);
    for (path, status, pointer, expected) in [
        (format!("ValueSet/$expand?url={set}"), 200, "/expansion/total", json!(4)),
        (format!("ValueSet/$expand?url={set}&filter=fem"), 200, "/expansion/contains/0/code", json!("female")),
        ("ValueSet/$expand?url=urn:set".to_owned(), 200, "/expansion/total", json!(2)),
        ("ValueSet/set/$expand?count=1".to_owned(), 200, "/expansion/contains/0/code", json!("a")),
        ("ValueSet/$expand?url=urn:none".to_owned(), 404, "/resourceType", json!("OperationOutcome")),
        ("ValueSet/$expand".to_owned(), 400, "/resourceType", json!("OperationOutcome")),
        (format!("ValueSet/$expand?url={set}&nonsense=1"), 400, "/resourceType", json!("OperationOutcome")),
        (format!("CodeSystem/$lookup?system={gender}&code=male"), 200, "/parameter/0/name", json!("name")),
        ("CodeSystem/$lookup?system=urn:own&code=b".to_owned(), 200, "/resourceType", json!("Parameters")),
        (format!("CodeSystem/$lookup?system={gender}&code=x"), 404, "/resourceType", json!("OperationOutcome")),
        ("CodeSystem/$lookup?code=x".to_owned(), 400, "/resourceType", json!("OperationOutcome")),
        (format!("ValueSet/$validate-code?url={set}&code=male"), 200, "/parameter/0/valueBoolean", json!(true)),
        (format!("ValueSet/$validate-code?url={set}&code=x"), 200, "/parameter/0/valueBoolean", json!(false)),
        ("ValueSet/set/$validate-code?code=b&system=urn:own".to_owned(), 200, "/parameter/0/valueBoolean", json!(true)),
        (format!("CodeSystem/$validate-code?url={gender}&code=male"), 200, "/parameter/0/valueBoolean", json!(true)),
        ("CodeSystem/own/$validate-code?code=z".to_owned(), 200, "/parameter/0/valueBoolean", json!(false)),
        (
            "CodeSystem/$subsumes?system=urn:own&codeA=a&codeB=b".to_owned(),
            200,
            "/parameter/0/valueCode",
            json!("subsumes"),
        ),
        ("CodeSystem/own/$subsumes?codeA=b&codeB=a".to_owned(), 200, "/parameter/0/valueCode", json!("subsumed-by")),
        ("CodeSystem/$subsumes?codeA=b".to_owned(), 400, "/resourceType", json!("OperationOutcome")),
    ] {
        let answer = house.get(&path).expect(status);
        assert_eq!(answer.json().pointer(pointer), Some(&expected), "{path}");
    }
    let call = json!({"resourceType": "Parameters", "parameter": [{"name": "url", "valueUri": set},
        {"name": "coding", "valueCoding": {"system": gender, "code": "female"}}]});
    let answer = house.post("ValueSet/$validate-code", &call).expect(200);
    assert_eq!(answer.json()["parameter"][0]["valueBoolean"], true);
    let given = json!({"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": own_set}]});
    assert_eq!(house.post("ValueSet/$expand", &given).expect(200).json()["expansion"]["total"], 2);
}

#[test]
fn a_version_is_proved_and_the_log_is_public() {
    let house = filled();
    let text = house.get("Patient/p/_history/1/$proof").expect(200);
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(text.body.starts_with(b"c2sp.org/tlog-proof@v1\n"), "{}", String::from_utf8_lossy(&text.body));
    let tree = house.send("GET", "Patient/p/$proof", &[("Accept", "application/fhir+json")], b"").expect(200).json();
    // The log has grown in between, for who asked is in it too: leaf and place are the same, the way to the top is not.
    let leaf = |proof: &str| proof.lines().take(3).map(str::to_owned).collect::<Vec<_>>();
    let proof = tree["parameter"][3]["valueString"].as_str().unwrap();
    assert_eq!(leaf(proof), leaf(&String::from_utf8(text.body).unwrap()));
    house.send("DELETE", "Patient/q", &[], b"").expect(204);
    house.get("Patient/q/_history/2/$proof").expect(200);
    house.get("Patient/p/_history/9/$proof").expect(404);

    let checkpoint = house.bare("GET", "/log/checkpoint", &[], b"").expect(200);
    let size: usize = String::from_utf8(checkpoint.body).unwrap().lines().nth(1).unwrap().parse().unwrap();
    let tile = house.bare("GET", &format!("/log/tile/0/000.p/{size}"), &[], b"").expect(200);
    assert_eq!(tile.body.len(), size * 32);
    assert!(house.bare("GET", "/log/key", &[], b"").expect(200).body.contains(&b'+'));
    for path in ["/log/tile/0/001", "/log/tile/9/x", "/log/nonsense", "/log/", "/log/tile/entries/000"] {
        assert_eq!(house.bare("GET", path, &[], b"").status, 404, "{path}");
    }
}
