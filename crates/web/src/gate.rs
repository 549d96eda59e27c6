//! Who is asking: a bearer token becomes a visit (RFC 6750 section 2.1).

use axum::http::{HeaderMap, header};
use base::refusal::{Kind, Refusal};
use vault::Vault;
use vault::access::{Session, Visit};

/// Longer tokens are refused without a look.
const TOKEN_BYTES_MAX: usize = 8_192;

/// The visit of a request. Tokens count in the `Authorization` header only: one in the address would end up in logs.
pub fn visit(vault: &Vault, headers: &HeaderMap) -> Result<Visit, Refusal> {
    bearer(headers).and_then(|token| standing(vault, token)).ok_or_else(|| {
        let message = "nobody is signed in; send `Authorization: Bearer TOKEN` \
                       (`chartroom token` at the server prints one)";
        Refusal::new(Kind::Unauthenticated, "login", message)
    })
}

/// Whom a token stands for. What is in the cookie of somebody at pages opens pages and nothing else: pages ask for a second
/// factor, and let a session fall asleep.
fn standing(vault: &Vault, token: &str) -> Option<Visit> {
    match vault.session(token) {
        Some((session, visit)) => (session.client.is_some() || session.idle_ms.is_none()).then_some(visit),
        None => vault.sign_in(token),
    }
}

/// The visit of a request that is still being answered, as its token makes it now; `None` when that is over.
pub fn still_in(vault: &Vault, headers: &HeaderMap) -> Option<Visit> {
    bearer(headers).and_then(|token| vault.still_in(token))
}

/// The session of a request, if an app sends it.
pub fn session(vault: &Vault, headers: &HeaderMap) -> Option<(Session, Visit)> {
    bearer(headers).and_then(|token| vault.session(token)).filter(|(session, _)| session.client.is_some())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut said = headers.get_all(header::AUTHORIZATION).iter();
    let text = said.next()?.to_str().ok()?;
    // Two headers could mean two people, and a proxy may have read the other one.
    if said.next().is_some() {
        return None;
    }
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim();
    let fits = scheme.eq_ignore_ascii_case("bearer") && (1..=TOKEN_BYTES_MAX).contains(&token.len());
    fits.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_bearer_token_counts() {
        for (values, token) in [
            (vec!["Bearer abc"], Some("abc")),
            (vec!["bearer   abc "], Some("abc")),
            (vec!["Basic abc"], None),
            (vec!["Bearer"], None),
            (vec!["Bearer "], None),
            (vec!["Bearer abc", "Bearer abc"], None),
            (vec![], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(bearer(&headers), token, "{values:?}");
        }
    }
}
