//! The pages of people who are signed in: what each role finds there, through the gate, with an entry in the audit.

mod care;
mod chart;
mod consents;
mod disclosures;
mod own;
mod review;

use crate::browser::Browser;
use crate::clients::{told_by, with_npm};
use crate::stage::{PASSWORD, Stage, operator};
use base::clock::Clock;
use serde_json::json;
use vault::access::{Profile, Role, Roles, forgotten};

/// A stage with a privacy officer besides.
fn stage() -> Stage {
    let stage = Stage::new();
    person(&stage, "ada", Role::PrivacyOfficer, &[]);
    stage
}

/// Somebody more.
fn person(stage: &Stage, login: &str, role: Role, stands_for: &[&str]) {
    let profile = Profile {
        login: login.to_owned(),
        name: login.to_uppercase(),
        roles: Roles::NONE.with(role),
        stands_for: stands_for.iter().map(|name| (*name).to_owned()).collect(),
        ..Profile::default()
    };
    let made = stage.house.vault.create_account(&operator(), profile).unwrap();
    stage.house.vault.set_password(&operator(), &made.id, "", PASSWORD).unwrap();
}

/// A page that is shown.
#[track_caller]
fn shown(browser: &mut Browser<'_>, path: &str) -> String {
    let before = forgotten();
    let answer = browser.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert_eq!((answer.header("cache-control"), forgotten()), (Some("no-store"), before));
    let text = answer.text();
    assert!(!text.contains("<script") && !text.contains(" style="), "{path}");
    // The style stands in every page; tests read what differs.
    text.split_once("</style>").unwrap().1.to_owned()
}

#[test]
fn everybody_begins_at_home_and_finds_what_their_role_does() {
    let stage = stage();
    for (login, has, has_not) in
        [("zoe", "/looked", "/unusual"), ("ada", "/concerns", "/looked"), ("kim", "/account", "/looked")]
    {
        let mut browser = stage.browser(login);
        let page = shown(&mut browser, "/home");
        assert!(page.contains(&format!("href=\"{has}\"")) && !page.contains(&format!("href=\"{has_not}\"")), "{login}");
    }
    // Whoever sees no patient is told what is open, and where.
    for (login, role) in [("joan", Role::Manager), ("priya", Role::Researcher)] {
        person(&stage, login, role, &[]);
        let page = shown(&mut stage.browser(login), "/home");
        assert!(page.contains("sees no single patient") && page.contains("href=\"/smart/apps\""), "{page}");
    }
    let mut nobody = Browser::new(&stage.house);
    assert_eq!(crate::browser::location(&nobody.get("/home")), Some("/sign-in?return=/home"));
    // A browser that signs in from the page itself comes home.
    let page = nobody.get("/sign-in");
    assert_eq!(crate::browser::field(&page, "return").as_deref(), Some("/home"));
}

/// Pages that are looked at for who cannot see, or not well: whose, and which.
const LOOKED_AT: &[(&str, &str)] = &[
    ("-", "/ /sign-in"),
    (
        "kim",
        "/home /account /account/second-factor /account/passkeys /patients?q=zoe /patients?all=yes /patient?id=zoe \
         /patient/timeline?id=zoe /patient/encounters?id=zoe /patient/medications?id=zoe /patient/results?id=zoe \
         /patient/trend?id=zoe&code=http://loinc.org|2823-3 /patient/documents?id=zoe /patient/entries?id=zoe \
         /entry?about=Condition/con-zoe /entry/versions?about=Condition/con-zoe /document?about=DocumentReference/text \
         /why?about=Patient/zoe /break-glass /smart/launch?patient=zoe /smart/apps /patient?id=nobody",
    ),
    ("zoe", "/patient /looked /concerns /consents /consents/give /accounting"),
    ("ada", "/glass /unusual /audit /audit?patient=zo /concerns /policies /disclosures?patient=zoe /accounting"),
    ("sam", "/apps"),
    ("joan", "/home"),
];

#[test]
fn nothing_on_a_page_keeps_anybody_out() {
    let Some(modules) = with_npm("axe", "axe-core@4.14.1") else { return };
    let stage = Stage::at(Clock::System, |_| {});
    for (login, role) in [("ada", Role::PrivacyOfficer), ("sam", Role::Technologist), ("joan", Role::Manager)] {
        person(&stage, login, role, &[]);
    }
    stage.public_app("growth");
    for (id, value) in [("k1", 4.1), ("k2", 5.9)] {
        let mut result = crate::stage::observation(id, "zoe", "laboratory", "2823-3");
        result["valueQuantity"] =
            json!({"value": value, "unit": "mmol/L", "code": "mmol/L", "system": "http://unitsofmeasure.org"});
        result["effectiveDateTime"] = json!(format!("2026-0{}-01", if id == "k1" { 3 } else { 4 }));
        stage.put(&result);
    }
    stage.put(&json!({
        "resourceType": "DocumentReference", "id": "text", "status": "current", "subject": {"reference": "Patient/zoe"},
        "description": "Letter", "content": [{"attachment": {"contentType": "text/plain", "data": "U2VlbiB3ZWxs"}}]
    }));
    let mut zoe = stage.browser("zoe");
    zoe.get("/consents/give");
    let choice = [("patient", "zoe"), ("effect", "deny"), ("who", "role biller"), ("do", "give")];
    assert_eq!(zoe.post("/consents/give", &choice).status, 303);
    let all = LOOKED_AT.iter().flat_map(|(login, paths)| paths.split(' ').map(move |path| format!("{login} {path}")));
    let all: Vec<String> = all.collect();
    let server = format!("http://{}", stage.house.address);
    let told = told_by("axe.mjs", &modules, &[&server, PASSWORD, &all.join("\n")]);
    assert_eq!((&told[0]["wrong"], &told[0]["refused"]), (&json!([]), &json!(1)), "{told:#?}");
    assert_eq!(told[0]["looks"], json!(all.len() * 6));
}

#[test]
fn the_main_stories_are_walked_in_a_browser_without_scripts() {
    let Some(modules) = with_npm("npm", "fhirclient@2.6.3") else { return };
    let stage = Stage::at(Clock::System, |_| {});
    person(&stage, "ada", Role::PrivacyOfficer, &[]);
    person(&stage, "cody", Role::Coder, &[]);
    let server = format!("http://{}", stage.house.address);
    let told = told_by("walk.mjs", &modules, &[&server, "kim", "ada", PASSWORD]);
    assert_eq!((&told[0]["violations"], &told[0]["overflowing"]), (&json!([]), &json!([])), "{told:?}");
}
