//! One run of an import: its passes, its counts, and what waits from pass to pass.

use super::finished::{Finished, hash};
use super::jobs::{self, Piece};
use super::progress::Progress;
use super::quarantine::{Origin, Quarantine, Where};
use super::source::Source;
use super::worker::Worker;
use crate::stop::Stop;
use base::finding::Finding;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use fhir::json::Json;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;
use vault::access::Visit;
use vault::exchange::Resolver;
use vault::{Change, Error, Position, Vault, Written};

/// Pieces that wait for a worker.
const PIECES_AHEAD: usize = 4;
/// Groups that wait for the disk.
const GROUPS_AHEAD: usize = 4;
/// What waits of standard input, which cannot be read again, is kept in memory up to this many bytes.
const KEPT_BYTES_MAX: usize = 256 << 20;

/// A file whose first resources are all refused, so many of them, is not read further: nothing of it is usable, and a
/// list of millions of refusals helps nobody.
const REFUSED_ALL_MAX: u64 = 100_000;

/// Of so many updated resources it is looked up whether this same import brought the version before.
const UPDATED_KEPT_MAX: usize = 10_000;

/// Every input resource is in exactly one of the last three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Found in the input.
    pub read: u64,
    /// Written.
    pub stored: u64,
    /// There already, saying the same.
    pub unchanged: u64,
    /// In the quarantine.
    pub refused: u64,
}

/// What the vault's threads tell a run.
#[derive(Default)]
pub struct Tally {
    pub read: AtomicU64,
    pub stored: AtomicU64,
    pub unchanged: AtomicU64,
    pub refused: AtomicU64,
    /// The first thing that makes going on pointless.
    pub failure: Mutex<Option<Stop>>,
    pub failed: AtomicBool,
    /// What was there already and said something else: type, id and the new version. Only so many.
    updated: Mutex<Vec<(String, String, u64)>>,
}

impl Tally {
    /// Stops the run.
    pub fn fail(&self, stop: Stop) {
        locked(&self.failure).get_or_insert(stop);
        self.failed.store(true, Ordering::SeqCst);
    }

    fn dealt_with(&self) -> u64 {
        [&self.stored, &self.unchanged, &self.refused].iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }
}

/// What becomes of a file in the end.
enum Done {
    /// It was taken in completely: its SHA-256, and how many resources it held.
    Whole(String, u64),
    /// Somebody wrote to it meanwhile: its name.
    Changed(String),
}

/// Tells whether a file was written to.
type Stamp = Option<(SystemTime, u64)>;

/// A file under way. When the last piece of it has been dealt with, it tells the run.
pub struct Underway {
    pub source: Source,
    hash: Option<String>,
    stamp: Stamp,
    pub read: AtomicU64,
    /// How many of them were refused.
    refused: AtomicU64,
    /// Whether any of them could be used.
    pub usable: AtomicBool,
    given_up: AtomicBool,
    /// Something of it was refused or lost, so that it is not finished.
    pub lacking: AtomicBool,
    tally: Arc<Tally>,
    report: Sender<Done>,
}

impl Underway {
    /// Whether somebody wrote to it since it was first looked at.
    fn is_changed(&self) -> bool {
        self.hash.is_some() && stamp(self.source.path.as_deref()) != self.stamp
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let Some(hash) = self.hash.take() else { return };
        // Once a run has failed, files are let go of that were read in part, or whose resources were not written.
        if self.tally.failed.load(Ordering::SeqCst) {
            return;
        }
        // The run may be over already; then nobody needs to know.
        if self.is_changed() {
            drop(self.report.send(Done::Changed(std::mem::take(&mut self.source.name))));
        } else if !self.lacking.load(Ordering::SeqCst) {
            drop(self.report.send(Done::Whole(hash, self.read.load(Ordering::SeqCst))));
        }
    }
}

/// When a file was last written, and its length.
fn stamp(path: Option<&Path>) -> Stamp {
    let found = fs::metadata(path?).ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// What of a file has to wait: a line (0: the whole file), and which entries there.
pub struct Held {
    pub file: Arc<Underway>,
    pub line: u64,
    pub entries: Vec<usize>,
    /// Whether they are all there are, and are written together.
    pub together: bool,
    /// The text itself, if it cannot be read again.
    pub text: Option<Vec<u8>>,
}

/// Lines of a file to look at again, with their entries.
pub type Only = HashMap<u64, Option<Vec<usize>>>;

/// A piece of work with the file it belongs to.
pub struct Job {
    pub file: Arc<Underway>,
    pub piece: Piece,
    pub only: Option<Arc<Only>>,
}

/// The state that all threads of an import share.
pub struct Run<'v> {
    pub vault: &'v Vault,
    pub visit: &'v Visit,
    pub resolver: Resolver<'v>,
    pub tally: Arc<Tally>,
    pub slots: (Sender<()>, Receiver<()>),
    /// Whether this is the last pass: what still waits is refused.
    pub last: AtomicBool,
    /// Whoever reads a text with a large tree holds this.
    pub large: Mutex<()>,
    held: Mutex<(Vec<Held>, usize)>,
    quarantine: Mutex<Quarantine>,
    finished: Mutex<Finished>,
    done: (Sender<Done>, Receiver<Done>),
    bytes_read: Arc<AtomicU64>,
    progress: Progress,
    changed: Mutex<Vec<String>>,
    began: Position,
}

impl<'v> Run<'v> {
    /// A run over a vault.
    pub fn new(vault: &'v Vault, visit: &'v Visit, bytes: u64, finished: Finished, quarantine: Quarantine) -> Run<'v> {
        Run {
            vault,
            visit,
            resolver: Resolver::new(vault, visit),
            tally: Arc::default(),
            slots: bounded(GROUPS_AHEAD),
            last: AtomicBool::new(false),
            large: Mutex::default(),
            held: Mutex::default(),
            quarantine: Mutex::new(quarantine),
            finished: Mutex::new(finished),
            done: unbounded(),
            bytes_read: Arc::default(),
            progress: Progress::new(bytes),
            changed: Mutex::default(),
            began: vault.head(),
        }
    }

    /// All passes over all sources.
    pub fn all(&self, sources: Vec<Source>) -> Result<(), Stop> {
        self.pass(|jobs| sources.into_iter().all(|source| self.feed_first(source, jobs)))?;
        loop {
            let held = self.take_held();
            let before = waiting(&held);
            if before == 0 {
                self.progress.end();
                return Ok(());
            }
            self.pass(|jobs| self.feed_held(held, jobs))?;
            let progressed = waiting(&locked(&self.held).0) < before;
            self.last.store(!progressed, Ordering::SeqCst);
        }
    }

    /// Workers, one a core and two at least, fed by this thread; returns when everything submitted is durable.
    fn pass(&self, feed: impl FnOnce(&Sender<Job>) -> bool) -> Result<(), Stop> {
        let (sender, jobs) = bounded(PIECES_AHEAD);
        let workers = thread::available_parallelism().map_or(2, |n| n.get().max(2));
        thread::scope(|scope| {
            for _ in 0..workers {
                let jobs = jobs.clone();
                scope.spawn(move || Worker::new(self).work(&jobs));
            }
            drop(jobs);
            feed(&sender);
            drop(sender);
        });
        for _ in 0..GROUPS_AHEAD {
            // The receiver lives as long as the run, so this cannot fail; it waits for a free place.
            let _ = self.slots.0.send(());
        }
        while self.slots.1.try_recv().is_ok() {}
        self.note_finished();
        self.show();
        locked(&self.tally.failure).take().map_or(Ok(()), Err)
    }

    /// Cuts a source for the first time, unless an earlier import finished it. Says whether to go on.
    fn feed_first(&self, source: Source, jobs: &Sender<Job>) -> bool {
        let stamp = stamp(source.path.as_deref());
        let hash = match source.path.as_deref().map(hash).transpose() {
            Ok(hash) => hash,
            Err(error) => {
                let file = self.underway(source, None, stamp);
                self.unreadable(&file, &error);
                return true;
            }
        };
        let known = hash.as_deref().and_then(|hash| locked(&self.finished).count(hash));
        if let Some(count) = known {
            self.bytes_read.fetch_add(source.bytes, Ordering::Relaxed);
            self.tally.read.fetch_add(count, Ordering::Relaxed);
            self.tally.unchanged.fetch_add(count, Ordering::Relaxed);
            return true;
        }
        let file = self.underway(source, hash, stamp);
        self.feed(&file, None, jobs)
    }

    fn feed(&self, file: &Arc<Underway>, only: Option<&Arc<Only>>, jobs: &Sender<Job>) -> bool {
        let mut go_on = true;
        let mut take = |piece| {
            self.note_finished();
            if self.gives_up(file) {
                return false;
            }
            let job = Job { file: Arc::clone(file), piece, only: only.cloned() };
            go_on = !self.tally.failed.load(Ordering::SeqCst) && jobs.send(job).is_ok();
            go_on
        };
        let opened = file.source.open(&self.bytes_read);
        let cut = opened.and_then(|text| jobs::cut(text, &file.source.name, &mut take));
        // What cannot be read the second time could not the first time, and was counted then.
        if let (Err(error), None) = (cut, only) {
            self.unreadable(file, &error);
        }
        go_on
    }

    /// Feeds what waited, file by file.
    fn feed_held(&self, held: Vec<Held>, jobs: &Sender<Job>) -> bool {
        let mut again: Vec<(Arc<Underway>, Only)> = Vec::new();
        for held in held {
            if held.file.is_changed() {
                self.refuse_held(
                    &held,
                    "it waited for something else, and its file was changed meanwhile; import it again",
                );
                continue;
            }
            let Held { file, line, entries, together, text } = held;
            let entries = (!together).then_some(entries);
            if let Some(text) = text {
                let only = Some(Arc::new(HashMap::from([(line, entries)])));
                let piece = match line {
                    0 => Piece::Whole { head: text, rest: Box::new(Cursor::new(Vec::new())) as Box<dyn Read + Send> },
                    first => Piece::Lines { first, text },
                };
                if jobs.send(Job { file, piece, only }).is_err() {
                    return false;
                }
                continue;
            }
            match again.iter_mut().rfind(|(known, _)| Arc::ptr_eq(known, &file)) {
                Some((_, only)) => drop(only.insert(line, entries)),
                None => again.push((file, HashMap::from([(line, entries)]))),
            }
        }
        again.into_iter().all(|(file, only)| self.feed(&file, Some(&Arc::new(only)), jobs))
    }

    fn underway(&self, source: Source, hash: Option<String>, stamp: Stamp) -> Arc<Underway> {
        let (read, refused, usable, given_up, lacking) = Default::default();
        Arc::new(Underway {
            source,
            hash,
            stamp,
            read,
            refused,
            usable,
            given_up,
            lacking,
            tally: Arc::clone(&self.tally),
            report: self.done.0.clone(),
        })
    }

    /// Counts resources found in a file.
    pub fn found(&self, file: &Underway, count: usize) {
        self.tally.read.fetch_add(count as u64, Ordering::Relaxed);
        file.read.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Puts something into the quarantine.
    pub fn refuse(
        &self,
        file: &Underway,
        place: (Option<u64>, Option<usize>),
        why: &[Finding],
        resource: Option<&Json<'_>>,
    ) {
        file.lacking.store(true, Ordering::SeqCst);
        file.refused.fetch_add(1, Ordering::Relaxed);
        self.tally.refused.fetch_add(1, Ordering::Relaxed);
        let origin = Origin { file: &file.source.name, line: place.0, entry: place.1 };
        if let Err(error) = locked(&self.quarantine).add(origin, why, resource) {
            let next = "make the quarantine file writable, or name another with --quarantine";
            self.tally.fail(Stop::cannot(
                "The import was stopped.",
                format!("the quarantine cannot be written: {error}"),
                next,
            ));
        }
    }

    /// Puts what was to wait into the quarantine after all.
    pub fn refuse_held(&self, held: &Held, message: &str) {
        let line = (held.line > 0).then_some(held.line);
        for &entry in &held.entries {
            self.refuse(&held.file, (line, Some(entry)), &[Finding::error("not-found", "", message)], None);
        }
    }

    /// Whether the quarantine wants the refused resources themselves.
    pub fn keeps_resources(&self) -> bool {
        locked(&self.quarantine).keeps_resources()
    }

    /// A file, or the rest of one, that cannot be read counts as one refused resource.
    pub fn unreadable(&self, file: &Underway, error: &std::io::Error) {
        let message = format!("the file, or the rest of it, cannot be read: {error}");
        self.lost(file, None, Finding::error("structure", "", message));
    }

    /// Whether the rest of a file is not worth reading; says so the first time.
    pub fn gives_up(&self, file: &Underway) -> bool {
        let hopeless = file.refused.load(Ordering::Relaxed) >= REFUSED_ALL_MAX && !file.usable.load(Ordering::Relaxed);
        if hopeless && !file.given_up.swap(true, Ordering::SeqCst) {
            let message =
                format!("the first {REFUSED_ALL_MAX} resources of the file were all refused; the rest was not read");
            self.lost(file, None, Finding::error("too-costly", "", message));
        }
        hopeless
    }

    /// What cannot be looked into counts as one refused resource.
    pub fn lost(&self, file: &Underway, line: Option<u64>, why: Finding) {
        self.found(file, 1);
        self.refuse(file, (line, None), &[why], None);
    }

    /// Lets something wait for the next pass. Refused: more of standard input than memory should hold.
    pub fn hold(&self, held: Held) -> Result<(), Held> {
        let mut all = locked(&self.held);
        let kept = all.1 + held.text.as_ref().map_or(0, Vec::len);
        if kept > KEPT_BYTES_MAX {
            return Err(held);
        }
        all.1 = kept;
        all.0.push(held);
        Ok(())
    }

    fn take_held(&self) -> Vec<Held> {
        std::mem::take(&mut *locked(&self.held)).0
    }

    /// Submits changes that are written together; waits while too many groups wait for the disk.
    pub fn submit(&self, changes: Vec<Change>, files: Vec<Arc<Underway>>) {
        if changes.is_empty() || self.tally.failed.load(Ordering::SeqCst) || self.slots.0.send(()).is_err() {
            return;
        }
        let (tally, slots) = (Arc::clone(&self.tally), self.slots.1.clone());
        let done = move |written: Result<Vec<Written>, Error>| {
            match written {
                Ok(written) => count(&tally, &written),
                Err(error) => {
                    files.iter().for_each(|file| file.lacking.store(true, Ordering::SeqCst));
                    tally.fail(Stop::vault("The import was stopped; what was read so far is safe.", error));
                }
            }
            drop(files);
            let _ = slots.try_recv();
        };
        self.vault.submit_arrivals(self.visit, changes, Box::new(done));
    }

    /// Brings the display up to date.
    pub fn show(&self) {
        self.progress.show(self.bytes_read.load(Ordering::Relaxed), self.tally.dealt_with());
    }

    fn note_finished(&self) {
        let head = self.vault.head().0;
        while let Ok(done) = self.done.1.try_recv() {
            match done {
                // It is a shortcut for next time only; an import does not fail for it.
                Done::Whole(hash, count) => drop(locked(&self.finished).add(&hash, count, head)),
                Done::Changed(name) => locked(&self.changed).push(name),
            }
        }
    }

    /// The files that somebody wrote to while they were read.
    pub fn changed(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.changed))
    }

    /// How many resources this import brought in more than one version, as far as it was kept.
    pub fn several_versions(&self) -> usize {
        let updated = std::mem::take(&mut *locked(&self.tally.updated));
        let is_own = |(kind, id, version): &(String, String, u64)| {
            let before = self.vault.vread(self.visit, kind, id, version - 1);
            before.is_ok_and(|found| found.is_some_and(|before| before.position >= self.began))
        };
        let twice: HashSet<_> = updated.iter().filter(|one| is_own(one)).map(|(kind, id, _)| (kind, id)).collect();
        twice.len()
    }

    /// What became of everything.
    pub fn counts(&self) -> Counts {
        let get = |n: &AtomicU64| n.load(Ordering::SeqCst);
        let Tally { read, stored, unchanged, refused, .. } = &*self.tally;
        Counts { read: get(read), stored: get(stored), unchanged: get(unchanged), refused: get(refused) }
    }

    /// Since the beginning.
    pub fn seconds(&self) -> f64 {
        self.progress.elapsed().as_secs_f64()
    }

    /// Where the refused are, if any.
    pub fn quarantined(&self) -> Result<Option<Where>, Stop> {
        locked(&self.quarantine).close().map_err(|error| {
            let why = format!("the quarantine cannot be written: {error}");
            Stop::cannot("The refused resources were not noted.", why, "free disk space and run the import again")
        })
    }
}

/// How many resources, or bundles that stay whole, wait.
fn waiting(held: &[Held]) -> usize {
    held.iter().map(|held| if held.together { 1 } else { held.entries.len() }).sum()
}

fn count(tally: &Tally, written: &[Written]) {
    let is_stored = |w: &Written| match w {
        Written::Created(_) | Written::Updated(_) | Written::Deleted(Some(_)) => true,
        Written::Unchanged(_) | Written::Deleted(None) => false,
    };
    let stored = written.iter().filter(|w| is_stored(w)).count();
    tally.stored.fetch_add(stored as u64, Ordering::Relaxed);
    tally.unchanged.fetch_add((written.len() - stored) as u64, Ordering::Relaxed);
    let mut updated = locked(&tally.updated);
    for version in written.iter().filter_map(|w| if let Written::Updated(version) = w { Some(version) } else { None }) {
        if updated.len() < UPDATED_KEPT_MAX {
            updated.push((version.resource_type.clone(), version.id.clone(), version.version));
        }
    }
}

/// A lock; a thread that panicked with it has left nothing half-done in these.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
