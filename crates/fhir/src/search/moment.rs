//! Dates of any precision as spans of time.
//!
//! `2024-03` is every millisecond of March 2024 (R4 search section 3.1.1.4.6). A time without zone, and a date, is taken
//! as UTC: see `docs/readings.md`.

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// First and last millisecond of a FHIR date, dateTime, instant or partial form of one. `None` when it is none.
#[must_use]
pub fn span(text: &str) -> Option<(i64, i64)> {
    let bytes = text.as_bytes();
    let year = digits(bytes.get(..4)?)?;
    let month = match bytes.get(4) {
        None => return Some((days(year, 1, 1) * DAY, days(year + 1, 1, 1) * DAY - 1)),
        Some(b'-') => digits(bytes.get(5..7)?)?,
        Some(_) => return None,
    };
    if !(1..=12).contains(&month) {
        return None;
    }
    let day = match bytes.get(7) {
        None => {
            let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
            return Some((days(year, month, 1) * DAY, next * DAY - 1));
        }
        Some(b'-') => digits(bytes.get(8..10)?)?,
        Some(_) => return None,
    };
    if !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let midnight = days(year, month, day) * DAY;
    match bytes.get(10) {
        None => Some((midnight, midnight + DAY - 1)),
        Some(b'T') => time(&bytes[11..]).map(|(low, high)| (midnight + low, midnight + high)),
        Some(_) => None,
    }
}

/// A time of day with its zone, in milliseconds from UTC midnight.
fn time(bytes: &[u8]) -> Option<(i64, i64)> {
    let hour = digits(bytes.get(..2)?)?;
    (bytes.get(2) == Some(&b':')).then_some(())?;
    let minute = digits(bytes.get(3..5)?)?;
    if hour > 23 || minute > 59 {
        return None;
    }
    let low = (hour * 60 + minute) * 60_000;
    let (low, width, rest) = match bytes.get(5) {
        Some(b':') => {
            let second = digits(bytes.get(6..8)?)?;
            // R4's own pattern lets a leap second through.
            (second <= 60).then_some(())?;
            let (ms, width, rest) = fraction(&bytes[8..])?;
            (low + second * 1000 + ms, width, rest)
        }
        _ => (low, 60_000, &bytes[5..]),
    };
    let zone = zone(rest)?;
    Some((low - zone, low - zone + width - 1))
}

/// Milliseconds of a fraction, how many milliseconds its precision spans, and what follows it.
fn fraction(bytes: &[u8]) -> Option<(i64, i64, &[u8])> {
    if bytes.first() != Some(&b'.') {
        return Some((0, 1000, bytes));
    }
    let count = bytes[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    let read = count.min(3);
    let value = digits(bytes.get(1..=read).filter(|d| !d.is_empty())?)?;
    let width = [1000, 100, 10, 1][read];
    Some((value * width, width, &bytes[1 + count..]))
}

/// Milliseconds east of UTC.
fn zone(bytes: &[u8]) -> Option<i64> {
    let sign = match bytes {
        [] | [b'Z'] => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    (bytes.len() == 6 && bytes[3] == b':').then_some(())?;
    let (hour, minute) = (digits(&bytes[1..3])?, digits(&bytes[4..6])?);
    (hour <= 14 && minute <= 59).then_some(sign * (hour * 60 + minute) * 60_000)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

/// Days from 1970-01-01 (Howard Hinnant, chrono-compatible low-level date algorithms, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
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
            "2024-01-01T24:00",
            "2024-01-01T10:00:00.",
            "2024-01-01T10:00:00+2",
            "2024-01-01 10:00",
            "2024-01-01T10:00:00Zx",
            "２０２４",
        ];
        for text in cases {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
