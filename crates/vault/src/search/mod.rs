//! Search over the index: from a query to pages of versions.

pub mod index;
mod narrative;
pub mod rows;

use crate::access::Visit;
use crate::error::Error;
use crate::records::{Position, Vault, Version};
use fhir::search::query::Query;

/// Which slice of the matches.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Pinned log position; `None` for the first page: the head is taken and returned.
    pub at: Option<Position>,
    /// How many matches to skip.
    pub offset: u64,
    /// At most this many matches.
    pub count: usize,
}

/// One page of matches.
#[derive(Clone, Debug)]
pub struct Found {
    /// The log position the answer is true for.
    pub at: Position,
    /// Matches in order.
    pub matches: Vec<Version>,
    /// What `_include` and `_revinclude` bring along, each once, none that is a match.
    pub included: Vec<Version>,
    /// Exact number of matches over all pages, if asked.
    pub total: Option<u64>,
    /// Whether there are more matches after this page.
    pub more: bool,
}

impl Vault {
    /// Answers a query. Waits until the index has reached the head, so that what was acknowledged is found.
    pub fn search(&self, visit: &Visit, query: &Query, page: &Page) -> Result<Found, Error> {
        let _ = (visit, query, page);
        unimplemented!()
    }
}
