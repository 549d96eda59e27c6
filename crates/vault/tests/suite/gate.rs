//! The gate: what a visit may not see does not exist for it, by whatever way it asks.

use crate::place::{Place, delete, put, write};
use base::refusal::Kind;
use vault::access::audit::{Deed, Wanted};
use vault::access::{Context, Profile, Purpose, Role, Roles, Terms, Visit};
use vault::exchange;
use vault::records::Scope;
use vault::search::Page;
use vault::{Error, Expect, Vault};

/// A visit of somebody new.
pub fn visitor(vault: &Vault, login: &str, role: Role, stands_for: &[&str], purpose: Purpose) -> Visit {
    let profile = Profile {
        login: login.to_owned(),
        name: login.to_uppercase(),
        roles: Roles::NONE.with(role),
        stands_for: stands_for.iter().map(|reference| (*reference).to_owned()).collect(),
        ..Profile::default()
    };
    let account = vault.create_account(&Visit::operator(), profile).expect("an account");
    let (token, _) = vault.issue_session(&account, Terms::new(purpose, 3_600_000)).expect("a session");
    let (_, visit) = vault.session(&token).expect("a visit");
    visit.asking(Context::new(Deed::Read, "test"))
}

/// Two patients. Dr Kim is in the care team of the first.
fn hospital(vault: &Vault) {
    let observation = |id: &str, patient: &str, code: &str| {
        put(&format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final","subject":{{"reference":"Patient/{patient}"}},
               "code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},"performer":[{{"reference":"Practitioner/kim"}}]}}"#
        ))
    };
    let patient = |id: &str, name: &str| {
        put(&format!(
            r#"{{"resourceType":"Patient","id":"{id}","birthDate":"1980-01-01","name":[{{"family":"{name}"}}],
               "managingOrganization":{{"reference":"Organization/o"}}}}"#
        ))
    };
    let changes = vec![
        put(r#"{"resourceType":"Organization","id":"o","name":"House"}"#),
        put(r#"{"resourceType":"Practitioner","id":"kim","name":[{"family":"Kim"}]}"#),
        patient("a", "Alpha"),
        patient("b", "Beta"),
        put(r#"{"resourceType":"CareTeam","id":"t","status":"active","subject":{"reference":"Patient/a"},
               "participant":[{"member":{"reference":"Practitioner/kim"}}]}"#),
        observation("oa", "a", "8480-6"),
        observation("ob", "b", "8480-6"),
        // An HIV test.
        observation("hiv", "a", "7917-8"),
    ];
    write(vault, changes).expect("written");
}

fn names(vault: &Vault, visit: &Visit, question: &str) -> Vec<String> {
    let (resource_type, rest) = question.split_once('?').expect("a question");
    let pairs: Vec<_> = rest
        .split('&')
        .filter_map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    let query = fhir::search::query::parse(Some(resource_type), &pairs, true, vault.clock().now()).expect(question);
    let found = vault.search(visit, &query, &Page { at: None, offset: 0, count: 100 }).expect(question);
    let all = found.matches.iter().chain(&found.included);
    let mut names: Vec<_> = all.map(|version| format!("{}/{}", version.resource_type, version.id)).collect();
    names.sort();
    names
}

#[test]
fn what_may_not_be_seen_is_not_there_at_any_door() {
    let place = Place::new();
    let vault = place.open();
    hospital(&vault);
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    let beta = visitor(&vault, "beta", Role::Patient, &["Patient/b"], Purpose::PatientRequest);
    let seen = |visit: &Visit, kind: &str, id: &str| vault.read(visit, kind, id, None).expect("read").is_some();
    assert!(seen(&kim, "Patient", "a") && seen(&kim, "Observation", "oa"));
    assert!(!seen(&kim, "Patient", "b") && !seen(&kim, "Observation", "ob") && !seen(&kim, "Patient", "nobody"));
    assert!(seen(&beta, "Patient", "b") && seen(&beta, "Observation", "ob"));
    assert!(!seen(&beta, "Patient", "a") && !seen(&beta, "Observation", "oa"));
    assert!(vault.vread(&beta, "Patient", "a", 1).expect("read").is_none());
    let history = |visit: &Visit, scope: Scope| -> Vec<String> {
        let found = vault.history(visit, &scope, vault.head(), None, 100).expect("read");
        found.into_iter().map(|version| version.id).collect()
    };
    assert!(history(&beta, Scope::Instance("Patient".to_owned(), "a".to_owned())).is_empty());
    assert_eq!(history(&beta, Scope::Type("Patient".to_owned())), ["b"]);
    assert!(history(&kim, Scope::System).iter().all(|id| id != "b" && id != "ob"));
    assert_eq!(names(&vault, &beta, "Patient?"), ["Patient/b"]);
    assert_eq!(names(&vault, &beta, "Patient?family=Alpha"), [""; 0]);
    assert_eq!(names(&vault, &beta, "Patient?_id=a"), [""; 0]);
    assert_eq!(names(&vault, &beta, "Patient?_sort=family&_total=accurate"), ["Patient/b"]);
    assert_eq!(names(&vault, &beta, "Observation?subject:Patient.family=Alpha"), [""; 0]);
    assert_eq!(names(&vault, &beta, "Observation?subject:Patient.family=Beta"), ["Observation/ob"]);
    assert_eq!(names(&vault, &beta, "Patient?_has:Observation:patient:code=8480-6"), ["Patient/b"]);
    let around = names(&vault, &beta, "Practitioner?_revinclude=Observation:performer");
    assert_eq!(around, ["Observation/ob", "Practitioner/kim"]);
    let around =
        names(&vault, &beta, "Organization?_revinclude=Patient:organization&_revinclude:iterate=Observation:subject");
    assert_eq!(around, ["Observation/ob", "Organization/o", "Patient/b"]);
    // A deletion of what could not be seen cannot be seen either.
    write(&vault, vec![delete("Observation", "oa")]).expect("deleted");
    assert!(history(&beta, Scope::Type("Observation".to_owned())).iter().all(|id| id != "oa"));
    assert!(history(&kim, Scope::Type("Observation".to_owned())).iter().any(|id| id == "oa"));
}

#[test]
fn who_may_never_see_a_type_is_told_so_before_any_look() {
    let place = Place::new();
    let vault = place.open();
    hospital(&vault);
    let tech = visitor(&vault, "tech", Role::Technologist, &[], Purpose::SystemAdministration);
    for (kind, id) in [("Patient", "a"), ("Patient", "nobody"), ("Observation", "oa")] {
        match vault.read(&tech, kind, id, None) {
            Err(Error::Refusal(refusal)) => assert_eq!(refusal.kind, Kind::Forbidden, "{kind}/{id}"),
            other => panic!("{kind}/{id}: {other:?}"),
        }
    }
}

fn refused(result: Result<impl std::fmt::Debug, Error>) -> (Kind, String) {
    match result {
        Err(Error::Refusal(refusal)) => (refusal.kind, refusal.findings[0].message.clone()),
        other => panic!("should be refused: {other:?}"),
    }
}

#[test]
fn writing_over_what_may_not_be_seen_is_like_writing_to_what_never_was() {
    let place = Place::new();
    let vault = place.open();
    hospital(&vault);
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    let json = |id: &str, patient: &str| {
        crate::place::json(&format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},
               "subject":{{"reference":"Patient/{patient}"}}}}"#
        ))
    };
    let before = vault.head();
    let update = |id: &str| refused(exchange::update(&vault, &kim, "Observation", id, json(id, "a"), Expect::Any));
    let (kind, message) = update("ob");
    assert_eq!(kind, Kind::NotFound);
    assert_eq!(message.replace("ob", "zz"), update("zz").1);
    for patient in ["b", "nobody"] {
        let created = exchange::create(&vault, &kim, "Observation", json("x", patient), None);
        assert_eq!(refused(created).0, Kind::Forbidden, "{patient}");
    }
    let condition = "patient=b&code=8480-6";
    let created = exchange::create(&vault, &kim, "Observation", json("x", "a"), Some(condition));
    assert!(matches!(created.expect("nothing matches").written, vault::Written::Created(_)));
    let gone = exchange::delete(&vault, &kim, "Observation", "ob", Expect::Any);
    assert!(matches!(gone, Ok(vault::Written::Deleted(None)) | Err(Error::Refusal(_))), "{gone:?}");
    assert!(vault.read(&Visit::operator(), "Observation", "ob", None).expect("read").is_some_and(|v| !v.deleted));
    assert!(vault.head() > before);
}

#[test]
fn a_broken_glass_opens_one_chart_for_a_time_and_is_told() {
    let place = Place::new();
    let vault = place.open();
    hospital(&vault);
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    let urgent = visitor(&vault, "lee", Role::Physician, &[], Purpose::Treatment);
    assert_eq!(refused(vault.break_glass(&urgent, "b", "short")).0, Kind::Invalid);
    assert_eq!(refused(vault.break_glass(&urgent, "nobody", "unconscious in the emergency room")).0, Kind::NotFound);
    assert!(vault.read(&urgent, "Observation", "ob", None).expect("read").is_none());
    vault.break_glass(&urgent, "b", "unconscious in the emergency room").expect("broken");
    assert!(vault.read(&urgent, "Observation", "ob", None).expect("read").is_some());
    assert!(vault.read(&urgent, "Observation", "oa", None).expect("read").is_none(), "one patient only");
    assert!(vault.read(&kim, "Observation", "ob", None).expect("read").is_none(), "one person only");
    let officer = visitor(&vault, "officer", Role::PrivacyOfficer, &[], Purpose::Compliance);
    let broken = vault.glasses(&officer).expect("read");
    assert_eq!((broken.len(), broken[0].patient.as_str()), (1, "b"));
    vault.review_glass(&officer, &broken[0].id, "justified").expect("reviewed");
    assert!(vault.glasses(&officer).expect("read")[0].reviewed.is_some());
    assert_eq!(refused(vault.glasses(&kim)).0, Kind::Forbidden);
    place.clock.advance(4 * 3_600_000 + 1);
    assert!(vault.read(&urgent, "Observation", "ob", None).expect("read").is_none(), "the time is over");
}

#[test]
fn a_consent_holds_from_the_moment_it_is_written() {
    let place = Place::new();
    let vault = place.open();
    hospital(&vault);
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    let seen = || vault.read(&kim, "Observation", "oa", None).expect("read").is_some();
    assert!(seen());
    let deny = r#"{"resourceType":"Consent","id":"c","status":"active","patient":{"reference":"Patient/a"},"dateTime":"2026-01-01",
        "scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
        "category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],
        "policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},
        "provision":{"type":"deny","actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"Practitioner/kim"}}]}}"#;
    write(&vault, vec![put(deny)]).expect("written");
    assert!(!seen(), "denied at once");
    assert_eq!(names(&vault, &kim, "Observation?patient=a"), [""; 0]);
    write(&vault, vec![put(&deny.replace("\"active\"", "\"inactive\""))]).expect("written");
    assert!(seen(), "withdrawn at once");
    write(&vault, vec![put(deny), delete("Consent", "c")]).expect("written");
    assert!(seen(), "deleted at once");
}

#[test]
fn whoever_was_shown_something_stands_in_the_audit() {
    let place = Place::new();
    let vault = place.open();
    hospital(&vault);
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    let officer = visitor(&vault, "officer", Role::PrivacyOfficer, &[], Purpose::Compliance);
    vault.read(&kim, "Observation", "oa", None).expect("read").expect("there");
    vault.close_now(&kim, 200).expect("written");
    let visit = kim.asking(Context::new(Deed::Search, "GET search"));
    assert_eq!(names(&vault, &visit, "Patient?").len(), 1);
    vault.close_now(&visit, 200).expect("written");
    let wanted = Wanted { patient: Some("a".to_owned()), count: 10, ..Wanted::default() };
    let page = vault.audit(&officer, &wanted).expect("read");
    let told: Vec<_> = page.found.iter().map(|f| (f.event.deed, f.event.shown, f.patients.clone())).collect();
    assert_eq!(told, [(Deed::Search, 1, vec!["Patient/a".to_owned()]), (Deed::Read, 1, vec!["Patient/a".to_owned()])]);
    let none = Wanted { patient: Some("b".to_owned()), count: 10, ..Wanted::default() };
    assert!(vault.audit(&officer, &none).expect("read").found.is_empty());
    let alpha = visitor(&vault, "alpha", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    assert_eq!(vault.audit(&alpha, &wanted).expect("the patient may know").found.len(), 2);
    assert_eq!(refused(vault.audit(&alpha, &none)).0, Kind::Forbidden);
    assert_eq!(refused(vault.audit(&alpha, &Wanted { count: 1, ..Wanted::default() })).0, Kind::Forbidden);
    // A write has its event in its own transaction.
    let visit = kim.asking(Context::new(Deed::Create, "POST type"));
    let note = crate::place::json(
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}}"#,
    );
    exchange::create(&vault, &visit, "Observation", note, None).expect("created");
    let newest = &vault.audit(&officer, &wanted).expect("read").found[0].event;
    assert_eq!((newest.deed, newest.changed), (Deed::Create, 1));
    let head = vault.head();
    vault.close_now(&visit, 201).expect("closed");
    assert_eq!(vault.head(), head, "not written twice");
    drop(vault);
    let again = place.open();
    let officer = again.account_of_login("officer").expect("read").expect("there");
    let (token, _) = again.issue_session(&officer, Terms::new(Purpose::Compliance, 3_600_000)).expect("a session");
    let officer = again.session(&token).expect("a visit").1.asking(Context::new(Deed::ReadAudit, "test"));
    assert_eq!(again.audit(&officer, &wanted).expect("read").found.len(), 3);
    drop(again);
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("verified");
    assert!(report.is_clean(), "{report:?}");
}
