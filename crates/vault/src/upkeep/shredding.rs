//! Shredding: one patient's data key is destroyed, and with it every body sealed under it, in this record and in every
//! copy of it that lacks the old row. The leaves stay, so that the log stays whole; an entry says that it was done.
//!
//! The index loses the patient's rows in the same deed, while others read and write. The transaction that destroys the key
//! leaves a mark in the record, which goes when the rows are gone: a shredding that is cut short in between is brought to
//! its end at the next opening, which finds the mark and makes the index anew.

use crate::access::Visit;
use crate::error::{Error, Fault};
use crate::keys::patients::Kid;
use crate::records::desk::Desk;
use crate::records::replay::MARK;
use crate::records::store::{Entry, entries};
use crate::records::writer::transact;
use crate::records::{Position, Vault};
use crate::search::index::Appended;
use rusqlite::{OptionalExtension, params};

/// What was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shredded {
    /// Entries that nobody can read any more.
    pub entries: u64,
    /// The log's entry about it.
    pub position: Position,
    /// Whether the index has lost the patient's rows. Where it could not (a full disk, a damaged index), it is made anew
    /// at the next opening.
    pub is_scrubbed: bool,
    /// Whether the key is gone from the files. If not, a reader that began earlier still needs it; it goes when the
    /// write-ahead log is moved next, at the latest when the vault is closed.
    pub is_cleared: bool,
}

/// What the writer's thread did, and what is left to do for the index.
struct Destroyed {
    entries: u64,
    position: Position,
    /// What the index says of the patient's versions; `None` where some could not be read.
    rows: Option<Vec<Appended>>,
    /// An earlier shredding's mark is there already, and stays.
    marked_before: bool,
}

impl Vault {
    /// Makes everything of one patient unreadable, for good. `None`: nothing is kept under a key of that patient.
    ///
    /// What is written about the patient afterwards gets a new key. Others may read and write meanwhile; writes wait while
    /// the patient's entries are read for the last time.
    pub fn shred(&self, visit: &Visit, patient_id: &str) -> Result<Option<Shredded>, Error> {
        let _ = visit;
        let _one_at_a_time = self.inner.shredding.lock();
        let owner = self.inner.store.hasher.resource("Patient", patient_id);
        let Some(destroyed) = self.task(move |desk| destroy(desk, owner))?? else { return Ok(None) };
        let Destroyed { entries, position, rows, marked_before } = destroyed;
        let is_scrubbed = rows.is_some_and(|rows| self.scrub(rows).is_ok());
        if is_scrubbed && !marked_before {
            // A mark that stays costs one index made anew, and nothing else.
            let _ = self.task(|desk| desk.connection.execute("DELETE FROM meta WHERE name = ?", [MARK]));
        }
        // The old row is still in the write-ahead log; it goes when the log is emptied.
        Ok(Some(Shredded { entries, position, is_scrubbed, is_cleared: self.clear_log() }))
    }

    fn scrub(&self, rows: Vec<Appended>) -> Result<(), Fault> {
        let index = &self.inner.store.index;
        index.wait_for_file(self.head())?;
        index.scrub(rows)
    }
}

fn destroy(desk: &mut Desk, owner: i64) -> Result<Option<Destroyed>, Error> {
    let kid: Option<Kid> = desk
        .connection
        .query_row("SELECT kid FROM patient_key WHERE owner = ?", [owner], |row| row.get(0))
        .optional()?;
    let Some(kid) = kid else { return Ok(None) };
    let (entries, rows) = last_reading(desk, kid)?;
    let marks: i64 = desk.connection.query_row("SELECT count(*) FROM meta WHERE name = ?", [MARK], |row| row.get(0))?;
    let done = transact(desk, |desk, group| {
        desk.connection.execute("UPDATE patient_key SET owner = NULL, wrapped = NULL WHERE kid = ?", [kid])?;
        desk.connection.execute("INSERT OR REPLACE INTO meta(name, value) VALUES (?, ?)", params![MARK, b"stale"])?;
        desk.append_event(&format!(r#"{{"event":"shred","kid":{kid}}}"#), group)
    });
    let position = done.map_err(|stop| stop.error())?;
    desk.shredded.insert(kid);
    desk.store.keys.forget(kid, owner);
    // Above the head: a reader may have taken the key before it was forgotten, and look at the head only now.
    desk.store.recent.clear(desk.tree.size() + 1);
    Ok(Some(Destroyed { entries, position, rows, marked_before: marks > 0 }))
}

/// How many entries a key has, and what the index says of them: to know it afterwards, they would have to be readable.
fn last_reading(desk: &Desk, kid: Kid) -> Result<(u64, Option<Vec<Appended>>), Error> {
    let mut find = desk.connection.prepare(entries!("WHERE kid = ? ORDER BY pos"))?;
    let (mut count, mut rows) = (0, Some(Vec::new()));
    for entry in find.query_map([kid], Entry::of)? {
        count += 1;
        // One that was altered cannot be read; the key goes all the same.
        let read = desk.store.appended_one(&desk.connection, entry?);
        rows = rows.zip(read.ok()).map(|(mut rows, read)| {
            rows.push(read);
            rows
        });
    }
    Ok((count, rows))
}
