//! Validation and index extraction take any JSON without a panic.
#![no_main]

use fhir::json::Json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(tree) = Json::parse(bytes) {
        let _ = fhir::validate::validate(&tree, fhir::validate::Depth::Advice);
        fhir::search::extract::extract(&tree, &mut |_, _| {});
    }
});
