//! Taking the rows of some entries out of the index: what is left is what a new index would hold.
//!
//! Rows are packed, so each one that one of the entries stands in is unpacked, and packed again without it. SQLite
//! overwrites what is deleted (`secure_delete`), and the write-ahead log is emptied afterwards.

use super::Appended;
use super::cell::{Cell, cells};
use super::column::{self, Axis};
use super::links;
use super::list;
use super::places::{BLOCK, PLACE_BYTES, Place};
use super::store::{State, write_state};
use super::sums::Counting;
use crate::error::Fault;
use crate::keys::Hasher;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::{BTreeMap, BTreeSet};

type Positions = BTreeSet<u32>;

/// Takes out, in one transaction, what the index says of entries that it covers, and answers the state after it. Of each
/// is left which resource it was a version of, and which version followed. A fault leaves all as it was.
pub fn scrub(
    db: &mut Connection,
    hasher: &Hasher,
    stamp: &str,
    state: State,
    entries: &[Appended],
) -> Result<State, Fault> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let (removed, added) = (Counting::new(hasher), Counting::new(hasher));
    let mut scrubbing = Scrubbing { db: &transaction, removed, added };
    let wanted = Wanted::of(hasher, entries);
    for (&(hash, system), positions) in &wanted.postings {
        scrubbing.list(&POSTING, hash, system, positions)?;
    }
    for (&(side, bucket), positions) in &wanted.buckets {
        scrubbing.list(&BUCKET, bucket, side, positions)?;
    }
    wanted.spans.iter().try_for_each(|(&axis, positions)| scrubbing.spans(axis, positions))?;
    wanted.links.iter().try_for_each(|(&path, positions)| scrubbing.links(path, positions))?;
    wanted.places.iter().try_for_each(|&position| scrubbing.place(position))?;
    scrubbing.labels(&wanted.words)?;
    scrubbing.units(&wanted.words)?;
    let Scrubbing { removed, added, .. } = scrubbing;
    let mut state = state;
    state.sums.take_back(&removed.sums());
    state.sums.count(&added.sums());
    write_state(&transaction, hasher, &state, stamp)?;
    transaction.commit()?;
    Ok(state)
}

/// What is to be taken out, by list.
#[derive(Default)]
struct Wanted {
    postings: BTreeMap<(i64, u32), Positions>,
    buckets: BTreeMap<(Axis, i64), Positions>,
    spans: BTreeMap<Axis, Positions>,
    links: BTreeMap<u32, Positions>,
    places: Positions,
    words: Vec<Cell>,
}

impl Wanted {
    fn of(hasher: &Hasher, entries: &[Appended]) -> Wanted {
        let mut wanted = Wanted::default();
        for cell in entries.iter().flat_map(|entry| cells(hasher, entry)) {
            let _: bool = match cell {
                Cell::Posting { hash, system, position } => {
                    wanted.postings.entry((hash, system)).or_default().insert(position)
                }
                Cell::Bucket { side, bucket, position } => {
                    wanted.buckets.entry((side, bucket)).or_default().insert(position)
                }
                Cell::Span { position, span } => wanted.spans.entry(span.axis).or_default().insert(position),
                Cell::Link { path, position, .. } => wanted.links.entry(path).or_default().insert(position),
                Cell::Place { position, .. } => wanted.places.insert(position),
                // Which version followed says nothing of the patient that the record does not say as well.
                Cell::Superseded { .. } => false,
                Cell::Unit(_) | Cell::Label { .. } => {
                    wanted.words.push(cell);
                    true
                }
            };
        }
        wanted
    }
}

/// The statements for a table of packed rows; its key has a number, a smaller one, and the first position.
struct Packed {
    name: &'static str,
    find: &'static str,
    delete: &'static str,
    insert: &'static str,
}

const POSTING: Packed = Packed {
    name: "posting",
    find: "SELECT first, list FROM posting WHERE hash = ?1 AND system = ?2 AND first <= ?3 ORDER BY first DESC LIMIT 1",
    delete: "DELETE FROM posting WHERE hash = ?1 AND system = ?2 AND first = ?3",
    insert: "INSERT INTO posting (hash, system, first, list) VALUES (?1, ?2, ?3, ?4)",
};

const BUCKET: Packed = Packed {
    name: "bucket",
    find: "SELECT first, list FROM bucket WHERE bucket = ?1 AND side = ?2 AND first <= ?3 ORDER BY first DESC LIMIT 1",
    delete: "DELETE FROM bucket WHERE bucket = ?1 AND side = ?2 AND first = ?3",
    insert: "INSERT INTO bucket (bucket, side, first, list) VALUES (?1, ?2, ?3, ?4)",
};

const SPAN: Packed = Packed {
    name: "span",
    find: "SELECT first, list FROM span WHERE axis = ?1 AND ?2 = 0 AND first <= ?3 ORDER BY first DESC LIMIT 1",
    delete: "DELETE FROM span WHERE axis = ?1 AND ?2 = 0 AND first = ?3",
    insert: "INSERT INTO span (axis, first, list) SELECT ?1, ?3, ?4 WHERE ?2 = 0",
};

const LINK: Packed = Packed {
    name: "link",
    find: "SELECT first, list FROM link WHERE path = ?1 AND ?2 = 0 AND first <= ?3 ORDER BY first DESC LIMIT 1",
    delete: "DELETE FROM link WHERE path = ?1 AND ?2 = 0 AND first = ?3",
    insert: "INSERT INTO link (path, first, list) SELECT ?1, ?3, ?4 WHERE ?2 = 0",
};

struct Scrubbing<'t> {
    db: &'t Transaction<'t>,
    removed: Counting<'t>,
    added: Counting<'t>,
}

fn altered(table: &str) -> Fault {
    Fault::Altered(format!("the index was altered (index.sqlite, table {table}); run `chartroom rebuild`"))
}

impl Scrubbing<'_> {
    /// Takes positions out of the rows of one list. `row` unpacks a row from its first position, takes off the end of the
    /// positions those it has met, and packs what is left: the new first position and bytes, or nothing.
    fn rows(
        &mut self,
        table: &Packed,
        key: (i64, u32),
        positions: &Positions,
        mut row: impl FnMut(&mut Self, u32, &[u8], &Positions) -> Option<(Positions, Option<(u32, Vec<u8>)>)>,
    ) -> Result<(), Fault> {
        let mut left = positions.clone();
        while let Some(&last) = left.last() {
            let found: Option<(u32, Vec<u8>)> = self
                .db
                .prepare_cached(table.find)?
                .query_row(params![key.0, key.1, last], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let (first, blob) = found.ok_or_else(|| altered(table.name))?;
            let (met, rest) = row(self, first, &blob, &left).ok_or_else(|| altered(table.name))?;
            if !met.contains(&last) {
                return Err(altered(table.name));
            }
            left.retain(|position| !met.contains(position));
            self.db.prepare_cached(table.delete)?.execute(params![key.0, key.1, first])?;
            if let Some((first, blob)) = rest {
                self.db.prepare_cached(table.insert)?.execute(params![key.0, key.1, first, blob])?;
            }
        }
        Ok(())
    }

    fn list(&mut self, table: &Packed, number: i64, part: u32, positions: &Positions) -> Result<(), Fault> {
        let is_posting = table.name == POSTING.name;
        self.rows(table, (number, part), positions, |this, first, blob, wanted| {
            let (mut met, mut kept) = (Positions::new(), Vec::new());
            let whole = list::decode(first, blob, |position| {
                if wanted.contains(&position) {
                    met.insert(position);
                } else {
                    kept.push(position);
                }
            });
            for &position in &met {
                this.removed.cell(&match is_posting {
                    true => Cell::Posting { hash: number, system: part, position },
                    false => Cell::Bucket { side: part, bucket: number, position },
                });
            }
            whole.then(|| (met, list::pack(&kept)))
        })
    }

    fn spans(&mut self, axis: Axis, positions: &Positions) -> Result<(), Fault> {
        self.rows(&SPAN, (i64::from(axis), 0), positions, |this, first, blob, wanted| {
            let (mut met, mut kept) = (Positions::new(), Vec::new());
            let whole = column::decode(axis, first, blob, |position, span| {
                if wanted.contains(&position) {
                    met.insert(position);
                    this.removed.cell(&Cell::Span { position, span });
                } else {
                    kept.push((position, span));
                }
            });
            whole.then(|| (met, column::pack(&kept)))
        })
    }

    fn links(&mut self, path: u32, positions: &Positions) -> Result<(), Fault> {
        self.rows(&LINK, (i64::from(path), 0), positions, |this, first, blob, wanted| {
            let (mut met, mut kept) = (Positions::new(), Vec::new());
            let whole = links::decode(first, blob, |position, key| {
                if wanted.contains(&position) {
                    met.insert(position);
                    this.removed.cell(&Cell::Link { path, position, key });
                } else {
                    kept.push((position, key));
                }
            });
            whole.then(|| (met, links::pack(&kept)))
        })
    }

    /// The place keeps what the record keeps as well, the resource's pseudonym and whose it was.
    fn place(&mut self, position: u32) -> Result<(), Fault> {
        let sql = "SELECT list FROM place WHERE block = ?1";
        let block: Option<Vec<u8>> =
            self.db.prepare_cached(sql)?.query_row([position / BLOCK], |row| row.get(0)).optional()?;
        let mut block = block.ok_or_else(|| altered("place"))?;
        let at = (position % BLOCK) as usize * PLACE_BYTES;
        let place = block.get(at..at + PLACE_BYTES).and_then(Place::read).ok_or_else(|| altered("place"))?;
        let left = place.forgotten();
        self.removed.cell(&Cell::Place { position, numbers: place.numbers() });
        self.added.cell(&Cell::Place { position, numbers: left.numbers() });
        let mut bytes = Vec::with_capacity(PLACE_BYTES);
        left.write(&mut bytes);
        block[at..at + PLACE_BYTES].copy_from_slice(&bytes);
        let sql = "UPDATE place SET list = ?2 WHERE block = ?1";
        self.db.prepare_cached(sql)?.execute(params![position / BLOCK, block])?;
        Ok(())
    }

    /// A display that nobody has any more loses the beginnings that lead to it.
    fn labels(&mut self, words: &[Cell]) -> Result<(), Fault> {
        let mut is_used = self.db.prepare_cached("SELECT EXISTS (SELECT 1 FROM posting WHERE hash = ?1)")?;
        let mut delete = self.db.prepare_cached("DELETE FROM label WHERE prefix = ?1 AND display = ?2")?;
        for cell in words {
            let Cell::Label { prefix, display } = *cell else { continue };
            let used: bool = is_used.query_row([display], |row| row.get(0))?;
            if !used && delete.execute([prefix, display])? > 0 {
                self.removed.cell(cell);
            }
        }
        Ok(())
    }

    /// A unit that no number has any more goes. To know that, all numbers are looked at until each unit has been seen.
    fn units(&mut self, words: &[Cell]) -> Result<(), Fault> {
        let mut unseen: BTreeMap<u32, Cell> = BTreeMap::new();
        for cell in words {
            if let Cell::Unit(unit) = cell {
                unseen.insert(unit.id, *cell);
            }
        }
        let mut find = self.db.prepare("SELECT axis, first, list FROM span")?;
        let mut rows = find.query([])?;
        while !unseen.is_empty()
            && let Some(row) = rows.next()?
        {
            let blob = row.get_ref(2)?.as_blob().map_err(|_| altered("span"))?;
            let each = |_, span: column::Span| {
                unseen.remove(&span.unit);
            };
            if !column::decode(row.get(0)?, row.get(1)?, blob, each) {
                return Err(altered("span"));
            }
        }
        for (id, cell) in unseen {
            if self.db.execute("DELETE FROM unit WHERE id = ?1", [id])? > 0 {
                self.removed.cell(&cell);
            }
        }
        Ok(())
    }
}
