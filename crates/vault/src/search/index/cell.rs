//! What the index says, one fact at a time: the same whether it is unpacked from the file or derived from an entry.

use super::Appended;
use super::batch::sides;
use super::column::{Axis, Span};
use super::sums::Table;
use crate::keys::Hasher;
use crate::keys::seal::Block;
use crate::search::rows::{Names, Sort, Unit, prefixes};

/// One fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    /// A list has a position.
    Posting { hash: i64, system: u32, position: u32 },
    /// A date or number stands at a position.
    Span { position: u32, span: Span },
    /// A reference stands at a position.
    Link { path: u32, position: u32, key: i64 },
    /// A coarse step has a position.
    Bucket { side: Axis, bucket: i64, position: u32 },
    /// A version ended where another began.
    Superseded { position: u32, until: u32 },
    /// What stands at a position, as [`super::Place::numbers`].
    Place { position: u32, numbers: [i64; 4] },
    /// A unit of measure.
    Unit(Unit),
    /// A display begins like this.
    Label { prefix: i64, display: i64 },
}

impl Cell {
    /// Where it is summed.
    pub fn table(&self) -> Table {
        match self {
            Cell::Posting { .. } => Table::Posting,
            Cell::Span { .. } => Table::Span,
            Cell::Link { .. } => Table::Link,
            Cell::Bucket { .. } => Table::Bucket,
            Cell::Superseded { .. } => Table::Superseded,
            Cell::Place { .. } => Table::Place,
            Cell::Unit(_) | Cell::Label { .. } => Table::Words,
        }
    }

    /// The entry that says it; units and displays are said by many.
    pub fn position(&self) -> Option<u32> {
        match *self {
            Cell::Posting { position, .. }
            | Cell::Span { position, .. }
            | Cell::Link { position, .. }
            | Cell::Bucket { position, .. }
            | Cell::Place { position, .. } => Some(position),
            Cell::Superseded { until, .. } => Some(until),
            Cell::Unit(_) | Cell::Label { .. } => None,
        }
    }

    /// The name of the list or row it belongs in, without its position.
    pub fn list(&self) -> String {
        match *self {
            Cell::Posting { hash, system, .. } => format!("hash {:016x}, system {system}", hash.cast_unsigned()),
            Cell::Span { span, .. } => format!("axis {}", span.axis),
            Cell::Link { path, .. } => format!("path {path}"),
            Cell::Bucket { side, bucket, .. } => format!("side {side}, bucket {bucket}"),
            Cell::Superseded { position, .. } => format!("position {position}"),
            Cell::Place { position, .. } => format!("block {}", position / super::places::BLOCK),
            Cell::Unit(unit) => format!("id {}", unit.id),
            Cell::Label { prefix, display } => {
                format!("prefix {:016x}, display {:016x}", prefix.cast_unsigned(), display.cast_unsigned())
            }
        }
    }

    /// The name of its table in the file.
    pub fn table_name(&self) -> &'static str {
        match self {
            Cell::Unit(_) => "unit",
            Cell::Label { .. } => "label",
            other => other.table().name(),
        }
    }

    /// Its bytes: no two cells of a table have the same.
    pub fn bytes(&self) -> Bytes {
        match *self {
            Cell::Posting { hash, system, position } => block(hash, system, position),
            Cell::Bucket { side, bucket, position } => block(bucket, side, position),
            Cell::Link { path, position, key } => block(key, path, position),
            Cell::Superseded { position, until } => block(0, position, until),
            Cell::Span { position, span: Span { axis, low, high, unit } } => {
                long(&[position.into(), axis.into(), low, high, unit.into()])
            }
            Cell::Place { position, numbers: [key, type_number, kid, labels] } => {
                long(&[position.into(), key, type_number, kid, labels])
            }
            // Units and displays share a sum; how many numbers a cell has tells one from the other.
            Cell::Unit(unit) => long(&[unit.id.into(), unit.system, unit.code, unit.human]),
            Cell::Label { prefix, display } => long(&[prefix, display]),
        }
    }

    /// A number that tells it from other cells of its table.
    pub fn hash(&self, hasher: &Hasher) -> u128 {
        match self.bytes() {
            Bytes::Block(bytes) => hasher.hash128(&bytes),
            Bytes::Long(bytes) => hasher.hash128(&bytes),
        }
    }
}

/// A cell as it is summed.
pub enum Bytes {
    /// Four in five.
    Block(Block),
    /// The count of the numbers, and these.
    Long([u8; LONG]),
}

const LONG: usize = 1 + 5 * 8;

fn block(number: i64, part: u32, position: u32) -> Bytes {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..12].copy_from_slice(&part.to_le_bytes());
    bytes[12..].copy_from_slice(&position.to_le_bytes());
    Bytes::Block(bytes)
}

fn long(numbers: &[i64]) -> Bytes {
    let mut bytes = [0; LONG];
    bytes[0] = numbers.len() as u8;
    for (slot, number) in bytes[1..].chunks_exact_mut(8).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    Bytes::Long(bytes)
}

/// Everything that the index says because of one entry.
pub fn cells(hasher: &Hasher, entry: &Appended) -> Vec<Cell> {
    let position = u32::try_from(entry.position.0).unwrap_or(u32::MAX);
    let rows = &entry.rows;
    let mut cells = vec![Cell::Place { position, numbers: entry.place().numbers() }];
    cells.extend(entry.previous.map(|previous| Cell::Superseded { position: previous, until: position }));
    cells.extend(rows.postings.iter().map(|p| Cell::Posting { hash: p.hash, system: p.system, position }));
    cells.extend(rows.spans.iter().map(|&span| Cell::Span { position, span }));
    let link = |&(path, key): &(u16, i64)| Cell::Link { path: u32::from(path), position, key };
    cells.extend(rows.links.iter().map(link));
    let mut buckets: Vec<_> = rows.spans.iter().flat_map(sides).collect();
    buckets.sort_unstable();
    buckets.dedup();
    cells.extend(buckets.into_iter().map(|(side, bucket)| Cell::Bucket { side, bucket, position }));
    cells.extend(rows.units.iter().map(|&unit| Cell::Unit(unit)));
    let mut names = Names::new(hasher);
    for (path, display, text) in &rows.labels {
        let label = |prefix| Cell::Label { prefix: names.list(*path, Sort::Label, &[prefix]), display: *display };
        cells.extend(prefixes(text).map(label));
    }
    cells
}
