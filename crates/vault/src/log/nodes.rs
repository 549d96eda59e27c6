//! Any node of the tree, from the tiles and entries of the record.

use super::leaf::{Kind, Leaf};
use super::tree::{TILE, fold, hashes};
use crate::error::{Error, Fault};
use rusqlite::{Connection, OptionalExtension, params};
use tlog_tiles::{Error as LogError, Hash, HashReader, split_stored_hash_index};

/// Reads nodes through one connection.
pub(crate) struct Nodes<'c> {
    connection: &'c Connection,
}

impl<'c> Nodes<'c> {
    /// A reader of nodes.
    pub fn new(connection: &'c Connection) -> Nodes<'c> {
        Nodes { connection }
    }

    /// The bytes of a tile of level 1 or up, as far as it is filled.
    pub fn tile(&self, level: u8, n: u64) -> Result<Vec<u8>, Error> {
        let mut find = self.connection.prepare_cached("SELECT hashes FROM tile WHERE level = ? AND n = ?")?;
        let found = find.query_row(params![level, n.cast_signed()], |row| row.get(0)).optional()?;
        found.ok_or_else(|| Fault::Altered(format!("Tile {n} of level {level} is missing. next: run verify.")).into())
    }

    /// The hashes of the leaves from `first`, at most `count`.
    pub fn leaves(&self, first: u64, count: u64) -> Result<Vec<Hash>, Error> {
        let mut find = self.connection.prepare_cached(
            "SELECT pos, key, ver, kind, at, payload, coalesce(name, '') FROM entry LEFT JOIN type ON number = type
             WHERE pos >= ? AND pos < ? ORDER BY pos",
        )?;
        let mut rows = find.query(params![first.cast_signed(), first.saturating_add(count).cast_signed()])?;
        let mut leaves = Vec::new();
        while let Some(row) = rows.next()? {
            let position = row.get::<_, i64>(0)?.cast_unsigned();
            if position != first + leaves.len() as u64 {
                return Err(missing(first + leaves.len() as u64));
            }
            let resource_type: String = row.get(6)?;
            leaves.push(leaf(row, position, &resource_type)?.hash());
        }
        Ok(leaves)
    }

    /// One node: height above the leaves, and number among those of its height.
    fn node(&self, height: u8, n: u64) -> Result<Hash, Error> {
        let (level, within) = (height / 8, height % 8);
        let (first, count) = (n << within, 1u64 << within);
        let row = if level == 0 {
            self.leaves(first, count)?
        } else {
            let tile = self.tile(level, first / TILE)?;
            hashes(&tile).skip((first % TILE) as usize).take(count as usize).collect()
        };
        if row.len() as u64 != count {
            return Err(missing((first + row.len() as u64) << (8 * u32::from(level))));
        }
        fold(&row).ok_or_else(|| missing(first))
    }
}

/// The leaf of a row `pos, key, ver, kind, at, payload, ...`.
fn leaf<'a>(row: &rusqlite::Row<'_>, position: u64, resource_type: &'a str) -> Result<Leaf<'a>, Error> {
    let kind = Kind::of(row.get(3)?).ok_or_else(|| missing(position))?;
    Ok(Leaf {
        kind,
        position,
        at: row.get(4)?,
        key: row.get(1)?,
        version: row.get::<_, i64>(2)?.cast_unsigned(),
        payload: row.get(5)?,
        resource_type,
    })
}

/// The leaf of one entry with its bytes; `None` if there is no such entry.
pub(crate) fn leaf_bytes(connection: &Connection, position: u64) -> Result<Option<Vec<u8>>, Error> {
    let mut find = connection.prepare_cached(
        "SELECT pos, key, ver, kind, at, payload, coalesce(name, '') FROM entry LEFT JOIN type ON number = type
         WHERE pos = ?",
    )?;
    let mut rows = find.query([position.cast_signed()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let resource_type: String = row.get(6)?;
    Ok(Some(leaf(row, position, &resource_type)?.bytes()))
}

fn missing(position: u64) -> Error {
    Fault::Altered(format!("The log has no leaf where entry {position} belongs. next: run verify.")).into()
}

impl HashReader for Nodes<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, LogError> {
        let node = |&index: &u64| {
            let (height, n) = split_stored_hash_index(index);
            self.node(height, n).map_err(|error| LogError::InvalidInput(error.to_string()))
        };
        indexes.iter().map(node).collect()
    }
}
