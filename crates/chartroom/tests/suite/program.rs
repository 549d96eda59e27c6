//! The binary under test, with a folder of its own.

use crate::client;
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with a data directory in it.
pub struct House {
    folder: TempDir,
}

/// What a finished command said.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl House {
    pub fn new() -> House {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("tmp")).expect("made");
        House { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and names it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("made");
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    }

    /// A command on the data directory `data`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chartroom"));
        command.args(arguments).current_dir(self.folder.path()).env("CHARTROOM_DATA", self.path("data"));
        command.env("TMPDIR", self.path("tmp"));
        for name in ["CHARTROOM_KEY", "CHARTROOM_PASSPHRASE", "CHARTROOM_KEY_FILE", "CHARTROOM_CONFIG"] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).stdin(Stdio::null()).output().expect("the binary runs"))
    }

    /// Runs it with something on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Said {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        child.stdin.take().expect("piped").write_all(input).expect("written");
        Said::of(child.wait_with_output().expect("the binary ends"))
    }

    /// Imports, and answers read, stored, unchanged and refused.
    pub fn import(&self, paths: &[&str]) -> (Option<i32>, [u64; 4]) {
        let said = self.run(&[&["import", "--json"], paths].concat());
        (said.code, said.counts())
    }

    /// Starts a server on a free port. What it says on standard error goes to the file `COMMAND.stderr`.
    pub fn serve(&self, command: &str, more: &[&str]) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let listen = format!("127.0.0.1:{port}");
        let mut starting = self.command(&[&[command, "--listen", &listen], more].concat());
        let said = std::fs::File::create(self.path(&format!("{command}.stderr"))).expect("made");
        let child = starting.stdout(Stdio::piped()).stderr(said).spawn().expect("the binary runs");
        let mut server = Server { child, port };
        server.wait_until_ready();
        server
    }
}

impl Said {
    pub fn of(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Expects an exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Expects what, why and next on standard error, with these words.
    #[track_caller]
    pub fn says(self, words: &str) -> Said {
        for part in ["chartroom: ", "\nwhy: ", "\nnext: ", words] {
            assert!(self.err.contains(part), "{part:?} is not in: {}", self.err);
        }
        self
    }

    /// Read, stored, unchanged, refused of the closing line, which has no other members than these and seconds.
    pub fn counts(&self) -> [u64; 4] {
        let line = self.out.lines().last().unwrap_or_else(|| panic!("no closing line; stderr: {}", self.err));
        let json: Value = serde_json::from_str(line).expect("the closing line is JSON");
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(5), "{line}");
        assert!(json["seconds"].is_number(), "{line}");
        ["read", "stored", "unchanged", "refused"].map(|name| json[name].as_u64().expect("a count"))
    }
}

/// A server under test; killed when it goes.
pub struct Server {
    pub child: Child,
    pub port: u16,
}

impl Server {
    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(60) {
            if self.ask("GET", "/health", None, "").is_some_and(|(status, _)| status == 200) {
                return;
            }
            assert_eq!(self.child.try_wait().expect("known"), None, "the server ended before it was ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server was not ready within a minute");
    }

    /// Status and body of one request.
    pub fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Option<(u16, String)> {
        let sign_in = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Content-Type", "application/fhir+json")];
        headers.extend(sign_in.as_deref().map(|value| ("Authorization", value)));
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let request = client::request(address, method, path, &headers, body.as_bytes());
        let (status, _, body) = client::parts(&client::exchange(address, &request).ok()?);
        Some((status, String::from_utf8(body).ok()?)).filter(|_| status > 0)
    }

    /// Sends SIGTERM and waits for the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(told.success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The folder of shared test data, or a line that says that the test was skipped.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        println!("skipped: ../shared/data/{name} not found");
        return None;
    }
    Some(path)
}
