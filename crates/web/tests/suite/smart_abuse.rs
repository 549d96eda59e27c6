//! What somebody tries who means harm: tables of requests, each with what must come of it.

use crate::browser::{Browser, encoded, field, location};
use crate::stage::{
    CHALLENGE, REDIRECT, STATE, Stage, VERIFIER, consent_page, observation, parameters, query, redemption,
    registration, ticks, value,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vault::access::apps::Proof;

/// A request with some parameters changed (`None`: left out).
fn changed(stage: &Stage, changes: &[(&str, Option<&str>)]) -> Vec<(String, String)> {
    let mut request = stage.request("growth", "patient/Observation.rs launch/patient openid");
    for (name, value) in changes {
        request.retain(|(known, _)| known != name);
        request.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
    }
    request
}

/// Until app and address are known to belong together, nothing is sent anywhere.
#[test]
fn what_is_wrong_before_the_address_is_known_stays_here() {
    let stage = Stage::new();
    stage.public_app("growth");
    stage.house.vault.register_app(&crate::stage::operator(), Some("pending"), registration(Proof::Public)).unwrap();
    for changes in [
        vec![("client_id", None)],
        vec![("client_id", Some(""))],
        vec![("client_id", Some("nobody"))],
        vec![("client_id", Some("Growth"))],
        vec![("client_id", Some("growth "))],
        vec![("client_id", Some("pending"))],
        vec![("client_id", Some("../growth"))],
        vec![("redirect_uri", None)],
        vec![("redirect_uri", Some(""))],
        vec![("redirect_uri", Some("https://evil.example/cb"))],
        vec![("redirect_uri", Some("https://app.example/cb/"))],
        vec![("redirect_uri", Some("https://app.example/cb/../evil"))],
        vec![("redirect_uri", Some("https://app.example/cb?x=1"))],
        vec![("redirect_uri", Some("https://app.example/cb#x"))],
        vec![("redirect_uri", Some("https://app.example/CB"))],
        vec![("redirect_uri", Some("https://APP.example/cb"))],
        vec![("redirect_uri", Some("https://app.example:443/cb"))],
        vec![("redirect_uri", Some("https://app.example:8443/cb"))],
        vec![("redirect_uri", Some("http://app.example/cb"))],
        vec![("redirect_uri", Some("https://app.example.evil.example/cb"))],
        vec![("redirect_uri", Some("https://app.example@evil.example/cb"))],
        vec![("redirect_uri", Some("https://evil.example/https://app.example/cb"))],
        vec![("redirect_uri", Some("https://app.example/cb%00"))],
        vec![("redirect_uri", Some("https://app.example/cb\r\nX: y"))],
        vec![("redirect_uri", Some("https://app.example/%63b"))],
        vec![("redirect_uri", Some("//app.example/cb"))],
        vec![("redirect_uri", Some("javascript:alert(1)"))],
        vec![("redirect_uri", Some("com.example.app:/cb2"))],
        vec![("redirect_uri", Some(" https://app.example/cb"))],
        vec![("redirect_uri", Some("https://app.example/c"))],
    ] {
        let answer =
            stage.house.bare("GET", &format!("/smart/authorize?{}", query(&changed(&stage, &changes))), &[], b"");
        assert_eq!((answer.status, answer.header("location")), (422, None), "{changes:?}");
        assert!(answer.text().contains("role=\"alert\""), "{changes:?}");
        assert!(!answer.text().contains("evil.example"), "nothing is repeated: {changes:?}");
    }
    for name in ["client_id", "redirect_uri"] {
        for other in ["growth", REDIRECT, "https://evil.example/"] {
            let twice = format!("{}&{}", query(&changed(&stage, &[])), encoded(&[(name, other)]));
            let answer = stage.house.bare("GET", &format!("/smart/authorize?{twice}"), &[], b"");
            assert_eq!((answer.status, answer.header("location")), (422, None), "{name} twice");
        }
    }
}

#[test]
fn what_is_wrong_afterwards_is_told_the_app() {
    let stage = Stage::new();
    stage.public_app("growth");
    let long = "x".repeat(2_001);
    let base = stage.house.base();
    let other_base = format!("{base}2");
    for (changes, error) in [
        (vec![("response_type", None)], "invalid_request"),
        (vec![("response_type", Some("token"))], "unsupported_response_type"),
        (vec![("response_type", Some("code token"))], "unsupported_response_type"),
        (vec![("response_type", Some("id_token"))], "unsupported_response_type"),
        (vec![("response_mode", Some("fragment"))], "invalid_request"),
        (vec![("response_mode", Some("form_post"))], "invalid_request"),
        (vec![("state", None)], "invalid_request"),
        (vec![("state", Some(""))], "invalid_request"),
        (vec![("state", Some(long.as_str()))], "invalid_request"),
        (vec![("aud", None)], "invalid_request"),
        (vec![("aud", Some("https://evil.example/fhir"))], "invalid_request"),
        (vec![("aud", Some(other_base.as_str()))], "invalid_request"),
        (vec![("aud", Some("/fhir"))], "invalid_request"),
        (vec![("code_challenge", None)], "invalid_request"),
        (vec![("code_challenge", Some(""))], "invalid_request"),
        (vec![("code_challenge", Some(&CHALLENGE[1..]))], "invalid_request"),
        (vec![("code_challenge", Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c="))], "invalid_request"),
        (vec![("code_challenge_method", None)], "invalid_request"),
        (vec![("code_challenge_method", Some(""))], "invalid_request"),
        (vec![("code_challenge_method", Some("plain"))], "invalid_request"),
        (vec![("code_challenge_method", Some("s256"))], "invalid_request"),
        (vec![("code_challenge_method", Some("S512"))], "invalid_request"),
        (vec![("code_challenge_method", Some("plain")), ("code_challenge", Some(VERIFIER))], "invalid_request"),
        (vec![("scope", None)], "invalid_scope"),
        (vec![("scope", Some("email phone"))], "invalid_scope"),
        (vec![("scope", Some("system/*.cruds"))], "invalid_scope"),
        (vec![("scope", Some("patient/Nonsense.cruds"))], "invalid_scope"),
        (vec![("scope", Some("user/Observation.cud"))], "invalid_scope"),
        (vec![("scope", Some("patient/*.*.rs"))], "invalid_scope"),
        (vec![("scope", Some("launch"))], "invalid_scope"),
        (vec![("launch", Some("x"))], "invalid_request"),
        (vec![("launch", Some(long.as_str()))], "invalid_request"),
        (vec![("nonce", Some(long.as_str()))], "invalid_request"),
        (vec![("request", Some("eyJhbGciOiJub25lIn0.e30."))], "request_not_supported"),
        (vec![("request_uri", Some("http://169.254.169.254/"))], "request_uri_not_supported"),
        (vec![("prompt", Some("none"))], "consent_required"),
    ] {
        let answer =
            stage.house.bare("GET", &format!("/smart/authorize?{}", query(&changed(&stage, &changes))), &[], b"");
        let to = location(&answer).unwrap();
        let sent = parameters(to);
        assert!(to.starts_with(&format!("{REDIRECT}?error=")), "{to}");
        assert_eq!(value(&sent, "error"), Some(error), "{changes:?}");
        assert_eq!((value(&sent, "code"), value(&sent, "iss")), (None, Some(base.as_str())));
        let is_state_good = !changes.iter().any(|(name, _)| *name == "state");
        assert_eq!(value(&sent, "state"), is_state_good.then_some(STATE), "{changes:?}");
    }
    for name in ["scope", "state", "code_challenge", "code_challenge_method", "response_type", "aud"] {
        let twice = format!("{}&{name}=x", query(&changed(&stage, &[])));
        let answer = stage.house.bare("GET", &format!("/smart/authorize?{twice}"), &[], b"");
        assert_eq!(value(&parameters(location(&answer).unwrap()), "error"), Some("invalid_request"), "{name} twice");
    }
}

#[test]
fn nothing_of_a_sealed_request_can_be_altered() {
    let stage = Stage::new();
    stage.public_app("growth");
    let mut browser = stage.browser("zoe");
    let page = consent_page(&mut browser, &changed(&stage, &[]));
    let r = field(&page, "r").unwrap();
    let mut altered = r.clone().into_bytes();
    altered[40] ^= 1;
    let altered = String::from_utf8(altered).unwrap();
    for r in ["", "x", altered.as_str(), &r[1..], &format!("{r}A")] {
        assert_eq!(browser.get(&format!("/smart/consent?r={r}")).status, 422);
        let fields = [("r", r), ("decision", "allow"), ("may", "patient/Observation.rs"), ("patient", "zoe")];
        browser.get("/account");
        assert_eq!(browser.post("/smart/consent", &fields).status, 422);
    }
    stage.house.vault.review_app(&crate::stage::operator(), "growth", vault::access::apps::Review::Suspended).unwrap();
    assert_eq!(browser.get(&format!("/smart/consent?r={r}")).status, 422, "suspended meanwhile");
}

/// What is sent instead of a good redemption.
type Redeeming = Vec<(&'static str, Option<&'static str>)>;

#[test]
fn a_request_is_answered_once_and_by_nobody_with_half_a_sign_in() {
    let stage = Stage::new();
    stage.public_app("growth");
    let mut zoe = stage.browser("zoe");
    let page = consent_page(&mut zoe, &stage.request("growth", "patient/*.rs"));
    let r = field(&page, "r").unwrap();
    let fields = [("r", r.as_str()), ("decision", "allow"), ("patient", "zoe"), ("may", "patient/*.rs")];
    let sign = zoe.sign.clone();
    assert!(location(&zoe.post("/smart/consent", &fields)).unwrap().contains("code="));
    // Sent twice: no second code, and nothing that goes to the app.
    zoe.sign = sign;
    let again = zoe.post("/smart/consent", &fields);
    assert!(again.status == 409 && again.text().contains("answered already"), "{}", again.text());
    // Where a second factor is asked for, and not set up yet.
    let stage = Stage::with(|settings| settings.second_factor = true);
    stage.public_app("growth");
    let mut zoe = stage.browser("zoe");
    let sign = field(&zoe.get("/account/second-factor"), "csrf").unwrap();
    let sealed = stage.house.bare(
        "GET",
        &format!("/smart/authorize?{}", query(&stage.request("growth", "patient/*.rs"))),
        &[],
        b"",
    );
    let r = value(&parameters(location(&sealed).unwrap()), "r").unwrap().to_owned();
    let fields =
        [("r", r.as_str()), ("decision", "allow"), ("patient", "zoe"), ("may", "patient/*.rs"), ("csrf", &sign)];
    assert_eq!(location(&zoe.post_as("/smart/consent", &fields, &[])), Some("/account/second-factor"));
}

#[test]
fn a_code_is_good_once_for_its_app_its_address_and_its_verifier() {
    let stage = Stage::new();
    stage.public_app("growth");
    stage.public_app("other");
    let secret = stage.app("server", registration(Proof::Secret(String::new()))).unwrap();
    let basic = format!("Basic {}", STANDARD.encode(format!("server:{secret}")));
    let mut browser = stage.browser("zoe");
    let cases: Vec<(Redeeming, Option<&str>, &str)> = vec![
        (vec![("grant_type", None)], None, "invalid_request"),
        (vec![("grant_type", Some("password"))], None, "unsupported_grant_type"),
        (vec![("grant_type", Some("implicit"))], None, "unsupported_grant_type"),
        (vec![("grant_type", Some("urn:ietf:params:oauth:grant-type:jwt-bearer"))], None, "unsupported_grant_type"),
        (vec![("grant_type", Some("client_credentials"))], None, "unauthorized_client"),
        (vec![("code", None)], None, "invalid_grant"),
        (vec![("code", Some(""))], None, "invalid_grant"),
        (vec![("code", Some("cc1.AAAA"))], None, "invalid_grant"),
        (vec![("code", Some("ct2.AAAA"))], None, "invalid_grant"),
        (vec![("redirect_uri", None)], None, "invalid_grant"),
        (vec![("redirect_uri", Some("https://evil.example/cb"))], None, "invalid_grant"),
        (vec![("redirect_uri", Some("com.example.app:/cb"))], None, "invalid_grant"),
        (vec![("code_verifier", None)], None, "invalid_grant"),
        (vec![("code_verifier", Some(""))], None, "invalid_grant"),
        (vec![("code_verifier", Some(CHALLENGE))], None, "invalid_grant"),
        (vec![("code_verifier", Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"))], None, "invalid_grant"),
        (vec![("code_verifier", Some("short"))], None, "invalid_grant"),
        (vec![("client_id", None)], None, "invalid_client"),
        (vec![("client_id", Some("nobody"))], None, "invalid_client"),
        (vec![("client_id", Some("other"))], None, "invalid_grant"),
        (vec![("client_id", Some("server"))], None, "invalid_client"),
        (vec![("client_id", None)], Some("server"), "invalid_grant"),
        (vec![("client_id", Some("growth"))], Some("server"), "invalid_client"),
        (vec![("client_assertion", Some("x.y.z"))], None, "invalid_request"),
        (vec![("client_secret", Some("x"))], None, "invalid_client"),
    ];
    for (changes, header, error) in cases {
        let code = stage.code(&mut browser, "growth", "patient/Observation.rs", "zoe");
        let mut fields = redemption("growth", &code).to_vec();
        for (name, value) in &changes {
            fields.retain(|(known, _)| known != name);
            fields.extend(value.map(|value| (*name, value)));
        }
        let headers: Vec<_> = header.map(|_| ("Authorization", basic.as_str())).into_iter().collect();
        let answer = stage.token(&fields, &headers);
        assert_eq!(answer.json()["error"], error, "{changes:?}");
        assert_eq!(answer.status, if error == "invalid_client" { 401 } else { 400 }, "{changes:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.json().get("access_token").is_none());
        // After a try with the wrong app, address or verifier the code is void for everybody.
        let spoiled = ["redirect_uri", "code_verifier"].contains(&changes[0].0)
            || (error == "invalid_grant" && changes[0].0 == "client_id");
        let after = stage.redeem("growth", &code).status;
        assert_eq!(after, if spoiled { 400 } else { 200 }, "{changes:?}");
    }
}

#[test]
fn a_code_is_too_old_after_a_minute_and_reuse_ends_everything() {
    let stage = Stage::new();
    stage.public_app("growth");
    let mut browser = stage.browser("zoe");
    let code = stage.code(&mut browser, "growth", "patient/Patient.rs", "zoe");
    stage.clock.advance(60_001);
    assert_eq!(stage.redeem("growth", &code).json()["error"], "invalid_grant");
    let code = stage.code(&mut browser, "growth", "patient/Patient.rs offline_access", "zoe");
    let told = stage.redeem("growth", &code).expect(200).json();
    assert_eq!(stage.get(&told, "Patient/zoe").status, 200);
    assert_eq!(stage.redeem("growth", &code).json()["error"], "invalid_grant");
    assert_eq!(stage.get(&told, "Patient/zoe").status, 401, "what came from a stolen code is void");
    let token = told["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "growth")];
    assert_eq!(stage.token(&fields, &[]).json()["error"], "invalid_grant");
}

#[test]
fn a_refresh_token_is_good_once_for_its_app_and_never_widens() {
    let stage = Stage::new();
    stage.public_app("growth");
    stage.public_app("other");
    let fresh = || stage.tokens("zoe", "growth", "patient/Observation.rs?category=laboratory offline_access", "zoe");
    let refresh = |token: &str, client: &str, scope: &str| {
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client), ("scope", scope)];
        stage.token(&fields, &[])
    };
    for scope in [
        "patient/Observation.rs",
        "patient/Observation.cruds?category=laboratory",
        "patient/Observation.rs?category=vital-signs",
        "patient/*.rs",
        "user/Observation.rs",
        "system/*.rs",
        "openid",
        "launch/patient",
        "nonsense",
        "patient/Observation.r?category=laboratory patient/Patient.r",
    ] {
        let told = fresh();
        let token = told["refresh_token"].as_str().unwrap();
        assert_eq!(refresh(token, "growth", scope).json()["error"], "invalid_scope", "{scope}");
        assert_eq!(refresh(token, "growth", "").status, 200, "a refused widening costs nothing");
    }
    for token in ["", "x", "cr1.", "cr1.AAAA", "ct1.a.b"] {
        assert_eq!(refresh(token, "growth", "").json()["error"], "invalid_grant", "{token}");
    }
    let told = fresh();
    let token = told["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(told["access_token"].as_str().unwrap(), "growth", "").json()["error"], "invalid_grant");
    let next = refresh(token, "growth", "").expect(200).json();
    assert_eq!(refresh(token, "growth", "").json()["error"], "invalid_grant", "reuse");
    assert_eq!(refresh(next["refresh_token"].as_str().unwrap(), "growth", "").json()["error"], "invalid_grant");
    assert_eq!(stage.get(&next, "Observation").status, 401, "reuse ends the family");
    let told = fresh();
    let token = told["refresh_token"].as_str().unwrap();
    let nameless = refresh(token, "", "").expect(200).json();
    assert_eq!(nameless["scope"], told["scope"], "a public app's token says whose it is");
    assert_eq!(refresh("cr1.AAAA", "", "").json()["error"], "invalid_client");
    let told = fresh();
    let token = told["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(token, "other", "").json()["error"], "invalid_grant", "another app's");
    assert_eq!(refresh(token, "growth", "").json()["error"], "invalid_grant");
    assert_eq!(stage.get(&told, "Observation").status, 401);
}

#[test]
fn a_token_of_an_app_opens_what_its_scopes_say_and_no_other_door() {
    let stage = Stage::new();
    stage.public_app("growth");
    let told = stage.tokens("zoe", "growth", "patient/Observation.rs patient/Patient.rs openid fhirUser", "zoe");
    let cookie = format!("chartroom={}", told["access_token"].as_str().unwrap());
    for path in ["/account", "/smart/apps", "/smart/launch?patient=zoe", "/account/second-factor"] {
        let answer = stage.house.bare("GET", path, &[("Cookie", &cookie)], b"");
        assert_eq!(answer.status, 303, "{path}: an app's token is no session at pages");
    }
    for (path, status) in [
        // Another patient, by every address.
        ("Patient/ann", 404),
        ("Patient/ann/_history", 404),
        ("Patient/ann/_history/1", 404),
        ("Observation/laboratory-ann", 404),
        ("Observation/laboratory-ann/_history/1", 404),
        ("Patient/ann/Observation", 200),
        ("Patient/ann/$everything", 404),
        ("Patient?_id=ann", 200),
        ("Observation?patient=ann", 200),
        ("Observation?subject=Patient/ann", 200),
        ("Observation?patient=zoe,ann&_count=100", 200),
        ("Observation?patient.name=Ann", 200),
        ("Observation?_id=laboratory-ann", 200),
        ("Patient?_has:Observation:patient:code=2823-3", 200),
        ("Observation?_include=Observation:patient&_count=100", 200),
        ("Patient?_revinclude=Observation:patient", 200),
        ("Observation?_include=*", 200),
        ("Observation/_history", 200),
        ("_history", 200),
        ("?_type=Observation,Patient", 200),
        ("Observation?patient=zoe&_include=Observation:encounter", 200),
        // Other types.
        ("Condition/con-zoe", 403),
        ("Condition?patient=zoe", 403),
        ("Encounter/enc-zoe", 403),
        ("Encounter", 403),
        ("AuditEvent", 403),
        ("Consent", 403),
        ("Practitioner/kim", 403),
        ("Group", 403),
        ("Binary/x", 403),
    ] {
        let answer = stage.get(&told, path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        let text = answer.text();
        for hidden in ["\"ann\"", "-ann\"", "Patient/ann\"", "con-zoe", "enc-zoe", "\"Ann\""] {
            // A search repeats what was asked in its own link, and nowhere else.
            let told = text.split("\"entry\"").nth(1).unwrap_or_default();
            assert!(!told.contains(hidden), "{path} shows {hidden}: {text}");
        }
    }
    let all = stage.get(&told, "?_type=Observation,Patient,Condition&_count=100").expect(200).ids();
    assert!(all.iter().all(|id| id.contains("zoe") && !id.contains("con-")), "{all:?}");
    assert_eq!(stage.get(&told, "Observation?_summary=count").json()["total"], 2);
    assert_eq!(stage.get(&told, "Patient?_summary=count").json()["total"], 1);
}

#[test]
fn writes_stay_within_scopes_and_patient() {
    let stage = Stage::new();
    stage.public_app("growth");
    let scope = "patient/Observation.crus?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory \
                 patient/Condition.rs";
    let told = stage.tokens("kim", "growth", scope, "zoe");
    let (lab, vital) = (observation("x", "zoe", "laboratory", "1"), observation("x", "zoe", "vital-signs", "1"));
    let others = observation("x", "ann", "laboratory", "1");
    let moved = observation("laboratory-zoe", "ann", "laboratory", "1");
    let relabelled = observation("laboratory-zoe", "zoe", "vital-signs", "1");
    let taken = observation("vital-signs-zoe", "zoe", "laboratory", "1");
    let own = observation("laboratory-zoe", "zoe", "laboratory", "2");
    let condition = json!({"resourceType": "Condition", "subject": {"reference": "Patient/zoe"}});
    let bundle = |kind: &str, method: &str, url: &str, resource: &Value| {
        json!({"resourceType": "Bundle", "type": kind,
               "entry": [{"resource": resource, "request": {"method": method, "url": url}}]})
    };
    for (method, path, body, good) in [
        ("POST", "Observation", &lab, true),
        ("PUT", "Observation/laboratory-zoe", &own, true),
        ("POST", "Observation", &vital, false),
        ("POST", "Observation", &others, false),
        ("PUT", "Observation/laboratory-zoe", &moved, false),
        ("PUT", "Observation/laboratory-zoe", &relabelled, false),
        ("PUT", "Observation/vital-signs-zoe", &taken, false),
        ("PUT", "Observation/laboratory-ann", &observation("laboratory-ann", "ann", "laboratory", "1"), false),
        ("PUT", "Observation/laboratory-ann", &observation("laboratory-ann", "zoe", "laboratory", "1"), false),
        ("POST", "Condition", &condition, false),
        ("DELETE", "Observation/laboratory-zoe", &Value::Null, false),
        ("DELETE", "Observation/laboratory-ann", &Value::Null, false),
        ("POST", "", &bundle("transaction", "POST", "Observation", &vital), false),
        ("POST", "", &bundle("transaction", "POST", "Observation", &others), false),
        ("POST", "", &bundle("transaction", "PUT", "Observation/laboratory-zoe", &moved), false),
        ("POST", "", &bundle("transaction", "POST", "Observation", &lab), true),
        ("PUT", "Patient/zoe", &json!({"resourceType": "Patient", "id": "zoe"}), false),
        ("PUT", "Observation?patient=Patient/ann", &others, false),
        ("DELETE", "Observation?patient=Patient/ann", &Value::Null, false),
    ] {
        let before = stage.house.get("Observation/laboratory-ann").body;
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = stage.ask(&told, method, path, &bytes);
        let done = (200..300).contains(&answer.status);
        // A conditional delete of what is not there has done what it should.
        let is_vain = method == "DELETE" && path.contains('?');
        assert_eq!(done, good || (is_vain && done), "{method} {path} {}: {}", answer.status, answer.text());
        assert_eq!(stage.house.get("Observation/laboratory-ann").body, before, "{method} {path}");
        assert_eq!(stage.house.get("Observation/laboratory-zoe").status, 200);
    }
}

#[test]
fn shapes_of_requests_that_are_no_forms_are_refused() {
    let stage = Stage::new();
    stage.public_app("growth");
    let code = stage.code(&mut stage.browser("zoe"), "growth", "patient/Patient.rs", "zoe");
    let good = encoded(&redemption("growth", &code));
    let json = [("Content-Type", "application/json")];
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let twice = format!("{good}&grant_type=authorization_code");
    let twice_client = format!("{good}&client_id=other");
    for (method, path, headers, body, status) in [
        ("POST", "/smart/token", &json[..], good.as_bytes(), 400),
        ("POST", "/smart/token", &[][..], good.as_bytes(), 400),
        ("POST", "/smart/token", &form[..], twice.as_bytes(), 400),
        ("POST", "/smart/token", &form[..], twice_client.as_bytes(), 400),
        ("POST", "/smart/token", &form[..], &b"a=%ff"[..], 400),
        ("POST", "/smart/token", &form[..], &b""[..], 401),
        ("GET", "/smart/token", &form[..], &b""[..], 405),
        ("PUT", "/smart/token", &form[..], good.as_bytes(), 405),
        ("GET", "/smart/introspect", &[][..], &b""[..], 405),
        ("POST", "/smart/keys", &[][..], &b""[..], 405),
        ("DELETE", "/smart/authorize", &[][..], &b""[..], 405),
    ] {
        assert_eq!(stage.house.bare(method, path, headers, body).status, status, "{method} {path}");
    }
    let in_address = stage.house.bare("POST", &format!("/smart/token?{good}"), &form, b"");
    assert_eq!(in_address.status, 401, "parameters count in the body alone");
    let big = vec![b'a'; 300 << 10];
    assert_eq!(stage.house.bare("POST", "/smart/token", &form, &big).status, 413);
    assert_eq!(stage.redeem("growth", &code).status, 200, "none of these used up the code");
}

#[test]
fn what_apps_do_stands_in_the_audit() {
    let stage = Stage::new();
    stage.public_app("growth");
    let head = || stage.house.vault.head().0;
    let mut browser = stage.browser("zoe");
    let request = changed(&stage, &[]);
    let page = consent_page(&mut browser, &request);
    let (r, ticks) = (field(&page, "r").unwrap(), ticks(&page));
    let entry = |what: &str, deed: &mut dyn FnMut()| {
        let before = head();
        deed();
        assert!(head() > before, "{what}");
    };
    let deny = |browser: &mut Browser<'_>| browser.post("/smart/consent", &[("r", &r), ("decision", "deny")]);
    entry("a refusal of the person", &mut || drop(deny(&mut browser)));
    let mut code = String::new();
    let r = field(&consent_page(&mut browser, &request), "r").unwrap();
    let mut fields = vec![("r", r.as_str()), ("decision", "allow"), ("patient", "zoe")];
    fields.extend(ticks.iter().map(|tick| ("may", tick.as_str())));
    entry("an agreement", &mut || {
        let answer = browser.post("/smart/consent", &fields);
        code = value(&parameters(location(&answer).unwrap()), "code").unwrap().to_owned();
    });
    entry("a token", &mut || drop(stage.redeem("growth", &code).expect(200)));
    entry("a code used twice", &mut || drop(stage.redeem("growth", &code).expect(400)));
    entry("a wrong code", &mut || drop(stage.redeem("growth", "cc1.AAAA").expect(400)));
    // Unknown apps leave nothing: anybody could fill the log.
    let before = head();
    stage.redeem("nobody", &code).expect(401);
    assert_eq!(head(), before);
    for _ in 0..40 {
        stage.redeem("growth", "cc1.AAAA").expect(400);
    }
    assert!(head() - before <= 30, "failures of one app are noted in bounds");
}
