//! Charts of the demo hospital in a browser: real pages of made-up people.

use crate::clients::{told_by, with_npm};
use crate::program::House;
use serde_json::json;

#[test]
fn a_demo_chart_is_walked_in_a_browser_without_scripts() {
    let Some(modules) = with_npm("npm", "fhirclient@2.6.3") else { return };
    let house = House::new();
    let demo = house.serve("demo", &["--patients", "3"]);
    let server = format!("http://127.0.0.1:{}", demo.port);
    let [told] = &told_by("chart.mjs", &modules, &[&server])[..] else { panic!("one line") };
    for empty in ["violations", "overflowing", "foreign"] {
        assert_eq!(told[empty], json!([]), "{told}");
    }
    assert!(told["pages"].as_u64() > Some(13) && told["paper"].as_u64() > Some(2_000), "{told}");
    assert_eq!(demo.stop(), Some(0));
}
