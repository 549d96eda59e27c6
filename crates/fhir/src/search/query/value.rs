//! One value of a query: `ge2024-03`, `http://loinc.org|8480-6`, `5.4||mg`, `Patient/1` (R4 search section 3.1.1.4).

use super::{DateTest, NumberTest, Operand, Prefix, SystemTest};
use crate::calendar;
use crate::reference::{Reference, without_version};
use crate::search::extract::normal;
use crate::search::params::{Kind, Param};
use crate::validate::is_id;
use base::clock::Instant;
use rust_decimal::Decimal;

/// What was expected instead, in words; the value itself is never repeated.
pub(super) type Expected = String;

/// The pieces between a separator that no backslash takes its meaning from (R4 search section 3.1.1.4.0.1).
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            pieces.push(&text[from..at]);
            from = at + c.len_utf8();
        }
    }
    pieces.push(&text[from..]);
    pieces
}

/// The text without its escapes: `\,` `\$` `\|` `\\`. A backslash before anything else stands for itself.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(&next @ (',' | '$' | '|' | '\\')) if c == '\\' => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// One value of a parameter without modifier.
pub(super) fn operand(param: &Param, text: &str, now: Instant) -> Result<Operand, Expected> {
    match param.kind {
        Kind::Reference => reference(&param.targets, None, text),
        Kind::Composite => composite(param, text, now),
        Kind::Special if param.code == "near" => near(text),
        kind => simple(kind, text, now),
    }
}

/// One value of a kind that needs no more than the kind.
fn simple(kind: Kind, text: &str, now: Instant) -> Result<Operand, Expected> {
    match kind {
        Kind::Number => {
            let (prefix, rest) = prefixed(text);
            Ok(Operand::Number(number(prefix, rest)?))
        }
        Kind::Date => {
            let (prefix, rest) = prefixed(text);
            Ok(Operand::Date(date(prefix, rest, now)?))
        }
        Kind::Quantity => quantity(text),
        Kind::String => Ok(Operand::Starts(comparable(text)?)),
        Kind::Token => {
            let (system, code) = token(text)?;
            Ok(Operand::Token { system, code })
        }
        Kind::Uri => Ok(Operand::Uri(unescape(text))),
        Kind::Reference | Kind::Composite | Kind::Special => Err("this parameter takes no plain value".to_owned()),
    }
}

/// Text as it is compared; empty text would match everything.
pub(super) fn comparable(text: &str) -> Result<String, Expected> {
    let text = normal(&unescape(text));
    if text.is_empty() { Err("some text was expected".to_owned()) } else { Ok(text) }
}

/// `ge2024` is `Ge` and `2024`.
pub(super) fn prefixed(text: &str) -> (Prefix, &str) {
    let prefix = match text.get(..2) {
        Some("eq") => Prefix::Eq,
        Some("ne") => Prefix::Ne,
        Some("gt") => Prefix::Gt,
        Some("lt") => Prefix::Lt,
        Some("ge") => Prefix::Ge,
        Some("le") => Prefix::Le,
        Some("sa") => Prefix::Sa,
        Some("eb") => Prefix::Eb,
        Some("ap") => Prefix::Ap,
        _ => return (Prefix::Eq, text),
    };
    (prefix, &text[2..])
}

/// A date with its precision. `ap` widens it by a tenth of its distance from now (R4 search section 3.1.1.4.6).
pub(super) fn date(prefix: Prefix, text: &str, now: Instant) -> Result<DateTest, Expected> {
    // In a form, `+02:00` that was not percent-encoded arrives as ` 02:00`.
    let mended = text.replace(' ', "+");
    let (low, high) = calendar::span(&mended).ok_or(
        "a date was expected, such as 2024, 2024-03, 2024-03-01 or 2024-03-01T10:00:00Z, with a prefix or without",
    )?;
    if prefix != Prefix::Ap {
        return Ok(DateTest { prefix, low, high });
    }
    let slack = (now.0 - low.midpoint(high)).abs() / 10;
    Ok(DateTest { prefix, low: low - slack, high: high + slack })
}

/// A number with the span its precision implies; `ap` is a tenth more or less (R4 search section 3.1.1.4.7).
pub(super) fn number(prefix: Prefix, text: &str) -> Result<NumberTest, Expected> {
    let expected = || "a number was expected, such as 5.4 or 1e2, with a prefix or without".to_owned();
    let plain = text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let value: f64 = text.parse().ok().filter(|v: &f64| plain && v.is_finite()).ok_or_else(expected)?;
    if prefix == Prefix::Ap {
        let slack = value.abs() / 10.0;
        return Ok(NumberTest { prefix, value, low: value - slack, high: value + slack });
    }
    let (low, high) = precision(text).unwrap_or((value, value.next_up()));
    Ok(NumberTest { prefix, value, low, high })
}

/// Half a unit of the last digit to both sides; with an exponent half of a tenth of it, as R4's example has it
/// (`1e2` is 95 to 105; docs/readings.md). `None` beyond what decimal arithmetic reaches.
fn precision(text: &str) -> Option<(f64, f64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let decimals = i32::try_from(mantissa.split_once('.').map_or(0, |(_, d)| d.len())).ok()?;
    let (value, last) = match exponent {
        None => (text.parse::<Decimal>().ok()?, -decimals),
        Some(e) => {
            (Decimal::from_scientific(text).ok()?, e.parse::<i32>().ok()?.checked_sub(decimals)?.checked_sub(1)?)
        }
    };
    let half = if last > 0 {
        Decimal::from(5).checked_mul(Decimal::from(10_i64.checked_pow(u32::try_from(last - 1).ok()?)?))?
    } else {
        Decimal::try_new(5, u32::try_from(1_i32.checked_sub(last)?).ok()?).ok()?
    };
    let edge = |d: Decimal| d.to_string().parse::<f64>().ok();
    Some((edge(value.checked_sub(half)?)?, edge(value.checked_add(half)?)?))
}

/// `5.4`, `5.4|system|code` or `5.4||unit`.
pub(super) fn quantity(text: &str) -> Result<Operand, Expected> {
    let pieces = split(text, '|');
    let (value, system, unit) = match pieces[..] {
        [value] => (value, "", ""),
        [value, system, unit] => (value, system, unit),
        _ => return Err("a quantity was expected: 5.4, 5.4|http://unitsofmeasure.org|mg or 5.4||mg".to_owned()),
    };
    let (prefix, value) = prefixed(value);
    let some = |text: &str| (!text.is_empty()).then(|| unescape(text));
    Ok(Operand::Quantity { number: number(prefix, value)?, system: some(system), unit: some(unit) })
}

/// `code`, `system|code`, `|code`, `system|`.
pub(super) fn token(text: &str) -> Result<(SystemTest, Option<String>), Expected> {
    let first = split(text, '|')[0];
    if first.len() == text.len() {
        return Ok((SystemTest::Any, Some(unescape(text))));
    }
    let code = Some(unescape(&text[first.len() + 1..])).filter(|c| !c.is_empty());
    match (first, code) {
        ("", None) => Err("a code was expected beside the |".to_owned()),
        ("", code) => Ok((SystemTest::Absent, code)),
        (system, code) => Ok((SystemTest::Is(unescape(system)), code)),
    }
}

/// Token `:of-type`: `system|code|value`.
pub(super) fn of_type(text: &str) -> Result<Operand, Expected> {
    let [system, code, value] = split(text, '|')[..] else {
        return Err("an identifier with its type was expected: system|code|value".to_owned());
    };
    if code.is_empty() || value.is_empty() {
        return Err("an identifier with its type was expected: system|code|value".to_owned());
    }
    let system = Some(unescape(system)).filter(|s| !s.is_empty());
    Ok(Operand::OfType { system, code: unescape(code), value: unescape(value) })
}

/// `1`, `Patient/1`, `Patient/1/_history/2`, a URL, a URN or a canonical. `wanted` is the modifier's type; no `targets`
/// are all targets.
pub(super) fn reference(targets: &[String], wanted: Option<&str>, text: &str) -> Result<Operand, Expected> {
    let text = unescape(text);
    let plain = without_version(&text);
    let only = || match targets {
        [one] => Some(one.clone()),
        _ => None,
    };
    if is_id(plain) {
        let resource_type = wanted.map(str::to_owned).or_else(only);
        return Ok(Operand::Local { resource_type, id: plain.to_owned() });
    }
    if let Some(Reference { resource_type: ty, id, .. }) = Reference::local(plain) {
        let fits = wanted.is_none_or(|w| w == ty) && (targets.is_empty() || targets.iter().any(|t| t == ty));
        return match fits {
            true => Ok(Operand::Local { resource_type: Some(ty.to_owned()), id: id.to_owned() }),
            false => Err("a reference to a type that this parameter points to was expected".to_owned()),
        };
    }
    if plain.contains(':') {
        return Ok(Operand::Url(plain.to_owned()));
    }
    Err("a reference was expected: an id, Type/id or a URL".to_owned())
}

/// One value for each component, between `$`.
fn composite(param: &Param, text: &str, now: Instant) -> Result<Operand, Expected> {
    let pieces = split(text, '$');
    if pieces.len() != param.components.len() {
        return Err(format!("{} values joined by $ were expected", param.components.len()));
    }
    let mut operands = Vec::with_capacity(pieces.len());
    for (component, piece) in param.components.iter().zip(pieces) {
        if piece.is_empty() {
            return Err("a value was expected on each side of $".to_owned());
        }
        let operand = match component.kind {
            Kind::Reference => reference(&[], None, piece)?,
            kind => simple(kind, piece, now)?,
        };
        operands.push((component.kind, operand));
    }
    Ok(Operand::Composite(operands))
}

/// `latitude|longitude[|distance[|units]]`. Without a distance it is 50 km, without a unit kilometres (both are left to
/// the server, R4 location section 8.7.5).
fn near(text: &str) -> Result<Operand, Expected> {
    let expected = || "a place was expected: latitude|longitude|distance|km".to_owned();
    let pieces = split(text, '|');
    let part = |i: usize| pieces.get(i).copied().filter(|p| !p.is_empty());
    let real = |text: &str| text.parse().ok().filter(|n: &f64| n.is_finite());
    let latitude = part(0).and_then(real).filter(|n| n.abs() <= 90.0).ok_or_else(expected)?;
    let longitude = part(1).and_then(real).filter(|n| n.abs() <= 180.0).ok_or_else(expected)?;
    let distance = part(2).map_or(Some(50.0), real).filter(|d| *d >= 0.0).ok_or_else(expected)?;
    let unit = match part(3).unwrap_or("km") {
        "km" => 1.0,
        "m" => 0.001,
        "[mi_i]" | "[mi_us]" | "mi" => 1.609_344,
        _ => return Err("a unit of km, m or [mi_i] was expected".to_owned()),
    };
    if pieces.len() > 4 { Err(expected()) } else { Ok(Operand::Near { latitude, longitude, km: distance * unit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_takes_the_meaning_away() {
        assert_eq!(split(r"a\,b,c", ','), [r"a\,b", "c"]);
        assert_eq!(split(r"a\\,b", ','), [r"a\\", "b"]);
        assert_eq!(unescape(r"a\,b\$c\|d\\e\f\"), r"a,b$c|d\e\f\");
    }

    #[test]
    fn a_number_is_as_wide_as_it_is_precise() {
        // The examples of R4 search section 3.1.1.4.7 and some edges.
        let cases = [
            ("100", 99.5, 100.5),
            ("100.00", 99.995, 100.005),
            ("1e2", 95.0, 105.0),
            ("5.4", 5.35, 5.45),
            ("-2", -2.5, -1.5),
            ("0", -0.5, 0.5),
            ("0.05", 0.045, 0.055),
            ("1.0E-1", 0.0995, 0.1005),
            ("3e4", 29500.0, 30500.0),
        ];
        for (text, low, high) in cases {
            let test = number(Prefix::Eq, text).unwrap();
            assert_eq!((test.low, test.high), (low, high), "{text}");
        }
        for text in ["", "x", "inf", "NaN", "1,5", "--1", "1e999", "0x10"] {
            assert!(number(Prefix::Eq, text).is_err(), "{text}");
        }
        for text in [
            "1e300",
            "1e-2147483647",
            "1e-300",
            "123456789012345678901234567890123",
            "0.00000000000000000000000000000001",
        ] {
            let edge = number(Prefix::Eq, text).unwrap();
            assert!(edge.low <= edge.value && edge.value < edge.high, "{text}");
        }
    }

    #[test]
    fn about_is_a_tenth() {
        let about = number(Prefix::Ap, "-10").unwrap();
        assert_eq!((about.low, about.high), (-11.0, -9.0));
        let now = calendar::span("2024-01-11T00:00:00.000Z").unwrap().0;
        let test = date(Prefix::Ap, "2024-01-01T00:00:00.000Z", Instant(now)).unwrap();
        assert_eq!(test.high - test.low, 2 * 86_400_000);
    }

    #[test]
    fn a_token_names_its_system_or_not() {
        let some = |code: &str| Some(code.to_owned());
        let cases = [
            ("c", Some((SystemTest::Any, some("c")))),
            ("|c", Some((SystemTest::Absent, some("c")))),
            ("s|c", Some((SystemTest::Is("s".into()), some("c")))),
            ("s|", Some((SystemTest::Is("s".into()), None))),
            (r"a\|b", Some((SystemTest::Any, some("a|b")))),
            ("|", None),
        ];
        for (text, expected) in cases {
            assert_eq!(token(text).ok(), expected, "{text}");
        }
    }
}
