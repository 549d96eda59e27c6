//! The timeline: everything that happened, newest first, of all kinds or one, from any year back.
//!
//! Each kind is asked for in its own order, a few entries at a time, and the newest of all heads comes next. Where a page ends
//! is one number a kind, at the position of the first page: later pages neither repeat nor leave out anything, and no page
//! reads more than it shows and a few of each kind.

use super::entries::sorted_by;
use super::{Chart, Shown, page_of, shown};
use crate::answer::Outcome;
use crate::pages::{escape, words};
use crate::server::Shared;
use crate::sign_in::Asked;
use fhir::calendar::{civil, span};
use std::collections::VecDeque;
use vault::search::Page;
use vault::{Error, Position};

/// Entries on a page.
const SHOWN: usize = 250;

/// Entries of a kind that are asked for first.
const BATCH: usize = 20;

/// From so many of a kind on a day on, they are folded.
const FOLDED: usize = 4;

/// What can be chosen, and the kinds that belong to it.
const GROUPS: &[(&str, &str, &[&str])] = &[
    ("", "All", &[]),
    ("visits", "Visits", &["Encounter"]),
    ("diagnoses", "Diagnoses", &["Condition", "AllergyIntolerance"]),
    ("medicines", "Medicines", &["MedicationRequest", "MedicationStatement", "MedicationAdministration"]),
    ("results", "Results", &["DiagnosticReport", "Observation"]),
    ("documents", "Documents", &["DocumentReference"]),
    ("procedures", "Procedures", &["Procedure"]),
    ("vaccinations", "Vaccinations", &["Immunization"]),
    ("plans", "Plans and orders", &["CarePlan", "ServiceRequest"]),
];

/// The entries of one kind, newest first, as far as they were asked for.
struct Stream {
    kind: &'static str,
    waiting: VecDeque<(Option<i64>, Shown)>,
    /// How many were taken.
    taken: u64,
    /// Where the next batch begins; `None`: there are no more.
    next: Option<u64>,
    /// How many the next batch has: twice as many each time, so that a kind with most of a page is not asked for often.
    batch: usize,
}

/// `GET /patient/timeline?id=ID&kind=GROUP&until=YEAR&from=N.N...&at=POSITION`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    page_of(shared, asked, |chart| {
        let at = chart.at;
        let group = GROUPS.iter().find(|(code, ..)| *code == at.text("kind")).unwrap_or(&GROUPS[0]);
        let until: Option<i32> = at.text("until").parse().ok().filter(|year| (1..9999).contains(year));
        let pinned = at.text("at").parse().ok().map(Position).or(chart.position());
        let position = pinned.unwrap_or_else(|| at.shared.vault.head());
        let mut streams = streams(group.2, at.text("from"));
        let entries = taken(chart, &mut streams, position, until)?;
        let later = |group: &str| {
            let ends: Vec<String> = streams.iter().map(|stream| stream.taken.to_string()).collect();
            let year = until.map(|year| year.to_string()).unwrap_or_default();
            let pairs =
                [("kind", group), ("until", &*year), ("from", &*ends.join(".")), ("at", &*position.0.to_string())];
            format!("<p><a href=\"{}\" rel=\"next\">Earlier</a></p>", chart.link("/patient/timeline", &pairs))
        };
        let is_more = streams.iter().any(|stream| stream.next.is_some() || !stream.waiting.is_empty());
        let more = if is_more { later(group.0) } else { String::new() };
        let body = format!(
            "{}{}{}{more}",
            groups(chart, group.0, until),
            years(chart, group.0, group.2, position, until)?,
            days(chart, &entries)
        );
        Ok(chart.page("Timeline", &[("kind", group.0), ("until", at.text("until"))], &body))
    })
}

fn kinds(chosen: &'static [&'static str]) -> Vec<&'static str> {
    match chosen.is_empty() {
        true => GROUPS.iter().flat_map(|(.., kinds)| kinds.iter().copied()).collect(),
        false => chosen.to_vec(),
    }
}

/// One a kind, each from where the page before ended.
fn streams(chosen: &'static [&'static str], from: &str) -> Vec<Stream> {
    let mut ends = from.split('.').map(|end| end.parse::<u64>().unwrap_or(0));
    let stream = |kind| {
        let taken = ends.next().unwrap_or(0);
        Stream { kind, waiting: VecDeque::new(), taken, next: Some(taken), batch: BATCH }
    };
    kinds(chosen).into_iter().map(stream).collect()
}

impl Stream {
    /// Asks for more when all are taken.
    fn fill(&mut self, chart: &Chart<'_>, at: Position, until: Option<i32>) -> Result<(), Error> {
        let Some(offset) = self.next.filter(|_| self.waiting.is_empty()) else { return Ok(()) };
        let Some((date, sort)) = sorted_by(self.kind) else {
            self.next = None;
            return Ok(());
        };
        let before = until.map(|year| format!("lt{:04}-01-01", year + 1));
        let mut pairs = vec![("_sort", sort)];
        pairs.extend(before.as_deref().map(|before| (date, before)));
        let found = chart.find(self.kind, &pairs, &Page { at: Some(at), offset, count: self.batch })?;
        self.batch *= 2;
        self.next = found.as_ref().and_then(|found| found.next);
        let dated = |one: Shown| (words::begun(&one.resource).and_then(span).map(|(low, _)| low), one);
        self.waiting.extend(found.map(|found| shown(found.matches)).unwrap_or_default().into_iter().map(dated));
        Ok(())
    }
}

/// The newest of all kinds, one after the other. What says no day comes last.
fn taken(
    chart: &Chart<'_>,
    streams: &mut [Stream],
    at: Position,
    until: Option<i32>,
) -> Result<Vec<(Option<i64>, Shown)>, Error> {
    let mut entries = Vec::new();
    while entries.len() < SHOWN {
        for stream in streams.iter_mut() {
            stream.fill(chart, at, until)?;
        }
        let newest = streams.iter_mut().filter(|stream| !stream.waiting.is_empty());
        // Of equals the first kind.
        let newest = newest.rev().max_by_key(|stream| stream.waiting.front().and_then(|(at, _)| *at));
        let Some(stream) = newest else { break };
        stream.taken += 1;
        entries.extend(stream.waiting.pop_front());
    }
    Ok(entries)
}

fn groups(chart: &Chart<'_>, chosen: &str, until: Option<i32>) -> String {
    let year = until.map(|year| year.to_string()).unwrap_or_default();
    let one = |(code, name, _): &(&str, &str, &[&str])| {
        let here = if *code == chosen { " aria-current=\"true\"" } else { "" };
        let to = chart.link("/patient/timeline", &[("kind", code), ("until", &year)]);
        format!("<a href=\"{to}\"{here}>{name}</a>")
    };
    format!("<nav class=\"choice\" aria-label=\"Kinds\">{}</nav>", GROUPS.iter().map(one).collect::<String>())
}

/// All years from the first entry to the last, without a gap: an empty year looks as any other.
fn years(
    chart: &Chart<'_>,
    group: &str,
    chosen: &'static [&'static str],
    at: Position,
    until: Option<i32>,
) -> Result<String, Error> {
    let year_of = |low: i64| civil(low.div_euclid(86_400_000)).0;
    let mut ends: Option<(i64, i64)> = None;
    for kind in kinds(chosen) {
        let Some((date, newest)) = sorted_by(kind) else { continue };
        for sort in [date, newest] {
            let found = chart.find(kind, &[("_sort", sort)], &Page { at: Some(at), offset: 0, count: 1 })?;
            let one = found.map(|found| shown(found.matches)).unwrap_or_default();
            let low = one.first().and_then(|one| Some(span(words::begun(&one.resource)?)?.0));
            let year = low.map(year_of);
            ends = ends.or_else(|| year.map(|year| (year, year)));
            ends = ends.zip(year).map(|((first, last), year)| (first.min(year), last.max(year))).or(ends);
        }
    }
    let Some((first, last)) = ends else { return Ok(String::new()) };
    let one = |year: i64| {
        let here = if until.map(i64::from) == Some(year) { " aria-current=\"true\"" } else { "" };
        let to = chart.link("/patient/timeline", &[("kind", group), ("until", &year.to_string())]);
        format!("<a href=\"{to}\"{here}>{year}</a>")
    };
    // Nobody lives longer; a mistyped year shall not fill the page.
    let years: String = (first.max(last - 120)..=last).rev().map(one).collect();
    Ok(format!("<nav class=\"choice years\" aria-label=\"Years\"><span>Back from</span>{years}</nav>"))
}

/// A heading a year, a row a day.
fn days(chart: &Chart<'_>, entries: &[(Option<i64>, Shown)]) -> String {
    if entries.is_empty() {
        return "<p>None that you may see.</p>".to_owned();
    }
    let day = |entry: &(Option<i64>, Shown)| {
        words::begun(&entry.1.resource).map(|text| text.get(..10).unwrap_or(text).to_owned())
    };
    let (mut out, mut year) = (String::new(), None);
    for of_day in entries.chunk_by(|a, b| day(a) == day(b)) {
        let date = day(&of_day[0]);
        let this = date.as_deref().and_then(|date| date.get(..4)).unwrap_or("Without a day").to_owned();
        if year.as_ref() != Some(&this) {
            let end = if year.is_some() { "</dl>" } else { "" };
            out.push_str(&format!("{end}<h2>{}</h2><dl class=\"timeline\">", escape(&this)));
            year = Some(this);
        }
        let said = date.as_deref().map(words::date).unwrap_or_default();
        out.push_str(&format!("<dt>{}</dt><dd>{}</dd>", escape(&said), of_one_day(chart, of_day)));
    }
    out + "</dl>"
}

/// What happened on one day, kind by kind; many of one kind are folded.
fn of_one_day(chart: &Chart<'_>, entries: &[(Option<i64>, Shown)]) -> String {
    let mut out = String::new();
    for kind in kinds(&[]) {
        let of_kind: Vec<&Shown> =
            entries.iter().map(|(_, one)| one).filter(|one| one.version.resource_type == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let lines: String = of_kind.iter().map(|one| line(chart, one)).collect();
        if of_kind.len() < FOLDED {
            out.push_str(&format!("<ul>{lines}</ul>"));
        } else {
            let said = escape(&words::counted(kind, of_kind.len()));
            out.push_str(&format!("<details><summary>{said}</summary><ul>{lines}</ul></details>"));
        }
    }
    out
}

fn line(chart: &Chart<'_>, one: &Shown) -> String {
    let kind = escape(&words::one(&one.version.resource_type));
    let title = escape(&words::line(&one.resource));
    let flag = words::flag(&one.resource);
    format!("<li><small>{kind}</small> <a href=\"{}\">{title}</a>{flag}</li>", chart.entry(&one.version))
}
