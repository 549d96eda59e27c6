//! Reading: one resource now or as it was, one version, histories, and which position a moment stands for.

use super::store::{Entry, Store, altered, light_entries, shredded};
use super::{Position, Scope, Version};
use crate::access::private::is_private;
use crate::access::sight::Sight;
use crate::error::Error;
use crate::search::PAGE_BYTES_MAX;
use crate::search::index::Place;
use crate::search::rows::type_number;
use base::clock::Instant;
use fhir::json::Json;
use rusqlite::{Connection, OptionalExtension, Params, params};
use std::ops::Range;

/// Above every position SQLite can hold.
const END: i64 = i64::MAX;
/// Positions that the index is asked for at once, at least.
const LOOKED_AT_ONCE: usize = 100;

/// What a history has found.
struct Page {
    count: usize,
    versions: Vec<Version>,
    bytes: usize,
}

impl Page {
    fn is_full(&self) -> bool {
        self.versions.len() >= self.count || self.bytes >= PAGE_BYTES_MAX
    }
}

impl Store {
    /// The version of a resource current below `at`.
    pub fn read(&self, resource_type: &str, id: &str, at: Option<Position>) -> Result<Option<Version>, Error> {
        let key = self.hasher.resource(resource_type, id);
        let Some(at) = at else { return self.read_current(key, (resource_type, id)) };
        self.last_below(key, below(at), (resource_type, id))
    }

    fn read_current(&self, key: i64, of: (&str, &str)) -> Result<Option<Version>, Error> {
        let recent = self.recent.get(key).filter(|v| (v.resource_type.as_str(), v.id.as_str()) == of);
        if recent.is_some() {
            return Ok(recent);
        }
        let head = self.head();
        let found = self.last_below(key, END, of)?;
        if let Some(version) = &found {
            self.recent.keep(key, version, head);
        }
        Ok(found)
    }

    fn last_below(&self, key: i64, below: i64, of: (&str, &str)) -> Result<Option<Version>, Error> {
        self.one(
            light_entries!(
                "WHERE key = ? AND key <> 0 AND pos < ?
             ORDER BY pos DESC LIMIT 1"
            ),
            params![key, below],
            of,
        )
    }

    /// One version by its number.
    pub fn vread(&self, resource_type: &str, id: &str, version: u64) -> Result<Option<Version>, Error> {
        let Some(before) = version.checked_sub(1) else { return Ok(None) };
        let key = self.hasher.resource(resource_type, id);
        // Versions are numbered without a gap, so the n-th row is version n: the index alone finds it.
        let found = self.one(
            light_entries!(
                "WHERE pos = (SELECT pos FROM entry WHERE key = ? AND key <> 0 ORDER BY pos LIMIT 1 OFFSET ?)"
            ),
            params![key, before.min(END as u64).cast_signed()],
            (resource_type, id),
        )?;
        match found {
            Some(found) if found.version != version => Err(altered(found.position.0).into()),
            found => Ok(found),
        }
    }

    fn one(&self, sql: &str, wanted: impl Params, of: (&str, &str)) -> Result<Option<Version>, Error> {
        self.readers.with(|connection| {
            let mut find = connection.prepare_cached(sql)?;
            let Some(entry) = find.query_row(wanted, Entry::of).optional()? else { return Ok(None) };
            let pos = entry.pos;
            let Some(version) = self.version(connection, entry)? else { return Err(shredded().into()) };
            let is_asked = (version.resource_type.as_str(), version.id.as_str()) == of;
            if is_asked { Ok(Some(version)) } else { Err(altered(pos).into()) }
        })
    }

    /// Whether a version may be seen: it, and what its resource has become since. What was marked later, or moved to the
    /// patient it is really about, is not left open in its history.
    pub fn sees(&self, sight: &Sight, version: &Version) -> Result<bool, Error> {
        if is_private(&version.resource_type) {
            return Ok(false);
        }
        if sight.is_everything() {
            return Ok(true);
        }
        self.index.wait_for(Position(version.position.0 + 1))?;
        let position = u32::try_from(version.position.0).unwrap_or(u32::MAX);
        // The index gives a deletion no type.
        let place = Place { type_number: type_number(&version.resource_type), ..self.index.place(position) };
        let show = |version: &Version, look: &mut dyn FnMut(&Json)| Json::parse(&version.body).iter().for_each(look);
        let seen = sight.sees(&place, |look| {
            show(version, look);
            Ok(())
        })?;
        let newest = self.index.newest(position);
        if !seen || newest == position {
            return Ok(seen);
        }
        sight.sees(&self.index.place(newest), |look| {
            let found = self.readers.with(|db| self.version_at(db, Position(newest.into())))?;
            found.iter().for_each(|version| show(version, look));
            Ok(())
        })
    }

    /// Versions newest first. Those of shredded patients, and those that may not be seen, are left out.
    pub fn history(
        &self,
        sight: &Sight,
        scope: &Scope,
        below_position: Position,
        since: Option<Instant>,
        count: usize,
    ) -> Result<Vec<Version>, Error> {
        let from = since.map_or(Ok(Position(0)), |since| self.position_from(since))?;
        if !sight.is_everything() || matches!(scope, Scope::Type(_)) {
            self.index.wait_for(below_position.min(self.changes()))?;
        }
        let (below, from) = (below(below_position), from.0.cast_signed());
        self.readers.with(|connection| match scope {
            Scope::Instance(resource_type, id) => self.many(
                (connection, sight),
                light_entries!(
                    "WHERE key = ? AND key <> 0 AND pos < ? AND pos >= ?
                 ORDER BY pos DESC"
                ),
                params![self.hasher.resource(resource_type, id), below, from],
                count,
            ),
            Scope::Type(resource_type) => self.of_type((connection, sight), resource_type, from..below, count),
            Scope::System => self.many(
                (connection, sight),
                light_entries!(
                    "WHERE pos < ? AND pos >= ? AND kind < 2
                 ORDER BY pos DESC"
                ),
                params![below, from],
                count,
            ),
        })
    }

    fn many(
        &self,
        (connection, sight): (&Connection, &Sight),
        sql: &str,
        wanted: impl Params,
        count: usize,
    ) -> Result<Vec<Version>, Error> {
        let mut find = connection.prepare_cached(sql)?;
        let mut rows = find.query(wanted)?;
        let mut page = Page { count, versions: Vec::new(), bytes: 0 };
        while let Some(row) = if page.is_full() { None } else { rows.next()? } {
            self.add((connection, sight), Entry::of(row)?, &mut page)?;
        }
        Ok(page.versions)
    }

    /// Versions of a type. The index says where they stand; the record, of what type a deletion is.
    fn of_type(
        &self,
        (connection, sight): (&Connection, &Sight),
        resource_type: &str,
        range: Range<i64>,
        count: usize,
    ) -> Result<Vec<Version>, Error> {
        let sql = light_entries!("WHERE pos = ? AND type = (SELECT number FROM type WHERE name = ?)");
        let mut find = connection.prepare_cached(sql)?;
        let (number, from) = (type_number(resource_type), u32::try_from(range.start).unwrap_or(u32::MAX));
        let mut below = u32::try_from(range.end.min(self.changes().0.cast_signed())).unwrap_or(u32::MAX);
        let mut page = Page { count, versions: Vec::new(), bytes: 0 };
        loop {
            let some = self.index.of_type(number, from..below, count.clamp(LOOKED_AT_ONCE, 10_000));
            for position in &some {
                if page.is_full() {
                    return Ok(page.versions);
                }
                if let Some(entry) = find.query_row(params![position, resource_type], Entry::of).optional()? {
                    self.add((connection, sight), entry, &mut page)?;
                }
            }
            match some.last() {
                Some(last) => below = *last,
                None => return Ok(page.versions),
            }
        }
    }

    /// Adds the version of an entry to a page, if it can be read and may be seen.
    fn add(&self, (connection, sight): (&Connection, &Sight), entry: Entry, page: &mut Page) -> Result<(), Error> {
        let place = self.index.place(u32::try_from(entry.pos).unwrap_or(u32::MAX));
        if place.type_number != 0 && sight.hides(&place) {
            return Ok(());
        }
        let Some(version) = self.version(connection, entry)? else { return Ok(()) };
        if self.sees(sight, &version)? {
            let version = sight.narrow(version);
            page.bytes += version.body.len();
            page.versions.push(version);
        }
        Ok(())
    }

    /// The first position whose entry is later than `instant`.
    pub fn position_at(&self, instant: Instant) -> Result<Position, Error> {
        instant.0.checked_add(1).map_or_else(|| Ok(Position(self.head())), |next| self.position_from(Instant(next)))
    }

    /// The first position whose entry is at or later than `instant`: times never decrease, so halving finds it.
    fn position_from(&self, instant: Instant) -> Result<Position, Error> {
        self.readers.with(|connection| {
            let mut find = connection.prepare_cached("SELECT at FROM entry WHERE pos = ?")?;
            let (mut low, mut high) = (0, self.head());
            while low < high {
                let middle = low + (high - low) / 2;
                let at: i64 = find.query_row([middle.cast_signed()], |row| row.get(0))?;
                if at < instant.0 { low = middle + 1 } else { high = middle }
            }
            Ok(Position(low))
        })
    }
}

fn below(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(END)
}
