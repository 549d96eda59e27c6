//! Days, as the law counts them. A day is one of UTC, as everywhere in the record (docs/readings.md).

use base::clock::Instant;
use fhir::calendar::{civil, days};
use std::fmt;

const DAY_MS: i64 = 86_400_000;

/// A day of the civil calendar, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// The day of a year, a month and a day that exist.
    #[must_use]
    pub const fn of(year: i32, month: u8, day: u8) -> Day {
        Day(days(year, month, day))
    }

    /// The day in which a moment lies.
    #[must_use]
    pub const fn at(moment: Instant) -> Day {
        Day(moment.0.div_euclid(DAY_MS))
    }

    /// Reads `2026-11-23`; also the day of a longer date and time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Day> {
        let (low, high) = fhir::calendar::span(text)?;
        let (first, last) = (Day::at(Instant(low)), Day::at(Instant(high)));
        (first == last).then_some(first)
    }

    /// So many days later.
    #[must_use]
    pub const fn plus(self, days: i64) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// The same day so many years earlier; 28 February where that year has no 29th, so that no day is lost.
    #[must_use]
    pub const fn years_before(self, years: i64) -> Day {
        let (year, month, day) = civil(self.0);
        let earlier = (year - years) as i32;
        let is_leap = earlier % 4 == 0 && (earlier % 100 != 0 || earlier % 400 == 0);
        let day = if month == 2 && day == 29 && !is_leap { 28 } else { day };
        Day::of(earlier, month, day)
    }

    /// Its first millisecond.
    #[must_use]
    pub const fn begins(self) -> Instant {
        Instant(self.0.saturating_mul(DAY_MS))
    }

    /// Its last millisecond.
    #[must_use]
    pub const fn ends(self) -> Instant {
        Instant(self.0.saturating_add(1).saturating_mul(DAY_MS) - 1)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_end_on_the_same_day_or_the_one_before() {
        for (day, years, before) in [
            ("2026-11-23", 6, "2020-11-23"),
            ("2024-02-29", 6, "2018-02-28"),
            ("2024-02-29", 4, "2020-02-29"),
            ("2026-01-01", 3, "2023-01-01"),
        ] {
            assert_eq!(Day::parse(day).expect("a day").years_before(years).to_string(), before, "{day} - {years}");
        }
        assert_eq!(Day::parse("2026-11"), None);
        assert_eq!(Day::parse("2026-11-23T23:30:00-05:00").map(|day| day.to_string()).as_deref(), Some("2026-11-24"));
        assert_eq!(Day::at(Day::of(2026, 2, 3).ends()), Day::of(2026, 2, 3));
    }
}
