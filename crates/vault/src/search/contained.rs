//! `_contained`: resources that stand inside others, found by what they say themselves (R4 search section 3.1.1.5.5).
//!
//! The index knows which resources hold one of a type. Each of these is opened, and what it holds is tested; chains and
//! lists have no meaning for what has no address of its own.

use super::index::ListName;
use super::matching::{Set, Types};
use super::rows::{CONTAINED, Names, Sort, type_in_url};
use super::{Look, PAGE_BYTES_MAX, Page, residual};
use crate::error::Error;
use crate::records::Version;
use base::refusal::{Kind as No, Refusal};
use fhir::json::Json;
use fhir::search::extract::{Value, extract};
use fhir::search::params::{Kind, Param};
use fhir::search::query::{Contained, Filter, Query};
use std::cmp::Reverse;
use std::sync::Arc;

/// A match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Where the resource stands, or the one that holds it.
    position: u32,
    /// Its number among those it holds; `None`: the resource itself.
    inner: Option<usize>,
}

impl Look<'_> {
    /// What matches where contained resources count, newest first.
    pub(super) fn hits(&self, query: &Query) -> Result<Vec<Hit>, Error> {
        let resolved = self.resolved(&query.filter)?;
        let filter = resolved.as_ref().unwrap_or(&query.filter);
        if !query.sort.is_empty() || !is_offered(filter) {
            return Err(not_offered().into());
        }
        let mut hits = Vec::new();
        if query.contained == Contained::Both {
            let own = self.matching(&query.filter, &query.types)?;
            hits.extend(own.into_iter().map(|position| Hit { position, inner: None }));
        }
        let matcher = self.matcher();
        for position in self.holders(&query.types)? {
            let found = matcher.open(position, |resource| matching(resource, filter, &query.types))?;
            let inner = |number: usize| if query.contained_alone { Some(number) } else { None };
            hits.extend(found.unwrap_or_default().into_iter().map(|number| Hit { position, inner: inner(number) }));
        }
        hits.sort_unstable_by_key(|hit| (Reverse(hit.position), hit.inner));
        hits.dedup();
        Ok(hits)
    }

    /// What holds a resource of one of these types (none: of any).
    fn holders(&self, types: &[String]) -> Result<Set, Error> {
        let mut names = Names::new(self.reading.hasher());
        let lists: Vec<i64> = match types {
            [] => vec![names.list(CONTAINED, Sort::Any, &[""])],
            types => types.iter().map(|ty| names.list(CONTAINED, Sort::Type, &[ty])).collect(),
        };
        let lists: Vec<ListName> = lists.into_iter().map(ListName::plain).collect();
        self.matcher().lists(&lists, &Types::new())
    }

    /// A page of hits. A contained resource goes out under its holder's address, `MedicationRequest/1#m`.
    pub(super) fn page_of(&self, hits: &[Hit], page: &Page) -> Result<(Vec<Version>, Option<u64>), Error> {
        let mut at = usize::try_from(page.offset).unwrap_or(usize::MAX).min(hits.len());
        let to = at.saturating_add(page.count).min(hits.len());
        let (mut versions, mut bytes) = (Vec::with_capacity(to - at), 0);
        while at < to && bytes < PAGE_BYTES_MAX {
            let version = self.records.version(hits[at].position)?.and_then(|version| match hits[at].inner {
                Some(number) => alone(&version, number),
                None => Some(version),
            });
            bytes += version.as_ref().map_or(0, |version| version.body.len());
            versions.extend(version);
            at += 1;
        }
        Ok((versions, (at < hits.len()).then_some(at as u64)))
    }
}

/// A contained resource as if it were one of its own.
fn alone(holder: &Version, number: usize) -> Option<Version> {
    let tree = Json::parse(&holder.body).ok()?;
    let inner = tree.get("contained")?.items().get(number)?;
    let id = format!("{}#{}", holder.id, inner.text("id").unwrap_or_default());
    Some(Version { id, body: Arc::from(inner.to_bytes()), ..holder.clone() })
}

/// The numbers of the contained resources that are of one of the types and meet the filter.
fn matching(resource: &Json, filter: &Filter, types: &[String]) -> Vec<usize> {
    let contained = resource.get("contained").map_or(&[][..], Json::items);
    let of_type = |inner: &Json| types.is_empty() || types.iter().any(|ty| inner.text("resourceType") == Some(ty));
    let fits = |(_, inner): &(usize, &Json)| of_type(inner) && holds(filter, inner);
    contained.iter().enumerate().filter(fits).map(|(number, _)| number).collect()
}

/// Whether a resource itself meets a filter that it alone can answer.
pub(crate) fn holds(filter: &Filter, resource: &Json) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|filter| holds(filter, resource)),
        Filter::Or(some) => some.iter().any(|filter| holds(filter, resource)),
        Filter::Not(filter) => !holds(filter, resource),
        Filter::Never => false,
        Filter::Id(ids) => resource.text("id").is_some_and(|own| ids.iter().any(|id| id == own)),
        Filter::Missing { param, missing } if param.kind != Kind::Composite => *missing != is_there(param, resource),
        filter => residual::meets(filter, resource),
    }
}

/// Whether a parameter has some value.
fn is_there(param: &Param, resource: &Json) -> bool {
    let mut found = param.paths.is_empty();
    extract(resource, &mut |path, value| {
        let leads_to = |target: &str| match &value {
            Value::Local { resource_type, .. } => *resource_type == target,
            Value::Url(url) => type_in_url(url) == Some(target),
            _ => false,
        };
        let mut uses = param.paths.iter().filter(|used| used.path == path);
        found = found || uses.any(|used| used.target.as_deref().is_none_or(leads_to));
    });
    found
}

/// Whether a contained resource alone says if it meets the filter.
fn is_offered(filter: &Filter) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().all(is_offered),
        Filter::Not(filter) => is_offered(filter),
        Filter::All
        | Filter::Never
        | Filter::Test(_)
        | Filter::Missing { .. }
        | Filter::Id(_)
        | Filter::Words { .. } => true,
        Filter::Chain { .. }
        | Filter::Has { .. }
        | Filter::LastUpdated(_)
        | Filter::List(_)
        | Filter::Current(_)
        | Filter::Compartment { .. } => false,
    }
}

fn not_offered() -> Refusal {
    let why = "_contained is not answered together with chains, _has, _list, _lastUpdated, _sort or a compartment; \
               ask for what holds the resource instead";
    Refusal::new(No::NotOffered, "not-supported", why)
}
