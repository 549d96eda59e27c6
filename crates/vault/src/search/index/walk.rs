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
    cells: fn(&Row<'_>, &mut dyn FnMut(Cell)) -> Option<()>,
}

/// All tables that hold rows of entries.
pub static STORED: [Stored; 8] = [
    Stored {
        name: "posting",
        table: Table::Posting,
        sql: "SELECT hash, system, first, list FROM posting",
        key: &["hash", "system", "first"],
        cells: postings,
    },
    Stored {
        name: "span",
        table: Table::Span,
        sql: "SELECT axis, first, list FROM span",
        key: &["axis", "first"],
        cells: spans,
    },
    Stored {
        name: "link",
        table: Table::Link,
        sql: "SELECT path, first, list FROM link",
        key: &["path", "first"],
        cells: linked,
    },
    Stored {
        name: "bucket",
        table: Table::Bucket,
        sql: "SELECT side, bucket, first, list FROM bucket",
        key: &["side", "bucket", "first"],
        cells: buckets,
    },
    Stored {
        name: "superseded",
        table: Table::Superseded,
        sql: "SELECT position, until FROM superseded",
        key: &["position"],
        cells: superseded,
    },
    Stored {
        name: "place",
        table: Table::Place,
        sql: "SELECT block, list FROM place ORDER BY block",
        key: &["block"],
        cells: places,
    },
    Stored {
        name: "unit",
        table: Table::Words,
        sql: "SELECT id, system, code, human FROM unit",
        key: &["id"],
        cells: unit,
    },
    Stored {
        name: "label",
        table: Table::Words,
        sql: "SELECT prefix, display FROM label",
        key: &["prefix", "display"],
        cells: label,
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

/// Calls `each` with every fact of a table and the row it stands in; with `None` for a row that
/// is not packed as this program packs.
pub fn walk(
    db: &Connection,
    stored: &'static Stored,
    each: &mut dyn FnMut(RowName, Option<Cell>),
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(stored.sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name = RowName::of(stored, row);
        if (stored.cells)(row, &mut |cell| each(name, Some(cell))).is_none() {
            each(name, None);
        }
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

fn listed(first: u32, blob: &[u8]) -> (Vec<u32>, Option<()>) {
    let mut positions = Vec::new();
    let is_whole = list::decode(first, blob, |position| positions.push(position));
    let is_own = is_own(first, blob, list::pack(&positions)).filter(|()| is_whole);
    (positions, is_own)
}

fn postings(row: &Row<'_>, each: &mut dyn FnMut(Cell)) -> Option<()> {
    let (hash, system) = (row.get(0).ok()?, row.get(1).ok()?);
    let (positions, is_own) = listed(row.get(2).ok()?, blob(row, 3)?);
    positions.into_iter().for_each(|position| each(Cell::Posting { hash, system, position }));
    is_own
}

fn buckets(row: &Row<'_>, each: &mut dyn FnMut(Cell)) -> Option<()> {
    let (side, bucket) = (row.get(0).ok()?, row.get(1).ok()?);
    let (positions, is_own) = listed(row.get(2).ok()?, blob(row, 3)?);
    positions.into_iter().for_each(|position| each(Cell::Bucket { side, bucket, position }));
    is_own
}

fn spans(row: &Row<'_>, each: &mut dyn FnMut(Cell)) -> Option<()> {
    let (axis, first, blob) = (row.get(0).ok()?, row.get(1).ok()?, blob(row, 2)?);
    let mut spans = Vec::new();
    let is_whole = column::decode(axis, first, blob, |position, span| spans.push((position, span)));
    spans.iter().for_each(|&(position, span)| each(Cell::Span { position, span }));
    is_own(first, blob, column::pack(&spans)).filter(|()| is_whole)
}

fn linked(row: &Row<'_>, each: &mut dyn FnMut(Cell)) -> Option<()> {
    let (path, first, blob) = (row.get(0).ok()?, row.get(1).ok()?, blob(row, 2)?);
    let mut links = Vec::new();
    let is_whole = links::decode(first, blob, |position, key| links.push((position, key)));
    links.iter().for_each(|&(position, key)| each(Cell::Link { path, position, key }));
    is_own(first, blob, links::pack(&links)).filter(|()| is_whole)
}

fn superseded(row: &Row<'_>, each: &mut dyn FnMut(Cell)) -> Option<()> {
    each(Cell::Superseded { position: row.get(0).ok()?, until: row.get(1).ok()? });
    Some(())
}

fn places(row: &Row<'_>, each: &mut dyn FnMut(Cell)) -> Option<()> {
    let first = row.get::<_, u32>(0).ok()?.checked_mul(BLOCK)?;
    let mut places = Places::default();
    let is_whole = places.extend_from(blob(row, 1)?);
    for i in 0..places.len() {
        each(Cell::Place { position: first.checked_add(i)?, numbers: places.get(i).numbers() });
    }
    (is_whole && places.len() <= BLOCK).then_some(())
}

fn unit(row: &Row<'_>, each: &mut dyn FnMut(Cell)) -> Option<()> {
    let (id, system) = (row.get(0).ok()?, row.get(1).ok()?);
    each(Cell::Unit(Unit { id, system, code: row.get(2).ok()?, human: row.get(3).ok()? }));
    Some(())
}

fn label(row: &Row<'_>, each: &mut dyn FnMut(Cell)) -> Option<()> {
    each(Cell::Label { prefix: row.get(0).ok()?, display: row.get(1).ok()? });
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
            walk(&db, &STORED[1], &mut |_, cell| said.push(cell)).expect("read");
            said
        };
        let whole = looked(&blob);
        assert_eq!(whole.iter().flatten().count(), 2);
        assert_eq!(whole.len(), 2);
        let mut other = blob.clone();
        // A bit of the flags that means nothing.
        other[1] ^= 1 << 6;
        let said = looked(&other);
        assert_eq!(said[..2], whole[..]);
        assert_eq!(said[2..], [None]);
    }
}
