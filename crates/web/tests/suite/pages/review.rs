//! What privacy officers find: the audit, and what is left to review.

use super::{shown, stage};

#[test]
fn the_audit_is_searched_and_taken_out_by_those_who_review_it() {
    let stage = stage();
    let mut kim = stage.browser("kim");
    kim.get("/home");
    let mut zoe = stage.browser("zoe");
    zoe.get("/looked");
    let mut ada = stage.browser("ada");
    let all = shown(&mut ada, "/audit");
    assert!(all.contains("KIM") && all.contains("ZOE") && all.contains("signed in"), "{all}");
    let of_zoe = shown(&mut ada, "/audit?patient=zoe&login=zoe");
    assert!(of_zoe.contains("looked at who looked") && !of_zoe.contains("KIM"), "{of_zoe}");
    assert!(shown(&mut ada, "/audit?login=nobody").contains("No entry fits"));
    assert!(shown(&mut ada, "/audit?until=2020-01-01").contains("No entry fits"));
    assert_eq!(ada.get("/audit?since=yesterday").status, 400);
    let file = ada.get("/audit.csv?patient=zoe&login=zoe");
    assert_eq!((file.status, file.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    let lines: Vec<String> = file.text().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("time,entry,account") && lines[1].contains("ZOE"), "{lines:?}");
    for login in ["kim", "zoe"] {
        for path in ["/audit", "/audit.csv", "/audit?patient=ann"] {
            assert_eq!(stage.browser(login).get(path).status, 403, "{login} {path}");
        }
    }
}
