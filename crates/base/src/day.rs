//! Days, as the law counts them. A day is one of UTC, as everywhere in the record (docs/readings.md).

use crate::clock::Instant;
use std::fmt;

const DAY_MS: i64 = 86_400_000;

/// A day of the civil calendar, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

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

    /// Reads `2026-11-23`; also the day of a moment with its zone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Day> {
        if text.len() != "2026-11-23".len() {
            return Instant::parse(text).map(Day::at);
        }
        let (year, rest) = text.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        let number = |part: &str, digits: usize| {
            let fits = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
            if fits { part.parse::<i32>().ok() } else { None }
        };
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let read = Day::of(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        // A day that does not exist comes back as another.
        (year > 0 && read.civil() == (year.into(), month as u8, day as u8)).then_some(read)
    }

    /// Year, month and day.
    #[must_use]
    pub const fn civil(self) -> (i64, u8, u8) {
        civil(self.0)
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

    /// Its place in the week.
    #[must_use]
    pub const fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday.
        match self.0.rem_euclid(7) {
            0 => Weekday::Thursday,
            1 => Weekday::Friday,
            2 => Weekday::Saturday,
            3 => Weekday::Sunday,
            4 => Weekday::Monday,
            5 => Weekday::Tuesday,
            _ => Weekday::Wednesday,
        }
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

/// Days since 1970-01-01 of a date that exists.
#[must_use]
pub const fn days(year: i32, month: u8, day: u8) -> i64 {
    let (year, month, day) = (year as i64 - (month <= 2) as i64, month as i64, day as i64);
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of so many days since 1970-01-01.
#[must_use]
pub const fn civil(days: i64) -> (i64, u8, u8) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * day_of_year + 2) / 153;
    let month = if m < 10 { m + 3 } else { m - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month as u8, (day_of_year - (153 * m + 2) / 5 + 1) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_go_there_and_back() {
        for day in (-719_162..2_932_896).step_by(997) {
            let (y, m, d) = civil(day);
            assert_eq!(days(y as i32, m, d), day);
            assert_eq!(Day::parse(&Day(day).to_string()), Some(Day(day)), "{}", Day(day));
        }
    }

    #[test]
    fn only_days_that_exist_are_read() {
        for wrong in ["2026-02-29", "2026-13-01", "2026-00-10", "2026-11-00", "2026-11", "2026-1-011", "+026-01-01", ""]
        {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Day::parse("2024-02-29"), Some(Day::of(2024, 2, 29)));
        assert_eq!(Day::parse("2026-11-23T23:30:00-05:00").map(|day| day.to_string()).as_deref(), Some("2026-11-24"));
        assert_eq!(Day::at(Day::of(2026, 2, 3).ends()), Day::of(2026, 2, 3));
        assert_eq!(Day::of(2026, 11, 23).weekday(), Weekday::Monday);
    }

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
    }
}
