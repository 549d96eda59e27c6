//! Servers: ready when they say so, alone on their directory, and ended politely.

use crate::program::House;
use serde_json::Value;
use std::io::Read;

#[test]
fn a_server_is_ready_alone_and_ends_politely() {
    let house = House::new();
    let server = house.serve("serve", &[]);
    let token = house.run(&["token"]).expect(0).out;
    assert_eq!(token.lines().count(), 1, "a token stands alone on its line");
    let token = Some(token.trim_end());
    let patient = r#"{"resourceType":"Patient","id":"a"}"#;
    assert_eq!(server.ask("PUT", "/fhir/Patient/a", None, patient).expect("answered").0, 401);
    assert_eq!(server.ask("PUT", "/fhir/Patient/a", token, patient).expect("answered").0, 201);
    house.run(&["serve", "--listen", "127.0.0.1:0"]).expect(2).says("in use");
    house.run(&["import", "."]).expect(2);
    let port = format!("127.0.0.1:{}", server.port);
    house.run(&["serve", "--data", "other", "--listen", &port]).expect(2).says("--listen");
    assert!(!house.path("other").exists(), "a taken port leaves no directory behind");
    house.run(&["backup", "--to", "copy"]).expect(0);
    house.run(&["verify"]).expect(0);
    assert_eq!(server.stop(), Some(0));

    let again = house.serve("serve", &[]);
    assert_eq!(
        again.ask("GET", "/fhir/Patient/a", token, "").expect("answered").0,
        200,
        "the token is good after a restart"
    );
}

#[test]
fn what_a_server_wrote_makes_an_import_look_again() {
    let house = House::new();
    let file = house.file("a.json", r#"{"resourceType":"Patient","id":"a","active":true}"#);
    assert_eq!(house.import(&[&file]), (Some(0), [1, 1, 0, 0]));
    let server = house.serve("serve", &[]);
    let token = house.run(&["token"]).expect(0).out;
    assert_eq!(server.ask("DELETE", "/fhir/Patient/a", Some(token.trim_end()), "").expect("answered").0, 204);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(house.import(&[&file]), (Some(0), [1, 1, 0, 0]), "what was deleted is stored again");
}

#[test]
fn the_demo_is_made_once_and_its_three_things_work() {
    let house = House::new();
    let mut demo = house.serve("demo", &["--patients", "3", "--seed", "7"]);
    let mut screen = vec![0; 4_096];
    let count = demo.child.stdout.as_mut().expect("piped").read(&mut screen).expect("a screen");
    let screen = String::from_utf8_lossy(&screen[..count]).into_owned();
    let token = screen.split_once("token  ").and_then(|(_, rest)| rest.lines().next()).expect("a token").to_owned();
    let tries: Vec<&str> = screen.lines().filter_map(|line| line.trim_start().strip_prefix("curl ")).collect();
    assert_eq!(tries.len(), 3, "{screen}");
    let (status, page) = demo.ask("GET", "/sign-in", None, "").expect("answered");
    assert!(status == 200 && page.contains("value=\"kim\"") && page.contains("value=\"zoe\""), "{page}");
    for line in tries {
        let url = line.rsplit('\'').nth(1).expect("a quoted address");
        let path = url.split_once(&format!(":{}", demo.port)).expect("this server").1.replace('|', "%7C");
        let (status, body) = demo.ask("GET", &path, Some(&token), "").expect("answered");
        assert_eq!(status, 200, "{path}: {body}");
        let bundle: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(bundle["resourceType"], "Bundle", "{path}");
    }
    assert_eq!(demo.stop(), Some(0));
    house.run(&["verify"]).expect(0);
    house.run(&["demo", "--patients", "4", "--listen", "127.0.0.1:0"]).expect(2).says("3 patients");
    let head = house.run(&["log", "checkpoint"]).expect(0).out;
    assert_eq!(house.serve("demo", &[]).stop(), Some(0));
    assert_eq!(house.run(&["log", "checkpoint"]).expect(0).out, head, "the second start writes nothing");
}
