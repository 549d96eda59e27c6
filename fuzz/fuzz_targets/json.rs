//! What is read as JSON is written and read again the same; anything else is refused without a panic.
#![no_main]

use fhir::json::Json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(tree) = Json::parse(bytes) {
        let written = tree.to_bytes();
        assert_eq!(Json::parse(&written).as_ref(), Ok(&tree));
    }
});
