//! `$validate-code` and `$subsumes`: whether a code is right, and which of two is wider.

use super::compose::contains;
use super::library::{Library, TerminologyError};
use super::lookup::lookup;
use super::model::ValueSet;
use super::parameters;
use crate::json::Json;

/// A code somebody asks about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coded<'c> {
    /// Its system; `None` where the value set decides.
    pub system: Option<&'c str>,
    /// The code.
    pub code: &'c str,
    /// The text that goes with it, to be checked.
    pub display: Option<&'c str>,
}

/// Whether a code is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it is.
    pub result: bool,
    /// Why not, or what to look at all the same.
    pub message: String,
    /// The text the system has for it, may be empty.
    pub display: String,
}

/// How two codes stand to each other (value set concept-subsumption-outcome).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsumption {
    /// They are the same.
    Equivalent,
    /// The first is wider and holds the second.
    Subsumes,
    /// The second is wider and holds the first.
    SubsumedBy,
    /// Neither holds the other.
    Apart,
}

/// Whether a code belongs to a value set.
///
/// # Errors
/// If a code system that could decide is not loaded.
pub fn in_value_set(library: &Library, set: &ValueSet, coded: &Coded) -> Result<Judgement, TerminologyError> {
    if !contains(library, set, coded.system, coded.code)? {
        let message = format!("the code {} does not belong to the value set {}", coded.code, set.url);
        return Ok(Judgement { result: false, message, display: String::new() });
    }
    let only = || set.include.iter().map(|c| c.system.as_str()).find(|s| !s.is_empty());
    let listed = set.include.iter().filter(|c| coded.system.is_none_or(|s| s == c.system)).flat_map(|c| &c.concepts);
    let own = listed.into_iter().find(|(code, display)| code == coded.code && !display.is_empty());
    let of_system = || {
        let found = lookup(library, coded.system.or_else(only)?, coded.code).ok()?;
        Some(found.concept().display.clone())
    };
    let display = own.map(|(_, display)| display.clone()).or_else(of_system).unwrap_or_default();
    Ok(judged(coded, display))
}

/// Whether a code exists in its system.
///
/// # Errors
/// If the system is not loaded, or only a part of it that does not have the code.
pub fn in_system(library: &Library, system: &str, coded: &Coded) -> Result<Judgement, TerminologyError> {
    match lookup(library, system, coded.code) {
        Ok(found) => Ok(judged(coded, found.concept().display.clone())),
        Err(TerminologyError::UnknownCode { .. }) if is_whole(library, system) => {
            let message = format!("the code {} does not exist in the code system {system}", coded.code);
            Ok(Judgement { result: false, message, display: String::new() })
        }
        Err(TerminologyError::UnknownCode { .. }) => Err(TerminologyError::NotLoaded(system.to_owned())),
        Err(why) => Err(why),
    }
}

fn is_whole(library: &Library, system: &str) -> bool {
    library.system(system).is_some_and(|s| s.content == super::model::Content::Complete)
}

/// A right code with a wrong text is a wrong answer (R4 valueset-operation-validate-code, parameter display).
fn judged(coded: &Coded, display: String) -> Judgement {
    let agrees = |said: &&str| display.is_empty() || said.to_lowercase() == display.to_lowercase();
    match coded.display {
        Some(said) if !agrees(&said) => {
            let message = format!("the code exists, but its display is {display}");
            Judgement { result: false, message, display }
        }
        _ => Judgement { result: true, message: String::new(), display },
    }
}

/// How two codes of one system stand to each other.
///
/// # Errors
/// If the system is not loaded or does not have both codes.
pub fn subsumes(library: &Library, system: &str, a: &str, b: &str) -> Result<Subsumption, TerminologyError> {
    let (first, second) = (lookup(library, system, a)?, lookup(library, system, b)?);
    let held = first.system();
    let place = |code: &str| held.position(code).unwrap_or_default();
    let (a, b) = (place(&first.concept().code), place(&second.concept().code));
    Ok(match () {
        () if a == b => Subsumption::Equivalent,
        () if held.descendants(a).contains(&b) => Subsumption::Subsumes,
        () if held.descendants(b).contains(&a) => Subsumption::SubsumedBy,
        () => Subsumption::Apart,
    })
}

impl Judgement {
    /// The `Parameters` resource that answers `$validate-code`.
    #[must_use]
    pub fn parameters(&self) -> Json<'static> {
        let mut all = vec![parameters::one("result", "valueBoolean", Json::Bool(self.result))];
        all.extend(parameters::text("message", &self.message));
        all.extend(parameters::text("display", &self.display));
        parameters::resource(all)
    }
}

impl Subsumption {
    /// FHIR's code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Subsumption::Equivalent => "equivalent",
            Subsumption::Subsumes => "subsumes",
            Subsumption::SubsumedBy => "subsumed-by",
            Subsumption::Apart => "not-subsumed",
        }
    }

    /// The `Parameters` resource that answers `$subsumes`.
    #[must_use]
    pub fn parameters(self) -> Json<'static> {
        parameters::resource(vec![parameters::one("outcome", "valueCode", Json::string(self.code()))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminology::library::{Kind, Stored};
    use crate::terminology::model::System;
    use std::sync::Arc;

    fn coded<'c>(system: Option<&'c str>, code: &'c str, display: Option<&'c str>) -> Coded<'c> {
        Coded { system, code, display }
    }

    #[test]
    fn a_code_is_judged_with_its_text() {
        let library = Library::r4();
        let gender = "http://hl7.org/fhir/administrative-gender";
        let set = library.value_set("http://hl7.org/fhir/ValueSet/administrative-gender").unwrap();
        for (code, expected) in [
            (coded(Some(gender), "male", None), true),
            (coded(None, "male", Some("male")), true),
            (coded(Some(gender), "male", Some("Man")), false),
            (coded(Some("http://x"), "male", None), false),
            (coded(Some(gender), "man", None), false),
        ] {
            let judgement = in_value_set(&library, &set, &code).unwrap();
            assert_eq!(judgement.result, expected, "{code:?}");
            assert_eq!(judgement.message.is_empty(), expected, "{code:?}");
        }
        assert!(in_system(&library, gender, &coded(None, "male", None)).unwrap().result);
        assert!(!in_system(&library, gender, &coded(None, "man", None)).unwrap().result);
        assert!(in_system(&library, "http://loinc.org", &coded(None, "1", None)).is_err());
    }

    #[test]
    fn an_unloaded_system_hinders_only_its_own_codes() {
        let set = ValueSet::read(
            &Json::parse(
                br#"{"url":"http://v","compose":{"include":[{"system":"http://snomed.info/sct"},
                    {"system":"http://loinc.org","concept":[{"code":"1-8","display":"One"}]}]}}"#,
            )
            .unwrap(),
        )
        .unwrap();
        let library = Library::r4();
        assert!(in_value_set(&library, &set, &coded(Some("http://loinc.org"), "1-8", Some("one"))).unwrap().result);
        assert!(!in_value_set(&library, &set, &coded(Some("http://loinc.org"), "2-6", None)).unwrap().result);
        assert!(in_value_set(&library, &set, &coded(Some("http://snomed.info/sct"), "1", None)).is_err());
    }

    #[test]
    fn a_stored_code_system_answers_like_the_specifications() {
        let system = System::read(
            &Json::parse(
                br#"{"url":"http://own","content":"complete","concept":[
                    {"code":"a","concept":[{"code":"b","concept":[{"code":"c"}]},{"code":"d"}]}]}"#,
            )
            .unwrap(),
        )
        .unwrap();
        let stored = Stored::System(Arc::new(system));
        let find = |url: &str, kind: Kind| (url == "http://own" && kind == Kind::System).then(|| stored.clone());
        let library = Library::with(&find);
        for (a, b, expected) in [
            ("a", "c", Subsumption::Subsumes),
            ("c", "a", Subsumption::SubsumedBy),
            ("b", "b", Subsumption::Equivalent),
            ("b", "d", Subsumption::Apart),
        ] {
            assert_eq!(subsumes(&library, "http://own", a, b).unwrap(), expected, "{a} {b}");
        }
        assert!(subsumes(&library, "http://own", "a", "x").is_err());
    }
}
