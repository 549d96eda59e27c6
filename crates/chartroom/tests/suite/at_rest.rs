//! What a stolen disk tells about an import: nothing of the files' names, nor of what was in them.

use crate::program::House;
use std::path::Path;

const CANARIES: [&str; 5] = ["Zqxfamily", "zqxelement", "ZQX-MRN-77310", "zqxnote", "zqx-patient-id"];

/// Files under `dir` that hold a canary, in any case.
fn leaks(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir).expect("a folder").flatten() {
        let name = file.file_name().to_string_lossy().to_lowercase();
        let bytes = std::fs::read(file.path()).expect("read").to_ascii_lowercase();
        let held = |word: &str| bytes.windows(word.len()).any(|w| w == word.as_bytes()) || name.contains(word);
        found.extend(CANARIES.iter().filter(|c| held(&c.to_lowercase())).map(|c| format!("{name} holds {c}")));
    }
    found
}

#[test]
fn planted_names_of_files_and_elements_are_in_no_file_of_the_data_directory() {
    let house = House::new();
    let patient = |more: &str| {
        format!(
            r#"{{"resourceType":"Patient","id":"zqx-patient-id","identifier":[{{"value":"ZQX-MRN-77310"}}]{more}}}"#
        )
    };
    house.file("in/Zqxfamily_Ada_1.json", patient(r#","name":[{"family":"Zqxfamily"}]"#));
    house.file("in/Zqxfamily_Ada_2.json", patient(r#","zqxelement":"zqxnote""#));
    house.file("in/Zqxfamily_Ada_3.ndjson", format!("{{\"zqxelement\":1}}\n{}\n", patient(r#","gender":"zqxnote""#)));
    house.file("in/Zqxfamily_Ada_4.json.gz", [0x1f, 0x8b, 8, 0, 1, 2, 3]);
    let before = std::fs::read(house.path("in/Zqxfamily_Ada_1.json")).expect("read");
    let said = house.run(&["import", "--json", "in"]).expect(1);
    assert_eq!(said.counts(), [5, 1, 0, 4]);
    assert_eq!(leaks(&house.path("data")), Vec::<String>::new());
    // Nor does the hash of a file, by which its owner could be told, stand open.
    let noted = std::fs::read(house.path("data/imported.sealed")).expect("noted");
    let mut hash = vault::exchange::Fingerprint::default();
    hash.update(&before);
    let hash = hash.hex();
    assert!(!noted.windows(hash.len()).any(|w| w == hash.as_bytes()));
    // The refused are read back with the key ...
    let shown = house.run(&["quarantine", "show"]).expect(0).out;
    assert!(shown.contains("Zqxfamily_Ada_2.json") && shown.contains("Patient.zqxelement"), "{shown}");
    // ... and lie open only where the operator wants them.
    house.run(&["import", "in", "--quarantine", "open.ndjson"]).expect(1);
    assert!(std::fs::read_to_string(house.path("open.ndjson")).expect("made").contains("zqxnote"));
    assert_eq!(leaks(&house.path("data")), Vec::<String>::new());
    let shredded = house.run(&["shred", "zqx-patient-id", "--for-good"]).expect(0).out;
    assert!(shredded.contains("next: delete quarantine-*.sealed (1)"), "{shredded}");
    assert!(!leaks(house.path("in").as_path()).is_empty(), "the search for leaks sees one");
}
