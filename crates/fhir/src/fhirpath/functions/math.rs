//! Mathematics (FHIRPath section 5.7).

use super::Arguments::{Between, Exactly};
use super::{Function, function};
use crate::fhirpath::ast::Outcome;
use crate::fhirpath::decimal::{self, PLACES_MAX};
use crate::fhirpath::error::FhirPathError;
use crate::fhirpath::eval::{Evaluator, Invocation, single};
use crate::fhirpath::item::Collection;
use crate::fhirpath::value::Value;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

pub(super) const FUNCTIONS: &[Function] = &[
    function("abs", Exactly(0), abs),
    function("ceiling", Exactly(0), |_, inv| whole(&inv, |d| d.ceil())),
    function("floor", Exactly(0), |_, inv| whole(&inv, |d| d.floor())),
    function("truncate", Exactly(0), |_, inv| whole(&inv, |d| d.trunc())),
    function("round", Between(0, 1), round),
    function("exp", Exactly(0), |_, inv| real(&inv, f64::exp)),
    function("ln", Exactly(0), |_, inv| real(&inv, f64::ln)),
    function("sqrt", Exactly(0), |_, inv| real(&inv, f64::sqrt)),
    function("log", Exactly(1), log),
    function("power", Exactly(1), power),
];

type Answer<'a> = Outcome<Collection<'a>>;

fn wrong<T>(inv: &Invocation<'_, '_>) -> Outcome<T> {
    Err(FhirPathError::evaluation(format!("{}() works on numbers", inv.call.function.name)))
}

fn input<'a>(inv: &Invocation<'_, 'a>) -> Outcome<Option<Value<'a>>> {
    let Some(item) = single(&inv.input, inv.call.function.name)? else { return Ok(None) };
    match item.value() {
        Some(value @ (Value::Integer(_) | Value::Decimal(_) | Value::Quantity(_))) => Ok(Some(value)),
        _ => wrong(inv),
    }
}

fn number(inv: &Invocation<'_, '_>) -> Outcome<Option<Decimal>> {
    match input(inv)? {
        None => Ok(None),
        Some(value) => value.as_decimal().map_or_else(|| wrong(inv), |d| Ok(Some(d))),
    }
}

fn argument<'a>(e: &mut Evaluator<'_, 'a>, inv: &Invocation<'_, 'a>) -> Outcome<Option<Decimal>> {
    let arg = e.arg(inv, 0)?;
    match single(&arg, inv.call.function.name)?.map(|item| item.value().and_then(|value| value.as_decimal())) {
        None => Ok(None),
        Some(Some(d)) => Ok(Some(d)),
        Some(None) => wrong(inv),
    }
}

fn abs<'a>(_: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    Ok(Collection::optional(match input(&inv)? {
        Some(Value::Integer(n)) => n.checked_abs().map(Value::Integer),
        Some(Value::Decimal(d)) => Some(Value::Decimal(d.abs())),
        Some(Value::Quantity(mut q)) => {
            q.value = q.value.abs();
            Some(Value::Quantity(q))
        }
        _ => None,
    }))
}

fn whole<'a>(inv: &Invocation<'_, 'a>, to: fn(Decimal) -> Decimal) -> Answer<'a> {
    let rounded = number(inv)?.and_then(|d| decimal::whole(to(d)));
    Ok(Collection::optional(rounded.map(Value::Integer)))
}

fn real<'a>(inv: &Invocation<'_, 'a>, f: fn(f64) -> f64) -> Answer<'a> {
    Ok(Collection::optional(number(inv)?.and_then(|d| decimal::float(d, f)).map(Value::Decimal)))
}

/// Half goes away from zero, as at school.
fn round<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let places = if inv.call.args.is_empty() { Some(0) } else { e.arg_integer(&inv, 0)? };
    let (Some(d), Some(places)) = (number(&inv)?, places) else { return Ok(Collection::EMPTY) };
    let Ok(places) = u32::try_from(places) else {
        return Err(FhirPathError::evaluation("round() takes a number of places, 0 or more"));
    };
    let rounded = d.round_dp_with_strategy(places.min(PLACES_MAX), RoundingStrategy::MidpointAwayFromZero);
    Ok(Collection::from(Value::Decimal(rounded)))
}

fn log<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let base = argument(e, &inv)?.and_then(|base| base.to_f64());
    let (Some(d), Some(base)) = (number(&inv)?, base) else { return Ok(Collection::EMPTY) };
    Ok(Collection::optional(decimal::float(d, |x| x.ln() / base.ln()).map(Value::Decimal)))
}

/// Integers stay integers; a root of a negative number is empty.
fn power<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let exponent = argument(e, &inv)?;
    let (Some(value), Some(exponent)) = (input(&inv)?, exponent) else { return Ok(Collection::EMPTY) };
    let Some(d) = value.as_decimal() else { return wrong(&inv) };
    let result = match (value, decimal::whole(exponent)) {
        (Value::Integer(n), Some(exponent)) if exponent >= 0 => {
            let power = u32::try_from(exponent).ok().and_then(|exponent| n.checked_pow(exponent));
            power.and_then(crate::fhirpath::operators::integer)
        }
        (_, Some(exponent)) => whole_power(d, exponent).map(Value::Decimal),
        (_, None) => exponent.to_f64().and_then(|exponent| decimal::float(d, |x| x.powf(exponent))).map(Value::Decimal),
    };
    Ok(Collection::optional(result))
}

fn whole_power(base: Decimal, exponent: i64) -> Option<Decimal> {
    let (mut result, mut square, mut left) = (Decimal::ONE, base, exponent.unsigned_abs());
    while left > 0 {
        if left % 2 == 1 {
            result = result.checked_mul(square)?;
        }
        left /= 2;
        if left > 0 {
            square = square.checked_mul(square)?;
        }
    }
    if exponent < 0 { Decimal::ONE.checked_div(result) } else { Some(result) }
}
