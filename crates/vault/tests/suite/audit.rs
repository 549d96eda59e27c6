//! The audit: what is kept of a request, who may read it, and how its keeping ends.

use crate::gate::visitor;
use crate::place::{Place, put, write};
use base::refusal::Kind;
use vault::access::audit::{Deed, Keeping, Outcome, Wanted};
use vault::access::{Context, Purpose, Role, Visit, forgotten};
use vault::{Error, Vault};

const DAY_MS: i64 = 86_400_000;

fn patients(vault: &Vault) {
    for id in ["a", "b"] {
        write(vault, vec![put(&format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#))]).expect("written");
    }
}

fn look(vault: &Vault, patient: &str) {
    let visit = Visit::operator().asking(Context::new(Deed::Read, "GET instance"));
    vault.read(&visit, "Patient", patient, None).expect("read");
    vault.close_now(&visit, 200).expect("written");
}

fn wanted(patient: Option<&str>) -> Wanted {
    Wanted { patient: patient.map(str::to_owned), count: 1_000, ..Wanted::default() }
}

fn operator() -> Visit {
    Visit::operator().asking(Context::new(Deed::ReadAudit, "test"))
}

#[test]
fn a_visit_without_a_request_is_shown_nothing_and_one_without_an_end_is_counted() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    let kim = visitor(&vault, "kim", Role::HimSpecialist, &[], Purpose::RecordManagement);
    let account = vault.account_of_login("kim").expect("read").expect("there");
    let terms = vault::access::Terms::new(Purpose::RecordManagement, 1_000);
    let (token, _) = vault.issue_session(&account, terms).expect("a session");
    let (_, bare) = vault.session(&token).expect("a visit");
    for shown in [vault.read(&bare, "Patient", "a", None).map(|_| ()), vault.audit(&bare, &wanted(None)).map(|_| ())] {
        assert!(matches!(shown, Err(Error::Fault(_))), "an unaudited way in is not seen");
    }
    let before = forgotten();
    assert!(vault.read(&kim, "Patient", "a", None).expect("read").is_some());
    drop(kim);
    assert!(forgotten() > before, "a request that was shown something and left no entry");
}

#[test]
fn a_patient_sees_who_looked_and_nothing_about_others() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    let both =
        Visit::operator().asking(Context { asked: "name=x".to_owned(), ..Context::new(Deed::Search, "GET type") });
    for id in ["a", "b"] {
        vault.read(&both, "Patient", id, None).expect("read");
    }
    vault.close_now(&both, 200).expect("written");
    let ann = visitor(&vault, "ann", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    let page = vault.audit(&ann, &wanted(Some("a"))).expect("her own");
    assert!(page.is_limited && page.found.len() == 1, "{page:?}");
    let told = &page.found[0];
    assert!(told.patients == ["Patient/a"] && told.event.asked.is_empty() && told.event.about.is_empty(), "{told:?}");
    let who = vault.who(&page.found[0].event.account).expect("read");
    let shown = format!("{:?}", vault.audit_events(&page.found[0], &who, page.is_limited)[0]);
    assert!(!shown.contains("name=x") && !shown.contains("bmFtZT14"), "{shown}");
    for (patient, visit) in [(Some("b"), &ann), (None, &ann)] {
        let refused = vault.audit(visit, &wanted(patient));
        assert!(matches!(refused, Err(Error::Refusal(refusal)) if refusal.kind == Kind::Forbidden), "{patient:?}");
    }
    let (found, _) = vault.audit_entry(&ann, page.found[0].position, 0).expect("read").expect("hers");
    assert_eq!(found.patients, ["Patient/a"]);
    look(&vault, "b");
    let others = vault.audit(&operator(), &wanted(Some("b"))).expect("read").found[0].position;
    assert!(vault.audit_entry(&ann, others, 0).expect("read").is_none());
    let limits = [
        Wanted { account: Some("operator".to_owned()), ..wanted(Some("a")) },
        Wanted { outcome: Some(Outcome::Refused), ..wanted(Some("a")) },
        Wanted { deed: Some(Deed::Delete), ..wanted(Some("a")) },
    ];
    let counts = limits.map(|wanted| vault.audit(&operator(), &wanted).expect("read").found.len());
    assert_eq!(counts, [1, 0, 0]);
}

#[test]
fn an_emergency_is_told_to_the_one_patient_whose_it_was() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    let reason = "found unconscious after an overdose";
    let mo = visitor(&vault, "mo", Role::Physician, &["Practitioner/mo"], Purpose::Treatment);
    for id in ["a", "b"] {
        vault.break_glass(&mo, id, reason).expect("broken");
    }
    let rushed = |ids: &[&str]| {
        let visit = mo.asking(Context::new(Deed::Read, "GET instance"));
        for id in ids {
            vault.read(&visit, "Patient", id, None).expect("read");
        }
        vault.close_now(&visit, 200).expect("written");
    };
    rushed(&["a"]);
    rushed(&["a", "b"]);
    let ann = visitor(&vault, "ann", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    let reads = |patient| Wanted { deed: Some(Deed::Read), ..wanted(Some(patient)) };
    let found = vault.audit(&ann, &reads("a")).expect("her own").found;
    let told = |event: &vault::access::audit::Event| (event.reason.clone(), event.purpose.clone());
    let hers = (reason.to_owned(), "BTG".to_owned());
    assert_eq!(found.iter().map(|found| told(&found.event)).collect::<Vec<_>>(), [Default::default(), hers.clone()]);
    for (found, said) in found.iter().zip([(String::new(), String::new()), hers]) {
        let (one, is_limited) = vault.audit_entry(&ann, found.position, 0).expect("read").expect("hers");
        let whole = vault.audit_events(&one, &vault::access::audit::Who::default(), is_limited);
        let text = format!("{whole:?}");
        assert_eq!(told(&one.event), said);
        assert_eq!((text.contains(reason), text.contains("BTG")), (!said.0.is_empty(), !said.1.is_empty()), "{text}");
    }
    let whole = vault.audit(&operator(), &reads("b")).expect("all").found;
    assert_eq!((whole[0].event.reason.as_str(), whole[0].patients.len()), (reason, 2));
}

#[test]
fn an_event_about_very_many_names_some_and_is_found_by_each() {
    let place = Place::new();
    let vault = place.open();
    let ids: Vec<String> = (0..130).map(|n| format!("p{n}")).collect();
    let people = ids.iter().map(|id| put(&format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#))).collect();
    write(&vault, people).expect("written");
    let visit = Visit::operator().asking(Context::new(Deed::Export, "export"));
    for id in &ids {
        vault.read(&visit, "Patient", id, None).expect("read");
    }
    vault.close_now(&visit, 200).expect("written");
    let exports = |patient: Option<&str>, names| Wanted { deed: Some(Deed::Export), names, ..wanted(patient) };
    let who = vault::access::audit::Who::default();
    for (names, named) in [(None, 100), (Some(3), 3)] {
        let found = vault.audit(&operator(), &exports(None, names)).expect("read").found.remove(0);
        assert_eq!((found.patients.len(), found.unnamed), (named, 130 - named));
        let made = vault.audit_events(&found, &who, false);
        assert_eq!(made.len(), named);
        assert!(format!("{:?}", made[0]).contains(&format!("{} more patients", 130 - named)));
        assert!(vault::access::audit::report::line(&found, "").contains(&format!("and {} more", 130 - named)));
    }
    // Whoever asks about one patient finds it, under an id by which it is read again.
    for id in ["p0", "p129"] {
        let mut found = vault.audit(&operator(), &exports(Some(id), Some(3))).expect("read").found.remove(0);
        let name = format!("Patient/{id}");
        assert_eq!(found.patients[0], name);
        found.retain(&name);
        let listed = vault.audit_events(&found, &who, false);
        let (one, _) =
            vault.audit_entry(&operator(), found.position, found.numbers[0]).expect("read").expect("an entry");
        assert_eq!((one.patients.as_slice(), one.unnamed), (&[name.clone()][..], 0));
        let read = vault.audit_events(&one, &who, false);
        assert_eq!((listed.len(), listed[0].text("id")), (1, read[0].text("id")));
    }
    assert!(vault.audit_entry(&operator(), vault.head(), 0).expect("read").is_none());
    let ann = visitor(&vault, "ann", Role::Patient, &["Patient/p129"], Purpose::PatientRequest);
    let own = vault.audit(&ann, &exports(Some("p129"), None)).expect("her own").found.remove(0);
    assert_eq!((own.patients.as_slice(), own.unnamed), (&["Patient/p129".to_owned()][..], 0));
    assert!(vault.audit_entry(&ann, own.position, own.numbers[0]).expect("read").is_some());
    assert!(vault.audit_entry(&ann, own.position, 129).expect("read").is_none());
}

#[test]
fn old_events_say_nothing_any_more_and_every_proof_stays_valid() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    (0..5).for_each(|_| look(&vault, "a"));
    place.clock.advance(7 * 366 * DAY_MS);
    look(&vault, "a");
    assert!(vault.expire_audit(&operator(), 5).is_err(), "six years are the least");
    assert_eq!(vault.expire_audit(&operator(), 8).expect("done").events, 0);
    let proof = vault.proof(&Visit::operator(), vault::Position(3)).expect("read").expect("a proof");
    let done = vault.expire_audit(&operator(), 6).expect("done");
    assert!(done.events == 5 && done.position.is_some() && done.is_cleared, "{done:?}");
    assert_eq!(vault.expire_audit(&operator(), 6).expect("again").events, 0);
    let left = vault.audit(&operator(), &wanted(Some("a"))).expect("read").found;
    assert_eq!(left.len(), 1);
    let again = vault.proof(&Visit::operator(), vault::Position(3)).expect("read").expect("a proof");
    assert_eq!(again.lines().nth(1), proof.lines().nth(1), "the leaf is as it was");
    drop(vault);
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("verified");
    assert!(report.is_clean(), "{report:?}");
    let (vault, rebuilt) = Vault::rebuild(place.options(), &|_, _| ()).expect("rebuilt");
    assert_eq!(rebuilt.same, Some(true));
    assert_eq!(vault.audit(&operator(), &wanted(Some("a"))).expect("read").found.len(), 1);
    drop(vault);
    // An event that somebody emptied by hand is told.
    let db = rusqlite::Connection::open(place.dir().join("record.sqlite")).expect("opened");
    db.execute("UPDATE entry SET body = x'' WHERE kind = 3 AND body <> x''", []).expect("emptied");
    drop(db);
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("verified");
    assert!(report.altered.iter().any(|found| found.what.contains("is empty")), "{report:?}");
}

#[test]
fn in_a_damaged_index_the_rows_of_events_are_not_named_beside_the_damaged_one() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    (0..5).for_each(|_| look(&vault, "a"));
    drop(vault);
    let db = rusqlite::Connection::open(place.dir().join("index.sqlite")).expect("opened");
    let sql = "UPDATE posting SET hash = 5 WHERE hash = (SELECT hash FROM posting WHERE first < 2 LIMIT 1)";
    assert!(db.execute(sql, []).expect("altered") > 0);
    drop(db);
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("verified");
    let extra: Vec<&str> = report.altered.iter().map(|found| found.what.as_str()).collect();
    let extra: Vec<&str> = extra.into_iter().filter(|what| what.starts_with("row (")).collect();
    assert!(!extra.is_empty() && extra.iter().all(|what| what.contains("hash 0000000000000005")), "{extra:#?}");
}

#[test]
fn the_keeping_ends_by_itself_once_a_day() {
    let place = Place::new();
    let vault = place.open();
    patients(&vault);
    let keeping = Keeping::new(6);
    let tend = || keeping.tend(&vault).expect("tended").map(|done| done.events);
    let left = || vault.audit(&operator(), &wanted(Some("a"))).expect("read").found.len();
    assert_eq!((tend(), tend()), (Some(0), None), "at once, and then not before the next day");
    (0..3).for_each(|_| look(&vault, "a"));
    let proof = vault.proof(&Visit::operator(), vault::Position(3)).expect("read").expect("a proof");
    place.clock.advance(6 * 366 * DAY_MS - 1);
    look(&vault, "a");
    assert_eq!((tend(), left()), (Some(0), 4), "a moment too early");
    place.clock.advance(DAY_MS - 1);
    assert_eq!((tend(), left()), (None, 4), "not twice in a day");
    place.clock.advance(2);
    assert_eq!((tend(), left()), (Some(3), 1));
    let again = vault.proof(&Visit::operator(), vault::Position(3)).expect("read").expect("a proof");
    assert_eq!(again.lines().nth(1), proof.lines().nth(1), "the leaf is as it was");
    let all = vault.audit(&operator(), &wanted(None)).expect("read").found;
    let noted: Vec<_> = all.iter().filter(|found| found.event.place.ends_with("by itself")).collect();
    assert_eq!(noted.len(), 1, "days on which nothing was destroyed leave no entry");
    place.clock.advance(DAY_MS);
    assert_eq!(tend(), Some(0));
    drop(vault);
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("verified");
    assert!(report.is_clean(), "{report:?}");
}
