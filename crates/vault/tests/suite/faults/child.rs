//! The program under test: four writers on one vault, each acknowledgement noted the moment it is given.

use super::disk::ACKS;
use base::clock::Instant;
use fhir::json::Json;
use fhir::search::query::parse;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use vault::access::audit::Deed;
use vault::access::{Context, Visit};
use vault::search::Page;
use vault::{Change, Expect, Vault, Written};

/// Environment variable that turns the test `faults::child` into the program under test: `DIR ROUNDS`.
pub const CHILD: &str = "CHARTROOM_FAULT_CHILD";
const WRITERS: usize = 4;

/// Environment variable that makes the program a reader: it looks at one patient, with an entry of the audit each time.
pub const READER: &str = "CHARTROOM_FAULT_READER";

/// Looks and writes in turn, and notes what became of each: `r` or `w`, and `+` if it was done, `-` if the disk was full.
pub fn look(dir: &Path) {
    let Ok(vault) = Vault::open(super::options(dir)) else { std::process::exit(2) };
    vault.keep_reserve(2 << 20).unwrap();
    std::fs::create_dir(dir.join("said")).unwrap();
    let mut said = OpenOptions::new().append(true).create(true).open(dir.join("said").join(ACKS)).unwrap();
    for round in 0.. {
        let wrote = vault.commit(&Visit::operator(), round_of(0, round)).map(|_| ());
        let visit = Visit::operator().asking(Context::new(Deed::Read, "GET instance"));
        let _ = vault.read(&visit, "Patient", "w0-0", None);
        for (what, done) in [('w', wrote), ('r', vault.close_now(&visit, 200))] {
            let mark = match done {
                Ok(()) => '+',
                Err(vault::Error::Refusal(_)) => '-',
                Err(vault::Error::Fault(_)) => std::process::exit(3),
            };
            said.write_all(format!("{what}{mark}\n").as_bytes()).unwrap();
        }
    }
}

/// Runs the workload; ends early, with exit code 3, once the vault stops acknowledging or a search lacks something.
pub fn run(dir: &Path, rounds: usize) {
    let Ok(vault) = Vault::open(super::options(dir)) else { std::process::exit(2) };
    let acks = OpenOptions::new().append(true).create(true).open(dir.join(ACKS)).unwrap();
    let acks = Mutex::new(acks);
    let failed = std::thread::scope(|scope| {
        let (vault, acks) = (&vault, &acks);
        let writers: Vec<_> = (0..WRITERS).map(|w| scope.spawn(move || write_rounds(vault, acks, w, rounds))).collect();
        writers.into_iter().map(|w| w.join().unwrap()).filter(|ok| !ok).count()
    });
    drop(vault);
    std::process::exit(if failed > 0 { 3 } else { 0 });
}

fn write_rounds(vault: &Vault, acks: &Mutex<File>, writer: usize, rounds: usize) -> bool {
    let mut refused = 0;
    let mut last = None;
    for round in 0..rounds {
        let changes = round_of(writer, round);
        match vault.commit(&Visit::operator(), changes) {
            Ok(written) => {
                acknowledge(acks, &written, writer, round);
                last = Some(round);
            }
            Err(vault::Error::Refusal(_)) => refused += 1,
            Err(vault::Error::Fault(_)) => return false,
        }
        if last.is_some_and(|last| !finds(vault, writer, last)) {
            return false;
        }
    }
    refused == 0
}

/// Whether a search finds the patient of a round, and nothing else.
fn finds(vault: &Vault, writer: usize, round: usize) -> bool {
    let pairs = [("family:exact".to_owned(), format!("note-{writer}-{round}"))];
    let query = parse(Some("Patient"), &pairs, true, Instant(0)).unwrap();
    let found = vault.search(&Visit::operator(), &query, &Page { count: 2, ..Page::default() });
    found.is_ok_and(|found| found.matches.len() == 1 && found.matches[0].id == format!("w{writer}-{}", round % 3))
}

/// Each round writes a patient and an observation of that patient together; every fifth deletes the observation.
fn round_of(writer: usize, round: usize) -> Vec<Change> {
    let id = format!("w{writer}-{}", round % 3);
    let note = format!("note-{writer}-{round}");
    let patient =
        format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{note}"}}],"gender":"female"}}"#);
    let observation = format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"{note}"}},"subject":{{"reference":"Patient/{id}"}},"effectiveDateTime":"2026-01-0{}"}}"#,
        round % 9 + 1
    );
    let put = |text: &str| Change::Put {
        resource: Json::parse(text.as_bytes()).unwrap().into_owned(),
        expect: Expect::Any,
        skip_same: false,
    };
    let second = if round % 5 == 4 {
        Change::Delete { resource_type: "Observation".into(), id, expect: Expect::Any }
    } else {
        put(&observation)
    };
    vec![put(&patient), second]
}

fn acknowledge(acks: &Mutex<File>, written: &[Written], writer: usize, round: usize) {
    let mut line = String::new();
    for one in written {
        if let Written::Created(v) | Written::Updated(v) | Written::Deleted(Some(v)) = one {
            line += &format!("{} {} {} {} note-{writer}-{round};", v.resource_type, v.id, v.version, v.deleted);
        }
    }
    line.push('\n');
    acks.lock().unwrap().write_all(line.as_bytes()).unwrap();
}
