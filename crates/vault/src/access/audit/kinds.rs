//! What sort of things an event was about, for whoever may see only some of them.

use super::reading::Found;
use crate::access::{Action, Visit};
use crate::error::Error;
use crate::records::Vault;

impl Vault {
    /// The types of what an event names, and how many of each the visit may see itself. Nothing where the event was about
    /// several patients: what it names may be others'.
    ///
    /// That something was looked at is no look at it: nothing is shown here, and nothing stands in the visit's own entry.
    pub fn audit_kinds(&self, visit: &Visit, found: &Found) -> Result<Vec<(String, usize)>, Error> {
        let mut kinds: Vec<(String, usize)> = Vec::new();
        if found.event.patients.len() != 1 {
            return Ok(kinds);
        }
        let sight = self.sight(visit, Action::Read)?;
        let mut named: Vec<&str> = found.event.about.iter().map(String::as_str).collect();
        named.sort_unstable();
        named.dedup();
        for (kind, id) in named.into_iter().filter_map(|named| named.split_once('/')) {
            let id = id.split('/').next().unwrap_or_default();
            let version = self.inner.store.read(kind, id, None)?.filter(|version| !version.deleted);
            let Some(version) = version.filter(|version| found.event.patients.contains(&version.kid)) else { continue };
            if !self.inner.store.sees(&sight, &version)? {
                continue;
            }
            match kinds.iter_mut().find(|(known, _)| known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind.to_owned(), 1)),
            }
        }
        Ok(kinds)
    }
}
