//! The codes of required bindings, worked out once.

use crate::definitions::names::Names;
use crate::json::Json;
use crate::terminology::compose::members;
use crate::terminology::library::Library;

/// What a required binding lets in.
#[derive(Debug)]
pub(super) enum Codes {
    /// These codes, each with its systems.
    Listed(Names<Vec<String>>),
    /// Codes that follow a grammar: media types, currencies. One system.
    Grammar {
        /// The code system.
        system: &'static str,
        /// Whether a code follows it.
        follows: fn(&str) -> bool,
    },
    /// It cannot be told here; why.
    Unknown(String),
}

/// What was found wrong with a coded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to the value set.
    Fits,
    /// It does not.
    Outside,
    /// There is nothing here to tell by.
    Unchecked,
}

impl Codes {
    /// The codes of a value set of the specification.
    pub fn of(value_set: &str) -> Codes {
        match value_set {
            "http://hl7.org/fhir/ValueSet/mimetypes" => {
                Codes::Grammar { system: "urn:ietf:bcp:13", follows: media_type }
            }
            "http://hl7.org/fhir/ValueSet/currencies" => Codes::Grammar {
                system: "urn:iso:std:iso:4217",
                follows: |code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()),
            },
            _ => match members(&Library::r4(), value_set) {
                Ok(members) => {
                    let mut listed: Names<Vec<String>> = Names::default();
                    members.into_iter().for_each(|m| listed.entry(m.code).or_default().push(m.system));
                    Codes::Listed(listed)
                }
                Err(why) => Codes::Unknown(why.to_string()),
            },
        }
    }

    /// Whether a code, of some system or (for elements of type code) of the one that is meant, belongs to the set.
    pub fn verdict(&self, system: Option<&str>, code: &str) -> Verdict {
        let fits = match self {
            Codes::Unknown(_) => return Verdict::Unchecked,
            Codes::Grammar { system: own, follows } => system.is_none_or(|s| s == *own) && follows(code),
            Codes::Listed(listed) => match (listed.get(code), system) {
                (Some(systems), Some(system)) => systems.iter().any(|s| s == system),
                (found, _) => found.is_some(),
            },
        };
        if fits { Verdict::Fits } else { Verdict::Outside }
    }

    /// The same for a `Coding` or `Quantity`: system and code.
    pub fn coding(&self, coding: &Json) -> Verdict {
        match (coding.text("system"), coding.text("code")) {
            (Some(system), Some(code)) => self.verdict(Some(system), code),
            _ if matches!(self, Codes::Unknown(_)) => Verdict::Unchecked,
            _ => Verdict::Outside,
        }
    }

    /// The same for a `CodeableConcept`: one of its codings must belong to the set.
    pub fn concept(&self, concept: &Json) -> Verdict {
        let codings = concept.get("coding").map(Json::items).unwrap_or_default();
        let mut verdicts = codings.iter().map(|c| self.coding(c));
        if verdicts.any(|v| v == Verdict::Fits) {
            return Verdict::Fits;
        }
        if matches!(self, Codes::Unknown(_)) { Verdict::Unchecked } else { Verdict::Outside }
    }

    /// Some of the codes, for a message: all where they are few.
    pub fn sample(&self) -> String {
        match self {
            Codes::Listed(listed) if listed.len() <= 12 => {
                let mut codes: Vec<&str> = listed.keys().map(String::as_str).collect();
                codes.sort_unstable();
                format!(": {}", codes.join(", "))
            }
            Codes::Listed(_) | Codes::Grammar { .. } | Codes::Unknown(_) => String::new(),
        }
    }
}

/// The short names of FHIR's own formats, which `CapabilityStatement.format` and `TestScript` use (R4 http section
/// 3.1.0.1.11); `none` is TestScript's.
const SHORT: [&str; 4] = ["xml", "json", "ttl", "none"];

/// `type/subtype` with optional parameters (RFC 6838 section 4.2, RFC 2045 section 5.1).
fn media_type(code: &str) -> bool {
    let bare = code.split(';').next().unwrap_or_default().trim_end();
    let is_name = |name: &str| {
        let is_first = |b: u8| b.is_ascii_alphanumeric();
        let is_next = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        name.len() <= 127 && name.bytes().next().is_some_and(is_first) && name.bytes().all(is_next)
    };
    SHORT.contains(&code) || bare.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_from_what_is_no_code() {
        for (set, system, code, expected) in [
            ("administrative-gender", None, "female", Verdict::Fits),
            ("administrative-gender", None, "woman", Verdict::Outside),
            (
                "condition-clinical",
                Some("http://terminology.hl7.org/CodeSystem/condition-clinical"),
                "active",
                Verdict::Fits,
            ),
            ("condition-clinical", Some("http://example.org"), "active", Verdict::Outside),
            ("mimetypes", None, "text/plain; charset=utf-8", Verdict::Fits),
            ("mimetypes", None, "application/fhir+xml", Verdict::Fits),
            ("mimetypes", None, "text", Verdict::Outside),
            ("currencies", None, "USD", Verdict::Fits),
            ("currencies", None, "dollar", Verdict::Outside),
            ("ucum-units", Some("http://unitsofmeasure.org"), "mg", Verdict::Unchecked),
        ] {
            let codes = Codes::of(&format!("http://hl7.org/fhir/ValueSet/{set}"));
            assert_eq!(codes.verdict(system, code), expected, "{set} {code}");
        }
    }
}
