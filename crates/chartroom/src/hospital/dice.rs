//! Chance from a seed: the same numbers on any machine, from whole-number arithmetic only.

/// A sequence of random numbers (SplitMix64: Steele, Lea, Flood, OOPSLA 2014). Not for keys.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A sequence of its own for each seed, patient and matter, so that a new story does not move the others.
    pub fn new(seed: u64, patient: usize, matter: u64) -> Dice {
        let mut dice = Dice(seed ^ 0x6368_6172_7472_6f6f);
        let a = dice.next().wrapping_add(patient as u64);
        let mut dice = Dice(a);
        let b = dice.next().wrapping_add(matter);
        Dice(b)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // Multiply and shift instead of a remainder: no division, and the bias is below 2^-32 for our small numbers.
        (((self.next() >> 32) * n as u64) >> 32) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1).max(1) as usize) as i32
    }

    /// A number around `mean`, at most `spread` away, more often near than far (sum of two even draws).
    pub fn around(&mut self, mean: i32, spread: i32) -> i32 {
        mean + (self.between(-spread, spread) + self.between(-spread, spread)) / 2
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, per_thousand: usize) -> bool {
        self.below(1000) < per_thousand
    }

    /// One of them. The list is not empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of them, by weight. The list is not empty and the weights are not all 0.
    pub fn weighted<'a, T>(&mut self, from: &'a [(usize, T)]) -> &'a T {
        let total: usize = from.iter().map(|(weight, _)| weight).sum();
        let mut at = self.below(total);
        for (weight, item) in from {
            if at < *weight {
                return item;
            }
            at -= weight;
        }
        &from[from.len() - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_and_stays_in_its_bounds() {
        let (mut a, mut b, mut c) = (Dice::new(1, 2, 3), Dice::new(1, 2, 3), Dice::new(1, 3, 2));
        let first = a.next();
        assert_eq!(first, b.next());
        assert_ne!(first, c.next());
        for _ in 0..10_000 {
            assert!((3..=5).contains(&a.between(3, 5)));
            assert!((90..=110).contains(&a.around(100, 10)));
            assert_ne!(*a.weighted(&[(0, 'x'), (3, 'y'), (1, 'z')]), 'x');
        }
        assert_eq!(a.below(0), 0);
    }
}
