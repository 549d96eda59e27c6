//! A data directory of a test's own, with a clock it moves.

use base::clock::{Clock, Instant};
use base::id::Ids;
use fhir::json::Json;
use std::path::Path;
use tempfile::TempDir;
use vault::access::Visit;
use vault::records::KeySource;
use vault::{Change, Error, Expect, Options, Vault, Version, Written};

/// 2026-11-23T09:05:12Z.
pub const START: Instant = Instant(1_795_424_712_000);

/// A folder, a clock, and the vault in it.
pub struct Place {
    pub folder: TempDir,
    pub clock: Clock,
}

impl Place {
    pub fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a folder"), clock: Clock::manual(START) }
    }

    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub fn options(&self) -> Options {
        Options {
            dir: self.dir().to_owned(),
            key: KeySource::Beside,
            clock: self.clock.clone(),
            ids: Ids::seeded(1),
            labels: None,
        }
    }

    pub fn open(&self) -> Vault {
        Vault::open(self.options()).expect("the vault opens")
    }
}

pub fn json(text: &str) -> Json<'static> {
    Json::parse(text.as_bytes()).expect("JSON").into_owned()
}

pub fn put(text: &str) -> Change {
    Change::Put { resource: json(text), expect: Expect::Any, skip_same: false }
}

pub fn put_new(text: &str) -> Change {
    Change::Put { resource: json(text), expect: Expect::Any, skip_same: true }
}

pub fn delete(resource_type: &str, id: &str) -> Change {
    Change::Delete { resource_type: resource_type.to_owned(), id: id.to_owned(), expect: Expect::Any }
}

pub fn write(vault: &Vault, changes: Vec<Change>) -> Result<Vec<Written>, Error> {
    vault.commit(&Visit::operator(), changes)
}

pub fn read(vault: &Vault, resource_type: &str, id: &str) -> Option<Version> {
    vault.read(&Visit::operator(), resource_type, id, None).expect("read")
}

pub fn body(version: &Version) -> String {
    String::from_utf8(version.body.to_vec()).expect("UTF-8")
}
