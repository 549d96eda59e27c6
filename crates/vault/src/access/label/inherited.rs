//! What a resource takes over from those it points to.
//!
//! A lab result says "potassium" and nothing else, but if the visit was in a Part 2 program, the result is a record of
//! that program (42 CFR 2.11 "Records", 2.12(a)(1)). The gate knows the labels of the target's position; which targets
//! count, and for which labels, is said here.
//!
//! Limits, on purpose: one step only; the labels that the target had when the resource was written, so that a visit
//! labelled later does not relabel what is there until it is written again or the index is rebuilt.

use super::{Label, Labels};
use fhir::json::Json;

/// What a visit passes on to all that was recorded in it.
pub const OF_A_VISIT: Labels =
    Labels::NONE.with(Label::Part2).with(Label::SubstanceUse).with(Label::PsychotherapyNote).with(Label::Minor);

/// Every label, those of a newer program included.
const EVERY: Labels = Labels::from_bits(u16::MAX);

/// A resource from which labels are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'r> {
    /// `Encounter/7`.
    pub reference: &'r str,
    /// The labels that pass over; others of the target stay there.
    pub takes: Labels,
}

/// The resources from which this one takes labels over: its visit, the drug it prescribes, the reasons it gives.
#[must_use]
pub fn sources<'r>(resource: &'r Json) -> Vec<Source<'r>> {
    let mut sources = Vec::new();
    // A visit takes from the visit it is part of; no other `partOf` is a visit.
    let visits: &[&str] =
        if resource.text("resourceType") == Some("Encounter") { &["partOf"] } else { &["encounter", "context"] };
    for name in visits {
        if let Some(value) = resource.get(name) {
            add(value, OF_A_VISIT, &mut sources);
            value.get("encounter").into_iter().for_each(|inner| add(inner, OF_A_VISIT, &mut sources));
        }
    }
    for name in ["medicationReference", "reasonReference"] {
        resource.get(name).into_iter().for_each(|value| add(value, EVERY, &mut sources));
    }
    for diagnosis in resource.get("diagnosis").into_iter().flat_map(Json::items) {
        for name in ["condition", "diagnosisReference"] {
            diagnosis.get(name).into_iter().for_each(|value| add(value, EVERY, &mut sources));
        }
    }
    sources
}

fn add<'r>(value: &'r Json, takes: Labels, sources: &mut Vec<Source<'r>>) {
    let one = |value: &'r Json| value.text("reference").map(|reference| Source { reference, takes });
    match value {
        Json::Array(items) => sources.extend(items.iter().filter_map(one)),
        other => sources.extend(one(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_takes_from_its_visit_its_drug_and_its_reasons() {
        let cases: [(&str, &[(&str, Labels)]); 5] = [
            (
                r#"{"resourceType":"Observation","encounter":{"reference":"Encounter/1"}}"#,
                &[("Encounter/1", OF_A_VISIT)],
            ),
            (
                r#"{"resourceType":"DocumentReference","context":{"encounter":[{"reference":"Encounter/2"}]}}"#,
                &[("Encounter/2", OF_A_VISIT)],
            ),
            (
                r#"{"resourceType":"MedicationRequest","medicationReference":{"reference":"Medication/3"},"reasonReference":[{"reference":"Condition/4"}]}"#,
                &[("Medication/3", EVERY), ("Condition/4", EVERY)],
            ),
            (
                r#"{"resourceType":"Encounter","partOf":{"reference":"Encounter/5"},"diagnosis":[{"condition":{"reference":"Condition/6"}}]}"#,
                &[("Encounter/5", OF_A_VISIT), ("Condition/6", EVERY)],
            ),
            (
                r#"{"resourceType":"Observation","partOf":[{"reference":"Procedure/1"}],"subject":{"reference":"Patient/1"}}"#,
                &[],
            ),
        ];
        for (text, expected) in cases {
            let resource = Json::parse(text.as_bytes()).expect("JSON");
            let found: Vec<_> = sources(&resource).iter().map(|s| (s.reference, s.takes)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
