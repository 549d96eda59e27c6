//! Who signed in (OpenID Connect Core 1.0): identity tokens signed with RS256, the key that checks them, and `userinfo`.

use super::answer_json;
use super::client::refuse;
use crate::answer::Outcome;
use crate::gate;
use crate::server::Shared;
use crate::sign_in::Asked;
use axum::http::StatusCode;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::Json;
use vault::Error;
use vault::access::Account;
use vault::access::scopes::{Scopes, Word};

/// How long an identity token counts, in seconds.
const LASTS_SECONDS: i64 = 300;

/// Whom a person can be in the record, the first that fits (SMART App Launch 2.2 "Scopes for requesting identity data").
const PERSONS: [&str; 4] = ["Practitioner/", "PractitionerRole/", "Patient/", "RelatedPerson/"];

/// The identity token of an account, for an app.
pub fn token(
    shared: &Shared,
    account: &Account,
    client: &str,
    scopes: &Scopes,
    nonce: Option<&str>,
) -> Result<String, Error> {
    let text = |text: &str| Json::string(text.to_owned());
    let now = shared.vault.clock().now().0.div_euclid(1_000);
    let header =
        Json::object([("alg", text("RS256")), ("typ", text("JWT")), ("kid", text(&shared.vault.signing_key()?.id))]);
    let mut claims = vec![
        ("iss", text(&shared.base)),
        ("aud", text(client)),
        ("iat", Json::number(now)),
        ("exp", Json::number(now + LASTS_SECONDS)),
    ];
    claims.extend(nonce.map(|nonce| ("nonce", text(nonce))));
    claims.extend(person(shared, account, scopes));
    let coded = |json: Json<'_>| URL_SAFE_NO_PAD.encode(json.to_bytes());
    let signed = format!("{}.{}", coded(header), coded(Json::object(claims)));
    let signature = shared.vault.sign(signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// What an app with these scopes may know of a person.
fn person(shared: &Shared, account: &Account, scopes: &Scopes) -> Vec<(&'static str, Json<'static>)> {
    let mut said = vec![("sub", Json::string(account.id.clone()))];
    let own = fhir_user(account).map(|reference| format!("{}/{reference}", shared.base));
    if let Some(own) = own.filter(|_| scopes.has(Word::FhirUser) || scopes.has(Word::Profile)) {
        said.push(("fhirUser", Json::string(own.clone())));
        said.push(("profile", Json::string(own)));
    }
    if scopes.has(Word::Profile) {
        said.push(("name", Json::string(account.name.clone())));
    }
    said
}

/// Whom an account is in the record.
pub fn fhir_user(account: &Account) -> Option<&str> {
    let of = |kind: &&str| account.stands_for.iter().find(|reference| reference.starts_with(*kind));
    PERSONS.iter().find_map(of).map(String::as_str)
}

/// The key that checks identity tokens (RFC 7517).
pub fn keys(shared: &Shared) -> Outcome {
    let key = shared.vault.signing_key()?;
    let key = Json::object(
        [
            ("kty", "RSA".to_owned()),
            ("use", "sig".to_owned()),
            ("alg", "RS256".to_owned()),
            ("kid", key.id),
            ("n", URL_SAFE_NO_PAD.encode(key.modulus)),
            ("e", URL_SAFE_NO_PAD.encode(key.exponent)),
        ]
        .map(|(name, value)| (name, Json::string(value))),
    );
    Ok(answer_json(StatusCode::OK, &Json::object([("keys", Json::Array(vec![key]))])))
}

/// `userinfo` (OpenID Connect Core 1.0 section 5.3).
pub fn user_info(shared: &Shared, asked: &Asked) -> Outcome {
    let Some((session, _)) = gate::session(&shared.vault, &asked.parts.headers) else {
        let message = "the access token is none, or no longer good";
        return Ok(refuse(&Refusal::new(Kind::Unauthenticated, "invalid_token", message).into(), "userinfo"));
    };
    let scopes = Scopes::parse(&session.scopes);
    let account = shared.vault.account(&session.account)?.filter(|_| scopes.has(Word::OpenId));
    let Some(account) = account else {
        let message = "the access token has not the scope openid";
        return Ok(refuse(&Refusal::new(Kind::Forbidden, "insufficient_scope", message).into(), "userinfo"));
    };
    Ok(answer_json(StatusCode::OK, &Json::object(person(shared, &account, &scopes))))
}
