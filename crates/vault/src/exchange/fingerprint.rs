//! Fingerprints: SHA-256 of a content, to know it again.

use crate::keys::root::hex;
use aws_lc_rs::digest::{Context, SHA256};

/// A SHA-256 being taken.
pub struct Fingerprint(Context);

impl Default for Fingerprint {
    fn default() -> Fingerprint {
        Fingerprint(Context::new(&SHA256))
    }
}

impl Fingerprint {
    /// Takes in more of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn hex(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

/// An id that the same content always gets: a UUID of RFC 9562 version 8 made of its SHA-256.
pub(super) fn content_id(content: &[u8]) -> String {
    let mut fingerprint = Fingerprint::default();
    fingerprint.update(content);
    let hex = fingerprint.hex();
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}
