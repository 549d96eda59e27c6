//! Conditions on versions and times: `ETag`, `If-Match`, `If-None-Match`, `If-Modified-Since` (RFC 9110 section 13).

use axum::http::{HeaderMap, HeaderValue, header};
use base::clock::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What an entity-tag header names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any version.
    Any,
    /// These versions; a tag that is no version of ours names none.
    Versions(Vec<u64>),
}

impl Tags {
    /// Reads a header that lists entity tags; `None` when it is absent.
    pub fn of(headers: &HeaderMap, name: header::HeaderName) -> Option<Tags> {
        let mut versions = Vec::new();
        let mut said = headers.get_all(name).iter().peekable();
        said.peek()?;
        for text in said.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')) {
            match text.trim() {
                "*" => return Some(Tags::Any),
                tag => versions.extend(version(tag)),
            }
        }
        Some(Tags::Versions(versions))
    }

    /// Whether this version is named.
    pub fn names(&self, version: u64) -> bool {
        match self {
            Tags::Any => true,
            Tags::Versions(versions) => versions.contains(&version),
        }
    }
}

/// `W/"3"`, `"3"` or, as some clients write it, `3`.
fn version(tag: &str) -> Option<u64> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let digits = tag.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(tag);
    digits.parse().ok()
}

/// The weak entity tag of a version.
pub fn etag(version: u64) -> HeaderValue {
    // Digits between quotes are always a legal header value.
    HeaderValue::from_str(&format!("W/\"{version}\"")).unwrap_or(HeaderValue::from_static("W/\"0\""))
}

/// `Last-Modified`: RFC 9110 dates have whole seconds.
pub fn http_date(at: Instant) -> HeaderValue {
    let seconds = at.0.div_euclid(1000).max(0).unsigned_abs();
    // The format knows years up to 9999.
    let seconds = seconds.min(253_402_300_799);
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

/// Whether the caller's copy is still good, so that 304 is the answer. `If-None-Match` decides alone if both are there
/// (RFC 9110 section 13.1.3).
pub fn is_unchanged(headers: &HeaderMap, version: u64, updated: Instant) -> bool {
    if let Some(tags) = Tags::of(headers, header::IF_NONE_MATCH) {
        return tags.names(version);
    }
    let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|v| v.to_str().ok());
    let Some(since) = since.and_then(|text| httpdate::parse_http_date(text).ok()) else { return false };
    seconds(since).is_some_and(|since| updated.0.div_euclid(1000) <= since)
}

fn seconds(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_versions() {
        for (text, expected) in [
            ("W/\"3\"", Tags::Versions(vec![3])),
            ("\"3\", W/\"4\"", Tags::Versions(vec![3, 4])),
            ("3", Tags::Versions(vec![3])),
            ("*", Tags::Any),
            ("\"abc\"", Tags::Versions(vec![])),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, text.parse().unwrap());
            assert_eq!(Tags::of(&headers, header::IF_MATCH), Some(expected), "{text}");
        }
        assert_eq!(Tags::of(&HeaderMap::new(), header::IF_MATCH), None);
        assert_eq!(etag(12), "W/\"12\"");
    }

    #[test]
    fn a_copy_is_good_until_a_later_version() {
        let updated = Instant::parse("2026-11-23T09:05:12.345Z").unwrap();
        assert_eq!(http_date(updated), "Mon, 23 Nov 2026 09:05:12 GMT");
        for (name, value, unchanged) in [
            ("if-none-match", "W/\"2\"", true),
            ("if-none-match", "W/\"1\"", false),
            ("if-none-match", "*", true),
            ("if-modified-since", "Mon, 23 Nov 2026 09:05:12 GMT", true),
            ("if-modified-since", "Mon, 23 Nov 2026 09:05:11 GMT", false),
            ("if-modified-since", "yesterday", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(is_unchanged(&headers, 2, updated), unchanged, "{name}: {value}");
        }
    }
}
