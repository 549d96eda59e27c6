//! Apps at the command line, with and without a running server.

use crate::program::House;
use serde_json::Value;

const PUBLIC: [&str; 11] = [
    "app",
    "register",
    "Growth",
    "--redirect",
    "https://app.example/cb",
    "--scope",
    "patient/*.rs launch/patient",
    "--reach",
    "house",
    "--client-id",
    "growth",
];

#[test]
fn apps_are_registered_reviewed_and_ended_beside_a_server_too() {
    let house = House::new();
    house.import(&[&house.file("p.json", r#"{"resourceType":"Patient","id":"p","active":true}"#)]);
    let said = house.run(&PUBLIC).expect(0).out;
    assert_eq!(said, "growth  pending  public  Growth\nnext: look at it, then run `chartroom app approve growth`\n");
    house.run(&PUBLIC).expect(2).says("an app has this client id");
    let server = house.serve("serve", &[]);
    let asked = "/smart/authorize?client_id=growth&redirect_uri=https://app.example/cb&response_type=code";
    let status = || server.ask("GET", asked, None, "").expect("answered").0;
    assert_eq!(status(), 422);
    assert_eq!(house.run(&["app", "approve", "growth"]).expect(0).out, "growth  approved  public  Growth\n");
    assert_eq!(status(), 303);
    house.run(&["app", "suspend", "growth"]).expect(0);
    assert_eq!(status(), 422);
    let with_secret = [&["app", "register", "Server", "--secret", "--approve"], &PUBLIC[3..9]].concat();
    let said = house.run(&with_secret).expect(0).out;
    let (id, secret) = (said.split(' ').next().expect("an id").to_owned(), said.lines().nth(1).expect("a secret"));
    assert!(
        said.contains("  approved  secret  Server\n") && secret.strip_prefix("secret  ").is_some_and(|s| s.len() == 64)
    );
    let renewed = house.run(&["app", "secret", &id]).expect(0).out;
    assert!(!renewed.contains(secret) && renewed.contains("secret  "));
    house.run(&["account", "add", "loader", "--name", "Loader", "--role", "app"]).expect(0);
    let keys = house.file("keys.json", r#"{"keys":[]}"#);
    let backend =
        ["app", "register", "Loader", "--scope", "system/*.rs", "--acts-as", "loader", "--purpose", "HOPERAT"];
    // Whose it is must be said: taken for the house's, what it reads would be missing in accountings.
    let unsaid = house.run(&[&backend[..], &["--keys", keys.as_str()]].concat()).expect(2);
    assert!(unsaid.err.contains("--reach <WHO>"), "{}", unsaid.err);
    house.run(&[&backend[..], &["--keys", keys.as_str(), "--reach", "house"]].concat()).expect(0);
    let listed = house.run(&["app", "list", "--json"]).expect(0).out;
    let lines: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let proofs: Vec<_> = lines.iter().map(|app| (app["name"].as_str(), app["proof"].as_str())).collect();
    assert_eq!(
        proofs,
        [(Some("Growth"), Some("public")), (Some("Loader"), Some("keys")), (Some("Server"), Some("secret"))]
    );
    assert!(!listed.contains("secret\":\""), "no hash is shown");
}

#[test]
fn what_cannot_be_done_with_an_app_says_why() {
    let house = House::new();
    house.import(&[&house.file("p.json", r#"{"resourceType":"Patient","id":"p","active":true}"#)]);
    let register = |more: &[&'static str]| [&["app", "register", "A", "--reach", "house"], more].concat();
    for (arguments, why) in [
        (vec!["app", "approve", "nobody"], "no app has this client id"),
        (vec!["app", "secret", "nobody"], "no app has this client id"),
        (register(&["--scope", "openid"]), "the app has no redirect address"),
        (register(&["--scope", "patient/X.rs", "--redirect", "https://a.example/"]), "patient/X.rs is no scope"),
        (register(&["--scope", "openid", "--redirect", "http://a.example/"]), "a redirect address is not one"),
        (register(&["--scope", "system/*.rs"]), "an app with system scopes acts by itself"),
        (register(&["--scope", "system/*.rs", "--acts-as", "nobody"]), "nobody has the login to act as"),
        (register(&["--scope", "openid", "--keys", "/nowhere/keys.json"]), "/nowhere/keys.json"),
    ] {
        house.run(&arguments).expect(2).says(why);
    }
    assert_eq!(house.run(&["app", "list"]).expect(0).out, "");
}
