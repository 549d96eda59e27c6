//! What a stolen disk tells: planted names, identifiers, codes and notes are in no file of the data directory.

use base::clock::Clock;
use base::id::Ids;
use fhir::json::Json;
use std::fs;
use std::path::{Path, PathBuf};
use vault::access::Visit;
use vault::records::KeySource;
use vault::search::Page;
use vault::{Change, Expect, Options, Vault};

const CANARIES: [&str; 6] =
    ["Zqxfamily", "zqxgiven", "ZQX-MRN-77310", "zqx-patient-id", "ZQXCODE-9", "zqxnote about the visit"];

fn options(dir: &Path) -> Options {
    Options { dir: dir.to_owned(), key: KeySource::Beside, clock: Clock::System, ids: Ids::System, labels: None }
}

fn put(text: &str) -> Change {
    let resource = Json::parse(text.as_bytes()).unwrap().into_owned();
    Change::Put { resource, expect: Expect::Any, skip_same: false }
}

fn plant(vault: &Vault, round: u32) {
    let patient = format!(
        r#"{{"resourceType":"Patient","id":"zqx-patient-id","identifier":[{{"system":"urn:x","value":"ZQX-MRN-77310"}}],"name":[{{"family":"Zqxfamily","given":["zqxgiven"]}}],"multipleBirthInteger":{round}}}"#
    );
    let mut changes = vec![put(&patient)];
    for n in 0..60 {
        changes.push(put(&format!(
            r#"{{"resourceType":"Observation","id":"o{round}-{n}","status":"final","code":{{"coding":[{{"system":"urn:y","code":"ZQXCODE-9"}}],"text":"Zqxfamily"}},"subject":{{"reference":"Patient/zqx-patient-id"}},"note":[{{"text":"zqxnote about the visit"}}]}}"#
        )));
    }
    vault.commit(&Visit::operator(), changes).unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

/// Files under `dir` that hold a canary as UTF-8 (any case), UTF-16, hexadecimal or Base64.
fn leaks(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(dir) {
        let bytes = fs::read(&path).unwrap();
        let lower = bytes.to_ascii_lowercase();
        for canary in CANARIES {
            let plain = canary.to_lowercase().into_bytes();
            let wide: Vec<u8> = canary.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let hex: Vec<u8> = plain.iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect();
            let held = |text: &[u8], word: &[u8]| text.windows(word.len()).any(|w| w == word);
            if held(&lower, &plain) || held(&bytes, &wide) || held(&lower, &hex) {
                found.push(format!("{} holds {canary}", path.display()));
            }
        }
    }
    found
}

#[test]
fn planted_data_is_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::open(options(dir.path())).unwrap();
    // Enough versions that a compression dictionary is trained on them.
    for round in 0..50 {
        plant(&vault, round);
    }
    for (name, value) in [("family", "Zqxfamily"), ("identifier", "urn:x|ZQX-MRN-77310"), ("name:contains", "zqxgiv")] {
        let pairs = [(name.to_owned(), value.to_owned())];
        let query = fhir::search::query::parse(Some("Patient"), &pairs, true, vault.clock().now()).unwrap();
        let found = vault.search(&Visit::operator(), &query, &Page { count: 10, ..Page::default() }).unwrap();
        assert_eq!(found.matches.len(), 1, "{name} finds the planted patient");
    }
    assert_eq!(leaks(dir.path()), Vec::<String>::new(), "while open, with its write-ahead logs");
    drop(vault);
    assert_eq!(leaks(dir.path()), Vec::<String>::new(), "when closed");
    assert!(files(dir.path()).len() >= 3, "the files were looked at");
}

#[test]
fn the_search_for_leaks_sees_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), b"..ZQXFAMILY..").unwrap();
    assert_eq!(leaks(dir.path()).len(), 1);
}
