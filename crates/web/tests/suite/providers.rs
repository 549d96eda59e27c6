//! Signing in by an identity provider's word, and every way to pretend to be one or to be somebody else.

use crate::browser::{Browser, encoded, field, location};
use crate::clients::{told_by, with_npm};
use crate::house::{Answer, House};
use crate::issuer::{Issuer, Sign, Token, asked_of, rsa_key};
use crate::stage::{START, operator, value};
use base::clock::Clock;
use serde_json::{Value, json};
use vault::access::{Account, Identity, Profile, Role, Roles};
use web::{ClientProof, Provider, RoleRule, SecondFactor};

const SUBJECT: &str = "248289761001";
const PASSWORD: &str = "correct horse battery";

struct Scene {
    house: House,
    clock: Clock,
    issuer: Issuer,
}

impl Scene {
    fn new() -> Scene {
        Scene::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Provider)) -> Scene {
        let (issuer, clock) = (Issuer::open(), Clock::manual(START));
        let mut provider = issuer.configured("hospital");
        change(&mut provider);
        let other = Provider { id: "other".to_owned(), ..issuer.configured("hospital") };
        let house = House::at(clock.clone(), |settings| settings.providers = vec![provider, other]);
        Scene { house, clock, issuer }
    }

    fn account(&self, login: &str, subject: &str) -> std::sync::Arc<Account> {
        let (login, name, roles) = (login.to_owned(), login.to_uppercase(), Roles::NONE.with(Role::Physician));
        let profile = Profile { login, name, roles, ..Profile::default() };
        let made = self.house.vault.create_account(&operator(), profile).unwrap();
        self.house.vault.link_identity(&operator(), &made.id, self.identity(subject)).unwrap()
    }

    fn identity(&self, subject: &str) -> Identity {
        Identity { issuer: self.issuer.address.clone(), subject: subject.to_owned() }
    }

    /// What the provider is asked when somebody presses the button.
    fn begin(&self, browser: &mut Browser<'_>) -> Vec<(String, String)> {
        browser.get("/sign-in?return=/account?from=elsewhere");
        let back = "/account?from=elsewhere";
        let page = browser.post("/sign-in/provider", &[("provider", "hospital"), ("return", back)]);
        assert_eq!(page.status, 200, "{}", page.text());
        asked_of(&page)
    }

    fn token(&self, asked: &[(String, String)]) -> Token {
        self.issuer.token(asked, SUBJECT, self.clock.now().0 / 1_000)
    }

    fn back(&self, browser: &mut Browser<'_>, asked: &[(String, String)]) -> Answer {
        let state = value(asked, "state").unwrap();
        self.back_with(browser, &[("code", "c0de"), ("state", state), ("iss", &self.issuer.address)])
    }

    fn back_with(&self, browser: &mut Browser<'_>, query: &[(&str, &str)]) -> Answer {
        browser.get(&format!("/sign-in/callback/hospital?{}", encoded(query)))
    }

    /// All of it, with the token as `change` makes it.
    fn come(&self, change: impl FnOnce(&mut Token)) -> (Browser<'_>, Answer) {
        let mut browser = Browser::new(&self.house);
        let asked = self.begin(&mut browser);
        let mut token = self.token(&asked);
        change(&mut token);
        self.issuer.give(&token);
        let answer = self.back(&mut browser, &asked);
        (browser, answer)
    }
}

fn is_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/account").status == 200
}

#[test]
fn whom_the_provider_knows_comes_in_and_everything_that_ends_a_session_ends_theirs() {
    let scene = Scene::new();
    let kim = scene.account("kim", SUBJECT);
    let page = Browser::new(&scene.house).get("/sign-in");
    assert!(page.text().contains("Sign in with Saint &lt;Anna&gt;"), "{}", page.text());
    let mut browser = Browser::new(&scene.house);
    let asked = scene.begin(&mut browser);
    for (name, wanted) in [
        ("response_type", "code"),
        ("client_id", "chartroom"),
        ("scope", "openid"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", &format!("http://{}/sign-in/callback/hospital", scene.house.address)),
    ] {
        assert_eq!(value(&asked, name), Some(wanted));
    }
    scene.issuer.give(&scene.token(&asked));
    let answer = scene.back(&mut browser, &asked);
    assert_eq!((answer.status, answer.header("refresh")), (200, Some("0; url=/account?from=elsewhere")));
    let cookies: Vec<_> = answer.headers("set-cookie").collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("chartroom=ct2.") && cookie.contains("SameSite=Strict")));
    assert!(cookies.iter().any(|cookie| cookie.starts_with("chartroom-provider=;")), "{cookies:?}");
    // Without a second factor of their own: the provider saw two.
    assert!(is_in(&mut browser));
    let token = scene.issuer.state.lock().unwrap().asked.iter().find(|asked| asked.starts_with("POST /token")).cloned();
    let token = token.unwrap();
    for part in ["Authorization: Basic Y2hhcnRyb29tOnMzY3JldA==", "grant_type=authorization_code", "code=c0de"] {
        assert!(token.contains(part), "{token}");
    }
    scene.house.vault.sign_out_everywhere(&operator(), &kim.id).unwrap();
    assert!(!is_in(&mut browser));
    let (mut browser, _) = scene.come(|_| {});
    assert!(is_in(&mut browser));
    scene.house.vault.unlink_identity(&operator(), &kim.id, &scene.issuer.address, None).unwrap();
    assert!(!is_in(&mut browser));
    assert_eq!(scene.come(|_| {}).1.status, 401);
    scene.house.vault.link_identity(&operator(), &kim.id, scene.identity(SUBJECT)).unwrap();
    assert_eq!(scene.come(|_| {}).1.status, 200);
    scene.house.vault.deactivate_account(&operator(), &kim.id).unwrap();
    assert_eq!(scene.come(|_| {}).1.status, 401);
}

#[test]
fn nobody_is_linked_by_anything_but_the_operators_word() {
    let scene = Scene::new();
    let kim = scene.account("kim@example.org", "another");
    let (mut browser, answer) = scene.come(|_| {});
    assert!(answer.status == 401 && answer.text().contains(SUBJECT), "{}", answer.text());
    assert!(!is_in(&mut browser));
    let profile = Profile {
        login: "lee".to_owned(),
        name: "Lee".to_owned(),
        roles: Roles::NONE.with(Role::Nurse),
        ..Profile::default()
    };
    let lee = scene.house.vault.create_account(&operator(), profile).unwrap();
    // One person there is one account here, and the operator alone says which.
    assert!(scene.house.vault.link_identity(&operator(), &lee.id, scene.identity("another")).is_err());
    let own = vault::access::Visit::operator();
    assert!(scene.house.vault.link_identity(&own, &lee.id, scene.identity("")).is_err());
    assert!(scene.house.vault.unlink_identity(&own, &kim.id, "https://elsewhere", None).is_err());
}

/// What is wrong with a token, and what its reader says.
type Forgery = (&'static str, fn(&mut Token), &'static str);

const FORGERIES: [Forgery; 24] = [
    ("altered", |token| (token.claims["sub"], token.is_altered) = (json!("1"), true), "signature is wrong"),
    ("another's key", |token| token.sign = Sign::Other, "signature is wrong"),
    ("unsigned", |token| (token.header["alg"], token.sign) = (json!("none"), Sign::Not), "not signed as JWTs are"),
    ("no signature", |token| token.sign = Sign::Not, "signature is wrong"),
    ("a secret", |token| (token.header["alg"], token.sign) = (json!("HS256"), Sign::Hs256), "alg is none"),
    ("another algorithm", |token| token.header["alg"] = json!("ES256"), "none of the provider"),
    ("unknown kid", |token| token.header["kid"] = json!("new"), "none of the provider"),
    ("critical", |token| token.header["crit"] = json!(["exp"]), "crit"),
    ("another type", |token| token.header["typ"] = json!("at+jwt"), "another type"),
    ("another issuer", |token| token.claims["iss"] = json!("https://evil.example"), "another issuer"),
    ("no issuer", |token| drop(token.claims.as_object_mut().unwrap().remove("iss")), "another issuer"),
    ("another client", |token| token.claims["aud"] = json!("growth"), "for somebody else"),
    ("several clients", |token| token.claims["aud"] = json!(["chartroom", "growth"]), "or for several"),
    ("another party", |token| token.claims["azp"] = json!("growth"), "for somebody else"),
    ("ended", |token| token.claims["exp"] = json!(START.0 / 1_000 - 61), "has ended"),
    ("no end", |token| drop(token.claims.as_object_mut().unwrap().remove("exp")), "no exp"),
    ("old", |token| token.claims["iat"] = json!(START.0 / 1_000 - 700), "older than ten minutes"),
    ("from the future", |token| token.claims["iat"] = json!(START.0 / 1_000 + 61), "from the future"),
    ("not yet", |token| token.claims["nbf"] = json!(START.0 / 1_000 + 61), "from the future"),
    ("another nonce", |token| token.claims["nonce"] = json!("x"), "nonce"),
    ("no nonce", |token| drop(token.claims.as_object_mut().unwrap().remove("nonce")), "nonce"),
    ("nobody", |token| token.claims["sub"] = json!(""), "claim that names people"),
    ("a number", |token| token.claims["sub"] = json!(7), "claim that names people"),
    ("endless", |token| token.claims["pad"] = json!("x".repeat(40_000)), "longer than 32 KiB"),
];

#[test]
fn a_token_that_says_or_shows_something_else_signs_nobody_in() {
    let scene = Scene::new();
    scene.account("kim", SUBJECT);
    for (name, change, why) in FORGERIES {
        let before = scene.house.vault.head().0;
        let (mut browser, answer) = scene.come(change);
        let text = answer.text();
        assert!(answer.status == 401 && text.contains(why), "{name}: {} {text}", answer.status);
        assert_eq!(scene.house.vault.head().0, before + 1, "{name}: one entry of the audit");
        assert!(!answer.headers("set-cookie").any(|cookie| cookie.starts_with("chartroom=")), "{name}");
        assert!(!text.contains(SUBJECT) && !is_in(&mut browser), "{name}");
    }
    let good: [fn(&mut Token); 4] = [
        |token| (token.header["alg"], token.header["kid"], token.sign) = (json!("ES256"), json!("ec"), Sign::Es256),
        |token| drop(token.header.as_object_mut().unwrap().remove("kid")),
        |token| (token.claims["aud"], token.claims["azp"]) = (json!(["chartroom"]), json!("chartroom")),
        |token| token.claims["exp"] = json!(START.0 / 1_000 - 59),
    ];
    for change in good {
        let (mut browser, answer) = scene.come(change);
        assert!(answer.status == 200 && is_in(&mut browser), "{}", answer.text());
    }
}

#[test]
fn an_answer_counts_once_for_the_browser_that_asked() {
    let scene = Scene::new();
    scene.account("kim", SUBJECT);
    let mut mine = Browser::new(&scene.house);
    let asked = scene.begin(&mut mine);
    scene.issuer.give(&scene.token(&asked));
    let state = value(&asked, "state").unwrap().to_owned();
    let own = scene.issuer.address.clone();
    // Somebody else's answer, planted in this browser (login CSRF), and a state that this one never had.
    let good = [("code", "c0de"), ("state", state.as_str()), ("iss", own.as_str())];
    assert_eq!(scene.back_with(&mut Browser::new(&scene.house), &good).status, 403);
    let cookies = mine.cookies.clone();
    for (query, status) in [
        (vec![("code", "c0de"), ("state", "x"), ("iss", own.as_str())], 403),
        (vec![("code", "c0de"), ("iss", own.as_str())], 403),
        (vec![("code", "a"), ("code", "b"), ("state", state.as_str()), ("iss", own.as_str())], 403),
    ] {
        mine.cookies = cookies.clone();
        assert_eq!(scene.back_with(&mut mine, &query).status, status, "{query:?}");
    }
    // At another provider's address (mix-up).
    mine.cookies = cookies.clone();
    assert_eq!(mine.get(&format!("/sign-in/callback/other?{}", encoded(&good))).status, 403);
    assert_eq!(mine.get("/sign-in/callback/nowhere?code=1").status, 404);
    assert_eq!(scene.issuer.times("POST /token"), 0);
    mine.cookies = cookies.clone();
    assert_eq!(scene.back_with(&mut mine, &good).status, 200);
    // The same link again, with the cookie that was taken back.
    mine.cookies = cookies;
    assert_eq!(scene.back_with(&mut mine, &good).status, 403);
    assert_eq!(scene.issuer.times("POST /token"), 1);
    let mut late = Browser::new(&scene.house);
    let asked = scene.begin(&mut late);
    scene.clock.advance(11 * 60_000);
    assert_eq!(scene.back(&mut late, &asked).status, 403);
}

#[test]
fn an_answer_must_name_its_provider_and_a_no_is_told_without_its_words() {
    let scene = Scene::new();
    scene.account("kim", SUBJECT);
    for (rest, status, says) in [
        (&[("code", "c"), ("iss", "https://evil.example")][..], 403, "does not belong to this browser"),
        (&[("code", "c")], 403, "does not belong to this browser"),
        (&[("error", "access_denied"), ("iss", "OWN")], 401, "did not sign you in (access_denied)"),
        (&[("error", "<b>x"), ("error_description", "ZQX-CANARY"), ("iss", "OWN")], 401, "(no reason)"),
        (&[("iss", "OWN")], 401, "(no reason)"),
    ] {
        let mut browser = Browser::new(&scene.house);
        let asked = scene.begin(&mut browser);
        let own = |text: &'static str| if text == "OWN" { scene.issuer.address.clone() } else { text.to_owned() };
        let rest: Vec<_> = rest.iter().map(|(name, value)| (*name, own(value))).collect();
        let mut query: Vec<_> = rest.iter().map(|(name, value)| (*name, value.as_str())).collect();
        query.push(("state", value(&asked, "state").unwrap()));
        let answer = scene.back_with(&mut browser, &query);
        let text = answer.text();
        assert!(answer.status == status && text.contains(says), "{query:?}: {} {text}", answer.status);
        assert!(!text.contains("ZQX-CANARY") && !text.contains("<b>"), "{text}");
    }
    assert_eq!(scene.issuer.times("POST /token"), 0);
}

#[test]
fn a_new_key_is_fetched_and_strange_ones_do_not_make_us_ask_often() {
    let scene = Scene::new();
    scene.account("kim", SUBJECT);
    assert_eq!(scene.come(|_| {}).1.status, 200);
    assert_eq!((scene.issuer.times("GET /keys"), scene.issuer.times("GET /.well-known")), (1, 1));
    for i in 0..10 {
        assert_eq!(scene.come(|token| token.header["kid"] = json!(format!("strange-{i}"))).1.status, 401);
    }
    assert_eq!(scene.issuer.times("GET /keys"), 1);
    scene.issuer.state.lock().unwrap().keys = vec![rsa_key(1, "next")];
    let rotated = |token: &mut Token| (token.header["kid"], token.sign) = (json!("next"), Sign::Other);
    scene.clock.advance(5_001);
    assert_eq!(scene.come(rotated).1.status, 200);
    // The key before is no longer one of the provider's.
    scene.clock.advance(5_001);
    assert_eq!(scene.come(|_| {}).1.status, 401);
    assert_eq!(scene.issuer.times("GET /.well-known"), 1);
}

#[test]
fn a_provider_that_leads_elsewhere_is_not_followed() {
    for (name, wrong) in [
        ("issuer", "https://evil.example"),
        ("token_endpoint", "https://evil.example/token"),
        ("token_endpoint", "http://169.254.169.254/token"),
        ("jwks_uri", "http://127.0.0.2/keys"),
        ("jwks_uri", "file:///etc/passwd"),
        ("authorization_endpoint", "https://127.0.0.1@evil.example/"),
        ("authorization_endpoint", "javascript:alert(1)"),
    ] {
        let scene = Scene::new();
        scene.issuer.state.lock().unwrap().says = vec![(name, Value::from(wrong))];
        let mut browser = Browser::new(&scene.house);
        browser.get("/sign-in");
        let page = browser.post("/sign-in/provider", &[("provider", "hospital")]);
        assert_eq!((page.status, page.header("refresh")), (503, None), "{name} {wrong}");
        assert!(!page.text().contains(wrong), "{}", page.text());
        // Nobody is asked again at once.
        browser.post("/sign-in/provider", &[("provider", "hospital")]);
        assert_eq!(scene.issuer.times("GET /.well-known"), 1);
    }
}

#[test]
fn the_button_works_on_our_own_page_alone() {
    let scene = Scene::new();
    let fields = [("provider", "hospital"), ("csrf", "00")];
    let mut browser = Browser::new(&scene.house);
    assert_eq!(browser.post_as("/sign-in/provider", &fields, &[]).status, 403);
    browser.get("/sign-in");
    let sign = browser.sign.clone();
    let fields = [("provider", "hospital"), ("csrf", sign.as_str())];
    assert_eq!(browser.post_as("/sign-in/provider", &fields, &[("Sec-Fetch-Site", "cross-site")]).status, 403);
    let fields = [("provider", "nowhere"), ("csrf", sign.as_str())];
    assert_eq!(browser.post_as("/sign-in/provider", &fields, &[]).status, 403);
    assert_eq!(scene.issuer.times("GET"), 0);
}

#[test]
fn one_factor_there_wants_the_code_of_here() {
    let said = SecondFactor::Said { amr: vec!["mfa".to_owned()], acr: vec!["gold".to_owned()] };
    let scene = Scene::with(|provider| provider.second_factor = said);
    let kim = scene.account("kim", SUBJECT);
    let asked = scene.begin(&mut Browser::new(&scene.house));
    assert_eq!(value(&asked, "acr_values"), Some("gold"));
    for (claim, word) in [("amr", json!(["pwd", "mfa"])), ("acr", json!("gold"))] {
        let (mut browser, answer) = scene.come(|token| token.claims[claim] = word);
        assert!(answer.status == 200 && is_in(&mut browser), "{}", answer.text());
    }
    // One factor, and no second one here.
    let (mut browser, answer) = scene.come(|_| {});
    assert!(answer.status == 403 && !is_in(&mut browser), "{}", answer.text());
    let (_, recovery) = scene.house.vault.give_second_factor(&operator(), &kim.id).unwrap();
    let (mut browser, page) = scene.come(|token| token.claims["amr"] = json!(["pwd"]));
    assert!(page.status == 200 && page.header("refresh").is_none() && !is_in(&mut browser));
    let (sealed, back) = (field(&page, "sealed").unwrap(), field(&page, "return").unwrap());
    let sign = field(&page, "csrf").unwrap();
    let typed = |browser: &mut Browser<'_>, code: &str| {
        let fields = [("csrf", sign.as_str()), ("sealed", &sealed), ("return", &back), ("code", code)];
        browser.post_as("/sign-in/code", &fields, &[])
    };
    assert_eq!(typed(&mut browser, "000000").status, 401);
    assert_eq!(typed(&mut Browser::new(&scene.house), &recovery[0]).status, 403);
    assert_eq!(location(&typed(&mut browser, &recovery[0])), Some("/account?from=elsewhere"));
    assert!(is_in(&mut browser));
    scene.clock.advance(6 * 60_000);
    assert_eq!(typed(&mut browser, &recovery[1]).status, 403);
}

#[test]
fn who_signed_in_there_too_long_ago_signs_in_there_again() {
    let scene = Scene::with(|provider| provider.max_age_seconds = Some(600));
    scene.account("kim", SUBJECT);
    let asked = scene.begin(&mut Browser::new(&scene.house));
    assert_eq!(value(&asked, "max_age"), Some("600"));
    let now = START.0 / 1_000;
    for (shown, status, why) in [
        (json!(now - 600), 200, ""),
        (json!(now - 659), 200, ""),
        (json!(now - 661), 401, "longer ago than max_age allows"),
        (json!(now + 61), 401, "in the future"),
        (json!(now.to_string()), 401, "has no auth_time"),
        (Value::Null, 401, "has no auth_time"),
    ] {
        let (mut browser, answer) = scene.come(|token| token.claims["auth_time"] = shown.clone());
        assert!(answer.status == status && answer.text().contains(why), "{shown} {}", answer.text());
        assert_eq!(is_in(&mut browser), status == 200, "{shown}");
    }
    // Where it is not asked for, the token need not say.
    let scene = Scene::new();
    scene.account("kim", SUBJECT);
    assert_eq!(value(&scene.begin(&mut Browser::new(&scene.house)), "max_age"), None);
    assert_eq!(scene.come(|_| {}).1.status, 200);
}

#[test]
fn whose_provider_alone_lets_people_in_comes_by_no_password() {
    let scene = Scene::with(|provider| provider.is_only = true);
    let kim = scene.account("kim", SUBJECT);
    scene.house.vault.set_password(&operator(), &kim.id, "", PASSWORD).unwrap();
    assert_eq!(Browser::new(&scene.house).sign_in("kim", PASSWORD).status, 401);
    assert!(is_in(&mut scene.come(|_| {}).0));
    // Who is linked with no such provider comes in as before.
    scene.house.vault.unlink_identity(&operator(), &kim.id, &scene.issuer.address, None).unwrap();
    assert_eq!(Browser::new(&scene.house).sign_in("kim", PASSWORD).status, 303);
}

#[test]
fn a_provider_that_hangs_holds_nobody_else() {
    let scene = Scene::new();
    let kim = scene.account("kim", SUBJECT);
    scene.house.vault.set_password(&operator(), &kim.id, "", PASSWORD).unwrap();
    let gate = scene.issuer.state.clone();
    let held = gate.lock().unwrap();
    std::thread::scope(|scope| {
        let begin = || {
            let mut browser = Browser::new(&scene.house);
            browser.get("/sign-in");
            browser.post("/sign-in/provider", &[("provider", "hospital")]).status
        };
        let pressed: Vec<_> = (0..40).map(|_| scope.spawn(begin)).collect();
        // With all of them under way, somebody signs in by password.
        let began = std::time::Instant::now();
        while pressed.iter().filter(|one| one.is_finished()).count() < 32 {
            assert!(began.elapsed().as_secs() < 4, "most are told at once that too many are signing in");
            std::thread::yield_now();
        }
        assert_eq!(Browser::new(&scene.house).sign_in("kim", PASSWORD).status, 303);
        drop(held);
        let told: Vec<_> = pressed.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(told.iter().filter(|status| **status == 200).count(), 8, "{told:?}");
        assert!(told.iter().all(|status| [200, 503].contains(status)), "{told:?}");
    });
    assert_eq!(scene.issuer.times("GET /.well-known"), 1, "it is asked once");
}

#[test]
fn roles_that_somebody_no_longer_has_there_do_not_come_in_here() {
    let rule = RoleRule::read("groups".to_owned(), [("doctors".to_owned(), vec!["physician".to_owned()])]).unwrap();
    let scene = Scene::with(|provider| provider.roles = Some(rule));
    scene.account("kim", SUBJECT);
    for (groups, status) in [
        (json!(["doctors", "parking"]), 200),
        (json!("doctors"), 200),
        (json!(["parking"]), 403),
        (json!(["Doctors"]), 403),
        (json!([]), 403),
        (Value::Null, 403),
    ] {
        let (mut browser, answer) = scene.come(|token| token.claims["groups"] = groups.clone());
        assert_eq!((answer.status, is_in(&mut browser)), (status, status == 200), "{groups}");
    }
}

#[test]
fn this_server_shows_itself_by_secret_or_by_key() {
    let key =
        aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let pem = pem(key.to_pkcs8v1().unwrap().as_ref());
    let key = ClientProof::Key { pem: pem.into_bytes(), name: "k1".to_owned() };
    for (proof, parts) in [
        (ClientProof::Post("s3 cret".to_owned()), vec!["client_id=chartroom&client_secret=s3%20cret"]),
        (key, vec!["client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=ey"]),
    ] {
        let scene = Scene::with(|provider| provider.proof = proof);
        scene.account("kim", SUBJECT);
        assert_eq!(scene.come(|_| {}).1.status, 200);
        let state = scene.issuer.state.lock().unwrap();
        let asked = state.asked.iter().find(|asked| asked.starts_with("POST /token")).unwrap();
        assert!(parts.iter().all(|part| asked.contains(part)) && !asked.contains("Authorization"), "{asked}");
    }
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn what_was_typed_waits_while_somebody_is_at_the_provider() {
    let scene = Scene::new();
    let kim = scene.account("kim", SUBJECT);
    scene.house.vault.set_password(&operator(), &kim.id, "", PASSWORD).unwrap();
    let (mut browser, _) = scene.come(|_| {});
    browser.get("/account");
    scene.clock.advance(15 * 60_000 + 1);
    let asleep = browser.post("/account/purpose", &[("purpose", "ETREAT")]);
    assert_eq!(asleep.status, 401);
    let (kept, back) = (field(&asleep, "kept").unwrap(), field(&asleep, "return").unwrap());
    let fields = [("provider", "hospital"), ("kept", kept.as_str()), ("return", &back)];
    let asked = asked_of(&browser.post("/sign-in/provider", &fields));
    scene.issuer.give(&scene.token(&asked));
    let ready = scene.back(&mut browser, &asked);
    assert_eq!((ready.status, field(&ready, "purpose").as_deref()), (200, Some("ETREAT")));
    assert_eq!(location(&browser.post(&back, &[("purpose", "ETREAT")])), Some("/account"));
}

#[test]
fn a_real_provider_signs_somebody_in_in_a_real_browser() {
    let Some(modules) = with_npm("openid", "oidc-provider@9.13.3") else { return };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let issuer = Issuer { address: format!("http://127.0.0.1:{port}"), ..Issuer::open() };
    let provider = Provider { max_age_seconds: Some(1), ..issuer.configured("hospital") };
    let house = House::with(|settings| settings.providers = vec![provider]);
    let scene = Scene { house, clock: Clock::System, issuer };
    scene.account("kim", "kim-there");
    let server = format!("http://{}", scene.house.address);
    let told = told_by("openid.mjs", &modules, &[&server, &port.to_string(), "kim-there", "somebody"]);
    let [kim, stranger] = &told[..] else { panic!("{told:?}") };
    for (name, wanted) in
        [("path", "/account"), ("title", "KIM"), ("after", "/account"), ("again", "asked"), ("alert", "")]
    {
        assert_eq!(kim[name], wanted, "{told:?}");
    }
    assert_eq!((&stranger["path"], &stranger["after"]), (&json!("/sign-in/callback/hospital"), &json!("/sign-in")));
    assert!(stranger["alert"].as_str().unwrap().contains("you are `somebody` there"), "{stranger}");
    assert!(told.iter().all(|told| told["violations"] == json!([])), "{told:?}");
}
