//! Data keys: one a patient, so that one patient can be made unreadable, and one shared by what belongs to nobody.
//!
//! A key is made in the caller's thread when the first resource of a patient is prepared, and becomes durable with the
//! first entry that uses it. At most [`KEPT_MAX`] are held at once.

use super::root::Ring;
use super::seal::{Mac, Sealer};
use crate::error::Fault;
use base::id::Ids;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The number of a data key.
pub(crate) type Kid = u32;

/// The highest number of a key: the index keeps it in 28 bits. Positions end long before so many patients have a chart.
pub(crate) const KID_MAX: Kid = (1 << 28) - 1;

/// The key of what belongs to no patient.
pub(crate) const SHARED: Kid = 0;

/// How many keys stay in memory: about 1.5 KB each.
const KEPT_MAX: usize = 16_384;

/// One patient's data key.
pub(crate) struct PatientKey {
    /// Its number.
    pub kid: Kid,
    /// The pseudonym of the patient; 0 for the shared key.
    pub owner: i64,
    raw: [u8; 32],
    sealer: Sealer,
    salts: Mac,
    durable: AtomicBool,
}

impl PatientKey {
    /// The key of these bytes.
    pub fn new(kid: Kid, owner: i64, raw: [u8; 32], durable: bool) -> Result<PatientKey, Fault> {
        Ok(PatientKey {
            kid,
            owner,
            raw,
            sealer: Sealer::new(&raw)?,
            salts: Mac::new(&raw),
            durable: AtomicBool::new(durable),
        })
    }

    /// Opens a wrapped key.
    pub fn unwrap(ring: &Ring, kid: Kid, owner: i64, wrapped: &[u8]) -> Option<PatientKey> {
        let raw = ring.wrapping.open_key(&label(kid, owner), wrapped)?;
        PatientKey::new(kid, owner, raw, true).ok()
    }

    /// The key wrapped for keeping.
    pub fn wrap(&self, ring: &Ring) -> Result<Vec<u8>, Fault> {
        ring.wrapping.seal(&label(self.kid, self.owner), &self.raw)
    }

    /// Seals bodies.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The salt of the leaf at `pos`: without the key nobody can try bodies against a leaf.
    pub fn salt(&self, pos: u64) -> [u8; 32] {
        self.salts.sign(&[b"leaf salt", &pos.to_be_bytes()])
    }

    /// A key for another purpose that hangs from this one.
    pub fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        self.salts.sign(&[b"key for ", purpose])
    }

    /// Whether its row has been committed.
    pub fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Acquire)
    }
}

fn label(kid: Kid, owner: i64) -> [u8; 12] {
    let mut label = [0; 12];
    label[..4].copy_from_slice(&kid.to_be_bytes());
    label[4..].copy_from_slice(&owner.to_be_bytes());
    label
}

/// The keys in use.
pub(crate) struct PatientKeys {
    held: Mutex<Held>,
    next: AtomicU32,
    shared: Arc<PatientKey>,
}

struct Held {
    by_kid: Kept<Kid>,
    by_owner: Kept<i64>,
    /// Made, not yet committed: may not be forgotten.
    fresh: HashMap<i64, Arc<PatientKey>>,
    /// Destroyed: a reader that found one before comes too late with it.
    gone: HashSet<Kid>,
}

impl PatientKeys {
    /// Keys of an installation whose next free number is `next`.
    pub fn new(shared: Arc<PatientKey>, next: Kid) -> PatientKeys {
        let held = Held { by_kid: Kept::new(), by_owner: Kept::new(), fresh: HashMap::new(), gone: HashSet::new() };
        PatientKeys { held: Mutex::new(held), next: AtomicU32::new(next.max(1)), shared }
    }

    /// The shared key.
    pub fn shared(&self) -> Arc<PatientKey> {
        Arc::clone(&self.shared)
    }

    /// The key with that number; `load` reads it when it is not held. `None` if it was destroyed.
    pub fn by_kid<E>(
        &self,
        kid: Kid,
        load: impl FnOnce() -> Result<Option<PatientKey>, E>,
    ) -> Result<Option<Arc<PatientKey>>, E> {
        if kid == SHARED {
            return Ok(Some(self.shared()));
        }
        if let Some(key) = self.held.lock().by_kid.get(&kid) {
            return Ok(Some(key));
        }
        let Some(key) = load()?.map(Arc::new) else { return Ok(None) };
        let mut held = self.held.lock();
        if held.gone.contains(&kid) {
            return Ok(None);
        }
        held.by_kid.put(kid, Arc::clone(&key));
        Ok(Some(key))
    }

    /// The key of a patient, made if there is none; `load` reads it when it is not held.
    pub fn of<E: From<Fault>>(
        &self,
        owner: i64,
        load: impl FnOnce() -> Result<Option<PatientKey>, E>,
    ) -> Result<Arc<PatientKey>, E> {
        let mut held = self.held.lock();
        if let Some(key) = held.by_owner.get(&owner) {
            return Ok(key);
        }
        if let Some(key) = held.fresh.get(&owner) {
            return Ok(Arc::clone(key));
        }
        // Under the lock, so that no two keys are made for one patient.
        let key = match load()? {
            Some(key) => held.by_kid.get(&key.kid).unwrap_or_else(|| Arc::new(key)),
            None => {
                let key = Arc::new(self.make(owner)?);
                held.fresh.insert(owner, Arc::clone(&key));
                key
            }
        };
        held.by_owner.put(owner, Arc::clone(&key));
        held.by_kid.put(key.kid, Arc::clone(&key));
        Ok(key)
    }

    /// Notes that the rows of these keys were committed.
    pub fn committed(&self, keys: &[Arc<PatientKey>]) {
        if keys.is_empty() {
            return;
        }
        let mut held = self.held.lock();
        for key in keys {
            key.durable.store(true, Ordering::Release);
            held.fresh.remove(&key.owner);
        }
    }

    /// Forgets a destroyed key. What was prepared under it may still come to the writer, which refuses it by number.
    pub fn forget(&self, kid: Kid, owner: i64) {
        let mut held = self.held.lock();
        held.gone.insert(kid);
        held.by_kid.remove(&kid);
        held.by_owner.remove(&owner);
    }

    /// Refuses keys that were destroyed, wherever they come from.
    pub fn bar(&self, kids: impl IntoIterator<Item = Kid>) {
        self.held.lock().gone.extend(kids);
    }

    fn make(&self, owner: i64) -> Result<PatientKey, Fault> {
        let mut raw = [0; 32];
        Ids::System.fill(&mut raw);
        let kid = self.next.fetch_add(1, Ordering::Relaxed);
        if kid > KID_MAX {
            let line =
                format!("The record has no room for another patient; it holds {KID_MAX}. next: keep a second one.");
            return Err(Fault::Broken(line));
        }
        PatientKey::new(kid, owner, raw, false)
    }
}

/// Two generations: what is used moves to the young one, and the old one is dropped when the young one is full.
struct Kept<K> {
    young: HashMap<K, Arc<PatientKey>>,
    old: HashMap<K, Arc<PatientKey>>,
}

impl<K: Copy + Eq + Hash> Kept<K> {
    fn new() -> Kept<K> {
        Kept { young: HashMap::new(), old: HashMap::new() }
    }

    fn get(&mut self, at: &K) -> Option<Arc<PatientKey>> {
        if let Some(key) = self.young.get(at) {
            return Some(Arc::clone(key));
        }
        let key = self.old.remove(at)?;
        self.put(*at, Arc::clone(&key));
        Some(key)
    }

    fn put(&mut self, at: K, key: Arc<PatientKey>) {
        if self.young.len() >= KEPT_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(at, key);
    }

    fn remove(&mut self, at: &K) {
        self.young.remove(at);
        self.old.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> PatientKeys {
        PatientKeys::new(Arc::new(PatientKey::new(SHARED, 0, [0; 32], true).expect("a key")), 1)
    }

    #[test]
    fn a_patient_has_one_key_and_it_is_kept_until_it_is_durable() {
        let keys = keys();
        let none = || Ok::<_, Fault>(None);
        let first = keys.of(77, none).expect("made");
        assert!(!first.is_durable());
        for owner in 1000..1000 + 2 * KEPT_MAX as i64 {
            let key = keys.of(owner, none).expect("made");
            keys.committed(&[key]);
        }
        assert_eq!(keys.of(77, none).expect("kept").kid, first.kid);
        keys.committed(&[Arc::clone(&first)]);
        assert!(first.is_durable());
    }

    #[test]
    fn a_forgotten_key_is_not_found_again() {
        let keys = keys();
        let key = keys.of(5, || Ok::<_, Fault>(None)).expect("made");
        keys.forget(key.kid, 5);
        assert!(keys.by_kid(key.kid, || Ok::<_, Fault>(None)).expect("looked").is_none());
        // Read from the file before it was destroyed, brought after.
        let late = || PatientKey::new(key.kid, 5, [1; 32], true).map(Some);
        assert!(keys.by_kid(key.kid, late).expect("looked").is_none());
    }

    #[test]
    fn a_wrapped_key_opens_under_its_own_number_only() {
        let ring = crate::keys::root::RootKey::find(
            &crate::records::KeySource::Hex("11".repeat(32)),
            std::path::Path::new("."),
            true,
        )
        .and_then(|root| root.ring())
        .expect("a ring");
        let key = PatientKey::new(3, 9, [4; 32], true).expect("a key");
        let wrapped = key.wrap(&ring).expect("wrapped");
        assert_eq!(PatientKey::unwrap(&ring, 3, 9, &wrapped).expect("opens").salt(1), key.salt(1));
        assert!(PatientKey::unwrap(&ring, 4, 9, &wrapped).is_none());
        assert!(PatientKey::unwrap(&ring, 3, 8, &wrapped).is_none());
    }
}
