//! Lists of log positions, packed: what one database row holds of a posting.
//!
//! Positions ascend. The first stands in the row's key; the blob has the differences of the following ones as LEB128.
//! Versions written together lie together in the log, so that most differences fit one byte.

/// A list's blob is closed, and the next one begun, at this many bytes: four lists share a 4 KiB page of SQLite, and
/// one look-up decodes a few hundred positions.
pub const BYTES_MAX: usize = 480;

/// Appends one unsigned number as LEB128.
pub fn write_number(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Takes one LEB128 number off the front. `None` when the bytes end early or run beyond 64 bits.
pub fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        *bytes = rest;
        return Some(u64::from(first));
    }
    let mut n = 0;
    for (i, &b) in bytes.iter().enumerate().take(10) {
        n |= u64::from(b & 0x7f) << (7 * i);
        if b < 0x80 {
            *bytes = &bytes[i + 1..];
            return Some(n);
        }
    }
    None
}

/// Maps small magnitudes of either sign to small unsigned numbers.
pub fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -((n & 1).cast_signed())
}

/// Calls `each` with every position of a row, ascending. `false` when the blob is not a list.
#[must_use]
pub fn decode(first: u32, blob: &[u8], mut each: impl FnMut(u32)) -> bool {
    each(first);
    let (mut at, mut rest) = (first, blob);
    while !rest.is_empty() {
        let step = read_number(&mut rest).and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0);
        let Some(next) = step.and_then(|n| at.checked_add(n)) else { return false };
        at = next;
        each(at);
    }
    true
}

/// The row of ascending positions: the first of them, and the blob. `None` when there are none.
pub fn pack(positions: &[u32]) -> Option<(u32, Vec<u8>)> {
    let mut blob = Vec::with_capacity(positions.len());
    pack_into(positions, &mut blob).map(|first| (first, blob))
}

/// The same with the blob added to what is there.
pub fn pack_into(positions: &[u32], blob: &mut Vec<u8>) -> Option<u32> {
    positions.windows(2).for_each(|pair| write_number(u64::from(pair[1] - pair[0]), blob));
    positions.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_comes_back(mut steps in prop::collection::vec(1u32..100_000, 0..200), first in 0u32..1000) {
            let mut blob = Vec::new();
            steps.iter().for_each(|&s| write_number(u64::from(s), &mut blob));
            let mut seen = Vec::new();
            prop_assert!(decode(first, &blob, |p| seen.push(p)));
            steps.insert(0, first);
            let expected: Vec<u32> = steps.iter().scan(0, |at, s| { *at += s; Some(*at) }).collect();
            prop_assert_eq!(seen, expected);
        }

        #[test]
        fn numbers_of_either_sign_come_back(n in any::<i64>()) {
            let mut out = Vec::new();
            write_number(zigzag(n), &mut out);
            let mut rest = out.as_slice();
            prop_assert_eq!(read_number(&mut rest).map(unzigzag), Some(n));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(first in any::<u32>(), blob in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(first, &blob, |_| ());
        }
    }
}
