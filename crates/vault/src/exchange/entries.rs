//! Entries: a batch or transaction Bundle taken apart, each request understood or refused at its place.

use super::Asked;
use super::check::{at_entry, malformed};
use crate::records::Expect;
use base::refusal::{Kind, Refusal};
use fhir::definitions::r4;
use fhir::json::Json;
use fhir::reference::{self, Reference};

/// One entry of a batch or transaction.
pub(super) struct Entry<'a> {
    /// Where it stands in the bundle, from 0.
    pub index: usize,
    pub full_url: Option<String>,
    pub resource: Option<Json<'a>>,
    pub request: Request,
}

/// What an entry asks for.
pub(super) enum Request {
    Delete(Target),
    Post { resource_type: String, if_none_exist: Option<String> },
    Put(Target, Expect),
    Patch(Target, Expect),
    Get(Reading),
}

/// Which resource is meant.
pub(super) enum Target {
    Id(String, String),
    Search(String, String),
}

/// A GET or HEAD entry.
pub(super) struct Reading {
    method: String,
    url: String,
    if_none_match: Option<String>,
    if_modified_since: Option<String>,
}

impl Reading {
    pub fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            url: &self.url,
            if_none_match: self.if_none_match.as_deref(),
            if_modified_since: self.if_modified_since.as_deref(),
        }
    }
}

impl Request {
    /// The order of processing within a bundle (R4 http section 3.1.0.11.2).
    pub fn rank(&self) -> u8 {
        match self {
            Request::Delete(_) => 0,
            Request::Post { .. } => 1,
            Request::Put(..) | Request::Patch(..) => 2,
            Request::Get(_) => 3,
        }
    }

    /// Type and id of what it patches.
    pub fn patches(&self) -> Option<(String, String)> {
        match self {
            Request::Patch(Target::Id(resource_type, id), _) => Some((resource_type.clone(), id.clone())),
            _ => None,
        }
    }

    /// Whether the client says which version must be there.
    pub fn names_a_version(&self) -> bool {
        matches!(self, Request::Put(_, expect) | Request::Patch(_, expect) if *expect != Expect::Any)
    }

    /// Whether a search decides what is written.
    pub fn is_conditional(&self) -> bool {
        match self {
            Request::Delete(target) | Request::Put(target, _) | Request::Patch(target, _) => {
                matches!(target, Target::Search(..))
            }
            Request::Post { if_none_exist, .. } => if_none_exist.is_some(),
            Request::Get(_) => false,
        }
    }
}

/// An entry by its number, or why it cannot be carried out.
pub(super) type Numbered<'a> = (usize, Result<Entry<'a>, Refusal>);

/// The entries of a bundle with what each turned out to be. Refuses a bundle with more than `most`. `base` is the
/// server's own address, which an entry's url may begin with.
pub(super) fn read<'a>(mut bundle: Json<'a>, most: usize, base: &str) -> Result<Vec<Numbered<'a>>, Refusal> {
    let items = match bundle.as_object_mut().and_then(|b| b.remove("entry")) {
        Some(Json::Array(items)) => items,
        Some(_) => return Err(malformed("Bundle.entry", "this must be an array")),
        None => Vec::new(),
    };
    if items.len() > most {
        let message = format!("the bundle has {} entries; at most {most} are taken at once", items.len());
        return Err(Refusal::new(Kind::TooLarge, "too-long", message));
    }
    let numbered = items.into_iter().enumerate();
    Ok(numbered.map(|(i, item)| (i, entry(i, item, base).map_err(|refusal| at_entry(refusal, i)))).collect())
}

fn entry<'a>(index: usize, mut item: Json<'a>, base: &str) -> Result<Entry<'a>, Refusal> {
    let place = format!("Bundle.entry[{index}]");
    let full_url = item.text("fullUrl").filter(|url| !url.is_empty()).map(str::to_owned);
    let resource = item.as_object_mut().and_then(|o| o.remove("resource"));
    let Some(asked) = item.get("request") else {
        return Err(malformed(&format!("{place}.request"), "an entry of a batch or transaction needs a request"));
    };
    let request = request(asked, &format!("{place}.request"), base)?;
    let needs_resource = matches!(request.rank(), 1 | 2);
    if needs_resource && resource.is_none() {
        return Err(malformed(&format!("{place}.resource"), "POST, PUT and PATCH need a resource"));
    }
    Ok(Entry { index, full_url, resource, request })
}

fn request(asked: &Json<'_>, place: &str, base: &str) -> Result<Request, Refusal> {
    let method = asked.text("method").unwrap_or_default();
    let Some(url) = asked.text("url") else {
        return Err(malformed(
            &format!("{place}.url"),
            "a request needs a url relative to the base, such as Patient/1",
        ));
    };
    let url = below(url, base);
    let owned = |name: &str| asked.text(name).map(str::to_owned);
    let at_url = format!("{place}.url");
    Ok(match method {
        "GET" | "HEAD" => Request::Get(Reading {
            method: method.to_owned(),
            url: url.to_owned(),
            if_none_match: owned("ifNoneMatch"),
            if_modified_since: owned("ifModifiedSince"),
        }),
        "POST" => Request::Post { resource_type: post_type(url, &at_url)?, if_none_exist: owned("ifNoneExist") },
        "PUT" => Request::Put(target(url, &at_url)?, expectation(asked, place)?),
        "PATCH" => Request::Patch(target(url, &at_url)?, expectation(asked, place)?),
        "DELETE" => Request::Delete(target(url, &at_url)?),
        _ => {
            let message = "the method must be one of GET, HEAD, POST, PUT, PATCH and DELETE";
            return Err(malformed(&format!("{place}.method"), message));
        }
    })
}

/// The url without the server's own address. R4 wants it relative; many clients write it whole.
fn below<'u>(url: &'u str, base: &str) -> &'u str {
    let rest = url.strip_prefix(base).filter(|rest| !base.is_empty() && rest.starts_with('/'));
    rest.map_or(url, |rest| rest.trim_start_matches('/'))
}

fn post_type(url: &str, place: &str) -> Result<String, Refusal> {
    let name = url.trim_start_matches('/');
    if r4().resource(name).is_some() {
        return Ok(name.to_owned());
    }
    if name.contains('$') || name.ends_with("_search") {
        let message = "operations and POST searches are not offered inside a bundle; send them on their own";
        return Err(Refusal::new(Kind::NotOffered, "not-supported", message));
    }
    Err(malformed(place, "the url of a POST is a resource type, such as Patient"))
}

fn target(url: &str, place: &str) -> Result<Target, Refusal> {
    let url = url.trim_start_matches('/');
    let known = |name: &str| r4().resource(name).is_some();
    match (reference::conditional(url), Reference::local(url)) {
        (Some((name, query)), _) if known(name) => Ok(Target::Search(name.to_owned(), query.to_owned())),
        (None, Some(Reference { resource_type: name, id, version: None, .. })) if known(name) => {
            Ok(Target::Id(name.to_owned(), id.to_owned()))
        }
        _ => Err(malformed(place, "the url must be Type/id, or Type?condition, relative to the base")),
    }
}

/// What `ifMatch` and `ifNoneMatch` expect.
fn expectation(asked: &Json<'_>, place: &str) -> Result<Expect, Refusal> {
    match (asked.text("ifMatch"), asked.text("ifNoneMatch")) {
        (Some(tag), _) => version_of(tag)
            .map(Expect::Version)
            .ok_or_else(|| malformed(&format!("{place}.ifMatch"), "a version tag looks like W/\"3\"")),
        (None, Some("*")) => Ok(Expect::Absent),
        (None, Some(_)) => Err(malformed(&format!("{place}.ifNoneMatch"), "a write takes only * here")),
        (None, None) => Ok(Expect::Any),
    }
}

/// The version in an entity tag: `W/"3"` and `"3"` are 3.
fn version_of(tag: &str) -> Option<u64> {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}
