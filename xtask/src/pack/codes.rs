//! `CodeSystem`s and `ValueSet`s.

use fhir::json::Json;
use fhir::terminology::model::{System, ValueSet};
use fhir::terminology::pack::Terminology;

/// The terminology of the source, in order of URL.
pub fn terminology(resources: &[Json<'static>]) -> Terminology {
    let of = |kind: &'static str| {
        // US Core comes along for its search parameters only: its value sets are a guide's, not the specification's.
        let is_guide = |r: &Json| r.text("url").is_some_and(|u| u.starts_with("http://hl7.org/fhir/us/"));
        resources.iter().filter(move |r| r.text("resourceType") == Some(kind) && !is_guide(r))
    };
    let mut systems: Vec<System> = of("CodeSystem").filter_map(System::read).collect();
    systems.sort_by(|a, b| a.url.cmp(&b.url));
    let mut value_sets: Vec<ValueSet> = of("ValueSet").filter_map(ValueSet::read).collect();
    value_sets.sort_by(|a, b| a.url.cmp(&b.url));
    Terminology { systems, value_sets }
}
