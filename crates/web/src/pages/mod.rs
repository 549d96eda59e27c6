//! Pages for people. Every page carries its own strict content security policy.

mod home;

pub use home::{escape, home};
