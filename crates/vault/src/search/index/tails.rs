//! Appending to packed lists without reading them: the last row of each list that was lately written is remembered.
//!
//! A list that is not remembered gets a new row. Lists that come up often stay remembered and fill their rows; a rare
//! one pays a row each time, which is what it would cost unpacked.

use super::list::{BYTES_MAX, write_number};
use rusqlite::{CachedStatement, Connection, params};
use std::collections::HashMap;

/// Lists remembered before the oldest half is forgotten.
const REMEMBERED: usize = 60_000;

/// What names a list: hash and system, or bucket and side.
pub type Key = (i64, u32);

#[derive(Debug, Default)]
struct Tail {
    first: u32,
    last: u32,
    blob: Vec<u8>,
}

/// The remembered ends of one table's lists.
#[derive(Debug, Default)]
pub struct Tails {
    young: HashMap<Key, Tail>,
    old: HashMap<Key, Tail>,
}

impl Tails {
    fn take(&mut self, key: &Key) -> Option<Tail> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    fn keep(&mut self, key: Key, tail: Tail) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, tail);
    }
}

/// The table a batch's lists go to.
pub struct Lists<'db> {
    insert: CachedStatement<'db>,
    update: CachedStatement<'db>,
}

impl<'db> Lists<'db> {
    /// `posting`.
    pub fn posting(db: &'db Connection) -> rusqlite::Result<Lists<'db>> {
        Ok(Lists {
            insert: db.prepare_cached("INSERT INTO posting (hash, system, first, list) VALUES (?1, ?2, ?3, ?4)")?,
            update: db.prepare_cached("UPDATE posting SET list = ?4 WHERE hash = ?1 AND system = ?2 AND first = ?3")?,
        })
    }

    /// `bucket`.
    pub fn bucket(db: &'db Connection) -> rusqlite::Result<Lists<'db>> {
        Ok(Lists {
            insert: db.prepare_cached("INSERT INTO bucket (bucket, side, first, list) VALUES (?1, ?2, ?3, ?4)")?,
            update: db.prepare_cached("UPDATE bucket SET list = ?4 WHERE bucket = ?1 AND side = ?2 AND first = ?3")?,
        })
    }

    /// Appends ascending positions, at least one and all beyond those the list has, to the list `key`.
    pub fn append(
        &mut self,
        tails: &mut Tails,
        key: Key,
        positions: impl Iterator<Item = u32>,
    ) -> rusqlite::Result<()> {
        let mut tail = tails.take(&key);
        let mut stored = tail.is_some();
        for position in positions {
            match &mut tail {
                Some(tail) if tail.blob.len() < BYTES_MAX => {
                    write_number(u64::from(position - tail.last), &mut tail.blob);
                    tail.last = position;
                }
                tail => {
                    if let Some(full) = tail.take() {
                        self.store(key, &full, stored)?;
                    }
                    stored = false;
                    *tail = Some(Tail { first: position, last: position, blob: Vec::new() });
                }
            }
        }
        if let Some(tail) = tail {
            self.store(key, &tail, stored)?;
            tails.keep(key, tail);
        }
        Ok(())
    }

    fn store(&mut self, key: Key, tail: &Tail, stored: bool) -> rusqlite::Result<()> {
        let statement = if stored { &mut self.update } else { &mut self.insert };
        statement.execute(params![key.0, key.1, tail.first, tail.blob])?;
        Ok(())
    }
}
