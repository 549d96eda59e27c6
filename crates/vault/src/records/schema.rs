//! `record.sqlite`: its tables, and how a connection to it is set up.
//!
//! ```text
//! entry       one row a version or event; pos is the index of its leaf in the log, from 0 without a gap
//!             key      keyed hash of Type/id          ver   version number
//!             kind     0 version, 1 deletion, 2 event type  number in table type (0: event)
//!             at       ms since 1970; never decreases kid   data key the body is sealed under
//!             dict     zstd dictionary of the body    body  nonce ‖ AES-256-GCM(zstd(text)) ‖ tag
//!             payload  SHA-256(salt ‖ served bytes), what the leaf commits to
//! type        names of resource types, numbered as they came
//! tile        full and partial tiles of level 1 and up (32 bytes a hash); level 0 is computed from the entries
//! checkpoint  the log's latest signed checkpoint, and the latest one that witnesses signed
//! patient_key wrapped data keys; a shredded one keeps its number, and has neither owner nor key
//! dictionary  sealed zstd dictionaries
//! meta        format, check of the root key, sealed secrets, origin of the log; `index` while that must be made anew (a shredding that
//!             was not brought to its end; a backup, which has none)
//! ```
//!
//! An index over `key` ends in the rowid, which is `pos`: the last version of a resource below a position is one seek. It
//! has no row for what is no resource, events of the audit above all; who asks for a key therefore says `key <> 0` too,
//! without which SQLite would not use it. Which entries are of a type, the search index knows in memory.

use crate::error::Fault;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The file's name in the data directory.
pub(crate) const FILE: &str = "record.sqlite";

/// The format this program writes; kept in `meta`.
pub(crate) const FORMAT: &[u8] = b"chartroom record 1";

/// How long a connection waits for another one's lock.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(10);

/// `PRAGMA application_id`: "CHRT".
const APPLICATION: i32 = 0x4348_5254;

const TABLES: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE entry(
  pos INTEGER PRIMARY KEY, key INTEGER NOT NULL, ver INTEGER NOT NULL, kind INTEGER NOT NULL, type INTEGER NOT NULL,
  at INTEGER NOT NULL, kid INTEGER NOT NULL, dict INTEGER NOT NULL, payload BLOB NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE type(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE tile(level INTEGER NOT NULL, n INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY(level, n)) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint(name TEXT PRIMARY KEY, note BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE patient_key(kid INTEGER PRIMARY KEY, owner INTEGER UNIQUE, wrapped BLOB) STRICT;
CREATE TABLE dictionary(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
";

/// The index over resources.
const KEYS: &str = "CREATE INDEX entry_key ON entry(key) WHERE key <> 0";

/// Makes the tables in an empty file, inside the caller's transaction.
pub(crate) fn create(connection: &Connection) -> Result<(), Fault> {
    connection.execute_batch(TABLES)?;
    connection.execute_batch(KEYS)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    Ok(())
}

/// Changes the tables of an earlier version to what this one writes. That one had an index over types, and events of the
/// audit in the index over keys.
pub(crate) fn bring_forward(connection: &Connection) -> Result<(), Fault> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'entry_type'";
    if connection.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0 {
        let drop = "DROP INDEX entry_type; DROP INDEX IF EXISTS entry_key;";
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {drop} {KEYS}; COMMIT"))?;
    }
    Ok(())
}

/// Whether the file has the tables.
pub(crate) fn exists(connection: &Connection) -> Result<bool, Fault> {
    let count: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'entry'", [], |row| row.get(0))?;
    Ok(count > 0)
}

/// What a database has beside the tables of a fresh one, what it lacks, and what reads otherwise, in words.
pub(crate) fn differences(found: &Connection, fresh: &Connection) -> Result<Vec<String>, Fault> {
    /// By kind and name: of each thing of that name its table and its text.
    type Things = BTreeMap<(String, String), Vec<(String, Option<String>)>>;
    let read = |connection: &Connection| -> rusqlite::Result<Things> {
        let (mut things, sql) = (Things::new(), "SELECT type, name, tbl_name, sql FROM sqlite_schema");
        let mut find = connection.prepare(sql)?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            things.entry((row.get(0)?, row.get(1)?)).or_default().push((row.get(2)?, row.get(3)?));
        }
        Ok(things)
    };
    let (found, fresh) = (read(found)?, read(fresh)?);
    let extra = found.keys().filter(|thing| !fresh.contains_key(*thing));
    let extra = extra.map(|(kind, name)| format!("the {kind} {name} is not from this program"));
    let missing = fresh.keys().filter(|thing| !found.contains_key(*thing));
    let missing = missing.map(|(kind, name)| format!("the {kind} {name} is missing"));
    let changed = fresh.iter().filter(|(thing, what)| found.get(*thing).is_some_and(|found| found != *what));
    let changed = changed.map(|((kind, name), _)| format!("the {kind} {name} was altered"));
    Ok(extra.chain(missing).chain(changed).collect())
}

/// The connection of the writer thread.
///
/// Every commit waits for the disk (`synchronous = FULL`); what is deleted is overwritten; nothing goes to temporary
/// files. The writer moves the write-ahead log into the file itself: SQLite's own way would report an error of that
/// move as an error of a commit that is durable already.
pub(crate) fn writer(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    rows_alone(&connection)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Takes from a file what it could do beside holding rows: no trigger of it fires, no view of it answers, its schema calls
/// no function that could do harm, and cannot be written as a table. This program has neither triggers nor views.
pub(crate) fn rows_alone(connection: &Connection) -> Result<(), Fault> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(())
}

/// Keeps the plan of a prepared statement whatever is bound to it. Otherwise SQLite 3.54 plans a range anew for each new
/// value, which takes longer than the look-up itself (measured: 12 of 19 microseconds of a read).
pub(crate) fn keep_plans(connection: &Connection) -> Result<(), Fault> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// A connection to a file that nobody writes and that must not get files beside it.
pub(crate) fn untouched(path: &Path) -> Result<Connection, Fault> {
    let mut uri = "file:".to_owned();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("{uri}?immutable=1"), flags)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    rows_alone(&connection)?;
    Ok(connection)
}

/// A connection that only reads, also where nothing can be written: an evidence disk, a read-only mount.
///
/// There SQLite cannot make the files beside a database in WAL mode. Where there is nothing in them, and nobody has the
/// database open (who has keeps both there), the file alone is the whole database; otherwise this is a fault.
pub(crate) fn evidence(path: &Path) -> Result<Connection, Fault> {
    let tried = reader(path).and_then(|connection| exists(&connection).map(|_| connection));
    let Err(Fault::Database(error)) = &tried else { return tried };
    if !matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) {
        return tried;
    }
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::fs::metadata(name)
    };
    let log_is_empty = beside("-wal").map_or(true, |found| found.len() == 0);
    match (log_is_empty, beside("-shm").is_ok()) {
        (true, false) if path.is_file() => untouched(path),
        _ => {
            let line = format!(
                "{} cannot be read where nothing can be written, because it was not closed: commits are still in the file \
                 beside it. next: copy the whole directory to where it can be written, and verify the copy.",
                path.display()
            );
            Err(Fault::Busy(line))
        }
    }
}

/// A connection that only reads.
pub(crate) fn reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -4_096)?;
    rows_alone(&connection)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
