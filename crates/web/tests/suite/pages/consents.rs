//! Consents: given after a look at what they change, true from the next request on, and taken back.

use super::{person, shown, stage};
use crate::browser::{encoded, field, location};
use crate::stage::Stage;
use serde_json::json;
use vault::access::audit::{Deed, Wanted};
use vault::access::{Purpose, Role, Terms, Visit};

/// What somebody's token finds.
fn found(stage: &Stage, login: &str, path: &str) -> usize {
    let account = stage.house.vault.account_of_login(login).unwrap().unwrap();
    let purpose = if login == "billy" { Purpose::Payment } else { Purpose::Treatment };
    let token = stage.house.vault.issue_session(&account, Terms::new(purpose, 3_600_000)).unwrap().0;
    let bearer = format!("Bearer {token}");
    stage.house.bare("GET", &format!("/fhir/{path}"), &[("Authorization", &bearer)], b"").expect(200).ids().len()
}

/// What the audit says somebody did last.
fn last_deed(stage: &Stage, login: &str) -> Deed {
    let account = stage.house.vault.account_of_login(login).unwrap().unwrap();
    let wanted = Wanted { account: Some(account.id.clone()), count: 1, ..Wanted::default() };
    stage.house.vault.audit(&Visit::operator(), &wanted).unwrap().found[0].event.deed
}

#[test]
fn a_consent_does_what_its_preview_said_until_it_is_withdrawn() {
    let stage = stage();
    person(&stage, "billy", Role::Biller, &[]);
    stage.put(&json!({
        "resourceType": "Condition", "id": "hiv-zoe", "subject": {"reference": "Patient/zoe"},
        "code": {"text": "Fever", "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "B20"}]}
    }));
    let conditions = |login: &str| found(&stage, login, "Condition?patient=zoe");
    let visits = |login: &str| found(&stage, login, "Encounter?patient=zoe");
    assert_eq!((conditions("kim"), visits("billy")), (2, 1));
    let mut zoe = stage.browser("zoe");
    assert!(shown(&mut zoe, "/consents").contains("None. The rules of the house"));
    shown(&mut zoe, "/consents/give?patient=zoe");
    let choice = [("patient", "zoe"), ("effect", "deny"), ("who", "Practitioner/kim"), ("label", "HIV")];
    let look = zoe.post("/consents/give", &[&choice[..], &[("do", "preview")]].concat()).text();
    assert!(look.contains("Kim may not see what is about HIV or AIDS."), "{look}");
    assert!(
        look.contains("<strong>no longer</strong> Fever") && look.contains("2 people for whom nothing changes"),
        "{look}"
    );
    assert_eq!(conditions("kim"), 2, "a look changes nothing");
    assert_eq!(last_deed(&stage, "zoe"), Deed::Preview, "and is no writing to the audit");
    let who = shown(&mut zoe, "/looked");
    assert!(who.contains("looked at what a change would do, without making it") && !who.contains("added"), "{who}");
    let given = zoe.post("/consents/give", &[&choice[..], &[("do", "give")]].concat());
    assert_eq!(location(&given), Some("/consents?patient=zoe"));
    assert_eq!(last_deed(&stage, "zoe"), Deed::Create);
    assert_eq!((conditions("kim"), visits("billy")), (1, 1));
    // The insurer's side, wholly.
    let choice = [("patient", "zoe"), ("effect", "deny"), ("who", "role biller")];
    let look = zoe.post("/consents/give", &[&choice[..], &[("do", "preview")]].concat()).text();
    assert!(look.contains("<strong>sees nothing</strong>"), "{look}");
    zoe.post("/consents/give", &[&choice[..], &[("do", "give")]].concat());
    assert_eq!((conditions("kim"), visits("billy")), (1, 0));
    let page = shown(&mut zoe, "/consents");
    assert!(page.contains("Whoever works as biller may not see the record."), "{page}");
    // Withdrawn: the one about HIV, whichever stands first.
    let of_hiv = page.split("<h3>").find(|item| item.contains("HIV")).unwrap();
    let id = of_hiv.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let effect = shown(&mut zoe, &format!("/consents/effect?patient=zoe&id={id}"));
    assert!(effect.contains("<strong>sees everything</strong>"), "{effect}");
    assert_eq!(last_deed(&stage, "zoe"), Deed::Preview);
    let gone = zoe.post("/consents/withdraw", &[("patient", "zoe"), ("id", &id)]);
    assert_eq!(location(&gone), Some("/consents?patient=zoe"));
    assert_eq!((conditions("kim"), visits("billy")), (2, 0));
    let page = shown(&mut zoe, "/consents");
    assert!(page.contains("withdrawn or not in force"), "{page}");
    assert!(page.contains(&format!("/recipients?patient=zoe&amp;consent=Consent/{id}")), "{page}");
    let received = shown(&mut zoe, &format!("/recipients?patient=zoe&consent=Consent/{id}"));
    assert!(received.contains("Nobody outside the house"), "{received}");
}

#[test]
fn nobody_gives_tries_or_withdraws_anothers_consent() {
    let stage = stage();
    let mut zoe = stage.browser("zoe");
    zoe.get("/consents/give");
    let choice = [("effect", "deny"), ("who", "everybody"), ("do", "give")];
    zoe.post("/consents/give", &[&[("patient", "zoe")], &choice[..]].concat());
    let page = zoe.get("/consents");
    let id = field(&page, "id").unwrap();
    for login in ["ann", "kim", "ada"] {
        let mut other = stage.browser(login);
        other.get("/home");
        other.get("/account");
        let fields = [&[("patient", "zoe")], &choice[..]].concat();
        assert_eq!(other.post("/consents/give", &fields).status, 404, "{login}");
        assert_eq!(other.get(&format!("/consents/effect?patient=zoe&id={id}")).status, 404, "{login}");
        let gone = other.post("/consents/withdraw", &[("patient", "zoe"), ("id", &id)]).status;
        assert!([404, 403].contains(&gone) || login == "ada", "{login} {gone}");
    }
    for wrong in [
        ("who", "Patient/ann"),
        ("who", "role king"),
        ("label", "XX"),
        ("kind", "Alert"),
        ("from", "soon"),
        ("effect", ""),
    ] {
        let effect = if wrong.0 == "effect" { "" } else { "deny" };
        let fields = [("patient", "zoe"), ("effect", effect), ("do", "preview"), wrong];
        zoe.get("/consents");
        assert_eq!(zoe.post("/consents/give", &fields).status, 422, "{}", encoded(&fields));
    }
}
