//! Versions that were read lately, ready to be served again: most reads of a day are of a few charts.
//!
//! Only what is current is kept, in memory alone, and never more than [`BYTES_MAX`]. The writer takes a resource out
//! after it committed a new version and before it acknowledges that. A reader that looked before the commit may come
//! too late with what it found, so what it brings is taken only if nothing was written to its shelf since it looked.

use super::Version;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};

/// Bytes of all bodies together.
const BYTES_MAX: usize = 32 << 20;

/// A body larger than this is not kept.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Shelves, so that threads seldom wait for each other.
const SHELVES: usize = 32;

/// The versions.
pub(crate) struct Recent {
    shelves: [Mutex<Shelf>; SHELVES],
}

#[derive(Default)]
struct Shelf {
    versions: HashMap<i64, Version>,
    /// Keys as they came; the first goes first.
    order: VecDeque<i64>,
    bytes: usize,
    /// Everything below this position was written when a resource of this shelf last changed.
    changed: u64,
}

impl Recent {
    /// Nothing yet.
    pub fn new() -> Recent {
        Recent { shelves: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The current version of the resource, if it is here.
    pub fn get(&self, key: i64) -> Option<Version> {
        self.shelf(key).lock().versions.get(&key).cloned()
    }

    /// Keeps a current version, found by a reader that looked when `head` was the log's end.
    pub fn keep(&self, key: i64, version: &Version, head: u64) {
        let size = version.body.len();
        let mut shelf = self.shelf(key).lock();
        if size > BODY_BYTES_MAX || shelf.changed > head || shelf.versions.contains_key(&key) {
            return;
        }
        shelf.versions.insert(key, version.clone());
        shelf.order.push_back(key);
        shelf.bytes += size;
        while shelf.bytes > BYTES_MAX / SHELVES {
            let Some(first) = shelf.order.pop_front() else { break };
            shelf.take_out(first);
        }
    }

    /// Takes out a resource that has a new version; the log now ends at `head`.
    pub fn change(&self, key: i64, head: u64) {
        let mut shelf = self.shelf(key).lock();
        shelf.changed = head;
        shelf.take_out(key);
    }

    /// Takes out everything.
    pub fn clear(&self, head: u64) {
        for shelf in &self.shelves {
            *shelf.lock() = Shelf { changed: head, ..Shelf::default() };
        }
    }

    fn shelf(&self, key: i64) -> &Mutex<Shelf> {
        // The key is a keyed hash: any of its bits are as good as random.
        &self.shelves[key.cast_unsigned() as usize % SHELVES]
    }
}

impl Shelf {
    fn take_out(&mut self, key: i64) {
        if let Some(version) = self.versions.remove(&key) {
            self.bytes -= version.body.len();
        }
        // Keys of what was taken out stay in the order until it is their turn; a shelf of changes does not grow by them.
        if self.order.len() > 2 * self.versions.len() + 64 {
            let versions = &self.versions;
            let mut seen = std::collections::HashSet::new();
            self.order.retain(|key| versions.contains_key(key) && seen.insert(*key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Position;
    use base::clock::Instant;

    fn version(n: u64, size: usize) -> Version {
        let body = vec![b'x'; size].into();
        let updated = Instant(0);
        let (resource_type, id) = ("Patient".to_owned(), n.to_string());
        let (deleted, partial) = (false, false);
        Version { resource_type, id, version: n, position: Position(n), kid: 0, updated, deleted, partial, body }
    }

    #[test]
    fn what_changed_is_gone_and_a_late_reader_does_not_bring_it_back() {
        let recent = Recent::new();
        recent.keep(7, &version(1, 10), 5);
        assert_eq!(recent.get(7), Some(version(1, 10)));
        recent.change(7, 6);
        assert_eq!(recent.get(7), None);
        recent.keep(7, &version(1, 10), 5);
        assert_eq!(recent.get(7), None, "read before the change");
        recent.keep(7, &version(2, 10), 6);
        assert_eq!(recent.get(7), Some(version(2, 10)));
        recent.clear(9);
        assert_eq!(recent.get(7), None);
    }

    #[test]
    fn it_stays_within_its_bound() {
        let recent = Recent::new();
        for n in 0..4_000 {
            recent.keep(n, &version(n.cast_unsigned(), 50_000), 0);
            recent.change(n / 2, 0);
        }
        recent.keep(-1, &version(1, BODY_BYTES_MAX + 1), 0);
        assert_eq!(recent.get(-1), None, "too large");
        for shelf in &recent.shelves {
            let shelf = shelf.lock();
            let bytes: usize = shelf.versions.values().map(|v| v.body.len()).sum();
            assert_eq!(bytes, shelf.bytes);
            assert!(bytes <= BYTES_MAX / SHELVES && shelf.order.len() <= 2 * shelf.versions.len() + 65);
        }
    }
}
