//! Each command: what it does, its exit codes, and what it says when it cannot.

use crate::program::House;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

fn with_records() -> House {
    let house = House::new();
    let text: String = (0..20).map(|i| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{i}\"}}\n")).collect();
    let file = house.file("in.ndjson", text);
    assert_eq!(house.import(&[&file]), (Some(0), [20, 20, 0, 0]));
    house
}

#[test]
fn every_command_has_help() {
    let house = House::new();
    let help = house.run(&["--help"]).expect(0).out;
    for command in [
        "demo",
        "serve",
        "import",
        "quarantine",
        "verify",
        "rebuild",
        "export",
        "backup",
        "restore",
        "token",
        "doctor",
        "keys",
        "shred",
        "log",
        "witness",
        "fhirpath",
        "config",
    ] {
        assert!(help.contains(&format!("  {command} ")), "{command}");
        house.run(&[command, "--help"]).expect(0);
    }
    house.run(&["frobnicate"]).expect(2);
    house.run(&[]).expect(2);
}

#[test]
fn a_directory_without_a_record_is_named() {
    let house = House::new();
    for command in [&["verify"][..], &["rebuild"], &["token"], &["export", "--out", "x"], &["backup", "--to", "x"]] {
        house.run(command).expect(2).says("there is no record in it");
    }
    assert!(!house.path("data").exists(), "looking makes nothing");
}

#[test]
fn a_record_that_is_lost_or_real_is_not_written_over() {
    let house = with_records();
    house.run(&["demo", "--listen", "127.0.0.1:0"]).expect(2).says("no demo hospital");
    house.run(&["export", "--out", "all"]).expect(0);
    let mode = std::fs::metadata(house.path("all")).expect("made").permissions().mode();
    assert_eq!(mode & 0o077, 0, "an export is its owner's");
    std::fs::remove_file(house.path("data/record.sqlite")).expect("removed");
    house.run(&["serve", "--listen", "127.0.0.1:0"]).expect(2).says("record.sqlite is missing");
    assert!(!house.path("data/record.sqlite").exists());
    house.run(&["restore", "--from", "all", "--data", "new"]).expect(2).says("There is no backup in all");
}

#[test]
fn verify_tells_a_flipped_byte() {
    let house = with_records();
    let clean = house.run(&["verify", "--json"]).expect(0).out;
    let report: Value = serde_json::from_str(&clean).expect("JSON");
    // The import has two entries of its own.
    assert_eq!((report["entries"].as_u64(), report["altered"].as_array().map(Vec::len)), (Some(22), Some(0)));
    assert!(house.run(&["verify"]).expect(0).out.contains("All is as it was written."));

    let path = house.path("data/record.sqlite");
    let mut bytes = std::fs::read(&path).expect("readable");
    let body = bytes.len() - 100;
    let at = (0..body).rev().find(|&i| bytes[i] != 0).expect("something is written");
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let said = house.run(&["verify"]).expect(1);
    assert!(said.out.contains("altered  record.sqlite") && said.out.contains("next: "), "{}", said.out);
}

#[test]
fn an_export_is_the_same_bytes_wherever_the_record_is() {
    let house = with_records();
    house.run(&["export", "--out", "one"]).expect(0);
    house.run(&["export", "--out", "one"]).expect(2).says("not empty");
    house.run(&["backup", "--to", "copy"]).expect(0);
    let key = house.path("data/root.key").display().to_string();
    house.run(&["restore", "--from", "copy", "--data", "other"]).expect(2).says("root key");
    house.run(&["restore", "--from", "copy", "--data", "other", "--key-file", &key]).expect(0);
    house.run(&["export", "--out", "two", "--data", "other", "--key-file", &key]).expect(0);
    let read = |name: &str| std::fs::read(house.path(name)).expect("exported");
    let text = read("one/Patient.ndjson");
    assert!(text == read("two/Patient.ndjson"), "both exports are the same");
    let ids: Vec<Value> = text.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert!(ids.len() == 20 && ids.is_sorted_by_key(|r: &Value| r["id"].as_str().map(str::to_owned)));
    assert!(house.run(&["rebuild"]).expect(0).out.contains("it holds the same rows as before"));
}

#[test]
fn a_key_is_changed_and_the_old_one_is_refused() {
    let house = with_records();
    house.run(&["keys", "rotate", "--to", "next.key"]).expect(0);
    house.run(&["verify"]).expect(2).says("--key-file");
    house.run(&["verify", "--key-file", "next.key"]).expect(0);
    let hex = "ab".repeat(32);
    let both = house.command(&["verify", "--key-file", "next.key"]).env("CHARTROOM_KEY", &hex).output().expect("runs");
    assert_eq!(both.status.code(), Some(2));
    let rotated = house.command(&["keys", "rotate", "--key-file", "next.key"]).env("CHARTROOM_NEW_KEY", &hex).output();
    assert!(rotated.expect("runs").status.success());
    let opened = house.command(&["verify"]).env("CHARTROOM_KEY", &hex).output().expect("runs");
    assert!(opened.status.success());
}

#[test]
fn a_short_passphrase_is_refused_for_a_new_directory() {
    let house = House::new();
    let file = house.file("a.json", r#"{"resourceType":"Patient","id":"a"}"#);
    let import = |words: &str| {
        let said = house.command(&["import", &file]).env("CHARTROOM_PASSPHRASE", words).output().expect("runs");
        (said.status.code(), String::from_utf8_lossy(&said.stderr).into_owned())
    };
    let (code, said) = import("a");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("\nwhy: The passphrase has fewer than 12 characters"), "{said}");
    assert!(said.contains("\nnext: take a longer one"), "{said}");
    assert_eq!(import("correct horse battery").0, Some(0));
    let short = house
        .command(&["keys", "rotate"])
        .env("CHARTROOM_PASSPHRASE", "correct horse battery")
        .env("CHARTROOM_NEW_PASSPHRASE", "b")
        .output()
        .expect("runs");
    assert_eq!(short.status.code(), Some(2));
}

#[test]
fn a_shredded_patient_is_gone_and_the_record_is_whole() {
    let house = with_records();
    house.run(&["shred", "p3"]).expect(2).says("--for-good");
    house.run(&["shred", "nobody", "--for-good"]).expect(2).says("check the id");
    house.run(&["shred", "p3", "--for-good"]).expect(0);
    house.run(&["verify"]).expect(0);
    house.run(&["export", "--out", "out"]).expect(0);
    let text = std::fs::read_to_string(house.path("out/Patient.ndjson")).expect("exported");
    assert_eq!((text.lines().count(), text.contains("\"p3\"")), (19, false));
    let file = house.path("in.ndjson").display().to_string();
    assert_eq!(house.import(&[&file]), (Some(0), [20, 1, 19, 0]), "what was shredded is not taken for unchanged");
}

#[test]
fn the_doctor_names_what_to_mend() {
    let house = with_records();
    let said = house.run(&["doctor"]).expect(0);
    assert!(said.out.contains("the root key lies beside the data"), "{}", said.out);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(house.path("data/root.key"), open).expect("changed");
    let said = house.run(&["doctor"]).expect(1);
    assert!(said.out.contains("wrong") && said.out.contains("next: chmod 600"), "{}", said.out);
    house.run(&["doctor", "--data", "nowhere"]).expect(2);
    std::fs::create_dir(house.path("fresh")).expect("made");
    std::fs::set_permissions(house.path("fresh"), std::fs::Permissions::from_mode(0o700)).expect("changed");
    let said = house.run(&["doctor", "--data", "fresh"]);
    assert!(said.out.contains("note   there is no root key") && !said.out.contains("wrong  there"), "{}", said.out);
}

#[test]
fn the_log_gives_key_checkpoint_and_proof() {
    let house = with_records();
    let key = house.run(&["log", "key"]).expect(0).out;
    let origin = key.split('+').next().expect("a name");
    let checkpoint = house.run(&["log", "checkpoint"]).expect(0).out;
    assert!(checkpoint.starts_with(&format!("{origin}\n22\n")), "{checkpoint}");
    let proof = house.run(&["log", "proof", "Patient/p7"]).expect(0).out;
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1\n") && proof.contains(origin), "{proof}");
    house.run(&["log", "proof", "22"]).expect(2).says("no such entry");
    house.run(&["log", "proof", "foo"]).expect(2).says("`foo` is neither a position in the log nor Type/id");
    house.run(&["log", "checkpoint", "--witnessed"]).expect(2).says("no witness");
    house.run(&["witness", "--log", "nonsense"]).expect(2).says("log key");
    house.run(&["log", "cosign", "--witness", "nonsense"]).expect(2).says("not one");
}

#[test]
fn fhirpath_prints_json() {
    let house = House::new();
    let file =
        house.file("p.json", r#"{"resourceType":"Patient","name":[{"given":["Eve","Ann"]}],"birthDate":"1970-01"}"#);
    for (expression, want) in [
        ("name.given", r#"["Eve","Ann"]"#),
        ("birthDate | name.count() | active", r#"["1970-01",1]"#),
        ("name", r#"[{"given":["Eve","Ann"]}]"#),
        ("Patient.active", "[]"),
    ] {
        assert_eq!(house.run(&["fhirpath", expression, &file]).expect(0).out.trim_end(), want, "{expression}");
    }
    for wrong in ["name.(", "Patient.nobody"] {
        house.run(&["fhirpath", wrong, &file]).expect(2).says("mend the expression");
    }
    house.run(&["fhirpath", "name", "nowhere.json"]).expect(2).says("nowhere.json");
}

#[test]
fn a_wrong_policy_of_the_site_is_shown_with_its_line() {
    let house = House::new();
    let policy = |role: &str| {
        let words = "@id(\"a\")\n@says(\"No notes for coders.\")\n@source(\"rule 1\")\n";
        format!("{words}forbid (principal in Role::\"{role}\", action, resource == Class::\"note\");\n")
    };
    let written = house.file("site.cedar", policy("coder"));
    let dir = std::path::Path::new(&written).parent().expect("a folder").display().to_string();
    let config = house.file("site.toml", format!("[access]\npolicies = '{dir}'\n"));
    house.run(&["config", "check", "--config", &config]).expect(0);
    house.file("site.cedar", policy("codr"));
    let check = house.run(&["config", "check", "--config", &config]).expect(2);
    check.says("site.cedar, line 4").says("did you mean Role::\"coder\"?");
}

#[test]
fn a_mistake_in_the_configuration_is_shown_with_its_line() {
    let house = House::new();
    let good = house.file("good.toml", "[serve]\nlisten = \"127.0.0.1:9000\"\n");
    let said = house.run(&["config", "check", "--config", &good]).expect(0);
    assert!(said.out.contains("127.0.0.1:9000   (file)"), "{}", said.out);
    for setting in ["audit.expire     true   (default)", "audit.years      6   (default)", "sign_in.provider none"] {
        assert!(said.out.contains(setting), "{setting}: {}", said.out);
    }
    let mut check = house.command(&["config", "check", "--config", &good]);
    let said = check.env("CHARTROOM_LISTEN", "127.0.0.1:9001").output().expect("runs").stdout;
    assert!(String::from_utf8_lossy(&said).contains("127.0.0.1:9001   (flag or environment)"));
    let url = house.file("url.toml", "[serve]\npublic_url = \"records.example.org\"\n");
    house.run(&["config", "check", "--config", &url]).expect(2).says("https://records.example.org");
    let bad = house.file("bad.toml", "[serve]\n\nlistn = \"127.0.0.1:9000\"\n");
    house.run(&["config", "check", "--config", &bad]).expect(2).says("line 3").says("did you mean `listen`?");
}
