//! Import: files in, versions out, every resource accounted for.
//!
//! The main thread reads and cuts ([`jobs`]); workers parse, validate, resolve and submit ([`worker`]); the vault
//! commits what is submitted in large groups. Memory is bounded: so many pieces wait for a worker, so many groups for the
//! disk. What refers to something that has not arrived waits and is read again in a later pass; when a pass changes
//! nothing any more, what is left is refused. So the order of the files does not matter.

pub mod finished;
mod interrupt;
mod jobs;
mod progress;
pub mod quarantine;
mod run;
mod source;
mod unpack;
mod worker;

use crate::cli::ImportArgs;
use crate::commands;
use crate::config::Config;
use crate::stop::Stop;
use crate::user;
use base::clock::Clock;
use fhir::json::Json;
use finished::Finished;
use quarantine::{Quarantine, Where};
use run::{Counts, Run};
use source::Source;
use std::path::Path;
use std::sync::Arc;
use vault::Vault;
use vault::access::audit::Deed;
use vault::access::{Context, Visit};
use vault::memo::Memos;

/// Imports what the paths name. Ends with `Wrong` when something was refused.
pub fn run(config: &Config, args: &ImportArgs) -> Result<(), Stop> {
    let found = source::find(&args.paths)?;
    found.passed_over_lines().iter().for_each(|line| eprintln!("{line}"));
    if found.sources.is_empty() {
        let next = "name files, or directories that hold .json or .ndjson files";
        return Err(Stop::cannot(NOTHING, "no file was found", next));
    }
    let vault = commands::open(config)?;
    let memos = vault.memos().map_err(|e| Stop::vault(NOTHING, e))?;
    let count = found.sources.len();
    note(&vault, format!("{count} files, begun"))?;
    let quarantine = Quarantine::new(args.quarantine.as_deref(), &memos, &Clock::System)?;
    let summary = take_in(&vault, &memos, found.sources, quarantine)?;
    let Counts { stored, unchanged, refused, .. } = summary.counts;
    note(&vault, format!("{count} files: {stored} stored, {unchanged} unchanged, {refused} refused"))?;
    summary.print(&config.data, args.json);
    if summary.counts.refused > 0 { Err(Stop::Wrong) } else { Ok(()) }
}

/// Writes in the audit what becomes of an import.
fn note(vault: &Vault, asked: String) -> Result<(), Stop> {
    let context = Context { asked, from: user::present(), ..Context::new(Deed::Batch, "import") };
    vault.close_now(&Visit::operator().asking(context), 0).map_err(|e| Stop::vault(NOTHING, e))
}

const NOTHING: &str = "Nothing was imported.";

/// What came of an import.
pub struct Summary {
    counts: Counts,
    seconds: f64,
    quarantine: Option<Where>,
    changed: Vec<String>,
    several_versions: usize,
}

/// Takes in all sources.
pub fn take_in(vault: &Vault, memos: &Memos, sources: Vec<Source>, quarantine: Quarantine) -> Result<Summary, Stop> {
    let finished = Finished::open(memos, vault.head().0).map_err(|e| Stop::vault(NOTHING, e))?;
    let visit = Visit::operator();
    let bytes = sources.iter().map(|source| source.bytes).sum();
    let run = Run::new(vault, &visit, bytes, finished, quarantine);
    interrupt::stop_on_signal(Arc::clone(&run.tally));
    run.all(sources)?;
    let quarantine = run.quarantined()?;
    let (changed, several_versions) = (run.changed(), run.several_versions());
    Ok(Summary { counts: run.counts(), seconds: run.seconds(), quarantine, changed, several_versions })
}

impl Summary {
    fn print(&self, data: &Path, json: bool) {
        let Counts { read, stored, unchanged, refused } = self.counts;
        let rate = read as f64 / self.seconds.max(0.001);
        eprintln!(
            "read {read} = stored {stored} + unchanged {unchanged} + refused {refused}, in {:.1} s ({rate:.0}/s)",
            self.seconds
        );
        if let Some(first) = self.changed.first() {
            let more = self.changed.len() - 1;
            let others = if more > 0 { format!(" and {more} more") } else { String::new() };
            eprintln!("changed while it was read: {first}{others}; run the same import again");
        }
        if self.several_versions > 0 {
            eprintln!(
                "resources that came in more than one version: {}; which one is current is certain only where one file \
                 held them all (`_history` shows them)",
                self.several_versions
            );
        }
        let shows = match &self.quarantine {
            Some(Where::File(path)) => Some(path.display().to_string()),
            Some(Where::Sealed(name)) => Some(format!("`chartroom --data {} quarantine show {name}`", data.display())),
            None => None,
        };
        if let Some(shows) = shows {
            eprintln!("next: {shows} says what was refused, where and why; mend it and import it again");
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
