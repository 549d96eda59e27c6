//! The tables beside the entries: schema, wrapped keys, indexes over the entries, tiles, checkpoints.

use super::Report;
use super::evidence::Evidence;
use crate::error::Error;
use crate::keys::patients::{Kid, PatientKey};
use crate::log::checkpoint::{Signed, VerifierKey};
use crate::log::tree::{TileRow, Tree};
use crate::log::witness::is_cosigned;
use crate::records::replay::MARK;
use crate::records::schema as record;
use rusqlite::{Connection, OptionalExtension};
use std::collections::{HashMap, HashSet};
use tlog_tiles::Hash;

/// Where the index over the entries is.
pub(super) const INDEX: &str = "record.sqlite entry_key";
/// The rows of `meta`.
const META: [&str; 7] = ["format", "key check", "origin", "index key", "signing key", "link key", MARK];
/// The rows of `checkpoint`.
const CHECKPOINTS: [&str; 3] = ["latest", "witnessed", "witnesses"];

/// Compares the schema with the one a new record gets.
pub(super) fn schema(connection: &Connection, report: &mut Report) {
    let place = "record.sqlite sqlite_schema";
    let compare = || -> Result<Vec<String>, Error> {
        let fresh = Connection::open_in_memory()?;
        record::create(&fresh)?;
        Ok(record::differences(connection, &fresh)?)
    };
    match compare() {
        Ok(lines) => lines.into_iter().for_each(|line| report.find(place, line)),
        Err(error) => report.find(place, format!("cannot be read: {error}")),
    }
}

/// Names rows of the small tables that this program never writes: what stands there unread could be read one day.
pub(super) fn strangers(connection: &Connection, used: &HashSet<i64>, report: &mut Report) -> Result<(), Error> {
    for (table, known) in [("meta", META.as_slice()), ("checkpoint", &CHECKPOINTS)] {
        let mut find = connection.prepare(&format!("SELECT name FROM {table} ORDER BY name"))?;
        let names = find.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let extra = names.iter().filter(|name| !known.contains(&name.as_str())).count();
        if extra > 0 {
            report.find(&format!("record.sqlite {table}"), format!("{extra} rows are not from this program"));
        }
    }
    // A type is numbered in the transaction that writes its first entry, and entries stay.
    let mut numbers = connection.prepare("SELECT number FROM type ORDER BY number")?;
    for number in numbers.query_map([], |row| row.get::<_, i64>(0))? {
        let number = number?;
        if !used.contains(&number) {
            report.find("record.sqlite type", format!("row {number} is there, and no entry is of that type"));
        }
    }
    Ok(())
}

/// Opens every wrapped key. Answers the numbers of those that were destroyed.
pub(super) fn keys(connection: &Connection, evidence: &Evidence, report: &mut Report) -> Result<HashSet<Kid>, Error> {
    let mut shredded = HashSet::new();
    let mut find = connection.prepare("SELECT kid, owner, wrapped FROM patient_key ORDER BY kid")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let (kid, owner, wrapped): (Kid, Option<i64>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let opens = match (owner, wrapped) {
            (None, None) => {
                shredded.insert(kid);
                true
            }
            (Some(owner), Some(wrapped)) => PatientKey::unwrap(&evidence.ring, kid, owner, &wrapped).is_some(),
            _ => false,
        };
        if !opens {
            report.find("record.sqlite patient_key", format!("data key {kid} was altered"));
        }
    }
    Ok(shredded)
}

/// Calls `each` with every row of the index, key and position, and reports those that are out of order.
pub(super) fn index_rows(
    connection: &Connection,
    report: &mut Report,
    mut each: impl FnMut(i64, i64),
) -> Result<(), Error> {
    let sql = "SELECT key, pos FROM entry INDEXED BY entry_key WHERE key <> 0 ORDER BY key, pos";
    let mut find = connection.prepare(sql)?;
    let mut rows = find.query([])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let here: (i64, i64) = (row.get(0)?, row.get(1)?);
        if last.is_some_and(|last| last >= here) {
            report.find(INDEX, format!("entry {} stands in a wrong place", here.1));
        }
        each(here.0, here.1);
        last = Some(here);
    }
    Ok(())
}

/// Names the entries that the index lacks or has wrongly.
pub(super) fn index_differences(connection: &Connection, report: &mut Report) -> Result<(), Error> {
    let mut entries = connection.prepare("SELECT pos, key FROM entry NOT INDEXED WHERE key <> 0 ORDER BY pos")?;
    let sql = "SELECT count(*) FROM entry INDEXED BY entry_key WHERE key = ? AND key <> 0 AND pos = ?";
    let mut find = connection.prepare(sql)?;
    let mut rows = entries.query([])?;
    let before = report.altered.len();
    while let Some(row) = rows.next()? {
        let (pos, value): (i64, i64) = (row.get(0)?, row.get(1)?);
        let count: i64 = find.query_row([value, pos], |row| row.get(0))?;
        if count != 1 {
            report.find(INDEX, format!("entry {pos} is missing or stands twice"));
        }
    }
    if report.altered.len() == before {
        report.find(INDEX, "it has rows of entries that do not exist");
    }
    Ok(())
}

/// Compares the tiles that the entries make with those that are kept.
pub(super) fn tiles(
    connection: &Connection,
    made: &HashMap<(u8, u64), TileRow>,
    report: &mut Report,
) -> Result<(), Error> {
    let mut find = connection.prepare("SELECT level, n, hashes FROM tile ORDER BY level, n")?;
    let mut rows = find.query([])?;
    let mut seen = HashSet::new();
    while let Some(row) = rows.next()? {
        let (level, n, hashes): (i64, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let at = (u8::try_from(level).unwrap_or(u8::MAX), n.cast_unsigned());
        seen.insert(at);
        if made.get(&at).is_none_or(|row| row.hashes != hashes) {
            report.find("record.sqlite tile", tile_difference(at, made.get(&at), &hashes));
        }
    }
    for (level, n) in made.keys().filter(|at| !seen.contains(at)) {
        report.find("record.sqlite tile", format!("tile {n} of level {level} is missing"));
    }
    Ok(())
}

fn tile_difference((level, n): (u8, u64), made: Option<&TileRow>, kept: &[u8]) -> String {
    let Some(made) = made else { return format!("tile {n} of level {level} covers entries that do not exist") };
    let differs = made.hashes.chunks(32).zip(kept.chunks(32)).position(|(a, b)| a != b);
    let Some(index) = differs else { return format!("tile {n} of level {level} has a wrong length") };
    let span = 1u64 << (8 * u32::from(level));
    let first = (n * 256 + index as u64) * span;
    format!("tile {n} of level {level} does not fit entries {first} to {}: one of both was altered", first + span - 1)
}

/// A checkpoint that was read, with the size and root it claims.
pub(super) struct Claim {
    pub place: &'static str,
    pub size: u64,
    pub root: Hash,
}

/// Reads a checkpoint and checks its signature.
pub(super) fn claim(
    connection: &Connection,
    name: &str,
    place: &'static str,
    evidence: &Evidence,
    report: &mut Report,
) -> Result<Option<Claim>, Error> {
    let note: Option<Vec<u8>> =
        connection.query_row("SELECT note FROM checkpoint WHERE name = ?", [name], |row| row.get(0)).optional()?;
    let Some(note) = note else { return Ok(None) };
    let Some(signed) = Signed::parse(&note) else {
        report.find(place, "it is no checkpoint");
        return Ok(None);
    };
    if evidence.log_key.as_ref().is_some_and(|key| !signed.is_signed_by(key)) {
        report.find(place, "its signature does not hold");
    }
    if name == "witnessed" {
        witnesses(connection, &signed, report)?;
    } else if signed.signatures.len() != 1 {
        report.find(place, "it has more signatures than the log's own");
    }
    Ok(Some(Claim { place, size: signed.checkpoint.size(), root: *signed.checkpoint.hash() }))
}

/// Each cosignature must hold under a witness's key that was given when it was taken.
fn witnesses(connection: &Connection, signed: &Signed, report: &mut Report) -> Result<(), Error> {
    let kept: Option<Vec<u8>> = connection
        .query_row("SELECT note FROM checkpoint WHERE name = 'witnesses'", [], |row| row.get(0))
        .optional()?;
    let kept = kept.and_then(|kept| String::from_utf8(kept).ok()).unwrap_or_default();
    let keys: Vec<VerifierKey> = kept.lines().filter_map(VerifierKey::parse).collect();
    for line in signed.signatures.iter().filter(|line| line.name() != signed.checkpoint.origin()) {
        let mut of = keys.iter().filter(|key| key.name == line.name() && key.id() == line.id());
        if !of.any(|key| is_cosigned(key, &signed.text, line.signature())) {
            report.find(
                "record.sqlite checkpoint witnessed",
                format!("the cosignature of {} does not hold", line.name()),
            );
        }
    }
    Ok(())
}

/// Compares a claim with the tree, at the moment when both have the same size.
pub(super) fn compare(claim: &Claim, tree: &Tree, report: &mut Report) {
    if claim.size == tree.size() && claim.root != tree.root() {
        report.find(claim.place, format!("its root is not that of the first {} entries", claim.size));
    }
}
