//! Apps as SMART App Launch 2.2 has them: whole flows over HTTP, from discovery to the last token.

use crate::browser::{Browser, field, location};
use crate::house::Answer;
use crate::stage::{
    PASSWORD, START, STATE, Stage, consent_page, observation, operator, parameters, query, redemption, registration,
    ticks, value,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use vault::access::apps::{Proof, Review};
use vault::access::audit::{Deed, Wanted};

#[test]
fn an_app_finds_its_way_a_patient_agrees_and_it_sees_that_patient_alone() {
    let stage = Stage::new();
    stage.public_app("growth");
    let told = stage.tokens("zoe", "growth", "launch/patient patient/Observation.rs patient/Patient.r", "zoe");
    assert_eq!(
        (&told["token_type"], &told["expires_in"], &told["patient"]),
        (&json!("Bearer"), &json!(900), &json!("zoe"))
    );
    assert_eq!(told["scope"], "patient/Observation.rs patient/Patient.r launch/patient");
    assert_eq!((&told["refresh_token"], &told["id_token"]), (&Value::Null, &Value::Null));
    assert_eq!(told["need_patient_banner"], true);
    for (path, status) in [
        ("Patient/zoe", 200),
        ("Observation/laboratory-zoe", 200),
        ("Observation?patient=zoe", 200),
        ("Observation/laboratory-zoe/_history", 200),
        ("Patient/ann", 404),
        ("Observation/laboratory-ann", 404),
        ("Condition/con-zoe", 403),
        ("Condition", 403),
        ("Patient?name=zoe", 403),
        ("Practitioner/kim", 403),
        ("Encounter/enc-zoe", 403),
    ] {
        assert_eq!(stage.get(&told, path).status, status, "{path}");
    }
    let mut found = stage.get(&told, "Observation").ids();
    found.sort();
    assert_eq!(found, ["laboratory-zoe", "vital-signs-zoe"]);
    // What the app may not do, it may not do in a patient's name either.
    let body = observation("x", "zoe", "laboratory", "1").to_string();
    assert_eq!(stage.ask(&told, "POST", "Observation", body.as_bytes()).status, 403);
    assert_eq!(stage.ask(&told, "DELETE", "Observation/laboratory-zoe", b"").status, 403);
    stage.clock.advance(901_000);
    assert_eq!(stage.get(&told, "Patient/zoe").status, 401);
}

#[test]
fn discovery_says_where_everything_is() {
    let stage = Stage::new();
    let base = stage.house.base();
    let smart = stage.house.bare("GET", "/fhir/.well-known/smart-configuration", &[], b"").expect(200);
    assert_eq!(smart.header("content-type"), Some("application/json"));
    let smart = smart.json();
    assert_eq!((&smart["issuer"], &smart["code_challenge_methods_supported"]), (&json!(base), &json!(["S256"])));
    let openid = stage.house.bare("GET", "/fhir/.well-known/openid-configuration", &[], b"").expect(200).json();
    assert_eq!(openid["issuer"], base.as_str());
    for name in
        ["authorization_endpoint", "token_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri"]
    {
        let address = smart[name].as_str().unwrap();
        let path = address.strip_prefix(&base.replace("/fhir", "")).unwrap();
        assert_ne!(stage.house.bare("GET", path, &[], b"").status, 404, "{name}");
    }
    assert_eq!(smart["capabilities"].as_array().unwrap().len(), 18);
    let keys = stage.house.bare("GET", "/smart/keys", &[], b"").expect(200).json();
    assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["alg"]), (&json!("RSA"), &json!("RS256")));
    assert!(keys["keys"][0].get("d").is_none());
    let security = &stage.house.bare("GET", "/fhir/metadata", &[], b"").json()["rest"][0]["security"];
    assert_eq!(
        (&security["cors"], &security["service"][0]["coding"][0]["code"]),
        (&json!(true), &json!("SMART-on-FHIR"))
    );
    let uris = security["extension"][0]["extension"].as_array().unwrap();
    assert!(uris.iter().any(|uri| uri["url"] == "token" && uri["valueUri"] == smart["token_endpoint"]));
    assert_eq!(stage.house.bare("GET", "/smart/style", &[], b"").expect(200).json()["color_background"], "#ffffff");
}

#[test]
fn an_app_with_a_secret_shows_it() {
    let stage = Stage::new();
    let secret = stage.app("secret-app", registration(Proof::Secret(String::new()))).unwrap();
    let basic = |id: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let mut browser = stage.browser("zoe");
    let good = basic("secret-app", &secret);
    for (header, status) in [
        (Some(basic("secret-app", "wrong")), 401),
        (Some(basic("other", &secret)), 401),
        (Some(basic("secret-app", "")), 401),
        (None, 401),
        (Some(good.clone()), 200),
    ] {
        let code = stage.code(&mut browser, "secret-app", "patient/Patient.rs", "zoe");
        let headers: Vec<_> = header.iter().map(|header| ("Authorization", header.as_str())).collect();
        let answer = stage.token(&redemption("secret-app", &code), &headers);
        assert_eq!(answer.status, status, "{header:?}: {}", answer.text());
        if status == 401 {
            assert_eq!(answer.json()["error"], "invalid_client");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    let code = stage.code(&mut browser, "secret-app", "patient/Patient.rs", "zoe");
    let mut fields = redemption("secret-app", &code).to_vec();
    fields.push(("client_secret", &secret));
    assert_eq!(stage.token(&fields, &[]).status, 401);
    let (_, renewed) = stage.house.vault.renew_app_secret(&operator(), "secret-app").unwrap();
    let code = stage.code(&mut browser, "secret-app", "patient/Patient.rs", "zoe");
    assert_eq!(stage.token(&redemption("secret-app", &code), &[("Authorization", &good)]).status, 401);
    let renewed = basic("secret-app", &renewed.unwrap());
    assert_eq!(stage.token(&redemption("secret-app", &code), &[("Authorization", &renewed)]).status, 200);
}

#[test]
fn a_person_chooses_what_an_app_may_do_and_about_whom() {
    let stage = Stage::new();
    stage.public_app("growth");
    let mut browser = stage.browser("kim");
    let request = stage.request("growth", "patient/*.rs patient/Observation.cruds openid launch/patient");
    let page = consent_page(&mut browser, &request).expect(200);
    let text = page.text();
    assert!(text.contains("Growth &lt;b&gt;chart&lt;/b&gt;") && !text.contains("<b>chart"), "{text}");
    assert!(text.contains("value=\"zoe\"") && text.contains("value=\"ann\"") && text.contains("born 3 Feb 1980"));
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self' https://app.example;"));
    let r = field(&page, "r").unwrap();
    // Two kinds instead of all; what was never asked for does not come in.
    let fields = [
        ("r", r.as_str()),
        ("decision", "allow"),
        ("patient", "ann"),
        ("may", "patient/Condition.rs"),
        ("may", "patient/Observation.r"),
        ("may", "user/*.cruds"),
        ("may", "system/*.rs"),
        ("may", "offline_access"),
    ];
    let answer = browser.post("/smart/consent", &fields);
    let sent = parameters(location(&answer).unwrap());
    let told = stage.redeem("growth", value(&sent, "code").unwrap()).expect(200).json();
    assert_eq!(
        (&told["scope"], &told["patient"]),
        (&json!("patient/Condition.rs patient/Observation.r"), &json!("ann"))
    );
    // The physician sees both patients; the app the one it is about.
    for (path, status) in
        [("Condition/con-ann", 200), ("Condition/con-zoe", 404), ("Observation", 403), ("Patient/ann", 403)]
    {
        assert_eq!(stage.get(&told, path).status, status, "{path}");
    }
    assert_eq!(stage.get(&told, "Condition").ids(), ["con-ann"]);
    for (decision, patient, error) in [
        ("deny", "ann", "access_denied"),
        ("", "ann", "access_denied"),
        ("allow", "", "access_denied"),
        ("allow", "nobody", "access_denied"),
    ] {
        let page = consent_page(&mut browser, &request);
        let (r, ticks) = (field(&page, "r").unwrap(), ticks(&page));
        let mut fields = vec![("r", r.as_str()), ("decision", decision), ("patient", patient)];
        fields.extend(ticks.iter().map(|tick| ("may", tick.as_str())));
        let sent = parameters(location(&browser.post("/smart/consent", &fields)).unwrap());
        assert_eq!(
            (value(&sent, "error"), value(&sent, "state"), value(&sent, "code")),
            (Some(error), Some(STATE), None)
        );
    }
}

#[test]
fn a_patient_cannot_be_made_to_agree_for_another() {
    let stage = Stage::new();
    stage.public_app("growth");
    let mut browser = stage.browser("zoe");
    let answer = stage.agree(&mut browser, &stage.request("growth", "patient/*.rs"), "ann");
    assert_eq!(value(&parameters(location(&answer).unwrap()), "error"), Some("access_denied"));
    // A form of somebody else's session, or of none, agrees to nothing.
    let page = consent_page(&mut browser, &stage.request("growth", "patient/*.rs"));
    let r = field(&page, "r").unwrap();
    let mut other = stage.browser("ann");
    let (stolen, mine) = (browser.sign.clone(), browser.cookies.clone());
    for sign in ["", "00", stolen.as_str()] {
        let fields =
            [("csrf", sign), ("r", r.as_str()), ("decision", "allow"), ("may", "patient/*.rs"), ("patient", "ann")];
        assert_eq!(other.post_as("/smart/consent", &fields, &[]).status, 403, "{sign}");
    }
    let fields = [
        ("csrf", stolen.as_str()),
        ("r", r.as_str()),
        ("decision", "allow"),
        ("may", "patient/*.rs"),
        ("patient", "zoe"),
    ];
    assert_eq!(browser.post_as("/smart/consent", &fields, &[("Sec-Fetch-Site", "cross-site")]).status, 403);
    browser.cookies.clear();
    let sent_away = browser.post_as("/smart/consent", &fields, &[]);
    assert!(location(&sent_away).unwrap().starts_with("/sign-in?return=/smart/consent"));
    browser.cookies = mine;
    stage.clock.advance(11 * 60_000);
    assert_eq!(browser.post("/smart/consent", &fields[1..]).status, 422);
}

#[test]
fn a_link_from_another_site_signs_in_and_comes_back() {
    let stage = Stage::new();
    stage.public_app("growth");
    let request = query(&stage.request("growth", "patient/Patient.rs"));
    let headers = [("Sec-Fetch-Site", "cross-site")];
    let bounce = stage.house.bare("GET", &format!("/smart/authorize?{request}"), &headers, b"").expect(200);
    let text = bounce.text();
    let to = text.split("0; url=").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert!(to.starts_with("/smart/consent?r=") && !text.contains("<script"), "{text}");
    let mut browser = Browser::new(&stage.house);
    let away = location(&browser.get(&to)).unwrap().to_owned();
    let form = browser.get(&away).expect(200);
    let back = field(&form, "return").unwrap();
    let entered = browser.post("/sign-in", &[("login", "zoe"), ("password", PASSWORD), ("return", &back)]);
    let page = browser.get(location(&entered).unwrap()).expect(200);
    assert_eq!(ticks(&page), ["patient/Patient.rs"]);
    // A request can also be sent as a form.
    let own = [("Content-Type", "application/x-www-form-urlencoded")];
    let posted = stage.house.bare("POST", "/smart/authorize", &own, request.as_bytes());
    assert!(location(&posted).unwrap().starts_with("/smart/consent?r="));
}

#[test]
fn tokens_are_renewed_told_about_and_given_back() {
    let stage = Stage::new();
    stage.public_app("growth");
    let secret = stage.app("server", registration(Proof::Secret(String::new()))).unwrap();
    let basic = format!("Basic {}", STANDARD.encode(format!("server:{secret}")));
    let shown = [("Authorization", basic.as_str())];
    let mut browser = stage.browser("zoe");
    let code = stage.code(&mut browser, "server", "patient/Patient.rs patient/Condition.rs offline_access", "zoe");
    let first = stage.token(&redemption("server", &code), &shown).expect(200).json();
    let refresh = |token: &Value, scope: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap()), ("scope", scope)];
        stage.token(&fields, &shown)
    };
    let nameless = [("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"].as_str().unwrap())];
    assert_eq!(stage.token(&nameless, &[]).status, 401, "one that has a secret shows it");
    let second = refresh(&first["refresh_token"], "").expect(200).json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!((&second["scope"], &second["patient"]), (&first["scope"], &first["patient"]));
    let third = refresh(&second["refresh_token"], "patient/Patient.r").expect(200).json();
    assert_eq!(third["scope"], "patient/Patient.r");
    assert_eq!((stage.get(&third, "Patient/zoe").status, stage.get(&third, "Condition").status), (200, 403));
    let introspect = |token: &Value, headers: &[(&str, &str)]| {
        stage.form("/smart/introspect", &[("token", token.as_str().unwrap())], headers)
    };
    let told = introspect(&third["access_token"], &shown).expect(200).json();
    let expected = [
        ("active", json!(true)),
        ("client_id", json!("server")),
        ("patient", json!("zoe")),
        ("scope", json!("patient/Patient.r")),
    ];
    expected.iter().for_each(|(name, value)| assert_eq!(told[name], *value, "{told}"));
    assert_eq!(introspect(&third["refresh_token"], &shown).json()["active"], true);
    assert_eq!(introspect(&second["refresh_token"], &shown).json(), json!({"active": false}));
    assert_eq!(introspect(&json!("nonsense"), &shown).json(), json!({"active": false}));
    let foreign = stage.tokens("zoe", "growth", "patient/Patient.rs", "zoe");
    assert_eq!(introspect(&foreign["access_token"], &shown).json(), json!({"active": false}));
    assert_eq!(introspect(&foreign["access_token"], &[]).status, 401);
    let operators = format!("Bearer {}", stage.house.token);
    assert_eq!(introspect(&foreign["access_token"], &[("Authorization", &operators)]).json()["client_id"], "growth");
    let revoke = |token: &Value, headers: &[(&str, &str)], client: &str| {
        stage.form("/smart/revoke", &[("token", token.as_str().unwrap()), ("client_id", client)], headers).status
    };
    // Another app's token is not ended by this one.
    assert_eq!(revoke(&foreign["access_token"], &shown, ""), 200);
    assert_eq!(stage.get(&foreign, "Patient/zoe").status, 200);
    assert_eq!(revoke(&third["refresh_token"], &shown, ""), 200);
    for told in [&first, &second, &third] {
        assert_eq!(stage.get(told, "Patient/zoe").status, 401);
    }
    assert_eq!(refresh(&third["refresh_token"], "").json()["error"], "invalid_grant");
    assert_eq!(revoke(&foreign["access_token"], &[], "growth"), 200);
    assert_eq!(stage.get(&foreign, "Patient/zoe").status, 401);
    assert_eq!(revoke(&json!("nonsense"), &[], "growth"), 200);
}

#[test]
fn who_signed_in_is_told_signed() {
    let stage = Stage::new();
    stage.public_app("growth");
    let mut request = stage.request("growth", "openid fhirUser launch/patient patient/Patient.r");
    request.push(("nonce".to_owned(), "n-0S6_WzA2Mj".to_owned()));
    let answer = stage.agree(&mut stage.browser("zoe"), &request, "zoe");
    let sent = parameters(location(&answer).unwrap());
    let told = stage.redeem("growth", value(&sent, "code").unwrap()).expect(200).json();
    let keys = stage.house.bare("GET", "/smart/keys", &[], b"").json();
    let key = &keys["keys"][0];
    let (n, e) = (key["n"].as_str().unwrap(), key["e"].as_str().unwrap());
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&["growth"]);
    validation.set_issuer(&[stage.house.base()]);
    validation.validate_exp = false;
    let key = jsonwebtoken::DecodingKey::from_rsa_components(n, e).unwrap();
    let token = jsonwebtoken::decode::<Value>(told["id_token"].as_str().unwrap(), &key, &validation).unwrap();
    let zoe = stage.house.vault.account_of_login("zoe").unwrap().unwrap();
    assert_eq!(token.claims["sub"], zoe.id.as_str());
    assert_eq!(token.claims["nonce"], "n-0S6_WzA2Mj");
    assert_eq!(token.claims["fhirUser"], format!("{}/Patient/zoe", stage.house.base()));
    assert_eq!(token.claims["exp"], START.0 / 1_000 + 300);
    assert_eq!(token.header.kid.as_deref(), keys["keys"][0]["kid"].as_str());
    let bearer = format!("Bearer {}", told["access_token"].as_str().unwrap());
    let ask = |token: &str| stage.house.bare("GET", "/smart/userinfo", &[("Authorization", token)], b"");
    assert_eq!(ask(&bearer).expect(200).json()["fhirUser"], token.claims["fhirUser"]);
    assert_eq!(ask("Bearer nonsense").status, 401);
    assert_eq!(ask(&format!("Bearer {}", stage.house.token)).status, 401);
    let other = stage.tokens("zoe", "growth", "launch/patient patient/Patient.r", "zoe");
    let bearer = format!("Bearer {}", other["access_token"].as_str().unwrap());
    assert_eq!(ask(&bearer).status, 403);
    // The key outlives nothing of this: it is the same at the next question.
    assert_eq!(stage.house.bare("GET", "/smart/keys", &[], b"").json(), keys);
    assert!(URL_SAFE_NO_PAD.decode(n).unwrap().len() == 256);
}

#[test]
fn an_app_is_opened_from_a_chart_once() {
    let stage = Stage::new();
    stage.public_app("growth");
    let mut kim = stage.browser("kim");
    let page = kim.get("/smart/launch?patient=zoe&encounter=enc-zoe").expect(200);
    assert!(page.text().contains("value=\"growth\""));
    assert!(page.text().contains("Zoe</strong>, born 3 Feb 1980"), "{}", page.text());
    let open = |browser: &mut Browser<'_>, patient: &str, encounter: &str| {
        browser.post("/smart/launch", &[("app", "growth"), ("patient", patient), ("encounter", encounter)])
    };
    for (patient, encounter, status) in
        [("nobody", "", 404), ("zoe", "enc-ann", 404), ("zoe", "nothing", 404), ("", "", 404)]
    {
        assert_eq!(open(&mut kim, patient, encounter).status, status, "{patient} {encounter}");
    }
    let opened = open(&mut kim, "zoe", "enc-zoe");
    let sent = parameters(location(&opened).unwrap());
    assert!(location(&opened).unwrap().starts_with("https://app.example/launch?iss="));
    assert_eq!(value(&sent, "iss"), Some(stage.house.base().as_str()));
    let with_launch = |word: &str| {
        let mut request = stage.request("growth", "launch patient/Observation.rs openid");
        request.push(("launch".to_owned(), word.to_owned()));
        request
    };
    let word = value(&sent, "launch").unwrap().to_owned();
    // The page says whose chart it is, and offers nobody else's.
    let page = consent_page(&mut kim, &with_launch(&word)).expect(200).text();
    assert!(page.contains("Zoe</strong>, born 3 Feb 1980") && !page.contains("name=\"patient\""), "{page}");
    // The patient of the launch counts, whatever the form says.
    let answer = stage.agree(&mut kim, &with_launch(&word), "ann");
    let back = parameters(location(&answer).unwrap());
    let told = stage.redeem("growth", value(&back, "code").unwrap()).expect(200).json();
    assert_eq!((&told["patient"], &told["encounter"]), (&json!("zoe"), &json!("enc-zoe")));
    assert_eq!(told["need_patient_banner"], false);
    assert_eq!(stage.get(&told, "Observation/laboratory-zoe").status, 200);
    assert_eq!(stage.get(&told, "Observation/laboratory-ann").status, 404);
    // A launch counts once, for the one who opened it, for a while.
    let again = stage.agree(&mut kim, &with_launch(&word), "");
    assert_eq!(value(&parameters(location(&again).unwrap()), "error"), Some("access_denied"));
    // In the audit an app was let in once, opened once, and kept out once.
    let wanted = Wanted { patient: Some("zoe".to_owned()), count: 100, ..Wanted::default() };
    let found = stage.house.vault.audit(&operator(), &wanted).unwrap().found;
    let served = found.iter().filter(|found| found.event.status < 400).map(|found| found.event.deed);
    let of_apps: Vec<Deed> = served.filter(|d| [Deed::Agree, Deed::Launch, Deed::Decline].contains(d)).collect();
    assert_eq!(of_apps, [Deed::Decline, Deed::Agree, Deed::Launch]);
    let opened = open(&mut kim, "zoe", "");
    let word = value(&parameters(location(&opened).unwrap()), "launch").unwrap().to_owned();
    let mut zoe = stage.browser("zoe");
    let stolen = consent_page(&mut zoe, &with_launch(&word));
    assert_eq!(value(&parameters(location(&stolen).unwrap()), "error"), Some("invalid_request"));
    stage.public_app("other");
    let mut request = with_launch(&word);
    request[1].1 = "other".to_owned();
    let stolen = consent_page(&mut kim, &request);
    assert_eq!(value(&parameters(location(&stolen).unwrap()), "error"), Some("invalid_request"));
    stage.clock.advance(6 * 60_000);
    let late = consent_page(&mut kim, &with_launch(&word));
    assert_eq!(value(&parameters(location(&late).unwrap()), "error"), Some("invalid_request"));
}

#[test]
fn what_ends_an_apps_access_ends_it_at_once() {
    let stage = Stage::new();
    stage.public_app("growth");
    let (vault, zoe) = (&stage.house.vault, stage.house.vault.account_of_login("zoe").unwrap().unwrap());
    let fresh = || stage.tokens("zoe", "growth", "patient/Patient.rs offline_access", "zoe");
    let is_over = |told: &Value| {
        let token = told["refresh_token"].as_str().unwrap();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "growth")];
        (stage.get(told, "Patient/zoe").status, stage.token(&fields, &[]).status)
    };
    let told = fresh();
    stage.clock.advance(10);
    vault.review_app(&operator(), "growth", Review::Suspended).unwrap();
    assert_eq!(is_over(&told), (401, 401));
    assert_eq!(
        stage
            .house
            .bare("GET", &format!("/smart/authorize?{}", query(&stage.request("growth", "openid"))), &[], b"")
            .status,
        422
    );
    vault.review_app(&operator(), "growth", Review::Approved).unwrap();
    assert_eq!(is_over(&told), (401, 400), "what was void stays void");
    stage.clock.advance(10);
    let told = fresh();
    assert_eq!(stage.get(&told, "Patient/zoe").status, 200);
    vault.sign_out_everywhere(&operator(), &zoe.id).unwrap();
    assert_eq!(is_over(&told), (401, 400));
    stage.clock.advance(10);
    let told = fresh();
    // The person ends it at the page.
    let mut browser = stage.browser("zoe");
    let page = browser.get("/smart/apps").expect(200);
    assert!(page.text().contains("Growth &lt;b&gt;chart&lt;/b&gt;") && page.text().contains("patient/Patient.rs"));
    let grant = field(&page, "grant").unwrap();
    assert_eq!(stage.browser("ann").post("/smart/apps", &[("grant", &grant)]).status, 403);
    assert_eq!(stage.get(&told, "Patient/zoe").status, 200);
    assert_eq!(location(&browser.post("/smart/apps", &[("grant", &grant)])), Some("/smart/apps"));
    assert_eq!(is_over(&told), (401, 400));
    assert!(!browser.get("/smart/apps").text().contains("patient/Patient.rs"));
    let told = fresh();
    vault.deactivate_account(&operator(), &zoe.id).unwrap();
    assert_eq!(is_over(&told), (401, 400));
}

#[test]
fn an_app_goes_on_as_long_as_its_person_is_signed_in_or_agreed() {
    let stage = Stage::new();
    stage.public_app("growth");
    let mut browser = stage.browser("zoe");
    let code = stage.code(&mut browser, "growth", "patient/Patient.rs online_access", "zoe");
    let online = stage.redeem("growth", &code).expect(200).json();
    let code = stage.code(&mut browser, "growth", "patient/Patient.rs offline_access", "zoe");
    let offline = stage.redeem("growth", &code).expect(200).json();
    let refresh = |told: &Value| {
        let token = told["refresh_token"].as_str().unwrap();
        stage.token(&[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "growth")], &[])
    };
    stage.clock.advance(14 * 60_000);
    let online = refresh(&online).expect(200).json();
    stage.clock.advance(2 * 60_000);
    // Nobody was active at the pages for 16 minutes: an app's questions keep no one signed in.
    assert_eq!(refresh(&online).json()["error"], "invalid_grant");
    let offline = refresh(&offline).expect(200).json();
    stage.clock.advance(99 * 24 * 3_600_000);
    let offline = refresh(&offline).expect(200).json();
    assert_eq!(stage.get(&offline, "Patient/zoe").status, 200);
    stage.clock.advance(101 * 24 * 3_600_000);
    assert_eq!(refresh(&offline).json()["error"], "invalid_grant");
    let mut browser = stage.browser("zoe");
    let code = stage.code(&mut browser, "growth", "patient/Patient.rs online_access", "zoe");
    let online = stage.redeem("growth", &code).expect(200).json();
    browser.get("/account");
    browser.post("/sign-out", &[]);
    assert_eq!(refresh(&online).json()["error"], "invalid_grant");
}

#[test]
fn pages_of_approved_apps_may_ask_across_sites() {
    let stage = Stage::new();
    stage.public_app("growth");
    let ask = |method: &str, path: &str, origin: &str| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "GET")];
        stage.house.bare(method, path, &headers, b"")
    };
    let allowed = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    for (method, path, origin, expected) in [
        ("OPTIONS", "/fhir/Patient/zoe", "https://app.example", Some("https://app.example")),
        ("GET", "/fhir/Patient/zoe", "https://app.example", Some("https://app.example")),
        ("OPTIONS", "/smart/token", "https://app.example", Some("https://app.example")),
        ("OPTIONS", "/fhir/Patient/zoe", "https://evil.example", None),
        ("GET", "/fhir/Patient/zoe", "https://app.example.evil.example", None),
        ("GET", "/fhir/Patient/zoe", "http://app.example", None),
        ("GET", "/fhir/Patient/zoe", "null", None),
        ("OPTIONS", "/smart/token", "https://evil.example", None),
        ("GET", "/fhir/metadata", "https://evil.example", Some("*")),
        ("GET", "/fhir/.well-known/smart-configuration", "https://evil.example", Some("*")),
        ("GET", "/smart/keys", "https://evil.example", Some("*")),
        ("GET", "/sign-in", "https://app.example", None),
        ("GET", "/smart/consent", "https://app.example", None),
        ("GET", "/account", "https://app.example", None),
    ] {
        let answer = ask(method, path, origin);
        assert_eq!(allowed(&answer).as_deref(), expected, "{method} {path} {origin}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        if method == "OPTIONS" && expected.is_some() {
            assert_eq!(answer.status, 204);
            assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
        }
    }
    stage.house.vault.review_app(&operator(), "growth", Review::Suspended).unwrap();
    assert_eq!(allowed(&ask("GET", "/fhir/Patient/zoe", "https://app.example")), None);
}
