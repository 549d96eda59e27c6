//! A load generator's HTTP client: blocking, one connection a thread, nothing but what a benchmark needs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One kept-alive HTTP/1.1 connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    token: String,
    out: Vec<u8>,
    body: Vec<u8>,
}

/// What a run of many requests cost, seen from outside.
pub struct Load {
    /// Requests answered as expected.
    pub done: u64,
    /// Requests answered otherwise.
    pub failed: u64,
    /// Wall time of the whole run.
    pub wall: Duration,
    /// Latency of each request in microseconds, sorted.
    pub latencies_us: Vec<u32>,
}

impl Load {
    /// Answered requests a second.
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.wall.as_secs_f64()
    }

    /// The latency that `share` of all requests stay under, in milliseconds.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let index = (last as f64 * share).ceil() as usize;
        f64::from(self.latencies_us.get(index).copied().unwrap_or(0)) / 1000.0
    }
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr, token: &str) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Client { stream: BufReader::new(stream), token: token.to_owned(), out: Vec::new(), body: Vec::new() })
    }

    /// Sends one request and reads the whole answer: status and body.
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<(u16, &[u8])> {
        self.out.clear();
        write!(self.out, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\n", self.token)?;
        if !body.is_empty() {
            write!(self.out, "Content-Type: application/fhir+json\r\nPrefer: return=minimal\r\n")?;
        }
        write!(self.out, "Content-Length: {}\r\n\r\n", body.len())?;
        self.out.extend_from_slice(body);
        self.stream.get_mut().write_all(&self.out)?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<(u16, &[u8])> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "the server's answer is not HTTP/1.1");
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(broken)?;
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| broken())?;
            }
            chunked |= header.starts_with("transfer-encoding:") && header.ends_with("chunked");
        }
        self.body.clear();
        if chunked {
            self.chunks()?;
        } else {
            self.body.resize(length, 0);
            self.stream.read_exact(&mut self.body)?;
        }
        Ok((status, &self.body))
    }

    fn chunks(&mut self) -> io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a chunk has no size"))?;
            let start = self.body.len();
            self.body.resize(start + size, 0);
            self.stream.read_exact(&mut self.body[start..])?;
            line.clear();
            self.stream.read_line(&mut line)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

/// One request of a run.
pub struct Request {
    /// `GET`, `POST`.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// Body, empty for none.
    pub body: Vec<u8>,
}

/// Sends `count` requests over `clients` connections as fast as they are answered; `make(n)` gives the n-th.
pub fn run(
    address: SocketAddr,
    token: &str,
    clients: usize,
    count: u64,
    make: impl Fn(u64) -> Request + Sync,
) -> io::Result<Load> {
    let next = AtomicU64::new(0);
    let started = Instant::now();
    let worker =
        || drive(address, token, || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < count).map(&make));
    let shares: Vec<Share> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..clients).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|w| w.join().expect("a worker panicked")).collect::<io::Result<_>>()
    })?;
    let wall = started.elapsed();
    let failed = shares.iter().map(|share| share.failed).sum();
    let mut latencies_us: Vec<u32> = shares.into_iter().flat_map(|share| share.latencies_us).collect();
    latencies_us.sort_unstable();
    Ok(Load { done: count - failed, failed, wall, latencies_us })
}

/// What one connection saw of a run.
#[derive(Default)]
struct Share {
    failed: u64,
    latencies_us: Vec<u32>,
}

/// Sends what `next` gives over one connection, until it gives nothing.
fn drive(address: SocketAddr, token: &str, next: impl Fn() -> Option<Request>) -> io::Result<Share> {
    let mut client = Client::connect(address, token)?;
    let mut share = Share::default();
    while let Some(request) = next() {
        let sent = Instant::now();
        let (status, _) = client.send(request.method, &request.path, &request.body)?;
        share.latencies_us.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        share.failed += u64::from(!(200..300).contains(&status));
    }
    Ok(share)
}
