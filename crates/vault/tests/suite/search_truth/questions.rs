//! Queries made of what the resources say: for each parameter its own values in every form it can be asked in.

use super::naive::World;
use super::values::{Value, tuples};
use base::clock::Instant;
use fhir::search::params::{Kind, Param, hierarchy, of};
use std::collections::{BTreeMap, BTreeSet};

/// Values of one parameter that are turned into queries.
const SAMPLES: usize = 3;

/// All queries, as in a URL but without percent-encoding.
pub fn questions(world: &World) -> Vec<String> {
    let types: BTreeSet<&str> = world.versions.iter().map(|s| s.resource_type.as_str()).collect();
    let mut out = Vec::new();
    for ty in types {
        out.push(format!("{ty}?"));
        for param in of(ty) {
            let before = out.len();
            ask(world, ty, param, &mut out);
            let code = &param.code;
            if out.len() > before {
                out.extend([true, false].map(|missing| format!("{ty}?{code}:missing={missing}")));
            }
            if out.len() > before && !matches!(param.kind, Kind::Composite | Kind::Special) {
                out.push(format!("{ty}?_sort={code}"));
                out.push(format!("{ty}?_sort=-{code}"));
            }
        }
        pairs(ty, &mut out);
    }
    out
}

/// Every seventh single condition together with the one before it, and either of both.
fn pairs(ty: &str, out: &mut Vec<String>) {
    let start = format!("{ty}?");
    let single: Vec<String> = out
        .iter()
        .filter(|q| q.starts_with(&start) && !q.contains(['_', ',', '&']) && q.len() > start.len())
        .map(|q| q[start.len()..].to_owned())
        .collect();
    for two in single.windows(2).step_by(7) {
        out.push(format!("{ty}?{}&{}", two[0], two[1]));
        out.push(format!("{ty}?_sort=_id&{}&{}", two[1], two[0]));
    }
}

fn ask(world: &World, ty: &str, param: &'static Param, out: &mut Vec<String>) {
    let seen: Vec<_> = world.versions.iter().filter(|s| s.resource_type == ty && s.resource.is_some()).collect();
    let code = &param.code;
    if param.kind == Kind::Composite {
        let found = seen.iter().flat_map(|s| tuples(param, s.resource.as_ref().expect("there")));
        let forms = found.filter_map(|element| {
            let parts: Option<Vec<String>> = element.iter().map(|part| part.first().map(plain_form)).collect();
            parts.map(|parts| parts.join("$"))
        });
        let forms: BTreeSet<String> = forms.collect();
        out.extend(spread(&forms.into_iter().collect::<Vec<_>>()).map(|form| format!("{ty}?{code}={form}")));
        return;
    }
    let mut kinds: BTreeMap<u8, Vec<Value>> = BTreeMap::new();
    for value in seen.iter().flat_map(|s| world.values(param, s).to_vec()) {
        let of_kind = kinds.entry(kind_number(&value)).or_default();
        if of_kind.len() < 500 && !of_kind.contains(&value) {
            of_kind.push(value);
        }
    }
    for value in kinds.values().flat_map(|values| spread(values)) {
        forms(ty, param, value, out);
    }
}

/// Some of them: the first, the last, and one between.
fn spread<T>(all: &[T]) -> impl Iterator<Item = &T> {
    let step = all.len().div_ceil(SAMPLES).max(1);
    all.iter().step_by(step)
}

fn kind_number(value: &Value) -> u8 {
    match value {
        Value::Token(..) => 0,
        Value::Text(_) => 1,
        Value::OfType(..) => 2,
        Value::Reference(_) => 3,
        Value::Logical(..) => 4,
        Value::Span(..) => 5,
        Value::Number { .. } => 6,
        Value::Words(_) => 7,
        Value::Uri(_) => 8,
        Value::Place(..) => 9,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, ',' | '|' | '$' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn chars(text: &str, from: usize, count: usize) -> String {
    escaped(&text.chars().skip(from).take(count).collect::<String>())
}

fn plain_form(value: &Value) -> String {
    match value {
        Value::Token(system, code) if system == "?" || system.is_empty() => escaped(code),
        Value::Token(system, code) => format!("{}|{}", escaped(system), escaped(code)),
        Value::Reference(reference) => escaped(reference),
        Value::Span(low, _) if *low > i64::MIN => Instant(*low).to_string()[..10].to_owned(),
        Value::Number { low, high, .. } => format!("{}", if low.is_finite() { low } else { high }),
        Value::Words(text) => chars(text, 0, 5),
        Value::Uri(uri) => escaped(uri),
        _ => "x".to_owned(),
    }
}

fn forms(ty: &str, param: &Param, value: &Value, out: &mut Vec<String>) {
    let code = &param.code;
    let mut ask = |modifier: &str, text: String| {
        if !text.trim().is_empty() {
            out.push(format!("{ty}?{code}{modifier}={text}"));
        }
    };
    match value {
        Value::Token(system, c) => {
            ask("", escaped(c));
            ask(":not", escaped(c));
            if system != "?" && !system.is_empty() {
                ask("", format!("{}|{}", escaped(system), escaped(c)));
                ask("", format!("{}|", escaped(system)));
                ask("", format!("{},nothing", escaped(c)));
            }
            if system.is_empty() {
                ask("", format!("|{}", escaped(c)));
            }
        }
        Value::Text(text) => {
            ask(":text", chars(text, 0, 4));
            ask(":text", chars(text, 0, 40));
        }
        Value::OfType(system, c, v) => ask(":of-type", format!("{}|{}|{}", escaped(system), escaped(c), escaped(v))),
        Value::Reference(reference) => reference_forms(ty, code, reference, out),
        Value::Logical(system, v) => ask(":identifier", format!("{}|{}", escaped(system), escaped(v))),
        Value::Span(low, high) => {
            let point = if *low > i64::MIN { *low } else { *high };
            let text = Instant(point).to_string();
            for prefix in ["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"] {
                ask("", format!("{prefix}{}", &text[..10]));
            }
            for prefix in ["", "gt", "le"] {
                ask("", format!("{prefix}{}", &text[..4]));
            }
            for prefix in ["", "sa", "lt"] {
                ask("", format!("{prefix}{}", &text[..7]));
            }
            for prefix in ["", "ge"] {
                ask("", format!("{prefix}{text}"));
            }
        }
        Value::Number { low, high, system, code: c, unit } => {
            let n = if low.is_finite() { low } else { high };
            for prefix in ["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"] {
                ask("", format!("{prefix}{n}"));
            }
            if param.kind == Kind::Quantity {
                let (system, c, unit) = (escaped(system), escaped(c), escaped(unit));
                [c.clone(), unit].into_iter().filter(|u| !u.is_empty()).for_each(|u| ask("", format!("le{n}||{u}")));
                if !system.is_empty() {
                    ask("", format!("{n}|{system}|{c}"));
                    for other in ["mg", "kg", "cm", "g/L", "umol/L", "kPa", "min"] {
                        ["", "gt", "le"].iter().for_each(|p| ask("", format!("{p}{n}|{system}|{other}")));
                    }
                }
            }
        }
        Value::Words(text) => {
            for count in [1, 3, 16, 60] {
                ask("", chars(text, 0, count));
            }
            ask(":exact", escaped(text));
            ask("", chars(text, 0, 4).to_uppercase());
            for count in [2, 3, 7] {
                ask(":contains", chars(text, 2, count));
            }
        }
        Value::Uri(uri) => {
            ask("", escaped(uri));
            let parent = uri.rsplit_once('/').map_or(uri.as_str(), |(parent, _)| parent);
            if parent.contains("://") && !parent.ends_with('/') {
                ask(":below", escaped(parent));
                ask(":above", escaped(&format!("{uri}/more")));
            }
        }
        Value::Place(latitude, longitude) => ask("", format!("{latitude}|{longitude}|1|km")),
    }
}

fn reference_forms(ty: &str, code: &str, reference: &str, out: &mut Vec<String>) {
    let local = reference.split_once('/').filter(|(target, id)| !of(target).is_empty() && !id.contains('/'));
    let Some((target, id)) = local else {
        out.push(format!("{ty}?{code}={}", escaped(reference)));
        if let Some((url, version)) = reference.split_once('|') {
            let less = version.rsplit_once('.').map_or(version, |(less, _)| less);
            out.push(format!("{ty}?{code}:below={}", escaped(&format!("{url}|{less}"))));
            out.push(format!("{ty}?{code}:above={}", escaped(&format!("{url}|{version}.9"))));
        }
        if reference.contains("/Location/") {
            out.push(format!("{ty}?{code}:below={}", escaped(reference)));
        }
        return;
    };
    out.push(format!("{ty}?{code}={target}/{id}"));
    out.push(format!("{ty}?{code}={id}"));
    out.push(format!("{ty}?{code}:{target}={id}"));
    out.push(format!("{ty}?{code}:{target}._id={id}"));
    if hierarchy(target).is_some() {
        out.extend(["above", "below"].map(|way| format!("{ty}?{code}:{way}={target}/{id}")));
        out.push(format!("{ty}?{code}:below={id}"));
    }
    let chained = match target {
        "Patient" => "gender=female",
        "Encounter" => "status=finished",
        "Practitioner" | "Organization" | "Location" => "name=a",
        "Observation" => "status=final",
        _ => "_lastUpdated=gt2000",
    };
    out.push(format!("{ty}?{code}:{target}.{chained}"));
    out.push(format!("{target}?_has:{ty}:{code}:_lastUpdated=gt2000"));
    out.push(format!("{target}?_id={id}&_has:{ty}:{code}:_lastUpdated=gt2000"));
    out.push(format!("{ty}?_include={ty}:{code}"));
    out.push(format!("{target}?_id={id}&_revinclude={ty}:{code}"));
}
