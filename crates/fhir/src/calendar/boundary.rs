//! The earliest and the latest a moment may mean, and to how many digits it was said (FHIRPath 2.1 section 5.7).

use super::civil::days_in_month;
use super::{Moment, Precision};

impl Moment {
    /// Digits that were said: 4 for a year, 8 for a day, 17 for milliseconds; for times of day 2 to 9.
    pub(crate) fn digits_said(&self) -> u32 {
        let all = match self.precision {
            Precision::Year => 4,
            Precision::Month => 6,
            Precision::Day => 8,
            Precision::Hour => 10,
            Precision::Minute => 12,
            Precision::Second => 14 + u32::from(self.digits),
        };
        if self.is_time { all - 8 } else { all }
    }

    /// The earliest (`low`) or latest moment this may mean, said to `digits` digits; none where that is no precision.
    pub(crate) fn boundary(&self, digits: u32, low: bool) -> Option<Moment> {
        let (precision, fraction) = precision_of(if self.is_time { digits + 8 } else { digits })?;
        let mut edge = if low { *self } else { self.latest() };
        if precision >= Precision::Hour && edge.offset.is_none() && !self.is_time {
            edge.offset = Some(if low { 14 * 60 } else { -12 * 60 });
        }
        if precision < Precision::Hour {
            edge.offset = None;
        }
        (edge.precision, edge.digits) = (precision, fraction);
        Some(edge)
    }

    // An hour without minutes cannot stand in FHIR and is read as the full hour.
    fn latest(&self) -> Moment {
        let mut late = *self;
        if late.precision < Precision::Month {
            late.month = 12;
        }
        if late.precision < Precision::Day {
            late.day = days_in_month(late.year, late.month);
        }
        if late.precision < Precision::Hour {
            (late.hour, late.minute) = (23, 59);
        }
        if late.precision < Precision::Second {
            late.second = 59;
        }
        if late.digits < 3 {
            late.nano += 999_999_999 / 10_u32.pow(u32::from(late.digits)) / 1_000_000 * 1_000_000;
        }
        late
    }
}

fn precision_of(digits: u32) -> Option<(Precision, u8)> {
    Some(match digits {
        4 => (Precision::Year, 0),
        6 => (Precision::Month, 0),
        8 => (Precision::Day, 0),
        10 => (Precision::Hour, 0),
        12 => (Precision::Minute, 0),
        14 => (Precision::Second, 0),
        15..=17 => (Precision::Second, (digits - 14) as u8),
        _ => return None,
    })
}
