//! Business days: neither a weekend, nor a Federal holiday (5 U.S.C. 6103), nor a day on which the house is closed.

use crate::day::{Day, Weekday};
use std::collections::BTreeSet;

/// Which days count as business days in one house.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    closed: BTreeSet<Day>,
}

impl Calendar {
    /// With the days on which the house is closed besides weekends and Federal holidays.
    #[must_use]
    pub fn closed_on(days: impl IntoIterator<Item = Day>) -> Calendar {
        Calendar { closed: days.into_iter().collect() }
    }

    /// Whether people are at work.
    #[must_use]
    pub fn is_business(&self, day: Day) -> bool {
        !is_weekend(day) && holiday(day).is_none() && !self.closed.contains(&day)
    }

    /// So many business days after a day, which does not count itself.
    #[must_use]
    pub fn plus(&self, day: Day, business_days: u16) -> Day {
        let (mut day, mut left) = (day, business_days);
        while left > 0 {
            day = day.plus(1);
            left -= u16::from(self.is_business(day));
        }
        day
    }
}

fn is_weekend(day: Day) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The Federal holiday that is kept on a day: on the Friday before one that falls on a Saturday (5 U.S.C. 6103(b)), on the
/// Monday after one that falls on a Sunday (Executive Order 11582).
#[must_use]
pub fn holiday(day: Day) -> Option<&'static str> {
    let on = match day.weekday() {
        Weekday::Friday => falls_on(day).or_else(|| falls_on(day.plus(1))),
        Weekday::Monday => falls_on(day).or_else(|| falls_on(day.plus(-1))),
        Weekday::Saturday | Weekday::Sunday => None,
        _ => falls_on(day),
    };
    on.filter(|_| !is_weekend(day))
}

/// The Federal holiday of a day, wherever in the week it falls.
fn falls_on(day: Day) -> Option<&'static str> {
    use Weekday::{Monday, Thursday};
    let (year, month, date) = day.civil();
    // Which one of its weekday in the month: 1 to 5.
    let nth = (date - 1) / 7 + 1;
    match (month, date, day.weekday()) {
        (1, 1, _) => Some("New Year's Day"),
        // Pub. L. 98-144: from 1986.
        (1, _, Monday) if nth == 3 && year >= 1986 => Some("Birthday of Martin Luther King, Jr."),
        (2, _, Monday) if nth == 3 => Some("Washington's Birthday"),
        (5, 25.., Monday) => Some("Memorial Day"),
        // Pub. L. 117-17 of 17 June 2021.
        (6, 19, _) if year >= 2021 => Some("Juneteenth National Independence Day"),
        (7, 4, _) => Some("Independence Day"),
        (9, _, Monday) if nth == 1 => Some("Labor Day"),
        (10, _, Monday) if nth == 2 => Some("Columbus Day"),
        (11, 11, _) => Some("Veterans Day"),
        (11, _, Thursday) if nth == 4 => Some("Thanksgiving Day"),
        (12, 25, _) => Some("Christmas Day"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    /// The dates that the Office of Personnel Management publishes.
    #[test]
    fn federal_holidays_are_kept_when_the_government_keeps_them() {
        for (year, dates) in [
            (2026, "01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25"),
            (2027, "01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31"),
            (2020, "01-01 01-20 02-17 05-25 07-03 09-07 10-12 11-11 11-26 12-25"),
        ] {
            let first = Day::of(year, 1, 1);
            let kept = (0..365).map(|n| first.plus(n)).filter(|&day| holiday(day).is_some());
            let kept: Vec<String> = kept.map(|day| day.to_string()[5..].to_owned()).collect();
            assert_eq!(kept.join(" "), dates, "{year}");
        }
    }

    #[test]
    fn business_days_leave_out_weekends_holidays_and_closures() {
        for (from, days, closed, until) in [
            ("2026-11-23", 1, "", "2026-11-24"),
            ("2026-11-23", 3, "", "2026-11-27"),
            ("2026-11-23", 3, "2026-11-27", "2026-11-30"),
            ("2026-11-20", 10, "", "2026-12-07"),
            ("2026-11-21", 1, "", "2026-11-23"),
            ("2026-11-23", 0, "", "2026-11-23"),
        ] {
            let calendar = Calendar::closed_on(Day::parse(closed));
            assert_eq!(calendar.plus(day(from), days), day(until), "{days} after {from}");
        }
    }
}
