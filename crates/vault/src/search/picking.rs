//! Looking for the one who is meant: several questions bring candidates, and only those who fit are shown. The audit names
//! those, and nobody who was only compared.

use super::Page;
use crate::access::Visit;
use crate::error::Error;
use crate::records::{Vault, Version};
use fhir::search::query::Query;
use std::collections::HashSet;

/// Candidates as they come. They leave through [`Picking::best`] alone.
pub struct Picking<'v, C> {
    vault: &'v Vault,
    visit: &'v Visit,
    picked: Vec<(C, Version)>,
    known: HashSet<(String, String)>,
}

impl<'v, C: Ord> Picking<'v, C> {
    /// Nobody yet.
    #[must_use]
    pub fn new(vault: &'v Vault, visit: &'v Visit) -> Picking<'v, C> {
        Picking { vault, visit, picked: Vec::new(), known: HashSet::new() }
    }

    /// Adds up to `count` matches of a question, each once, as far as `fits` says how well they fit: the least is the best.
    /// Answers how many there are by now.
    pub fn ask(&mut self, query: &Query, count: usize, fits: impl Fn(&Version) -> Option<C>) -> Result<usize, Error> {
        let found = self.vault.found(self.visit, query, &Page { count, ..Page::default() })?;
        for version in found.matches {
            let Some(cost) = fits(&version) else { continue };
            if self.known.insert((version.resource_type.clone(), version.id.clone())) {
                self.picked.push((cost, version));
            }
        }
        Ok(self.picked.len())
    }

    /// The `most` that fit best, the best first, and how many more fitted. These are shown, and noted as such.
    #[must_use]
    pub fn best(mut self, most: usize) -> (Vec<(C, Version)>, usize) {
        self.picked.sort_by(|(a, _), (b, _)| a.cmp(b));
        let more = self.picked.len().saturating_sub(most);
        self.picked.truncate(most);
        self.picked.iter().for_each(|(_, version)| self.visit.trail().show(version));
        (self.picked, more)
    }
}
