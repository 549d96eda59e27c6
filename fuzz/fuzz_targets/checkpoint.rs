//! Any bytes are read as a signed checkpoint or a verifier key, or refused; what is read says the same when written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::log::checkpoint::{Signed, VerifierKey};
use vault::log::witness::Witness;

fuzz_target!(|bytes: &[u8]| {
    if let Some(key) = std::str::from_utf8(bytes).ok().and_then(VerifierKey::parse) {
        assert_eq!(VerifierKey::parse(&key.to_string()), Some(key));
    }
    if let Some(signed) = Signed::parse(bytes) {
        assert!(bytes.starts_with(&signed.text), "the signed text is the beginning of the note");
        let key = Witness::new("log.example/fuzz", &[7; 32]).expect("a key").verifier();
        assert!(!signed.is_signed_by(&key), "nobody signed this");
    }
});
