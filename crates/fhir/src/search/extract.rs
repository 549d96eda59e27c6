//! What a resource says for each search path.

use super::book::book;
use super::params::{Param, PathId};
use crate::json::Json;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// One value of one path. Borrows from the resource where it can.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A code with its system. `system` is `None` where there is none; a `code` element has the system its required
    /// binding implies, where that is one system.
    Token {
        /// System URI.
        system: Option<Cow<'a, str>>,
        /// Code, identifier value, `true`/`false`.
        code: Cow<'a, str>,
    },
    /// Human text of a token (`:text`): `CodeableConcept.text`, `Coding.display`, `Identifier.type.text`.
    Display(Cow<'a, str>),
    /// `Identifier.type` coding with the identifier's value (`:of-type`).
    OfType {
        /// System of the type coding.
        system: Option<Cow<'a, str>>,
        /// Code of the type coding.
        code: Cow<'a, str>,
        /// The identifier's value.
        value: Cow<'a, str>,
    },
    /// A literal reference to a resource of this server: `Patient/1` (a version is left off).
    Local {
        /// Resource type.
        resource_type: Cow<'a, str>,
        /// Logical id.
        id: Cow<'a, str>,
    },
    /// An absolute or canonical reference; a canonical's `|version` is left on.
    Url(Cow<'a, str>),
    /// `Reference.identifier` (`:identifier`).
    Logical {
        /// System URI.
        system: Option<Cow<'a, str>>,
        /// Identifier value.
        value: Cow<'a, str>,
    },
    /// A span of time: first millisecond and last millisecond, both inclusive. Open ends are `i64::MIN`/`i64::MAX`.
    Date {
        /// First millisecond.
        low: i64,
        /// Last millisecond.
        high: i64,
    },
    /// A number, or a span of numbers where it is a Range.
    Number {
        /// Least.
        low: f64,
        /// Greatest.
        high: f64,
    },
    /// A quantity.
    Quantity {
        /// Least.
        low: f64,
        /// Greatest.
        high: f64,
        /// Unit system.
        system: Option<Cow<'a, str>>,
        /// Unit code.
        code: Option<Cow<'a, str>>,
        /// Human unit.
        unit: Option<Cow<'a, str>>,
    },
    /// Text, as it stands; [`normal`] gives the form that is compared.
    String(Cow<'a, str>),
    /// A URI.
    Uri(Cow<'a, str>),
    /// A place on the globe (`Location.position`), for `near`.
    Point {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
    },
}

/// Calls `found` for each value of each path that some parameter of the resource's type uses. A path's values come in
/// the order of the resource; the same value may come twice. What is no resource of a known type has none.
pub fn extract<'a>(resource: &'a Json<'a>, found: &mut dyn FnMut(PathId, Value<'a>)) {
    let Some(known) = resource.text("resourceType").and_then(|name| book().types.get(name)) else { return };
    known.program.run(resource, &mut |emit, element| {
        emit.convert.values(element, &mut |value| found(emit.slot, value));
    });
}

/// Calls `found` for each element that each path leads to, before it becomes values. An extension has become its value.
pub fn elements<'a>(resource: &'a Json<'a>, found: &mut dyn FnMut(PathId, &'a Json<'a>)) {
    let Some(known) = resource.text("resourceType").and_then(|name| book().types.get(name)) else { return };
    known.program.run(resource, &mut |emit, element| found(emit.slot, element));
}

/// What a composite parameter compares: for each element it looks at (numbered from 0), the values of each component
/// (numbered as in [`Param::components`](super::params::Param)).
pub fn tuples<'a>(param: &Param, resource: &'a Json<'a>, found: &mut dyn FnMut(usize, usize, Value<'a>)) {
    let Some(known) = resource.text("resourceType").and_then(|name| book().types.get(name)) else { return };
    let Some(composite) = known.composites.get(&param.url) else { return };
    let mut count = 0;
    composite.elements.run(resource, &mut |branch, element| {
        let number = count;
        count += 1;
        let mut take = |component: u16, value| found(number, usize::from(component), value);
        let Some(parts) = composite.parts.get(usize::from(branch.slot)) else { return };
        parts.run(element, &mut |emit, part| emit.convert.values(part, &mut |value| take(emit.slot, value)));
        composite
            .shared
            .run(resource, &mut |emit, part| emit.convert.values(part, &mut |value| take(emit.slot, value)));
    });
}

/// Text as string search compares it: NFKD, without marks, lower case, inner white space as one space
/// (R4 search section 3.1.1.4.8: case-insensitive and accent-insensitive).
#[must_use]
pub fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.is_ascii() {
        squeeze(text.chars().map(|c| c.to_ascii_lowercase()), &mut out);
    } else {
        let plain = text.nfkd().filter(|c| !is_combining_mark(*c));
        // Lower case may bring a mark of its own.
        squeeze(plain.flat_map(char::to_lowercase).filter(|c| !is_combining_mark(*c)), &mut out);
    }
    out
}

/// The words of a text, normalised, as `_text` and `_content` compare them: runs of letters and digits.
pub fn words(text: &str) -> Vec<String> {
    normal(text).split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

fn squeeze(chars: impl Iterator<Item = char>, out: &mut String) {
    for c in chars {
        if !c.is_whitespace() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::super::params::{find, path_text};
    use super::*;

    /// The values of one parameter, one a line.
    fn values(resource: &str, code: &str) -> Vec<String> {
        let resource = Json::parse(resource.as_bytes()).unwrap();
        let param = find(resource.text("resourceType").unwrap(), code).unwrap();
        let mut lines = Vec::new();
        extract(&resource, &mut |path, value| {
            if param.paths.iter().any(|p| p.path == path) {
                lines.push(line(&value));
            }
        });
        lines
    }

    fn line(value: &Value<'_>) -> String {
        let or = |s: &Option<Cow<'_, str>>| s.as_deref().unwrap_or("-").to_owned();
        match value {
            Value::Token { system, code } => format!("{}|{code}", or(system)),
            Value::Display(text) => format!("text {text}"),
            Value::OfType { system, code, value } => format!("{}|{code}|{value}", or(system)),
            Value::Local { resource_type, id } => format!("{resource_type}/{id}"),
            Value::Url(url) => format!("url {url}"),
            Value::Logical { system, value } => format!("logical {}|{value}", or(system)),
            Value::Date { low, high } => format!("{}..{}", edge(*low), edge(*high)),
            Value::Number { low, high } => format!("{low}..{high}"),
            Value::Quantity { low, high, system, code, unit } => {
                format!("{low}..{high} {}|{} {}", or(system), or(code), or(unit))
            }
            Value::String(text) => format!("\"{text}\""),
            Value::Uri(uri) => format!("<{uri}>"),
            Value::Point { latitude, longitude } => format!("{latitude} {longitude}"),
        }
    }

    fn edge(ms: i64) -> String {
        match ms {
            i64::MIN => "ever".to_owned(),
            i64::MAX => "still".to_owned(),
            ms => base::clock::Instant(ms).to_string(),
        }
    }

    const OBSERVATION: &str = r##"{"resourceType":"Observation","status":"final","meta":{"tag":[{"code":"t"}]},
        "code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"BP"}],"text":"blood pressure"},
        "subject":{"reference":"Patient/p1/_history/3","identifier":{"system":"mrn","value":"77"}},
        "focus":[{"reference":"#inner"},{"reference":"urn:uuid:1"},{"reference":"http://a.org/fhir/Device/d/_history/2"}],
        "effectivePeriod":{"start":"2024-01-01T00:00:00+01:00"},
        "component":[{"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mm","system":"u","code":"mm[Hg]"}},
                     {"code":{"coding":[{"code":"8462-4"}]},"valueQuantity":{"value":80,"comparator":"<"}}]}"##;

    #[test]
    fn an_observation_gives_its_values() {
        let cases: [(&str, &[&str]); 9] = [
            ("status", &["http://hl7.org/fhir/observation-status|final"]),
            ("_tag", &["-|t"]),
            ("code", &["http://loinc.org|85354-9", "text BP", "text blood pressure"]),
            ("combo-code", &["http://loinc.org|85354-9", "text BP", "text blood pressure", "-|8480-6", "-|8462-4"]),
            ("patient", &["Patient/p1", "logical mrn|77"]),
            ("focus", &["url urn:uuid:1", "url http://a.org/fhir/Device/d"]),
            ("date", &["2023-12-31T23:00:00.000Z..still"]),
            ("component-value-quantity", &["120..120 u|mm[Hg] mm", "-inf..80 -|- -"]),
            ("value-quantity", &[]),
        ];
        for (code, expected) in cases {
            assert_eq!(values(OBSERVATION, code), expected, "{code}");
        }
    }

    #[test]
    fn a_patient_gives_its_values() {
        let patient = r#"{"resourceType":"Patient","active":true,"birthDate":"1970-02","gender":"female",
            "extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
                          "extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid","code":"2106-3"}}]}],
            "identifier":[{"system":"mrn","value":"1","type":{"coding":[{"system":"v2","code":"MR"}],"text":"Record"}}],
            "name":[{"family":"Nuñez","given":["Ana","Eva"],"prefix":["Dr"]}, {"text":"Anita"}],
            "telecom":[{"system":"phone","value":"555"},{"system":"email","value":"a@b"}],
            "address":[{"line":["1 Way"],"city":"Ulm"}]}"#;
        let cases: [(&str, &[&str]); 12] = [
            ("active", &["-|true"]),
            ("birthdate", &["1970-02-01T00:00:00.000Z..1970-02-28T23:59:59.999Z"]),
            ("gender", &["http://hl7.org/fhir/administrative-gender|female"]),
            ("deceased", &["-|false"]),
            ("race", &["-|2106-3"]),
            ("identifier", &["mrn|1", "v2|MR|1", "text Record"]),
            ("name", &["\"Nuñez\"", "\"Ana\"", "\"Eva\"", "\"Dr\"", "\"Anita\""]),
            ("given", &["\"Ana\"", "\"Eva\""]),
            ("phone", &["-|555"]),
            ("telecom", &["-|555", "-|a@b"]),
            ("address", &["\"1 Way\"", "\"Ulm\""]),
            ("address-city", &["\"Ulm\""]),
        ];
        for (code, expected) in cases {
            assert_eq!(values(patient, code), expected, "{code}");
        }
    }

    #[test]
    fn other_types_give_theirs() {
        let cases: [(&str, &str, &[&str]); 8] = [
            (r#"{"resourceType":"Patient","deceasedDateTime":"2020"}"#, "deceased", &["-|true"]),
            (r#"{"resourceType":"Patient","deceasedBoolean":false}"#, "deceased", &["-|false"]),
            (
                r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Composition","id":"c"}},
                    {"resource":{"resourceType":"Patient","id":"p"}}]}"#,
                "composition",
                &["Composition/c"],
            ),
            (r#"{"resourceType":"Location","position":{"longitude":9.5,"latitude":47}}"#, "near", &["47 9.5"]),
            (
                r#"{"resourceType":"Condition","onsetRange":{"low":{"value":3,"unit":"a"}}}"#,
                "onset-age",
                &["3..inf -|- a"],
            ),
            (
                r#"{"resourceType":"Invoice","totalNet":{"value":3.50,"currency":"EUR"}}"#,
                "totalnet",
                &["3.5..3.5 urn:iso:std:iso:4217|EUR -"],
            ),
            (
                r#"{"resourceType":"ServiceRequest","occurrenceTiming":{"event":["2021","2019"],
                    "repeat":{"boundsPeriod":{"end":"2022"}}}}"#,
                "occurrence",
                &["ever..2022-12-31T23:59:59.999Z"],
            ),
            (
                r#"{"resourceType":"QuestionnaireResponse","questionnaire":"http://q.org/phq|2"}"#,
                "questionnaire",
                &["url http://q.org/phq|2"],
            ),
        ];
        for (resource, code, expected) in cases {
            assert_eq!(values(resource, code), expected, "{resource}");
        }
    }

    #[test]
    fn a_composite_keeps_its_components_together() {
        let observation = Json::parse(OBSERVATION.as_bytes()).unwrap();
        let param = find("Observation", "combo-code-value-quantity").unwrap();
        let mut lines = Vec::new();
        tuples(param, &observation, &mut |element, part, value| {
            lines.push(format!("{element}.{part} {}", line(&value)));
        });
        let expected = [
            "0.0 http://loinc.org|85354-9",
            "0.0 text BP",
            "0.0 text blood pressure",
            "1.0 -|8480-6",
            "1.1 120..120 u|mm[Hg] mm",
            "2.0 -|8462-4",
            "2.1 -inf..80 -|- -",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn odd_shapes_give_nothing() {
        for text in [
            "null",
            "[]",
            "{}",
            r#"{"resourceType":"Nothing"}"#,
            r#"{"resourceType":"Patient","name":7,
            "birthDate":{"a":1},"identifier":[null,[]],"deceasedBoolean":0,"telecom":{"value":[]}}"#,
        ] {
            let resource = Json::parse(text.as_bytes()).unwrap();
            extract(&resource, &mut |path, value| {
                // A death that is written, in whatever shape, is there.
                assert_eq!(line(&value), "-|true", "{:?}", path_text(path));
            });
        }
    }

    #[test]
    fn normal_text_has_no_case_and_no_accents() {
        let cases =
            [("  Ana\t MARÍA ", "ana maria"), ("ﬁn", "fin"), ("İZ", "iz"), ("Straße", "straße"), ("", ""), ("Å", "a")];
        for (text, expected) in cases {
            assert_eq!(normal(text), expected, "{text}");
        }
    }
}
