//! To whom it went: the pages of the accounting and of what is recorded.

use super::{person, shown, stage};
use crate::browser::{Browser, field};
use vault::access::Role;

/// Sends a form as the page gave it.
#[track_caller]
fn send(browser: &mut Browser<'_>, page: &str, action: &str, fields: &[(&str, &str)]) -> u16 {
    let sign = field(&browser.get(page), "csrf").unwrap();
    let mut all = vec![("csrf", sign.as_str())];
    all.extend_from_slice(fields);
    browser.post(action, &all).status
}

#[test]
fn a_patient_asks_and_the_house_records_and_answers() {
    let stage = stage();
    person(&stage, "hal", Role::HimSpecialist, &[]);
    let mut hal = stage.browser("hal");
    let of_zoe = "/disclosures?patient=zoe";
    let record = [
        ("do", "record"),
        ("patient", "zoe"),
        ("recipient", "County <b>health</b>"),
        ("what", "report"),
        ("basis", "public-health"),
        ("channel", "fax"),
    ];
    assert_eq!(send(&mut hal, of_zoe, "/disclosures", &record), 303);
    let page = shown(&mut hal, of_zoe);
    assert!(page.contains("County &lt;b&gt;health&lt;/b&gt;") && page.contains("Recipients"), "{page}");
    assert!(shown(&mut hal, "/recipients?patient=zoe").contains("County &lt;b&gt;health"));
    let mut zoe = stage.browser("zoe");
    let own = shown(&mut zoe, "/accounting");
    assert!(
        own.contains("County &lt;b&gt;health")
            && own.contains("to a public health authority")
            && own.contains("address not known")
            && own.contains("What the law lets every patient know (45 CFR 164.528)"),
        "{own}"
    );
    let letter = zoe.get("/accounting.txt");
    assert_eq!((letter.status, letter.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert!(letter.text().contains("ACCOUNTING OF DISCLOSURES"));
    assert_eq!(send(&mut zoe, "/accounting", "/accounting", &[("do", "ask"), ("patient", "zoe")]), 303);
    assert!(shown(&mut zoe, "/accounting").contains("Take it back"));
    // The privacy officer sees what waits, puts it off once, and gives it.
    let mut ada = stage.browser("ada");
    let waiting = shown(&mut ada, "/accounting");
    let id = waiting.split("name=\"id\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let step = |does, more| [("do", does), ("patient", "zoe"), ("id", id.as_str()), more];
    let more = ("reason", "the archive moves");
    assert_eq!(send(&mut ada, "/accounting", "/accounting", &step("extend", more)), 303);
    assert_eq!(send(&mut ada, "/accounting", "/accounting", &step("extend", more)), 422);
    assert_eq!(
        send(&mut ada, "/accounting", "/accounting", &step("charge", ("dollars", "6.50"))),
        422,
        "the first is free"
    );
    assert_eq!(send(&mut ada, "/accounting", "/accounting", &step("give", ("law", "hipaa"))), 303);
    assert!(shown(&mut ada, "/accounting").contains("<h2>Requests</h2><p>None.</p>"));
    assert!(shown(&mut zoe, "/accounting").contains("provided"));
    // An agency has it kept quiet, and nothing of it shows to the patient.
    let suspend = [("do", "suspend"), ("patient", "zoe"), ("agency", "x"), ("basis", "oversight"), ("statement", "y")];
    assert_eq!(send(&mut ada, of_zoe, "/disclosures", &suspend), 303);
    assert!(shown(&mut ada, of_zoe).contains("Lift it") && !shown(&mut zoe, "/accounting").contains("uspen"));
    let looked = shown(&mut zoe, "/looked");
    assert!(!looked.contains("sent it to somebody outside") && !looked.contains("noted what went outside"), "{looked}");
    for said in ["looked at the list of what went outside", "answered a request for the list of what went outside"] {
        assert!(looked.contains(said), "{said}: {looked}");
    }
    let all = shown(&mut ada, "/audit?patient=zoe&deed=record-disclosure");
    assert!(all.contains("noted what went outside, or that an agency wants it kept quiet"), "{all}");
}

#[test]
fn others_find_nothing_there() {
    let stage = stage();
    let mut zoe = stage.browser("zoe");
    for (path, status) in [
        ("/disclosures", 403),
        ("/disclosures?patient=zoe", 403),
        ("/accounting?patient=ann", 404),
        ("/accounting.txt?patient=ann", 404),
    ] {
        assert_eq!(zoe.get(path).status, status, "{path}");
    }
    let mut kim = stage.browser("kim");
    for path in [
        "/disclosures?patient=zoe",
        "/accounting?patient=zoe",
        "/accounting.txt?patient=zoe",
        "/recipients?patient=zoe",
    ] {
        assert!([403, 404].contains(&kim.get(path).status), "{path}");
    }
    let step = [("do", "give"), ("patient", "zoe")];
    assert_eq!(send(&mut zoe, "/accounting", "/accounting", &step), 403);
    assert_eq!(send(&mut zoe, "/accounting", "/disclosures", &[("do", "record"), ("patient", "zoe")]), 403);
}
