//! One batch of log entries becomes rows: sorted by table and key, in one transaction with the watermark.

use super::Appended;
use super::cell::Cell;
use super::column::{self, Axis, Span, bucket};
use super::links;
use super::list::BYTES_MAX;
use super::places::{BLOCK, PLACE_BYTES};
use super::store::{State, write_state};
use super::sums::Counting;
use super::tails::{Lists, Tails};
use crate::keys::Hasher;
use crate::search::rows::{Names, Sort, Unit, prefixes};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::{HashMap, HashSet};

/// What the writer remembers between batches. Forgotten when a batch fails.
#[derive(Default)]
pub struct Memory {
    postings: Tails,
    buckets: Tails,
    columns: HashMap<Axis, Open<column::Cursor>>,
    links: HashMap<u32, Open<links::Cursor>>,
    units: HashSet<u32>,
    labels: HashSet<i64>,
}

impl Memory {
    /// With the units that the file has already.
    pub fn new(units: &[Unit]) -> Memory {
        Memory { units: units.iter().map(|u| u.id).collect(), ..Memory::default() }
    }
}

/// The last row of a packed column, which may still grow.
struct Open<C> {
    first: u32,
    last: u32,
    cursor: C,
    blob: Vec<u8>,
    stored: bool,
}

/// Writes a batch in one transaction that `commit` ends, and answers the state after it. Positions continue where
/// `state` ended.
pub fn write(
    db: &mut Connection,
    (hasher, stamp): (&Hasher, &str),
    memory: &mut Memory,
    state: State,
    entries: &[Appended],
    commit: impl FnOnce(Transaction<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<State> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let counting = Counting::new(hasher);
    let mut batch = Batch { db: &transaction, hasher, memory, watermark: state.watermark, counting };
    batch.postings(entries)?;
    batch.spans(entries)?;
    batch.links(entries)?;
    batch.places(entries)?;
    batch.superseded(entries)?;
    batch.units(entries)?;
    batch.labels(entries)?;
    let mut state = state;
    state.sums.count(&batch.counting.sums());
    state.watermark += entries.len() as u32;
    write_state(&transaction, hasher, &state, stamp)?;
    commit(transaction)?;
    Ok(state)
}

struct Batch<'b> {
    db: &'b Transaction<'b>,
    hasher: &'b Hasher,
    memory: &'b mut Memory,
    /// The position of the first entry.
    watermark: u32,
    counting: Counting<'b>,
}

impl Batch<'_> {
    fn numbered<'e>(&self, entries: &'e [Appended]) -> impl Iterator<Item = (u32, &'e Appended)> + use<'e> {
        (self.watermark..).zip(entries)
    }

    fn postings(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let count = entries.iter().map(|e| e.rows.postings.len()).sum();
        let mut rows = Vec::with_capacity(count);
        for (position, entry) in self.numbered(entries) {
            rows.extend(entry.rows.postings.iter().map(|p| (p.hash, p.system, position)));
        }
        rows.sort_unstable();
        let mut lists = Lists::posting(self.db)?;
        for list in rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (hash, system, _) = list[0];
            lists.append(&mut self.memory.postings, (hash, system), list.iter().map(|row| row.2))?;
            list.iter().for_each(|row| self.counting.cell(&Cell::Posting { hash, system, position: row.2 }));
        }
        Ok(())
    }

    fn spans(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let mut rows: Vec<(Axis, u32, Span)> = Vec::new();
        for (position, entry) in self.numbered(entries) {
            rows.extend(entry.rows.spans.iter().map(|span| (span.axis, position, *span)));
        }
        rows.sort_unstable();
        for column in rows.chunk_by(|a, b| a.0 == b.0) {
            let cells = column.iter().map(|(_, position, span)| (*position, span));
            let write = |cursor: &mut column::Cursor, position, span: &Span, out: &mut Vec<u8>| {
                cursor.write(position, span, out);
            };
            append(self.db, &SPAN, &mut self.memory.columns, column[0].0, cells, column::Cursor::new, write)?;
        }
        rows.iter().for_each(|&(_, position, span)| self.counting.cell(&Cell::Span { position, span }));
        self.buckets(&rows)
    }

    fn links(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let mut rows: Vec<(u32, u32, i64)> = Vec::new();
        for (position, entry) in self.numbered(entries) {
            rows.extend(entry.rows.links.iter().map(|(path, key)| (u32::from(*path), position, *key)));
        }
        rows.sort_unstable();
        for column in rows.chunk_by(|a, b| a.0 == b.0) {
            let cells = column.iter().map(|(_, position, key)| (*position, *key));
            append(
                self.db,
                &LINK,
                &mut self.memory.links,
                column[0].0,
                cells,
                links::Cursor::new,
                links::Cursor::write,
            )?;
        }
        for (path, position, key) in rows {
            self.counting.cell(&Cell::Link { path, position, key });
        }
        Ok(())
    }

    fn buckets(&mut self, spans: &[(Axis, u32, Span)]) -> rusqlite::Result<()> {
        let mut rows: Vec<(Axis, i64, u32)> = Vec::with_capacity(spans.len());
        for (axis, position, span) in spans {
            debug_assert_eq!(*axis, span.axis);
            rows.extend(sides(span).map(|(side, bucket)| (side, bucket, *position)));
        }
        rows.sort_unstable();
        rows.dedup();
        let mut lists = Lists::bucket(self.db)?;
        for list in rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (side, bucket, _) = list[0];
            lists.append(&mut self.memory.buckets, (bucket, side), list.iter().map(|row| row.2))?;
            list.iter().for_each(|row| self.counting.cell(&Cell::Bucket { side, bucket, position: row.2 }));
        }
        Ok(())
    }

    fn places(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let mut read = self.db.prepare_cached("SELECT list FROM place WHERE block = ?1")?;
        let mut write = self.db.prepare_cached("INSERT OR REPLACE INTO place VALUES (?1, ?2)")?;
        let mut block = self.watermark / BLOCK;
        let mut blob: Vec<u8> = read.query_row([block], |row| row.get(0)).optional()?.unwrap_or_default();
        for (position, entry) in self.numbered(entries) {
            if position / BLOCK != block {
                write.execute(params![block, blob])?;
                (block, blob) = (position / BLOCK, Vec::with_capacity(BLOCK as usize * PLACE_BYTES));
            }
            let place = entry.place();
            place.write(&mut blob);
            self.counting.cell(&Cell::Place { position, numbers: place.numbers() });
        }
        write.execute(params![block, blob])?;
        Ok(())
    }

    fn superseded(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let mut write = self.db.prepare_cached("INSERT OR REPLACE INTO superseded VALUES (?1, ?2)")?;
        for (position, entry) in self.numbered(entries) {
            if let Some(previous) = entry.previous {
                write.execute(params![previous, position])?;
                self.counting.cell(&Cell::Superseded { position: previous, until: position });
            }
        }
        Ok(())
    }

    fn units(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let mut write = self.db.prepare_cached("INSERT INTO unit VALUES (?1, ?2, ?3, ?4)")?;
        for unit in entries.iter().flat_map(|e| &e.rows.units) {
            if self.memory.units.insert(unit.id) {
                write.execute(params![unit.id, unit.system, unit.code, unit.human])?;
                self.counting.cell(&Cell::Unit(*unit));
            }
        }
        Ok(())
    }

    fn labels(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let mut names = Names::new(self.hasher);
        let mut write = self.db.prepare_cached("INSERT OR IGNORE INTO label VALUES (?1, ?2)")?;
        for (path, display, text) in entries.iter().flat_map(|e| &e.rows.labels) {
            if !self.memory.labels.insert(*display) {
                continue;
            }
            for prefix in prefixes(text) {
                let prefix = names.list(*path, Sort::Label, &[prefix]);
                if write.execute([prefix, *display])? > 0 {
                    self.counting.cell(&Cell::Label { prefix, display: *display });
                }
            }
        }
        Ok(())
    }
}

/// The buckets a span stands in.
pub fn sides(span: &Span) -> impl Iterator<Item = (Axis, i64)> {
    let (low, high) = (bucket(span.axis, span.low), bucket(span.axis, span.high));
    std::iter::once((low_side(span.axis), low)).chain((high != low).then_some((high_side(span.axis), high)))
}

/// Where positions stand by the bucket of their least value.
pub fn low_side(axis: Axis) -> Axis {
    axis << 1
}

/// Where positions stand by the bucket of their greatest value, if that is another.
pub fn high_side(axis: Axis) -> Axis {
    axis << 1 | 1
}

/// How rows of a packed column are put into their table and replaced there.
struct Packed {
    insert: &'static str,
    update: &'static str,
}

const SPAN: Packed = Packed {
    insert: "INSERT INTO span VALUES (?1, ?2, ?3)",
    update: "UPDATE span SET list = ?3 WHERE axis = ?1 AND first = ?2",
};

const LINK: Packed = Packed {
    insert: "INSERT INTO link VALUES (?1, ?2, ?3)",
    update: "UPDATE link SET list = ?3 WHERE path = ?1 AND first = ?2",
};

/// Appends cells, by position, to the column `id` of a table.
fn append<C, T>(
    db: &Connection,
    table: &Packed,
    memory: &mut HashMap<u32, Open<C>>,
    id: u32,
    cells: impl Iterator<Item = (u32, T)>,
    begin: impl Fn(u32) -> C,
    write: impl Fn(&mut C, u32, T, &mut Vec<u8>),
) -> rusqlite::Result<()> {
    let mut open = memory.remove(&id);
    for (position, cell) in cells {
        // All values of one position stay in one row, however many there are.
        let fits = open.as_ref().is_some_and(|row| row.blob.len() < BYTES_MAX || row.last == position);
        if !fits && let Some(full) = open.take() {
            store(db, table, id, &full)?;
        }
        let begun =
            || Open { first: position, last: position, cursor: begin(position), blob: Vec::new(), stored: false };
        let row = open.get_or_insert_with(begun);
        write(&mut row.cursor, position, cell, &mut row.blob);
        row.last = position;
    }
    if let Some(mut row) = open {
        store(db, table, id, &row)?;
        row.stored = true;
        memory.insert(id, row);
    }
    Ok(())
}

fn store<C>(db: &Connection, table: &Packed, id: u32, row: &Open<C>) -> rusqlite::Result<()> {
    let sql = if row.stored { table.update } else { table.insert };
    db.prepare_cached(sql)?.execute(params![id, row.first, row.blob])?;
    Ok(())
}
