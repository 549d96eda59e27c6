//! Records: versions of resources, written together or not at all, read as they are or as they were.

use crate::access::Visit;
use crate::error::Error;
use base::clock::{Clock, Instant};
use base::id::Ids;
use fhir::json::Json;
use std::path::PathBuf;
use std::sync::Arc;

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

/// One change of one resource.
#[derive(Clone, Debug)]
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

/// One version of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Resource type.
    pub resource_type: String,
    /// Logical id.
    pub id: String,
    /// `meta.versionId`: 1, 2, 3, ...
    pub version: u64,
    /// Its place in the log.
    pub position: Position,
    /// `meta.lastUpdated`.
    pub updated: Instant,
    /// How it came about: `POST`, `PUT`, `DELETE` as a history entry shows it.
    pub deleted: bool,
    /// Compact JSON with `meta` filled in; empty for a deletion.
    pub body: Arc<[u8]>,
}

/// An open vault. Cheap to clone; the last one to go closes it.
#[derive(Clone)]
pub struct Vault {
    _inner: Arc<()>,
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
        let _ = options;
        unimplemented!()
    }

    /// The position the next entry will get: everything below it is committed and durable.
    pub fn head(&self) -> Position {
        unimplemented!()
    }

    /// The clock this vault was opened with.
    pub fn clock(&self) -> &Clock {
        unimplemented!()
    }

    /// A fresh logical id.
    pub fn fresh_id(&self) -> String {
        unimplemented!()
    }

    /// Writes all changes or none, and returns when they are durable. One [`Written`] a change, in order.
    ///
    /// Refuses with `Conflict`/`Precondition` when an expectation does not hold, `Full` when the disk is full.
    pub fn commit(&self, visit: &Visit, changes: Vec<Change>) -> Result<Vec<Written>, Error> {
        let _ = (visit, changes);
        unimplemented!()
    }

    /// Like [`Vault::commit`], but answers through `done` (called on another thread) instead of waiting.
    pub fn submit(
        &self,
        visit: &Visit,
        changes: Vec<Change>,
        done: Box<dyn FnOnce(Result<Vec<Written>, Error>) + Send>,
    ) {
        let _ = (visit, changes, done);
        unimplemented!()
    }

    /// The version current at `at` (exclusive upper position; `None`: now). A deletion is returned as such.
    pub fn read(
        &self,
        visit: &Visit,
        resource_type: &str,
        id: &str,
        at: Option<Position>,
    ) -> Result<Option<Version>, Error> {
        let _ = (visit, resource_type, id, at);
        unimplemented!()
    }

    /// One version by its number.
    pub fn vread(&self, visit: &Visit, resource_type: &str, id: &str, version: u64) -> Result<Option<Version>, Error> {
        let _ = (visit, resource_type, id, version);
        unimplemented!()
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
        let _ = (visit, scope, below, since, count);
        unimplemented!()
    }

    /// The first position whose entry is later than `instant`: reading at it shows the record as it was known then.
    pub fn position_at(&self, instant: Instant) -> Result<Position, Error> {
        let _ = instant;
        unimplemented!()
    }
}
