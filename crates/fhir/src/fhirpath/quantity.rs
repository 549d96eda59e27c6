//! Quantities: compared, added and multiplied across units.

use super::decimal;
use super::units::{self, Scale};
use super::value::{Quantity, Text, Unit};
use crate::calendar::CalendarUnit;
use rust_decimal::Decimal;
use std::cmp::Ordering;

/// Longer products of units have no meaning to anybody.
const UNIT_LENGTH_MAX: usize = 200;

/// What the unit is in base units. Calendar months and years have no fixed length in seconds (FHIRPath section 5.5.8).
fn scale(unit: &Unit<'_>) -> Option<Scale> {
    match unit {
        Unit::Ucum(code) => units::parse(code),
        Unit::Calendar(CalendarUnit::Year) => Some(Scale { factor: Decimal::from(12), dimension: units::MONTH }),
        Unit::Calendar(CalendarUnit::Month) => Some(Scale { factor: Decimal::ONE, dimension: units::MONTH }),
        Unit::Calendar(unit) => {
            let nanos = Decimal::from_i128_with_scale(unit.nanos()?, 9);
            Some(Scale { factor: nanos.normalize(), dimension: units::SECOND })
        }
    }
}

fn same_unit(a: &Unit<'_>, b: &Unit<'_>) -> bool {
    match (a, b) {
        (Unit::Calendar(a), Unit::Calendar(b)) => a == b,
        (Unit::Ucum(a), Unit::Ucum(b)) => **a == **b,
        _ => false,
    }
}

/// The factors by which the values become comparable; `None` if the units measure different things.
fn factors(a: &Unit<'_>, b: &Unit<'_>) -> Option<(Decimal, Decimal)> {
    if same_unit(a, b) {
        return Some((Decimal::ONE, Decimal::ONE));
    }
    let (a, b) = (scale(a)?, scale(b)?);
    (a.dimension == b.dimension).then_some((a.factor, b.factor))
}

/// Whether two units measure the same thing.
pub(super) fn comparable(a: &Quantity<'_>, b: &Quantity<'_>) -> bool {
    factors(&a.unit, &b.unit).is_some()
}

/// Which is more; `None` if the units measure different things.
pub(super) fn compare(a: &Quantity<'_>, b: &Quantity<'_>) -> Option<Ordering> {
    let (fa, fb) = factors(&a.unit, &b.unit)?;
    Some(a.value.checked_mul(fa)?.cmp(&b.value.checked_mul(fb)?))
}

/// Alike when both are written in the larger unit and rounded to the fewer places.
pub(super) fn equivalent(a: &Quantity<'_>, b: &Quantity<'_>) -> bool {
    let alike = |(fa, fb): (Decimal, Decimal)| {
        let larger = fa.max(fb);
        let a = a.value.checked_mul(fa)?.checked_div(larger)?;
        let b = b.value.checked_mul(fb)?.checked_div(larger)?;
        Some(decimal::equivalent(a, b))
    };
    factors(&a.unit, &b.unit).and_then(alike).unwrap_or(false)
}

/// The sum, in the smaller of the two units; `None` if they measure different things.
pub(super) fn plus<'a>(a: &Quantity<'a>, b: &Quantity<'a>) -> Option<Quantity<'a>> {
    let (fa, fb) = factors(&a.unit, &b.unit)?;
    if fa <= fb {
        let value = a.value.checked_add(b.value.checked_mul(fb)?.checked_div(fa)?)?;
        return Some(Quantity { value, unit: a.unit.clone() });
    }
    let value = b.value.checked_add(a.value.checked_mul(fa)?.checked_div(fb)?)?;
    Some(Quantity { value, unit: b.unit.clone() })
}

/// The product; calendar durations multiply by plain numbers only.
pub(super) fn times<'a>(a: &Quantity<'a>, b: &Quantity<'a>) -> Option<Quantity<'a>> {
    let value = a.value.checked_mul(b.value)?;
    small(a, b)?;
    let unit = match (&a.unit, &b.unit) {
        (unit, Unit::Ucum(one)) | (Unit::Ucum(one), unit) if &**one == "1" => unit.clone(),
        (Unit::Ucum(a), Unit::Ucum(b)) => Unit::Ucum(Text::from(format!("{}.{}", &**a, &**b))),
        _ => return None,
    };
    Some(Quantity { value, unit })
}

/// The quotient; `None` of zero.
pub(super) fn divide<'a>(a: &Quantity<'a>, b: &Quantity<'a>) -> Option<Quantity<'a>> {
    let value = a.value.checked_div(b.value)?;
    small(a, b)?;
    let unit = match (&a.unit, &b.unit) {
        (a, b) if same_unit(a, b) => Unit::Ucum(Text::Borrowed("1")),
        (unit, Unit::Ucum(one)) if &**one == "1" => unit.clone(),
        (Unit::Ucum(a), Unit::Ucum(b)) if b.contains(['.', '/']) => {
            Unit::Ucum(Text::from(format!("{}/({})", &**a, &**b)))
        }
        (Unit::Ucum(a), Unit::Ucum(b)) => Unit::Ucum(Text::from(format!("{}/{}", &**a, &**b))),
        _ => return None,
    };
    Some(Quantity { value, unit })
}

// A unit multiplied by itself again and again must not grow without bound.
fn small(a: &Quantity<'_>, b: &Quantity<'_>) -> Option<()> {
    let length = |unit: &Unit<'_>| if let Unit::Ucum(code) = unit { code.len() } else { 0 };
    (length(&a.unit) + length(&b.unit) <= UNIT_LENGTH_MAX).then_some(())
}

/// Reads `4.5 'mg'`, `3 days`, `7`.
pub(super) fn parse(text: &str) -> Option<Quantity<'static>> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(text.len());
    let value = decimal::parse(text[..end].strip_prefix('+').unwrap_or(&text[..end]))?;
    let rest = text[end..].trim_start();
    let quoted = rest.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let unit = match quoted {
        Some(code) if !code.is_empty() => Unit::Ucum(Text::from(code.to_owned())),
        Some(_) => return None,
        None if rest.is_empty() => Unit::Ucum(Text::Borrowed("1")),
        None => Unit::Calendar(CalendarUnit::from_word(rest)?),
    };
    Some(Quantity { value, unit })
}

/// A unit as `toQuantity(unit)` takes it: a calendar word, or a UCUM code.
pub(super) fn unit(text: &str) -> Unit<'static> {
    CalendarUnit::from_word(text).map_or_else(|| Unit::Ucum(Text::from(text.to_owned())), Unit::Calendar)
}

/// The same quantity in another unit; `None` if that measures something else.
pub(super) fn converted<'a>(quantity: &Quantity<'a>, to: &Unit<'a>) -> Option<Quantity<'a>> {
    let (from, into) = factors(&quantity.unit, to)?;
    let value = quantity.value.checked_mul(from)?.checked_div(into)?;
    Some(Quantity { value, unit: to.clone() })
}
