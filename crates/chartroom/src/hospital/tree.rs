//! Writing resources down: objects from members, and the data types they share.

use super::codes::Code;
use super::day::{Day, Moment};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fhir::json::{Json, Object};
use std::borrow::Cow;

/// A resource, or a part of one.
pub type Tree = Json<'static>;

/// What can stand as a member of an object. `None` leaves the member out.
pub trait Member {
    /// The value, if there is one.
    fn member(self) -> Option<Tree>;
}

impl Member for Tree {
    fn member(self) -> Option<Tree> {
        Some(self)
    }
}
impl Member for &'static str {
    fn member(self) -> Option<Tree> {
        Some(Json::String(Cow::Borrowed(self)))
    }
}
impl Member for String {
    fn member(self) -> Option<Tree> {
        Some(Json::String(Cow::Owned(self)))
    }
}
impl Member for &String {
    fn member(self) -> Option<Tree> {
        Some(Json::String(Cow::Owned(self.clone())))
    }
}
impl Member for bool {
    fn member(self) -> Option<Tree> {
        Some(Json::Bool(self))
    }
}
impl Member for i32 {
    fn member(self) -> Option<Tree> {
        Some(Json::number(self))
    }
}
impl Member for Day {
    fn member(self) -> Option<Tree> {
        Some(Json::string(self.to_string()))
    }
}
impl Member for Moment {
    fn member(self) -> Option<Tree> {
        Some(Json::string(self.to_string()))
    }
}
impl Member for Code {
    fn member(self) -> Option<Tree> {
        Some(concept(&[self]))
    }
}
/// An array. FHIR has no empty ones, so that one is left out.
impl<T: Member> Member for Vec<T> {
    fn member(self) -> Option<Tree> {
        let items: Vec<Tree> = self.into_iter().filter_map(Member::member).collect();
        (!items.is_empty()).then_some(Json::Array(items))
    }
}
impl<T: Member, const N: usize> Member for [T; N] {
    fn member(self) -> Option<Tree> {
        Some(Json::Array(self.into_iter().filter_map(Member::member).collect()))
    }
}
impl<T: Member> Member for Option<T> {
    fn member(self) -> Option<Tree> {
        self.and_then(Member::member)
    }
}

/// Adds a member if it has a value.
pub fn put(object: &mut Object<'static>, name: &'static str, value: impl Member) {
    if let Some(value) = value.member() {
        object.set(name, value);
    }
}

/// An object: `object! { "status": "final", "subject": chart.patient() }`.
macro_rules! object {
    ($($name:literal : $value:expr),* $(,)?) => {{
        let mut object = ::fhir::json::Object::default();
        $($crate::hospital::tree::put(&mut object, $name, $value);)*
        ::fhir::json::Json::Object(object)
    }};
}
pub(crate) use object;

/// A number with so many decimal places: `fixed(152, 1)` is `15.2`.
pub fn fixed(n: i32, places: usize) -> Tree {
    Json::Number(Cow::Owned(decimal(n, places)))
}

/// The same as text.
pub fn decimal(n: i32, places: usize) -> String {
    if places == 0 {
        return n.to_string();
    }
    let scale = 10_i32.pow(places as u32);
    format!("{}{}.{:0places$}", if n < 0 { "-" } else { "" }, (n / scale).abs(), (n % scale).abs())
}

/// A reference to a resource of this hospital, `Type/id`.
pub fn link(to: &str) -> Tree {
    object! { "reference": to.to_owned() }
}

/// A reference with the name that people know it by.
pub fn link_named(to: &str, name: &str) -> Tree {
    object! { "reference": to.to_owned(), "display": name.to_owned() }
}

/// One `Coding`.
pub fn coding(code: Code) -> Tree {
    object! { "system": code.system, "code": code.code, "display": code.display }
}

/// A `CodeableConcept` that says the same in one or more code systems; its text is the first one's display.
pub fn concept(codes: &[Code]) -> Tree {
    object! {
        "coding": codes.iter().map(|c| coding(*c)).collect::<Vec<_>>(),
        "text": codes.first().map(|c| c.display),
    }
}

/// A `CodeableConcept` in words only.
pub fn words(text: impl Into<Cow<'static, str>>) -> Tree {
    object! { "text": Json::String(text.into()) }
}

/// A `Quantity` in UCUM.
pub fn quantity(n: i32, places: usize, unit: &'static str) -> Tree {
    object! { "value": fixed(n, places), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit }
}

/// A `Period`.
pub fn period(start: Moment, end: Moment) -> Tree {
    object! { "start": start, "end": end }
}

/// US dollars and cents.
pub fn dollars(cents: i32) -> Tree {
    object! { "value": fixed(cents, 2), "currency": "USD" }
}

/// An `Identifier`.
pub fn identifier(system: &'static str, value: String) -> Tree {
    object! { "system": system, "value": value }
}

/// Bytes in base64 (RFC 4648 section 4).
pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_are_written_as_they_should() {
        for (n, places, text) in [(152, 1, "15.2"), (5, 2, "0.05"), (-105, 2, "-1.05"), (-5, 1, "-0.5"), (7, 0, "7")] {
            assert_eq!(decimal(n, places), text);
        }
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
