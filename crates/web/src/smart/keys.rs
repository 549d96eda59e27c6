//! Apps' public keys: JSON Web Key Sets (RFC 7517), from the registration or from the address it names. What was fetched is
//! kept as long as its server says, an hour at most, and fetched again for a key that is not in it.

use super::statement;
use super::{Place, form_of};
use crate::egress;
use crate::server::Shared;
use crate::sign_in::Asked;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::Json;
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vault::access::apps::{App, Proof};

const KEPT_MS: i64 = 5 * 60_000;
const KEPT_MS_MAX: i64 = 60 * 60_000;

/// Between two fetches because of an unknown key.
const AGAIN_MS: i64 = 5_000;

/// Keys of a set that are looked at.
const KEYS_MAX: usize = 100;

/// Fewest bytes of an RSA modulus (SMART asks 2,048 bits).
const MODULUS_BYTES_MIN: usize = 256;
const MODULUS_BYTES_MAX: usize = 1_024;

/// Sets that were fetched, by address.
#[derive(Default)]
pub struct Known(Mutex<HashMap<String, Kept>>);

#[derive(Clone)]
struct Kept {
    set: String,
    fetched: Instant,
    until: Instant,
}

/// The set that was fetched for a request.
pub struct Fetched {
    app: Arc<App>,
    set: Result<String, &'static str>,
}

impl Fetched {
    /// The set, for the app that it was fetched for.
    pub fn keys(&self, app: &App) -> Result<String, Refusal> {
        if self.app.id != app.id {
            return Err(super::client::unknown("the app's keys were not fetched"));
        }
        let message = |why: &str| format!("the app's keys cannot be fetched: {why}");
        self.set.clone().map_err(|why| Refusal::new(Kind::Unauthenticated, "invalid_client", message(why)))
    }
}

/// Fetches what a request needs, if it carries a statement of an app whose keys stand at an address.
pub async fn fetch_for(shared: &Shared, place: Place, asked: &Asked) -> Option<Fetched> {
    if !matches!(place, Place::Token | Place::Introspect | Place::Revoke) {
        return None;
    }
    let form = form_of(asked).ok()?;
    let text = form.text("client_assertion");
    let app = shared.vault.app(&statement::name(text)?).ok().flatten().filter(|app| app.is_approved())?;
    let Proof::KeysAt(address) = &app.registration.proof else { return None };
    let wanted = statement::key_name(text)?;
    let set = shared.smart.keys.set(shared, address, &wanted).await;
    Some(Fetched { app, set })
}

impl Known {
    async fn set(&self, shared: &Shared, address: &str, wanted: &str) -> Result<String, &'static str> {
        let now = shared.vault.clock().now();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(address).cloned();
        if let Some(kept) = kept {
            let is_fresh = now < kept.until && names(&kept.set, wanted);
            if is_fresh || now.0 - kept.fetched.0 < AGAIN_MS {
                return Ok(kept.set);
            }
        }
        let answer = egress::get(&shared.settings, address).await.inspect_err(|_| {
            // Who cannot be reached is left alone for a while, however often somebody asks.
            let nothing = Kept { set: String::new(), fetched: now, until: now };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned(), nothing);
        })?;
        let kept_ms = answer.max_age_ms.map_or(KEPT_MS, |age| age.clamp(0, KEPT_MS_MAX));
        let kept = Kept { set: answer.body, fetched: now, until: Instant(now.0 + kept_ms) };
        let set = kept.set.clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned(), kept);
        Ok(set)
    }
}

fn names(set: &str, wanted: &str) -> bool {
    let set = Json::parse(set.as_bytes()).ok();
    let keys = set.as_ref().and_then(|set| set.get("keys")).map_or(&[][..], Json::items);
    keys.iter().any(|key| key.text("kid") == Some(wanted))
}

/// The one key of a set that a header names, if it is one for its algorithm.
pub fn find(set: &str, header: &Header) -> Option<DecodingKey> {
    let set = Json::parse(set.as_bytes()).ok()?;
    let keys = set.get("keys")?.items();
    let mut named =
        keys.iter().take(KEYS_MAX).filter(|key| key.text("kid") == header.kid.as_deref() && fits(key, header.alg));
    let key = named.next()?;
    // Two keys of one name: nobody knows which is meant.
    if named.next().is_some() {
        return None;
    }
    match header.alg {
        Algorithm::RS384 => DecodingKey::from_rsa_components(key.text("n")?, key.text("e")?).ok(),
        Algorithm::ES384 => DecodingKey::from_ec_components(key.text("x")?, key.text("y")?).ok(),
        _ => None,
    }
}

/// Whether a key is for signatures of an algorithm, and strong enough.
fn fits(key: &Json<'_>, algorithm: Algorithm) -> bool {
    let bytes = |name: &str| key.text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let length = |name: &str| bytes(name).map_or(0, |bytes| bytes.iter().skip_while(|byte| **byte == 0).count());
    let (kind, code) = match algorithm {
        Algorithm::RS384 => ("RSA", "RS384"),
        Algorithm::ES384 => ("EC", "ES384"),
        _ => return false,
    };
    let is_strong = match kind {
        "RSA" => (MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&length("n")),
        _ => key.text("crv") == Some("P-384") && bytes("x").is_some_and(|x| x.len() == 48),
    };
    key.text("kty") == Some(kind)
        && key.text("use").is_none_or(|word| word == "sig")
        && key.text("alg").is_none_or(|word| word == code)
        && key.get("d").is_none()
        && is_strong
}
