//! The calendar durations of FHIRPath, and moments moved by them (FHIRPath section 6.6.7).

use super::civil::days_in_month;
use super::{DAY_NANOS, Moment, Precision};

/// The calendar durations of FHIRPath.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CalendarUnit {
    /// Twelve months.
    Year,
    /// As long as the month is.
    Month,
    /// Seven days.
    Week,
    /// A day.
    Day,
    /// An hour.
    Hour,
    /// A minute.
    Minute,
    /// A second.
    Second,
    /// A millisecond.
    Millisecond,
}

impl CalendarUnit {
    const ALL: [(CalendarUnit, &'static str, &'static str); 8] = [
        (CalendarUnit::Year, "year", "a"),
        (CalendarUnit::Month, "month", "mo"),
        (CalendarUnit::Week, "week", "wk"),
        (CalendarUnit::Day, "day", "d"),
        (CalendarUnit::Hour, "hour", "h"),
        (CalendarUnit::Minute, "minute", "min"),
        (CalendarUnit::Second, "second", "s"),
        (CalendarUnit::Millisecond, "millisecond", "ms"),
    ];

    /// From the word, singular or plural.
    pub(crate) fn from_word(word: &str) -> Option<CalendarUnit> {
        let singular = word.strip_suffix('s').unwrap_or(word);
        CalendarUnit::ALL.iter().find(|(_, name, _)| *name == singular).map(|(unit, ..)| *unit)
    }

    /// From the UCUM code of the definite duration.
    pub(crate) fn from_ucum(code: &str) -> Option<CalendarUnit> {
        CalendarUnit::ALL.iter().find(|(.., ucum)| *ucum == code).map(|(unit, ..)| *unit)
    }

    pub(crate) fn word(self) -> &'static str {
        CalendarUnit::ALL[self as usize].1
    }

    /// Nanoseconds, for the units that always have as many.
    pub(crate) fn nanos(self) -> Option<i128> {
        const SECOND: i128 = 1_000_000_000;
        match self {
            CalendarUnit::Year | CalendarUnit::Month => None,
            CalendarUnit::Week => Some(7 * 86_400 * SECOND),
            CalendarUnit::Day => Some(86_400 * SECOND),
            CalendarUnit::Hour => Some(3_600 * SECOND),
            CalendarUnit::Minute => Some(60 * SECOND),
            CalendarUnit::Second => Some(SECOND),
            CalendarUnit::Millisecond => Some(SECOND / 1000),
        }
    }
}

/// Milliseconds enough to cross every year there is.
const AMOUNT_MAX: u128 = 1_000_000_000_000_000;

impl Moment {
    /// The moment `amount` units later (earlier where negative); none outside the years 1 to 9999. A unit finer than
    /// the precision counts in whole units of the precision (FHIRPath section 6.6.7).
    pub(crate) fn plus(self, amount: i128, unit: CalendarUnit) -> Option<Moment> {
        if amount.unsigned_abs() > AMOUNT_MAX {
            return None;
        }
        match unit {
            CalendarUnit::Year => self.plus_months(amount * 12),
            CalendarUnit::Month => self.plus_months(amount),
            _ => self.plus_nanos(amount * unit.nanos()?),
        }
    }

    /// Moves by nanoseconds, or by whole months of 30 or years of 365 days where only those were said.
    fn plus_nanos(self, nanos: i128) -> Option<Moment> {
        let whole = |part: i128| nanos / part * part;
        match self.precision {
            Precision::Year => self.plus_months(nanos / (365 * DAY_NANOS) * 12),
            Precision::Month => self.plus_months(nanos / (30 * DAY_NANOS)),
            Precision::Day => self.at_nanos(self.nanos() + whole(DAY_NANOS)),
            _ if self.is_time => Some(self.at_nanos((self.nanos() + nanos).rem_euclid(DAY_NANOS))?.time_of_day()),
            Precision::Hour => self.at_nanos(self.nanos() + whole(DAY_NANOS / 24)),
            Precision::Minute => self.at_nanos(self.nanos() + whole(DAY_NANOS / 1440)),
            Precision::Second => self.at_nanos(self.nanos() + nanos),
        }
    }

    fn plus_months(self, months: i128) -> Option<Moment> {
        let months = if self.precision == Precision::Year { months / 12 * 12 } else { months };
        let total = i128::from(self.year) * 12 + i128::from(self.month) - 1 + months;
        let year = i32::try_from(total.div_euclid(12)).ok().filter(|y| (1..=9999).contains(y))?;
        let month = total.rem_euclid(12) as u8 + 1;
        Some(Moment { year, month, day: self.day.min(days_in_month(year, month)), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{parse_date, parse_date_time};

    #[test]
    fn a_moment_moves_by_what_its_precision_knows() {
        for (from, amount, unit, to) in [
            ("2020-01-31", 1, CalendarUnit::Month, "2020-02-29"),
            ("2014", 23, CalendarUnit::Month, "2015"),
            ("2014", 25, CalendarUnit::Hour, "2014"),
            ("2019-03", 61, CalendarUnit::Day, "2019-05"),
            ("2019-03-01T10:00Z", -11, CalendarUnit::Hour, "2019-02-28T23:00Z"),
        ] {
            assert_eq!(parse_date_time(from).unwrap().plus(amount, unit).unwrap().to_string(), to, "{from}");
        }
        assert_eq!(parse_date("9999").unwrap().plus(1, CalendarUnit::Year), None);
    }
}
