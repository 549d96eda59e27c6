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
    // What never was is not noted as sent; what was deleted may have been.
    record("x", "judicial", &["--resource", "Observation/17"]).expect(2).says("the patient has no Observation/17");
    record("x", "judicial", &["--consent", "Consent/9"]).expect(2).says("the patient has no Consent/9");
    house.run(&["disclosure", "recipients", "zoe", "--consent", "Consent/9"]).expect(2).says("no such consent");
    let audit = house.run(&["audit", "--user", "operator", "--outcome", "refused"]).expect(0).out;
    for line in
        [",disclosure recipients,,refused,404,", ",disclosure record,,refused,404,", ",disclosure record,,refused,422,"]
    {
        assert!(audit.contains(line), "{line}: {audit}");
    }
    let failed = house.run(&["audit", "--user", "operator", "--outcome", "failed"]).expect(0).out;
    assert_eq!(failed.lines().count(), 1, "nothing of it is our fault: {failed}");
    let letter = house.run(&["disclosure", "account", "zoe"]).expect(0).out;
    for part in [
        "Zoe Nym (Patient/zoe)",
        "2 January 2026\n     To:       =cmd()\n     Address:  1 Main St",
        "2 times",
        "1  treatment (45 CFR 164.528(a)(1)(i))",
    ] {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    let asked = lines(&house.run(&["disclosure", "request", "zoe", "--json"]).expect(0).out).remove(0);
    let id = asked["id"].as_str().expect("an id");
    let said = house.run(&["disclosure", "change", "zoe", id, "extend", "--reason", "archive moved"]).expect(0).out;
    assert!(said.contains("\nIt is put off until ") && said.contains("\nnext: give it by "), "{said}");
    // The beginning of an id is enough.
    let begin = &id[..6];
    house.run(&["disclosure", "change", "zoe", begin, "extend", "--reason", "x"]).expect(2).says("one extension only");
    house.run(&["disclosure", "change", "zoe", "none", "withdraw"]).expect(2).says("no such request of this patient");
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
    let audit =
        house.run(&["audit", "--patient", "zoe", "--action", "record-disclosure", "--outcome", "served"]).expect(0).out;
    assert_eq!(audit.lines().count(), 5, "three disclosures and a suspension: {audit}");
    house.run(&["verify"]).expect(0);
}
