//! Bombs of every kind at once: the server's memory stays under its bound, and it goes on answering.

use crate::client;
use crate::program::{House, Server};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const MEMORY_KIB_MAX: u64 = 512 << 10;

/// Base64 that does not compress.
fn noise(bytes: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = bytes as u64 | 1;
    let digit = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(DIGITS[(state >> 58) as usize])
    };
    (0..bytes / 4 * 4).map(digit).collect()
}

/// One server and who asks it.
struct Attack {
    address: SocketAddr,
    bearer: String,
}

impl Attack {
    fn request(&self, method: &str, path: &str, coding: Option<&str>, body: &[u8]) -> Vec<u8> {
        let mut headers = vec![("Authorization", self.bearer.as_str()), ("Content-Type", "application/fhir+json")];
        headers.extend(coding.map(|coding| ("Content-Encoding", coding)));
        client::request(self.address, method, path, &headers, body)
    }

    fn binary(&self, id: &str, bytes: usize) -> Vec<u8> {
        let resource =
            format!(r#"{{"resourceType":"Binary","id":"{id}","contentType":"a/b","data":"{}"}}"#, noise(bytes));
        self.request("PUT", &format!("/fhir/Binary/{id}"), None, resource.as_bytes())
    }

    fn batch(&self, urls: impl Iterator<Item = String>) -> Vec<u8> {
        let entries: Vec<String> =
            urls.map(|url| format!(r#"{{"request":{{"method":"GET","url":"{url}"}}}}"#)).collect();
        let bundle = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{}]}}"#, entries.join(","));
        self.request("POST", "/fhir", None, bundle.as_bytes())
    }

    /// Requests that cost their sender little.
    fn bombs(&self) -> Vec<Vec<u8>> {
        let batch = self.batch((0..1_000).map(|i| format!("Binary/b{}", i % 48)));
        let searches = self.batch((0..1_000).map(|_| "Binary?_count=1000".to_owned()));
        let forests =
            [b"[".repeat(1 << 20), b"{\"a\":".repeat(1 << 20), b"[[],".repeat(4 << 20), b"0,".repeat(8 << 20)];
        let names = vec![r#"{"family":"a"}"#; 200_000].join(",");
        let wide = format!(r#"{{"resourceType":"Patient","name":[{names}]}}"#);
        let mut all = vec![batch; 200];
        all.extend(vec![searches; 8]);
        for forest in forests {
            all.extend(vec![self.request("POST", "/fhir/Patient", None, &forest); 4]);
        }
        all.extend(vec![self.request("POST", "/fhir/Patient", None, wide.as_bytes()); 4]);
        all.extend(vec![self.request("POST", "/fhir/Patient", Some("gzip"), &[0x1f, 0x8b, 0, 0]); 4]);
        for path in
            ["Binary?_count=1000000&_pretty=true", "_history?_count=1000000", "Binary/large", "Binary/large/_history"]
        {
            all.extend(vec![self.request("GET", &format!("/fhir/{path}"), None, b""); 12]);
        }
        all.extend((0..6).map(|i| self.binary(&format!("large{i}"), 23 << 20)));
        all
    }

    fn status(&self, bytes: &[u8]) -> u16 {
        client::exchange(self.address, bytes).map_or(0, |answer| client::parts(&answer).0)
    }

    /// Asks for a page and reads a byte a second until it is let go.
    fn read_slowly(&self, stop: &AtomicBool) {
        let Ok(mut stream) = TcpStream::connect(self.address) else { return };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let _ = stream.write_all(&self.request("GET", "/fhir/Binary?_count=1000", None, b""));
        while !stop.load(Ordering::Relaxed) {
            let _ = stream.read(&mut [0]);
            thread::sleep(Duration::from_secs(1));
        }
    }
}

/// The most memory the server ever had, in KiB.
fn peak(server: &Server) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

#[test]
fn memory_stays_under_its_bound_whatever_comes() {
    let house = House::new();
    let server = house.serve("serve", &[]);
    let token = house.run(&["token"]).expect(0).out;
    let address = SocketAddr::from(([127, 0, 0, 1], server.port));
    let attack = Attack { address, bearer: format!("Bearer {}", token.trim_end()) };
    for i in 0..48 {
        assert_eq!(attack.status(&attack.binary(&format!("b{i}"), 1 << 20)), 201);
    }
    assert_eq!(attack.status(&attack.binary("large", 23 << 20)), 201);
    let (bombs, stop) = (attack.bombs(), AtomicBool::new(false));
    let statuses: Vec<u16> = thread::scope(|scope| {
        (0..64).for_each(|_| drop(scope.spawn(|| attack.read_slowly(&stop))));
        let thrown: Vec<_> = bombs.iter().map(|bomb| scope.spawn(|| attack.status(bomb))).collect();
        while thrown.iter().any(|bomb| !bomb.is_finished()) {
            assert_eq!(server.ask("GET", "/health", None, "").map(|(status, _)| status), Some(200));
            thread::sleep(Duration::from_millis(200));
        }
        stop.store(true, Ordering::Relaxed);
        thrown.into_iter().map(|bomb| bomb.join().unwrap_or(0)).collect()
    });
    // 0: a body that is refused while it comes; the connection is closed under its sender.
    let expected = [0, 200, 201, 400, 413, 415, 422, 503];
    assert!(statuses.iter().all(|status| expected.contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200) && statuses.contains(&413));
    match peak(&server) {
        Some(kib) => assert!(kib < MEMORY_KIB_MAX, "{} MiB", kib >> 10),
        None => println!("skipped: /proc does not tell a process's memory here"),
    }
    assert_eq!(server.stop(), Some(0));
}
