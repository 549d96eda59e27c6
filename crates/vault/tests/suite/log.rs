//! The log: what others can check without our code.

use crate::place::{Place, put, read, write};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tlog_tiles::{Hash, check_record, check_tree, node_hash, record_hash};
use vault::access::Visit;
use vault::log::checkpoint::{Signed, VerifierKey};
use vault::log::leaf::payload as salted_hash;
use vault::log::witness::folder::WitnessFolder;
use vault::{Position, Vault, Version};

fn fill(vault: &Vault, from: usize, to: usize) {
    let resource = |i: usize| put(&format!(r#"{{"resourceType":"Basic","id":"b{i}","language":"l{i}"}}"#));
    write(vault, (from..to).map(resource).collect()).expect("written");
}

fn head(note: &[u8], key: &VerifierKey) -> (u64, Hash) {
    let signed = Signed::parse(note).expect("a checkpoint");
    assert!(signed.is_signed_by(key));
    (signed.checkpoint.size(), *signed.checkpoint.hash())
}

/// What a holder of a proof does: body → payload → leaf → root → signature.
fn check_proof(proof: &str, version: &Version, key: &VerifierKey) {
    let (front, checkpoint) = proof.split_once("\n\n").expect("two parts");
    let mut lines = front.lines();
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    let extra = lines.next().and_then(|line| line.strip_prefix("extra ")).expect("extra");
    let extra = BASE64_STANDARD.decode(extra).expect("base64");
    let (salt, leaf) = extra.split_at(32);
    let index: u64 =
        lines.next().and_then(|line| line.strip_prefix("index ")).expect("index").parse().expect("a number");
    assert_eq!(index, version.position.0);
    let payload = salted_hash(salt, &version.body);
    assert_eq!(leaf[38..70], payload, "the leaf commits to the served bytes");
    assert_eq!(&leaf[70..], version.resource_type.as_bytes());
    let path = lines.map(|line| Hash::parse_hash(line).expect("a hash")).collect();
    let (size, root) = head(checkpoint.as_bytes(), key);
    check_record(&path, size, root, index, record_hash(leaf)).expect("the path leads to the root");
}

#[test]
fn a_proof_of_any_version_holds_and_of_none_is_none() {
    let place = Place::new();
    let vault = place.open();
    fill(&vault, 0, 700);
    let key = VerifierKey::parse(&vault.log_key().to_string()).expect("a key");
    for i in [0, 1, 255, 256, 511, 512, 699] {
        let version = read(&vault, "Basic", &format!("b{i}")).expect("found");
        let proof = vault.proof(&Visit::operator(), version.position).expect("proved").expect("found");
        check_proof(&proof, &version, &key);
    }
    assert_eq!(vault.proof(&Visit::operator(), Position(700)).expect("asked"), None);
}

#[test]
fn the_log_shows_that_it_only_grew_and_says_no_to_the_impossible() {
    let place = Place::new();
    let vault = place.open();
    let key = vault.log_key();
    let mut heads = vec![head(&vault.checkpoint().expect("read").expect("one"), &key)];
    for (from, to) in [(0, 1), (1, 300), (300, 301), (301, 600)] {
        fill(&vault, from, to);
        heads.push(head(&vault.checkpoint().expect("read").expect("one"), &key));
    }
    assert_eq!(heads.iter().map(|h| h.0).collect::<Vec<_>>(), [0, 1, 300, 301, 600]);
    for (i, old) in heads.iter().enumerate().skip(1) {
        for new in &heads[i..] {
            let proof = vault.consistency(old.0, new.0).expect("a proof");
            if old.0 < new.0 {
                check_tree(&proof, new.0, new.1, old.0, old.1).expect("it only grew");
            }
        }
    }
    assert!(vault.consistency(5, 4).is_err());
    assert!(vault.consistency(5, 601).is_err());
}

#[test]
fn tiles_hold_the_tree() {
    let place = Place::new();
    let vault = place.open();
    fill(&vault, 0, 600);
    let tile = |path: &str| vault.tile(path).expect("read");
    let hashes =
        |bytes: &[u8]| -> Vec<Hash> { bytes.chunks(32).map(|c| Hash(c.try_into().expect("32 bytes"))).collect() };
    let (first, last) = (tile("tile/0/000").expect("full"), tile("tile/0/002.p/88").expect("partial"));
    assert_eq!((first.len(), last.len()), (256 * 32, 88 * 32));
    let fold = |mut row: Vec<Hash>| {
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| node_hash(pair[0], pair[1])).collect();
        }
        row[0]
    };
    assert_eq!(hashes(&tile("tile/1/000.p/2").expect("partial"))[0], fold(hashes(&first)));
    assert_eq!(tile("tile/0/002.p/5").expect("an earlier width"), last[..5 * 32]);
    for none in ["tile/0/002", "tile/0/002.p/89", "tile/1/000", "tile/1/000.p/3", "tile/2/000.p/1", "tile/7/000", "x"] {
        assert_eq!(tile(none), None, "{none}");
    }
}

#[test]
fn a_witness_cosigns_and_the_proof_carries_it() {
    let (place, other) = (Place::new(), Place::new());
    let vault = place.open();
    fill(&vault, 0, 10);
    let open = || {
        let logs = vec![vault.log_key()];
        WitnessFolder::open(other.dir(), "witness.example/w", logs, other.clock.clone()).expect("a witness")
    };
    let witness = open();
    let cosign = |witness: &WitnessFolder, old: u64| {
        let request = vault.witness_request(old).expect("a request");
        witness.add_checkpoint(request.as_bytes()).expect("an answer")
    };
    let first = cosign(&witness, 0);
    assert_eq!(first.status(), 200);
    let checkpoint = vault.checkpoint().expect("read").expect("one");
    assert_eq!(vault.add_cosignatures(&checkpoint, &first.body(), &[]).expect("taken"), 0);
    let keys = [witness.verifier()];
    assert_eq!(vault.add_cosignatures(&checkpoint, &first.body(), &keys).expect("taken"), 1);
    fill(&vault, 10, 20);
    let version = read(&vault, "Basic", "b3").expect("found");
    let proof = vault.proof(&Visit::operator(), version.position).expect("proved").expect("found");
    assert!(proof.contains("\n10\n") && proof.contains("— witness.example/w "), "{proof}");
    check_proof(&proof, &version, &vault.log_key());
    // A new entry is not witnessed yet.
    let fresh = vault.proof(&Visit::operator(), Position(15)).expect("proved").expect("found");
    assert!(fresh.contains("\n20\n") && !fresh.contains("witness"), "{fresh}");
    // The witness remembers, also after it was started again.
    drop(witness);
    let witness = open();
    let conflict = cosign(&witness, 0);
    assert_eq!((conflict.status(), conflict.body().as_str()), (409, "10\n"));
    assert_eq!(cosign(&witness, 10).status(), 200);
    // Forged lines and checkpoints are not taken.
    let forged = String::from_utf8(checkpoint.clone()).expect("UTF-8").replacen("\n10\n", "\n11\n", 1);
    assert!(vault.add_cosignatures(forged.as_bytes(), &first.body(), &keys).is_err());
    assert!(vault.add_cosignatures(b"", "", &keys).is_err());
}
