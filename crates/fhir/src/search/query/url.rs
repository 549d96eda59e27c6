//! Percent coding and name=value pairs (RFC 3986 section 2.1, WHATWG `application/x-www-form-urlencoded`).

use base::refusal::{Kind, Refusal};
use std::borrow::Cow;

/// More parameters than this in one request are refused.
pub const PAIRS_MAX: usize = 1_000;

/// Decodes `%41`; `+` stays. `None` when a sequence is broken or the text is not UTF-8.
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push((high * 16 + low) as u8);
        } else {
            out.push(b);
        }
    }
    let text = String::from_utf8(out).ok()?;
    // No parameter, path or FHIR string has a use for NUL.
    if text.contains('\0') { None } else { Some(Cow::Owned(text)) }
}

/// Reads `a=1&b=2` in order, with `+` for a space. Empty pairs are skipped.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == PAIRS_MAX {
            let message = format!("the request has more than {PAIRS_MAX} parameters; split it into several");
            return Err(Refusal::new(Kind::Malformed, "too-costly", message));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decode_form(name)?, decode_form(value)?));
    }
    Ok(pairs)
}

fn decode_form(text: &str) -> Result<String, Refusal> {
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    decode(&spaced).map(Cow::into_owned).ok_or_else(|| {
        Refusal::new(Kind::Malformed, "invalid", "a parameter is not percent-coded UTF-8; write `%` itself as `%25`")
    })
}

/// Appends `text` so that it can stand as a name or value in a query.
pub fn encode(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for b in text.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b',' | b'/' | b'*' | b'$' => {
                out.push(char::from(b));
            }
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(b >> 4)]));
                out.push(char::from(HEX[usize::from(b & 15)]));
            }
        }
    }
}

/// Writes pairs as a query without the `?`.
pub fn query(pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        encode(name, &mut out);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pairs_are_read_in_order() {
        for (text, expected) in [
            ("", vec![]),
            ("a=1&b=2&a=3", vec![("a", "1"), ("b", "2"), ("a", "3")]),
            ("&&name=Ann+Lee&x", vec![("name", "Ann Lee"), ("x", "")]),
            ("code=http%3A%2F%2Floinc.org%7C8480-6", vec![("code", "http://loinc.org|8480-6")]),
            ("a=1=2", vec![("a", "1=2")]),
            ("n=%2B1", vec![("n", "+1")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            assert_eq!(pairs(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn broken_coding_is_refused() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%ff", "%=1", "a=%00"] {
            assert_eq!(pairs(text).unwrap_err().kind, Kind::Malformed, "{text}");
        }
        assert!(pairs(&"a=1&".repeat(PAIRS_MAX)).is_ok());
        assert!(pairs(&"a=1&".repeat(PAIRS_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(given in proptest::collection::vec(("[^\0]{0,8}", "[^\0]{0,20}"), 0..6)) {
            let given: Vec<(String, String)> = given.into_iter().filter(|(n, _)| !n.is_empty()).collect();
            prop_assert_eq!(pairs(&query(&given)).unwrap(), given);
        }
    }
}
