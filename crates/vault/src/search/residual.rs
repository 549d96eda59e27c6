//! Whether a resource itself meets a filter, where the index only narrows.

use super::compare::holds;
use super::narrative;
use fhir::json::Json;
use fhir::search::extract::{extract, tuples};
use fhir::search::params::Param;
use fhir::search::query::{Filter, Operand, Test};

/// Whether the resource meets one comparison, the presence of a parameter, or holds some words. Other filters are
/// answered by the index and hold here.
#[must_use]
pub fn meets(filter: &Filter, resource: &Json) -> bool {
    match filter {
        Filter::Test(Test { param, operand: Operand::Composite(parts) }) => composite(param, parts, resource),
        Filter::Test(Test { param, operand }) => some_value(param, operand, resource),
        Filter::Missing { param, missing } => *missing != has_tuple(param, resource),
        Filter::Words { narrative: only, words } => {
            let found = if *only { narrative::words(resource) } else { narrative::all_words(resource) };
            let mut asked = words.iter().flat_map(|word| narrative::asked(word)).peekable();
            asked.peek().is_some() && asked.all(|word| found.contains(&word))
        }
        _ => true,
    }
}

fn some_value(param: &Param, operand: &Operand, resource: &Json) -> bool {
    let mut found = false;
    extract(resource, &mut |path, value| {
        let mut uses = param.paths.iter().filter(|p| p.path == path);
        found = found || uses.any(|p| holds(operand, p.target.as_deref(), &value));
    });
    found
}

/// Whether one element meets every component.
fn composite(param: &Param, parts: &[(fhir::search::params::Kind, Operand)], resource: &Json) -> bool {
    let mut met: Vec<Vec<bool>> = Vec::new();
    tuples(param, resource, &mut |element, component, value| {
        if met.len() <= element {
            met.resize(element + 1, vec![false; parts.len()]);
        }
        if let Some((_, operand)) = parts.get(component) {
            met[element][component] |= holds(operand, None, &value);
        }
    });
    met.iter().any(|element| element.iter().all(|part| *part))
}

fn has_tuple(param: &Param, resource: &Json) -> bool {
    let mut seen: Vec<Vec<bool>> = Vec::new();
    tuples(param, resource, &mut |element, component, _| {
        if seen.len() <= element {
            seen.resize(element + 1, vec![false; param.components.len()]);
        }
        if let Some(slot) = seen[element].get_mut(component) {
            *slot = true;
        }
    });
    seen.iter().any(|element| element.iter().all(|part| *part))
}
