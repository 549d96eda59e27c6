//! The audit of a whole program: what commands leave in it, what survives a kill, and what a thief finds.

use crate::program::{House, Server};

const PATIENT: &str = r#"{"resourceType":"Patient","id":"zqx-canary-id","name":[{"family":"ZqxCanary"}]}"#;

fn token(house: &House) -> String {
    house.run(&["token"]).expect(0).out.trim_end().to_owned()
}

fn status(server: &Server, path: &str, token: &str) -> u16 {
    server.ask("GET", path, Some(token), "").expect("answered").0
}

/// Lines of `chartroom audit` that hold all of these words.
fn lines(house: &House, arguments: &[&str], words: &[&str]) -> usize {
    let table = house.run(&[&["audit"], arguments].concat()).expect(0).out;
    assert!(table.starts_with("time,entry,account,name,roles,"), "{table}");
    table.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

#[test]
fn what_was_answered_is_in_the_audit_though_the_server_is_killed() {
    let house = House::new();
    let file = house.file("in.ndjson", PATIENT);
    house.import(&[&file]);
    let mut server = house.serve("serve", &[]);
    let token = token(&house);
    for round in 1..=3 {
        assert_eq!(status(&server, "/fhir/Patient/zqx-canary-id", &token), 200);
        assert_eq!(status(&server, "/fhir/Patient?family=ZqxCanary", &token), 200);
        server.child.kill().expect("killed");
        server.child.wait().expect("ended");
        let of_patient = ["--patient", "zqx-canary-id"];
        assert_eq!(lines(&house, &of_patient, &["GET instance", ",read,", ",served,200,"]), round, "round {round}");
        assert_eq!(lines(&house, &of_patient, &["family=ZqxCanary", ",search,"]), round, "round {round}");
        server = house.serve("serve", &[]);
    }
    // The reserve is there, and nothing in any file tells of the patient.
    let files = std::fs::read_dir(house.path("data")).expect("a folder").flatten();
    let mut reserve = 0;
    for file in files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file())) {
        let bytes = std::fs::read(file.path()).expect("read").to_ascii_lowercase();
        assert!(!bytes.windows(9).any(|words| words == b"zqxcanary"), "{:?}", file.file_name());
        assert!(!bytes.windows(13).any(|words| words == b"zqx-canary-id"), "{:?}", file.file_name());
        reserve += if file.file_name() == "audit.reserve" { bytes.len() } else { 0 };
    }
    assert_eq!(reserve, 8 << 20);
    assert_eq!(server.stop(), Some(0));
    // A backup leaves it out.
    house.run(&["backup", "--to", "copy"]).expect(0);
    assert!(!house.path("copy/audit.reserve").exists());
    house.run(&["verify"]).expect(0);
    let said = house.run(&["audit", "expire"]).expect(0).out;
    assert!(said.starts_with("0 events older than 6 years"), "{said}");
    house.run(&["audit", "expire", "--years", "2"]).expect(2).says("at least 6 years");
}

#[test]
fn commands_are_in_the_audit_whether_a_server_runs_or_not() {
    let house = House::new();
    let file = house.file("in.ndjson", format!("{PATIENT}\n{{\"resourceType\":\"Nonsense\"}}\n"));
    house.import(&[&file]);
    for server in [None, Some(house.serve("serve", &[]))] {
        let (out, count) = if server.is_some() { ("out2", 2) } else { ("out1", 1) };
        house.run(&["export", "--out", out]).expect(0);
        house.run(&["quarantine", "show"]).expect(0);
        house.run(&["shred", "nobody", "--for-good"]).expect(2);
        house.run(&["keys", "rotate"]).expect(0);
        for words in [
            &["export", "everything"][..],
            &["quarantine show"],
            &["shred", "Patient/nobody", ",refused,422,"],
            &["keys rotate"],
        ] {
            let found = lines(&house, &["--user", "operator"], &[words, &["operator,,", ",user "]].concat());
            assert_eq!(found, count, "{words:?}, server: {}", server.is_some());
        }
        if server.is_some() {
            house.run(&["token"]).expect(0);
            house.run(&["verify"]).expect(0);
            house.run(&["backup", "--to", "copy"]).expect(0);
            for place in ["token", "verify", "backup"] {
                assert_eq!(lines(&house, &["--since", "2020-01-01"], &[&format!(",{place},")]), 1, "{place}");
            }
        }
    }
    assert_eq!(lines(&house, &["--action", "batch"], &["import", "1 files: 1 stored, 0 unchanged, 1 refused"]), 1);
    assert!(lines(&house, &["--action", "read-audit", "--outcome", "served"], &["user=operator"]) > 3);
    house.run(&["audit", "--since", "yesterday"]).expect(2).says("no date or time");
    house.run(&["audit", "--action", "peek"]).expect(2).says("knows no such action");
    house.run(&["audit", "--user", "nobody"]).expect(2).says("nobody has this login");
}
