//! Clients that others made, unmodified: the npm library `fhirclient` in Chromium, and Python's `fhirclient` and PyJWT.

use crate::browser::location;
use crate::clients::{installed, scripts, told_by, tried, with_npm};
use crate::stage::{PASSWORD, REDIRECT, Stage, parameters, registration};
use base::clock::Clock;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use vault::access::apps::{Proof, Registration};

/// The folder in which pip has installed a package that brings a module.
fn with_pip(module: &str, package: &str) -> Option<PathBuf> {
    installed(&format!("python-{module}"), package, |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(folder).arg(package);
        tried(&format!("{package} (pip)"), &mut pip)
    })
}

#[test]
fn the_library_fhirclient_connects_in_a_browser() {
    let Some(modules) = with_npm("npm", "fhirclient@2.6.3") else { return };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stage = Stage::at(Clock::System, |_| {});
    let address = |page: &str| format!("http://localhost:{port}/{page}");
    let own = Registration {
        redirects: vec![address("index.html")],
        launch: Some(address("launch.html")),
        ..registration(Proof::Public)
    };
    stage.app("growth", own);
    let server = format!("http://{}", stage.house.address);
    let told = told_by("smart-app.mjs", &modules, &[&server, &port.to_string(), "kim", PASSWORD]);
    let [alone, from_chart] = &told[..] else { panic!("{told:?}") };
    for told in [alone, from_chart] {
        assert_eq!(
            (&told["user"], &told["isRefreshed"], &told["violations"]),
            (&json!("Practitioner/kim"), &json!(true), &json!([])),
            "{told}"
        );
    }
    let chosen = alone["patient"].as_str().unwrap();
    assert_eq!(alone["observations"], json!([format!("laboratory-{chosen}"), format!("vital-signs-{chosen}")]));
    assert_eq!((&from_chart["patient"], &from_chart["encounter"]), (&json!("zoe"), &json!("enc-zoe")));
    assert_eq!(from_chart["other"], "404", "{from_chart}");
}

#[test]
fn a_python_client_acts_by_itself() {
    let Some(folder) = with_pip("jwt", "pyjwt[crypto]==2.15.1") else { return };
    let work = tempfile::tempdir().unwrap();
    let python = |arguments: &[&str]| {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &folder).arg(scripts().join("backend.py")).args(arguments);
        let output = python.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let dir = work.path().to_str().unwrap();
    let keys = python(&["keys", dir]);
    let stage = Stage::at(Clock::System, |_| {});
    stage.backend_app("loader", "system/Patient.rs", Proof::Keys(keys));
    let found: Value = serde_json::from_str(&python(&["patients", dir, &stage.house.base(), "loader"])).unwrap();
    assert_eq!(found, json!(["ann", "zoe"]));
    let exported = python(&["export", dir, &stage.house.base(), "loader"]);
    assert_eq!(serde_json::from_str::<Value>(&exported).unwrap(), json!(["ann", "zoe"]));
}

#[test]
fn the_python_library_fhirclient_launches_by_itself() {
    let Some(folder) = with_pip("fhirclient", "fhirclient==4.4.0") else { return };
    let stage = Stage::at(Clock::System, |_| {});
    stage.public_app("growth");
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", &folder).arg(scripts().join("standalone.py"));
    python.args([stage.house.base().as_str(), "growth", REDIRECT]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    let mut said = BufReader::new(python.stdout.take().unwrap()).lines();
    // The person whom the app sends here signs in, chooses a patient and agrees.
    let sent = said.next().expect("an address to send somebody to").unwrap();
    let agreed = stage.agree(&mut stage.browser("kim"), &parameters(&sent), "ann");
    writeln!(python.stdin.take().unwrap(), "{}", location(&agreed).unwrap()).unwrap();
    let told: Value = serde_json::from_str(&said.next().expect("what the app saw").unwrap()).unwrap();
    let wanted = json!({
        "patient": "ann", "family": "Ann", "observations": ["laboratory-ann", "vital-signs-ann"], "isRenewed": true,
        "other": 404
    });
    assert_eq!(told, wanted);
    assert!(python.wait().unwrap().success());
}
