//! The second verifier, `tools/verify-proof.py`, on what the vault gives out and on what was altered.

use crate::place::{Place, put, read, write};
use std::path::{Path, PathBuf};
use std::process::Command;
use vault::access::Visit;
use vault::log::witness::folder::WitnessFolder;

/// A folder of files for the script, and how to call it.
struct Bench {
    folder: PathBuf,
    key: String,
    witness: String,
}

impl Bench {
    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, content).expect("written");
        path.to_string_lossy().into_owned()
    }

    /// The exit code and what was said.
    fn run(&self, witnessed: bool, args: &[&str]) -> (Option<i32>, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify-proof.py");
        let mut command = Command::new("python3");
        command.arg(script).args(["--key", &self.key]);
        if witnessed {
            command.args(["--witness", &self.witness]);
        }
        let output = command.args(args).output().expect("python3 runs");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said.into_owned())
    }

    fn holds(&self, witnessed: bool, args: &[&str]) {
        let (code, said) = self.run(witnessed, args);
        assert_eq!(code, Some(0), "{args:?}: {said}");
    }

    fn fails(&self, witnessed: bool, args: &[&str], because: &str) {
        let (code, said) = self.run(witnessed, args);
        assert!(code == Some(1) && said.contains(because), "{args:?}: {code:?} {said}");
    }
}

fn resource(i: usize) -> vault::Change {
    put(&format!(r#"{{"resourceType":"Basic","id":"b{i}","language":"l{i}"}}"#))
}

#[test]
fn another_language_agrees_about_proofs_and_checkpoints() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: python3 not found");
        return;
    }
    let (place, other) = (Place::new(), Place::new());
    let vault = place.open();
    let witness = WitnessFolder::open(other.dir(), "witness.example/w", vec![vault.log_key()], other.clock.clone());
    let witness = witness.expect("a witness");
    let bench = Bench {
        folder: other.dir().to_owned(),
        key: vault.log_key().to_string(),
        witness: witness.verifier().to_string(),
    };
    write(&vault, (0..333).map(resource).collect()).expect("written");
    let old = vault.checkpoint().expect("read").expect("one");
    let old = bench.file("old", &old);
    write(&vault, (333..700).map(resource).collect()).expect("written");
    let request = vault.witness_request(333).expect("a request");
    let signed = vault.witness_request(0).expect("a request");
    let answer = witness.add_checkpoint(signed.as_bytes()).expect("answered");
    let checkpoint = vault.checkpoint().expect("read").expect("one");
    vault.add_cosignatures(&checkpoint, &answer.body(), &[witness.verifier()]).expect("taken");
    let witnessed = vault.witnessed().expect("read").expect("one");

    // What is whole holds.
    bench.holds(false, &["checkpoint", &old]);
    bench.holds(true, &["checkpoint", &bench.file("witnessed", &witnessed)]);
    bench.fails(true, &["checkpoint", &old], "has not signed");
    bench.holds(false, &["grew", &old, &bench.file("request", request.as_bytes())]);
    for i in [0, 255, 699] {
        let version = read(&vault, "Basic", &format!("b{i}")).expect("found");
        let proof = vault.proof(&Visit::operator(), version.position).expect("proved").expect("found");
        let (proof, body) = (bench.file("proof", proof.as_bytes()), bench.file("body", &version.body));
        bench.holds(true, &["proof", &proof, &body]);
    }

    // What is altered does not.
    let version = read(&vault, "Basic", "b42").expect("found");
    let proof = vault.proof(&Visit::operator(), version.position).expect("proved").expect("found");
    let body = String::from_utf8(version.body.to_vec()).expect("UTF-8").replace("l42", "l43");
    let whole = bench.file("proof", proof.as_bytes());
    bench.fails(true, &["proof", &whole, &bench.file("body", body.as_bytes())], "not what the log was told");
    let shorter: Vec<&str> = proof.lines().enumerate().filter(|(n, _)| *n != 3).map(|(_, line)| line).collect();
    let shorter = bench.file("shorter", (shorter.join("\n") + "\n").as_bytes());
    bench.fails(true, &["proof", &shorter], "DOES NOT HOLD");
    let moved = bench.file("moved", proof.replacen("index 42\n", "index 43\n", 1).as_bytes());
    bench.fails(true, &["proof", &moved], "does not lead to the root");
    let larger = String::from_utf8(witnessed).expect("UTF-8").replacen("\n700\n", "\n701\n", 1);
    bench.fails(false, &["checkpoint", &bench.file("larger", larger.as_bytes())], "signature does not hold");
    let mut lines: Vec<&str> = request.lines().collect();
    lines.swap(1, 2);
    let rewritten = bench.file("rewritten", (lines.join("\n") + "\n").as_bytes());
    bench.fails(false, &["grew", &old, &rewritten], "rewritten");
    assert_eq!(bench.run(false, &["checkpoint", "no such file"]).0, Some(2));
}
