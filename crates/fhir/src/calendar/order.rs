//! Which of two moments comes first, where that can be said (FHIRPath section 6.2).

use super::{Moment, Precision};
use std::cmp::Ordering;

impl Moment {
    /// Which comes first; `None` where the precisions or a missing zone leave it open.
    pub(crate) fn compare(&self, other: &Moment) -> Option<Ordering> {
        if self.has_time() && other.has_time() && !self.is_time {
            match (self.offset, other.offset) {
                (Some(_), Some(_)) => return self.in_utc().compare_parts(&other.in_utc()),
                (None, None) => {}
                (Some(_), None) => return self.in_utc().compare_zoned(other),
                (None, Some(_)) => return other.in_utc().compare_zoned(self).map(Ordering::reverse),
            }
        }
        self.compare_parts(other)
    }

    /// Same precision, same moment.
    pub(crate) fn equivalent(&self, other: &Moment) -> bool {
        self.precision == other.precision && self.compare(other) == Some(Ordering::Equal)
    }

    fn in_utc(self) -> Moment {
        let shift = i128::from(self.offset.unwrap_or(0)) * 60_000_000_000;
        self.at_nanos(self.nanos() - shift).unwrap_or(self)
    }

    fn parts(&self) -> [u32; 5] {
        [self.year as u32, self.month.into(), self.day.into(), self.hour.into(), self.minute.into()]
    }

    // A local time may lie anywhere from 12 hours behind UTC to 14 hours ahead of it.
    fn compare_zoned(&self, local: &Moment) -> Option<Ordering> {
        const HOUR: i128 = 3_600_000_000_000;
        let gap = self.nanos() - local.nanos();
        if gap > 13 * HOUR {
            Some(Ordering::Greater)
        } else if gap < -15 * HOUR {
            Some(Ordering::Less)
        } else {
            None
        }
    }

    fn compare_parts(&self, other: &Moment) -> Option<Ordering> {
        let least = self.precision.min(other.precision);
        let shared = (least as usize + 1).min(5);
        let order = self.parts()[..shared].cmp(&other.parts()[..shared]);
        if order != Ordering::Equal {
            return Some(order);
        }
        if least == Precision::Second {
            return Some((self.second, self.nano).cmp(&(other.second, other.nano)));
        }
        (self.precision == other.precision).then_some(Ordering::Equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::parse_date_time;

    #[test]
    fn a_missing_zone_leaves_close_moments_open() {
        let at = |text| parse_date_time(text).unwrap();
        assert_eq!(at("2012-04-15T15:00:00Z").compare(&at("2012-04-15T10:00:00")), None);
        assert_eq!(at("2012-04-15T15:00:00Z").compare(&at("2012-04-17T10:00:00")), Some(Ordering::Less));
        assert_eq!(at("2012-04-15T15:00:00+02:00").compare(&at("2012-04-15T16:00:00+03:00")), Some(Ordering::Equal));
    }
}
