//! What privacy officers find: the audit, and what is left to review.

use super::{person, shown, stage};
use crate::browser::{Browser, field, location};
use crate::stage::{PASSWORD, operator};
use serde_json::json;
use vault::access::{Profile, Purpose, Role, Roles, Terms};

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
    // A name finds the patient whose entries are meant, with the rest of the question kept.
    stage.put(&json!({"resourceType": "Patient", "id": "p-17", "name": [{"family": "Orozco"}]}));
    let meant = shown(&mut ada, "/audit?patient=Orosco&deed=create");
    assert!(meant.contains("Whom do you mean?") && meant.contains("/audit?patient=p-17&amp;deed=create"), "{meant}");
    person(&stage, "grace", Role::Auditor, &[]);
    let alone = shown(&mut stage.browser("grace"), "/audit?patient=Orosco");
    assert!(
        alone.contains("Patient’s id") && !alone.contains("Whom do you mean"),
        "who reads the audit alone: {alone}"
    );
    assert_eq!(ada.get("/audit?since=yesterday").status, 400);
    let file = ada.get("/audit.csv?patient=zoe&login=zoe");
    assert_eq!((file.status, file.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    let lines: Vec<String> = file.text().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("time,entry,account") && lines[1].contains("ZOE"), "{lines:?}");
    for login in ["kim", "zoe"] {
        for path in ["/audit", "/audit.csv", "/audit?patient=ann", "/audit?patient=zoe", "/audit.csv?patient=zoe"] {
            assert_eq!(stage.browser(login).get(path).status, 403, "{login} {path}");
        }
    }
}

/// A patient who is somebody's neighbour, and is looked at.
#[test]
fn unusual_look_ups_are_found_with_their_reasons() {
    let stage = stage();
    let home = json!([{"line": ["1 Main St"], "postalCode": "85001"}]);
    let away = json!([{"city": "Yuma"}]);
    for (id, family, address) in [("rel", "Kim", away.clone()), ("near", "Lee", home.clone()), ("col", "Ray", away)] {
        stage.put(&json!({
            "resourceType": "Patient", "id": id, "name": [{"family": family, "given": ["A"]}], "birthDate": "1980-02-03",
            "address": address, "generalPractitioner": [{"reference": "Practitioner/kim"}]
        }));
    }
    stage.put(&json!({"resourceType": "Practitioner", "id": "kim", "name": [{"family": "Kim"}], "address": home}));
    person(&stage, "ray", Role::Nurse, &["Patient/col"]);
    let mut kim = stage.browser("kim");
    let glass = |browser: &mut Browser<'_>, patient: &str| {
        let account = stage.house.vault.account_of_login("kim").unwrap().unwrap();
        let token = stage.house.vault.issue_session(&account, Terms::new(Purpose::Treatment, 60_000)).unwrap().0;
        browser.get("/home");
        let bearer = format!("Bearer {token}");
        let path = format!("/fhir/Patient/{patient}/$break-glass?reason=found%20unconscious");
        stage.house.bare("POST", &path, &[("Authorization", &bearer)], b"").expect(200);
        for patient in ["rel", "near", "col", "zoe", "away"] {
            let path = format!("/fhir/Patient/{patient}");
            stage.house.bare("GET", &path, &[("Authorization", &bearer)], b"").expect(200);
        }
    };
    stage.put(&json!({"resourceType": "Patient", "id": "away", "name": [{"family": "Far"}]}));
    glass(&mut kim, "away");
    let mut ada = stage.browser("ada");
    let page = shown(&mut ada, "/unusual");
    let row = |name: &str| page.split("<tr>").find(|row| row.contains(name)).unwrap_or_default().to_owned();
    for (name, why) in [
        ("A Kim", "same surname"),
        ("A Lee", "same address"),
        ("A Ray", "the patient works here"),
        ("Far", "no relationship with the patient"),
    ] {
        assert!(row(name).contains(why) && row(name).contains("KIM"), "{name}: {page}");
    }
    assert!(!page.contains("Zoe"), "in care, and nothing in common: {page}");
    assert!(shown(&mut ada, "/unusual?until=2020-01-01&since=2019-01-01").contains("Nothing unusual"));
    assert_eq!((kim.get("/unusual").status, kim.get("/glass").status), (403, 403));
    // The glass is reviewed, once.
    let queue = shown(&mut ada, "/glass");
    assert!(queue.contains("found unconscious") && queue.contains("Far") && queue.contains("open now"), "{queue}");
    let answer = ada.get("/glass");
    let id = field(&answer, "id").unwrap();
    assert_eq!(ada.post("/glass", &[("id", &id), ("finding", " ")]).status, 422);
    ada.get("/glass");
    assert_eq!(location(&ada.post("/glass", &[("id", &id), ("finding", "Right: he was brought in")])), Some("/glass"));
    ada.get("/account");
    let again = ada.post("/glass", &[("id", &id), ("finding", "Wrong after all")]);
    assert!(again.status == 409 && again.text().contains("It has been reviewed"), "{}", again.text());
    let queue = shown(&mut ada, "/glass");
    assert!(queue.contains("everything has been reviewed") && queue.contains("Right: he was brought in"), "{queue}");
    assert!(!queue.contains("Wrong after all"));
}

#[test]
fn nobody_reviews_a_glass_of_their_own() {
    let stage = stage();
    let profile = Profile {
        login: "both".to_owned(),
        name: "Both".to_owned(),
        roles: Roles::NONE.with(Role::Physician).with(Role::PrivacyOfficer),
        ..Profile::default()
    };
    let both = stage.house.vault.create_account(&operator(), profile).unwrap();
    let both = stage.house.vault.set_password(&operator(), &both.id, "", PASSWORD).unwrap();
    let terms = Terms::new(Purpose::Treatment, 60_000);
    let (token, _) = stage.house.vault.issue_session(&both, terms).unwrap();
    let path = "/fhir/Patient/zoe/$break-glass?reason=found%20unconscious";
    stage.house.bare("POST", path, &[("Authorization", &format!("Bearer {token}"))], b"").expect(200);
    let mut browser = stage.browser("both");
    browser.get("/account");
    browser.post("/account/purpose", &[("purpose", "HCOMPL")]);
    let queue = shown(&mut browser, "/glass");
    assert!(queue.contains("Somebody else has to review it") && !queue.contains("<textarea"), "{queue}");
    let mut ada = stage.browser("ada");
    let id = field(&ada.get("/glass"), "id").unwrap();
    browser.get("/account");
    let own = browser.post("/glass", &[("id", &id), ("finding", "I was right")]);
    assert!(own.status == 403 && own.text().contains("You broke this glass yourself"), "{}", own.text());
    assert_eq!(location(&ada.post("/glass", &[("id", &id), ("finding", "right")])), Some("/glass"));
}

#[test]
fn an_edit_of_the_policies_says_for_how_many_people_it_changes_what() {
    let stage = stage();
    let mut ada = stage.browser("ada");
    assert!(shown(&mut ada, "/policies").contains("psychotherapy-notes"));
    let open = "@id(\"patients-read-the-audit\") @says(\"x\") @source(\"y\")\r\n\
                permit (principal in Role::\"physician\", action == Action::\"read\", resource == Class::\"billing\");";
    let said = ada.post("/policies", &[("text", open)]).text();
    assert!(said.contains("1 person may read billing and coverage who could not before."), "{said}");
    assert!(said.contains(" (1 person): ") && said.contains("Each change:"), "{said}");
    let wrong = ada.post("/policies", &[("text", "permit (principal in Role::\"codr\", action, resource);")]);
    assert!(wrong.status == 200 && wrong.text().contains("The text is not right"), "{}", wrong.text());
    assert_eq!(stage.browser("kim").get("/policies").status, 403);
}
