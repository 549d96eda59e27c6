//! What a resource takes over from those it points to.
//!
//! A lab result says "potassium" and nothing else, but if the visit was in a Part 2 program, the result is a record of
//! that program (42 CFR 2.11 "Records", 2.12(a)(1)); a report made of an HIV test tells of the test. Which references
//! count, and for which labels, is said here; the index follows them over any number of steps
//! ([`crate::search::index`]), also when what is pointed to comes later or is labelled later.

use super::{Label, Labels};
use crate::search::rows::{MADE_OF, VISIT_OF};
use fhir::json::Json;
use fhir::search::params::PathId;

/// What a visit passes on to all that was recorded in it.
pub const OF_A_VISIT: Labels =
    Labels::NONE.with(Label::Part2).with(Label::SubstanceUse).with(Label::PsychotherapyNote).with(Label::Minor);

/// Every label, those of a newer program included.
pub const EVERY: Labels = Labels::from_bits(u32::MAX);

/// How labels pass over: the index's path of such references, and the labels that pass.
pub const WAYS: [(PathId, Labels); 2] = [(VISIT_OF, OF_A_VISIT), (MADE_OF, EVERY)];

/// A resource from which labels are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'r> {
    /// `Encounter/7`.
    pub reference: &'r str,
    /// As whose record, one of [`WAYS`].
    pub way: PathId,
}

/// The resources from which this one takes labels over: its visit, what it is part of or made of, the drug it
/// prescribes, the reasons it gives. Made for the path of every write: one walk over the members.
#[must_use]
pub fn sources<'r>(resource: &'r Json) -> Vec<Source<'r>> {
    let mut sources = Vec::new();
    let is_visit = resource.text("resourceType") == Some("Encounter");
    for (name, value) in resource.as_object().into_iter().flat_map(fhir::json::Object::iter) {
        match name {
            "encounter" | "episodeOfCare" => add(value, VISIT_OF, &mut sources),
            "context" => {
                add(value, VISIT_OF, &mut sources);
                inside(value, &["encounter"], VISIT_OF, &mut sources);
                inside(value, &["related"], MADE_OF, &mut sources);
            }
            "partOf" => add(value, if is_visit { VISIT_OF } else { MADE_OF }, &mut sources),
            "section" => section(value, &mut sources),
            _ => inside_of(name).into_iter().for_each(|steps| inside(value, steps, MADE_OF, &mut sources)),
        }
    }
    sources
}

/// Where in a member stands what the resource is made of: the way to the references, empty where they are the member.
fn inside_of(member: &str) -> Option<&'static [&'static str]> {
    Some(match member {
        // Results, and what they are put together from.
        "result" | "hasMember" | "derivedFrom" | "imagingStudy" | "basis" | "parent" | "report" => &[],
        // Prescriptions, reasons, problems.
        "medicationReference"
        | "authorizingPrescription"
        | "reasonReference"
        | "problem"
        | "addresses"
        | "complicationDetail" => &[],
        // About another resource: a task, a bill, an answer, what somebody did with it.
        "focus" | "request" | "claim" | "about" => &[],
        "target" => &[],
        "diagnosis" => &["condition", "diagnosisReference"],
        "procedure" => &["procedureReference"],
        "relatesTo" => &["target"],
        "content" | "payload" => &["contentReference"],
        "media" => &["link"],
        "evidence" | "reaction" => &["detail"],
        "stage" => &["assessment"],
        "activity" => &["reference"],
        "investigation" | "entry" => &["item"],
        "finding" => &["itemReference"],
        _ => return None,
    })
}

/// Adds the references at some of the members of a value, or the value's own where no member is named.
fn inside<'r>(value: &'r Json, steps: &[&str], way: PathId, sources: &mut Vec<Source<'r>>) {
    if steps.is_empty() {
        return add(value, way, sources);
    }
    for part in each(value) {
        steps.iter().filter_map(|step| part.get(step)).for_each(|found| add(found, way, sources));
    }
}

/// Sections of a document, and those inside them.
fn section<'r>(value: &'r Json, sources: &mut Vec<Source<'r>>) {
    for part in each(value) {
        part.get("entry").into_iter().for_each(|entries| add(entries, MADE_OF, sources));
        part.get("section").into_iter().for_each(|inner| section(inner, sources));
    }
}

fn each<'r, 'j>(value: &'r Json<'j>) -> impl Iterator<Item = &'r Json<'j>> {
    let (items, one) = if let Json::Array(items) = value { (items.as_slice(), None) } else { (&[][..], Some(value)) };
    items.iter().chain(one)
}

fn add<'r>(value: &'r Json, way: PathId, sources: &mut Vec<Source<'r>>) {
    sources.extend(each(value).filter_map(|one| Some(Source { reference: one.text("reference")?, way })));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_takes_from_its_visit_and_from_what_it_is_made_of() {
        let cases: [(&str, &[(&str, PathId)]); 9] = [
            (r#"{"resourceType":"Observation","encounter":{"reference":"Encounter/1"}}"#, &[("Encounter/1", VISIT_OF)]),
            (
                r#"{"resourceType":"DocumentReference","context":{"encounter":[{"reference":"Encounter/2"}],"related":[{"reference":"Observation/1"}]}}"#,
                &[("Encounter/2", VISIT_OF), ("Observation/1", MADE_OF)],
            ),
            (
                r#"{"resourceType":"MedicationRequest","medicationReference":{"reference":"Medication/3"},"reasonReference":[{"reference":"Condition/4"}]}"#,
                &[("Medication/3", MADE_OF), ("Condition/4", MADE_OF)],
            ),
            (
                r#"{"resourceType":"Encounter","partOf":{"reference":"Encounter/5"},"diagnosis":[{"condition":{"reference":"Condition/6"}}]}"#,
                &[("Encounter/5", VISIT_OF), ("Condition/6", MADE_OF)],
            ),
            (
                r#"{"resourceType":"Observation","partOf":[{"reference":"Procedure/1"}],"subject":{"reference":"Patient/1"}}"#,
                &[("Procedure/1", MADE_OF)],
            ),
            (
                r#"{"resourceType":"DiagnosticReport","result":[{"reference":"Observation/1"},{"reference":"Observation/2"}]}"#,
                &[("Observation/1", MADE_OF), ("Observation/2", MADE_OF)],
            ),
            (
                r#"{"resourceType":"Composition","section":[{"entry":[{"reference":"Condition/1"}],"section":[{"entry":[{"reference":"Condition/2"}]}]}]}"#,
                &[("Condition/1", MADE_OF), ("Condition/2", MADE_OF)],
            ),
            (
                r#"{"resourceType":"Claim","diagnosis":[{"sequence":1,"diagnosisReference":{"reference":"Condition/1"}}]}"#,
                &[("Condition/1", MADE_OF)],
            ),
            (
                r#"{"resourceType":"Provenance","target":[{"reference":"DocumentReference/1"}],"agent":[{"who":{"reference":"Practitioner/1"}}]}"#,
                &[("DocumentReference/1", MADE_OF)],
            ),
        ];
        for (text, expected) in cases {
            let resource = Json::parse(text.as_bytes()).expect("JSON");
            let found: Vec<_> = sources(&resource).iter().map(|s| (s.reference, s.way)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
