//! Cookies (RFC 6265bis): for this server alone, out of reach of scripts, sent with requests that begin here.

use super::once::GOOD_MS;
use crate::server::Shared;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use bytes::Bytes;

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The session.
    Session,
    /// The mark of a device on which somebody signed in before.
    Device,
    /// What ties the form for signing in to this browser.
    Form,
    /// What ties the answer of an identity provider to this browser. It must come along when the provider sends the browser
    /// back, and so is the only one that is not `Strict`.
    Provider,
}

/// Seconds a device is remembered.
const DEVICE_SECONDS: u32 = 180 * 86_400;

impl Cookie {
    /// With TLS the `__Host-` prefix keeps other hosts of the domain and plain HTTP from setting it.
    fn name(self, is_secure: bool) -> String {
        let name = match self {
            Cookie::Session => "chartroom",
            Cookie::Device => "chartroom-device",
            Cookie::Form => "chartroom-form",
            Cookie::Provider => "chartroom-provider",
        };
        if is_secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    /// Its value, if it came exactly once.
    pub fn read(self, shared: &Shared, headers: &HeaderMap) -> Option<String> {
        let name = self.name(is_secure(shared));
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut found = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = found.by_ref().filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        let first = values.next();
        if values.next().is_some() { None } else { first.filter(|value| !value.is_empty()) }
    }

    /// Sets it.
    pub fn set(self, shared: &Shared, answer: &mut Response<Bytes>, value: &str) {
        let age = match self {
            Cookie::Device => format!("; Max-Age={DEVICE_SECONDS}"),
            Cookie::Provider => format!("; Max-Age={}", GOOD_MS / 1_000),
            Cookie::Session | Cookie::Form => String::new(),
        };
        self.write(shared, answer, value, &age);
    }

    /// Takes it back.
    pub fn clear(self, shared: &Shared, answer: &mut Response<Bytes>) {
        self.write(shared, answer, "", "; Max-Age=0");
    }

    fn write(self, shared: &Shared, answer: &mut Response<Bytes>, value: &str, age: &str) {
        let is_secure = is_secure(shared);
        let secure = if is_secure { "; Secure" } else { "" };
        let site = if self == Cookie::Provider { "Lax" } else { "Strict" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite={site}{secure}{age}", self.name(is_secure));
        if let Ok(text) = HeaderValue::try_from(text) {
            answer.headers_mut().append(header::SET_COOKIE, text);
        }
    }
}

/// Whether browsers reach this server by TLS.
fn is_secure(shared: &Shared) -> bool {
    shared.settings.public_url.starts_with("https://")
}
