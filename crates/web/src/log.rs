//! The log in public: checkpoint and tiles, which hold nothing about anybody (C2SP tlog-tiles).

use crate::answer::{Outcome, refused};
use base::refusal::{Kind, Refusal};
use vault::Vault;

/// Answers what lies below `/log/`.
pub fn answer(_vault: &Vault, _path: &str) -> Outcome {
    Ok(refused(&Refusal::new(Kind::NotFound, "not-found", "the log has no such file")))
}
