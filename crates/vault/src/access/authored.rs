//! What a visitor wrote: the resources that name them as their author. Looked up once, then followed entry by entry.
//!
//! Authorship is of one resource, not of a patient: a note stays open to whoever wrote it (45 CFR 164.508(a)(2)(i)(A) for
//! psychotherapy notes). The newest version decides: a note that was put down to the wrong person is not theirs.

use super::Principal;
use crate::error::Error;
use crate::records::Vault;
use crate::search::index::{ListName, Reading};
use crate::search::rows::{Names, type_number};
use fhir::search::params;
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Who wrote a resource, by type and search parameter. Who only performed or ordered something is no author.
const AUTHORS: [(&str, &str); 9] = [
    ("AllergyIntolerance", "recorder"),
    ("ClinicalImpression", "assessor"),
    ("Communication", "sender"),
    ("Composition", "author"),
    ("Condition", "asserter"),
    ("DiagnosticReport", "results-interpreter"),
    ("DocumentManifest", "author"),
    ("DocumentReference", "author"),
    ("QuestionnaireResponse", "author"),
];

/// More people than this at once; then all is forgotten and looked up again.
const KEPT_MAX: usize = 4_096;

/// What the people who came wrote.
#[derive(Default)]
pub(crate) struct Authors {
    by_account: Mutex<HashMap<String, Arc<Authored>>>,
}

/// What one of them wrote.
#[derive(Debug, Default)]
pub(crate) struct Authored {
    names: Vec<String>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// True for the log's first entries.
    at: u32,
    /// Keyed hashes of the resources' identities.
    keys: HashSet<i64>,
}

impl Authored {
    /// Whether the resource with this key is theirs.
    pub fn has(&self, key: i64) -> bool {
        self.known.read().keys.contains(&key)
    }

    /// Of these resources.
    #[cfg(test)]
    pub fn of(keys: impl IntoIterator<Item = i64>) -> Authored {
        let known = RwLock::new(Known { at: u32::MAX, keys: keys.into_iter().collect() });
        Authored { names: Vec::new(), known }
    }
}

impl Vault {
    /// What somebody wrote of the log's first entries. `None`: they stand for nobody who could write.
    pub(super) fn authored(&self, principal: &Principal, at: u32) -> Result<Option<Arc<Authored>>, Error> {
        if principal.stands_for.is_empty() {
            return Ok(None);
        }
        let authored = {
            let mut all = self.inner.store.gate.authors.by_account.lock();
            if all.len() >= KEPT_MAX && !all.contains_key(&principal.account) {
                all.clear();
            }
            let known = all.get(&principal.account).filter(|known| known.names == principal.stands_for);
            let authored = known
                .cloned()
                .unwrap_or_else(|| Arc::new(Authored { names: principal.stands_for.clone(), ..Authored::default() }));
            all.insert(principal.account.clone(), Arc::clone(&authored));
            authored
        };
        if authored.known.read().at < at {
            self.follow(&authored, at)?;
        }
        Ok(Some(authored))
    }

    fn follow(&self, authored: &Authored, at: u32) -> Result<(), Error> {
        let mut known = authored.known.write();
        let store = &self.inner.store;
        // All that could be theirs or be theirs no more; from the beginning only what names them.
        let reading = store.index.reading(at)?;
        let new = if known.at == 0 { None } else { Some(written(&reading, known.at..at)) };
        if new.as_ref().is_some_and(Vec::is_empty) {
            known.at = at.max(known.at);
            return Ok(());
        }
        let named = named(&reading, &authored.names, new.as_deref())?;
        let places = reading.places();
        for position in new.iter().flatten() {
            known.keys.remove(&places.key(*position));
        }
        let newest = named.into_iter().filter(|&position| places.newest(position) == position);
        known.keys.extend(newest.map(|position| places.key(position)));
        known.at = at.max(known.at);
        Ok(())
    }
}

/// Positions of versions that have authors.
fn written(reading: &Reading<'_>, between: std::ops::Range<u32>) -> Vec<u32> {
    let types = AUTHORS.map(|(name, _)| type_number(name));
    let places = reading.places();
    between.filter(|&position| types.contains(&places.type_number(position))).collect()
}

/// Positions of versions that name one of them as author; among `only` where that is said.
fn named(reading: &Reading<'_>, names: &[String], only: Option<&[u32]>) -> Result<Vec<u32>, Error> {
    let mut hashes = Names::new(reading.hasher());
    let mut found = Vec::new();
    for (kind, id) in names.iter().filter_map(|name| name.split_once('/')) {
        let key = hashes.resource(kind, id);
        for param in AUTHORS.iter().filter_map(|(resource_type, code)| params::find(resource_type, code)) {
            for path in &param.paths {
                let list = ListName::plain(hashes.local(path.path, key));
                match only {
                    Some(only) => reading.list_within(list, only, &mut found)?,
                    None => reading.list(list, &mut found)?,
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_author_has_a_search_parameter() {
        for (resource_type, code) in AUTHORS {
            let param = params::find(resource_type, code).unwrap_or_else(|| panic!("{resource_type}?{code}"));
            assert!(!param.paths.is_empty(), "{resource_type}?{code}");
        }
    }
}
