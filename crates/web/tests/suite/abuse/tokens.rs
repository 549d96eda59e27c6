//! Families T: what is shown at the door in the place of a token.

use super::{Case, PLANTED, hospital};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Headers of JWTs that somebody might hope are believed.
const HEADERS: [&str; 10] = [
    r#"{"alg":"none"}"#,
    r#"{"alg":"None","typ":"JWT"}"#,
    r#"{"alg":"HS256","kid":"../../../../dev/null"}"#,
    r#"{"alg":"HS256","kid":"' UNION SELECT 'k"}"#,
    r#"{"alg":"HS256","kid":"https://evil.example/key"}"#,
    r#"{"alg":"RS256","jku":"https://evil.example/jwks"}"#,
    r#"{"alg":"RS256","x5u":"https://evil.example/cert"}"#,
    r#"{"alg":"RS256","jwk":{"kty":"oct","k":"AA"}}"#,
    r#"{"alg":"ES256"}"#,
    r#"{"alg":"RS256","alg":"none"}"#,
];

/// What stands after `Authorization:`.
const CREDENTIALS: [&str; 16] = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer null",
    "Bearer undefined",
    "Bearer operator",
    "Bearer *",
    "Bearer ' OR 1=1 --",
    "bearer {t}x",
    "Bearer {t}, Bearer {t}",
    "Bearer  {t}x",
    "Token {t}",
    "Basic {t}",
    "Digest username=\"operator\"",
    "Negotiate {t}",
    "Bearer {u}",
];

/// How many cases stand here.
pub fn count() -> usize {
    HEADERS.len() * 2 + CREDENTIALS.len() + 4
}

#[test]
fn what_is_no_token_opens_nothing() {
    let stage = hospital();
    let token = stage.house.token.clone();
    let mut shown: Vec<String> =
        CREDENTIALS.iter().map(|text| text.replace("{t}", &token).replace("{u}", &token[..token.len() - 1])).collect();
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = part(r#"{"sub":"operator","scope":"system/*.*","iss":"self","exp":4102444800}"#);
    for header in HEADERS {
        shown.push(format!("Bearer {}.{claims}.", part(header)));
        shown.push(format!("Bearer {}.{claims}.{}", part(header), URL_SAFE_NO_PAD.encode([0; 64])));
    }
    shown.push(format!("Bearer {}", "a".repeat(8_192)));
    shown.push(format!("Bearer {}", token.to_uppercase()));
    shown.push(format!("Bearer {token}\u{e9}"));
    shown.push(format!("Bearer {}", token.chars().rev().collect::<String>()));
    assert_eq!(shown.len(), count());
    for credential in shown {
        let answer = Case::get("T01", "Patient/zoe").with("Authorization", &credential).ask(&stage, None, ("", ""));
        assert!([400, 401].contains(&answer.status), "{credential}: {}", answer.status);
        assert!(!answer.text().contains(PLANTED), "{credential}");
    }
    assert_eq!(stage.house.get("Patient/zoe").status, 200);
}

#[test]
fn what_is_in_a_cookie_opens_pages_and_nothing_else() {
    let stage = hospital();
    let browser = stage.browser("zoe");
    assert!(!browser.cookies.is_empty());
    for value in browser.cookies.values() {
        let credential = format!("Bearer {value}");
        for path in ["Patient/zoe", "Patient/zoe/$everything", "AuditEvent?patient=Patient/zoe"] {
            let answer = Case::get("T09", path).with("Authorization", &credential).ask(&stage, None, ("", ""));
            assert_eq!(answer.status, 401, "{path}");
        }
    }
}
