//! Import: files in, versions out, every resource accounted for.
//!
//! The main thread reads and cuts ([`jobs`]); workers parse, validate, resolve and submit ([`worker`]); the vault
//! commits what is submitted in large groups. Memory is bounded: so many pieces wait for a worker, so many groups for the
//! disk. What refers to something that has not arrived waits and is read again in a later pass; when a pass changes
//! nothing any more, what is left is refused. So the order of the files does not matter.

pub mod finished;
mod jobs;
mod progress;
mod quarantine;
mod run;
mod source;
mod worker;

use crate::cli::ImportArgs;
use crate::commands;
use crate::config::Config;
use crate::stop::Stop;
use base::clock::Clock;
use fhir::json::Json;
use finished::Finished;
use quarantine::Quarantine;
use run::{Counts, Run};
use source::{Found, Source};
use std::path::{Path, PathBuf};
use vault::Vault;
use vault::access::Visit;

/// Imports what the paths name. Ends with `Wrong` when something was refused.
pub fn run(config: &Config, args: &ImportArgs) -> Result<(), Stop> {
    let Found { sources, passed_over } = source::find(&args.paths)?;
    tell_passed_over(&passed_over);
    if sources.is_empty() {
        let next = "name files, or directories that hold .json or .ndjson files";
        return Err(Stop::cannot("Nothing was imported.", "no file was found", next));
    }
    let vault = commands::open(config)?;
    let quarantine = Quarantine::new(args.quarantine.as_deref(), &config.data, &Clock::System);
    let summary = take_in(&vault, &config.data, sources, quarantine)?;
    summary.print(args.json);
    if summary.counts.refused > 0 { Err(Stop::Wrong) } else { Ok(()) }
}

/// Says which files of directories are not read, so that none is missed in silence.
fn tell_passed_over(files: &[PathBuf]) {
    let Some(first) = files.first() else { return };
    let others = if files.len() > 1 { format!(" and {} more", files.len() - 1) } else { String::new() };
    eprintln!(
        "not read: {}{others}, not called .json, .ndjson or .jsonl; name a file itself to have it read",
        first.display()
    );
}

/// What came of an import.
pub struct Summary {
    counts: Counts,
    seconds: f64,
    quarantine: Option<String>,
}

/// Takes in all sources.
pub fn take_in(vault: &Vault, data: &Path, sources: Vec<Source>, quarantine: Quarantine) -> Result<Summary, Stop> {
    let finished = Finished::open(data, vault.head().0).map_err(|e| {
        Stop::cannot("Nothing was imported.", format!("{}: {e}", data.display()), "run `chartroom doctor`")
    })?;
    let visit = Visit::operator();
    let bytes = sources.iter().map(|source| source.bytes).sum();
    let run = Run::new(vault, &visit, bytes, finished, quarantine);
    run.all(sources)?;
    let quarantine = run.quarantine_path()?;
    Ok(Summary { counts: run.counts(), seconds: run.seconds(), quarantine })
}

impl Summary {
    fn print(&self, json: bool) {
        let Counts { read, stored, unchanged, refused } = self.counts;
        let rate = read as f64 / self.seconds.max(0.001);
        eprintln!(
            "read {read} = stored {stored} + unchanged {unchanged} + refused {refused}, in {:.1} s ({rate:.0}/s)",
            self.seconds
        );
        if let Some(path) = &self.quarantine {
            eprintln!("next: {path} says what was refused, where and why; mend it and import it again");
        }
        if json {
            let line = Json::object([
                ("read", Json::number(read)),
                ("stored", Json::number(stored)),
                ("unchanged", Json::number(unchanged)),
                ("refused", Json::number(refused)),
                ("seconds", Json::number(format_args!("{:.3}", self.seconds))),
            ]);
            println!("{}", String::from_utf8_lossy(&line.to_bytes()));
        }
    }
}
