//! Opening a data directory: the lock, the root key, the tables, and whether the log's edge is what was signed.

use super::desk::Desk;
use super::destroyed::{Events, destroy_again, gone};
use super::dictionary::{Dictionaries, Dictionary};
use super::readers::Readers;
use super::recent::Recent;
use super::store::Store;
use super::turns::Turns;
use super::writer::{Budget, Writer};
use super::{Inner, KeySource, Options, replay, schema, training};
use crate::access::gate::Gate;
use crate::access::label::{self, ValueSets};
use crate::access::policy::{self, PolicyBook};
use crate::error::{Error, Fault};
use crate::keys::Hasher;
use crate::keys::patients::{Kid, PatientKey, PatientKeys, SHARED};
use crate::keys::root::{KeyDraft, Ring, Rings, RootKey, hex};
use crate::log::checkpoint::{Signed, Signer};
use crate::log::nodes::Nodes;
use crate::log::tree::Tree;
use crate::search::index::{Index as SearchIndex, Sums};
use base::id::Ids;
use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What becomes of the search index at opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    /// It stays, and gets what it lacks.
    Kept,
    /// It is made anew.
    Anew,
}

/// Watermark of an index before it was made anew, and the sums over its rows if it was as it was written.
pub(crate) type Before = Option<(u64, Option<Sums>)>;

/// Opens or makes a data directory. `progress` hears how many entries of how many the index has got.
pub(crate) fn open(options: Options, index: Index, progress: &dyn Fn(u64, u64)) -> Result<(Inner, Before), Error> {
    make_folder(&options.dir)?;
    let lock = lock(&options.dir)?;
    let path = options.dir.join(schema::FILE);
    let new = is_new(&path)?;
    let ring = find_ring(&options, &path, new)?;
    let connection = schema::writer(&path)?;
    if new {
        make(&connection, &ring)?;
    } else {
        schema::bring_forward(&connection)?;
    }
    let secrets = Secrets::open(&connection, &ring)?;
    let signer = Signer::new(&secrets.origin, &secrets.signing)?;
    let tree = check_edge(&connection, &signer)?;
    let hasher = Hasher::new(&secrets.index);
    let labels = label::sets(options.labels.as_deref())?;
    let (keys, dictionaries) = (open_keys(&connection, &ring)?, open_dictionaries(&connection, &ring)?);
    let (index, before) = open_index(&connection, &options.dir, (&hasher, &labels), index)?;
    let shared = keys.shared();
    let events = Events { connection: &connection, shared: &shared, dictionaries: &dictionaries };
    let index = uphold_shredding(&events, index, (&hasher, &labels))?;
    let store = Arc::new(Store {
        clock: options.clock,
        ids: options.ids,
        index,
        gate: Gate::default(),
        hasher,
        labels,
        link_key: secrets.link,
        keys,
        dictionaries,
        readers: Readers::new(path),
        recent: Recent::new(),
        large: Mutex::default(),
        head: AtomicU64::new(tree.size()),
        changes: AtomicU64::new(tree.size()),
        broken: OnceLock::new(),
        ring: RwLock::new(Rings::new(ring)),
        dir: options.dir,
        signer,
    });
    store.replay(&store.index, progress)?;
    connection.execute("DELETE FROM meta WHERE name = ?", [replay::MARK])?;
    let desk = desk(connection, Arc::clone(&store), tree)?;
    Ok((start(store, desk, lock)?, before))
}

/// The keys; a change of the root key that was cut short after its commit is brought to its end.
fn find_ring(options: &Options, path: &Path, new: bool) -> Result<Ring, Fault> {
    let ring = RootKey::find(&options.key, &options.dir, new)?.ring()?;
    if new {
        return Ok(ring);
    }
    let (ring, draft) = fitting(&schema::reader(path)?, ring, &options.key, &options.dir)?;
    draft.map_or(Ok(()), KeyDraft::put_in_place)?;
    Ok(ring)
}

/// The ring that fits the record: the one given, or that of a new key that still waits beside its place.
fn fitting(
    connection: &Connection,
    ring: Ring,
    key: &KeySource,
    dir: &Path,
) -> Result<(Ring, Option<KeyDraft>), Fault> {
    let Err(wrong) = check_key(connection, &ring) else { return Ok((ring, None)) };
    let Some((key, draft)) = RootKey::waiting(key, dir) else { return Err(wrong) };
    let ring = key.ring()?;
    check_key(connection, &ring).map_err(|_| wrong)?;
    Ok((ring, Some(draft)))
}

/// Opens the index; one that must be made anew is removed first. A shredding that was cut short leaves it stale.
fn open_index(
    connection: &Connection,
    dir: &Path,
    (hasher, labels): (&Hasher, &ValueSets),
    wanted: Index,
) -> Result<(SearchIndex, Before), Fault> {
    let (path, stamp) = (dir.join(replay::FILE), replay::stamp(labels));
    let stale: i64 =
        connection.query_row("SELECT count(*) FROM meta WHERE name = ?", [replay::MARK], |row| row.get(0))?;
    if wanted == Index::Kept && stale == 0 {
        return Ok((SearchIndex::open(&path, hasher, &stamp)?, None));
    }
    let before = if wanted == Index::Anew { SearchIndex::measured(&path, hasher, &stamp) } else { None };
    SearchIndex::remove(&path)?;
    Ok((SearchIndex::open(&path, hasher, &stamp)?, before))
}

/// Destroys again what the log says was destroyed, and makes an index anew that still tells of it: an old copy of either may
/// have been put back.
fn uphold_shredding(
    events: &Events<'_>,
    index: SearchIndex,
    (hasher, labels): (&Hasher, &ValueSets),
) -> Result<SearchIndex, Error> {
    destroy_again(events.connection, &events.destroyed(&index)?)?;
    if !index.tells_of(&gone(events.connection)?) {
        return Ok(index);
    }
    let path = index.path().to_owned();
    drop(index);
    SearchIndex::remove(&path)?;
    Ok(SearchIndex::open(&path, hasher, &replay::stamp(labels))?)
}

/// The keys of a data directory that has a record, without opening it.
pub(crate) fn ring_of(dir: &Path, key: &KeySource) -> Result<Ring, Error> {
    twice(|| ring_as_seen(&beside(dir)?, dir, key))
}

/// A connection to the record of a data directory, beside whoever has it open.
pub(crate) fn beside(dir: &Path) -> Result<Connection, Error> {
    let path = dir.join(schema::FILE);
    if path.is_file() {
        return Ok(schema::reader(&path)?);
    }
    Err(Fault::Key(format!("There is no record in {}. next: name the right directory.", dir.display())).into())
}

/// The keys that fit the record as this connection sees it.
pub(crate) fn ring_as_seen(connection: &Connection, dir: &Path, key: &KeySource) -> Result<Ring, Error> {
    let ring = RootKey::find(key, dir, false)?.ring()?;
    Ok(fitting(connection, ring, key, dir)?.0)
}

/// Looks again when the key did not fit: a server may have changed the root key between the look at the one and at the
/// other.
pub(crate) fn twice<T>(look: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    match look() {
        Err(Error::Fault(Fault::Key(_))) => look(),
        other => other,
    }
}

fn start(store: Arc<Store>, desk: Desk, lock: File) -> Result<Inner, Error> {
    let (jobs, queue) = crossbeam_channel::unbounded();
    let budget = Arc::new(Budget::default());
    let writer = Writer::new(desk, queue, Arc::clone(&budget));
    let thread = std::thread::Builder::new().name("record writer".to_owned()).spawn(move || writer.run());
    let thread = thread.map_err(|source| Fault::File { what: "starting the writer thread".to_owned(), source })?;
    let policies = PolicyBook::new(policy::in_force(&store)?);
    Ok(Inner {
        store,
        jobs,
        budget,
        writer: Some(thread),
        conditional: Mutex::new(()),
        shredding: Mutex::new(()),
        turns: Turns::default(),
        rotating: Mutex::new(()),
        policies,
        _lock: lock,
    })
}

/// Makes a folder that only its owner can enter, if it is missing.
pub(crate) fn make_folder(dir: &Path) -> Result<(), Fault> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(|error| Fault::file("making", dir, error))?;
    #[cfg(unix)]
    {
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(dir, owner_only).map_err(|error| Fault::file("closing to others", dir, error))?;
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, Fault> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| Fault::file("opening", &path, error))?;
    // A process that is just being started by this one holds what this one had open, for a moment, until it is itself.
    let mut patience = 25;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if patience > 0 => {
                patience -= 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Fault::Busy(format!(
                    "{} is in use by another chartroom process. next: stop that one, or name another data directory.",
                    dir.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(Fault::file("locking", &path, error)),
        }
    }
}

/// Whether nothing was ever recorded here: no file, or one whose making was cut short.
fn is_new(path: &Path) -> Result<bool, Fault> {
    let size = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(Fault::file("looking at", path, error)),
    };
    // The tables may still be in the write-ahead log alone, so an empty file is opened, too.
    let connection = schema::writer(path).map_err(|fault| match fault {
        Fault::Database(error) if size > 0 => unreadable(path, &error),
        other => other,
    })?;
    Ok(!schema::exists(&connection)?)
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> Fault {
    Fault::Altered(format!("{} cannot be read as a database ({error}). next: run verify.", path.display()))
}

/// Refuses a root key that is not the record's.
pub(crate) fn check_key(connection: &Connection, ring: &Ring) -> Result<(), Fault> {
    if meta(connection, "format")? != schema::FORMAT {
        let line = "The record has a format that this program does not know. next: use the version that wrote it.";
        return Err(Fault::Altered(line.to_owned()));
    }
    let kept = meta(connection, "key check")?;
    aws_lc_rs::constant_time::verify_slices_are_equal(&kept, &ring.check).map_err(|_| {
        let line = "The root key is not the one this record is sealed under. next: give the right key; after a change of \
                    keys that is the new one.";
        Fault::Key(line.to_owned())
    })
}

/// A value of the table `meta`.
pub(crate) fn meta(connection: &Connection, name: &str) -> Result<Vec<u8>, Fault> {
    let value = connection.query_row("SELECT value FROM meta WHERE name = ?", [name], |row| row.get(0)).optional()?;
    value.ok_or_else(|| Fault::Altered(format!("The record lacks its {name}. next: run verify.")))
}

/// Makes the tables, the secrets, the shared key and the checkpoint of an empty log, in one transaction.
fn make(connection: &Connection, ring: &Ring) -> Result<(), Fault> {
    let secrets = Secrets::make();
    let shared = PatientKey::new(SHARED, 0, random(), true)?;
    let signer = Signer::new(&secrets.origin, &secrets.signing)?;
    let tree = Tree::default();
    connection.execute_batch("BEGIN IMMEDIATE")?;
    schema::create(connection)?;
    let mut put = connection.prepare("INSERT INTO meta(name, value) VALUES (?, ?)")?;
    put.execute(params!["format", schema::FORMAT])?;
    put.execute(params!["key check", ring.check.as_slice()])?;
    put.execute(params!["origin", secrets.origin.as_bytes()])?;
    for (name, secret) in
        [("index key", &secrets.index), ("signing key", &secrets.signing), ("link key", &secrets.link)]
    {
        put.execute(params![name, ring.secrets.seal(name.as_bytes(), secret)?])?;
    }
    drop(put);
    connection.execute(
        "INSERT INTO patient_key(kid, owner, wrapped) VALUES (?, ?, ?)",
        params![SHARED, 0, shared.wrap(ring)?],
    )?;
    connection.execute(
        "INSERT INTO checkpoint(name, note) VALUES ('latest', ?)",
        params![signer.sign(tree.size(), tree.root())],
    )?;
    connection.execute_batch("COMMIT")?;
    Ok(())
}

/// The site's own secrets.
pub(crate) struct Secrets {
    pub index: [u8; 32],
    pub signing: [u8; 32],
    pub link: [u8; 32],
    pub origin: String,
}

impl Secrets {
    fn make() -> Secrets {
        let name: [u8; 32] = random();
        let origin = format!("chartroom.example/{}", hex(&name[..8]));
        Secrets { index: random(), signing: random(), link: random(), origin }
    }

    /// Opens the sealed secrets.
    pub fn open(connection: &Connection, ring: &Ring) -> Result<Secrets, Fault> {
        let secret = |name: &str| {
            let opened = ring.secrets.open_key(name.as_bytes(), &meta(connection, name)?);
            opened.ok_or_else(|| Fault::Altered(format!("The {name} does not open: it was altered. next: run verify.")))
        };
        let origin = String::from_utf8(meta(connection, "origin")?)
            .map_err(|_| Fault::Altered("The log's name was altered. next: run verify.".to_owned()))?;
        Ok(Secrets { index: secret("index key")?, signing: secret("signing key")?, link: secret("link key")?, origin })
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    Ids::System.fill(&mut bytes);
    bytes
}

/// Rebuilds the right edge of the log and compares it with the signed checkpoint.
pub(super) fn check_edge(connection: &Connection, signer: &Signer) -> Result<Tree, Error> {
    let size: i64 = connection.query_row("SELECT coalesce(max(pos) + 1, 0) FROM entry", [], |row| row.get(0))?;
    let nodes = Nodes::new(connection);
    let tree = Tree::restore(size.cast_unsigned(), &nodes, |level, n| nodes.tile(level, n)).map_err(|_| edge())?;
    let note: Option<Vec<u8>> =
        connection.query_row("SELECT note FROM checkpoint WHERE name = 'latest'", [], |row| row.get(0)).optional()?;
    let signed = note.and_then(|note| Signed::parse(&note)).filter(|signed| signed.is_signed_by(&signer.verifier()));
    let same = signed.is_some_and(|s| s.checkpoint.size() == tree.size() && *s.checkpoint.hash() == tree.root());
    if same { Ok(tree) } else { Err(edge().into()) }
}

fn edge() -> Fault {
    let line = "The end of the record does not fit its signed checkpoint: it was altered or cut. next: run verify.";
    Fault::Altered(line.to_owned())
}

pub(super) fn open_keys(connection: &Connection, ring: &Ring) -> Result<PatientKeys, Fault> {
    let wrapped: Vec<u8> =
        connection.query_row("SELECT wrapped FROM patient_key WHERE kid = 0", [], |row| row.get(0))?;
    let shared = PatientKey::unwrap(ring, SHARED, 0, &wrapped)
        .ok_or_else(|| Fault::Altered("Data key 0 does not open: it was altered. next: run verify.".to_owned()))?;
    let next: Kid = connection.query_row("SELECT max(kid) + 1 FROM patient_key", [], |row| row.get(0))?;
    Ok(PatientKeys::new(Arc::new(shared), next))
}

pub(super) fn open_dictionaries(connection: &Connection, ring: &Ring) -> Result<Dictionaries, Fault> {
    let dictionaries = Dictionaries::default();
    let mut find = connection.prepare("SELECT id, sealed FROM dictionary")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let (id, mut sealed): (u32, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let bytes = ring.secrets.open(&training::label(id), &mut sealed);
        let bytes = bytes.ok_or_else(|| {
            Fault::Altered(format!("Dictionary {id} does not open: it was altered. next: run verify."))
        })?;
        dictionaries.add(Dictionary::new(id, bytes));
    }
    Ok(dictionaries)
}

fn desk(connection: Connection, store: Arc<Store>, tree: Tree) -> Result<Desk, Fault> {
    let at = connection
        .query_row("SELECT at FROM entry ORDER BY pos DESC LIMIT 1", [], |row| row.get(0))
        .optional()?
        .unwrap_or(i64::MIN);
    let types = connection
        .prepare("SELECT name, number FROM type")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<HashMap<String, i64>, _>>()?;
    let shredded = gone(&connection)?;
    Ok(Desk { connection, store, tree, at, types, shredded, is_uncleared: false, reserve: None })
}
