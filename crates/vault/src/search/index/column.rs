//! Spans of dates and numbers in log order, packed: a column by position, for exact comparison and for sorting.
//!
//! Dates are milliseconds; numbers are doubles mapped to integers of the same order. Both stay readable to whoever has
//! the file: they have to sort (stated in `docs/manual`).

use super::list::{read_number, unzigzag, write_number, zigzag};

/// A path's number with a bit that says whether its values are numbers rather than dates.
pub type Axis = u32;

/// One value: the least and the greatest it can mean, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which path, and whether it is a number.
    pub axis: Axis,
    /// Least.
    pub low: i64,
    /// Greatest.
    pub high: i64,
    /// Which unit (see [`super::Unit`]); 0 is none.
    pub unit: u32,
}

/// The axis of a path's dates.
pub fn dates(path: u16) -> Axis {
    u32::from(path) << 1
}

/// The axis of a path's numbers.
pub fn numbers(path: u16) -> Axis {
    u32::from(path) << 1 | 1
}

/// A double as an integer of the same order. Both zeros are one.
pub fn ordered(number: f64) -> i64 {
    let bits = (number + 0.0).to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The inverse of [`ordered`].
pub fn number(ordered: i64) -> f64 {
    f64::from_bits((ordered ^ ((ordered >> 63).cast_unsigned() >> 1).cast_signed()).cast_unsigned())
}

/// The coarse step a value falls in: its day, or its sign, power of two and first six bits (steps of 1.6 %).
pub fn bucket(axis: Axis, value: i64) -> i64 {
    if axis & 1 == 0 { value.div_euclid(86_400_000) } else { value >> 46 }
}

const SECOND: i64 = 999;
const DAY: i64 = 86_399_999;
const HIGH: u8 = 0b11;
const HIGH_EQUAL: u8 = 0;
const HIGH_SECOND: u8 = 1;
const HIGH_DAY: u8 = 2;
const HIGH_WRITTEN: u8 = 3;
const LOW_SECONDS: u8 = 1 << 2;
const LOW_BYTES: u8 = 1 << 3;
const UNIT: u8 = 1 << 4;

/// Writes or reads the entries of one row, each relative to the one before.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    position: u32,
    low: i64,
}

impl Cursor {
    /// Before the first entry of a row that begins at `first`.
    pub fn new(first: u32) -> Cursor {
        Cursor { position: first, low: 0 }
    }

    /// Appends one entry. Positions must not descend.
    pub fn write(&mut self, position: u32, span: &Span, out: &mut Vec<u8>) {
        write_number(u64::from(position - self.position), out);
        let flags_at = out.len();
        let mut flags = match span.high.wrapping_sub(span.low) {
            0 => HIGH_EQUAL,
            SECOND => HIGH_SECOND,
            DAY => HIGH_DAY,
            _ => HIGH_WRITTEN,
        };
        out.push(0);
        flags |= self.write_low(span, out);
        if flags & HIGH == HIGH_WRITTEN {
            write_number(zigzag(span.high.wrapping_sub(span.low)), out);
        }
        if span.unit != 0 {
            flags |= UNIT;
            out.extend_from_slice(&span.unit.to_le_bytes());
        }
        out[flags_at] = flags;
        *self = Cursor { position, low: span.low };
    }

    fn write_low(&self, span: &Span, out: &mut Vec<u8>) -> u8 {
        if span.axis & 1 == 1 {
            // Short decimals and whole numbers end in zero bytes.
            let bytes = span.low.to_be_bytes();
            let length = 8 - span.low.trailing_zeros().min(64) as usize / 8;
            out.push(length as u8);
            out.extend_from_slice(&bytes[..length]);
            return LOW_BYTES;
        }
        let step = span.low.wrapping_sub(self.low);
        if step % 1000 == 0 {
            write_number(zigzag(step / 1000), out);
            return LOW_SECONDS;
        }
        write_number(zigzag(step), out);
        0
    }

    /// Takes one entry off the front. `None` when the bytes are no entry.
    pub fn read(&mut self, axis: Axis, bytes: &mut &[u8]) -> Option<(u32, Span)> {
        let step = u32::try_from(read_number(bytes)?).ok()?;
        let position = self.position.checked_add(step)?;
        let (&flags, rest) = bytes.split_first()?;
        *bytes = rest;
        let low = self.read_low(flags, bytes)?;
        let high = match flags & HIGH {
            HIGH_EQUAL => low,
            HIGH_SECOND => low.wrapping_add(SECOND),
            HIGH_DAY => low.wrapping_add(DAY),
            _ => low.wrapping_add(unzigzag(read_number(bytes)?)),
        };
        let mut unit = 0;
        if flags & UNIT != 0 {
            let (head, rest) = bytes.split_first_chunk::<4>()?;
            unit = u32::from_le_bytes(*head);
            *bytes = rest;
        }
        *self = Cursor { position, low };
        Some((position, Span { axis, low, high, unit }))
    }

    fn read_low(&self, flags: u8, bytes: &mut &[u8]) -> Option<i64> {
        if flags & LOW_BYTES != 0 {
            let (&length, rest) = bytes.split_first()?;
            let written = rest.get(..usize::from(length)).filter(|b| b.len() <= 8)?;
            let mut whole = [0; 8];
            whole[..written.len()].copy_from_slice(written);
            *bytes = &rest[written.len()..];
            return Some(i64::from_be_bytes(whole));
        }
        let step = unzigzag(read_number(bytes)?);
        Some(self.low.wrapping_add(if flags & LOW_SECONDS != 0 { step.wrapping_mul(1000) } else { step }))
    }
}

/// Calls `each` with every entry of a row. `false` when the blob is not a column.
#[must_use]
pub fn decode(axis: Axis, first: u32, blob: &[u8], mut each: impl FnMut(u32, Span)) -> bool {
    let (mut cursor, mut rest) = (Cursor::new(first), blob);
    while !rest.is_empty() {
        let Some((position, span)) = cursor.read(axis, &mut rest) else { return false };
        each(position, span);
    }
    true
}

/// The row of spans in log order: its first position, and the blob. `None` when there are none.
pub fn pack(spans: &[(u32, Span)]) -> Option<(u32, Vec<u8>)> {
    let &(first, _) = spans.first()?;
    let (mut cursor, mut blob) = (Cursor::new(first), Vec::new());
    spans.iter().for_each(|(position, span)| cursor.write(*position, span, &mut blob));
    Some((first, blob))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans(axis: Axis) -> impl Strategy<Value = Vec<(u32, Span)>> {
        let low = prop_oneof![any::<i64>(), (-4_000_000_000i64..4_000_000_000).prop_map(|s| s * 1000), Just(i64::MIN)];
        let length = prop_oneof![Just(0), Just(999), Just(86_399_999), any::<i64>()];
        let one = (0u32..50, low, length, prop_oneof![Just(0), any::<u32>()]);
        prop::collection::vec(one, 0..50).prop_map(move |all| {
            let mut at = 7;
            let each = |(step, low, length, unit): (u32, i64, i64, u32)| {
                at += step;
                (at, Span { axis, low, high: low.wrapping_add(length), unit })
            };
            all.into_iter().map(each).collect()
        })
    }

    proptest! {
        #[test]
        fn a_column_comes_back(entries in prop_oneof![spans(64), spans(65)]) {
            let mut cursor = Cursor::new(7);
            let mut blob = Vec::new();
            entries.iter().for_each(|(p, s)| cursor.write(*p, s, &mut blob));
            let mut seen = Vec::new();
            let axis = entries.first().map_or(64, |e| e.1.axis);
            prop_assert!(decode(axis, 7, &blob, |p, s| seen.push((p, s))));
            prop_assert_eq!(seen, entries);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(blob in prop::collection::vec(any::<u8>(), 0..64), axis in 64u32..66) {
            let _ = decode(axis, 3, &blob, |_, _| ());
        }

        #[test]
        fn numbers_keep_their_order(a in -1e300f64..1e300, b in -1e300f64..1e300) {
            prop_assert_eq!(a.partial_cmp(&b), Some(ordered(a).cmp(&ordered(b))));
            prop_assert_eq!(number(ordered(a)), a);
        }
    }

    #[test]
    fn both_zeros_are_one() {
        assert_eq!(ordered(-0.0), ordered(0.0));
    }
}
