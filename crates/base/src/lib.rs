//! The ground floor: words that every crate above shares. Nothing here knows of FHIR, disks or networks.

pub mod clock;
pub mod day;
pub mod duty;
pub mod finding;
pub mod id;
pub mod near;
pub mod phi;
pub mod refusal;
pub mod spec;
mod vocabulary;
pub mod workdays;
