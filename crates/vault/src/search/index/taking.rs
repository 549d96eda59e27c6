//! Labels that a version takes over from what it is part of or made of, over any number of steps.
//!
//! They are kept in memory alone. The file has every version's own labels and its references in log order; what is
//! taken over follows from these, so that an index made anew, or opened again, says what the live one says. A resource
//! gives what its last version has that is no deletion: a deleted visit does not open what was recorded in it.

use super::places::Places;
use super::{ListName, Reading, Shared};
use crate::access::label::{EVERY, Labels, WAYS};
use crate::error::Fault;
use crate::search::rows::Names;
use fhir::search::params::PathId;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// The labels that pass over by a path; none by most.
pub fn passing(path: PathId) -> Labels {
    WAYS.iter().find(|(way, _)| *way == path).map_or(Labels::NONE, |(_, labels)| *labels)
}

/// One reference by which labels pass: where it stands, what passes, the key of what it leads to.
type Link = (u32, Labels, i64);

/// Works out everything from the beginning. Where that fails, everything has every label until it does not.
pub fn begin(shared: &Arc<Shared>) -> Result<(), Fault> {
    let mut places = shared.places.write();
    let begun = begin_in(shared, &mut places);
    if begun.is_err() {
        (0..places.len()).for_each(|position| places.take(position, EVERY));
    }
    begun
}

fn begin_in(shared: &Arc<Shared>, places: &mut Places) -> Result<(), Fault> {
    let reading = Reading::of(shared, places.len())?;
    places.give_own();
    let mut moved = true;
    while moved {
        moved = false;
        for (path, passing) in WAYS {
            reading.links(path, |position, key| moved |= pass(places, (position, passing, key)))?;
        }
    }
    Ok(())
}

/// Works out again what depends on resources whose labels have changed.
pub fn follow(shared: &Arc<Shared>, changed: &[i64]) -> Result<(), Fault> {
    if changed.is_empty() {
        return Ok(());
    }
    let reading = Reading::of(shared, shared.places.read().len())?;
    let reached = reached(&reading, changed)?;
    if reached.is_empty() {
        return Ok(());
    }
    let reached: Vec<u32> = reached.into_iter().collect();
    let mut all: Vec<Link> = Vec::new();
    for (path, passing) in WAYS {
        reading.links_within(path, &reached, |position, key| all.push((position, passing, key)))?;
    }
    let mut places = shared.places.write();
    // From nothing: two that take from each other would else keep alive what neither was given by a third any more.
    reached.iter().for_each(|&position| places.take(position, Labels::NONE));
    let mut moved = true;
    while moved {
        moved = false;
        all.iter().for_each(|link| moved |= pass(&mut places, *link));
    }
    Ok(())
}

/// Passes on what the target of a reference gives. Whether something new passed.
fn pass(places: &mut Places, (position, passing, key): Link) -> bool {
    let (given, has) = (places.given(key).intersection(passing), places.taken(position));
    if given.without(has).is_empty() {
        return false;
    }
    places.take(position, has.union(given));
    true
}

/// Every version that refers to one of these resources, directly or by others.
fn reached(reading: &Reading<'_>, changed: &[i64]) -> Result<BTreeSet<u32>, Fault> {
    let mut names = Names::new(reading.hasher());
    let (mut reached, mut seen) = (BTreeSet::new(), changed.iter().copied().collect::<HashSet<i64>>());
    let mut wanted: HashSet<i64> = seen.clone();
    while !wanted.is_empty() {
        let mut referring = Vec::new();
        for (path, _) in WAYS {
            let lists: BTreeSet<i64> = wanted.iter().map(|&key| names.near(path, key)).collect();
            let mut near = Vec::new();
            lists.into_iter().try_for_each(|list| reading.list(ListName::plain(list), &mut near))?;
            near.sort_unstable();
            near.dedup();
            reading.links_within(path, &near, |position, key| {
                referring.extend(wanted.contains(&key).then_some(position));
            })?;
        }
        let places = reading.places();
        let new = referring.into_iter().filter(|&position| reached.insert(position) && places.gives(position));
        wanted = new.map(|position| places.key(position)).filter(|&key| seen.insert(key)).collect();
    }
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use super::super::{Appended, Index};
    use super::*;
    use crate::access::label::Label;
    use crate::keys::Hasher;
    use crate::records::Position;
    use crate::search::rows::{MADE_OF, Posting, Rows, VISIT_OF};
    use base::id::Ids;

    const KEYS: u32 = 40;

    /// A log of random versions and deletions that refer to each other, in circles too.
    fn log(seed: u64, entries: u32) -> Vec<Appended> {
        let (ids, hasher) = (Ids::seeded(seed), Hasher::new(&[9; 32]));
        let (mut names, mut last) = (Names::new(&hasher), vec![None; KEYS as usize]);
        let pick = |of: u32| {
            let mut random = [0; 4];
            ids.fill(&mut random);
            u32::from_le_bytes(random) % of
        };
        let mut entry = |n: u32| {
            let key = pick(KEYS);
            let mut rows = Rows { type_number: u8::from(pick(8) > 0), ..Rows::none() };
            if rows.type_number > 0 {
                let label = [Label::Hiv, Label::Part2, Label::Minor][pick(3) as usize];
                rows.sensitivity = if pick(6) == 0 { Labels::NONE.with(label) } else { Labels::NONE };
                for _ in 0..pick(3) {
                    let (path, target) = ([VISIT_OF, MADE_OF][pick(2) as usize], i64::from(pick(KEYS)) + 1);
                    rows.links.push((path, target));
                    rows.postings.push(Posting { hash: names.near(path, target), system: 0 });
                }
                rows.links.sort_unstable();
                rows.links.dedup();
                rows.postings.sort_unstable();
                rows.postings.dedup();
            }
            let previous = last[key as usize].replace(n);
            Appended { position: Position(u64::from(n)), key: i64::from(key) + 1, kid: 3, previous, rows }
        };
        (0..entries).map(&mut entry).collect()
    }

    fn labels(index: &Index, entries: u32) -> Vec<Labels> {
        (0..entries).map(|position| index.place(position).labels).collect()
    }

    #[test]
    fn what_is_taken_over_does_not_depend_on_how_the_log_came_in() {
        let (dir, hasher) = (tempfile::tempdir().expect("a folder"), Hasher::new(&[9; 32]));
        let mut taken = 0;
        for seed in 1..12 {
            let log = log(seed, 150);
            let open = |name: &str| Index::open(&dir.path().join(name), &hasher, "test").expect("an index");
            let live = open(&format!("live {seed}"));
            for (n, entry) in (1u64..).zip(&log) {
                live.append([entry.clone()]);
                if n % (seed % 5 + 1) == 0 {
                    live.wait_for(Position(n)).expect("found");
                }
            }
            live.wait_for(Position(150)).expect("found");
            let expected = labels(&live, 150);
            drop(live);
            assert_eq!(labels(&open(&format!("live {seed}")), 150), expected, "opened again, seed {seed}");
            let whole = open(&format!("whole {seed}"));
            whole.append(log.clone());
            whole.wait_for(Position(150)).expect("found");
            assert_eq!(labels(&whole, 150), expected, "handed in at once, seed {seed}");
            let own = |(labels, entry): (&Labels, &Appended)| *labels != entry.rows.sensitivity;
            taken += expected.iter().zip(&log).filter(|pair| own(*pair)).count();
        }
        assert!(taken > 300, "{taken} versions took something over");
    }
}
