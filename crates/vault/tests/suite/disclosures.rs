//! Disclosures: recorded, derived from the audit, accounted for, by those who may.

use crate::gate::visitor;
use crate::place::{Place, delete, put, write};
use base::refusal::Kind;
use vault::access::apps::{Proof, Reach, Registration};
use vault::access::audit::{Deed, Wanted};
use vault::access::disclosures::{Ask, Basis, Day, Disclosure, Law, Step, Suspension, letter};
use vault::access::{Context, Purpose, Role, Roles, Visit, purposes};
use vault::{Error, Vault};

const ALL: Ask = Ask { law: Law::Hipaa, from: None, until: None };

fn operator() -> Visit {
    Visit::operator().asking(Context::new(Deed::RecordDisclosure, "test"))
}

fn patients(vault: &Vault) {
    for id in ["a", "b"] {
        write(
            vault,
            vec![put(&format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"Nym {id}"}}]}}"#))],
        )
        .expect("written");
    }
}

fn sent(vault: &Vault, patient: &str, to: &str, basis: Basis) -> Disclosure {
    Disclosure {
        recipient: to.to_owned(),
        what: "laboratory report".to_owned(),
        ..Disclosure::new(patient, vault.today(), basis)
    }
}

fn kind(refused: Result<impl std::fmt::Debug, Error>) -> Option<Kind> {
    match refused {
        Err(Error::Refusal(refusal)) => Some(refusal.kind),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_recorded_is_listed_for_its_patient_and_survives_a_rebuild() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    vault.record_disclosure(&operator(), sent(&vault, "a", "County", Basis::PublicHealth)).expect("recorded");
    vault.record_disclosure(&operator(), sent(&vault, "a", "Dr Lee", Basis::Treatment)).expect("recorded");
    vault.record_disclosure(&operator(), sent(&vault, "b", "Court", Basis::Judicial)).expect("recorded");
    assert_eq!(
        kind(vault.record_disclosure(&operator(), sent(&vault, "c", "x", Basis::Judicial))),
        Some(Kind::NotFound)
    );
    let look = |vault: &Vault| {
        let done = vault.accounting(&operator(), "a", ALL).expect("made");
        let left: Vec<_> = done.left_out.iter().map(|left| (left.count, left.source)).collect();
        assert_eq!(left, [(1, "45 CFR 164.528(a)(1)(i)")]);
        let listed: Vec<_> = done.listed.iter().map(|series| series.first.recipient.clone()).collect();
        assert_eq!(listed, ["County"]);
        let text = letter::letter(&done);
        assert!(
            text.contains("Nym a (Patient/a)")
                && text.contains(
                    "to a public health authority, to prevent or control disease or injury (45 CFR 164.512(b))"
                ),
            "{text}"
        );
    };
    look(&vault);
    drop(vault);
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("verified");
    assert!(report.is_clean(), "{report:?}");
    let (vault, rebuilt) = Vault::rebuild(place.options(), &|_, _| ()).expect("rebuilt");
    assert_eq!(rebuilt.same, Some(true));
    look(&vault);
    // What is said of a patient goes with the patient's key.
    vault.shred(&operator(), "a").expect("shredded");
    let left = vault.recorded_disclosures(&operator(), Day(0), vault.today()).expect("listed");
    assert_eq!(left.iter().map(|one| one.recipient.as_str()).collect::<Vec<_>>(), ["Court"]);
}

#[test]
fn a_resource_that_never_was_is_not_noted_as_sent() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    let observation = |id: &str, patient: &str| {
        put(&format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},"subject":{{"reference":"Patient/{patient}"}}}}"#
        ))
    };
    write(&vault, vec![observation("there", "a"), observation("gone", "a"), observation("theirs", "b")])
        .expect("written");
    write(&vault, vec![delete("Observation", "gone")]).expect("deleted");
    let record = |visit: &Visit, resource: &str| {
        let one = sent(&vault, "a", "County", Basis::PublicHealth);
        vault.record_disclosure(visit, Disclosure { resources: vec![resource.to_owned()], ..one }).map(|_| ())
    };
    for resource in ["Observation/there", "Observation/gone"] {
        record(&operator(), resource).expect(resource);
    }
    for resource in ["Observation/never", "Observation/theirs"] {
        assert_eq!(kind(record(&operator(), resource)), Some(Kind::NotFound), "{resource}");
    }
    assert_eq!(vault.disclosures(&operator(), "a").expect("listed").len(), 2, "what was refused is not recorded");
    // Whoever does not see everything is not told what there is.
    let officer = visitor(&vault, "ada", Role::PrivacyOfficer, &[], Purpose::Compliance);
    for resource in ["Observation/there", "Observation/never"] {
        record(&officer, resource).expect(resource);
    }
}

#[test]
fn those_who_answer_for_it_record_and_produce_and_patients_get_their_own() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    let who = |login: &str, role, stands_for: &[&str], purpose| visitor(&vault, login, role, stands_for, purpose);
    let ann = who("ann", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    for role in Role::ALL.iter().copied().filter(|role| *role != Role::Patient) {
        let (login, may) = (role.code(), matches!(role, Role::HimSpecialist | Role::PrivacyOfficer));
        let visit = who(login, role, &[], purposes(Roles::NONE.with(role))[0]);
        let recorded = vault.record_disclosure(&visit, sent(&vault, "a", "County", Basis::PublicHealth));
        let made = vault.accounting(&visit, "a", ALL).map(|_| ());
        let given = vault.provide_accounting(&visit, "a", ALL, None).map(|_| ());
        if may {
            recorded.expect(login);
            made.and(given).expect(login);
        } else {
            assert_eq!(kind(recorded), Some(Kind::Forbidden), "{login}");
            assert_eq!([kind(made), kind(given)], [Some(Kind::Forbidden); 2], "{login}");
        }
    }
    let own = vault.accounting(&ann, "a", ALL).expect("her own");
    assert_eq!((own.listed.len(), own.listed[0].times), (1, 2));
    assert!(own.listed[0].first.by.is_empty(), "who typed it is the house's affair");
    vault.request_accounting(&ann, "a", ALL).expect("asked");
    assert_eq!(kind(vault.record_disclosure(&ann, sent(&vault, "a", "x", Basis::Judicial))), Some(Kind::Forbidden));
    assert_eq!(kind(vault.disclosures(&ann, "a")), Some(Kind::Forbidden));
    // Another patient is refused like one that does not exist.
    for other in ["b", "nobody"] {
        assert_eq!(kind(vault.accounting(&ann, other, ALL)), Some(Kind::Forbidden), "{other}");
        assert_eq!(kind(vault.request_accounting(&ann, other, ALL)), Some(Kind::Forbidden), "{other}");
    }
}

#[test]
fn what_an_agency_has_had_suspended_shows_nowhere_to_the_patient() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    let ann = visitor(&vault, "ann", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    vault.record_disclosure(&operator(), sent(&vault, "a", "Sheriff", Basis::LawEnforcement)).expect("recorded");
    vault.record_disclosure(&operator(), sent(&vault, "a", "Agency", Basis::NationalSecurity)).expect("recorded");
    let statement = Suspension {
        id: String::new(),
        patient: "a".to_owned(),
        agency: "Sheriff".to_owned(),
        basis: Basis::LawEnforcement,
        is_written: false,
        statement: "it would impede the inquiry".to_owned(),
        from: vault.today(),
        until: vault.today(),
        lifted: None,
        by: String::new(),
    };
    let seen = || {
        let own = vault.accounting(&ann, "a", ALL).expect("her own");
        let names = vault.recipients(&ann, "a", None).expect("hers").len();
        (own.listed.len(), own.left_out.len(), names)
    };
    assert_eq!(seen(), (1, 0, 1));
    let kept = vault.suspend_accounting(&operator(), statement, None).expect("suspended");
    assert_eq!(seen(), (0, 0, 0));
    assert_eq!(kind(vault.suspensions(&ann, "a")), Some(Kind::Forbidden));
    let theirs = vault.accounting(&operator(), "a", ALL).expect("the house's");
    assert_eq!(theirs.left_out.iter().map(|left| left.count).sum::<u64>(), 2);
    assert!(!letter::letter(&theirs).contains("164.528(a)(2)"), "the letter is the patient's");
    // Nor does what patients see of the audit tell that something was recorded.
    let wanted = Wanted { patient: Some("a".to_owned()), count: 100, ..Wanted::default() };
    let page = vault.audit(&ann, &wanted).expect("her own");
    assert!(page.found.iter().all(|found| !matches!(found.event.deed, Deed::Disclose | Deed::RecordDisclosure)));
    let all = vault.audit(&operator(), &wanted).expect("all");
    let noted: Vec<_> = all.found.iter().filter(|found| found.event.deed == Deed::RecordDisclosure).collect();
    assert_eq!(noted.len(), 3, "two disclosures and a suspension");
    assert!(vault.audit_entry(&ann, noted[0].position, 0).expect("read").is_none());
    place.clock.advance(29 * 86_400_000);
    assert_eq!(seen().0, 0);
    vault.resume_accounting(&operator(), "a", &kept.id).expect("lifted");
    assert_eq!(seen(), (1, 0, 1));
    assert_eq!(kind(vault.resume_accounting(&operator(), "b", &kept.id)), Some(Kind::NotFound));
}

#[test]
fn a_request_runs_by_the_clock_and_what_was_given_is_kept() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    let ann = visitor(&vault, "ann", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    let asked = vault.request_accounting(&ann, "a", ALL).expect("asked");
    assert_eq!(asked.due(), vault.today().plus(60));
    place.clock.advance(61 * 86_400_000);
    let late = Step::Extend(None, "archive moved".to_owned());
    assert_eq!(kind(vault.step_request(&operator(), "a", &asked.id, &late)), Some(Kind::Invalid));
    let open = vault.open_accounting_requests(&operator()).expect("listed");
    assert_eq!(open.iter().map(|one| one.state(vault.today())).collect::<Vec<_>>(), ["overdue"]);
    vault.provide_accounting(&operator(), "a", ALL, Some(&asked.id)).expect("given");
    assert!(vault.open_accounting_requests(&operator()).expect("listed").is_empty());
    assert_eq!(kind(vault.step_request(&ann, "a", &asked.id, &Step::Withdraw)), Some(Kind::Invalid));
    // The next within twelve months may cost something, told before and agreed to.
    let next = vault.request_accounting(&ann, "a", ALL).expect("asked");
    assert_eq!(kind(vault.step_request(&ann, "a", &next.id, &Step::Charge(650))), Some(Kind::Forbidden));
    vault.step_request(&operator(), "a", &next.id, &Step::Charge(650)).expect("told");
    assert_eq!(kind(vault.provide_accounting(&operator(), "a", ALL, Some(&next.id))), Some(Kind::Invalid));
    let dearer = vault.step_request(&ann, "a", &next.id, &Step::Agree(9_900));
    assert_eq!(kind(dearer), Some(Kind::Invalid), "the fee that was told is another");
    vault.step_request(&ann, "a", &next.id, &Step::Agree(650)).expect("agreed");
    vault.provide_accounting(&operator(), "a", ALL, Some(&next.id)).expect("given");
    assert_eq!(kind(vault.step_request(&operator(), "b", &next.id, &Step::Agree(650))), Some(Kind::NotFound));
}

#[test]
fn an_outside_app_says_on_what_ground_it_reads() {
    let place = Place::new();
    let vault = place.open();
    for (reach, basis, is_good) in [
        (Reach::House, None, true),
        (Reach::Patient, None, true),
        (Reach::Outside, Some(Basis::PublicHealth), true),
        (Reach::Outside, None, false),
        (Reach::House, Some(Basis::PublicHealth), false),
    ] {
        let registration = Registration {
            name: "App".to_owned(),
            proof: Proof::Public,
            redirects: vec!["https://a.example/cb".to_owned()],
            scopes: "patient/*.rs launch/patient".to_owned(),
            reach,
            basis,
            ..Registration::default()
        };
        let made = vault.register_app(&operator(), None, registration);
        assert_eq!(made.is_ok(), is_good, "{reach} {basis:?}");
        if let Ok((app, _)) = made {
            assert_eq!((app.registration.reach, app.registration.basis), (reach, basis));
        }
    }
}

#[test]
fn only_so_many_requests_of_a_patient_wait_at_a_time() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    let ann = visitor(&vault, "ann", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    let ask = |_| {
        place.clock.advance(1);
        vault.request_accounting(&ann, "a", ALL).expect("asked")
    };
    let asked: Vec<_> = (0..10).map(ask).collect();
    assert_eq!(kind(vault.request_accounting(&ann, "a", ALL)), Some(Kind::Invalid));
    // All of one day: the first is free, and no other.
    for (number, request) in asked.iter().enumerate() {
        let charged = vault.step_request(&operator(), "a", &request.id, &Step::Charge(650));
        assert_eq!(charged.is_err(), number == 0, "{number}");
    }
    vault.step_request(&ann, "a", &asked[3].id, &Step::Withdraw).expect("taken back");
    vault.request_accounting(&ann, "a", ALL).expect("there is room again");
}
