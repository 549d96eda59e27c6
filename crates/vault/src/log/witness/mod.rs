//! A witness: says that a log only ever grew (C2SP tlog-witness, tlog-cosignature with Ed25519).
//!
//! [`Request::read`] and [`Witness::consider`] are pure: the caller knows what was seen last, keeps what is seen now, and
//! only then answers. [`folder::WitnessFolder`] does that on a disk.

pub mod folder;

use super::checkpoint::{Signed, VerifierKey};
use crate::error::Fault;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tlog_tiles::{EMPTY_HASH, Hash, check_tree};

/// Signature type of an Ed25519 cosignature.
pub(crate) const COSIGNATURE: u8 = 0x04;

/// More proof lines than this no tree can need.
const PROOF_MAX: usize = 63;

/// The size and root of a log, as a witness saw them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Number of leaves.
    pub size: u64,
    /// Root hash.
    pub root: Hash,
}

/// What a witness answers, each with its HTTP status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 200: cosignature lines.
    Cosigned(String),
    /// 400: not a request, or an old size beyond the new one.
    Malformed,
    /// 403: none of the log's keys signed it.
    Forbidden,
    /// 404: no such log here.
    Unknown,
    /// 409: another size was seen last; the body is that size (`text/x.tlog.size`).
    Conflict(u64),
    /// 422: the proof does not show that the log only grew.
    Unproved,
}

impl Reply {
    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Reply::Cosigned(_) => 200,
            Reply::Malformed => 400,
            Reply::Forbidden => 403,
            Reply::Unknown => 404,
            Reply::Conflict(_) => 409,
            Reply::Unproved => 422,
        }
    }

    /// Body.
    #[must_use]
    pub fn body(&self) -> String {
        match self {
            Reply::Cosigned(lines) => lines.clone(),
            Reply::Conflict(size) => format!("{size}\n"),
            Reply::Malformed | Reply::Forbidden | Reply::Unknown | Reply::Unproved => String::new(),
        }
    }
}

/// An `add-checkpoint` request.
#[derive(Debug)]
pub struct Request {
    old: u64,
    proof: Vec<Hash>,
    signed: Signed,
}

impl Request {
    /// Reads a request. `None` if it is malformed.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Request> {
        let body = std::str::from_utf8(body).ok()?;
        let (head, note) = body.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = decimal(lines.next()?.strip_prefix("old ")?)?;
        let proof = lines.map(|line| Hash::parse_hash(line).ok()).collect::<Option<Vec<_>>>()?;
        let signed = Signed::parse(note.as_bytes())?;
        (proof.len() <= PROOF_MAX).then_some(Request { old, proof, signed })
    }

    /// Writes a request.
    #[must_use]
    pub fn write(old: u64, proof: &[Hash], note: &str) -> String {
        let lines: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
        format!("old {old}\n{lines}\n{note}")
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.signed.checkpoint.origin()
    }

    fn now(&self) -> Seen {
        Seen { size: self.signed.checkpoint.size(), root: *self.signed.checkpoint.hash() }
    }
}

fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|n: &u64| n.to_string() == text)
}

/// A witness with its key.
pub struct Witness {
    name: String,
    pair: Ed25519KeyPair,
}

impl Witness {
    /// A witness of that name from the 32 bytes of an Ed25519 seed.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Witness, Fault> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| Fault::Key("The witness's key could not be used.".to_owned()))?;
        Ok(Witness { name: name.to_owned(), pair })
    }

    /// The public key that checks its cosignatures.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        VerifierKey::new(&self.name, COSIGNATURE, public)
    }

    /// Decides about a request. `logs` are the keys trusted for logs, `seen` what was last cosigned for this one.
    ///
    /// What comes back as `Ok` must be kept durably before the cosignature is given out.
    pub fn consider(
        &self,
        request: &Request,
        logs: &[VerifierKey],
        seen: Option<Seen>,
        seconds: u64,
    ) -> Result<(Seen, String), Reply> {
        let mut keys = logs.iter().filter(|key| key.name == request.origin()).peekable();
        if keys.peek().is_none() {
            return Err(Reply::Unknown);
        }
        if !keys.any(|key| request.signed.is_signed_by(key)) {
            return Err(Reply::Forbidden);
        }
        let (now, last) = (request.now(), seen.unwrap_or(Seen { size: 0, root: EMPTY_HASH }));
        if request.old > now.size {
            return Err(Reply::Malformed);
        }
        if request.old != last.size || (now.size == last.size && now.root != last.root) {
            return Err(Reply::Conflict(last.size));
        }
        if !grew(&last, &now, &request.proof) {
            return Err(Reply::Unproved);
        }
        Ok((now, self.cosign(&request.signed.text, seconds)))
    }

    /// A cosignature line: the time, and the signature over it and the checkpoint.
    fn cosign(&self, text: &[u8], seconds: u64) -> String {
        let signature = self.pair.sign(&message(text, seconds));
        let mut bytes = self.verifier().id().to_be_bytes().to_vec();
        bytes.extend_from_slice(&seconds.to_be_bytes());
        bytes.extend_from_slice(signature.as_ref());
        format!("— {} {}\n", self.name, BASE64_STANDARD.encode(bytes))
    }
}

fn grew(last: &Seen, now: &Seen, proof: &Vec<Hash>) -> bool {
    if last.size == 0 || last.size == now.size {
        return proof.is_empty();
    }
    check_tree(proof, now.size, now.root, last.size, last.root).is_ok()
}

fn message(text: &[u8], seconds: u64) -> Vec<u8> {
    [format!("cosignature/v1\ntime {seconds}\n").as_bytes(), text].concat()
}

/// Whether `signature` (time and Ed25519 signature) is the witness's over the checkpoint.
pub(crate) fn is_cosigned(key: &VerifierKey, text: &[u8], signature: &[u8]) -> bool {
    let Some((seconds, signature)) = signature.split_first_chunk::<8>() else { return false };
    key.holds(&message(text, u64::from_be_bytes(*seconds)), signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::checkpoint::Signer;
    use crate::log::tree::Tree;
    use signed_note::Signature;
    use tlog_tiles::{Error, HashReader, prove_tree, record_hash, stored_hashes};

    struct Log(std::cell::RefCell<Vec<Hash>>, Signer);

    impl HashReader for Log {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            Ok(indexes.iter().map(|&i| self.0.borrow()[i as usize]).collect())
        }
    }

    impl Log {
        fn new(size: u64) -> (Log, Tree) {
            let log = Log(Vec::new().into(), Signer::new("log.example/1", &[3; 32]).expect("a signer"));
            let mut tree = Tree::default();
            for n in 0..size {
                let stored = stored_hashes(n, &n.to_be_bytes(), &log).expect("stored");
                log.0.borrow_mut().extend(stored);
                tree.push(record_hash(&n.to_be_bytes()), &mut Vec::new());
            }
            (log, tree)
        }

        fn request(&self, old: u64, tree: &Tree) -> String {
            let proof = if old == 0 { Vec::new() } else { prove_tree(tree.size(), old, self).expect("a proof") };
            let note = String::from_utf8(self.1.sign(tree.size(), tree.root())).expect("UTF-8");
            Request::write(old, &proof, &note)
        }
    }

    #[test]
    fn a_witness_signs_what_grew_and_nothing_else() {
        let witness = Witness::new("witness.example/w", &[5; 32]).expect("a witness");
        let ((_, small), (log, large)) = (Log::new(5), Log::new(9));
        let keys = [log.1.verifier()];
        let seen = Seen { size: 5, root: small.root() };
        let ask = |body: &str, seen| {
            let request = Request::read(body.as_bytes()).ok_or(Reply::Malformed)?;
            witness.consider(&request, &keys, seen, 1_679_315_147)
        };
        let good = log.request(5, &large);
        let (now, line) = ask(&good, Some(seen)).expect("cosigned");
        assert_eq!(now, Seen { size: 9, root: large.root() });
        let signature = Signature::from_bytes(line.trim_end().as_bytes()).expect("a line");
        let text = Request::read(good.as_bytes()).expect("a request").signed.text;
        assert!(is_cosigned(&witness.verifier(), &text, signature.signature()));
        assert!(!is_cosigned(&witness.verifier(), b"other\n9\nroot\n", signature.signature()));
        assert_eq!(VerifierKey::parse(&witness.verifier().to_string()), Some(witness.verifier()));

        let forked = Seen { size: 5, root: Hash([1; 32]) };
        let proof_line = good.lines().nth(1).expect("a proof line");
        let cases = [
            (good.clone(), None, Reply::Conflict(0)),
            (good.clone(), Some(now), Reply::Conflict(9)),
            (good.clone(), Some(forked), Reply::Unproved),
            (good.replacen(proof_line, &Hash([2; 32]).to_string(), 1), Some(seen), Reply::Unproved),
            (good.replacen("old 5", "old 10", 1), Some(seen), Reply::Malformed),
            (good.replacen("old 5", "old 05", 1), Some(seen), Reply::Malformed),
            (
                good.replacen("old 5\n", &format!("old 5\n{}", format!("{proof_line}\n").repeat(64)), 1),
                Some(seen),
                Reply::Malformed,
            ),
            (good.replacen("\n9\n", "\n8\n", 1), Some(seen), Reply::Forbidden),
            (good.replacen("log.example/1\n9", "log.example/2\n9", 1), Some(seen), Reply::Unknown),
            (String::new(), None, Reply::Malformed),
        ];
        for (body, seen, reply) in cases {
            assert_eq!(ask(&body, seen).expect_err("no cosignature"), reply, "{body}");
        }
        assert!(ask(&log.request(0, &large), None).is_ok());
        // The same size again is signed again; another root of the same size is not.
        assert!(ask(&log.request(9, &large), Some(now)).is_ok());
        assert_eq!(ask(&log.request(9, &large), Some(Seen { size: 9, root: forked.root })), Err(Reply::Conflict(9)));
    }
}
