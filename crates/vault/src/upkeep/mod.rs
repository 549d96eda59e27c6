//! Upkeep: what keeps a record in order over years. Rebuild the index, back up and restore, change the root key, make one
//! patient unreadable.

pub mod backup;
mod manifest;
pub mod rebuild;
pub mod restore;
mod rotation;
mod shredding;

pub use backup::BackedUp;
pub use rebuild::Rebuilt;
pub use restore::{Lost, Restored};
pub use rotation::Rotated;
pub use shredding::Shredded;

use crate::records::Vault;
use crate::records::writer::clear_log;
use std::time::Duration;

/// A backup or an export that began earlier is waited for about five seconds.
const CLEAR_TRIES: u32 = 20;
const CLEAR_PAUSE: Duration = Duration::from_millis(150);

impl Vault {
    /// Empties the write-ahead log, in which what was overwritten still stands. `false`: readers stand in the way.
    pub(crate) fn clear_log(&self) -> bool {
        (0..CLEAR_TRIES).any(|tried| {
            if tried > 0 {
                std::thread::sleep(CLEAR_PAUSE);
            }
            self.task(clear_log).unwrap_or(false)
        })
    }
}
