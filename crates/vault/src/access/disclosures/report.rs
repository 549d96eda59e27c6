//! Disclosures as a table that a spreadsheet opens without calculating, and as JSON for programs.

use super::request::Fee;
use super::{Accounting, Day, Disclosure, Origin, Recipient, Request, Series, Suspension};
use crate::access::audit::report::safe;
use fhir::json::Json;

/// Names of the columns.
pub const COLUMNS: [&str; 17] = [
    "patient",
    "first",
    "last",
    "times",
    "recipient",
    "address",
    "what",
    "purpose",
    "basis",
    "law",
    "channel",
    "consent",
    "resources",
    "known_from",
    "recorded_by",
    "id",
    "days",
];

/// The line with the columns' names.
#[must_use]
pub fn header() -> String {
    format!("{}\r\n", COLUMNS.join(","))
}

/// One line.
#[must_use]
pub fn line(series: &Series) -> String {
    let one = &series.first;
    let cells = [
        format!("Patient/{}", one.patient),
        one.day.to_string(),
        series.last.to_string(),
        series.times.to_string(),
        one.recipient.clone(),
        one.address.clone(),
        one.what.clone(),
        one.purpose.clone(),
        one.basis.code().to_owned(),
        one.basis.law().to_owned(),
        one.channel.code().to_owned(),
        one.consent.clone().unwrap_or_default(),
        series.resources.join(" "),
        known_from(one),
        one.by.clone(),
        series.ids.join(" "),
        days(series).join(" "),
    ];
    let cells: Vec<_> = cells.iter().map(|cell| safe(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// One disclosure as a line of its own.
#[must_use]
pub fn single(one: &Disclosure) -> Series {
    Series::of(one)
}

fn days(series: &Series) -> Vec<String> {
    series.days.iter().map(Day::to_string).collect()
}

fn known_from(one: &Disclosure) -> String {
    match &one.origin {
        Origin::Recorded => "recorded".to_owned(),
        Origin::Audit { app, .. } => format!("audit of app {app}"),
    }
}

/// One line of an accounting, as JSON.
#[must_use]
pub fn series(series: &Series) -> Json<'static> {
    let one = &series.first;
    let text = |text: &str| Json::string(text.to_owned());
    let mut members = vec![
        ("patient", text(&format!("Patient/{}", one.patient))),
        ("first", day(one.day)),
        ("last", day(series.last)),
        ("times", Json::number(series.times)),
        ("recipient", text(&one.recipient)),
        ("address", text(&one.address)),
        ("what", text(&one.what)),
        ("purpose", text(&one.purpose)),
        ("basis", text(one.basis.code())),
        ("law", text(one.basis.law())),
        ("channel", text(one.channel.code())),
        ("resources", Json::Array(series.resources.iter().map(|one| text(one)).collect())),
        ("days", Json::Array(days(series).iter().map(|day| text(day)).collect())),
        ("knownFrom", text(&known_from(one))),
    ];
    members.extend(series.frequency().map(|often| ("frequency", Json::string(often))));
    members.extend(one.consent.as_deref().map(|consent| ("consent", text(consent))));
    match series.ids.as_slice() {
        [] => {}
        [id] => members.push(("id", text(id))),
        ids => members.push(("ids", Json::Array(ids.iter().map(|id| text(id)).collect()))),
    }
    members.extend(Some(one.by.as_str()).filter(|by| !by.is_empty()).map(|by| ("recordedBy", text(by))));
    Json::object(members)
}

/// A whole accounting, as JSON.
#[must_use]
pub fn accounting(of: &Accounting) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let left_out = of.left_out.iter().map(|left| {
        let members = [("count", Json::number(left.count)), ("why", text(left.why)), ("source", text(left.source))];
        Json::object(members)
    });
    let research = of.research.iter().map(|protocol| {
        Json::object([
            ("name", text(&protocol.name)),
            ("describes", text(&protocol.describes)),
            ("what", text(&protocol.what)),
            ("from", day(protocol.from)),
            ("until", day(protocol.until)),
            ("sponsor", text(&protocol.sponsor)),
            ("researcher", text(&protocol.researcher)),
        ])
    });
    Json::object([
        ("patient", text(&format!("Patient/{}", of.patient))),
        ("law", text(of.law.words())),
        ("from", day(of.period.from)),
        ("until", day(of.period.until)),
        ("asked", day(of.period.asked)),
        ("listed", Json::Array(of.listed.iter().map(series).collect())),
        ("research", Json::Array(research.collect())),
        ("leftOut", Json::Array(left_out.collect())),
    ])
}

/// A request with its clock, as JSON.
#[must_use]
pub fn request(of: &Request, today: Day) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let mut members = vec![
        ("id", text(&of.id)),
        ("patient", text(&format!("Patient/{}", of.patient))),
        ("law", text(of.law.words())),
        ("from", day(of.period.from)),
        ("until", day(of.period.until)),
        ("asked", day(of.asked())),
        ("due", day(of.due())),
        ("state", text(of.state(today))),
    ];
    if let Some(extension) = &of.extension {
        members.extend([("extended", day(extension.told)), ("reason", text(&extension.reason))]);
    }
    if let Some(Fee { cents, told, agreed }) = of.fee {
        members.extend([("feeCents", Json::number(cents)), ("feeTold", day(told))]);
        members.extend(agreed.map(|agreed| ("feeAgreed", day(agreed))));
    }
    members.extend(of.provided().map(|provided| ("provided", day(provided))));
    Json::object(members)
}

/// A suspension, as JSON.
#[must_use]
pub fn suspension(of: &Suspension, today: Day) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let mut members = vec![
        ("id", text(&of.id)),
        ("patient", text(&format!("Patient/{}", of.patient))),
        ("agency", text(&of.agency)),
        ("basis", text(of.basis.code())),
        ("written", Json::Bool(of.is_written)),
        ("statement", text(&of.statement)),
        ("from", day(of.from)),
        ("until", day(of.until)),
        ("holds", Json::Bool(of.holds(today))),
    ];
    members.extend(of.lifted.map(|lifted| ("lifted", day(lifted))));
    Json::object(members)
}

/// A recipient, as JSON.
#[must_use]
pub fn recipient(of: &Recipient) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let mut members = vec![
        ("recipient", text(&of.name)),
        ("address", text(&of.address)),
        ("first", day(of.first)),
        ("last", day(of.last)),
        ("times", Json::number(of.times)),
        ("bases", Json::Array(of.bases.iter().map(|basis| text(basis.code())).collect())),
        ("consents", Json::Array(of.consents.iter().map(|consent| text(consent)).collect())),
    ];
    members.extend(of.app.as_deref().map(|app| ("app", text(app))));
    Json::object(members)
}

fn day(day: Day) -> Json<'static> {
    Json::string(day.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::Basis;
    use super::*;

    #[test]
    fn a_line_has_as_many_cells_as_columns_and_calculates_nothing() {
        let one = Disclosure {
            recipient: "=HYPERLINK(1)".to_owned(),
            what: "+1".to_owned(),
            ..Disclosure::new("p", Day(0), Basis::Research)
        };
        let line = line(&single(&one));
        assert_eq!(line.split(',').count(), COLUMNS.len(), "{line}");
        assert!(line.starts_with("Patient/p,1970-01-01,1970-01-01,1,\"'=HYPERLINK(1)\",,\"'+1\""), "{line}");
    }
}
