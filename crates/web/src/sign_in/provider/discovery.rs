//! What a provider says of itself (OpenID Connect Discovery 1.0): fetched from below its issuer, believed only about addresses
//! at its own hosts, and kept for an hour.

use super::settings::Provider;
use crate::egress::{self, Reach};
use crate::kept::Kept;
use crate::settings::Settings;
use base::clock::Clock;
use fhir::json::Json;
use std::sync::Arc;

const KEPT_MS: i64 = 60 * 60_000;

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

/// The doors of a provider. Says why they are not known.
pub async fn doors(
    kept: &Kept<Arc<Doors>>,
    settings: &Settings,
    clock: &Clock,
    provider: &Provider,
) -> Result<Arc<Doors>, &'static str> {
    let hosts = provider.hosts();
    let address = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let fetch = || async {
        let fetched = egress::get(&Reach::of_hosts(settings, &hosts), &address).await?;
        Ok((Arc::new(read(provider, &fetched.body)?), KEPT_MS))
    };
    kept.get(clock, |_| true, fetch).await
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
