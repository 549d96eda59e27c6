//! Search: by GET and POST, on a type, a compartment or everything (R4 search).

use super::bundle::{Bundle, Mode};
use super::links::Bookmark;
use super::negotiate::{BodyKind, body_kind, unread};
use super::page::{self, Start};
use super::route::{Key, Target};
use super::view::View;
use super::{Asked, outcome, read, url};
use crate::answer::{Outcome, json};
use crate::server::Shared;
use axum::http::{Method, StatusCode};
use base::clock::Instant;
use base::finding::Finding;
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use fhir::definitions::r4;
use fhir::search::params;
use fhir::search::query::{Filter, Query, Summary, Total};
use vault::search::{Found, Page};
use vault::{Error, Position, Version};

/// Answers a search.
pub fn answer(shared: &Shared, mut asked: Asked<'_>, target: Target<'_>) -> Outcome {
    add_form(&mut asked)?;
    let start = page::take(shared, &mut asked)?;
    let strict = asked.prefer.strict;
    let ask = |ty: Option<&str>| shared.vault.query(&asked.call.visit, ty, &asked.pairs, strict, Instant(start.asked));
    let query = query(target, &ask)?;
    let size = page::size(shared, query.count);
    let found = find(shared, &asked, &query, &start, size)?;
    let body = searchset(shared, &asked, &query, found, &start, size);
    Ok(json(StatusCode::OK, asked.printed(body)))
}

/// Adds the parameters that a POST carries in its body.
pub fn add_form(asked: &mut Asked<'_>) -> Result<(), Refusal> {
    if asked.call.parts.method != Method::POST || asked.call.body.is_empty() {
        return Ok(());
    }
    if body_kind(&asked.call.parts.headers)? != BodyKind::Form {
        return Err(unread());
    }
    let text = str::from_utf8(&asked.call.body)
        .map_err(|_| Refusal::new(Kind::Malformed, "invalid", "the form is not percent-coded UTF-8"))?;
    asked.call.visit.ask_more(text);
    let mut pairs = url::pairs(text)?;
    let form = super::take_form(&mut pairs);
    super::check_wanted(&asked.call.parts, form.format.as_deref())?;
    asked.pretty |= form.pretty;
    asked.pairs.append(&mut pairs);
    if asked.pairs.len() > url::PAIRS_MAX {
        return Err(Refusal::new(Kind::Malformed, "too-costly", "the request has too many parameters"));
    }
    Ok(())
}

/// The question, put to a type or to all of them by `ask`.
fn query(target: Target<'_>, ask: &dyn Fn(Option<&str>) -> Result<Query, Refusal>) -> Result<Query, Refusal> {
    match target {
        Target::Type(ty) | Target::TypeSearch(ty) => ask(Some(ty)),
        Target::Compartment(key, "*") | Target::CompartmentSearch(key, "*") => {
            let mut query = ask(None)?;
            query.types = member_types(key, std::mem::take(&mut query.types))?;
            Ok(within(query, key))
        }
        Target::Compartment(key, ty) | Target::CompartmentSearch(key, ty) => {
            if params::compartment(key.resource_type, ty).is_empty() && key.resource_type != ty {
                return Err(no_member(key));
            }
            Ok(within(ask(Some(ty))?, key))
        }
        _ => ask(None),
    }
}

/// The types of a compartment; only those asked for, if some are.
pub fn member_types(key: Key<'_>, asked: Vec<String>) -> Result<Vec<String>, Refusal> {
    let kind = key.resource_type;
    let is_member = |ty: &str| ty == kind || !params::compartment(kind, ty).is_empty();
    let members: Vec<String> = if asked.is_empty() {
        r4().resource_names().filter(|ty| is_member(ty)).map(str::to_owned).collect()
    } else {
        asked.into_iter().filter(|ty| is_member(ty)).collect()
    };
    // A type alone stands for no compartment; an empty list would mean every type there is.
    if members.len() < 2 && r4().resource_names().all(|ty| ty == kind || !is_member(ty)) || members.is_empty() {
        return Err(no_member(key));
    }
    Ok(members)
}

/// The same question, asked of one compartment only.
pub fn within(mut query: Query, key: Key<'_>) -> Query {
    let compartment = Filter::Compartment { kind: key.resource_type.to_owned(), id: key.id.to_owned() };
    query.filter = match query.filter {
        Filter::All => compartment,
        filter => Filter::And(vec![compartment, filter]),
    };
    query
}

fn no_member(key: Key<'_>) -> Refusal {
    let message = format!("R4 has no such resources in the compartment of a {}", key.resource_type);
    Refusal::new(Kind::NotFound, "not-supported", message)
}

/// Looks for the matches of a page.
pub fn find(shared: &Shared, asked: &Asked<'_>, query: &Query, start: &Start, size: usize) -> Result<Found, Error> {
    let at = match (start.at, query.as_of) {
        (Some(at), _) => Some(at),
        (None, Some(instant)) => Some(shared.vault.position_at(instant)?),
        (None, None) => None,
    };
    let count = if query.summary == Summary::Count { 0 } else { size };
    shared.vault.search(&asked.call.visit, query, &Page { at, offset: start.offset, count })
}

fn searchset(shared: &Shared, asked: &Asked<'_>, query: &Query, found: Found, start: &Start, size: usize) -> Bytes {
    let links = links(shared, asked, query, &found, start, size);
    // Counting only is what these ask for, whatever `_total` says.
    let counts = query.total != Total::None || query.summary == Summary::Count || query.count == Some(0);
    let total = found.total.filter(|_| counts);
    let mut bundle = Bundle::new("searchset", shared.vault.clock().now(), total, &links);
    let view = View { summary: query.summary, elements: query.elements.clone(), pretty: false };
    bundle.reserve(found.matches.iter().chain(&found.included));
    add(&mut bundle, shared, &view, found.matches, Mode::Match);
    add(&mut bundle, shared, &view, found.included, Mode::Include);
    add_findings(&mut bundle, query.findings.iter().chain(&found.findings));
    Bytes::from(bundle.finish())
}

/// Adds what is to be said about the answer: parameters not understood, included resources left out.
pub fn add_findings<'f>(bundle: &mut Bundle, findings: impl Iterator<Item = &'f Finding>) {
    let findings: Vec<Finding> = findings.cloned().collect();
    if !findings.is_empty() {
        bundle.outcome(&outcome::write(&findings));
    }
}

/// Adds versions to a bundle as far as the view shows them. What is added is let go of, so that memory does not hold it
/// twice.
pub fn add(bundle: &mut Bundle, shared: &Shared, view: &View, versions: Vec<Version>, mode: Mode) {
    for version in versions {
        bundle.found(&shared.base, &version, &view.part(&version), mode);
    }
}

/// `self`, and the pages around this one, all at the position this one was answered at.
pub fn links(
    shared: &Shared,
    asked: &Asked<'_>,
    query: &Query,
    found: &Found,
    start: &Start,
    size: usize,
) -> Vec<(&'static str, String)> {
    let understood = page::say_size(&query.understood, size);
    let mut links = vec![("self", page::own(shared, asked, &understood))];
    if size == 0 || query.summary == Summary::Count {
        return links;
    }
    let text = url::query(&asked.pairs);
    let to = |offset: u64, at: Position| {
        page::link(shared, asked, &Bookmark { at: at.0, offset, asked: start.asked, query: text.clone() })
    };
    if start.offset > 0 {
        links.push(("first", to(0, found.at)));
        links.push(("previous", to(start.offset.saturating_sub(size as u64), found.at)));
    }
    if let Some(next) = found.next {
        links.push(("next", to(next, found.at)));
    }
    links
}

/// `_asof` of an operation, as a page's start.
pub fn start_at(shared: &Shared, mut start: Start, as_of: Option<&str>) -> Result<Start, Error> {
    if start.at.is_none() {
        start.at = read::as_of(shared, as_of)?;
    }
    Ok(start)
}
