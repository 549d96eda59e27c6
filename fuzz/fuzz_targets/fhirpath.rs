//! Any text is compiled or refused; what compiles is evaluated within its bounds.
#![no_main]

use base::clock::Instant;
use fhir::json::Json;
use libfuzzer_sys::fuzz_target;

const PATIENT: &[u8] = br#"{"resourceType":"Patient","id":"1","name":[{"family":"A","given":["B","C"]}],"birthDate":"1980-02"}"#;

fuzz_target!(|text: &str| {
    let patient = Json::parse(PATIENT).expect("a patient");
    let _ = fhir::fhirpath::evaluate_to_json(text, &patient, Instant(0));
});
