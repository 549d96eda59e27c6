//! A child process under measurement: started from this same binary, watched through `/proc`.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running copy of this program.
pub struct Measured {
    child: Child,
    /// When it was started.
    pub started: Instant,
}

impl Measured {
    /// Starts `chartroom ARGS` with standard output to be read.
    pub fn start(args: &[&str]) -> io::Result<Measured> {
        let program = std::env::current_exe()?;
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Measured { child, started: Instant::now() })
    }

    /// CPU seconds used so far, user and system together (proc(5), fields 14 and 15; 100 ticks a second on Linux).
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after = stat.rsplit(')').next().unwrap_or("");
        let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
        ticks as f64 / 100.0
    }

    /// Peak resident memory in MiB (proc(5), `VmHWM`).
    pub fn peak_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or("");
        line.split_whitespace().nth(1).and_then(|k| k.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    }

    /// Waits until `GET /health` answers 200.
    pub fn wait_until_ready(&self, address: SocketAddr) -> io::Result<Duration> {
        while self.started.elapsed() < Duration::from_secs(120) {
            let ready = super::client::Client::connect(address, "")
                .and_then(|mut c| c.send("GET", "/health", b"").map(|(status, _)| status == 200));
            if ready.unwrap_or(false) {
                return Ok(self.started.elapsed());
            }
            std::thread::yield_now();
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the server was not ready after 120 s"))
    }

    /// Waits for the end; gives all lines it printed, its CPU seconds and its peak memory in MiB.
    pub fn finish(mut self) -> io::Result<Finished> {
        let out = self.child.stdout.take().ok_or_else(|| io::Error::other("standard output was taken already"))?;
        let mut finished = Finished::default();
        // The figures in /proc go away with the process: read them whenever it prints, and once it closes its output.
        for line in BufReader::new(out).lines() {
            finished.lines.push(line?);
            finished.take(&self);
        }
        finished.take(&self);
        finished.code = self.child.wait()?.code();
        finished.wall = self.started.elapsed();
        Ok(finished)
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that ended.
#[derive(Default)]
pub struct Finished {
    /// What it printed.
    pub lines: Vec<String>,
    /// CPU seconds when it last was seen.
    pub cpu_seconds: f64,
    /// Peak memory in MiB when it last was seen.
    pub peak_mib: f64,
    /// Exit code.
    pub code: Option<i32>,
    /// From start to end.
    pub wall: Duration,
}

impl Finished {
    fn take(&mut self, process: &Measured) {
        self.cpu_seconds = process.cpu_seconds().max(self.cpu_seconds);
        self.peak_mib = process.peak_mib().max(self.peak_mib);
    }
}

/// Bytes of all files under `dir`.
pub fn disk_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|e| match e.metadata() {
            Ok(m) if m.is_dir() => disk_bytes(&e.path()),
            Ok(m) => m.len(),
            Err(_) => 0,
        })
        .sum()
}
