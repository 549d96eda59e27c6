//! The JSON tree: FHIR exactly as it was written.
//!
//! Numbers keep their text (`1.50` stays `1.50`: FHIR gives the trailing zero a meaning, R4 datatypes section 2.24.0.1),
//! members keep their order, strings borrow from the input where they hold no escape. Reading is strict RFC 8259, and
//! refuses what hides meaning: duplicate members, lone surrogates, NUL, depth beyond [`DEPTH_MAX`].

mod reader;
mod string;
mod writer;

pub use reader::{DEPTH_MAX, JsonError};
pub use writer::write_string;

use std::borrow::Cow;
use std::fmt;

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

impl<'a> Json<'a> {
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
}
