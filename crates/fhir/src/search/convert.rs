//! An element becomes values to search, by its type (R4 search section 3.1.1.4, the table of each parameter type).

use super::extract::Value;
use super::params::Kind;
use crate::calendar;
use crate::definitions::{Binding, Definitions, TypeId};
use crate::json::Json;
use crate::reference::{Reference, without_version};
use std::borrow::Cow;

/// How elements of one type become values of one kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Convert {
    // Tokens.
    Boolean,
    Code {
        system: Option<&'static str>,
    },
    Coding,
    CodeableConcept,
    Identifier,
    ContactPoint,
    Plain,
    // Strings.
    Text,
    HumanName,
    Address,
    TextMember,
    // Spans.
    Moment,
    Period,
    Timing,
    // Numbers.
    Number,
    NumberRange,
    Quantity,
    QuantityRange,
    Money,
    // References.
    Reference,
    Canonical,
    Resource,
    // The rest.
    Uri,
    Point,
    /// A composite's element: it is looked into, it has no value itself.
    Element,
}

impl Convert {
    /// How elements of that type become values of that kind; `None` when the specification gives no way (`SampledData`).
    pub(super) fn of(
        defs: &'static Definitions,
        kind: Kind,
        ty: TypeId,
        binding: Option<&'static Binding>,
    ) -> Option<Convert> {
        let mut at = Some(ty);
        while let Some(id) = at {
            let def = defs.get(id);
            let found = match kind {
                Kind::Token => token(&def.name, binding),
                Kind::String => string(&def.name),
                Kind::Date => date(&def.name),
                Kind::Number => number(&def.name),
                Kind::Quantity => quantity(&def.name),
                Kind::Reference => reference(&def.name),
                Kind::Uri => uri(&def.name),
                Kind::Special => (def.name == "Location.position").then_some(Convert::Point),
                Kind::Composite => Some(Convert::Element),
            };
            if found.is_some() {
                return found;
            }
            at = def.base;
        }
        None
    }

    /// Calls `found` for each value of the element. What is not shaped as its type says gives none.
    pub(super) fn values<'a>(self, element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
        match self {
            Convert::Boolean => boolean(element, found),
            Convert::Code { system } => code(system, element, found),
            Convert::Coding => coding(element, found),
            Convert::CodeableConcept => concept(element, found),
            Convert::Identifier => identifier(element, found),
            Convert::ContactPoint => {
                let Some(value) = text(element, "value") else { return };
                found(Value::Token { system: None, code: value });
            }
            Convert::Plain => {
                let Some(code) = element.as_str().or_else(|| element.as_number()) else { return };
                found(Value::Token { system: None, code: Cow::Borrowed(code) });
            }
            Convert::Text => each(element.as_str(), found),
            Convert::HumanName => parts(element, &["family", "given", "prefix", "suffix", "text"], found),
            Convert::Address => {
                parts(element, &["line", "city", "district", "state", "postalCode", "country", "text"], found);
            }
            Convert::TextMember => each(element.text("text"), found),
            Convert::Moment => {
                let Some((low, high)) = element.as_str().and_then(calendar::span) else { return };
                found(Value::Date { low, high });
            }
            Convert::Period => span(period(element), found),
            Convert::Timing => span(timing(element), found),
            Convert::Number => {
                let Some(n) = real(element) else { return };
                found(Value::Number { low: n, high: n });
            }
            Convert::NumberRange => {
                let Some((low, high)) = range(element) else { return };
                found(Value::Number { low, high });
            }
            Convert::Quantity => quantity_value(element, found),
            Convert::QuantityRange => quantity_range(element, found),
            Convert::Money => money(element, found),
            Convert::Reference => reference_value(element, found),
            Convert::Canonical => {
                let Some(url) = element.as_str() else { return };
                found(local(url).unwrap_or(Value::Url(Cow::Borrowed(url))));
            }
            Convert::Resource => {
                let (Some(resource_type), Some(id)) = (text(element, "resourceType"), text(element, "id")) else {
                    return;
                };
                found(Value::Local { resource_type, id });
            }
            Convert::Uri => {
                let Some(uri) = element.as_str() else { return };
                found(Value::Uri(Cow::Borrowed(uri)));
            }
            Convert::Point => point(element, found),
            Convert::Element => {}
        }
    }
}

fn token(name: &str, binding: Option<&'static Binding>) -> Option<Convert> {
    Some(match name {
        "boolean" => Convert::Boolean,
        "code" => Convert::Code { system: binding.and_then(|b| b.system.as_deref()) },
        "Coding" => Convert::Coding,
        "CodeableConcept" => Convert::CodeableConcept,
        "Identifier" => Convert::Identifier,
        "ContactPoint" => Convert::ContactPoint,
        "string" | "uri" | "integer" => Convert::Plain,
        _ => return None,
    })
}

fn string(name: &str) -> Option<Convert> {
    Some(match name {
        "string" | "uri" => Convert::Text,
        "HumanName" => Convert::HumanName,
        "Address" => Convert::Address,
        "Annotation" | "CodeableConcept" => Convert::TextMember,
        _ => return None,
    })
}

fn date(name: &str) -> Option<Convert> {
    Some(match name {
        "date" | "dateTime" | "instant" => Convert::Moment,
        "Period" => Convert::Period,
        "Timing" => Convert::Timing,
        _ => return None,
    })
}

fn number(name: &str) -> Option<Convert> {
    Some(match name {
        "decimal" | "integer" => Convert::Number,
        "Range" => Convert::NumberRange,
        _ => return None,
    })
}

fn quantity(name: &str) -> Option<Convert> {
    Some(match name {
        "Quantity" => Convert::Quantity,
        "Range" => Convert::QuantityRange,
        "Money" => Convert::Money,
        _ => return None,
    })
}

fn reference(name: &str) -> Option<Convert> {
    Some(match name {
        "Reference" => Convert::Reference,
        "uri" => Convert::Canonical,
        "Resource" => Convert::Resource,
        _ => return None,
    })
}

fn uri(name: &str) -> Option<Convert> {
    (name == "uri").then_some(Convert::Uri)
}

fn text<'a>(element: &'a Json<'a>, member: &str) -> Option<Cow<'a, str>> {
    element.text(member).filter(|t| !t.is_empty()).map(Cow::Borrowed)
}

fn boolean<'a>(element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    let Some(value) = element.as_bool() else { return };
    found(Value::Token { system: None, code: Cow::Borrowed(if value { "true" } else { "false" }) });
}

fn code<'a>(system: Option<&'static str>, element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    let Some(code) = element.as_str() else { return };
    found(Value::Token { system: system.map(Cow::Borrowed), code: Cow::Borrowed(code) });
}

fn coding<'a>(element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    if let Some(code) = text(element, "code") {
        found(Value::Token { system: text(element, "system"), code });
    }
    if let Some(display) = text(element, "display") {
        found(Value::Display(display));
    }
}

fn concept<'a>(element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    for item in element.get("coding").map_or(&[][..], Json::items) {
        coding(item, found);
    }
    if let Some(text) = text(element, "text") {
        found(Value::Display(text));
    }
}

fn identifier<'a>(element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    if let Some(value) = text(element, "value") {
        found(Value::Token { system: text(element, "system"), code: value.clone() });
        for coding in element.get("type").and_then(|t| t.get("coding")).map_or(&[][..], Json::items) {
            if let Some(code) = text(coding, "code") {
                found(Value::OfType { system: text(coding, "system"), code, value: value.clone() });
            }
        }
    }
    if let Some(text) = element.get("type").and_then(|t| text(t, "text")) {
        found(Value::Display(text));
    }
}

fn each<'a>(value: Option<&'a str>, found: &mut dyn FnMut(Value<'a>)) {
    if let Some(value) = value.filter(|v| !v.is_empty()) {
        found(Value::String(Cow::Borrowed(value)));
    }
}

fn parts<'a>(element: &'a Json<'a>, names: &[&str], found: &mut dyn FnMut(Value<'a>)) {
    for value in names.iter().filter_map(|name| element.get(name)) {
        match value {
            Json::Array(items) => items.iter().for_each(|item| each(item.as_str(), found)),
            _ => each(value.as_str(), found),
        }
    }
}

fn span<'a>(span: Option<(i64, i64)>, found: &mut dyn FnMut(Value<'a>)) {
    if let Some((low, high)) = span {
        found(Value::Date { low, high });
    }
}

/// A period without a start began at any time, one without an end goes on (R4 search section 3.1.1.4.6).
fn period(element: &Json<'_>) -> Option<(i64, i64)> {
    let (start, end) = (element.text("start"), element.text("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    let low = start.map_or(Some(i64::MIN), |s| Some(calendar::span(s)?.0))?;
    let high = end.map_or(Some(i64::MAX), |e| Some(calendar::span(e)?.1))?;
    Some((low, high))
}

/// The outer limits of a timing; its schedule in between is ignored (R4 search section 3.1.1.4.6).
fn timing(element: &Json<'_>) -> Option<(i64, i64)> {
    let events = element.get("event").map_or(&[][..], Json::items);
    let bounds = element.get("repeat").and_then(|r| r.get("boundsPeriod")).and_then(period);
    let spans = events.iter().filter_map(|e| calendar::span(e.as_str()?)).chain(bounds);
    spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

fn real(element: &Json<'_>) -> Option<f64> {
    element.as_number()?.parse().ok().filter(|n: &f64| n.is_finite())
}

/// A range without a limit goes on without end.
fn range(element: &Json<'_>) -> Option<(f64, f64)> {
    let limit = |name: &str| element.get(name).and_then(|q| q.get("value")).and_then(real);
    let (low, high) = (limit("low"), limit("high"));
    if low.is_none() && high.is_none() {
        return None;
    }
    Some((low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY)))
}

/// A quantity with a comparator (`<5`) is everything the comparator leaves possible.
fn quantity_value<'a>(element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    let Some(n) = element.get("value").and_then(real) else { return };
    let (low, high) = match element.text("comparator") {
        Some("<" | "<=") => (f64::NEG_INFINITY, n),
        Some(">" | ">=") => (n, f64::INFINITY),
        _ => (n, n),
    };
    found(unit(element, low, high));
}

fn quantity_range<'a>(element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    let Some((low, high)) = range(element) else { return };
    if let Some(limit) = element.get("low").or_else(|| element.get("high")) {
        found(unit(limit, low, high));
    }
}

fn unit<'a>(element: &'a Json<'a>, low: f64, high: f64) -> Value<'a> {
    Value::Quantity {
        low,
        high,
        system: text(element, "system"),
        code: text(element, "code"),
        unit: text(element, "unit"),
    }
}

fn money<'a>(element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    let Some(n) = element.get("value").and_then(real) else { return };
    let code = text(element, "currency");
    // Money.currency is bound to ISO 4217, required (R4 datatypes section 2.24.0.14).
    let system = code.is_some().then_some(Cow::Borrowed("urn:iso:std:iso:4217"));
    found(Value::Quantity { low: n, high: n, system, code, unit: None });
}

fn reference_value<'a>(element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    if let Some(url) = element.text("reference").filter(|url| !url.is_empty() && !url.starts_with('#')) {
        found(local(url).unwrap_or_else(|| Value::Url(Cow::Borrowed(without_version(url)))));
    }
    if let Some(identifier) = element.get("identifier")
        && let Some(value) = text(identifier, "value")
    {
        found(Value::Logical { system: text(identifier, "system"), value });
    }
}

/// `Patient/1` or `Patient/1/_history/2`.
fn local(reference: &str) -> Option<Value<'_>> {
    let Reference { resource_type, id, .. } = Reference::local(reference)?;
    Some(Value::Local { resource_type: Cow::Borrowed(resource_type), id: Cow::Borrowed(id) })
}

fn point<'a>(element: &'a Json<'a>, found: &mut dyn FnMut(Value<'a>)) {
    let degrees = |name: &str| element.get(name).and_then(real);
    if let (Some(latitude), Some(longitude)) = (degrees("latitude"), degrees("longitude")) {
        found(Value::Point { latitude, longitude });
    }
}
