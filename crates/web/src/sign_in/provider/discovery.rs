//! What a provider says of itself (OpenID Connect Discovery 1.0): fetched from below its issuer, believed only about addresses
//! at its own hosts, and kept for an hour.

use super::settings::Provider;
use crate::egress::{self, Reach};
use crate::settings::Settings;
use base::clock::Instant;
use fhir::json::Json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

const KEPT_MS: i64 = 60 * 60_000;

/// A provider that could not be asked is left alone for so long.
const AGAIN_MS: i64 = 5_000;

/// Where a provider's doors are.
#[derive(Debug, PartialEq, Eq)]
pub struct Doors {
    /// Where people are sent.
    pub authorize: String,
    /// Where codes are redeemed.
    pub token: String,
    /// Where its keys are.
    pub keys: String,
    /// Whether its answers always name it (RFC 9207).
    pub names_itself: bool,
}

type Kept = (Instant, Result<Arc<Doors>, &'static str>);

/// What is known of all providers, by id.
#[derive(Default)]
pub struct Known(Mutex<HashMap<String, Kept>>);

impl Known {
    /// The doors of a provider. Says why they are not known.
    pub async fn doors(
        &self,
        settings: &Settings,
        now: Instant,
        provider: &Provider,
    ) -> Result<Arc<Doors>, &'static str> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&provider.id).cloned();
        if let Some((_, said)) = kept.filter(|(until, _)| now < *until) {
            return said;
        }
        let hosts = provider.hosts();
        let address = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
        let said = egress::get(&Reach::of_hosts(settings, &hosts), &address).await;
        let said = said.and_then(|fetched| read(provider, &fetched.body)).map(Arc::new);
        let until = Instant(now.0 + if said.is_ok() { KEPT_MS } else { AGAIN_MS });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(provider.id.clone(), (until, said.clone()));
        said
    }
}

fn read(provider: &Provider, text: &str) -> Result<Doors, &'static str> {
    let says = Json::parse(text.as_bytes()).map_err(|_| "what it says of itself is no JSON")?;
    // Section 4.3: letter for letter, or another issuer could speak here.
    if says.text("issuer") != Some(&provider.issuer) {
        return Err("what it says of itself names another issuer than the configuration");
    }
    let door = |name: &str| {
        let address = says.text(name).filter(|address| provider.covers(address)).map(str::to_owned);
        address.ok_or("one of its addresses is missing, or at a host that the configuration does not name")
    };
    Ok(Doors {
        authorize: door("authorization_endpoint")?,
        token: door("token_endpoint")?,
        keys: door("jwks_uri")?,
        names_itself: says.get("authorization_response_iss_parameter_supported").and_then(Json::as_bool) == Some(true),
    })
}
