//! Records: versions of resources, written together or not at all, read as they are or as they were.
//!
//! A change is prepared in the caller's thread ([`prepare`]: shape, compress, seal, index rows), then waits for the writer
//! thread ([`writer`], [`desk`]), which gives it position, version and time, adds its leaf to the log, and makes a group
//! of changes durable with one wait for the disk. Readers ([`lookup`]) never wait for the writer.

mod attachment;
pub(crate) mod body;
pub(crate) mod desk;
pub(crate) mod destroyed;
pub(crate) mod dictionary;
mod lookup;
mod mask;
pub(crate) mod notes;
pub(crate) mod opening;
pub(crate) mod owner;
pub(crate) mod prepare;
mod readers;
mod recent;
pub(crate) mod replay;
mod reserve;
pub(crate) mod schema;
pub mod snapshot;
pub(crate) mod store;
pub(crate) mod training;
pub(crate) mod turns;
pub(crate) mod writer;

use crate::access::policy::PolicyBook;
use crate::access::sight::Sight;
use crate::access::{Action, Visit};
use crate::error::{Error, Fault};
use base::clock::{Clock, Instant};
use base::id::Ids;
use crossbeam_channel::Sender;
use fhir::json::Json;
use notes::Noted;
use parking_lot::Mutex;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use store::Store;
use turns::Turns;
use writer::{Budget, Done, Job, Submission};

/// The largest resource, as JSON text. Whoever reads one holds it several times while it is opened.
pub const RESOURCE_BYTES_MAX: usize = 24 << 20;

/// A place in the log, from 0. Every version has one; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// How to open a vault.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; made if it is missing.
    pub dir: PathBuf,
    /// Where the root key comes from.
    pub key: KeySource,
    /// The clock.
    pub clock: Clock,
    /// Ids of resources. (Keys always come from the operating system.)
    pub ids: Ids,
    /// Where the site's own value sets of sensitivity labels are; `None`: it has none.
    pub labels: Option<PathBuf>,
}

/// Where the root key comes from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// `root.key` in the data directory, made at the first start.
    Beside,
    /// A key file elsewhere, made at the first start.
    File(PathBuf),
    /// 64 hexadecimal digits, from the environment.
    Hex(String),
    /// A passphrase, stretched with Argon2id over a salt in the data directory.
    Passphrase(String),
}

/// What the writer expects to find; otherwise the change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Anything: update or create.
    Any,
    /// Nothing current of that id.
    Absent,
    /// Exactly this version (`If-Match`).
    Version(u64),
}

/// One change of one resource. Its `Debug` shows nothing of the resource.
#[derive(Clone)]
pub enum Change {
    /// A new version. `resource` must carry `resourceType` and `id`.
    Put {
        /// The resource, validated by the caller. `meta.versionId` and `meta.lastUpdated` in it are replaced.
        resource: Json<'static>,
        /// What must be there now.
        expect: Expect,
        /// Leave it alone, and answer `unchanged`, when the current version says the same.
        skip_same: bool,
    },
    /// A deletion. Deleting what is absent or deleted writes nothing and is no error.
    Delete {
        /// Resource type.
        resource_type: String,
        /// Logical id.
        id: String,
        /// What must be there now.
        expect: Expect,
    },
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// First version, or first after a deletion.
    Created(Version),
    /// A later version.
    Updated(Version),
    /// The current version said the same already.
    Unchanged(Version),
    /// Deleted. `None`: there was nothing to delete.
    Deleted(Option<Version>),
}

/// One version of one resource. Its `Debug` names where it stands and nothing of what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Version {
    /// Resource type.
    pub resource_type: String,
    /// Logical id.
    pub id: String,
    /// `meta.versionId`: 1, 2, 3, ...
    pub version: u64,
    /// Its place in the log.
    pub position: Position,
    /// The number of the data key it is sealed under: whose it is.
    pub kid: u32,
    /// `meta.lastUpdated`.
    pub updated: Instant,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// Whether elements were left out that the visit does not see ([`crate::access::view`]).
    pub partial: bool,
    /// Compact JSON with `meta` filled in; empty for a deletion.
    pub body: Arc<[u8]>,
}

impl Written {
    /// The version that was written; `None` when nothing was.
    pub(crate) fn version(&self) -> Option<&Version> {
        match self {
            Written::Created(version) | Written::Updated(version) | Written::Deleted(Some(version)) => Some(version),
            Written::Unchanged(_) | Written::Deleted(None) => None,
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Put { expect, .. } => write!(f, "Put({expect:?})"),
            Change::Delete { expect, .. } => write!(f, "Delete({expect:?})"),
        }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version { resource_type, version, position, deleted, .. } = self;
        write!(f, "{resource_type} version {version} at {}{}", position.0, if *deleted { ", deleted" } else { "" })
    }
}

/// An open vault. Cheap to clone; the last one to go closes it.
#[derive(Clone)]
pub struct Vault {
    pub(crate) inner: Arc<Inner>,
}

/// What closes when the last clone of a [`Vault`] goes.
pub(crate) struct Inner {
    pub store: Arc<Store>,
    pub jobs: Sender<Job>,
    pub budget: Arc<Budget>,
    pub writer: Option<JoinHandle<()>>,
    /// Held from a conditional operation's search until its write is durable.
    pub conditional: Mutex<()>,
    /// Held while a patient is shredded.
    pub shredding: Mutex<()>,
    /// Held by a patch from its reading until its write is durable; taken after `conditional`, never before.
    pub turns: Turns,
    /// Held while the root key is changed: the next change begins with the key that this one ends with.
    pub rotating: Mutex<()>,
    /// Who may do what.
    pub policies: PolicyBook,
    _lock: File,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.jobs.send(Job::Stop);
        // The last clone may go in an answer, on the writer's own thread: that thread is ending by itself.
        if let Some(writer) = self.writer.take().filter(|w| w.thread().id() != std::thread::current().id()) {
            let _ = writer.join();
        }
    }
}

/// Whose history.
#[derive(Clone, Debug)]
pub enum Scope {
    /// One resource.
    Instance(String, String),
    /// All of one type.
    Type(String),
    /// Everything.
    System,
}

impl Vault {
    /// Opens or makes a data directory, recovers what a crash left, and takes the directory's lock.
    pub fn open(options: Options) -> Result<Vault, Error> {
        opening::open(options, opening::Index::Kept, &|_, _| ()).map(|(inner, _)| Vault::of(inner))
    }

    pub(crate) fn of(inner: Inner) -> Vault {
        Vault { inner: Arc::new(inner) }
    }

    /// The position the next entry will get: everything below it is committed and durable.
    pub fn head(&self) -> Position {
        Position(self.inner.store.head())
    }

    /// Why nothing can be written any more, if so. A process that serves should then end: only a fresh start looks at what
    /// the disk holds.
    pub fn check_sound(&self) -> Result<(), Error> {
        Ok(self.inner.store.check_sound()?)
    }

    /// Keeps room on the disk for the audit, so that reading goes on for a while when the disk is full. Answers how many bytes
    /// are kept: fewer when there is no room for more now.
    pub fn keep_reserve(&self, bytes: u64) -> Result<u64, Error> {
        self.task(move |desk| {
            let reserve = reserve::Reserve::keep(&desk.store.dir, bytes)?;
            let kept = reserve.bytes();
            desk.reserve = Some(reserve);
            Ok(kept)
        })?
    }

    /// The clock this vault was opened with.
    pub fn clock(&self) -> &Clock {
        &self.inner.store.clock
    }

    /// A fresh logical id.
    pub fn fresh_id(&self) -> String {
        self.inner.store.ids.uuid()
    }

    /// Writes all changes or none, and returns when they are durable. One [`Written`] a change, in order.
    ///
    /// Refuses with `Conflict`/`Precondition` when an expectation does not hold, `Full` when the disk is full.
    pub fn commit(&self, visit: &Visit, changes: Vec<Change>) -> Result<Vec<Written>, Error> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        let done = move |result| {
            let _ = answer.send(result);
        };
        self.submit(visit, changes, Box::new(done));
        answered.recv().unwrap_or_else(|_| Err(ended().into()))
    }

    /// Like [`Vault::commit`], but answers through `done` instead of waiting for the disk. Waits only while too much is
    /// queued already.
    ///
    /// `done` is called on the writer's thread, or on this one when nothing could be prepared: it must be short, and may
    /// not write to the vault.
    pub fn submit(
        &self,
        visit: &Visit,
        mut changes: Vec<Change>,
        done: Box<dyn FnOnce(Result<Vec<Written>, Error>) + Send>,
    ) {
        let queued = match self.keep_unseen(visit, &mut changes) {
            Ok(view) => self.enqueue(visit, changes, true, view.before(done)),
            Err(error) => Err((done, error)),
        };
        if let Err((done, error)) = queued {
            done(Err(error));
        }
    }

    /// [`Vault::submit`] of the vault's own documents: whoever calls has decided that they may be written.
    pub(crate) fn submit_unchecked(&self, visit: &Visit, changes: Vec<Change>, done: Done) {
        if let Err((done, error)) = self.enqueue(visit, changes, false, done) {
            done(Err(error));
        }
    }

    /// The version current at `at` (exclusive upper position; `None`: now). A deletion is returned as such.
    pub fn read(
        &self,
        visit: &Visit,
        resource_type: &str,
        id: &str,
        at: Option<Position>,
    ) -> Result<Option<Version>, Error> {
        let sight = self.sight(visit, Action::Read)?;
        sight.require(resource_type)?;
        self.seen(visit, &sight, self.inner.store.read(resource_type, id, at)?)
    }

    /// One version by its number.
    pub fn vread(&self, visit: &Visit, resource_type: &str, id: &str, version: u64) -> Result<Option<Version>, Error> {
        let sight = self.sight(visit, Action::Read)?;
        sight.require(resource_type)?;
        self.seen(visit, &sight, self.inner.store.vread(resource_type, id, version)?)
    }

    /// Versions newest first, below `below` and at or above `since`, at most `count`.
    pub fn history(
        &self,
        visit: &Visit,
        scope: &Scope,
        below: Position,
        since: Option<Instant>,
        count: usize,
    ) -> Result<Vec<Version>, Error> {
        // The histories of a type and of everything find resources, as a search does.
        let action = if matches!(scope, Scope::Instance(..)) { Action::Read } else { Action::Search };
        let sight = self.sight(visit, action)?;
        if let Scope::Instance(resource_type, _) | Scope::Type(resource_type) = scope {
            sight.require(resource_type)?;
        }
        let versions = self.inner.store.history(&sight, scope, below, since, count)?;
        versions.iter().for_each(|version| visit.trail().show(version));
        Ok(versions)
    }

    /// The first position whose entry is later than `instant`: reading at it shows the record as it was known then.
    pub fn position_at(&self, instant: Instant) -> Result<Position, Error> {
        self.inner.store.position_at(instant)
    }

    /// The version at a position. `None`: there is no version there, or its patient was shredded.
    pub fn at(&self, visit: &Visit, position: Position) -> Result<Option<Version>, Error> {
        let sight = self.sight(visit, Action::Read)?;
        let store = &self.inner.store;
        let version = store.readers.with(|connection| store.version_at(connection, position))?;
        self.seen(visit, &sight, version)
    }

    /// The version, if it may be seen.
    fn seen(&self, visit: &Visit, sight: &Sight, version: Option<Version>) -> Result<Option<Version>, Error> {
        let Some(version) = version else { return Ok(None) };
        if !self.inner.store.sees(sight, &version)? {
            return Ok(None);
        }
        visit.trail().show(&version);
        Ok(Some(sight.narrow(version)))
    }

    /// Does work on the writer's thread, between two transactions, and waits for it.
    pub(crate) fn task<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut desk::Desk) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        let job = move |desk: &mut desk::Desk| {
            let _ = answer.send(work(desk));
        };
        self.inner.jobs.send(Job::Task(Box::new(job))).map_err(|_| ended())?;
        answered.recv().map_err(|_| ended().into())
    }

    /// Prepares and queues; gives `done` back with the error when that cannot be.
    fn enqueue(&self, visit: &Visit, changes: Vec<Change>, checked: bool, done: Done) -> Result<(), (Done, Error)> {
        let store = &self.inner.store;
        if let Err(fault) = store.check_sound() {
            return Err((done, fault.into()));
        }
        let prepare = |change| {
            let prepared = store.prepare(change);
            self.train_if_due();
            prepared
        };
        let changes = match changes.into_iter().map(prepare).collect::<Result<Vec<_>, Error>>() {
            Ok(changes) => changes,
            Err(error) => return Err((done, error)),
        };
        if checked && let Err(error) = self.check_writes(visit, &changes) {
            return Err((done, error));
        }
        let event = visit.event_of(&changes).map(|event| self.marked(event));
        let told = event.as_ref().map(|event| event.shown);
        let event = event.map(|event| Noted::Waits { request: visit.number(), event: Box::new(event) });
        let visit = visit.clone();
        let noted = move |written: Result<Vec<Written>, Error>| {
            if let Ok(written) = &written {
                visit.note_written(written, told);
            }
            done(written);
        };
        self.send(changes, event, Box::new(noted));
        Ok(())
    }

    /// Hands changes and their event to the writer's thread.
    pub(crate) fn send(&self, changes: Vec<prepare::Prepared>, event: Option<Noted>, done: Done) {
        // What is only looked at never waits here: whoever asks may be a thread that must not, and requests are bounded.
        let bytes = match changes.is_empty() {
            true => 0,
            false => changes.iter().map(prepare::Prepared::bytes).sum::<usize>() + 512,
        };
        if bytes > 0 {
            self.inner.budget.take(bytes);
        }
        if let Err(back) = self.inner.jobs.send(Job::Changes(Submission { changes, event, bytes, done })) {
            self.inner.budget.give(bytes);
            if let Job::Changes(submission) = back.into_inner() {
                (submission.done)(Err(ended().into()));
            }
        }
    }
}

pub(crate) fn ended() -> Fault {
    Fault::Broken(
        "The writer thread has ended, so that nothing can be written. next: start the program again.".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_version_or_change_shows_nothing_of_the_patient() {
        let patient = br#"{"resourceType":"Patient","id":"ZQX-1","name":[{"family":"ZQX"}]}"#;
        let resource = Json::parse(patient).expect("JSON").into_owned();
        let version = Version {
            resource_type: "Patient".to_owned(),
            id: "ZQX-1".to_owned(),
            version: 2,
            position: Position(7),
            kid: 0,
            updated: Instant(0),
            deleted: false,
            partial: false,
            body: patient.as_slice().into(),
        };
        let put = Change::Put { resource, expect: Expect::Any, skip_same: false };
        let delete =
            Change::Delete { resource_type: "Patient".to_owned(), id: "ZQX-1".to_owned(), expect: Expect::Any };
        let printed = format!("{version:?} {put:?} {delete:?}");
        assert_eq!(printed, "Patient version 2 at 7 Put(Any) Delete(Any)");
    }
}
