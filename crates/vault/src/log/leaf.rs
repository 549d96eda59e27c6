//! A leaf: what the log says about one entry, without a word about the patient.
//!
//! ```text
//! bytes  "CR1"                            what this is
//!    2   "rv" | "ky" | "ae"               version, key event, event of the audit
//!    8   position in the log              integers are big-endian, two's complement
//!    8   ms since 1970-01-01T00:00:00Z
//!    8   keyed hash of Type/id            0 for an event
//!    8   version number                   0 for an event
//!    1   1 for a deletion, else 0
//!   32   SHA-256(salt ‖ served bytes)     salt = HMAC-SHA-256(data key, "leaf salt" ‖ position)
//! rest   resource type                    empty for an event
//! ```
//!
//! The hash in the tree is SHA-256(0x00 ‖ leaf) (RFC 6962 section 2.1). A deletion serves `{"resourceType":…,"id":…}`.

use aws_lc_rs::digest::{Context, SHA256};
use tlog_tiles::Hash;

/// What kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A version of a resource.
    Version,
    /// The end of a resource.
    Deletion,
    /// Something that happened to keys: rotation, shredding.
    Event,
    /// Somebody looked at something or did something: an event of the audit.
    Access,
}

impl Kind {
    /// As the column `kind` has it.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Kind::Version => 0,
            Kind::Deletion => 1,
            Kind::Event => 2,
            Kind::Access => 3,
        }
    }

    /// The kind of a number.
    #[must_use]
    pub fn of(number: i64) -> Option<Kind> {
        [Kind::Version, Kind::Deletion, Kind::Event, Kind::Access].into_iter().find(|kind| kind.number() == number)
    }
}

/// One leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// What kind.
    pub kind: Kind,
    /// Its place in the log.
    pub position: u64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The resource's pseudonym.
    pub key: i64,
    /// Version number.
    pub version: u64,
    /// Salted hash of the served bytes.
    pub payload: [u8; 32],
    /// Resource type.
    pub resource_type: &'a str,
}

const FIXED: usize = 3 + 2 + 8 * 4 + 1 + 32;

impl Leaf<'_> {
    /// The leaf as bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED + self.resource_type.len());
        out.extend_from_slice(b"CR1");
        out.extend_from_slice(match self.kind {
            Kind::Version | Kind::Deletion => b"rv",
            Kind::Event => b"ky",
            Kind::Access => b"ae",
        });
        out.extend_from_slice(&self.position.to_be_bytes());
        out.extend_from_slice(&self.at.to_be_bytes());
        out.extend_from_slice(&self.key.to_be_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.push(u8::from(self.kind == Kind::Deletion));
        out.extend_from_slice(&self.payload);
        out.extend_from_slice(self.resource_type.as_bytes());
        out
    }

    /// Its hash in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash(sha256(&[&[0], &self.bytes()]))
    }
}

/// What a leaf commits to: the served bytes, salted so that nobody can try texts against it.
#[must_use]
pub fn payload(salt: &[u8], served: &[u8]) -> [u8; 32] {
    sha256(&[salt, served])
}

/// SHA-256 of a text in pieces.
pub(crate) fn sha256(pieces: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for piece in pieces {
        context.update(piece);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_changes_the_hash() {
        let leaf = Leaf {
            kind: Kind::Version,
            position: 1,
            at: 2,
            key: 3,
            version: 4,
            payload: [5; 32],
            resource_type: "Patient",
        };
        assert_eq!(leaf.bytes().len(), FIXED + 7);
        assert_eq!(leaf.hash(), tlog_tiles::record_hash(&leaf.bytes()));
        let others = [
            Leaf { kind: Kind::Deletion, ..leaf },
            Leaf { kind: Kind::Event, ..leaf },
            Leaf { kind: Kind::Access, ..leaf },
            Leaf { position: 9, ..leaf },
            Leaf { at: 9, ..leaf },
            Leaf { key: 9, ..leaf },
            Leaf { version: 9, ..leaf },
            Leaf { payload: [9; 32], ..leaf },
            Leaf { resource_type: "Patients", ..leaf },
        ];
        for other in others {
            assert_ne!(leaf.hash(), other.hash(), "{other:?}");
        }
    }
}
