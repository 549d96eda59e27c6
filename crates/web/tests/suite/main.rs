//! The server from outside: real sockets, real vault, every interaction and every error.

mod abuse;
mod audit;
mod bombs;
mod browser;
mod bulk;
mod client;
mod clients;
mod connections;
mod disclosures;
mod gate;
mod house;
mod interactions;
mod issuer;
mod operations;
mod pages;
mod passkeys;
mod patients;
mod permissions;
mod programs;
mod providers;
mod searches;
mod sign_in;
mod smart;
mod smart_abuse;
mod smart_backend;
mod smart_clients;
mod smart_scopes;
mod stage;
mod two_worlds;
mod views;

#[path = "../../../vault/tests/suite/gate_truth/hospital.rs"]
mod hospital;
#[path = "../../../vault/tests/suite/gate_truth/people.rs"]
mod people;
