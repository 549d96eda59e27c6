//! One batch of log entries becomes rows: sorted by table and key, in one transaction with the watermark.

use super::Appended;
use super::column::{Axis, Cursor, Span, bucket};
use super::list::BYTES_MAX;
use super::places::{BLOCK, PLACE_BYTES, write_place};
use super::store::{State, write_state};
use super::sums::Table;
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
    columns: HashMap<Axis, Column>,
    units: HashSet<u32>,
    labels: HashSet<i64>,
}

impl Memory {
    /// With the units that the file has already.
    pub fn new(units: &[Unit]) -> Memory {
        Memory { units: units.iter().map(|u| u.id).collect(), ..Memory::default() }
    }
}

struct Column {
    first: u32,
    last: u32,
    cursor: Cursor,
    blob: Vec<u8>,
    stored: bool,
}

/// Writes a batch and answers the state after it. Positions continue where `state` ended.
pub fn write(
    db: &mut Connection,
    hasher: &Hasher,
    stamp: &str,
    memory: &mut Memory,
    state: State,
    entries: &[Appended],
) -> rusqlite::Result<State> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut batch = Batch { db: &transaction, hasher, memory, state };
    batch.postings(entries)?;
    batch.spans(entries)?;
    batch.places(entries)?;
    batch.superseded(entries)?;
    batch.units(entries)?;
    batch.labels(entries)?;
    let mut state = batch.state;
    state.watermark += entries.len() as u32;
    write_state(&transaction, hasher, &state, stamp)?;
    transaction.commit()?;
    Ok(state)
}

struct Batch<'b> {
    db: &'b Transaction<'b>,
    hasher: &'b Hasher,
    memory: &'b mut Memory,
    state: State,
}

impl Batch<'_> {
    fn numbered<'e>(&self, entries: &'e [Appended]) -> impl Iterator<Item = (u32, &'e Appended)> + use<'e> {
        (self.state.watermark..).zip(entries)
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
            list.iter().for_each(|row| self.state.sums.posting(self.hasher, hash, system, row.2));
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
            self.column(column[0].0, column)?;
        }
        rows.iter().for_each(|(_, position, span)| self.state.sums.span(self.hasher, *position, span));
        self.buckets(&rows)
    }

    fn column(&mut self, axis: Axis, rows: &[(Axis, u32, Span)]) -> rusqlite::Result<()> {
        let mut column = self.memory.columns.remove(&axis);
        for (_, position, span) in rows {
            // All values of one position stay in one row, however many there are.
            let fits = column.as_ref().is_some_and(|c| c.blob.len() < BYTES_MAX || c.last == *position);
            if !fits {
                if let Some(full) = column.take() {
                    store_column(self.db, axis, &full)?;
                }
                let cursor = Cursor::new(*position);
                column = Some(Column { first: *position, last: *position, cursor, blob: Vec::new(), stored: false });
            }
            if let Some(column) = &mut column {
                column.cursor.write(*position, span, &mut column.blob);
                column.last = *position;
            }
        }
        if let Some(mut column) = column {
            store_column(self.db, axis, &column)?;
            column.stored = true;
            self.memory.columns.insert(axis, column);
        }
        Ok(())
    }

    fn buckets(&mut self, spans: &[(Axis, u32, Span)]) -> rusqlite::Result<()> {
        let mut rows: Vec<(Axis, i64, u32)> = Vec::with_capacity(spans.len());
        for (axis, position, span) in spans {
            let (low, high) = (bucket(*axis, span.low), bucket(*axis, span.high));
            rows.push((low_side(*axis), low, *position));
            if high != low {
                rows.push((high_side(*axis), high, *position));
            }
        }
        rows.sort_unstable();
        rows.dedup();
        let mut lists = Lists::bucket(self.db)?;
        for list in rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (side, bucket, _) = list[0];
            lists.append(&mut self.memory.buckets, (bucket, side), list.iter().map(|row| row.2))?;
            list.iter().for_each(|row| self.state.sums.bucket(self.hasher, side, bucket, row.2));
        }
        Ok(())
    }

    fn places(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let mut read = self.db.prepare_cached("SELECT list FROM place WHERE block = ?1")?;
        let mut write = self.db.prepare_cached("INSERT OR REPLACE INTO place VALUES (?1, ?2)")?;
        let mut block = self.state.watermark / BLOCK;
        let mut blob: Vec<u8> = read.query_row([block], |row| row.get(0)).optional()?.unwrap_or_default();
        for (position, entry) in self.numbered(entries) {
            if position / BLOCK != block {
                write.execute(params![block, blob])?;
                (block, blob) = (position / BLOCK, Vec::with_capacity(BLOCK as usize * PLACE_BYTES));
            }
            write_place(entry.key, entry.rows.type_number, &mut blob);
            let row = [i64::from(position), entry.key, i64::from(entry.rows.type_number)];
            self.state.sums.row(self.hasher, Table::Place, &row);
        }
        write.execute(params![block, blob])?;
        Ok(())
    }

    fn superseded(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let mut write = self.db.prepare_cached("INSERT OR REPLACE INTO superseded VALUES (?1, ?2)")?;
        for (position, entry) in self.numbered(entries) {
            if let Some(previous) = entry.previous {
                write.execute(params![previous, position])?;
                let row = [i64::from(previous), i64::from(position)];
                self.state.sums.row(self.hasher, Table::Superseded, &row);
            }
        }
        Ok(())
    }

    fn units(&mut self, entries: &[Appended]) -> rusqlite::Result<()> {
        let mut write = self.db.prepare_cached("INSERT INTO unit VALUES (?1, ?2, ?3, ?4)")?;
        for unit in entries.iter().flat_map(|e| &e.rows.units) {
            if self.memory.units.insert(unit.id) {
                write.execute(params![unit.id, unit.system, unit.code, unit.human])?;
                let row = [i64::from(unit.id), unit.system, unit.code, unit.human];
                self.state.sums.row(self.hasher, Table::Words, &row);
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
                    self.state.sums.row(self.hasher, Table::Words, &[prefix, *display]);
                }
            }
        }
        Ok(())
    }
}

/// Where positions stand by the bucket of their least value.
pub fn low_side(axis: Axis) -> Axis {
    axis << 1
}

/// Where positions stand by the bucket of their greatest value, if that is another.
pub fn high_side(axis: Axis) -> Axis {
    axis << 1 | 1
}

fn store_column(db: &Connection, axis: Axis, column: &Column) -> rusqlite::Result<()> {
    let sql = if column.stored {
        "UPDATE span SET list = ?3 WHERE axis = ?1 AND first = ?2"
    } else {
        "INSERT INTO span VALUES (?1, ?2, ?3)"
    };
    db.prepare_cached(sql)?.execute(params![axis, column.first, column.blob])?;
    Ok(())
}
