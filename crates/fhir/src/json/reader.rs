//! Reads a text into the tree, and says where it is not JSON.

use super::{Json, Object};
use std::borrow::Cow;
use std::fmt;

/// Nesting beyond this is refused. The deepest official R4 example has 25 levels.
pub const DEPTH_MAX: usize = 100;

/// Why a text is not JSON as Chartroom takes it, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong, in words.
    pub what: &'static str,
    /// Byte offset in the text.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {} column {}", self.what, self.line, self.column)
    }
}
impl std::error::Error for JsonError {}

impl<'a> Json<'a> {
    /// Reads one JSON value that fills the whole text.
    pub fn parse(text: &'a [u8]) -> Result<Json<'a>, JsonError> {
        let mut reader = Reader { text, words: str::from_utf8(text).ok(), at: 0 };
        let value = reader.document().map_err(|what| locate(text, reader.at, what))?;
        Ok(value)
    }
}

fn locate(text: &[u8], at: usize, what: &'static str) -> JsonError {
    let at = at.min(text.len());
    let before = &text[..at];
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let column = at - before.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1) + 1;
    JsonError { what, offset: at, line, column }
}

/// Whether a text is UTF-16: by its byte-order mark, or because every second byte of what begins it is NUL.
fn is_utf16(text: &[u8]) -> bool {
    matches!(
        text,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [1..=0x7f, 0, 1..=0x7f, 0, ..] | [0, 1..=0x7f, 0, 1..=0x7f, ..]
    )
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a [u8],
    /// The same, if all of it is UTF-8.
    pub(super) words: Option<&'a str>,
    pub(super) at: usize,
}

pub(super) type Read<T> = Result<T, &'static str>;

impl<'a> Reader<'a> {
    fn document(&mut self) -> Read<Json<'a>> {
        if is_utf16(self.text) {
            return Err("the text is UTF-16; save it as UTF-8");
        }
        // RFC 8259 section 8.1: a reader may ignore a byte-order mark. Files from Windows have one.
        if self.text.starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
        }
        self.space();
        if self.at == self.text.len() {
            return Err("the text is empty");
        }
        let value = self.value(0)?;
        self.space();
        if self.at < self.text.len() {
            return Err("something follows after the end of the JSON value");
        }
        Ok(value)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Read<Json<'a>> {
        self.space();
        match self.text.get(self.at) {
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'-' | b'0'..=b'9') => Ok(Json::Number(Cow::Borrowed(self.number()?))),
            Some(b't') => self.word(b"true", Json::Bool(true)),
            Some(b'f') => self.word(b"false", Json::Bool(false)),
            Some(b'n') => self.word(b"null", Json::Null),
            Some(_) => Err("a JSON value was expected here"),
            None => Err("the text ends in the middle of a JSON value"),
        }
    }

    fn word(&mut self, word: &[u8], value: Json<'a>) -> Read<Json<'a>> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err("a JSON value was expected here")
    }

    fn object(&mut self, depth: usize) -> Read<Json<'a>> {
        if depth > DEPTH_MAX {
            return Err("the JSON is nested too deeply");
        }
        self.at += 1;
        let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(4);
        // Linear look-ups are fastest for the few members FHIR objects have; a hostile object with very many gets a set.
        let mut seen = std::collections::HashSet::new();
        self.space();
        if self.eat(b'}') {
            return Ok(Json::Object(Object(members)));
        }
        loop {
            self.space();
            if self.text.get(self.at) != Some(&b'"') {
                return Err("a member name in double quotes was expected here");
            }
            let start = self.at;
            let name = self.string()?;
            let twice = if members.len() < 32 {
                members.iter().any(|(n, _)| *n == name)
            } else {
                if seen.is_empty() {
                    seen.extend(members.iter().map(|(n, _)| n.clone()));
                }
                !seen.insert(name.clone())
            };
            if twice {
                self.at = start;
                return Err("this member name stands twice in the same object");
            }
            self.space();
            if !self.eat(b':') {
                return Err("a colon was expected after the member name");
            }
            let value = self.value(depth)?;
            members.push((name, value));
            self.space();
            if self.eat(b'}') {
                return Ok(Json::Object(Object(members)));
            }
            if !self.eat(b',') {
                return Err("a comma or a closing brace was expected here");
            }
        }
    }

    fn array(&mut self, depth: usize) -> Read<Json<'a>> {
        if depth > DEPTH_MAX {
            return Err("the JSON is nested too deeply");
        }
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            if self.eat(b']') {
                return Ok(Json::Array(items));
            }
            if !self.eat(b',') {
                return Err("a comma or a closing bracket was expected here");
            }
        }
    }

    pub(super) fn eat(&mut self, b: u8) -> bool {
        let found = self.text.get(self.at) == Some(&b);
        self.at += usize::from(found);
        found
    }

    fn number(&mut self) -> Read<&'a str> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        if let Some(b'0'..=b'9') = self.text.get(self.at) {
            return Err("a number does not start with a zero");
        }
        str::from_utf8(&self.text[start..self.at]).map_err(|_| "a number was expected here")
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
        if start == self.at { Err("a digit was expected here") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_refused_at_its_place() {
        let deep = "[".repeat(10_000);
        for (text, what, line, column) in [
            ("{\"a\":1,\n \"a\":2}", "this member name stands twice in the same object", 2, 2),
            ("[1,]", "a JSON value was expected here", 1, 4),
            ("{\"a\" 1}", "a colon was expected after the member name", 1, 6),
            ("01", "a number does not start with a zero", 1, 2),
            ("\"\\ud800\"", "half of a surrogate pair stands alone", 1, 8),
            ("\"\\u0000\"", "NUL is not allowed in FHIR strings", 1, 8),
            ("\"a", "the text ends in the middle of a string", 1, 3),
            ("1 2", "something follows after the end of the JSON value", 1, 3),
            ("\u{feff}\u{feff}1", "a JSON value was expected here", 1, 4),
            ("", "the text is empty", 1, 1),
            (" \n", "the text is empty", 2, 1),
            ("[", "the text ends in the middle of a JSON value", 1, 2),
            (&deep, "the JSON is nested too deeply", 1, 101),
        ] {
            let error = Json::parse(text.as_bytes()).unwrap_err();
            assert_eq!((error.what, error.line, error.column), (what, line, column), "{:.40}", text);
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_and_utf_16_is_named() {
        assert_eq!(Json::parse(b"\xef\xbb\xbf[1]").unwrap().to_bytes(), b"[1]");
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let other = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        for text in [wide("\u{feff}{}"), other("\u{feff}{}"), wide("{}"), other("{}")] {
            assert_eq!(Json::parse(&text).unwrap_err().what, "the text is UTF-16; save it as UTF-8");
        }
    }
}
