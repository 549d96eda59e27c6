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
use fhir::search::moment;
use vault::records::Scope;
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

/// Answers a history, a page at a time. Pages go on below the last version shown, so that what is written meanwhile
/// moves nothing.
pub fn answer(shared: &Shared, mut asked: Asked<'_>, target: Target<'_>) -> Outcome {
    let start = page::take(shared, &mut asked)?;
    let query = url::query(&asked.pairs);
    let wanted = wanted(shared, &mut asked)?;
    let below = match start.at {
        Some(_) => Position(start.offset),
        None => top(shared, &wanted)?,
    };
    let (scope, key) = match target {
        Target::History(key) => (Scope::Instance(key.resource_type.to_owned(), key.id.to_owned()), Some(key)),
        Target::TypeHistory(ty) => (Scope::Type(ty.to_owned()), None),
        _ => (Scope::System, None),
    };
    let (versions, more) = versions(shared, &asked, &scope, below, &wanted)?;
    if let (true, Some(key)) = (versions.is_empty() && start.at.is_none(), key) {
        exists(shared, &asked, key)?;
    }
    let mut links = vec![("self", page::own(shared, &asked, &wanted.understood))];
    if let (true, Some(last)) = (more, versions.last()) {
        links.push(("next", next(shared, &asked, &start, below, last, query)));
    }
    let mut bundle = Bundle::new("history", shared.vault.clock().now(), None, &links);
    for version in &versions {
        bundle.version(&shared.base, version, &wanted.view.part(version));
    }
    Ok(json(StatusCode::OK, asked.printed(bundle.finish().into())))
}

fn next(shared: &Shared, asked: &Asked<'_>, start: &Start, below: Position, last: &Version, query: String) -> String {
    let at = start.at.unwrap_or(below).0;
    page::link(shared, asked, &Bookmark { at, offset: last.position.0, asked: start.asked, query })
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
            moment::span(&text.replace(' ', "+"))
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

/// A page of versions, and whether there are more.
fn versions(
    shared: &Shared,
    asked: &Asked<'_>,
    scope: &Scope,
    below: Position,
    wanted: &Wanted,
) -> Result<(Vec<Version>, bool), Error> {
    let visit = &asked.call.visit;
    let Some((first, _)) = wanted.during else {
        let mut versions = shared.vault.history(visit, scope, below, wanted.since, wanted.size + 1)?;
        let more = versions.len() > wanted.size;
        versions.truncate(wanted.size);
        return Ok((versions, more));
    };
    // `_at`: what was current at some time of the span. For one resource that is every version made in it, and the one
    // that stood when it began.
    if !matches!(scope, Scope::Instance(..)) {
        let message = "_at is offered for the history of one resource; use _since for a type or everything";
        return Err(Refusal::new(Kind::NotOffered, "not-supported", message).into());
    }
    let mut versions = shared.vault.history(visit, scope, below, wanted.since, wanted.size + 1)?;
    let standing = versions.iter().position(|version| version.updated.0 <= first);
    versions.truncate(standing.map_or(versions.len(), |index| index + 1));
    let more = versions.len() > wanted.size;
    versions.truncate(wanted.size);
    Ok((versions, more))
}

/// A resource without versions in the span asked for is an empty history; one that never was is not found.
fn exists(shared: &Shared, asked: &Asked<'_>, key: Key<'_>) -> Result<(), Error> {
    match shared.vault.read(&asked.call.visit, key.resource_type, key.id, None)? {
        Some(_) => Ok(()),
        None => Err(not_found(key).into()),
    }
}
