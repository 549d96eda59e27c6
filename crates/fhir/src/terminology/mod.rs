//! Terminology: which codes there are, what they mean, and which belong to a value set.

pub mod model;
pub mod pack;
