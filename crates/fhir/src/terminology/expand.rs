//! `$expand`: the codes of a value set, filtered and in pages (R4 valueset-operation-expand).

use super::compose::{Member, members_of};
use super::library::{Library, TerminologyError};
use super::model::ValueSet;
use crate::json::Json;

/// What a caller asks of an expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Words that each must start a word of the display or the code; upper and lower case alike. Empty lets all pass.
    pub filter: String,
    /// At most so many codes.
    pub count: Option<usize>,
    /// Leave out so many codes at the start.
    pub offset: usize,
    /// Leave out codes that are no longer in use.
    pub active_only: bool,
    /// Give the texts in other languages too.
    pub designations: bool,
}

/// The page of codes that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// How many codes there are on all pages together.
    pub total: usize,
    /// The codes of this page.
    pub members: Vec<Member>,
}

/// Expands a value set.
///
/// # Errors
/// As [`members_of`]: what is not loaded is an error, never an empty answer.
pub fn expand(library: &Library, set: &ValueSet, ask: &Ask) -> Result<Expansion, TerminologyError> {
    let mut members = members_of(library, set)?;
    let words: Vec<String> = ask.filter.split_whitespace().map(str::to_lowercase).collect();
    members.retain(|m| (!ask.active_only || !m.inactive) && passes(m, &words));
    let total = members.len();
    let members = members.into_iter().skip(ask.offset).take(ask.count.unwrap_or(usize::MAX)).collect();
    Ok(Expansion { total, members })
}

fn passes(member: &Member, words: &[String]) -> bool {
    let (display, code) = (member.display.to_lowercase(), member.code.to_lowercase());
    let starts = |word: &String| {
        code.starts_with(word.as_str())
            || display.starts_with(word.as_str())
            || display.split(|c: char| !c.is_alphanumeric()).any(|part| part.starts_with(word.as_str()))
    };
    words.iter().all(starts)
}

/// The `ValueSet` resource that answers `$expand`. `at` is the moment of the answer, a FHIR dateTime.
#[must_use]
pub fn value_set(library: &Library, set: &ValueSet, ask: &Ask, expansion: &Expansion, at: &str) -> Json<'static> {
    let mut head = vec![("resourceType", Json::string("ValueSet")), ("url", Json::string(&*set.url))];
    for (name, text) in [("version", &set.version), ("name", &set.name), ("title", &set.title)] {
        head.extend((!text.is_empty()).then(|| (name, Json::string(&**text))));
    }
    head.push(("status", Json::string(&*set.status)));
    let mut body = vec![("timestamp", Json::string(at)), ("total", Json::number(expansion.total))];
    if ask.offset > 0 || ask.count.is_some() {
        body.push(("offset", Json::number(ask.offset)));
    }
    let asked = asked(ask);
    body.extend((!asked.is_empty()).then_some(("parameter", Json::Array(asked))));
    let contains: Vec<Json> = expansion.members.iter().map(|m| contained(library, ask, m)).collect();
    body.extend((!contains.is_empty()).then_some(("contains", Json::Array(contains))));
    head.push(("expansion", Json::object(body)));
    Json::object(head)
}

/// What was asked, as the expansion repeats it.
fn asked(ask: &Ask) -> Vec<Json<'static>> {
    let named =
        |name: &'static str, member: &'static str, value| Json::object([("name", Json::string(name)), (member, value)]);
    let mut all = Vec::new();
    if !ask.filter.is_empty() {
        all.push(named("filter", "valueString", Json::string(&*ask.filter)));
    }
    if let Some(count) = ask.count {
        all.push(named("count", "valueInteger", Json::number(count)));
        all.push(named("offset", "valueInteger", Json::number(ask.offset)));
    }
    if ask.active_only {
        all.push(named("activeOnly", "valueBoolean", Json::Bool(true)));
    }
    all
}

fn contained(library: &Library, ask: &Ask, member: &Member) -> Json<'static> {
    let mut members = vec![("system", Json::string(&*member.system))];
    members.extend(member.is_abstract.then_some(("abstract", Json::Bool(true))));
    members.extend(member.inactive.then_some(("inactive", Json::Bool(true))));
    members.push(("code", Json::string(&*member.code)));
    members.extend((!member.display.is_empty()).then(|| ("display", Json::string(&*member.display))));
    let system = if ask.designations { library.system(&member.system) } else { None };
    let concept = system.as_ref().and_then(|s| s.concept(&member.code)).filter(|c| !c.designations.is_empty());
    members.extend(concept.map(|c| {
        let texts = c.designations.iter().map(|d| {
            let mut parts = Vec::new();
            parts.extend((!d.language.is_empty()).then(|| ("language", Json::string(&*d.language))));
            parts.push(("value", Json::string(&*d.value)));
            Json::object(parts)
        });
        ("designation", Json::Array(texts.collect()))
    }));
    Json::object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(filter: &str, offset: usize, count: Option<usize>) -> Ask {
        Ask { filter: filter.into(), offset, count, ..Ask::default() }
    }

    #[test]
    fn an_expansion_comes_filtered_and_in_pages() {
        let library = Library::r4();
        let set = library.value_set("http://hl7.org/fhir/ValueSet/administrative-gender").unwrap();
        for (ask, total, codes) in [
            (ask("", 0, None), 4, "male female other unknown"),
            (ask("fe", 0, None), 1, "female"),
            (ask("MALE", 0, None), 1, "male"),
            (ask("", 1, Some(2)), 4, "female other"),
            (ask("", 9, Some(2)), 4, ""),
            (ask("", 0, Some(0)), 4, ""),
        ] {
            let expansion = expand(&library, &set, &ask).unwrap();
            let found: Vec<&str> = expansion.members.iter().map(|m| m.code.as_str()).collect();
            assert_eq!((expansion.total, found.join(" ").as_str()), (total, codes), "{ask:?}");
            let resource = value_set(&library, &set, &ask, &expansion, "2026-01-01T00:00:00Z");
            let findings = crate::validate::validate(&resource, crate::validate::Depth::Full);
            assert!(findings.is_empty(), "{findings:?}");
        }
    }

    #[test]
    fn what_is_not_loaded_is_an_error() {
        let library = Library::r4();
        for (url, what) in [
            ("http://hl7.org/fhir/ValueSet/clinical-findings", "http://snomed.info/sct is not loaded"),
            ("http://hl7.org/fhir/ValueSet/observation-codes", "http://loinc.org is not loaded"),
            ("http://hl7.org/fhir/ValueSet/ucum-units", "http://unitsofmeasure.org is not loaded"),
            ("http://example.org/none", "http://example.org/none is not known"),
        ] {
            let error = library.value_set(url).and_then(|set| expand(&library, &set, &Ask::default())).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
