//! Conversion between the System types (FHIRPath section 5.5).

use super::Arguments::{Between, Exactly};
use super::{Function, function};
use crate::calendar;
use crate::fhirpath::ast::Outcome;
use crate::fhirpath::decimal;
use crate::fhirpath::eval::{Evaluator, Invocation, single};
use crate::fhirpath::item::Collection;
use crate::fhirpath::quantity;
use crate::fhirpath::value::{Quantity, Text, Unit, Value};
use rust_decimal::Decimal;

pub(super) const FUNCTIONS: &[Function] = &[
    function("toBoolean", Exactly(0), |_, inv| convert(&inv, to_boolean)),
    function("convertsToBoolean", Exactly(0), |_, inv| converts(&inv, to_boolean)),
    function("toInteger", Exactly(0), |_, inv| convert(&inv, to_integer)),
    function("convertsToInteger", Exactly(0), |_, inv| converts(&inv, to_integer)),
    function("toDecimal", Exactly(0), |_, inv| convert(&inv, to_decimal)),
    function("convertsToDecimal", Exactly(0), |_, inv| converts(&inv, to_decimal)),
    function("toString", Exactly(0), |_, inv| convert(&inv, to_string)),
    function("convertsToString", Exactly(0), |_, inv| converts(&inv, to_string)),
    function("toDate", Exactly(0), |_, inv| convert(&inv, to_date)),
    function("convertsToDate", Exactly(0), |_, inv| converts(&inv, to_date)),
    function("toDateTime", Exactly(0), |_, inv| convert(&inv, to_date_time)),
    function("convertsToDateTime", Exactly(0), |_, inv| converts(&inv, to_date_time)),
    function("toTime", Exactly(0), |_, inv| convert(&inv, to_time)),
    function("convertsToTime", Exactly(0), |_, inv| converts(&inv, to_time)),
    function("toQuantity", Between(0, 1), to_quantity_unit),
    function("convertsToQuantity", Between(0, 1), converts_to_quantity),
];

type Answer<'a> = Outcome<Collection<'a>>;
type Convert = for<'v> fn(&Value<'v>) -> Option<Value<'v>>;

fn input<'a>(inv: &Invocation<'_, 'a>) -> Outcome<Option<Option<Value<'a>>>> {
    Ok(single(&inv.input, inv.call.function.name)?.map(crate::fhirpath::item::Item::value))
}

fn convert<'a>(inv: &Invocation<'_, 'a>, to: Convert) -> Answer<'a> {
    Ok(Collection::optional(input(inv)?.flatten().and_then(|value| to(&value))))
}

fn converts<'a>(inv: &Invocation<'_, 'a>, to: Convert) -> Answer<'a> {
    let answer = input(inv)?.map(|value| value.and_then(|value| to(&value)).is_some());
    Ok(Collection::optional_boolean(answer))
}

fn to_boolean<'v>(value: &Value<'v>) -> Option<Value<'v>> {
    let truth = match value {
        Value::Boolean(b) => *b,
        Value::Integer(_) | Value::Decimal(_) => match decimal::whole(value.as_decimal()?)? {
            1 => true,
            0 => false,
            _ => return None,
        },
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::Boolean(truth))
}

fn to_integer<'v>(value: &Value<'v>) -> Option<Value<'v>> {
    match value {
        Value::Integer(_) => Some(value.clone()),
        Value::Boolean(b) => Some(Value::Integer((*b).into())),
        Value::String(text) => text.parse::<i32>().ok().map(|n| Value::Integer(n.into())),
        _ => None,
    }
}

fn to_decimal<'v>(value: &Value<'v>) -> Option<Value<'v>> {
    match value {
        Value::Decimal(_) => Some(value.clone()),
        Value::Integer(n) => Some(Value::Decimal((*n).into())),
        Value::Boolean(b) => Some(Value::Decimal(if *b { Decimal::ONE } else { Decimal::ZERO })),
        Value::String(text) => number(text).map(Value::Decimal),
        _ => None,
    }
}

// `(\+|-)?\d+(\.\d+)?`
fn number(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    decimal::parse(text.strip_prefix('+').unwrap_or(text))
}

fn to_string<'v>(value: &Value<'v>) -> Option<Value<'v>> {
    match value {
        Value::String(_) => Some(value.clone()),
        _ => Some(Value::String(Text::from(value.to_string()))),
    }
}

fn to_date<'v>(value: &Value<'v>) -> Option<Value<'v>> {
    match value {
        Value::Date(_) => Some(value.clone()),
        Value::DateTime(moment) => Some(Value::Date(moment.date())),
        Value::String(text) => calendar::parse_date_time(text).map(|moment| Value::Date(moment.date())),
        _ => None,
    }
}

fn to_date_time<'v>(value: &Value<'v>) -> Option<Value<'v>> {
    match value {
        Value::DateTime(_) => Some(value.clone()),
        Value::Date(moment) => Some(Value::DateTime(*moment)),
        Value::String(text) => calendar::parse_date_time(text).map(Value::DateTime),
        _ => None,
    }
}

fn to_time<'v>(value: &Value<'v>) -> Option<Value<'v>> {
    match value {
        Value::Time(_) => Some(value.clone()),
        Value::String(text) => calendar::parse_time(text.strip_prefix('T').unwrap_or(text)).map(Value::Time),
        _ => None,
    }
}

fn to_quantity<'v>(value: &Value<'v>) -> Option<Quantity<'v>> {
    let plain = |value| Quantity { value, unit: Unit::Ucum(Text::Borrowed("1")) };
    match value {
        Value::Quantity(quantity) => Some((**quantity).clone()),
        Value::Integer(_) | Value::Decimal(_) => value.as_decimal().map(plain),
        Value::Boolean(b) => Some(plain(if *b { Decimal::ONE } else { Decimal::ZERO })),
        Value::String(text) => quantity::parse(text),
        _ => None,
    }
}

/// The quantity, in the unit asked for if it can be.
fn quantity_in<'a>(e: &mut Evaluator<'_, 'a>, inv: &Invocation<'_, 'a>) -> Outcome<Option<Quantity<'a>>> {
    let found = input(inv)?.flatten().and_then(|value| to_quantity(&value));
    let (Some(found), Some(unit)) = (found.clone(), e.arg_text(inv, 0)?) else { return Ok(found) };
    Ok(quantity::converted(&found, &quantity::unit(&unit)))
}

fn to_quantity_unit<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let quantity = quantity_in(e, &inv)?;
    Ok(Collection::optional(quantity.map(|quantity| Value::Quantity(Box::new(quantity)))))
}

fn converts_to_quantity<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let is_there = !inv.input.is_empty();
    let quantity = quantity_in(e, &inv)?;
    Ok(Collection::optional_boolean(is_there.then_some(quantity.is_some())))
}
