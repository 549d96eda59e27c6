//! A new root key, online: what was sealed under the old one is sealed again, in one transaction with an entry in the log.
//! Data keys, bodies, the index and the log's signing key stay as they are. Old tokens are no longer good.

use crate::access::Visit;
use crate::error::{Error, Fault};
use crate::keys::root::{Ring, RootKey};
use crate::log::leaf::sha256;
use crate::records::desk::{Desk, Group};
use crate::records::opening::meta;
use crate::records::writer::transact;
use crate::records::{KeySource, Position, Vault, training};
use rusqlite::params;
use std::sync::Arc;

/// What a change of the root key came to.
#[derive(Debug)]
pub struct Rotated {
    /// The log's entry about it.
    pub position: Position,
    /// Why the new key still waits beside the file whose place it should take, if so. The next opening puts it there.
    pub waiting: Option<Fault>,
    /// Whether what was sealed under the old key is gone from the files. If not, a reader that began earlier still needs
    /// it; it goes when the write-ahead log is moved next, at the latest when the vault is closed.
    pub is_cleared: bool,
}

impl Vault {
    /// Changes to the root key that `to` gives, made there if there is none.
    ///
    /// Where `to` is the file that holds the present key, a new key takes its place when all is sealed under it. An error
    /// means that the root key is as it was, unless the vault is broken.
    pub fn rotate_root_key(&self, visit: &Visit, to: &KeySource) -> Result<Rotated, Error> {
        let _ = visit;
        let _turn = self.inner.rotating.lock();
        let dir = self.inner.store.dir.clone();
        let present = self.inner.store.ring.read().now.check;
        let (key, replaced) = RootKey::next(to, &dir, &present)?;
        let ring = Arc::new(key.ring()?);
        let position = self.task(move |desk| reseal_all(desk, &ring))??;
        // It is committed: from here on only the new key opens the record.
        let waiting = replaced.and_then(|draft| draft.put_in_place().err());
        Ok(Rotated { position, waiting, is_cleared: self.clear_log() })
    }
}

fn reseal_all(desk: &mut Desk, new: &Arc<Ring>) -> Result<Position, Error> {
    let store = Arc::clone(&desk.store);
    let old = Arc::clone(&store.ring.read().now);
    // Readers meet rows of either kind as soon as the commit is through, so both rings are there from before it. Old
    // tokens are good until then: before it nobody could get a new one.
    store.ring.write().expect(Arc::clone(new));
    let done = transact(desk, |desk, group| reseal(desk, group, &old, new));
    if done.is_ok() {
        store.ring.write().turn(Arc::clone(new));
    }
    done.map_err(|stop| stop.error())
}

fn reseal(desk: &mut Desk, group: &mut Group, old: &Ring, new: &Ring) -> Result<Position, Fault> {
    reseal_keys(desk, old, new)?;
    let lost = |what: &str| Fault::Altered(format!("The {what} does not open: it was altered. next: run verify."));
    for name in ["index key", "signing key", "link key"] {
        let sealed = meta(&desk.connection, name)?;
        let secret = old.secrets.open_key(name.as_bytes(), &sealed).ok_or_else(|| lost(name))?;
        let sealed = new.secrets.seal(name.as_bytes(), &secret)?;
        desk.connection.execute("UPDATE meta SET value = ? WHERE name = ?", params![sealed, name])?;
    }
    let dictionaries: Vec<(u32, Vec<u8>)> = desk
        .connection
        .prepare("SELECT id, sealed FROM dictionary")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (id, mut sealed) in dictionaries {
        let label = training::label(id);
        let bytes = old.secrets.open(&label, &mut sealed).ok_or_else(|| lost("dictionary"))?;
        let sealed = new.secrets.seal(&label, bytes)?;
        desk.connection.execute("UPDATE dictionary SET sealed = ? WHERE id = ?", params![sealed, id])?;
    }
    let check = params![new.check.as_slice()];
    desk.connection.execute("UPDATE meta SET value = ? WHERE name = 'key check'", check)?;
    // The hash tells later which key came when, and nothing of the key.
    let named = crate::keys::root::hex(&sha256(&[&new.check])[..8]);
    desk.append_event(&format!(r#"{{"event":"rotate","root":"{named}"}}"#), group)
}

fn reseal_keys(desk: &Desk, old: &Ring, new: &Ring) -> Result<(), Fault> {
    use crate::keys::patients::{Kid, PatientKey};
    let rows: Vec<(Kid, i64, Vec<u8>)> = desk
        .connection
        .prepare("SELECT kid, owner, wrapped FROM patient_key WHERE owner IS NOT NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut put = desk.connection.prepare("UPDATE patient_key SET wrapped = ? WHERE kid = ?")?;
    for (kid, owner, wrapped) in rows {
        let key = PatientKey::unwrap(old, kid, owner, &wrapped).ok_or_else(|| {
            Fault::Altered(format!("Data key {kid} does not open: it was altered. next: run verify."))
        })?;
        put.execute(params![key.wrap(new)?, kid])?;
    }
    Ok(())
}
