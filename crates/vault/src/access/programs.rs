//! What was recorded in the Part 2 programs in which a visitor works: between those who work in a program its records need
//! no consent (42 CFR 2.12(c)(3)).
//!
//! A program is a place that a site's value sets name with the label `42CFRPart2`; whoever has that place among the units
//! of their account works there. Its records are its visits and episodes and what was recorded in them, as far as all that
//! makes them a program's records comes from there: what takes the label over from anywhere else stays closed.

use super::label::WAYS;
use super::{Action, Label, Principal, Purpose, Visit};
use crate::error::Error;
use crate::records::Vault;
use crate::search::index::{ListName, Place, Reading};
use crate::search::rows::{Names, VISIT_OF};
use fhir::search::params;
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What says where a visit or an episode was: type and search parameter.
const PLACES: [(&str, &str); 3] =
    [("Encounter", "service-provider"), ("Encounter", "location"), ("EpisodeOfCare", "organization")];

/// The programs of those who came, by the names of the places.
#[derive(Default)]
pub(crate) struct Programs {
    by_places: Mutex<HashMap<Vec<String>, Arc<Program>>>,
}

/// What was recorded in some programs.
#[derive(Debug, Default)]
pub(crate) struct Program {
    places: Vec<String>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// True for the log's first entries.
    at: u32,
    /// Keyed hashes of the identities of what was recorded there.
    keys: HashSet<i64>,
    /// Of everything that has the label: what comes next of these may change the answer.
    labelled: HashSet<i64>,
}

/// A reference by which labels are taken over: from the version at a position to the resource with a key.
type Link = (u32, i64);

impl Program {
    /// Whether the resource with this key was recorded there.
    pub fn has(&self, key: i64) -> bool {
        self.known.read().keys.contains(&key)
    }

    /// With these records.
    #[cfg(test)]
    pub fn of(keys: impl IntoIterator<Item = i64>) -> Program {
        let known = Known { at: u32::MAX, keys: keys.into_iter().collect(), labelled: HashSet::new() };
        Program { places: Vec::new(), known: RwLock::new(known) }
    }
}

impl Vault {
    /// The programs whose records a visit may see without a consent, followed up to the log's first entries. `None`: none,
    /// or it does not come to treat, or takes records out of the house.
    pub(super) fn program(&self, visit: &Visit, action: Action, at: u32) -> Result<Option<Arc<Program>>, Error> {
        let treats = std::iter::successors(Some(visit.purpose()), |purpose| purpose.part_of())
            .any(|purpose| purpose == Purpose::Treatment);
        let stays = matches!(action, Action::Read | Action::Search | Action::Write);
        if treats && stays { self.program_of(visit.principal(), at) } else { Ok(None) }
    }

    fn program_of(&self, principal: &Principal, at: u32) -> Result<Option<Arc<Program>>, Error> {
        let store = &self.inner.store;
        let is_theirs = |place: &&str| principal.units.iter().any(|unit| unit == place);
        let mut places: Vec<String> =
            store.labels.places_of(Label::Part2).filter(is_theirs).map(str::to_owned).collect();
        if places.is_empty() {
            return Ok(None);
        }
        places.sort_unstable();
        places.dedup();
        let mut all = store.gate.programs.by_places.lock();
        let program =
            Arc::clone(all.entry(places.clone()).or_insert_with(|| Arc::new(Program { places, ..Program::default() })));
        drop(all);
        if program.known.read().at < at {
            self.follow_program(&program, at)?;
        }
        Ok(Some(program))
    }

    /// Works it out again, unless nothing came that has the label or had it.
    fn follow_program(&self, program: &Program, at: u32) -> Result<(), Error> {
        let mut known = program.known.write();
        let tells = |place: &Place| place.labels.contains(Label::Part2) || known.labelled.contains(&place.key);
        if known.at >= at || known.at > 0 && !self.inner.store.index.any_place(known.at..at, tells) {
            known.at = at.max(known.at);
            return Ok(());
        }
        let reading = self.inner.store.index.reading(at)?;
        let others: Vec<&str> = self.inner.store.labels.places_of(Label::Part2).collect();
        let others = others.into_iter().filter(|place| !program.places.iter().any(|own| own == place));
        let (own, other) = (program.places.iter().map(String::as_str), named(&reading, others)?);
        let own = named(&reading, own)?;
        let labelled = reading.places().bearing(Label::Part2, at);
        let keys = recorded(&reading, &labelled, (&own, &other))?;
        let places = reading.places();
        let labelled = labelled.iter().map(|&position| places.key(position)).collect();
        *known = Known { at, keys, labelled };
        Ok(())
    }
}

/// Positions of visits and episodes that were at one of these places.
fn named<'p>(reading: &Reading<'_>, places: impl Iterator<Item = &'p str>) -> Result<Vec<u32>, Error> {
    let mut names = Names::new(reading.hasher());
    let mut found = Vec::new();
    for (kind, id) in places.filter_map(|place| place.split_once('/')) {
        let key = names.resource(kind, id);
        for param in PLACES.iter().filter_map(|(resource_type, code)| params::find(resource_type, code)) {
            for path in &param.paths {
                reading.list(ListName::plain(names.local(path.path, key)), &mut found)?;
            }
        }
    }
    Ok(found)
}

/// The resources of the versions at `labelled` that were recorded in visits at `own` places and not at `other` ones.
///
/// Every version of a resource counts, so that what was another program's once stays closed.
fn recorded(reading: &Reading<'_>, labelled: &[u32], (own, other): (&[u32], &[u32])) -> Result<HashSet<i64>, Error> {
    let (mut in_visits, mut links): (Vec<Link>, Vec<Link>) = (Vec::new(), Vec::new());
    for (way, _) in WAYS {
        let begin = links.len();
        reading.links_within(way, labelled, |position, key| links.push((position, key)))?;
        in_visits.extend_from_slice(if way == VISIT_OF { &links[begin..] } else { &[] });
    }
    let places = reading.places();
    let other: HashSet<i64> = other.iter().map(|&position| places.key(position)).collect();
    let newest = own.iter().filter(|&&position| places.newest(position) == position);
    let visits: HashSet<i64> =
        newest.map(|&position| places.key(position)).filter(|key| !other.contains(key)).collect();
    let in_visits: HashSet<u32> =
        in_visits.into_iter().filter(|(_, key)| visits.contains(key)).map(|(position, _)| position).collect();
    // What has the label of itself says by its visit alone which program recorded it.
    let is_known = |position: u32| {
        let is_visit = visits.contains(&places.key(position));
        is_visit || in_visits.contains(&position) || !places.own(position).contains(Label::Part2)
    };
    let mut keys: HashSet<i64> = labelled.iter().map(|&position| places.key(position)).collect();
    for &position in labelled.iter().filter(|&&position| places.type_number(position) != 0) {
        if other.contains(&places.key(position)) || !is_known(position) {
            keys.remove(&places.key(position));
        }
    }
    links.retain(|(_, key)| places.given(*key).contains(Label::Part2));
    let links: Vec<(i64, i64)> = links.into_iter().map(|(position, key)| (places.key(position), key)).collect();
    // What takes the label over from what is not theirs is not theirs either.
    loop {
        let leaving = links.iter().filter(|(from, to)| keys.contains(from) && !keys.contains(to));
        let leaving: Vec<i64> = leaving.map(|(from, _)| *from).collect();
        if leaving.is_empty() {
            return Ok(keys);
        }
        leaving.iter().for_each(|key| {
            keys.remove(key);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_visit_has_a_search_parameter() {
        for (resource_type, code) in PLACES {
            let param = params::find(resource_type, code).unwrap_or_else(|| panic!("{resource_type}?{code}"));
            assert!(!param.paths.is_empty(), "{resource_type}?{code}");
        }
    }
}
