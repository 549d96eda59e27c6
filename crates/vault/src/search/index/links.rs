//! Local references in log order, packed: from a version to the keys of what it refers to, without opening it.
//!
//! What is written together mostly refers to the same patient, encounter and practitioner: an entry names one of the last
//! keys of its row in the byte that also says how far its position lies from the one before.

use super::list::{read_number, write_number};

/// Keys a row can name again.
const KNOWN: usize = 7;

/// Writes or reads the entries of one row, each relative to those before.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    position: u32,
    known: [i64; KNOWN],
    used: usize,
}

impl Cursor {
    /// Before the first entry of a row that begins at `first`.
    pub fn new(first: u32) -> Cursor {
        Cursor { position: first, known: [0; KNOWN], used: 0 }
    }

    /// Appends one entry. Positions must not descend.
    pub fn write(&mut self, position: u32, key: i64, out: &mut Vec<u8>) {
        let step = u64::from(position - self.position) << 3;
        self.position = position;
        if let Some(place) = self.known[..self.used].iter().position(|&known| known == key) {
            return write_number(step | (place as u64 + 1), out);
        }
        write_number(step, out);
        out.extend_from_slice(&key.to_le_bytes());
        self.remember(key);
    }

    /// Takes one entry off the front. `None` when the bytes are no entry.
    pub fn read(&mut self, bytes: &mut &[u8]) -> Option<(u32, i64)> {
        let number = read_number(bytes)?;
        let position = self.position.checked_add(u32::try_from(number >> 3).ok()?)?;
        self.position = position;
        let place = (number & 7) as usize;
        if place > 0 {
            return self.known[..self.used].get(place - 1).map(|&key| (position, key));
        }
        let (key, rest) = bytes.split_first_chunk::<8>()?;
        *bytes = rest;
        let key = i64::from_le_bytes(*key);
        self.remember(key);
        Some((position, key))
    }

    // The first place is for the last new key; the oldest goes.
    fn remember(&mut self, key: i64) {
        self.known.rotate_right(1);
        self.known[0] = key;
        self.used = (self.used + 1).min(KNOWN);
    }
}

/// Calls `each` with every entry of a row. `false` when the blob is not a row of links.
#[must_use]
pub fn decode(first: u32, blob: &[u8], mut each: impl FnMut(u32, i64)) -> bool {
    let (mut cursor, mut rest) = (Cursor::new(first), blob);
    while !rest.is_empty() {
        let Some((position, key)) = cursor.read(&mut rest) else { return false };
        each(position, key);
    }
    true
}

/// The row of references in log order: its first position, and the blob. `None` when there are none.
pub fn pack(links: &[(u32, i64)]) -> Option<(u32, Vec<u8>)> {
    let &(first, _) = links.first()?;
    let (mut cursor, mut blob) = (Cursor::new(first), Vec::new());
    links.iter().for_each(|&(position, key)| cursor.write(position, key, &mut blob));
    Some((first, blob))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn links_come_back(entries in prop::collection::vec((0u32..300, -6i64..6), 0..200)) {
            let mut at = 9;
            let entries: Vec<(u32, i64)> = entries.into_iter().map(|(step, key)| { at += step; (at, key) }).collect();
            let (mut cursor, mut blob) = (Cursor::new(9), Vec::new());
            entries.iter().for_each(|&(position, key)| cursor.write(position, key, &mut blob));
            let mut seen = Vec::new();
            prop_assert!(decode(9, &blob, |position, key| seen.push((position, key))));
            prop_assert_eq!(seen, entries);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(blob in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(3, &blob, |_, _| ());
        }
    }
}
