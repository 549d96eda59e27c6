//! Search over the index: from a query to pages of versions.
//!
//! A resource becomes [`rows`] when it is written; the [`index`] keeps them. A query becomes a [`plan`] over lists and
//! columns of the index; [`matching`] finds what it describes, [`residual`] looks into a resource where the index only
//! narrows, [`sort`] orders, [`mod@include`] brings along. Every answer is true for one position of the log.

mod compare;
mod contained;
pub mod export;
mod include;
pub mod index;
mod lineage;
mod matching;
mod narrative;
pub mod picking;
mod plan;
mod records;
mod residual;
pub mod rows;
mod sort;
mod terms;

use crate::access::sight::Sight;
use crate::access::{Action, Visit};
use crate::error::Error;
use crate::records::{Position, Vault, Version};
use base::clock::Instant;
use base::finding::Finding;
use base::refusal::{Kind, Refusal};
pub(crate) use contained::holds;
use fhir::search::query::{Contained, Filter, Query, Summary, Total};
use include::Including;
use index::Reading;
use matching::{Matcher, Set, Types};
use plan::Planner;
use records::Records;
use rows::{Names, type_number};
use std::borrow::Cow;

/// A page ends early once its resources take this many bytes, and so does what it brings along.
pub const PAGE_BYTES_MAX: usize = 8 << 20;

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
    /// Where the next page starts, if there are more matches after this one. It ends early when its resources are large.
    pub next: Option<u64>,
    /// What the answer lacks and why: included resources beyond a bound.
    pub findings: Vec<Finding>,
}

impl Vault {
    /// Notes a URL that this server is known by, such as `https://ehr.example.org/fhir`.
    ///
    /// A search for a reference then finds it in either form, relative or with that URL, and includes follow both. Chains,
    /// `_has` and compartments follow relative references only.
    pub fn know_base(&self, base: &str) {
        self.inner.store.index.know_base(base);
    }

    /// Answers a query. Waits until the index has reached the head, so that what was acknowledged is found.
    pub fn search(&self, visit: &Visit, query: &Query, page: &Page) -> Result<Found, Error> {
        let found = self.found(visit, query, page)?;
        found.matches.iter().chain(&found.included).for_each(|version| visit.trail().show(version));
        Ok(found)
    }

    /// [`Vault::search`], not noted yet: whoever calls it notes what leaves the vault.
    fn found(&self, visit: &Visit, query: &Query, page: &Page) -> Result<Found, Error> {
        let sight = self.sight(visit, Action::Search)?;
        let query = &*open_to(&sight, query)?;
        if sight.hidden().is_some_and(|hidden| hidden.is_asked_by(query)) {
            return Err(asked_by_hidden().into());
        }
        self.look(&sight, page.at, query.as_of, |look| {
            let only_total = query.summary == Summary::Count || query.count == Some(0);
            let Matches { matches, next, total } = match query.contained {
                Contained::Without => look.matches(query, page, only_total)?,
                Contained::Only | Contained::Both => look.contained_matches(query, page, only_total)?,
            };
            let seen = matches.iter().map(position);
            let including = Including::new(look, seen);
            // What a contained resource leads to is its holder's to bring along.
            let is_whole = |version: &&Version| !query.contained_alone || !version.id.contains('#');
            let whole: Cow<'_, [Version]> = match matches.iter().all(|version| is_whole(&version)) {
                true => Cow::Borrowed(&matches),
                false => matches.iter().filter(is_whole).cloned().collect(),
            };
            let brought = including.follow(&whole, &query.include, &query.revinclude)?;
            Ok(Found {
                at: Position(u64::from(look.reading.at)),
                matches,
                included: brought.included,
                total: (only_total || query.total != Total::None).then_some(total),
                next,
                findings: brought.findings,
            })
        })
    }

    fn look<T>(
        &self,
        sight: &Sight,
        pinned: Option<Position>,
        as_of: Option<Instant>,
        answer: impl FnOnce(&Look) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let head = self.inner.store.changes();
        let at = match (pinned, as_of) {
            (Some(at), _) => at.min(head),
            (None, Some(instant)) => self.position_at(instant)?.min(head),
            (None, None) => head,
        };
        let store = &self.inner.store;
        store.index.wait_for(at)?;
        let reading = store.index.reading(u32::try_from(at.0).unwrap_or(u32::MAX))?;
        store.readers.with(|db| {
            // One snapshot for all that is read; it ends with the transaction's own end, whatever happens.
            let snapshot = db.unchecked_transaction()?;
            answer(&Look { reading, records: Records::new(store, &snapshot, sight) })
        })
    }
}

/// A page of matches, where the next begins, and how many there are in all.
struct Matches {
    matches: Vec<Version>,
    next: Option<u64>,
    total: u64,
}

/// One look at index and record, at one position.
struct Look<'v> {
    reading: Reading<'v>,
    records: Records<'v>,
}

impl Look<'_> {
    fn matcher(&self) -> Matcher<'_> {
        Matcher::new(&self.reading, &self.records)
    }

    fn matches(&self, query: &Query, page: &Page, only_total: bool) -> Result<Matches, Error> {
        let set = self.matching(&query.filter, &query.types)?;
        let total = set.len() as u64;
        if only_total {
            return Ok(Matches { matches: Vec::new(), next: None, total });
        }
        let (matches, next) = self.slice(&sort::ordered(&query.sort, set, &self.reading, &self.matcher())?, page)?;
        Ok(Matches { matches, next, total })
    }

    fn contained_matches(&self, query: &Query, page: &Page, only_total: bool) -> Result<Matches, Error> {
        let hits = self.hits(query)?;
        let total = hits.len() as u64;
        let (matches, next) = if only_total { (Vec::new(), None) } else { self.page_of(&hits, page)? };
        Ok(Matches { matches, next, total })
    }

    /// What matches, in log order.
    fn matching(&self, filter: &Filter, types: &[String]) -> Result<Set, Error> {
        let (names, bases) = (Names::new(self.reading.hasher()), self.reading.bases());
        let mut planner = Planner { reading: &self.reading, records: &self.records, names, bases };
        let resolved = self.resolved(filter)?;
        let plan = planner.plan(resolved.as_ref().unwrap_or(filter), types)?;
        let mut numbers: Types = types.iter().map(|t| type_number(t)).collect();
        numbers.sort_unstable();
        self.matcher().all(&plan, &numbers)
    }

    fn slice(&self, ordered: &[u32], page: &Page) -> Result<(Vec<Version>, Option<u64>), Error> {
        let mut at = usize::try_from(page.offset).unwrap_or(usize::MAX).min(ordered.len());
        let to = at.saturating_add(page.count).min(ordered.len());
        let mut versions = Vec::with_capacity(to - at);
        let mut bytes = 0;
        while at < to && bytes < PAGE_BYTES_MAX {
            if let Some(version) = self.records.version(ordered[at])? {
                bytes += version.body.len();
                if bytes > PAGE_BYTES_MAX && !versions.is_empty() {
                    break;
                }
                versions.push(version);
            }
            at += 1;
        }
        Ok((versions, (at < ordered.len()).then_some(at as u64)))
    }
}

/// The query without those of several types that are never open to the visit. One type that is not is refused.
fn open_to<'q>(sight: &Sight, query: &'q Query) -> Result<Cow<'q, Query>, Refusal> {
    let is_open = |resource_type: &String| !sight.is_blind_to(resource_type);
    match query.types.first() {
        Some(first) if !query.types.iter().any(is_open) => sight.require(first).map(|()| Cow::Borrowed(query)),
        _ if query.types.iter().all(is_open) => Ok(Cow::Borrowed(query)),
        _ => {
            let types = query.types.iter().filter(|ty| is_open(ty)).cloned().collect();
            Ok(Cow::Owned(Query { types, ..query.clone() }))
        }
    }
}

/// For a query that was not read for the visit ([`Vault::query`]).
fn asked_by_hidden() -> Refusal {
    Refusal::new(Kind::Malformed, "not-supported", "the search uses a parameter that is not known here")
}

fn position(version: &Version) -> u32 {
    u32::try_from(version.position.0).unwrap_or(u32::MAX)
}
