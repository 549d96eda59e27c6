//! History: every version, newest first, of one resource, a type or everything (R4 http section 3.1.0.13).

use super::bundle::Bundle;
use super::links::Bookmark;
use super::page::{self, Start};
use super::route::{Key, Target};
use super::view::View;
use super::{Asked, not_found, read, url};
use crate::answer::{Outcome, json};
use crate::server::Shared;
use axum::http::StatusCode;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::calendar;
use fhir::search::query::{DateTest, Filter, Prefix};
use vault::records::Scope;
use vault::search::{PAGE_BYTES_MAX, Page};
use vault::{Error, Position, Version};

/// What a history is asked for.
struct Wanted {
    since: Option<Instant>,
    /// First and last millisecond of `_at`.
    during: Option<(i64, i64)>,
    size: usize,
    view: View,
    understood: Vec<(String, String)>,
}

/// Where a page of a history starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    /// Versions below a position.
    Below(Position),
    /// With `_at`: what stood when the span began, after so many.
    Standing(u64),
}

/// Tells the two apart in a bookmark; no log is that long.
const STANDING: u64 = 1 << 63;

impl Cursor {
    fn read(offset: u64) -> Cursor {
        if offset >= STANDING { Cursor::Standing(offset - STANDING) } else { Cursor::Below(Position(offset)) }
    }

    fn write(self) -> u64 {
        match self {
            Cursor::Below(position) => position.0,
            Cursor::Standing(offset) => STANDING | offset,
        }
    }
}

/// Answers a history, a page at a time. Pages go on below the last version shown, so that what is written meanwhile
/// moves nothing.
pub fn answer(shared: &Shared, mut asked: Asked<'_>, target: Target<'_>) -> Outcome {
    let start = page::take(shared, &mut asked)?;
    let query = url::query(&asked.pairs);
    let wanted = wanted(shared, &mut asked)?;
    let cursor = match start.at {
        Some(_) => Cursor::read(start.offset),
        None => Cursor::Below(top(shared, &wanted)?),
    };
    let (scope, key) = match target {
        Target::History(key) => (Scope::Instance(key.resource_type.to_owned(), key.id.to_owned()), Some(key)),
        Target::TypeHistory(ty) => (Scope::Type(ty.to_owned()), None),
        _ => (Scope::System, None),
    };
    let (versions, next) = versions(shared, &asked, &scope, cursor, &wanted)?;
    if let (true, Some(key)) = (versions.is_empty() && start.at.is_none(), key) {
        exists(shared, &asked, key)?;
    }
    let mut links = vec![("self", page::own(shared, &asked, &wanted.understood))];
    if let Some(next) = next {
        links.push(("next", page::link(shared, &asked, &bookmark(&start, cursor, next, query))));
    }
    let mut bundle = Bundle::new("history", shared.vault.clock().now(), None, &links);
    bundle.reserve(versions.iter());
    for version in versions {
        bundle.version(&shared.base, &version, &wanted.view.part(&version));
    }
    Ok(json(StatusCode::OK, asked.printed(bundle.finish().into())))
}

fn bookmark(start: &Start, cursor: Cursor, next: Cursor, query: String) -> Bookmark {
    let at = start.at.map_or(cursor.write(), |at| at.0);
    Bookmark { at, offset: next.write(), asked: start.asked, query }
}

fn wanted(shared: &Shared, asked: &mut Asked<'_>) -> Result<Wanted, Refusal> {
    let understood = asked.pairs.clone();
    let view = View::take(&mut asked.pairs)?;
    let since = match asked.take("_since") {
        Some(text) => Some(read::instant(&text).ok_or_else(|| {
            Refusal::new(
                Kind::Malformed,
                "value",
                "_since is an instant with its time zone, such as 2026-11-23T09:05:12Z",
            )
        })?),
        None => None,
    };
    let during = match asked.take("_at") {
        Some(text) => Some(
            calendar::span(&text.replace(' ', "+"))
                .ok_or_else(|| Refusal::new(Kind::Malformed, "value", "_at is a date or time, such as 2026-11-23"))?,
        ),
        None => None,
    };
    let count = match asked.take("_count").map(|text| text.parse::<u32>()) {
        Some(Ok(count)) if count > 0 => Some(count),
        Some(_) => return Err(Refusal::new(Kind::Malformed, "value", "_count is a whole number, at least 1")),
        None => None,
    };
    asked.all_taken()?;
    let size = page::size(shared, count);
    Ok(Wanted { since, during, size, view, understood: page::say_size(&understood, size) })
}

/// The position a history starts below: the head, or the end of what `_at` names.
fn top(shared: &Shared, wanted: &Wanted) -> Result<Position, Error> {
    match wanted.during {
        Some((_, last)) => shared.vault.position_at(Instant(last)),
        None => Ok(shared.vault.head()),
    }
}

/// A page of versions, and where the next one starts, if there is one.
fn versions(
    shared: &Shared,
    asked: &Asked<'_>,
    scope: &Scope,
    cursor: Cursor,
    wanted: &Wanted,
) -> Result<(Vec<Version>, Option<Cursor>), Error> {
    let mut versions = Vec::new();
    let mut after = 0;
    match cursor {
        Cursor::Below(below) => {
            let first = wanted.during.map(|(first, _)| Instant(first));
            let since = first.max(wanted.since);
            versions = shared.vault.history(&asked.call.visit, scope, below, since, wanted.size + 1)?;
            let bytes: usize = versions.iter().map(|version| version.body.len()).sum();
            if versions.len() > wanted.size || bytes >= PAGE_BYTES_MAX {
                versions.truncate(wanted.size);
                let next = versions.last().map(|last| Cursor::Below(last.position));
                return Ok((versions, next));
            }
        }
        Cursor::Standing(offset) => after = offset,
    }
    let Some((first, _)) = wanted.during else { return Ok((versions, None)) };
    let room = wanted.size - versions.len();
    if room == 0 {
        return Ok((versions, Some(Cursor::Standing(0))));
    }
    // `_at`: what was current at some time of the span is also what stood when it began.
    let at = shared.vault.position_at(Instant(first - 1))?;
    let (standing, next) = standing(shared, asked, scope, at, wanted.since, (after, room))?;
    versions.extend(standing);
    Ok((versions, next))
}

/// What was current at a position, newest first; some after an offset, and where the rest starts, if there is more.
fn standing(
    shared: &Shared,
    asked: &Asked<'_>,
    scope: &Scope,
    at: Position,
    since: Option<Instant>,
    (offset, count): (u64, usize),
) -> Result<(Vec<Version>, Option<Cursor>), Error> {
    let visit = &asked.call.visit;
    let resource_type = match scope {
        Scope::Instance(resource_type, id) => {
            let found = shared.vault.read(visit, resource_type, id, Some(at))?;
            let is_wanted = |version: &Version| !version.deleted && since.is_none_or(|since| version.updated >= since);
            return Ok((found.into_iter().filter(is_wanted).collect(), None));
        }
        Scope::Type(resource_type) => Some(resource_type.as_str()),
        Scope::System => None,
    };
    let uncounted = [("_total".to_owned(), "none".to_owned())];
    let mut query = shared.vault.query(visit, resource_type, &uncounted, true, Instant(0))?;
    if let Some(since) = since {
        query.filter = Filter::LastUpdated(DateTest { prefix: Prefix::Ge, low: since.0, high: since.0 });
    }
    let found = shared.vault.search(visit, &query, &Page { at: Some(at), offset, count })?;
    Ok((found.matches, found.next.map(Cursor::Standing)))
}

/// A resource without versions in the span asked for is an empty history; one that never was is not found.
fn exists(shared: &Shared, asked: &Asked<'_>, key: Key<'_>) -> Result<(), Error> {
    match shared.vault.read(&asked.call.visit, key.resource_type, key.id, None)? {
        Some(_) => Ok(()),
        None => Err(not_found(key).into()),
    }
}
