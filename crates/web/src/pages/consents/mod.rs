//! A patient's consents: what stands, in plain words; giving one, with a look at what it would change; withdrawing one.
//!
//! [`choices`] is the form and the FHIR Consent that it makes; [`saying`] says a consent in words; [`preview`] shows what the
//! gate answers to a trial.

mod choices;
mod preview;
mod saying;

use super::escape;
use super::frame::{At, address, link, seated};
use super::whose::{Whose, chooser, whose};
use super::words;
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::html::field;
use crate::sign_in::{Asked, see_other};
use base::refusal::{Kind, Refusal};
use choices::Choices;
use fhir::json::Json;
use vault::access::Edit;
use vault::access::audit::Deed;
use vault::access::consent::{self, Consent, standing};
use vault::search::Page;
use vault::{Error, Expect, Version, exchange};

/// Most consents on the page.
const SHOWN: usize = 200;

/// `GET /consents?patient=ID`.
pub fn list(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Search, |at| {
        let people = whose(at)?;
        let patient = at.chosen(&people).ok_or_else(nobodys)?;
        let of = format!("Patient/{}", patient.id);
        let page = Page { count: SHOWN, ..Page::default() };
        let found = at.find("Consent", &[("patient", &of), ("_sort", "-date")], &page)?;
        let read: Vec<(&Version, Consent)> = found.matches.iter().filter_map(read).collect();
        let all: Vec<Consent> = read.iter().map(|(_, consent)| consent.clone()).collect();
        let stand: Vec<&str> =
            standing(&all, shared.vault.clock().now()).iter().map(|one| one.consent.reference.as_str()).collect();
        let (in_force, over): (Vec<_>, Vec<_>) =
            read.iter().partition(|(_, consent)| stand.contains(&consent.reference.as_str()));
        let shown = |list: &[&(&Version, Consent)], is_open: bool| {
            list.iter().map(|(version, consent)| item(at, patient, version, consent, is_open)).collect::<String>()
        };
        let now = match shown(&in_force, true) {
            text if text.is_empty() => {
                "<p>None. The rules of the house decide alone who sees the record.</p>".to_owned()
            }
            text => text,
        };
        let before = match shown(&over, false) {
            text if text.is_empty() => text,
            text => format!("<h2>No longer, or not in force</h2>{text}"),
        };
        let body = format!(
            "<h1>Consents</h1>{}<p>What you have said about who may see the record. It comes on top of the rules of the \
             house, and counts from the moment you give or withdraw it.</p><p><a href=\"{}\">Give a consent</a></p>\
             <h2>In force</h2>{now}{before}",
            chooser("/consents", &people, patient),
            link("/consents/give", &[("patient", &patient.id)]),
        );
        Ok(at.page("Consents", &body))
    })
}

fn read(version: &Version) -> Option<(&Version, Consent)> {
    let resource = Json::parse(&version.body).ok()?;
    Some((version, consent::read(&resource, &format!("Consent/{}", version.id)).0))
}

fn item(at: &At<'_>, patient: &Whose, version: &Version, consent: &Consent, is_open: bool) -> String {
    let given = consent.given.map(|given| format!("<small>Given {}. </small>", words::day(given))).unwrap_or_default();
    let says = saying::says(at, consent);
    if !is_open {
        let received = received(at, patient, consent);
        let state = saying::state(consent);
        return format!("<h3>{says}</h3><p>{given}<span class=\"mark\">{state}</span>{received}</p>");
    }
    if at.shared.vault.keeps_out(&at.seat.visit, &patient.id, &version.id).unwrap_or(true) {
        return format!(
            "<h3>{says}</h3><p>{given}It keeps you out: only the patient or the privacy office can withdraw it.</p>"
        );
    }
    let hidden = [at.sign(), field("patient", &patient.id), field("id", &version.id)].concat();
    let effect = link("/consents/effect", &[("patient", &patient.id), ("id", &version.id)]);
    format!(
        "<h3>{says}</h3><p>{given}<a href=\"{effect}\">What withdrawing it would change</a></p>\
         <form method=\"post\" action=\"/consents/withdraw\">{hidden}<button class=\"plain\">Withdraw it now</button></form>"
    )
}

/// `GET /consents/give?patient=ID`: the empty form.
pub fn form(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        let people = whose(at)?;
        let patient = at.chosen(&people).ok_or_else(nobodys)?;
        draw(at, patient)
    })
}

fn draw(at: &At<'_>, patient: &Whose) -> Outcome {
    let hidden = [at.sign(), field("patient", &patient.id)].concat();
    let body = format!(
        "<h1>Give a consent</h1>{}<form method=\"post\" action=\"/consents/give\">{hidden}{}\
         <button name=\"do\" value=\"preview\">See what it would change</button></form>",
        chooser("/consents", std::slice::from_ref(patient), patient),
        Choices::of(at).fields(at)?
    );
    Ok(at.page("Give a consent", &body))
}

/// `POST /consents/give`: shows what it would change; gives it; or goes back to the form.
pub fn give(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Create, |at| {
        let people = whose(at)?;
        let patient = at.chosen(&people).ok_or_else(nobodys)?;
        if at.text("do") == "edit" {
            at.seat.visit.turned_out(Deed::Read);
            return draw(at, patient);
        }
        if at.text("do") != "give" {
            // Nothing is written: the audit says that it was tried.
            at.seat.visit.turned_out(Deed::Preview);
        }
        let draft = Choices::of(at).consent(at, &patient.id)?;
        if at.text("do") == "give" {
            exchange::create(&shared.vault, &at.seat.visit, "Consent", draft, None)?;
            return Ok(see_other(&address("/consents", &[("patient", &patient.id)])));
        }
        let says = saying::says(at, &consent::read(&draft, "Consent/draft").0);
        let trial = shared.vault.try_consent(&at.seat.visit, &patient.id, Edit::Give(&draft))?;
        let again: String = at
            .form
            .fields()
            .filter(|(name, _)| !["csrf", "do"].contains(&name.as_str()))
            .map(|(name, value)| field(name, value))
            .collect();
        let body = format!(
            "<h1>Before you give it</h1>{}<p><strong>{says}</strong></p>{}\
             <form method=\"post\" action=\"/consents/give\">{}{again}<button name=\"do\" value=\"give\">Give this consent\
             </button> <button class=\"plain\" name=\"do\" value=\"edit\">Change it</button></form>",
            chooser("/consents", std::slice::from_ref(patient), patient),
            preview::shown(&trial),
            at.sign(),
        );
        Ok(at.page("Before you give it", &body))
    })
}

/// `GET /consents/effect?patient=ID&id=ID`: what withdrawing one would change.
pub fn effect(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Preview, |at| {
        let people = whose(at)?;
        let patient = at.chosen(&people).ok_or_else(nobodys)?;
        let version = current(at, at.text("id"))?;
        let says = read(&version).map(|(_, consent)| saying::says(at, &consent)).unwrap_or_default();
        let trial = shared.vault.try_consent(&at.seat.visit, &patient.id, Edit::Withdraw(&version.id))?;
        let hidden = [at.sign(), field("patient", &patient.id), field("id", &version.id)].concat();
        let body = format!(
            "<h1>If you withdraw it</h1>{}<p><strong>{says}</strong></p>{}<form method=\"post\" action=\"/consents/withdraw\">\
             {hidden}<button>Withdraw it now</button></form>",
            chooser("/consents", std::slice::from_ref(patient), patient),
            preview::shown(&trial),
        );
        Ok(at.page("If you withdraw it", &body))
    })
}

fn current(at: &At<'_>, id: &str) -> Result<Version, Error> {
    let found = at.shared.vault.read(&at.seat.visit, "Consent", id, None)?.filter(|version| !version.deleted);
    found.ok_or_else(|| Refusal::new(Kind::NotFound, "not-found", "there is no such consent").into())
}

/// The way to those who received under a consent, for the patient.
fn received(at: &At<'_>, patient: &Whose, consent: &Consent) -> String {
    if !at.seat.visit.principal().ids_of("Patient").any(|id| id == patient.id) {
        return String::new();
    }
    let to = link("/recipients", &[("patient", &patient.id), ("consent", &consent.reference)]);
    format!(" <a href=\"{to}\">Who received under it</a>")
}

/// `POST /consents/withdraw`: it counts no more from the next request on.
pub fn withdraw(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Update, |at| {
        let edit = |consent: &mut Json<'static>| {
            if let Some(consent) = consent.as_object_mut() {
                consent.set("status", Json::string("inactive"));
            }
            Ok(())
        };
        exchange::patch(&shared.vault, &at.seat.visit, "Consent", at.text("id"), Expect::Any, &edit)?;
        Ok(see_other(&address("/consents", &[("patient", at.text("patient"))])))
    })
}

fn nobodys() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "your account stands for no such patient, and acts for none")
}

/// A party as HTML: who is meant, by the name they have in the record.
fn party_name(at: &At<'_>, reference: &str) -> String {
    let found = reference.split_once('/').map(|(kind, id)| at.shared.vault.read(&at.seat.visit, kind, id, None));
    let found = found.and_then(Result::ok).flatten().filter(|version| !version.deleted);
    let body = found.and_then(|version| Json::parse(&version.body).ok().map(|named| called(&named)));
    escape(body.as_deref().filter(|name| !name.is_empty()).unwrap_or(reference))
}

/// What somebody or something of the directory is called.
fn called(resource: &Json<'_>) -> String {
    resource.text("name").map_or_else(|| words::name(resource), str::to_owned)
}
