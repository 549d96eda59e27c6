//! What the vault promises, tested from outside.

mod log;
mod place;
mod records;
mod search;
mod search_truth;
mod second_verifier;
mod upkeep;
mod verify;
