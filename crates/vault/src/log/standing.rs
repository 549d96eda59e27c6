//! How one version stands in the log: whether it is what was committed to, and who has seen that beside this system.

use super::checkpoint::{Signed, VerifierKey};
use super::leaf::payload;
use super::nodes::{Nodes, leaf_bytes};
use super::proof::note;
use super::witness::is_cosigned;
use crate::access::Visit;
use crate::error::{Error, Fault};
use crate::records::{Vault, Version};
use base::clock::Instant;
use rusqlite::Connection;
use tlog_tiles::{check_record, prove_record, record_hash};

/// Bytes of a leaf before its payload ([`super::leaf`]).
const BEFORE_PAYLOAD: usize = 3 + 2 + 8 * 4 + 1;

/// What was found when a version was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether body, leaf, tree and signature fit each other.
    pub holds: bool,
    /// Entries that the checkpoint covers.
    pub size: u64,
    /// Names of the witnesses whose cosignature of that checkpoint holds.
    pub witnesses: Vec<String>,
    /// When the last of them signed.
    pub witnessed: Option<Instant>,
}

impl Vault {
    /// Checks a version as it was served against the log. `None`: the visit sees a part of it, which nothing was committed to.
    ///
    /// The same steps as `tools/verify-proof.py`: SHA-256(salt ‖ body) stands in the leaf, the leaf leads to the root, the root
    /// is signed.
    pub fn log_standing(&self, visit: &Visit, version: &Version) -> Result<Option<Standing>, Error> {
        if version.partial || !self.shows_whole(visit, version.position)? {
            return Ok(None);
        }
        let store = &self.inner.store;
        store.readers.with(|connection| {
            // One snapshot: the checkpoint and the tree it signs.
            let snapshot = connection.unchecked_transaction()?;
            let Some(key) = store.key(&snapshot, version.kid)? else { return Ok(None) };
            let salt = key.salt(version.position.0);
            check(&snapshot, version, &salt, &store.signer.verifier()).map(Some)
        })
    }
}

fn check(connection: &Connection, version: &Version, salt: &[u8], key: &VerifierKey) -> Result<Standing, Error> {
    let position = version.position.0;
    let covering = |name| -> Result<Option<Signed>, Fault> {
        let signed = note(connection, name)?.as_deref().and_then(Signed::parse);
        Ok(signed.filter(|signed| signed.checkpoint.size() > position))
    };
    let failed = |size| Standing { holds: false, size, witnesses: Vec::new(), witnessed: None };
    let signed = match covering("witnessed")? {
        Some(signed) => signed,
        None => match covering("latest")? {
            Some(signed) => signed,
            None => return Ok(failed(0)),
        },
    };
    let size = signed.checkpoint.size();
    let Some(leaf) = leaf_bytes(connection, position)? else { return Ok(failed(size)) };
    let is_body = leaf.get(BEFORE_PAYLOAD..BEFORE_PAYLOAD + 32) == Some(&payload(salt, &version.body)[..]);
    let Ok(path) = prove_record(size, position, &Nodes::new(connection)) else { return Ok(failed(size)) };
    let is_in = check_record(&path, size, *signed.checkpoint.hash(), position, record_hash(&leaf)).is_ok();
    if !is_body || !is_in || !signed.is_signed_by(key) {
        return Ok(failed(size));
    }
    let keys = note(connection, "witnesses")?.unwrap_or_default();
    let (witnesses, witnessed) = witnesses(&signed, &String::from_utf8_lossy(&keys));
    Ok(Standing { holds: true, size, witnesses, witnessed })
}

/// Whose cosignature holds, and when the last of them was made.
fn witnesses(signed: &Signed, keys: &str) -> (Vec<String>, Option<Instant>) {
    let (mut names, mut last) = (Vec::new(), None);
    for key in keys.lines().filter_map(VerifierKey::parse).filter(VerifierKey::is_witness) {
        let mut lines = signed.signatures.iter().filter(|line| line.name() == key.name && line.id() == key.id());
        let Some(line) = lines.find(|line| is_cosigned(&key, &signed.text, line.signature())) else { continue };
        let seconds = line.signature().first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
        let at = seconds.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000)).map(Instant);
        last = last.max(at);
        names.push(key.name);
    }
    (names, last)
}
