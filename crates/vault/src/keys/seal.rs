//! Sealing: AES-256-GCM with a random nonce in front, HMAC-SHA-256, and sums of blocks under a key. The only place that
//! calls a cipher.

use crate::error::Fault;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
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

/// 16 bytes, which a [`Scrambler`] takes as one.
pub(crate) type Block = [u8; 16];

/// How many blocks are scrambled in one go.
pub(crate) const BLOCKS_AT_ONCE: usize = 256;

/// Makes numbers of blocks that nobody can tell, or match by others, without the key: AES-128 in its inverse direction.
///
/// Only that direction of the library works on several blocks at a time, as the decryption of a CBC chain (what that adds
/// of the block before is taken off again); it is as good a permutation as the other (NIST FIPS 197).
pub(crate) struct Scrambler(DecryptingKey);

impl Scrambler {
    /// A scrambler under `key`.
    pub fn new(key: &[u8; 16]) -> Scrambler {
        let key = UnboundCipherKey::new(&AES_128, key).and_then(DecryptingKey::cbc);
        Scrambler(key.expect("sixteen bytes are a key of AES-128, which has the mode CBC"))
    }

    /// The sum of what the blocks become, modulo 2^128.
    pub fn sum(&self, blocks: &[Block]) -> u128 {
        let mut room = [0; size_of::<Block>() * BLOCKS_AT_ONCE];
        let mut sum = 0u128;
        for blocks in blocks.chunks(BLOCKS_AT_ONCE) {
            let room = &mut room[..size_of_val(blocks)];
            room.copy_from_slice(blocks.as_flattened());
            let chain = DecryptionContext::Iv128(FixedLength::from([0; 16]));
            let made = self.0.decrypt(room, chain).expect("whole blocks under a chain of their size");
            let mut before = 0;
            for (block, made) in blocks.iter().zip(made.as_chunks().0) {
                sum = sum.wrapping_add(u128::from_le_bytes(*made) ^ before);
                before = u128::from_le_bytes(*block);
            }
        }
        sum
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

    #[test]
    fn a_scrambled_block_is_the_standards_and_a_sum_has_no_order() {
        // NIST FIPS 197, appendix C.1: the block that becomes 00112233445566778899aabbccddeeff in this direction.
        let scrambler = Scrambler::new(&std::array::from_fn(|i| i as u8));
        let block = 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a_u128.to_be_bytes();
        let made = u128::from_le_bytes(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes());
        assert_eq!(scrambler.sum(&[block]), made);
        let mut blocks: Vec<Block> = (0..3 * BLOCKS_AT_ONCE as u128 + 7).map(u128::to_le_bytes).collect();
        blocks.push(block);
        let one_by_one = blocks.iter().fold(0u128, |sum, &block| sum.wrapping_add(scrambler.sum(&[block])));
        assert_eq!(scrambler.sum(&blocks), one_by_one);
        blocks.reverse();
        assert_eq!(scrambler.sum(&blocks), one_by_one);
        assert_ne!(scrambler.sum(&blocks[1..]), one_by_one);
        assert_ne!(Scrambler::new(&[1; 16]).sum(&blocks), one_by_one);
    }
}
