//! The keyed hash that stands for an identifier, a name or a code wherever it may not stand itself.
//!
//! SipHash-2-4 (Aumasson, Bernstein: SipHash, INDOCRYPT 2012) under a secret of the site: who has the disk but not the
//! key cannot try names against it. 64 bits address; 128 bits are for sums that must not be matched by chance. What is added
//! up by the million, rows of 16 bytes, is scrambled by AES instead, many at once ([`BlockSum`]).

use super::seal::{BLOCKS_AT_ONCE, Block, Scrambler};
use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher24 as SipHasher24Wide};
use std::fmt;
use std::hash::Hasher as _;
use std::sync::Arc;

/// A keyed hash under the site's index key. Cheap to clone; shows nothing of its key.
#[derive(Clone)]
pub struct Hasher {
    narrow: SipHasher24,
    wide: SipHasher24Wide,
    blocks: Arc<Scrambler>,
}

impl Hasher {
    /// A hasher under `key`: the first half keys the 64-bit hash, the second the 128-bit one.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Hasher {
        let mut halves = [[0; 16]; 2];
        halves[0].copy_from_slice(&key[..16]);
        halves[1].copy_from_slice(&key[16..]);
        let (narrow, mut wide) = (SipHasher24::new_with_key(&halves[0]), SipHasher24Wide::new_with_key(&halves[1]));
        let kept = wide;
        wide.write(b"key of the sums of blocks");
        let blocks = Arc::new(Scrambler::new(&wide.finish128().as_bytes()));
        Hasher { narrow, wide: kept, blocks }
    }

    /// The hash of a text, as SQLite stores it.
    #[must_use]
    pub fn hash64(&self, text: &str) -> i64 {
        self.hash64_of(&[text])
    }

    /// The hash of a text given in pieces: `["Patient", "/", "1"]` equals `"Patient/1"`.
    #[must_use]
    pub fn hash64_of(&self, pieces: &[&str]) -> i64 {
        let mut state = self.narrow;
        for piece in pieces {
            state.write(piece.as_bytes());
        }
        state.finish().cast_signed()
    }

    /// The pseudonym of a resource: the hash of `Type/id`. Keys of entries and references share it.
    #[must_use]
    pub fn resource(&self, resource_type: &str, id: &str) -> i64 {
        self.hash64_of(&[resource_type, "/", id])
    }

    /// A wide hash, for sums over rows.
    #[must_use]
    pub fn hash128(&self, bytes: &[u8]) -> u128 {
        let mut state = self.wide;
        state.write(bytes);
        state.finish128().as_u128()
    }
}

/// A sum of rows that grows row by row.
///
/// Each row becomes a number under the site's key, and the numbers are added modulo 2^128: rows that somebody without the
/// key adds, takes away or changes do not add up, in whatever order they are read (Clarke et al.: Incremental Multiset Hash
/// Functions, ASIACRYPT 2003, MSet-Add-Hash). That holds as long as no two different rows have the same bytes.
pub(crate) struct BlockSum<'h> {
    hasher: &'h Hasher,
    waiting: Vec<Block>,
    sum: u128,
}

impl<'h> BlockSum<'h> {
    /// The sum of nothing.
    pub fn new(hasher: &'h Hasher) -> BlockSum<'h> {
        BlockSum { hasher, waiting: Vec::new(), sum: 0 }
    }

    /// Counts a row that fits a block.
    pub fn block(&mut self, block: Block) {
        if self.waiting.len() >= BLOCKS_AT_ONCE {
            self.take();
        }
        self.waiting.push(block);
    }

    /// Counts a row of more bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.sum = self.sum.wrapping_add(self.hasher.hash128(bytes));
    }

    /// What was counted.
    pub fn end(mut self) -> u128 {
        self.take();
        self.sum
    }

    fn take(&mut self) {
        self.sum = self.sum.wrapping_add(self.hasher.blocks.sum(&self.waiting));
        self.waiting.clear();
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_text_and_the_key_and_not_on_the_pieces() {
        let (a, b) = (Hasher::new(&[1; 32]), Hasher::new(&[2; 32]));
        assert_eq!(a.resource("Patient", "1"), a.hash64("Patient/1"));
        assert_ne!(a.hash64("Patient/1"), a.hash64("Patient/2"));
        assert_ne!(a.hash64("Patient/1"), b.hash64("Patient/1"));
        assert_ne!(a.hash128(b"x"), b.hash128(b"x"));
        assert_eq!(format!("{a:?}"), "Hasher(…)");
    }

    #[test]
    fn the_hash_is_siphash_2_4() {
        // The paper's own test vector: key 00..0f, message 00..0e.
        let mut key = [0; 32];
        key[..16].copy_from_slice(&std::array::from_fn::<u8, 16, _>(|i| i as u8));
        let message: Vec<u8> = (0..15).collect();
        let text = String::from_utf8(message).expect("ASCII");
        assert_eq!(Hasher::new(&key).hash64(&text).cast_unsigned(), 0xa129_ca61_49be_45e5);
    }
}
