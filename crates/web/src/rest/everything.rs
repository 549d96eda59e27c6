//! `$everything`: a patient's or an encounter's whole record (R4 operations `Patient/$everything`, `Encounter/$everything`).
//!
//! The resource itself, its compartment, and what these refer to, in pages like a search. With `start` and `end` only
//! what has a clinical date in that span counts, and what has none at all.

use super::bundle::{Bundle, Mode};
use super::page::{self, Start};
use super::route::Key;
use super::view::View;
use super::{Asked, not_found, read, search, url};
use crate::answer::{Outcome, json};
use crate::server::Shared;
use axum::http::StatusCode;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::calendar;
use fhir::search::params::{self, Param};
use fhir::search::query::{DateTest, Filter, Include, Operand, Prefix, Query, Test, parse};
use std::collections::HashSet;
use vault::search::Page;
use vault::{Error, Position, Version};

/// The types that are the centre of a record.
const CENTRES: [&str; 2] = ["Patient", "Encounter"];

/// The parameter that says when a resource's matter happened, where it is not called `date`.
const CLINICAL_DATES: [&str; 8] =
    ["date", "authored", "authoredon", "created", "effective-time", "onset-date", "started", "whenhandedover"];

struct Wanted {
    types: Vec<String>,
    since: Option<Instant>,
    start: Option<i64>,
    end: Option<i64>,
    count: Option<u32>,
    as_of: Option<String>,
    understood: Vec<(String, String)>,
}

/// Answers `Patient/1/$everything`.
pub fn answer(shared: &Shared, mut asked: Asked<'_>, key: Key<'_>) -> Outcome {
    if !CENTRES.contains(&key.resource_type) {
        let message = "$everything is offered for a Patient and an Encounter";
        return Err(Refusal::new(Kind::NotOffered, "not-supported", message).into());
    }
    let start = page::take(shared, &mut asked)?;
    let query_text = url::query(&asked.pairs);
    let wanted = wanted(&mut asked)?;
    asked.pairs = url::pairs(&query_text)?;
    let start = search::start_at(shared, start, wanted.as_of.as_deref())?;
    let centre = centre(shared, &asked, key, &start)?;
    let size = page::size(shared, wanted.count.or(Some(u32::MAX)));
    let query = query(key, &wanted, Instant(start.asked))?;
    let found = search::find(shared, &asked, &query, &start, size)?;
    let shows_centre = wanted.shows(&centre);
    let total = found.total.map(|total| total + u64::from(shows_centre));
    let mut bundle = Bundle::new(
        "searchset",
        shared.vault.clock().now(),
        total,
        &search::links(shared, &asked, &query, &found, &start, size),
    );
    let view = View::default();
    let mut included = found.included;
    if start.offset == 0 {
        let own = referred(shared, &asked, key, found.at)?;
        included.extend(own.into_iter().filter(|v| found.matches.iter().all(|m| m.position != v.position)));
        if shows_centre {
            search::add(&mut bundle, shared, &view, vec![centre], Mode::Match);
        }
    }
    let mut seen = HashSet::new();
    included.retain(|version| wanted.includes(version, key) && seen.insert(version.position));
    bundle.reserve(found.matches.iter().chain(&included));
    search::add(&mut bundle, shared, &view, found.matches, Mode::Match);
    search::add(&mut bundle, shared, &view, included, Mode::Include);
    search::add_findings(&mut bundle, found.findings.iter());
    Ok(json(StatusCode::OK, asked.printed(bundle.finish().into())))
}

/// The patient or encounter itself; without it there is nothing to be told.
fn centre(shared: &Shared, asked: &Asked<'_>, key: Key<'_>, start: &Start) -> Result<Version, Error> {
    match shared.vault.read(&asked.call.visit, key.resource_type, key.id, start.at)? {
        Some(version) if version.deleted => Err(read::gone(key).into()),
        Some(version) => Ok(version),
        None => Err(not_found(key).into()),
    }
}

/// What the patient or encounter itself refers to: practitioners, organizations, links.
fn referred(shared: &Shared, asked: &Asked<'_>, key: Key<'_>, at: Position) -> Result<Vec<Version>, Error> {
    let pairs = [("_id", key.id), ("_include", "*"), ("_total", "none")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let query = parse(Some(key.resource_type), &pairs, true, Instant(0))?;
    let page = Page { at: Some(at), offset: 0, count: 1 };
    Ok(shared.vault.search(&asked.call.visit, &query, &page)?.included)
}

fn wanted(asked: &mut Asked<'_>) -> Result<Wanted, Refusal> {
    let understood = asked.pairs.clone();
    let bad = |message: &str| Refusal::new(Kind::Malformed, "value", message);
    let mut types = Vec::new();
    while let Some(text) = asked.take("_type") {
        types.extend(text.split(',').map(|ty| ty.trim().to_owned()).filter(|ty| !ty.is_empty()));
    }
    if types.iter().any(|ty| fhir::definitions::r4().resource(ty).is_none()) {
        return Err(bad("_type names a resource type that FHIR R4 does not have"));
    }
    let since = asked.take("_since").map(|text| read::instant(&text));
    let since =
        since.map(|at| at.ok_or_else(|| bad("_since is an instant such as 2026-11-23T09:05:12Z"))).transpose()?;
    let mut day = |name: &str| match asked.take(name).map(|text| calendar::span(&text)) {
        Some(None) => Err(bad("start and end are dates such as 2026-11-23")),
        Some(Some(span)) => Ok(Some(span)),
        None => Ok(None),
    };
    let (start, end) = (day("start")?.map(|(low, _)| low), day("end")?.map(|(_, high)| high));
    let count = asked.take("_count").map(|text| text.parse::<u32>().map_err(|_| bad("_count is a whole number")));
    let (count, as_of) = (count.transpose()?, asked.take("_asof"));
    asked.all_taken()?;
    Ok(Wanted { types, since, start, end, count, as_of, understood })
}

impl Wanted {
    fn allows(&self, resource_type: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|ty| ty == resource_type)
    }

    fn shows(&self, centre: &Version) -> bool {
        self.allows(&centre.resource_type) && self.since.is_none_or(|since| centre.updated >= since)
    }

    /// The centre is shown once, as a match; what refers to it brings it along again.
    fn includes(&self, version: &Version, key: Key<'_>) -> bool {
        let is_centre = version.resource_type == key.resource_type && version.id == key.id;
        !is_centre && self.allows(&version.resource_type) && self.since.is_none_or(|since| version.updated >= since)
    }
}

fn query(key: Key<'_>, wanted: &Wanted, now: Instant) -> Result<Query, Refusal> {
    let mut query = parse(None, &[], true, now)?;
    let mut types = search::member_types(key, Vec::new())?;
    types.retain(|ty| ty != key.resource_type && wanted.allows(ty));
    let mut filter = vec![Filter::Compartment { kind: key.resource_type.to_owned(), id: key.id.to_owned() }];
    if types.is_empty() {
        filter.push(Filter::Never);
    }
    if let Some(since) = wanted.since {
        filter.push(Filter::LastUpdated(DateTest { prefix: Prefix::Ge, low: since.0, high: since.0 }));
    }
    filter.extend(during(&types, wanted));
    query.filter = Filter::And(filter);
    query.types = types;
    query.include = vec![Include { source: "*".to_owned(), param: "*".to_owned(), target: None, iterate: false }];
    query.understood.clone_from(&wanted.understood);
    Ok(query)
}

/// In the span by its own clinical date, or without any such date.
fn during(types: &[String], wanted: &Wanted) -> Option<Filter> {
    if wanted.start.is_none() && wanted.end.is_none() {
        return None;
    }
    let dates: Vec<&'static Param> = types.iter().filter_map(|ty| clinical_date(ty)).collect();
    let test = |param: &'static Param, prefix: Prefix, at: i64| {
        Filter::Test(Test { param, operand: Operand::Date(DateTest { prefix, low: at, high: at }) })
    };
    let mut some: Vec<Filter> = Vec::new();
    for &param in &dates {
        let start = wanted.start.map(|at| test(param, Prefix::Ge, at));
        let end = wanted.end.map(|at| test(param, Prefix::Le, at));
        some.push(Filter::And(start.into_iter().chain(end).collect()));
    }
    some.push(Filter::And(dates.iter().map(|&param| Filter::Missing { param, missing: true }).collect()));
    Some(Filter::Or(some))
}

fn clinical_date(resource_type: &str) -> Option<&'static Param> {
    CLINICAL_DATES.iter().find_map(|code| params::find(resource_type, code)).filter(|p| p.kind == params::Kind::Date)
}
