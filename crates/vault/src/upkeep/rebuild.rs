//! Rebuild: the index made anew from the entries, and compared with the one that was there.

use crate::error::Error;
use crate::records::opening;
use crate::records::{Options, Vault};

/// What a rebuild did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Entries handed in.
    pub entries: u64,
    /// Whether the new index holds the same rows as the old one, each of which was read; `None` when the old one could not be read, was of
    /// another version of the definitions, or was behind.
    pub same: Option<bool>,
}

impl Vault {
    /// Makes the index anew and opens the vault. `progress` hears how many entries of how many are done.
    ///
    /// Works also where the index file is damaged or missing. Fails like [`Vault::open`] otherwise.
    pub fn rebuild(options: Options, progress: &dyn Fn(u64, u64)) -> Result<(Vault, Rebuilt), Error> {
        let (inner, before) = opening::open(options, opening::Index::Anew, progress)?;
        let vault = Vault::of(inner);
        let store = &vault.inner.store;
        store.index.wait_for_file(vault.head())?;
        let comparable = before.filter(|(watermark, _)| *watermark == store.head());
        let same = comparable.map(|(_, sums)| sums == Some(store.index.sums()));
        Ok((vault.clone(), Rebuilt { entries: store.head(), same }))
    }
}
