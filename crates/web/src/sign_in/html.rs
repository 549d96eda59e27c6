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

const STYLE: &str = "\
body{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:0 1rem 3rem;color:#1b1b1b;background:#fff}\
header{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;border-bottom:1px solid #767676;padding:.6rem 0}\
header a{font-weight:600}header span{flex:1}\
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}\
label{display:block;margin-top:.8rem;font-weight:600}label.choice{font-weight:400;margin-top:.3rem}\
input:not([type=radio]):not([type=checkbox]){font:inherit;width:100%;box-sizing:border-box;padding:.4rem;border:1px solid #595959;border-radius:.2rem}\
button{font:inherit;padding:.45rem .9rem;margin-top:.8rem;border:1px solid #0b4f9c;border-radius:.2rem;background:#0b4f9c;color:#fff;cursor:pointer}\
header button{margin:0}button.person{display:block;width:100%;text-align:left;margin-top:.4rem;background:#fff;color:#0b4f9c}\
:focus-visible{outline:3px solid #c05000;outline-offset:2px}\
code{background:#f0f0f0;padding:.1em .3em;overflow-wrap:anywhere}\
[role=alert],[role=status]{border-left:.3rem solid #a00;padding:.4rem .8rem;background:#fdf0f0}[role=status]{border-color:#0a6;background:#effaf4}\
dt{font-weight:600;margin-top:.6rem}dd{margin:0}";

/// Only the pages' own style, by its hash; no script, no frame, nothing from elsewhere; forms go nowhere else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A page. `body` is HTML; whatever of it came from outside was escaped.
pub fn page(shared: &Shared, status: StatusCode, title: &str, seat: Option<&Seat>, body: &str) -> Response<Bytes> {
    let top = seat.map(|seat| top(shared, seat)).unwrap_or_default();
    let title = escape(title);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} – Chartroom</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header><a href=\"/\">Chartroom</a>{top}</header>\n<main>\n{body}\n</main>\n\
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
