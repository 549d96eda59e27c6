//! Granular scopes, and both forms of scopes, over HTTP.

use crate::stage::{Stage, registration};
use vault::access::apps::Proof;

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

#[test]
fn a_granular_scope_shows_what_it_means_by_every_way_of_reading() {
    let stage = Stage::new();
    stage.public_app("growth");
    let scope = format!("patient/Observation.rs?category={CATEGORY}|laboratory patient/Patient.rs");
    let told = stage.tokens("zoe", "growth", &scope, "zoe");
    assert_eq!(told["scope"], scope);
    assert_eq!(stage.get(&told, "Observation").expect(200).ids(), ["laboratory-zoe"]);
    assert_eq!(stage.get(&told, "Observation?category=vital-signs").expect(200).ids(), [""; 0]);
    assert_eq!(stage.get(&told, "Observation?_summary=count").json()["total"], 1);
    for (path, status) in [
        ("Observation/laboratory-zoe", 200),
        ("Observation/laboratory-zoe/_history/1", 200),
        ("Observation/vital-signs-zoe", 404),
        ("Observation/vital-signs-zoe/_history", 404),
        ("Observation/vital-signs-zoe/_history/1", 404),
        ("Observation/laboratory-ann", 404),
    ] {
        assert_eq!(stage.get(&told, path).status, status, "{path}");
    }
    for path in [
        "Patient?_revinclude=Observation:patient",
        "Patient/zoe/Observation",
        "Observation/_history",
        "Patient/zoe/$everything",
        "?_type=Observation",
        "Patient?_has:Observation:patient:category=vital-signs",
    ] {
        let text = stage.get(&told, path).expect(200).text();
        let entries = text.split("\"entry\"").nth(1).unwrap_or_default();
        assert!(!entries.contains("vital-signs-zoe"), "{path}: {text}");
    }
    assert_eq!(stage.get(&told, "Patient?_has:Observation:patient:category=vital-signs").ids(), [""; 0]);
    assert_eq!(stage.get(&told, "Patient?_has:Observation:patient:category=laboratory").ids(), ["zoe"]);
}

#[test]
fn scopes_of_both_forms_mean_the_same() {
    let stage = Stage::new();
    stage.app("old", registration(Proof::Public));
    for (scope, read, search, create) in [
        ("patient/Observation.read", 200, 200, 403),
        ("patient/Observation.rs", 200, 200, 403),
        ("patient/Observation.r", 200, 403, 403),
        ("patient/Observation.s", 403, 200, 403),
        ("patient/*.read", 200, 200, 403),
        ("user/Observation.read", 200, 200, 403),
        ("patient/Observation.write patient/Patient.read", 403, 403, 201),
        ("patient/Observation.c", 403, 403, 201),
        ("patient/Observation.*", 200, 200, 201),
    ] {
        let told = stage.tokens("kim", "old", scope, "zoe");
        assert_eq!(told["scope"], scope);
        assert_eq!(stage.get(&told, "Observation/laboratory-zoe").status, read, "{scope}: read");
        assert_eq!(stage.get(&told, "Observation?code=2823-3").status, search, "{scope}: search");
        let body = crate::stage::observation("x", "zoe", "laboratory", "1").to_string();
        assert_eq!(stage.ask(&told, "POST", "Observation", body.as_bytes()).status, create, "{scope}: create");
    }
    // What is allowed the person is the most that an app gets.
    let told = stage.tokens("zoe", "old", "user/*.rs", "");
    assert!(stage.get(&told, "Observation").expect(200).ids().iter().all(|id| !id.ends_with("-ann")));
    assert_eq!(stage.get(&told, "Observation/laboratory-ann").status, 404);
    assert_eq!(told.get("patient"), None);
}
