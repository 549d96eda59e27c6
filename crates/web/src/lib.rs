//! The web: the only home of HTTP. FHIR R4's REST interface, the log's public tiles, and pages for people.
//!
//! [`Server`] answers requests over one vault. What needs a microsecond is answered on the thread that reads the
//! request; searches and writes go to a bounded pool, so that no slow question can starve the quick ones.

mod answer;
mod audited;
mod body;
mod bulk;
mod control;
mod echo;
mod egress;
mod gate;
mod jwk;
mod kept;
mod lanes;
mod listen;
mod log;
mod memory;
mod pace;
mod pages;
mod rest;
pub mod room;
mod server;
mod settings;
mod sign_in;
mod smart;
mod strangers;
mod tls;
mod witnesses;

pub use answer::Outcome;
pub use control::{ask_control, serve_control};
pub use echo::echo;
pub use listen::serve;
pub use server::Server;
pub use settings::{Settings, Tls};
pub use sign_in::provider::{ClientProof, Provider, RoleRule, SecondFactor};
pub use tls::TlsError;
pub use witnesses::{Address, Witness, serve_witness};
