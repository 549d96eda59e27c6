//! Which row of the index is not what was written: told by comparing with what the entries say.
//!
//! Three passes, so that memory stays small: a number for each entry, over what it says less what the index says of it;
//! then the facts of those entries alone whose number is not 0.

use super::cell::Cell;
use super::verify::{Damage, Examined, Wrong};
use super::walk::{RowName, STORED, Stored, walk};
use crate::error::Error;
use crate::keys::Hasher;
use rusqlite::Connection;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Entries that are compared fact by fact; of more, only the first are named.
const COMPARED_MAX: usize = 4_096;

/// What the entries say.
pub trait Entries {
    /// Calls `each` with what each entry below `end` says, or with `None` where that cannot be known.
    fn all(&self, end: u32, each: &mut dyn FnMut(u32, Option<&[Cell]>)) -> Result<(), Error>;

    /// What one entry says.
    fn one(&self, position: u32) -> Result<Option<Vec<Cell>>, Error>;
}

/// Names the rows of the differing tables that do not say what the entries say, and what no row says.
pub fn differences(
    db: &Connection,
    hasher: &Hasher,
    examined: &Examined,
    entries: &impl Entries,
) -> Result<Vec<Damage>, Error> {
    let tables: Vec<&Stored> = STORED.iter().filter(|s| examined.differing.contains(&s.table)).collect();
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let mut compared = Compared { end: examined.covered, tables, found: Found::default(), words: HashSet::new() };
    let (suspects, unknown) = compared.suspects(db, hasher, entries)?;
    let mut damage = compared.facts(db, entries, &suspects, unknown)?;
    let rest = suspects.len().saturating_sub(COMPARED_MAX);
    if rest > 0 {
        let what = format!("of {rest} more entries, rows say what those do not say, or do not say what those say");
        damage.push(Damage::of_table(compared.tables[0].name, what));
    }
    Ok(damage)
}

/// Names the rows that still tell of these positions, which nobody can read any more. The tables that differ are left out:
/// what is wrong in them is named by [`differences`].
pub fn remains(db: &Connection, examined: &Examined, of: &HashSet<u32>) -> Vec<Damage> {
    let mut found = Found::default();
    let tables = STORED.iter().filter(|stored| !of.is_empty() && !examined.differing.contains(&stored.table));
    for stored in tables {
        // A table that cannot be read was named before.
        let _ = walk(db, stored, &mut |row, cells, _| {
            let positions = cells.iter().filter(|cell| tells(cell)).filter_map(Cell::position);
            positions.filter(|at| of.contains(at)).for_each(|at| found.extra(row, Some(at)));
        });
    }
    found.damage()
}

/// Whether a fact says more of a version than the record does when nobody can read it.
fn tells(cell: &Cell) -> bool {
    match cell {
        Cell::Superseded { .. } => false,
        Cell::Place { numbers: [_, resource_type, _, labels], .. } => (*resource_type, *labels) != (0, 0),
        _ => true,
    }
}

struct Compared {
    end: u32,
    tables: Vec<&'static Stored>,
    found: Found,
    /// Units and displays that entries say.
    words: HashSet<Cell>,
}

/// What was found, gathered by row and by list.
#[derive(Default)]
struct Found {
    extra: Vec<(RowName, Option<u32>, usize)>,
    missing: BTreeMap<(&'static str, String), (Option<u32>, usize)>,
}

impl Compared {
    fn wants(&self, cell: &Cell) -> bool {
        self.tables.iter().any(|stored| stored.table == cell.table())
    }

    /// The entries of which the index does not say what they say, and whether some could not be asked.
    fn suspects(
        &mut self,
        db: &Connection,
        hasher: &Hasher,
        entries: &impl Entries,
    ) -> Result<(Vec<u32>, bool), Error> {
        let mut sums = vec![0u64; self.end as usize];
        let mut unknown = HashSet::new();
        let mut words = std::mem::take(&mut self.words);
        entries.all(self.end, &mut |position, cells| {
            let Some(cells) = cells else {
                unknown.insert(position);
                return;
            };
            for cell in cells.iter().filter(|cell| self.wants(cell)) {
                match cell.position().and_then(|p| sums.get_mut(p as usize)) {
                    Some(sum) => *sum = sum.wrapping_add(cell.hash(hasher) as u64),
                    None => drop(words.insert(*cell)),
                }
            }
        })?;
        self.words = words;
        for stored in &self.tables {
            walk(db, stored, &mut |_, cells, _| {
                for cell in cells {
                    if let Some(sum) = cell.position().and_then(|position| sums.get_mut(position as usize)) {
                        *sum = sum.wrapping_sub(cell.hash(hasher) as u64);
                    }
                }
            })?;
        }
        let differs = |(position, sum): (u32, u64)| (sum != 0 && !unknown.contains(&position)).then_some(position);
        Ok(((0..).zip(sums).filter_map(differs).collect(), !unknown.is_empty()))
    }

    /// Compares the suspects fact by fact.
    fn facts(
        &mut self,
        db: &Connection,
        entries: &impl Entries,
        suspects: &[u32],
        unknown: bool,
    ) -> Result<Vec<Damage>, Error> {
        let mut said: HashMap<Cell, usize> = HashMap::new();
        let compared: HashSet<u32> = suspects.iter().take(COMPARED_MAX).copied().collect();
        for &position in &compared {
            for cell in entries.one(position)?.into_iter().flatten().filter(|cell| self.wants(cell)) {
                if cell.position().is_some() {
                    *said.entry(cell).or_default() += 1;
                }
            }
        }
        for stored in std::mem::take(&mut self.tables) {
            walk(db, stored, &mut |row, cells, _| {
                for cell in cells {
                    let is_said = match cell.position() {
                        Some(position) if position < self.end && !compared.contains(&position) => true,
                        Some(_) => said.get_mut(cell).is_some_and(|n| n.checked_sub(1).map(|less| *n = less).is_some()),
                        // Where an entry could not be asked, nobody knows which unit it has.
                        None => self.words.remove(cell) || unknown,
                    };
                    if !is_said {
                        self.found.extra(row, cell.position());
                    }
                }
            })?;
            self.tables.push(stored);
        }
        said.iter().filter(|(_, n)| **n > 0).for_each(|(cell, _)| self.found.missing(cell));
        self.words.iter().for_each(|cell| self.found.missing(cell));
        Ok(std::mem::take(&mut self.found).damage())
    }
}

impl Found {
    fn extra(&mut self, row: RowName, position: Option<u32>) {
        match self.extra.last_mut() {
            Some((last, _, more)) if *last == row => *more += 1,
            _ => self.extra.push((row, position, 0)),
        }
    }

    fn missing(&mut self, cell: &Cell) {
        let position = cell.position();
        self.missing
            .entry((cell.table_name(), cell.list()))
            .and_modify(|(first, more)| (*first, *more) = ((*first).min(position), *more + 1))
            .or_insert((position, 0));
    }

    fn damage(self) -> Vec<Damage> {
        let extra = self.extra.into_iter().map(|(row, position, more)| {
            let (table, row) = (row.stored.name, row.to_string());
            Damage { table, row, position, more, wrong: Wrong::Extra }
        });
        let missing = self.missing.into_iter().map(|((table, row), (position, more))| Damage {
            table,
            row,
            position,
            more,
            wrong: Wrong::Missing,
        });
        extra.chain(missing).collect()
    }
}
