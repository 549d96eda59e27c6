//! The strip that says who it is: first on every page of a chart, on paper too, and the only strongly tinted one.

use super::Chart;
use crate::pages::{escape, patients, words};
use base::clock::Instant;
use fhir::calendar::{civil, span};
use fhir::json::Json;
use vault::access::Label;

/// Name, birth date and age, sex, record number; that somebody died; and that some of what is shown is specially protected.
pub fn strip(chart: &Chart<'_>) -> String {
    let patient = &chart.patient;
    let now = chart.at.shared.vault.clock().now();
    let born = patient.text("birthDate").unwrap_or_default();
    let mut facts = Vec::new();
    if !born.is_empty() {
        let age = age(born, now).map(|age| format!(" <small>{age}</small>")).unwrap_or_default();
        facts.push(("born", format!("{}{age}", escape(&words::date(born)))));
    }
    facts.extend(patient.text("gender").map(|sex| ("sex", escape(sex))));
    let number = Some(patients::number(patient)).filter(|number| !number.is_empty());
    facts.extend(number.map(|number| ("record number", escape(&number))));
    let facts: String =
        facts.iter().map(|(name, fact)| format!("<span><small>{name}</small> <b>{fact}</b></span> ")).collect();
    format!(
        "<section class=\"who\" aria-label=\"Patient\"><h1>{}</h1><p>{facts}{}</p>{}</section>",
        escape(&name(chart)),
        died(patient, born),
        protected(chart)
    )
}

/// What people call the patient.
fn name(chart: &Chart<'_>) -> String {
    Some(words::name(&chart.patient)).filter(|name| !name.is_empty()).unwrap_or_else(|| format!("Patient/{}", chart.id))
}

fn died(patient: &Json<'_>, born: &str) -> String {
    match (patient.text("deceasedDateTime"), patient.get("deceasedBoolean").and_then(Json::as_bool)) {
        (Some(day), _) => {
            let at = span(day).map(|(low, _)| Instant(low));
            let age = at.and_then(|at| age(born, at)).map(|age| format!(", {age} old")).unwrap_or_default();
            format!("<span class=\"mark\">✝ died {}{age}</span>", escape(&words::date(day)))
        }
        (None, Some(true)) => "<span class=\"mark\">✝ has died</span>".to_owned(),
        _ => String::new(),
    }
}

/// Names the sensitivities of what this page shows: whoever reads it may not pass it on as the rest.
fn protected(chart: &Chart<'_>) -> String {
    let labels = chart.labels.get();
    // That somebody has cancer is no more sensitive than the rest (`Label::Oncology`).
    let names: Vec<&str> = labels.iter().filter(|label| *label != Label::Oncology).map(Label::words).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(
            "<p class=\"protected\"><b>◆ Specially protected</b> on this page: {}. Pass on only what you may.</p>",
            names.join("; ")
        ),
    }
}

/// What stands at the foot of a printed page: by whom and when it was printed, and where the log stood.
pub fn paper(chart: &Chart<'_>) -> String {
    let vault = &chart.at.shared.vault;
    let position = chart.position().unwrap_or_else(|| vault.head());
    format!(
        "<p class=\"paper\">Printed by {} on {} from a record of {} sealed entries.</p>",
        escape(&chart.at.seat.account.name),
        words::moment(vault.clock().now()),
        position.0
    )
}

/// An age at a moment as people say it: `65 years`, `14 months`, `9 days`; `None` where the day of birth is not known whole.
pub fn age(born: &str, at: Instant) -> Option<String> {
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<i64>().ok());
    let (year, month, day) = (number(born.get(..4))?, number(born.get(5..7))?, number(born.get(8..10))?);
    let today = at.0.div_euclid(86_400_000);
    let (this, of_year, of_month) = civil(today);
    let months = (this - year) * 12 + i64::from(of_year) - month - i64::from(i64::from(of_month) < day);
    let days = || today - span(born).map_or(today, |(low, _)| low.div_euclid(86_400_000));
    Some(match months {
        24.. => format!("{} years", months / 12),
        2..24 => format!("{months} months"),
        0..2 => match days() {
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_as_people_do() {
        let now = Instant::parse("2026-11-23T00:00:00Z").expect("a moment");
        for (born, said) in [
            ("1961-02-28", Some("65 years")),
            ("1961-12-01", Some("64 years")),
            ("2024-11-23", Some("24 months").map(|_| "2 years")),
            ("2025-09-24", Some("13 months")),
            ("2026-11-14", Some("9 days")),
            ("2026-11-22", Some("1 day")),
            ("2026-11-23", Some("0 days")),
            ("2027-01-01", None),
            ("1961", None),
            ("éééééé", None),
        ] {
            assert_eq!(age(born, now).as_deref(), said, "{born}");
        }
    }
}
