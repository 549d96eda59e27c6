//! Once: what two entries of a transaction may not both be about (R4 http section 3.1.0.11.2, R4 Bundle bdl-7).
//!
//! "The outcome of the processing of the transaction SHALL NOT depend on the order of the resources in the transaction":
//! wherever it would, the transaction is refused and both entries are named.

use super::check::malformed;
use base::refusal::Refusal;
use fhir::json::Json;
use fhir::search::query::url;
use std::collections::HashMap;

/// The `fullUrl`s of a bundle, each with the version its resource says it is.
#[derive(Default)]
pub(super) struct FullUrls(HashMap<(String, String), usize>);

impl FullUrls {
    /// Notes the entry's `fullUrl`. Refused where an earlier entry has it and is not another version (bdl-7).
    pub fn take(&mut self, index: usize, full_url: Option<&str>, resource: Option<&Json<'_>>) -> Result<(), Refusal> {
        let Some(full_url) = full_url else { return Ok(()) };
        let version = resource.and_then(|r| r.get("meta")).and_then(|meta| meta.text("versionId"));
        let key = (full_url.to_owned(), version.unwrap_or_default().to_owned());
        match self.0.insert(key, index) {
            None => Ok(()),
            Some(first) => Err(same_url(first, index)),
        }
    }
}

/// The refusal for two entries under one `fullUrl`.
pub(super) fn same_url(first: usize, second: usize) -> Refusal {
    let message = format!(
        "entries {first} and {second} have the same fullUrl, so that nobody can tell which of them a reference means \
         (bdl-7); give each a fullUrl of its own"
    );
    malformed(&format!("Bundle.entry[{second}].fullUrl"), message)
}

/// The refusal for two entries about one resource.
pub(super) fn same_resource(first: usize, second: usize) -> Refusal {
    let message = format!("entries {first} and {second} are about the same resource; a transaction may change it once");
    malformed(&format!("Bundle.entry[{second}]"), message)
}

/// What a transaction will create under a condition that nothing stored meets yet.
#[derive(Default)]
pub(super) struct Claims<'e>(HashMap<(String, Vec<(String, String)>), Claim<'e>>);

/// The entry that creates what its condition asks for.
#[derive(Clone)]
pub(super) struct Claim<'e> {
    /// The entry's number.
    pub index: usize,
    /// The id it creates.
    pub id: String,
    /// Its resource, if it is a conditional create.
    creates: Option<&'e Json<'e>>,
}

impl<'e> Claims<'e> {
    /// Claims a condition for an entry that will create `id`. Answers with the earlier entry that creates the very same
    /// resource under the same condition; refused where that entry creates another, or is an update.
    pub fn claim(
        &mut self,
        (resource_type, query): (&str, &str),
        index: usize,
        id: &str,
        creates: Option<&'e Json<'e>>,
    ) -> Result<Option<Claim<'e>>, Refusal> {
        let mut pairs = url::pairs(query)?;
        pairs.sort_unstable();
        let key = (resource_type.to_owned(), pairs);
        match self.0.get(&key) {
            None => {
                self.0.insert(key, Claim { index, id: id.to_owned(), creates });
                Ok(None)
            }
            Some(first) if says_same(first.creates, creates) => Ok(Some(first.clone())),
            Some(first) => Err(same_condition(first.index, index)),
        }
    }
}

/// Whether two creates say the same. The id a create carries counts for nothing.
fn says_same(first: Option<&Json<'_>>, second: Option<&Json<'_>>) -> bool {
    let (Some(first), Some(second)) = (first.and_then(Json::as_object), second.and_then(Json::as_object)) else {
        return false;
    };
    let said = |name: &str| name != "id";
    let count = |object: &fhir::json::Object<'_>| object.iter().filter(|(name, _)| said(name)).count();
    count(first) == count(second)
        && first.iter().filter(|(name, _)| said(name)).all(|(name, value)| second.get(name) == Some(value))
}

fn same_condition(first: usize, second: usize) -> Refusal {
    let message = format!(
        "entries {first} and {second} would both create what the same condition asks for, and do not say the same; \
         send one of them"
    );
    malformed(&format!("Bundle.entry[{second}]"), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Json<'static> {
        Json::parse(text.as_bytes()).expect("the case is JSON").into_owned()
    }

    #[test]
    fn a_full_url_stands_twice_only_for_two_versions() {
        let version = |n: u32| tree(&format!(r#"{{"meta":{{"versionId":"{n}"}}}}"#));
        for (what, first, second, is_taken) in [
            ("two versions", Some(version(1)), Some(version(2)), true),
            ("one version", Some(version(1)), Some(version(1)), false),
            ("no version", Some(tree("{}")), Some(tree("{}")), false),
            ("one of them", Some(tree("{}")), Some(version(1)), true),
            ("no resource", None, None, false),
        ] {
            let mut urls = FullUrls::default();
            urls.take(0, Some("urn:uuid:a"), first.as_ref()).expect("the first is taken");
            let refused = urls.take(3, Some("urn:uuid:a"), second.as_ref());
            assert_eq!(refused.is_ok(), is_taken, "{what}");
            if let Err(refusal) = refused {
                assert!(refusal.to_string().contains("entries 0 and 3"), "{refusal}");
            }
        }
    }

    #[test]
    fn the_same_create_is_one_claim() {
        let (one, same, other) = (tree(r#"{"id":"x","a":1,"b":2}"#), tree(r#"{"b":2,"a":1}"#), tree(r#"{"a":1}"#));
        let mut claims = Claims::default();
        assert!(claims.claim(("Patient", "a=1&b=x%7Cy"), 0, "p", Some(&one)).expect("first").is_none());
        let again = claims.claim(("Patient", "b=x|y&a=1"), 1, "q", Some(&same)).expect("the same").expect("the first");
        assert_eq!((again.index, again.id.as_str()), (0, "p"));
        assert!(claims.claim(("Group", "a=1&b=x|y"), 2, "g", Some(&one)).expect("another type").is_none());
        assert!(claims.claim(("Patient", "a=1&b=x|y"), 3, "r", Some(&other)).is_err());
        assert!(claims.claim(("Patient", "a=1&b=x|y"), 4, "r", None).is_err(), "an update");
    }
}
