//! SMART Backend Services: apps that act by themselves, and every way to pretend to be one.

use crate::house::Answer;
use crate::stage::{REDIRECT, Stage, VERIFIER};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::OnceLock;
use vault::access::apps::Proof;

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Keys are dear to make: the same for all tests.
fn rsa() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

fn other_rsa() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

fn ec() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
}

fn code(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key_set() -> Value {
    let (rsa, ec) = (rsa().public_key(), ec().public_key().as_ref());
    json!({"keys": [
        {"kty": "RSA", "kid": "rsa", "alg": "RS384", "use": "sig", "key_ops": ["verify"],
         "n": code(rsa.modulus().big_endian_without_leading_zero()),
         "e": code(rsa.exponent().big_endian_without_leading_zero())},
        {"kty": "EC", "kid": "ec", "crv": "P-384", "x": code(&ec[1..49]), "y": code(&ec[49..])},
        {"kty": "RSA", "kid": "for-encryption", "use": "enc", "n": code(rsa.modulus().big_endian_without_leading_zero()), "e": "AQAB"},
        {"kty": "RSA", "kid": "weak", "n": code([0xff; 128]), "e": "AQAB"},
        {"kty": "oct", "kid": "oct", "k": code([7; 32])}
    ]})
}

#[derive(Clone, Copy)]
enum Sign {
    Rs384,
    Rs256,
    Es384,
    Other,
    Hs256,
    Zero,
    Nothing,
}

fn sign(how: Sign, header: &Value, claims: &str) -> String {
    let message = format!("{}.{}", code(header.to_string()), code(claims));
    let by = |key: &RsaKeyPair, scheme| {
        let mut out = vec![0; key.public_modulus_len()];
        key.sign(scheme, &SystemRandom::new(), message.as_bytes(), &mut out).unwrap();
        out
    };
    let signature = match how {
        Sign::Rs384 => by(rsa(), &RSA_PKCS1_SHA384),
        Sign::Rs256 => by(rsa(), &RSA_PKCS1_SHA256),
        Sign::Other => by(other_rsa(), &RSA_PKCS1_SHA384),
        Sign::Es384 => ec().sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
        Sign::Hs256 => {
            let public = rsa().public_key().as_der().unwrap();
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_ref());
            aws_lc_rs::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
        }
        Sign::Zero => vec![0; 96],
        Sign::Nothing => Vec::new(),
    };
    format!("{message}.{}", code(signature))
}

/// A hospital with an app that signs for itself.
pub struct Backend {
    pub stage: Stage,
    number: std::cell::Cell<u32>,
}

impl Backend {
    fn new() -> Backend {
        Backend::with(Proof::Keys(key_set().to_string()), |_| {})
    }

    fn with(proof: Proof, change: impl FnOnce(&mut web::Settings)) -> Backend {
        Backend::of("system/Patient.rs system/Observation.rs", proof, change)
    }

    fn of(scopes: &str, proof: Proof, change: impl FnOnce(&mut web::Settings)) -> Backend {
        let stage = Stage::with(change);
        stage.backend_app("backend", scopes, proof);
        Backend { stage, number: std::cell::Cell::new(0) }
    }

    /// One that may ask for these scopes.
    pub fn scoped(scopes: &str, change: impl FnOnce(&mut web::Settings)) -> Backend {
        Backend::of(scopes, Proof::Keys(key_set().to_string()), change)
    }

    /// A token with scopes.
    pub fn told(&self, scope: &str) -> Value {
        self.ask(&self.good(), scope).expect(200).json()
    }

    fn now(&self) -> i64 {
        self.stage.clock.now().0 / 1_000
    }

    fn token_url(&self) -> String {
        self.stage.house.base().replace("/fhir", "/smart/token")
    }

    fn claims(&self) -> Value {
        self.number.set(self.number.get() + 1);
        json!({"iss": "backend", "sub": "backend", "aud": self.token_url(), "exp": self.now() + 240,
               "jti": format!("j-{}", self.number.get())})
    }

    fn good(&self) -> String {
        sign(Sign::Rs384, &json!({"alg": "RS384", "kid": "rsa", "typ": "JWT"}), &self.claims().to_string())
    }

    fn ask(&self, statement: &str, scope: &str) -> Answer {
        self.ask_with(&[("client_assertion", statement), ("scope", scope)])
    }

    fn ask_with(&self, fields: &[(&str, &str)]) -> Answer {
        let own = [("grant_type", "client_credentials"), ("client_assertion_type", ASSERTION)];
        self.stage.token(&[&own, fields].concat(), &[])
    }
}

#[test]
fn a_backend_service_signs_and_sees_what_its_scopes_say() {
    let backend = Backend::new();
    let rs384 = backend.ask(&backend.good(), "system/Patient.rs").expect(200).json();
    assert_eq!((&rs384["scope"], &rs384["expires_in"]), (&json!("system/Patient.rs"), &json!(300)));
    assert!(rs384.get("refresh_token").is_none() && rs384.get("patient").is_none());
    let es384 = sign(Sign::Es384, &json!({"alg": "ES384", "kid": "ec"}), &backend.claims().to_string());
    let told = backend.ask(&es384, "system/*.rs openid launch/patient user/*.rs patient/*.rs").expect(200).json();
    assert_eq!(told["scope"], "system/Patient.rs system/Observation.rs");
    let mut all = backend.stage.get(&told, "Patient").expect(200).ids();
    all.sort();
    assert_eq!(all, ["ann", "zoe"]);
    assert_eq!(backend.stage.get(&rs384, "Observation").status, 403);
    assert_eq!(backend.stage.get(&told, "Condition").status, 403);
    assert_eq!(backend.stage.ask(&told, "DELETE", "Patient/zoe", b"").status, 403);
    for scope in ["", "openid", "user/*.rs", "system/Condition.rs", "system/Patient.cud", "nonsense"] {
        assert_eq!(backend.ask(&backend.good(), scope).json()["error"], "invalid_scope", "{scope}");
    }
    let other = backend.ask(&backend.good(), "system/Patient.rs").expect(200).json();
    let (statement, token) = (backend.good(), other["access_token"].as_str().unwrap());
    let fields = [("client_assertion_type", ASSERTION), ("client_assertion", &statement), ("token", token)];
    backend.stage.form("/smart/revoke", &fields, &[]).expect(200);
    assert_eq!((backend.stage.get(&other, "Patient").status, backend.stage.get(&told, "Patient").status), (401, 200));
    backend.stage.clock.advance(301_000);
    assert_eq!(backend.stage.get(&told, "Patient").status, 401);
    // One that signs may be given a user's agreement too, and shows itself the same way there.
    let own = [("grant_type", "authorization_code"), ("client_assertion_type", ASSERTION)];
    let rest = [("code", "cc1.AAAA"), ("redirect_uri", REDIRECT), ("code_verifier", VERIFIER)];
    let statement = backend.good();
    let fields = [&own[..], &rest[..], &[("client_assertion", statement.as_str())]].concat();
    assert_eq!(backend.stage.token(&fields, &[]).json()["error"], "invalid_grant");
}

#[test]
fn a_statement_counts_once() {
    let backend = Backend::new();
    let statement = backend.good();
    backend.ask(&statement, "system/Patient.rs").expect(200);
    assert_eq!(backend.ask(&statement, "system/Patient.rs").expect(401).json()["error"], "invalid_client");
    // The same jti in another statement is used up too.
    let mut claims = backend.claims();
    claims["jti"] = json!("j-1");
    let again = sign(Sign::Es384, &json!({"alg": "ES384", "kid": "ec"}), &claims.to_string());
    assert_eq!(backend.ask(&again, "system/Patient.rs").status, 401);
    backend.ask(&backend.good(), "system/Patient.rs").expect(200);
}

/// What is wrong, how it is signed, header, claims.
type Case = (&'static str, Sign, Value, String);

fn wrong_statements(backend: &Backend) -> Vec<Case> {
    let rs384 = json!({"alg": "RS384", "kid": "rsa"});
    let (now, url) = (backend.now(), backend.token_url());
    let other_url = url.replace("token", "introspect");
    let base = backend.stage.house.base();
    let with = |name: &str, value: Value| {
        let mut claims = backend.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims.to_string()
    };
    let plain = || backend.claims().to_string();
    let twice = |name: &str, value: &str| plain().replacen('{', &format!("{{\"{name}\":{value},"), 1);
    let header = |change: Value| {
        let mut header = rs384.clone();
        change.as_object().unwrap().iter().for_each(|(name, value)| header[name] = value.clone());
        header
    };
    let own_jwk = json!({"kty": "RSA", "n": code(other_rsa().public_key().modulus().big_endian_without_leading_zero()), "e": "AQAB"});
    vec![
        // Algorithms.
        ("none", Sign::Nothing, header(json!({"alg": "none"})), plain()),
        ("None", Sign::Nothing, header(json!({"alg": "None"})), plain()),
        ("no signature", Sign::Nothing, rs384.clone(), plain()),
        ("HS256 with the public key", Sign::Hs256, header(json!({"alg": "HS256"})), plain()),
        ("HS384", Sign::Hs256, header(json!({"alg": "HS384"})), plain()),
        ("HS256 by a shared key", Sign::Hs256, header(json!({"alg": "HS256", "kid": "oct"})), plain()),
        ("RS256", Sign::Rs256, header(json!({"alg": "RS256"})), plain()),
        ("RS256 said to be RS384", Sign::Rs256, rs384.clone(), plain()),
        ("PS384", Sign::Rs384, header(json!({"alg": "PS384"})), plain()),
        ("ES384 with the RSA key", Sign::Rs384, header(json!({"alg": "ES384"})), plain()),
        ("RS384 with the EC key", Sign::Es384, header(json!({"kid": "ec"})), plain()),
        ("r = s = 0", Sign::Zero, json!({"alg": "ES384", "kid": "ec"}), plain()),
        ("no alg", Sign::Rs384, json!({"kid": "rsa"}), plain()),
        // Keys.
        ("somebody else's key", Sign::Other, rs384.clone(), plain()),
        ("no kid", Sign::Rs384, json!({"alg": "RS384"}), plain()),
        ("unknown kid", Sign::Rs384, header(json!({"kid": "other"})), plain()),
        ("kid as a path", Sign::Rs384, header(json!({"kid": "../../../dev/null"})), plain()),
        ("kid as SQL", Sign::Rs384, header(json!({"kid": "x' UNION SELECT 1 --"})), plain()),
        ("kid as an address", Sign::Other, header(json!({"kid": "https://evil.example/jwks"})), plain()),
        ("a key for encryption", Sign::Rs384, header(json!({"kid": "for-encryption"})), plain()),
        ("a weak key", Sign::Rs384, header(json!({"kid": "weak"})), plain()),
        ("own jwk", Sign::Other, header(json!({"jwk": own_jwk})), plain()),
        ("jku", Sign::Rs384, header(json!({"jku": "https://evil.example/jwks"})), plain()),
        ("crit", Sign::Rs384, header(json!({"crit": ["exp"]})), plain()),
        // Claims.
        ("no iss", Sign::Rs384, rs384.clone(), with("iss", Value::Null)),
        ("another iss", Sign::Rs384, rs384.clone(), with("iss", json!("other"))),
        ("no sub", Sign::Rs384, rs384.clone(), with("sub", Value::Null)),
        ("another sub", Sign::Rs384, rs384.clone(), with("sub", json!("other"))),
        ("no aud", Sign::Rs384, rs384.clone(), with("aud", Value::Null)),
        ("aud is the base", Sign::Rs384, rs384.clone(), with("aud", json!(base))),
        ("aud is another place", Sign::Rs384, rs384.clone(), with("aud", json!(other_url))),
        ("aud of another server", Sign::Rs384, rs384.clone(), with("aud", json!("https://evil.example/smart/token"))),
        ("aud is a list of two", Sign::Rs384, rs384.clone(), with("aud", json!([url, "https://evil.example"]))),
        ("aud is an empty list", Sign::Rs384, rs384.clone(), with("aud", json!([]))),
        ("no exp", Sign::Rs384, rs384.clone(), with("exp", Value::Null)),
        ("exp is past", Sign::Rs384, rs384.clone(), with("exp", json!(now - 31))),
        ("exp in 10 years", Sign::Rs384, rs384.clone(), with("exp", json!(now + 315_360_000))),
        ("exp in 6 minutes", Sign::Rs384, rs384.clone(), with("exp", json!(now + 360))),
        ("exp is text", Sign::Rs384, rs384.clone(), with("exp", json!((now + 240).to_string()))),
        ("exp is huge", Sign::Rs384, rs384.clone(), with("exp", json!(i64::MAX))),
        ("exp is broken", Sign::Rs384, rs384.clone(), with("exp", json!(1e300))),
        ("no jti", Sign::Rs384, rs384.clone(), with("jti", Value::Null)),
        ("empty jti", Sign::Rs384, rs384.clone(), with("jti", json!(""))),
        ("jti is a number", Sign::Rs384, rs384.clone(), with("jti", json!(7))),
        ("long jti", Sign::Rs384, rs384.clone(), with("jti", json!("x".repeat(256)))),
        ("nbf is to come", Sign::Rs384, rs384.clone(), with("nbf", json!(now + 60))),
        ("iat is to come", Sign::Rs384, rs384.clone(), with("iat", json!(now + 60))),
        ("sub twice", Sign::Rs384, rs384.clone(), twice("sub", "\"other\"")),
        ("aud twice", Sign::Rs384, rs384.clone(), twice("aud", "\"x\"")),
        ("exp twice", Sign::Rs384, rs384.clone(), twice("exp", "1")),
        ("no claims", Sign::Rs384, rs384.clone(), "[]".to_owned()),
        ("no JSON", Sign::Rs384, rs384.clone(), "x".to_owned()),
        ("8 KiB", Sign::Rs384, header(json!({"typ": "x".repeat(9_000)})), plain()),
    ]
}

#[test]
fn a_statement_that_is_not_quite_right_is_none() {
    let backend = Backend::new();
    for (what, how, header, claims) in wrong_statements(&backend) {
        let answer = backend.ask(&sign(how, &header, &claims), "system/Patient.rs");
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (401, &json!("invalid_client")),
            "{what}: {}",
            answer.text()
        );
        assert!(!answer.text().contains("evil"), "{what}");
    }
    backend.ask(&backend.good(), "system/Patient.rs").expect(200);
}

#[test]
fn a_statement_of_another_shape_is_none() {
    let backend = Backend::new();
    let good = backend.good();
    let parts: Vec<&str> = good.split('.').collect();
    for text in [
        "",
        "..",
        "a.b.c",
        &parts[..2].join("."),
        &format!("{good}."),
        &format!("{good}.x"),
        &good.replace('.', " "),
        &format!("{}={}", parts[0], &good[parts[0].len()..]),
    ] {
        let status = backend.ask(text, "system/Patient.rs").status;
        assert_eq!(status, 401, "{text}");
    }
    for (name, value) in
        [("client_assertion_type", "x"), ("client_id", "other"), ("client_secret", "x"), ("grant_type", "x")]
    {
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION),
            ("scope", "system/Patient.rs"),
        ];
        let statement = backend.good();
        fields.push(("client_assertion", &statement));
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value));
        assert!([400, 401].contains(&backend.stage.token(&fields, &[]).status), "{name}");
    }
    let both = [("Authorization", "Basic YTpi")];
    let statement = backend.good();
    let fields =
        [("grant_type", "client_credentials"), ("client_assertion_type", ASSERTION), ("client_assertion", &statement)];
    assert_eq!(backend.stage.token(&fields, &both).status, 400, "two ways at once");
    backend.ask(&backend.good(), "system/Patient.rs").expect(200);
}

/// A server that answers every request with the same bytes. Answers its address, and stops when it has answered so often.
fn serve(times: usize, answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/jwks", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for _ in 0..times {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let _ = stream.read(&mut [0; 2_048]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn keys_are_fetched_from_the_registered_address() {
    let ok = |body: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=60\r\n\r\n{body}")
    };
    let address = serve(1, ok(&key_set().to_string()));
    let backend = Backend::with(Proof::KeysAt(address.clone()), |settings| settings.private_addresses = true);
    backend.ask(&backend.good(), "system/Patient.rs").expect(200);
    // The server answers once: the second time the set is remembered.
    let with_jku = json!({"alg": "RS384", "kid": "rsa", "jku": address});
    let statement = sign(Sign::Rs384, &with_jku, &backend.claims().to_string());
    backend.ask(&statement, "system/Patient.rs").expect(200);
    for (what, answer, is_allowed) in [
        ("a private address", ok(&key_set().to_string()), false),
        ("a redirect", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n".to_owned(), true),
        ("an error", "HTTP/1.1 500 x\r\n\r\n".to_owned(), true),
        ("no JSON", ok("<html>"), true),
        ("no keys", ok("{}"), true),
        ("too much", ok(&format!("{{\"keys\":[{}]}}", " ".repeat(300 << 10))), true),
        ("no HTTP", "hello".to_owned(), true),
        ("nothing", String::new(), true),
    ] {
        let address = serve(1, answer);
        let backend = Backend::with(Proof::KeysAt(address), |settings| settings.private_addresses = is_allowed);
        let answer = backend.ask(&backend.good(), "system/Patient.rs");
        assert_eq!(answer.json()["error"], "invalid_client", "{what}");
    }
}
