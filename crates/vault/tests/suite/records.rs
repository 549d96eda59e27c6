//! Versions: written together or not at all, read as they are and as they were.

use crate::place::{Place, START, body, delete, json, put, put_new, read, write};
use base::clock::Instant;
use base::refusal::Kind;
use vault::access::{Visit, issue_token};
use vault::records::{KeySource, Scope};
use vault::{Change, Error, Expect, Fault, Position, Vault, Written};

fn refused(error: &Error) -> Kind {
    match error {
        Error::Refusal(refusal) => refusal.kind,
        Error::Fault(fault) => panic!("{fault}"),
    }
}

#[test]
fn a_version_is_served_with_its_number_and_time_also_after_opening_again() {
    let place = Place::new();
    let vault = place.open();
    let first = write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p","active":true}"#)]).expect("written");
    assert!(matches!(&first[..], [Written::Created(v)] if v.version == 1 && v.position == Position(0)));
    place.clock.advance(1500);
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p","meta":{"versionId":"x"},"active":false}"#)])
        .expect("written");
    let expected = r#"{"resourceType":"Patient","id":"p","meta":{"versionId":"2","lastUpdated":"2026-11-23T09:05:13.500Z"},"active":false}"#;
    assert_eq!(body(&read(&vault, "Patient", "p").expect("found")), expected);
    drop(vault);
    let vault = place.open();
    assert_eq!(vault.head(), Position(2));
    assert_eq!(body(&read(&vault, "Patient", "p").expect("found")), expected);
    assert_eq!(read(&vault, "Patient", "q"), None);
    assert_eq!(read(&vault, "Observation", "p"), None);
    let earlier = vault.vread(&Visit::operator(), "Patient", "p", 1).expect("read").expect("found");
    assert!(body(&earlier).contains(r#""versionId":"1","lastUpdated":"2026-11-23T09:05:12.000Z"},"active":true"#));
    for none in [0, 3, u64::MAX] {
        assert_eq!(vault.vread(&Visit::operator(), "Patient", "p", none).expect("read"), None);
    }
}

#[test]
fn a_deletion_is_a_version_and_the_next_write_creates_again() {
    let place = Place::new();
    let vault = place.open();
    assert_eq!(write(&vault, vec![delete("Patient", "p")]).expect("nothing"), [Written::Deleted(None)]);
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p"}"#)]).expect("written");
    let gone = write(&vault, vec![delete("Patient", "p")]).expect("deleted");
    assert!(matches!(&gone[..], [Written::Deleted(Some(v))] if v.version == 2 && v.deleted && v.body.is_empty()));
    assert!(read(&vault, "Patient", "p").expect("a deletion").deleted);
    assert_eq!(write(&vault, vec![delete("Patient", "p")]).expect("nothing"), [Written::Deleted(None)]);
    let back = write(&vault, vec![put_new(r#"{"resourceType":"Patient","id":"p"}"#)]).expect("written");
    assert!(matches!(&back[..], [Written::Created(v)] if v.version == 3));
}

#[test]
fn what_says_the_same_is_left_alone() {
    let place = Place::new();
    let vault = place.open();
    let text = r#"{"resourceType":"Patient","id":"p","meta":{"tag":[{"code":"t"}]},"active":true}"#;
    write(&vault, vec![put_new(text)]).expect("written");
    place.clock.advance(1000);
    let again = write(&vault, vec![put_new(text)]).expect("left");
    let current = read(&vault, "Patient", "p").expect("found");
    assert_eq!(again, [Written::Unchanged(current)]);
    assert_eq!(vault.head(), Position(1));
    // In one submission: the second says what the first has just said, the third something else.
    let three = vec![
        put_new(r#"{"resourceType":"Basic","id":"b"}"#),
        put_new(r#"{"resourceType":"Basic","id":"b"}"#),
        put_new(r#"{"resourceType":"Basic","id":"b","language":"de"}"#),
    ];
    let written = write(&vault, three).expect("written");
    assert!(matches!(&written[..], [Written::Created(a), Written::Unchanged(b), Written::Updated(c)]
        if a == b && c.version == 2));
}

#[test]
fn one_broken_expectation_refuses_the_whole_submission() {
    let place = Place::new();
    let vault = place.open();
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p"}"#)]).expect("written");
    let change = |id: &str, expect| Change::Put {
        resource: json(&format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#)),
        expect,
        skip_same: false,
    };
    let cases = [
        (vec![change("new", Expect::Absent), change("p", Expect::Absent)], Kind::Conflict),
        (vec![change("new", Expect::Any), change("p", Expect::Version(7))], Kind::Precondition),
        (vec![change("other", Expect::Version(1))], Kind::Precondition),
        // The same resource twice: the second check sees what the first wrote, and both are undone.
        (vec![change("new", Expect::Absent), change("new", Expect::Absent)], Kind::Conflict),
        (vec![change("a/b", Expect::Any)], Kind::Invalid),
    ];
    for (changes, kind) in cases {
        assert_eq!(refused(&write(&vault, changes).expect_err("refused")), kind);
        assert_eq!(vault.head(), Position(1));
        assert_eq!(read(&vault, "Patient", "new"), None);
    }
    let twice = vec![change("new", Expect::Absent), change("new", Expect::Version(1)), change("p", Expect::Version(1))];
    assert_eq!(write(&vault, twice).expect("written").len(), 3);
    drop(vault);
    assert_eq!(place.open().head(), Position(4));
}

#[test]
fn history_and_earlier_positions_show_what_was_known_then() {
    let place = Place::new();
    let vault = place.open();
    let visit = Visit::operator();
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p"}"#), put(r#"{"resourceType":"Basic","id":"b"}"#)])
        .expect("written");
    place.clock.advance(1000);
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p","active":true}"#)]).expect("written");
    place.clock.advance(1000);
    write(&vault, vec![delete("Patient", "p")]).expect("deleted");

    let versions = |scope: &Scope, below: u64, since: Option<i64>, count: usize| -> Vec<(String, u64)> {
        let since = since.map(|ms| Instant(START.0 + ms));
        let found = vault.history(&visit, scope, Position(below), since, count).expect("history");
        found.into_iter().map(|v| (v.resource_type, v.version)).collect()
    };
    let (patient, basic) = ("Patient".to_owned(), "Basic".to_owned());
    let all = [(patient.clone(), 3), (patient.clone(), 2), (basic.clone(), 1), (patient.clone(), 1)];
    let one = Scope::Instance(patient.clone(), "p".to_owned());
    assert_eq!(versions(&Scope::System, u64::MAX, None, 10), all);
    assert_eq!(versions(&Scope::System, 3, None, 2), all[1..3]);
    assert_eq!(versions(&Scope::System, 4, Some(1000), 10), all[..2]);
    assert_eq!(versions(&Scope::Type(basic), 4, None, 10), all[2..3]);
    assert_eq!(versions(&Scope::Type("Nothing".to_owned()), 4, None, 10), []);
    assert_eq!(versions(&one, 4, Some(1), 10), all[..2]);

    let then = |ms: i64| {
        let at = vault.position_at(Instant(START.0 + ms)).expect("a position");
        (at.0, vault.read(&visit, "Patient", "p", Some(at)).expect("read").map(|v| v.version))
    };
    assert_eq!(then(-1), (0, None));
    assert_eq!(then(0), (2, Some(1)));
    assert_eq!(then(999), (2, Some(1)));
    assert_eq!(then(1000), (3, Some(2)));
    assert_eq!(then(5000), (4, Some(3)));
    assert_eq!(vault.position_at(Instant(i64::MAX)).expect("a position"), Position(4));
}

#[test]
fn a_clock_that_goes_back_does_not_turn_the_record_back() {
    let place = Place::new();
    let vault = place.open();
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p"}"#)]).expect("written");
    place.clock.advance(-3_600_000);
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p"}"#)]).expect("written");
    assert_eq!(read(&vault, "Patient", "p").expect("found").updated, START);
}

#[test]
fn many_threads_write_and_every_answer_is_durable_and_in_order() {
    let place = Place::new();
    let vault = place.open();
    std::thread::scope(|scope| {
        for t in 0..8 {
            let vault = &vault;
            scope.spawn(move || {
                for i in 0..50 {
                    let text = format!(r#"{{"resourceType":"Basic","id":"{t}-{}","language":"l{i}"}}"#, i % 5);
                    write(vault, vec![put(&text), put(r#"{"resourceType":"Basic","id":"shared"}"#)]).expect("written");
                }
            });
        }
    });
    assert_eq!(vault.head(), Position(800));
    assert_eq!(read(&vault, "Basic", "shared").expect("found").version, 400);
    assert_eq!(read(&vault, "Basic", "7-4").expect("found").version, 10);
    drop(vault);
    assert_eq!(place.open().head(), Position(800));
}

#[test]
fn a_dictionary_is_trained_and_old_bodies_stay_readable() {
    let place = Place::new();
    let vault = place.open();
    let resource = |i: usize| {
        format!(
            r#"{{"resourceType":"Observation","id":"o{i}","status":"final","code":{{"text":"Heart rate"}},"subject":{{"reference":"Patient/{}"}},"valueQuantity":{{"value":{i},"unit":"/min"}}}}"#,
            i % 40
        )
    };
    for chunk in 0..5 {
        write(&vault, (chunk * 500..(chunk + 1) * 500).map(|i| put(&resource(i))).collect()).expect("written");
    }
    // Training runs beside; whether later bodies use it already must not matter.
    for i in 2500..2600 {
        write(&vault, vec![put(&resource(i))]).expect("written");
    }
    drop(vault);
    let vault = place.open();
    for i in (0..2600).step_by(97) {
        assert!(
            body(&read(&vault, "Observation", &format!("o{i}")).expect("found")).contains(&format!("\"value\":{i},"))
        );
    }
}

#[test]
fn a_second_process_and_a_wrong_key_are_told_so_and_change_nothing() {
    let place = Place::new();
    let vault = place.open();
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p"}"#)]).expect("written");
    let Err(Error::Fault(Fault::Busy(line))) = Vault::open(place.options()) else { panic!("opened twice") };
    assert!(line.contains("in use by another"), "{line}");
    drop(vault);
    let open_with = |key| Vault::open(vault::Options { key, ..place.options() });
    for key in [KeySource::Hex("00".repeat(32)), KeySource::Passphrase("wrong".to_owned())] {
        let Err(Error::Fault(Fault::Key(line))) = open_with(key) else { panic!("opened with a wrong key") };
        assert!(line.contains("key") || line.contains("salt"), "{line}");
    }
    std::fs::rename(place.dir().join("root.key"), place.dir().join("elsewhere")).expect("moved");
    assert!(matches!(open_with(KeySource::Beside), Err(Error::Fault(Fault::Key(_)))));
    let moved = open_with(KeySource::File(place.dir().join("elsewhere"))).expect("opens");
    assert!(read(&moved, "Patient", "p").is_some());
}

#[test]
fn a_passphrase_opens_what_it_made() {
    let place = Place::new();
    let options = || vault::Options { key: KeySource::Passphrase("correct horse".to_owned()), ..place.options() };
    let vault = Vault::open(options()).expect("made");
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p"}"#)]).expect("written");
    drop(vault);
    assert!(read(&Vault::open(options()).expect("opens"), "Patient", "p").is_some());
}

#[test]
fn a_token_is_issued_while_the_vault_is_open() {
    let place = Place::new();
    assert!(issue_token(place.dir(), &KeySource::Beside).is_err());
    let vault = place.open();
    let token = issue_token(place.dir(), &KeySource::Beside).expect("a token");
    assert_eq!(vault.sign_in(&token).expect("a visit").principal().account, "operator");
    assert!(vault.sign_in("ct1.0.0").is_none());
    let link_key = vault.link_key();
    drop(vault);
    let vault = place.open();
    assert_eq!(vault.link_key(), link_key);
    assert!(vault.sign_in(&token).is_some());
}

#[test]
fn nothing_of_a_patient_is_readable_in_any_file() {
    let place = Place::new();
    let vault = place.open();
    let text = r#"{"resourceType":"Patient","id":"zqx-canary-id","name":[{"family":"Zqxcanaryname"}],"identifier":[{"value":"Zqx-Canary-Mrn"}]}"#;
    write(&vault, (0..50).map(|_| put(text)).collect()).expect("written");
    let look = || {
        for file in std::fs::read_dir(place.dir()).expect("a folder") {
            let path = file.expect("a file").path();
            let bytes = std::fs::read(&path).expect("readable").to_ascii_lowercase();
            assert!(!bytes.windows(9).any(|w| w == b"zqxcanary" || w == b"zqx-canar"), "{}", path.display());
        }
    };
    look();
    drop(vault);
    look();
}
