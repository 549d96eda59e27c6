//! Sealing: AES-256-GCM with a random nonce in front, and HMAC-SHA-256. The only place that calls a cipher.

use crate::error::Fault;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base::id::Ids;
use std::fmt;

/// Bytes a seal adds in front.
pub(crate) const NONCE: usize = 12;
/// Bytes a seal adds behind.
pub(crate) const TAG: usize = 16;

/// Seals and opens under one key (NIST SP 800-38D). Nonces are random, so one key must stay well below 2^32 seals;
/// patients have one each.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    /// A sealer under `key`.
    pub fn new(key: &[u8; 32]) -> Result<Sealer, Fault> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| Fault::Key("A key could not be used.".to_owned()))?;
        Ok(Sealer(LessSafeKey::new(key)))
    }

    /// Nonce, ciphertext and tag. `label` must be given again to open.
    pub fn seal(&self, label: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::with_capacity(plain.len() + NONCE + TAG);
        out.extend_from_slice(&[0; NONCE]);
        out.extend_from_slice(plain);
        self.seal_in_place(label, &mut out)?;
        Ok(out)
    }

    /// Seals a buffer whose first twelve bytes are free for the nonce.
    pub fn seal_in_place(&self, label: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut nonce = [0; NONCE];
        Ids::System.fill(&mut nonce);
        out[..NONCE].copy_from_slice(&nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(label), &mut out[NONCE..])
            .map_err(|_| Fault::Key("Something could not be sealed.".to_owned()))?;
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// What was sealed, or nothing if key, label or bytes are not the same. Opens in place.
    pub fn open<'a>(&self, label: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let (nonce, rest) = sealed.split_at_mut_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.0.open_in_place(nonce, Aad::from(label), rest).ok().map(|plain| &*plain)
    }

    /// A sealed key of 32 bytes.
    pub fn open_key(&self, label: &[u8], sealed: &[u8]) -> Option<[u8; 32]> {
        self.open(label, &mut sealed.to_vec())?.try_into().ok()
    }
}

/// HMAC-SHA-256 under one key.
pub(crate) struct Mac(hmac::Key);

impl Mac {
    /// A code under `key`.
    pub fn new(key: &[u8]) -> Mac {
        Mac(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The code of a text in pieces.
    pub fn sign(&self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for piece in pieces {
            context.update(piece);
        }
        let mut code = [0; 32];
        code.copy_from_slice(context.sign().as_ref());
        code
    }

    /// Whether `code`, in lower-case hexadecimal digits, is the code of `bytes`; takes as long for a near miss as for a
    /// far one.
    pub fn holds_hex(&self, bytes: &[u8], code: &str) -> bool {
        let right = super::root::hex(&self.sign(&[bytes]));
        verify_slices_are_equal(right.as_bytes(), code.as_bytes()).is_ok()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_as_it_was() {
        let sealer = Sealer::new(&[1; 32]).expect("a key");
        let sealed = sealer.seal(b"label", b"plain").expect("sealed");
        assert_eq!(sealed.len(), 5 + NONCE + TAG);
        assert_eq!(sealer.open(b"label", &mut sealed.clone()), Some(&b"plain"[..]));
        assert_eq!(sealer.open(b"other", &mut sealed.clone()), None);
        assert_eq!(Sealer::new(&[2; 32]).expect("a key").open(b"label", &mut sealed.clone()), None);
        for i in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[i] ^= 1;
            assert_eq!(sealer.open(b"label", &mut flipped), None, "byte {i}");
        }
        assert_eq!(sealer.open(b"label", &mut [0; 5]), None);
    }
}
