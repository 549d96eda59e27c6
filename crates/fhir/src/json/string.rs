//! Reads a string: borrowed where it holds no escape.

use super::reader::{Read, Reader};
use std::borrow::Cow;

impl<'a> Reader<'a> {
    pub(super) fn string(&mut self) -> Read<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    let raw = &self.text[start..self.at];
                    let text = str::from_utf8(raw).map_err(|_| "the text is not valid UTF-8")?;
                    self.at += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => return self.string_with_escapes(start),
                Some(0..=0x1f) => return Err("a control character stands in a string without an escape"),
                Some(_) => self.at += 1,
                None => return Err("the text ends in the middle of a string"),
            }
        }
    }

    fn string_with_escapes(&mut self, start: usize) -> Read<Cow<'a, str>> {
        let mut out: Vec<u8> = self.text[start..self.at].to_vec();
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return String::from_utf8(out).map(Cow::Owned).map_err(|_| "the text is not valid UTF-8");
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(0..=0x1f) => return Err("a control character stands in a string without an escape"),
                Some(&b) => {
                    out.push(b);
                    self.at += 1;
                }
                None => return Err("the text ends in the middle of a string"),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let b = *self.text.get(self.at).ok_or("the text ends in the middle of a string")?;
        self.at += 1;
        Ok(match b {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err("this escape is not one of JSON's"),
        })
    }

    fn unicode_escape(&mut self) -> Read<char> {
        const LONE: &str = "half of a surrogate pair stands alone";
        let high = self.hex4()?;
        let code = match high {
            0 => return Err("NUL is not allowed in FHIR strings"),
            0xdc00..=0xdfff => return Err(LONE),
            0xd800..=0xdbff => {
                if !(self.eat(b'\\') && self.eat(b'u')) {
                    return Err(LONE);
                }
                let low = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&low) {
                    return Err(LONE);
                }
                0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
            }
            code => code,
        };
        char::from_u32(code).ok_or(LONE)
    }

    fn hex4(&mut self) -> Read<u32> {
        let digits = self.text.get(self.at..self.at + 4).ok_or("the text ends in the middle of a string")?;
        let mut code = 0;
        for &d in digits {
            let d = char::from(d).to_digit(16).ok_or("four hexadecimal digits were expected after \\u")?;
            code = code * 16 + d;
        }
        self.at += 4;
        Ok(code)
    }
}
