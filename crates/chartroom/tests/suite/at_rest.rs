//! What a stolen disk, a log or an error tells: nothing of the files' names, nor of what was in them.

use crate::program::House;
use std::path::Path;

const CANARIES: [&str; 5] = ["Zqxfamily", "zqxelement", "ZQX-MRN-77310", "zqxnote", "zqx-patient-id"];

/// Files under `dir` that hold a canary, in any case.
fn leaks(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir).expect("a folder").flatten() {
        let name = file.file_name().to_string_lossy().to_lowercase();
        if file.path().is_dir() {
            found.extend(leaks(&file.path()));
            continue;
        }
        let bytes = std::fs::read(file.path()).expect("read");
        found.extend(held(&[&bytes, name.as_bytes()].concat()).map(|canary| format!("{name} holds {canary}")));
    }
    found
}

/// The canaries in a text, in any case.
fn held(text: &[u8]) -> impl Iterator<Item = &'static str> {
    let text = text.to_ascii_lowercase();
    CANARIES.into_iter().filter(move |canary| {
        let canary = canary.to_lowercase();
        text.windows(canary.len()).any(|words| words == canary.as_bytes())
    })
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

/// Requests that hold canaries in every place a request has; most of them fail.
const REQUESTS: [(&str, &str, &str); 27] = [
    ("GET", "/fhir/Patient?family=Zqxfamily", ""),
    ("GET", "/fhir/Patient?identifier=ZQX-MRN-77310&_count=1", ""),
    ("POST", "/fhir/Patient/_search?name=Zqxfamily", ""),
    ("GET", "/fhir/Patient?family:nonsense=Zqxfamily", ""),
    ("GET", "/fhir/Patient?birthdate=zqxnote", ""),
    ("GET", "/fhir/Patient?_lastUpdated=zqxnote", ""),
    ("GET", "/fhir/Patient?_filter=name%20eq%20Zqxfamily)", ""),
    ("GET", "/fhir/Patient?_id=zqx-patient-id&_include=zqxelement", ""),
    ("GET", "/fhir/Observation?subject.name:exact:x=Zqxfamily", ""),
    ("GET", "/fhir/Observation?value-quantity=zqxnote", ""),
    ("GET", "/fhir/Patient/zqx-patient-id/_history/zqxnote", ""),
    ("GET", "/fhir/Patient/zqx-patient-id-2", ""),
    ("GET", "/fhir/Patient/zqx-patient-id/$nonsense", ""),
    ("GET", "/fhir/Patient/zqx-patient-id/$everything?_since=zqxnote", ""),
    ("GET", "/Zqxfamily/zqxnote", ""),
    ("GET", "/sign-in/Zqxfamily", ""),
    ("GET", "/smart/authorize?client_id=Zqxfamily&state=zqxnote", ""),
    ("POST", "/smart/token", "grant_type=Zqxfamily&code=zqxnote"),
    ("POST", "/fhir/Patient", "{\"resourceType\":\"Patient\",\"birthDate\":\"zqxnote\"}"),
    ("POST", "/fhir/Patient", "{\"resourceType\":\"Patient\",\"gender\":\"zqxnote\",\"name\":\"Zqxfamily\"}"),
    ("POST", "/fhir/Patient", "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"Zqxfamily\""),
    (
        "POST",
        "/fhir/Observation",
        "{\"resourceType\":\"Observation\",\"status\":\"zqxnote\",\"code\":{\"text\":\"zqxnote\"}}",
    ),
    ("PUT", "/fhir/Patient/zqx-patient-id", "{\"resourceType\":\"Patient\",\"id\":\"zqx-patient-id-2\"}"),
    (
        "POST",
        "/fhir",
        "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"request\":{\"method\":\"GET\",\"url\":\"Patient?zqxelement=Zqxfamily\"}},{\"request\":{\"method\":\"PUT\",\"url\":\"zqxnote\"},\"resource\":{\"resourceType\":\"Patient\"}}]}",
    ),
    ("DELETE", "/fhir/Patient?identifier=ZQX-MRN-77310&name:nonsense=Zqxfamily", ""),
    ("Zqxfamily", "/fhir/Patient/zqx-patient-id", ""),
    ("PATCH", "/fhir/Patient/zqx-patient-id", "[{\"op\":\"test\",\"path\":\"/gender\",\"value\":\"zqxnote\"}]"),
];

#[test]
fn planted_values_are_in_no_log_no_error_and_no_temporary_file() {
    let house = House::new();
    let server = house.serve("serve", &[]);
    let token = house.run(&["token"]).expect(0).out;
    let patient = r#"{"resourceType":"Patient","id":"zqx-patient-id","identifier":[{"value":"ZQX-MRN-77310"}],"name":[{"family":"Zqxfamily"}]}"#;
    let stored = server.ask("PUT", "/fhir/Patient/zqx-patient-id", Some(token.trim_end()), patient).expect("answered");
    assert_eq!(stored.0, 201);
    let mut told = 0;
    for (method, path, body) in REQUESTS {
        for token in [Some(token.trim_end()), None, Some("Zqxfamily")] {
            let (status, answer) = server.ask(method, path, token, body).expect("answered");
            let errors: Vec<&str> = held(answer.as_bytes()).filter(|_| status >= 400).collect();
            assert!(errors.is_empty(), "{method} {path} {body}: {status} {answer}");
            told += usize::from(status < 300 && answer.contains("Zqxfamily"));
        }
    }
    assert!(told >= 3, "those who may get what is planted: {told}");
    for command in [&["verify"][..], &["doctor"], &["log", "checkpoint"], &["account", "list"]] {
        let said = house.run(command);
        assert_eq!(held(format!("{}{}", said.out, said.err).as_bytes()).count(), 0, "{command:?}");
    }
    assert_eq!(server.stop(), Some(0));
    let said = std::fs::read(house.path("serve.stderr")).expect("what it said");
    assert_eq!(held(&said).count(), 0, "{}", String::from_utf8_lossy(&said));
    assert_eq!(leaks(&house.path("data")), Vec::<String>::new());
    assert_eq!(leaks(&house.path("tmp")), Vec::<String>::new());
}
