//! The binary operators (FHIRPath section 6).

use super::ast::{Ast, Operator, Outcome};
use super::compare::{Numbers, numbers};
use super::decimal;
use super::error::FhirPathError;
use super::eval::{Evaluator, Scope, single, truth};
use super::item::{Collection, Item};
use super::quantity;
use super::value::{Quantity, Unit, Value};
use crate::calendar::{CalendarUnit, Moment};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::cmp::Ordering;

/// Longer texts are not made.
pub(super) const TEXT_MAX: usize = 4 << 20;

impl<'a> Evaluator<'_, 'a> {
    /// Operators of one precedence, from left to right.
    pub(super) fn chain(
        &mut self,
        first: &Ast,
        rest: &[(Operator, Ast)],
        scope: Scope<'_, 'a>,
    ) -> Outcome<Collection<'a>> {
        let mut left = self.eval(first, scope)?;
        for (operator, ast) in rest {
            left = match operator {
                Operator::And | Operator::Or | Operator::Xor | Operator::Implies => {
                    let decided = truth(&left)?;
                    Collection::optional_boolean(self.logic(*operator, decided, ast, scope)?)
                }
                _ => {
                    let right = self.eval(ast, scope)?;
                    self.binary(*operator, left, right)?
                }
            };
        }
        Ok(left)
    }

    /// Three-valued logic; the right side is not looked at where the left decides.
    fn logic(
        &mut self,
        operator: Operator,
        left: Option<bool>,
        right: &Ast,
        scope: Scope<'_, 'a>,
    ) -> Outcome<Option<bool>> {
        match (operator, left) {
            (Operator::And, Some(false)) => return Ok(Some(false)),
            (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => return Ok(Some(true)),
            _ => {}
        }
        let right = truth(&self.eval(right, scope)?)?;
        Ok(match (operator, left, right) {
            (Operator::And, _, Some(false)) => Some(false),
            (Operator::Or | Operator::Implies, _, Some(true)) => Some(true),
            (_, None, _) | (_, _, None) => None,
            (Operator::And, Some(a), Some(b)) => Some(a && b),
            (Operator::Or, Some(a), Some(b)) => Some(a || b),
            (Operator::Xor, Some(a), Some(b)) => Some(a != b),
            (_, Some(a), Some(b)) => Some(!a || b),
        })
    }

    fn binary(&mut self, operator: Operator, left: Collection<'a>, right: Collection<'a>) -> Outcome<Collection<'a>> {
        let answer = match operator {
            Operator::Union => return self.distinct(left.into_iter().chain(right)),
            Operator::Equal => self.equal(&left, &right)?,
            Operator::NotEqual => self.equal(&left, &right)?.map(|same| !same),
            Operator::Equivalent => Some(self.equivalent(&left, &right)?),
            Operator::NotEquivalent => Some(!self.equivalent(&left, &right)?),
            Operator::Less => self.order(&left, &right)?.map(Ordering::is_lt),
            Operator::LessOrEqual => self.order(&left, &right)?.map(Ordering::is_le),
            Operator::Greater => self.order(&left, &right)?.map(Ordering::is_gt),
            Operator::GreaterOrEqual => self.order(&left, &right)?.map(Ordering::is_ge),
            Operator::In => self.member(&left, &right)?,
            Operator::Contains => self.member(&right, &left)?,
            Operator::Join => return self.join(&left, &right),
            _ => return arithmetic(operator, &left, &right),
        };
        Ok(Collection::optional_boolean(answer))
    }

    fn member(&mut self, item: &[Item<'a>], of: &[Item<'a>]) -> Outcome<Option<bool>> {
        match single(item, "membership")? {
            None => Ok(None),
            Some(item) => self.holds(of, item).map(Some),
        }
    }

    /// `&`: empty counts as no text.
    fn join(&mut self, left: &[Item<'a>], right: &[Item<'a>]) -> Outcome<Collection<'a>> {
        let left = super::eval::text(left, "&")?;
        let right = super::eval::text(right, "&")?;
        self.joined(left.as_deref().unwrap_or(""), right.as_deref().unwrap_or("")).map(Collection::from)
    }

    pub(super) fn joined(&mut self, left: &str, right: &str) -> Outcome<Value<'a>> {
        self.spend_text(left.len() + right.len())?;
        if left.len() + right.len() > TEXT_MAX {
            return Err(FhirPathError::TooCostly);
        }
        Ok(Value::String([left, right].concat().into()))
    }
}

fn arithmetic<'a>(operator: Operator, left: &[Item<'a>], right: &[Item<'a>]) -> Outcome<Collection<'a>> {
    let (Some(left), Some(right)) = (single(left, "arithmetic")?, single(right, "arithmetic")?) else {
        return Ok(Collection::EMPTY);
    };
    let (Some(a), Some(b)) = (left.value(), right.value()) else { return mismatch("these items") };
    let result = match (operator, &a, &b) {
        (Operator::Plus, Value::String(a), Value::String(b)) => {
            if a.len() + b.len() > TEXT_MAX {
                return Err(FhirPathError::TooCostly);
            }
            Some(Value::String([&**a, &**b].concat().into()))
        }
        (
            Operator::Plus | Operator::Minus,
            Value::Date(m) | Value::DateTime(m) | Value::Time(m),
            Value::Quantity(q),
        ) => {
            let is_minus = operator == Operator::Minus;
            shifted(*m, q, is_minus)?.map(|moved| match a {
                Value::Date(_) => Value::Date(moved),
                Value::Time(_) => Value::Time(moved),
                _ => Value::DateTime(moved),
            })
        }
        (_, Value::Integer(a), Value::Integer(b)) => integers(operator, *a, *b),
        _ => match numbers(&a, &b) {
            Some(Numbers::Plain(a, b)) => decimals(operator, a, b),
            Some(Numbers::Quantities(a, b)) => {
                quantities(operator, &a, &b)?.map(|quantity| Value::Quantity(Box::new(quantity)))
            }
            None => return mismatch(&format!("{} and {}", a.type_name(), b.type_name())),
        },
    };
    Ok(Collection::optional(result))
}

fn mismatch<T>(what: &str) -> Outcome<T> {
    Err(FhirPathError::evaluation(format!("arithmetic does not work on {what}")))
}

/// Results beyond 32 bits are empty (FHIRPath section 6.6).
pub(super) fn integer<'a>(n: i64) -> Option<Value<'a>> {
    i32::try_from(n).ok().map(|n| Value::Integer(n.into()))
}

fn integers<'a>(operator: Operator, a: i64, b: i64) -> Option<Value<'a>> {
    match operator {
        Operator::Times => integer(a.checked_mul(b)?),
        Operator::Plus => integer(a.checked_add(b)?),
        Operator::Minus => integer(a.checked_sub(b)?),
        Operator::Div => integer(a.checked_div(b)?),
        Operator::Mod => integer(a.checked_rem(b)?),
        _ => decimals(operator, a.into(), b.into()),
    }
}

fn decimals<'a>(operator: Operator, a: Decimal, b: Decimal) -> Option<Value<'a>> {
    match operator {
        Operator::Times => a.checked_mul(b).map(Value::Decimal),
        Operator::Plus => a.checked_add(b).map(Value::Decimal),
        Operator::Minus => a.checked_sub(b).map(Value::Decimal),
        Operator::Divide => a.checked_div(b).map(Value::Decimal),
        Operator::Mod => a.checked_rem(b).map(Value::Decimal),
        _ => decimal::whole(a.checked_div(b)?.trunc()).map(Value::Integer),
    }
}

fn quantities<'a>(operator: Operator, a: &Quantity<'a>, b: &Quantity<'a>) -> Outcome<Option<Quantity<'a>>> {
    match operator {
        Operator::Times => Ok(quantity::times(a, b)),
        Operator::Divide => Ok(quantity::divide(a, b)),
        Operator::Plus => Ok(quantity::plus(a, b)),
        Operator::Minus => Ok(quantity::plus(a, &Quantity { value: -b.value, unit: b.unit.clone() })),
        _ => mismatch("quantities with div and mod"),
    }
}

/// A date or time and a duration. Fractions count only in calendar seconds; definite months and years are no durations
/// a calendar knows (FHIRPath section 6.6.7).
fn shifted(moment: Moment, by: &Quantity<'_>, is_minus: bool) -> Outcome<Option<Moment>> {
    let unit = match &by.unit {
        Unit::Calendar(unit) => Some(*unit),
        Unit::Ucum(code) => match CalendarUnit::from_ucum(code) {
            Some(CalendarUnit::Year | CalendarUnit::Month) => None,
            Some(unit) => Some(unit),
            None => CalendarUnit::from_word(code),
        },
    };
    let Some(unit) = unit else { return Err(FhirPathError::evaluation("a date moves by calendar durations only")) };
    let is_calendar = matches!(by.unit, Unit::Calendar(_));
    let (value, unit) = match unit {
        CalendarUnit::Second if is_calendar => (by.value.checked_mul(1000.into()), CalendarUnit::Millisecond),
        _ => (Some(by.value), unit),
    };
    let amount = value.and_then(|value| value.trunc().to_i128());
    Ok(amount.and_then(|amount| moment.plus(if is_minus { -amount } else { amount }, unit)))
}
