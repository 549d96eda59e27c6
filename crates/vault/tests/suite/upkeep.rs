//! Upkeep: rebuild equals live, a backup comes back whole or not at all, keys change, one patient goes.

use crate::place::{Place, body, delete, put, read, write};
use base::refusal::Kind;
use std::fs;
use std::path::Path;
use vault::access::{Visit, issue_token};
use vault::records::snapshot::Snapshot;
use vault::records::{KeySource, Scope};
use vault::{Error, Fault, Options, Position, Vault, Version};

fn visit() -> Visit {
    Visit::operator()
}

fn fill(vault: &Vault, from: usize, to: usize) {
    let one = |i: usize| {
        let text = format!(
            r#"{{"resourceType":"Observation","id":"o{i}","status":"final","code":{{"text":"c{i}"}},"subject":{{"reference":"Patient/p{}"}},"effectiveDateTime":"2020-02-0{}"}}"#,
            i % 3,
            i % 9 + 1
        );
        put(&text)
    };
    let patients = (0..3).map(|p| put(&format!(r#"{{"resourceType":"Patient","id":"p{p}","gender":"other"}}"#)));
    write(vault, patients.chain((from..to).map(one)).collect()).expect("written");
}

fn all(vault: &Vault) -> Vec<Version> {
    vault.history(&visit(), &Scope::System, Position(u64::MAX), None, usize::MAX).expect("history")
}

fn is_clean(place: &Place) {
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("it runs");
    assert!(report.is_clean(), "{:?}", report.altered);
}

#[test]
fn a_rebuilt_index_equals_the_live_one_and_mends_a_broken_one() {
    let place = Place::new();
    let vault = place.open();
    fill(&vault, 0, 300);
    write(&vault, vec![delete("Observation", "o7")]).expect("deleted");
    drop(vault);
    let (vault, rebuilt) = Vault::rebuild(place.options(), &|_, _| ()).expect("rebuilt");
    assert_eq!((rebuilt.entries, rebuilt.same), (304, Some(true)));
    drop(vault);
    for damage in [&b""[..], b"no database at all, but long enough to be read as the head of a file of SQLite"] {
        fs::write(place.dir().join("index.sqlite"), damage).expect("damaged");
        let (vault, rebuilt) = Vault::rebuild(place.options(), &|_, _| ()).expect("rebuilt");
        assert_eq!((vault.head(), rebuilt.same), (Position(304), None));
    }
    fs::remove_file(place.dir().join("index.sqlite")).expect("removed");
    drop(place.open());
    is_clean(&place);
}

#[test]
fn a_backup_is_taken_while_the_vault_is_written_and_comes_back_whole() {
    let (place, shelf, other) = (Place::new(), Place::new(), Place::new());
    let vault = place.open();
    fill(&vault, 0, 100);
    let (to, witnessed) = (shelf.dir().join("monday"), vault.checkpoint().expect("read"));
    let taken = Vault::backup(&place.options(), &to, &|_, _| ()).expect("taken");
    assert_eq!(taken.entries, 103);
    let then = all(&vault);
    fill(&vault, 100, 120);
    assert!(Vault::backup(&place.options(), &to, &|_, _| ()).is_err(), "the folder is not empty");

    let key = KeySource::File(place.dir().join("root.key"));
    let options = |dir: &Path| Options { dir: dir.to_owned(), key: key.clone(), ..other.options() };
    let dir = other.dir().join("data");
    let restored = Vault::restore(&to, &options(&dir), witnessed.as_deref()).expect("restored");
    assert_eq!((restored.entries, restored.lost), (103, None));
    assert!(Vault::restore(&to, &options(&dir), None).is_err(), "the folder is not empty");
    let back = Vault::open(options(&dir)).expect("opens");
    assert_eq!(all(&back), then);
    drop(back);
    assert!(Vault::verify(&options(&dir), &|_, _| ()).expect("it runs").is_clean());

    // What a witness saw since is missing, and named.
    let later = vault.checkpoint().expect("read");
    let dir = other.dir().join("second");
    let restored = Vault::restore(&to, &options(&dir), later.as_deref()).expect("restored");
    let lost = restored.lost.expect("lost");
    assert_eq!((lost.from, lost.to), (103, vault.head().0));
}

#[test]
fn a_backup_that_is_not_whole_touches_nothing() {
    let (place, shelf, other) = (Place::new(), Place::new(), Place::new());
    let vault = place.open();
    fill(&vault, 0, 50);
    let to = shelf.dir().join("monday");
    Vault::backup(&place.options(), &to, &|_, _| ()).expect("taken");
    let key = KeySource::File(place.dir().join("root.key"));
    let dir = other.dir().join("data");
    let restore = |key: &KeySource| {
        let result = Vault::restore(&to, &Options { dir: dir.clone(), key: key.clone(), ..other.options() }, None);
        assert!(!dir.exists());
        result.expect_err("refused").to_string()
    };
    assert!(restore(&KeySource::Hex("00".repeat(32))).contains("root key"));
    for (file, at) in [("record.sqlite", 5_000), ("record.sqlite", 40), ("manifest", 20), ("manifest", 120)] {
        let path = to.join(file);
        let whole = fs::read(&path).expect("read");
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&path, flipped).expect("flipped");
        let line = restore(&key);
        assert!(line.contains("was not restored"), "{file} {at}: {line}");
        fs::write(&path, &whole[..whole.len() - 10]).expect("cut");
        restore(&key);
        fs::write(&path, whole).expect("put back");
    }
    fs::rename(to.join("record.sqlite"), to.join("elsewhere")).expect("moved");
    restore(&key);
    let strange = Place::new();
    let strange_vault = strange.open();
    fill(&strange_vault, 0, 5);
    let seen = strange_vault.checkpoint().expect("read");
    fs::rename(to.join("elsewhere"), to.join("record.sqlite")).expect("moved back");
    let options = Options { dir: dir.clone(), key, ..other.options() };
    assert!(Vault::restore(&to, &options, seen.as_deref()).is_err(), "a checkpoint of another log");
    assert!(!dir.exists());
}

#[test]
fn a_passphrase_restores_with_the_salt_of_the_backup() {
    let (place, other) = (Place::new(), Place::new());
    let key = KeySource::Passphrase("correct horse".to_owned());
    let options = |dir: &Path| Options { dir: dir.to_owned(), key: key.clone(), ..place.options() };
    let vault = Vault::open(options(place.dir())).expect("made");
    fill(&vault, 0, 5);
    let to = other.dir().join("backup");
    Vault::backup(&options(place.dir()), &to, &|_, _| ()).expect("taken");
    let dir = other.dir().join("data");
    Vault::restore(&to, &options(&dir), None).expect("restored");
    assert_eq!(all(&Vault::open(options(&dir)).expect("opens")), all(&vault));
}

#[test]
fn a_root_key_changes_while_work_goes_on() {
    let place = Place::new();
    let vault = place.open();
    fill(&vault, 0, 30);
    let (old_key, token) = (fs::read(place.dir().join("root.key")).expect("read"), issue(&place));
    let link_key = vault.link_key();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| (0..200).all(|i| read(&vault, "Observation", &format!("o{}", i % 30)).is_some()));
        let writing = scope.spawn(|| fill(&vault, 30, 60));
        let done = vault.rotate_root_key(&visit(), &KeySource::Beside).expect("changed");
        assert!(done.is_cleared && done.waiting.is_none());
        assert_eq!(vault.at(&visit(), done.position).expect("read"), None, "an event is no version");
        assert!(reading.join().expect("read"));
        writing.join().expect("written");
    });
    assert_ne!(fs::read(place.dir().join("root.key")).expect("read"), old_key);
    assert!(vault.sign_in(&token).is_none() && vault.sign_in(&issue(&place)).is_some());
    assert_eq!(vault.link_key(), link_key);
    fill(&vault, 60, 70);
    let before = all(&vault);
    drop(vault);
    is_clean(&place);
    assert_eq!(all(&place.open()), before);
    // To another kind of key, and the old one is no longer taken.
    let words = KeySource::Passphrase("correct horse".to_owned());
    place.open().rotate_root_key(&visit(), &words).expect("changed");
    assert!(matches!(Vault::open(place.options()), Err(Error::Fault(Fault::Key(_)))));
    assert_eq!(all(&Vault::open(Options { key: words, ..place.options() }).expect("opens")), before);
}

fn issue(place: &Place) -> String {
    issue_token(place.dir(), &KeySource::Beside).expect("a token")
}

#[test]
fn a_change_of_keys_that_was_cut_short_is_brought_to_its_end() {
    let place = Place::new();
    let vault = place.open();
    fill(&vault, 0, 5);
    let (key, next) = (place.dir().join("root.key"), place.dir().join("root.next"));
    let old = fs::read(&key).expect("read");
    vault.rotate_root_key(&visit(), &KeySource::Beside).expect("changed");
    drop(vault);
    // As if the machine had stopped after the commit, before the new key took the old one's place.
    fs::rename(&key, &next).expect("moved");
    fs::write(&key, &old).expect("put back");
    assert_eq!(place.open().head(), Position(9));
    assert!(!next.exists());
    // As if it had stopped before the commit.
    fs::write(&next, &old).expect("left");
    assert_eq!(place.open().head(), Position(9));
    is_clean(&place);
}

#[test]
fn a_shredded_patient_is_gone_and_the_log_is_whole() {
    let place = Place::new();
    let vault = place.open();
    fill(&vault, 0, 30);
    let checkpoint = vault.checkpoint().expect("read").expect("one");
    assert_eq!(vault.shred(&visit(), "nobody").expect("looked"), None);
    let gone = vault.shred(&visit(), "p1").expect("done").expect("shredded");
    assert_eq!((gone.entries, gone.position, gone.is_scrubbed), (11, Position(33), true));
    let refused = |result: Result<Option<Version>, Error>| match result {
        Err(Error::Refusal(refusal)) => refusal.kind == Kind::Gone,
        _ => false,
    };
    assert!(refused(vault.read(&visit(), "Patient", "p1", None)));
    assert!(refused(vault.vread(&visit(), "Observation", "o1", 1)));
    assert_eq!(vault.at(&visit(), Position(1)).expect("read"), None);
    assert!(vault.proof(&visit(), Position(1)).is_err());
    assert!(vault.proof(&visit(), Position(2)).expect("proved").is_some());
    assert!(read(&vault, "Patient", "p2").is_some());
    assert_eq!(all(&vault).len(), 22);
    // The patient may come back, under a new key.
    let again = r#"{"resourceType":"Patient","id":"p1","active":true}"#;
    write(&vault, vec![put(again)]).expect("written");
    assert!(body(&read(&vault, "Patient", "p1").expect("found")).contains(r#""versionId":"2""#));
    drop(vault);
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("it runs");
    assert!(report.is_clean(), "{:?}", report.altered);
    assert_eq!(report.shredded, 11);
    let vault = place.open();
    assert_eq!(all(&vault).len(), 23);
    assert!(vault.consistency(33, 35).is_ok() && !checkpoint.is_empty());
    drop(vault);
    let (_, rebuilt) = Vault::rebuild(place.options(), &|_, _| ()).expect("rebuilt");
    assert_eq!(rebuilt.same, Some(true));
}

/// Whether the record says that its index must be made anew.
fn is_marked(place: &Place) -> bool {
    let record = rusqlite::Connection::open(place.dir().join("record.sqlite")).expect("opened");
    record.query_row("SELECT count(*) FROM meta WHERE name = 'index'", [], |row| row.get(0)).expect("asked")
}

#[test]
fn a_shredded_patient_leaves_the_index_at_once_while_others_write() {
    let place = Place::new();
    let vault = place.open();
    fill(&vault, 0, 900);
    // A display and a unit that only the patient has, versions, and a deletion.
    let rare = r#"{"resourceType":"Observation","id":"rare","status":"final","code":{"coding":[{"system":"s","code":"c","display":"Rare thing"}]},"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":7,"unit":"rods"}}"#;
    write(&vault, vec![put(rare)]).expect("written");
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p1","birthDate":"1931-02-03"}"#)]).expect("written");
    write(&vault, vec![delete("Observation", "o4")]).expect("deleted");
    let other = |i: u32| put(&format!(r#"{{"resourceType":"Patient","id":"other{i}","birthDate":"1931-02-03"}}"#));
    let gone = std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..200).try_for_each(|i| write(&vault, vec![other(i)]).map(drop)));
        let gone = vault.shred(&visit(), "p1").expect("done").expect("shredded");
        writer.join().expect("it ran").expect("written");
        gone
    });
    assert!(gone.is_scrubbed && gone.entries > 300, "{gone:?}");
    assert!(!is_marked(&place));
    is_clean(&place);
    let gone = vault.shred(&visit(), "p2").expect("done").expect("shredded");
    assert!(gone.is_scrubbed);
    fill(&vault, 2000, 2100);
    drop(vault);
    is_clean(&place);
    // Made anew, without any opening in between: the same rows, so that none of the patient's were left.
    let (_, rebuilt) = Vault::rebuild(place.options(), &|_, _| ()).expect("rebuilt");
    assert_eq!(rebuilt.same, Some(true));
}

#[test]
fn a_shredding_that_was_cut_short_is_brought_to_its_end_at_the_next_opening() {
    let (place, before) = (Place::new(), tempfile::tempdir().expect("a folder"));
    let vault = place.open();
    fill(&vault, 0, 60);
    drop(vault);
    fs::copy(place.dir().join("index.sqlite"), before.path().join("index.sqlite")).expect("copied");
    let vault = place.open();
    vault.shred(&visit(), "p1").expect("done").expect("shredded");
    drop(vault);
    // As after a crash between the two: the key is gone, the rows are there, and so is the mark.
    fs::copy(before.path().join("index.sqlite"), place.dir().join("index.sqlite")).expect("copied");
    let record = rusqlite::Connection::open(place.dir().join("record.sqlite")).expect("opened");
    record.execute("INSERT INTO meta(name, value) VALUES ('index', x'00')", []).expect("marked");
    drop(record);
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("it runs");
    assert!(report.is_clean() && report.notes[0].contains("shredded patient"), "{report:?}");
    drop(place.open());
    assert!(!is_marked(&place));
    is_clean(&place);
    let (_, rebuilt) = Vault::rebuild(place.options(), &|_, _| ()).expect("rebuilt");
    assert_eq!(rebuilt.same, Some(true));
}

#[test]
fn a_destroyed_key_that_is_put_back_is_named_and_opens_nothing() {
    let (place, older) = (Place::new(), tempfile::tempdir().expect("a folder"));
    let vault = place.open();
    fill(&vault, 0, 30);
    drop(vault);
    let old = older.path().join("record.sqlite");
    fs::copy(place.dir().join("record.sqlite"), &old).expect("copied");
    place.open().shred(&visit(), "p1").expect("done").expect("shredded");
    is_clean(&place);
    let record = rusqlite::Connection::open(place.dir().join("record.sqlite")).expect("opened");
    record.execute("ATTACH ? AS old", [old.to_str().expect("a path")]).expect("opened");
    let sql = "UPDATE patient_key SET (owner, wrapped) = (SELECT owner, wrapped FROM old.patient_key AS was
               WHERE was.kid = patient_key.kid) WHERE owner IS NULL";
    assert_eq!(record.execute(sql, []).expect("put back"), 1);
    drop(record);
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("it runs");
    let lines: Vec<String> = report.altered.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.contains("says that it was destroyed")), "{lines:?}");
    let snapshot = Snapshot::open(&place.options()).expect("opens");
    assert_eq!(snapshot.history(&visit(), Position(u64::MAX), usize::MAX).expect("read").len(), 22);
    drop(snapshot);
    let vault = place.open();
    let answer = vault.read(&visit(), "Patient", "p1", None);
    assert!(matches!(answer, Err(Error::Refusal(refusal)) if refusal.kind == Kind::Gone));
    assert_eq!(all(&vault).len(), 22);
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p1","active":true}"#)]).expect("written");
    drop(vault);
    is_clean(&place);
}

#[test]
fn an_index_from_before_a_shredding_is_named_and_not_served() {
    let (place, older) = (Place::new(), tempfile::tempdir().expect("a folder"));
    let vault = place.open();
    fill(&vault, 0, 30);
    drop(vault);
    let (index, old) = (place.dir().join("index.sqlite"), older.path().join("index.sqlite"));
    fs::copy(&index, &old).expect("copied");
    place.open().shred(&visit(), "p1").expect("done").expect("shredded");
    is_clean(&place);
    fs::copy(&old, &index).expect("put back");
    let report = Vault::verify(&place.options(), &|_, _| ()).expect("it runs");
    let lines: Vec<String> = report.altered.iter().map(ToString::to_string).collect();
    for table in ["posting", "place", "bucket"] {
        let named = format!("index.sqlite {table}");
        assert!(lines.iter().any(|line| line.starts_with(&named) && line.contains("says of")), "{table}: {lines:#?}");
    }
    drop(place.open());
    is_clean(&place);
    let (_, rebuilt) = Vault::rebuild(place.options(), &|_, _| ()).expect("rebuilt");
    assert_eq!(rebuilt.same, Some(true));
}
