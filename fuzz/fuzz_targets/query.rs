//! Any query string is parsed or refused.
#![no_main]

use base::clock::Instant;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let pairs: Vec<(String, String)> = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for resource_type in [None, Some("Patient"), Some("Observation")] {
        let _ = fhir::search::query::parse(resource_type, &pairs, true, Instant(0));
    }
});
