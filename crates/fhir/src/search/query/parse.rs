//! The whole query: every name goes to whom it belongs, and what nobody knows is said, never dropped.

use super::condition::{Reader, Trouble, all, wrong};
use super::{Contained, Hidden, NOTHING, Query, Summary, Total, current, result};
use crate::definitions::r4;
use base::clock::Instant;
use base::finding::{Finding, Severity};
use base::near::nearest;
use base::refusal::{Kind, Refusal};

/// Names and values in one query.
const PAIRS_MAX: usize = 500;

/// The names that are no parameters of the definitions.
pub(super) const CONTROLS: [&str; 21] = [
    "_id",
    "_lastUpdated",
    "_list",
    "_text",
    "_content",
    "_filter",
    "_has",
    "_type",
    "_sort",
    "_count",
    "_total",
    "_summary",
    "_elements",
    "_include",
    "_revinclude",
    "_contained",
    "_containedType",
    "_format",
    "_pretty",
    "_asof",
    "_tag",
];

/// Parses a search on one type (`Some`) or on all (`None`).
///
/// `pairs` are the percent-decoded names and values in order. `now` serves the prefix `ap`. A parameter nobody knows
/// becomes a finding, or the refusal itself when `strict` (R4 http section 3.1.0.6 `Prefer: handling`); a value that
/// cannot be read is always a refusal (400).
pub fn parse(
    resource_type: Option<&str>,
    pairs: &[(String, String)],
    strict: bool,
    now: Instant,
) -> Result<Query, Refusal> {
    parse_for(resource_type, pairs, strict, now, NOTHING)
}

/// [`parse()`] for somebody for whom some elements do not exist: parameters over them are parameters nobody knows.
pub fn parse_for(
    resource_type: Option<&str>,
    pairs: &[(String, String)],
    strict: bool,
    now: Instant,
    hidden: &Hidden,
) -> Result<Query, Refusal> {
    if pairs.len() > PAIRS_MAX {
        return Err(Refusal::new(Kind::TooCostly, "too-costly", "the query has too many parameters"));
    }
    let mut query = empty(types(resource_type, pairs)?);
    let names = query.types.clone();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut reader = Reader::new(now, current::patient(pairs), hidden);
    let (mut filters, mut unknown) = (Vec::new(), Vec::new());
    for (name, value) in pairs {
        let heard = if value.is_empty() {
            Err(Trouble::Unknown(format!("\"{}\" has no value", shown(name))))
        } else if name == "_type" && resource_type.is_none() {
            Ok(value.clone())
        } else if let Some(heard) = result::read(&mut query, name, value, hidden) {
            heard
        } else {
            reader.condition(&names, name, value, 0).map(|filter| {
                filters.push(filter);
                value.clone()
            })
        };
        match heard {
            Ok(value) => query.understood.push((name.clone(), value)),
            Err(Trouble::Unknown(what)) => unknown.push(what),
            Err(Trouble::Refused(refusal)) => return Err(refusal),
        }
    }
    query.filter = all(filters);
    report(query, unknown, strict)
}

fn report(mut query: Query, unknown: Vec<String>, strict: bool) -> Result<Query, Refusal> {
    let severity = if strict { Severity::Error } else { Severity::Warning };
    let consequence = if strict { "" } else { "; it was not used" };
    let finding = |what: String| Finding {
        severity,
        code: "not-supported",
        path: String::new(),
        message: format!("{what}{consequence}"),
    };
    let findings: Vec<Finding> = unknown.into_iter().map(finding).collect();
    if strict && !findings.is_empty() {
        return Err(Refusal::because(Kind::Malformed, findings));
    }
    query.findings.extend(findings);
    Ok(query)
}

/// The types searched: the one of the path, or those of `_type`.
fn types(resource_type: Option<&str>, pairs: &[(String, String)]) -> Result<Vec<String>, Refusal> {
    if let Some(name) = resource_type {
        if r4().resource(name).is_none() {
            return Err(Refusal::new(Kind::NotFound, "not-supported", no_type(name)));
        }
        return Ok(vec![name.to_owned()]);
    }
    let mut types: Vec<String> = Vec::new();
    let named = pairs.iter().filter(|(name, _)| name == "_type").flat_map(|(_, value)| value.split(','));
    for name in named.filter(|n| !n.is_empty()) {
        if r4().resource(name).is_none() {
            return Err(wrong("_type", no_type(name)));
        }
        if !types.iter().any(|t| t == name) {
            types.push(name.to_owned());
        }
    }
    Ok(types)
}

fn no_type(name: &str) -> String {
    let hint = nearest(name, r4().resource_names()).map(|known| format!("; did you mean \"{known}\"?"));
    format!("\"{}\" is not a resource type of R4{}", shown(name), hint.unwrap_or_default())
}

/// As much of a name as a message needs.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

fn empty(types: Vec<String>) -> Query {
    Query {
        types,
        filter: super::Filter::All,
        sort: Vec::new(),
        include: Vec::new(),
        revinclude: Vec::new(),
        count: None,
        total: Total::default(),
        summary: Summary::default(),
        elements: Vec::new(),
        contained: Contained::default(),
        contained_alone: false,
        as_of: None,
        understood: Vec::new(),
        findings: Vec::new(),
    }
}
