//! JSON Patch (RFC 6902).

use super::pointer::{Pointer, index};
use super::{Brought, impossible, malformed};
use crate::json::Json;
use base::refusal::Refusal;
use rust_decimal::Decimal;

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// `operation 2 at /name/0`.
    place: String,
    at: Pointer,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Add(Json<'static>),
    Remove,
    Replace(Json<'static>),
    Move(Pointer),
    Copy(Pointer),
    Test(Json<'static>),
}

impl Operation {
    /// Reads the operation of that number; members nobody knows are ignored (RFC 6902 section 4).
    pub(super) fn read(number: usize, json: &Json<'_>) -> Result<Operation, Refusal> {
        let place = format!("operation {number}");
        let pointer = |name: &str| {
            let text = json.text(name).ok_or_else(|| malformed(&place, &format!("the member {name} is missing")))?;
            Pointer::parse(text).ok_or_else(|| malformed(&place, &format!("the member {name} is no JSON Pointer")))
        };
        let value = || {
            let value = json.get("value").ok_or_else(|| malformed(&place, "the member value is missing"))?;
            Ok::<_, Refusal>(value.clone().into_owned())
        };
        let at = pointer("path")?;
        let action = match json.text("op") {
            Some("add") => Action::Add(value()?),
            Some("remove") => Action::Remove,
            Some("replace") => Action::Replace(value()?),
            Some("move") => Action::Move(pointer("from")?),
            Some("copy") => Action::Copy(pointer("from")?),
            Some("test") => Action::Test(value()?),
            _ => return Err(malformed(&place, "the member op is not one of add, remove, replace, move, copy, test")),
        };
        Ok(Operation { place: format!("{place} at {}", at.text), at, action })
    }

    fn apply(&self, document: &mut Json<'static>, brought: &mut Brought) -> Result<(), Refusal> {
        let place = &self.place;
        match &self.action {
            Action::Add(value) => self.add(document, value.clone(), brought),
            Action::Remove => remove(place, &self.at, document).map(|_| ()),
            Action::Replace(value) => self.replace(document, value, brought),
            Action::Move(from) if self.at.is_inside(from) => {
                Err(impossible(place, "a value cannot be moved into itself"))
            }
            Action::Move(from) if *from == self.at => found(place, from, document).map(|_| ()),
            Action::Move(from) => {
                let value = remove(place, from, document)?;
                self.add(document, value, brought)
            }
            Action::Copy(from) => {
                let value = found(place, from, document)?.clone();
                self.add(document, value, brought)
            }
            Action::Test(value) => match equal(found(place, &self.at, document)?, value) {
                true => Ok(()),
                false => Err(impossible(place, "the test failed: another value stands there")),
            },
        }
    }

    fn add(&self, document: &mut Json<'static>, value: Json<'static>, brought: &mut Brought) -> Result<(), Refusal> {
        let place = &self.place;
        brought.count(place, &value, self.at.tokens.len())?;
        if self.at.tokens.is_empty() {
            *document = value;
            return Ok(());
        }
        match self.at.parent_mut(document) {
            Some((Json::Object(object), name)) => object.set(name.to_owned(), value),
            Some((Json::Array(items), "-")) => items.push(value),
            Some((Json::Array(items), token)) => match index(token).filter(|i| *i <= items.len()) {
                Some(i) => items.insert(i, value),
                None => return Err(impossible(place, "this is no index of the array")),
            },
            _ => return Err(impossible(place, "nothing is there that could hold the value")),
        }
        Ok(())
    }

    fn replace(
        &self,
        document: &mut Json<'static>,
        value: &Json<'static>,
        brought: &mut Brought,
    ) -> Result<(), Refusal> {
        found(&self.place, &self.at, document)?;
        brought.count(&self.place, value, self.at.tokens.len())?;
        match self.at.parent_mut(document) {
            None => *document = value.clone(),
            Some((Json::Object(object), name)) => object.set(name.to_owned(), value.clone()),
            Some((Json::Array(items), token)) => {
                if let Some(item) = index(token).and_then(|i| items.get_mut(i)) {
                    *item = value.clone();
                }
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// Applies the operations in order; after a refusal the document is somewhere in between.
pub(super) fn apply(operations: &[Operation], document: &mut Json<'static>) -> Result<(), Refusal> {
    let mut brought = Brought::default();
    operations.iter().try_for_each(|operation| operation.apply(document, &mut brought))
}

fn found<'j>(place: &str, at: &Pointer, document: &'j Json<'static>) -> Result<&'j Json<'static>, Refusal> {
    at.get(document).ok_or_else(|| impossible(place, &format!("nothing is at {}", at.text)))
}

fn remove(place: &str, at: &Pointer, document: &mut Json<'static>) -> Result<Json<'static>, Refusal> {
    let removed = match at.parent_mut(document) {
        Some((Json::Object(object), name)) => object.remove(name),
        Some((Json::Array(items), token)) => index(token).filter(|i| *i < items.len()).map(|i| items.remove(i)),
        _ => None,
    };
    removed.ok_or_else(|| impossible(place, &format!("nothing that can be taken out is at {}", at.text)))
}

/// RFC 6902 section 4.6: numbers by value, members in any order.
fn equal(a: &Json<'_>, b: &Json<'_>) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || number(a).zip(number(b)).is_some_and(|(a, b)| a == b),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

fn number(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

#[cfg(test)]
mod tests {
    use crate::json::Json;
    use crate::patch::Patch;
    use base::clock::Instant;
    use base::refusal::Kind;

    #[test]
    fn what_cannot_be_done_is_refused_at_its_place_and_changes_nothing() {
        let before = Json::parse(br#"{"resourceType":"Basic","id":"1","a":[1,2],"b":{"c":1.0}}"#).unwrap().into_owned();
        for (patch, kind, path) in [
            (r#"[{"op":"remove","path":"/a/0"},{"op":"remove","path":"/x"}]"#, Kind::Invalid, "operation 1 at /x"),
            (r#"[{"op":"add","path":"/a/3","value":1}]"#, Kind::Invalid, "operation 0 at /a/3"),
            (r#"[{"op":"add","path":"/a/01","value":1}]"#, Kind::Invalid, "operation 0 at /a/01"),
            (r#"[{"op":"replace","path":"/a/-","value":1}]"#, Kind::Invalid, "operation 0 at /a/-"),
            (r#"[{"op":"move","from":"/b","path":"/b/d"}]"#, Kind::Invalid, "operation 0 at /b/d"),
            (r#"[{"op":"test","path":"/b","value":{"c":2}}]"#, Kind::Invalid, "operation 0 at /b"),
            (r#"[{"op":"replace","path":"/id","value":"2"}]"#, Kind::Invalid, ""),
            (r#"[{"op":"remove","path":"/resourceType"}]"#, Kind::Invalid, ""),
            (r#"[{"op":"remove","path":""}]"#, Kind::Invalid, "operation 0 at "),
            (r#"[{"op":"remove"}]"#, Kind::Malformed, "operation 0"),
            (r#"[{"op":"add","path":"/x"}]"#, Kind::Malformed, "operation 0"),
            (r#"[{"op":"sum","path":"/x"}]"#, Kind::Malformed, "operation 0"),
            (r#"[{"op":"remove","path":"x"}]"#, Kind::Malformed, "operation 0"),
            (r#"{"op":"remove","path":"/x"}"#, Kind::Malformed, ""),
        ] {
            let mut resource = before.clone();
            let document = Json::parse(patch.as_bytes()).unwrap();
            let refusal = Patch::json(&document).and_then(|p| p.apply(&mut resource, Instant(0))).unwrap_err();
            assert_eq!((refusal.kind, refusal.findings[0].path.as_str()), (kind, path), "{patch}");
            assert_eq!(resource, before, "{patch}");
        }
    }

    #[test]
    fn what_is_tested_is_the_value_and_not_its_spelling() {
        let mut resource = Json::parse(br#"{"a":{"x":1.0,"y":[1e2]}}"#).unwrap().into_owned();
        let document = Json::parse(br#"[{"op":"test","path":"/a","value":{"y":[100],"x":1}}]"#).unwrap();
        Patch::json(&document).unwrap().apply(&mut resource, Instant(0)).unwrap();
    }

    #[test]
    fn a_patch_that_doubles_again_and_again_is_refused() {
        let copies = vec![r#"{"op":"copy","from":"","path":"/a/-"}"#; 90].join(",");
        let document = format!("[{copies}]").into_bytes();
        let document = Json::parse(&document).unwrap();
        let mut resource = Json::parse(br#"{"a":[]}"#).unwrap().into_owned();
        let refusal = Patch::json(&document).unwrap().apply(&mut resource, Instant(0)).unwrap_err();
        assert_eq!(refusal.kind, Kind::TooLarge);
    }
}
