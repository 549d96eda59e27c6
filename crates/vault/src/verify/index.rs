//! The search index: its rows summed, and, where the sums differ, compared with what the entries say, so that the row is
//! named. That takes as long as making the index anew, and is done only for an index that is not as it was written.

use super::evidence::Evidence;
use super::{Altered, Report, entries};
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::log::leaf::Kind;
use crate::records::store::{Entry, entries, label};
use crate::records::{Position, destroyed, replay, schema};
use crate::search::index::cell::{Cell, cells};
use crate::search::index::differences::{Entries, differences, remains};
use crate::search::index::verify::{Damage, Wrong};
use crate::search::index::{Appended, Index};
use crate::search::rows::{Rows, derive};
use fhir::json::Json;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;
use std::path::Path;

const FILE: &str = replay::FILE;

/// Checks the index file of a data directory.
pub(super) fn check(dir: &Path, evidence: &Evidence, report: &mut Report) -> Result<(), Error> {
    let (path, record) = (dir.join(FILE), schema::evidence(&dir.join(schema::FILE))?);
    let (waits, gone) = shredding(&record)?;
    match (path.exists(), waits) {
        (false, false) => {
            let what = "it is missing; nothing of the record is lost with it. next: `chartroom rebuild` makes it anew";
            report.find(FILE, what);
            return Ok(());
        }
        (false, true) => {
            report
                .notes
                .push("there is no index yet; it is made at the next start, or by `chartroom rebuild`".to_owned());
            return Ok(());
        }
        (true, true) => {
            let what = "the index still has rows of a shredded patient; it is made anew at the next start, or by \
                        `chartroom rebuild`";
            report.notes.push(what.to_owned());
        }
        (true, false) => {}
    }
    let Some(hasher) = &evidence.hasher else { return Ok(()) };
    let index = schema::evidence(&path)?;
    // One view of the rows and of the state that seals them, also while somebody writes.
    index.execute_batch("BEGIN")?;
    if Index::is_foreign(&index, hasher) {
        let what = "the index is of another version of this program; it is made anew at the next start, or by \
                    `chartroom rebuild`";
        report.notes.push(what.to_owned());
        return Ok(());
    }
    let examined = Index::examine(&index, hasher);
    let said = Said { evidence, record, waits, shredded: HashSet::new() };
    let said = said.with_shredded()?;
    let named = differences(&index, hasher, &examined, &said);
    let left = if waits { Vec::new() } else { remains(&index, &examined, &said.positions(&gone)?) };
    for damage in &examined.damage {
        report.add(said.altered(damage));
    }
    let rows = match named {
        Ok(rows) => rows,
        Err(error) => {
            report.find(FILE, format!("its rows could not be compared with the entries: {error}"));
            Vec::new()
        }
    };
    for table in &examined.differing {
        let has_name = |damage: &Damage| damage.table == table.name() || table.name().contains(damage.table);
        if !rows.iter().chain(&examined.damage).any(has_name) {
            report.find(&format!("{FILE} {}", table.name()), "rows were altered");
        }
    }
    rows.iter().chain(&left).for_each(|damage| report.add(said.altered(damage)));
    Ok(())
}

/// Whether the record says that the index must be made anew, and which keys were destroyed: both at one moment, before the
/// index is looked at, so that a shredding that is just going on is no alarm.
fn shredding(record: &Connection) -> Result<(bool, HashSet<Kid>), Error> {
    let moment = record.unchecked_transaction()?;
    Ok((waits(&moment)?, destroyed::gone(&moment)?))
}

/// Whether the record says that the index must be made anew.
fn waits(record: &Connection) -> Result<bool, Error> {
    let sql = "SELECT count(*) FROM meta WHERE name = ?";
    let count: i64 = record.query_row(sql, [replay::MARK], |row| row.get(0))?;
    Ok(count > 0)
}

/// What the entries say, for the index.
struct Said<'e> {
    evidence: &'e Evidence,
    record: Connection,
    /// Rows of shredded patients are still there, and nobody can tell what they should be.
    waits: bool,
    shredded: HashSet<Kid>,
}

impl Said<'_> {
    fn with_shredded(mut self) -> Result<Self, Error> {
        self.shredded = destroyed::gone(&self.record)?;
        Ok(self)
    }

    /// The positions of what is sealed under these keys.
    fn positions(&self, kids: &HashSet<Kid>) -> Result<HashSet<u32>, Error> {
        let mut positions = HashSet::new();
        if kids.is_empty() {
            return Ok(positions);
        }
        let mut find = self.record.prepare("SELECT pos, kid FROM entry")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            if kids.contains(&row.get(1)?) {
                positions.extend(u32::try_from(row.get::<_, i64>(0)?));
            }
        }
        Ok(positions)
    }

    fn cells(&self, mut entry: Entry) -> Result<Option<Vec<Cell>>, Error> {
        let Some(hasher) = &self.evidence.hasher else { return Ok(None) };
        let previous = if entry.ver > 1 { replay::previous(&self.record, &entry)? } else { None };
        let rows = match (entry.kind, self.shredded.contains(&entry.kid)) {
            (Some(Kind::Version), true) if self.waits => None,
            (Some(Kind::Version), false) => {
                let (kept, labels) = (self.open(&mut entry), &self.evidence.labels);
                kept.and_then(|kept| Json::parse(&kept).ok().map(|resource| derive(hasher, labels, &resource)))
            }
            (Some(Kind::Access), _) if !entry.body.is_empty() => {
                self.open(&mut entry).map(|kept| replay::event_rows(hasher, &kept))
            }
            (Some(_), _) => Some(Rows::none()),
            (None, _) => None,
        };
        let appended =
            |rows| Appended { position: Position(entry.pos), key: entry.key, kid: entry.kid, previous, rows };
        Ok(rows.map(|rows| cells(hasher, &appended(rows))))
    }

    /// What an entry says; `None` for one that does not open, which is reported with the entries.
    fn open(&self, entry: &mut Entry) -> Option<Vec<u8>> {
        let evidence = self.evidence;
        let found = evidence.keys.by_kid(entry.kid, || entries::load(evidence, &self.record, entry.kid));
        let key = found.ok()??;
        let packed = key.sealer().open(&label(entry.key, entry.kid, entry.dict), &mut entry.body)?;
        evidence.dictionaries.unpack(entry.dict, packed)
    }

    /// Pseudonym and type of the resource at a position.
    fn resource(&self, position: u32) -> Option<(i64, String)> {
        let sql = "SELECT key, coalesce(name, '') FROM entry LEFT JOIN type ON number = type WHERE pos = ?";
        let found = self.record.query_row(sql, [position], |row| Ok((row.get(0)?, row.get(1)?)));
        found.optional().ok().flatten()
    }

    fn altered(&self, damage: &Damage) -> Altered {
        let resource = damage.position.and_then(|position| self.resource(position));
        let name = resource.as_ref().map(|(_, name)| name.as_str()).filter(|name| !name.is_empty());
        Altered {
            place: format!("{FILE} {}", damage.table),
            position: damage.position.map(u64::from),
            pseudonym: resource.as_ref().map(|(key, _)| *key).filter(|key| *key != 0),
            what: describe(damage, name.unwrap_or("entry")),
        }
    }
}

fn describe(damage: &Damage, resource_type: &str) -> String {
    let Damage { row, more, .. } = damage;
    let of = match (damage.position, more) {
        (None, _) => "no entry".to_owned(),
        (Some(_), 0) => format!("this {resource_type}"),
        (Some(_), more) => format!("this {resource_type}, and {more} times of it or others,"),
    };
    match &damage.wrong {
        Wrong::Extra if damage.position.is_none() => format!("row ({row}) is there, and no entry says it"),
        Wrong::Extra => format!("row ({row}) says of {of} what is not in the record"),
        Wrong::Missing if damage.position.is_none() => format!("row ({row}) is missing"),
        Wrong::Missing => format!("no row ({row}) says of {of} what is in the record"),
        Wrong::Broken => format!("row ({row}) is not packed as it was written"),
        Wrong::Other(what) => what.clone(),
    }
}

impl Entries for Said<'_> {
    fn all(&self, end: u32, each: &mut dyn FnMut(u32, Option<&[Cell]>)) -> Result<(), Error> {
        let mut find = self.record.prepare(entries!("WHERE pos < ? ORDER BY pos"))?;
        for entry in find.query_map([end], Entry::of)? {
            let entry = entry?;
            let Ok(position) = u32::try_from(entry.pos) else { continue };
            each(position, self.cells(entry)?.as_deref());
        }
        Ok(())
    }

    fn one(&self, position: u32) -> Result<Option<Vec<Cell>>, Error> {
        let mut find = self.record.prepare_cached(entries!("WHERE pos = ?"))?;
        let entry = find.query_row([position], Entry::of).optional()?;
        Ok(entry.map(|entry| self.cells(entry)).transpose()?.flatten())
    }
}
