//! Days and minutes of the demo hospital. It stands in Arizona, where no clock changes in summer: always UTC-07:00.

use fhir::calendar;
use std::fmt;

/// A day of the civil calendar: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i32);

/// A minute of local time: minutes since 1970-01-01T00:00-07:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

/// The day on which the demo hospital stands still: nothing in it is later, but for appointments.
pub const TODAY: Day = Day::of(2026, 11, 1);
/// The day from which the record is kept in full; what is older is history.
pub const OPENED: Day = Day::of(2022, 1, 3);

impl Day {
    /// A day by its name. Month and day are those of a real date.
    pub const fn of(year: i32, month: i32, day: i32) -> Day {
        Day(calendar::days(year, month as u8, day as u8) as i32)
    }

    /// Year, month, day.
    pub const fn civil(self) -> (i32, i32, i32) {
        let (year, month, day) = calendar::civil(self.0 as i64);
        (year as i32, month as i32, day as i32)
    }

    /// So many days later.
    pub const fn plus(self, days: i32) -> Day {
        Day(self.0 + days)
    }

    /// Full years from `birth` to this day.
    pub fn age(self, birth: Day) -> i32 {
        let ((y, m, d), (by, bm, bd)) = (self.civil(), birth.civil());
        y - by - i32::from((m, d) < (bm, bd))
    }

    /// This day, or the Monday after it when it falls on a weekend.
    pub fn workday(self) -> Day {
        // 1970-01-01 was a Thursday: Saturday is 2 and Sunday 3 days later.
        match self.0.rem_euclid(7) {
            2 => self.plus(2),
            3 => self.plus(1),
            _ => self,
        }
    }

    /// A minute of this day.
    pub const fn at(self, hour: i32, minute: i32) -> Moment {
        Moment(self.0 as i64 * 1440 + (hour * 60 + minute) as i64)
    }
}

impl Moment {
    /// So many minutes later.
    pub const fn plus(self, minutes: i32) -> Moment {
        Moment(self.0 + minutes as i64)
    }

    /// Its day.
    pub const fn day(self) -> Day {
        Day(self.0.div_euclid(1440) as i32)
    }
}

impl fmt::Display for Day {
    /// FHIR `date`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.civil();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

impl fmt::Display for Moment {
    /// FHIR `dateTime` and `instant`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minute = self.0.rem_euclid(1440);
        write!(f, "{}T{:02}:{:02}:00-07:00", self.day(), minute / 60, minute % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_names() {
        for (day, name) in [
            (Day(0), "1970-01-01"),
            (Day::of(2000, 2, 29), "2000-02-29"),
            (Day::of(1900, 3, 1).plus(-1), "1900-02-28"),
            (Day::of(2024, 12, 31).plus(1), "2025-01-01"),
            (TODAY.workday(), "2026-11-02"),
        ] {
            assert_eq!(day.to_string(), name);
        }
        assert_eq!(Day::of(2026, 2, 27).age(Day::of(2000, 2, 28)), 25);
        assert_eq!(Day::of(2026, 2, 28).age(Day::of(2000, 2, 28)), 26);
        assert_eq!(Day::of(2026, 3, 4).at(9, 5).plus(60).to_string(), "2026-03-04T10:05:00-07:00");
    }
}
