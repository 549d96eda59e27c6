//! Search: which parameters a type has, what a resource says for each, and what a query asks. Pure; the vault keeps the
//! rows and finds the matches.
//!
//! A parameter's expression is a union of *paths* (`Observation.code | Observation.component.code`). Each distinct
//! path has one number, so that `code`, `combo-code` and `clinical-code` share rows instead of writing them thrice, and
//! `patient` is `subject` with a target type.

mod book;
mod convert;
mod expression;
pub mod extract;
pub mod measure;
pub mod params;
mod program;
pub mod query;
