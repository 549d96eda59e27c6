//! `chartroom verify`: is everything still what was written?

use super::{exists, options};
use crate::config::Config;
use crate::control::{self, Note};
use crate::stop::Stop;
use fhir::json::Json;
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use vault::Vault;
use vault::access::audit::Deed;
use vault::verify::{Altered, Report};

/// Checks the record, whether a server has it open or not. Ends with `Wrong` when something was altered.
pub fn verify(config: &Config, as_json: bool) -> Result<(), Stop> {
    exists(&config.data)?;
    control::note_if_open(config, &Note::new(Deed::Administer, "verify", ""));
    let started = Instant::now();
    let shown = AtomicU64::new(0);
    let progress = |done: u64, of: u64| show(&shown, done, of);
    let report = Vault::verify(&options(config), &progress).map_err(|e| Stop::vault("Nothing was verified.", e))?;
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    if as_json {
        println!("{}", String::from_utf8_lossy(&json(&report).to_bytes()));
    } else {
        print(&report, started.elapsed().as_secs_f64());
    }
    if report.is_clean() { Ok(()) } else { Err(Stop::Wrong) }
}

/// Shows the progress on a terminal, once a percent.
fn show(shown: &AtomicU64, done: u64, of: u64) {
    let percent = (done * 100).checked_div(of).unwrap_or(100);
    if stderr().is_terminal() && shown.swap(percent, Ordering::Relaxed) != percent {
        eprint!("\r{percent} % of {of} entries");
    }
}

fn print(report: &Report, seconds: f64) {
    for altered in &report.altered {
        println!("altered  {altered}");
    }
    if report.more > 0 {
        println!("altered  and {} more", report.more);
    }
    for note in &report.notes {
        println!("note     {note}");
    }
    let rate = report.entries as f64 / seconds.max(0.001);
    println!(
        "entries looked at: {} in {seconds:.1} s ({rate:.0}/s), {} of them of shredded patients",
        report.entries, report.shredded
    );
    if report.is_clean() {
        println!("All is as it was written.");
    } else {
        let count = report.altered.len() as u64 + report.more;
        println!("Not as written: {count}");
        println!(
            "next: keep this directory as it is. Where only the index is named, `chartroom rebuild` on a copy makes it"
        );
        println!("      anew; otherwise restore a backup into another directory with `chartroom restore`");
    }
}

fn json(report: &Report) -> Json<'static> {
    Json::object([
        ("entries", Json::number(report.entries)),
        ("shredded", Json::number(report.shredded)),
        ("altered", Json::Array(report.altered.iter().map(altered).collect())),
        ("more", Json::number(report.more)),
        ("notes", Json::Array(report.notes.iter().map(|note| Json::string(note.clone())).collect())),
    ])
}

fn altered(altered: &Altered) -> Json<'static> {
    let resource = altered.pseudonym.map(|p| format!("{:016x}", p.cast_unsigned()));
    Json::object([
        ("place", Json::string(altered.place.clone())),
        ("position", altered.position.map_or(Json::Null, Json::number)),
        ("resource", resource.map_or(Json::Null, Json::string)),
        ("what", Json::string(altered.what.clone())),
    ])
}
