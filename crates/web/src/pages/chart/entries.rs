//! Everything the gate shows of a chart: the newest of each kind, or one kind whole.

use super::{Chart, Shown, nothing, page_of, shown};
use crate::answer::Outcome;
use crate::pages::frame::table;
use crate::pages::{escape, words};
use crate::server::Shared;
use crate::sign_in::Asked;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::Position;
use vault::search::Page;

/// Entries of each kind where all kinds are shown.
const FIRST: usize = 5;

/// Entries on a page of one kind.
const SHOWN: usize = 50;

/// `GET /patient/entries?id=ID&kind=TYPE&from=N&at=POSITION`; without a kind, of each a few.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    page_of(shared, asked, |chart| if chart.at.text("kind").is_empty() { all(chart) } else { one(chart) })
}

fn all(chart: &Chart<'_>) -> Outcome {
    let mut parts = String::new();
    for kind in words::kinds() {
        let page = Page { count: FIRST, ..Page::default() };
        let Some(found) = chart.find(kind, &newest(kind), &page)? else { continue };
        if found.matches.is_empty() {
            continue;
        }
        let all = chart.link("/patient/entries", &[("kind", kind)]);
        let more = found.next.map(|_| format!("<p><a href=\"{all}\">All of them</a></p>")).unwrap_or_default();
        parts.push_str(&format!("<h2>{}</h2>{}{more}", words::several(kind), rows(chart, &shown(found.matches))));
    }
    let parts = match parts.is_empty() {
        true => "<p>There is nothing in this chart that you may see.</p>".to_owned(),
        false => parts,
    };
    Ok(chart.page("Everything", &[], &parts))
}

fn one(chart: &Chart<'_>) -> Outcome {
    let at = chart.at;
    let kind = words::kinds().find(|kind| *kind == at.text("kind"));
    let kind = kind.ok_or_else(|| Refusal::new(Kind::NotFound, "not-found", "no page shows such entries"))?;
    let offset = at.text("from").parse().unwrap_or(0);
    // Later pages belong to the moment of the first.
    let pinned = at.text("at").parse().ok().map(Position);
    let page = Page { at: pinned, offset, count: SHOWN };
    let found = chart.find(kind, &newest(kind), &page)?.ok_or_else(|| nothing(kind, &chart.id))?;
    let next = found.next.map(|next| {
        let pairs = [("kind", kind), ("from", &next.to_string()), ("at", &found.at.0.to_string())];
        format!("<p><a href=\"{}\" rel=\"next\">Older ones</a></p>", chart.link("/patient/entries", &pairs))
    });
    let all = chart.link("/patient/entries", &[]);
    let body = format!(
        "<h2>{}</h2>{}{}<p><a href=\"{all}\">All kinds</a></p>",
        words::several(kind),
        rows(chart, &shown(found.matches)),
        next.unwrap_or_default()
    );
    Ok(chart.page(words::several(kind), &[("kind", kind)], &body))
}

/// How a kind is ordered by when its matter happened.
pub fn newest(kind: &str) -> Vec<(&'static str, &'static str)> {
    sorted_by(kind).map(|(_, sort)| ("_sort", sort)).into_iter().collect()
}

/// The search parameter that says when the matter of a kind happened, and the order by it.
pub fn sorted_by(kind: &str) -> Option<(&'static str, &'static str)> {
    const DATES: [(&str, &str); 12] = [
        ("date", "-date"),
        ("authoredon", "-authoredon"),
        ("authored-on", "-authored-on"),
        ("authored", "-authored"),
        ("onset-date", "-onset-date"),
        ("effective-time", "-effective-time"),
        ("effective", "-effective"),
        ("whenhandedover", "-whenhandedover"),
        ("started", "-started"),
        ("created", "-created"),
        ("sent", "-sent"),
        ("recorded", "-recorded"),
    ];
    DATES.into_iter().find(|(code, _)| fhir::search::params::find(kind, code).is_some())
}

/// A table of entries.
pub fn rows(chart: &Chart<'_>, entries: &[Shown]) -> String {
    let row = |entry: &Shown| {
        vec![
            format!("<a href=\"{}\">{}</a>", chart.entry(&entry.version), escape(&words::title(&entry.resource))),
            format!("<span class=\"when\">{}</span>", escape(&words::happened(&entry.resource))),
            escape(&state(&entry.resource)),
        ]
    };
    // The columns of all kinds stand below each other.
    format!("<div class=\"list\">{}</div>", table(&["What", "When", "State"], entries.iter().map(row)))
}

/// How an entry stands, in a word.
pub fn state(resource: &Json<'_>) -> String {
    let clinical = || resource.get("clinicalStatus").map(words::concept).unwrap_or_default().to_lowercase();
    resource.text("status").map_or_else(clinical, str::to_owned)
}
