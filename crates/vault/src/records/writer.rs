//! The writer thread: what waits is written in one transaction with one wait for the disk (group commit).
//!
//! A full disk is an answer, and service goes on when there is room. A failed write or sync breaks the vault: what the
//! disk then holds is unknown, so nothing more is acknowledged until the program has been started again and has looked.

use super::Written;
use super::desk::{Desk, Group};
use super::notes::{Noted, Notes};
use super::prepare::Prepared;
use super::reserve::Reserve;
use super::schema;
use super::store::Store;
use crate::error::{Error, Fault};
use base::refusal::{Kind, Refusal};
use crossbeam_channel::Receiver;
use parking_lot::{Condvar, Mutex};
use rusqlite::ErrorCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A transaction takes in no more once it holds this many bytes or changes.
const GROUP_BYTES_MAX: usize = 8 << 20;
const GROUP_CHANGES_MAX: usize = 8_192;

/// Submissions wait before the queue when it holds this many bytes.
const QUEUE_BYTES_MAX: usize = 64 << 20;

/// The write-ahead log is moved into the file after this many entries or transactions.
const MOVE_ENTRIES: u64 = 8_192;
const MOVE_GROUPS: u64 = 1_000;

/// Where so many submissions came together, there are as many clients: the next group waits a moment for them, once, unless
/// it has enough. What a group costs beside its entries, the sync above all, is then shared by more.
const MANY: usize = 12;
const ENOUGH: usize = 40;
const MOMENT: Duration = Duration::from_micros(250);

/// How long the readers are waited for when the write-ahead log is to be emptied.
const CLEAR_WAIT: Duration = Duration::from_millis(100);

/// `SQLITE_IOERR_SHMSIZE`: no room for the shared-memory file beside the write-ahead log.
const NO_ROOM_FOR_SHM: i32 = 10 | (19 << 8);

/// Called once with what became of a submission.
pub(crate) type Done = Box<dyn FnOnce(Result<Vec<Written>, Error>) + Send>;

/// Something for the writer thread.
pub(crate) enum Job {
    /// Changes, all or none.
    Changes(Submission),
    /// Work that needs the writer to stand still.
    Task(Box<dyn FnOnce(&mut Desk) + Send>),
    /// The end.
    Stop,
}

/// Changes that belong together.
pub(crate) struct Submission {
    pub changes: Vec<Prepared>,
    /// What the audit keeps of it. With changes it is written only if one of them was made.
    pub event: Option<Noted>,
    pub bytes: usize,
    pub done: Done,
}

/// The bytes that may wait.
#[derive(Default)]
pub(crate) struct Budget {
    used: Mutex<usize>,
    freed: Condvar,
}

impl Budget {
    /// Waits until there is room; one submission alone may be larger than the bound.
    pub fn take(&self, bytes: usize) {
        let mut used = self.used.lock();
        while *used > 0 && *used + bytes > QUEUE_BYTES_MAX {
            self.freed.wait(&mut used);
        }
        *used += bytes;
    }

    /// Gives room back.
    pub fn give(&self, bytes: usize) {
        *self.used.lock() -= bytes;
        self.freed.notify_all();
    }
}

/// The writer thread's loop.
pub(crate) struct Writer {
    pub desk: Desk,
    pub jobs: Receiver<Job>,
    pub budget: Arc<Budget>,
    entries: u64,
    groups: u64,
    /// Submissions of the last group.
    last: usize,
}

impl Writer {
    /// A writer at its desk.
    pub fn new(desk: Desk, jobs: Receiver<Job>, budget: Arc<Budget>) -> Writer {
        Writer { desk, jobs, budget, entries: 0, groups: 0, last: 0 }
    }

    /// Works until it is told to stop.
    pub fn run(mut self) {
        let mut next = self.jobs.recv().ok();
        while let Some(job) = next.take() {
            match job {
                Job::Stop => break,
                Job::Task(task) => task(&mut self.desk),
                Job::Changes(first) => next = self.write(first),
            }
            next = next.or_else(|| self.jobs.recv().ok());
        }
        self.desk.store.readers.close();
        let _ = move_log(&self.desk.connection, "TRUNCATE");
    }

    /// Writes a submission and what waits behind it; returns the job that did not belong to the group.
    fn write(&mut self, first: Submission) -> Option<Job> {
        let (mut bytes, mut count) = (first.bytes, first.changes.len());
        let mut waiting = vec![first];
        let mut other = None;
        let mut waits = self.last >= MANY;
        while bytes < GROUP_BYTES_MAX && count < GROUP_CHANGES_MAX {
            match self.jobs.try_recv() {
                Ok(Job::Changes(submission)) => {
                    bytes += submission.bytes;
                    count += submission.changes.len();
                    waiting.push(submission);
                }
                Ok(job) => {
                    other = Some(job);
                    break;
                }
                Err(_) if waits && waiting.len() < ENOUGH => {
                    waits = false;
                    std::thread::sleep(MOMENT);
                }
                Err(_) => break,
            }
        }
        self.last = waiting.len();
        self.write_group(waiting, count as u64);
        self.budget.give(bytes);
        other
    }

    /// Writes what waits. Where there is no room, what was only looked at is still written down, with room of the reserve;
    /// while that is not whole, changes are refused, so that they do not take it.
    fn write_group(&mut self, waiting: Vec<Submission>, count: u64) {
        let is_roomy = self.desk.reserve.as_mut().is_none_or(Reserve::is_whole);
        let waiting = if is_roomy { waiting } else { refuse_changes(waiting) };
        if let Err((waiting, stop)) = self.try_group(waiting) {
            match stop {
                Stop::Full if self.desk.reserve.is_some() => self.write_notes(refuse_changes(waiting)),
                stop => refuse(waiting, &stop),
            }
        }
        self.entries += count;
        self.groups += 1;
        if self.entries >= MOVE_ENTRIES || self.groups >= MOVE_GROUPS {
            (self.entries, self.groups) = (0, 0);
            if self.desk.is_uncleared {
                clear_log(&mut self.desk);
            } else if let Err(fault) = move_log(&self.desk.connection, "PASSIVE") {
                note_broken(&self.desk.store, &fault);
            }
        }
    }

    /// Writes submissions without changes, giving back the reserve piece by piece until there is room.
    fn write_notes(&mut self, mut waiting: Vec<Submission>) {
        while !waiting.is_empty() {
            if !self.desk.reserve.as_mut().is_some_and(Reserve::give) {
                return refuse(waiting, &Stop::Full);
            }
            // What is moved out of the write-ahead log makes room in it.
            if let Err(fault) = move_log(&self.desk.connection, "PASSIVE") {
                note_broken(&self.desk.store, &fault);
            }
            waiting = match self.try_group(waiting) {
                Ok(()) => return,
                Err((waiting, Stop::Full)) => waiting,
                Err((waiting, stop)) => return refuse(waiting, &stop),
            };
        }
    }

    /// Writes submissions in one transaction and answers them; gives them back where nothing was written.
    fn try_group(&mut self, mut waiting: Vec<Submission>) -> Result<(), (Vec<Submission>, Stop)> {
        if waiting.is_empty() {
            return Ok(());
        }
        let answers = transact(&mut self.desk, |desk, group| {
            let mut notes = Notes::default();
            let written = waiting.iter_mut().map(|s| settle(write_one(desk, s, group, &mut notes)));
            let written = written.collect::<Result<Vec<_>, Fault>>()?;
            notes.append(desk, group)?;
            Ok(written)
        });
        match answers {
            Ok(answers) => {
                waiting.into_iter().zip(answers).for_each(|(s, answer)| (s.done)(answer));
                Ok(())
            }
            Err(stop) => Err((waiting, stop)),
        }
    }
}

/// Refuses submissions with changes, because there is no room, and gives the others back.
fn refuse_changes(waiting: Vec<Submission>) -> Vec<Submission> {
    let (changes, notes): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|s| !s.changes.is_empty());
    refuse(changes, &Stop::Full);
    notes
}

fn refuse(waiting: Vec<Submission>, stop: &Stop) {
    waiting.into_iter().for_each(|s| (s.done)(Err(stop.error())));
}

/// Writes the changes of a submission; `notes` takes what the audit keeps of it.
fn write_one(
    desk: &mut Desk,
    submission: &mut Submission,
    group: &mut Group,
    notes: &mut Notes,
) -> Result<Vec<Written>, Error> {
    let written = desk.write(&mut submission.changes, group)?;
    if let Some(event) = &submission.event {
        notes.take(event, &written);
    }
    Ok(written)
}

/// Why a whole group was not written.
pub(crate) enum Stop {
    /// The disk is full.
    Full,
    /// The vault is broken, or the database engine said no.
    Fault(String),
    /// The index does not follow, and memory holds what it may.
    Behind(String),
}

impl Stop {
    /// The answer to one submission.
    pub fn error(&self) -> Error {
        match self {
            Stop::Full => {
                let message = "The disk is full; nothing was written. next: make room, and send it again.";
                Refusal::new(Kind::Full, "no-store", message).into()
            }
            Stop::Fault(line) => Fault::Broken(line.clone()).into(),
            Stop::Behind(why) => Fault::Busy(format!("the index cannot follow the log just now: {why}")).into(),
        }
    }
}

/// Runs `work` in one transaction and makes it durable, visible and fed to the index; or undoes it.
pub(crate) fn transact<T>(
    desk: &mut Desk,
    work: impl FnOnce(&mut Desk, &mut Group) -> Result<T, Fault>,
) -> Result<T, Stop> {
    let stop = |desk: &Desk, fault: &Fault| {
        if is_full(fault) {
            return Stop::Full;
        }
        note_broken(&desk.store, fault);
        Stop::Fault(fault.to_string())
    };
    desk.store.check_sound().map_err(|fault| Stop::Fault(fault.to_string()))?;
    if let Some(failure) = desk.store.index.overfull() {
        return Err(if failure.is_full { Stop::Full } else { Stop::Behind(failure.why) });
    }
    let tree = desk.tree.clone();
    let mut group = desk.begin().map_err(|fault| stop(desk, &fault))?;
    let done = work(desk, &mut group).and_then(|value| desk.commit(&mut group).map(|()| value));
    match done {
        Ok(value) => {
            let head = desk.tree.size();
            // What has no key is no resource, and nobody reads it again soon.
            let changed = group.fed.iter().filter(|appended| appended.key != 0);
            changed.for_each(|appended| desk.store.recent.change(appended.key, head));
            // The index first: a search asks it for everything below the head it has seen.
            desk.store.index.append(std::mem::take(&mut group.fed));
            if let Some(last) = group.changes {
                desk.store.changes.store(head.min(last.0 + 1), Ordering::Release);
            }
            desk.store.head.store(head, Ordering::Release);
            Ok(value)
        }
        Err(fault) => {
            desk.roll_back(&group, tree);
            Err(stop(desk, &fault))
        }
    }
}

/// A refusal answers its own submission; a fault stops the group.
fn settle(result: Result<Vec<Written>, Error>) -> Result<Result<Vec<Written>, Error>, Fault> {
    match result {
        Ok(written) => Ok(Ok(written)),
        Err(Error::Refusal(refusal)) => Ok(Err(refusal.into())),
        Err(Error::Fault(fault)) => Err(fault),
    }
}

fn is_full(fault: &Fault) -> bool {
    let Fault::Database(rusqlite::Error::SqliteFailure(error, _)) = fault else { return false };
    error.code == ErrorCode::DiskFull || error.extended_code == NO_ROOM_FOR_SHM
}

/// Breaks the vault where the disk cannot be trusted any more.
fn note_broken(store: &Store, fault: &Fault) {
    let Fault::Database(rusqlite::Error::SqliteFailure(error, _)) = fault else { return };
    let unsure = matches!(
        error.code,
        ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::CannotOpen
    );
    if unsure && !is_full(fault) {
        let line = format!("Writing to the record failed ({fault}). next: mend the disk, then start again.");
        let _ = store.broken.set(line);
    }
}

/// Empties the write-ahead log, so that what was overwritten stands in no file any more. `false`: a reader that began
/// earlier still needs it, or the disk is full; it is tried again when the log is moved next, and at the end.
///
/// What came before is committed: whatever happens here does not undo it.
pub(crate) fn clear_log(desk: &mut Desk) -> bool {
    // Writes wait meanwhile, so the readers are not waited for as long as elsewhere.
    let waits = |wait| desk.connection.busy_timeout(wait);
    let move_all = || desk.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    let busy = waits(CLEAR_WAIT).and_then(|()| move_all()).map_err(Fault::from);
    let _ = waits(schema::BUSY_WAIT);
    if let Err(fault) = &busy {
        note_broken(&desk.store, fault);
    }
    desk.is_uncleared = !matches!(busy, Ok(0));
    !desk.is_uncleared
}

/// Moves the write-ahead log into the file. Readers that stand in the way, or a full disk, only put it off.
pub(crate) fn move_log(connection: &rusqlite::Connection, mode: &str) -> Result<(), Fault> {
    let moved = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
    match moved.map_err(Fault::from) {
        Err(fault) if is_full(&fault) => Ok(()),
        other => other,
    }
}
