//! Links to further pages: opaque, sealed, and good only for the caller and place they were given to.
//!
//! A link carries the whole question and the log position its first page was answered at, so that pages never drift and
//! the server keeps nothing. It is sealed with AES-256-GCM: nobody can alter it, and the address shows no name or number
//! of a patient to proxies and logs.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::id::Ids;
use base::refusal::{Kind, Refusal};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Where a page starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// The log position all pages are answered at.
    pub at: u64,
    /// How many matches the pages before it hold; for a history the position to go on below.
    pub offset: u64,
    /// When the first page was asked for, in milliseconds: `ap` dates are compared with it on every page.
    pub asked: i64,
    /// The question, as a query string.
    pub query: String,
}

/// Seals and opens bookmarks.
pub struct Sealer {
    key: LessSafeKey,
    ids: Ids,
}

impl Sealer {
    /// A sealer under a secret key.
    ///
    /// # Panics
    /// Never: 32 bytes are a key of AES-256.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Sealer {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("32 bytes are an AES-256 key");
        Sealer { key: LessSafeKey::new(key), ids: Ids::System }
    }

    /// The value of `_page` for a bookmark, for one principal at one path.
    #[must_use]
    pub fn seal(&self, bookmark: &Bookmark, principal: &str, path: &str) -> String {
        let mut nonce = [0; NONCE_LEN];
        self.ids.fill(&mut nonce);
        let mut body = Vec::with_capacity(32 + bookmark.query.len());
        body.extend_from_slice(&bookmark.at.to_be_bytes());
        body.extend_from_slice(&bookmark.offset.to_be_bytes());
        body.extend_from_slice(&bookmark.asked.to_be_bytes());
        body.extend_from_slice(bookmark.query.as_bytes());
        let aad = Aad::from(bound_to(principal, path));
        let sealed = self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body);
        // Sealing fails only beyond 64 GiB; an empty token would be refused when it comes back.
        if sealed.is_err() {
            return String::new();
        }
        let mut token = nonce.to_vec();
        token.append(&mut body);
        BASE64_URL_SAFE_NO_PAD.encode(&token)
    }

    /// The bookmark in a `_page` value. Altered, of another server, of another caller: all the same refusal.
    pub fn open(&self, token: &str, principal: &str, path: &str) -> Result<Bookmark, Refusal> {
        self.unseal(token, principal, path).ok_or_else(|| {
            let message = "this page link is not one that was given to you here; start again from the first page";
            Refusal::new(Kind::NotFound, "not-found", message)
        })
    }

    fn unseal(&self, token: &str, principal: &str, path: &str) -> Option<Bookmark> {
        let mut token = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, body) = token.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::from(bound_to(principal, path)), body).ok()?;
        let (at, rest) = plain.split_first_chunk::<8>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (asked, query) = rest.split_first_chunk::<8>()?;
        Some(Bookmark {
            at: u64::from_be_bytes(*at),
            offset: u64::from_be_bytes(*offset),
            asked: i64::from_be_bytes(*asked),
            query: str::from_utf8(query).ok()?.to_owned(),
        })
    }
}

fn bound_to(principal: &str, path: &str) -> Vec<u8> {
    format!("page\0{path}\0{principal}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bookmark() -> Bookmark {
        Bookmark { at: 4711, offset: 50, asked: -1, query: "name=Ann&_count=50".to_owned() }
    }

    #[test]
    fn a_link_is_good_for_its_caller_and_place_only() {
        let sealer = Sealer::new(&[7; 32]);
        let token = sealer.seal(&bookmark(), "ann", "Patient");
        assert_eq!(sealer.open(&token, "ann", "Patient").unwrap(), bookmark());
        for (principal, path) in [("bob", "Patient"), ("ann", "Observation"), ("", "")] {
            assert_eq!(sealer.open(&token, principal, path).unwrap_err().kind, Kind::NotFound);
        }
        assert!(Sealer::new(&[8; 32]).open(&token, "ann", "Patient").is_err());
        assert!(!token.contains("Ann"));
    }

    #[test]
    fn an_altered_link_is_refused() {
        let sealer = Sealer::new(&[7; 32]);
        let token = sealer.seal(&bookmark(), "ann", "Patient");
        for i in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[i] = if altered[i] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(sealer.open(&altered, "ann", "Patient").is_err(), "character {i}");
            assert!(sealer.open(&token[..i], "ann", "Patient").is_err(), "cut at {i}");
        }
    }

    proptest! {
        #[test]
        fn no_token_makes_it_fall_over(token in "[A-Za-z0-9_=%é-]{0,80}") {
            prop_assert!(Sealer::new(&[7; 32]).open(&token, "ann", "Patient").is_err());
        }
    }
}
