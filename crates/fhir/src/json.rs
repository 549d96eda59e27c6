//! The JSON tree: FHIR exactly as it was written.
//!
//! Numbers keep their text (`1.50` stays `1.50`: FHIR gives the trailing zero a meaning, R4 datatypes section 2.24.0.1),
//! members keep their order, strings borrow from the input where they hold no escape. Reading is strict RFC 8259, and
//! refuses what hides meaning: duplicate members, lone surrogates, NUL, a byte-order mark, depth beyond [`DEPTH_MAX`].

use std::borrow::Cow;
use std::fmt;

/// Nesting beyond this is refused. The deepest official R4 example has 25 levels.
pub const DEPTH_MAX: usize = 100;

/// One JSON value. `'a` is the life of the text it was read from; [`Json::into_owned`] cuts the tie.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`; in FHIR only inside arrays of primitives (R4 json section 2.6.2).
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as its text.
    Number(Cow<'a, str>),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// The members of an object, in the order they were written. Names are unique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

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
        let mut reader = Reader { text, at: 0 };
        let value = reader.document().map_err(|what| locate(text, reader.at, what))?;
        Ok(value)
    }

    /// The same value without a tie to the text it came from.
    #[must_use]
    pub fn into_owned(self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Bool(b) => Json::Bool(b),
            Json::Number(n) => Json::Number(Cow::Owned(n.into_owned())),
            Json::String(s) => Json::String(Cow::Owned(s.into_owned())),
            Json::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Json::Object(object) => Json::Object(Object(
                object.0.into_iter().map(|(k, v)| (Cow::Owned(k.into_owned()), v.into_owned())).collect(),
            )),
        }
    }

    /// The member of that name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.as_object()?.get(name)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Json::String(s) = self { Some(s) } else { None }
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Json::Bool(b) = self { Some(*b) } else { None }
    }

    /// The number's text, if this is a number.
    pub fn as_number(&self) -> Option<&str> {
        if let Json::Number(n) = self { Some(n) } else { None }
    }

    /// The items, if this is an array; none otherwise.
    pub fn items(&self) -> &[Json<'a>] {
        if let Json::Array(items) = self { items } else { &[] }
    }

    /// The object, if this is one.
    pub fn as_object(&self) -> Option<&Object<'a>> {
        if let Json::Object(object) = self { Some(object) } else { None }
    }

    /// The object, to change, if this is one.
    pub fn as_object_mut(&mut self) -> Option<&mut Object<'a>> {
        if let Json::Object(object) = self { Some(object) } else { None }
    }

    /// The text of a string member.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Appends the value to `out`, compact, members in their order.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
            Json::Number(n) => out.extend_from_slice(n.as_bytes()),
            Json::String(s) => write_string(s, out),
            Json::Array(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Json::Object(object) => {
                out.push(b'{');
                for (i, (name, value)) in object.0.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// Appends the value indented by two spaces, for people (`_pretty=true`).
    pub fn write_pretty(&self, out: &mut Vec<u8>) {
        self.write_indented(out, 0);
    }

    fn write_indented(&self, out: &mut Vec<u8>, depth: usize) {
        let line = |out: &mut Vec<u8>, depth: usize| {
            out.push(b'\n');
            out.extend(std::iter::repeat_n(b' ', depth * 2));
        };
        match self {
            Json::Array(items) if !items.is_empty() => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    line(out, depth + 1);
                    item.write_indented(out, depth + 1);
                }
                line(out, depth);
                out.push(b']');
            }
            Json::Object(object) if !object.0.is_empty() => {
                out.push(b'{');
                for (i, (name, value)) in object.0.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    line(out, depth + 1);
                    write_string(name, out);
                    out.extend_from_slice(b": ");
                    value.write_indented(out, depth + 1);
                }
                line(out, depth);
                out.push(b'}');
            }
            _ => self.write(out),
        }
    }

    /// The compact text.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        self.write(&mut out);
        out
    }

    /// A string value that owns its text.
    pub fn string(text: impl Into<String>) -> Json<'static> {
        Json::String(Cow::Owned(text.into()))
    }

    /// A whole number.
    pub fn number(n: impl fmt::Display) -> Json<'static> {
        Json::Number(Cow::Owned(n.to_string()))
    }

    /// An object from its members. A name given twice keeps the last value.
    pub fn object<N: Into<Cow<'a, str>>>(members: impl IntoIterator<Item = (N, Json<'a>)>) -> Json<'a> {
        let mut object = Object::default();
        for (name, value) in members {
            object.set(name, value);
        }
        Json::Object(object)
    }
}

impl<'a> Object<'a> {
    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The value of that name, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Json<'a>> {
        self.0.iter_mut().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Replaces the value of that name where it stands, or adds it at the end.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: Json<'a>) {
        let name = name.into();
        match self.get_mut(&name) {
            Some(old) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Puts a new member at `index`; one of the same name is taken out first.
    pub fn insert(&mut self, index: usize, name: impl Into<Cow<'a, str>>, value: Json<'a>) {
        let name = name.into();
        self.remove(&name);
        self.0.insert(index.min(self.0.len()), (name, value));
    }

    /// Takes the member of that name out.
    pub fn remove(&mut self, name: &str) -> Option<Json<'a>> {
        let index = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.remove(index).1)
    }

    /// Keeps only the members for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Json<'a>) -> bool) {
        self.0.retain(|(n, v)| keep(n, v));
    }

    /// The members in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Json<'a>)> + ExactSizeIterator {
        self.0.iter().map(|(n, v)| (n.as_ref(), v))
    }

    /// The members in order, values to change.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&str, &mut Json<'a>)> {
        self.0.iter_mut().map(|(n, v)| (&**n, v))
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Json<'a>)> for Object<'a> {
    fn from_iter<T: IntoIterator<Item = (Cow<'a, str>, Json<'a>)>>(members: T) -> Self {
        let mut object = Object::default();
        for (name, value) in members {
            object.set(name, value);
        }
        object
    }
}

/// Appends `text` as a JSON string with the escapes RFC 8259 requires.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (i, &b) in bytes.iter().enumerate() {
        if b >= 0x20 && b != b'"' && b != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..i]);
        from = i + 1;
        match b {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{b:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

fn locate(text: &[u8], at: usize, what: &'static str) -> JsonError {
    let at = at.min(text.len());
    let before = &text[..at];
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let column = at - before.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1) + 1;
    JsonError { what, offset: at, line, column }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

type Read<T> = Result<T, &'static str>;

impl<'a> Reader<'a> {
    fn document(&mut self) -> Read<Json<'a>> {
        if self.text.starts_with(b"\xef\xbb\xbf") {
            return Err("the text starts with a byte-order mark; save it as UTF-8 without one");
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

    fn eat(&mut self, b: u8) -> bool {
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

    fn string(&mut self) -> Read<Cow<'a, str>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_back_the_same() {
        for text in [
            r#"{"a":1.50,"b":[1e400,-0,"x\"y\\z\n"],"c":{"d":null,"e":true},"é":"\u0001😀"}"#,
            "[]",
            "{}",
            r#""""#,
            "0.00",
        ] {
            let tree = Json::parse(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(tree.to_bytes()).unwrap(), text);
            assert_eq!(tree.clone().into_owned(), tree);
        }
        assert_eq!(Json::parse(br#""\ud83d\ude00\/\b""#).unwrap().as_str(), Some("😀/\u{8}"));
    }

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
            ("\u{feff}1", "the text starts with a byte-order mark; save it as UTF-8 without one", 1, 1),
            ("", "the text ends in the middle of a JSON value", 1, 1),
            (&deep, "the JSON is nested too deeply", 1, 101),
        ] {
            let error = Json::parse(text.as_bytes()).unwrap_err();
            assert_eq!((error.what, error.line, error.column), (what, line, column), "{:.40}", text);
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
    }
}
