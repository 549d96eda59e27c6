//! The demo hospital: a believable 25-bed house with its clinic, made from a seed.
//!
//! The same seed gives the same bytes on any machine: whole numbers, and no clock but [`day::TODAY`]. A patient with
//! number `n` is the same whatever the number of patients, so that a larger hospital contains the smaller one. Patients
//! are made one at a time; nothing is kept.

mod chart;
mod codes;
pub mod day;
mod dice;
mod house;
mod kidney;
mod names;
mod people;
mod results;
mod stories;
#[cfg(test)]
mod tests;
mod tree;
mod visits;

pub use tree::Tree;

/// A hospital that has not been written down yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hospital {
    seed: u64,
    patients: usize,
}

impl Hospital {
    /// A hospital with so many patients.
    #[must_use]
    pub fn new(seed: u64, patients: usize) -> Hospital {
        Hospital { seed, patients }
    }

    /// All resources in groups: first the house itself, then each patient's chart.
    ///
    /// Each resource has an id; to load it is to `PUT` it. A group refers only to itself, to the first group, and, for a
    /// child born here, to nothing of the mother's.
    pub fn groups(self) -> impl Iterator<Item = Vec<Tree>> {
        (0..=self.patients).map(move |n| self.group(n))
    }

    /// One group: 0 is the house, `n` the chart of patient number `n - 1`.
    #[must_use]
    pub fn group(self, n: usize) -> Vec<Tree> {
        match n {
            0 => house::resources(),
            n => stories::chart(self.seed, n - 1),
        }
    }
}
