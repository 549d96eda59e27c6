//! Forms: read within bounds, and taken only from the page that this server gave to this person.

use crate::server::Shared;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::http::{HeaderMap, HeaderValue};
use base::refusal::{Kind, Refusal};
use fhir::search::query::url;

/// The field that shows where a form came from.
pub const CSRF: &str = "csrf";

/// Longest path to go on to: what an app asks for can stand in it, sealed.
const WAY_BYTES_MAX: usize = 12_000;

/// The fields of a form, in order.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a query or a form's body.
    pub fn read(body: &[u8]) -> Result<Form, Refusal> {
        let text = str::from_utf8(body).map_err(|_| strange())?;
        url::pairs(text).map(Form)
    }

    /// The first field of that name; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// What may be kept while somebody signs in again: no secret, and nothing that is bound to the session.
    pub fn keepable(&self) -> String {
        self.keepable_without("")
    }

    /// The same without one field.
    pub fn keepable_without(&self, field: &str) -> String {
        let mut out = String::new();
        let secret = |name: &str| [CSRF, "password", "present", "new", "again", "code", "sealed"].contains(&name);
        for (name, value) in self.0.iter().filter(|(name, _)| !secret(name) && name != field) {
            if !out.is_empty() {
                out.push('&');
            }
            url::encode(name, &mut out);
            out.push('=');
            url::encode(value, &mut out);
        }
        out
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    /// Refuses a form that does not carry the sign for `bound_to`.
    pub fn check(&self, shared: &Shared, bound_to: &str) -> Result<(), Refusal> {
        let right = sign(shared, bound_to);
        verify_slices_are_equal(right.as_bytes(), self.text(CSRF).as_bytes()).map_err(|_| strange())
    }
}

/// The sign that a form given to a session (or to a browser, before there is one) carries.
pub fn sign(shared: &Shared, bound_to: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &shared.vault.link_key());
    let tag = hmac::sign(&key, format!("form {bound_to}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses what a browser says another site has sent (Fetch Metadata; older browsers say nothing, and the sign decides).
pub fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(strange()),
    }
}

/// A path of this server to go on to; anything else becomes the account's page, so that no link can lead elsewhere.
pub fn way(text: &str) -> &str {
    let is_path = text.starts_with('/') && !text.starts_with("//") && text.len() <= WAY_BYTES_MAX;
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>`{}|^".contains(&b));
    if is_path && is_plain { text } else { "/account" }
}

fn strange() -> Refusal {
    let message =
        "this form did not come from a page that was given to you here; open the page again and send it once more";
    Refusal::new(Kind::Forbidden, "forbidden", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_stays_on_this_server() {
        for good in ["/", "/account", "/a/b?c=d&e=%2F#f"] {
            assert_eq!(way(good), good);
        }
        for bad in [
            "",
            "account",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nb",
            "/a b",
            "javascript:x",
            "/é",
        ] {
            assert_eq!(way(bad), "/account", "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_kept() {
        let form = Form::read(b"note=a%26b+c&password=p&csrf=x&code=1&n=%C3%A9").expect("read");
        let kept = form.keepable();
        assert_eq!(Form::read(kept.as_bytes()).expect("read").text("note"), "a&b c");
        assert!(!kept.contains("password") && !kept.contains("csrf") && !kept.contains("code"));
    }
}
