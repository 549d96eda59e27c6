//! The first page: what this is, and where its doors are.

use crate::answer::plain;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;

const PAGE: &str = include_str!("home.html");

/// Only the page's own style, by its hash, and the mark; no script, no frame, no form.
const POLICY: &str = "default-src 'none'; style-src 'sha256-2zbq/ONqwmiLJXHvX4sg1MD5ALGOHrNRRHaCXykYUI0='; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
                      form-action 'none'";

/// Where the mark of this program stands.
pub const FAVICON: &str = "/favicon.svg";

/// The mark: a chart with a seal.
pub fn favicon() -> Response<Bytes> {
    plain(StatusCode::OK, "image/svg+xml", include_str!("favicon.svg"))
}

/// The page, for a FHIR base.
pub fn home(base: &str) -> Response<Bytes> {
    let mut page = plain(StatusCode::OK, "text/html; charset=utf-8", PAGE.replace("{base}", &escape(base)));
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    page
}

/// Text as HTML shows it, also inside an attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
