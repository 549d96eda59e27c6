//! The vault: the record itself. Entries go in, sealed and in order; answers come out, for a visit.
//!
//! The only home of disk, keys and databases. `record.sqlite` is the ground state: one entry a version, its leaf in the
//! Merkle log, the keys. `index.sqlite` is derived from it, follows it by log position, and can be deleted.

pub mod access;
pub mod error;
pub mod exchange;
pub mod keys;
pub mod log;
pub mod measure;
pub mod memo;
pub mod records;
pub mod search;
pub mod upkeep;
pub mod verify;

pub use error::{Error, Fault};
pub use records::{Change, Expect, Options, Position, Vault, Version, Written};
