//! What those who treat find: their patients, charts, and the glass; and whoever runs the installation: apps.

use super::{person, shown, stage};
use crate::browser::location;
use crate::stage::registration;
use serde_json::json;
use vault::access::apps::Proof;
use vault::access::audit::{Deed, Wanted};
use vault::access::{Role, Visit};

#[test]
fn a_physician_finds_a_patient_and_reads_what_the_gate_shows() {
    let stage = stage();
    stage.put(&json!({
        "resourceType": "Patient", "id": "far", "name": [{"family": "Far"}], "birthDate": "1970-01-01",
        "identifier": [{"system": "https://h/mrn", "value": "4711"}]
    }));
    let mut kim = stage.browser("kim");
    for typed in ["zo 1980-02-03", "2/3/1980 ZOE", "zoe", "zeo", "Zo%C3%AB 3 Feb 1980"] {
        let found = shown(&mut kim, &format!("/patients?q={}", typed.replace(' ', "+")));
        assert!(found.contains("href=\"/patient?id=zoe\"") && !found.contains("id=ann"), "{typed}: {found}");
    }
    for nobody in ["far", "4711", "zo+1999-01-01", "%22%2C%7C%24%5C", "1970-01-01", "zoe+4711"] {
        assert!(shown(&mut kim, &format!("/patients?q={nobody}")).contains("Nobody whom you may see fits"), "{nobody}");
    }
    assert!(shown(&mut kim, "/patients?all=yes").contains("id=ann"));
    let chart = shown(&mut kim, "/patient?id=zoe");
    for said in ["<h1>Zoe</h1>", "3 Feb 1980", "Last laboratory results", "Problems", "/entry?about=Condition/con-zoe"]
    {
        assert!(chart.contains(said), "{said}: {chart}");
    }
    assert!(!chart.contains("-ann"));
    assert!(shown(&mut kim, "/patient/entries?id=zoe&kind=Observation").contains("2823-3"));
    assert!(shown(&mut kim, "/entry?about=Condition/con-zoe").contains("38341003"));
    let why = shown(&mut kim, "/why?about=Condition/con-zoe");
    assert!(why.contains("You may see it") && why.contains("in their care"), "{why}");
    let (hidden, never) = (kim.get("/patient?id=far"), kim.get("/patient?id=nil"));
    assert_eq!((hidden.status, hidden.text()), (404, never.text().replace("nil", "far")));
    let (hidden, never) = (shown(&mut kim, "/why?about=Patient/far"), shown(&mut kim, "/why?about=Patient/nil"));
    let (hidden, never) = (hidden.split_once("<h1>").unwrap().1, never.replace("nil", "far"));
    assert_eq!(hidden, never.split_once("<h1>").unwrap().1, "nothing tells one from the other");
    assert_eq!(kim.get("/entry?about=x").status, 404);
}

#[test]
fn who_was_only_compared_with_a_name_is_not_in_the_audit() {
    let stage = stage();
    let last = || {
        let wanted = Wanted { count: 1, deed: Some(Deed::Search), ..Wanted::default() };
        stage.house.vault.audit(&Visit::operator(), &wanted).unwrap().found.remove(0)
    };
    for (id, family) in [("zoe", "Zoe"), ("ann", "Zander"), ("both", "Zoe")] {
        let patient = json!({
            "resourceType": "Patient", "id": id, "name": [{"family": family}], "birthDate": "1980-02-03",
            "generalPractitioner": [{"reference": "Practitioner/kim"}]
        });
        stage.put(&patient);
    }
    let mut kim = stage.browser("kim");
    // Zander begins like Zoo, and is no slip of it.
    for (typed, shown_ids) in [("zoo", &["Patient/zoe"][..]), ("zander", &["Patient/ann"]), ("nobody", &[])] {
        let page = shown(&mut kim, &format!("/patients?q={typed}"));
        let event = last().event;
        for id in shown_ids {
            assert!(page.contains(&format!("id={}", &id["Patient/".len()..])), "{typed}: {page}");
        }
        let others: Vec<&String> =
            event.about.iter().filter(|about| !page.contains(&about["Patient/".len()..])).collect();
        assert!(others.is_empty(), "{typed}: {others:?} are named and were not shown");
        let mut once = event.about.clone();
        once.dedup();
        assert_eq!((once.len(), event.shown), (event.about.len(), event.about.len() as u64), "{typed}");
        assert!(event.about.len() >= shown_ids.len());
    }
}

#[test]
fn pages_that_a_role_never_fills_are_not_offered_whoever_the_patient_is() {
    let stage = stage();
    person(&stage, "tom", Role::Biller, &[]);
    stage.put(&json!({"resourceType": "Patient", "id": "bare", "name": [{"family": "Bare"}]}));
    let nav = |login: &str, id: &str| {
        let page = shown(&mut stage.browser(login), &format!("/patient?id={id}"));
        let tabs = page.split_once("aria-label=\"Chart\">").unwrap().1.split_once("</nav>").unwrap().0.to_owned();
        (tabs.replace(id, "ID"), page)
    };
    let (tabs, page) = nav("tom", "zoe");
    assert!(tabs.contains("/patient/encounters") && !tabs.contains("/patient/results"), "{tabs}");
    assert!(!page.contains("Allergies") && page.contains("<h2>Visits</h2>"), "{page}");
    assert_eq!(nav("tom", "bare").0, tabs, "what is in a chart plays no part in it");
    assert!(nav("kim", "zoe").0.contains("/patient/results"));
    // A refusal still has the ways to go on.
    let refused = stage.browser("kim").get("/patient?id=bare");
    assert_eq!(refused.status, 404);
    assert!(refused.text().contains("<nav aria-label=\"Pages\">") && refused.text().contains("href=\"/patients\""));
}

#[test]
fn the_glass_is_broken_for_one_patient_who_is_named_exactly() {
    let stage = stage();
    for (id, family, number) in [("far", "Far", "1"), ("two", "Far", "2"), ("off", "Faraday", "3")] {
        let born = if id == "two" { "1980-01-01" } else { "1970-01-01" };
        stage.put(&json!({
            "resourceType": "Patient", "id": id, "name": [{"family": family}], "birthDate": born,
            "identifier": [{"system": "https://h/mrn", "value": number}]
        }));
    }
    let mut kim = stage.browser("kim");
    kim.get("/break-glass");
    let reason = ("reason", "found unconscious on the street");
    for (fields, said) in [
        (vec![("number", "1"), ("reason", "short")], "say why"),
        (vec![reason], "name the patient"),
        (vec![("family", "Far"), reason], "name the patient"),
        (vec![("family", "Far"), ("born", "1970"), reason], "not whole"),
        (vec![("family", "Far"), ("born", "1970-01"), reason], "not whole"),
        (vec![("family", "Far"), ("born", "1970-02-31"), reason], "not whole"),
        (vec![("family", "Far"), ("born", "ge1970-01-01"), reason], "not whole"),
        (vec![("family", "Fa"), ("born", "1970-01-01"), reason], "fits exactly"),
        (vec![("family", "FAR"), ("born", "1970-01-01"), reason], "fits exactly"),
        (vec![("number", "9"), reason], "fits exactly"),
    ] {
        let answer = kim.post("/break-glass", &fields);
        let text = answer.text().to_lowercase();
        assert!(answer.status == 422 && text.contains(said), "{fields:?} {text}");
    }
    assert_eq!(kim.get("/patient?id=far").status, 404);
    let broken = kim.post("/break-glass", &[("family", "Far"), ("born", "1970-01-01"), reason]);
    assert_eq!(location(&broken), Some("/patient?id=far"));
    assert!(shown(&mut kim, "/patient?id=far").contains("Far"));
    assert_eq!((kim.get("/patient?id=two").status, kim.get("/patient?id=off").status), (404, 404));
    kim.get("/break-glass");
    assert_eq!(location(&kim.post("/break-glass", &[("number", "2"), reason])), Some("/patient?id=two"));
    let mut ada = stage.browser("ada");
    ada.get("/home");
    ada.get("/account");
    assert_eq!(ada.post("/break-glass", &[("number", "3"), reason]).status, 403);
    assert_eq!(shown(&mut ada, "/glass").matches("found unconscious").count(), 2);
}

#[test]
fn naming_people_for_the_glass_tells_nobody_who_is_a_patient() {
    let stage = stage();
    for id in ["two", "twin"] {
        stage.put(&json!({
            "resourceType": "Patient", "id": id, "name": [{"family": "Twin"}], "birthDate": "1970-01-01",
            "identifier": [{"value": "7"}]
        }));
    }
    let events = || {
        let wanted = Wanted { count: 1_000, deed: Some(Deed::BreakGlass), ..Wanted::default() };
        stage.house.vault.audit(&Visit::operator(), &wanted).unwrap().found
    };
    let mut kim = stage.browser("kim");
    kim.get("/break-glass");
    let (reason, before) = (("reason", "found unconscious on the street"), events().len());
    let none = [("family", "Nobody"), ("born", "1970-01-01"), reason];
    let several = [("family", "Twin"), ("born", "1970-01-01"), reason];
    let mut tell = |fields: &[(&str, &str)]| {
        let answer = kim.post("/break-glass", fields);
        let alert =
            answer.text().split("role=\"alert\">").nth(1).and_then(|rest| rest.split("</p>").next()).map(str::to_owned);
        (answer.status, alert)
    };
    // None and several are one answer, in words, status and what the audit has of it.
    let said = tell(&none);
    assert_eq!(said.0, 422);
    assert_eq!(said, tell(&several));
    assert_eq!(tell(&[("number", "8"), reason]), tell(&[("number", "7"), reason]));
    assert_eq!(tell(&none), said);
    // Whoever goes on naming people waits, longer each time, and not even a right name is looked for meanwhile.
    let (status, alert) = tell(&several);
    assert_eq!(status, 429, "{alert:?}");
    assert!(alert.unwrap().contains("wait 1 seconds"));
    let tries = events();
    assert_eq!(tries.len(), before + 6, "each try is in the audit");
    assert!(tries.iter().take(6).all(|found| found.event.status >= 400 && found.patients.is_empty()));
    stage.clock.advance(1_001);
    stage.put(&json!({"resourceType": "Patient", "id": "far", "name": [{"family": "Far"}], "birthDate": "1970-01-01"}));
    let far = [("family", "Far"), ("born", "1970-01-01"), reason];
    assert_eq!(tell(&far).0, 303);
    // A right name takes back itself, and no guess before it.
    assert_eq!(tell(&none).0, 422);
    assert_eq!(tell(&far).0, 429);
    // Nobody else waits for it.
    person(&stage, "lee", Role::Physician, &[]);
    let mut lee = stage.browser("lee");
    lee.get("/break-glass");
    assert_eq!(lee.post("/break-glass", &none).status, 422);
}

#[test]
fn a_technologist_reviews_apps_and_nobody_else_does() {
    let stage = stage();
    person(&stage, "sam", Role::Technologist, &[]);
    stage.house.vault.register_app(&crate::stage::operator(), Some("growth"), registration(Proof::Public)).unwrap();
    let mut sam = stage.browser("sam");
    let page = shown(&mut sam, "/apps");
    assert!(page.contains("Growth &lt;b&gt;chart") && page.contains("waits for review"), "{page}");
    for said in ["the hospital's own", "nothing but PKCE", "https://app.example/launch", "https://app.example/"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let recipient = vault::access::apps::Registration {
        reach: vault::access::apps::Reach::Outside,
        basis: Some(vault::access::disclosures::Basis::PublicHealth),
        address: "County Health, 1 Main St".to_owned(),
        ..registration(Proof::Public)
    };
    stage.house.vault.register_app(&crate::stage::operator(), Some("county"), recipient).unwrap();
    let page = shown(&mut sam, "/apps");
    for said in ["an outside recipient", "stands in the accounting", "County Health, 1 Main St"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let decide = |browser: &mut crate::browser::Browser<'_>, word: &str| {
        browser.get("/account");
        browser.post("/apps", &[("client", "growth"), ("do", word)])
    };
    assert_eq!(location(&decide(&mut sam, "approve")), Some("/apps"));
    assert!(stage.house.vault.app("growth").unwrap().unwrap().is_approved());
    assert_eq!(decide(&mut stage.browser("kim"), "suspend").status, 403);
    assert_eq!(decide(&mut stage.browser("ada"), "suspend").status, 403);
    // Whoever answers for privacy reads the directory, and decides nothing.
    let page = shown(&mut stage.browser("ada"), "/apps");
    assert!(page.contains("Who stands behind it") && !page.contains("action=\"/apps\""), "{page}");
    assert_eq!(decide(&mut sam, "burn").status, 422);
    assert_eq!(location(&decide(&mut sam, "suspend")), Some("/apps"));
    assert!(!stage.house.vault.app("growth").unwrap().unwrap().is_approved());
    assert_eq!(stage.browser("zoe").get("/apps").status, 403);
}
