//! What the vault promises, tested from outside.

mod accounts;
mod at_rest;
mod audit;
mod disclosures;
mod exchange;
mod faults;
mod gate;
mod gate_leaks;
mod gate_truth;
mod kept_out;
mod labels;
mod log;
mod permissions;
mod place;
mod policies;
mod records;
mod search;
mod search_truth;
mod second_verifier;
mod sign_in;
mod simulation;
mod ties;
mod upkeep;
mod verify;
mod views;
