//! How a visitor stands to the record beyond care: as an author, as one of an organization, behind a broken glass.

use crate::gate::visitor;
use crate::place::{Place, put, write};
use vault::Vault;
use vault::access::audit::{Deed, Wanted};
use vault::access::{Context, Purpose, Role, Visit};
use vault::search::Page;

fn note(id: &str, author: &str) -> String {
    format!(
        r#"{{"resourceType":"DocumentReference","id":"{id}","meta":{{"security":[{{"code":"PSYTHPN"}}]}},"status":"current",
           "subject":{{"reference":"Patient/a"}},"author":[{{"reference":"{author}"}}],"content":[{{"attachment":{{"title":"x"}}}}]}}"#
    )
}

fn chart(vault: &Vault) {
    let changes = vec![
        put(r#"{"resourceType":"Patient","id":"a","active":true}"#),
        put(r#"{"resourceType":"CareTeam","id":"t","status":"active","subject":{"reference":"Patient/a"},
               "participant":[{"member":{"reference":"Practitioner/lee"}}]}"#),
        put(&note("n", "Practitioner/kim")),
        put(
            r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},
               "performer":[{"reference":"Practitioner/kim"}]}"#,
        ),
    ];
    write(vault, changes).expect("written");
}

fn seen(vault: &Vault, visit: &Visit, kind: &str) -> Vec<String> {
    let query = vault.query(visit, Some(kind), &[], true, vault.clock().now()).expect("a query");
    let found = vault.search(visit, &query, &Page { count: 10, ..Page::default() }).expect("found");
    let mut ids: Vec<String> = found.matches.into_iter().map(|version| version.id).collect();
    ids.retain(|id| matches!(vault.read(visit, kind, id, None), Ok(Some(_))));
    ids.sort();
    ids
}

#[test]
fn an_author_sees_what_they_wrote_and_nobody_elses_note() {
    let place = Place::new();
    let vault = place.open();
    chart(&vault);
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    let lee = visitor(&vault, "lee", Role::Physician, &["Practitioner/lee"], Purpose::Treatment);
    assert_eq!(seen(&vault, &kim, "DocumentReference"), ["n"], "the author, without care");
    assert_eq!(seen(&vault, &lee, "DocumentReference"), [""; 0], "in care, and not the author");
    assert_eq!(seen(&vault, &kim, "Observation"), [""; 0], "who performed is no author");
    assert_eq!(seen(&vault, &kim, "Patient"), [""; 0], "a note opens no chart");
    write(&vault, vec![put(&note("m", "Practitioner/kim"))]).expect("written");
    assert_eq!(seen(&vault, &kim, "DocumentReference"), ["m", "n"], "at once");
    write(&vault, vec![put(&note("n", "Practitioner/lee"))]).expect("written");
    assert_eq!(seen(&vault, &kim, "DocumentReference"), ["m"], "it was put down to the wrong person");
    assert_eq!(seen(&vault, &lee, "DocumentReference"), ["n"]);
}

#[test]
fn a_consent_about_an_organization_is_about_those_who_work_there() {
    let place = Place::new();
    let vault = place.open();
    chart(&vault);
    let lee = visitor(&vault, "lee", Role::Physician, &["Practitioner/lee"], Purpose::Treatment);
    let deny = r#"{"resourceType":"Consent","id":"c","status":"active","patient":{"reference":"Patient/a"},"dateTime":"2026-01-01",
        "scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
        "category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],
        "policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},
        "provision":{"type":"deny","actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"Organization/house"}}]}}"#;
    write(&vault, vec![put(deny)]).expect("written");
    assert_eq!(seen(&vault, &lee, "Observation"), ["o"]);
    let role = r#"{"resourceType":"PractitionerRole","id":"r","active":true,"practitioner":{"reference":"Practitioner/lee"},
        "organization":{"reference":"Organization/ward"}}"#;
    let ward = r#"{"resourceType":"Organization","id":"ward","name":"W","partOf":{"reference":"Organization/house"}}"#;
    write(&vault, vec![put(ward), put(role)]).expect("written");
    place.clock.advance(60_001);
    assert_eq!(seen(&vault, &lee, "Observation"), [""; 0], "the ward is part of the house");
    write(&vault, vec![put(&role.replace("true", "false"))]).expect("written");
    place.clock.advance(60_001);
    assert_eq!(seen(&vault, &lee, "Observation"), ["o"], "the role is over");
    let team = deny.replace("Organization/house", "CareTeam/t");
    write(&vault, vec![put(&team)]).expect("written");
    assert_eq!(seen(&vault, &lee, "Observation"), [""; 0], "a care team, too");
}

#[test]
fn what_was_seen_behind_the_glass_is_marked_in_the_audit() {
    let place = Place::new();
    let vault = place.open();
    chart(&vault);
    let mo = visitor(&vault, "mo", Role::Physician, &["Practitioner/mo"], Purpose::Treatment);
    vault.break_glass(&mo, "a", "unconscious in the emergency room").expect("broken");
    let asked = mo.asking(Context::new(Deed::Read, "read"));
    assert!(vault.read(&asked, "Observation", "o", None).expect("read").is_some());
    vault.close_now(&asked, 200).expect("closed");
    let officer = visitor(&vault, "olga", Role::PrivacyOfficer, &[], Purpose::Compliance);
    let wanted = Wanted { patient: Some("a".to_owned()), count: 10, ..Wanted::default() };
    let page = vault.audit(&officer, &wanted).expect("read");
    let read = &page.found.iter().find(|found| found.event.place == "read").expect("the event").event;
    assert_eq!((read.purpose.as_str(), read.reason.as_str()), ("BTG", "unconscious in the emergency room"));
}
