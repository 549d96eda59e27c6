//! Whose chart an app is to be about, where it was not opened from one: the person chooses among those they may see.

use super::Place;
use crate::pages::words;
use crate::server::Shared;
use crate::sign_in::html::{escape, field};
use crate::sign_in::seat::Seat;
use base::clock::Instant;
use fhir::json::Json;
use fhir::search::query::parse;
use vault::Error;
use vault::search::Page;

/// Most people shown at a time.
const SHOWN_MAX: usize = 20;

/// Longest name looked for, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// Who can be chosen.
pub struct Choice {
    people: Vec<Person>,
    /// Whether there are more than are shown.
    has_more: bool,
    find: String,
}

struct Person {
    id: String,
    name: String,
    born: String,
}

/// Those whom a person may see, whose name begins with `find` (empty: all).
pub fn choice(shared: &Shared, seat: &Seat, find: &str) -> Result<Choice, Error> {
    let find = Some(find.trim()).filter(|find| find.len() <= NAME_BYTES_MAX).unwrap_or_default();
    let name = (!find.is_empty()).then(|| ("name".to_owned(), find.to_owned()));
    let pairs: Vec<_> = name.into_iter().collect();
    let now = shared.vault.clock().now();
    let query = parse(Some("Patient"), &pairs, true, Instant(now.0))?;
    let page = Page { at: None, offset: 0, count: SHOWN_MAX };
    let found = shared.vault.search(&seat.visit, &query, &page)?;
    let people = found.matches.iter().filter_map(|version| person(&version.id, &version.body)).collect();
    Ok(Choice { people, has_more: found.next.is_some(), find: find.to_owned() })
}

fn person(id: &str, body: &[u8]) -> Option<Person> {
    let patient = Json::parse(body).ok()?;
    let name = patient.get("name").map_or(&[][..], Json::items).first().map(name_of).unwrap_or_default();
    let name = if name.is_empty() { "without a name".to_owned() } else { name };
    Some(Person { id: id.to_owned(), name, born: born(&patient) })
}

/// The day of birth in words, as far as it is known.
fn born(patient: &Json<'_>) -> String {
    match patient.text("birthDate") {
        Some(day) => format!("born {}", words::date(day)),
        None => "day of birth unknown".to_owned(),
    }
}

/// Whose chart it is, where that is settled already: the app was opened from it. Nothing where the gate does not show it.
pub fn settled(shared: &Shared, seat: &Seat, patient: &str) -> Result<String, Error> {
    let found = match shared.vault.read(&seat.visit, "Patient", patient, None) {
        Ok(found) => found.filter(|version| !version.deleted),
        Err(Error::Refusal(_)) => None,
        Err(error) => return Err(error),
    };
    let line = |person: Person| {
        format!("<h2>Whom it is about</h2><p><strong>{}</strong>, {}</p>", escape(&person.name), escape(&person.born))
    };
    Ok(found.and_then(|version| person(&version.id, &version.body)).map(line).unwrap_or_default())
}

fn name_of(name: &Json<'_>) -> String {
    if let Some(text) = name.text("text") {
        return text.to_owned();
    }
    let given = name.get("given").map_or(&[][..], Json::items).iter().filter_map(Json::as_str);
    let words: Vec<&str> = given.chain(name.text("family")).collect();
    words.join(" ")
}

impl Choice {
    /// Whether somebody can be chosen.
    #[must_use]
    pub fn has_somebody(&self) -> bool {
        !self.people.is_empty()
    }

    /// The form that looks for a name, where there are many.
    #[must_use]
    pub fn finder(&self, sealed: &str) -> String {
        if !self.has_more && self.find.is_empty() {
            return String::new();
        }
        format!(
            "<form method=\"get\" action=\"{}\">{}<label for=\"find\">Find a patient by name</label>\
             <input id=\"find\" name=\"find\" autocomplete=\"off\" value=\"{}\"><button>Find</button></form>",
            Place::Consent.path(),
            field("r", sealed),
            escape(&self.find)
        )
    }

    /// Those who can be chosen.
    #[must_use]
    pub fn list(&self) -> String {
        if self.people.is_empty() {
            return "<h2>Whom it is about</h2><p role=\"alert\">There is nobody of that name whom you may see.</p>"
                .to_owned();
        }
        let only = self.people.len() == 1;
        let line = |person: &Person| {
            let checked = if only { " checked" } else { "" };
            let (id, name, born) = (escape(&person.id), escape(&person.name), escape(&person.born));
            format!(
                "<label class=\"choice\"><input type=\"radio\" name=\"patient\" value=\"{id}\" required{checked}> {name}, \
                 {born}</label>"
            )
        };
        let lines: String = self.people.iter().map(line).collect();
        let more = if self.has_more { "<p>There are more: find them by name.</p>" } else { "" };
        format!("<h2>Whom it is about</h2>{lines}{more}")
    }
}
