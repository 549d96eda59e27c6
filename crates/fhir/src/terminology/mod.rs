//! Terminology: which codes there are, what they mean, and which belong to a value set.

pub mod compose;
pub mod filters;
pub mod hierarchy;
pub mod library;
pub mod model;
pub mod pack;
