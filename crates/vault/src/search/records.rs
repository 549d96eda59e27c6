//! What a search asks of the record itself: the version at a position, where a resource stands, what it says.

use super::index::{Index, Place};
use crate::access::sight::Sight;
use crate::error::Error;
use crate::records::store::Store;
use crate::records::{Position, Version};
use base::clock::Instant;
use fhir::json::Json;
use fhir::search::query::Hidden;
use rusqlite::{Connection, OptionalExtension};

/// The record, for one search: one connection and one snapshot.
pub struct Records<'v> {
    store: &'v Store,
    db: &'v Connection,
    sight: &'v Sight,
}

impl<'v> Records<'v> {
    /// Over an open vault, by a connection that reads, for somebody who may see this much.
    pub fn new(store: &'v Store, db: &'v Connection, sight: &'v Sight) -> Records<'v> {
        Records { store, db, sight }
    }

    /// Whether nothing is hidden.
    pub fn sees_everything(&self) -> bool {
        self.sight.is_everything()
    }

    /// Whether what stands at a position may be seen: it, and the newest version of its resource (`Places::newest`).
    pub fn sees(&self, position: u32, place: &Place, newest: u32) -> Result<bool, Error> {
        let sees =
            |position: u32, place: &Place| self.sight.sees(place, |look| self.resource(position, look).map(drop));
        Ok(sees(position, place)? && (newest == position || sees(newest, &self.index().place(newest))?))
    }

    /// Where the version of a resource stands that is current when the log has `at` entries; `None` when it does not
    /// exist, is deleted, or may not be seen.
    pub fn current(&self, key: i64, at: u32) -> Result<Option<u32>, Error> {
        let sql = "SELECT pos FROM entry WHERE key = ?1 AND key <> 0 AND pos < ?2 ORDER BY pos DESC LIMIT 1";
        let mut statement = self.db.prepare_cached(sql)?;
        let position: Option<u32> = statement.query_row([key, i64::from(at)], |row| row.get(0)).optional()?;
        let Some(position) = position else { return Ok(None) };
        let place = self.index().place(position);
        Ok((place.type_number != 0 && self.sees(position, &place, self.index().newest(position))?).then_some(position))
    }

    fn index(&self) -> &Index {
        &self.store.index
    }

    /// The version at a position, as far as it is seen; `None` when its patient's key was destroyed.
    pub fn version(&self, position: u32) -> Result<Option<Version>, Error> {
        Ok(self.whole(position)?.map(|version| self.sight.narrow(version)))
    }

    /// What does not exist for whoever asks; `None` where everything does.
    pub fn hidden(&self) -> Option<&Hidden> {
        self.sight.hidden()
    }

    fn whole(&self, position: u32) -> Result<Option<Version>, Error> {
        self.store.version_at(self.db, Position(u64::from(position)))
    }

    /// What `look` sees in the resource at a position; `None` when its patient's key was destroyed.
    pub fn resource<T>(&self, position: u32, look: impl FnOnce(&Json) -> T) -> Result<Option<T>, Error> {
        let Some(version) = self.whole(position)? else { return Ok(None) };
        Ok(Json::parse(&version.body).ok().map(|resource| look(&resource)))
    }

    /// The first position written at or after `ms` (milliseconds since 1970).
    pub fn first_at(&self, ms: i64) -> Result<u32, Error> {
        let Some(before) = ms.checked_sub(1) else { return Ok(0) };
        let position = self.store.position_at(Instant(before))?;
        Ok(u32::try_from(position.0).unwrap_or(u32::MAX))
    }
}
