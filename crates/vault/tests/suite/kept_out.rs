//! Whoever acts for a patient, and what the patient keeps from that very person.

use crate::gate::visitor;
use crate::place::{Place, delete, json, put, write};
use base::refusal::Kind;
use vault::access::{Edit, Purpose, Role, Visit};
use vault::exchange;
use vault::{Error, Expect, Vault};

/// A directive: `key` is what it is about, `more` its further members.
fn consent(id: &str, given: &str, key: &str, more: &str) -> String {
    let date = if given.is_empty() { String::new() } else { format!(r#""dateTime":"{given}","#) };
    format!(
        r#"{{"resourceType":"Consent","id":"{id}","status":"active","patient":{{"reference":"Patient/a"}},{date}
            "scope":{{"coding":[{{"code":"patient-privacy"}}]}},"category":[{{"coding":[{{"code":"{key}"}}]}}],{more}}}"#
    )
}

/// Keeps the agent from observations.
fn bar() -> String {
    consent("bar", "2026-01-01", "x", BAR)
}

const BAR: &str = r#""performer":[{"reference":"Patient/a"}],"policyRule":{"coding":[{"code":"OPTIN"}]},
    "provision":{"type":"deny","actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"RelatedPerson/f"}}],
    "class":[{"system":"http://hl7.org/fhir/resource-types","code":"Observation"}]}"#;
const OPEN: &str = r#""policyRule":{"coding":[{"code":"OPTIN"}]},"provision":{"type":"permit"}"#;

fn family(vault: &Vault) -> Visit {
    let patient = r#"{"resourceType":"Patient","id":"a","birthDate":"1950-01-01"}"#;
    let agent = r#"{"resourceType":"RelatedPerson","id":"f","patient":{"reference":"Patient/a"},"relationship":[{"coding":[{"code":"HPOWATT"}]}]}"#;
    let observation = r#"{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/a"},"code":{"text":"x"},
        "meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]}}"#;
    write(vault, vec![put(patient), put(agent), put(observation)]).expect("written");
    visitor(vault, "agent", Role::Proxy, &["RelatedPerson/f"], Purpose::FamilyRequest)
}

fn sees(vault: &Vault, visit: &Visit) -> bool {
    vault.read(visit, "Observation", "o", None).expect("read").is_some()
}

fn is_barred(result: Result<impl std::fmt::Debug, Error>, how: &str) {
    match result {
        Err(Error::Refusal(refusal)) => {
            assert_eq!(refusal.kind, Kind::Forbidden, "{how}");
            assert!(refusal.findings[0].message.contains("keeps you out"), "{how}: {refusal:?}");
        }
        other => panic!("{how} should be refused: {other:?}"),
    }
}

#[test]
fn a_proxy_cannot_lift_what_keeps_that_proxy_out() {
    let place = Place::new();
    let vault = place.open();
    let agent = family(&vault);
    assert!(sees(&vault, &agent));
    write(&vault, vec![put(&bar()), put(&consent("old", "2025-01-01", "x", OPEN))]).expect("written");
    assert!(!sees(&vault, &agent));
    let later = consent("bar", "2026-06-01", "x", OPEN);
    let withdrawn = bar().replace("active", "inactive");
    let set = |consent: &mut fhir::json::Json<'static>| {
        if let Some(consent) = consent.as_object_mut() {
            consent.set("status", fhir::json::Json::string("inactive"));
        }
        Ok(())
    };
    is_barred(exchange::patch(&vault, &agent, "Consent", "bar", Expect::Any, &set), "a patch");
    is_barred(exchange::update(&vault, &agent, "Consent", "bar", json(&withdrawn), Expect::Any), "an update");
    is_barred(exchange::create(&vault, &agent, "Consent", json(&later), None), "a later one");
    let newer = consent("old", "2026-06-01", "x", OPEN);
    is_barred(exchange::update(&vault, &agent, "Consent", "old", json(&newer), Expect::Any), "an old one made later");
    let undated = consent("n", "", "x", OPEN);
    is_barred(exchange::create(&vault, &agent, "Consent", json(&undated), None), "one without a date");
    is_barred(vault.try_consent(&agent, "a", Edit::Withdraw("bar")), "a trial");
    is_barred(vault.try_consent(&agent, "a", Edit::Give(&json(&later))), "a trial of a later one");
    assert!(exchange::delete(&vault, &agent, "Consent", "bar", Expect::Any).is_err(), "proxies delete nothing");
    assert!(
        vault.keeps_out(&agent, "a", "bar").expect("known") && !vault.keeps_out(&agent, "a", "old").expect("known")
    );
    assert!(!sees(&vault, &agent));
    // What keeps others out, or is about something else, is the proxy's to give.
    let other = consent("n", "2026-06-01", "y", OPEN);
    exchange::create(&vault, &agent, "Consent", json(&other), None).expect("another matter");
    // The patient lifts it.
    let own = visitor(&vault, "a", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    exchange::patch(&vault, &own, "Consent", "bar", Expect::Any, &set).expect("the patient's own");
    assert!(sees(&vault, &agent));
    exchange::create(&vault, &agent, "Consent", json(&later), None).expect("nothing keeps the agent out any more");
}

#[test]
fn a_bar_that_the_proxy_may_not_see_is_not_spoken_of() {
    let place = Place::new();
    let vault = place.open();
    let agent = family(&vault);
    // What names a sensitivity is as sensitive itself.
    let hidden = r#""securityLabel":[{"code":"HIV"}]"#;
    let shown = r#""class":[{"system":"http://hl7.org/fhir/resource-types","code":"Observation"}]"#;
    write(&vault, vec![put(&bar().replace(shown, hidden))]).expect("written");
    assert!(vault.read(&agent, "Consent", "bar", None).expect("read").is_none());
    let later = consent("later", "2026-06-01", "x", OPEN);
    match exchange::create(&vault, &agent, "Consent", json(&later), None) {
        Err(Error::Refusal(refusal)) => assert!(!refusal.findings[0].message.contains("keeps you"), "{refusal:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_proxy_gave_elsewhere_replaces_nothing_that_keeps_that_proxy_out() {
    let place = Place::new();
    let vault = place.open();
    let agent = family(&vault);
    let given_by = |who: &str| {
        let performer = format!(r#""performer":[{{"reference":"{who}"}}],{OPEN}"#);
        consent("later", "2026-06-01", "x", &performer)
    };
    for (who, opens) in [("RelatedPerson/f", false), ("Patient/a", true), ("RelatedPerson/m", true)] {
        write(&vault, vec![put(&bar()), put(&given_by(who))]).expect("written");
        assert_eq!(sees(&vault, &agent), opens, "given by {who}");
    }
    // A directive about all proxies is one about each.
    let all = bar().replace(r#""reference":{"reference":"RelatedPerson/f"}"#, r#""reference":{"display":"x"}"#);
    let all = all.replace("PRCP", "proxy");
    write(&vault, vec![put(&all), put(&given_by("RelatedPerson/m"))]).expect("written");
    assert!(!sees(&vault, &agent));
    write(&vault, vec![delete("Consent", "bar")]).expect("written");
    assert!(sees(&vault, &agent));
}

#[test]
fn a_permit_without_a_date_opens_nothing_beside_one_with_a_date() {
    let place = Place::new();
    let vault = place.open();
    family(&vault);
    let kim = visitor(&vault, "kim", Role::HimSpecialist, &["Practitioner/kim"], Purpose::RecordManagement);
    let notes = r#"{"resourceType":"Observation","id":"n","status":"final","subject":{"reference":"Patient/a"},"code":{"text":"x"},
        "meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SDV"}]}}"#;
    write(&vault, vec![put(notes)]).expect("written");
    let app = visitor(&vault, "loader", Role::App, &[], Purpose::Treatment);
    let reads = |visit: &Visit| vault.read(visit, "Observation", "n", None).expect("read").is_some();
    assert!(reads(&kim) && !reads(&app), "apps see nothing sensitive without consent");
    let permit = |label: &str| {
        format!(
            r#""policyRule":{{"coding":[{{"code":"OPTIN"}}]}},"provision":{{"type":"permit","securityLabel":[{{"code":"{label}"}}]}}"#
        )
    };
    write(&vault, vec![put(&consent("wide", "", "x", &permit("SDV")))]).expect("written");
    assert!(reads(&app), "it permits");
    write(&vault, vec![put(&consent("other", "2026-01-01", "y", &permit("HIV")))]).expect("written");
    assert!(reads(&app), "another is about something else");
    write(&vault, vec![put(&consent("narrow", "2026-02-01", "x", &permit("HIV")))]).expect("written");
    assert!(!reads(&app), "which of the two is the later one, nobody knows");
    // What it denies holds all the same.
    let deny = r#""provision":{"type":"deny","actor":[{"role":{"coding":[{"code":"him-specialist"}]}}]}"#;
    write(&vault, vec![put(&consent("wide", "", "x", deny))]).expect("written");
    assert!(!reads(&kim));
}
