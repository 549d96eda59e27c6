//! `chartroom disclosure`: recorded and accounted for, with and without a server.

use crate::program::House;
use serde_json::Value;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"zoe","name":[{"given":["Zoe"],"family":"Nym"}]}"#;

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn what_is_recorded_is_accounted_for_beside_a_server_too() {
    let house = House::new();
    let file = house.file("in.ndjson", PATIENT);
    house.import(&[&file]);
    let record = |to: &str, basis: &str, more: &[&str]| {
        let words = ["disclosure", "record", "zoe", "--to", to, "--what", "report", "--basis", basis];
        house.run(&[&words, more].concat())
    };
    let dated = ["--date", "2026-01-02", "--address", "1 Main St"];
    let said = record("=cmd()", "public-health", &dated).expect(0).out;
    assert!(said.ends_with("of 2026-01-02 is recorded\n"), "{said}");
    let server = house.serve("serve", &[]);
    record("=cmd()", "public-health", &["--address", "1 Main St"]).expect(0);
    record("Dr Lee", "treatment", &[]).expect(0);
    record("x", "because", &[]).expect(2).says("`basis` is missing or unknown");
    record("x", "treatment", &["--date", "2999-01-01"]).expect(2).says("not ahead");
    let table = house.run(&["disclosure", "list", "--patient", "zoe"]).expect(0).out;
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.contains("\"'=cmd()\"") && !table.contains(",=cmd()"), "{table}");
    let letter = house.run(&["disclosure", "account", "zoe"]).expect(0).out;
    for part in
        ["Zoe Nym (Patient/zoe)", "2026-01-02  =cmd(), 1 Main St", "2 times", "1  treatment (45 CFR 164.528(a)(1)(i))"]
    {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    let asked = lines(&house.run(&["disclosure", "request", "zoe", "--json"]).expect(0).out).remove(0);
    let id = asked["id"].as_str().expect("an id");
    house.run(&["disclosure", "change", "zoe", id, "extend", "--reason", "archive moved"]).expect(0);
    house.run(&["disclosure", "change", "zoe", id, "extend", "--reason", "again"]).expect(2).says("one extension only");
    assert_eq!(server.stop(), Some(0));
    assert!(house.run(&["disclosure", "requests"]).expect(0).out.ends_with("open\n"));
    let given = house.run(&["disclosure", "account", "zoe", "--provide", "--request", id, "--json"]).expect(0).out;
    assert_eq!(lines(&given)[0]["listed"][0]["times"], 2);
    assert!(house.run(&["disclosure", "requests"]).expect(0).out.is_empty());
    let spoken = ["disclosure", "suspend", "zoe", "--agency", "cmd", "--basis", "oversight", "--statement", "inquiry"];
    assert!(house.run(&spoken).expect(0).out.ends_with("holds\n"));
    house.run(&["disclosure", "suspend", "zoe", "--agency", "x", "--basis", "treatment", "--statement", "y"]).expect(2);
    let names = lines(&house.run(&["disclosure", "recipients", "zoe", "--json"]).expect(0).out);
    assert_eq!(names.len(), 2);
    house.run(&["disclosure", "account", "nobody"]).expect(2).says("there is no Patient/nobody");
    let audit = house.run(&["audit", "--patient", "zoe", "--action", "disclose", "--outcome", "served"]).expect(0).out;
    assert_eq!(audit.lines().count(), 5, "three disclosures and a suspension: {audit}");
    house.run(&["verify"]).expect(0);
}
