//! Handing in to the index what it lacks: after a crash the tail, for a new index everything.

use super::store::{Entry, Store, entries};
use crate::access::audit::Event;
use crate::access::label::ValueSets;
use crate::error::{Error, Fault};
use crate::keys::Hasher;
use crate::log::leaf::Kind;
use crate::search::index::{Appended, Index};
use crate::search::rows::{Rows, derive, derive_event};
use fhir::json::Json;
use fhir::search::params;
use rusqlite::Connection;

/// The index's file in the data directory.
pub(crate) const FILE: &str = "index.sqlite";

/// The row of `meta` that is there while the index must be made anew.
pub(crate) const MARK: &str = "index";

/// Entries read at once.
const CHUNK: u64 = 2_048;

/// Raised by hand when a resource takes labels over from others than before.
const SOURCES: u32 = 1;

/// What the rows depend on beside the records: the search parameters, the value sets that give labels, and the references
/// by which labels are taken over.
pub(crate) fn stamp(labels: &ValueSets) -> String {
    format!("{:016x} {:016x} {SOURCES}", params::pack_fingerprint(), labels.fingerprint())
}

impl Store {
    /// Hands in all entries from the index's watermark to the head. `progress` hears the position reached and the head.
    pub fn replay(&self, index: &Index, progress: &dyn Fn(u64, u64)) -> Result<(), Error> {
        let head = self.head();
        let mut first = index.watermark().0;
        if first > head {
            let line = "The index is ahead of the record: one of them is from another time. next: run rebuild.";
            return Err(Fault::Altered(line.to_owned()).into());
        }
        while first < head {
            let last = head.min(first + CHUNK);
            let middle = first + (last - first) / 2;
            let (low, high) = std::thread::scope(|scope| {
                let low = scope.spawn(|| self.appended(first, middle));
                let high = self.appended(middle, last);
                (low.join(), high)
            });
            let low = low.map_err(|_| Fault::Altered("Reading entries back failed.".to_owned()))??;
            index.append(low.into_iter().chain(high?));
            first = last;
            progress(first, head);
        }
        Ok(())
    }

    fn appended(&self, first: u64, last: u64) -> Result<Vec<Appended>, Error> {
        self.readers.with(|connection| {
            let mut find = connection.prepare_cached(entries!("WHERE pos >= ? AND pos < ? ORDER BY pos"))?;
            let entries = find.query_map([first.cast_signed(), last.cast_signed()], Entry::of)?;
            entries.map(|entry| self.appended_one(connection, entry?)).collect()
        })
    }

    /// What the index is handed of an entry.
    pub fn appended_one(&self, connection: &Connection, mut entry: Entry) -> Result<Appended, Error> {
        let previous = if entry.ver > 1 { previous(connection, &entry)? } else { None };
        let rows = match entry.kind {
            Some(Kind::Version) => self.rows(connection, &mut entry)?,
            // One whose time was up says nothing any more.
            Some(Kind::Access) if entry.body.is_empty() => Rows::none(),
            Some(Kind::Access) => self.event_rows(connection, &mut entry)?,
            _ => Rows::none(),
        };
        Ok(Appended { position: super::Position(entry.pos), key: entry.key, kid: entry.kid, previous, rows })
    }

    fn event_rows(&self, connection: &Connection, entry: &mut Entry) -> Result<Rows, Error> {
        let text = self.open(connection, entry)?;
        Ok(text.map_or_else(Rows::none, |text| event_rows(&self.hasher, &text)))
    }

    /// The rows of a version; none for one whose key was shredded.
    fn rows(&self, connection: &Connection, entry: &mut Entry) -> Result<Rows, Error> {
        let Some(kept) = self.open(connection, entry)? else { return Ok(Rows::none()) };
        let resource = Json::parse(&kept).map_err(|_| super::store::altered(entry.pos))?;
        Ok(derive(&self.hasher, &self.labels, &resource))
    }
}

/// The rows of an event of the audit.
pub(crate) fn event_rows(hasher: &Hasher, text: &[u8]) -> Rows {
    Event::read(text).map_or_else(Rows::none, |event| derive_event(hasher, &event))
}

/// The place of the version before an entry's.
pub(crate) fn previous(connection: &Connection, entry: &Entry) -> Result<Option<u32>, Error> {
    let mut find = connection.prepare_cached("SELECT max(pos) FROM entry WHERE key = ? AND key <> 0 AND pos < ?")?;
    Ok(find.query_row([entry.key, entry.pos.cast_signed()], |row| row.get(0))?)
}
