//! Reads a string: borrowed where it holds no escape.

use super::reader::{Read, Reader};
use std::borrow::Cow;

/// How many bytes stand before the first quotation mark, backslash or control character.
pub(super) fn plain(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks();
    for (i, word) in words.iter().enumerate() {
        let found = marked(u64::from_le_bytes(*word));
        if found != 0 {
            return i * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_marked = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    words.len() * 8 + rest.iter().position(is_marked).unwrap_or(rest.len())
}

/// The highest bits of those among eight bytes that [`plain`] looks for. The lowest is right; one above it need not be
/// (Mycroft's test for a zero byte, whose borrow runs upwards).
fn marked(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (is(b'"') | is(b'\\') | below(word, 0x20)) & (ONES << 7)
}

impl<'a> Reader<'a> {
    pub(super) fn string(&mut self) -> Read<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        self.at += plain(&self.text[start..]);
        match self.text.get(self.at) {
            Some(b'"') => {
                let text = self.between(start, self.at).ok_or("the text is not valid UTF-8")?;
                self.at += 1;
                Ok(Cow::Borrowed(text))
            }
            Some(b'\\') => self.string_with_escapes(start),
            Some(_) => Err("a control character stands in a string without an escape"),
            None => Err("the text ends in the middle of a string"),
        }
    }

    /// A part of the text; `None` where it is not UTF-8.
    fn between(&self, start: usize, end: usize) -> Option<&'a str> {
        match self.words {
            Some(words) => words.get(start..end),
            None => str::from_utf8(&self.text[start..end]).ok(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_marked_byte_is_found(
            text in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'!'), Just(b'#'), Just(b'['), 0x1eu8..0x24], 0..40)
        ) {
            let one_by_one = text.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)).unwrap_or(text.len());
            prop_assert_eq!(plain(&text), one_by_one);
        }
    }
}
