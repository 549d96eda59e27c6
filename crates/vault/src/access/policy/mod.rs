//! Policies: who may do what, for which purpose, with which sort of resource, of whom.

pub mod classes;
pub mod question;

pub use question::{Action, Class, Relationship, Relationships};
