//! Public keys of others: JSON Web Key Sets (RFC 7517). What was fetched is kept as long as its server says, an hour at most,
//! and fetched again for a key that is not in it, not more often than every few seconds. Where that fails, see [`Kept`].

use crate::egress::{self, Reach};
use crate::kept::Kept;
use base::clock::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::Json;
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

const KEPT_MS: i64 = 5 * 60_000;
const KEPT_MS_MAX: i64 = 60 * 60_000;

/// Keys of a set that are looked at.
const KEYS_MAX: usize = 100;

/// Fewest bytes of an RSA modulus (SMART asks 2,048 bits, and so does RFC 7518 section 3.3).
const MODULUS_BYTES_MIN: usize = 256;
const MODULUS_BYTES_MAX: usize = 1_024;

/// Sets that were fetched, by address.
#[derive(Default)]
pub struct Known(Mutex<HashMap<String, Arc<Kept<String>>>>);

impl Known {
    /// The set at an address, fetched where it is not known or has no key of the name that is wanted.
    pub async fn set(
        &self,
        reach: &Reach<'_>,
        clock: &Clock,
        address: &str,
        wanted: Option<&str>,
    ) -> Result<String, &'static str> {
        let has_it = |set: &String| wanted.is_none_or(|wanted| names(set, wanted));
        let fetch = || async {
            let answer = egress::get(reach, address).await?;
            if !is_set(&answer.body) {
                return Err("its answer is no set of keys");
            }
            Ok((answer.body, answer.max_age_ms.map_or(KEPT_MS, |age| age.clamp(0, KEPT_MS_MAX))))
        };
        self.at(address).get(clock, has_it, fetch).await
    }

    fn at(&self, address: &str) -> Arc<Kept<String>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(address.to_owned()).or_default().clone()
    }
}

fn is_set(text: &str) -> bool {
    Json::parse(text.as_bytes()).is_ok_and(|set| matches!(set.get("keys"), Some(Json::Array(_))))
}

fn names(set: &str, wanted: &str) -> bool {
    let set = Json::parse(set.as_bytes()).ok();
    let keys = set.as_ref().and_then(|set| set.get("keys")).map_or(&[][..], Json::items);
    keys.iter().any(|key| key.text("kid") == Some(wanted))
}

/// The one key of a set that a header names, if it is one for its algorithm. A header that names none means the only key of
/// the set that can be meant (OpenID Connect Core 1.0 section 10.1).
pub fn find(set: &str, header: &Header) -> Option<DecodingKey> {
    let set = Json::parse(set.as_bytes()).ok()?;
    let keys = set.get("keys")?.items();
    let is_named = |key: &&Json<'_>| header.kid.is_none() || key.text("kid") == header.kid.as_deref();
    let mut meant = keys.iter().take(KEYS_MAX).filter(|key| is_named(key) && fits(key, header.alg));
    let key = meant.next()?;
    // Two keys of one name: nobody knows which is meant.
    if meant.next().is_some() {
        return None;
    }
    match kind_of(header.alg)?.0 {
        "RSA" => DecodingKey::from_rsa_components(key.text("n")?, key.text("e")?).ok(),
        _ => DecodingKey::from_ec_components(key.text("x")?, key.text("y")?).ok(),
    }
}

/// A curve's name, and the bytes of a coordinate.
type Curve = (&'static str, usize);

/// What a key for an algorithm is: its type, the algorithm's name, and the curve if it is on one (RFC 7518).
fn kind_of(algorithm: Algorithm) -> Option<(&'static str, &'static str, Option<Curve>)> {
    match algorithm {
        Algorithm::RS256 => Some(("RSA", "RS256", None)),
        Algorithm::RS384 => Some(("RSA", "RS384", None)),
        Algorithm::ES256 => Some(("EC", "ES256", Some(("P-256", 32)))),
        Algorithm::ES384 => Some(("EC", "ES384", Some(("P-384", 48)))),
        _ => None,
    }
}

/// Whether a key is for signatures of an algorithm, and strong enough.
fn fits(key: &Json<'_>, algorithm: Algorithm) -> bool {
    let bytes = |name: &str| key.text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let length = |name: &str| bytes(name).map_or(0, |bytes| bytes.iter().skip_while(|byte| **byte == 0).count());
    let Some((kind, code, curve)) = kind_of(algorithm) else { return false };
    let is_strong = match curve {
        None => (MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&length("n")),
        Some((name, size)) => key.text("crv") == Some(name) && bytes("x").is_some_and(|x| x.len() == size),
    };
    key.text("kty") == Some(kind)
        && key.text("use").is_none_or(|word| word == "sig")
        && key.text("alg").is_none_or(|word| word == code)
        && key.get("d").is_none()
        && is_strong
}
