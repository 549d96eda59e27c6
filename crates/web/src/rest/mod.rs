//! FHIR's RESTful interface (R4 http): one function from a request to an answer, without waiting.

mod audit;
mod bundles;
mod capability;
pub mod condition;
mod disclosures;
mod everything;
mod export;
mod glass;
mod history;
mod inputs;
pub mod links;
pub mod negotiate;
mod operations;
pub mod outcome;
mod page;
mod patch;
mod proof;
mod read;
mod rooms;
pub mod route;
mod search;
mod terminology;
mod validation;
pub mod view;
mod why;
mod write;

pub use bundles::read_bytes;
pub use read::instant as read_instant;

mod bundle;

use crate::answer::Outcome;
use crate::memory::Share;
use crate::server::Shared;
use axum::http::request::Parts;
use axum::http::{Method, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use fhir::definitions::r4;
use fhir::search::query::url;
use negotiate::Prefer;
use route::{Key, Target};
use std::borrow::Cow;
use std::sync::Mutex;
use vault::access::Visit;
use vault::access::audit::Deed;
use view::View;

/// A request with its body and its visit.
pub struct Call {
    /// Method, address, headers.
    pub parts: Parts,
    /// The whole body.
    pub body: Bytes,
    /// Who asks.
    pub visit: Visit,
    /// Room for what a bundle's GET entries read.
    pub room: Mutex<Share>,
}

/// Where a request is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Microseconds: on the thread that has it.
    Direct,
    /// A search or other long read: in the lane of searches.
    Search,
    /// A write: in the lane of writes.
    Write,
}

/// What can be said of a request by its method and path alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Shape of the path, without ids, for the log.
    pub text: &'static str,
    /// What is done, for the audit.
    pub deed: Deed,
    /// The methods answered here.
    pub allowed: &'static str,
    /// Where it is carried out.
    pub cost: Cost,
    /// Whether a bundle may come here, with many resources at once.
    pub takes_bundles: bool,
    /// Whether nobody needs to sign in.
    pub is_open: bool,
}

/// Looks at a request from outside.
pub fn place(method: &Method, path: &str) -> Place {
    let below = below_base(path);
    let target = below.as_deref().and_then(route::target);
    let (text, allowed) = match target {
        Some(Target::System) => ("base", "GET, HEAD, POST"),
        Some(Target::Metadata) => ("metadata", "GET, HEAD"),
        Some(Target::SystemSearch | Target::TypeSearch(_)) => ("search", "GET, HEAD, POST"),
        Some(Target::Job(_)) => ("export", "GET, HEAD, DELETE"),
        Some(Target::JobFile(..)) => ("export file", "GET, HEAD"),
        Some(Target::Type(_)) => ("type", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        Some(Target::Instance(_)) => ("instance", "GET, HEAD, PUT, PATCH, DELETE"),
        Some(Target::Version(..)) => ("version", "GET, HEAD"),
        Some(Target::SystemHistory | Target::TypeHistory(_) | Target::History(_)) => ("history", "GET, HEAD"),
        Some(Target::Compartment(..)) => ("compartment", "GET, HEAD"),
        Some(Target::CompartmentSearch(..)) => ("compartment search", "GET, HEAD, POST"),
        Some(
            Target::SystemOperation(_)
            | Target::TypeOperation(..)
            | Target::Operation(..)
            | Target::VersionOperation(..),
        ) => ("operation", "GET, HEAD, POST"),
        None => ("nowhere", "GET, HEAD"),
    };
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let is_open = reads && target == Some(Target::Metadata);
    let takes_bundles = target == Some(Target::System);
    Place { text, deed: deed(target, method), allowed, cost: cost(target, reads), takes_bundles, is_open }
}

/// What a request does, in the words of the audit.
fn deed(target: Option<Target<'_>>, method: &Method) -> Deed {
    let does = match target {
        Some(target) if is_audit(target) && matches!(*method, Method::GET | Method::HEAD | Method::POST) => {
            (*method != Method::POST || matches!(target, Target::TypeSearch(_))).then_some(Deed::ReadAudit)
        }
        Some(Target::Operation(_, "break-glass")) => Some(Deed::BreakGlass),
        Some(Target::SystemOperation("review-glass")) => Some(Deed::Administer),
        Some(Target::SystemOperation("broken-glass")) => Some(Deed::ReadAudit),
        Some(Target::Operation(Key { resource_type: "Patient", .. }, name)) if disclosures::is_ours(name) => {
            Some(disclosures::deed(name, method))
        }
        Some(Target::SystemOperation("record-protocol")) => Some(Deed::RecordDisclosure),
        Some(Target::SystemOperation("accounting-requests")) => Some(Deed::ReadDisclosures),
        Some(
            Target::SystemSearch | Target::TypeSearch(_) | Target::CompartmentSearch(..) | Target::Compartment(..),
        ) => Some(Deed::Search),
        Some(Target::SystemHistory | Target::TypeHistory(_) | Target::History(_)) => Some(Deed::History),
        Some(
            Target::SystemOperation("export")
            | Target::TypeOperation(_, "export")
            | Target::Operation(_, "export")
            | Target::JobFile(..),
        ) => Some(Deed::Export),
        Some(Target::Job(_)) => Some(Deed::Operation),
        Some(Target::Operation(_, "everything")) => Some(Deed::Search),
        Some(Target::Operation(_, "proof" | "meta" | "why") | Target::VersionOperation(..) | Target::Version(..)) => {
            Some(Deed::Read)
        }
        Some(Target::SystemOperation(_) | Target::TypeOperation(..) | Target::Operation(..)) => Some(Deed::Operation),
        Some(Target::System | Target::Type(_) | Target::Instance(_) | Target::Metadata) | None => None,
    };
    does.unwrap_or(match (target, method) {
        (Some(Target::System), &Method::POST) => Deed::Batch,
        (_, &Method::POST) => Deed::Create,
        (_, &Method::PUT | &Method::PATCH) => Deed::Update,
        (_, &Method::DELETE) => Deed::Delete,
        (Some(Target::System | Target::Type(_)), _) => Deed::Search,
        _ => Deed::Read,
    })
}

fn cost(target: Option<Target<'_>>, reads: bool) -> Cost {
    match target {
        Some(Target::Instance(_) | Target::Version(..) | Target::Metadata) | None if reads => Cost::Direct,
        Some(
            Target::Job(_)
            | Target::JobFile(..)
            | Target::SystemSearch
            | Target::TypeSearch(_)
            | Target::CompartmentSearch(..)
            | Target::SystemOperation(_)
            | Target::TypeOperation(..)
            | Target::Operation(..)
            | Target::VersionOperation(..),
        ) => Cost::Search,
        _ if reads => Cost::Search,
        _ => Cost::Write,
    }
}

/// Whether an address is about the audit itself, which is answered from the log.
fn is_audit(target: Target<'_>) -> bool {
    match target {
        Target::Type(kind) | Target::TypeSearch(kind) => kind == "AuditEvent",
        Target::Compartment(key, kind) => key.resource_type == "Patient" && kind == "AuditEvent",
        Target::Instance(key) => audit::is_log(key),
        _ => false,
    }
}

pub(crate) fn below_base(path: &str) -> Option<Cow<'_, str>> {
    let below = path.strip_prefix("/fhir")?;
    route::plain(below.strip_prefix('/').unwrap_or(below))
}

/// A request taken apart.
pub(crate) struct Asked<'c> {
    call: &'c Call,
    /// The path below the base, percent codes resolved.
    path: &'c str,
    /// The parameters in order, without `_format` and `_pretty`.
    pairs: Vec<(String, String)>,
    /// Indented for people.
    pretty: bool,
    /// Plain text is what the caller wants, or a table: only a proof, a reason and the audit have that form.
    wants_text: bool,
    prefer: Prefer,
}

/// What a request says about the form of its answer.
struct Form {
    format: Option<String>,
    pretty: bool,
}

/// The capability statement, for whoever asks.
pub(crate) fn metadata(shared: &Shared, parts: &Parts) -> Outcome {
    let mut pairs = url::pairs(parts.uri.query().unwrap_or_default())?;
    let Form { format, pretty } = take_form(&mut pairs);
    check_wanted(parts, format.as_deref())?;
    // Anybody may ask, so that it is made once in either form.
    let plain = shared
        .metadata
        .get_or_init(|| capability::statement(&shared.base, shared.settings.conditional_deletes_max).into());
    let body = match pretty {
        true => shared.pretty_metadata.get_or_init(|| View { pretty, ..View::default() }.printed(plain.clone())),
        false => plain,
    };
    Ok(crate::answer::json(axum::http::StatusCode::OK, body.clone()))
}

/// Answers a request. Takes as long as the vault takes.
pub(crate) fn answer(shared: &Shared, call: &Call) -> Outcome {
    let path = below_base(call.parts.uri.path()).ok_or_else(nowhere)?;
    let target = route::target(&path).ok_or_else(nowhere)?;
    check_type(target)?;
    let mut pairs = match call.parts.uri.query() {
        Some(query) => url::pairs(query)?,
        None => Vec::new(),
    };
    let Form { format, pretty } = take_form(&mut pairs);
    let wants_text = match is_audit(target) {
        true => negotiate::wants_csv(&call.parts.headers, format.as_deref()),
        false if disclosures::has_letter(target) => negotiate::names_text(&call.parts.headers, format.as_deref()),
        false => has_text(target) && negotiate::wants_text(&call.parts.headers, format.as_deref()),
    };
    if !wants_text && !matches!(target, Target::JobFile(..)) {
        check_wanted(&call.parts, format.as_deref())?;
    }
    let prefer = negotiate::prefer(&call.parts.headers);
    let path = path.strip_suffix('/').unwrap_or(&path);
    dispatch(shared, Asked { call, path, pairs, pretty, wants_text, prefer }, target)
}

fn dispatch(shared: &Shared, mut asked: Asked<'_>, target: Target<'_>) -> Outcome {
    let reads = matches!(asked.call.parts.method, Method::GET | Method::HEAD);
    let posts = asked.call.parts.method == Method::POST;
    match target {
        Target::Instance(key) if reads && audit::is_log(key) => {
            audit::instance(shared, &asked, key).unwrap_or_else(|| Err(nowhere().into()))
        }
        Target::TypeSearch(_) if posts && is_audit(target) => {
            search::add_form(&mut asked)?;
            audit::search(shared, asked, None)
        }
        Target::Type(_) | Target::TypeSearch(_) if reads && is_audit(target) => audit::search(shared, asked, None),
        Target::Compartment(key, _) if reads && is_audit(target) => audit::search(shared, asked, Some(key)),
        Target::Instance(key) if reads => read::current(shared, asked, key),
        Target::Version(key, version) if reads => read::version(shared, asked, key, version),
        Target::History(_) | Target::TypeHistory(_) | Target::SystemHistory if reads => {
            history::answer(shared, asked, target)
        }
        Target::System if posts => bundles::answer(shared, &asked),
        Target::SystemSearch | Target::TypeSearch(_) | Target::CompartmentSearch(..) if reads || posts => {
            search::answer(shared, asked, target)
        }
        Target::System | Target::Type(_) | Target::Compartment(..) if reads => search::answer(shared, asked, target),
        Target::Job(id) if reads => export::status(shared, &asked, id),
        Target::Job(id) if asked.call.parts.method == Method::DELETE => export::cancel(shared, &asked, id),
        Target::JobFile(id, file) if reads => export::file(shared, &asked, id, file),
        Target::Metadata if reads => metadata(shared, &asked.call.parts),
        Target::SystemOperation(_)
        | Target::TypeOperation(..)
        | Target::Operation(..)
        | Target::VersionOperation(..)
            if reads || posts =>
        {
            operations::answer(shared, asked, target)
        }
        Target::Type(resource_type) => write::on_type(shared, &asked, resource_type),
        Target::Instance(key) => write::on_instance(shared, &asked, key),
        _ => Err(not_allowed().into()),
    }
}

/// Takes `_format` and `_pretty` out of the parameters.
fn take_form(pairs: &mut Vec<(String, String)>) -> Form {
    let mut form = Form { format: None, pretty: false };
    pairs.retain_mut(|(name, value)| match name.as_str() {
        "_format" => {
            form.format = Some(std::mem::take(value));
            false
        }
        "_pretty" => {
            form.pretty = value != "false";
            false
        }
        _ => true,
    });
    form
}

/// Refuses what is no JSON.
fn check_wanted(parts: &Parts, format: Option<&str>) -> Result<(), Refusal> {
    if format.is_some() || parts.headers.contains_key(header::ACCEPT) {
        negotiate::check_wanted(&parts.headers, format)?;
    }
    Ok(())
}

fn has_text(target: Target<'_>) -> bool {
    matches!(target, Target::Operation(_, "proof" | "why") | Target::VersionOperation(_, _, "proof"))
}

fn check_type(target: Target<'_>) -> Result<(), Refusal> {
    let names = match target {
        Target::Type(ty) | Target::TypeSearch(ty) | Target::TypeHistory(ty) | Target::TypeOperation(ty, _) => [ty, ty],
        Target::Instance(key)
        | Target::History(key)
        | Target::Version(key, _)
        | Target::Operation(key, _)
        | Target::VersionOperation(key, ..) => [key.resource_type; 2],
        Target::Compartment(key, "*") | Target::CompartmentSearch(key, "*") => [key.resource_type; 2],
        Target::Compartment(key, ty) | Target::CompartmentSearch(key, ty) => [key.resource_type, ty],
        Target::System
        | Target::Metadata
        | Target::Job(_)
        | Target::JobFile(..)
        | Target::SystemSearch
        | Target::SystemHistory
        | Target::SystemOperation(_) => return Ok(()),
    };
    if names.iter().all(|name| r4().resource(name).is_some()) {
        return Ok(());
    }
    let message = "the address names a resource type that FHIR R4 does not have; types are written like `Patient`";
    Err(Refusal::new(Kind::NotFound, "not-supported", message))
}

fn nowhere() -> Refusal {
    let message = "this address has no meaning in FHIR's REST interface; the shape is [base]/Type/id";
    Refusal::new(Kind::NotFound, "not-found", message)
}

fn not_allowed() -> Refusal {
    Refusal::new(Kind::NotAllowed, "not-supported", "this method is not answered at this address; see the Allow header")
}

/// The refusal for what does not exist, or may not be seen: the two look the same.
fn not_found(key: Key<'_>) -> Refusal {
    // The id is the caller's own word, but may be a patient's number: it is not repeated.
    let message = format!("there is no such {}", key.resource_type);
    Refusal::new(Kind::NotFound, "not-found", message)
}

impl Asked<'_> {
    /// Takes a parameter that may stand once.
    fn take(&mut self, name: &str) -> Option<String> {
        let index = self.pairs.iter().position(|(n, _)| n == name)?;
        Some(self.pairs.remove(index).1)
    }

    /// The text as the caller wants it printed.
    fn printed(&self, body: Bytes) -> Bytes {
        View { pretty: self.pretty, ..View::default() }.printed(body)
    }

    /// Refuses parameters that were not taken: what is not understood is never silently left out.
    fn all_taken(&self) -> Result<(), Refusal> {
        if self.pairs.is_empty() {
            return Ok(());
        }
        let message = "the request has a parameter that means nothing at this address; \
                       known everywhere are _format and _pretty";
        Err(Refusal::new(Kind::Malformed, "not-supported", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_reads_do_not_wait_in_a_lane() {
        for (method, path, text, cost) in [
            (Method::GET, "/fhir/Patient/1", "instance", Cost::Direct),
            (Method::HEAD, "/fhir/Patient/1/_history/2", "version", Cost::Direct),
            (Method::GET, "/fhir/Patient", "type", Cost::Search),
            (Method::GET, "/fhir", "base", Cost::Search),
            (Method::POST, "/fhir/", "base", Cost::Write),
            (Method::POST, "/fhir/Patient/_search", "search", Cost::Search),
            (Method::POST, "/fhir/Patient/$validate", "operation", Cost::Search),
            (Method::PUT, "/fhir/Patient/1", "instance", Cost::Write),
            (Method::GET, "/fhir/%zz", "nowhere", Cost::Direct),
        ] {
            let place = place(&method, path);
            assert_eq!((place.text, place.cost), (text, cost), "{method} {path}");
        }
        assert!(place(&Method::GET, "/fhir/metadata").is_open);
        assert!(!place(&Method::POST, "/fhir/metadata").is_open);
    }
}
