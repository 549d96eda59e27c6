//! Import: every resource is accounted for, twice is once, order does not matter, and a killed import is finished by the
//! next.

use crate::program::{House, shared};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true})
}

fn lines(count: usize) -> String {
    (0..count).map(|i| format!("{}\n", patient(&format!("p{i}")))).collect()
}

/// A practitioner that a bundle creates unless it is there.
fn practitioners() -> Value {
    let who = |n: u32| {
        json!({
            "fullUrl": format!("urn:uuid:00000000-0000-4000-8000-00000000000{n}"),
            "resource": {"resourceType": "Practitioner", "identifier": [{"system": "urn:npi", "value": n.to_string()}]},
            "request": {"method": "POST", "url": "Practitioner", "ifNoneExist": format!("identifier=urn:npi|{n}")}
        })
    };
    json!({"resourceType": "Bundle", "type": "batch", "entry": [who(1), who(2)]})
}

/// A chart whose encounter refers to a patient in the bundle, and to a practitioner by a condition.
fn chart(practitioner: u32) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": "urn:uuid:10000000-0000-4000-8000-000000000001", "resource": {"resourceType": "Patient"},
         "request": {"method": "POST", "url": "Patient"}},
        {"fullUrl": "urn:uuid:10000000-0000-4000-8000-000000000002",
         "resource": {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
            "subject": {"reference": "urn:uuid:10000000-0000-4000-8000-000000000001"},
            "participant": [{"individual": {"reference": format!("Practitioner?identifier=urn:npi|{practitioner}")}}]},
         "request": {"method": "POST", "url": "Encounter"}}
    ]})
}

/// The one line of a type in an export.
fn exported(house: &House, resource_type: &str) -> Vec<Value> {
    drop(std::fs::remove_dir_all(house.path("out")));
    house.run(&["export", "--out", "out"]).expect(0);
    let text = std::fs::read_to_string(house.path(&format!("out/{resource_type}.ndjson"))).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_shape_is_taken_and_twice_is_once() {
    let collection = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "http://elsewhere/fhir/Patient/a", "resource": {"resourceType": "Patient"}},
        {"fullUrl": "urn:uuid:20000000-0000-4000-8000-000000000001", "resource": {"resourceType": "Group",
            "type": "person", "actual": true, "member": [{"entity": {"reference": "http://elsewhere/fhir/Patient/a"}}]}}
    ]});
    let pretty = serde_json::to_string_pretty(&patient("one")).expect("JSON");
    for (what, name, content, read) in [
        ("NDJSON", "a.ndjson", lines(1_500), 1_500),
        ("a single resource over many lines", "a.json", pretty, 1),
        ("a single resource on one line", "a.json", patient("one").to_string(), 1),
        ("an array", "a.json", json!([patient("x"), patient("y")]).to_string(), 2),
        ("a collection", "a.json", collection.to_string(), 2),
        ("a resource without an id", "a.json", json!({"resourceType": "Patient", "active": true}).to_string(), 1),
        ("bundles as lines", "a.ndjson", format!("{}\n{}\n", collection, patient("z")), 3),
        ("nothing", "a.json", "[]".to_owned(), 0),
    ] {
        let house = House::new();
        let file = house.file(name, content);
        assert_eq!(house.import(&[&file]), (Some(0), [read, read, 0, 0]), "{what}");
        assert_eq!(house.import(&[&file]), (Some(0), [read, 0, read, 0]), "{what}, again");
        std::fs::remove_file(house.path("data/imported.sealed")).expect("the shortcut is there");
        assert_eq!(house.import(&[&file]), (Some(0), [read, 0, read, 0]), "{what}, compared");
        if what == "a collection" {
            assert_eq!(exported(&house, "Group")[0]["member"][0]["entity"]["reference"], "Patient/a");
        }
    }
}

#[test]
fn compressed_files_directories_and_standard_input_are_read() {
    let house = House::new();
    let text = lines(50);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).expect("packed");
    house.file("in/deep/a.ndjson.gz", gz.finish().expect("packed"));
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz2.write_all(patient("b").to_string().as_bytes()).expect("packed");
    house.file("in/b.json.bz2", bz2.finish().expect("packed"));
    house.file("in/c.ndjson.zst", zstd::encode_all(patient("c").to_string().as_bytes(), 1).expect("packed"));
    house.file("in/README.md", "not FHIR");
    assert_eq!(house.import(&["in"]), (Some(0), [52, 52, 0, 0]));
    let said = house.run_with(&["import", "--json", "-"], text.as_bytes()).expect(0);
    assert_eq!(said.counts(), [50, 0, 50, 0]);
}

#[test]
fn the_order_of_files_does_not_matter() {
    for names in [["1-chart.json", "2-who.json"], ["2-chart.json", "1-who.json"]] {
        let house = House::new();
        house.file(&format!("in/{}", names[0]), chart(2).to_string());
        house.file(&format!("in/{}", names[1]), practitioners().to_string());
        assert_eq!(house.import(&["in"]), (Some(0), [4, 4, 0, 0]), "{names:?}");
        let encounter = &exported(&house, "Encounter")[0];
        assert_eq!(encounter["subject"]["reference"], "Patient/10000000-0000-4000-8000-000000000001");
        let who = &encounter["participant"][0]["individual"]["reference"];
        assert_eq!(who, "Practitioner/00000000-0000-4000-8000-000000000002");
    }
    let house = House::new();
    let both = format!("{}\n{}\n", chart(1), practitioners());
    assert_eq!(house.run_with(&["import", "--json", "-"], both.as_bytes()).expect(0).counts(), [4, 4, 0, 0]);
}

#[test]
fn what_never_resolves_is_refused_and_taken_once_it_can_be() {
    let house = House::new();
    let file = house.file("chart.json", chart(9).to_string());
    assert_eq!(house.import(&[&file]), (Some(1), [2, 1, 0, 1]), "the encounter waits for a practitioner nobody sends");
    let other = house.file("chart.json", chart(1).to_string());
    let who = house.file("who.json", practitioners().to_string());
    assert_eq!(house.import(&[&other, &who]), (Some(0), [4, 3, 1, 0]));
}

#[test]
fn what_is_refused_is_named_with_file_line_and_reason() {
    let house = House::new();
    let text = format!(
        "{}\n{{\"resourceType\":\"Patient\",\"id\":\"bad\",\"birthDate\":\"yesterday\"}}\n\n{{\"a\":\n{{\"resourceType\":\"Nothing\"}}\n",
        patient("good")
    );
    let file = house.file("in.ndjson", text);
    assert_eq!(house.import(&[&file, "--quarantine", "q.ndjson"]), (Some(1), [4, 1, 0, 3]));
    let quarantine = std::fs::read_to_string(house.path("q.ndjson")).expect("a quarantine");
    let mut refused: Vec<Value> = quarantine.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    refused.sort_by_key(|line| line["line"].as_u64());
    assert_eq!(refused.iter().map(|line| line["line"].as_u64()).collect::<Vec<_>>(), [Some(2), Some(4), Some(5)]);
    assert!(refused[0]["reasons"][0]["path"].as_str().expect("a path").starts_with("Patient.birthDate"));
    assert_eq!(refused[0]["resource"]["id"], "bad");
    assert!(refused.iter().all(|line| line["file"] == file.as_str()));

    let listed = house.run(&["quarantine", "list"]).expect(0);
    assert!(listed.out.is_empty() && listed.err.contains("There is no quarantine here"), "{}", listed.err);
    for _ in 0..2 {
        house.run(&["import", &file]).expect(1);
    }
    let listed = house.run(&["quarantine", "list"]).expect(0).out;
    let names: Vec<&str> = listed.lines().filter_map(|line| line.strip_suffix("  3 refused")).collect();
    assert_eq!(names.len(), 2, "no quarantine takes the place of another: {listed}");
    let said = house.run(&["import", &file]).expect(1).err;
    let command = said.split('`').nth(1).expect("the way to read it is named").to_owned();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let shown = house.run(&words).expect(0).out;
    assert_eq!(house.run(&["quarantine", "show"]).expect(0).out, shown, "the latest is shown");
    assert_eq!(shown.lines().count(), 3);
    assert!(shown.contains("in.ndjson") && shown.contains("Patient.birthDate"), "{shown}");
    assert!(!shown.contains("yesterday") && !shown.contains("\"resource\""), "no resource is kept in it: {shown}");
    house.run(&["keys", "rotate"]).expect(0);
    assert_eq!(house.run(&["quarantine", "show"]).expect(0).out, shown, "it outlives a change of the root key");
    house.run(&["quarantine", "show", "nothing"]).expect(2).says("there is no `nothing` here");
    let latest = words.last().expect("a name");
    let path = house.path(&format!("data/quarantine-{latest}.sealed"));
    let sealed = std::fs::read_to_string(&path).expect("sealed");
    std::fs::write(&path, &sealed[..sealed.len() - 20]).expect("written");
    let cut = house.run(&["quarantine", "show"]).expect(1);
    assert_eq!(cut.out.lines().count(), 2, "what is whole is shown");
}

#[test]
fn a_bad_entry_takes_only_what_refers_to_it() {
    let house = House::new();
    let entry = |n: u32, resource: Value| {
        let kind = resource["resourceType"].as_str().expect("a type").to_owned();
        json!({"fullUrl": format!("urn:uuid:30000000-0000-4000-8000-00000000000{n}"), "resource": resource,
               "request": {"method": "POST", "url": kind}})
    };
    let observation = |more: Value| {
        let mut resource = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}});
        for (name, value) in more.as_object().expect("members") {
            resource[name.as_str()] = value.clone();
        }
        resource
    };
    let refers =
        |n: u32| json!({"hasMember": [{"reference": format!("urn:uuid:30000000-0000-4000-8000-00000000000{n}")}]});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        entry(1, observation(refers(2))), entry(2, observation(refers(3))),
        entry(3, observation(json!({"misspelt": true}))), entry(4, observation(json!({})))
    ]});
    let file = house.file("b.json", bundle.to_string());
    assert_eq!(house.import(&[&file, "--quarantine", "q"]), (Some(1), [4, 1, 0, 3]));
    let quarantine = std::fs::read_to_string(house.path("q")).expect("a quarantine");
    for words in ["refers to Bundle.entry[1]", "refers to Bundle.entry[2]", "Bundle.entry[2].resource.misspelt"] {
        assert!(quarantine.contains(words), "{words} is not in {quarantine}");
    }
}

#[test]
fn a_broken_archive_is_accounted_for() {
    let house = House::new();
    let file = house.file("a.ndjson.gz", [0x1f, 0x8b, 8, 0, 1, 2, 3]);
    assert_eq!(house.import(&[&file]), (Some(1), [1, 0, 0, 1]));
    house.run(&["import", "nowhere"]).expect(2).says("nowhere");
    std::fs::create_dir(house.path("empty")).expect("made");
    house.run(&["import", "empty"]).expect(2).says("no file was found");
}

#[test]
fn a_text_whose_tree_would_fill_the_memory_is_refused_as_one() {
    let house = House::new();
    let values = format!(r#"{{"resourceType":"Patient","name":[{}{{}}]}}"#, "{},".repeat(3_000_000));
    let file = house.file("values.json", values);
    assert_eq!(house.import(&[&file, "--quarantine", "q"]), (Some(1), [1, 0, 0, 1]));
    let quarantine = std::fs::read_to_string(house.path("q")).expect("a quarantine");
    assert!(quarantine.contains("too many values"), "{quarantine}");
    let file = house.file("numbers.json", "[1,2,3]");
    assert_eq!(house.import(&[&file]), (Some(1), [1, 0, 0, 1]));
}

#[test]
fn a_killed_import_is_finished_by_the_same_command() {
    let house = House::new();
    let count = 12_000;
    let file = house.file("many.ndjson", lines(count));
    let mut child = house.command(&["import", &file]).stderr(Stdio::null()).spawn().expect("the binary runs");
    while std::fs::metadata(house.path("data/record.sqlite-wal")).map_or(0, |m| m.len()) < 1 << 20 {
        if child.try_wait().expect("known").is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let (code, [read, stored, unchanged, refused]) = house.import(&[&file]);
    assert_eq!((code, read, stored + unchanged, refused), (Some(0), count as u64, count as u64, 0));
    assert_eq!(exported(&house, "Patient").len(), count);
    house.run(&["verify"]).expect(0);
}

#[test]
fn real_patients_are_accounted_for() {
    let Some(synthea) = shared("synthea") else { return };
    let house = House::new();
    let mut charts: Vec<_> =
        std::fs::read_dir(&synthea).expect("readable").map(|e| e.expect("an entry").path()).collect();
    charts.sort_by_key(|path| std::fs::metadata(path).map_or(0, |m| m.len()));
    let is_house = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("0-"));
    let small = charts.iter().filter(|path| path.extension().is_some_and(|e| e == "bz2") && !is_house(path)).take(4);
    // The charts come before the hospitals and practitioners that they refer to.
    let paths: Vec<String> =
        small.chain(charts.iter().filter(|path| is_house(path))).map(|p| p.display().to_string()).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (code, [read, stored, unchanged, refused]) = house.import(&paths);
    assert_eq!((code, unchanged, refused), (Some(0), 0, 0));
    assert!(read > 900 && read == stored, "{read} read, {stored} stored");
    assert_eq!(house.import(&paths), (Some(0), [read, 0, read, 0]));
    house.run(&["verify"]).expect(0);
}
