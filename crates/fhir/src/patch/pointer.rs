//! JSON Pointer (RFC 6901).

use crate::json::Json;

/// A path through a JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) tokens: Vec<String>,
    pub(super) text: String,
}

impl Pointer {
    /// Reads `/a/b~1c/0`; the empty text is the whole document.
    pub(super) fn parse(text: &str) -> Option<Pointer> {
        let unescape = |token: &str| {
            let is_sound = token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            is_sound.then(|| token.replace("~1", "/").replace("~0", "~"))
        };
        let tokens = match text.strip_prefix('/') {
            Some(rest) => rest.split('/').map(unescape).collect::<Option<_>>()?,
            None if text.is_empty() => Vec::new(),
            None => return None,
        };
        Some(Pointer { tokens, text: text.to_owned() })
    }

    /// The value there.
    pub(super) fn get<'j, 'a>(&self, document: &'j Json<'a>) -> Option<&'j Json<'a>> {
        self.tokens.iter().try_fold(document, |json, token| match json {
            Json::Array(items) => items.get(index(token)?),
            Json::Object(object) => object.get(token),
            _ => None,
        })
    }

    /// The value that holds the last token, and that token; `None` for the whole document or where nothing is.
    pub(super) fn parent_mut<'j, 'a, 'p>(&'p self, document: &'j mut Json<'a>) -> Option<(&'j mut Json<'a>, &'p str)> {
        let (last, holders) = self.tokens.split_last()?;
        let holder = holders.iter().try_fold(document, |json, token| match json {
            Json::Array(items) => items.get_mut(index(token)?),
            Json::Object(object) => object.get_mut(token),
            _ => None,
        })?;
        Some((holder, last))
    }

    /// Whether this leads to something inside what `other` leads to.
    pub(super) fn is_inside(&self, other: &Pointer) -> bool {
        self.tokens.len() > other.tokens.len() && self.tokens.starts_with(&other.tokens)
    }
}

/// Digits without a leading zero (RFC 6901 section 4).
pub(super) fn index(token: &str) -> Option<usize> {
    let is_index = token == "0" || (!token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit()));
    if is_index { token.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_where_rfc_6901_says() {
        let text = br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        let document = Json::parse(text).unwrap();
        for (pointer, value) in [
            ("/foo/0", "\"bar\""),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/i\\j", "5"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            let found = Pointer::parse(pointer).unwrap();
            assert_eq!(
                found.get(&document).map(|json| String::from_utf8(json.to_bytes()).unwrap()).as_deref(),
                Some(value)
            );
        }
        for pointer in ["/foo/00", "/foo/-", "/foo/2", "/x", "/foo/0/1"] {
            assert_eq!(Pointer::parse(pointer).unwrap().get(&document), None, "{pointer}");
        }
        for text in ["foo", "/a~2", "/a~"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
    }
}
