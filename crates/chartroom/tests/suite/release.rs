//! `chartroom release` and `chartroom verify PACKAGE`: from a letter to a package that somebody else checks.

use crate::program::House;

const CHART: &str = concat!(
    r#"{"resourceType":"Patient","id":"zoe","name":[{"family":"Nym"}]}"#,
    "\n",
    r#"{"resourceType":"Observation","id":"lab","status":"final","code":{"text":"potassium"},"subject":{"reference":"Patient/zoe"},"effectiveDateTime":"2026-01-02"}"#,
);

#[test]
fn a_letter_becomes_a_package_beside_a_server_too() {
    let house = House::new();
    let file = house.file("in.ndjson", CHART);
    house.import(&[&file]);
    let note = ["release", "note", "--patient", "zoe", "--what", "results", "via=letter", "recipient=County"];
    let first = house.run(&note).expect(0).out.trim().to_owned();
    let server = house.serve("serve", &[]);
    let second = house.run(&note).expect(0).out.trim().to_owned();
    for id in [&first, &second] {
        house.run(&["release", "step", id, "decide", "route=public-health"]).expect(2).says("take it first");
        house.run(&["release", "step", id, "take"]).expect(0);
        house.run(&["release", "step", id, "decide", "route=public-health"]).expect(2).says("not in hand yet");
        let decide = ["release", "step", id, "decide", "route=public-health", "proof=official", "type=Observation"];
        assert_eq!(house.run(&decide).expect(0).out, "2 resources go, 0 stay.\n");
    }
    assert_eq!(house.run(&["release", "due"]).expect(0).out.lines().count(), 2);
    let package = &house.path("package.zip").display().to_string();
    let word = &house.file("password.txt", "correct horse battery\n");
    let sent = house.run(&["release", "send", &first, "--out", package, "--password-file", word]).expect(0).out;
    assert!(sent.contains("manifest  "), "{sent}");
    house.run(&["release", "send", &second, "--out", package]).expect(2).says("not there yet");
    assert_eq!(server.stop(), Some(0));
    let other = format!("{package}.2");
    house.run(&["release", "send", &second, "--out", &other, "--channel", "fax"]).expect(0);
    house.run(&["release", "send", &second, "--out", &format!("{package}.3")]).expect(2).says("has ended");
    assert!(house.run(&["release", "due"]).expect(0).out.is_empty());

    let key = house.run(&["log", "key"]).expect(0).out.trim().to_owned();
    house.run(&["verify", package]).expect(2).says("password");
    let checked = house.run(&["verify", package, "--key", &key, "--password-file", word]).expect(0).out;
    assert!(checked.contains("2 of them proved"), "{checked}");
    let mut bytes = std::fs::read(&other).expect("a package");
    let at = bytes.windows(9).position(|bytes| bytes == b"potassium").expect("in the clear");
    bytes[at] = b'P';
    std::fs::write(&other, bytes).expect("written");
    house.run(&["verify", &other, "--key", &key]).expect(1);
    let account = house.run(&["disclosure", "account", "zoe"]).expect(0).out;
    assert!(
        account.contains("County") && ["How:      fax", "How:      a portal"].iter().all(|how| account.contains(how)),
        "{account}"
    );
    assert!(house.run(&["release", "recall"]).expect(0).out.is_empty());
    house.run(&["verify"]).expect(0);
}
