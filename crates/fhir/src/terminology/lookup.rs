//! `$lookup`: what a code means (R4 codesystem-operation-lookup).

use super::library::{Held, Library, TerminologyError};
use super::model::{Concept, Property, System};
use super::parameters;
use crate::json::Json;

/// A concept in its system.
#[derive(Clone, Debug)]
pub struct Found {
    system: Held<System>,
    place: u32,
}

/// Finds a code. `system` is a canonical URL, with or without `|version`.
///
/// # Errors
/// If the system is not loaded or has no such code.
pub fn lookup(library: &Library, system: &str, code: &str) -> Result<Found, TerminologyError> {
    let held = library.loaded(system)?;
    let unknown = || TerminologyError::UnknownCode { system: system.to_owned(), code: code.to_owned() };
    let place = held.position(code).ok_or_else(unknown)?;
    Ok(Found { system: held, place })
}

/// The codes below a code, itself left out.
///
/// # Errors
/// As [`lookup`].
pub fn descendants(library: &Library, system: &str, code: &str) -> Result<Vec<String>, TerminologyError> {
    let found = lookup(library, system, code)?;
    Ok(found.codes(&found.system.descendants(found.place)))
}

/// The codes above a code, itself left out.
///
/// # Errors
/// As [`lookup`].
pub fn ancestors(library: &Library, system: &str, code: &str) -> Result<Vec<String>, TerminologyError> {
    let found = lookup(library, system, code)?;
    Ok(found.codes(&found.system.ancestors(found.place)))
}

impl Found {
    /// The code system.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    /// The concept.
    #[must_use]
    pub fn concept(&self) -> &Concept {
        &self.system.concepts[self.place as usize]
    }

    fn codes(&self, places: &[u32]) -> Vec<String> {
        places.iter().map(|&i| self.system.concepts[i as usize].code.clone()).collect()
    }

    /// The `Parameters` resource that answers `$lookup`. `wanted` names properties; none means all.
    #[must_use]
    pub fn parameters(&self, wanted: &[&str]) -> Json<'static> {
        let (system, concept) = (self.system(), self.concept());
        let wants = |name: &str| wanted.is_empty() || wanted.contains(&name);
        let mut all = vec![parameters::one("name", "valueString", Json::string(&*system.name))];
        all.extend(parameters::text("version", &system.version));
        // Display is 1..1: where a system gives none, the code has to do.
        let display = if concept.display.is_empty() { &concept.code } else { &concept.display };
        all.push(parameters::one("display", "valueString", Json::string(&**display)));
        if wants("designation") {
            all.extend(concept.designations.iter().map(|d| {
                let mut parts = Vec::new();
                if !d.language.is_empty() {
                    parts.push(parameters::one("language", "valueCode", Json::string(&*d.language)));
                }
                parts.push(parameters::one("value", "valueString", Json::string(&*d.value)));
                parameters::parts("designation", parts)
            }));
        }
        if wants("definition") && !concept.definition.is_empty() {
            all.push(property("definition", "valueString", Json::string(&*concept.definition)));
        }
        if wants("inactive") {
            all.push(property("inactive", "valueBoolean", Json::Bool(concept.is_inactive())));
        }
        for (name, places) in [("parent", &concept.parents[..]), ("child", system.children(self.place))] {
            if wants(name) {
                all.extend(self.codes(places).into_iter().map(|code| property(name, "valueCode", Json::string(code))));
            }
        }
        let linked = |name: &str| matches!(name, "parent" | "child" | "inactive");
        let own = concept.properties.iter().filter(|(name, _)| wants(name) && !linked(name));
        all.extend(own.map(|(name, value)| {
            let (member, value) = written(value);
            property(name, member, value)
        }));
        parameters::resource(all)
    }
}

fn property(name: &str, member: &'static str, value: Json<'static>) -> Json<'static> {
    let code = parameters::one("code", "valueCode", Json::string(name));
    parameters::parts("property", vec![code, parameters::one("value", member, value)])
}

fn written(value: &Property) -> (&'static str, Json<'static>) {
    match value {
        Property::Code(code) => ("valueCode", Json::string(&**code)),
        Property::Coding(system, code) => {
            let coding = [("system", Json::string(&**system)), ("code", Json::string(&**code))];
            ("valueCoding", Json::object(coding))
        }
        Property::Text(text) => ("valueString", Json::string(&**text)),
        Property::Number(n) if n.bytes().all(|b| b.is_ascii_digit() || b == b'-') => ("valueInteger", Json::number(n)),
        Property::Number(n) => ("valueDecimal", Json::number(n)),
        Property::Bool(truth) => ("valueBoolean", Json::Bool(*truth)),
        Property::DateTime(moment) => ("valueDateTime", Json::string(&**moment)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

    #[test]
    fn a_code_is_found_with_what_stands_around_it() {
        let library = Library::r4();
        let found = lookup(&library, ACT, "AMB").unwrap();
        assert_eq!((found.system().name.as_str(), found.concept().display.as_str()), ("v3.ActCode", "ambulatory"));
        assert_eq!(ancestors(&library, ACT, "AMB").unwrap(), ["_ActCareProvisionCode", "_ActEncounterCode"]);
        assert!(descendants(&library, ACT, "_ActEncounterCode").unwrap().contains(&"AMB".to_owned()));
        let parameters = found.parameters(&["parent"]);
        let text = String::from_utf8(parameters.to_bytes()).unwrap();
        assert!(text.contains(r#"{"name":"value","valueCode":"_ActEncounterCode"}"#), "{text}");
        assert!(!text.contains("inactive"), "{text}");
        let findings = crate::validate::validate(&found.parameters(&[]), crate::validate::Depth::Full);
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn an_unknown_code_and_an_unloaded_system_are_errors() {
        let library = Library::r4();
        assert!(matches!(lookup(&library, ACT, "nothing"), Err(TerminologyError::UnknownCode { .. })));
        for system in ["http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"] {
            assert_eq!(lookup(&library, system, "1").unwrap_err(), TerminologyError::NotLoaded(system.to_owned()));
        }
    }
}
