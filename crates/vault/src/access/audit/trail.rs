//! What a visit was shown so far: gathered by the gate, where it lets something through, so that no way of reading can
//! forget to say what it gave away.

use super::event::{ASKED_BYTES_MAX, NAMED_MAX};
use crate::keys::patients::{Kid, SHARED};
use crate::records::Version;
use std::collections::BTreeSet;

/// What one request was shown and has changed.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub patients: BTreeSet<Kid>,
    pub about: Vec<String>,
    /// What was asked besides the address.
    pub asked: String,
    pub shown: u64,
    pub changed: u64,
    /// How much of what was shown the log has already, with a change; `None`: there is no entry of this request yet.
    pub told: Option<u64>,
    /// Whether the request was ended ([`Vault::close`](crate::Vault::close)).
    pub is_closed: bool,
}

impl Trail {
    /// Notes what is asked besides the address.
    pub fn ask(&mut self, text: &str) {
        let room = ASKED_BYTES_MAX.saturating_sub(self.asked.len());
        if room > 0 && !self.asked.is_empty() {
            self.asked.push('\n');
        }
        self.asked.push_str(&text[..text.floor_char_boundary(room)]);
    }

    /// Notes a version that is shown.
    pub fn show(&mut self, version: &Version) {
        self.shown += 1;
        self.touch(version);
    }

    /// Notes a version that was written.
    pub fn change(&mut self, version: &Version) {
        self.changed += 1;
        self.touch(version);
    }

    fn touch(&mut self, version: &Version) {
        if version.kid != SHARED {
            self.patients.insert(version.kid);
        }
        if self.about.len() < NAMED_MAX {
            // A contained resource is found under `Holder/id#inner`; the holder is what was shown.
            let id = version.id.split('#').next().unwrap_or_default();
            self.about.push(format!("{}/{id}", version.resource_type));
        }
    }
}
