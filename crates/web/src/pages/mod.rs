//! Pages for people. Every page carries its own strict content security policy.
//!
//! [`home()`] is the front door, which anybody sees. Whoever is signed in begins at [`desk`], which leads to what their roles
//! have to do; one module a family of pages. [`frame`] seats people, notes what they ask for the audit, and draws around
//! it; [`words`] says codes and moments as people do.

mod accounting;
mod apps;
mod audit;
mod chart;
mod concerns;
mod consents;
pub mod desk;
mod disclosures;
mod emergency;
pub mod frame;
mod glass;
mod graph;
mod home;
mod looked;
pub(crate) mod patients;
mod policies;
mod recipients;
mod unusual;
mod whose;
mod why;
pub mod words;

pub use home::{FAVICON, escape, favicon, home};

use crate::answer::Outcome;
use crate::room::{self, Room};
use crate::server::Shared;
use crate::sign_in::forms::check_origin;
use crate::sign_in::seat::present;
use crate::sign_in::{Asked, refused_at};
use axum::http::{Method, Response};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;

/// What answers a request for a page.
type Answers = fn(&Shared, &Asked) -> Outcome;

/// A page: its path, and what answers a GET and a POST.
struct Page {
    path: &'static str,
    get: Option<Answers>,
    post: Option<Answers>,
}

const fn shown(path: &'static str, get: Answers) -> Page {
    Page { path, get: Some(get), post: None }
}

const fn both(path: &'static str, get: Answers, post: Answers) -> Page {
    Page { path, get: Some(get), post: Some(post) }
}

const fn sent(path: &'static str, post: Answers) -> Page {
    Page { path, get: None, post: Some(post) }
}

/// All pages of people who are signed in. What a page is about stands in its query, so that no path names a patient.
const PAGES: &[Page] = &[
    shown("/home", desk::page),
    shown("/looked", looked::page),
    shown("/patients", patients::page),
    shown("/patient", chart::page),
    shown("/patient/timeline", chart::timeline),
    shown("/patient/results", chart::results),
    shown("/patient/trend", chart::trend),
    shown("/patient/documents", chart::documents),
    shown("/document", chart::document),
    shown("/document/file", chart::document_file),
    shown("/patient/encounters", chart::encounters),
    shown("/patient/medications", chart::medications),
    shown("/patient/entries", chart::list),
    shown("/entry", chart::entry),
    shown("/entry/versions", chart::versions),
    shown("/entry/changes", chart::changes),
    shown("/entry/proof", chart::proof),
    shown("/why", why::page),
    both("/break-glass", emergency::form, emergency::break_it),
    shown("/consents", consents::list),
    both("/consents/give", consents::form, consents::give),
    shown("/consents/effect", consents::effect),
    sent("/consents/withdraw", consents::withdraw),
    both("/glass", glass::list, glass::review),
    shown("/unusual", unusual::page),
    both("/apps", apps::list, apps::review),
    both("/policies", policies::list, policies::simulate),
    shown("/audit", audit::page),
    shown("/audit.csv", audit::csv),
    both("/accounting", accounting::page, accounting::act),
    shown("/accounting.txt", accounting::text),
    shown("/recipients", recipients::page),
    both("/disclosures", disclosures::page, disclosures::act),
    both("/concern", concerns::form, concerns::raise),
    both("/concerns", concerns::list, concerns::answer),
];

/// The methods of a page; `None`: no page has this path.
pub fn allowed(rooms: &[Room], path: &str) -> Option<&'static str> {
    let own = PAGES.iter().find(|page| page.path == path).map(|page| (page.get.is_some(), page.post.is_some()));
    let of_room = || room::page(rooms, path).map(|page| (page.get.is_some(), page.post.is_some()));
    Some(match own.or_else(of_room)? {
        (true, true) => "GET, HEAD, POST",
        (true, false) => "GET, HEAD",
        _ => "POST",
    })
}

/// Answers a page. Errors are pages too.
pub fn answer(shared: &Shared, asked: &Asked) -> Response<Bytes> {
    let path = asked.parts.uri.path();
    route(shared, asked, path).unwrap_or_else(|error| {
        let seat = present(shared, asked).ok().flatten();
        refused_at(shared, &error, path, seat.as_ref())
    })
}

fn route(shared: &Shared, asked: &Asked, path: &str) -> Outcome {
    let is_post = asked.parts.method == Method::POST;
    if is_post {
        check_origin(&asked.parts.headers)?;
    }
    if let Some(page) = room::page(shared.settings.rooms, path) {
        let Some((deed, draws)) = (if is_post { page.post } else { page.get }) else {
            return Err(nothing_here().into());
        };
        return frame::seated(shared, asked, deed, draws);
    }
    let page = PAGES.iter().find(|page| page.path == path);
    match page.and_then(|page| if is_post { page.post } else { page.get }) {
        Some(answers) => answers(shared, asked),
        None => Err(nothing_here().into()),
    }
}

fn nothing_here() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "nothing is here; your pages begin at /home")
}
