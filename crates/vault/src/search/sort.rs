//! The order of matches.
//!
//! Without `_sort` the newest version comes first. Of several values of one parameter the least counts, or the greatest
//! when descending. What has no value comes last either way. What is equal stands newest first.

use super::index::Reading;
use super::index::column::{dates, numbers};
use super::matching::{Matcher, Set};
use super::rows::type_in_url;
use crate::error::Error;
use base::refusal::{Kind as No, Refusal};
use fhir::json::Json;
use fhir::search::extract::{Value, extract, normal};
use fhir::search::params::{Kind, Param};
use fhir::search::query::{Sort, SortBy};
use std::cmp::{Ordering, Reverse};

/// What one match is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(String),
}

/// The matches (ascending positions) in the order asked for.
pub fn ordered(by: &[Sort], mut set: Set, reading: &Reading, matcher: &Matcher) -> Result<Set, Error> {
    if let Some((first, [])) = by.split_first()
        && matches!(first.by, SortBy::LastUpdated)
        && !first.descending
    {
        return Ok(set);
    }
    set.reverse();
    if by.is_empty() || set.len() < 2 {
        return Ok(set);
    }
    let mut columns = Vec::with_capacity(by.len());
    for sort in by {
        columns.push(Column { keys: keys(sort, &set, reading, matcher)?, descending: sort.descending });
    }
    let mut order: Vec<usize> = (0..set.len()).collect();
    order.sort_by(|&a, &b| {
        columns.iter().fold(Ordering::Equal, |so_far, column| so_far.then_with(|| column.compare(a, b)))
    });
    Ok(order.into_iter().map(|i| set[i]).collect())
}

struct Column {
    keys: Vec<Option<Key>>,
    descending: bool,
}

impl Column {
    fn compare(&self, a: usize, b: usize) -> Ordering {
        match (&self.keys[a], &self.keys[b]) {
            (Some(a), Some(b)) if self.descending => Reverse(a).cmp(&Reverse(b)),
            (Some(a), Some(b)) => a.cmp(b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        }
    }
}

/// One key a match, in the order of `set`, which descends.
fn keys(sort: &Sort, set: &[u32], reading: &Reading, matcher: &Matcher) -> Result<Vec<Option<Key>>, Error> {
    match &sort.by {
        SortBy::LastUpdated => Ok(set.iter().map(|&p| Some(Key::Number(i64::from(p)))).collect()),
        SortBy::Id => opened(set, matcher, |resource| resource.text("id").map(|id| Key::Text(id.to_owned()))),
        SortBy::Param(param) => match param.kind {
            Kind::Date | Kind::Number | Kind::Quantity => from_columns(param, sort.descending, set, reading),
            Kind::String | Kind::Token | Kind::Reference | Kind::Uri => {
                opened(set, matcher, |resource| text(param, sort.descending, resource).map(Key::Text))
            }
            Kind::Composite | Kind::Special => {
                let why = format!("_sort does not work with `{}`: it has no order", param.code);
                Err(Refusal::new(No::NotOffered, "not-supported", why).into())
            }
        },
    }
}

fn opened(set: &[u32], matcher: &Matcher, key: impl Fn(&Json) -> Option<Key>) -> Result<Vec<Option<Key>>, Error> {
    set.iter().map(|&position| Ok(matcher.open(position, &key)?.flatten())).collect()
}

fn from_columns(param: &Param, descending: bool, set: &[u32], reading: &Reading) -> Result<Vec<Option<Key>>, Error> {
    let ascending: Vec<u32> = set.iter().rev().copied().collect();
    let mut best: Vec<Option<i64>> = vec![None; set.len()];
    for path in &param.paths {
        let axis = if param.kind == Kind::Date { dates(path.path) } else { numbers(path.path) };
        let mut at = 0;
        reading.column_within(axis, &ascending, |position, span| {
            while ascending[at] < position {
                at += 1;
            }
            let slot = &mut best[at];
            *slot = Some(match *slot {
                Some(best) if descending => best.max(span.high),
                Some(best) => best.min(span.low),
                None if descending => span.high,
                None => span.low,
            });
        })?;
    }
    Ok(best.into_iter().rev().map(|key| key.map(Key::Number)).collect())
}

fn text(param: &Param, descending: bool, resource: &Json) -> Option<String> {
    let mut best: Option<String> = None;
    extract(resource, &mut |path, value| {
        let mut uses = param.paths.iter().filter(|p| p.path == path);
        let Some(text) = uses.any(|p| counts(p.target.as_deref(), &value)).then(|| value_text(&value)).flatten() else {
            return;
        };
        let better = |best: &String| if descending { text > *best } else { text < *best };
        if best.as_ref().is_none_or(better) {
            best = Some(text);
        }
    });
    best
}

fn counts(target: Option<&str>, value: &Value) -> bool {
    match value {
        Value::Local { resource_type, .. } => target.is_none_or(|target| target == resource_type),
        Value::Url(url) => target.is_none_or(|target| type_in_url(url) == Some(target)),
        _ => true,
    }
}

fn value_text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Token { code, .. } => code.to_string(),
        Value::String(text) => normal(text),
        Value::Uri(text) | Value::Url(text) => text.to_string(),
        Value::Local { resource_type, id } => format!("{resource_type}/{id}"),
        _ => return None,
    })
}
