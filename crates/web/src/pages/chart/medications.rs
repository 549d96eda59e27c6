//! Medicines: those of now first, then those that were, with who ordered them.

use super::entries::{newest, state};
use super::{Chart, Shown, page_of, shown};
use crate::answer::Outcome;
use crate::pages::frame::table;
use crate::pages::{escape, words};
use crate::server::Shared;
use crate::sign_in::Asked;
use vault::search::Page;
use vault::{Error, Position};

/// What is taken or ordered now.
const NOW: [(&str, &str); 2] =
    [("MedicationRequest", "active,on-hold"), ("MedicationStatement", "active,intended,on-hold")];

/// Of now; and of those that were on a page.
const SHOWN: usize = 50;

/// `GET /patient/medications?id=ID&from=N&at=POSITION`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    page_of(shared, asked, |chart| {
        let offset = chart.at.text("from").parse().unwrap_or(0);
        let at = chart.at.text("at").parse().ok().map(Position);
        let now = if offset == 0 { list(chart, "Now", &current(chart, SHOWN)?) } else { String::new() };
        let mut were = NOW[0].1.split(',').map(|status| ("status:not", status)).collect::<Vec<_>>();
        were.extend(newest("MedicationRequest"));
        let found = chart.find("MedicationRequest", &were, &Page { at, offset, count: SHOWN })?;
        let next = found.as_ref().and_then(|found| Some((found.next?.to_string(), found.at.0.to_string())));
        let next = next.map(|(next, at)| {
            let to = chart.link("/patient/medications", &[("from", &next), ("at", &at)]);
            format!("<p><a href=\"{to}\" rel=\"next\">Earlier ones</a></p>")
        });
        let were = list(chart, "Before", &found.map(|found| shown(found.matches)).unwrap_or_default());
        Ok(chart.page("Medicines", &[], &format!("{now}{were}{}", next.unwrap_or_default())))
    })
}

/// What is taken or ordered now, the newest first of each.
pub fn current(chart: &Chart<'_>, count: usize) -> Result<Vec<Shown>, Error> {
    let mut all = Vec::new();
    for (kind, statuses) in NOW {
        let asked = [vec![("status", statuses)], newest(kind)].concat();
        all.extend(chart.first(kind, &asked, count)?);
    }
    Ok(all)
}

fn list(chart: &Chart<'_>, title: &str, medicines: &[Shown]) -> String {
    if medicines.is_empty() {
        return format!("<h2>{title}</h2><p>None that you may see.</p>");
    }
    let row = |entry: &Shown| {
        let resource = &entry.resource;
        vec![
            format!("<a href=\"{}\">{}</a>", chart.entry(&entry.version), escape(&words::title(resource))),
            escape(&words::dosage(resource)),
            format!("<span class=\"when\">{}</span>", escape(&words::happened(resource))),
            escape(&words::by_whom(resource)),
            escape(&state(resource)),
        ]
    };
    format!("<h2>{title}</h2>{}", table(&["What", "How", "Ordered", "By", "State"], medicines.iter().map(row)))
}
