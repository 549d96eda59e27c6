//! Whether the index still is what was written: every row is read and summed again.
//!
//! Sums cover rows as they are meant, so that any change of a position, value, key or type shows. Which row it is that
//! was changed, the sums cannot say: that is told by comparing with the entries ([`super::differences`]).

use super::cell::Cell;
use super::sums::{Counting, Sums, Table};
use super::walk::{RowName, STORED, walk};
use super::{Index, store};
use crate::error::Fault;
use crate::keys::Hasher;
use rusqlite::Connection;
use std::path::Path;

/// Something in the index that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The table.
    pub table: &'static str,
    /// The row's key, as text; empty where it is not one row.
    pub row: String,
    /// The entry it is about, the first of them where there are several.
    pub position: Option<u32>,
    /// Entries beside that one.
    pub more: usize,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It says what the entry does not say.
    Extra,
    /// The entry says what no row says.
    Missing,
    /// It cannot be unpacked, or says in another form what it says.
    Broken,
    /// Something else, in words.
    Other(String),
}

impl Damage {
    pub(super) fn of_table(table: &'static str, what: impl Into<String>) -> Damage {
        Damage { table, row: String::new(), position: None, more: 0, wrong: Wrong::Other(what.into()) }
    }
}

/// What the file alone shows.
#[derive(Debug, Default)]
pub struct Examined {
    /// Entries that the index covers.
    pub covered: u32,
    /// Tables whose rows do not add up, though all of them can be read.
    pub differing: Vec<Table>,
    /// Sums over the rows as they are.
    pub sums: Sums,
    /// What has a name already.
    pub damage: Vec<Damage>,
}

impl Index {
    /// Reads every row of a file and compares the sums with those that were sealed.
    pub fn examine(db: &Connection, hasher: &Hasher) -> Examined {
        // First of all: of a file that has more than tables, nothing that it answers is believed.
        let mut examined = Examined { damage: schema(db), ..Examined::default() };
        let mut summing = Summing { counting: Counting::new(hasher), places: 0, broken: Vec::new() };
        let mut unread = Vec::new();
        for stored in &STORED {
            if let Err(error) = walk(db, stored, &mut |row, cells, is_own| summing.take(row, cells, is_own)) {
                unread.push(stored.table);
                examined.damage.push(Damage::of_table(stored.name, format!("cannot be read: {error}")));
            }
        }
        let broken = summing.broken.iter().map(|row| {
            let (table, row) = (row.stored.name, row.to_string());
            Damage { table, row, position: None, more: 0, wrong: Wrong::Broken }
        });
        examined.damage.extend(broken);
        examined.sums = summing.counting.sums();
        match store::read_state(db, hasher) {
            Ok(Some(sealed)) => {
                examined.covered = sealed.watermark;
                examined.differing = examined.sums.differences(&sealed.sums);
            }
            Ok(None) | Err(_) => {
                examined.damage.push(Damage::of_table("state", "its row is missing or was altered"));
                (examined.covered, examined.differing) = (summing.places, Table::ALL.to_vec());
            }
        }
        examined.differing.retain(|table| !unread.contains(table));
        examined
    }

    /// How many entries a file of the stamp covers, and the sums over its rows as they are, each of them read; no sums
    /// where it is not as it was written. `None`: it cannot be read, or is of another stamp.
    pub fn measured(path: &Path, hasher: &Hasher, stamp: &str) -> Option<(u64, Option<Sums>)> {
        let db = store::reader(path).ok()?;
        db.execute_batch("BEGIN").ok()?;
        store::is_of(&db, hasher, stamp).then(|| {
            let examined = Index::examine(&db, hasher);
            let is_whole = examined.damage.is_empty() && examined.differing.is_empty();
            (u64::from(examined.covered), is_whole.then_some(examined.sums))
        })
    }

    /// Whether another version of this program made the file. It is made anew at the next start, and says nothing here.
    pub fn is_foreign(db: &Connection, hasher: &Hasher) -> bool {
        store::is_foreign(db, hasher)
    }

    /// How many entries of the log a file covers, as its sealed state says.
    pub fn covered(db: &Connection, hasher: &Hasher) -> Result<u64, Fault> {
        Ok(store::read_state(db, hasher)?.map_or(0, |state| u64::from(state.watermark)))
    }
}

struct Summing<'h> {
    counting: Counting<'h>,
    places: u32,
    broken: Vec<RowName>,
}

impl Summing<'_> {
    fn take(&mut self, row: RowName, cells: &[Cell], is_own: bool) {
        cells.iter().for_each(|cell| self.counting.cell(cell));
        if row.stored.table == Table::Place {
            self.places += cells.len() as u32;
        }
        if !is_own {
            self.broken.push(row);
        }
    }
}

/// A writer fails on what a reader may pass over.
fn schema(db: &Connection) -> Vec<Damage> {
    let lines = store::differences(db).unwrap_or_else(|fault| vec![format!("cannot be read: {fault}")]);
    lines.into_iter().map(|line| Damage::of_table("sqlite_schema", line)).collect()
}
