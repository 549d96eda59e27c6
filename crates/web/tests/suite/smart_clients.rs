//! Clients that others made, unmodified: the npm library `fhirclient` in Chromium, and Python's PyJWT. What is missing is
//! installed below the target directory by npm and pip; where that cannot be, the test says so and is skipped.

use crate::stage::{PASSWORD, Stage, registration};
use base::clock::Clock;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use vault::access::apps::{Proof, Registration};

/// Drives Chromium.
const PUPPETEER: &str = "puppeteer-core@24.43.1";
const PIP: &str = "pyjwt[crypto]==2.15.1";

pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Where what is installed stays.
fn cache(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a command. `None`, after saying so, where it cannot be run or fails.
fn tried(what: &str, command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) if output.status.success() => Some(output),
        Ok(output) => {
            println!("skipped: {what}: {}", String::from_utf8_lossy(&output.stderr));
            None
        }
        Err(error) => {
            println!("skipped: {what} not found: {error}");
            None
        }
    }
}

/// The folder in which npm has installed a package beside what drives Chromium.
pub fn with_npm(name: &str, package: &str) -> Option<PathBuf> {
    tried("chromium", Command::new("/usr/bin/chromium").arg("--version"))?;
    tried("node", Command::new("node").arg("--version"))?;
    let folder = cache(name);
    if !folder.join("node_modules/puppeteer-core").is_dir() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
        tried(&format!("{package} (npm)"), npm.args([package, PUPPETEER]))?;
    }
    Some(folder)
}

/// Runs a script of ours with node, which must end well. Answers its lines of JSON.
#[track_caller]
pub fn told_by(script: &str, modules: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = Command::new("node").arg(scripts().join(script)).arg(modules).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
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
    let folder = cache("python");
    if !folder.join("jwt").is_dir() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"]).arg(&folder).arg(PIP);
        if tried("PyJWT (pip)", &mut pip).is_none() {
            return;
        }
    }
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
