//! The end of keeping by itself: once a day what is older than the house keeps is destroyed, without anybody's command.

use super::event::Deed;
use super::retention::Expired;
use crate::access::{Context, Visit};
use crate::error::Error;
use crate::records::Vault;
use base::clock::Instant;
use parking_lot::Mutex;

const DAY_MS: i64 = 86_400_000;

/// After a failure it is tried again this soon.
const AGAIN_MS: i64 = 3_600_000;

/// How long a house keeps what events say, and when it looks next.
#[derive(Debug)]
pub struct Keeping {
    years: u32,
    next: Mutex<Option<Instant>>,
}

impl Keeping {
    /// For so many years, six at least; it looks at once, and then once a day.
    #[must_use]
    pub fn new(years: u32) -> Keeping {
        Keeping { years, next: Mutex::new(None) }
    }

    /// Destroys what is too old, if a day has passed since the last look; `None`: it is not time yet. What was done is in
    /// the audit.
    pub fn tend(&self, vault: &Vault) -> Result<Option<Expired>, Error> {
        let mut next = self.next.lock();
        let now = vault.clock().now();
        if next.is_some_and(|next| now < next) {
            return Ok(None);
        }
        *next = Some(Instant(now.0.saturating_add(AGAIN_MS)));
        let asked = format!("older than {} years", self.years);
        let visit =
            Visit::operator().asking(Context { asked, ..Context::new(Deed::Administer, "audit expire, by itself") });
        let expired = vault.expire_audit(&visit, self.years)?;
        if expired.events > 0 {
            vault.close_now(&visit, 0)?;
        }
        *next = Some(Instant(now.0.saturating_add(DAY_MS)));
        Ok(Some(expired))
    }
}
