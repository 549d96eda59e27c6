//! Identifiers and random numbers. Nothing else in Chartroom makes them, so that one seed replays a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where random bytes come from: the operating system, or a seed.
#[derive(Clone, Debug)]
pub enum Ids {
    /// The operating system's generator; the only choice for keys.
    System,
    /// A deterministic sequence for tests and the demo hospital.
    Seeded(Arc<AtomicU64>),
}

impl Ids {
    /// A sequence that is the same for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Ids {
        Ids::Seeded(Arc::new(AtomicU64::new(seed)))
    }

    /// Fills `bytes`.
    ///
    /// # Panics
    /// If the operating system has no randomness to give: nothing may go on without it.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the operating system")]
    pub fn fill(&self, bytes: &mut [u8]) {
        match self {
            Ids::System => getrandom::fill(bytes).expect("the operating system's random source failed"),
            Ids::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    let word = splitmix(state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst)).to_le_bytes();
                    chunk.copy_from_slice(&word[..chunk.len()]);
                }
            }
        }
    }

    /// A random UUID (RFC 9562 version 4), lower case.
    #[must_use]
    pub fn uuid(&self) -> String {
        let mut b = [0; 16];
        self.fill(&mut b);
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        let n = u128::from_be_bytes(b);
        let hex = format!("{n:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

// Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
fn splitmix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (a, b) = (Ids::seeded(7), Ids::seeded(7));
        let first = a.uuid();
        assert_eq!(first, b.uuid());
        assert_ne!(first, a.uuid());
        assert_eq!(first.len(), 36);
        assert_eq!(&first[14..15], "4");
    }
}
