//! What release decides, each decision with its source of law. Pure.

pub mod authorization;
pub mod denial;
pub mod fee;
pub mod letter;
pub mod route;

pub use authorization::{Authorization, Defect, defects};
pub use denial::Ground;
pub use fee::{Charge, Fee, FeeRule, Medium};
pub use route::{Minimum, Proof, Route, Terms};
