//! The index file: its tables, how it is opened, and the state row that seals it.

use super::places::Places;
use super::sums::Sums;
use crate::error::Fault;
use crate::keys::Hasher;
use crate::records::schema::keep_plans;
use crate::search::rows::Unit;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;

/// Changes with anything that makes old index files unreadable or wrong.
const FORMAT: &str = "chartroom index 5";

// `posting` and `bucket` hold packed lists of positions (list.rs), `span` and `link` packed columns (column.rs, links.rs), `place` what
// stands at 256 positions (places.rs). `label` leads from the beginning of a display to the lists of whole displays.
pub const SCHEMA: &str = "
    CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), watermark INTEGER NOT NULL, stamp TEXT NOT NULL,
                        sums BLOB NOT NULL, seal BLOB NOT NULL);
    CREATE TABLE posting (hash INTEGER NOT NULL, system INTEGER NOT NULL, first INTEGER NOT NULL, list BLOB NOT NULL,
                          PRIMARY KEY (hash, system, first)) WITHOUT ROWID;
    CREATE TABLE span (axis INTEGER NOT NULL, first INTEGER NOT NULL, list BLOB NOT NULL,
                       PRIMARY KEY (axis, first)) WITHOUT ROWID;
    CREATE TABLE link (path INTEGER NOT NULL, first INTEGER NOT NULL, list BLOB NOT NULL,
                       PRIMARY KEY (path, first)) WITHOUT ROWID;
    CREATE TABLE bucket (bucket INTEGER NOT NULL, side INTEGER NOT NULL, first INTEGER NOT NULL, list BLOB NOT NULL,
                         PRIMARY KEY (side, bucket, first)) WITHOUT ROWID;
    CREATE TABLE superseded (position INTEGER PRIMARY KEY, until INTEGER NOT NULL);
    CREATE TABLE place (block INTEGER PRIMARY KEY, list BLOB NOT NULL);
    CREATE TABLE unit (id INTEGER PRIMARY KEY, system INTEGER NOT NULL, code INTEGER NOT NULL, human INTEGER NOT NULL);
    CREATE TABLE label (prefix INTEGER NOT NULL, display INTEGER NOT NULL,
                        PRIMARY KEY (prefix, display)) WITHOUT ROWID;";

/// How far the index has followed the log, and what it then held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The position the next entry will have.
    pub watermark: u32,
    /// Sums over all rows.
    pub sums: Sums,
}

/// Opens the file for writing, and makes its tables anew when they are missing or belong to another stamp.
pub fn open(path: &Path, hasher: &Hasher, stamp: &str) -> Result<Connection, Fault> {
    let db = connect(path)?;
    let found: Option<String> = db
        .query_row("SELECT stamp FROM state", [], |row| row.get(0))
        .optional()
        .or_else(|error| if is_new(&error) { Ok(None) } else { Err(error) })?;
    if found.is_some_and(|found| found == whole_stamp(stamp)) {
        return Ok(db);
    }
    drop(db);
    remove(path)?;
    let db = connect(path)?;
    // Sealed from the beginning: a file without a state is one that somebody took it from.
    let made = db.unchecked_transaction()?;
    made.execute_batch(SCHEMA)?;
    write_state(&made, hasher, &State::default(), stamp)?;
    made.commit()?;
    Ok(db)
}

fn is_new(error: &rusqlite::Error) -> bool {
    error.to_string().contains("no such table")
}

fn whole_stamp(stamp: &str) -> String {
    format!("{FORMAT}; {stamp}")
}

/// Deletes an index file and what SQLite keeps beside it.
pub fn remove(path: &Path) -> Result<(), Fault> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Fault::File { what: format!("removing the old index {}", path.display()), source });
            }
            _ => {}
        }
    }
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    let db = Connection::open(path)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = ON; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384;
         PRAGMA journal_size_limit = 1048576; PRAGMA busy_timeout = 10000;",
    )?;
    keep_plans(&db)?;
    Ok(db)
}

/// Opens the file for reading.
pub fn reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch("PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 10000;")?;
    keep_plans(&db)?;
    Ok(db)
}

fn seal(hasher: &Hasher, state: &State, stamp: &str) -> [u8; 16] {
    let mut text = b"index state\0".to_vec();
    text.extend_from_slice(&state.watermark.to_le_bytes());
    text.extend_from_slice(&state.sums.to_bytes());
    text.extend_from_slice(stamp.as_bytes());
    hasher.hash128(&text).to_le_bytes()
}

/// Reads the state, if it is there. A state that does not bear the site's seal is a fault.
pub fn read_state(db: &Connection, hasher: &Hasher) -> Result<Option<State>, Fault> {
    let read = |row: &rusqlite::Row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, Vec<u8>>(3)?))
    };
    let row = db.prepare_cached("SELECT watermark, stamp, sums, seal FROM state")?.query_row([], read).optional()?;
    let Some((watermark, stamp, sums, found)) = row else { return Ok(None) };
    let state = Sums::from_bytes(&sums).map(|sums| State { watermark, sums });
    state.filter(|state| seal(hasher, state, &stamp)[..] == found).map(Some).ok_or_else(|| {
        Fault::Altered("the index's state row was altered (index.sqlite, table state); run `chartroom rebuild`".into())
    })
}

/// Whether a file is of a form that this program does not write: such a one is dropped at the next start.
pub fn is_foreign(db: &Connection, hasher: &Hasher) -> bool {
    let stamp = || db.query_row("SELECT stamp FROM state", [], |row| row.get::<_, String>(0));
    // A state that nobody sealed says nothing.
    matches!(read_state(db, hasher), Ok(Some(_))) && stamp().is_ok_and(|stamp| !stamp.starts_with(&whole_stamp("")))
}

/// Writes the state, in the transaction that wrote the rows.
pub fn write_state(db: &Connection, hasher: &Hasher, state: &State, stamp: &str) -> rusqlite::Result<()> {
    let stamp = whole_stamp(stamp);
    let seal = seal(hasher, state, &stamp);
    db.prepare_cached("INSERT OR REPLACE INTO state VALUES (0, ?1, ?2, ?3, ?4)")?.execute(params![
        state.watermark,
        stamp,
        state.sums.to_bytes(),
        seal
    ])?;
    Ok(())
}

/// Reads what memory keeps of every position.
pub fn read_places(db: &Connection, watermark: u32) -> Result<Places, Fault> {
    let altered = |table: &str| {
        Fault::Altered(format!("the index was altered (index.sqlite, table {table}); run `chartroom rebuild`"))
    };
    let mut places = Places::default();
    let mut blocks = db.prepare("SELECT list FROM place ORDER BY block")?;
    let mut rows = blocks.query([])?;
    while let Some(row) = rows.next()? {
        if !places.extend_from(row.get_ref(0)?.as_blob().map_err(|_| altered("place"))?) {
            return Err(altered("place"));
        }
    }
    if places.len() != watermark {
        return Err(altered("place"));
    }
    let mut ended = db.prepare("SELECT position, until FROM superseded")?;
    let mut rows = ended.query([])?;
    while let Some(row) = rows.next()? {
        places.supersede(row.get(0)?, row.get(1)?);
    }
    Ok(places)
}

/// Reads all units of measure.
pub fn read_units(db: &Connection) -> Result<Vec<Unit>, Fault> {
    let mut statement = db.prepare("SELECT id, system, code, human FROM unit ORDER BY id")?;
    let unit =
        |row: &rusqlite::Row| Ok(Unit { id: row.get(0)?, system: row.get(1)?, code: row.get(2)?, human: row.get(3)? });
    Ok(statement.query_map([], unit)?.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_form_is_told_by_its_sealed_stamp() {
        let (db, hasher) = (Connection::open_in_memory().expect("opened"), Hasher::new(&[3; 32]));
        db.execute_batch(SCHEMA).expect("made");
        let state = State { watermark: 9, ..State::default() };
        assert!(!is_foreign(&db, &hasher));
        write_state(&db, &hasher, &state, "stamp").expect("written");
        assert!(!is_foreign(&db, &hasher));
        db.execute("UPDATE state SET stamp = 'chartroom index 0; stamp'", []).expect("written");
        assert!(!is_foreign(&db, &hasher), "nobody sealed that");
        let sealed = seal(&hasher, &state, "chartroom index 0; stamp");
        db.execute("UPDATE state SET seal = ?", [sealed]).expect("written");
        assert!(is_foreign(&db, &hasher));
    }
}
