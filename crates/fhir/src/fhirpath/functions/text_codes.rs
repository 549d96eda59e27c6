//! Text in other spellings: base64, hexadecimal, HTML and JSON escapes (FHIRPath 2.1 section 5.6).

use crate::json::{Json, write_string};
use std::fmt::Write as _;

const PLAIN: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `base64`, `urlbase64` or `hex`; `None` for another format.
pub(super) fn encode(text: &str, format: &str) -> Option<String> {
    match format {
        "hex" => Some(text.bytes().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })),
        "base64" => Some(base64(text.as_bytes(), PLAIN)),
        "urlbase64" => Some(base64(text.as_bytes(), URL)),
        _ => None,
    }
}

/// The text behind `base64`, `urlbase64` or `hex`; `None` if it is not that.
pub(super) fn decode(text: &str, format: &str) -> Option<String> {
    let bytes = match format {
        "hex" => from_hex(text.as_bytes())?,
        "base64" => from_base64(text.as_bytes(), PLAIN)?,
        "urlbase64" => from_base64(text.as_bytes(), URL)?,
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

/// Escapes for `html` or `json`.
pub(super) fn escape(text: &str, target: &str) -> Option<String> {
    match target {
        "html" => {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            Some(escaped.replace('"', "&quot;").replace('\'', "&#39;"))
        }
        "json" => {
            let mut out = Vec::with_capacity(text.len() + 2);
            write_string(text, &mut out);
            String::from_utf8(out[1..out.len() - 1].to_vec()).ok()
        }
        _ => None,
    }
}

/// Takes the escapes of `html` or `json` back.
pub(super) fn unescape(text: &str, target: &str) -> Option<String> {
    match target {
        "html" => {
            let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            Some(plain.replace("&#39;", "'").replace("&amp;", "&"))
        }
        "json" => {
            // Quotes that nobody escaped stand for themselves.
            let (mut quoted, mut is_escaped) = (String::from("\""), false);
            for c in text.chars() {
                if c == '"' && !is_escaped {
                    quoted.push('\\');
                }
                is_escaped = c == '\\' && !is_escaped;
                quoted.push(c);
            }
            quoted.push('"');
            Json::parse(quoted.as_bytes()).ok()?.as_str().map(str::to_owned)
        }
        _ => None,
    }
}

// RFC 4648 sections 4 and 5.
fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::with_capacity(bytes.len() / 3 * 4 + 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = alphabet[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

fn from_base64(text: &[u8], alphabet: &[u8; 64]) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.iter().copied().filter(|b| !b.is_ascii_whitespace() && *b != b'=').collect();
    let mut out = Vec::with_capacity(letters.len() / 4 * 3 + 3);
    for chunk in letters.chunks(4) {
        let mut word = 0_u32;
        for letter in chunk {
            word = word << 6 | alphabet.iter().position(|a| a == letter)? as u32;
        }
        if chunk.len() == 1 {
            return None;
        }
        let bytes = (word << (6 * (4 - chunk.len()))).to_be_bytes();
        out.extend_from_slice(&bytes[1..chunk.len()]);
    }
    Some(out)
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks(2).map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_the_same() {
        for text in ["", "a", "ab", "abc", "subjects?_d", "Zoë \"1<2\" & 'x'\n"] {
            for format in ["base64", "urlbase64", "hex"] {
                assert_eq!(decode(&encode(text, format).unwrap(), format).as_deref(), Some(text));
            }
            for target in ["html", "json"] {
                assert_eq!(unescape(&escape(text, target).unwrap(), target).as_deref(), Some(text));
            }
        }
        assert_eq!(encode("a", "base64").as_deref(), Some("YQ=="));
        assert_eq!(decode("Y", "base64"), None);
        assert_eq!(decode("zz", "hex"), None);
    }
}
