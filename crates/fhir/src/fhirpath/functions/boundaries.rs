//! Boundaries and precision: what a value said with so many digits may mean (FHIRPath 2.1 section 5.7).

use super::Arguments::{Between, Exactly};
use super::{Function, function};
use crate::calendar::Moment;
use crate::fhirpath::ast::Outcome;
use crate::fhirpath::decimal::PLACES_MAX;
use crate::fhirpath::eval::{Evaluator, Invocation, single};
use crate::fhirpath::item::{Collection, Item};
use crate::fhirpath::quantity;
use crate::fhirpath::value::{Quantity, Value};
use rust_decimal::{Decimal, RoundingStrategy};

pub(super) const FUNCTIONS: &[Function] = &[
    function("lowBoundary", Between(0, 1), |e, inv| boundary(e, &inv, true)),
    function("highBoundary", Between(0, 1), |e, inv| boundary(e, &inv, false)),
    function("precision", Exactly(0), precision),
    function("comparable", Exactly(1), comparable),
];

type Answer<'a> = Outcome<Collection<'a>>;

/// Places of a decimal boundary when none are asked for.
const PLACES: u32 = 8;

fn boundary<'a>(e: &mut Evaluator<'_, 'a>, inv: &Invocation<'_, 'a>, low: bool) -> Answer<'a> {
    let asked = e.arg_integer(inv, 0)?;
    let Some(value) = single(&inv.input, inv.call.function.name)?.and_then(Item::value) else {
        return Ok(Collection::EMPTY);
    };
    let digits = match asked.map(u32::try_from) {
        Some(Err(_)) => return Ok(Collection::EMPTY),
        Some(Ok(digits)) => Some(digits),
        None => None,
    };
    Ok(Collection::optional(of_value(value, digits, low)))
}

fn of_value(value: Value<'_>, digits: Option<u32>, low: bool) -> Option<Value<'_>> {
    match value {
        Value::Integer(_) | Value::Decimal(_) => {
            of_decimal(value.as_decimal()?, digits.unwrap_or(PLACES), low).map(Value::Decimal)
        }
        Value::Quantity(q) => {
            let value = of_decimal(q.value, digits.unwrap_or(PLACES), low)?;
            Some(Value::Quantity(Box::new(Quantity { value, unit: q.unit })))
        }
        Value::Date(moment) => {
            let edge = moment.boundary(digits.unwrap_or(8), low)?;
            Some(if edge.has_time() { Value::DateTime(edge) } else { Value::Date(edge) })
        }
        Value::DateTime(moment) => moment.boundary(digits.unwrap_or(17), low).map(Value::DateTime),
        Value::Time(moment) => moment.boundary(digits.unwrap_or(9), low).map(Value::Time),
        Value::Boolean(_) | Value::String(_) => None,
    }
}

/// Half a unit of the last place below or above. Fewer places asked for: away from zero it is rounded, towards zero
/// cut, as the official suite has it (`0.0034.highBoundary(1)` is `0.0`).
fn of_decimal(d: Decimal, places: u32, low: bool) -> Option<Decimal> {
    if places > PLACES_MAX {
        return None;
    }
    let half = Decimal::try_new(5, d.scale() + 1).ok()?;
    let edge = if low { d.checked_sub(half)? } else { d.checked_add(half)? };
    let is_outward = d.is_sign_negative() == low;
    let strategy = if is_outward { RoundingStrategy::MidpointAwayFromZero } else { RoundingStrategy::ToZero };
    let mut rounded = edge.round_dp_with_strategy(places, strategy);
    rounded.rescale(places);
    (rounded.scale() == places).then_some(rounded)
}

fn precision<'a>(_: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let value = single(&inv.input, "precision()")?.and_then(Item::value);
    let digits = value.and_then(|value| match value {
        Value::Integer(_) => Some(0),
        Value::Decimal(d) => Some(d.scale()),
        Value::Date(m) | Value::DateTime(m) | Value::Time(m) => Some(Moment::digits_said(&m)),
        Value::Boolean(_) | Value::String(_) | Value::Quantity(_) => None,
    });
    Ok(digits.map(|digits| Collection::integer(digits as usize)).unwrap_or_default())
}

fn comparable<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let other = e.arg(&inv, 0)?;
    let a = single(&inv.input, "comparable()")?.and_then(Item::value);
    let b = single(&other, "comparable()")?.and_then(Item::value);
    Ok(match (a, b) {
        (Some(Value::Quantity(a)), Some(Value::Quantity(b))) => Collection::boolean(quantity::comparable(&a, &b)),
        _ => Collection::EMPTY,
    })
}
