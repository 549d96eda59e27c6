//! What an identity token must say to be believed (OpenID Connect Core 1.0 section 3.1.3.7). Signatures are checked by the
//! library `jsonwebtoken`, with the provider's own keys; what a token says of keys (`jwk`, `jku`, `x5c`) is never followed.

use super::discovery::Doors;
use super::settings::Provider;
use crate::egress::Reach;
use crate::jwk;
use crate::server::Shared;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::Json;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde::de::IgnoredAny;
use vault::access::Roles;

/// Longer tokens are refused without a look.
const BYTES_MAX: usize = 32 << 10;

/// How far clocks may differ, and how old a token may be, in seconds.
const SKEW_SECONDS: i64 = 60;
const AGE_SECONDS_MAX: i64 = 600;

/// Longest subject (section 2).
const SUBJECT_BYTES_MAX: usize = 255;

/// What a token says, believed.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// Who it is.
    pub subject: String,
    /// The roles that the provider grants; `None`: it has no say.
    pub roles: Option<Roles>,
    /// Whether two factors were shown.
    pub is_strong: bool,
}

/// Reads a token. Says why it is not believed.
pub async fn read(
    shared: &Shared,
    provider: &Provider,
    doors: &Doors,
    text: &str,
    nonce: &str,
) -> Result<Said, &'static str> {
    if text.len() > BYTES_MAX {
        return Err("the token is longer than 32 KiB");
    }
    let header = decode_header(text).map_err(|_| "the token is not signed as JWTs are")?;
    check_header(&header, provider)?;
    let hosts = provider.hosts();
    let reach = Reach::of_hosts(&shared.settings, &hosts);
    let clock = shared.vault.clock();
    let set = shared.providers.of(provider).keys.set(&reach, clock, &doors.keys, header.kid.as_deref()).await?;
    let key = jwk::find(&set, &header).ok_or("none of the provider's keys is the one of the token")?;
    let mut validation = Validation::new(header.alg);
    // All it says is checked below, by the clock that tests own.
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    validation.required_spec_claims.clear();
    decode::<IgnoredAny>(text, &key, &validation).map_err(|_| "the token's signature is wrong")?;
    let claims = text.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.ok_or("the token's claims cannot be read")?;
    let claims = Json::parse(&claims).map_err(|_| "the token's claims are no JSON, or one stands twice")?;
    believe(provider, &claims, nonce, clock.now().0.div_euclid(1_000))
}

fn check_header(header: &Header, provider: &Provider) -> Result<(), &'static str> {
    if !provider.algorithms().contains(&header.alg) {
        return Err("the token's alg is none that the configuration takes");
    }
    if header.crit.is_some() {
        return Err("the token's header has crit, of which nothing is understood here");
    }
    if header.typ.as_ref().is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
        return Err("the token is of another type than identity tokens are");
    }
    Ok(())
}

/// Checks claims whose signature is right. `now` in seconds.
fn believe(provider: &Provider, claims: &Json<'_>, nonce: &str, now: i64) -> Result<Said, &'static str> {
    if claims.text("iss") != Some(&provider.issuer) {
        return Err("the token is of another issuer");
    }
    let is_ours = match claims.get("aud") {
        Some(Json::Array(all)) => matches!(all.as_slice(), [one] if one.as_str() == Some(&provider.client)),
        Some(one) => one.as_str() == Some(&provider.client),
        None => false,
    };
    if !is_ours || claims.get("azp").is_some_and(|party| party.as_str() != Some(&provider.client)) {
        return Err("the token is for somebody else, or for several");
    }
    let seconds = |name: &str| claims.get(name).and_then(Json::as_number).and_then(whole_seconds);
    let (ends, began) = (seconds("exp").ok_or("the token has no exp")?, seconds("iat").ok_or("the token has no iat")?);
    if ends <= now - SKEW_SECONDS || began < now - AGE_SECONDS_MAX - SKEW_SECONDS {
        return Err("the token has ended, or is older than ten minutes");
    }
    let from = claims.get("nbf").map(|_| seconds("nbf").unwrap_or(i64::MAX));
    if [Some(began), from].into_iter().flatten().any(|from| from > now + SKEW_SECONDS) {
        return Err("the token is from the future; compare the clocks of both servers");
    }
    let said = claims.text("nonce").unwrap_or_default();
    if nonce.is_empty() || verify_slices_are_equal(said.as_bytes(), nonce.as_bytes()).is_err() {
        return Err("the token's nonce is not the one that was sent");
    }
    if let Some(most) = provider.max_age_seconds {
        // Section 3.1.3.7, 13: without it nobody knows how long ago they showed who they are.
        let shown = seconds("auth_time").ok_or("the token has no auth_time, which was asked for by max_age")?;
        if !(now - i64::from(most) - SKEW_SECONDS..=now + SKEW_SECONDS).contains(&shown) {
            return Err("its person signed in there longer ago than max_age allows, or in the future");
        }
    }
    let subject = claims.text(&provider.subject).filter(|text| (1..=SUBJECT_BYTES_MAX).contains(&text.len()));
    let subject = subject.ok_or("the token has not the claim that names people, or it is no text of 255 bytes")?;
    Ok(Said {
        subject: subject.to_owned(),
        roles: provider.granted(|claim| words(claims, claim)),
        is_strong: provider.second_factor.is_shown(&words(claims, "amr"), claims.text("acr")),
    })
}

/// A claim's words: a text, or a list of texts.
fn words<'a>(claims: &'a Json<'_>, name: &str) -> Vec<&'a str> {
    match claims.get(name) {
        Some(Json::Array(all)) => all.iter().filter_map(Json::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => Vec::new(),
    }
}

/// Seconds since 1970 without their fraction (RFC 7519 section 2, NumericDate).
fn whole_seconds(text: &str) -> Option<i64> {
    text.split('.').next()?.parse().ok()
}
