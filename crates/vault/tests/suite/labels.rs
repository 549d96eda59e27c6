//! Labels that pass over: to what was recorded in a visit, and to what is made of something sensitive.

use crate::gate::visitor;
use crate::place::{Place, delete, put, write};
use base::id::Ids;
use std::fs;
use vault::access::{Purpose, Role, Visit};
use vault::search::Page;
use vault::{Options, Vault};

const CARE: &str = r#"{"resourceType":"CareTeam","id":"t","status":"active","subject":{"reference":"Patient/a"},
    "participant":[{"member":{"reference":"Practitioner/kim"}},{"member":{"reference":"Practitioner/lee"}},
    {"member":{"reference":"Practitioner/mo"}}]}"#;

fn encounter(security: &str) -> String {
    format!(
        r#"{{"resourceType":"Encounter","id":"e","meta":{{{security}}},"status":"finished","class":{{"code":"AMB"}},
           "subject":{{"reference":"Patient/a"}}}}"#
    )
}

const PART_2: &str =
    r#""security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"42CFRPart2"}]"#;

/// What is recorded in the visit, and what is made of that.
const CHAIN: [&str; 4] = [
    r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},
       "encounter":{"reference":"Encounter/e"}}"#,
    r#"{"resourceType":"DiagnosticReport","id":"r","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},
       "result":[{"reference":"Observation/o"}]}"#,
    r#"{"resourceType":"Composition","id":"c","status":"final","type":{"text":"x"},"subject":{"reference":"Patient/a"},
       "date":"2026-01-01","title":"x","author":[{"display":"x"}],"section":[{"title":"x","entry":[{"reference":"DiagnosticReport/r"}]}]}"#,
    r#"{"resourceType":"List","id":"l","status":"current","mode":"working","subject":{"reference":"Patient/a"},
       "entry":[{"item":{"reference":"Composition/c"}}]}"#,
];

const ALL: [(&str, &str); 4] = [("Observation", "o"), ("DiagnosticReport", "r"), ("Composition", "c"), ("List", "l")];

fn seen(vault: &Vault, visit: &Visit) -> usize {
    let read = ALL.iter().filter(|(kind, id)| vault.read(visit, kind, id, None).expect("read").is_some()).count();
    let query = vault.query(visit, None, &[], true, vault.clock().now()).expect("a query");
    let found = vault.search(visit, &query, &Page { count: 100, ..Page::default() }).expect("found");
    let is_one = |kind: &str, id: &str| ALL.contains(&(kind, id));
    let found = found.matches.iter().filter(|version| is_one(&version.resource_type, &version.id)).count();
    assert_eq!(read, found, "reading and searching agree");
    read
}

#[test]
fn what_was_recorded_in_a_sensitive_visit_is_as_sensitive() {
    let place = Place::new();
    let vault = place.open();
    let again = || Options { ids: Ids::seeded(2), ..place.options() };
    let patient = put(r#"{"resourceType":"Patient","id":"a","active":true}"#);
    write(&vault, vec![patient, put(CARE)]).expect("written");
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    // All comes before the visit that it refers to.
    for resource in CHAIN.iter().rev() {
        write(&vault, vec![put(resource)]).expect("written");
    }
    assert_eq!(seen(&vault, &kim), 4);
    write(&vault, vec![put(&encounter(PART_2))]).expect("written");
    assert_eq!(seen(&vault, &kim), 0, "labelled later, hidden at once");
    write(&vault, vec![put(&encounter(""))]).expect("written");
    assert_eq!(seen(&vault, &kim), 4, "the label was a mistake");
    write(&vault, vec![put(&encounter(PART_2))]).expect("written");
    write(&vault, vec![delete("Encounter", "e")]).expect("deleted");
    assert_eq!(seen(&vault, &kim), 0, "deleting the visit opens nothing");
    drop((kim, vault));

    let vault = Vault::open(again()).expect("opens");
    let kim = visitor(&vault, "lee", Role::Physician, &["Practitioner/lee"], Purpose::Treatment);
    assert_eq!(seen(&vault, &kim), 0, "opened again");
    drop((kim, vault));
    let (vault, rebuilt) = Vault::rebuild(Options { ids: Ids::seeded(3), ..again() }, &|_, _| ()).expect("rebuilt");
    assert_eq!(rebuilt.same, Some(true));
    let kim = visitor(&vault, "mo", Role::Physician, &["Practitioner/mo"], Purpose::Treatment);
    assert_eq!(seen(&vault, &kim), 0, "made anew");
    let pat = visitor(&vault, "pat", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    assert_eq!(seen(&vault, &pat), 4, "the patient sees all of it");
}

#[test]
fn a_site_labels_by_its_own_value_sets_and_a_change_of_them_counts() {
    let place = Place::new();
    let labels = place.dir().join("labels");
    let options = || Options { labels: Some(labels.clone()), ..place.options() };
    fs::create_dir(&labels).expect("a folder");
    let vault = Vault::open(options()).expect("opens");
    let visit =
        encounter("").replace("\"status\"", "\"serviceProvider\":{\"reference\":\"Organization/detox\"},\"status\"");
    let patient = put(r#"{"resourceType":"Patient","id":"a","active":true}"#);
    let mut changes = vec![patient, put(CARE), put(&visit)];
    changes.extend(CHAIN.map(put));
    write(&vault, changes).expect("written");
    let physician = |vault: &Vault, login: &str| {
        visitor(vault, login, Role::Physician, &[&format!("Practitioner/{login}")], Purpose::Treatment)
    };
    assert_eq!(seen(&vault, &physician(&vault, "kim")), 4);
    drop(vault);

    let own = "name = \"House\"\nlabels = [\"42CFRPart2\"]\nsource = \"site\"\ndate = \"2026-11-23\"\nplaces = [\"Organization/detox\"]";
    fs::write(labels.join("detox.toml"), own).expect("written");
    let vault = Vault::open(Options { ids: Ids::seeded(2), ..options() }).expect("opens");
    assert_eq!(seen(&vault, &physician(&vault, "lee")), 0, "what was there is labelled anew");
    drop(vault);
    let report = Vault::verify(&options(), &|_, _| ()).expect("verified");
    assert!(report.altered.is_empty(), "{:?}", report.altered);

    fs::write(labels.join("wrong.toml"), "name = 1").expect("written");
    let refusal = Vault::open(options()).err().expect("a refusal").to_string();
    assert!(refusal.contains("wrong.toml"), "{refusal}");
}
