//! The index file: its tables, how it is opened, and the state row that seals it.

use super::places::Places;
use super::sums::Sums;
use crate::error::Fault;
use crate::keys::Hasher;
use crate::records::schema::{self, keep_plans, rows_alone};
use crate::search::rows::Unit;
use rusqlite::{Connection, OpenFlags, params};
use std::path::Path;

/// Changes with anything that makes old index files unreadable or wrong.
const FORMAT: &str = "chartroom index 7";

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

/// Opens the file for writing. It is made anew when its schema is not exactly what this program writes, or it belongs to
/// another stamp.
pub fn open(path: &Path, hasher: &Hasher, stamp: &str) -> Result<(Connection, State), Fault> {
    let db = connect(path)?;
    if differences(&db)?.is_empty()
        && let Some(kept) = kept(&db)?
        && kept.stamp == whole_stamp(stamp)
    {
        return Ok((db, kept.sealed(hasher)?));
    }
    drop(db);
    remove(path)?;
    let db = connect(path)?;
    // Sealed from the beginning: a file without a state is one that somebody took it from.
    let made = db.unchecked_transaction()?;
    made.execute_batch(SCHEMA)?;
    write_state(&made, hasher, &State::default(), stamp)?;
    made.commit()?;
    Ok((db, State::default()))
}

/// Names what a file has beside the tables of a new one, what it lacks, and what reads otherwise.
pub fn differences(db: &Connection) -> Result<Vec<String>, Fault> {
    let fresh = Connection::open_in_memory()?;
    fresh.execute_batch(SCHEMA)?;
    schema::differences(db, &fresh)
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
    rows_alone(&db)?;
    keep_plans(&db)?;
    Ok(db)
}

/// Opens the file for reading.
pub fn reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch("PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 10000;")?;
    rows_alone(&db)?;
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

/// The row of `state`, all of it from one look.
struct Kept {
    state: Option<State>,
    stamp: String,
    seal: Vec<u8>,
}

impl Kept {
    /// The state. One that does not bear the site's seal is a fault.
    fn sealed(&self, hasher: &Hasher) -> Result<State, Fault> {
        let state = self.state.filter(|state| seal(hasher, state, &self.stamp)[..] == self.seal);
        state.ok_or_else(altered_state)
    }
}

fn altered_state() -> Fault {
    Fault::Altered("the index's state row was altered (index.sqlite, table state); run `chartroom rebuild`".into())
}

/// Reads the row, if it is there. More than one is a fault.
fn kept(db: &Connection) -> Result<Option<Kept>, Fault> {
    let mut find = db.prepare_cached("SELECT watermark, stamp, sums, seal FROM state")?;
    let mut rows = find.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (watermark, sums): (u32, Vec<u8>) = (row.get(0)?, row.get(2)?);
    let state = Sums::from_bytes(&sums).map(|sums| State { watermark, sums });
    let kept = Kept { state, stamp: row.get(1)?, seal: row.get(3)? };
    if rows.next()?.is_some() { Err(altered_state()) } else { Ok(Some(kept)) }
}

/// Reads the state, if it is there. A state that does not bear the site's seal is a fault.
pub fn read_state(db: &Connection, hasher: &Hasher) -> Result<Option<State>, Fault> {
    kept(db)?.map(|kept| kept.sealed(hasher)).transpose()
}

/// Whether the sealed state of a file bears the stamp.
pub fn is_of(db: &Connection, hasher: &Hasher, stamp: &str) -> bool {
    let is_of = |kept: &Kept| kept.sealed(hasher).is_ok() && kept.stamp == whole_stamp(stamp);
    kept(db).is_ok_and(|kept| kept.is_some_and(|kept| is_of(&kept)))
}

/// Whether a file is of a form that this program does not write: such a one is dropped at the next start. Only a state
/// that was sealed says so, in a file of tables alone.
pub fn is_foreign(db: &Connection, hasher: &Hasher) -> bool {
    // Views, triggers and virtual tables have no pages of their own.
    let sql = "SELECT count(*) FROM sqlite_schema WHERE coalesce(rootpage, 0) = 0";
    let others = db.query_row(sql, [], |row| row.get::<_, i64>(0));
    let is_foreign = |kept: &Kept| kept.sealed(hasher).is_ok() && !kept.stamp.starts_with(&whole_stamp(""));
    others.is_ok_and(|others| others == 0) && kept(db).is_ok_and(|kept| kept.is_some_and(|kept| is_foreign(&kept)))
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
