//! How this server shows a provider that it is itself, and redeems a code there (OpenID Connect Core 1.0 sections 3.1.3, 9).

use super::discovery::Doors;
use super::settings::{ClientProof, Provider};
use crate::egress::{self, Reach};
use crate::server::Shared;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base::clock::Instant;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fhir::json::Json;
use fhir::search::query::url;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

/// What says that a statement is one (RFC 7523 section 2.2).
const STATEMENT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a statement counts, in seconds.
const LASTS_SECONDS: i64 = 60;

/// A private key for statements.
pub enum Key {
    /// ES256.
    Ec(EcdsaKeyPair),
    /// RS256.
    Rsa(RsaKeyPair),
}

/// Reads a private key. Says why not.
pub fn read_key(pem: &[u8]) -> Result<Key, &'static str> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| "the key is no PKCS #8 in PEM")?;
    let der = der.secret_pkcs8_der();
    if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
        return Ok(Key::Ec(key));
    }
    RsaKeyPair::from_pkcs8(der).map(Key::Rsa).map_err(|_| "the key is none of P-256 or RSA")
}

impl Key {
    fn algorithm(&self) -> &'static str {
        match self {
            Key::Ec(_) => "ES256",
            Key::Rsa(_) => "RS256",
        }
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Key::Ec(key) => key.sign(&random, text).ok().map(|signature| signature.as_ref().to_vec()),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

/// The identity token for a code. Says why there is none.
pub async fn redeem(
    shared: &Shared,
    provider: &Provider,
    doors: &Doors,
    code: &str,
    verifier: &str,
) -> Result<String, &'static str> {
    let back = super::back_address(shared, provider);
    let mut fields = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", back),
        ("code_verifier", verifier.to_owned()),
    ];
    let mut authorization = None;
    match &provider.proof {
        ClientProof::Basic(secret) => authorization = Some(basic(&provider.client, secret)),
        ClientProof::Post(secret) => {
            fields.extend([("client_id", provider.client.clone()), ("client_secret", secret.clone())]);
        }
        ClientProof::Key { pem, name } => {
            let now = shared.vault.clock().now();
            let id = shared.vault.fresh_id();
            let statement = statement(&read_key(pem)?, name, &provider.client, &doors.token, now, &id);
            fields.extend([("client_id", provider.client.clone()), ("client_assertion_type", STATEMENT.to_owned())]);
            fields.push(("client_assertion", statement.ok_or("no statement can be signed for it")?));
        }
    }
    let hosts = provider.hosts();
    let reach = Reach::of_hosts(&shared.settings, &hosts);
    let answer = egress::post(&reach, &doors.token, &form(&fields), authorization.as_deref()).await?;
    let said = Json::parse(answer.body.as_bytes()).map_err(|_| "its answer is no JSON")?;
    said.text("id_token").map(str::to_owned).ok_or("its answer has no identity token")
}

fn form(fields: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        url::encode(value, &mut out);
    }
    out
}

/// RFC 6749 section 2.3.1: both are coded as in a form before they are put together.
fn basic(client: &str, secret: &str) -> String {
    let coded = |text: &str| {
        let mut out = String::new();
        url::encode(text, &mut out);
        out.replace(':', "%3A")
    };
    format!("Basic {}", STANDARD.encode(format!("{}:{}", coded(client), coded(secret))))
}

fn statement(key: &Key, name: &str, client: &str, to: &str, now: Instant, id: &str) -> Option<String> {
    let text = |text: &str| Json::string(text.to_owned());
    let now = now.0.div_euclid(1_000);
    let header = Json::object([("alg", text(key.algorithm())), ("typ", text("JWT")), ("kid", text(name))]);
    let claims = Json::object([
        ("iss", text(client)),
        ("sub", text(client)),
        ("aud", text(to)),
        ("jti", text(id)),
        ("iat", Json::number(now)),
        ("exp", Json::number(now + LASTS_SECONDS)),
    ]);
    let coded = |json: Json<'_>| URL_SAFE_NO_PAD.encode(json.to_bytes());
    let said = format!("{}.{}", coded(header), coded(claims));
    let signature = key.sign(said.as_bytes())?;
    Some(format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_secrets_are_coded_before_they_are_put_together() {
        let told = basic("https://a:1", "p:w +ü");
        let plain = STANDARD.decode(told.strip_prefix("Basic ").expect("Basic")).expect("base64");
        assert_eq!(String::from_utf8(plain).expect("UTF-8"), "https%3A//a%3A1:p%3Aw%20%2B%C3%BC");
    }
}
