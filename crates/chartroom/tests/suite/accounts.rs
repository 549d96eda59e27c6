//! Accounts at the command line, with and without a running server.

use crate::program::House;
use serde_json::Value;

#[test]
fn accounts_are_made_listed_changed_and_ended_beside_a_server_too() {
    let house = House::new();
    house.import(&[&house.file("p.json", r#"{"resourceType":"Patient","id":"p","active":true}"#)]);
    let add = ["account", "add", "Kim", "--name", "Dr Kim", "--role", "physician", "--stands-for", "Practitioner/7"];
    let said = house.run(&add).expect(0).out;
    assert!(said.starts_with("kim  physician  Dr Kim  active\npassword  "), "{said}");
    house.run(&add).expect(2).says("somebody has this login");
    let server = house.serve("serve", &[]);
    let with_password = ["account", "add", "lee", "--name", "Lee", "--role", "nurse", "--password-stdin", "--json"];
    let said = house.run_with(&with_password, b"correct horse battery\n").expect(0).out;
    let lee: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&lee["login"], &lee["password"], &lee["secondFactor"]), (&"lee".into(), &true.into(), &false.into()));
    house.run(&["account", "change", "lee", "--role", "nurse", "--role", "coder", "--unit", "Location/icu"]).expect(0);
    let listed = house.run(&["account", "list", "--json"]).expect(0).out;
    let lines: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["roles"].to_string() + &lines[1]["units"].to_string(), r#"["nurse","coder"]["Location/icu"]"#);
    let said = house.run(&["account", "totp", "lee"]).expect(0).out;
    assert!(said.contains("otpauth://totp/Chartroom:lee?secret="), "{said}");
    assert_eq!(said.lines().count(), 13);
    house.run(&["account", "totp", "lee", "--remove"]).expect(0);
    let token = house.run(&["token", "--as", "lee", "--purpose", "TREAT"]).expect(0).out;
    let status = |token: &str| server.ask("GET", "/fhir/Patient/p", Some(token.trim_end()), "").expect("answered").0;
    assert_ne!(status(&token), 401);
    house.run(&["account", "sign-out", "lee"]).expect(0);
    assert_eq!(status(&token), 401);
    house.run(&["account", "deactivate", "lee"]).expect(0);
    house.run(&["token", "--as", "lee"]).expect(2).says("not active");
    house.run(&["account", "change", "lee", "--activate"]).expect(0);
    assert_ne!(status(&house.run(&["token", "--as", "lee"]).expect(0).out), 401);
}

#[test]
fn what_cannot_be_done_with_an_account_says_why() {
    let house = House::new();
    house.import(&[&house.file("p.json", r#"{"resourceType":"Patient","id":"p","active":true}"#)]);
    for (arguments, why) in [
        (&["account", "deactivate", "nobody"][..], "nobody has this login"),
        (&["account", "add", "kim", "--name", "Kim", "--role", "king"], "king is no role"),
        (&["account", "add", "kim", "--name", "Kim"], "the account has no role"),
        (&["account", "add", "kim", "--role", "nurse"], "chartroom account add kim --name"),
        (&["account", "remove-passkeys", "nobody"], "nobody has this login"),
        (&["account", "unlink", "nobody", "--provider", "gone"], "nobody has this login"),
        (&["account", "link", "kim", "--provider", "house", "--subject", "7"], "`house` is no provider"),
        (&["token", "--as", "nobody"], "nobody has this login"),
    ] {
        house.run(arguments).expect(2).says(why);
    }
    let weak = ["account", "add", "kim", "--name", "Kim", "--role", "nurse", "--password-stdin"];
    house.run_with(&weak, b"kim\n").expect(2).says("shorter than 12 characters");
    assert_eq!(house.run(&["account", "list"]).expect(0).out, "");
    house.run(&["account", "add", "kim", "--name", "Kim", "--role", "nurse"]).expect(0);
    house.run(&["account", "remove-passkeys", "kim"]).expect(2).says("the account has no passkeys");
    house.run(&["account", "unlink", "kim", "--provider", "gone"]).expect(2).says("not linked with anybody");
    // A provider that the configuration does not have any more is named by its issuer.
    let gone = "https://gone.example";
    house.run(&["account", "link", "kim", "--provider", gone, "--subject", "7"]).expect(0);
    house
        .run(&["account", "unlink", "kim", "--provider", "gone"])
        .expect(2)
        .says("it is linked with 7 at https://gone");
    let said = house.run(&["account", "unlink", "kim", "--provider", gone]).expect(0).out;
    assert!(!said.contains("linked"), "{said}");
}
