//! Commands beside a running server that is being written to: change of keys, shredding, export, cosigning.

use crate::program::{House, Said, Server};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Programs that write at the same time.
const WRITERS: usize = 3;

/// What the writers share: how each gets a token, and what was acknowledged.
struct Load<'a> {
    house: &'a House,
    server: &'a Server,
    key: Mutex<Vec<String>>,
    ended: AtomicBool,
    written: [AtomicUsize; WRITERS],
    refused: AtomicUsize,
}

impl<'a> Load<'a> {
    /// Writes new patients before, while and after `work` is done.
    fn during(house: &'a House, server: &'a Server, key: &[&str], work: impl FnOnce(&Load<'a>)) -> Written {
        let key = key.iter().map(|&word| word.to_owned()).collect();
        let (ended, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
        let load = Load { house, server, key: Mutex::new(key), ended, written: Default::default(), refused };
        thread::scope(|scope| {
            for number in 0..WRITERS {
                let load = &load;
                scope.spawn(move || load.write(number));
            }
            // The writers end, too, when something below is not as it should be.
            let _ending = Ending(&load.ended);
            load.wait_for_more();
            work(&load);
            load.wait_for_more();
        });
        let each = load.written.map(AtomicUsize::into_inner);
        Written { each, refused: load.refused.into_inner() }
    }

    fn write(&self, number: usize) {
        let mut token = self.token();
        while !self.ended.load(Ordering::Acquire) {
            let n = self.written[number].load(Ordering::Acquire);
            let body = format!(r#"{{"resourceType":"Patient","id":"w{number}-{n}","active":true}}"#);
            match self.server.ask("PUT", &format!("/fhir/Patient/w{number}-{n}"), Some(&token), &body) {
                Some((201, _)) => drop(self.written[number].fetch_add(1, Ordering::AcqRel)),
                Some((401, _)) => {
                    self.refused.fetch_add(1, Ordering::AcqRel);
                    token = self.token();
                }
                other => panic!("a write was not answered: {other:?}"),
            }
        }
    }

    /// A token under the key of now.
    fn token(&self) -> String {
        for _ in 0..200 {
            let key = self.key.lock().expect("whole").clone();
            let said = self.house.run(&[&["token"], &key.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
            if said.code == Some(0) {
                return said.out.trim_end().to_owned();
            }
        }
        panic!("no token could be had");
    }

    fn count(&self) -> usize {
        self.written.iter().map(|n| n.load(Ordering::Acquire)).sum()
    }

    fn wait_for_more(&self) {
        let (before, started) = (self.count(), Instant::now());
        while self.count() < before + 30 {
            assert!(started.elapsed() < Duration::from_secs(60), "nothing is written any more");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// How many patients each writer wrote, and how often a token was no longer good.
struct Written {
    each: [usize; WRITERS],
    refused: usize,
}

impl Written {
    /// All that was acknowledged is there.
    fn is_kept(&self, server: &Server, token: &str) {
        for (number, written) in self.each.iter().enumerate() {
            let last = written - 1;
            for n in [0, last / 2, last] {
                let found = server.ask("GET", &format!("/fhir/Patient/w{number}-{n}"), Some(token), "");
                assert_eq!(found.expect("answered").0, 200, "w{number}-{n}");
            }
        }
    }
}

fn token(house: &House, key: &[&str]) -> String {
    house.run(&[&["token"], key].concat()).expect(0).out.trim_end().to_owned()
}

fn status(server: &Server, path: &str, token: &str) -> u16 {
    server.ask("GET", path, Some(token), "").expect("answered").0
}

fn total(server: &Server, query: &str, token: &str) -> u64 {
    let (status, body) = server.ask("GET", &format!("/fhir/{query}"), Some(token), "").expect("answered");
    assert_eq!(status, 200, "{body}");
    let bundle: Value = serde_json::from_str(&body).expect("JSON");
    bundle["total"].as_u64().expect("a total")
}

fn holds(folder: &Path, words: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).expect("a folder").flatten();
    files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file())).any(|file| {
        let bytes = std::fs::read(file.path()).expect("read");
        bytes.windows(words.len()).any(|window| window == words)
    })
}

#[test]
fn the_root_key_changes_beside_a_server() {
    let house = House::new();
    let server = house.serve("serve", &[]);
    let (old_token, old_key) = (token(&house, &[]), std::fs::read(house.path("data/root.key")).expect("a key"));
    let hex = "5e".repeat(32);
    let written = Load::during(&house, &server, &[], |load| {
        let said = house.run(&["keys", "rotate"]).expect(0);
        assert!(said.out.contains("of the log says so. Tokens given out before are no longer good."), "{}", said.out);
        assert!(said.err.contains("is asked"), "{}", said.err);
        assert_ne!(std::fs::read(house.path("data/root.key")).expect("a key"), old_key);
        assert_eq!(status(&server, "/fhir/Patient/w0-0", &old_token), 401);
        load.wait_for_more();

        let said = house.run(&["keys", "rotate", "--to", "next.key"]).expect(0);
        assert!(said.out.contains("--key-file /") && said.out.contains("/next.key"), "{}", said.out);
        *load.key.lock().expect("whole") = vec!["--key-file".to_owned(), "next.key".to_owned()];
        house.run(&["keys", "rotate"]).expect(2).says("--key-file");
        house.run(&["verify", "--key-file", "next.key"]).expect(0);
    });
    assert!(written.refused >= WRITERS, "old tokens were taken");

    // To a key of the environment and back: it goes through the socket, and into no file.
    let run = |name: &str, value: &str, arguments: &[&str]| {
        Said::of(house.command(arguments).env(name, value).stdin(Stdio::null()).output().expect("runs"))
    };
    run("CHARTROOM_NEW_KEY", &hex, &["keys", "rotate", "--key-file", "next.key"]).expect(0);
    assert!(!holds(&house.path("data"), hex.as_bytes()) && !holds(&house.path("data"), &[0x5e; 32]));
    run("CHARTROOM_KEY", &hex, &["verify"]).expect(0);
    run("CHARTROOM_KEY", &hex, &["keys", "rotate", "--to", "last.key"]).expect(0);
    assert_eq!(server.stop(), Some(0));
    assert!(!house.path("data/control.sock").exists());

    let key = ["--key-file", "last.key"];
    house.run(&["verify", "--key-file", "last.key"]).expect(0);
    house
        .run(&["serve", "--listen", "127.0.0.1:0", "--key-file", "next.key"])
        .expect(2)
        .says("root key is not the one");
    let server = house.serve("serve", &key);
    written.is_kept(&server, &token(&house, &key));
}

#[test]
fn a_patient_is_shredded_beside_a_server() {
    let house = House::new();
    let server = house.serve("serve", &[]);
    let token = token(&house, &[]);
    for (path, body) in [
        ("Patient/gone", r#"{"resourceType":"Patient","id":"gone","birthDate":"1950-05-05"}"#),
        (
            "Observation/o",
            r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"c"},"subject":{"reference":"Patient/gone"}}"#,
        ),
    ] {
        assert_eq!(server.ask("PUT", &format!("/fhir/{path}"), Some(&token), body).expect("answered").0, 201);
    }
    assert_eq!(total(&server, "Patient?birthdate=1950-05-05&_total=accurate", &token), 1);
    let written = Load::during(&house, &server, &[], |_| {
        house.run(&["shred", "nobody", "--for-good"]).expect(2).says("check the id");
        let said = house.run(&["shred", "gone", "--for-good"]).expect(0);
        assert!(said.out.starts_with("2 entries can no longer be read"), "{}", said.out);
        assert!(!said.out.contains("write-ahead"), "{}", said.out);
        for path in ["/fhir/Patient/gone", "/fhir/Observation/o"] {
            assert_eq!(status(&server, path, &token), 410, "{path}");
        }
        assert_eq!(total(&server, "Patient?birthdate=1950-05-05&_total=accurate", &token), 0);
        assert_eq!(total(&server, "Observation?patient=gone&_total=accurate", &token), 0);
        house.run(&["verify"]).expect(0);
        house.run(&["shred", "gone", "--for-good"]).expect(2).says("check the id");
    });
    assert_eq!(server.stop(), Some(0));
    house.run(&["verify"]).expect(0);
    let server = house.serve("serve", &[]);
    assert_eq!(total(&server, "Patient?birthdate=1950-05-05&_total=accurate", &token), 0);
    written.is_kept(&server, &token);
}

#[test]
fn an_export_beside_a_server_is_of_one_position() {
    let house = House::new();
    let server = house.serve("serve", &[]);
    Load::during(&house, &server, &[], |load| {
        for name in ["one", "two"] {
            let said = house.run(&["export", "--out", name]).expect(0);
            let words = |n: usize| said.out.split(' ').nth(n).and_then(|word| word.parse::<usize>().ok());
            // Every entry so far is a patient of its own or the audit's entry about one: one position has no more patients.
            let (count, position) = (words(1), words(9));
            assert!(count.is_some_and(|count| count > 0) && count.map(|count| 2 * count) <= position, "{}", said.out);
            load.wait_for_more();
        }
    });
    house.run(&["export", "--out", "beside"]).expect(0);
    assert_eq!(server.stop(), Some(0));
    house.run(&["export", "--out", "alone"]).expect(0);
    let read = |name: &str| std::fs::read_to_string(house.path(name).join("Patient.ndjson")).expect("exported");
    let all = read("alone");
    assert!(all == read("beside"), "the same position, and other bytes");
    let all: std::collections::HashSet<&str> = all.lines().collect();
    for name in ["one", "two"] {
        let text = read(name);
        assert!(text.lines().all(|line| all.contains(line)) && text.lines().is_sorted_by_key(id), "{name}");
    }
}

fn id(line: &str) -> String {
    let resource: Value = serde_json::from_str(line).expect("JSON");
    resource["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_cosignature_is_taken_in_beside_a_server() {
    let house = House::new();
    let server = house.serve("serve", &[]);
    let log = house.run(&["log", "key"]).expect(0).out.trim_end().to_owned();
    let witness = house.serve("witness", &["--name", "witness.example/w", "--data", "witness", "--log", &log]);
    let key = witness.ask("GET", "/key", None, "").expect("answered").1.trim_end().to_owned();
    Load::during(&house, &server, &[], |load| {
        let request = house.run(&["log", "request"]).expect(0).out;
        let (status, lines) = witness.ask("POST", "/add-checkpoint", None, &request).expect("answered");
        assert_eq!(status, 200, "{lines}");
        let file = house.file("request", &request);
        load.wait_for_more();
        let cosign = ["log", "cosign", "--witness", &key];
        house.run_with(&cosign, lines.as_bytes()).expect(2).says("--request");
        let said = house.run_with(&[&cosign[..], &["--request", &file]].concat(), lines.as_bytes()).expect(0);
        assert_eq!(said.out, "cosignatures taken in: 1\n");
        let witnessed = house.run(&["log", "checkpoint", "--witnessed"]).expect(0).out;
        let size = |note: &str| note.lines().nth(1).map(str::to_owned);
        assert!(request.contains(&format!("\n{}\n", size(&witnessed).expect("a size"))), "{witnessed}");
    });
    house.run(&["verify"]).expect(0);
    assert_eq!(server.stop(), Some(0));
    house.run(&["verify"]).expect(0);
}

#[test]
fn a_server_killed_while_keys_change_leaves_one_key_that_opens() {
    let house = House::new();
    let text: String = (0..2_000).map(|i| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{i}\"}}\n")).collect();
    let file = house.file("in.ndjson", text);
    assert_eq!(house.import(&[&file]).1[1], 2_000);
    let mut key = "data/root.key".to_owned();
    for round in 0..8_u64 {
        let mut server = house.serve("serve", &["--key-file", &key]);
        // Every other time in place of the present key, else into a file of its own.
        let next = if round % 2 == 0 { key.clone() } else { format!("key.{round}") };
        let mut rotate = house.command(&["keys", "rotate", "--key-file", &key, "--to", &next]);
        let mut rotating = rotate.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
        thread::sleep(Duration::from_millis(280 + round * 25));
        drop(server.child.kill());
        drop(server.child.wait());
        drop(rotating.wait());
        let opens = |key: &str| {
            let said = house.run(&["verify", "--key-file", key]);
            match said.code {
                Some(0) => true,
                _ => {
                    let line = said.expect(2).err;
                    let is_clear = line.contains("root key is not the one") || line.contains("is missing");
                    assert!(is_clear, "{line}");
                    false
                }
            }
        };
        let (old, new) = (opens(&key), opens(&next));
        assert!(old != new || (old && key == next), "round {round}: old {old}, new {new}");
        key = if new { next } else { key };
    }
}

#[test]
fn a_directory_that_is_held_without_a_door_says_so() {
    let house = House::new();
    let file = house.file("in.ndjson", r#"{"resourceType":"Patient","id":"a"}"#);
    house.import(&[&file]);
    let server = house.serve("serve", &[]);
    std::fs::remove_file(house.path("data/control.sock")).expect("removed");
    house.run(&["keys", "rotate"]).expect(2).says("in use");
    house.run(&["shred", "a", "--for-good"]).expect(2).says("in use");
    assert_eq!(server.stop(), Some(0));
    // What an earlier server left behind is nobody.
    drop(std::os::unix::net::UnixListener::bind(house.path("data/control.sock")).expect("bound"));
    house.run(&["keys", "rotate"]).expect(0);
    let server = house.serve("serve", &[]);
    house.run(&["keys", "rotate"]).expect(0);
    assert_eq!(server.stop(), Some(0));
}
