//! HL7's own examples: each is read, written back the same, and validates as the specification says.

use crate::archives::json_files;
use base::finding::Finding;
use fhir::json::Json;
use fhir::validate::{Depth, skipped, validate};
use std::collections::BTreeSet;

const EXAMPLES: &str = "fhir/hl7.fhir.r4.examples-4.0.1.tgz";

#[test]
fn every_example_comes_back_as_it_was() {
    let Some(files) = json_files(EXAMPLES) else { return };
    for (name, bytes) in &files {
        let tree = Json::parse(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (written, expected) = (tree.to_bytes(), without_white_space(bytes));
        if written != expected {
            let at = written.iter().zip(&expected).take_while(|(a, b)| a == b).count();
            panic!(
                "{name} differs at byte {at}: {}",
                String::from_utf8_lossy(&expected[at.saturating_sub(20)..at + 20])
            );
        }
    }
}

/// The text without white space between its tokens.
fn without_white_space(text: &[u8]) -> Vec<u8> {
    let (mut out, mut in_string, mut escaped) = (Vec::with_capacity(text.len()), false, false);
    for &b in text {
        if !in_string && b.is_ascii_whitespace() {
            continue;
        }
        if b == b'"' && !escaped {
            in_string = !in_string;
        }
        escaped = b == b'\\' && !escaped;
        out.push(b);
    }
    out
}

/// The examples that are not valid, with the first thing that is wrong with each. HL7 published them so.
const INVALID: [(&str, &str, &str); 28] = [
    // An empty narrative (txt-2).
    ("ActivityDefinition-blood-tubes-supply", "value", "ActivityDefinition.text.div"),
    ("ActivityDefinition-heart-valve-replacement", "value", "ActivityDefinition.text.div"),
    ("EventDefinition-example", "value", "EventDefinition.text.div"),
    ("Questionnaire-zika-virus-exposure-assessment", "value", "Questionnaire.text.div"),
    // References to types the element does not allow.
    ("DeviceMetric-example", "value", "DeviceMetric.parent.reference"),
    ("DeviceUseStatement-example", "value", "DeviceUseStatement.reasonReference[0].reference"),
    ("MedicationRequest-medrx0301", "value", "MedicationRequest.dispenseRequest.performer.reference"),
    ("Observation-clinical-gender", "value", "Observation.performer[0].reference"),
    // Required elements are missing.
    ("ImplementationGuide-fhir", "required", "ImplementationGuide.name"),
    ("ig-r4", "required", "ImplementationGuide.name"),
    ("Questionnaire-qs1", "required", "Questionnaire.item[0].item[0].linkId"),
    ("SearchParameter-codesystem-extensions-CodeSystem-author", "required", "SearchParameter.base"),
    ("SearchParameter-codesystem-extensions-CodeSystem-effective", "required", "SearchParameter.base"),
    ("SearchParameter-codesystem-extensions-CodeSystem-end", "required", "SearchParameter.base"),
    ("SearchParameter-codesystem-extensions-CodeSystem-keyword", "required", "SearchParameter.base"),
    ("SearchParameter-codesystem-extensions-CodeSystem-workflow", "required", "SearchParameter.base"),
    ("SearchParameter-valueset-extensions-ValueSet-author", "required", "SearchParameter.base"),
    ("SearchParameter-valueset-extensions-ValueSet-effective", "required", "SearchParameter.base"),
    ("SearchParameter-valueset-extensions-ValueSet-end", "required", "SearchParameter.base"),
    ("SearchParameter-valueset-extensions-ValueSet-keyword", "required", "SearchParameter.base"),
    ("SearchParameter-valueset-extensions-ValueSet-workflow", "required", "SearchParameter.base"),
    // An id of more than 64 characters.
    (
        "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject",
        "value",
        "SearchParameter.id",
    ),
    // Invariants: the same fullUrl without a version (bdl-7), no baseDefinition although not abstract (sdf-4).
    ("Bundle-dataelements", "invariant", "Bundle"),
    ("StructureDefinition-Definition", "invariant", "StructureDefinition"),
    ("StructureDefinition-Event", "invariant", "StructureDefinition"),
    ("StructureDefinition-FiveWs", "invariant", "StructureDefinition"),
    ("StructureDefinition-Request", "invariant", "StructureDefinition"),
    // The archive's table of contents is no resource.
    ("package", "structure", "Resource"),
];

#[test]
fn every_example_validates_as_the_specification_says() {
    assert_eq!(skipped(), [], "invariants that cannot be run");
    let Some(files) = json_files(EXAMPLES) else { return };
    let mut found = BTreeSet::new();
    for (name, bytes) in &files {
        let Ok(tree) = Json::parse(bytes) else { panic!("{name} does not parse") };
        let findings = validate(&tree, Depth::Full);
        let unchecked = findings.iter().find(|f| f.message.contains(" was not checked: "));
        assert!(unchecked.is_none(), "{name}: {unchecked:?}");
        if let Some(first) = findings.into_iter().find(Finding::is_error) {
            found.insert((name.trim_end_matches(".json").to_owned(), first.code, first.path));
        }
    }
    let expected: BTreeSet<_> = INVALID.iter().map(|(n, c, p)| ((*n).to_owned(), *c, (*p).to_owned())).collect();
    let differences: Vec<_> = found.symmetric_difference(&expected).collect();
    assert!(differences.is_empty(), "{differences:#?}");
}
