//! The log: every entry is a leaf of one Merkle tree (RFC 6962), kept and signed in the formats of C2SP (tlog-tiles,
//! tlog-checkpoint, tlog-cosignature, tlog-proof), so that others can check it without this program.

pub mod checkpoint;
pub mod leaf;
pub(crate) mod nodes;
mod proof;
pub mod reader;
pub mod receipt;
pub mod standing;
pub(crate) mod tree;
pub mod witness;
