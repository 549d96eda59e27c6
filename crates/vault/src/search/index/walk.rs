//! Every row of the file, unpacked: for whoever must not trust what it says.

use super::cell::Cell;
use super::column;
use super::places::{BLOCK, Places};
use super::sums::Table;
use super::{links, list};
use crate::search::rows::Unit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use std::fmt;

/// A table of the file.
pub struct Stored {
    /// Its name.
    pub name: &'static str,
    /// Where its rows are summed.
    pub table: Table,
    sql: &'static str,
    /// The first columns of `sql`, which name the row.
    key: &'static [&'static str],
    unpack: fn(&Row<'_>, &mut Unpacked) -> Option<()>,
}

/// All tables that hold rows of entries.
pub static STORED: [Stored; 8] = [
    Stored {
        name: "posting",
        table: Table::Posting,
        sql: "SELECT hash, system, first, list FROM posting",
        key: &["hash", "system", "first"],
        unpack: postings,
    },
    Stored {
        name: "span",
        table: Table::Span,
        sql: "SELECT axis, first, list FROM span",
        key: &["axis", "first"],
        unpack: spans,
    },
    Stored {
        name: "link",
        table: Table::Link,
        sql: "SELECT path, first, list FROM link",
        key: &["path", "first"],
        unpack: linked,
    },
    Stored {
        name: "bucket",
        table: Table::Bucket,
        sql: "SELECT side, bucket, first, list FROM bucket",
        key: &["side", "bucket", "first"],
        unpack: buckets,
    },
    Stored {
        name: "superseded",
        table: Table::Superseded,
        sql: "SELECT position, until FROM superseded",
        key: &["position"],
        unpack: superseded,
    },
    Stored {
        name: "place",
        table: Table::Place,
        sql: "SELECT block, list FROM place ORDER BY block",
        key: &["block"],
        unpack: places,
    },
    Stored {
        name: "unit",
        table: Table::Words,
        sql: "SELECT id, system, code, human FROM unit",
        key: &["id"],
        unpack: unit,
    },
    Stored {
        name: "label",
        table: Table::Words,
        sql: "SELECT prefix, display FROM label",
        key: &["prefix", "display"],
        unpack: label,
    },
];

/// Names a row: its table, and the columns of its key.
#[derive(Clone, Copy)]
pub struct RowName {
    /// The table.
    pub stored: &'static Stored,
    key: [Option<i64>; 3],
}

impl PartialEq for RowName {
    fn eq(&self, other: &RowName) -> bool {
        self.stored.name == other.stored.name && self.key == other.key
    }
}

impl RowName {
    fn of(stored: &'static Stored, row: &Row<'_>) -> RowName {
        let mut key = [None; 3];
        for (i, slot) in key.iter_mut().enumerate().take(stored.key.len()) {
            if let Ok(ValueRef::Integer(number)) = row.get_ref(i) {
                *slot = Some(number);
            }
        }
        RowName { stored, key }
    }
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.stored.key.iter().zip(self.key).enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            match (*name, value) {
                (_, None) => write!(f, "{name} unreadable")?,
                ("hash" | "prefix" | "display", Some(hash)) => write!(f, "{name} {:016x}", hash.cast_unsigned())?,
                (_, Some(number)) => write!(f, "{name} {number}")?,
            }
        }
        Ok(())
    }
}

/// A row unpacked, in room that serves the next one again.
#[derive(Default)]
struct Unpacked {
    cells: Vec<Cell>,
    positions: Vec<u32>,
    blob: Vec<u8>,
}

/// Calls `each` with every row of a table: its name, its facts as far as it can be unpacked, and whether it is packed as
/// this program packs.
pub fn walk(
    db: &Connection,
    stored: &'static Stored,
    each: &mut dyn FnMut(RowName, &[Cell], bool),
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(stored.sql)?;
    let mut rows = statement.query([])?;
    let mut unpacked = Unpacked::default();
    while let Some(row) = rows.next()? {
        unpacked.cells.clear();
        let is_own = (stored.unpack)(row, &mut unpacked).is_some();
        each(RowName::of(stored, row), &unpacked.cells, is_own);
    }
    Ok(())
}

fn blob<'r>(row: &'r Row<'_>, column: usize) -> Option<&'r [u8]> {
    row.get_ref(column).ok()?.as_blob().ok()
}

/// Whether a row is packed as this program packs what it says: another form of the same is not what was written.
fn is_own(first: u32, blob: &[u8], packed: Option<(u32, Vec<u8>)>) -> Option<()> {
    packed.is_some_and(|packed| packed.0 == first && packed.1 == blob).then_some(())
}

fn listed(first: u32, blob: &[u8], out: &mut Unpacked, cell: impl Fn(u32) -> Cell) -> Option<()> {
    let Unpacked { cells, positions, blob: again } = out;
    positions.clear();
    again.clear();
    let is_whole = list::decode(first, blob, |position| positions.push(position));
    cells.extend(positions.iter().map(|&position| cell(position)));
    (is_whole && list::pack_into(positions, again) == Some(first) && again == blob).then_some(())
}

fn postings(row: &Row<'_>, out: &mut Unpacked) -> Option<()> {
    let (hash, system) = (row.get(0).ok()?, row.get(1).ok()?);
    listed(row.get(2).ok()?, blob(row, 3)?, out, |position| Cell::Posting { hash, system, position })
}

fn buckets(row: &Row<'_>, out: &mut Unpacked) -> Option<()> {
    let (side, bucket) = (row.get(0).ok()?, row.get(1).ok()?);
    listed(row.get(2).ok()?, blob(row, 3)?, out, |position| Cell::Bucket { side, bucket, position })
}

fn spans(row: &Row<'_>, out: &mut Unpacked) -> Option<()> {
    let (axis, first, blob) = (row.get(0).ok()?, row.get(1).ok()?, blob(row, 2)?);
    let mut spans = Vec::new();
    let is_whole = column::decode(axis, first, blob, |position, span| spans.push((position, span)));
    out.cells.extend(spans.iter().map(|&(position, span)| Cell::Span { position, span }));
    is_own(first, blob, column::pack(&spans)).filter(|()| is_whole)
}

fn linked(row: &Row<'_>, out: &mut Unpacked) -> Option<()> {
    let (path, first, blob) = (row.get(0).ok()?, row.get(1).ok()?, blob(row, 2)?);
    let mut links = Vec::new();
    let is_whole = links::decode(first, blob, |position, key| links.push((position, key)));
    out.cells.extend(links.iter().map(|&(position, key)| Cell::Link { path, position, key }));
    is_own(first, blob, links::pack(&links)).filter(|()| is_whole)
}

fn superseded(row: &Row<'_>, out: &mut Unpacked) -> Option<()> {
    out.cells.push(Cell::Superseded { position: row.get(0).ok()?, until: row.get(1).ok()? });
    Some(())
}

fn places(row: &Row<'_>, out: &mut Unpacked) -> Option<()> {
    let first = row.get::<_, u32>(0).ok()?.checked_mul(BLOCK)?;
    let mut places = Places::default();
    let is_whole = places.extend_from(blob(row, 1)?);
    for i in 0..places.len() {
        out.cells.push(Cell::Place { position: first.checked_add(i)?, numbers: places.get(i).numbers() });
    }
    (is_whole && places.len() <= BLOCK).then_some(())
}

fn unit(row: &Row<'_>, out: &mut Unpacked) -> Option<()> {
    let (id, system) = (row.get(0).ok()?, row.get(1).ok()?);
    out.cells.push(Cell::Unit(Unit { id, system, code: row.get(2).ok()?, human: row.get(3).ok()? }));
    Some(())
}

fn label(row: &Row<'_>, out: &mut Unpacked) -> Option<()> {
    out.cells.push(Cell::Label { prefix: row.get(0).ok()?, display: row.get(1).ok()? });
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::column::{Span, dates, pack};
    use super::*;

    #[test]
    fn another_form_of_the_same_is_not_what_was_written() {
        let spans = [3, 9].map(|n| (n, Span { axis: dates(41), low: i64::from(n) * 1000, high: i64::MAX, unit: 0 }));
        let (first, blob) = pack(&spans).expect("packed");
        let db = Connection::open_in_memory().expect("opened");
        db.execute_batch(super::super::store::SCHEMA).expect("made");
        let looked = |blob: &[u8]| {
            db.execute("INSERT OR REPLACE INTO span VALUES (?1, ?2, ?3)", (dates(41), first, blob)).expect("written");
            let mut said = Vec::new();
            walk(&db, &STORED[1], &mut |_, cells, is_own| said.push((cells.to_vec(), is_own))).expect("read");
            said.pop().expect("a row")
        };
        let (whole, is_own) = looked(&blob);
        assert!(is_own && whole.len() == 2);
        let mut other = blob.clone();
        // A bit of the flags that means nothing.
        other[1] ^= 1 << 6;
        assert_eq!(looked(&other), (whole, false));
    }

    #[test]
    fn a_list_in_another_form_is_not_what_was_written() {
        let db = Connection::open_in_memory().expect("opened");
        db.execute_batch(super::super::store::SCHEMA).expect("made");
        let looked = |list: &[u8]| {
            db.execute("INSERT OR REPLACE INTO posting VALUES (7, 1, 3, ?1)", [list]).expect("written");
            let mut said = Vec::new();
            walk(&db, &STORED[0], &mut |_, cells, is_own| said.push((cells.to_vec(), is_own))).expect("read");
            said.pop().expect("a row")
        };
        let at = |position| Cell::Posting { hash: 7, system: 1, position };
        assert_eq!(looked(&[1, 4]), (vec![at(3), at(4), at(8)], true));
        // A longer form of 4; ten bytes of which the last says nothing that 64 bits have room for; no step.
        assert_eq!(looked(&[1, 0x84, 0]), (vec![at(3), at(4), at(8)], false));
        assert!(!looked(&[1, 0x84, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2]).1);
        assert!(!looked(&[1, 0]).1);
    }
}
