//! What all pages share: the frame, the style, and text made harmless.

use super::seat::Seat;
use crate::answer::plain;
use crate::server::Shared;
use aws_lc_rs::digest;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::sync::LazyLock;

pub use crate::pages::escape;

/// The mark in the tab of a browser.
const ICON: &str = "<link rel=\"icon\" type=\"image/svg+xml\" href=\"/favicon.svg\">";

const STYLE: &str = include_str!("../pages/style.css");

/// Only the pages' own style, by its hash, and images of this server; no script, no frame, nothing from elsewhere; forms go
/// nowhere else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A page. `body` is HTML; whatever of it came from outside was escaped.
pub fn page(shared: &Shared, status: StatusCode, title: &str, seat: Option<&Seat>, body: &str) -> Response<Bytes> {
    let top = seat.map(|seat| top(shared, seat)).unwrap_or_default();
    let home = if seat.is_some() { "/home" } else { "/" };
    let title = escape(title);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} – Chartroom</title>\n{ICON}\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header><a href=\"{home}\">Chartroom</a>{top}</header>\n<main>\n{body}\n</main>\n\
         </body>\n</html>\n"
    );
    let mut answer = plain(status, "text/html; charset=utf-8", page);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    answer
}

/// Lets the forms of a page lead on to the sites of these addresses too: browsers hold the answer to a form to it as well.
pub fn lead_to<'a>(answer: &mut Response<Bytes>, addresses: impl IntoIterator<Item = &'a str>) {
    let mut sites = String::from("form-action 'self'");
    for address in addresses {
        let (scheme, rest) = address.split_once(':').unwrap_or((address, ""));
        let host = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?']).next());
        match host.filter(|_| scheme.starts_with("http")) {
            Some(host) => sites.push_str(&format!(" {scheme}://{host}")),
            None => sites.push_str(&format!(" {scheme}:")),
        }
    }
    let policy = POLICY.to_str().unwrap_or_default().replace("form-action 'self'", &sites);
    if let Ok(policy) = HeaderValue::try_from(policy) {
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// Lets a page load one script of ours, and no other.
pub fn with_script(answer: &mut Response<Bytes>, address: &str) {
    let policy = POLICY.to_str().unwrap_or_default();
    if let Ok(policy) = HeaderValue::try_from(format!("{policy}; script-src {address}")) {
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// Who is here and why, and the way out.
fn top(shared: &Shared, seat: &Seat) -> String {
    let (name, purpose) = (escape(&seat.account.name), escape(seat.session.purpose.words()));
    let sign = field("csrf", &seat.sign(shared));
    format!(
        "<span><a href=\"/account\">{name}</a> · {purpose}</span>\
         <form method=\"post\" action=\"/sign-out\">{sign}<button>Sign out</button></form>"
    )
}

/// A hidden field.
pub fn field(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value))
}

/// A refusal's clause as people read it.
pub fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
