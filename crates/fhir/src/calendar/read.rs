//! Reads dates and times: as much of a text as is one, the whole text, or only R4's own forms.

use super::{Moment, NOON_FREE, Precision};

/// Reads as much as is a date or date and time: the moment, whether there was a `T`, and how many bytes were read.
pub(crate) fn read(text: &str) -> Option<(Moment, bool, usize)> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    let mut moment = Moment { year: i32::try_from(reader.digits(4)?).ok()?, ..NOON_FREE };
    if let Some(month) = reader.part(b'-') {
        (moment.month, moment.precision) = (month, Precision::Month);
        if let Some(day) = reader.part(b'-') {
            (moment.day, moment.precision) = (day, Precision::Day);
        }
    }
    let has_t = reader.eat(b'T');
    if has_t && moment.precision == Precision::Day && reader.time(&mut moment) {
        moment.offset = reader.zone();
    }
    moment.is_valid().then_some((moment, has_t, reader.at))
}

/// Reads as much as is a time of day, without zone.
pub(crate) fn read_time(text: &str) -> Option<(Moment, usize)> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    let mut moment = Moment { is_time: true, ..NOON_FREE };
    (reader.time(&mut moment) && moment.is_valid()).then_some((moment, reader.at))
}

/// A `Date`: `2015`, `2015-02`, `2015-02-04`.
pub(crate) fn parse_date(text: &str) -> Option<Moment> {
    let (moment, has_t, len) = read(text)?;
    (!has_t && len == text.len()).then_some(moment)
}

/// A `DateTime`: a date, or more.
pub(crate) fn parse_date_time(text: &str) -> Option<Moment> {
    let (moment, _, len) = read(text)?;
    (len == text.len()).then_some(moment)
}

/// A `Time`: `14`, `14:34`, `14:34:28.123`.
pub(crate) fn parse_time(text: &str) -> Option<Moment> {
    let (moment, len) = read_time(text)?;
    (len == text.len()).then_some(moment)
}

/// Whether R4 writes a `date` so: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, and it exists (datatypes section 2.24.0.1).
pub(crate) fn is_date(text: &str) -> bool {
    parse_date(text).is_some()
}

/// Whether R4 writes a `dateTime` so: a date, or a day with a time to the second and an offset.
pub(crate) fn is_date_time(text: &str) -> bool {
    is_date(text) || is_instant(text)
}

/// Whether R4 writes an `instant` so: a day with a time to the second and an offset.
pub(crate) fn is_instant(text: &str) -> bool {
    parse_date_time(text).is_some_and(|moment| moment.precision == Precision::Second && moment.offset.is_some())
}

/// Whether R4 writes a `time` so: `hh:mm:ss` with optional fractions.
pub(crate) fn is_time(text: &str) -> bool {
    parse_time(text).is_some_and(|moment| moment.precision == Precision::Second)
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + count)?;
        let mut number = 0;
        for digit in digits {
            number = number * 10 + char::from(*digit).to_digit(10)?;
        }
        self.at += count;
        Some(number)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// Two digits after a separator, or nothing read.
    fn part(&mut self, separator: u8) -> Option<u8> {
        let start = self.at;
        let part = if self.eat(separator) { self.digits(2) } else { None };
        if part.is_none() {
            self.at = start;
        }
        part.and_then(|n| u8::try_from(n).ok())
    }

    fn time(&mut self, moment: &mut Moment) -> bool {
        let Some(hour) = self.digits(2) else { return false };
        (moment.hour, moment.precision) = (hour as u8, Precision::Hour);
        let Some(minute) = self.part(b':') else { return true };
        (moment.minute, moment.precision) = (minute, Precision::Minute);
        let Some(second) = self.part(b':') else { return true };
        (moment.second, moment.precision) = (second, Precision::Second);
        if self.text.get(self.at) == Some(&b'.') && self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
            self.fraction(moment);
        }
        true
    }

    fn fraction(&mut self, moment: &mut Moment) {
        let mut unit = 100_000_000;
        while let Some(digit) = self.text.get(self.at).filter(|b| b.is_ascii_digit()) {
            moment.nano += u32::from(digit - b'0') * unit;
            moment.digits += u8::from(unit > 0);
            unit /= 10;
            self.at += 1;
        }
    }

    fn zone(&mut self) -> Option<i16> {
        if self.eat(b'Z') {
            return Some(0);
        }
        let start = self.at;
        let sign = if self.eat(b'+') {
            1
        } else if self.eat(b'-') {
            -1
        } else {
            return None;
        };
        let zone = self.digits(2).zip(self.part(b':').filter(|minutes| *minutes < 60));
        if zone.is_none() {
            self.at = start;
        }
        zone.map(|(hours, minutes)| sign * (hours as i16 * 60 + i16::from(minutes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_exist_is_not_read() {
        for text in ["2015-02-29", "2015-13", "20150204", "2015-02-04T25:00", "2015-02-04T14:00+15:00", "", "x"] {
            assert!(parse_date_time(text).is_none(), "{text}");
        }
    }

    #[test]
    fn r4_writes_fewer_forms() {
        for (text, date, date_time, instant) in [
            ("2024", true, true, false),
            ("2024-02", true, true, false),
            ("2024-02-29", true, true, false),
            ("2023-02-29", false, false, false),
            ("1900-02-29", false, false, false),
            ("2024-13", false, false, false),
            ("2024-00-10", false, false, false),
            ("2024-1-1", false, false, false),
            ("0000", false, false, false),
            ("24", false, false, false),
            ("2024-02-01T10:00:00Z", false, true, true),
            ("2024-02-01T10:00:60.123+14:00", false, true, true),
            ("2024-02-01T10:00:00+14:30", false, false, false),
            ("2024-02-01T10:00:00", false, false, false),
            ("2024-02-01T24:00:00Z", false, false, false),
            ("2024-02-01T10:00Z", false, false, false),
            ("2024-02-01T10:00:00.Z", false, false, false),
            ("2024-02T10:00:00Z", false, false, false),
            ("2024-02-01 10:00:00Z", false, false, false),
            ("2024-02-01T10:00:00Zz", false, false, false),
            ("２０２４", false, false, false),
        ] {
            assert_eq!((is_date(text), is_date_time(text), is_instant(text)), (date, date_time, instant), "{text}");
        }
        for (text, time) in [
            ("10:00:00", true),
            ("10:00:60.5", true),
            ("10:00:00.5x", false),
            ("10:00:00.", false),
            ("10:00", false),
            ("1:00:00", false),
        ] {
            assert_eq!(is_time(text), time, "{text}");
        }
    }
}
