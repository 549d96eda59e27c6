//! Keys: where the root key comes from, what is derived from it, and what is sealed under it.
//!
//! Root key (HKDF) → wrapping key → one data key a patient → bodies. The site's own secrets (the key of the keyed hash,
//! the log's signing key) are random, sealed under the root key, and so outlive its rotation.

pub(crate) mod hasher;
pub(crate) mod patients;
pub(crate) mod root;
pub(crate) mod seal;

pub use hasher::Hasher;
