//! What a visit was shown so far: gathered by the gate, where it lets something through, so that no way of reading can
//! forget to say what it gave away.

use super::event::NAMED_MAX;
use crate::keys::patients::{Kid, SHARED};
use crate::records::Version;
use std::collections::BTreeSet;

/// What one request was shown and has changed.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub patients: BTreeSet<Kid>,
    pub about: Vec<String>,
    pub shown: u64,
    pub changed: u64,
}

impl Trail {
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
