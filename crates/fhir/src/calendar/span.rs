//! Dates of any precision as spans of time.
//!
//! `2024-03` is every millisecond of March 2024 (R4 search section 3.1.1.4.6). A time without zone, and a date, is taken
//! as UTC: see `docs/readings.md`.

use super::civil::{days, days_in_month};
use super::{Moment, Precision, parse_date_time};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// First and last millisecond of a FHIR date, dateTime, instant or partial form of one. `None` when it is none.
#[must_use]
pub fn span(text: &str) -> Option<(i64, i64)> {
    let moment = parse_date_time(text)?;
    // FHIRPath's literals may end in a T or in an hour alone.
    if text.ends_with('T') || moment.precision == Precision::Hour {
        return None;
    }
    let low = moment.milliseconds();
    Some((low, low + moment.width() - 1))
}

impl Moment {
    /// Milliseconds since 1970-01-01T00:00Z, missing parts at their least.
    fn milliseconds(&self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute) - i64::from(self.offset.unwrap_or(0));
        let ms = i64::from(self.second) * 1000 + i64::from(self.nano / 1_000_000);
        days(self.year, self.month, self.day) * DAY + minutes * 60_000 + ms
    }

    /// How many milliseconds the precision spans.
    fn width(&self) -> i64 {
        match self.precision {
            Precision::Year => (days(self.year + 1, 1, 1) - days(self.year, 1, 1)) * DAY,
            Precision::Month => i64::from(days_in_month(self.year, self.month)) * DAY,
            Precision::Day => DAY,
            Precision::Hour => 3_600_000,
            Precision::Minute => 60_000,
            Precision::Second => [1000, 100, 10, 1][usize::from(self.digits.min(3))],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::span;
    use base::clock::Instant;

    #[test]
    fn a_partial_date_is_all_of_it() {
        let cases = [
            ("2024", "2024-01-01T00:00:00.000Z", "2024-12-31T23:59:59.999Z"),
            ("2024-02", "2024-02-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z"),
            ("2023-12", "2023-12-01T00:00:00.000Z", "2023-12-31T23:59:59.999Z"),
            ("1969-12-31", "1969-12-31T00:00:00.000Z", "1969-12-31T23:59:59.999Z"),
            ("2024-03-01T10:00", "2024-03-01T10:00:00.000Z", "2024-03-01T10:00:59.999Z"),
            ("2024-03-01T10:00:07", "2024-03-01T10:00:07.000Z", "2024-03-01T10:00:07.999Z"),
            ("2024-03-01T10:00:07.5Z", "2024-03-01T10:00:07.500Z", "2024-03-01T10:00:07.599Z"),
            ("2024-03-01T10:00:07.123456+02:00", "2024-03-01T08:00:07.123Z", "2024-03-01T08:00:07.123Z"),
            ("2024-03-01T23:30:00-05:00", "2024-03-02T04:30:00.000Z", "2024-03-02T04:30:00.999Z"),
        ];
        for (text, low, high) in cases {
            let expected = (Instant::parse(low).unwrap().0, Instant::parse(high).unwrap().0);
            assert_eq!(span(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        let cases = [
            "",
            "24",
            "2024-",
            "2024-13",
            "2024-00",
            "2023-02-29",
            "2024-1-1",
            "2024-01-01T",
            "0000",
            "2024T",
            "2024-01-01T10",
            "2024-01-01T24:00",
            "2024-01-01T10:00:00.",
            "2024-01-01T10:00:00+2",
            "2024-01-01T10:00:00+14:01",
            "2024-01-01T10:00:00+12:60",
            "2024-01-01 10:00",
            "2024-01-01T10:00:00Zx",
            "２０２４",
        ];
        for text in cases {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
