//! Progress: a bar with rate and time left on a terminal, plain lines elsewhere, both on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far an import is.
pub struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    total_bytes: u64,
    last: Mutex<Instant>,
}

impl Progress {
    /// Begins; `total_bytes` on disk are to be read.
    pub fn new(total_bytes: u64) -> Progress {
        let started = Instant::now();
        Progress {
            bar: stderr().is_terminal().then(|| bar(total_bytes)),
            started,
            total_bytes,
            last: Mutex::new(started),
        }
    }

    /// Shows that so many bytes were read, and so many resources dealt with.
    pub fn show(&self, bytes: u64, resources: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes.min(self.total_bytes));
            bar.set_message(format!("{resources} resources, {}/s", self.rate(resources)));
            return;
        }
        let Ok(mut last) = self.last.try_lock() else { return };
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            eprintln!("{resources} resources, {}/s, {}", self.rate(resources), self.left(bytes));
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn rate(&self, resources: u64) -> u64 {
        (resources as f64 / self.elapsed().as_secs_f64().max(0.001)) as u64
    }

    fn left(&self, bytes: u64) -> String {
        if bytes == 0 || self.total_bytes == 0 {
            return "time left unknown".to_owned();
        }
        let whole = self.elapsed().as_secs_f64() * self.total_bytes as f64 / bytes as f64;
        format!("about {:.0} s left", (whole - self.elapsed().as_secs_f64()).max(0.0))
    }
}

fn bar(total_bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr());
    let template = "{bar:30} {percent:>3} %  {msg}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
