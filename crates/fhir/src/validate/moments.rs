//! Dates and times as R4 writes them (datatypes section 2.24.0.1).

/// Whether the whole text is a date that exists: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
pub(super) fn date(text: &[u8]) -> bool {
    day(text) == Some(text.len())
}

/// Whether the whole text is a dateTime: a date, or a date with a time and an offset.
pub(super) fn date_time(text: &[u8]) -> bool {
    match day(text) {
        Some(end) if end == text.len() => true,
        Some(10) => time_with_offset(&text[10..]),
        _ => false,
    }
}

/// Whether the whole text is an instant: a day with a time and an offset.
pub(super) fn instant(text: &[u8]) -> bool {
    day(text) == Some(10) && time_with_offset(&text[10..])
}

/// How many bytes at the start are a time, `hh:mm:ss` with optional fractions.
pub(super) fn time(text: &[u8]) -> Option<usize> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, ..] = *text else { return None };
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    // A leap second is written 60.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let Some(b'.') = text.get(8) else { return Some(8) };
    let digits = text[9..].iter().take_while(|b| b.is_ascii_digit()).count();
    (digits > 0).then_some(9 + digits)
}

fn time_with_offset(text: &[u8]) -> bool {
    let Some(text) = text.strip_prefix(b"T") else { return false };
    let Some(end) = time(text) else { return false };
    match text[end..] {
        [b'Z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => match (two(h1, h2), two(m1, m2)) {
            (Some(hour), Some(minute)) => (hour < 14 && minute < 60) || (hour == 14 && minute == 0),
            _ => false,
        },
        _ => false,
    }
}

/// How many bytes at the start are a date: 4, 7 or 10.
fn day(text: &[u8]) -> Option<usize> {
    let [a, b, c, d, ..] = *text else { return None };
    let year = u16::from(two(a, b)?) * 100 + u16::from(two(c, d)?);
    if year == 0 {
        return None;
    }
    let [_, _, _, _, b'-', m1, m2, ..] = *text else { return Some(4) };
    let month = two(m1, m2).filter(|m| (1..=12).contains(m))?;
    let [_, _, _, _, _, _, _, b'-', d1, d2, ..] = *text else { return Some(7) };
    let day = two(d1, d2)?;
    (1..=days(year, month)).contains(&day).then_some(10)
}

fn days(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_must_be_well_written_and_exist() {
        for (text, is_date, is_date_time, is_instant) in [
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
            let bytes = text.as_bytes();
            assert_eq!((date(bytes), date_time(bytes), instant(bytes)), (is_date, is_date_time, is_instant), "{text}");
        }
        for (text, length) in [("10:00:00", Some(8)), ("10:00:00.5x", Some(10)), ("10:00", None), ("1:00:00", None)] {
            assert_eq!(time(text.as_bytes()), length, "{text}");
        }
    }
}
