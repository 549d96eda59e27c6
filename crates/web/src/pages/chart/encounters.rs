//! Visits: those that are to come, those that are going on, and those that were.

use super::entries::{newest, state};
use super::{Chart, Shown, page_of, shown};
use crate::answer::Outcome;
use crate::pages::frame::table;
use crate::pages::{escape, words};
use crate::server::Shared;
use crate::sign_in::Asked;
use vault::search::Page;
use vault::{Error, Position};

/// Visits on a page.
const SHOWN: usize = 50;

/// `GET /patient/encounters?id=ID&from=N&at=POSITION`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    page_of(shared, asked, |chart| {
        let offset = chart.at.text("from").parse().unwrap_or(0);
        let at = chart.at.text("at").parse().ok().map(Position);
        let coming = if offset == 0 { coming(chart, SHOWN)? } else { Vec::new() };
        let found = chart.find("Encounter", &newest("Encounter"), &Page { at, offset, count: SHOWN })?;
        let next = found.as_ref().and_then(|found| Some((found.next?, found.at.0))).map(|(next, at)| {
            let pairs = [("from", next.to_string()), ("at", at.to_string())];
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            format!("<p><a href=\"{}\" rel=\"next\">Earlier ones</a></p>", chart.link("/patient/encounters", &pairs))
        });
        let were = found.map(|found| shown(found.matches)).unwrap_or_default();
        let body = format!("{}{}{}", appointments(chart, &coming), past(chart, &were), next.unwrap_or_default());
        Ok(chart.page("Visits", &[], &body))
    })
}

/// Appointments that are to come from now on, the next first. Of a chart as it was known: from that day on.
pub fn coming(chart: &Chart<'_>, count: usize) -> Result<Vec<Shown>, Error> {
    let now = chart.then.as_ref().map_or_else(|| chart.at.shared.vault.clock().now(), super::then::Then::instant);
    let from = format!("ge{now}");
    let asked = [
        ("date", from.as_str()),
        ("status:not", "cancelled"),
        ("status:not", "entered-in-error"),
        ("status:not", "noshow"),
        ("_sort", "date"),
    ];
    chart.first("Appointment", &asked, count)
}

fn appointments(chart: &Chart<'_>, coming: &[Shown]) -> String {
    if coming.is_empty() {
        return String::new();
    }
    let row = |entry: &Shown| {
        let what = entry.resource.text("description").map_or_else(|| words::title(&entry.resource), str::to_owned);
        vec![
            format!("<span class=\"when\">{}</span>", escape(&words::at(&entry.resource))),
            format!("<a href=\"{}\">{}</a>", chart.entry(&entry.version), escape(&what)),
            escape(&words::by_whom(&entry.resource)),
            escape(&state(&entry.resource)),
        ]
    };
    format!("<h2>To come</h2>{}", table(&["When", "What", "Who", "State"], coming.iter().map(row)))
}

fn past(chart: &Chart<'_>, were: &[Shown]) -> String {
    if were.is_empty() {
        return "<h2>Visits</h2><p>None that you may see.</p>".to_owned();
    }
    let row = |entry: &Shown| {
        let resource = &entry.resource;
        let how = resource.get("class").map(words::concept).unwrap_or_default();
        let why = resource.get("reasonCode").map(words::concept).unwrap_or_default();
        let why = if why.is_empty() { String::new() } else { format!("<br><small>{}</small>", escape(&why)) };
        vec![
            format!("<span class=\"when\">{}</span>", words::span(resource)),
            format!("<a href=\"{}\">{}</a>{why}", chart.entry(&entry.version), escape(&words::title(resource))),
            escape(&how),
            escape(&words::by_whom(resource)),
            escape(&state(resource)),
        ]
    };
    format!("<h2>Visits</h2>{}", table(&["When", "What", "Kind", "Who", "State"], were.iter().map(row)))
}
