//! Messages keep to one idiom a kind (docs/words.md).

use crate::tree;

/// Where sentences without a way out are right, each with its reason.
const SENTENCES: &[(&str, &str)] = &[
    ("crates/vault/src/keys/", "faults of the machine; the command line says what next"),
    ("crates/vault/src/log/checkpoint.rs", "a fault of the machine"),
    ("crates/vault/src/log/witness/", "a fault of the machine, and of a witness's folder"),
    ("crates/vault/src/records/desk.rs", "a fault of the machine"),
    ("crates/vault/src/records/dictionary.rs", "a fault of the machine"),
    ("crates/vault/src/records/replay.rs", "a fault of the machine"),
    ("crates/vault/src/access/policy/receipt.rs", "answers to a person who asks why, no messages"),
    ("crates/vault/src/access/why.rs", "answers to a person who asks why, no messages"),
    ("crates/vault/src/access/policy/simulate.rs", "answers to a person who asks what would change, no messages"),
    ("crates/web/src/rest/capability.rs", "a description for people, no message"),
    ("crates/web/src/pages/", "pages for people, no messages"),
    ("crates/web/src/sign_in/", "pages for people; what they refuse passes through as clauses"),
];

#[test]
fn findings_and_refusals_are_clauses() {
    let mut strays = Vec::new();
    for (name, text) in ["fhir", "vault", "web"].into_iter().flat_map(|c| tree::rust_files(&format!("crates/{c}/src")))
    {
        if SENTENCES.iter().any(|(home, _)| name.starts_with(home)) {
            continue;
        }
        for (number, line) in tree::program_lines(&text) {
            for literal in line.split('"').skip(1).step_by(2).filter(|literal| is_sentence(literal)) {
                strays.push(format!("{name}:{number}: \"{literal}\""));
            }
        }
    }
    let rule = "a finding or refusal is a clause without a full stop, a fault says ` next: ` (docs/words.md)";
    assert!(strays.is_empty(), "{rule}\n{}", strays.join("\n"));
}

fn is_sentence(literal: &str) -> bool {
    literal.contains(' ') && literal.ends_with('.') && !literal.contains(" next: ")
}
