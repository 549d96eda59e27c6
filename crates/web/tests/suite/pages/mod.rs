//! The pages of people who are signed in: what each role finds there, through the gate, with an entry in the audit.

mod care;
mod chart;
mod consents;
mod disclosures;
mod own;
mod review;

use crate::browser::Browser;
use crate::smart_clients::{told_by, with_npm};
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
    let mut nobody = Browser::new(&stage.house);
    assert_eq!(crate::browser::location(&nobody.get("/home")), Some("/sign-in?return=/home"));
    // A browser that signs in from the page itself comes home.
    let page = nobody.get("/sign-in");
    assert_eq!(crate::browser::field(&page, "return").as_deref(), Some("/home"));
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
