//! What is kept in memory of every log position: which resource, of which type, whose, with which sensitivity labels, and
//! until when it was current.
//!
//! Twenty-five bytes a position, so that a match is judged, and access to it decided, without a look at the disk.

use crate::access::label::{Label, Labels};
use crate::keys::patients::{KID_MAX, Kid, SHARED};
use std::collections::{HashMap, HashSet};

/// A position at which nothing has superseded a version yet.
pub const STILL: u32 = u32::MAX;
/// Bytes of one position in the database.
pub const PLACE_BYTES: usize = 15;
/// In the database the number of a data key and the labels beyond the sixteenth share four bytes: so many bits are the
/// number's.
const KID_BITS: u32 = 28;
/// Bits of labels that stand by themselves.
const LABEL_BITS: u32 = 16;
/// Positions in one database row.
pub const BLOCK: u32 = 256;

/// What stands at one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The keyed hash of the resource's identity; 0 for what is no resource.
    pub key: i64,
    /// The type's number; 0 for a deletion and for what is no resource.
    pub type_number: u8,
    /// The number of the data key it is sealed under: whose it is.
    pub kid: Kid,
    /// Its sensitivity labels; in memory those taken over among them.
    pub labels: Labels,
}

impl Place {
    /// Where nothing stands.
    pub const NONE: Place = Place { key: 0, type_number: 0, kid: SHARED, labels: Labels::NONE };

    /// As numbers, for the index's sums.
    #[must_use]
    pub fn numbers(&self) -> [i64; 4] {
        [self.key, self.type_number.into(), self.kid.into(), self.labels.bits().into()]
    }

    /// Appends what [`Place::read`] reads.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_le_bytes());
        out.push(self.type_number);
        let labels = self.labels.bits();
        // The writer gives out no number that does not fit ([`crate::keys::patients::KID_MAX`]).
        let shared = self.kid & KID_MAX | labels >> LABEL_BITS << KID_BITS;
        out.extend_from_slice(&shared.to_le_bytes());
        out.extend_from_slice(&labels.to_le_bytes()[..2]);
    }

    /// What is left of it when nobody can read the version any more.
    #[must_use]
    pub fn forgotten(self) -> Place {
        Place { type_number: 0, labels: Labels::NONE, ..self }
    }

    /// Reads the bytes of one position. `None` when there are too few.
    pub fn read(bytes: &[u8]) -> Option<Place> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (type_number, rest) = rest.split_first_chunk::<1>()?;
        let (kid, rest) = rest.split_first_chunk()?;
        let (shared, few) = (u32::from_le_bytes(*kid), u16::from_le_bytes(*rest.first_chunk()?));
        let labels = Labels::from_bits(u32::from(few) | shared >> KID_BITS << LABEL_BITS);
        Some(Place { key: i64::from_le_bytes(*key), type_number: type_number[0], kid: shared & KID_MAX, labels })
    }
}

/// The columns, indexed by position.
#[derive(Debug, Default)]
pub struct Places {
    keys: Vec<i64>,
    types: Vec<u8>,
    kids: Vec<Kid>,
    labels: Vec<Labels>,
    /// Labels taken over from others ([`super::taking`]).
    taken: Vec<Labels>,
    until: Vec<u32>,
    /// What the resources that have labels give to others, by their keys.
    giving: HashMap<i64, Labels>,
}

impl Places {
    /// How many positions are known.
    pub fn len(&self) -> u32 {
        self.keys.len() as u32
    }

    /// Adds the next position.
    pub fn push(&mut self, place: &Place) {
        self.keys.push(place.key);
        self.types.push(place.type_number);
        self.kids.push(place.kid);
        self.labels.push(place.labels);
        self.taken.push(Labels::NONE);
        self.until.push(STILL);
    }

    /// Adds the next position with references by which it takes labels over. Whether what its resource gives may
    /// have changed.
    pub fn push_linked(&mut self, place: &Place, links: impl Iterator<Item = (Labels, i64)>) -> bool {
        let taken =
            links.fold(Labels::NONE, |taken, (passing, key)| taken.union(self.given(key).intersection(passing)));
        self.push(place);
        if let Some(slot) = self.taken.last_mut() {
            *slot = taken;
        }
        if place.type_number == 0 {
            return false;
        }
        let before = self.given(place.key);
        self.give(place.key, place.labels.union(taken));
        // What came back from those that had it from the version before is nobody's to give any more.
        self.given(place.key) != before || !before.is_empty() && !taken.is_empty()
    }

    /// What a resource gives to those that take over from it.
    pub fn given(&self, key: i64) -> Labels {
        if self.giving.is_empty() { Labels::NONE } else { self.giving.get(&key).copied().unwrap_or_default() }
    }

    /// The labels that the version at `position` has of itself.
    pub fn own(&self, position: u32) -> Labels {
        self.labels.get(position as usize).copied().unwrap_or_default()
    }

    /// Positions below `at` at which something bears a label, of itself or taken over.
    pub fn bearing(&self, label: Label, at: u32) -> Vec<u32> {
        let both = (0..at).zip(self.labels.iter().zip(&self.taken));
        both.filter(|(_, (own, taken))| own.union(**taken).contains(label)).map(|(position, _)| position).collect()
    }

    /// What the version at `position` has taken over.
    pub fn taken(&self, position: u32) -> Labels {
        self.taken.get(position as usize).copied().unwrap_or_default()
    }

    /// Whether the version at `position` is the last of its resource that is no deletion.
    pub fn gives(&self, position: u32) -> bool {
        self.type_number(position) != 0 && self.newest(position) == position
    }

    /// Notes what the version at `position` has taken over, and what its resource gives with that.
    pub fn take(&mut self, position: u32, labels: Labels) {
        let Some(slot) = self.taken.get_mut(position as usize) else { return };
        *slot = labels;
        if self.gives(position) {
            self.give(self.key(position), self.get(position).labels);
        }
        // A deletion has the labels of what it deleted.
        let mut next = self.until.get(position as usize).copied().unwrap_or(STILL);
        while next > position && self.types.get(next as usize) == Some(&0) {
            self.taken[next as usize] = labels;
            next = self.until.get(next as usize).copied().unwrap_or(STILL);
        }
    }

    /// Forgets what was taken over: each resource gives its own labels.
    pub fn give_own(&mut self) {
        self.taken.iter_mut().for_each(|taken| *taken = Labels::NONE);
        self.giving = HashMap::new();
        for position in 0..self.len() {
            let place = self.get(position);
            if place.type_number != 0 && (!place.labels.is_empty() || !self.giving.is_empty()) {
                self.give(place.key, place.labels);
            }
        }
    }

    fn give(&mut self, key: i64, labels: Labels) {
        if labels.is_empty() {
            self.giving.remove(&key);
        } else {
            self.giving.insert(key, labels);
        }
    }

    /// Notes that the version at `position` stopped being current at `until`. A deletion has the labels of what it deleted.
    pub fn supersede(&mut self, position: u32, until: u32) {
        let (from, to) = (position as usize, until as usize);
        if let Some(slot) = self.until.get_mut(from) {
            *slot = until;
        }
        if self.types.get(to) == Some(&0) && from < to {
            (self.labels[to], self.taken[to]) = (self.labels[from], self.taken[from]);
        }
    }

    /// What stands at `position`; [`Place::NONE`] beyond the end.
    pub fn get(&self, position: u32) -> Place {
        let i = position as usize;
        match (self.keys.get(i), self.types.get(i), self.kids.get(i), self.labels.get(i)) {
            (Some(&key), Some(&type_number), Some(&kid), Some(&own)) => {
                Place { key, type_number, kid, labels: own.union(self.taken(position)) }
            }
            _ => Place::NONE,
        }
    }

    /// Forgets what the version at a position was: nothing of it can be found or read any more.
    pub fn forget(&mut self, position: u32) {
        let left = self.get(position).forgotten();
        if let Some(slot) = self.types.get_mut(position as usize) {
            *slot = left.type_number;
        }
        if let Some(slot) = self.labels.get_mut(position as usize) {
            *slot = left.labels;
        }
        if let Some(slot) = self.taken.get_mut(position as usize) {
            *slot = Labels::NONE;
        }
    }

    /// The keyed hash of the resource at `position`; 0 beyond the end.
    pub fn key(&self, position: u32) -> i64 {
        self.keys.get(position as usize).copied().unwrap_or_default()
    }

    /// The type's number; 0 for what is no resource.
    pub fn type_number(&self, position: u32) -> u8 {
        self.types.get(position as usize).copied().unwrap_or_default()
    }

    /// Whether the version at `position` was there and not superseded when the log had `at` entries.
    pub fn current(&self, position: u32, at: u32) -> bool {
        position < at && self.until.get(position as usize).is_some_and(|&until| until >= at)
    }

    /// Whose current versions bear a label when the log has `at` entries.
    pub fn patients_with(&self, label: Label, at: u32) -> HashSet<Kid> {
        let bearing = (0..).zip(&self.labels).filter(|(position, labels)| labels.contains(label) && *position < at);
        let current = bearing.filter(|(position, _)| self.type_number(*position) != 0 && self.current(*position, at));
        current.filter_map(|(position, _)| self.kids.get(position as usize).copied()).collect()
    }

    /// The newest version of what stands at `position`, of a deleted resource the last before it was deleted.
    pub fn newest(&self, position: u32) -> u32 {
        let (mut newest, mut at) = (position, position);
        while let Some(&until) = self.until.get(at as usize).filter(|&&until| until != STILL && until > at) {
            at = until;
            if self.type_number(at) != 0 {
                newest = at;
            }
        }
        newest
    }

    /// Reads what [`Place::write`] wrote. `false` when the bytes do not fit.
    #[must_use]
    pub fn extend_from(&mut self, block: &[u8]) -> bool {
        let mut chunks = block.chunks_exact(PLACE_BYTES);
        for place in &mut chunks {
            match Place::read(place) {
                Some(place) => self.push(&place),
                None => return false,
            }
        }
        chunks.remainder().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_with_its_highest_label_and_key() {
        let each = Label::ALL.iter().map(|label| Labels::NONE.with(*label));
        for labels in each.chain([Labels::NONE, Label::ALL.iter().copied().collect()]) {
            for kid in [SHARED, 1, KID_MAX] {
                let place = Place { key: -7, type_number: 255, kid, labels };
                let mut bytes = Vec::new();
                place.write(&mut bytes);
                assert_eq!((bytes.len(), Place::read(&bytes)), (PLACE_BYTES, Some(place)));
            }
        }
        let fit = LABEL_BITS + u32::BITS - KID_BITS;
        assert!(Label::ALL.len() <= fit as usize, "a place has room for {fit} labels");
    }
}
