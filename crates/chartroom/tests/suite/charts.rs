//! Charts of the demo hospital in a browser: real pages of made-up people. Where node, Chromium or what drives it are missing,
//! the test says so and is skipped; the tests of crate `web` install them.

use crate::program::House;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

#[test]
fn a_demo_chart_is_walked_in_a_browser_without_scripts() {
    let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients/npm");
    let chromium = Path::new("/usr/bin/chromium").exists();
    if !modules.join("node_modules/puppeteer-core").is_dir() || !chromium {
        println!("skipped: puppeteer-core or chromium not found");
        return;
    }
    let house = House::new();
    let demo = house.serve("demo", &["--patients", "3"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/tests/clients/chart.mjs");
    let server = format!("http://127.0.0.1:{}", demo.port);
    let output = Command::new("node").arg(script).arg(&modules).arg(server).output().expect("node");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_str(said.trim_end()).expect("JSON");
    for empty in ["violations", "overflowing", "foreign"] {
        assert_eq!(told[empty], json!([]), "{told}");
    }
    assert!(told["pages"].as_u64() > Some(13) && told["paper"].as_u64() > Some(2_000), "{told}");
    assert_eq!(demo.stop(), Some(0));
}
