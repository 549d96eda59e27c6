//! Turns: changes that read before they write, one at a time for each resource.
//!
//! Without them 64 patches of one resource would all read the same version, and one would win each round. A change that
//! does not read first takes no turn.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// So many that two resources rarely share one: sharing costs a wait, nothing else. One byte each.
const COUNT: usize = 4_096;

/// One lock for each share of the resources.
pub(crate) struct Turns(Vec<Mutex<()>>);

/// A turn being held.
pub(crate) type Turn<'t> = MutexGuard<'t, ()>;

impl Default for Turns {
    fn default() -> Turns {
        Turns((0..COUNT).map(|_| Mutex::new(())).collect())
    }
}

impl Turns {
    /// Waits for the turns of these resources, each a type and an id. Always in one order, so that no two callers can
    /// wait for each other; who holds a turn must not ask again.
    pub fn take<'k>(&self, keys: impl IntoIterator<Item = (&'k str, &'k str)>) -> Vec<Turn<'_>> {
        let places: BTreeSet<usize> = keys.into_iter().map(place).collect();
        places.into_iter().map(|place| self.0[place].lock()).collect()
    }
}

fn place(key: (&str, &str)) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % COUNT as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_asked_for_in_any_order_end() {
        let turns = Turns::default();
        let ids: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        std::thread::scope(|scope| {
            for reversed in [false, true, false, true] {
                let (turns, mut ids) = (&turns, ids.clone());
                if reversed {
                    ids.reverse();
                }
                scope.spawn(move || {
                    for _ in 0..100 {
                        drop(turns.take(ids.iter().map(|id| ("Patient", id.as_str()))));
                    }
                });
            }
        });
        let twice = turns.take([("Patient", "1"), ("Patient", "1")]);
        assert_eq!(twice.len(), 1);
    }
}
