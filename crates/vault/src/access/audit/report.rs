//! Reports: events as lines of CSV that a spreadsheet opens without calculating (RFC 4180; ASTM E2147 section 7 lists what an
//! audit report says).

use super::Found;
use std::borrow::Cow;

/// Names of the columns.
pub const COLUMNS: [&str; 20] = [
    "time",
    "entry",
    "account",
    "name",
    "roles",
    "app",
    "address",
    "purpose",
    "reason",
    "action",
    "place",
    "asked",
    "outcome",
    "status",
    "patients",
    "resources",
    "shown",
    "changed",
    "requests",
    "request_id",
];

/// The line with the columns' names.
#[must_use]
pub fn header() -> String {
    format!("{}\r\n", COLUMNS.join(","))
}

/// One event as a line; `name` is what people call the account.
#[must_use]
pub fn line(found: &Found, name: &str) -> String {
    let event = &found.event;
    let mut patients = found.patients.join(" ");
    if found.unnamed > 0 {
        patients.push_str(&format!(" and {} more", found.unnamed));
    }
    let cells = [
        found.at.to_string(),
        found.position.0.to_string(),
        event.account.clone(),
        name.to_owned(),
        event.roles.clone(),
        event.app.clone(),
        event.from.clone(),
        event.purpose.clone(),
        event.reason.clone(),
        event.deed.code().to_owned(),
        event.place.clone(),
        event.asked.clone(),
        event.outcome.code().to_owned(),
        event.status.to_string(),
        patients,
        event.about.join(" "),
        event.shown.to_string(),
        event.changed.to_string(),
        event.times.to_string(),
        event.request.clone(),
    ];
    let cells: Vec<Cow<'_, str>> = cells.iter().map(|cell| safe(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell that no spreadsheet takes for a formula (CWE-1236): an apostrophe before what could begin one, and before an
/// apostrophe, so that it can be taken away again.
pub(crate) fn safe(cell: &str) -> Cow<'_, str> {
    let begins = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\'' | '＝' | '＋' | '－' | '＠');
    let apostrophe = if cell.starts_with(begins) { "'" } else { "" };
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | ':' | '/' | '_' | '-');
    if apostrophe.is_empty() && cell.chars().all(plain) {
        return Cow::Borrowed(cell);
    }
    Cow::Owned(format!("\"{apostrophe}{}\"", cell.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::super::{Deed, Event};
    use super::*;
    use crate::records::Position;
    use base::clock::Instant;

    #[test]
    fn a_spreadsheet_calculates_nothing() {
        for (cell, written) in [
            ("Patient/1 Patient/2", "Patient/1 Patient/2"),
            ("", ""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("＝1", "\"'＝1\""),
            ("'=1", "\"''=1\""),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\nb", "\"a\nb\""),
        ] {
            assert_eq!(safe(cell), written, "{cell:?}");
        }
    }

    #[test]
    fn a_line_has_as_many_cells_as_columns() {
        let event = Event { account: "=cmd|' /C calc'!A0".to_owned(), ..Event::new(Deed::Read) };
        let patients = (0..100).map(|n| format!("Patient/{n}")).collect();
        let (position, numbers) = (Position(7), (0..100).collect());
        let found = Found { position, at: Instant(0), event, patients, numbers, unnamed: 50 };
        let line = line(&found, "Dr Kim");
        assert_eq!(line.split(',').count(), COLUMNS.len(), "{line}");
        assert!(line.starts_with("1970-01-01T00:00:00") && line.contains("\"'=cmd|' /C calc'!A0\""), "{line}");
        assert!(line.contains("Patient/99 and 50 more") && line.ends_with("\r\n"), "{line}");
    }
}
