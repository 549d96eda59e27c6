//! Policies at the command line, with and without a running server.

use crate::program::House;

const RULE: &str = "@id(\"no-nurses\")\n@says(\"Nurses see nothing.\")\n@source(\"house rule\")\n\
                    forbid (principal in Role::\"nurse\", action, resource);\n";

#[test]
fn policies_are_tried_compared_applied_and_shown_beside_a_server_too() {
    let house = House::new();
    house.import(&[&house.file("p.json", r#"{"resourceType":"Patient","id":"p","active":true}"#)]);
    let add = ["account", "add", "nora", "--name", "Nora", "--role", "nurse", "--json"];
    house.run(&add).expect(0);
    let rule = house.file("site/rule.cedar", RULE);
    let wrong = house.file("wrong.cedar", RULE.replace("nurse\"", "nurce\""));
    let said = house.run(&["policy", "check", &wrong]).expect(1).out;
    assert!(said.starts_with("wrong.cedar, line 4, column 22: ") && said.contains("did you mean"), "{said}");
    house.run(&["policy", "check", &rule]).expect(0);
    house.run(&["policy", "apply"]).expect(2).says("no access.policies");
    house.run(&["policy", "apply", &wrong]).expect(2).says("column 22");

    let server = house.serve("serve", &[]);
    let said = house.run(&["policy", "simulate", &rule]).expect(0).out;
    assert!(said.starts_with("By role:\n  nurse (1 person): "), "{said}");
    assert!(said.contains("\nEach change:\n"), "{said}");
    assert!(said.contains("1 person may no longer read directory of staff and places."), "{said}");
    let token = house.run(&["token", "--as", "nora", "--purpose", "TREAT"]).expect(0).out;
    let status = || server.ask("GET", "/fhir/Practitioner", Some(token.trim_end()), "").expect("answered").0;
    assert_eq!(status(), 200);
    let said = house.run(&["policy", "apply", &rule]).expect(0).out;
    assert!(said.starts_with("In force from the next request on.\n"), "{said}");
    assert_eq!(status(), 403, "without a restart");
    assert_eq!(house.run(&["policy", "apply", &rule]).expect(0).out, "These policies are in force already.\n");
    let said = house.run(&["policy", "show"]).expect(0).out;
    assert!(
        said.contains("site  forbid  no-nurses  Nurses see nothing.\n") && said.contains("ours  permit  nurse-care")
    );
    let said = house.run(&["policy", "show", "no-nurses"]).expect(0).out;
    assert!(said.starts_with("// rule.cedar, line 1\n") && said.contains("forbid"), "{said}");
    house.run(&["policy", "show", "no-nurse"]).expect(2).says("did you mean no-nurses?");
    let audit = house.run(&["audit", "--user", "operator", "--outcome", "refused"]).expect(0).out;
    assert!(audit.contains(",policy show,no-nurse,refused,404,"), "the operator's mistake is no fault: {audit}");
    house.run(&["policy", "check", "nowhere"]).expect(2).says("there is no file or directory nowhere");
    let said = house.run(&["policy", "why", "nora", "Patient/p", "--purpose", "TREAT"]).expect(0).out;
    assert!(said.starts_with("No: read identity and demographics, for treatment."), "{said}");
    drop(server);
    // The site's directory is what holds from the next start on.
    std::fs::write(house.path("data").join("chartroom.toml"), "[access]\npolicies = \"site\"\n").expect("written");
    let other = house.file("other.cedar", RULE);
    house.run(&["policy", "apply", &other]).expect(2).says("put in force at each start");
    house.run(&["policy", "apply"]).expect(0);
}
