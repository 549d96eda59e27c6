//! The formats of the primitive types (R4 datatypes section 2.24.0.1), by hand where the specification gives a regular
//! expression: a record has dozens of values, and each is looked at on every write.

use super::xhtml;
use crate::calendar;
use crate::json::Json;

/// Longest string, in bytes.
pub(super) const STRING_MAX: usize = 1024 * 1024;

/// How a primitive type is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Base64,
    Boolean,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Oid,
    PositiveInt,
    Text,
    Time,
    UnsignedInt,
    Uri,
    Uuid,
    Xhtml,
}

/// What is wrong with a value: FHIR's issue type, and words that say what would be right.
pub(super) type Wrong = (&'static str, &'static str);

impl Format {
    /// The format of a primitive type.
    pub fn of(name: &str) -> Option<Format> {
        Some(match name {
            "base64Binary" => Format::Base64,
            "boolean" => Format::Boolean,
            "code" => Format::Code,
            "date" => Format::Date,
            "dateTime" => Format::DateTime,
            "decimal" => Format::Decimal,
            "id" => Format::Id,
            "instant" => Format::Instant,
            "integer" => Format::Integer,
            "oid" => Format::Oid,
            "positiveInt" => Format::PositiveInt,
            "string" | "markdown" => Format::Text,
            "time" => Format::Time,
            "unsignedInt" => Format::UnsignedInt,
            "uri" | "url" | "canonical" => Format::Uri,
            "uuid" => Format::Uuid,
            "xhtml" => Format::Xhtml,
            _ => return None,
        })
    }

    /// What is wrong with a value of this format, if anything.
    pub fn check(self, value: &Json) -> Option<Wrong> {
        match (self, value) {
            (Format::Boolean, Json::Bool(_)) | (Format::Decimal, Json::Number(_)) => None,
            (Format::Boolean, _) => Some(("structure", "this must be true or false, without quotes")),
            (Format::Decimal, _) => Some(("structure", "this must be a number, without quotes")),
            (Format::Integer | Format::PositiveInt | Format::UnsignedInt, Json::Number(n)) => self.check_number(n),
            (Format::Integer | Format::PositiveInt | Format::UnsignedInt, _) => {
                Some(("structure", "this must be a whole number, without quotes"))
            }
            (_, Json::String(text)) => self.check_text(text),
            _ => Some(("structure", "this must be a string, in double quotes")),
        }
    }

    fn check_number(self, number: &str) -> Option<Wrong> {
        let (least, wrong) = match self {
            Format::PositiveInt => (1, "this must be a whole number from 1 to 2147483647"),
            Format::UnsignedInt => (0, "this must be a whole number from 0 to 2147483647"),
            _ => (i32::MIN, "this must be a whole number from -2147483648 to 2147483647"),
        };
        let fits = number != "-0" && number.parse::<i32>().is_ok_and(|n| n >= least);
        if fits { None } else { Some(("value", wrong)) }
    }

    fn check_text(self, text: &str) -> Option<Wrong> {
        if text.is_empty() {
            return Some(("value", "a string must not be empty; leave the element out"));
        }
        let bytes = text.as_bytes();
        let (right, words) = match self {
            Format::Text => return string(bytes),
            Format::Xhtml => return xhtml::check(text).map(|what| ("value", what)),
            Format::Code => (code(bytes), "a code has no white space at its ends and only single spaces inside"),
            Format::Date => (calendar::is_date(text), "a date is YYYY, YYYY-MM or YYYY-MM-DD, and must exist"),
            Format::DateTime => (
                calendar::is_date_time(text),
                "a dateTime is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or an offset, and must exist",
            ),
            Format::Instant => (
                calendar::is_instant(text),
                "an instant is YYYY-MM-DDThh:mm:ss with optional fractions and with Z or an offset, and must exist",
            ),
            Format::Time => (calendar::is_time(text), "a time is hh:mm:ss with optional fractions"),
            Format::Id => (id(bytes), "an id is 1 to 64 letters, digits, hyphens and dots"),
            Format::Oid => (oid(bytes), "an oid is urn:oid: with numbers and dots, such as urn:oid:1.2.3"),
            Format::Uuid => (uuid(bytes), "a uuid is urn:uuid: with a UUID in lower case"),
            Format::Uri => (uri(bytes), "a URI has no white space"),
            Format::Base64 => {
                (base64(bytes), "this must be base64: letters, digits, + and /, in groups of four, padded with =")
            }
            Format::Boolean | Format::Decimal | Format::Integer | Format::PositiveInt | Format::UnsignedInt => {
                (false, "this must not be a string")
            }
        };
        if right { None } else { Some(("value", words)) }
    }
}

fn string(bytes: &[u8]) -> Option<Wrong> {
    if bytes.len() > STRING_MAX {
        return Some(("too-long", "a string must not be longer than 1 MiB; use an Attachment or a Binary"));
    }
    let is_control = |&b: &u8| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    if bytes.iter().any(is_control) {
        return Some(("value", "a string must not hold control characters other than tab and line ends"));
    }
    if bytes[0].is_ascii_whitespace() && bytes.iter().all(u8::is_ascii_whitespace) {
        return Some(("value", "a string must hold more than white space; leave the element out"));
    }
    None
}

fn code(bytes: &[u8]) -> bool {
    let mut was_space = true;
    for &b in bytes {
        let is_space = b.is_ascii_whitespace();
        if (is_space && was_space) || (b < 0x20 && !is_space) {
            return false;
        }
        was_space = is_space;
    }
    !was_space
}

/// Whether this can be a resource's logical id.
pub(super) fn id(bytes: &[u8]) -> bool {
    bytes.len() <= 64 && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

fn uri(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| b > 0x20 && b != 0x7f)
}

fn oid(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"urn:oid:") else { return false };
    let mut parts = rest.split(|&b| b == b'.');
    let number =
        |part: &[u8]| part.iter().all(u8::is_ascii_digit) && !part.is_empty() && (part.len() == 1 || part[0] != b'0');
    parts.next().is_some_and(|p| matches!(p, [b'0'..=b'2'])) && rest.contains(&b'.') && parts.all(number)
}

fn uuid(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"urn:uuid:") else { return false };
    let fits = |(i, &b): (usize, &u8)| match i {
        8 | 13 | 18 | 23 => b == b'-',
        _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
    };
    rest.len() == 36 && rest.iter().enumerate().all(fits)
}

fn base64(bytes: &[u8]) -> bool {
    let (mut digits, mut padding) = (0usize, 0usize);
    for &b in bytes {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => digits += 1,
            b'=' => padding += 1,
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => return false,
        }
    }
    digits > 0 && padding <= 2 && (digits + padding).is_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_takes_what_the_specification_takes() {
        for (format, right, wrong) in [
            (Format::Id, "a A.1-", "a_b a/b"),
            (Format::Code, "a final", " "),
            (Format::Oid, "urn:oid:1.2.3 urn:oid:2.16.840.1.113883", "urn:oid:3.1 urn:oid:1.02 urn:oid:1 1.2.3"),
            (
                Format::Uuid,
                "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
                "c757873d-ec9a-4326-a141-556f43239520 urn:uuid:C757873D-EC9A-4326-A141-556F43239520 urn:uuid:1",
            ),
            (Format::Uri, "http://x/y urn:oid:1 #a", ""),
            (Format::Base64, "YWJj YWI= YQ== ", "YWJ Y=Jj = YW*j ===="),
        ] {
            for text in right.split(' ').filter(|t| !t.is_empty()) {
                assert_eq!(format.check(&Json::string(text)), None, "{format:?} {text}");
            }
            for text in wrong.split(' ') {
                assert!(format.check(&Json::string(text)).is_some(), "{format:?} {text}");
            }
        }
        for (format, text, right) in [
            (Format::Code, "two words", true),
            (Format::Code, "two  spaces", false),
            (Format::Code, " start", false),
            (Format::Uri, "a b", false),
            (Format::Text, "line\nend\ttab", true),
            (Format::Text, "bell\u{7}", false),
            (Format::Text, " \n", false),
            (Format::Base64, "YW\nJj", true),
        ] {
            assert_eq!(format.check(&Json::string(text)).is_none(), right, "{format:?} {text:?}");
        }
    }

    #[test]
    fn numbers_stay_within_their_range() {
        for (format, number, right) in [
            (Format::Integer, "-2147483648", true),
            (Format::Integer, "2147483648", false),
            (Format::Integer, "1.0", false),
            (Format::Integer, "1e3", false),
            (Format::Integer, "-0", false),
            (Format::UnsignedInt, "0", true),
            (Format::UnsignedInt, "-1", false),
            (Format::PositiveInt, "0", false),
            (Format::PositiveInt, "1", true),
            (Format::Decimal, "1.50e10", true),
        ] {
            assert_eq!(format.check(&Json::Number(number.into())).is_none(), right, "{format:?} {number}");
        }
        assert!(Format::Decimal.check(&Json::string("1")).is_some());
        assert!(Format::Text.check(&Json::string("x".repeat(STRING_MAX + 1))).is_some());
    }
}
