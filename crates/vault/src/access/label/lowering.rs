//! Labels that somebody put on by hand stay on: what is written over keeps them, unless a policy permits the writer to
//! take labels off (docs/decisions/2026-11-23-labels-by-hand.md).
//!
//! Labels from codes need no keeping: they are worked out at each write, and go when the code was wrong.

use super::Labels;
use super::written::{CONFIDENTIALITY, labels_of_code};
use crate::access::{Action, Visit};
use crate::error::{Error, Fault};
use crate::records::writer::Done;
use crate::records::{Change, Expect, Vault, Version};
use fhir::json::{Json, Object};

impl Vault {
    /// Gives changes the labels that their sender may not take off. Whether one of them was tied to the version that was
    /// looked at: a label that is put on meanwhile must not be lost.
    pub(crate) fn keep_labels(&self, visit: &Visit, changes: &mut [Change]) -> Result<bool, Error> {
        if visit.is_operator() {
            return Ok(false);
        }
        let sight = self.sight(visit, Action::Unlabel)?;
        let mut tied = false;
        for change in changes {
            let Change::Put { resource, expect, .. } = change else { continue };
            let Some((last, is_current)) = self.last_said(resource)? else { continue };
            if self.inner.store.sees(&sight, &last)? {
                continue;
            }
            keep_of(resource, &last)?;
            if is_current && *expect == Expect::Any {
                (*expect, tied) = (Expect::Version(last.version), true);
            }
        }
        Ok(tied)
    }

    /// [`Vault::submit`] of what a feed or a file brings: it knows nothing of the labels that were put on here, so that
    /// they stay, whoever hands it in.
    pub fn submit_arrivals(&self, visit: &Visit, mut changes: Vec<Change>, done: Done) {
        let kept = changes.iter_mut().try_for_each(|change| match change {
            Change::Put { resource, .. } => {
                self.last_said(resource)?.map_or(Ok(()), |(last, _)| keep_of(resource, &last))
            }
            Change::Delete { .. } => Ok(()),
        });
        match kept {
            Ok(()) => self.submit(visit, changes, done),
            Err(error) => done(Err(error)),
        }
    }

    /// The last version of a resource that says something, and whether it is current: what was deleted comes back with its
    /// labels.
    fn last_said(&self, resource: &Json<'_>) -> Result<Option<(Version, bool)>, Error> {
        let (Some(kind), Some(id)) = (resource.text("resourceType"), resource.text("id")) else { return Ok(None) };
        let store = &self.inner.store;
        let current = match store.read(kind, id, None) {
            Ok(Some(current)) => current,
            // What was shredded has nothing left to keep.
            Ok(None) | Err(Error::Refusal(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !current.deleted {
            return Ok(Some((current, true)));
        }
        for number in (1..current.version).rev() {
            match store.vread(kind, id, number) {
                Ok(Some(version)) if version.deleted => {}
                Err(Error::Refusal(_)) => return Ok(None),
                found => return Ok(found?.map(|version| (version, false))),
            }
        }
        Ok(None)
    }
}

fn keep_of(resource: &mut Json<'static>, last: &Version) -> Result<(), Error> {
    let stored = Json::parse(&last.body).map_err(|_| Fault::Altered("a stored resource cannot be read".to_owned()))?;
    keep(resource, &stored);
    Ok(())
}

/// Adds to a resource what the stored one has of labels by hand and it has not: codings of `meta.security`, concepts of
/// `DocumentReference.securityLabel`, `Composition.confidentiality`.
fn keep(resource: &mut Json<'static>, stored: &Json<'_>) {
    let Some(object) = resource.as_object_mut() else { return };
    let put_on: Vec<Json<'static>> = stored
        .get("meta")
        .and_then(|meta| meta.get("security"))
        .map_or(&[][..], Json::items)
        .iter()
        .filter(|coding| is_kept(coding))
        .map(|coding| coding.clone().into_owned())
        .collect();
    if !put_on.is_empty() {
        add_security(object, &put_on);
    }
    for concept in stored.get("securityLabel").map_or(&[][..], Json::items).iter().filter(|concept| has_label(concept))
    {
        add(object, "securityLabel", concept, &is_same_concept);
    }
    let confidentiality =
        |object: &Object<'_>| object.get("confidentiality").and_then(Json::as_str).map(labels_of_code);
    let had = stored.as_object().and_then(confidentiality).unwrap_or(Labels::NONE);
    if !had.is_empty() && confidentiality(object).unwrap_or(Labels::NONE).is_empty() {
        let value = stored.get("confidentiality").cloned().unwrap_or(Json::Null);
        object.set("confidentiality", value.into_owned());
    }
}

/// Whether a coding of `meta.security` stays: all do but those of HL7 that ask for no more care than usual (`N`, `L`).
fn is_kept(coding: &Json<'_>) -> bool {
    let code = coding.text("code").unwrap_or_default();
    coding.text("system") != Some(CONFIDENTIALITY) || !labels_of_code(code).is_empty()
}

fn has_label(concept: &Json<'_>) -> bool {
    codings(concept).iter().any(|coding| !labels_of_code(coding.text("code").unwrap_or_default()).is_empty())
}

fn codings<'r, 'j>(concept: &'r Json<'j>) -> &'r [Json<'j>] {
    concept.get("coding").map_or(&[], Json::items)
}

fn add_security(object: &mut Object<'static>, put_on: &[Json<'static>]) {
    if object.get("meta").and_then(Json::as_object).is_none() {
        object.set("meta", Json::Object(Object::default()));
    }
    let Some(meta) = object.get_mut("meta").and_then(Json::as_object_mut) else { return };
    for coding in put_on {
        add(meta, "security", coding, &is_same_coding);
    }
}

/// Adds an item to a list, unless one that is the same stands there.
fn add(object: &mut Object<'static>, name: &'static str, item: &Json<'_>, same: &dyn Fn(&Json<'_>, &Json<'_>) -> bool) {
    let item = item.clone().into_owned();
    match object.get_mut(name) {
        Some(Json::Array(items)) if items.iter().any(|other| same(other, &item)) => {}
        Some(Json::Array(items)) => items.push(item),
        _ => object.set(name, Json::Array(vec![item])),
    }
}

fn is_same_coding(one: &Json<'_>, other: &Json<'_>) -> bool {
    ["system", "code"].iter().all(|name| one.text(name) == other.text(name))
}

/// Whether the first says all labels of the other.
fn is_same_concept(one: &Json<'_>, other: &Json<'_>) -> bool {
    codings(other).iter().all(|coding| codings(one).iter().any(|own| is_same_coding(own, coding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json<'static> {
        Json::parse(text.as_bytes()).expect("JSON").into_owned()
    }

    #[test]
    fn what_was_put_on_by_hand_stays_on() {
        let act = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}"#;
        let high = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}"#;
        let usual = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}"#;
        let local = r#"{"system":"urn:house","code":"x"}"#;
        for (stored, sent, then) in [
            (format!(r#"{{"meta":{{"security":[{act}]}}}}"#), "{}", format!(r#"{{"meta":{{"security":[{act}]}}}}"#)),
            (
                format!(r#"{{"meta":{{"security":[{act},{high},{usual},{local}]}}}}"#),
                r#"{"meta":{"security":[{"code":"x"}]}}"#,
                format!(r#"{{"meta":{{"security":[{{"code":"x"}},{act},{high},{local}]}}}}"#),
            ),
            (format!(r#"{{"meta":{{"security":[{usual}]}}}}"#), "{}", "{}".to_owned()),
            (
                format!(r#"{{"securityLabel":[{{"coding":[{high}]}},{{"coding":[{usual}]}}]}}"#),
                "{}",
                format!(r#"{{"securityLabel":[{{"coding":[{high}]}}]}}"#),
            ),
            (
                r#"{"confidentiality":"R"}"#.to_owned(),
                r#"{"confidentiality":"N"}"#,
                r#"{"confidentiality":"R"}"#.to_owned(),
            ),
            (
                r#"{"confidentiality":"R"}"#.to_owned(),
                r#"{"confidentiality":"V"}"#,
                r#"{"confidentiality":"V"}"#.to_owned(),
            ),
            (r#"{"confidentiality":"N"}"#.to_owned(), "{}", "{}".to_owned()),
        ] {
            let mut resource = json(sent);
            keep(&mut resource, &json(&stored));
            assert_eq!(String::from_utf8(resource.to_bytes()).expect("UTF-8"), then, "{stored} {sent}");
            let once = resource.to_bytes();
            keep(&mut resource, &json(&stored));
            assert_eq!(resource.to_bytes(), once, "twice is once");
        }
    }
}
