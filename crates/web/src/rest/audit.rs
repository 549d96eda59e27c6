//! The audit as FHIR: searching and reading AuditEvents that are made of the log's entries (IHE BALP), and CSV of them.
//!
//! A page goes on below the last entry of the one before, so that what is written meanwhile, this very request too, moves
//! nothing.

use super::bundle::{Bundle, Mode};
use super::links::Bookmark;
use super::page;
use super::route::Key;
use super::search::add_findings;
use super::{Asked, not_found, read, url};
use crate::answer::{Outcome, json, plain};
use crate::server::Shared;
use axum::http::StatusCode;
use base::clock::Instant;
use base::finding::{Finding, Severity};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use fhir::calendar;
use fhir::json::Json;
use std::collections::HashMap;
use vault::access::audit::{Found, Wanted, Who, report};
use vault::{Error, Position};

/// The parameters by which the audit is searched.
const PARAMETERS: [&str; 11] =
    ["patient", "agent", "altid", "date", "action", "outcome", "type", "subtype", "entity-type", "_count", "_sort"];

/// What ids of these AuditEvents begin with; the others are resources that somebody stored.
const LOG: &str = "log-";

/// Entries that one request looks through; where more may fit, the next page goes on.
const LOOKED_MAX: usize = 20_000;

/// Entries that are asked for at a time.
const BATCH: usize = 500;

/// AuditEvents of one entry in an answer; a search by patient finds each of them.
const NAMES: usize = 20;

/// What is asked of each AuditEvent, beside patient, account and time.
#[derive(Default)]
struct Tests {
    action: Vec<String>,
    outcome: Vec<String>,
    kind: Vec<String>,
    subtype: Vec<String>,
    entity_type: Vec<String>,
}

/// `GET AuditEvent?patient=...`, and `GET Patient/1/AuditEvent`.
pub fn search(shared: &Shared, mut asked: Asked<'_>, patient: Option<Key<'_>>) -> Outcome {
    let start = page::take(shared, &mut asked)?;
    let (query, mut understood) = (url::query(&asked.pairs), asked.pairs.clone());
    let unknown = unknown(&asked)?;
    let is_understood = |(name, _): &(String, String)| PARAMETERS.contains(&name.as_str());
    understood.retain(is_understood);
    asked.pairs.retain(is_understood);
    let (mut wanted, tests, size) = wanted(shared, &mut asked)?;
    if let Some(key) = patient {
        if wanted.patient.as_ref().is_some_and(|named| named != key.id) {
            return Err(bad("the patient is named twice, differently"));
        }
        wanted.patient = Some(key.id.to_owned());
    }
    wanted.below = start.at;
    let (found, next) = matching(shared, &asked, wanted, &tests, size)?;
    if asked.wants_text {
        return csv(shared, &found);
    }
    let mut links = vec![("self", page::own(shared, &asked, &understood))];
    if let Some(next) = next {
        let bookmark = Bookmark { at: next.0, offset: 0, asked: start.asked, query };
        links.push(("next", page::link(shared, &asked, &bookmark)));
    }
    let mut bundle = Bundle::new("searchset", shared.vault.clock().now(), None, &links);
    for (_, events) in &found {
        for event in events {
            bundle.made(&shared.base, event, Mode::Match);
        }
    }
    add_findings(&mut bundle, unknown.iter());
    Ok(json(StatusCode::OK, asked.printed(bundle.finish().into())))
}

/// What is said of parameters that the audit does not know: a refusal to whoever wants it strictly, or a table, in which
/// nothing could be said; otherwise a warning (R4 http section 3.1.0.6).
fn unknown(asked: &Asked<'_>) -> Result<Vec<Finding>, Refusal> {
    let mut names = asked.pairs.iter().map(|(name, _)| name.as_str()).filter(|name| !PARAMETERS.contains(name));
    let Some(first) = names.next() else { return Ok(Vec::new()) };
    let message = format!("the audit is searched by {}", PARAMETERS.join(", "));
    if asked.prefer.strict || asked.wants_text {
        return Err(Refusal::new(Kind::Malformed, "not-supported", message));
    }
    let finding = |name: &str| Finding {
        severity: Severity::Warning,
        code: "not-supported",
        path: String::new(),
        message: format!("\"{}\" was not used; {message}", name.chars().take(64).collect::<String>()),
    };
    Ok(std::iter::once(first).chain(names).map(finding).collect())
}

/// `GET AuditEvent/log-17-0`; `None` where the id is that of a stored resource.
pub fn instance(shared: &Shared, asked: &Asked<'_>, key: Key<'_>) -> Option<Outcome> {
    let number = key.id.strip_prefix(LOG)?;
    Some(one(shared, asked, key, number))
}

fn one(shared: &Shared, asked: &Asked<'_>, key: Key<'_>, number: &str) -> Outcome {
    asked.all_taken()?;
    let numbers = number.split_once('-').and_then(|(position, number)| position.parse().ok().zip(number.parse().ok()));
    let (position, number) = numbers.ok_or_else(|| not_found(key))?;
    let Some((found, is_limited)) = shared.vault.audit_entry(&asked.call.visit, Position(position), number)? else {
        return Err(not_found(key).into());
    };
    let who = shared.vault.who(&found.event.account)?;
    let mut events = shared.vault.audit_events(&found, &who, is_limited).into_iter();
    let event = events.find(|event| event.text("id") == Some(key.id)).ok_or_else(|| not_found(key))?;
    Ok(json(StatusCode::OK, asked.printed(Bytes::from(event.to_bytes()))))
}

/// Entries with the AuditEvents of each that fit, and where the next page begins.
type Matching = (Vec<(Found, Vec<Json<'static>>)>, Option<Position>);

fn matching(
    shared: &Shared,
    asked: &Asked<'_>,
    mut wanted: Wanted,
    tests: &Tests,
    size: usize,
) -> Result<Matching, Error> {
    let mut known: HashMap<String, Who> = HashMap::new();
    let (mut matches, mut looked) = (Vec::new(), 0);
    let patient = wanted.patient.as_ref().map(|id| format!("Patient/{id}"));
    (wanted.count, wanted.names) = (BATCH, Some(NAMES));
    loop {
        let page = shared.vault.audit(&asked.call.visit, &wanted)?;
        for mut found in page.found {
            if matches.len() == size {
                let last = matches.last().map(|(found, _): &(Found, _)| found.position);
                return Ok((matches, last));
            }
            looked += 1;
            if let Some(patient) = &patient {
                found.retain(patient);
            }
            let who = match known.get(&found.event.account) {
                Some(who) => who.clone(),
                None => {
                    let who = shared.vault.who(&found.event.account)?;
                    known.insert(found.event.account.clone(), who.clone());
                    who
                }
            };
            let mut events = shared.vault.audit_events(&found, &who, page.is_limited);
            events.retain(|event| tests.fit(event));
            if page.is_limited {
                found.event.about.clear();
            }
            if !events.is_empty() {
                matches.push((found, events));
            }
        }
        match page.next {
            None => return Ok((matches, None)),
            next if looked >= LOOKED_MAX => return Ok((matches, next)),
            next => wanted.below = next,
        }
    }
}

/// The same entries as a table; one line each.
fn csv(shared: &Shared, found: &[(Found, Vec<Json<'static>>)]) -> Outcome {
    let mut text = report::header();
    for (found, _) in found {
        text.push_str(&report::line(found, &shared.vault.who(&found.event.account)?.name));
    }
    Ok(plain(StatusCode::OK, "text/csv; charset=utf-8", text))
}

fn wanted(shared: &Shared, asked: &mut Asked<'_>) -> Result<(Wanted, Tests, usize), Error> {
    let mut wanted = Wanted::default();
    let mut tests = Tests::default();
    let mut count = None;
    for (name, value) in std::mem::take(&mut asked.pairs) {
        let list = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
        match name.as_str() {
            "patient" => wanted.patient = Some(value.strip_prefix("Patient/").unwrap_or(&value).to_owned()),
            "agent" => wanted.account = Some(account(shared, &value)?),
            "altid" => wanted.account = Some(value.rsplit('|').next().unwrap_or_default().to_owned()),
            "date" => date(&mut wanted, &value)?,
            "action" => tests.action = codes(list()),
            "outcome" => tests.outcome = codes(list()),
            "type" => tests.kind = codes(list()),
            "subtype" => tests.subtype = codes(list()),
            "entity-type" => tests.entity_type = codes(list()),
            "_count" => {
                count =
                    Some(value.parse::<u32>().ok().filter(|n| *n > 0).ok_or_else(|| bad("_count is a number from 1"))?);
            }
            "_sort" if value == "-date" => {}
            _ => return Err(bad("the audit is sorted by -date alone, newest first; leave _sort out")),
        }
    }
    Ok((wanted, tests, page::size(shared, count)))
}

/// The account of `Practitioner/7`; one that does not exist when it is nobody's.
fn account(shared: &Shared, reference: &str) -> Result<String, Error> {
    let accounts = shared.vault.accounts()?;
    let found = accounts.iter().find(|account| account.stands_for.iter().any(|known| known == reference));
    Ok(found.map_or_else(|| format!("nobody is {reference}"), |account| account.id.clone()))
}

fn date(wanted: &mut Wanted, value: &str) -> Result<(), Error> {
    let (prefix, text) = match value.get(..2) {
        Some(prefix @ ("ge" | "gt" | "le" | "lt" | "eq")) => (prefix, &value[2..]),
        _ => ("eq", value),
    };
    let exact = read::instant(text).map(|at| (at.0, at.0));
    let span = exact.or_else(|| calendar::span(&text.replace(' ', "+")));
    let (low, high) = span.ok_or_else(|| bad("date is a date or time such as ge2026-11-23"))?;
    let later = |at: i64| wanted.since.map_or(at, |since| since.0.max(at));
    let earlier = |at: i64| wanted.until.map_or(at, |until| until.0.min(at));
    match prefix {
        "ge" => wanted.since = Some(Instant(later(low))),
        "gt" => wanted.since = Some(Instant(later(high.saturating_add(1)))),
        "le" => wanted.until = Some(Instant(earlier(high))),
        "lt" => wanted.until = Some(Instant(earlier(low.saturating_sub(1)))),
        _ => (wanted.since, wanted.until) = (Some(Instant(later(low))), Some(Instant(earlier(high)))),
    }
    Ok(())
}

/// The codes of tokens such as `system|code`.
fn codes(tokens: Vec<String>) -> Vec<String> {
    tokens.into_iter().map(|token| token.rsplit('|').next().unwrap_or_default().to_owned()).collect()
}

impl Tests {
    fn fit(&self, event: &Json<'_>) -> bool {
        let code = |name: &str| event.get(name).and_then(|coding| coding.text("code"));
        let one_of = |wanted: &[String], found: Option<&str>| {
            wanted.is_empty() || found.is_some_and(|found| wanted.iter().any(|wanted| wanted == found))
        };
        let any_of = |wanted: &[String], name: &str, of: &dyn Fn(&Json<'_>) -> Option<String>| {
            let items = event.get(name).map_or(&[][..], Json::items);
            wanted.is_empty() || items.iter().filter_map(of).any(|code| wanted.contains(&code))
        };
        one_of(&self.action, event.text("action"))
            && one_of(&self.outcome, event.text("outcome"))
            && one_of(&self.kind, code("type"))
            && any_of(&self.subtype, "subtype", &|coding| coding.text("code").map(str::to_owned))
            && any_of(&self.entity_type, "entity", &|entity| entity.get("type")?.text("code").map(str::to_owned))
    }
}

/// Whether an address is answered from the log.
pub fn is_log(key: Key<'_>) -> bool {
    key.resource_type == "AuditEvent" && key.id.starts_with(LOG)
}

fn bad(message: &str) -> Error {
    Refusal::new(Kind::Malformed, "value", message).into()
}
