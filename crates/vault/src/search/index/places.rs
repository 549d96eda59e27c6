//! What is kept in memory of every log position: which resource, of which type, and until when it was current.
//!
//! Thirteen bytes a position, so that a match is judged without a look at the disk.

/// A position at which nothing has superseded a version yet.
pub const STILL: u32 = u32::MAX;
/// Bytes of one position in the database: key and type.
pub const PLACE_BYTES: usize = 9;
/// Positions in one database row.
pub const BLOCK: u32 = 256;

/// The three columns, indexed by position.
#[derive(Debug, Default)]
pub struct Places {
    keys: Vec<i64>,
    types: Vec<u8>,
    until: Vec<u32>,
}

impl Places {
    /// How many positions are known.
    pub fn len(&self) -> u32 {
        self.keys.len() as u32
    }

    /// Adds the next position.
    pub fn push(&mut self, key: i64, type_number: u8) {
        self.keys.push(key);
        self.types.push(type_number);
        self.until.push(STILL);
    }

    /// Notes that the version at `position` stopped being current at `until`.
    pub fn supersede(&mut self, position: u32, until: u32) {
        if let Some(slot) = self.until.get_mut(position as usize) {
            *slot = until;
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

    /// Reads what [`write_place`] wrote. `false` when the bytes do not fit.
    #[must_use]
    pub fn extend_from(&mut self, block: &[u8]) -> bool {
        let mut chunks = block.chunks_exact(PLACE_BYTES);
        for place in &mut chunks {
            let mut key = [0; 8];
            key.copy_from_slice(&place[..8]);
            self.push(i64::from_le_bytes(key), place[8]);
        }
        chunks.remainder().is_empty()
    }
}

/// Appends one position's key and type.
pub fn write_place(key: i64, type_number: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&key.to_le_bytes());
    out.push(type_number);
}
