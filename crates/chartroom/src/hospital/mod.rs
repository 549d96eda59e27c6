//! The demo hospital: a believable 25-bed house with its clinic, made from a seed.
//!
//! The same seed gives the same bytes on any machine: whole numbers, and no clock but [`day::TODAY`]. A patient with
//! number `n` is the same whatever the number of patients, so that a larger hospital contains the smaller one. Patients
//! are made one at a time; nothing is kept.

pub mod accounts;
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

    /// One group: 0 is the house itself, `n` the chart of patient number `n - 1`; empty when there is no such patient.
    ///
    /// Each resource has an id; to load it is to `PUT` it. A group refers only to itself and to group 0, so that groups
    /// can be made and loaded by several threads in any order.
    #[must_use]
    pub fn group(self, n: usize) -> Vec<Tree> {
        match n {
            0 => house::resources(),
            n if n <= self.patients => stories::chart(self.seed, n - 1),
            _ => Vec::new(),
        }
    }
}
