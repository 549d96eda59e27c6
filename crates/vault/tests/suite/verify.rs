//! Verify: whatever is altered, removed, swapped or cut is named; whatever it passes over changes no answer.

use crate::place::{Place, delete, put, write};
use fhir::search::query::{self, Query};
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use vault::access::Visit;
use vault::records::{KeySource, Scope};
use vault::search::Page;
use vault::verify::Report;
use vault::{Options, Position, Vault, Version};

fn verify(place: &Place) -> Report {
    Vault::verify(&place.options(), &|_, _| ()).expect("it runs")
}

/// A closed vault with patients, their observations, a resource of nobody, versions and deletions.
fn filled(entries: usize) -> Place {
    let place = Place::new();
    let vault = place.open();
    for i in 0..entries {
        place.clock.advance(1000);
        let change = match i % 10 {
            0 => put(&format!(r#"{{"resourceType":"Patient","id":"p{}","name":[{{"family":"F{i}"}}]}}"#, i % 30)),
            1 => put(&format!(r#"{{"resourceType":"Organization","id":"o{}","name":"Org {i}"}}"#, i % 40)),
            9 => delete("Organization", &format!("o{}", (i - 8) % 40)),
            _ => put(&format!(
                r#"{{"resourceType":"Observation","id":"x{i}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"c{}"}}]}},"subject":{{"reference":"Patient/p{}"}},"effectiveDateTime":"2020-01-0{}","valueQuantity":{{"value":{i}}}}}"#,
                i % 7,
                i % 30 / 10 * 10,
                i % 9 + 1
            )),
        };
        write(&vault, vec![change]).expect("written");
    }
    drop(vault);
    place
}

/// Everything that can be asked of the records.
fn answers(vault: &Vault) -> Vec<Version> {
    let visit = Visit::operator();
    let all = vault.history(&visit, &Scope::System, Position(u64::MAX), None, usize::MAX).expect("history");
    for version in &all {
        let (resource_type, id) = (&version.resource_type, &version.id);
        let read = vault.read(&visit, resource_type, id, Some(Position(version.position.0 + 1))).expect("read");
        assert_eq!(read.as_ref(), Some(version));
        assert_eq!(vault.vread(&visit, resource_type, id, version.version).expect("read").as_ref(), Some(version));
    }
    for resource_type in ["Patient", "Organization", "Observation"] {
        let scope = Scope::Type(resource_type.to_owned());
        let typed = vault.history(&visit, &scope, Position(u64::MAX), None, usize::MAX).expect("history");
        assert!(typed.iter().eq(all.iter().filter(|v| v.resource_type == resource_type)));
    }
    all
}

fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file");
        fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

#[test]
fn a_record_as_it_was_written_is_clean_open_or_closed() {
    let place = filled(700);
    let vault = place.open();
    let report = verify(&place);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.entries, report.shredded), (vault.head().0, 0));
    drop(vault);
    assert_eq!(verify(&place), report);
    let stranger = Options { key: KeySource::Hex("00".repeat(32)), ..place.options() };
    assert!(Vault::verify(&stranger, &|_, _| ()).is_err());
    assert!(Vault::verify(&Place::new().options(), &|_, _| ()).is_err());
}

#[test]
fn every_kind_of_tampering_is_named() {
    let cases = [
        ("UPDATE entry SET body = zeroblob(length(body)) WHERE pos = 5", "entry 5"),
        ("UPDATE entry SET body = (SELECT body FROM entry WHERE pos = 2) WHERE pos = 3", "entry 3"),
        ("UPDATE entry SET ver = 2 WHERE pos = 5", "entry 5"),
        ("UPDATE entry SET at = at + 1 WHERE pos = 5", "entry 5"),
        ("UPDATE entry SET kind = 1 WHERE pos = 5", "entry 5"),
        ("UPDATE entry SET kind = 9 WHERE pos = 5", "entry 5"),
        ("UPDATE entry SET type = 1 WHERE pos = 5", "entry 5"),
        ("UPDATE entry SET key = key + 1 WHERE pos = 5", "entry 5"),
        ("UPDATE entry SET kid = 0 WHERE pos = 5", "entry 5"),
        ("UPDATE entry SET dict = 1 WHERE pos = 5", "entry 5"),
        ("UPDATE entry SET payload = zeroblob(32) WHERE pos = 5", "entry 5"),
        ("DELETE FROM entry WHERE pos = 5", "entry 5"),
        ("DELETE FROM entry WHERE pos >= 690", "the end was cut"),
        (
            "UPDATE entry SET pos = -1 WHERE pos = 5; UPDATE entry SET pos = 5 WHERE pos = 15; UPDATE entry SET pos = 15 WHERE pos = -1",
            "entry 15",
        ),
        (
            "INSERT INTO entry SELECT (SELECT max(pos) + 1 FROM entry), key, ver, kind, type, at, kid, dict, payload, body FROM entry WHERE pos = 5",
            "added beside",
        ),
        ("UPDATE type SET name = 'Patients' WHERE name = 'Patient'", "entry 0"),
        ("UPDATE tile SET hashes = zeroblob(length(hashes))", "tile 0 of level 1 does not fit entries 0 to 255"),
        ("DELETE FROM tile", "tile 0 of level 1 is missing"),
        ("DELETE FROM checkpoint", "checkpoint latest: it is missing"),
        (
            "UPDATE checkpoint SET note = CAST(replace(CAST(note AS TEXT), 'chartroom', 'chartrooms') AS BLOB)",
            "checkpoint latest",
        ),
        ("UPDATE patient_key SET wrapped = randomblob(60) WHERE kid = 2", "data key 2 was altered"),
        ("UPDATE patient_key SET wrapped = randomblob(60) WHERE kid = 0", "data key 0 was altered"),
        ("DELETE FROM patient_key WHERE kid = 2", "data key 2 is missing"),
        ("UPDATE patient_key SET owner = NULL, wrapped = NULL WHERE kid = 2", "no entry of the log says why"),
        ("UPDATE meta SET value = randomblob(60) WHERE name = 'index key'", "the index key is missing"),
        ("UPDATE meta SET value = randomblob(60) WHERE name = 'signing key'", "the signing key is missing"),
        ("UPDATE meta SET value = randomblob(16) WHERE name = 'key check'", "the key check is missing"),
        ("DELETE FROM meta WHERE name = 'link key'", "the link key is missing"),
        // Without the origin no signature could be checked, and a cut end could be signed by anybody.
        ("DELETE FROM meta WHERE name = 'origin'", "the origin is missing"),
        ("INSERT INTO meta(name, value) VALUES ('x', x'00')", "record.sqlite meta: 1 rows are not from this program"),
        ("INSERT INTO checkpoint(name, note) VALUES ('x', x'00')", "record.sqlite checkpoint: 1 rows"),
        ("DROP INDEX entry_key", "sqlite_schema"),
        ("CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END", "sqlite_schema"),
    ];
    let place = filled(700);
    let (record, whole) = (place.dir().join("record.sqlite"), tempfile::tempdir().expect("a folder"));
    copy(place.dir(), whole.path());
    for (sql, named) in cases {
        Connection::open(&record).and_then(|c| c.execute_batch(sql)).expect(sql);
        let report = verify(&place);
        let lines: Vec<String> = report.altered.iter().map(ToString::to_string).collect();
        assert!(lines.iter().any(|line| line.contains(named)), "{sql}: {lines:?}");
        copy(whole.path(), place.dir());
    }
    for (file, table) in [("posting", "posting"), ("superseded", "superseded"), ("place", "place")] {
        let index = place.dir().join("index.sqlite");
        Connection::open(&index).and_then(|c| c.execute_batch(&format!("DELETE FROM {file}"))).expect(table);
        let lines: Vec<String> = verify(&place).altered.iter().map(ToString::to_string).collect();
        assert!(lines.iter().any(|line| line.contains(&format!("index.sqlite {table}"))), "{lines:?}");
        copy(whole.path(), place.dir());
    }
    assert!(verify(&place).is_clean());
}

#[test]
fn an_older_copy_of_the_record_under_its_index_is_named() {
    let (place, older) = (filled(100), tempfile::tempdir().expect("a folder"));
    copy(place.dir(), older.path());
    let vault = place.open();
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"later"}"#)]).expect("written");
    vault.search(&Visit::operator(), &one_of("Patient"), &Page { count: 1, ..Page::default() }).expect("indexed");
    drop(vault);
    assert!(verify(&place).is_clean());
    fs::copy(older.path().join("record.sqlite"), place.dir().join("record.sqlite")).expect("copied");
    let lines: Vec<String> = verify(&place).altered.iter().map(ToString::to_string).collect();
    assert!(
        lines.iter().any(|line| line.contains("the index covers 101 entries, but the record has 100")),
        "{lines:?}"
    );
}

fn one_of(resource_type: &str) -> Query {
    query::parse(Some(resource_type), &[], true, base::clock::Instant(0)).expect("a query")
}

#[test]
fn an_index_over_the_entries_that_lies_is_named() {
    let place = filled(100);
    let record = Connection::open(place.dir().join("record.sqlite")).expect("opened");
    // The index is taken off the schema, the entry changed and put back, and the index put on again.
    record
        .execute_batch(
            "PRAGMA writable_schema = ON;
             CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'entry_type';
             DELETE FROM sqlite_schema WHERE name = 'entry_type';",
        )
        .expect("taken off");
    drop(record);
    let record = Connection::open(place.dir().join("record.sqlite")).expect("opened");
    record
        .execute_batch(
            "UPDATE entry SET type = 77 WHERE pos = 5;
             PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema SELECT * FROM kept;
             DROP TABLE kept;",
        )
        .expect("put on");
    drop(record);
    let lines: Vec<String> = verify(&place).altered.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.contains("entry_type: entry 5")), "{lines:?}");
}

#[test]
fn a_flipped_byte_is_named_or_changes_no_answer() {
    // Every 1,499th byte by default; CHARTROOM_FLIP_EVERY=1 flips each in turn.
    let every = std::env::var("CHARTROOM_FLIP_EVERY").ok().and_then(|n| n.parse().ok()).unwrap_or(1_499);
    let place = filled(60);
    let expected = answers(&place.open());
    let whole = tempfile::tempdir().expect("a folder");
    copy(place.dir(), whole.path());
    let (mut flips, mut harmless) = (0, 0);
    for file in ["record.sqlite", "index.sqlite", "root.key"] {
        let bytes = fs::read(whole.path().join(file)).expect("read");
        for at in (0..bytes.len()).step_by(every) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(place.dir().join(file), flipped).expect("written");
            flips += 1;
            if Vault::verify(&place.options(), &|_, _| ()).is_ok_and(|report| report.is_clean()) {
                harmless += 1;
                let vault = Vault::open(place.options()).unwrap_or_else(|e| panic!("{file} byte {at}: {e}"));
                assert_eq!(answers(&vault), expected, "{file} byte {at}");
                drop(vault);
            }
            fs::remove_dir_all(place.dir()).expect("removed");
            fs::create_dir(place.dir()).expect("made");
            copy(whole.path(), place.dir());
        }
    }
    println!("{flips} flips, {harmless} changed nothing that is read");
    assert!(harmless < flips);
}
