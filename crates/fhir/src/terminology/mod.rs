//! Terminology: which codes there are, what they mean, and which belong to a value set.
//!
//! A [`Library`] knows the specification's own code systems and value sets, and through a resolver those its caller
//! stores. What is not loaded (SNOMED CT, LOINC, ICD-10 unless stored) is a [`TerminologyError`], never an empty answer.
//!
//! | Operation | Function |
//! |---|---|
//! | `$expand` | [`expand::expand`], [`expand::value_set`] |
//! | `$lookup` | [`lookup::lookup`], [`lookup::Found::parameters`] |
//! | `$validate-code` | [`judge::in_value_set`], [`judge::in_system`] |
//! | `$subsumes` | [`judge::subsumes`] |
//! | search `:in` | [`compose::members`] |
//! | search `:below`, `:above` | [`lookup::descendants`], [`lookup::ancestors`] |

pub mod compose;
pub mod expand;
pub mod filters;
pub mod hierarchy;
pub mod judge;
pub mod library;
pub mod lookup;
pub mod model;
pub mod pack;
mod parameters;

pub use library::{Kind, Library, Stored, TerminologyError};
