//! Any patch document is applied whole or refused, and leaves type and id as they were.
#![no_main]

use base::clock::Instant;
use fhir::json::Json;
use fhir::patch::Patch;
use libfuzzer_sys::fuzz_target;

const PATIENT: &[u8] = br#"{"resourceType":"Patient","id":"1","name":[{"family":"A","given":["B","C"]}],"birthDate":"1980-02"}"#;

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Json::parse(bytes) else { return };
    for patch in [Patch::json(&document), Patch::fhirpath(&document)].into_iter().flatten() {
        let before = Json::parse(PATIENT).expect("a patient").into_owned();
        let mut after = before.clone();
        if patch.apply(&mut after, Instant(0)).is_err() {
            assert_eq!(after, before);
        }
        assert_eq!((after.text("resourceType"), after.text("id")), (Some("Patient"), Some("1")));
    }
});
