//! Shredding: one patient's data key is destroyed, and with it every body sealed under it, in this record and in every
//! copy of it that lacks the old row. The leaves stay, so that the log stays whole; an entry says that it was done.
//!
//! The search index still has rows of the patient (keyed hashes, dates, numbers); they are gone when it is made anew, at
//! the next opening or by `rebuild`.

use crate::access::Visit;
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::records::desk::Desk;
use crate::records::writer::{move_log, transact};
use crate::records::{Position, Vault};
use rusqlite::{OptionalExtension, params};

/// What was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shredded {
    /// Entries that nobody can read any more.
    pub entries: u64,
    /// The log's entry about it.
    pub position: Position,
}

impl Vault {
    /// Makes everything of one patient unreadable, for good. `None`: nothing is kept under a key of that patient.
    ///
    /// What is written about the patient afterwards gets a new key.
    pub fn shred(&self, visit: &Visit, patient_id: &str) -> Result<Option<Shredded>, Error> {
        let _ = visit;
        let owner = self.inner.store.hasher.resource("Patient", patient_id);
        self.task(move |desk| shred(desk, owner))?
    }
}

fn shred(desk: &mut Desk, owner: i64) -> Result<Option<Shredded>, Error> {
    let kid: Option<Kid> = desk
        .connection
        .query_row("SELECT kid FROM patient_key WHERE owner = ?", [owner], |row| row.get(0))
        .optional()?;
    let Some(kid) = kid else { return Ok(None) };
    let entries: i64 =
        desk.connection.query_row("SELECT count(*) FROM entry WHERE kid = ?", [kid], |row| row.get(0))?;
    let done = transact(desk, |desk, group| {
        desk.connection.execute("UPDATE patient_key SET owner = NULL, wrapped = NULL WHERE kid = ?", [kid])?;
        desk.connection.execute("INSERT OR REPLACE INTO meta(name, value) VALUES ('index', ?)", params![b"stale"])?;
        desk.append_event(&format!(r#"{{"event":"shred","kid":{kid}}}"#), group)
    });
    let position = done.map_err(|stop| stop.error())?;
    desk.shredded.insert(kid);
    desk.store.keys.forget(kid, owner);
    desk.store.recent.clear(desk.tree.size());
    // The old row is still in the write-ahead log; it goes when the log is emptied.
    move_log(&desk.connection, "TRUNCATE")?;
    Ok(Some(Shredded { entries: entries.cast_unsigned(), position }))
}
