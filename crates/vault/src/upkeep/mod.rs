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
pub use shredding::Shredded;
