//! What the vault promises, tested from outside.

mod place;
mod records;
