//! What all threads of an open vault share, and how an entry is read back.

use super::body;
use super::dictionary::{Dictionaries, DictionaryId};
use super::readers::Readers;
use super::recent::Recent;
use super::{Position, Version};
use crate::access::gate::Gate;
use crate::access::label::ValueSets;
use crate::error::{Error, Fault};
use crate::keys::Hasher;
use crate::keys::patients::{Kid, PatientKey, PatientKeys};
use crate::keys::root::Rings;
use crate::log::checkpoint::Signer;
use crate::log::leaf::Kind;
use crate::search::index::Index;
use base::clock::{Clock, Instant};
use base::id::Ids;
use base::refusal::{Kind as No, Refusal};
use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What all threads of an open vault share.
pub(crate) struct Store {
    pub dir: PathBuf,
    pub clock: Clock,
    pub ids: Ids,
    pub ring: RwLock<Rings>,
    pub hasher: Hasher,
    pub labels: Arc<ValueSets>,
    pub link_key: [u8; 32],
    pub signer: Signer,
    pub keys: PatientKeys,
    pub dictionaries: Dictionaries,
    pub readers: Readers,
    pub recent: Recent,
    pub index: Index,
    pub gate: Gate,
    /// Held while a large version is opened.
    pub large: Mutex<()>,
    /// Everything below is committed and durable.
    pub head: AtomicU64,
    /// Where the last entry ends that is no event of the audit: what is above changes no answer.
    pub changes: AtomicU64,
    /// Why nothing can be written any more.
    pub broken: OnceLock<String>,
}

/// The columns that [`Entry::of`] reads, in its order.
macro_rules! entry_columns {
    () => {
        "pos, key, ver, kind, at, kid, dict, body"
    };
}

/// Asks for entries as [`Entry::of`] reads them: `entries!("WHERE pos = ?")`.
macro_rules! entries {
    ($which:literal) => {
        concat!("SELECT ", $crate::records::store::entry_columns!(), " FROM entry ", $which)
    };
}

/// The same for whoever reads through [`Store::version`]: a body above a mebibyte stays where it is until its turn.
macro_rules! light_entries {
    ($which:literal) => {
        concat!(
            "SELECT pos, key, ver, kind, at, kid, dict, iif(length(body) <= 1048576, body, NULL) FROM entry ",
            $which
        )
    };
}

pub(crate) use {entries, entry_columns, light_entries};

/// An entry as the database has it.
pub(crate) struct Entry {
    pub pos: u64,
    pub key: i64,
    pub ver: u64,
    pub kind: Option<Kind>,
    pub at: i64,
    pub kid: Kid,
    pub dict: DictionaryId,
    /// Sealed; empty where it was not read yet.
    pub body: Vec<u8>,
}

impl Entry {
    /// Reads a row of [`entries`]. Numbers outside their range become ones that fit nothing.
    pub fn of(row: &Row<'_>) -> rusqlite::Result<Entry> {
        Ok(Entry {
            pos: row.get::<_, i64>(0)?.cast_unsigned(),
            key: row.get(1)?,
            ver: row.get::<_, i64>(2)?.cast_unsigned(),
            kind: Kind::of(row.get(3)?),
            at: row.get(4)?,
            kid: u32::try_from(row.get::<_, i64>(5)?).unwrap_or(u32::MAX),
            dict: u32::try_from(row.get::<_, i64>(6)?).unwrap_or(u32::MAX),
            body: row.get::<_, Option<Vec<u8>>>(7)?.unwrap_or_default(),
        })
    }
}

/// What ties a sealed body to its entry: it opens nowhere else than under the same resource, key and dictionary.
pub(crate) fn label(key: i64, kid: Kid, dict: DictionaryId) -> [u8; 16] {
    let mut label = [0; 16];
    label[..8].copy_from_slice(&key.to_be_bytes());
    label[8..12].copy_from_slice(&kid.to_be_bytes());
    label[12..].copy_from_slice(&dict.to_be_bytes());
    label
}

impl Store {
    /// Everything below this position may matter to an answer about the record; above are events of the audit alone. Who asks
    /// about the record waits for the index to come this far, and not for what others were shown meanwhile.
    pub fn changes(&self) -> Position {
        Position(self.changes.load(Ordering::Acquire))
    }

    /// The position the next entry gets, for whoever reads.
    pub fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// The error of a vault that may not write any more.
    pub fn check_sound(&self) -> Result<(), Fault> {
        self.broken.get().map_or(Ok(()), |line| Err(Fault::Broken(line.clone())))
    }

    /// The data key of that number; `None` if it was shredded.
    pub fn key(&self, connection: &Connection, kid: Kid) -> Result<Option<Arc<PatientKey>>, Error> {
        self.keys.by_kid(kid, || {
            let found = wrapped_key(connection, kid)?;
            found.map(|(owner, wrapped)| self.unwrap(kid, owner, &wrapped)).transpose()
        })
    }

    /// The data key of a patient, made if there is none yet.
    pub fn key_of(&self, owner: i64) -> Result<Arc<PatientKey>, Error> {
        let load = |connection: &Connection| {
            let mut find = connection.prepare_cached("SELECT kid, wrapped FROM patient_key WHERE owner = ?")?;
            let found: Option<(Kid, Vec<u8>)> =
                find.query_row([owner], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            found.map(|(kid, wrapped)| self.unwrap(kid, owner, &wrapped)).transpose()
        };
        self.keys.of(owner, || self.readers.with(load))
    }

    /// The number of a patient's data key, once something of the patient is durable.
    pub fn kid_of(&self, connection: &Connection, owner: i64) -> Result<Option<Kid>, Error> {
        let mut find = connection.prepare_cached("SELECT kid FROM patient_key WHERE owner = ?")?;
        Ok(find.query_row([owner], |row| row.get(0)).optional()?)
    }

    fn unwrap(&self, kid: Kid, owner: i64, wrapped: &[u8]) -> Result<PatientKey, Error> {
        let rings = self.ring.read().both();
        let key = rings.iter().find_map(|ring| PatientKey::unwrap(ring, kid, owner, wrapped));
        key.ok_or_else(|| altered_key(kid).into())
    }

    /// The kept text of an entry; `None` if its key was shredded.
    pub fn open(&self, connection: &Connection, entry: &mut Entry) -> Result<Option<Vec<u8>>, Error> {
        let Some(key) = self.key(connection, entry.kid)? else { return Ok(None) };
        if entry.body.is_empty() {
            let mut find = connection.prepare_cached("SELECT body FROM entry WHERE pos = ?")?;
            entry.body = find.query_row([entry.pos.cast_signed()], |row| row.get(0))?;
        }
        Ok(Some(unseal(entry, &key, &self.dictionaries)?))
    }

    /// An entry as a version; `None` if its key was shredded.
    pub fn version(&self, connection: &Connection, mut entry: Entry) -> Result<Option<Version>, Error> {
        // Opening takes four times the memory that the version then holds: large ones are opened one at a time.
        let _turn = entry.body.is_empty().then(|| self.large.lock());
        let Some(kept) = self.open(connection, &mut entry)? else { return Ok(None) };
        shape(&entry, &kept).map(Some).ok_or_else(|| altered(entry.pos).into())
    }

    /// The version at a position; `None` if there is none, it is no version, or its key was shredded.
    pub fn version_at(&self, connection: &Connection, position: Position) -> Result<Option<Version>, Error> {
        let mut find = connection.prepare_cached(light_entries!("WHERE pos = ? AND kind < 2"))?;
        let Some(entry) = find.query_row(params![position.0.cast_signed()], Entry::of).optional()? else {
            return Ok(None);
        };
        self.version(connection, entry)
    }
}

/// The kept text of an entry.
pub(crate) fn unseal(entry: &mut Entry, key: &PatientKey, dictionaries: &Dictionaries) -> Result<Vec<u8>, Fault> {
    let label = label(entry.key, entry.kid, entry.dict);
    let plain = key.sealer().open(&label, &mut entry.body);
    let kept = plain.and_then(|packed| dictionaries.unpack(entry.dict, packed));
    entry.body = Vec::new();
    kept.ok_or_else(|| altered(entry.pos))
}

/// Owner and wrapped bytes of a data key; `None` if it was shredded.
pub(crate) fn wrapped_key(connection: &Connection, kid: Kid) -> Result<Option<(i64, Vec<u8>)>, Fault> {
    let mut find = connection.prepare_cached("SELECT owner, wrapped FROM patient_key WHERE kid = ?")?;
    let found: Option<(Option<i64>, Option<Vec<u8>>)> =
        find.query_row([kid], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.and_then(|(owner, wrapped)| owner.zip(wrapped)))
}

/// The version an entry and its kept text make; `None` if they do not fit.
pub(crate) fn shape(entry: &Entry, kept: &[u8]) -> Option<Version> {
    let head = body::read_head(kept)?;
    let deleted = match entry.kind? {
        Kind::Version => false,
        Kind::Deletion => true,
        Kind::Event | Kind::Access => return None,
    };
    let served = if deleted { Vec::new() } else { body::serve(kept, entry.ver, &body::updated(Instant(entry.at)))? };
    Some(Version {
        resource_type: head.resource_type.to_owned(),
        id: head.id.to_owned(),
        version: entry.ver,
        position: Position(entry.pos),
        kid: entry.kid,
        updated: Instant(entry.at),
        deleted,
        partial: false,
        body: served.into(),
    })
}

/// The fault of an entry that is not what was written.
pub(crate) fn altered(pos: u64) -> Fault {
    Fault::Altered(format!("Entry {pos} is not what was written. next: run verify to see what was altered."))
}

/// The fault of a data key that does not open.
pub(crate) fn altered_key(kid: Kid) -> Fault {
    Fault::Altered(format!("Data key {kid} does not open: it was altered. next: run verify."))
}

/// The answer about a patient whose key was destroyed.
pub(crate) fn shredded() -> Refusal {
    Refusal::new(No::Gone, "deleted", "it was made unreadable: the key of its patient was destroyed")
}
