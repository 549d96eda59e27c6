//! Reading one resource: as it is, as it was, and only if it changed (R4 http sections 3.1.0.2 and 3.1.0.3).

use super::condition::is_unchanged;
use super::route::Key;
use super::view::View;
use super::{Asked, not_found};
use crate::answer::{Outcome, empty, json, stamp};
use crate::server::Shared;
use axum::http::StatusCode;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use vault::{Error, Position, Version};

/// `GET Patient/1`, with `_asof` as it was known then.
pub fn current(shared: &Shared, mut asked: Asked<'_>, key: Key<'_>) -> Outcome {
    let at = as_of(shared, asked.take("_asof").as_deref())?;
    let version = shared.vault.read(&asked.call.visit, key.resource_type, key.id, at)?;
    sent(asked, key, version)
}

/// `GET Patient/1/_history/2`.
pub fn version(shared: &Shared, asked: Asked<'_>, key: Key<'_>, number: u64) -> Outcome {
    let version = numbered(shared, &asked, key, Some(number))?;
    sent(asked, key, Some(version))
}

/// The version of that number, or the current one; a deletion too. Refuses what is not there.
pub fn numbered(shared: &Shared, asked: &Asked<'_>, key: Key<'_>, number: Option<u64>) -> Result<Version, Error> {
    let visit = &asked.call.visit;
    let current = || shared.vault.read(visit, key.resource_type, key.id, None);
    let Some(number) = number else { return current()?.ok_or_else(|| not_found(key).into()) };
    if let Some(version) = shared.vault.vread(visit, key.resource_type, key.id, number)? {
        return Ok(version);
    }
    let last = current()?.map(|last| last.version);
    Err(last.map_or_else(|| not_found(key), |last| no_such_version(key, number, last)).into())
}

/// The refusal for a version that a resource does not have. Versions count from 1 without gaps.
fn no_such_version(key: Key<'_>, number: u64, last: u64) -> Refusal {
    let (kind, versions) = (key.resource_type, if last == 1 { "version" } else { "versions" });
    let message = format!("this {kind} has no version {number}; it has {last} {versions}, listed in its _history");
    Refusal::new(Kind::NotFound, "not-found", message)
}

/// The position at which the record stands as it was known at `text`, a FHIR instant; `None` for now.
pub fn as_of(shared: &Shared, text: Option<&str>) -> Result<Option<Position>, Error> {
    let Some(text) = text else { return Ok(None) };
    let instant = instant(text).ok_or_else(|| {
        let message = "_asof is an instant with its time zone, such as 2026-11-23T09:05:12Z";
        Error::Refusal(Refusal::new(Kind::Malformed, "value", message))
    })?;
    Ok(Some(shared.vault.position_at(instant)?))
}

/// Reads a FHIR instant, also where the `+` of its zone came as a space.
pub fn instant(text: &str) -> Option<Instant> {
    Instant::parse(text).or_else(|| Instant::parse(&text.replace(' ', "+")))
}

fn sent(mut asked: Asked<'_>, key: Key<'_>, version: Option<Version>) -> Outcome {
    let mut view = View::take(&mut asked.pairs)?;
    view.pretty = asked.pretty;
    asked.all_taken()?;
    let Some(version) = version else { return Err(not_found(key).into()) };
    if version.deleted {
        return Ok(stamp(crate::answer::refused(&gone(key)), &version));
    }
    if !version.partial && is_unchanged(&asked.call.parts.headers, version.version, version.updated) {
        return Ok(stamp(empty(StatusCode::NOT_MODIFIED), &version));
    }
    Ok(stamp(json(StatusCode::OK, view.whole(&version)), &version))
}

/// The refusal for what was deleted.
pub fn gone(key: Key<'_>) -> Refusal {
    let message = format!("this {} was deleted; its earlier versions are still in its _history", key.resource_type);
    Refusal::new(Kind::Gone, "deleted", message)
}
