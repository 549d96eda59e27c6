//! A server and its witness, two processes: what was written is co-signed, and an old copy put in place is told.

use crate::program::{House, Server};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A record's house with a witness beside it, and how the server is told of it.
struct Pair {
    house: House,
    witness: Server,
    key: String,
    flags: [String; 4],
}

impl Pair {
    fn new() -> Pair {
        let house = House::new();
        let file = house.file("a.json", r#"{"resourceType":"Patient","id":"a"}"#);
        house.import(&[&file]);
        let log = house.run(&["log", "key"]).expect(0).out.trim_end().to_owned();
        let witness = house.serve("witness", &["--name", "witness.example/w", "--data", "witness", "--log", &log]);
        let key = witness.ask("GET", "/key", None, "").expect("answered").1.trim_end().to_owned();
        let place = format!("http://127.0.0.1:{}={key}", witness.port);
        let flags = ["--witness".to_owned(), place, "--witness-interval".to_owned(), "1".to_owned()];
        Pair { house, witness, key, flags }
    }

    fn serve(&self) -> Server {
        self.house.serve("serve", &self.flags.each_ref().map(String::as_str))
    }

    /// Waits for an answer that has these words.
    fn wait(server: &Server, path: &str, words: &[&str]) -> String {
        let started = Instant::now();
        let mut last = None;
        while started.elapsed() < Duration::from_secs(60) {
            last = server.ask("GET", path, None, "");
            match &last {
                Some((200, body)) if words.iter().all(|words| body.contains(words)) => return body.clone(),
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        panic!("{words:?} did not come at {path}: {last:?}");
    }

    /// How many entries the log has now. Who asks is in it too, so that nobody can tell beforehand.
    fn size(server: &Server) -> u64 {
        let (_, note) = server.ask("GET", "/log/checkpoint", None, "").expect("answered");
        note.lines().nth(1).and_then(|size| size.parse().ok()).expect("a size")
    }

    fn put(&self, server: &Server, id: &str) {
        let token = self.house.run(&["token"]).expect(0).out;
        let body = format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#);
        let answer = server.ask("PUT", &format!("/fhir/Patient/{id}"), Some(token.trim_end()), &body);
        assert_eq!(answer.expect("answered").0, 201);
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.house.path("serve.stderr")).expect("kept")
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for file in std::fs::read_dir(from).expect("a folder").flatten() {
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

#[test]
fn what_a_running_server_writes_is_cosigned() {
    let pair = Pair::new();
    let server = pair.serve();
    Pair::wait(&server, "/log/checkpoint", &["— witness.example/w "]);
    pair.put(&server, "b");
    pair.put(&server, "c");
    let size = Pair::size(&server);
    let line = format!("\n{size}\n");
    let checkpoint = Pair::wait(&server, "/log/checkpoint", &[&line, "— witness.example/w "]);
    Pair::wait(&server, "/log/witnesses", &[&format!(r#""state":"cosigned","size":{size}"#)]);
    // Asked again, it signs again: its line is replaced, not added.
    std::thread::sleep(Duration::from_millis(1_500));
    let again = Pair::wait(&server, "/log/witnessed", &[&line]);
    assert_eq!(again.matches("— witness.example/w ").count(), 1, "{again}");

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify-proof.py");
    let log = server.ask("GET", "/log/key", None, "").expect("answered").1;
    let (log, note) = (pair.house.file("log.key", log), pair.house.file("checkpoint", checkpoint));
    let mut python = Command::new("python3");
    python.arg(script).args(["--key", &log, "--witness", &pair.key, "checkpoint", &note]);
    match python.output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => println!("skipped: python3 not found"),
    }

    // The log's commands that only read need no lock.
    let house = &pair.house;
    assert_eq!(house.run(&["log", "key"]).expect(0).out, std::fs::read_to_string(&log).expect("kept"));
    house.run(&["log", "checkpoint", "--witnessed"]).expect(0);
    assert!(house.run(&["log", "checkpoint"]).expect(0).out.contains(&line));
    assert!(house.run(&["log", "request", "--since", "1"]).expect(0).out.starts_with("old 1\n"));
    let proof = house.run(&["log", "proof", "Patient/c"]).expect(0).out;
    // The last entry says who put it there.
    let index = (size - 2).to_string();
    assert!(proof.contains(&format!("\nindex {index}\n")) && proof.contains("— witness.example/w "), "{proof}");
    // The witness may have signed again in between.
    let until_witness = |proof: &str| proof.split("— witness").next().map(str::to_owned);
    assert_eq!(until_witness(&house.run(&["log", "proof", &index]).expect(0).out), until_witness(&proof));
    house.run(&["log", "proof", "Patient/nobody"]).expect(2).says("no such entry");
    house.run_with(&["log", "cosign", "--witness", &pair.key], b"").expect(2).says("no line is a cosignature");

    // Without its witness the server serves on, and says so once.
    let Pair { house, witness, .. } = pair;
    let port = witness.port;
    assert_eq!(witness.stop(), Some(0));
    Pair::wait(&server, "/log/witnesses", &["unreachable"]);
    std::thread::sleep(Duration::from_millis(1_500));
    let said = std::fs::read_to_string(house.path("serve.stderr")).expect("kept");
    assert_eq!(said.matches("cannot be reached").count(), 1, "{said}");
    assert!(said.contains(&format!("127.0.0.1:{port}")) && !said.contains("ALARM"), "{said}");
    assert_eq!(server.stop(), Some(0));
    house.run(&["verify"]).expect(0);
}

#[test]
fn an_old_copy_put_in_place_is_told() {
    let pair = Pair::new();
    copy(&pair.house.path("data"), &pair.house.path("old"));
    let server = pair.serve();
    for id in ["b", "c", "d"] {
        pair.put(&server, id);
    }
    let seen = Pair::size(&server);
    Pair::wait(&server, "/log/checkpoint", &[&format!("\n{seen}\n"), "— witness.example/w "]);
    assert_eq!(server.stop(), Some(0));
    std::fs::remove_dir_all(pair.house.path("data")).expect("removed");
    copy(&pair.house.path("old"), &pair.house.path("data"));
    pair.house.run(&["verify"]).expect(0);

    let server = pair.serve();
    Pair::wait(&server, "/log/witnesses", &["record-shorter"]);
    let (said, size) = (pair.said(), Pair::size(&server));
    let alarm = format!("ALARM: it has seen {seen} entries of this log, and this record has {size}");
    assert!(said.contains(&alarm), "{said}");
    // Grown past what the witness saw, it still does not fit.
    for id in ["e", "f", "g", "h"] {
        pair.put(&server, id);
    }
    Pair::wait(&server, "/log/witnesses", &["record-forked"]);
    assert!(pair.said().contains("they are not the ones this record begins with"), "{}", pair.said());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_mistake_in_a_witness_is_shown() {
    let house = House::new();
    for (place, says) in [("https://w.example=k", "http://HOST:PORT"), ("http://w.example=k", "name+hash+base64")] {
        house.run(&["serve", "--witness", place, "--listen", "127.0.0.1:0"]).expect(2).says(says);
    }
    let file = house.file("c.toml", "[[witness]]\nurl = \"http://w.example\"\nkee = \"\"\n");
    house.run(&["config", "check", "--config", &file]).expect(2).says("did you mean `key`?");
}
