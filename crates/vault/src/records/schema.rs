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
//! meta        format, check of the root key, sealed secrets, origin of the log; `index` while that must be made anew
//! ```
//!
//! An index over `key` ends in the rowid, which is `pos`: the last version of a resource below a position is one seek.

use crate::error::Fault;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// The file's name in the data directory.
pub(crate) const FILE: &str = "record.sqlite";

/// The format this program writes; kept in `meta`.
pub(crate) const FORMAT: &[u8] = b"chartroom record 1";

/// `PRAGMA application_id`: "CHRT".
const APPLICATION: i32 = 0x4348_5254;

const TABLES: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE entry(
  pos INTEGER PRIMARY KEY, key INTEGER NOT NULL, ver INTEGER NOT NULL, kind INTEGER NOT NULL, type INTEGER NOT NULL,
  at INTEGER NOT NULL, kid INTEGER NOT NULL, dict INTEGER NOT NULL, payload BLOB NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX entry_key ON entry(key);
CREATE INDEX entry_type ON entry(type);
CREATE TABLE type(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE tile(level INTEGER NOT NULL, n INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY(level, n)) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint(name TEXT PRIMARY KEY, note BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE patient_key(kid INTEGER PRIMARY KEY, owner INTEGER UNIQUE, wrapped BLOB) STRICT;
CREATE TABLE dictionary(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
";

/// Makes the tables in an empty file, inside the caller's transaction.
pub(crate) fn create(connection: &Connection) -> Result<(), Fault> {
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    Ok(())
}

/// Whether the file has the tables.
pub(crate) fn exists(connection: &Connection) -> Result<bool, Fault> {
    let count: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'entry'", [], |row| row.get(0))?;
    Ok(count > 0)
}

/// The connection of the writer thread.
///
/// Every commit waits for the disk (`synchronous = FULL`); what is deleted is overwritten; nothing goes to temporary
/// files. The writer moves the write-ahead log into the file itself: SQLite's own way would report an error of that
/// move as an error of a commit that is durable already.
pub(crate) fn writer(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
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
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
