//! Verify: is everything still what was written? It trusts nothing that it checks, changes nothing, needs no lock, and
//! goes on after what it finds, so that one report names everything. Of a damaged index it names the rows.
//!
//! Checked are the structure of both files page by page, the schema, the secrets, every wrapped key and dictionary, every
//! entry (opened, unpacked, served again, hashed and compared with what its leaf commits to), the order of both indexes
//! over the entries, every tile, the checkpoint's signature and root, the witnessed checkpoint, and the search index.
//!
//! What may change without a word, because nobody reads it: free pages and unused bytes inside pages, the counters in the
//! first 100 bytes of a file that SQLite keeps for itself, the separators of inner pages as long as they still separate,
//! the `-shm` files, which are made anew at each start, and the last commit in a write-ahead log that was not closed.
//! Whoever cuts committed frames off the end of the write-ahead log, or puts an old copy in place, leaves a record that is
//! whole but shorter: only a checkpoint that a witness has seen shows that.

mod entries;
mod evidence;
mod index;
mod tables;
mod wal;

use crate::error::{Error, Fault};
use crate::records::{Options, Vault, schema};
use crate::search::index::Index;
use evidence::Evidence;
use rusqlite::Connection;
use std::fmt;
use std::path::Path;

/// More findings than this are only counted.
const LISTED_MAX: usize = 1_000;

/// What verify found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries in the log.
    pub entries: u64,
    /// Entries of patients whose keys were destroyed on purpose: their leaves are checked, their bodies are gone.
    pub shredded: u64,
    /// What was altered, removed, swapped or cut; at most 1,000.
    pub altered: Vec<Altered>,
    /// How many more there are.
    pub more: u64,
    /// What is worth knowing and no alarm.
    pub notes: Vec<String>,
}

/// One thing that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Altered {
    /// File and table: `record.sqlite entry`.
    pub place: String,
    /// Position in the log, where it has one.
    pub position: Option<u64>,
    /// Pseudonym of the resource (keyed hash of `Type/id`), where it has one.
    pub pseudonym: Option<i64>,
    /// What is wrong.
    pub what: String,
}

impl Report {
    /// Whether all is as it was written.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.altered.is_empty()
    }

    fn add(&mut self, altered: Altered) {
        if self.altered.len() < LISTED_MAX {
            self.altered.push(altered);
        } else {
            self.more += 1;
        }
    }

    fn find(&mut self, place: &str, what: impl Into<String>) {
        self.add(Altered { place: place.to_owned(), position: None, pseudonym: None, what: what.into() });
    }

    /// Notes a step that could not be carried through.
    fn step(&mut self, place: &str, result: Result<(), Error>) {
        if let Err(error) = result {
            self.find(place, format!("cannot be read: {error}"));
        }
    }
}

impl fmt::Display for Altered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(position) = self.position {
            write!(f, " {position}")?;
        }
        if let Some(pseudonym) = self.pseudonym {
            write!(f, " (resource {:016x})", pseudonym.cast_unsigned())?;
        }
        write!(f, ": {}", self.what)
    }
}

impl Vault {
    /// Checks a data directory, whether it is open or not. `progress` hears how many entries of how many are done.
    ///
    /// Fails only when it cannot run: there is no record, or the root key is missing, another one, or changed meanwhile.
    pub fn verify(options: &Options, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Report, Error> {
        let mut report = Report::default();
        let path = options.dir.join(schema::FILE);
        // Before anything else: whoever opens the record drops what is behind a broken frame.
        log_ahead(&options.dir, &mut report);
        let Some(evidence) = Evidence::gather(options, &path, &mut report)? else { return Ok(report) };
        // Asked first: while somebody writes, the record only grows.
        let covered = covered(&options.dir, &evidence);
        std::thread::scope(|scope| {
            // The structure of the files is read beside the entries.
            let structure = scope.spawn(|| structure(&options.dir, &evidence));
            let checked = entries::check(&evidence, &path, &mut report, progress);
            report.step("record.sqlite entry", checked);
            match structure.join() {
                Ok(found) => {
                    found.altered.into_iter().for_each(|altered| report.add(altered));
                    report.more += found.more;
                    report.notes.extend(found.notes);
                }
                Err(_) => report.find("record.sqlite", "its structure could not be read"),
            }
        });
        check_covered(covered, &mut report);
        if !report.is_clean() && evidence.is_overtaken(&path) {
            let line = "The root key was changed while the record was looked at. next: run the same command again, with \
                        the new key.";
            return Err(Fault::Key(line.to_owned()).into());
        }
        Ok(report)
    }
}

/// How many entries the index covers. A state that cannot be read is reported where its rows are looked at.
fn covered(dir: &Path, evidence: &Evidence) -> u64 {
    let path = dir.join(crate::records::replay::FILE);
    let hasher = evidence.hasher.as_ref().filter(|_| path.exists());
    let covered = hasher.map(|hasher| Index::covered(&schema::evidence(&path)?, hasher));
    covered.and_then(Result::ok).unwrap_or(0)
}

/// An entry is in the record, synced, before the index hears of it.
fn check_covered(covered: u64, report: &mut Report) {
    let entries = report.entries;
    if covered > entries {
        let what = format!(
            "the index covers {covered} entries, but the record has {entries}: the end was cut, or an older copy put back"
        );
        report.find("record.sqlite entry", what);
    }
}

fn log_ahead(dir: &Path, report: &mut Report) {
    let file = format!("{}-wal", schema::FILE);
    match wal::look(&dir.join(&file)) {
        Ok(None) => {}
        Ok(Some(broken)) => {
            let wal::Broken { frame, commits } = broken;
            let what = format!(
                "frame {frame} is broken, and {commits} commits behind it are lost with it: it was altered, or a power \
                 loss cut a write that was never acknowledged"
            );
            report.find(&file, what);
        }
        Err(error) => report.find(&file, format!("cannot be read: {error}")),
    }
}

fn structure(dir: &Path, evidence: &Evidence) -> Report {
    let mut report = Report::default();
    for (file, pragma) in [(schema::FILE, "quick_check"), (crate::records::replay::FILE, "integrity_check")] {
        let path = dir.join(file);
        if path.exists() {
            let checked = pages(&path, file, pragma, &mut report);
            report.step(file, checked);
        }
    }
    let checked = index::check(dir, evidence, &mut report);
    report.step(crate::records::replay::FILE, checked);
    report
}

/// File and table of what SQLite says of a page: it names the table's tree by the page of its root.
fn place(connection: &Connection, file: &str, line: &str) -> String {
    let mut words = line.split([' ', ':']);
    let root: Option<i64> = if words.next() == Some("Tree") { words.next().and_then(|n| n.parse().ok()) } else { None };
    let name = root.and_then(|root| {
        let sql = "SELECT name FROM sqlite_schema WHERE rootpage = ?";
        connection.query_row(sql, [root], |row| row.get::<_, String>(0)).ok()
    });
    name.map_or_else(|| file.to_owned(), |name| format!("{file} {name}"))
}

/// SQLite's own look at each page of a file.
fn pages(path: &Path, file: &str, pragma: &str, report: &mut Report) -> Result<(), Error> {
    let connection = schema::evidence(path)?;
    let check = |connection: &Connection, sql: &str, report: &mut Report| -> Result<(), Error> {
        let mut check = connection.prepare(sql)?;
        let mut rows = check.query([])?;
        while let Some(row) = rows.next()? {
            let line: String = row.get(0)?;
            if line != "ok" {
                // One row may hold several lines.
                for line in line.lines().filter(|line| !line.starts_with("***")) {
                    report.find(&place(connection, file, line), line);
                }
            }
        }
        Ok(())
    };
    check(&connection, &format!("PRAGMA {pragma}(100)"), report)?;
    if pragma == "quick_check" {
        // Tables with a unique column have an index that the quick look passes over.
        for table in ["meta", "type", "tile", "checkpoint", "patient_key"] {
            check(&connection, &format!("PRAGMA integrity_check({table})"), report)?;
        }
    }
    Ok(())
}
