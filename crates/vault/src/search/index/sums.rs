//! Sums over rows: a 128-bit number a table, the same for the same rows in whatever order they came.
//!
//! Rows are meant as facts ([`Cell`]), not as they lie in database pages: how lists are cut makes no difference, so a
//! rebuilt index has the sums of the live one. How they are summed, and what that is good for, stands at [`BlockSum`].

use super::cell::{Bytes, Cell};
use crate::keys::Hasher;
use crate::keys::hasher::BlockSum;

/// The tables that are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Hashes with positions.
    Posting,
    /// Dates and numbers by position.
    Span,
    /// References by position.
    Link,
    /// Positions by coarse date or number.
    Bucket,
    /// Which version ended where.
    Superseded,
    /// Key and type of each position.
    Place,
    /// Units and displays.
    Words,
}

impl Table {
    /// All of them, in the order of [`Sums`].
    pub const ALL: [Table; 7] =
        [Table::Posting, Table::Span, Table::Link, Table::Bucket, Table::Superseded, Table::Place, Table::Words];

    /// The table's name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Table::Posting => "posting",
            Table::Span => "span",
            Table::Link => "link",
            Table::Bucket => "bucket",
            Table::Superseded => "superseded",
            Table::Place => "place",
            Table::Words => "unit or label",
        }
    }
}

const TABLES: usize = Table::ALL.len();

/// One sum a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums([u128; TABLES]);

impl Sums {
    /// The tables whose sums differ.
    #[must_use]
    pub fn differences(&self, other: &Sums) -> Vec<Table> {
        Table::ALL.into_iter().filter(|t| self.0[*t as usize] != other.0[*t as usize]).collect()
    }

    /// As stored.
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.iter().flat_map(|sum| sum.to_le_bytes()).collect()
    }

    /// The inverse of [`Sums::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Sums> {
        let mut sums = Sums::default();
        let chunks = bytes.chunks_exact(16);
        if chunks.len() != TABLES || !chunks.remainder().is_empty() {
            return None;
        }
        for (sum, chunk) in sums.0.iter_mut().zip(chunks) {
            *sum = u128::from_le_bytes(chunk.try_into().ok()?);
        }
        Some(sums)
    }

    /// The sum of a table.
    pub fn of(&self, table: Table) -> u128 {
        self.0[table as usize]
    }

    /// Takes back what another sum counted.
    pub fn take_back(&mut self, other: &Sums) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, less)| *sum = sum.wrapping_sub(less));
    }

    /// Adds what another sum counted.
    pub fn count(&mut self, other: &Sums) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum = sum.wrapping_add(more));
    }
}

/// Sums that grow fact by fact.
pub struct Counting<'h>([BlockSum<'h>; TABLES]);

impl<'h> Counting<'h> {
    /// Sums of nothing.
    pub fn new(hasher: &'h Hasher) -> Counting<'h> {
        Counting(std::array::from_fn(|_| BlockSum::new(hasher)))
    }

    /// Counts a fact.
    pub fn cell(&mut self, cell: &Cell) {
        let sum = &mut self.0[cell.table() as usize];
        match cell.bytes() {
            Bytes::Block(block) => sum.block(block),
            Bytes::Long(bytes) => sum.bytes(&bytes),
        }
    }

    /// What was counted.
    pub fn sums(self) -> Sums {
        Sums(self.0.map(BlockSum::end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_makes_no_difference_and_rows_do() {
        let hasher = Hasher::new(&[3; 32]);
        let sum = |rows: &[(i64, u32)]| {
            let mut counting = Counting::new(&hasher);
            rows.iter().for_each(|&(hash, position)| counting.cell(&Cell::Posting { hash, system: 0, position }));
            counting.sums()
        };
        assert_eq!(sum(&[(1, 2), (3, 4)]), sum(&[(3, 4), (1, 2)]));
        assert_eq!(sum(&[(1, 2)]).differences(&sum(&[(1, 3)])), [Table::Posting]);
        assert_eq!(Sums::from_bytes(&sum(&[(1, 2)]).to_bytes()), Some(sum(&[(1, 2)])));
    }
}
