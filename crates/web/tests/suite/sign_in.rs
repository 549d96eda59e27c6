//! Signing in at a page as a browser does it, and as somebody who means harm does.

use crate::browser::{Browser, field, location};
use crate::house::House;
use crate::stage::START;
use base::clock::Clock;
use std::sync::Arc;
use vault::access::audit::Deed;
use vault::access::{Account, Context, Profile, Purpose, Role, Roles, Terms, Visit};
use web::Settings;

const PASSWORD: &str = "correct horse battery";
/// Fifteen minutes.
const IDLE_MS: i64 = 15 * 60_000;
const ODD_NAME: &str = "Dr <img src=x onerror=alert(1)> Kim";

fn house() -> House {
    House::with(without_second_factor)
}

fn without_second_factor(settings: &mut Settings) {
    settings.second_factor = false;
}

fn operator() -> Visit {
    Visit::operator().asking(Context::new(Deed::Administer, "account"))
}

fn account(house: &House, login: &str, is_demo: bool) -> Arc<Account> {
    let roles = Roles::NONE.with(Role::Physician);
    let (login, name) = (login.to_owned(), ODD_NAME.to_owned());
    let profile = Profile { login, name, roles, is_demo, ..Profile::default() };
    let made = house.vault.create_account(&operator(), profile).unwrap();
    if is_demo { made } else { house.vault.set_password(&operator(), &made.id, "", PASSWORD).unwrap() }
}

#[test]
fn somebody_comes_in_looks_round_and_goes_and_nothing_is_left() {
    let house = house();
    account(&house, "kim", false);
    let mut browser = Browser::new(&house);
    assert_eq!(location(&browser.get("/account")), Some("/sign-in?return=/account"));
    let entered = browser.sign_in("Kim", PASSWORD);
    assert_eq!(location(&entered), Some("/account"));
    for cookie in entered.headers("set-cookie") {
        assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    }
    let page = browser.get("/account");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Dr &lt;img src=x onerror=alert(1)&gt; Kim") && !page.text().contains("<img"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(!page.text().contains("<script"));
    // A cookie is no key to the FHIR interface; a session's token is one, in the header only.
    let cookies = browser.cookies();
    assert_eq!(house.bare("GET", "/fhir/Patient/1", &[("Cookie", &cookies)], b"").status, 401);
    let kept = browser.cookies.clone();
    let out = browser.post("/sign-out", &[]);
    assert_eq!((location(&out), out.header("clear-site-data")), (Some("/sign-in"), Some("\"cache\"")));
    browser.cookies = kept;
    assert_eq!(location(&browser.get("/account")), Some("/sign-in?return=/account"));
}

#[test]
fn a_wrong_word_is_one_answer_and_stands_in_the_log() {
    let house = house();
    account(&house, "kim", false);
    let mut said = Vec::new();
    for (login, password) in [("kim", "wrong"), ("nobody", PASSWORD), ("kim", "")] {
        let before = house.vault.head().0;
        let answer = Browser::new(&house).sign_in(login, password);
        assert_eq!((answer.status, house.vault.head().0), (401, before + 1), "{login}");
        assert!(!answer.headers("set-cookie").any(|cookie| cookie.starts_with("chartroom=")));
        let text = answer.text();
        said.push(text.split("role=\"alert\">").nth(1).unwrap().split('<').next().unwrap().to_owned());
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    let mut last = 0;
    for _ in 0..30 {
        last = Browser::new(&house).sign_in("kim", "wrong").status;
    }
    assert_eq!(last, 429);
}

#[test]
fn only_a_form_of_this_session_is_taken() {
    let house = house();
    let kim = account(&house, "kim", false);
    let (mut mine, mut theirs) = (Browser::new(&house), Browser::new(&house));
    mine.sign_in("kim", PASSWORD);
    theirs.sign_in("kim", PASSWORD);
    mine.get("/account");
    theirs.get("/account");
    let stolen = theirs.sign.clone();
    for path in
        ["/account/purpose", "/account/password", "/account/second-factor", "/account/sign-out-everywhere", "/sign-out"]
    {
        for sign in ["", "00", stolen.as_str()] {
            let answer = mine.post_as(path, &[("csrf", sign), ("purpose", "ETREAT")], &[]);
            assert_eq!(answer.status, 403, "{path} {sign}");
        }
        let sign = mine.sign.clone();
        let fields = [("csrf", sign.as_str()), ("purpose", "ETREAT")];
        for site in ["cross-site", "same-site"] {
            assert_eq!(mine.post_as(path, &fields, &[("Sec-Fetch-Site", site)]).status, 403, "{path} {site}");
        }
        // A link does nothing: either the address takes no GET, or it only asks.
        let link = house.bare("GET", &format!("{path}?csrf={sign}"), &[("Cookie", &mine.cookies())], b"");
        assert!(link.status == 405 || link.text().contains("<form method=\"post\""), "{path}");
    }
    assert_eq!(house.vault.account(&kim.id).unwrap().unwrap().tokens_from, kim.tokens_from);
    // Nobody is signed in by a form that another site holds ready (login CSRF).
    let mut victim = Browser::new(&house);
    let sign = mine.sign.clone();
    let fields = [("csrf", sign.as_str()), ("login", "kim"), ("password", PASSWORD)];
    assert_eq!(victim.post_as("/sign-in", &fields, &[]).status, 403);
    victim.cookies.insert("chartroom-form".to_owned(), "planted".to_owned());
    assert_eq!(victim.post_as("/sign-in", &fields, &[]).status, 403);
}

#[test]
fn a_session_is_new_and_the_way_leads_nowhere_else() {
    let house = house();
    account(&house, "kim", false);
    for (back, to) in [
        ("/account", "/account"),
        ("/account?x=1", "/account?x=1"),
        ("//evil.example", "/account"),
        ("https://evil.example/", "/account"),
        ("/\\evil.example", "/account"),
        ("/%0d%0aSet-Cookie:x", "/%0d%0aSet-Cookie:x"),
        ("/a\r\nSet-Cookie: x=y", "/account"),
    ] {
        let mut browser = Browser::new(&house);
        browser.cookies.insert("chartroom".to_owned(), "ct2.planted".to_owned());
        browser.get("/sign-in");
        let answer = browser.post("/sign-in", &[("login", "kim"), ("password", PASSWORD), ("return", back)]);
        assert_eq!(location(&answer), Some(to), "{back}");
        assert_ne!(browser.cookies["chartroom"], "ct2.planted");
    }
}

#[test]
fn what_was_typed_waits_for_the_one_who_typed_it() {
    let clock = Clock::manual(START);
    let house = House::at(clock.clone(), without_second_factor);
    account(&house, "kim", false);
    account(&house, "lee", false);
    let mut browser = Browser::new(&house);
    browser.sign_in("kim", PASSWORD);
    browser.get("/account");
    clock.advance(IDLE_MS + 1);
    let asleep = browser.post("/account/purpose", &[("purpose", "ETREAT"), ("password", "ZQX-CANARY")]);
    assert_eq!(asleep.status, 401);
    let (kept, back) = (field(&asleep, "kept").unwrap(), field(&asleep, "return").unwrap());
    assert!(!asleep.text().contains("ETREAT") && !kept.is_empty());
    let again = |browser: &mut Browser<'_>, login: &str| {
        browser.post("/sign-in", &[("login", login), ("password", PASSWORD), ("kept", &kept), ("return", &back)])
    };
    let mut other = Browser::new(&house);
    other.get("/sign-in");
    assert_eq!(location(&again(&mut other, "lee")), Some("/account"));
    let ready = again(&mut browser, "kim");
    assert_eq!((ready.status, field(&ready, "purpose").as_deref()), (200, Some("ETREAT")));
    assert!(ready.text().contains("action=\"/account/purpose\"") && !ready.text().contains("ZQX-CANARY"));
    assert_eq!(location(&browser.post(&back, &[("purpose", "ETREAT")])), Some("/account"));
    assert!(browser.get("/account").text().contains("· emergency treatment</span>"));
}

#[test]
fn a_token_that_the_operator_made_is_no_cookie() {
    let house = house();
    account(&house, "kim", false);
    let kim = house.vault.account_of_login("kim").unwrap().unwrap();
    // As `chartroom token --as kim` makes it.
    let (token, _) = house.vault.issue_session(&kim, Terms::new(Purpose::Treatment, 3_600_000)).unwrap();
    let mut browser = Browser::new(&house);
    browser.cookies.insert("chartroom".to_owned(), token.clone());
    assert_eq!(location(&browser.get("/account")), Some("/sign-in?return=/account"));
    assert_eq!(browser.get("/sign-in").status, 200);
    house.bare("GET", "/fhir/Patient", &[("Authorization", &format!("Bearer {token}"))], b"").expect(200);
}

#[test]
fn without_a_second_factor_nobody_gets_further() {
    let house = House::open();
    let kim = account(&house, "kim", false);
    let mut browser = Browser::new(&house);
    browser.sign_in("kim", PASSWORD);
    assert_eq!(location(&browser.get("/account")), Some("/account/second-factor"));
    let sign = browser.sign.clone();
    assert_eq!(location(&browser.post_as("/account/purpose", &[("csrf", &sign)], &[])), Some("/account/second-factor"));
    let page = browser.get("/account/second-factor");
    assert!(page.text().contains("<svg viewBox") && page.status == 200);
    let sealed = field(&page, "sealed").unwrap();
    let wrong = [("sealed", sealed.as_str()), ("present", PASSWORD), ("code", "000000")];
    assert_eq!(browser.post("/account/second-factor", &wrong).status, 422);
    browser.get("/account/second-factor");
    let wrong = [("sealed", "AAAA"), ("present", PASSWORD), ("code", "000000")];
    assert_eq!(browser.post("/account/second-factor", &wrong).status, 422);
    house.vault.give_second_factor(&operator(), &kim.id).unwrap();
    assert_eq!(browser.get("/account").status, 200);
    assert_eq!(Browser::new(&house).sign_in("kim", PASSWORD).status, 401);
}

#[test]
fn a_password_is_changed_and_other_sessions_end() {
    let house = house();
    account(&house, "kim", false);
    let (mut here, mut elsewhere) = (Browser::new(&house), Browser::new(&house));
    here.sign_in("kim", PASSWORD);
    elsewhere.sign_in("kim", PASSWORD);
    here.get("/account");
    let new = "another horse battery";
    for (present, new, again) in [("wrong", new, new), (PASSWORD, new, "another"), (PASSWORD, "short", "short")] {
        let answer = here.post("/account/password", &[("present", present), ("new", new), ("again", again)]);
        assert_eq!(answer.status, 422, "{present} {new} {again}");
        here.get("/account");
    }
    let done = here.post("/account/password", &[("present", PASSWORD), ("new", new), ("again", new)]);
    assert_eq!(location(&done), Some("/account"));
    assert_eq!(here.get("/account").status, 200);
    assert_eq!(elsewhere.get("/account").status, 303);
    assert_eq!(Browser::new(&house).sign_in("kim", PASSWORD).status, 401);
    assert_eq!(location(&here.post("/account/sign-out-everywhere", &[])), Some("/sign-in"));
    assert_eq!(Browser::new(&house).sign_in("kim", new).status, 303);
}

#[test]
fn one_click_is_for_made_up_people_of_a_demo_only() {
    for is_demo in [true, false] {
        let house = House::with(|settings| {
            without_second_factor(settings);
            settings.is_demo = is_demo;
        });
        account(&house, "zoe", true);
        account(&house, "kim", false);
        let mut browser = Browser::new(&house);
        let page = browser.get("/sign-in").text();
        assert_eq!(page.contains("value=\"zoe\""), is_demo);
        assert!(!page.contains("value=\"kim\""));
        let sign = browser.sign.clone();
        for (who, status) in [("kim", 401), ("nobody", 401), ("zoe", if is_demo { 303 } else { 401 })] {
            assert_eq!(browser.post_as("/sign-in", &[("csrf", &sign), ("as", who)], &[]).status, status, "{who}");
        }
    }
}

#[test]
fn under_tls_cookies_belong_to_this_host_alone() {
    let house = House::with(|settings| {
        without_second_factor(settings);
        settings.public_url = "https://records.example.org".to_owned();
    });
    account(&house, "kim", false);
    let mut browser = Browser::new(&house);
    let entered = browser.sign_in("kim", PASSWORD);
    assert_eq!(entered.status, 303);
    for cookie in entered.headers("set-cookie") {
        assert!(cookie.starts_with("__Host-chartroom") && cookie.contains("; Secure"), "{cookie}");
    }
    let token = browser.cookies["__Host-chartroom"].clone();
    let plain = format!("chartroom={token}");
    assert_eq!(house.bare("GET", "/account", &[("Cookie", &plain)], b"").status, 303);
    let twice = format!("__Host-chartroom={token}; __Host-chartroom=x");
    assert_eq!(house.bare("GET", "/account", &[("Cookie", &twice)], b"").status, 303);
}

#[test]
fn pages_take_their_methods_and_no_more() {
    let house = house();
    for (method, path, status) in [
        ("DELETE", "/sign-in", 405),
        ("POST", "/account", 405),
        ("GET", "/account/password", 405),
        ("OPTIONS", "/sign-in", 204),
        ("HEAD", "/sign-in", 200),
        ("GET", "/account/other", 404),
    ] {
        assert_eq!(house.bare(method, path, &[], b"").status, status, "{method} {path}");
    }
    let big = vec![b'a'; 300 << 10];
    assert_eq!(house.bare("POST", "/sign-in", &[], &big).status, 413);
    assert_eq!(house.bare("POST", "/sign-in", &[], b"a=%ff").status, 400);
}
