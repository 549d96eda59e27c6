//! Bearer tokens: `ct1.RANDOM.CODE`, where the code is an HMAC of what stands before it under a key of the root key.
//!
//! Nothing is stored: whoever holds the root key can make one and check one.

use crate::keys::root::{Ring, hex};
use base::id::Ids;

const FORM: &str = "ct1";

/// A fresh token.
pub(super) fn issue(ring: &Ring) -> String {
    let mut random = [0; 16];
    Ids::System.fill(&mut random);
    let body = format!("{FORM}.{}", hex(&random));
    let code = hex(&ring.token.sign(&[body.as_bytes()]));
    format!("{body}.{code}")
}

/// Whether a token is one of ours.
pub(super) fn is_good(ring: &Ring, token: &str) -> bool {
    let Some((body, code)) = token.rsplit_once('.') else { return false };
    let good = ring.token.holds_hex(body.as_bytes(), code);
    good && body.strip_prefix(FORM).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::root::RootKey;
    use crate::records::KeySource;

    fn ring(digit: &str) -> Ring {
        let source = KeySource::Hex(digit.repeat(64));
        RootKey::find(&source, std::path::Path::new("."), true).and_then(|root| root.ring()).expect("a ring")
    }

    #[test]
    fn only_our_own_tokens_are_good() {
        let (ours, theirs) = (ring("a"), ring("b"));
        let token = issue(&ours);
        assert!(is_good(&ours, &token));
        assert!(!is_good(&theirs, &token));
        assert_ne!(token, issue(&ours));
        for i in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[i] ^= 1;
            assert!(!is_good(&ours, &String::from_utf8(forged).expect("ASCII")), "byte {i}");
        }
        for wrong in ["", "ct1", "ct1..", "ct1.00.00", &token[1..], &token.to_uppercase(), &format!("{token}0")] {
            assert!(!is_good(&ours, wrong), "{wrong}");
        }
    }
}
