//! Whether the index still is what was written: every row is read and summed again.

use super::column::{self, Axis};
use super::sums::Table;
use super::{Index, Sums, links, list, store};
use crate::error::Fault;
use crate::keys::Hasher;
use rusqlite::Connection;
use std::path::Path;

impl Index {
    /// Reads every row and compares the sums with those that were sealed. Answers the tables that were altered.
    ///
    /// Sums cover rows as they are meant, so that any change of a position, value, key or type shows. To name the row,
    /// compare with a rebuilt index.
    pub fn verify(&self) -> Result<Vec<&'static str>, Fault> {
        let db = store::reader(&self.shared.path)?;
        db.execute_batch("BEGIN")?;
        verify(&db, &self.shared.hasher)
    }

    /// How many entries of the log a file covers, as its sealed state says.
    pub fn covered(path: &Path, hasher: &Hasher) -> Result<u64, Fault> {
        Ok(u64::from(store::read_state(&store::reader(path)?, hasher)?.watermark))
    }

    /// Like [`Index::verify`] for a file that nobody has open.
    pub fn verify_file(path: &Path, hasher: &Hasher) -> Result<Vec<&'static str>, Fault> {
        verify(&store::reader(path)?, hasher)
    }
}

fn verify(db: &Connection, hasher: &Hasher) -> Result<Vec<&'static str>, Fault> {
    let sealed = store::read_state(db, hasher)?;
    let mut summing = Summing { db, hasher, sums: Sums::default(), broken: Vec::new() };
    summing.postings()?;
    summing.spans()?;
    summing.links()?;
    summing.buckets()?;
    summing.numbers(Table::Superseded, "SELECT position, until FROM superseded", 2)?;
    summing.numbers(Table::Words, "SELECT id, system, code, human FROM unit", 4)?;
    summing.numbers(Table::Words, "SELECT prefix, display FROM label", 2)?;
    summing.places()?;
    let differing = summing.sums.differences(&sealed.sums).into_iter().map(Table::name);
    let mut altered: Vec<_> = differing.chain(summing.broken).collect();
    if !has_schema(db)? {
        altered.push("sqlite_schema");
    }
    altered.sort_unstable();
    altered.dedup();
    Ok(altered)
}

/// Whether the tables are the ones a new file gets: a writer fails on what a reader may pass over.
fn has_schema(db: &Connection) -> Result<bool, Fault> {
    let read = |db: &Connection| -> rusqlite::Result<Vec<(String, Option<String>)>> {
        let mut find = db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")?;
        find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let fresh = Connection::open_in_memory()?;
    fresh.execute_batch(store::SCHEMA)?;
    Ok(read(db)? == read(&fresh)?)
}

struct Summing<'s> {
    db: &'s Connection,
    hasher: &'s Hasher,
    sums: Sums,
    broken: Vec<&'static str>,
}

impl Summing<'_> {
    fn each(
        &mut self,
        table: Table,
        sql: &str,
        mut take: impl FnMut(&mut Sums, &rusqlite::Row) -> Option<()>,
    ) -> Result<(), Fault> {
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if take(&mut self.sums, row).is_none() {
                self.broken.push(table.name());
            }
        }
        Ok(())
    }

    fn postings(&mut self) -> Result<(), Fault> {
        let hasher = self.hasher;
        self.each(Table::Posting, "SELECT hash, system, first, list FROM posting", |sums, row| {
            let (hash, system) = (row.get(0).ok()?, row.get(1).ok()?);
            let blob = row.get_ref(3).ok()?.as_blob().ok()?;
            list::decode(row.get(2).ok()?, blob, |p| sums.posting(hasher, hash, system, p)).then_some(())
        })
    }

    fn buckets(&mut self) -> Result<(), Fault> {
        let hasher = self.hasher;
        self.each(Table::Bucket, "SELECT side, bucket, first, list FROM bucket", |sums, row| {
            let (side, bucket) = (row.get::<_, Axis>(0).ok()?, row.get(1).ok()?);
            let blob = row.get_ref(3).ok()?.as_blob().ok()?;
            list::decode(row.get(2).ok()?, blob, |p| sums.bucket(hasher, side, bucket, p)).then_some(())
        })
    }

    fn spans(&mut self) -> Result<(), Fault> {
        let hasher = self.hasher;
        self.each(Table::Span, "SELECT axis, first, list FROM span", |sums, row| {
            let blob = row.get_ref(2).ok()?.as_blob().ok()?;
            let each = |position, span| sums.span(hasher, position, &span);
            column::decode(row.get(0).ok()?, row.get(1).ok()?, blob, each).then_some(())
        })
    }

    fn links(&mut self) -> Result<(), Fault> {
        let hasher = self.hasher;
        self.each(Table::Link, "SELECT path, first, list FROM link", |sums, row| {
            let (path, blob) = (row.get::<_, i64>(0).ok()?, row.get_ref(2).ok()?.as_blob().ok()?);
            let each = |position, key| sums.row(hasher, Table::Link, &[path, i64::from(position), key]);
            links::decode(row.get(1).ok()?, blob, each).then_some(())
        })
    }

    fn numbers(&mut self, table: Table, sql: &str, columns: usize) -> Result<(), Fault> {
        let hasher = self.hasher;
        self.each(table, sql, |sums, row| {
            let numbers: Option<Vec<i64>> = (0..columns).map(|i| row.get(i).ok()).collect();
            sums.row(hasher, table, &numbers?);
            Some(())
        })
    }

    fn places(&mut self) -> Result<(), Fault> {
        let hasher = self.hasher;
        let mut position = 0;
        self.each(Table::Place, "SELECT list FROM place ORDER BY block", |sums, row| {
            let mut places = super::Places::default();
            let fine = places.extend_from(row.get_ref(0).ok()?.as_blob().ok()?);
            for i in 0..places.len() {
                let [key, type_number, kid, labels] = places.get(i).numbers();
                sums.row(hasher, Table::Place, &[position, key, type_number, kid, labels]);
                position += 1;
            }
            fine.then_some(())
        })
    }
}
