//! The filters of a value set clause (value set filter-operator) on the concepts of one code system.

use super::library::TerminologyError;
use super::model::{Concept, Filter, Property, System};

/// Properties every concept may be asked for, whether or not the system uses them.
const ALWAYS: [&str; 9] =
    ["concept", "code", "display", "definition", "parent", "child", "inactive", "status", "notSelectable"];

/// Sets `keep` to false for each concept that does not pass the filter.
///
/// # Errors
/// If the operator is unknown, the property is not one of the system's, the value is not one of its codes where it must be,
/// or the regular expression is none.
pub fn selects(system: &System, filter: &Filter, keep: &mut [bool]) -> Result<(), TerminologyError> {
    let wrong = |what: String| TerminologyError::Filter { system: system.url.clone(), what };
    let Filter { property, op, value } = filter;
    let known = ALWAYS.contains(&property.as_str()) || system.concepts.iter().any(|c| has(c, property));
    if !known {
        return Err(wrong(format!("the system has no property {property}")));
    }
    let place = || system.position(value).ok_or_else(|| wrong(format!("the system has no code {value}")));
    match op.as_str() {
        "is-a" => only(keep, place()?, &system.descendants(place()?)),
        "descendent-of" => {
            only(keep, place()?, &system.descendants(place()?));
            keep[place()? as usize] = false;
        }
        "is-not-a" => {
            system.descendants(place()?).into_iter().chain([place()?]).for_each(|i| keep[i as usize] = false);
        }
        "generalizes" => only(keep, place()?, &system.ancestors(place()?)),
        "=" => each(system, keep, |i| values(system, i, property).iter().any(|v| v == value)),
        "in" | "not-in" => {
            let listed: Vec<&str> = value.split(',').map(str::trim).collect();
            let belongs = |i| values(system, i, property).iter().any(|v| listed.contains(&v.as_str()));
            each(system, keep, |i| belongs(i) == (op == "in"));
        }
        "exists" => each(system, keep, |i| values(system, i, property).is_empty() != (value == "true")),
        "regex" => {
            let pattern = regex::Regex::new(&format!("^(?:{value})$"))
                .map_err(|_| wrong(format!("the regular expression for {property} cannot be read")))?;
            each(system, keep, |i| values(system, i, property).iter().any(|v| pattern.is_match(v)));
        }
        _ => return Err(wrong(format!("the operator {op} is not one of FHIR's"))),
    }
    Ok(())
}

fn has(concept: &Concept, property: &str) -> bool {
    concept.properties.iter().any(|(name, _)| name == property)
}

fn only(keep: &mut [bool], one: u32, others: &[u32]) {
    let mut wanted = vec![false; keep.len()];
    others.iter().chain([&one]).for_each(|&i| wanted[i as usize] = true);
    keep.iter_mut().zip(wanted).for_each(|(keep, wanted)| *keep &= wanted);
}

fn each(system: &System, keep: &mut [bool], passes: impl Fn(usize) -> bool) {
    (0..system.concepts.len()).filter(|&i| !passes(i)).for_each(|i| keep[i] = false);
}

/// All values a concept has for a property, as text.
fn values(system: &System, index: usize, property: &str) -> Vec<String> {
    let concept = &system.concepts[index];
    let code = |&i: &u32| system.concepts[i as usize].code.clone();
    let some = |text: &String| if text.is_empty() { Vec::new() } else { vec![text.clone()] };
    match property {
        "concept" | "code" => vec![concept.code.clone()],
        "display" => some(&concept.display),
        "definition" => some(&concept.definition),
        "parent" => concept.parents.iter().map(code).collect(),
        "child" => system.children(index as u32).iter().map(code).collect(),
        _ => concept.properties.iter().filter(|(name, _)| name == property).map(|(_, v)| v.text()).collect(),
    }
}

impl Property {
    /// The value as text; a coding is its code.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Property::Code(text)
            | Property::Coding(_, text)
            | Property::Text(text)
            | Property::Number(text)
            | Property::DateTime(text) => text.clone(),
            Property::Bool(truth) => truth.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    #[test]
    fn each_operator_keeps_what_fhir_says() {
        let text = br#"{"url":"http://s","content":"complete","concept":[
            {"code":"animal","concept":[
                {"code":"cat","display":"Cat","property":[{"code":"legs","valueInteger":4}]},
                {"code":"bird","property":[{"code":"legs","valueInteger":2}],"concept":[{"code":"wren"}]}]},
            {"code":"stone"}]}"#;
        let system = System::read(&Json::parse(text).unwrap()).unwrap();
        for (property, op, value, expected) in [
            ("concept", "is-a", "bird", "bird wren"),
            ("concept", "descendent-of", "animal", "cat bird wren"),
            ("concept", "is-not-a", "bird", "animal cat stone"),
            ("concept", "generalizes", "wren", "animal bird wren"),
            ("concept", "in", "cat, stone", "cat stone"),
            ("concept", "not-in", "cat,stone", "animal bird wren"),
            ("code", "regex", "c.t", "cat"),
            ("display", "=", "Cat", "cat"),
            ("legs", "=", "2", "bird"),
            ("legs", "exists", "true", "cat bird"),
            ("legs", "exists", "false", "animal wren stone"),
            ("parent", "=", "animal", "cat bird"),
            ("child", "exists", "true", "animal bird"),
        ] {
            let mut keep = vec![true; system.concepts.len()];
            let filter = Filter { property: property.into(), op: op.into(), value: value.into() };
            selects(&system, &filter, &mut keep).unwrap();
            let kept: Vec<&str> =
                system.concepts.iter().zip(keep).filter(|(_, k)| *k).map(|(c, _)| c.code.as_str()).collect();
            assert_eq!(kept.join(" "), expected, "{property} {op} {value}");
        }
        for (property, op, value) in
            [("wings", "=", "2"), ("concept", "is-a", "dog"), ("code", "regex", "("), ("code", "like", "c")]
        {
            let filter = Filter { property: property.into(), op: op.into(), value: value.into() };
            assert!(selects(&system, &filter, &mut [true; 5]).is_err(), "{property} {op} {value}");
        }
    }
}
