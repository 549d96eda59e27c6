//! Odd files: what a migration finds on old disks. Each is read, or refused with the reason, and stops nothing else.

use crate::program::House;
use serde_json::Value;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::time::Duration;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p"}"#;

fn patients(ids: &[&str], end: &str) -> String {
    ids.iter().map(|id| format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}{end}")).collect()
}

/// What an import of one file counts, and the first reason of each refusal.
fn taken(name: &str, content: impl AsRef<[u8]>) -> ([u64; 4], Vec<String>) {
    let house = House::new();
    let file = house.file(name, content);
    let (_, counts) = house.import(&[&file, "--quarantine", "q"]);
    (counts, reasons(&house))
}

fn reasons(house: &House) -> Vec<String> {
    let text = std::fs::read_to_string(house.path("q")).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.map(|line| line["reasons"][0]["message"].as_str().expect("a message").to_owned()).collect()
}

#[test]
fn files_from_windows_are_read() {
    for (what, content, read) in [
        ("a byte-order mark", format!("\u{feff}{PATIENT}"), 1),
        ("NDJSON with carriage returns", patients(&["a", "b", "c"], "\r\n"), 3),
        ("both", format!("\u{feff}{}", patients(&["a", "b", "c"], "\r\n")), 3),
        ("files put together, each with its mark", format!("\u{feff}{PATIENT}\r\n\u{feff}{PATIENT}\r\n"), 2),
        ("no line end at the end", patients(&["a", "b"], "\n").trim_end().to_owned(), 2),
        ("blank lines at the end", patients(&["a", "b"], "\r\n") + "\r\n \r\n", 2),
    ] {
        for name in ["a.json", "a.ndjson"] {
            let (counts, reasons) = taken(name, &content);
            assert_eq!((counts[0], counts[3]), (read, 0), "{what}: {reasons:?}");
        }
    }
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for content in [wide(&format!("\u{feff}{PATIENT}\r\n")), wide(PATIENT)] {
        let (counts, reasons) = taken("a.ndjson", content);
        assert_eq!(counts, [1, 0, 0, 1]);
        assert!(reasons[0].contains("UTF-16; save it as UTF-8"), "{reasons:?}");
    }
}

#[test]
fn what_is_no_fhir_json_is_named() {
    for (content, words) in [
        (&b"PK\x03\x04...."[..], "a ZIP archive; unpack it"),
        (b"<?xml version=\"1.0\"?><Patient/>", "this is XML"),
        (b"MSH|^~\\&|A|B\r", "an HL7 v2 message"),
        (b"", "the text is empty"),
    ] {
        let (counts, reasons) = taken("a.json", content);
        assert_eq!(counts, [1, 0, 0, 1]);
        assert!(reasons[0].contains(words), "{reasons:?}");
    }
}

#[test]
fn an_export_of_another_fhir_version_is_named() {
    let text = r#"{"resourceType":"ActorDefinition","id":"a"}
{"resourceType":"ProcedureRequest","id":"b"}
{"resourceType":"MedicationOrder","id":"c"}
{"resourceType":"Nonsense","id":"d"}
"#;
    let (counts, mut reasons) = taken("a.ndjson", text);
    assert_eq!(counts, [4, 0, 0, 4]);
    reasons.sort();
    for (reason, words) in reasons.iter().zip(["R4's", "R4's, but of R5", "R4's, but of STU3 or", "R4's, but of STU3;"])
    {
        assert!(reason.contains(words), "{reasons:?}");
    }
}

#[test]
fn files_that_say_different_things_of_one_resource_are_told() {
    let house = House::new();
    for (name, gender) in [("a.json", "male"), ("b.json", "female"), ("c.json", "female")] {
        house.file(&format!("in/{name}"), format!(r#"{{"resourceType":"Patient","id":"p","gender":"{gender}"}}"#));
    }
    let said = house.run(&["import", "in"]).expect(0).err;
    assert!(said.contains("came in more than one version: 1"), "{said}");
    house.file("in/a.json", r#"{"resourceType":"Patient","id":"p","gender":"other"}"#);
    let said = house.run(&["import", &house.path("in/a.json").display().to_string()]).expect(0).err;
    assert!(!said.contains("more than one version"), "a later import brings news: {said}");
}

#[test]
fn an_interrupted_import_says_so_and_is_finished_by_the_same_command() {
    let house = House::new();
    for i in 0..3_000 {
        house.file(&format!("in/{i}.json"), format!(r#"{{"resourceType":"Patient","id":"p{i}"}}"#));
    }
    let child = house.command(&["import", "in"]).stderr(Stdio::piped()).spawn().expect("it runs");
    while std::fs::metadata(house.path("data/imported.sealed")).map_or(0, |file| file.len()) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let told = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("The import was stopped") && err.contains("run the same command again"), "{err}");
    let (code, [read, stored, unchanged, refused]) = house.import(&["in"]);
    assert_eq!((code, read, stored + unchanged, refused), (Some(0), 3_000, 3_000, 0));
    // A file that was let go of when the signal came may not pass for finished.
    house.run(&["export", "--out", "out"]).expect(0);
    let kept = std::fs::read_to_string(house.path("out/Patient.ndjson")).expect("exported");
    assert_eq!(kept.lines().count(), 3_000);
}

#[test]
fn pipes_lost_links_and_links_to_directories_are_told_and_passed_over() {
    let house = House::new();
    house.file("in/a.json", PATIENT);
    let made = std::process::Command::new("mkfifo").arg(house.path("in/pipe.json")).status().expect("mkfifo runs");
    assert!(made.success());
    symlink("nowhere.json", house.path("in/lost.json")).expect("linked");
    symlink(".", house.path("in/again")).expect("linked");
    let said = house.run(&["import", "--json", "in"]).expect(0);
    assert_eq!(said.counts(), [1, 1, 0, 0]);
    for line in [
        "not read: in/pipe.json: a pipe, socket or device; ",
        "not read: in/lost.json: a link that leads nowhere; ",
        "not read: in/again: a link to a directory; ",
    ] {
        assert!(said.err.contains(line), "{line} is not in {}", said.err);
    }
    assert!(!said.err.contains("not called"), "{}", said.err);
}

/// What unpacks to 10 GiB of the same bytes, in less than 2 MiB, without having been 10 GiB once: frames in a row.
fn bomb(unit: &[u8]) -> Vec<u8> {
    let mut frame = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    let piece = unit.repeat((1 << 20) / unit.len() + 1);
    for _ in 0..256 {
        frame.write_all(&piece).expect("packed");
    }
    frame.finish().expect("packed").repeat(40)
}

/// Runs an import and answers its exit code and the most memory it held, in MiB.
fn watched(house: &House, file: &str) -> (Option<i32>, u64) {
    let mut import = house.command(&["import", "--quarantine", "q", file]);
    let mut child = import.stderr(Stdio::null()).spawn().expect("it runs");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(peak.unwrap_or(0_u64) >> 10);
        if let Some(ended) = child.try_wait().expect("known") {
            return (ended.code(), most);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_bomb_is_refused_in_bounded_memory() {
    for (unit, name, says) in [
        (&b" "[..], "a.json.zst", "the text has more than 96 MiB"),
        (b"{},", "a.json.zst", "the text has more than 96 MiB"),
        (b"[", "a.ndjson.zst", "the line has more than 96 MiB"),
        (&[&[b' '; 4_095][..], b"\n"].concat(), "a.ndjson.zst", "it unpacks to more than 1000 times its size"),
        (b"{}\n", "a.ndjson.zst", "the first 100000 resources of the file were all refused"),
    ] {
        let bomb = bomb(unit);
        assert!(bomb.len() < 2 << 20, "{} bytes", bomb.len());
        let house = House::new();
        let file = house.file(name, bomb);
        let (code, mib) = watched(&house, &file);
        assert_eq!(code, Some(1), "{says}");
        assert!(mib < 512, "{mib} MiB to say that {says}");
        let reasons = reasons(&house);
        assert!(reasons.iter().any(|reason| reason.contains(says)), "{says}: {:?}", reasons.last());
        assert!(reasons.len() < 100_100, "{}", reasons.len());
    }
}
