//! Minimum necessary over HTTP: parts are marked, have no tag of the whole, and cannot be asked by.

use crate::house::House;
use serde_json::json;
use vault::access::{Profile, Purpose, Role, Roles, Terms, Visit};

/// A token of somebody new with that role.
fn token(house: &House, login: &str, role: Role, purpose: Purpose) -> String {
    let profile = Profile {
        login: login.to_owned(),
        name: login.to_owned(),
        roles: Roles::NONE.with(role),
        ..Profile::default()
    };
    let account = house.vault.create_account(&Visit::operator(), profile).unwrap();
    house.vault.issue_session(&account, Terms::new(purpose, 3_600_000)).unwrap().0
}

#[test]
fn a_part_is_marked_and_never_taken_for_the_whole() {
    let mut house = House::open();
    let patient = json!({"resourceType": "Patient", "id": "a", "address": [{"city": "Flagstaff"}], "active": true});
    house.put("Patient/a", &patient).expect(201);
    let whole = house.get("Patient/a").expect(200);
    assert_eq!(whole.header("etag"), Some("W/\"1\""));
    house.token = token(&house, "cody", Role::Coder, Purpose::Payment);
    for path in ["Patient/a", "Patient/a/_history/1"] {
        for headers in [vec![], vec![("If-None-Match", "W/\"1\"")], vec![("If-None-Match", "*")]] {
            let part = house.send("GET", path, &headers, b"").expect(200);
            assert_eq!((part.header("etag"), part.header("last-modified")), (None, None));
            let body = part.json();
            assert_eq!(body["meta"]["tag"][0]["code"], "SUBSETTED");
            assert_eq!((body.get("address"), &body["active"]), (None, &json!(true)));
        }
    }
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": "Patient/a"}},
        {"request": {"method": "GET", "url": "Patient/a", "ifNoneMatch": "W/\"1\""}},
        {"request": {"method": "GET", "url": "Patient?_id=a"}}]});
    let answers = house.post("", &bundle).expect(200);
    assert!(!answers.text().contains("Flagstaff") && !answers.text().contains("etag"), "{}", answers.text());
    assert_eq!(answers.json()["entry"][1]["response"]["status"], "200 OK");
    for path in ["Patient/a/$everything", "Patient/_history", "Patient?_elements=address", "Patient/a/$meta"] {
        let answer = house.get(path).expect(200);
        assert!(!answer.text().contains("Flagstaff") && answer.text().matches("SUBSETTED").count() == 1, "{path}");
    }
    house.get("Patient/a/$proof").expect(403);
}

#[test]
fn a_parameter_over_a_hidden_element_is_answered_like_an_unknown_one() {
    let mut house = House::open();
    house.put("Patient/a", &json!({"resourceType": "Patient", "id": "a", "address": [{"city": "x"}]})).expect(201);
    house.token = token(&house, "cody", Role::Coder, Purpose::Payment);
    let strict = [("Prefer", "handling=strict")];
    for (hidden, unknown) in [
        ("Patient?address-use=home", "Patient?adresss-use=home"),
        ("Patient?_sort=address-use", "Patient?_sort=adresss-use"),
        ("Observation?subject:Patient.address-use=home", "Observation?subject:Patient.adresss-use=home"),
    ] {
        let same = |text: String| text.replace("address-use", "adresss-use");
        let (first, second) = (house.send("GET", hidden, &strict, b""), house.send("GET", unknown, &strict, b""));
        assert_eq!((first.status, same(first.text())), (400, second.text()), "{hidden}");
        let (first, second) = (house.get(hidden).expect(200).json(), house.get(unknown).expect(200).json());
        assert_eq!(first["total"], second["total"]);
        let said = |body: &serde_json::Value| {
            let entries = body["entry"].as_array().unwrap();
            let outcome = entries.iter().find(|entry| entry["search"]["mode"] == "outcome").unwrap();
            outcome["resource"]["issue"][0]["diagnostics"].as_str().unwrap().to_owned()
        };
        assert_eq!(same(said(&first)), said(&second), "{hidden}");
    }
}

#[test]
fn everybody_can_ask_why() {
    let mut house = House::open();
    house.put("Patient/a", &json!({"resourceType": "Patient", "id": "a", "active": true})).expect(201);
    house.token = token(&house, "cody", Role::Coder, Purpose::Payment);
    let why = house.send("GET", "Patient/a/$why", &[("Accept", "application/fhir+json")], b"").expect(200).json();
    assert_eq!(
        (&why["parameter"][0]["name"], &why["parameter"][0]["valueBoolean"]),
        (&json!("permitted"), &json!(true))
    );
    assert_eq!(why["parameter"][2]["valueString"], "coder-reads-the-chart");
    house.token = token(&house, "nora", Role::Nurse, Purpose::Treatment);
    let (hidden, absent) = (house.get("Patient/a/$why").expect(200), house.get("Patient/z/$why").expect(200));
    assert_eq!(hidden.text(), absent.text().replace("Patient/z", "Patient/a"));
    let text = house.send("GET", "Patient/a/$why", &[("Accept", "text/plain")], b"").expect(200);
    assert!(text.text().starts_with("There is no Patient/a, or it is not open to you"), "{}", text.text());
}
