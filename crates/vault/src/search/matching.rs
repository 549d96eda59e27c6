//! From a plan to versions: sets of positions, ascending, each current and of a searched type.
//!
//! Of the parts of an `And` the cheapest is read whole, and the others are only asked about what it found. What a
//! patient's search costs is set by the patient's rows.

use super::index::{ListName, Reading};
use super::plan::{Plan, SpanPlan};
use super::records::Records;
use super::residual;
use super::rows::{Names, Sort, TYPE, type_number};
use crate::error::Error;
use base::refusal::{Kind as No, Refusal};
use fhir::search::params::PathId;
use fhir::search::query::Filter;
use std::cell::Cell;

/// More candidates than this are met by reading a list whole instead of looking each up.
const MANY: usize = 20_000;
/// Fewer candidates than this are asked one by one who refers to them.
const FEW: usize = 200;
/// Resources one search may open to look at what the index does not hold.
pub const OPENED_MAX: u32 = 50_000;
/// Targets of a chain that one search may follow.
const FOLLOWED_MAX: usize = 500_000;
/// Rows counted to judge how long a list is.
const ROWS_COUNTED: u32 = 64;
/// Positions in a full row of a list, about.
const ROW_POSITIONS: u64 = 300;

/// A set of positions, ascending and distinct.
pub type Set = Vec<u32>;

/// Types searched, by number; empty means all.
pub type Types = Vec<u8>;

/// Finds what plans describe, at one position of the log.
pub struct Matcher<'m> {
    reading: &'m Reading<'m>,
    records: &'m Records<'m>,
    opened: Cell<u32>,
}

impl<'m> Matcher<'m> {
    /// For one look at the index.
    pub fn new(reading: &'m Reading<'m>, records: &'m Records<'m>) -> Matcher<'m> {
        Matcher { reading, records, opened: Cell::new(0) }
    }

    /// Everything the plan describes.
    pub fn all(&self, plan: &Plan, types: &Types) -> Result<Set, Error> {
        match plan {
            Plan::Nothing => Ok(Set::new()),
            Plan::Everything => self.universe(types),
            Plan::And(plans) => self.intersection(plans, types, None),
            Plan::Or(plans) => union(plans, |plan| self.all(plan, types)),
            Plan::Not(plan) => {
                let universe = self.universe(types)?;
                let without = self.within(plan, types, &universe)?;
                Ok(difference(&universe, &without))
            }
            Plan::Lists(names) => self.lists(names, types),
            Plan::Span(span) => self.spans(span, types),
            Plan::Log(from, to) => self.kept((*from..(*to).min(self.reading.at)).collect(), types),
            Plan::Positions(positions) => self.kept(positions.clone(), types),
            Plan::Check(plan, filter) => {
                let candidates = self.all(plan, types)?;
                self.checked(filter, candidates)
            }
            Plan::Chain { paths, target, inner } => {
                let targets = self.all(inner, &vec![type_number(target)])?;
                self.referrers(paths, &targets, types)
            }
            Plan::Has { paths, source, inner } => self.referred(paths, source, inner, types),
        }
    }

    /// Those of the candidates (current, of the searched types) that the plan describes.
    pub fn within(&self, plan: &Plan, types: &Types, candidates: &[u32]) -> Result<Set, Error> {
        if candidates.is_empty() {
            return Ok(Set::new());
        }
        match plan {
            Plan::Nothing => Ok(Set::new()),
            Plan::Everything => Ok(candidates.to_vec()),
            Plan::And(plans) => self.intersection(plans, types, Some(candidates)),
            Plan::Or(plans) => union(plans, |plan| self.within(plan, types, candidates)),
            Plan::Not(plan) => Ok(difference(candidates, &self.within(plan, types, candidates)?)),
            Plan::Lists(names) => self.lists_within(names, types, candidates),
            Plan::Span(span) => self.spans_within(span, candidates),
            Plan::Log(from, to) => Ok(candidates.iter().copied().filter(|c| (from..to).contains(&c)).collect()),
            Plan::Positions(positions) => Ok(intersection(candidates, positions)),
            Plan::Check(plan, filter) => {
                let candidates = self.within(plan, types, candidates)?;
                self.checked(filter, candidates)
            }
            Plan::Chain { paths, target, inner } => self.chain_within(paths, target, inner, types, candidates),
            Plan::Has { paths, source, inner } => self.has_within(paths, source, inner, types, candidates),
        }
    }

    /// How many positions the plan may have to look at. Only the order matters.
    fn cost(&self, plan: &Plan) -> Result<u64, Error> {
        const HUGE: u64 = 1 << 40;
        Ok(match plan {
            Plan::Nothing => 0,
            Plan::Everything | Plan::Not(_) | Plan::Has { .. } => HUGE,
            Plan::And(plans) => self.costs(plans)?.into_iter().min().unwrap_or(HUGE),
            Plan::Or(plans) => self.costs(plans)?.into_iter().sum(),
            Plan::Lists(names) => {
                let mut rows = 0;
                for name in names {
                    rows += self.reading.rows(*name, ROWS_COUNTED)?;
                }
                u64::from(rows) * ROW_POSITIONS
            }
            Plan::Span(span) => match span.range() {
                Some(range) => {
                    u64::from(self.reading.bucket_rows(span.axis, &range, 4 * ROWS_COUNTED)?) * ROW_POSITIONS
                }
                None => HUGE / 2,
            },
            Plan::Log(from, to) => u64::from((*to).min(self.reading.at).saturating_sub(*from)),
            Plan::Positions(positions) => positions.len() as u64,
            Plan::Check(plan, _) => self.cost(plan)?.saturating_mul(10),
            Plan::Chain { inner, .. } => self.cost(inner)?.saturating_mul(20),
        })
    }

    fn costs(&self, plans: &[Plan]) -> Result<Vec<u64>, Error> {
        plans.iter().map(|plan| self.cost(plan)).collect()
    }

    fn intersection(&self, plans: &[Plan], types: &Types, within: Option<&[u32]>) -> Result<Set, Error> {
        if let ([plan], None) = (plans, within) {
            return self.all(plan, types);
        }
        let costs = self.costs(plans)?;
        let mut order: Vec<usize> = (0..plans.len()).collect();
        order.sort_by_key(|&i| costs[i]);
        let mut set = within.map(<[u32]>::to_vec);
        for i in order {
            set = Some(match set {
                None => self.all(&plans[i], types)?,
                Some(set) => self.within(&plans[i], types, &set)?,
            });
        }
        set.map_or_else(|| self.universe(types), Ok)
    }

    /// All current versions of the searched types.
    fn universe(&self, types: &Types) -> Result<Set, Error> {
        if types.is_empty() {
            return self.kept((0..self.reading.at).collect(), types);
        }
        let mut names = Names::new(self.reading.hasher());
        let mut lists = Vec::with_capacity(types.len());
        for name in fhir::definitions::r4().resource_names().filter(|name| types.contains(&type_number(name))) {
            lists.push(ListName::plain(names.list(TYPE, Sort::Type, &[name])));
        }
        self.lists(&lists, types)
    }

    /// Leaves out what is not current, of another type, or may not be seen. Every set that is made passes here.
    fn kept(&self, mut set: Set, types: &Types) -> Result<Set, Error> {
        let (places, at) = (self.reading.places(), self.reading.at);
        match types[..] {
            [only] => set.retain(|&p| places.type_number(p) == only && places.current(p, at)),
            [] => set.retain(|&p| places.type_number(p) != 0 && places.current(p, at)),
            _ => set.retain(|&p| types.contains(&places.type_number(p)) && places.current(p, at)),
        }
        if self.records.sees_everything() {
            return Ok(set);
        }
        let found: Vec<_> = set.iter().map(|&p| (p, places.get(p), places.newest(p))).collect();
        drop(places);
        set.clear();
        for (position, place, newest) in found {
            if self.records.sees(position, &place, newest)? {
                set.push(position);
            }
        }
        Ok(set)
    }

    /// What some of the lists have.
    pub fn lists(&self, names: &[ListName], types: &Types) -> Result<Set, Error> {
        let mut set = Set::new();
        for name in names {
            self.reading.list(*name, &mut set)?;
        }
        let mut set = self.kept(set, types)?;
        order(&mut set);
        Ok(set)
    }

    /// Those of the candidates that some of the lists have.
    pub fn lists_within(&self, names: &[ListName], types: &Types, candidates: &[u32]) -> Result<Set, Error> {
        if candidates.len() > MANY {
            return Ok(intersection(candidates, &self.lists(names, types)?));
        }
        let mut set = Set::new();
        for name in names {
            self.reading.list_within(*name, candidates, &mut set)?;
        }
        order(&mut set);
        Ok(set)
    }

    fn spans(&self, span: &SpanPlan, types: &Types) -> Result<Set, Error> {
        let few = match span.range() {
            Some(range) if self.reading.bucket_rows(span.axis, &range, 4 * ROWS_COUNTED)? < 4 * ROWS_COUNTED => {
                Some(range)
            }
            _ => None,
        };
        let mut set = Set::new();
        if let Some(range) = few {
            self.reading.buckets(span.axis, range, &mut set)?;
            set = self.kept(set, types)?;
            order(&mut set);
            return self.spans_within(span, &set);
        }
        self.reading.column(span.axis, |position, found| {
            if span.holds(&found) && set.last() != Some(&position) {
                set.push(position);
            }
        })?;
        self.kept(set, types)
    }

    fn spans_within(&self, span: &SpanPlan, candidates: &[u32]) -> Result<Set, Error> {
        let mut set = Set::new();
        let take = |position, found| {
            if span.holds(&found) && set.last() != Some(&position) {
                set.push(position);
            }
        };
        if candidates.len() > MANY {
            self.reading.column(span.axis, take)?;
            return Ok(intersection(candidates, &set));
        }
        self.reading.column_within(span.axis, candidates, take)?;
        Ok(set)
    }

    fn checked(&self, filter: &Filter, candidates: Set) -> Result<Set, Error> {
        let mut set = Set::new();
        for position in candidates {
            if self.open(position, |resource| residual::meets(filter, resource))?.unwrap_or(false) {
                set.push(position);
            }
        }
        Ok(set)
    }

    /// Looks into a resource. `None` when it cannot be opened because its patient's key was destroyed.
    pub fn open<T>(&self, position: u32, look: impl FnOnce(&fhir::json::Json) -> T) -> Result<Option<T>, Error> {
        let opened = self.opened.get() + 1;
        self.opened.set(opened);
        if opened > OPENED_MAX {
            let why = format!(
                "this search would have to open more than {OPENED_MAX} resources; narrow it by a patient, a code or a date"
            );
            return Err(Refusal::new(No::TooCostly, "too-costly", why).into());
        }
        self.records.resource(position, look)
    }

    /// What refers by one of the paths to one of the targets.
    fn referrers(&self, paths: &[PathId], targets: &[u32], types: &Types) -> Result<Set, Error> {
        if targets.len() * paths.len() > FOLLOWED_MAX {
            let why =
                format!("this chain leads over more than {FOLLOWED_MAX} resources; narrow what stands behind the dot");
            return Err(Refusal::new(No::TooCostly, "too-costly", why).into());
        }
        let mut names = Names::new(self.reading.hasher());
        let mut set = Set::new();
        for &target in targets {
            for list in self.references_to(&mut names, paths, target) {
                self.reading.list(list, &mut set)?;
            }
        }
        let mut set = self.kept(set, types)?;
        order(&mut set);
        Ok(set)
    }

    /// The lists of references to the resource whose version stands at `target`.
    fn references_to(&self, names: &mut Names, paths: &[PathId], target: u32) -> Vec<ListName> {
        let key = self.reading.places().key(target);
        paths.iter().map(|&path| ListName::plain(names.local(path, key))).collect()
    }

    fn chain_within(
        &self,
        paths: &[PathId],
        target: &str,
        inner: &Plan,
        types: &Types,
        candidates: &[u32],
    ) -> Result<Set, Error> {
        if candidates.len() as u64 > self.cost(inner)? {
            let targets = self.all(inner, &vec![type_number(target)])?;
            if targets.len() * paths.len() <= FOLLOWED_MAX {
                return Ok(intersection(candidates, &self.referrers(paths, &targets, types)?));
            }
        }
        let led = self.led(paths, candidates)?;
        let mut targets: Set = led.iter().map(|l| l.0).collect();
        targets.dedup();
        let types = vec![type_number(target)];
        let met = self.within(inner, &types, &self.kept(targets, &types)?)?;
        let mut set: Set = led.iter().filter(|l| met.binary_search(&l.0).is_ok()).map(|l| l.1).collect();
        order(&mut set);
        Ok(set)
    }

    /// Where the references of the candidates lead: pairs of a current version and the candidate, ascending.
    fn led(&self, paths: &[PathId], candidates: &[u32]) -> Result<Vec<(u32, u32)>, Error> {
        let mut links = Vec::new();
        for &path in paths {
            self.reading.links_within(path, candidates, |position, key| links.push((key, position)))?;
        }
        links.sort_unstable();
        let mut led = Vec::with_capacity(links.len());
        for same in links.chunk_by(|a, b| a.0 == b.0) {
            if let Some(found) = self.records.current(same[0].0, self.reading.at)? {
                led.extend(same.iter().map(|(_, position)| (found, *position)));
            }
        }
        led.sort_unstable();
        Ok(led)
    }

    /// All that is referred to from sources that meet the plan.
    fn referred(&self, paths: &[PathId], source: &str, inner: &Plan, types: &Types) -> Result<Set, Error> {
        let sources = self.all(inner, &vec![type_number(source)])?;
        let mut set: Set = self.led(paths, &sources)?.into_iter().map(|led| led.0).collect();
        set.dedup();
        self.kept(set, types)
    }

    fn has_within(
        &self,
        paths: &[PathId],
        source: &str,
        inner: &Plan,
        types: &Types,
        candidates: &[u32],
    ) -> Result<Set, Error> {
        // The referrers of each of a few candidates are tested; for many the sources are found once.
        if candidates.len() > FEW {
            return Ok(intersection(candidates, &self.referred(paths, source, inner, types)?));
        }
        let types = vec![type_number(source)];
        let mut names = Names::new(self.reading.hasher());
        let mut set = Set::new();
        for &candidate in candidates {
            let referrers = self.lists(&self.references_to(&mut names, paths, candidate), &types)?;
            if !self.within(inner, &types, &referrers)?.is_empty() {
                set.push(candidate);
            }
        }
        Ok(set)
    }
}

fn union(plans: &[Plan], find: impl Fn(&Plan) -> Result<Set, Error>) -> Result<Set, Error> {
    let mut set = Set::new();
    for plan in plans {
        set.extend(find(plan)?);
    }
    order(&mut set);
    Ok(set)
}

fn order(set: &mut Set) {
    if !set.is_sorted_by(|a, b| a < b) {
        set.sort_unstable();
        set.dedup();
    }
}

/// What both have.
fn intersection(a: &[u32], b: &[u32]) -> Set {
    let mut rest = b;
    let in_b = |x: &u32| {
        while rest.first().is_some_and(|y| y < x) {
            rest = &rest[1..];
        }
        rest.first() == Some(x)
    };
    a.iter().copied().filter(in_b).collect()
}

/// What `a` has and `b` has not.
fn difference(a: &[u32], b: &[u32]) -> Set {
    let mut rest = b;
    let not_in_b = |x: &u32| {
        while rest.first().is_some_and(|y| y < x) {
            rest = &rest[1..];
        }
        rest.first() != Some(x)
    };
    a.iter().copied().filter(not_in_b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_met_and_parted() {
        let (a, b) = ([1, 3, 5, 7], [2, 3, 7, 9]);
        assert_eq!(intersection(&a, &b), [3, 7]);
        assert_eq!(difference(&a, &b), [1, 5]);
        assert_eq!(difference(&a, &[]), a);
        assert_eq!(intersection(&[], &a), [0; 0]);
    }
}
