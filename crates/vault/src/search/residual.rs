//! Whether a resource itself meets a filter, where the index only narrows.

use super::compare::holds;
use super::narrative;
use fhir::json::Json;
use fhir::search::extract::{Value, extract, tuples};
use fhir::search::params::{Kind, Param};
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
fn composite(param: &Param, parts: &[(Kind, Operand)], resource: &Json) -> bool {
    let meets = |component: usize, value: &Value| parts.get(component).is_some_and(|(_, o)| holds(o, None, value));
    one_meets_all(param, resource, meets)
}

fn has_tuple(param: &Param, resource: &Json) -> bool {
    one_meets_all(param, resource, |_, _| true)
}

fn one_meets_all(param: &Param, resource: &Json, meets: impl Fn(usize, &Value) -> bool) -> bool {
    let mut met: Vec<Vec<bool>> = Vec::new();
    tuples(param, resource, &mut |element, component, value| {
        if met.len() <= element {
            met.resize(element + 1, vec![false; param.components.len()]);
        }
        if let Some(part) = met[element].get_mut(component) {
            *part |= meets(component, &value);
        }
    });
    met.iter().any(|element| element.iter().all(|part| *part))
}
