//! Ways in which the gate once told more than it should, each with what it tells now.

use crate::gate::visitor;
use crate::place::{Place, delete, json, put, write};
use base::refusal::Kind;
use vault::access::{Purpose, Role, Visit};
use vault::exchange;
use vault::records::Scope;
use vault::{Error, Expect, Vault};

const SECURITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

fn reads(vault: &Vault, visit: &Visit, name: &str) -> bool {
    let (resource_type, id) = name.split_once('/').expect("a name");
    vault.read(visit, resource_type, id, None).expect("read").is_some()
}

fn refused(result: Result<impl std::fmt::Debug, Error>) -> (Kind, String) {
    match result {
        Err(Error::Refusal(refusal)) => (refusal.kind, refusal.findings[0].message.clone()),
        other => panic!("should be refused: {other:?}"),
    }
}

fn observation(id: &str, patient: &str, rest: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","subject":{{"reference":"Patient/{patient}"}},
            "code":{{"text":"x"}}{rest}}}"#
    )
}

fn labelled(id: &str, patient: &str, label: &str) -> String {
    observation(id, patient, &format!(r#","meta":{{"security":[{{"system":"{SECURITY}","code":"{label}"}}]}}"#))
}

fn consent(patient: &str, rest: &str) -> String {
    format!(
        r#"{{"resourceType":"Consent","id":"{patient}-c","status":"active","patient":{{"reference":"Patient/{patient}"}},
            "dateTime":"2026-01-01","scope":{{"coding":[{{"code":"patient-privacy"}}]}},"category":[{{"coding":[{{"code":"59284-0"}}]}}],{rest}}}"#
    )
}

fn person(vault: &Vault, id: &str) {
    let patient = format!(
        r#"{{"resourceType":"Patient","id":"{id}","birthDate":"2014-01-01","generalPractitioner":[{{"reference":"Practitioner/kim"}}]}}"#
    );
    write(vault, vec![put(&patient)]).expect("written");
}

fn kim(vault: &Vault) -> Visit {
    visitor(vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment)
}

#[test]
fn what_was_marked_later_is_hidden_in_its_history_too() {
    let place = Place::new();
    let vault = place.open();
    person(&vault, "a");
    write(&vault, vec![put(&observation("o", "a", ""))]).expect("written");
    let kim = kim(&vault);
    let before = vault.head();
    assert!(reads(&vault, &kim, "Observation/o"));
    write(&vault, vec![put(&labelled("o", "a", "PSYTHPN"))]).expect("written");
    assert!(!reads(&vault, &kim, "Observation/o"));
    assert!(vault.vread(&kim, "Observation", "o", 1).expect("read").is_none());
    assert!(vault.read(&kim, "Observation", "o", Some(before)).expect("read").is_none());
    let history = |scope: Scope| vault.history(&kim, &scope, vault.head(), None, 10).expect("read").len();
    assert_eq!(history(Scope::Instance("Observation".to_owned(), "o".to_owned())), 0);
    assert_eq!(history(Scope::Type("Observation".to_owned())), 0);
    write(&vault, vec![delete("Observation", "o")]).expect("deleted");
    assert_eq!(history(Scope::Type("Observation".to_owned())), 0);
}

#[test]
fn what_was_moved_to_the_right_patient_is_not_left_with_the_wrong_one() {
    let place = Place::new();
    let vault = place.open();
    ["a", "b"].iter().for_each(|id| person(&vault, id));
    write(&vault, vec![put(&observation("o", "a", ""))]).expect("written");
    let wrong = visitor(&vault, "a", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    assert!(reads(&vault, &wrong, "Observation/o"));
    write(&vault, vec![put(&observation("o", "b", ""))]).expect("written");
    assert!(vault.vread(&wrong, "Observation", "o", 1).expect("read").is_none());
}

#[test]
fn letting_the_house_share_opens_no_psychotherapy_notes() {
    let place = Place::new();
    let vault = place.open();
    person(&vault, "a");
    write(&vault, vec![put(&labelled("notes", "a", "PSYTHPN"))]).expect("written");
    let kim = kim(&vault);
    let rule = |code: &str| format!(r#""policyRule":{{"coding":[{{"code":"{code}"}}]}}"#);
    let permit = r#","provision":{"type":"permit","actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"Practitioner/kim"}}]}"#;
    for (rest, opens) in [
        (rule("OPTIN"), false),
        (format!("{}{permit}", rule("OPTIN")), false),
        (format!("{}{permit}", rule("42CFRPart2")), false),
        (format!("{}{permit}", rule("hipaa-auth")), true),
    ] {
        write(&vault, vec![put(&consent("a", &rest))]).expect("written");
        assert_eq!(reads(&vault, &kim, "Observation/notes"), opens, "{rest}");
    }
}

#[test]
fn a_proxy_cannot_consent_to_what_is_hidden_from_the_proxy() {
    let place = Place::new();
    let vault = place.open();
    person(&vault, "a");
    let father = r#"{"resourceType":"RelatedPerson","id":"f","patient":{"reference":"Patient/a"},"relationship":[{"coding":[{"code":"FTH"}]}]}"#;
    write(&vault, vec![put(father), put(&labelled("abuse", "a", "SDV")), put(&observation("o", "a", ""))])
        .expect("written");
    let father = visitor(&vault, "father", Role::Proxy, &["RelatedPerson/f"], Purpose::FamilyRequest);
    let given = consent("a", r#""policyRule":{"coding":[{"code":"hipaa-auth"}]},"provision":{"type":"permit"}"#);
    exchange::create(&vault, &father, "Consent", json(&given), None).expect("a proxy may consent for the patient");
    assert!(reads(&vault, &father, "Observation/o"));
    assert!(!reads(&vault, &father, "Observation/abuse"));
}

#[test]
fn a_task_and_a_device_of_a_patient_are_the_patients() {
    let place = Place::new();
    let vault = place.open();
    person(&vault, "a");
    let task =
        r#"{"resourceType":"Task","id":"t","status":"requested","intent":"order","for":{"reference":"Patient/a"}}"#;
    let device = r#"{"resourceType":"Device","id":"d","patient":{"reference":"Patient/a"}}"#;
    write(&vault, vec![put(task), put(device)]).expect("written");
    let own = visitor(&vault, "a", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    let coder = visitor(&vault, "coder", Role::Coder, &[], Purpose::Payment);
    assert!(reads(&vault, &own, "Task/t") && reads(&vault, &own, "Device/d"));
    assert!(reads(&vault, &coder, "Task/t") && reads(&vault, &coder, "Device/d"));
    let deny = r#""provision":{"type":"deny","actor":[{"role":{"coding":[{"code":"coder"}]}}]}"#;
    write(&vault, vec![put(&consent("a", deny))]).expect("written");
    assert!(!reads(&vault, &coder, "Task/t") && !reads(&vault, &coder, "Device/d"));
}

#[test]
fn writing_tells_nobody_from_somebody_hidden() {
    let place = Place::new();
    let vault = place.open();
    ["a", "b"].iter().for_each(|id| person(&vault, id));
    let deny = r#""provision":{"type":"deny","actor":[{"role":{"coding":[{"code":"him-specialist"}]}}]}"#;
    write(&vault, vec![put(&observation("o", "a", "")), put(&consent("a", deny))]).expect("written");
    let him = visitor(&vault, "him", Role::HimSpecialist, &[], Purpose::RecordManagement);
    assert!(!reads(&vault, &him, "Patient/a") && reads(&vault, &him, "Patient/b"));
    let gone = |id: &str| refused(exchange::delete(&vault, &him, "Observation", id, Expect::Any));
    let (kind, message) = gone("o");
    assert_eq!((kind, message.replace("/o", "/nothing")), gone("nothing"), "a deletion");
    let create =
        |patient: &str| exchange::create(&vault, &him, "Observation", json(&observation("x", patient, "")), None);
    assert_eq!(refused(create("a")), refused(create("nobody")), "a create");
    assert!(create("b").is_ok());
    // A chart can be begun: a patient and what is known come in one transaction.
    let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"fullUrl":"urn:uuid:9a3f0f8e-6f5c-4c8e-9a54-3d2b1c0d9e8f","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},
        {"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},
            "subject":{"reference":"urn:uuid:9a3f0f8e-6f5c-4c8e-9a54-3d2b1c0d9e8f"}},"request":{"method":"POST","url":"Observation"}}]}"#;
    let get = |_: &exchange::Asked<'_>| panic!("nothing is read");
    let terms = exchange::Terms { get: &get, several: exchange::Several::up_to(1), base: "http://localhost/fhir" };
    let done = exchange::bundle(&vault, &him, json(bundle), terms);
    assert!(done.is_ok(), "a new patient with a result");
}

#[test]
fn who_delivers_and_sees_nothing_is_not_told_of_consents() {
    let place = Place::new();
    let vault = place.open();
    person(&vault, "a");
    write(&vault, vec![put(&consent("a", r#""provision":{"type":"deny"}"#))]).expect("written");
    let lab = visitor(&vault, "lab", Role::InterfacePartner, &[], Purpose::Operations);
    for patient in ["a", "nobody"] {
        let created = exchange::create(&vault, &lab, "Observation", json(&observation("x", patient, "")), None);
        assert!(matches!(created.expect("taken").written, vault::Written::Created(_)), "{patient}");
    }
}

#[test]
fn a_file_of_which_nobody_knows_whose_it_is_is_open_to_those_who_find_out() {
    let place = Place::new();
    let vault = place.open();
    person(&vault, "a");
    let file = |id: &str, rest: &str| {
        put(&format!(r#"{{"resourceType":"Binary","id":"{id}","contentType":"text/plain"{rest}}}"#))
    };
    let of = r#","securityContext":{"reference":"Patient/a"}"#;
    write(&vault, vec![file("scan", ""), file("letter", of)]).expect("written");
    let app = visitor(&vault, "app", Role::App, &[], Purpose::Treatment);
    let coder = visitor(&vault, "coder", Role::Coder, &[], Purpose::Payment);
    let him = visitor(&vault, "him", Role::HimSpecialist, &[], Purpose::RecordManagement);
    let own = visitor(&vault, "own", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    for (visit, scan, letter) in [(&app, false, true), (&coder, false, true), (&him, true, true), (&own, false, true)] {
        let who = &visit.principal().name;
        assert_eq!(
            (reads(&vault, visit, "Binary/scan"), reads(&vault, visit, "Binary/letter")),
            (scan, letter),
            "{who}"
        );
    }
}

#[test]
fn what_was_called_off_or_has_ended_opens_no_chart() {
    let place = Place::new();
    let vault = place.open();
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    let who = r#"{"reference":"Practitioner/kim"}"#;
    let encounter = |status: &str, part: &str| {
        format!(
            r#"{{"resourceType":"Encounter","id":"v","status":"{status}","class":{{"code":"AMB"}},"subject":{{"reference":"Patient/a"}},
            "participant":[{{"individual":{who}{part}}}]}}"#
        )
    };
    let team = |status: &str, part: &str| {
        format!(
            r#"{{"resourceType":"CareTeam","id":"t","status":"{status}","subject":{{"reference":"Patient/a"}},
            "participant":[{{"member":{who}{part}}}]}}"#
        )
    };
    let (long_ago, lately) = (r#","period":{"end":"2025-01-01"}"#, r#","period":{"end":"2026-11-01"}"#);
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"a"}"#)]).expect("written");
    for (text, opens) in [
        (encounter("in-progress", ""), true),
        (encounter("entered-in-error", ""), false),
        (encounter("finished", long_ago), false),
        (encounter("finished", lately), true),
        (
            encounter("finished", "")
                .replace("\"participant\"", "\"period\":{\"start\":\"2024-01-01\"},\"participant\""),
            false,
        ),
        (
            encounter("in-progress", "")
                .replace("\"participant\"", "\"period\":{\"start\":\"2024-01-01\"},\"participant\""),
            true,
        ),
        (encounter("cancelled", ""), false),
        (team("active", ""), true),
        (team("inactive", ""), false),
        (team("active", long_ago), false),
        (team("proposed", ""), false),
    ] {
        write(&vault, vec![put(&text)]).expect("written");
        assert_eq!(reads(&vault, &kim, "Patient/a"), opens, "{text}");
    }
}

#[test]
fn a_cancer_that_was_taken_back_makes_no_case() {
    let place = Place::new();
    let vault = place.open();
    ["a", "b"].iter().for_each(|id| person(&vault, id));
    let registrar = visitor(&vault, "registrar", Role::CancerRegistrar, &[], Purpose::PublicHealth);
    let cancer = |patient: &str| {
        put(&format!(
            r#"{{"resourceType":"Condition","id":"c","subject":{{"reference":"Patient/{patient}"}},
            "code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"C50.911"}}]}}}}"#
        ))
    };
    write(&vault, vec![cancer("a")]).expect("written");
    assert!(reads(&vault, &registrar, "Patient/a") && !reads(&vault, &registrar, "Patient/b"));
    write(&vault, vec![cancer("b")]).expect("it was the wrong patient");
    place.clock.advance(60_001);
    assert!(!reads(&vault, &registrar, "Patient/a") && reads(&vault, &registrar, "Patient/b"));
    write(&vault, vec![delete("Condition", "c")]).expect("deleted");
    place.clock.advance(60_001);
    assert!(!reads(&vault, &registrar, "Patient/b"));
}
