//! Minimum necessary: elements that a role does not see are not there, by whatever way it asks, and stay when it writes.

use crate::gate::visitor;
use crate::place::{Place, body, json, put, read, write};
use base::refusal::Kind;
use fhir::json::Json;
use fhir::search::query::{Filter, Query, parse};
use vault::access::{Purpose, Role, Visit};
use vault::exchange;
use vault::records::Scope;
use vault::search::{Found, Page};
use vault::{Error, Expect, Vault, Version, Written};

const HIDDEN: &str = r#""address":[{"city":"Flagstaff"}],"generalPractitioner":[{"reference":"Practitioner/kim"}],"photo":[{"title":"f"}],"#;

fn patient(id: &str, hidden: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","id":"{id}",{hidden}"name":[{{"family":"Alpha"}}],"birthDate":"1980-01-01"}}"#
    )
}

/// Two patients, one with what a coder does not see.
fn hospital(vault: &Vault) -> Visit {
    let changes = vec![
        put(r#"{"resourceType":"Practitioner","id":"kim","name":[{"family":"Kim"}],"birthDate":"1970-01-01"}"#),
        put(&patient("a", HIDDEN)),
        put(&patient("b", "")),
        put(
            r#"{"resourceType":"Claim","id":"c","status":"active","type":{"text":"x"},"use":"claim","created":"2026-01-01",
               "patient":{"reference":"Patient/a"},"provider":{"reference":"Practitioner/kim"},"priority":{"text":"n"},
               "contained":[{"resourceType":"Patient","id":"p","address":[{"city":"Flagstaff"}],"gender":"male"}],
               "insurance":[{"sequence":1,"focal":true,"coverage":{"display":"x"}}]}"#,
        ),
        put(r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},
               "subject":{"reference":"Patient/a"}}"#),
    ];
    write(vault, changes).expect("written");
    visitor(vault, "cody", Role::Coder, &[], Purpose::Payment)
}

fn query(vault: &Vault, visit: &Visit, question: &str) -> Result<Query, String> {
    let (resource_type, rest) = question.split_once('?').expect("a question");
    let pairs = fhir::search::query::url::pairs(rest).expect("pairs");
    vault.query(visit, Some(resource_type), &pairs, true, vault.clock().now()).map_err(|refusal| refusal.to_string())
}

fn found(vault: &Vault, visit: &Visit, question: &str) -> Found {
    let query = query(vault, visit, question).expect(question);
    vault.search(visit, &query, &Page { at: None, offset: 0, count: 100 }).expect(question)
}

fn is_cut(version: &Version) {
    let text = body(version);
    assert!(version.partial && text.contains("SUBSETTED"), "{text}");
    for hidden in ["Flagstaff", "address", "generalPractitioner", "photo"] {
        assert!(!text.contains(hidden), "{text}");
    }
}

#[test]
fn hidden_elements_leave_by_no_door() {
    let place = Place::new();
    let vault = place.open();
    let cody = hospital(&vault);
    let one = |version: Result<Option<Version>, Error>| version.expect("read").expect("a version");
    is_cut(&one(vault.read(&cody, "Patient", "a", None)));
    is_cut(&one(vault.read(&cody, "Patient", "a", Some(vault.head()))));
    is_cut(&one(vault.vread(&cody, "Patient", "a", 1)));
    is_cut(&one(vault.read(&cody, "Claim", "c", None)));
    let position = one(vault.read(&cody, "Patient", "a", None)).position;
    is_cut(&one(vault.at(&cody, position)));
    for scope in [Scope::Instance("Patient".to_owned(), "a".to_owned()), Scope::Type("Patient".to_owned())] {
        vault.history(&cody, &scope, vault.head(), None, 10).expect("read").iter().for_each(is_cut);
    }
    let all = vault.history(&cody, &Scope::System, vault.head(), None, 10).expect("read");
    assert!(all.iter().all(|version| !body(version).contains("Flagstaff")));
    found(&vault, &cody, "Patient?family=Alpha").matches.iter().for_each(is_cut);
    is_cut(&found(&vault, &cody, "Observation?_include=Observation:subject").included[0]);
    is_cut(&found(&vault, &cody, "Patient?_contained=true&_containedType=contained&gender=male").matches[0]);
    let proof = vault.proof(&cody, position);
    assert!(matches!(proof, Err(Error::Refusal(refusal)) if refusal.kind == Kind::Forbidden));
    let whole = read(&vault, "Patient", "a").expect("a version");
    assert!(!whole.partial && body(&whole).contains("Flagstaff") && !body(&whole).contains("SUBSETTED"));
    // A nurse's view of the same type is whole.
    let nurse = visitor(&vault, "nora", Role::Nurse, &["Practitioner/kim"], Purpose::Treatment);
    let whole = vault.read(&nurse, "Patient", "a", None).expect("read").expect("in care");
    assert!(!whole.partial && body(&whole).contains("Flagstaff"));
}

#[test]
fn whether_there_is_something_to_hide_does_not_show() {
    let place = Place::new();
    let vault = place.open();
    let cody = hospital(&vault);
    let seen = |id: &str| body(&vault.read(&cody, "Patient", id, None).expect("read").expect("a version"));
    assert_eq!(seen("a").replace("\"id\":\"a\"", "\"id\":\"b\""), seen("b"));
    // What leads to a patient by a hidden element leads nowhere: wildcards, and compartments.
    let around = |question: &str| found(&vault, &cody, question).included.len();
    assert_eq!(around("Patient?_id=a&_include=*"), 0);
    let revinclude = found(&vault, &cody, "Practitioner?_revinclude=*:*").included;
    assert!(revinclude.iter().all(|version| version.resource_type != "Patient"), "{revinclude:?}");
    let mut compartment = query(&vault, &cody, "Patient?").expect("a query");
    compartment.filter = Filter::Compartment { kind: "Practitioner".to_owned(), id: "kim".to_owned() };
    let count = |visit: &Visit| vault.search(visit, &compartment, &Page { count: 10, ..Page::default() });
    assert_eq!(count(&cody).expect("searched").matches.len(), 0);
    assert_eq!(count(&Visit::operator()).expect("searched").matches.len(), 1);
}

#[test]
fn nothing_can_be_asked_by_what_is_hidden() {
    let place = Place::new();
    let vault = place.open();
    let cody = hospital(&vault);
    for question in [
        "Patient?address-city=Flagstaff",
        "Patient?general-practitioner=Practitioner/kim",
        "Patient?_sort=address-city",
        "Patient?_text=x",
        "Observation?_content=x",
        "Patient?_filter=address-city%20eq%20Flagstaff",
        "Observation?subject:Patient.address-city=Flagstaff",
        "Practitioner?_has:Patient:general-practitioner:family=Alpha",
        "Patient?_include=Patient:general-practitioner",
        "Patient?_contained=true&address-city=Flagstaff",
    ] {
        let refusal = query(&vault, &cody, question).expect_err(question);
        assert!(
            refusal.contains("is not a search parameter") || refusal.contains("no meaning"),
            "{question}: {refusal}"
        );
        query(&vault, &Visit::operator(), question).expect(question);
    }
    // A door that forgets to read the query for its visit is told so, too.
    let careless = [("address-city".to_owned(), "Flagstaff".to_owned())];
    let careless = parse(Some("Patient"), &careless, true, vault.clock().now()).expect("a query");
    assert!(vault.search(&cody, &careless, &Page::default()).is_err());
    let created = exchange::create(&vault, &cody, "Claim", json(r#"{"resourceType":"Claim"}"#), Some("_content=x"));
    assert!(matches!(created, Err(Error::Refusal(refusal)) if refusal.kind == Kind::Malformed));
}

#[test]
fn what_a_writer_does_not_see_stays() {
    let place = Place::new();
    let vault = place.open();
    hospital(&vault);
    let task = r#"{"resourceType":"Task","id":"t","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">kept</div>"},
        "status":"requested","intent":"order","for":{"reference":"Patient/a"},"input":[{"type":{"text":"x"},"valueString":"kept"}]}"#;
    write(&vault, vec![put(task)]).expect("written");
    let officer = visitor(&vault, "olga", Role::PrivacyOfficer, &[], Purpose::Compliance);
    let seen = || vault.read(&officer, "Task", "t", None).expect("read").expect("a task");
    assert!(!body(&seen()).contains("kept") && body(&seen()).contains("SUBSETTED"));

    let sent = json(&body(&seen()).replace("requested", "accepted"));
    let done = exchange::update(&vault, &officer, "Task", "t", sent, Expect::Any).expect("updated");
    let Written::Updated(written) = done.written else { panic!("updated") };
    assert!(written.partial && !body(&written).contains("kept"), "what is answered is the same view");
    let edit = |resource: &mut Json<'static>| {
        if let Some(task) = resource.as_object_mut() {
            task.set("priority", Json::string("urgent"));
        }
        Ok(())
    };
    exchange::patch(&vault, &officer, "Task", "t", Expect::Version(2), &edit).expect("patched");
    let stored = body(&read(&vault, "Task", "t").expect("a task"));
    for kept in ["kept</div>", r#""valueString":"kept""#, "accepted", "urgent", r#""versionId":"3""#] {
        assert!(stored.contains(kept), "{kept}: {stored}");
    }
    assert!(!stored.contains("SUBSETTED"), "{stored}");

    let own = body(&seen())
        .replace("\"status\"", "\"input\":[{\"type\":{\"text\":\"x\"},\"valueString\":\"own\"}],\"status\"");
    match exchange::update(&vault, &officer, "Task", "t", json(&own), Expect::Any) {
        Err(Error::Refusal(refusal)) => {
            assert_eq!(refusal.kind, Kind::Forbidden);
            assert!(refusal.findings[0].message.starts_with("you do not see Task.input"));
        }
        other => panic!("should be refused: {other:?}"),
    }
}
