//! Where the rooms come in: pages and operations of the crates above, seated, gated and audited like this one's own.
//!
//! A room is a table of functions. It draws its pages with the same pieces, so that they look and behave alike.

use crate::rest::below_base;
use crate::rest::route::{self, Target};
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use fhir::json::Json;
use vault::access::Visit;
use vault::access::audit::Deed;
use vault::{Error, Vault};

pub use crate::pages::desk::Way;
pub use crate::pages::escape;
pub use crate::pages::frame::{At, address, line, link, table};
pub use crate::pages::patients::days_in;
pub use crate::pages::words;
pub use crate::sign_in::html::field;
pub use crate::sign_in::see_other;

/// What answers a page.
pub type Draws = fn(&At<'_>) -> Result<Response<Bytes>, Error>;

/// What answers an operation.
pub type Answers = fn(&Call<'_>) -> Result<Answer, Error>;

/// What adds to the page of an entry.
pub type Adds = fn(&At<'_>, &str, &str) -> Result<String, Error>;

/// What a room brings.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Its pages.
    pub pages: &'static [Page],
    /// The ways to them from everybody's home page.
    pub ways: &'static [Way],
    /// Its operations.
    pub operations: &'static [Operation],
    /// What it adds to the page of an entry of a chart, as HTML: the entry as `Type/id`, and its patient's id.
    pub beside: Option<Adds>,
}

/// A page: what a GET and a POST do, in the words of the audit, and what answers them.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Its path. What it is about stands in the query, so that no path names a patient.
    pub path: &'static str,
    /// What a GET does.
    pub get: Option<(Deed, Draws)>,
    /// What a POST does, which came from a page of the same session.
    pub post: Option<(Deed, Draws)>,
}

/// An operation below the FHIR base.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Without the `$`.
    pub name: &'static str,
    /// The type on whose instances it is called; `None`: at the base.
    pub on: Option<&'static str>,
    /// What it does, in the words of the audit.
    pub deed: Deed,
    /// Whether it changes something, so that a link must not do it.
    pub posts: bool,
    /// What answers it.
    pub answer: Answers,
}

/// A call of an operation.
pub struct Call<'c> {
    /// The record.
    pub vault: &'c Vault,
    /// Who asks.
    pub visit: &'c Visit,
    /// The id of the instance; empty at the base.
    pub id: &'c str,
    /// The parameters, from the address and the body, in order.
    pub words: Vec<(String, String)>,
}

/// What an operation answers.
pub enum Answer {
    /// A resource.
    Resource(Json<'static>),
    /// A file: its name, its media type, its bytes.
    File(String, &'static str, Vec<u8>),
}

/// A file to be kept by whoever asked for it.
#[must_use]
pub fn file(name: &str, media: &'static str, bytes: Vec<u8>) -> Response<Bytes> {
    let mut answer = crate::answer::plain(StatusCode::OK, media, bytes);
    let told = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    answer.headers_mut().extend(told.ok().map(|told| (header::CONTENT_DISPOSITION, told)));
    answer
}

pub(crate) fn page<'r>(rooms: &'r [Room], path: &str) -> Option<&'r Page> {
    rooms.iter().flat_map(|room| room.pages).find(|page| page.path == path)
}

pub(crate) fn operation(rooms: &[Room], on: Option<&str>, name: &str) -> Option<Operation> {
    let mut all = rooms.iter().flat_map(|room| room.operations);
    all.find(|operation| operation.on == on && operation.name == name).copied()
}

/// What an address of a room does, in the words of the audit.
pub(crate) fn deed(rooms: &[Room], path: &str) -> Option<Deed> {
    match route::target(&below_base(path)?)? {
        Target::SystemOperation(name) => operation(rooms, None, name),
        Target::Operation(key, name) => operation(rooms, Some(key.resource_type), name),
        _ => None,
    }
    .map(|operation| operation.deed)
}
