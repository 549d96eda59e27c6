//! Sums over rows: a 128-bit number a table, the same for the same rows in whatever order they came.
//!
//! Each row is hashed under the site's key and the hashes are added (Clarke et al.: Incremental Multiset Hash Functions,
//! ASIACRYPT 2003, MSet-Add-Hash). Rows are meant, not database pages: how lists are cut makes no difference, so a
//! rebuilt index has the sums of the live one.

use super::column::{Axis, Span};
use crate::keys::Hasher;

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

    fn add(&mut self, hasher: &Hasher, table: Table, row: &[u8]) {
        let sum = &mut self.0[table as usize];
        *sum = sum.wrapping_add(hasher.hash128(row));
    }

    /// Counts one position of a posting. Systems have 24 bits: the table's number takes the byte above.
    pub fn posting(&mut self, hasher: &Hasher, hash: i64, system: u32, position: u32) {
        let mut row = [0; 16];
        row[..8].copy_from_slice(&hash.to_le_bytes());
        row[8..12].copy_from_slice(&(system | (Table::Posting as u32) << 24).to_le_bytes());
        row[12..].copy_from_slice(&position.to_le_bytes());
        self.add(hasher, Table::Posting, &row);
    }

    /// Counts one position of a bucket.
    pub fn bucket(&mut self, hasher: &Hasher, side: Axis, bucket: i64, position: u32) {
        let mut row = [0; 16];
        row[..8].copy_from_slice(&bucket.to_le_bytes());
        row[8..12].copy_from_slice(&(side | (Table::Bucket as u32) << 24).to_le_bytes());
        row[12..].copy_from_slice(&position.to_le_bytes());
        self.add(hasher, Table::Bucket, &row);
    }

    /// Counts one span.
    pub fn span(&mut self, hasher: &Hasher, position: u32, span: &Span) {
        let mut row = [0; 29];
        row[0] = Table::Span as u8;
        row[1..9].copy_from_slice(&span.low.to_le_bytes());
        row[9..17].copy_from_slice(&span.high.to_le_bytes());
        row[17..21].copy_from_slice(&span.axis.to_le_bytes());
        row[21..25].copy_from_slice(&span.unit.to_le_bytes());
        row[25..].copy_from_slice(&position.to_le_bytes());
        self.add(hasher, Table::Span, &row);
    }

    /// Counts one row of small numbers.
    pub fn row(&mut self, hasher: &Hasher, table: Table, numbers: &[i64]) {
        let mut row = [0; 48];
        row[0] = table as u8;
        row[1] = numbers.len() as u8;
        for (slot, number) in row[2..].chunks_exact_mut(8).zip(numbers) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        self.add(hasher, table, &row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_makes_no_difference_and_rows_do() {
        let hasher = Hasher::new(&[3; 32]);
        let sum = |rows: &[(i64, u32)]| {
            let mut sums = Sums::default();
            rows.iter().for_each(|(hash, position)| sums.posting(&hasher, *hash, 0, *position));
            sums
        };
        assert_eq!(sum(&[(1, 2), (3, 4)]), sum(&[(3, 4), (1, 2)]));
        assert_eq!(sum(&[(1, 2)]).differences(&sum(&[(1, 3)])), [Table::Posting]);
        assert_eq!(Sums::from_bytes(&sum(&[(1, 2)]).to_bytes()), Some(sum(&[(1, 2)])));
    }
}
