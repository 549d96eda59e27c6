//! Keys: where the root key comes from, what is derived from it, and what is sealed under it.

mod hasher;

pub use hasher::Hasher;
