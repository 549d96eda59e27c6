//! What counts once: states of providers, challenges of passkeys, what apps ask. Each is good for some minutes, and remembered
//! as long. Only what was proved right is used up: strangers, who can have any number given out, cannot fill what is remembered.

use base::clock::Instant;
use base::id::Ids;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long something that counts once is good.
pub const GOOD_MS: i64 = 10 * 60_000;

/// Most that are remembered.
const USED_MAX: usize = 100_000;

/// What was used.
#[derive(Default)]
pub struct Used(Mutex<HashMap<String, Instant>>);

impl Used {
    /// Whether something was not used yet.
    pub fn is_fresh(&self, word: &str) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(word)
    }

    /// Uses something up; `false` where it was used before, or too much is.
    pub fn use_up(&self, word: &str, now: Instant) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= USED_MAX {
            used.retain(|_, at| now.0 - at.0 <= GOOD_MS);
        }
        used.len() < USED_MAX && used.insert(word.to_owned(), now).is_none()
    }
}

/// Something that nobody can guess: 256 bits.
pub fn secret() -> String {
    let mut bytes = [0; 32];
    Ids::System.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_once_counts_once() {
        let used = Used::default();
        assert!(used.use_up("a", Instant(0)) && !used.use_up("a", Instant(1)) && used.use_up("b", Instant(1)));
        assert!(!used.is_fresh("a") && used.is_fresh("c") && used.is_fresh("c"));
        assert_ne!(secret(), secret());
    }
}
