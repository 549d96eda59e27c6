//! Statements signed with an app's private key (RFC 7523; SMART App Launch 2.2 "Client Authentication: Asymmetric").
//!
//! Signatures are checked by the library `jsonwebtoken`; what a statement must say is checked here. Keys come from the
//! app's registration alone: what a statement says of keys (`jwk`, `x5c`, `x5u`) is never followed.

use super::Place;
use super::client::unknown;
use super::keys::Fetched;
use crate::jwk;
use crate::server::Shared;
use base::clock::Instant;
use base::refusal::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::Json;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde::Deserialize;
use vault::Error;
use vault::access::apps::{App, Proof};

/// Longer statements are refused without a look.
const BYTES_MAX: usize = 8 << 10;

/// How far ahead a statement may end, and how far clocks may differ, in seconds.
const LASTS_SECONDS: i64 = 300;
const SKEW_SECONDS: i64 = 30;

const JTI_BYTES_MAX: usize = 255;

/// What a statement says. A name that stands twice makes it none.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    jti: String,
    nbf: Option<i64>,
    iat: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The client id that a statement names; nothing of it is believed yet.
pub fn name(statement: &str) -> Option<String> {
    let said = Some(statement).filter(|text| text.len() <= BYTES_MAX)?.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(said).ok()?;
    Json::parse(&claims).ok()?.text("iss").map(str::to_owned)
}

/// The name of the key that a statement says it was signed with.
pub fn key_name(statement: &str) -> Option<String> {
    decode_header(Some(statement).filter(|text| text.len() <= BYTES_MAX)?).ok()?.kid
}

/// Refuses a statement that does not show that an app is itself, and uses it up.
pub fn check(shared: &Shared, app: &App, statement: &str, fetched: Option<&Fetched>) -> Result<(), Error> {
    if statement.len() > BYTES_MAX {
        return Err(unknown("the statement is longer than 8 KiB").into());
    }
    let header = decode_header(statement).map_err(|_| unknown("the statement is no JWT signed with RS384 or ES384"))?;
    check_header(&header, app)?;
    let set = match &app.registration.proof {
        Proof::Keys(keys) => keys.clone(),
        Proof::KeysAt(_) => fetched.ok_or_else(|| unknown("the app's keys were not fetched"))?.keys(app)?,
        Proof::Public | Proof::Secret(_) => return Err(unknown("the app has no keys").into()),
    };
    let key = jwk::find(&set, &header).ok_or_else(|| unknown("none of the app's keys is the one of the statement"))?;
    // Times are checked below, by the clock that tests own; the audience there too, whole.
    let mut validation = Validation::new(header.alg);
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let token = decode::<Claims>(statement, &key, &validation);
    let claims = token.map_err(|_| unknown("the statement's signature or form is wrong"))?.claims;
    check_claims(shared, app, &claims)?;
    let until = Instant((claims.exp + SKEW_SECONDS).saturating_mul(1_000));
    shared.vault.use_assertion(app, &claims.jti, until)
}

fn check_header(header: &Header, app: &App) -> Result<(), Refusal> {
    if !matches!(header.alg, Algorithm::RS384 | Algorithm::ES384) {
        return Err(unknown("the statement's alg must be RS384 or ES384"));
    }
    if header.crit.is_some() || header.kid.is_none() {
        return Err(unknown("the statement's header has no kid, or has crit, of which nothing is understood here"));
    }
    let registered = match &app.registration.proof {
        Proof::KeysAt(address) => Some(address),
        Proof::Public | Proof::Secret(_) | Proof::Keys(_) => None,
    };
    if header.jku.is_some() && header.jku.as_ref() != registered {
        return Err(unknown("the statement's jku is not the address that was registered for the app's keys"));
    }
    Ok(())
}

fn check_claims(shared: &Shared, app: &App, claims: &Claims) -> Result<(), Refusal> {
    if claims.iss != app.id || claims.sub != app.id {
        return Err(unknown("the statement's iss and sub must both be the client id"));
    }
    let token = Place::Token.address(&shared.settings.public_url);
    let is_ours = match &claims.aud {
        Audience::One(aud) => *aud == token,
        Audience::Several(all) => matches!(all.as_slice(), [one] if *one == token),
    };
    if !is_ours {
        return Err(unknown("the statement's aud must be the address of the token endpoint, and nothing else"));
    }
    if claims.jti.is_empty() || claims.jti.len() > JTI_BYTES_MAX {
        return Err(unknown("the statement's jti is empty or longer than 255 bytes"));
    }
    let now = shared.vault.clock().now().0.div_euclid(1_000);
    if claims.exp <= now - SKEW_SECONDS || claims.exp > now + LASTS_SECONDS + SKEW_SECONDS {
        return Err(unknown("the statement has ended, or ends more than 5 minutes from now"));
    }
    if [claims.nbf, claims.iat].into_iter().flatten().any(|from| from > now + SKEW_SECONDS) {
        return Err(unknown("the statement is from the future; set the app's clock"));
    }
    Ok(())
}
