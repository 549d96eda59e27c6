//! A server on a loopback port with a vault of its own, and what its answers say.

use crate::client;
use base::clock::Clock;
use base::id::Ids;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use vault::access::issue_token;
use vault::records::KeySource;
use vault::{Options, Vault};
use web::{Server, Settings, TlsError, serve};

/// A running server. Stops when it goes.
pub struct House {
    pub address: SocketAddr,
    pub token: String,
    pub vault: Vault,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<Result<(), TlsError>>>,
    runtime: Option<tokio::runtime::Runtime>,
    _dir: tempfile::TempDir,
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl House {
    pub fn open() -> House {
        House::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> House {
        House::at(Clock::System, change)
    }

    /// A house by a clock of its own.
    pub fn at(clock: Clock, change: impl FnOnce(&mut Settings)) -> House {
        House::build(clock, None, change)
    }

    /// A house with a value set of sensitivity labels of its own.
    pub fn labelled(value_set: &str) -> House {
        House::build(Clock::System, Some(value_set), |_| {})
    }

    fn build(clock: Clock, value_set: Option<&str>, change: impl FnOnce(&mut Settings)) -> House {
        let dir = tempfile::tempdir().unwrap();
        let labels = value_set.map(|text| {
            let labels = dir.path().join("labels");
            std::fs::create_dir(&labels).unwrap();
            std::fs::write(labels.join("own.toml"), text).unwrap();
            labels
        });
        let (dir_path, ids) = (dir.path().to_owned(), Ids::seeded(1));
        let options = Options { dir: dir_path, key: KeySource::Beside, clock, ids, labels };
        let vault = Vault::open(options).unwrap();
        let token = issue_token(dir.path(), &KeySource::Beside).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let mut settings = Settings::new(format!("http://{address}"));
        change(&mut settings);
        let server = Server::new(vault.clone(), settings);
        let (stop, stopped) = oneshot::channel();
        let served = runtime.spawn(async move { serve(&server, listener, async { drop(stopped.await) }).await });
        House { address, token, vault, stop: Some(stop), served: Some(served), runtime: Some(runtime), _dir: dir }
    }

    /// The FHIR base.
    pub fn base(&self) -> String {
        format!("http://{}/fhir", self.address)
    }

    /// Tells the server to stop, and waits until it has.
    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let (Some(runtime), Some(served)) = (&self.runtime, self.served.take()) {
            runtime.block_on(served).unwrap().unwrap();
        }
    }

    /// Sends bytes as they are and reads until the server closes.
    pub fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        client::exchange(self.address, bytes).unwrap()
    }

    /// A request as it stands, without a token.
    pub fn bare(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        Answer::read(&self.raw(&client::request(self.address, method, path, headers, body)))
    }

    /// A request below the FHIR base with the token; a body is FHIR JSON unless the headers say otherwise.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str())];
        if !body.is_empty() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            all.push(("Content-Type", "application/fhir+json"));
        }
        all.extend_from_slice(headers);
        self.bare(method, &format!("/fhir/{path}"), &all, body)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub fn put(&self, path: &str, resource: &Value) -> Answer {
        self.send("PUT", path, &[], resource.to_string().as_bytes())
    }

    pub fn post(&self, path: &str, resource: &Value) -> Answer {
        self.send("POST", path, &[], resource.to_string().as_bytes())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

impl Answer {
    pub fn read(bytes: &[u8]) -> Answer {
        let (status, headers, body) = client::parts(bytes);
        Answer { status, headers, body }
    }

    /// All headers of a name.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The text of the first issue of an `OperationOutcome`.
    #[track_caller]
    pub fn issue(&self) -> String {
        let tree = self.json();
        assert_eq!(tree["resourceType"], "OperationOutcome");
        tree["issue"][0]["diagnostics"].as_str().unwrap_or_default().to_owned()
    }

    /// The URL of a link, without the scheme and host, so that it can be sent again.
    pub fn link(&self, relation: &str) -> Option<String> {
        let tree = self.json();
        let url = tree["link"].as_array()?.iter().find(|l| l["relation"] == relation)?["url"].as_str()?.to_owned();
        Some(url.split_once("/fhir/")?.1.to_owned())
    }

    /// Ids of the matches of a searchset.
    pub fn ids(&self) -> Vec<String> {
        let tree = self.json();
        let entries = tree["entry"].as_array().cloned().unwrap_or_default();
        let matches = entries.iter().filter(|e| e["search"]["mode"] == "match");
        matches.map(|e| e["resource"]["id"].as_str().unwrap_or_default().to_owned()).collect()
    }
}
