//! The program as people and scripts use it: the real binary, its files, its exit codes and its words.

mod accounts;
mod apps;
mod at_rest;
mod audit;
mod beside;
mod charts;
#[path = "../../../web/tests/suite/client.rs"]
mod client;
#[path = "../../../web/tests/suite/clients.rs"]
mod clients;
mod commands;
mod disclosures;
mod imports;
mod memory;
mod odd_files;
mod policies;
mod program;
mod release;
mod serving;
mod witnesses;
