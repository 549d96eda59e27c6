//! Arrivals: what an import finds in a file, under ids that stay the same however often it comes.
//!
//! A resource keeps its id; without one it gets the UUID of its `fullUrl`, or one made of its content. So the same file
//! twice changes nothing. What refers to something that has not arrived yet is refused in a way that [`waits`] recognises,
//! so that import tries it again.
//!
//! A transaction is written in one commit. Where a client can be told to mend its bundle and send it again, one bad entry
//! refuses it all; a file of years ago cannot be sent again, and one misspelt element should not cost a patient's
//! chart. So only the bad entry is refused, and whatever refers to it, so that nothing points to what is not there.

use super::check::{Around, at_entry, check, in_entry, malformed};
use super::conditional::{Matches, Resolver, several};
use super::elsewhere::not_r4;
use super::entries::{self, Entry, Request, Target};
use super::fingerprint::content_id;
use super::links::{Links, base_of};
use super::once::FullUrls;
use crate::error::Error;
use crate::records::{Change, Expect};
use base::finding::Finding;
use base::refusal::{Kind, Refusal};
use fhir::definitions::r4;
use fhir::json::Json;
use fhir::reference::Reference;
use fhir::validate::is_id;
use std::collections::{HashMap, HashSet};

/// What a file, or a line of one, holds.
pub struct Arrivals<'a> {
    /// What it is.
    pub shape: Shape,
    items: Vec<(usize, Result<Item<'a>, Refusal>)>,
}

/// How resources came together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One resource.
    Single,
    /// An array of resources.
    Array,
    /// A bundle whose entries stand each on its own.
    Bundle,
    /// A transaction: its entries are written in one commit, and wait for each other.
    Transaction,
}

/// One resource of [`Arrivals`], ready or not.
#[derive(Debug)]
pub struct Arrival {
    /// Where it stood: the entry's number in a bundle, the index in an array, 0 on its own.
    pub index: usize,
    /// What to commit, or why not.
    pub outcome: Result<Ready, Error>,
}

/// A resource that may be taken.
#[derive(Debug)]
pub enum Ready {
    /// To be committed, with what validation remarked. A change that says nothing new is skipped by the vault.
    Change(Change, Vec<Finding>),
    /// A conditional create or delete that has nothing to do.
    Nothing,
}

struct Item<'a> {
    resource_type: String,
    id: String,
    full_url: Option<String>,
    condition: Option<String>,
    /// Whether it is written to what its condition matches (an update), not left out then (a create).
    updates: bool,
    /// `None` is a deletion.
    resource: Option<Json<'a>>,
}

/// Whether a refusal may end once something else has arrived.
#[must_use]
pub fn waits(refusal: &Refusal) -> bool {
    refusal.kind == Kind::Precondition && refusal.findings.iter().any(|f| f.code == "not-found")
}

impl<'a> Arrivals<'a> {
    /// Takes apart a Bundle of any type, an array of resources, or a single resource.
    pub fn of(json: Json<'a>) -> Result<Arrivals<'a>, Refusal> {
        match json {
            Json::Array(items) => {
                if !items.iter().all(|item| matches!(item, Json::Object(_))) {
                    let message = "an array of resources holds nothing but JSON objects";
                    return Err(Refusal::new(Kind::Malformed, "structure", message));
                }
                let numbered = items.into_iter().enumerate();
                let items = numbered.map(|(i, item)| (i, alone(item, None))).collect();
                Ok(Arrivals { shape: Shape::Array, items })
            }
            json if json.text("resourceType") == Some("Bundle") => bundle(json),
            json => Ok(Arrivals { shape: Shape::Single, items: vec![(0, alone(json, None))] }),
        }
    }

    /// How many resources and deletions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Checks each resource and makes it a change. `only`: just the entries of these numbers, which had to wait.
    #[must_use]
    pub fn prepare(self, only: Option<&[usize]>, resolver: &Resolver<'_>) -> Vec<Arrival> {
        let has_condition = |item: &Result<Item<'_>, Refusal>| item.as_ref().is_ok_and(|i| i.condition.is_some());
        // Two files that create the same thing conditionally must not both find nothing.
        let _held = self.items.iter().any(|(_, item)| has_condition(item)).then(|| resolver.exclusive());
        let (links, claims) = (Links::default(), HashMap::new());
        let mut taking = Taking { resolver, links, claims, shape: self.shape };
        let mut items: Vec<(usize, Result<Aimed<'_>, Error>)> = Vec::with_capacity(self.items.len());
        let (mut urls, shape) = (FullUrls::default(), self.shape);
        for (i, item) in self.items {
            let item = item.and_then(|item| match shape {
                Shape::Transaction => urls.take(i, item.full_url.as_deref(), item.resource.as_ref()).map(|()| item),
                Shape::Single | Shape::Array | Shape::Bundle => Ok(item),
            });
            items.push((i, item.map_err(Error::from).and_then(|item| taking.aim(item))));
        }
        let targets: Vec<Option<String>> =
            items.iter().map(|(_, item)| item.as_ref().ok().and_then(Aimed::target)).collect();
        let wanted = items.into_iter().filter(|(i, _)| only.is_none_or(|only| only.contains(i)));
        let mut arrivals: Vec<Arrival> = wanted.map(|(i, item)| taking.arrival(i, item)).collect();
        if self.shape == Shape::Transaction {
            distinct(&mut arrivals);
            follow_refused(&mut arrivals, &targets);
        }
        taking.learn(&arrivals);
        arrivals
    }
}

enum Aimed<'a> {
    Put { item: Item<'a>, resource: Json<'a> },
    Delete(Item<'a>),
    Nothing,
}

impl Aimed<'_> {
    /// `Type/id` of what is to be written.
    fn target(&self) -> Option<String> {
        match self {
            Aimed::Put { item, .. } => Some(format!("{}/{}", item.resource_type, item.id)),
            Aimed::Delete(_) | Aimed::Nothing => None,
        }
    }
}

/// The state of preparing one bundle.
struct Taking<'r, 'v> {
    resolver: &'r Resolver<'v>,
    links: Links,
    /// Conditions of this bundle's own creates: key to (`Type/id`).
    claims: HashMap<(String, String), String>,
    shape: Shape,
}

impl Taking<'_, '_> {
    /// Decides which resource an item is, and links its `fullUrl` to it.
    fn aim<'a>(&mut self, mut item: Item<'a>) -> Result<Aimed<'a>, Error> {
        let mut target = format!("{}/{}", item.resource_type, item.id);
        if let Some(query) = item.condition.take() {
            match self.meant(&item, &query)? {
                Some(found) if found != target => target = found,
                Some(_) => {}
                None if item.resource.is_none() => return Ok(Aimed::Nothing),
                None => drop(self.claims.insert((item.resource_type.clone(), query), target.clone())),
            }
        }
        if let Some(url) = &item.full_url {
            self.links.add(url, target.clone());
        }
        let id = target.split_off(item.resource_type.len() + 1);
        let is_own = item.id == id;
        Ok(match item.resource.take() {
            Some(resource) if is_own || item.updates => Aimed::Put { item: Item { id, ..item }, resource },
            Some(_) => Aimed::Nothing,
            None => Aimed::Delete(Item { id, ..item }),
        })
    }

    /// What a condition matches, as `Type/id`: what this import already decided, the item itself, or what is stored.
    fn meant(&self, item: &Item<'_>, query: &str) -> Result<Option<String>, Error> {
        if let Some(target) = self.claims.get(&(item.resource_type.clone(), query.to_owned())) {
            return Ok(Some(target.clone()));
        }
        if let Some(target) = self.resolver.known(&item.resource_type, query) {
            return Ok(Some(target));
        }
        if item.resource.is_some() && self.resolver.has(&item.resource_type, &item.id)? {
            return Ok(Some(format!("{}/{}", item.resource_type, item.id)));
        }
        match self.resolver.matches(&item.resource_type, query)? {
            Matches::None => Ok(None),
            Matches::One(found) => Ok(Some(format!("{}/{}", found.resource_type, found.id))),
            Matches::Several => Err(several("the entry's condition")),
        }
    }

    /// Whether findings are named by their entry.
    fn is_bundle(&self) -> bool {
        matches!(self.shape, Shape::Bundle | Shape::Transaction)
    }

    fn arrival(&self, index: usize, item: Result<Aimed<'_>, Error>) -> Arrival {
        let outcome = item.and_then(|item| self.ready(index, item)).map_err(|error| match error {
            Error::Refusal(refusal) if self.is_bundle() => at_entry(refusal, index).into(),
            error => error,
        });
        Arrival { index, outcome }
    }

    fn ready(&self, index: usize, item: Aimed<'_>) -> Result<Ready, Error> {
        match item {
            Aimed::Nothing => Ok(Ready::Nothing),
            Aimed::Delete(Item { resource_type, id, .. }) => {
                Ok(Ready::Change(Change::Delete { resource_type, id, expect: Expect::Any }, Vec::new()))
            }
            Aimed::Put { item, resource } => {
                let base = item.full_url.as_deref().and_then(base_of);
                let around = Around { links: &self.links, base, strict: self.shape == Shape::Transaction };
                let checked = check(resource, &item.resource_type, &item.id, around, &mut |kind, query| match self
                    .claims
                    .get(&(kind.to_owned(), query.to_owned()))
                {
                    Some(own) => Ok(own.clone()),
                    None => self.resolver.reference(kind, query),
                })?;
                let findings = match self.is_bundle() {
                    true => {
                        checked.findings.into_iter().map(|f| Finding { path: in_entry(&f.path, index), ..f }).collect()
                    }
                    false => checked.findings,
                };
                let change = Change::Put { resource: checked.resource, expect: Expect::Any, skip_same: true };
                Ok(Ready::Change(change, findings))
            }
        }
    }

    /// Tells the rest of the import what this bundle's conditional creates became, once they are sure to be taken.
    fn learn(self, arrivals: &[Arrival]) {
        let failed = arrivals.iter().filter(|a| a.outcome.is_err()).count();
        let taken = |target: &str| {
            arrivals.iter().any(|a| match &a.outcome {
                Ok(Ready::Change(Change::Put { resource, .. }, _)) => {
                    resource.text("id") == Reference::local(target).map(|to| to.id)
                }
                _ => false,
            })
        };
        for ((kind, query), target) in self.claims {
            if failed == 0 || taken(&target) {
                self.resolver.learn(&kind, &query, target);
            }
        }
        if arrivals.iter().any(|a| matches!(a.outcome, Ok(Ready::Change(Change::Delete { .. }, _)))) {
            self.resolver.forget();
        }
    }
}

/// Refuses what a transaction changes a second time.
fn distinct(arrivals: &mut [Arrival]) {
    let mut seen = HashSet::with_capacity(arrivals.len());
    for Arrival { index, outcome } in arrivals {
        let Ok(Ready::Change(change, _)) = &outcome else { continue };
        let fresh = match change {
            Change::Put { resource, .. } => seen.insert((
                resource.text("resourceType").unwrap_or_default().to_owned(),
                resource.text("id").unwrap_or_default().to_owned(),
            )),
            Change::Delete { resource_type, id, .. } => seen.insert((resource_type.clone(), id.clone())),
        };
        if !fresh {
            let message = "an earlier entry is about the same resource; a transaction may change it only once";
            *outcome = Err(at_entry(malformed("", message), *index).into());
        }
    }
}

/// Refuses what refers to a refused entry, and what refers to that. What waits is not refused.
fn follow_refused(arrivals: &mut [Arrival], targets: &[Option<String>]) {
    let is_refused = |a: &Arrival| matches!(&a.outcome, Err(Error::Refusal(refusal)) if !waits(refusal));
    let mut gone: HashMap<&str, usize> = HashMap::new();
    loop {
        let known = gone.len();
        for (arrival, target) in arrivals.iter().zip(targets) {
            if let Some(target) = target.as_deref().filter(|_| is_refused(arrival)) {
                gone.entry(target).or_insert(arrival.index);
            }
        }
        if gone.len() == known {
            return;
        }
        for Arrival { index, outcome } in arrivals.iter_mut() {
            let Ok(Ready::Change(Change::Put { resource, .. }, _)) = &outcome else { continue };
            if let Some(culprit) = refers_to(resource, &gone) {
                let message = format!("it refers to Bundle.entry[{culprit}], which was refused");
                let refusal = Refusal::new(Kind::Invalid, "business-rule", message);
                *outcome = Err(at_entry(refusal, *index).into());
            }
        }
    }
}

/// The entry behind the first reference to one of these targets.
fn refers_to(json: &Json<'_>, targets: &HashMap<&str, usize>) -> Option<usize> {
    match json {
        Json::Object(object) => object.iter().find_map(|(name, value)| match value {
            Json::String(text) if name == "reference" => targets.get(text.as_ref()).copied(),
            value => refers_to(value, targets),
        }),
        Json::Array(items) => items.iter().find_map(|item| refers_to(item, targets)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

/// A resource under its own id, the UUID of its `fullUrl`, or one made of its content.
fn alone<'a>(resource: Json<'a>, full_url: Option<String>) -> Result<Item<'a>, Refusal> {
    let Some(resource_type) = resource.text("resourceType").map(str::to_owned) else {
        return Err(malformed("resourceType", "a FHIR resource is a JSON object with a resourceType"));
    };
    if r4().resource(&resource_type).is_none() {
        return Err(malformed("resourceType", not_r4(&resource_type)));
    }
    let id = match resource.get("id") {
        Some(Json::String(id)) => id.clone().into_owned(),
        Some(_) => return Err(malformed(&format!("{resource_type}.id"), "an id is a string")),
        None => id_in(full_url.as_deref(), &resource_type).unwrap_or_else(|| content_id(&resource.to_bytes())),
    };
    Ok(Item { resource_type, id, full_url, condition: None, updates: false, resource: Some(resource) })
}

/// The id a `fullUrl` gives: `urn:uuid:X` and `http://host/Type/X` give X.
fn id_in(full_url: Option<&str>, resource_type: &str) -> Option<String> {
    let url = full_url?;
    let address = || Reference::parse(url).filter(|to| to.resource_type == resource_type).map(|to| to.id);
    let id = url.strip_prefix("urn:uuid:").or_else(address);
    id.filter(|id| is_id(id)).map(str::to_owned)
}

fn bundle(bundle: Json<'_>) -> Result<Arrivals<'_>, Refusal> {
    match bundle.text("type") {
        Some(kind @ ("transaction" | "batch")) => {
            let shape = if kind == "transaction" { Shape::Transaction } else { Shape::Bundle };
            // An import bounds the text it reads, and makes a bundle's tree only once.
            let entries = entries::read(bundle, usize::MAX, "")?;
            let is_read =
                |entry: &Result<Entry<'_>, Refusal>| entry.as_ref().is_ok_and(|e| matches!(e.request, Request::Get(_)));
            let items = entries.into_iter().filter(|(_, entry)| !is_read(entry));
            let items = items.map(|(i, entry)| (i, entry.and_then(|e| requested(e).map_err(|r| at_entry(r, i)))));
            Ok(Arrivals { shape, items: items.collect() })
        }
        Some("history") => {
            let mut arrivals = kept(bundle)?;
            // A history lists the newest version first (R4 http section 3.1.0.9).
            arrivals.items.reverse();
            Ok(arrivals)
        }
        _ => kept(bundle),
    }
}

/// The entries of a bundle that is a container only. Entries without a resource are deletions in a history, and
/// nothing elsewhere.
fn kept(mut bundle: Json<'_>) -> Result<Arrivals<'_>, Refusal> {
    let entries = match bundle.as_object_mut().and_then(|b| b.remove("entry")) {
        Some(Json::Array(entries)) => entries,
        Some(_) => return Err(malformed("Bundle.entry", "this must be an array")),
        None => Vec::new(),
    };
    let mut items = Vec::with_capacity(entries.len());
    for (i, mut entry) in entries.into_iter().enumerate() {
        let full_url = entry.text("fullUrl").map(str::to_owned);
        match entry.as_object_mut().and_then(|e| e.remove("resource")) {
            Some(resource) => items.push((i, alone(resource, full_url).map_err(|r| at_entry(r, i)))),
            None => items.extend(deletion(&entry).map(|item| (i, Ok(item)))),
        }
    }
    Ok(Arrivals { shape: Shape::Bundle, items })
}

fn deletion<'a>(entry: &Json<'_>) -> Option<Item<'a>> {
    let request = entry.get("request").filter(|r| r.text("method") == Some("DELETE"))?;
    let Reference { resource_type, id, version: None, .. } = Reference::local(request.text("url")?)? else {
        return None;
    };
    r4().resource(resource_type).is_some().then(|| Item {
        resource_type: resource_type.to_owned(),
        id: id.to_owned(),
        full_url: None,
        condition: None,
        updates: false,
        resource: None,
    })
}

/// What an entry of a transaction or batch asks for.
fn requested(entry: Entry<'_>) -> Result<Item<'_>, Refusal> {
    let removed = |resource_type, id, condition| {
        let (full_url, resource) = (None, None);
        Item { resource_type, id, full_url, condition, updates: false, resource }
    };
    let updates = matches!(entry.request, Request::Put(..));
    let (resource_type, id, condition) = match entry.request {
        Request::Delete(Target::Id(kind, id)) => return Ok(removed(kind, id, None)),
        Request::Delete(Target::Search(kind, query)) => return Ok(removed(kind, String::new(), Some(query))),
        Request::Post { resource_type, if_none_exist } => (resource_type, None, if_none_exist),
        Request::Put(Target::Id(kind, id), _) => (kind, Some(id), None),
        Request::Put(Target::Search(kind, query), _) => (kind, None, Some(query)),
        Request::Patch(..) | Request::Get(_) => {
            let message = "import takes no patches; send the bundle to a running server";
            return Err(Refusal::new(Kind::NotOffered, "not-supported", message));
        }
    };
    let Some(resource) = entry.resource else {
        return Err(malformed("resource", "POST and PUT need a resource"));
    };
    if resource.text("resourceType") != Some(&resource_type) {
        return Err(malformed(
            "resourceType",
            format!("the resource is not of type {resource_type}, which its request names"),
        ));
    }
    let own = alone(resource, entry.full_url)?;
    Ok(Item { id: id.unwrap_or_else(|| own.id.clone()), condition, updates, ..own })
}
