//! Reading the index: lists whole, or only where some candidates lie.
//!
//! A list's rows are keyed by their first position, so that a test against few candidates reads the rows those lie in
//! and no other: what a patient's search costs does not grow with the population.

use super::column::{self, Axis, Span, bucket};
use super::held::Held;
use super::places::Places;
use super::{Index, Shared, batch, links, list, store};
use crate::error::Fault;
use crate::search::rows::Unit;
use fhir::search::params::PathId;
use fhir::terminology::Stored;
use parking_lot::RwLockReadGuard;
use rusqlite::{CachedStatement, Connection, params};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Connections kept for the next search.
const READERS: usize = 8;

/// Definitions of terminology kept in memory.
const SHELF: usize = 32;

/// Which posting: a hash, and one system or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListName {
    /// Names the list.
    pub hash: i64,
    /// 24 bits of the system; 0 for none; `None` for any.
    pub system: Option<u32>,
}

impl ListName {
    /// A list whose entries have no system.
    #[must_use]
    pub fn plain(hash: i64) -> ListName {
        ListName { hash, system: Some(0) }
    }
}

/// A look at the index in one database snapshot, true for the log's first `at` entries.
pub struct Reading<'i> {
    shared: &'i Arc<Shared>,
    db: Option<Connection>,
    /// What the file of this snapshot lacks.
    held: Held,
    /// Entries below this count.
    pub at: u32,
}

impl Index {
    /// Begins a look at the first `at` entries, which must be indexed.
    pub fn reading(&self, at: u32) -> Result<Reading<'_>, Fault> {
        Reading::of(&self.shared, at)
    }
}

impl<'i> Reading<'i> {
    /// Begins a look, also before the index is open to others.
    pub(super) fn of(shared: &'i Arc<Shared>, at: u32) -> Result<Reading<'i>, Fault> {
        let kept = shared.readers.lock().pop();
        let db = match kept {
            Some(db) => db,
            None => store::reader(&shared.path)?,
        };
        // The snapshot is taken when something is read. While memory holds a part, both are taken at one moment.
        let held = shared.held.read();
        db.execute_batch(if held.is_empty() { "BEGIN" } else { "BEGIN; SELECT watermark FROM state" })?;
        Ok(Reading { shared, db: Some(db), held: held.clone(), at })
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        let mut readers = self.shared.readers.lock();
        // A connection that cannot end its transaction is closed instead.
        if db.execute_batch("COMMIT").is_ok() && readers.len() < READERS {
            readers.push(db);
        }
    }
}

/// Which row of a list to read next.
#[derive(Clone, Copy)]
enum Wanted {
    /// The one that a candidate would stand in: the last that begins at or before it.
    At(u32),
    /// The first that begins after another row did.
    After(u32),
}

impl Wanted {
    fn statement<'s, 'db>(
        self,
        at: &'s mut CachedStatement<'db>,
        after: &'s mut CachedStatement<'db>,
    ) -> (&'s mut CachedStatement<'db>, u32) {
        match self {
            Wanted::At(candidate) => (at, candidate),
            Wanted::After(first) => (after, first),
        }
    }
}

/// Walks the rows of a list that ascending candidates may stand in. `row` reads one, takes off the front of the
/// candidates what it has passed, and answers the row's first and last position.
///
/// A row that ends before the next candidate does not tell whether another begins before that candidate: the row after it
/// is read next, so that a gap of any width costs two look-ups and not one a candidate.
fn meet<'c>(
    candidates: &'c [u32],
    mut row: impl FnMut(Wanted, &mut &'c [u32]) -> Read<Option<(u32, u32)>>,
) -> Read<()> {
    let mut rest = candidates;
    let Some(&start) = rest.first() else { return Ok(()) };
    let mut before = match row(Wanted::At(start), &mut rest)? {
        Some((first, last)) => {
            skip_below(&mut rest, last.saturating_add(1));
            first
        }
        // The list begins later, if at all; no row begins at 0 that would be passed over.
        None => 0,
    };
    let mut far = false;
    while let Some(&candidate) = rest.first() {
        let wanted = if far { Wanted::At(candidate) } else { Wanted::After(before) };
        let Some((first, last)) = row(wanted, &mut rest)? else { return Ok(()) };
        // A row that ends before the candidate: leap to where the candidate would stand, unless that was just done.
        far = last < candidate && !far;
        skip_below(&mut rest, last.saturating_add(1));
        before = first;
    }
    Ok(())
}

fn skip_below(rest: &mut &[u32], position: u32) {
    while rest.first().is_some_and(|&candidate| candidate < position) {
        *rest = &rest[1..];
    }
}

/// Takes out what was added after `begin` and stands at or beyond `at`.
fn cut(out: &mut Vec<u32>, begin: usize, at: u32) {
    let added = out.split_off(begin);
    out.extend(added.into_iter().filter(|&position| position < at));
}

fn altered(table: &str) -> Fault {
    Fault::Altered(format!("the index was altered (index.sqlite, table {table}); run `chartroom rebuild`"))
}

type Read<T> = Result<T, Fault>;

impl Reading<'_> {
    fn db(&self) -> &Connection {
        self.db.as_ref().expect("the connection is there until the reading ends")
    }

    fn prepare(&self, sql: &str) -> Read<CachedStatement<'_>> {
        Ok(self.db().prepare_cached(sql)?)
    }

    /// The keyed hash that names lists.
    pub fn hasher(&self) -> &crate::keys::Hasher {
        &self.shared.hasher
    }

    /// URLs that this server is known by, without a slash at the end.
    pub fn bases(&self) -> Vec<String> {
        self.shared.bases.read().clone()
    }

    /// A definition that was read before.
    pub fn shelf(&self, position: u32) -> Option<Stored> {
        self.shared.shelf.lock().iter().find(|kept| kept.0 == position).map(|kept| kept.1.clone())
    }

    /// Keeps a definition that was read, and forgets the oldest beyond [`SHELF`].
    pub fn shelve(&self, position: u32, definition: Stored) {
        let mut shelf = self.shared.shelf.lock();
        shelf.push_back((position, definition));
        if shelf.len() > SHELF {
            shelf.pop_front();
        }
    }

    /// What is known of every position.
    pub fn places(&self) -> RwLockReadGuard<'_, Places> {
        self.shared.places.read()
    }

    /// The units for which `wanted` holds.
    pub fn units(&self, wanted: impl Fn(&Unit) -> bool) -> Vec<u32> {
        self.shared.units.read().iter().filter(|unit| wanted(unit)).map(|unit| unit.id).collect()
    }

    /// Adds every position of a list to `out`; within one system they ascend.
    pub fn list(&self, name: ListName, out: &mut Vec<u32>) -> Read<()> {
        let at = self.at;
        self.list_rows(name, |first, blob| {
            let each = |position| {
                if position < at {
                    out.push(position);
                }
            };
            list::decode(first, blob, each)
        })?;
        let begin = out.len();
        self.held.list(name, out);
        cut(out, begin, at);
        Ok(())
    }

    /// Calls `row` with each packed row of a list, until it says `false`, which is a fault.
    fn list_rows(&self, name: ListName, mut row: impl FnMut(u32, &[u8]) -> bool) -> Read<()> {
        let one = "SELECT first, list FROM posting WHERE hash = ?1 AND system = ?2 AND first < ?3";
        let any = "SELECT first, list FROM posting WHERE hash = ?1 AND ?2 = -1 AND first < ?3";
        let mut statement = self.prepare(if name.system.is_some() { one } else { any })?;
        let system = name.system.map_or(-1, i64::from);
        let mut rows = statement.query(params![name.hash, system, self.at])?;
        while let Some(found) = rows.next()? {
            let blob = found.get_ref(1)?.as_blob().map_err(|_| altered("posting"))?;
            if !row(found.get(0)?, blob) {
                return Err(altered("posting"));
            }
        }
        Ok(())
    }

    /// How many rows a list has, up to `most`: a measure of its length without reading it.
    pub fn rows(&self, name: ListName, most: u32) -> Read<u32> {
        let one = "SELECT count(*) FROM (SELECT 1 FROM posting WHERE hash = ?1 AND system = ?2 LIMIT ?3)";
        let any = "SELECT count(*) FROM (SELECT 1 FROM posting WHERE hash = ?1 AND ?2 = -1 LIMIT ?3)";
        let mut statement = self.prepare(if name.system.is_some() { one } else { any })?;
        let system = name.system.map_or(-1, i64::from);
        let filed: u32 = statement.query_row(params![name.hash, system, most], |row| row.get(0))?;
        Ok(filed.saturating_add(self.held.rows_of(name)).min(most))
    }

    /// Those of the ascending `candidates` that a list has.
    pub fn list_within(&self, name: ListName, candidates: &[u32], out: &mut Vec<u32>) -> Read<()> {
        let systems = match name.system {
            Some(system) => vec![system],
            None => self.systems(name.hash)?,
        };
        for system in systems {
            self.one_list_within(name.hash, system, candidates, out)?;
        }
        self.held.list_within(name, candidates, out);
        Ok(())
    }

    fn systems(&self, hash: i64) -> Read<Vec<u32>> {
        let mut next = self.prepare("SELECT min(system) FROM posting WHERE hash = ?1 AND system > ?2")?;
        let mut systems = Vec::new();
        let mut last = -1;
        while let Some(system) = next.query_row([hash, last], |row| row.get::<_, Option<u32>>(0))? {
            systems.push(system);
            last = i64::from(system);
        }
        Ok(systems)
    }

    fn one_list_within(&self, hash: i64, system: u32, candidates: &[u32], out: &mut Vec<u32>) -> Read<()> {
        let at = "SELECT first, list FROM posting WHERE hash = ?1 AND system = ?2 AND first <= ?3
                  ORDER BY first DESC LIMIT 1";
        let after = "SELECT first, list FROM posting WHERE hash = ?1 AND system = ?2 AND first > ?3
                     ORDER BY first LIMIT 1";
        let (mut at, mut after) = (self.prepare(at)?, self.prepare(after)?);
        meet(candidates, |wanted, rest| {
            let (statement, than) = wanted.statement(&mut at, &mut after);
            let mut rows = statement.query(params![hash, system, than])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let (first, blob) = (row.get(0)?, row.get_ref(1)?.as_blob().map_err(|_| altered("posting"))?);
            let mut last = first;
            let fine = list::decode(first, blob, |position| {
                skip_below(rest, position);
                if rest.first() == Some(&position) {
                    out.push(position);
                    *rest = &rest[1..];
                }
                last = position;
            });
            if fine { Ok(Some((first, last))) } else { Err(altered("posting")) }
        })
    }

    /// Calls `each` with every span of an axis, in log order.
    pub fn column(&self, axis: Axis, mut each: impl FnMut(u32, Span)) -> Read<()> {
        let at = self.at;
        let mut statement = self.prepare("SELECT first, list FROM span WHERE axis = ?1 AND first < ?2")?;
        let mut rows = statement.query(params![axis, at])?;
        while let Some(row) = rows.next()? {
            let blob = row.get_ref(1)?.as_blob().map_err(|_| altered("span"))?;
            let each = |position, span| {
                if position < at {
                    each(position, span);
                }
            };
            if !column::decode(axis, row.get(0)?, blob, each) {
                return Err(altered("span"));
            }
        }
        self.held.column(axis, |position, span| {
            if position < at {
                each(position, span);
            }
        });
        Ok(())
    }

    /// Calls `each` with every span of an axis that lies at one of the ascending `candidates`.
    pub fn column_within(&self, axis: Axis, candidates: &[u32], mut each: impl FnMut(u32, Span)) -> Read<()> {
        let at = "SELECT first, list FROM span WHERE axis = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
        let after = "SELECT first, list FROM span WHERE axis = ?1 AND first > ?2 ORDER BY first LIMIT 1";
        let (mut at, mut after) = (self.prepare(at)?, self.prepare(after)?);
        meet(candidates, |wanted, rest| {
            let (statement, than) = wanted.statement(&mut at, &mut after);
            let mut rows = statement.query(params![axis, than])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let (first, blob) = (row.get(0)?, row.get_ref(1)?.as_blob().map_err(|_| altered("span"))?);
            let mut last = first;
            let fine = column::decode(axis, first, blob, |position, span| {
                skip_below(rest, position);
                if rest.first() == Some(&position) {
                    each(position, span);
                }
                last = position;
            });
            if fine { Ok(Some((first, last))) } else { Err(altered("span")) }
        })?;
        self.held.column_within(axis, candidates, each);
        Ok(())
    }

    /// Calls `each` with every local reference by a path that lies at one of the ascending `candidates`: the position and
    /// the key of what it refers to.
    pub fn links_within(&self, path: PathId, candidates: &[u32], mut each: impl FnMut(u32, i64)) -> Read<()> {
        let at = "SELECT first, list FROM link WHERE path = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
        let after = "SELECT first, list FROM link WHERE path = ?1 AND first > ?2 ORDER BY first LIMIT 1";
        let (mut at, mut after) = (self.prepare(at)?, self.prepare(after)?);
        meet(candidates, |wanted, rest| {
            let (statement, than) = wanted.statement(&mut at, &mut after);
            let mut rows = statement.query(params![path, than])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let (first, blob) = (row.get(0)?, row.get_ref(1)?.as_blob().map_err(|_| altered("link"))?);
            let mut last = first;
            let fine = links::decode(first, blob, |position, key| {
                skip_below(rest, position);
                if rest.first() == Some(&position) {
                    each(position, key);
                }
                last = position;
            });
            if fine { Ok(Some((first, last))) } else { Err(altered("link")) }
        })?;
        self.held.links_within(path, candidates, each);
        Ok(())
    }

    /// Calls `each` with every local reference by a path, in log order.
    pub fn links(&self, path: PathId, mut each: impl FnMut(u32, i64)) -> Read<()> {
        let mut statement = self.prepare("SELECT first, list FROM link WHERE path = ?1 ORDER BY first")?;
        let mut rows = statement.query([path])?;
        while let Some(row) = rows.next()? {
            let blob = row.get_ref(1)?.as_blob().map_err(|_| altered("link"))?;
            if !links::decode(row.get(0)?, blob, &mut each) {
                return Err(altered("link"));
            }
        }
        self.held.links(path, each);
        Ok(())
    }

    /// Adds the positions with some value of the axis that *may* lie in the range: whole buckets are taken, by the least
    /// value, and by the greatest where that falls in another bucket. Neither sorted nor distinct.
    pub fn buckets(&self, axis: Axis, range: RangeInclusive<i64>, out: &mut Vec<u32>) -> Read<()> {
        let at = self.at;
        let sql = "SELECT first, list FROM bucket WHERE side = ?1 AND bucket BETWEEN ?2 AND ?3 AND first < ?4";
        let (from, to) = (bucket(axis, *range.start()), bucket(axis, *range.end()));
        for side in [batch::low_side(axis), batch::high_side(axis)] {
            let mut statement = self.prepare(sql)?;
            let mut rows = statement.query(params![side, from, to, at])?;
            while let Some(row) = rows.next()? {
                let blob = row.get_ref(1)?.as_blob().map_err(|_| altered("bucket"))?;
                if !list::decode(row.get(0)?, blob, |position| out.extend((position < at).then_some(position))) {
                    return Err(altered("bucket"));
                }
            }
        }
        let begin = out.len();
        self.held.buckets(axis, &(from..=to), out);
        cut(out, begin, at);
        Ok(())
    }

    /// How many rows of buckets a range has, up to `most`.
    pub fn bucket_rows(&self, axis: Axis, range: &RangeInclusive<i64>, most: u32) -> Read<u32> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM bucket WHERE side = ?1 AND bucket BETWEEN ?2 AND ?3 LIMIT ?4)";
        let (from, to) = (bucket(axis, *range.start()), bucket(axis, *range.end()));
        let mut statement = self.prepare(sql)?;
        let filed: u32 = statement.query_row(params![batch::low_side(axis), from, to, most], |row| row.get(0))?;
        let mut held = Vec::new();
        self.held.buckets(axis, &(from..=to), &mut held);
        Ok(filed.saturating_add(held.len() as u32).min(most))
    }

    /// The lists of displays that begin with a label.
    pub fn displays(&self, label: i64) -> Read<Vec<i64>> {
        let mut statement = self.prepare("SELECT display FROM label WHERE prefix = ?1")?;
        let mut displays: Vec<i64> = statement.query_map([label], |row| row.get(0))?.collect::<Result<_, _>>()?;
        if !self.held.is_empty() {
            self.held.displays(label, &self.shared.hasher, &mut displays);
            displays.sort_unstable();
            displays.dedup();
        }
        Ok(displays)
    }
}
