//! Release of information: sending records to those who may have them.
//!
//! A request comes in by letter, fax, telephone, portal or FHIR. Its legal route sets clock, fee, how much may go, whose
//! identity is proved, and whether the patient's accounting lists it. [`rules`] decide all of that without asking anybody
//! the time; `spec.md` says them as tables.

pub mod case;
pub mod dossier;
pub mod guard;
pub mod operations;
pub mod package;
pub mod pages;
pub mod recall;
pub mod receipt;
pub mod request;
pub mod rules;
#[cfg(test)]
mod spec;
pub mod work;

use web::room::Room;

/// What the web serves of it.
pub const ROOM: Room =
    Room { pages: pages::PAGES, ways: pages::WAYS, operations: operations::OPERATIONS, beside: None };
