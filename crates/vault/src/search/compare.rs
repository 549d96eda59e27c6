//! Whether one value is what a query asks for. The index answers most tests from hashes; these are the comparisons
//! themselves, for spans read from a column and for values read from a resource.

use super::rows::{paths_above, type_in_url};
use fhir::search::extract::{Value, normal};
use fhir::search::measure::{UCUM, in_unit};
use fhir::search::query::{DateTest, NumberTest, Operand, Prefix, SystemTest};
use std::ops::RangeInclusive;

/// Whether a stored span of milliseconds meets the test (R4 search section 3.1.1.4.6, table of prefixes).
#[must_use]
pub fn date(test: &DateTest, low: i64, high: i64) -> bool {
    let within = test.low <= low && high <= test.high;
    match test.prefix {
        Prefix::Eq => within,
        Prefix::Ne => !within,
        Prefix::Gt => high > test.high,
        Prefix::Lt => low < test.low,
        Prefix::Ge => high > test.high || within,
        Prefix::Le => low < test.low || within,
        Prefix::Sa => low > test.high,
        Prefix::Eb => high < test.low,
        Prefix::Ap => low <= test.high && test.low <= high,
    }
}

/// Whether a stored number or range meets the test. Only `eq`, `ne` and `ap` give the written precision a meaning (R4
/// search section 3.1.1.4.7).
#[must_use]
pub fn number(test: &NumberTest, low: f64, high: f64) -> bool {
    let within = test.low <= low && high < test.high;
    match test.prefix {
        Prefix::Eq => within,
        Prefix::Ne => !within,
        Prefix::Gt => high > test.value,
        Prefix::Lt => low < test.value,
        Prefix::Ge => high >= test.value,
        Prefix::Le => low <= test.value,
        Prefix::Sa => low > test.value,
        Prefix::Eb => high < test.value,
        Prefix::Ap => low <= test.high && test.low <= high,
    }
}

/// Where the ends of a matching span must lie, at least one of them; `None` when that narrows nothing.
pub fn date_range(test: &DateTest) -> Option<RangeInclusive<i64>> {
    bounds(test.prefix, (test.low, test.high), (test.low, test.high), (i64::MIN, i64::MAX))
}

/// The same for numbers.
pub fn number_range(test: &NumberTest) -> Option<RangeInclusive<f64>> {
    let ends = (f64::NEG_INFINITY, f64::INFINITY);
    bounds(test.prefix, (test.low, test.high), (test.value, test.value), ends)
}

fn bounds<T>(prefix: Prefix, equal: (T, T), order: (T, T), ends: (T, T)) -> Option<RangeInclusive<T>> {
    match prefix {
        Prefix::Eq => Some(equal.0..=equal.1),
        Prefix::Gt | Prefix::Sa => Some(order.1..=ends.1),
        Prefix::Ge => Some(order.0..=ends.1),
        Prefix::Lt | Prefix::Eb => Some(ends.0..=order.0),
        Prefix::Le => Some(ends.0..=order.1),
        // A span around the whole of the asked one has both ends outside.
        Prefix::Ap | Prefix::Ne => None,
    }
}

/// Whether a value of a path, which counts only references to `target` if that is given, meets a test.
#[must_use]
pub fn holds(operand: &Operand, target: Option<&str>, value: &Value) -> bool {
    match (operand, value) {
        (Operand::Token { system: test, code }, Value::Token { system, code: found }) => {
            code.as_deref().is_none_or(|code| code == found) && system_holds(test, system.as_deref())
        }
        (Operand::TokenAny(codes), Value::Token { system, code }) => {
            codes.iter().any(|(s, c)| c == code && s.as_deref().is_none_or(|s| Some(s) == system.as_deref()))
        }
        (Operand::TokenText(text), Value::Display(found)) => normal(found).starts_with(text.as_str()),
        (Operand::OfType { system, code, value }, Value::OfType { system: s, code: c, value: v }) => {
            code == c && value == v && system.as_deref().is_none_or(|system| Some(system) == s.as_deref())
        }
        (Operand::Local { resource_type, id }, Value::Local { resource_type: found, id: found_id }) => {
            id == found_id
                && resource_type.as_deref().is_none_or(|wanted| wanted == found)
                && target.is_none_or(|target| target == found)
        }
        (Operand::Url(url), Value::Url(found)) => {
            url_holds(url, found) && target.is_none_or(|target| type_in_url(found) == Some(target))
        }
        (Operand::Versions { above, url, version }, Value::Url(found)) => {
            let found = found.split_once('|').filter(|(canonical, _)| canonical == url);
            found.is_some_and(|(_, found)| if *above { is_within(version, found) } else { is_within(found, version) })
        }
        (Operand::Logical { system: test, value }, Value::Logical { system, value: found }) => {
            value.as_deref().is_none_or(|value| value == found) && system_holds(test, system.as_deref())
        }
        (Operand::Starts(text), Value::String(found)) => normal(found).starts_with(text.as_str()),
        (Operand::Contains(text), Value::String(found)) => normal(found).contains(text.as_str()),
        (Operand::Ends(text), Value::String(found)) => normal(found).ends_with(text.as_str()),
        (Operand::Exact(text), Value::String(found)) => text == found,
        (Operand::Date(test), Value::Date { low, high }) => date(test, *low, *high),
        (Operand::Number(test), Value::Number { low, high }) => number(test, *low, *high),
        (Operand::Quantity { number: test, system, unit }, Value::Quantity { low, high, .. }) => {
            match unit_holds(system.as_deref(), unit.as_deref(), value) {
                true => number(test, *low, *high),
                false => converted(test, system.as_deref(), unit.as_deref(), value)
                    .is_some_and(|test| number(&test, *low, *high)),
            }
        }
        (Operand::Uri(uri), Value::Uri(found)) => uri == found,
        (Operand::UriBelow(uri), Value::Uri(found)) => paths_above(found).any(|p| p == uri.trim_end_matches('/')),
        (Operand::UriAbove(uri), Value::Uri(found)) => paths_above(uri).any(|p| p == found.trim_end_matches('/')),
        (Operand::Near { latitude, longitude, km }, Value::Point { latitude: lat, longitude: lon }) => {
            distance([*latitude, *longitude], [*lat, *lon]) <= *km
        }
        _ => false,
    }
}

fn system_holds(test: &SystemTest, found: Option<&str>) -> bool {
    match test {
        SystemTest::Any => true,
        SystemTest::Absent => found.is_none_or(str::is_empty),
        SystemTest::Is(system) => found == Some(system),
    }
}

fn url_holds(asked: &str, found: &str) -> bool {
    let any_version = found.split_once('|').map(|(canonical, _)| canonical);
    asked == found || any_version == Some(asked)
}

/// Whether a version is another or one within it: `1.2.3` is within `1.2`, `1.20` is not.
fn is_within(version: &str, other: &str) -> bool {
    version.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn unit_holds(system: Option<&str>, unit: Option<&str>, value: &Value) -> bool {
    let Value::Quantity { system: s, code, unit: human, .. } = value else { return false };
    match (system, unit) {
        (None, None) => true,
        (None, Some(unit)) => code.as_deref() == Some(unit) || human.as_deref() == Some(unit),
        (Some(system), None) => s.as_deref() == Some(system),
        (Some(system), Some(unit)) => s.as_deref() == Some(system) && code.as_deref() == Some(unit),
    }
}

/// The test in the unit of the value, where both are units of UCUM that can be converted.
fn converted(test: &NumberTest, system: Option<&str>, unit: Option<&str>, value: &Value) -> Option<NumberTest> {
    let Value::Quantity { system: found, code, .. } = value else { return None };
    let both = system == Some(UCUM) && found.as_deref() == Some(UCUM);
    if both { in_unit(test, unit?, code.as_deref()?) } else { None }
}

/// Kilometres along the surface of a globe of 6,371 km (haversine; Sinnott, Sky and Telescope 68(2), 1984).
fn distance(from: [f64; 2], to: [f64; 2]) -> f64 {
    let [[lat1, lon1], [lat2, lon2]] = [from, to].map(|point| point.map(f64::to_radians));
    let half = |a: f64, b: f64| ((b - a) / 2.0).sin().powi(2);
    let h = half(lat1, lat2) + lat1.cos() * lat2.cos() * half(lon1, lon2);
    2.0 * 6371.0 * h.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_compare_spans_as_the_table_says() {
        // Stored 10..19 against tests of 10..19, 0..9, 20..29, 15..24, 0..99, 12..13.
        let tests = [(10, 19), (0, 9), (20, 29), (15, 24), (0, 99), (12, 13)];
        let cases = [
            (Prefix::Eq, [true, false, false, false, true, false]),
            (Prefix::Ne, [false, true, true, true, false, true]),
            (Prefix::Gt, [false, true, false, false, false, true]),
            (Prefix::Lt, [false, false, true, true, false, true]),
            (Prefix::Ge, [true, true, false, false, true, true]),
            (Prefix::Le, [true, false, true, true, true, true]),
            (Prefix::Sa, [false, true, false, false, false, false]),
            (Prefix::Eb, [false, false, true, false, false, false]),
            (Prefix::Ap, [true, false, false, true, true, true]),
        ];
        for (prefix, expected) in cases {
            let found = tests.map(|(low, high)| date(&DateTest { prefix, low, high }, 10, 19));
            assert_eq!(found, expected, "{prefix:?}");
        }
    }

    #[test]
    fn the_distance_from_boston_to_chicago_is_known() {
        let km = distance([42.3601, -71.0589], [41.8781, -87.6298]);
        assert!((km - 1366.0).abs() < 5.0, "{km}");
    }
}
