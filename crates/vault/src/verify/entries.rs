//! The entries: opened, unpacked, served again and hashed, in chunks by two threads; then the tree over their leaves.

use super::evidence::Evidence;
use super::tables::{self, Claim};
use super::{Altered, Report};
use crate::error::Error;
use crate::keys::hasher::BlockSum;
use crate::keys::patients::{Kid, PatientKey};
use crate::keys::seal::Block;
use crate::log::leaf::{Kind, Leaf, payload};
use crate::log::tree::Tree;
use crate::records::store::{Entry, entry_columns, label};
use crate::records::{body, destroyed, schema};
use base::clock::Instant;
use crossbeam_channel::Sender;
use fhir::json::Json;
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use tlog_tiles::Hash;

const CHUNK: u64 = 4_096;
const THREADS: usize = 2;

const FORMLESS: &str = "its body has no resource's form";

const ROW: &str = concat!("SELECT ", entry_columns!(), ", payload, type FROM entry");

/// What a chunk gave.
#[derive(Default)]
struct Chunk {
    first: u64,
    /// A leaf for each place; `None` where it could not be made.
    leaves: Vec<Option<Hash>>,
    found: Vec<Altered>,
    shredded: u64,
    /// Keys that a log entry says were destroyed.
    destroyed: Vec<Kid>,
    /// The last event of the audit that says nothing any more, and up to where the log says that they may.
    emptied: Option<u64>,
    expired: u64,
    at: Option<(i64, i64)>,
    /// The rows that the index over the entries must have.
    indexed: Vec<Block>,
    /// The types of the entries.
    types: HashSet<i64>,
    /// The time that was written last, and how it reads.
    time: Option<(i64, String)>,
}

impl Chunk {
    /// A moment in FHIR's form. Entries of one commit have one.
    fn time(&mut self, at: i64) -> &str {
        if self.time.as_ref().is_none_or(|(last, _)| *last != at) {
            self.time = Some((at, body::updated(Instant(at))));
        }
        self.time.as_ref().map_or("", |(_, text)| text)
    }
}

/// What all threads look up.
struct Desk<'e> {
    evidence: &'e Evidence,
    types: HashMap<i64, String>,
    shredded: HashSet<Kid>,
}

/// Checks all entries and what is built on them.
pub(super) fn check(
    evidence: &Evidence,
    path: &Path,
    report: &mut Report,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<(), Error> {
    let connection = schema::evidence(path)?;
    // One view of the tables, also while somebody writes.
    connection.execute_batch("BEGIN")?;
    let count: i64 = connection.query_row("SELECT coalesce(max(pos) + 1, 0) FROM entry", [], |row| row.get(0))?;
    let count = count.cast_unsigned();
    report.entries = count;
    let latest = tables::claim(&connection, "latest", "record.sqlite checkpoint latest", evidence, report)?;
    let witnessed = tables::claim(&connection, "witnessed", "record.sqlite checkpoint witnessed", evidence, report)?;
    check_sizes(count, latest.as_ref(), witnessed.as_ref(), report);
    let shredded = tables::keys(&connection, evidence, report)?;
    let desk = Desk { evidence, types: types(&connection)?, shredded };
    let claims: Vec<Claim> = latest.into_iter().chain(witnessed).collect();
    let done = scan(&desk, path, count, &claims, report, progress)?;
    for kid in desk.shredded.iter().filter(|kid| !done.destroyed.contains(kid)) {
        report.find("record.sqlite patient_key", format!("data key {kid} is gone, and no entry of the log says why"));
    }
    for kid in done.destroyed.iter().filter(|kid| !desk.shredded.contains(kid)) {
        let what = format!("data key {kid} was put back or altered: an entry of the log says that it was destroyed");
        report.find("record.sqlite patient_key", what);
    }
    if let Some(last) = done.emptied.filter(|last| *last >= done.expired) {
        report.find(
            "record.sqlite entry",
            format!("event {last} of the audit is empty, and no entry of the log says why"),
        );
    }
    if done.whole {
        let checked = tables::tiles(&connection, &done.tiles, report);
        report.step("record.sqlite tile", checked);
    }
    let strangers = tables::strangers(&connection, &done.types, report);
    report.step("record.sqlite meta", strangers);
    let checked = check_index(&connection, evidence, done.sum, report);
    report.step(tables::INDEX, checked);
    Ok(())
}

fn check_sizes(count: u64, latest: Option<&Claim>, witnessed: Option<&Claim>, report: &mut Report) {
    match latest {
        None => report.find("record.sqlite checkpoint latest", "it is missing"),
        Some(claim) if claim.size > count => {
            let what = format!("it signs {} entries, but there are {count}: the end was cut", claim.size);
            report.find(claim.place, what);
        }
        Some(claim) if claim.size < count => {
            let what =
                format!("it signs {} entries, but there are {count}: some were added beside the log", claim.size);
            report.find(claim.place, what);
        }
        Some(_) => {}
    }
    if let Some(claim) = witnessed.filter(|claim| claim.size > count) {
        let what = format!(
            "witnesses saw {} entries, but there are {count}: the end was cut, or a backup put back",
            claim.size
        );
        report.find(claim.place, what);
    }
}

fn types(connection: &Connection) -> Result<HashMap<i64, String>, Error> {
    let mut find = connection.prepare("SELECT number, name FROM type")?;
    let types = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(types.collect::<Result<_, _>>()?)
}

fn check_index(connection: &Connection, evidence: &Evidence, expected: u128, report: &mut Report) -> Result<(), Error> {
    let Some(hasher) = &evidence.hasher else { return Ok(()) };
    let mut sum = BlockSum::new(hasher);
    tables::index_rows(connection, report, |key, pos| sum.block(pair(key, pos)))?;
    if sum.end() == expected { Ok(()) } else { tables::index_differences(connection, report) }
}

fn pair(key: i64, pos: i64) -> Block {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&key.to_le_bytes());
    bytes[8..].copy_from_slice(&pos.to_le_bytes());
    bytes
}

/// What the whole scan gave.
#[derive(Default)]
struct Scanned {
    destroyed: HashSet<Kid>,
    emptied: Option<u64>,
    expired: u64,
    tiles: HashMap<(u8, u64), crate::log::tree::TileRow>,
    sum: u128,
    types: HashSet<i64>,
    /// Whether every leaf could be made.
    whole: bool,
}

fn scan(
    desk: &Desk<'_>,
    path: &Path,
    count: u64,
    claims: &[Claim],
    report: &mut Report,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Scanned, Error> {
    let next = AtomicU64::new(0);
    let (give, chunks) = crossbeam_channel::bounded::<Result<Chunk, Error>>(THREADS * 4);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let give = give.clone();
            scope.spawn(|| work(desk, path, count, &next, give));
        }
        drop(give);
        let indexed = desk.evidence.hasher.as_ref().map(BlockSum::new);
        let done = Scanned { whole: true, ..Scanned::default() };
        let mut adding = Adding { tree: Tree::default(), done, indexed, at: i64::MIN };
        claims.iter().for_each(|claim| tables::compare(claim, &adding.tree, report));
        // Chunks end in any order; the tree needs them in theirs.
        let mut waiting = BTreeMap::new();
        let mut expected = 0;
        for chunk in chunks {
            let chunk = chunk?;
            waiting.insert(chunk.first, chunk);
            while let Some(chunk) = waiting.remove(&expected) {
                expected += chunk.leaves.len() as u64;
                adding.add(chunk, claims, report);
                progress(expected, count);
            }
        }
        let sum = adding.indexed.map(BlockSum::end).unwrap_or_default();
        Ok(Scanned { sum, ..adding.done })
    })
}

struct Adding<'e> {
    tree: Tree,
    done: Scanned,
    /// What the index over the entries must add up to.
    indexed: Option<BlockSum<'e>>,
    at: i64,
}

impl Adding<'_> {
    fn add(&mut self, chunk: Chunk, claims: &[Claim], report: &mut Report) {
        if let Some((first, last)) = chunk.at {
            if first < self.at {
                report.find("record.sqlite entry", format!("time goes back before entry {}", chunk.first));
            }
            self.at = last;
        }
        chunk.found.into_iter().for_each(|altered| report.add(altered));
        report.shredded += chunk.shredded;
        self.done.destroyed.extend(chunk.destroyed);
        self.done.emptied = self.done.emptied.max(chunk.emptied);
        self.done.expired = self.done.expired.max(chunk.expired);
        self.done.types.extend(chunk.types);
        if let Some(sum) = &mut self.indexed {
            chunk.indexed.into_iter().for_each(|row| sum.block(row));
        }
        let mut changed = Vec::new();
        for leaf in chunk.leaves {
            self.done.whole &= leaf.is_some();
            if !self.done.whole {
                return;
            }
            self.tree.push(leaf.unwrap_or_default(), &mut changed);
            for claim in claims.iter().filter(|claim| claim.size == self.tree.size()) {
                tables::compare(claim, &self.tree, report);
            }
        }
        self.done.tiles.extend(changed.into_iter().map(|row| ((row.level, row.n), row)));
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the channel ends when the last worker lets go of its end")]
fn work(desk: &Desk<'_>, path: &Path, count: u64, next: &AtomicU64, give: Sender<Result<Chunk, Error>>) {
    let connection = match schema::evidence(path) {
        Ok(connection) => connection,
        Err(fault) => {
            let _ = give.send(Err(fault.into()));
            return;
        }
    };
    loop {
        let first = next.fetch_add(CHUNK, Ordering::Relaxed);
        if first >= count || give.send(Ok(chunk(desk, &connection, first, count.min(first + CHUNK)))).is_err() {
            return;
        }
    }
}

fn chunk(desk: &Desk<'_>, connection: &Connection, first: u64, last: u64) -> Chunk {
    let mut chunk = Chunk { first, ..Chunk::default() };
    if read(desk, connection, &mut chunk, last).is_err() {
        // A page cannot be read: the entries are asked for one by one, so that each lost one has a name.
        chunk = Chunk { first, ..Chunk::default() };
        for pos in first..last {
            let row = connection.query_row(&format!("{ROW} WHERE pos = ?"), [pos.cast_signed()], |row| {
                Ok(look(desk, connection, row, pos, &mut chunk))
            });
            match row.optional() {
                Ok(Some(leaf)) => chunk.leaves.push(leaf),
                Ok(None) => lost(&mut chunk, pos, "it is missing"),
                Err(error) => lost(&mut chunk, pos, &format!("it cannot be read: {error}")),
            }
        }
    }
    chunk
}

fn read(desk: &Desk<'_>, connection: &Connection, chunk: &mut Chunk, last: u64) -> Result<(), rusqlite::Error> {
    let mut find = connection.prepare_cached(&format!("{ROW} WHERE pos >= ? AND pos < ? ORDER BY pos"))?;
    let mut rows = find.query([chunk.first.cast_signed(), last.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let pos = row.get::<_, i64>(0)?.cast_unsigned();
        while chunk.first + (chunk.leaves.len() as u64) < pos.min(last) {
            let missing = chunk.first + chunk.leaves.len() as u64;
            lost(chunk, missing, "it is missing");
        }
        let leaf = look(desk, connection, row, pos, chunk);
        chunk.leaves.push(leaf);
    }
    while chunk.first + (chunk.leaves.len() as u64) < last {
        let missing = chunk.first + chunk.leaves.len() as u64;
        lost(chunk, missing, "it is missing");
    }
    Ok(())
}

fn lost(chunk: &mut Chunk, pos: u64, what: &str) {
    chunk.found.push(at_entry(pos, None, what));
    chunk.leaves.push(None);
}

fn at_entry(pos: u64, pseudonym: Option<i64>, what: impl Into<String>) -> Altered {
    Altered { place: "record.sqlite entry".to_owned(), position: Some(pos), pseudonym, what: what.into() }
}

/// Checks one row and makes its leaf from its columns.
fn look(desk: &Desk<'_>, connection: &Connection, row: &Row<'_>, pos: u64, chunk: &mut Chunk) -> Option<Hash> {
    let read = || Ok::<_, rusqlite::Error>((Entry::of(row)?, row.get::<_, [u8; 32]>(8)?, row.get::<_, i64>(9)?));
    let (mut entry, kept_payload, type_number) = match read() {
        Ok(read) => read,
        Err(error) => {
            chunk.found.push(at_entry(pos, None, format!("it cannot be read: {error}")));
            return None;
        }
    };
    let key = entry.key;
    let position = pos.cast_signed();
    chunk.types.insert(type_number);
    if key != 0 {
        chunk.indexed.push(pair(key, position));
    }
    let from = chunk.at.map_or(entry.at, |(first, last)| {
        if entry.at < last {
            chunk.found.push(at_entry(pos, Some(key), "its time is before that of the entry before it"));
        }
        first
    });
    chunk.at = Some((from, entry.at));
    let (kind, resource_type) = match (entry.kind, desk.types.get(&type_number)) {
        (Some(kind @ (Kind::Event | Kind::Access)), None) if type_number == 0 => (kind, ""),
        (Some(kind @ (Kind::Version | Kind::Deletion)), Some(name)) => (kind, name.as_str()),
        _ => {
            chunk.found.push(at_entry(pos, Some(key), "its kind or type was altered"));
            return None;
        }
    };
    if let Err(what) = open(desk, connection, &mut entry, &kept_payload, resource_type, chunk) {
        chunk.found.push(at_entry(pos, Some(key), what));
    }
    let leaf =
        Leaf { kind, position: pos, at: entry.at, key, version: entry.ver, payload: kept_payload, resource_type };
    Some(leaf.hash())
}

/// Opens a body, serves it again, and compares it with what the leaf commits to.
fn open(
    desk: &Desk<'_>,
    connection: &Connection,
    entry: &mut Entry,
    kept_payload: &[u8; 32],
    resource_type: &str,
    chunk: &mut Chunk,
) -> Result<(), String> {
    let evidence = desk.evidence;
    if entry.kind == Some(Kind::Access) && entry.body.is_empty() {
        chunk.emptied = chunk.emptied.max(Some(entry.pos));
        return Ok(());
    }
    if desk.shredded.contains(&entry.kid) {
        chunk.shredded += 1;
        return Ok(());
    }
    let key = evidence.keys.by_kid(entry.kid, || load(evidence, connection, entry.kid)).map_err(|e| e.to_string())?;
    let Some(key) = key else { return Err(format!("its data key {} is missing", entry.kid)) };
    let label = label(entry.key, entry.kid, entry.dict);
    let packed = key.sealer().open(&label, &mut entry.body).ok_or("its body, key or resource was altered")?;
    let kept = evidence.dictionaries.unpack(entry.dict, packed).ok_or("its body cannot be unpacked")?;
    let served = match entry.kind {
        Some(Kind::Event) => {
            chunk.destroyed.extend(destroyed::named(&kept));
            chunk.expired = chunk.expired.max(expired(&kept).unwrap_or(0));
            kept
        }
        Some(Kind::Access) => kept,
        Some(Kind::Version | Kind::Deletion) | None => {
            let head = body::read_head(&kept).ok_or(FORMLESS)?;
            let is_its_own =
                evidence.hasher.as_ref().is_none_or(|h| h.resource(head.resource_type, head.id) == entry.key);
            if !is_its_own || head.resource_type != resource_type {
                return Err("it is not the resource that its key or type says".to_owned());
            }
            match entry.kind {
                Some(Kind::Deletion) => kept,
                _ => body::serve(&kept, entry.ver, chunk.time(entry.at)).ok_or(FORMLESS)?,
            }
        }
    };
    if payload(&key.salt(entry.pos), &served) != *kept_payload {
        return Err("its version, time, place or payload was altered".to_owned());
    }
    Ok(())
}

/// A data key, as far as it opens.
pub(super) fn load(evidence: &Evidence, connection: &Connection, kid: Kid) -> Result<Option<PatientKey>, Error> {
    let mut find = connection.prepare_cached("SELECT owner, wrapped FROM patient_key WHERE kid = ?")?;
    let found: Option<(i64, Vec<u8>)> = find.query_row([kid], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.and_then(|(owner, wrapped)| PatientKey::unwrap(&evidence.ring, kid, owner, &wrapped)))
}

/// The position up to which an event says that what events of the audit say was destroyed.
fn expired(event: &[u8]) -> Option<u64> {
    let event = Json::parse(event).ok()?;
    (event.text("event") == Some("expire")).then(|| event.get("below")?.as_number()?.parse().ok())?
}
