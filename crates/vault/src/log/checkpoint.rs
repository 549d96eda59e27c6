//! Checkpoints: the log's size and root, signed (C2SP tlog-checkpoint, signed-note with Ed25519).

use crate::error::Fault;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use signed_note::{Note, Signature, key_id};
use tlog_tiles::{Checkpoint, Hash};

/// Signature type of a log's own Ed25519 signature (C2SP signed-note).
const NOTE: u8 = 0x01;

/// Signs a log's checkpoints.
pub(crate) struct Signer {
    origin: String,
    pair: Ed25519KeyPair,
    id: u32,
}

impl Signer {
    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A signer for the log `origin` from the 32 bytes of an Ed25519 seed.
    pub fn new(origin: &str, seed: &[u8; 32]) -> Result<Signer, Fault> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| Fault::Key("The log's signing key could not be used.".to_owned()))?;
        let id = key_id(origin, &typed(NOTE, pair.public_key().as_ref()));
        Ok(Signer { origin: origin.to_owned(), pair, id })
    }

    /// The signed checkpoint of a tree.
    pub fn sign(&self, size: u64, root: Hash) -> Vec<u8> {
        self.sign_text(&format!("{}\n{size}\n{root}\n", self.origin))
    }

    /// A signed note of any text that ends with a newline.
    pub fn sign_text(&self, text: &str) -> Vec<u8> {
        let mut signature = self.id.to_be_bytes().to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n— {} {}\n", self.origin, BASE64_STANDARD.encode(signature)).into_bytes()
    }

    /// The public key as others need it (C2SP signed-note verifier key).
    pub fn verifier(&self) -> VerifierKey {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        VerifierKey { name: self.origin.clone(), kind: NOTE, public }
    }
}

/// A public key with its name: `name+12345678+base64(kind ‖ key)` (C2SP signed-note section "Verifier keys").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// The key's name: a log's origin or a witness's name.
    pub name: String,
    kind: u8,
    public: [u8; 32],
}

impl VerifierKey {
    /// A key of the given signature type.
    pub(crate) fn new(name: &str, kind: u8, public: [u8; 32]) -> VerifierKey {
        VerifierKey { name: name.to_owned(), kind, public }
    }

    /// Reads a verifier key. `None` if it is malformed or not Ed25519.
    #[must_use]
    pub fn parse(text: &str) -> Option<VerifierKey> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = BASE64_STANDARD.decode(key).ok()?;
        let (&kind, public) = key.split_first()?;
        let parsed = VerifierKey { name: name.to_owned(), kind, public: public.try_into().ok()? };
        let known = [NOTE, super::witness::COSIGNATURE].contains(&kind);
        let named = signed_note::is_key_name_valid(name) && id == format!("{:08x}", parsed.id());
        (known && named).then_some(parsed)
    }

    /// The key id that signature lines carry.
    #[must_use]
    pub fn id(&self) -> u32 {
        key_id(&self.name, &typed(self.kind, &self.public))
    }

    /// Whether it checks witnesses' cosignatures rather than a log's own signature.
    #[must_use]
    pub fn is_witness(&self) -> bool {
        self.kind == super::witness::COSIGNATURE
    }

    /// Whether a note carries this key's signature over its text.
    pub(crate) fn signed_text(&self, note: &[u8]) -> bool {
        let Some((text, lines)) = split(note) else { return false };
        let mut lines = lines.lines().filter_map(|line| Signature::from_bytes(line.as_bytes()).ok());
        lines.any(|line| line.name() == self.name && line.id() == self.id() && self.holds(text, line.signature()))
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = BASE64_STANDARD.encode(typed(self.kind, &self.public));
        write!(f, "{}+{:08x}+{key}", self.name, self.id())
    }
}

fn typed(kind: u8, public: &[u8]) -> Vec<u8> {
    [&[kind], public].concat()
}

/// A checkpoint that was read, with its signature lines.
#[derive(Debug)]
pub struct Signed {
    /// Origin, size and root.
    pub checkpoint: Checkpoint,
    /// The signed text.
    pub text: Vec<u8>,
    /// Its signatures.
    pub signatures: Vec<Signature>,
}

impl Signed {
    /// Reads a signed checkpoint. `None` if it is malformed; signatures are not checked yet.
    #[must_use]
    pub fn parse(note: &[u8]) -> Option<Signed> {
        let (text, signatures) = split(note)?;
        Note::from_bytes(note).ok()?;
        let checkpoint = Checkpoint::from_bytes(text).ok()?;
        let signatures =
            signatures.lines().map(|line| Signature::from_bytes(line.as_bytes()).ok()).collect::<Option<_>>();
        Some(Signed { checkpoint, text: text.to_vec(), signatures: signatures? })
    }

    /// Whether the log's own signature is on it and holds.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        let id = key.id();
        let mut mine = self.signatures.iter().filter(|s| s.name() == key.name && s.id() == id);
        mine.any(|s| key.holds(&self.text, s.signature()))
    }
}

/// The text with its final newline, and the signature lines.
fn split(note: &[u8]) -> Option<(&[u8], &str)> {
    let at = note.windows(2).rposition(|pair| pair == b"\n\n")?;
    Some((&note[..=at], std::str::from_utf8(&note[at + 2..]).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use signed_note::{StandardVerifier, VerifierList};

    #[test]
    fn another_implementation_accepts_the_signature() {
        let signer = Signer::new("chartroom.example/abc", &[7; 32]).expect("a signer");
        let note = signer.sign(42, Hash([9; 32]));
        let verifier = StandardVerifier::new(&signer.verifier().to_string()).expect("a key");
        let read = Note::from_bytes(&note).expect("a note");
        assert!(read.verify(&VerifierList::new(vec![Box::new(verifier)])).is_ok());
        let signed = Signed::parse(&note).expect("a checkpoint");
        assert_eq!((signed.checkpoint.size(), *signed.checkpoint.hash()), (42, Hash([9; 32])));
        assert!(signed.is_signed_by(&signer.verifier()));
    }

    #[test]
    fn a_changed_checkpoint_is_not_signed() {
        let signer = Signer::new("chartroom.example/abc", &[7; 32]).expect("a signer");
        let note = String::from_utf8(signer.sign(42, Hash([9; 32]))).expect("UTF-8");
        let forged = Signed::parse(note.replacen("42", "43", 1).as_bytes()).expect("a checkpoint");
        assert!(!forged.is_signed_by(&signer.verifier()));
        let stranger = Signer::new("chartroom.example/abc", &[8; 32]).expect("a signer");
        assert!(!Signed::parse(note.as_bytes()).expect("a checkpoint").is_signed_by(&stranger.verifier()));
        assert!(Signed::parse(b"").is_none() && Signed::parse(b"a\n\nb").is_none());
    }

    #[test]
    fn a_verifier_key_is_read_back() {
        let key = Signer::new("chartroom.example/abc", &[7; 32]).expect("a signer").verifier();
        assert_eq!(VerifierKey::parse(&key.to_string()), Some(key.clone()));
        assert_eq!(VerifierKey::parse(&key.to_string().replace("abc", "abd")), None);
        assert_eq!(VerifierKey::parse("a+b"), None);
    }
}
