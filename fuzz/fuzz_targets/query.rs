//! Any query string is parsed or refused.
#![no_main]

use base::clock::Instant;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(pairs) = fhir::search::query::url::pairs(text) else { return };
    for resource_type in [None, Some("Patient"), Some("Observation")] {
        let _ = fhir::search::query::parse(resource_type, &pairs, true, Instant(0));
    }
});
