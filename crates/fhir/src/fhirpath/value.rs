//! The System types of FHIRPath: what literals are, and what FHIR primitives stand for.

use crate::calendar::{CalendarUnit, Moment};
use crate::json::Json;
use rust_decimal::Decimal;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Text that borrows from the tree or is shared with the expression; a clone never copies the letters.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// From the tree.
    Borrowed(&'a str),
    /// From a literal, or computed.
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text::Shared(text.into())
    }
}

/// A System value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `true`.
    Boolean(bool),
    /// `42`; results beyond 32 bits are empty, values of a record may go up to 64.
    Integer(i64),
    /// `1.50`, with its trailing zero.
    Decimal(Decimal),
    /// `'text'`.
    String(Text<'a>),
    /// `@2015-02`.
    Date(Moment),
    /// `@2015-02-04T14:34Z`.
    DateTime(Moment),
    /// `@T14:34`.
    Time(Moment),
    /// `4.5 'mg'`, `3 days`.
    Quantity(Box<Quantity<'a>>),
}

/// A number with a unit.
#[derive(Clone, Debug)]
pub struct Quantity<'a> {
    /// The number.
    pub value: Decimal,
    /// The unit.
    pub unit: Unit<'a>,
}

/// A unit of measure.
#[derive(Clone, Debug)]
pub enum Unit<'a> {
    /// A calendar duration written as a word: `year`, `days`.
    Calendar(CalendarUnit),
    /// A UCUM code, or what stands in its place.
    Ucum(Text<'a>),
}

impl Value<'_> {
    /// The type's name in the namespace `System`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Boolean(_) => "Boolean",
            Value::Integer(_) => "Integer",
            Value::Decimal(_) => "Decimal",
            Value::String(_) => "String",
            Value::Date(_) => "Date",
            Value::DateTime(_) => "DateTime",
            Value::Time(_) => "Time",
            Value::Quantity(_) => "Quantity",
        }
    }

    pub(super) fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Value::Integer(n) => Some(Decimal::from(*n)),
            Value::Decimal(d) => Some(*d),
            _ => None,
        }
    }

    pub(super) fn to_json(&self) -> Json<'static> {
        match self {
            Value::Boolean(b) => Json::Bool(*b),
            Value::Integer(n) => Json::number(n),
            Value::Decimal(d) => Json::number(d),
            Value::Quantity(q) => {
                Json::object([("value", Json::number(q.value)), ("unit", Json::string(q.unit.to_string()))])
            }
            Value::String(_) | Value::Date(_) | Value::DateTime(_) | Value::Time(_) => Json::string(self.to_string()),
        }
    }
}

impl fmt::Display for Value<'_> {
    /// As `toString()` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(b) => write!(f, "{b}"),
            Value::Integer(n) => write!(f, "{n}"),
            Value::Decimal(d) => write!(f, "{d}"),
            Value::String(text) => f.write_str(text),
            Value::Date(m) | Value::DateTime(m) | Value::Time(m) => write!(f, "{m}"),
            Value::Quantity(q) => write!(f, "{q}"),
        }
    }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Calendar(unit) if self.value.abs() == Decimal::ONE => write!(f, "{} {}", self.value, unit.word()),
            Unit::Calendar(unit) => write!(f, "{} {}s", self.value, unit.word()),
            Unit::Ucum(code) => write!(f, "{} '{}'", self.value, &**code),
        }
    }
}

impl fmt::Display for Unit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unit::Calendar(unit) => f.write_str(unit.word()),
            Unit::Ucum(code) => f.write_str(code),
        }
    }
}
