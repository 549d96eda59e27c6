//! Minimum necessary at the door: what leaves the vault for a visit that sees only some elements of a type, and what
//! such a visit may change.
//!
//! Every resource of a type with hidden elements says `SUBSETTED`, whether there was something to hide or not: the mark
//! must not tell. What such a visit writes over keeps what it could not see.

use super::Action;
use super::policy::classes::class_of;
use super::sight::Sight;
use super::{Principal, Purpose, Visit};
use crate::error::{Error, Fault};
use crate::records::writer::Done;
use crate::records::{Change, Expect, Vault, Version, Written};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::definitions::{TypeDef, r4};
use fhir::json::{Json, Object};
use fhir::search::query::{Hidden, Query, parse_for};
use std::sync::Arc;

const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
const CODE: &str = "SUBSETTED";
const CONTAINED: &[u8] = b"\"contained\"";

/// Tags a resource as one that is not whole (R4 search section 3.1.1.5.8), lest it be written back as if it were. Once.
pub fn tag_subsetted(resource: &mut Object<'_>) {
    if resource.get("meta").is_none() {
        resource.insert(resource.len().min(2), "meta", Json::Object(Object::default()));
    }
    let Some(meta) = resource.get_mut("meta").and_then(Json::as_object_mut) else { return };
    let tag = || Json::object([("system", Json::string(SYSTEM)), ("code", Json::string(CODE))]);
    match meta.get_mut("tag") {
        Some(Json::Array(tags)) if tags.iter().any(is_mark) => {}
        Some(Json::Array(tags)) => tags.push(tag()),
        _ => meta.set("tag", Json::Array(vec![tag()])),
    }
}

fn is_mark(tag: &Json<'_>) -> bool {
    tag.text("system") == Some(SYSTEM) && tag.text("code") == Some(CODE)
}

fn is_marked(resource: &Json<'_>) -> bool {
    let tags = resource.get("meta").and_then(|meta| meta.get("tag"));
    tags.is_some_and(|tags| tags.items().iter().any(is_mark))
}

fn unmark(resource: &mut Object<'_>) {
    let Some(meta) = resource.get_mut("meta").and_then(Json::as_object_mut) else { return };
    if let Some(Json::Array(tags)) = meta.get_mut("tag") {
        tags.retain(|tag| !is_mark(tag));
        if tags.is_empty() {
            meta.remove("tag");
        }
    }
}

/// Takes hidden elements out of a resource and out of those inside it. Whether one of them is of a type that has some.
fn cut(resource: &mut Json<'_>, hidden: &Hidden) -> bool {
    let ty = type_of(resource);
    let mut is_cut = false;
    if let (Some(ty), Some(object)) = (ty.filter(|ty| !hidden.of(&ty.name).is_empty()), resource.as_object_mut()) {
        object.retain(|name, _| !hidden.hides_member(ty, name));
        tag_subsetted(object);
        is_cut = true;
    }
    each_inner(resource, &mut |inner| is_cut |= cut(inner, hidden));
    is_cut
}

fn type_of(resource: &Json<'_>) -> Option<&'static TypeDef> {
    r4().resource(resource.text("resourceType")?)
}

/// Calls `each` with what a resource holds that is a resource of its own: contained ones, entries, parameters.
fn each_inner<'a>(resource: &mut Json<'a>, each: &mut dyn FnMut(&mut Json<'a>)) {
    let Some(object) = resource.as_object_mut() else { return };
    for (name, value) in object.iter_mut() {
        let Json::Array(items) = value else { continue };
        match name {
            "contained" => items.iter_mut().for_each(&mut *each),
            "entry" | "parameter" | "part" => items.iter_mut().for_each(|item| in_part(item, each)),
            _ => {}
        }
    }
}

fn in_part<'a>(part: &mut Json<'a>, each: &mut dyn FnMut(&mut Json<'a>)) {
    if let Some(inner) = part.as_object_mut().and_then(|object| object.get_mut("resource")) {
        each(inner);
    }
    // A parameter's parts hold resources too.
    if part.get("part").is_some() {
        each_inner(part, each);
    }
}

impl Sight {
    /// A version as far as the visit sees it. Costs nothing where nothing is hidden.
    pub fn narrow(&self, version: Version) -> Version {
        match self.hidden() {
            Some(hidden) if concerns(hidden, &version) => narrowed(hidden, version),
            _ => version,
        }
    }
}

/// Whether something may have to be taken out.
fn concerns(hidden: &Hidden, version: &Version) -> bool {
    let holds_others = || version.body.windows(CONTAINED.len()).any(|bytes| bytes == CONTAINED);
    let is_envelope = || matches!(version.resource_type.as_str(), "Bundle" | "Parameters");
    !version.deleted && (!hidden.of(&version.resource_type).is_empty() || is_envelope() || holds_others())
}

fn narrowed(hidden: &Hidden, version: Version) -> Version {
    let body = Json::parse(&version.body).map(|mut resource| cut(&mut resource, hidden).then(|| resource.to_bytes()));
    let body = match body {
        Ok(None) => return version,
        Ok(Some(body)) => body,
        // What cannot be read cannot be narrowed: nothing of it is shown.
        Err(_) => format!(r#"{{"resourceType":"{}","id":"{}"}}"#, version.resource_type, version.id).into_bytes(),
    };
    Version { body: body.into(), partial: true, ..version }
}

impl Vault {
    /// What does not exist for somebody who is here for a purpose: elements their roles need not see.
    pub fn hidden_from(&self, principal: &Principal, purpose: Purpose) -> Arc<Hidden> {
        Arc::clone(self.policies().grants(principal, purpose).elements())
    }

    /// Whether somebody with these roles could read something of a type, whoever it is about, for this purpose or behind a
    /// broken glass. Roles and purpose alone decide: the answer tells nothing of any patient.
    pub fn could_read(&self, visit: &Visit, resource_type: &str) -> bool {
        let grants = |purpose| self.policies().grants(visit.principal(), purpose);
        let may =
            |class| [visit.purpose(), Purpose::BreakGlass].map(grants).iter().any(|g| g.ever(Action::Read, class));
        class_of(resource_type).is_some_and(may)
    }

    /// A search as a visit may ask it: parameters over what the visit does not see are parameters nobody knows.
    ///
    /// Arguments and refusals are those of [`fhir::search::query::parse()`].
    pub fn query(
        &self,
        visit: &Visit,
        resource_type: Option<&str>,
        pairs: &[(String, String)],
        strict: bool,
        now: Instant,
    ) -> Result<Query, Refusal> {
        let hidden = self.hidden_from(visit.principal(), visit.purpose());
        parse_for(resource_type, pairs, strict, now, &hidden)
    }

    /// Changes by a visit that sees some types in part: what it does not see stays as it is, and so do labels by hand.
    pub(crate) fn keep_unseen(&self, visit: &Visit, changes: &mut [Change]) -> Result<View, Error> {
        if visit.is_operator() {
            return Ok(View::default());
        }
        let mut tied = self.keep_labels(visit, changes)?;
        let sight = self.sight(visit, Action::Read)?;
        let Some(hidden) = sight.hidden() else { return Ok(View { sight: None, tied }) };
        for change in changes {
            if let Change::Put { resource, expect, .. } = change {
                tied |= self.keep_unseen_of(hidden, &sight, resource, expect)?;
            }
        }
        Ok(View { sight: Some(sight), tied })
    }

    fn keep_unseen_of(
        &self,
        hidden: &Hidden,
        sight: &Sight,
        resource: &mut Json<'static>,
        expect: &mut Expect,
    ) -> Result<bool, Error> {
        let (Some(kind), Some(id)) = (resource.text("resourceType"), resource.text("id")) else { return Ok(false) };
        let current = self.inner.store.read(kind, id, None)?.filter(|version| !version.deleted);
        // What is not there keeps nothing; what cannot be seen is refused later, as what is not there.
        let Some(current) = current.filter(|version| concerns(hidden, version)) else { return Ok(false) };
        if !self.inner.store.sees(sight, &current)? {
            return Ok(false);
        }
        let stored = Json::parse(&current.body).map_err(|_| unreadable())?;
        if !restore(resource, &stored, hidden)? || *expect != Expect::Any {
            return Ok(false);
        }
        *expect = Expect::Version(current.version);
        Ok(true)
    }
}

/// Gives a resource what its sender does not see of the stored one. Whether there is anything the sender may not see.
fn restore(resource: &mut Json<'static>, stored: &Json<'_>, hidden: &Hidden) -> Result<bool, Refusal> {
    let Some(ty) = type_of(stored) else { return Ok(false) };
    let mut is_part = false;
    if let (false, Some(object)) = (hidden.of(&ty.name).is_empty(), resource.as_object_mut()) {
        if let Some((name, _)) = object.iter().find(|(name, _)| hidden.hides_member(ty, name)) {
            return Err(unseen(&ty.name, name));
        }
        for (name, value) in stored.as_object().into_iter().flat_map(Object::iter) {
            if hidden.hides_member(ty, name) {
                object.set(name.to_owned(), value.clone().into_owned());
            }
        }
        if !is_marked(stored) {
            unmark(object);
        }
        is_part = true;
    }
    is_part |= restore_contained(resource, stored, hidden)?;
    if matches!(ty.name.as_str(), "Bundle" | "Parameters") && cut(&mut stored.clone(), hidden) {
        let message = format!("this {} holds resources that you see in part; you may not write over it", ty.name);
        return Err(Refusal::new(Kind::Forbidden, "forbidden", message));
    }
    Ok(is_part)
}

/// The same for contained resources, which are told by their ids.
fn restore_contained(resource: &mut Json<'static>, stored: &Json<'_>, hidden: &Hidden) -> Result<bool, Refusal> {
    let kept = stored.get("contained").map_or(&[][..], Json::items);
    let Some(Json::Array(sent)) = resource.as_object_mut().and_then(|object| object.get_mut("contained")) else {
        return Ok(false);
    };
    let named = |inner: &Json<'_>, other: &Json<'_>| {
        ["resourceType", "id"].iter().all(|name| inner.text(name).is_some() && inner.text(name) == other.text(name))
    };
    let mut is_part = false;
    for inner in sent {
        if let Some(own) = kept.iter().find(|own| named(inner, own)) {
            is_part |= restore(inner, own, hidden)?;
        }
    }
    Ok(is_part)
}

/// How the writer of some changes sees what became of them.
#[derive(Default)]
pub(crate) struct View {
    /// `None`: whole.
    sight: Option<Arc<Sight>>,
    /// Whether a change was tied to a version that its sender did not name.
    tied: bool,
}

impl View {
    /// An answer that goes through this view first.
    pub fn before(self, done: Done) -> Done {
        let View { sight, tied } = self;
        if sight.is_none() && !tied {
            return done;
        }
        Box::new(move |written| {
            let narrow = |one| match &sight {
                Some(sight) => narrow_written(sight, one),
                None => one,
            };
            done(match written {
                Ok(written) => Ok(written.into_iter().map(narrow).collect()),
                Err(Error::Refusal(refusal)) if tied && refusal.kind == Kind::Precondition => Err(overtaken(refusal)),
                Err(error) => Err(error),
            });
        })
    }
}

/// Whoever named no version had no condition that could fail.
fn overtaken(refusal: Refusal) -> Error {
    Refusal { kind: Kind::Conflict, ..refusal }.into()
}

fn narrow_written(sight: &Sight, written: Written) -> Written {
    match written {
        Written::Created(version) => Written::Created(sight.narrow(version)),
        Written::Updated(version) => Written::Updated(sight.narrow(version)),
        Written::Unchanged(version) => Written::Unchanged(sight.narrow(version)),
        Written::Deleted(version) => Written::Deleted(version),
    }
}

fn unseen(resource_type: &str, member: &str) -> Refusal {
    let message = format!(
        "you do not see {resource_type}.{member} and cannot change it; leave it out, and what stands there stays as it is"
    );
    Refusal::new(Kind::Forbidden, "forbidden", message)
}

fn unreadable() -> Fault {
    Fault::Altered("a stored resource cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden() -> Hidden {
        Hidden::new([
            ("Patient", ["photo", "multipleBirth"].iter().copied()),
            ("Task", ["text", "input"].iter().copied()),
        ])
    }

    fn json(text: &str) -> Json<'static> {
        Json::parse(text.as_bytes()).expect("JSON").into_owned()
    }

    fn text(resource: &Json<'_>) -> String {
        String::from_utf8(resource.to_bytes()).expect("UTF-8")
    }

    const TAG: &str =
        r#""tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]"#;

    #[test]
    fn what_is_hidden_goes_wherever_the_resource_stands() {
        let patient = r#"{"resourceType":"Patient","id":"1","multipleBirthInteger":2,"_photo":[{}],"active":true}"#;
        let left = format!(r#"{{"resourceType":"Patient","id":"1","meta":{{{TAG}}},"active":true}}"#);
        for around in [
            "{}",
            r#"{"resourceType":"Task","contained":[{}]}"#,
            r#"{"resourceType":"Claim","contained":[{}]}"#,
            r#"{"resourceType":"Bundle","entry":[{"resource":{}}]}"#,
            r#"{"resourceType":"Parameters","parameter":[{"part":[{"resource":{}}]}]}"#,
        ] {
            let mut resource = json(&around.replace("{}", patient));
            assert!(cut(&mut resource, &hidden()));
            assert!(text(&resource).contains(&left), "{}", text(&resource));
        }
        let mut other = json(r#"{"resourceType":"Observation","photo":1}"#);
        assert!(!cut(&mut other, &hidden()) && text(&other).contains("photo"));
        let mut empty = json(r#"{"resourceType":"Patient"}"#);
        assert!(cut(&mut empty, &hidden()) && is_marked(&empty), "the mark does not tell whether something was there");
    }

    #[test]
    fn what_was_not_seen_stays() {
        let stored = json(
            r#"{"resourceType":"Task","id":"1","text":{"div":"x"},"input":[1],"status":"draft",
               "contained":[{"resourceType":"Patient","id":"p","photo":[1],"active":true}]}"#,
        );
        let mut seen = stored.clone();
        assert!(cut(&mut seen, &hidden()));
        let changed = text(&seen).replace("draft", "ready").replace("true", "false");
        let mut changed = json(&changed);
        assert!(restore(&mut changed, &stored, &hidden()).expect("restored"));
        assert_eq!(changed.text("status"), Some("ready"));
        assert_eq!(changed.get("text"), stored.get("text"));
        assert_eq!(changed.get("input"), stored.get("input"));
        let patient = &changed.get("contained").expect("contained").items()[0];
        assert!(patient.get("photo").is_some() && patient.get("active").and_then(Json::as_bool) == Some(false));
        assert!(!text(&changed).contains("SUBSETTED"));

        let mut own = json(r#"{"resourceType":"Task","id":"1","input":[2]}"#);
        let refusal = restore(&mut own, &stored, &hidden()).expect_err("refused");
        assert_eq!(refusal.kind, Kind::Forbidden);
        assert!(refusal.findings[0].message.starts_with("you do not see Task.input"));
    }
}
