//! Those who work in a substance use disorder program see its records, and no other program's (42 CFR 2.12(c)(3)).

use crate::hospital::PROGRAMS;
use crate::house::{Answer, House};
use serde_json::{Value, json};
use vault::access::{Profile, Purpose, Role, Roles, Terms, Visit};

/// Two visits, each in a program of its own, and what was recorded in them. The counselor and Dr Kim treat the patient.
fn house() -> House {
    let house = House::labelled(PROGRAMS);
    put(&house, &json!({"resourceType": "Organization", "id": "detox", "name": "Desert Recovery"}));
    put(&house, &json!({"resourceType": "Organization", "id": "harbor", "name": "Harbor House"}));
    put(&house, &json!({"resourceType": "Patient", "id": "pat", "active": true}));
    let member = |name: &str| json!({"member": {"reference": format!("Practitioner/{name}")}});
    put(
        &house,
        &json!({"resourceType": "CareTeam", "id": "team", "status": "active", "subject": {"reference": "Patient/pat"},
            "participant": [member("ode"), member("kim")]}),
    );
    for program in ["detox", "harbor"] {
        put(&house, &visit(program, program));
        put(&house, &note(program, program));
        put(
            &house,
            &json!({"resourceType": "Observation", "id": program, "status": "final", "code": {"text": "screen"},
                "subject": {"reference": "Patient/pat"}, "encounter": {"reference": format!("Encounter/{program}")}}),
        );
    }
    put(&house, &report("own", &["detox"]));
    put(&house, &report("mixed", &["detox", "harbor"]));
    house
}

fn visit(id: &str, program: &str) -> Value {
    json!({"resourceType": "Encounter", "id": id, "status": "in-progress", "subject": {"reference": "Patient/pat"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "serviceProvider": {"reference": format!("Organization/{program}")}})
}

fn note(id: &str, encounter: &str) -> Value {
    json!({"resourceType": "DocumentReference", "id": id, "status": "current", "subject": {"reference": "Patient/pat"},
        "type": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F11.20"}]},
        "context": {"encounter": [{"reference": format!("Encounter/{encounter}")}]},
        "content": [{"attachment": {"contentType": "text/plain", "data": "bm90ZQ=="}}]})
}

fn report(id: &str, results: &[&str]) -> Value {
    let results: Vec<Value> = results.iter().map(|id| json!({"reference": format!("Observation/{id}")})).collect();
    json!({"resourceType": "DiagnosticReport", "id": id, "status": "final", "code": {"text": "screens"},
        "subject": {"reference": "Patient/pat"}, "result": results})
}

/// What the patient says of the whole chart.
fn consent(rule: &str, status: &str) -> Value {
    let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    json!({"resourceType": "Consent", "id": "c", "status": status, "dateTime": "2026-01-01",
        "patient": {"reference": "Patient/pat"}, "category": [coding("http://loinc.org", "59284-0")],
        "scope": coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "policyRule": coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", rule)})
}

fn put(house: &House, resource: &Value) {
    let path = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    let answer = house.put(&path, resource);
    assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text());
}

const TREATS: (Role, Purpose) = (Role::Physician, Purpose::Treatment);

/// Somebody who is signed in.
struct Person<'h> {
    house: &'h House,
    token: String,
}

impl<'h> Person<'h> {
    fn new(house: &'h House, login: &str, unit: Option<&str>, (role, purpose): (Role, Purpose)) -> Person<'h> {
        let profile = Profile {
            login: format!("{login}-{}", purpose.code().to_lowercase()),
            name: login.to_owned(),
            roles: Roles::NONE.with(role),
            stands_for: vec![format!("Practitioner/{login}")],
            units: unit.into_iter().map(str::to_owned).collect(),
            ..Profile::default()
        };
        let account = house.vault.create_account(&Visit::operator(), profile).unwrap();
        let (token, _) = house.vault.issue_session(&account, Terms::new(purpose, 3_600_000)).unwrap();
        Person { house, token }
    }

    fn get(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        self.house.bare("GET", &format!("/fhir/{path}"), &[("Authorization", &bearer)], b"")
    }

    fn finds(&self, path: &str) -> Vec<String> {
        let mut ids = self.get(path).expect(200).ids();
        ids.sort();
        ids
    }

    /// The status of the answer to each of these.
    fn statuses<const N: usize>(&self, paths: [&str; N]) -> [u16; N] {
        paths.map(|path| self.get(path).status)
    }
}

#[test]
fn a_counselor_sees_the_notes_of_their_own_program_and_no_others() {
    let house = house();
    let ode = Person::new(&house, "ode", Some("Organization/detox"), TREATS);
    let kim = Person::new(&house, "kim", None, TREATS);
    let other =
        Person::new(&house, "ode", Some("Organization/detox"), (Role::HimSpecialist, Purpose::RecordManagement));

    let notes = ["DocumentReference/detox", "DocumentReference/harbor"];
    assert_eq!((ode.statuses(notes), kim.statuses(notes)), ([200, 404], [404, 404]));
    let past = ["DocumentReference/detox/_history/1", "DocumentReference/harbor/_history/1"];
    assert_eq!((ode.statuses(past), kim.statuses(past)), ([200, 404], [404, 404]));
    assert_eq!(ode.finds("DocumentReference?patient=pat"), ["detox"]);
    assert_eq!(ode.get("DocumentReference?patient=pat&_summary=count").json()["total"], 1);
    assert_eq!(ode.finds("DocumentReference?encounter.service-provider=Organization/detox"), ["detox"]);
    assert!(ode.finds("DocumentReference?encounter.service-provider=Organization/harbor").is_empty());
    assert_eq!(ode.finds("Patient?_has:Observation:patient:_id=detox"), ["pat"]);
    assert!(ode.finds("Patient?_has:Observation:patient:_id=harbor").is_empty());
    assert_eq!(ode.finds("DiagnosticReport?patient=pat"), ["own"], "a report of both is another program's too");
    let included = ode.get("Encounter?_id=detox&_revinclude=Observation:encounter").expect(200).text();
    assert!(included.contains("Observation/detox") && !included.contains("harbor"), "{included}");
    for path in ["Patient/pat/$everything", "_history", "DocumentReference/_history"] {
        let all = ode.get(path).expect(200).text();
        assert!(all.contains("DocumentReference/detox") && !all.contains("DocumentReference/harbor"), "{path}: {all}");
        let none = kim.get(path).text();
        assert!(!none.contains("DocumentReference/detox") && !none.contains("DocumentReference/harbor"), "{path}");
    }
    assert!(other.finds("DocumentReference?patient=pat").is_empty(), "for treatment only");
    assert_eq!(other.finds("CareTeam?patient=pat"), ["team"]);

    let why = ode.get("DocumentReference/detox/$why").expect(200).text();
    assert!(why.contains("programme where you work") && why.contains("2.12(c)(3)"), "{why}");
    let why = ode.get("DocumentReference/harbor/$why").text();
    assert!(!why.contains("where you work"), "{why}");
}

#[test]
fn an_author_sees_what_they_wrote_whatever_the_patient_says_of_other_things() {
    let house = house();
    let mut written = note("harbor", "harbor");
    written["author"] = json!([{"reference": "Practitioner/kim"}]);
    put(&house, &written);
    let kim = Person::new(&house, "kim", None, TREATS);
    let paid = Person::new(&house, "kim", None, (Role::Coder, Purpose::Payment));
    let notes = ["DocumentReference/harbor", "DocumentReference/detox"];
    for (rule, status, seen) in
        [("OPTIN", "inactive", 200), ("OPTIN", "active", 200), ("OPTOUT", "active", 404), ("OPTOUT", "inactive", 200)]
    {
        put(&house, &consent(rule, status));
        assert_eq!(kim.statuses(notes), [seen, 404], "{rule} {status}");
        assert_eq!(paid.statuses(notes), [404, 404], "for treatment alone: {rule} {status}");
    }
    put(&house, &consent("OPTIN", "active"));
    let why = kim.get("DocumentReference/harbor/$why").expect(200).text();
    assert!(!why.contains("no consent of the patient lets"), "{why}");
}

#[test]
fn what_becomes_of_a_record_counts_for_those_of_its_program() {
    let house = house();
    let ode = Person::new(&house, "ode", Some("Organization/detox"), TREATS);
    let notes = ["DocumentReference/detox", "DocumentReference/harbor"];
    for (rule, status, seen) in
        [("OPTIN", "active", [200, 404]), ("OPTOUT", "active", [404, 404]), ("OPTOUT", "inactive", [200, 404])]
    {
        put(&house, &consent(rule, status));
        assert_eq!(ode.statuses(notes), seen, "{rule} {status}");
    }
    put(&house, &note("late", "detox"));
    assert_eq!(ode.get("DocumentReference/late").status, 200, "written later");
    put(&house, &visit("harbor", "detox"));
    assert_eq!(ode.statuses(notes), [200, 404], "what was another program's once stays closed");
    put(&house, &visit("harbor", "harbor"));
    put(&house, &note("detox", "harbor"));
    let moved = ["DocumentReference/detox", "DocumentReference/detox/_history/1", "DocumentReference/late"];
    assert_eq!(ode.statuses(moved), [404, 404, 200], "put down to the other program");
    put(&house, &visit("detox", "harbor"));
    assert_eq!(ode.statuses(["DocumentReference/late", "Observation/detox", "DiagnosticReport/own"]), [404, 404, 404]);
}
