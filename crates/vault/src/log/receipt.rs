//! Checking a proof without the record: whoever has the log's key can (C2SP tlog-proof).

use super::checkpoint::{Signed, VerifierKey};
use super::leaf::sha256;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tlog_tiles::{Hash, check_record};

/// Where the payload stands in a leaf: tag, kind, four numbers, and the mark of a deletion go before it.
const PAYLOAD_AT: usize = 3 + 2 + 8 * 4 + 1;

/// What a proof shows of the bytes that came with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// They stand in the log that the key signs.
    Stands,
    /// They are not what the log holds.
    Altered,
    /// The proof leads to no checkpoint that the key signs.
    NotInLog,
    /// It is no proof.
    NoProof,
}

/// SHA-256, as lower-case hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    sha256(&[bytes]).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether these bytes, as they were served, stand in the log of a key.
#[must_use]
pub fn check(proof: &str, served: &[u8], key: &VerifierKey) -> Shown {
    let Some(proof) = Proof::read(proof) else { return Shown::NoProof };
    let Some((salt, leaf)) = proof.extra.split_at_checked(32) else { return Shown::NoProof };
    let Some(payload) = leaf.get(PAYLOAD_AT..PAYLOAD_AT + 32) else { return Shown::NoProof };
    if payload != sha256(&[salt, served]) {
        return Shown::Altered;
    }
    let (size, root) = (proof.signed.checkpoint.size(), *proof.signed.checkpoint.hash());
    let hash = Hash(sha256(&[&[0], leaf]));
    let leads = check_record(&proof.path, size, root, proof.index, hash).is_ok();
    if leads && proof.signed.is_signed_by(key) { Shown::Stands } else { Shown::NotInLog }
}

struct Proof {
    extra: Vec<u8>,
    index: u64,
    path: Vec<Hash>,
    signed: Signed,
}

impl Proof {
    fn read(text: &str) -> Option<Proof> {
        let (head, note) = text.split_once("\n\n")?;
        let mut lines = head.lines();
        (lines.next()? == "c2sp.org/tlog-proof@v1").then_some(())?;
        let extra = BASE64_STANDARD.decode(lines.next()?.strip_prefix("extra ")?).ok()?;
        let index = lines.next()?.strip_prefix("index ")?.parse().ok()?;
        let hash = |line: &str| BASE64_STANDARD.decode(line).ok()?.try_into().ok().map(Hash);
        let path = lines.map(hash).collect::<Option<_>>()?;
        Some(Proof { extra, index, path, signed: Signed::parse(note.as_bytes())? })
    }
}
