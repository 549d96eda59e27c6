//! Results: each test with its last values and its usual range; one test over time as a graph with its table.

use super::entries::newest;
use super::{Chart, Shown, page_of, shown};
use crate::answer::Outcome;
use crate::pages::frame::table;
use crate::pages::graph::{self, Graph, Point, SERIES_MAX, Series};
use crate::pages::{escape, words};
use crate::server::Shared;
use crate::sign_in::Asked;
use base::refusal::{Kind, Refusal};
use fhir::calendar::span;
use fhir::json::Json;
use vault::Position;
use vault::search::Page;

/// Results that are read for a page of tests.
const READ: usize = 200;

/// Values of one test on a page.
const VALUES: usize = 120;

/// Values before the last that are shown beside it.
const BEFORE: usize = 3;

/// Groups of results by HL7's categories.
const GROUPS: &[(&str, &str)] = &[
    ("laboratory", "Laboratory"),
    ("vital-signs", "Measurements"),
    ("imaging", "Imaging"),
    ("survey", "Questionnaires"),
    ("social-history", "Social history"),
    ("exam", "Examination"),
];

/// `GET /patient/results?id=ID&group=CATEGORY&from=N&at=POSITION`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    page_of(shared, asked, |chart| {
        let asked_for = chart.at.text("group");
        let group = GROUPS.iter().find(|(code, _)| *code == asked_for).unwrap_or(&GROUPS[0]).0;
        let offset = chart.at.text("from").parse().unwrap_or(0);
        let at = chart.at.text("at").parse().ok().map(Position);
        let mut pairs = vec![("category", group), ("status:not", "entered-in-error"), ("status:not", "cancelled")];
        pairs.extend(newest("Observation"));
        let found = chart.find("Observation", &pairs, &Page { at, offset, count: READ })?;
        let next = found.as_ref().and_then(|found| Some((found.next?.to_string(), found.at.0.to_string())));
        let next = next.map(|(next, at)| {
            let to = chart.link("/patient/results", &[("group", group), ("from", &next), ("at", &at)]);
            format!("<p><a href=\"{to}\" rel=\"next\">Earlier results</a></p>")
        });
        let found = found.map(|found| shown(found.matches)).unwrap_or_default();
        let body = format!("{}{}{}", groups(chart, group), tests(chart, &found), next.unwrap_or_default());
        Ok(chart.page("Results", &[("group", group)], &body))
    })
}

fn groups(chart: &Chart<'_>, group: &str) -> String {
    let one = |(code, name): &(&str, &str)| {
        let here = if *code == group { " aria-current=\"true\"" } else { "" };
        format!("<a href=\"{}\"{here}>{name}</a>", chart.link("/patient/results", &[("group", code)]))
    };
    format!("<nav class=\"choice\" aria-label=\"Groups\">{}</nav>", GROUPS.iter().map(one).collect::<String>())
}

/// A row a test: its last value first.
fn tests(chart: &Chart<'_>, found: &[Shown]) -> String {
    let mut tests: Vec<(String, Vec<&Shown>)> = Vec::new();
    for one in found {
        let name = words::test(&one.resource);
        match tests.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(one),
            None => tests.push((name, vec![one])),
        }
    }
    if tests.is_empty() {
        return "<p>None that you may see.</p>".to_owned();
    }
    let row = |(name, values): &(String, Vec<&Shown>)| {
        let last = values[0];
        vec![
            format!("<a href=\"{}\">{}</a>", chart.entry(&last.version), escape(name)),
            format!("<b>{}</b>{}", escape(&words::value(&last.resource)), words::flag(&last.resource)),
            escape(&range(&last.resource)),
            when(&last.resource),
            before(&values[1..]),
            trend(chart, &last.resource),
        ]
    };
    table(&["Test", "Last", "Usual", "When", "Before", ""], tests.iter().map(row))
}

fn when(resource: &Json<'_>) -> String {
    format!("<span class=\"when\">{}</span>", escape(&words::happened(resource)))
}

fn before(values: &[&Shown]) -> String {
    let said = values.iter().take(BEFORE).map(|one| {
        let value = words::value(&one.resource);
        // The unit stands with the last value.
        let is_measured = one.resource.get("valueQuantity").is_some();
        let value = if is_measured { value.split(' ').next().unwrap_or_default() } else { &value };
        let (value, sign) = (escape(value), words::sign(&one.resource));
        format!(
            "<span class=\"nowrap\">{value}{sign} <small>{}</small></span>",
            escape(&words::happened(&one.resource))
        )
    });
    said.collect::<Vec<_>>().join("<br>")
}

fn trend(chart: &Chart<'_>, resource: &Json<'_>) -> String {
    match (code(resource), measured(resource).is_empty()) {
        (Some(code), false) => {
            format!("<a class=\"nowrap\" href=\"{}\">Over time</a>", chart.link("/patient/trend", &[("code", &code)]))
        }
        _ => String::new(),
    }
}

/// The first code of a test, as a search asks for it.
fn code(resource: &Json<'_>) -> Option<String> {
    let coding = resource.get("code")?.get("coding")?.items().first()?;
    let code = coding.text("code")?;
    let is_plain = |text: &str| !text.contains([',', '|', '$', '\\']);
    let system = coding.text("system").unwrap_or_default();
    (is_plain(code) && is_plain(system)).then(|| format!("{system}|{code}"))
}

/// The usual range, as it was reported: `3.5–5.1 mmol/L`, `up to 29 mg/g`.
fn range(resource: &Json<'_>) -> String {
    let Some(range) = resource.get("referenceRange").and_then(|list| list.items().first()) else {
        return String::new();
    };
    let edge = |name: &str| range.get(name)?.get("value")?.as_number();
    let unit = ["high", "low"].iter().find_map(|name| range.get(name)?.text("unit")).map(words::unit);
    let unit = unit.unwrap_or_default();
    match (edge("low"), edge("high")) {
        (Some(low), Some(high)) => format!("{low}–{high} {unit}"),
        (Some(low), None) => format!("from {low} {unit}"),
        (None, Some(high)) => format!("up to {high} {unit}"),
        (None, None) => range.text("text").unwrap_or_default().to_owned(),
    }
}

/// `GET /patient/trend?id=ID&code=SYSTEM|CODE&from=N&at=POSITION`: one test over time.
pub fn trend_page(shared: &Shared, asked: &Asked) -> Outcome {
    page_of(shared, asked, |chart| {
        let code = chart.at.text("code");
        if code.is_empty() || code.contains([',', '$', '\\']) {
            return Err(Refusal::new(Kind::NotFound, "not-found", "name a test; tests are listed under Results").into());
        }
        let offset = chart.at.text("from").parse().unwrap_or(0);
        let at = chart.at.text("at").parse().ok().map(Position);
        let mut pairs = vec![("code", code), ("status:not", "entered-in-error"), ("status:not", "cancelled")];
        pairs.extend(newest("Observation"));
        let found = chart.find("Observation", &pairs, &Page { at, offset, count: VALUES })?;
        let next = found.as_ref().and_then(|found| Some((found.next?.to_string(), found.at.0.to_string())));
        let next = next.map(|(next, at)| {
            let to = chart.link("/patient/trend", &[("code", code), ("from", &next), ("at", &at)]);
            format!("<p><a href=\"{to}\" rel=\"next\">Earlier values</a></p>")
        });
        let found = found.map(|found| shown(found.matches)).unwrap_or_default();
        let Some(last) = found.first() else {
            return Ok(chart.page("Results", &[("code", code)], "<p>None that you may see.</p>"));
        };
        let title = words::test(&last.resource);
        let graphs: String = graphs(&found).iter().map(|graph| graph::svg(&title, graph)).collect();
        let legend = match graphs.contains("class=\"band\"") {
            true => {
                "<p class=\"soft\">Squares are values that the laboratory marked. The band is the usual range of the last \
                 value.</p>"
            }
            false => "",
        };
        let body = format!(
            "<h2>{}</h2>{graphs}{legend}{}{}<p><a href=\"{}\">All results</a></p>",
            escape(&title),
            values(chart, &found),
            next.unwrap_or_default(),
            chart.link("/patient/results", &[])
        );
        Ok(chart.page("Results", &[("code", code)], &body))
    })
}

/// The table that says what the graphs show.
fn values(chart: &Chart<'_>, found: &[Shown]) -> String {
    let row = |one: &Shown| {
        vec![
            when(&one.resource),
            format!(
                "<a href=\"{}\">{}</a>{}",
                chart.entry(&one.version),
                escape(
                    Some(words::value(&one.resource)).filter(|said| !said.is_empty()).as_deref().unwrap_or("no value")
                ),
                words::flag(&one.resource)
            ),
            escape(&range(&one.resource)),
            escape(&super::entries::state(&one.resource)),
        ]
    };
    table(&["When", "Value", "Usual", "State"], found.iter().map(row))
}

/// Names, values and units of what a result measured: itself, or its parts.
fn measured(resource: &Json<'_>) -> Vec<(String, f64, String)> {
    let parts = resource.get("component").map_or(&[][..], Json::items).iter();
    let quantity = |of: &Json<'_>| {
        let quantity = of.get("valueQuantity")?;
        let value: f64 = quantity.get("value")?.as_number()?.parse().ok()?;
        let unit = quantity.text("unit").or_else(|| quantity.text("code")).map(words::unit).unwrap_or_default();
        value.is_finite().then(|| (words::test(of), value, unit))
    };
    quantity(resource).into_iter().chain(parts.filter_map(quantity)).collect()
}

/// A graph a unit.
fn graphs(found: &[Shown]) -> Vec<Graph> {
    let mut graphs: Vec<Graph> = Vec::new();
    // The newest comes first; lines go from left to right.
    for one in found.iter().rev() {
        let Some((at, _)) = words::begun(&one.resource).and_then(span) else { continue };
        let is_flagged = !words::flag(&one.resource).is_empty();
        for (name, value, unit) in measured(&one.resource) {
            let index = graphs.iter().position(|graph| graph.unit == unit).unwrap_or_else(|| {
                graphs.push(Graph { unit, low: None, high: None, series: Vec::new() });
                graphs.len() - 1
            });
            let graph = &mut graphs[index];
            (graph.low, graph.high) = (edge(&one.resource, "low"), edge(&one.resource, "high"));
            let point = Point { at, value, is_flagged };
            match graph.series.iter().position(|series| series.name == name) {
                Some(n) => graph.series[n].points.push(point),
                None if graph.series.len() < SERIES_MAX => graph.series.push(Series { name, points: vec![point] }),
                None => {}
            }
        }
    }
    graphs
}

fn edge(resource: &Json<'_>, name: &str) -> Option<f64> {
    let range = resource.get("referenceRange")?.items().first()?;
    range.get(name)?.get("value")?.as_number()?.parse().ok().filter(|value: &f64| value.is_finite())
}
