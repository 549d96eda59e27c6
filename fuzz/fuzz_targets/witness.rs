//! Any request to a witness is considered and answered; a proof that a log grew is never believed beyond what it shows.
#![no_main]

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use libfuzzer_sys::fuzz_target;
use tlog_tiles::Hash;
use vault::log::checkpoint::VerifierKey;
use vault::log::witness::{Request, Seen, Witness};

const ORIGIN: &str = "log.example/fuzz";

fuzz_target!(|bytes: &[u8]| {
    let witness = Witness::new("witness.example/w", &[7; 32]).expect("a witness");
    let (pair, log) = log();
    let seen = |size| Some(Seen { size, root: Hash([5; 32]) });
    // As it came ...
    if let Some(request) = Request::read(bytes) {
        let _ = witness.consider(&request, std::slice::from_ref(&log), seen(3), 1);
    }
    // ... and under the log's own signature, so that the proof is looked at: sizes, root and path from the input.
    let Some((numbers, hashes)) = bytes.split_first_chunk::<16>() else { return };
    let (size, old) = numbers.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, &b| n << 8 | u64::from(b));
    let (size, old) = (number(size), number(old));
    let hashes: Vec<Hash> = hashes.as_chunks::<32>().0.iter().map(|&hash| Hash(hash)).collect();
    let (root, path) = hashes.split_first().map_or((Hash([0; 32]), &[][..]), |(root, path)| (*root, path));
    let request = Request::write(old, path, &signed(&pair, &log, &format!("{ORIGIN}\n{size}\n{root}\n")));
    let Some(request) = Request::read(request.as_bytes()) else { return };
    if let Ok((now, line)) = witness.consider(&request, &[log], seen(old).filter(|_| old > 0), 1) {
        assert_eq!(now.size, size);
        assert!(old <= size && line.starts_with("— witness.example/w "));
        assert!(old < size || old == 0 || now.root == Hash([5; 32]), "the same size has the same root");
    }
});

/// A log's key pair, and its public key as a witness has it.
fn log() -> (Ed25519KeyPair, VerifierKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).expect("a key");
    let public = [&[1], pair.public_key().as_ref()].concat();
    let id = signed_note::key_id(ORIGIN, &public);
    let text = format!("{ORIGIN}+{id:08x}+{}", BASE64_STANDARD.encode(public));
    (pair, VerifierKey::parse(&text).expect("a verifier key"))
}

/// A text with the log's signature line (C2SP signed-note).
fn signed(pair: &Ed25519KeyPair, log: &VerifierKey, text: &str) -> String {
    let signature = [&log.id().to_be_bytes(), pair.sign(text.as_bytes()).as_ref()].concat();
    format!("{text}\n— {ORIGIN} {}\n", BASE64_STANDARD.encode(signature))
}
