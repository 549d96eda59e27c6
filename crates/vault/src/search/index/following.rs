//! The thread that writes the index: what was handed in, in batches, as long as the file takes them.
//!
//! When it does not, because the disk is full, what was acknowledged is held in memory, where searches find it
//! ([`super::held`]), and the file is tried again until it follows.

use super::batch::{self, Memory};
use super::store::{self, State};
use super::{Appended, Failure, HELD_ROWS, Queue, Scrub, Shared, scrub, taking};
use crate::error::Fault;
use crate::search::rows::Unit;
use parking_lot::MutexGuard;
use rusqlite::{Connection, ErrorCode, Transaction};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows written in one transaction at most: some 15,000 resources. Large batches touch each page once for many rows.
pub(super) const BATCH_ROWS: usize = 500_000;
/// How long a small batch waits for company when nobody waits for it.
const LINGER: Duration = Duration::from_millis(100);
/// Idle this long, the write-ahead log is folded into the file.
const IDLE: Duration = Duration::from_secs(1);
/// From one try to the next while the file takes nothing.
const RETRY: Duration = Duration::from_millis(500);

pub(super) struct Writer {
    shared: Arc<Shared>,
    db: Connection,
    memory: Memory,
    /// The units that the file has.
    units: Vec<Unit>,
    folded: bool,
    /// When the file was last tried in vain.
    tried: Instant,
    /// Labels could not be passed on: what was handed in since is not found before they were.
    owes_labels: bool,
}

enum Next {
    Batch(Vec<Appended>),
    Scrub(Scrub),
    /// Time to try the file again.
    Again,
    /// Closed, and nothing is left.
    End,
}

impl Writer {
    /// A writer of an open file, which has these units.
    pub fn new(shared: Arc<Shared>, db: Connection, units: Vec<Unit>) -> Writer {
        Writer {
            shared,
            db,
            memory: Memory::new(&units),
            units,
            folded: true,
            tried: Instant::now(),
            owes_labels: false,
        }
    }

    /// Works until the index is closed.
    pub fn run(mut self) {
        loop {
            match self.next() {
                Next::Batch(entries) => self.write(entries),
                Next::Scrub(scrub) => {
                    let done = self.scrub(&scrub.entries);
                    let _ = scrub.done.send(done);
                }
                Next::Again => self.catch_up(),
                Next::End => break,
            }
        }
        // Best effort: the next start hands in again what is not in the file, and folds what is left.
        self.catch_up();
        // The last connection to go must be this one: only a writer takes the write-ahead log away.
        self.shared.readers.lock().clear();
        let _ = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    fn next(&mut self) -> Next {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.queue.lock();
        loop {
            if let Some(scrub) = queue.scrub.take() {
                return Next::Scrub(scrub);
            }
            let failing = queue.failure.as_ref().map(|failure| failure.is_last);
            if failing.is_some() && self.tried.elapsed() >= RETRY && !queue.closed {
                return Next::Again;
            }
            if !queue.entries.is_empty() && failing != Some(true) {
                break;
            }
            if queue.closed {
                return Next::End;
            }
            let patience = if failing.is_some() { RETRY } else { IDLE };
            if shared.work.wait_for(&mut queue, patience).timed_out() && failing.is_none() && !self.folded {
                MutexGuard::unlocked(&mut queue, || self.fold());
            }
        }
        let hurry = |queue: &Queue| queue.waiting > 0 || queue.closed || queue.rows >= BATCH_ROWS;
        if !hurry(&queue) {
            shared.work.wait_while_for(&mut queue, |queue| !hurry(queue), LINGER);
        }
        Next::Batch(take_batch(&mut queue))
    }

    /// Takes rows out of the file, and empties the write-ahead log, where they still stand.
    fn scrub(&mut self, entries: &[Appended]) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let state = shared.queue.lock().state;
        let state = scrub::scrub(&mut self.db, &shared.hasher, &shared.stamp, state, entries)?;
        self.note(|queue| queue.state = state);
        let gone: Vec<u32> = entries.iter().filter_map(|entry| u32::try_from(entry.position.0).ok()).collect();
        let mut places = shared.places.write();
        gone.iter().for_each(|&position| places.forget(position));
        drop(places);
        if let Err(fault) = taking::begin(&shared) {
            self.owe_labels(&fault);
        }
        shared.shelf.lock().retain(|(position, _)| !gone.contains(position));
        self.units = store::read_units(&self.db)?;
        self.memory = Memory::new(&self.units);
        // Units that memory alone has come with what is held there.
        let mut units = self.units.clone();
        shared.held.read().batches().for_each(|batch| add_units(&mut units, batch));
        *shared.units.write() = units;
        self.fold();
        Ok(())
    }

    fn fold(&mut self) {
        // A reader in the way: the next idle moment will do.
        let _ = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        self.folded = true;
    }

    fn write(&mut self, entries: Vec<Appended>) {
        let follows = self.shared.held.read().is_empty();
        match follows.then(|| self.file(&entries, commit)) {
            Some(Ok(state)) => {
                let changed = self.publish(&entries);
                self.note(|queue| queue.state = state);
                self.pass_labels(&changed, state.watermark);
            }
            Some(Err(error)) => self.hold(entries, Some(failure(&error))),
            None => self.hold(entries, None),
        }
    }

    /// Writes to the file what memory holds, until that fails or nothing is left.
    fn catch_up(&mut self) {
        let shared = Arc::clone(&self.shared);
        if self.owes_labels && !self.pass_all_labels() {
            return;
        }
        loop {
            let first = shared.held.read().first();
            let Some(first) = first else { return self.note(|queue| queue.failure = None) };
            // Whoever looks sees a batch in memory or in the file, never in both and never in neither.
            let moved = self.file(&first, |transaction| {
                let mut held = shared.held.write();
                transaction.commit()?;
                held.drop_first();
                Ok(())
            });
            let is_last = shared.held.read().rows() >= HELD_ROWS;
            match moved {
                Ok(state) => self.note(|queue| {
                    queue.state = state;
                    queue.failure.iter_mut().for_each(|failure| failure.is_last = is_last);
                }),
                Err(error) => {
                    self.tried = Instant::now();
                    return self.note(|queue| queue.failure = Some(Failure { is_last, ..failure(&error) }));
                }
            }
        }
    }

    /// Holds in memory what the file cannot take, so that it is found.
    fn hold(&mut self, entries: Vec<Appended>, failure: Option<Failure>) {
        if failure.is_some() {
            self.tried = Instant::now();
        }
        let changed = self.publish(&entries);
        let end = self.shared.places.read().len();
        let is_last = {
            let mut held = self.shared.held.write();
            held.push(entries);
            held.rows() >= HELD_ROWS
        };
        self.note(|queue| {
            queue.failure = failure.or(queue.failure.take()).map(|failure| Failure { is_last, ..failure });
        });
        self.pass_labels(&changed, end);
    }

    /// Passes on labels of resources that changed; then everything below `end` can be found.
    fn pass_labels(&mut self, changed: &[i64], end: u32) {
        let passed = if self.owes_labels { Ok(()) } else { taking::follow(&self.shared, changed) };
        match passed {
            Ok(()) if !self.owes_labels => self.note(|queue| queue.found = end),
            Ok(()) => {}
            Err(fault) => self.owe_labels(&fault),
        }
    }

    /// Makes up for labels that could not be passed on. Whether it worked.
    fn pass_all_labels(&mut self) -> bool {
        if let Err(fault) = taking::begin(&self.shared) {
            self.owe_labels(&fault);
            return false;
        }
        self.owes_labels = false;
        let end = self.shared.places.read().len();
        self.note(|queue| queue.found = end);
        true
    }

    fn owe_labels(&mut self, fault: &Fault) {
        (self.owes_labels, self.tried) = (true, Instant::now());
        let failure = Failure { why: fault.to_string(), is_full: false, is_last: true };
        self.note(|queue| queue.failure = Some(failure));
    }

    fn file(
        &mut self,
        entries: &[Appended],
        commit: impl FnOnce(Transaction<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<State> {
        let shared = &self.shared;
        let state = shared.queue.lock().state;
        let names = (&shared.hasher, shared.stamp.as_str());
        match batch::write(&mut self.db, names, &mut self.memory, state, entries, commit) {
            Ok(state) => {
                self.folded = false;
                add_units(&mut self.units, entries);
                Ok(state)
            }
            Err(error) => {
                self.memory = Memory::new(&self.units);
                Err(error)
            }
        }
    }

    /// Tells memory of entries, before anybody is told that they can be found. Answers the keys of resources that give
    /// other labels than before.
    fn publish(&self, entries: &[Appended]) -> Vec<i64> {
        let mut places = self.shared.places.write();
        let mut changed = Vec::new();
        for entry in entries {
            let position = places.len();
            let links = entry.rows.links.iter().map(|(path, key)| (taking::passing(*path), *key));
            if places.push_linked(&entry.place(), links) {
                changed.push(entry.key);
            }
            if let Some(previous) = entry.previous {
                places.supersede(previous, position);
            }
        }
        drop(places);
        add_units(&mut self.shared.units.write(), entries);
        changed
    }

    fn note(&self, change: impl FnOnce(&mut Queue)) {
        change(&mut self.shared.queue.lock());
        self.shared.moved.notify_all();
    }
}

fn commit(transaction: Transaction<'_>) -> rusqlite::Result<()> {
    transaction.commit()
}

fn take_batch(queue: &mut Queue) -> Vec<Appended> {
    let mut rows = 0;
    let mut count = 0;
    for entry in &queue.entries {
        rows += entry.rows.len();
        count += 1;
        if rows >= BATCH_ROWS {
            break;
        }
    }
    queue.rows -= rows;
    queue.entries.drain(..count).collect()
}

fn add_units(units: &mut Vec<Unit>, entries: &[Appended]) {
    for unit in entries.iter().flat_map(|e| &e.rows.units) {
        if !units.iter().any(|known| known.id == unit.id) {
            units.push(*unit);
        }
    }
}

fn failure(error: &rusqlite::Error) -> Failure {
    let is_full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
    Failure { why: error.to_string(), is_full, is_last: false }
}
