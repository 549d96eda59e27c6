//! The first page of a chart: what somebody must know before anything else, and few entries of each.

use super::entries::{newest, state};
use super::{Chart, Shown, page_of};
use crate::answer::Outcome;
use crate::pages::frame::{link, table};
use crate::pages::{escape, words};
use crate::server::Shared;
use crate::sign_in::Asked;
use std::collections::HashSet;
use vault::Error;
use vault::access::{Role, Roles};

/// Who may open an app from a chart.
const TREAT: Roles = Roles::NONE.with(Role::Physician).with(Role::Nurse);

/// Of allergies, diagnoses and medicines: nobody has more that count now, and the page says where the rest is.
const LISTED: usize = 25;

/// Results that are looked through for the last of each test.
const RESULTS: usize = 40;

/// Tests whose last result is shown.
const TESTS: usize = 8;

/// A part of the page.
type Part = fn(&Chart<'_>) -> Result<String, Error>;

/// What the parts show, in their order.
const PARTS: [(&str, Part); 7] = [
    ("AllergyIntolerance", allergies),
    ("Condition", problems),
    ("MedicationRequest", medicines),
    ("Observation", |chart| results(chart, "laboratory", "Last laboratory results")),
    ("Observation", |chart| results(chart, "vital-signs", "Last measurements")),
    ("Encounter", visits),
    ("Immunization", vaccinations),
];

/// `GET /patient?id=ID`; without an id a patient's own.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    page_of(shared, asked, |chart| {
        let mut parts = String::new();
        for (kind, part) in PARTS {
            if chart.could_show(kind) {
                parts.push_str(&part(chart)?);
            }
        }
        let body = format!("<div class=\"summary\">{parts}</div>{}", ways(chart));
        Ok(chart.page("Chart", &[], &body))
    })
}

/// What else can be done from a chart.
fn ways(chart: &Chart<'_>) -> String {
    let why = link("/why", &[("about", &format!("Patient/{}", chart.id))]);
    let treats = !chart.at.seat.account.roles.intersection(TREAT).is_empty();
    let app = if treats {
        format!(" · <a href=\"{}\">Open an app</a>", link("/smart/launch", &[("patient", &chart.id)]))
    } else {
        String::new()
    };
    format!("<p><a href=\"{why}\">Why can I see this?</a>{app}</p>")
}

/// A part of the page; what is empty says so, without a word on why.
fn part(title: &str, all: &str, rows: Vec<Vec<String>>, heads: &[&str]) -> String {
    let list = match rows.is_empty() {
        true => "<p class=\"soft\">None that you may see.</p>".to_owned(),
        false => table(heads, rows),
    };
    format!("<section><h2>{title}</h2>{list}<p class=\"more\"><a href=\"{all}\">All</a></p></section>")
}

fn all(chart: &Chart<'_>, kind: &str) -> String {
    chart.link("/patient/entries", &[("kind", kind)])
}

fn named(chart: &Chart<'_>, entry: &Shown) -> String {
    format!("<a href=\"{}\">{}</a>", chart.entry(&entry.version), escape(&words::title(&entry.resource)))
}

fn allergies(chart: &Chart<'_>) -> Result<String, Error> {
    let asked = [
        ("clinical-status:not", "resolved"),
        ("clinical-status:not", "inactive"),
        ("verification-status:not", "entered-in-error"),
        ("verification-status:not", "refuted"),
    ];
    let found = chart.first("AllergyIntolerance", &asked, LISTED)?;
    let row = |entry: &Shown| {
        let high = match entry.resource.text("criticality") {
            Some("high") => "<span class=\"mark bad\">▲ high risk</span>".to_owned(),
            Some(other) => escape(other),
            None => String::new(),
        };
        vec![named(chart, entry), escape(&words::reactions(&entry.resource)), high]
    };
    let rows = found.iter().map(row).collect();
    Ok(part("Allergies", &all(chart, "AllergyIntolerance"), rows, &["What", "Reaction", "Risk"]))
}

fn problems(chart: &Chart<'_>) -> Result<String, Error> {
    let mut asked = vec![
        ("clinical-status:not", "resolved"),
        ("clinical-status:not", "inactive"),
        ("clinical-status:not", "remission"),
        ("verification-status:not", "entered-in-error"),
        ("verification-status:not", "refuted"),
    ];
    asked.extend(newest("Condition"));
    let found = chart.first("Condition", &asked, LISTED)?;
    let row = |entry: &Shown| {
        let since = escape(&words::happened(&entry.resource));
        vec![named(chart, entry), format!("<span class=\"when\">{since}</span>"), escape(&state(&entry.resource))]
    };
    let rows = found.iter().map(row).collect();
    Ok(part("Problems", &all(chart, "Condition"), rows, &["What", "Since", "State"]))
}

fn medicines(chart: &Chart<'_>) -> Result<String, Error> {
    let found = super::medications::current(chart, LISTED)?;
    let row = |entry: &Shown| vec![named(chart, entry), escape(&words::dosage(&entry.resource))];
    let rows = found.iter().map(row).collect();
    Ok(part("Medicines now", &chart.link("/patient/medications", &[]), rows, &["What", "How"]))
}

fn results(chart: &Chart<'_>, category: &str, title: &str) -> Result<String, Error> {
    let mut asked = vec![("category", category), ("status:not", "entered-in-error"), ("status:not", "cancelled")];
    asked.extend(newest("Observation"));
    let found = chart.first("Observation", &asked, RESULTS)?;
    let mut known = HashSet::new();
    let mut last = found.iter().filter(|entry| known.insert(words::test(&entry.resource))).collect::<Vec<_>>();
    last.truncate(TESTS);
    let row = |entry: &&Shown| {
        vec![
            format!("<a href=\"{}\">{}</a>", chart.entry(&entry.version), escape(&words::test(&entry.resource))),
            format!("{}{}", escape(&words::value(&entry.resource)), words::flag(&entry.resource)),
            format!("<span class=\"when\">{}</span>", escape(&words::happened(&entry.resource))),
        ]
    };
    let rows = last.iter().map(row).collect();
    let all = chart.link("/patient/results", &[("group", category)]);
    Ok(part(title, &all, rows, &["What", "Value", "When"]))
}

fn visits(chart: &Chart<'_>) -> Result<String, Error> {
    let coming = super::encounters::coming(chart, 3)?;
    let last = chart.first("Encounter", &newest("Encounter"), 4)?;
    let row = |entry: &Shown| {
        let mark = match entry.version.resource_type.as_str() {
            "Appointment" => "<span class=\"mark\">coming</span> ",
            _ => "",
        };
        vec![
            format!("<span class=\"when\">{}</span>", escape(&words::happened(&entry.resource))),
            format!("{mark}{}", named(chart, entry)),
            escape(&words::by_whom(&entry.resource)),
        ]
    };
    let rows = coming.iter().chain(&last).map(row).collect();
    Ok(part("Visits", &chart.link("/patient/encounters", &[]), rows, &["When", "What", "Who"]))
}

fn vaccinations(chart: &Chart<'_>) -> Result<String, Error> {
    let found = chart.first("Immunization", &newest("Immunization"), 6)?;
    let row = |entry: &Shown| {
        let when = escape(&words::happened(&entry.resource));
        vec![named(chart, entry), format!("<span class=\"when\">{when}</span>"), escape(&state(&entry.resource))]
    };
    let rows = found.iter().map(row).collect();
    Ok(part("Vaccinations", &all(chart, "Immunization"), rows, &["What", "When", "State"]))
}
