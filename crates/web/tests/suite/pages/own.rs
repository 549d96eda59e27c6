//! What patients find: who looked, and concerns.

use super::{person, shown, stage};
use crate::browser::{field, location};
use crate::stage::operator;
use serde_json::json;
use vault::access::audit::Wanted;
use vault::access::{Purpose, Role, Terms};

#[test]
fn a_patient_sees_who_looked_and_raises_a_concern_that_is_answered() {
    let stage = stage();
    let account = stage.house.vault.account_of_login("kim").unwrap().expect("an account");
    let kim = stage.house.vault.issue_session(&account, Terms::new(Purpose::Treatment, 3_600_000)).unwrap().0;
    let look = |path: &str| {
        let bearer = format!("Bearer {kim}");
        stage.house.bare("GET", &format!("/fhir/{path}"), &[("Authorization", &bearer)], b"").expect(200);
    };
    look("Observation?patient=zoe");
    look("Condition/con-ann");
    let mut zoe = stage.browser("zoe");
    let page = shown(&mut zoe, "/looked");
    for said in ["KIM", "Physician", "treatment", "looked through: 2 results and measurements", "Raise a concern"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // Two looks of one person on one day stand together, with how often and when.
    assert!(page.contains("looked through (1)") || page.matches(">KIM<br>").count() == 1, "{page}");
    look("Observation?patient=zoe&code=2823-3");
    let page = shown(&mut zoe, "/looked");
    assert!(page.contains("<summary>2 times</summary>") && page.contains("looked through (2)"), "{page}");
    assert_eq!(page.matches(">KIM<br>").count(), 1, "{page}");
    assert!(!page.contains("con-ann") && !page.contains("opened: 1 diagnosis"), "{page}");
    // The same page of somebody else's record is nobody's.
    assert_eq!(zoe.get("/looked?patient=ann").status, 200);
    assert!(shown(&mut zoe, "/looked?patient=ann").contains("stands for no patient"));
    let entry = page.split("entry=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let form = zoe.get(&format!("/concern?patient=zoe&entry={entry}"));
    assert_eq!(field(&form, "entry"), Some(entry.clone()));
    let fields = [("patient", "zoe"), ("entry", entry.as_str()), ("text", "I do not <b>know</b> KIM")];
    assert_eq!(location(&zoe.post("/concern", &fields)), Some("/concerns?patient=zoe"));
    assert!(shown(&mut zoe, "/concerns").contains("I do not &lt;b&gt;know&lt;/b&gt; KIM"));
    let bearer = format!("Bearer {kim}");
    let seen = stage.house.bare("GET", "/fhir/Task?patient=zoe", &[("Authorization", &bearer)], b"").expect(200);
    assert!(seen.ids().is_empty(), "whoever it is about does not see it");
    // A task that is restricted, and no concern, is seen by those who treat the patient, as before.
    let confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    stage.put(&json!({
        "resourceType": "Task", "id": "t", "status": "requested", "intent": "order", "for": {"reference": "Patient/zoe"},
        "meta": {"security": [{"system": confidentiality, "code": "R"}]}
    }));
    let seen = stage.house.bare("GET", "/fhir/Task?patient=zoe", &[("Authorization", &bearer)], b"").expect(200);
    assert_eq!(seen.ids(), ["t"]);
    let ann = stage.browser("ann").get("/concerns").text();
    assert!(!ann.contains("I do not") && ann.contains("None."));
    let mut ada = stage.browser("ada");
    let queue = shown(&mut ada, "/concerns");
    assert!(queue.contains("waiting") && queue.contains("Zoe"), "{queue}");
    let (page, text) = (ada.get("/concerns"), "KIM stood in for Dr Lee");
    let (id, version) = (field(&page, "id").unwrap(), field(&page, "version").unwrap());
    let fields = [("id", id.as_str()), ("version", &version), ("text", text), ("do", "close")];
    assert_eq!(location(&ada.post("/concerns", &fields)), Some("/concerns"));
    ada.get("/concerns");
    assert_eq!(ada.post("/concerns", &fields).status, 412, "answered twice");
    let page = shown(&mut zoe, "/concerns");
    assert!(page.contains(text) && page.contains("closed"), "{page}");
    // The audit says that there is a concern and an answer, and not what they say.
    let wanted = Wanted { count: 100, ..Wanted::default() };
    let all = stage.house.vault.audit(&operator(), &wanted).unwrap().found;
    let asked: Vec<&str> = all.iter().map(|found| found.event.asked.as_str()).collect();
    assert!(asked.iter().any(|asked| asked.contains(&format!("entry={entry}"))), "{asked:?}");
    assert!(!asked.iter().any(|asked| asked.contains("know") || asked.contains("stood")), "{asked:?}");
    // Nobody else answers, and nobody raises one about an entry of another record.
    assert_eq!(stage.browser("kim").get("/concerns").status, 404);
    assert_eq!(stage.browser("ann").get(&format!("/concern?entry={entry}")).status, 404);
}

#[test]
fn whoever_acts_for_a_patient_sees_who_looked_and_raises_a_concern() {
    let stage = stage();
    stage.put(&json!({
        "resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/zoe"}, "period": {"end": "2099-01-01"}
    }));
    person(&stage, "pat", Role::Proxy, &["RelatedPerson/r"]);
    let mut pat = stage.browser("pat");
    let page = shown(&mut pat, "/looked");
    let entry = page.split("entry=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    shown(&mut pat, &format!("/concern?patient=zoe&entry={entry}"));
    let fields = [("patient", "zoe"), ("entry", entry.as_str()), ("text", "Who is that?")];
    assert_eq!(location(&pat.post("/concern", &fields)), Some("/concerns?patient=zoe"));
    assert!(shown(&mut pat, "/concerns").contains("Who is that?"));
    assert!(shown(&mut stage.browser("ada"), "/concerns").contains("Who is that?"));
    assert!(shown(&mut stage.browser("zoe"), "/concerns").contains("Who is that?"));
}

#[test]
fn older_looks_stand_on_further_pages() {
    let stage = stage();
    let mut zoe = stage.browser("zoe");
    for _ in 0..62 {
        zoe.get("/looked");
    }
    let page = shown(&mut zoe, "/looked");
    let older = page.split("href=\"").filter_map(|rest| rest.split('"').next()).find(|to| to.contains("below="));
    let older = shown(&mut zoe, &older.unwrap().replace("&amp;", "&"));
    assert_ne!(page, older);
    assert!(older.contains("looked at who looked") && !older.contains("Older ones"), "{older}");
}
