//! The calendar: dates and times of any precision, with or without a zone.
//!
//! One reader serves the three that ask: FHIRPath counts and compares [`Moment`]s, validation asks whether R4 would write
//! a text so (`is_date` and its like), and search asks for all the milliseconds a text may mean ([`span()`]).

mod boundary;
mod civil;
mod duration;
mod order;
mod read;
mod span;

pub use civil::{civil, days};
pub use duration::CalendarUnit;
pub(crate) use read::{
    is_date, is_date_time, is_instant, is_time, parse_date, parse_date_time, parse_time, read, read_time,
};
pub use span::span;

use base::clock::Instant;
use civil::days_in_month;
use std::fmt;

/// How much of a moment was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2015`
    Year,
    /// `2015-02`
    Month,
    /// `2015-02-04`
    Day,
    /// `T14`
    Hour,
    /// `T14:34`
    Minute,
    /// `T14:34:28`, with or without a fraction: both are one precision when compared (FHIRPath section 6.2).
    Second,
}

/// A date, a time of day, or both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    year: i32,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nano: u32,
    /// Digits of the fraction that were written.
    digits: u8,
    precision: Precision,
    /// Minutes east of UTC.
    offset: Option<i16>,
    /// Whether there is no date, only a time of day.
    is_time: bool,
}

const DAY_NANOS: i128 = 86_400_000_000_000;
const NOON_FREE: Moment = Moment {
    year: 1,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    nano: 0,
    digits: 0,
    precision: Precision::Year,
    offset: None,
    is_time: false,
};

impl Moment {
    /// The moment of the clock, in UTC, to the millisecond.
    pub(crate) fn from_instant(instant: Instant) -> Moment {
        let utc = Moment { precision: Precision::Second, digits: 3, offset: Some(0), ..NOON_FREE };
        utc.at_nanos(i128::from(instant.0) * 1_000_000).unwrap_or(utc)
    }

    fn is_valid(&self) -> bool {
        self.year >= 1
            && (1..=12).contains(&self.month)
            && self.day >= 1
            && self.day <= days_in_month(self.year, self.month)
            && self.hour < 24
            && self.minute < 60
            && self.second <= 60
            && self.offset.is_none_or(|minutes| minutes.abs() <= 14 * 60)
    }

    pub(crate) fn date(self) -> Moment {
        let Moment { year, month, day, .. } = self;
        Moment { year, month, day, precision: self.precision.min(Precision::Day), ..NOON_FREE }
    }

    pub(crate) fn time_of_day(self) -> Moment {
        let Moment { hour, minute, second, nano, digits, precision, .. } = self;
        Moment { hour, minute, second, nano, digits, precision, is_time: true, ..NOON_FREE }
    }

    /// Whether the precision reaches into the day.
    pub(crate) fn has_time(&self) -> bool {
        self.precision >= Precision::Hour
    }

    /// Nanoseconds since 1970-01-01T00:00 in the moment's own zone, missing parts at their least.
    pub(crate) fn nanos(&self) -> i128 {
        let seconds = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        i128::from(days(self.year, self.month, self.day)) * DAY_NANOS
            + i128::from(seconds) * 1_000_000_000
            + i128::from(self.nano)
    }

    /// The same precision and zone at another point of the time line; none outside the years 1 to 9999.
    pub(crate) fn at_nanos(self, nanos: i128) -> Option<Moment> {
        let (day, rest) = (nanos.div_euclid(DAY_NANOS), nanos.rem_euclid(DAY_NANOS));
        let (year, month, day) = civil(i64::try_from(day).ok()?);
        let seconds = (rest / 1_000_000_000) as u32;
        let moment = Moment {
            year: i32::try_from(year).ok()?,
            month,
            day,
            hour: (seconds / 3600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            nano: (rest % 1_000_000_000) as u32,
            ..self
        };
        (1..=9999).contains(&moment.year).then_some(moment)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_time {
            write!(f, "{:04}", self.year)?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", self.month)?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", self.day)?;
            }
        }
        if !self.has_time() {
            return Ok(());
        }
        write!(f, "{}{:02}", if self.is_time { "" } else { "T" }, self.hour)?;
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", self.minute)?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", self.second)?;
        }
        if self.digits > 0 {
            let digits = usize::from(self.digits.min(9));
            write!(f, ".{:0digits$}", self.nano / 10_u32.pow(9 - digits as u32))?;
        }
        match self.offset {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(m) => write!(f, "{}{:02}:{:02}", if m < 0 { '-' } else { '+' }, m.abs() / 60, m.abs() % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_back_the_same() {
        for text in
            ["2015", "2015-02", "2016-02-29", "2015-02-04T14:34:28.123+10:00", "2015-02-04T14:34Z", "0001-01-01"]
        {
            assert_eq!(parse_date_time(text).unwrap().to_string(), text);
        }
        assert_eq!(parse_time("14:34:28.1").unwrap().to_string(), "14:34:28.1");
    }
}
