//! Which data keys the log says were destroyed. The log is signed, and the table of the keys is not: a key that stands there
//! against the log is an old copy that somebody put back, and is destroyed again.

use super::dictionary::Dictionaries;
use super::store::{Entry, entries, unseal};
use crate::error::{Error, Fault};
use crate::keys::patients::{Kid, PatientKey, SHARED};
use crate::search::index::{Index, ListName};
use crate::search::rows::{AUDIT, Names, Sort};
use fhir::json::Json;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;

/// The data key that an event says was destroyed.
pub(crate) fn named(event: &[u8]) -> Option<Kid> {
    let event = Json::parse(event).ok()?;
    (event.text("event") == Some("shred")).then(|| event.get("kid")?.as_number()?.parse().ok())?
}

/// What opens the log's events.
pub(super) struct Events<'a> {
    pub connection: &'a Connection,
    pub shared: &'a PatientKey,
    pub dictionaries: &'a Dictionaries,
}

impl Events<'_> {
    /// All keys that were destroyed. Where the index knows which entries are events, only those are looked at.
    pub fn destroyed(&self, index: &Index) -> Result<HashSet<Kid>, Error> {
        let indexed = index.watermark();
        let mut kids = self.destroyed_from(indexed.0)?;
        let mut find = self.connection.prepare(entries!("WHERE pos = ? AND kind = 2"))?;
        for position in events(index, u32::try_from(indexed.0).unwrap_or(u32::MAX))? {
            let entry = find.query_row([position], Entry::of).optional()?;
            kids.extend(entry.and_then(|entry| self.kid(entry)));
        }
        Ok(kids)
    }

    /// Keys that were destroyed at this position or later.
    pub fn destroyed_from(&self, position: u64) -> Result<HashSet<Kid>, Error> {
        let mut find = self.connection.prepare(entries!("WHERE pos >= ? AND kind = 2"))?;
        let mut kids = HashSet::new();
        for entry in find.query_map([position.cast_signed()], Entry::of)? {
            kids.extend(self.kid(entry?));
        }
        Ok(kids)
    }

    /// An event that does not open was altered, and says nothing; verify names it.
    fn kid(&self, mut entry: Entry) -> Option<Kid> {
        let text = unseal(&mut entry, self.shared, self.dictionaries).ok()?;
        named(&text).filter(|kid| *kid != SHARED)
    }
}

/// Positions of events that are none of the audit, which are many.
fn events(index: &Index, at: u32) -> Result<Vec<u32>, Fault> {
    let (reading, mut audited) = (index.reading(at)?, Vec::new());
    let all = Names::new(index.hasher()).list(AUDIT, Sort::Any, &[""]);
    if reading.list(ListName::plain(all), &mut audited).is_err() {
        // A damaged list costs a look at each of them.
        audited.clear();
    }
    audited.sort_unstable();
    let places = reading.places();
    let is_event =
        |at: &u32| places.key(*at) == 0 && places.type_number(*at) == 0 && audited.binary_search(at).is_err();
    Ok((0..at).filter(is_event).collect())
}

/// Destroys keys that stand in the table again.
pub(super) fn destroy_again(connection: &Connection, kids: &HashSet<Kid>) -> Result<(), Fault> {
    let transaction = connection.unchecked_transaction()?;
    for kid in kids {
        let sql = "UPDATE patient_key SET owner = NULL, wrapped = NULL
                   WHERE kid = ? AND (owner IS NOT NULL OR wrapped IS NOT NULL)";
        transaction.prepare_cached(sql)?.execute([kid])?;
    }
    Ok(transaction.commit()?)
}

/// Numbers of the keys that were destroyed, as the table has them.
pub(crate) fn gone(connection: &Connection) -> Result<HashSet<Kid>, Fault> {
    let mut find = connection.prepare("SELECT kid FROM patient_key WHERE owner IS NULL")?;
    Ok(find.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
