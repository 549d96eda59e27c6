//! A map by element name for the hot paths: the names are the specification's, so that nobody can choose colliding ones,
//! and a hash of a few multiplications will do.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from the specification's own names.
pub type Names<V> = HashMap<String, V, BuildHasherDefault<NameHasher>>;

/// Rotate, xor, multiply over eight bytes at a time (the hash of Firefox and rustc).
#[derive(Clone, Copy, Debug, Default)]
pub struct NameHasher(u64);

const ODD: u64 = 0x517c_c1b7_2722_0a95;

impl NameHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(ODD);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        let tail = rest.iter().fold(0, |tail, &b| (tail << 8) | u64::from(b));
        self.add(tail);
    }

    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
