//! What a resource says for a parameter, found the slow way: FHIRPath over the whole resource, then each item by its
//! type's name. Shares nothing with the index but the tree.

use base::clock::Instant;
use fhir::fhirpath::{Context, Item, compile};
use fhir::json::Json;
use fhir::search::params::{Component, Kind, Param};

/// One value, as the evaluator compares it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Token(String, String),
    Text(String),
    OfType(String, String, String),
    Reference(String),
    Logical(String, String),
    Span(i64, i64),
    Number { low: f64, high: f64, system: String, code: String, unit: String },
    Words(String),
    Uri(String),
    Place(f64, f64),
}

/// The values of a parameter.
pub fn values(param: &Param, resource: &Json) -> Vec<Value> {
    let mut out = Vec::new();
    for item in items(&param.expression, &Context::new(resource, Instant(0))) {
        convert(param.kind, &item, &mut out);
    }
    out
}

/// For a composite: of each element the values of each component.
pub fn tuples<'a>(param: &Param, resource: &'a Json<'a>) -> Vec<Vec<Vec<Value>>> {
    let context = Context::new(resource, Instant(0));
    let elements = items(&param.expression, &context);
    elements.iter().filter_map(Item::node).map(|node| parts(param, &context.at(*node))).collect()
}

fn parts(param: &Param, context: &Context) -> Vec<Vec<Value>> {
    let part = |component: &Component| {
        let mut out = Vec::new();
        items(&component.expression, context).iter().for_each(|item| convert(component.kind, item, &mut out));
        out
    };
    param.components.iter().map(part).collect()
}

fn items<'a>(expression: &str, context: &Context<'a>) -> Vec<Item<'a>> {
    if expression.is_empty() {
        return Vec::new();
    }
    let compiled = compile(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
    compiled.evaluate(context).unwrap_or_else(|e| panic!("{expression}: {e}")).iter().cloned().collect()
}

fn text(json: &Json, name: &str) -> String {
    json.text(name).unwrap_or_default().to_owned()
}

fn list<'j>(json: &'j Json, name: &str) -> Vec<&'j Json<'j>> {
    match json.get(name) {
        Some(Json::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn number(json: Option<&Json>) -> Option<f64> {
    json?.as_number()?.parse().ok()
}

fn convert(kind: Kind, item: &Item, out: &mut Vec<Value>) {
    let json = item.to_json();
    // An extension stands for its value.
    let (json, name) = match item.type_name() {
        "Extension" => match extension_value(&json) {
            Some(found) => found,
            None => return,
        },
        name => (json, name.to_owned()),
    };
    match kind {
        Kind::Token => token(&name, &json, out),
        Kind::Reference => reference(&name, &json, out),
        Kind::Date => date(&name, &json, out),
        Kind::String => words(&name, &json, out),
        Kind::Number | Kind::Quantity => amount(&name, &json, out),
        Kind::Uri => out.extend(json.as_str().map(|uri| Value::Uri(uri.to_owned()))),
        Kind::Special => {
            let place = number(json.get("latitude")).zip(number(json.get("longitude")));
            out.extend(place.map(|(latitude, longitude)| Value::Place(latitude, longitude)));
        }
        Kind::Composite => {}
    }
}

fn extension_value(json: &Json) -> Option<(Json<'static>, String)> {
    let (name, value) = json.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    let name = name.trim_start_matches("value");
    let lower = name[..1].to_lowercase() + &name[1..];
    let primitive = value.as_object().is_none();
    Some((value.clone().into_owned(), if primitive { lower } else { name.to_owned() }))
}

fn token(name: &str, json: &Json, out: &mut Vec<Value>) {
    match name {
        "CodeableConcept" => {
            list(json, "coding").iter().for_each(|coding| token("Coding", coding, out));
            out.extend(json.text("text").map(|t| Value::Text(t.to_owned())));
        }
        "Coding" => {
            out.extend(json.text("code").map(|code| Value::Token(text(json, "system"), code.to_owned())));
            out.extend(json.text("display").map(|t| Value::Text(t.to_owned())));
        }
        "Identifier" => {
            if let Some(value) = json.text("value") {
                out.push(Value::Token(text(json, "system"), value.to_owned()));
                for coding in json.get("type").map(|t| list(t, "coding")).unwrap_or_default() {
                    let code = coding.text("code").map(str::to_owned);
                    out.extend(code.map(|code| Value::OfType(text(coding, "system"), code, value.to_owned())));
                }
            }
            out.extend(json.get("type").and_then(|t| t.text("text")).map(|t| Value::Text(t.to_owned())));
        }
        "ContactPoint" => out.extend(json.text("value").map(|v| Value::Token(String::new(), v.to_owned()))),
        _ => match json {
            Json::Bool(b) => out.push(Value::Token("?".to_owned(), b.to_string())),
            // The system of a plain code is what its binding says: not this evaluator's business, so it is unknown.
            Json::String(code) => out.push(Value::Token("?".to_owned(), code.to_string())),
            Json::Number(n) => out.push(Value::Token("?".to_owned(), n.to_string())),
            _ => {}
        },
    }
}

fn reference(name: &str, json: &Json, out: &mut Vec<Value>) {
    if name == "Reference" {
        let found = json.text("reference").filter(|r| !r.starts_with('#'));
        out.extend(found.map(|r| Value::Reference(unversioned(r).to_owned())));
        if let Some(identifier) = json.get("identifier")
            && let Some(value) = identifier.text("value")
        {
            out.push(Value::Logical(text(identifier, "system"), value.to_owned()));
        }
    } else if let Some(url) = json.as_str() {
        out.push(Value::Reference(unversioned(url).to_owned()));
    } else if let (Some(resource_type), Some(id)) = (json.text("resourceType"), json.text("id")) {
        out.push(Value::Reference(format!("{resource_type}/{id}")));
    }
}

fn unversioned(reference: &str) -> &str {
    reference.split("/_history/").next().unwrap_or(reference)
}

fn date(name: &str, json: &Json, out: &mut Vec<Value>) {
    match name {
        "Period" => {
            let (start, end) = (json.text("start"), json.text("end"));
            if start.is_some() || end.is_some() {
                let low = start.map_or(i64::MIN, |s| moment(s).0);
                out.push(Value::Span(low, end.map_or(i64::MAX, |e| moment(e).1)));
            }
        }
        "Timing" => {
            let mut spans: Vec<(i64, i64)> =
                list(json, "event").iter().filter_map(|e| e.as_str()).map(moment).collect();
            let mut bounds = Vec::new();
            if let Some(period) = json.get("repeat").and_then(|r| r.get("boundsPeriod")) {
                date("Period", period, &mut bounds);
            }
            spans.extend(
                bounds.iter().filter_map(|b| if let Value::Span(low, high) = b { Some((*low, *high)) } else { None }),
            );
            let low = spans.iter().map(|s| s.0).min();
            out.extend(low.zip(spans.iter().map(|s| s.1).max()).map(|(low, high)| Value::Span(low, high)));
        }
        "date" | "dateTime" | "instant" => {
            let span = json.as_str().map(moment);
            out.extend(span.map(|(low, high)| Value::Span(low, high)));
        }
        _ => {}
    }
}

/// The first and last millisecond of a date or dateTime; what has no zone is UTC.
pub fn moment(text: &str) -> (i64, i64) {
    let at = |text: &str| Instant::parse(text).unwrap_or_else(|| panic!("{text} is no instant")).0;
    let day = |text: &str| at(&format!("{text}T00:00:00Z"));
    match text.len() {
        4 => (day(&format!("{text}-01-01")), day(&format!("{:04}-01-01", text.parse::<u32>().unwrap() + 1)) - 1),
        7 => {
            let (year, month): (u32, u32) = (text[..4].parse().unwrap(), text[5..].parse().unwrap());
            let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            (day(&format!("{text}-01")), day(&format!("{:04}-{:02}-01", next.0, next.1)) - 1)
        }
        10 => (day(text), day(text) + 86_399_999),
        _ => {
            let (clock, zone) = match text[11..].find(['Z', '+', '-']) {
                Some(i) => (&text[..11 + i], &text[11 + i..]),
                None => (text, "Z"),
            };
            let width = match clock.split_once('.').map(|(_, fraction)| fraction.len()) {
                None if clock.len() == 16 => 60_000,
                None => 1000,
                Some(1) => 100,
                Some(2) => 10,
                Some(_) => 1,
            };
            let seconds = if clock.len() == 16 { ":00" } else { "" };
            let low = at(&format!("{clock}{seconds}{zone}"));
            (low, low + width - 1)
        }
    }
}

fn words(name: &str, json: &Json, out: &mut Vec<Value>) {
    let parts: &[&str] = match name {
        "HumanName" => &["family", "given", "prefix", "suffix", "text"],
        "Address" => &["line", "city", "district", "state", "postalCode", "country", "text"],
        "Annotation" | "CodeableConcept" => &["text"],
        _ => {
            out.extend(json.as_str().map(|s| Value::Words(s.to_owned())));
            return;
        }
    };
    for part in parts {
        let found = list(json, part);
        out.extend(found.iter().filter_map(|v| v.as_str()).map(|s| Value::Words(s.to_owned())));
    }
}

fn amount(name: &str, json: &Json, out: &mut Vec<Value>) {
    let value = |low: f64, high: f64, of: &Json| {
        let (system, code, unit) = (text(of, "system"), text(of, "code"), text(of, "unit"));
        Value::Number { low, high, system, code, unit }
    };
    match name {
        "Range" => {
            let limit = |name: &str| json.get(name).and_then(|q| number(q.get("value")));
            let (low, high) = (limit("low"), limit("high"));
            if low.is_some() || high.is_some() {
                let of = json.get("low").or_else(|| json.get("high")).expect("one of them");
                out.push(value(low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY), of));
            }
        }
        "Money" => {
            let Some(n) = number(json.get("value")) else { return };
            let code = text(json, "currency");
            let system = if code.is_empty() { "" } else { "urn:iso:std:iso:4217" }.to_owned();
            out.push(Value::Number { low: n, high: n, system, code, unit: String::new() });
        }
        _ => match json {
            Json::Number(n) => {
                let n: f64 = n.parse().expect("a number");
                out.push(value(n, n, &Json::Null));
            }
            _ => {
                let Some(n) = number(json.get("value")) else { return };
                let comparator = text(json, "comparator");
                let low = if comparator.starts_with('<') { f64::NEG_INFINITY } else { n };
                let high = if comparator.starts_with('>') { f64::INFINITY } else { n };
                out.push(value(low, high, json));
            }
        },
    }
}
