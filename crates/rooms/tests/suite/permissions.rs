//! Who may use which address of the rooms.

use crate::house::House;
use serde_json::json;

/// Address, method, and the status for: nobody, him-specialist, privacy officer, patient, another patient, physician, biller.
const TABLE: &[(&str, &str, [u16; 7])] = &[
    ("GET", "/due", [303, 200, 200, 403, 403, 403, 403]),
    ("GET", "/release", [303, 200, 200, 403, 403, 403, 403]),
    ("GET", "/release?id=ID", [303, 200, 200, 403, 404, 404, 403]),
    ("POST", "/release", [401, 403, 403, 403, 403, 403, 403]),
    ("POST", "/release/send", [401, 403, 403, 403, 403, 403, 403]),
    ("GET", "/release/recall", [303, 200, 200, 403, 403, 403, 403]),
    ("GET", "/request", [303, 404, 404, 200, 200, 404, 404]),
    ("POST", "/request", [401, 403, 403, 403, 403, 403, 403]),
    ("GET", "/amendments", [303, 200, 200, 403, 403, 403, 403]),
    ("POST", "/amendments", [401, 403, 403, 403, 403, 403, 403]),
    ("GET", "/corrections", [303, 404, 404, 200, 200, 404, 404]),
    ("POST", "/corrections", [401, 403, 403, 403, 403, 403, 403]),
    ("GET", "/fhir/$amendment-requests", [401, 200, 200, 200, 200, 200, 200]),
    ("GET", "/fhir/Task/ID/$amendment", [401, 404, 404, 404, 404, 404, 404]),
    ("POST", "/fhir/Task/ID/$amendment-step", [401, 404, 404, 404, 404, 404, 404]),
    ("POST", "/fhir/Task/ID/$amendment-statement", [401, 404, 404, 404, 404, 404, 404]),
    ("GET", "/amendments?id=AMEND", [303, 200, 200, 403, 404, 404, 403]),
    ("GET", "/fhir/Task/AMEND/$amendment", [401, 200, 200, 403, 404, 404, 403]),
    ("POST", "/fhir/Task/AMEND/$amendment-step", [401, 422, 422, 403, 404, 404, 403]),
    ("POST", "/fhir/Task/AMEND/$amendment-statement", [401, 422, 422, 422, 404, 404, 422]),
    ("GET", "/fhir/$due", [401, 200, 200, 403, 403, 403, 403]),
    ("GET", "/fhir/$release-requests", [401, 200, 200, 200, 200, 200, 200]),
    ("GET", "/fhir/$release-recall", [401, 200, 200, 403, 403, 403, 403]),
    ("GET", "/fhir/Task/ID/$release", [401, 200, 200, 403, 404, 404, 403]),
    ("POST", "/fhir/Task/ID/$release-step", [401, 422, 422, 403, 404, 404, 403]),
    ("POST", "/fhir/Task/ID/$release-deliver", [401, 422, 422, 403, 404, 404, 403]),
    ("GET", "/fhir/Task/ID/$release-deliver", [401, 405, 405, 405, 405, 405, 405]),
];

#[test]
fn only_the_desk_works_on_requests() {
    let house = House::new();
    let asked = house.call("zoe", "/fhir/$request-release", &[("patient", "zoe"), ("what", "everything")]).good();
    let id = asked.part("request", "id").remove(0);
    let words = [("patient", "zoe"), ("what", "it is wrong"), ("why", "a mix-up")];
    let amend = house.call("zoe", "/fhir/$request-amendment", &words).good().part("request", "id").remove(0);
    let mut wrong = Vec::new();
    for (method, path, expected) in TABLE {
        for (who, status) in ["", "hana", "pia", "zoe", "ann", "kim", "bill"].iter().zip(expected) {
            let path = path.replace("ID", &id).replace("AMEND", &amend);
            let answer = match *method {
                "GET" => house.get(who, &path),
                _ if path.starts_with("/fhir") => house.post(who, &path, &json!({"resourceType": "Parameters"})),
                _ => house.send(who, "POST", &path, "application/x-www-form-urlencoded", "do=take".to_owned()),
            };
            if answer.status != *status {
                wrong.push(format!("{method} {path} as {who:?}: {} and not {status}", answer.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(vault::access::forgotten(), 0, "every look has its entry in the audit");
}
