//! Reading and writing: each interaction, its headers, and each way it can be refused.

use crate::house::House;
use serde_json::{Value, json};

fn patient(id: &str, family: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "name": [{"family": family, "given": ["Ann"]}], "gender": "female"})
}

#[test]
fn a_resource_lives_and_its_versions_stay() {
    let house = House::open();
    let created = house.post("Patient", &patient("mine", "One")).expect(201);
    let location = created.header("location").unwrap().to_owned();
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_ne!(id, "mine");
    assert_eq!(location, format!("{}/Patient/{id}/_history/1", house.base()));
    assert_eq!(created.header("etag"), Some("W/\"1\""));
    assert!(created.header("last-modified").is_some_and(|d| d.ends_with("GMT")));

    let path = format!("Patient/{id}");
    let read = house.get(&path).expect(200);
    assert_eq!(read.body, created.body);
    assert_eq!(read.json()["meta"]["versionId"], "1");
    let updated = house.put(&path, &patient(&id, "Two")).expect(200);
    assert_eq!(updated.header("etag"), Some("W/\"2\""));
    assert_eq!(house.get(&format!("{path}/_history/1")).expect(200).body, created.body);
    assert_eq!(house.get(&format!("{path}/_history/2")).expect(200).json()["name"][0]["family"], "Two");
    for missing in ["_history/3", "_history/3/$proof", "_history/3/$meta"] {
        let said = house.get(&format!("{path}/{missing}")).expect(404).issue();
        assert!(said.contains("no version 3; it has 2 versions"), "{missing}: {said}");
    }
    assert_eq!(house.get("Patient/never/_history/1").expect(404).issue(), "there is no such Patient");

    house.send("DELETE", &path, &[], b"").expect(204);
    let gone = house.get(&path).expect(410);
    assert_eq!(gone.header("etag"), Some("W/\"3\""));
    house.get(&format!("{path}/_history/3")).expect(410);
    house.get(&format!("{path}/_history/2")).expect(200);
    house.send("DELETE", &path, &[], b"").expect(204);
    let back = house.put(&path, &patient(&id, "Three")).expect(201);
    assert_eq!(back.header("etag"), Some("W/\"4\""));
}

#[test]
fn head_is_get_without_the_body() {
    let house = House::open();
    house.put("Patient/p", &patient("p", "One")).expect(201);
    for path in ["Patient/p", "Patient/p/_history/1", "Patient?name=one", "Patient/none"] {
        let (get, head) = (house.get(path), house.send("HEAD", path, &[], b""));
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("etag"), get.header("etag"));
        assert!(head.body.is_empty());
    }
}

#[test]
fn reads_are_conditional() {
    let house = House::open();
    let written = house.put("Patient/p", &patient("p", "One")).expect(201);
    let modified = written.header("last-modified").unwrap();
    for (name, value, status) in [
        ("If-None-Match", "W/\"1\"", 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "W/\"2\"", 200),
        ("If-Modified-Since", modified, 304),
        ("If-Modified-Since", "Mon, 01 Jan 2001 00:00:00 GMT", 200),
    ] {
        let answer = house.send("GET", "Patient/p", &[(name, value)], b"").expect(status);
        assert_eq!(answer.header("etag"), Some("W/\"1\""));
        assert_eq!(answer.body.is_empty(), status == 304);
    }
}

#[test]
fn writes_are_conditional() {
    let house = House::open();
    house.put("Patient/p", &patient("p", "One")).expect(201);
    house.put("Patient/p", &patient("p", "Two")).expect(200);
    let body = patient("p", "Three").to_string();
    for (name, value, status) in [
        ("If-Match", "W/\"1\"", 412),
        ("If-Match", "W/\"9\"", 412),
        ("If-Match", "\"abc\"", 412),
        ("If-None-Match", "*", 412),
        ("If-Match", "W/\"2\"", 200),
        ("If-Match", "W/\"1\", W/\"3\"", 200),
        ("If-Match", "*", 200),
    ] {
        let answer = house.send("PUT", "Patient/p", &[(name, value)], body.as_bytes());
        assert_eq!(answer.status, status, "{name}: {value}");
    }
    house.send("DELETE", "Patient/p", &[("If-Match", "W/\"1\"")], b"").expect(412);
    house.send("PUT", "Patient/new", &[("If-Match", "*")], patient("new", "x").to_string().as_bytes()).expect(412);
    house.send("PUT", "Patient/new", &[("If-None-Match", "*")], patient("new", "x").to_string().as_bytes()).expect(201);
}

#[test]
fn conditions_pick_what_is_written() {
    let house = House::with(|settings| settings.conditional_deletes_max = 1);
    let with = |family: &str| {
        let mut patient = patient("x", family);
        patient.as_object_mut().unwrap().remove("id");
        patient["identifier"] = json!([{"system": "urn:s", "value": "7"}]);
        patient.to_string()
    };
    let none = ("If-None-Exist", "identifier=urn:s|7");
    house.send("POST", "Patient", &[none], with("One").as_bytes()).expect(201);
    let again = house.send("POST", "Patient", &[none], with("Two").as_bytes()).expect(200);
    assert_eq!(again.json()["name"][0]["family"], "One");
    let path = "Patient?identifier=urn:s%7C7";
    let updated = house.send("PUT", path, &[], with("Three").as_bytes()).expect(200);
    assert_eq!(updated.header("etag"), Some("W/\"2\""));
    house.send("PUT", "Patient", &[], with("Four").as_bytes()).expect(412);
    house.send("DELETE", "Patient", &[], b"").expect(412);
    house.send("PUT", "Patient?identifier=urn:s%7C8", &[], with("Other").as_bytes()).expect(201);
    house.send("PUT", path, &[], with("Five").as_bytes()).expect(412);
    house.send("DELETE", path, &[], b"").expect(412);
    let stated = house.get("metadata").json()["rest"][0]["resource"][0]["conditionalDelete"].clone();
    assert_eq!(stated, "single");
    assert_eq!(house.get("Patient?_summary=count").json()["total"], 2, "one wrong condition deletes nothing");
    for id in house.get(path).json()["entry"].as_array().unwrap().iter().map(|e| &e["resource"]["id"]) {
        let one = format!("Patient?identifier=urn:s%7C7&_id={}", id.as_str().unwrap());
        house.send("DELETE", &one, &[], b"").expect(204);
    }
    assert_eq!(house.get("Patient?_summary=count").json()["total"], 0);
    house.send("DELETE", "Patient?identifier=urn:s%7C7", &[], b"").expect(204);
}

#[test]
fn a_conditional_delete_takes_no_more_than_is_set() {
    let house = House::with(|settings| settings.conditional_deletes_max = 3);
    assert_eq!(house.get("metadata").json()["rest"][0]["resource"][0]["conditionalDelete"], "multiple");
    let count = || house.get("Patient?_summary=count").json()["total"].as_u64();
    for id in ["a", "b", "c", "d"] {
        house.put(&format!("Patient/{id}"), &patient(id, "One")).expect(201);
    }
    let refused = house.send("DELETE", "Patient?name=one", &[], b"").expect(412).issue();
    assert!(refused.contains("more than the 3 resources"), "{refused}");
    assert_eq!(count(), Some(4));
    house.send("DELETE", "Patient/d", &[], b"").expect(204);
    house.send("DELETE", "Patient?name=one", &[], b"").expect(204);
    assert_eq!(count(), Some(0));
}

#[test]
fn many_patches_at_once_all_count_and_nobody_need_repeat_one() {
    let house = House::open();
    house.put("Patient/p", &patient("p", "One")).expect(201);
    let add = br#"[{"op":"add","path":"/name/0/given/-","value":"Bo"}]"#;
    let media = ("Content-Type", "application/json-patch+json");
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| house.send("PATCH", "Patient/p", &[media], add).expect(200));
        }
    });
    assert_eq!(house.get("Patient/p").json()["name"][0]["given"].as_array().map(Vec::len), Some(65));
}

#[test]
fn options_tell_the_methods_to_anybody() {
    let house = House::open();
    for (path, allowed) in [
        ("/fhir/Patient/p", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("/fhir/Patient", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("/fhir", "GET, HEAD, POST, OPTIONS"),
        ("/fhir/metadata", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
    ] {
        let answer = house.bare("OPTIONS", path, &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (204, Some(allowed)), "{path}");
        assert!(answer.body.is_empty());
    }
}

#[test]
fn a_write_gives_back_what_is_preferred() {
    let house = House::open();
    let body = patient("p", "One").to_string();
    for (prefer, resource_type) in [
        ("return=minimal", None),
        ("return=representation", Some("Patient")),
        ("return=OperationOutcome", Some("OperationOutcome")),
        ("respond-async", Some("Patient")),
    ] {
        let answer = house.send("PUT", "Patient/p", &[("Prefer", prefer)], body.as_bytes());
        assert!(matches!(answer.status, 200 | 201));
        assert!(answer.header("etag").is_some());
        match resource_type {
            Some(name) => assert_eq!(answer.json()["resourceType"], name, "{prefer}"),
            None => assert!(answer.body.is_empty()),
        }
    }
}

#[test]
fn what_cannot_be_taken_is_refused_at_its_place() {
    let house = House::open();
    let good = patient("p", "One").to_string();
    let fhir = "application/fhir+json";
    for (method, path, media, body, status) in [
        ("POST", "Patient", fhir, "", 400),
        ("POST", "Patient", fhir, "{", 400),
        ("POST", "Patient", fhir, "[]", 400),
        ("POST", "Patient", fhir, "{\"resourceType\":\"Patient\",\"a\":1,\"a\":2}", 400),
        ("POST", "Patient", fhir, "{\"resourceType\":\"Observation\"}", 400),
        ("POST", "Patient", fhir, "{\"resourceType\":\"Patient\",\"gender\":\"sphinx\"}", 422),
        ("POST", "Patient", fhir, "{\"resourceType\":\"Patient\",\"nonsense\":1}", 422),
        ("POST", "Patient", "application/fhir+xml", "<Patient/>", 415),
        ("POST", "Patient", "text/plain", &good, 415),
        ("POST", "Patient", "application/fhir+json; charset=utf-16", &good, 415),
        ("POST", "Nonsense", fhir, &good, 404),
        ("PUT", "Patient/q", fhir, &good, 400),
        ("PUT", "Patient/a_b", fhir, &good, 404),
        ("POST", "Patient/p", fhir, &good, 405),
        ("DELETE", "", fhir, "", 405),
        ("PUT", "Patient/p/_history/1", fhir, &good, 405),
        ("POST", "", fhir, &good, 400),
        ("BREW", "Patient/p", fhir, "", 405),
    ] {
        let answer = house.send(method, path, &[("Content-Type", media)], body.as_bytes());
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", String::from_utf8_lossy(&answer.body));
        assert!(!answer.issue().is_empty());
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
    let wrong =
        house.send("POST", "Patient", &[], b"{\"resourceType\":\"Patient\",\"name\":[{\"family\":7}]}").expect(422);
    assert_eq!(wrong.json()["issue"][0]["expression"][0], "Patient.name[0].family");
    assert_eq!(house.get("Patient?_summary=count").json()["total"], 0);
}

#[test]
fn the_form_is_negotiated() {
    let house = House::open();
    house.put("Patient/p", &patient("p", "One")).expect(201);
    for (path, accept, status) in [
        ("Patient/p", "application/fhir+xml", 406),
        ("Patient/p?_format=xml", "*/*", 406),
        ("Patient/p?_format=json", "application/fhir+xml", 200),
        ("Patient/p?_format=application/fhir%2Bjson", "*/*", 200),
        ("Patient?_format=ttl", "*/*", 406),
        ("Patient/p?_nonsense=1", "*/*", 400),
    ] {
        assert_eq!(house.send("GET", path, &[("Accept", accept)], b"").status, status, "{path} {accept}");
    }
    let pretty = house.get("Patient/p?_pretty=true").expect(200);
    assert!(pretty.body.starts_with(b"{\n  \"resourceType\""));
    let elements = house.get("Patient/p?_elements=gender").expect(200).json();
    assert_eq!((&elements["gender"], &elements["name"]), (&json!("female"), &Value::Null));
    assert_eq!(elements["meta"]["tag"][0]["code"], "SUBSETTED");
    let text = house.get("Patient/p?_summary=text").expect(200).json();
    assert_eq!((&text["gender"], &text["id"]), (&Value::Null, &json!("p")));
}

#[test]
fn a_history_is_told_newest_first_in_pages_that_stay() {
    let house = House::open();
    for family in ["One", "Two", "Three"] {
        house.put("Patient/p", &patient("p", family));
    }
    house.send("DELETE", "Patient/p", &[], b"").expect(204);
    let tags = |answer: &crate::house::Answer| -> Vec<String> {
        let tree = answer.json();
        let entries = tree["entry"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|e| e["response"]["etag"].as_str().unwrap().to_owned()).collect()
    };
    let whole = house.get("Patient/p/_history").expect(200);
    assert_eq!(tags(&whole), ["W/\"4\"", "W/\"3\"", "W/\"2\"", "W/\"1\""]);
    assert_eq!(whole.json()["entry"][0]["request"]["method"], "DELETE");
    for scope in ["Patient/p/_history", "Patient/_history", "_history"] {
        let all = tags(&house.get(scope).expect(200));
        let first = house.get(&format!("{scope}?_count=3")).expect(200);
        house.put("Patient/other", &patient("other", "New"));
        let second = house.get(&first.link("next").unwrap()).expect(200);
        let paged = [tags(&first), tags(&second)].concat();
        assert_eq!(paged, all[..paged.len()], "{scope}");
        assert_eq!(tags(&first).len(), 3);
        assert!(first.link("self").unwrap().ends_with("_count=3"));
    }
    assert_eq!(tags(&house.get("Patient/p/_history?_since=2999-01-01T00:00:00Z").expect(200)).len(), 0);
    assert!(tags(&house.get("Patient/p/_history?_at=2999").expect(200)).is_empty());
    assert_eq!(tags(&house.get("Patient/other/_history?_at=2999").expect(200)), ["W/\"3\""]);
    for scope in ["Patient", "."] {
        let scope = scope.trim_end_matches('.');
        let path = |rest: &str| format!("{scope}{}_history?{rest}", if scope.is_empty() { "" } else { "/" });
        let standing = tags(&house.get(&path("_at=2999")).expect(200));
        assert_eq!(standing, ["W/\"3\""], "{scope}");
        assert!(tags(&house.get(&path("_at=2001")).expect(200)).is_empty());
        // This year: everything was made in it, and nothing stood before; in pages it is the same.
        let year = format!("_at={}", &whole.json()["meta"]["lastUpdated"].as_str().unwrap()[..4]);
        let mut page = house.get(&path(&format!("{year}&_count=2"))).expect(200);
        let mut seen = tags(&page);
        while let Some(next) = page.link("next") {
            page = house.get(&next).expect(200);
            seen.extend(tags(&page));
        }
        assert_eq!(seen, tags(&house.get(&path(&year)).expect(200)));
        assert_eq!(seen.len(), 7);
    }
    for bad in ["_since=yesterday", "_at=never", "_count=0", "_count=-1", "_nonsense=1"] {
        house.get(&format!("Patient/p/_history?{bad}")).expect(400);
    }
    house.get("Patient/none/_history").expect(404);
}

#[test]
fn a_transaction_is_whole_or_nothing_and_a_batch_is_not() {
    let house = House::open();
    let bundle = |kind: &str, second: Value| {
        json!({"resourceType": "Bundle", "type": kind, "entry": [
            {"fullUrl": "urn:uuid:5a4bd7c6-1b1d-4f5d-8d9f-3f1f7a3d0b11", "resource": {"resourceType": "Patient"},
             "request": {"method": "POST", "url": "Patient"}},
            {"resource": second, "request": {"method": "POST", "url": "Observation"}},
            {"request": {"method": "GET", "url": "Patient?_summary=count"}},
        ]})
    };
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "urn:uuid:5a4bd7c6-1b1d-4f5d-8d9f-3f1f7a3d0b11"}});
    let bad = json!({"resourceType": "Observation", "code": {"text": "x"}});
    let refused = house.post("", &bundle("transaction", bad.clone())).expect(422);
    assert!(refused.json()["issue"][0]["expression"][0].as_str().unwrap().starts_with("Bundle.entry[1]"));
    assert_eq!(house.get("Patient?_summary=count").json()["total"], 0);
    let done = house.post("", &bundle("transaction", observation)).expect(200).json();
    assert_eq!(done["type"], "transaction-response");
    assert_eq!(done["entry"][2]["resource"]["total"], 1);
    let own = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": format!("{}/Patient?_summary=count", house.base())}},
        {"request": {"method": "DELETE", "url": format!("{}/Patient/none", house.base())}}]});
    let own = house.post("", &own).expect(200).json();
    assert_eq!(own["entry"][0]["resource"]["total"], 1);
    assert_eq!(own["entry"][1]["response"]["status"], "204 No Content");
    let batch = house.post("", &bundle("batch", bad)).expect(200).json();
    let status = |i: usize| batch["entry"][i]["response"]["status"].as_str().unwrap()[..3].to_owned();
    assert_eq!([status(0), status(1), status(2)], ["201", "422", "200"]);
    house.post("", &json!({"resourceType": "Bundle", "type": "collection"})).expect(400);
}

#[test]
fn the_past_can_be_read() {
    let house = House::open();
    let first = house.put("Patient/p", &patient("p", "One")).expect(201).json();
    std::thread::sleep(std::time::Duration::from_millis(5));
    house.put("Patient/p", &patient("p", "Two")).expect(200);
    let then = first["meta"]["lastUpdated"].as_str().unwrap();
    assert_eq!(house.get(&format!("Patient/p?_asof={then}")).expect(200).json(), first);
    house.get("Patient/p?_asof=2001-01-01T00:00:00Z").expect(404);
    house.get("Patient/p?_asof=yesterday").expect(400);
    let found = house.get(&format!("Patient?_asof={then}&name=one")).expect(200);
    assert_eq!(found.ids(), ["p"]);
    assert!(house.get("Patient?name=one").expect(200).ids().is_empty());
}

#[test]
fn a_patch_changes_what_it_names() {
    let house = House::open();
    house.put("Patient/p", &patient("p", "One")).expect(201);
    let media = "application/json-patch+json";
    let json_patch = |body: &str, headers: &[(&str, &str)]| {
        let headers = [&[("Content-Type", media)], headers].concat();
        house.send("PATCH", "Patient/p", &headers, body.as_bytes())
    };
    let replace = r#"[{"op":"replace","path":"/name/0/family","value":"Two"}]"#;
    let patched = json_patch(replace, &[]).expect(200);
    assert_eq!((&patched.json()["name"][0]["family"], patched.header("etag")), (&json!("Two"), Some("W/\"2\"")));
    let fhirpath = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.gender"},
        {"name": "value", "valueCode": "male"}]}]});
    let patched = house.send("PATCH", "Patient/p", &[], fhirpath.to_string().as_bytes()).expect(200);
    assert_eq!(patched.json()["gender"], "male");
    house.send("PATCH", "Patient?name=two", &[("Content-Type", media)], replace.as_bytes()).expect(200);
    json_patch(replace, &[("If-Match", "W/\"1\"")]).expect(412);
    json_patch(r#"[{"op":"replace","path":"/id","value":"q"}]"#, &[]).expect(422);
    json_patch(r#"[{"op":"test","path":"/gender","value":"female"}]"#, &[]).expect(422);
    json_patch(r#"[{"op":"add","path":"/gender","value":"sphinx"}]"#, &[]).expect(422);
    json_patch(r#"{"op":"add"}"#, &[]).expect(400);
    house.send("PATCH", "Patient/p", &[], patient("p", "x").to_string().as_bytes()).expect(415);
    house.send("PATCH", "Patient/none", &[("Content-Type", media)], replace.as_bytes()).expect(404);
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "PATCH", "url": "Patient/p"}, "resource": fhirpath}]});
    house.post("", &bundle).expect(200);
    assert_eq!(house.get("Patient/p").json()["name"][0]["family"], "Two");
}
