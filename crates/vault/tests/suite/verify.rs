//! Verify: whatever is altered, removed, swapped or cut is named; whatever it passes over changes no answer.

use crate::place::{Place, delete, put, write};
use fhir::search::query::{self, Query};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::path::Path;
use std::process::Command;
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
        ("INSERT INTO type(number, name) VALUES (77, 'Basic')", "record.sqlite type: row 77 is there"),
        ("DROP INDEX entry_key", "sqlite_schema: the index entry_key is missing"),
        (
            "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
            "the trigger t is not from this program",
        ),
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
    assert!(verify(&place).is_clean());
}

#[test]
fn a_damaged_index_is_named_by_row_and_entry() {
    let post = "UPDATE posting SET first = first + 1 WHERE hash = (SELECT min(hash) FROM posting)";
    let cases: &[(&str, &[&str])] = &[
        (post, &["index.sqlite posting", "says of this", "no row (hash"]),
        (
            "UPDATE posting SET hash = 5 WHERE hash = (SELECT max(hash) FROM posting)",
            &["row (hash 0000000000000005, sys"],
        ),
        (
            "UPDATE posting SET list = x'80' WHERE hash = (SELECT max(hash) FROM posting)",
            &["is not packed as it was written"],
        ),
        (
            "UPDATE posting SET list = 7 WHERE hash = (SELECT max(hash) FROM posting)",
            &["is not packed as it was written"],
        ),
        ("DELETE FROM posting", &["index.sqlite posting 0 (resource", "no row (hash"]),
        ("UPDATE span SET list = substr(list, 1, 1) || x'00' || substr(list, 3)", &["index.sqlite span", "row (axis"]),
        ("DELETE FROM bucket WHERE bucket = 18262", &["no row (side", "bucket 18262) says of this Observation"]),
        // Bits that only a number beyond all sides has.
        ("UPDATE bucket SET side = side | 50331648 WHERE bucket = 18262", &["row (side 50", "no row (side"]),
        (
            "UPDATE superseded SET until = until + 1 WHERE position = 0",
            &["index.sqlite superseded", "row (position 0)"],
        ),
        ("DELETE FROM superseded", &["no row (position 0) says of this Patient"]),
        (
            "UPDATE place SET list = zeroblob(length(list)) WHERE block = 1",
            &["index.sqlite place 256", "row (block 1)"],
        ),
        ("UPDATE place SET block = 7 WHERE block = 0", &["row (block 7)", "no row (block 0) says of this Patient"]),
        ("DELETE FROM link WHERE first > 0", &["index.sqlite link", "no row (path"]),
        ("INSERT INTO unit VALUES (5, 1, 2, 3)", &["index.sqlite unit: row (id 5) is there, and no entry says it"]),
        (
            "INSERT INTO label VALUES (5, 6)",
            &["index.sqlite label: row (prefix 0000000000000005, display 0000000000000006)"],
        ),
        ("UPDATE state SET watermark = 300", &["index.sqlite state: its row is missing or was altered"]),
        ("DELETE FROM state", &["index.sqlite state: its row is missing or was altered"]),
        (
            "PRAGMA ignore_check_constraints = ON; INSERT INTO state SELECT 1, watermark, stamp, sums, seal FROM state",
            &["index.sqlite state: its row is missing or was altered"],
        ),
        ("CREATE TABLE extra(x)", &["index.sqlite sqlite_schema: the table extra is not from this program"]),
        ("CREATE VIEW v AS SELECT * FROM posting", &["the view v is not from this program"]),
        ("CREATE INDEX i ON superseded(until)", &["the index i is not from this program"]),
        (
            "CREATE TRIGGER t AFTER INSERT ON unit BEGIN DELETE FROM posting; END",
            &["the trigger t is not from this program"],
        ),
    ];
    let (place, whole) = (filled(700), tempfile::tempdir().expect("a folder"));
    copy(place.dir(), whole.path());
    for (sql, named) in cases {
        Connection::open(place.dir().join("index.sqlite")).and_then(|c| c.execute_batch(sql)).expect(sql);
        let lines: Vec<String> = verify(&place).altered.iter().map(ToString::to_string).collect();
        for part in *named {
            assert!(lines.iter().any(|line| line.contains(part)), "{sql}: {part}: {lines:#?}");
        }
        copy(whole.path(), place.dir());
    }
    fs::remove_file(place.dir().join("index.sqlite")).expect("removed");
    let lines: Vec<String> = verify(&place).altered.iter().map(ToString::to_string).collect();
    assert!(lines.len() == 1 && lines[0].contains("index.sqlite: it is missing"), "{lines:?}");
    drop(place.open());
    assert!(verify(&place).is_clean());
}

/// The table of the state in the place of which a view shows another row to whoever reads with another cache.
const TWO_FACED: &str = "
    CREATE TABLE kept(id INTEGER PRIMARY KEY, watermark, stamp, sums, seal);
    INSERT INTO kept SELECT * FROM state;
    INSERT INTO kept VALUES (1, 0, 'a', x'', x'');
    CREATE INDEX kept_stamp ON kept(stamp);
    DROP TABLE state;
    CREATE VIEW state AS SELECT id, watermark, stamp, sums, seal FROM kept
      WHERE id = 0 OR (SELECT cache_size FROM pragma_cache_size) <> -65536;
    CREATE TRIGGER t INSTEAD OF INSERT ON state BEGIN
      INSERT OR REPLACE INTO kept VALUES (0, new.watermark, new.stamp, new.sums, new.seal);
    END;
    DELETE FROM posting;";

#[test]
fn an_index_that_shows_its_state_to_some_alone_is_named_and_not_served() {
    let place = filled(60);
    let index = place.dir().join("index.sqlite");
    Connection::open(&index).and_then(|c| c.execute_batch(TWO_FACED)).expect("altered");
    let report = verify(&place);
    let lines: Vec<String> = report.altered.iter().map(ToString::to_string).collect();
    for named in ["the view state is not from this program", "the table state is missing", "the trigger t is not"] {
        assert!(lines.iter().any(|line| line.contains(named)), "{named}: {lines:#?}");
    }
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    drop(place.open());
    assert!(verify(&place).is_clean(), "it was made anew");
    // A trigger beside tables that are as they were: what it takes from them is back as well.
    let sql = "CREATE TRIGGER t AFTER INSERT ON unit BEGIN DELETE FROM posting; END; DELETE FROM posting;";
    Connection::open(&index).and_then(|c| c.execute_batch(sql)).expect("altered");
    drop(place.open());
    assert!(verify(&place).is_clean(), "it was made anew");
}

#[test]
fn a_rebuild_reads_the_old_rows_before_it_calls_them_the_same() {
    let place = filled(60);
    let index = place.dir().join("index.sqlite");
    let rebuilt = || Vault::rebuild(place.options(), &|_, _| ()).expect("rebuilt").1.same;
    assert_eq!(rebuilt(), Some(true));
    for sql in ["DELETE FROM posting", "UPDATE superseded SET until = until + 1", "CREATE TABLE extra(x)"] {
        Connection::open(&index).and_then(|c| c.execute_batch(sql)).expect(sql);
        assert_eq!(rebuilt(), Some(false), "{sql}");
        assert_eq!(rebuilt(), Some(true), "{sql}");
    }
}

/// Verifies in a child process, where the folder is mounted so that nothing can be written. `None`: no leave to mount.
fn verify_read_only(dir: &Path) -> Option<String> {
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$1\" --exact \
                  verify::looks_from_a_read_only_mount --nocapture";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script]).arg(dir).arg(std::env::current_exe().expect("the test"));
    let output = command.env(READ_ONLY, dir).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

const READ_ONLY: &str = "CHARTROOM_READ_ONLY";

#[test]
fn looks_from_a_read_only_mount() {
    let Some(dir) = std::env::var_os(READ_ONLY) else { return };
    let options = Options { dir: dir.into(), ..Place::new().options() };
    assert!(fs::write(options.dir.join("x"), "").is_err(), "it can be written");
    match Vault::verify(&options, &|_, _| ()) {
        Ok(report) => println!("found {:?}", report.altered),
        Err(error) => println!("could not look: {error}"),
    }
}

#[test]
fn a_record_that_nobody_may_write_is_verified_all_the_same() {
    let place = filled(60);
    let Some(said) = verify_read_only(place.dir()) else { return println!("skipped: no leave to mount") };
    assert!(said.contains("found []"), "{said}");
    let files: Vec<_> = fs::read_dir(place.dir()).expect("read").map(|f| f.expect("a file").file_name()).collect();
    assert!(!files.iter().any(|name| name.to_string_lossy().ends_with("-wal")), "{files:?}");
    let index = place.dir().join("index.sqlite");
    Connection::open(&index).and_then(|c| c.execute_batch("DELETE FROM bucket")).expect("altered");
    let said = verify_read_only(place.dir()).expect("leave to mount");
    assert!(said.contains("index.sqlite bucket"), "{said}");
    // Commits that are in the write-ahead log alone cannot be read there: that is no alarm, it is no look.
    let (vault, copied) = (place.open(), Place::new());
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"late"}"#)]).expect("written");
    copy(place.dir(), copied.dir());
    for file in ["record.sqlite-shm", "index.sqlite-shm"] {
        let _ = fs::remove_file(copied.dir().join(file));
    }
    let said = verify_read_only(copied.dir()).expect("leave to mount");
    assert!(said.contains("could not look") && said.contains("copy the whole directory"), "{said}");
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
             CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'entry_key';
             DELETE FROM sqlite_schema WHERE name = 'entry_key';",
        )
        .expect("taken off");
    drop(record);
    let record = Connection::open(place.dir().join("record.sqlite")).expect("opened");
    record
        .execute_batch(
            "UPDATE entry SET key = 77 WHERE pos = 5;
             PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema SELECT * FROM kept;
             DROP TABLE kept;",
        )
        .expect("put on");
    drop(record);
    let lines: Vec<String> = verify(&place).altered.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.contains("entry_key: entry 5")), "{lines:?}");
}

#[test]
fn a_record_with_the_indexes_of_before_is_brought_forward() {
    let place = filled(100);
    let before = answers(&place.open());
    let record = Connection::open(place.dir().join("record.sqlite")).expect("opened");
    let old = "DROP INDEX entry_key; CREATE INDEX entry_key ON entry(key); CREATE INDEX entry_type ON entry(type);";
    record.execute_batch(old).expect("as it was");
    drop(record);
    assert!(answers(&place.open()) == before);
    let report = verify(&place);
    assert!(report.altered.is_empty(), "{:?}", report.altered);
}

const TABLES: [&str; 9] = ["state", "posting", "span", "link", "bucket", "superseded", "place", "unit", "label"];

/// Every row of every table of an index, as SQLite reads them; `None` for a table that it cannot read.
fn dump(path: &Path) -> Vec<Option<Vec<String>>> {
    let read = |table: &str| -> rusqlite::Result<Vec<String>> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut find = db.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = find.column_count();
        let row = |row: &rusqlite::Row| -> rusqlite::Result<String> {
            (0..columns).map(|i| Ok(format!("{:?} ", row.get_ref(i)?))).collect()
        };
        let mut rows: Vec<String> = find.query_map([], row)?.collect::<Result<_, _>>()?;
        rows.sort_unstable();
        Ok(rows)
    };
    TABLES.iter().map(|table| read(table).ok()).collect()
}

/// Whether rows changed; then the report must name each table whose rows did, and in it a row or a page.
fn is_named(report: &Report, before: &[Option<Vec<String>>], after: &[Option<Vec<String>>], at: usize) -> bool {
    let changed: Vec<&str> = (0..TABLES.len()).filter(|&i| before[i] != after[i]).map(|i| TABLES[i]).collect();
    let lines: Vec<String> = report.altered.iter().map(ToString::to_string).collect();
    // Where the whole file cannot be read, or its schema, there is no table to be named.
    let is_whole = |line: &String| line.starts_with("index.sqlite: cannot be read") || line.contains("sqlite_schema");
    for table in &changed {
        let of_table = |line: &&String| line.starts_with(&format!("index.sqlite {table}"));
        let exact = |line: &String| ["row (", "page", "its row", "cannot be read"].iter().any(|w| line.contains(w));
        let found = lines.iter().filter(of_table).any(exact) || lines.iter().any(is_whole);
        assert!(found, "byte {at} of {table} (all: {changed:?}): {lines:#?}");
    }
    !changed.is_empty()
}

#[test]
fn a_flipped_byte_is_named_or_changes_no_answer() {
    // Every 1,499th byte by default; CHARTROOM_FLIP_EVERY=1 flips each in turn.
    let every = std::env::var("CHARTROOM_FLIP_EVERY").ok().and_then(|n| n.parse().ok()).unwrap_or(1_499);
    let place = filled(60);
    let expected = answers(&place.open());
    let whole = tempfile::tempdir().expect("a folder");
    copy(place.dir(), whole.path());
    let (mut flips, mut harmless, mut named) = (0, 0, 0);
    let tables = dump(&whole.path().join("index.sqlite"));
    for file in ["record.sqlite", "index.sqlite", "root.key"] {
        let bytes = fs::read(whole.path().join(file)).expect("read");
        for at in (0..bytes.len()).step_by(every) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(place.dir().join(file), flipped).expect("written");
            flips += 1;
            let verified = Vault::verify(&place.options(), &|_, _| ());
            if let (Ok(report), true) = (&verified, file == "index.sqlite") {
                named += usize::from(is_named(report, &tables, &dump(&place.dir().join(file)), at));
            }
            if verified.is_ok_and(|report| report.is_clean()) {
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
    println!("{flips} flips, {harmless} changed nothing that is read; {named} changed rows of the index, each named");
    assert!(harmless < flips);
}
