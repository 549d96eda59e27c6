//! Finding a patient among those who are open to the visitor: by name, day of birth, or a number.

use super::frame::{At, line, link, seated, table};
use super::{escape, words};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use fhir::json::Json;
use vault::access::audit::Deed;
use vault::access::{Role, Roles};
use vault::search::Page;
use vault::{Error, Version};

/// Patients on a page.
const SHOWN: usize = 25;

/// Longest word looked for, in bytes.
const WORD_BYTES_MAX: usize = 100;

/// Who may break the glass: it is offered to them where nobody was found.
const TREAT: Roles = Roles::NONE.with(Role::Physician).with(Role::Nurse);

/// `GET /patients?name=WORDS&born=DAY&number=NUMBER&from=N`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Search, |at| {
        let is_asked = ["name", "born", "number"].iter().any(|name| !at.text(name).is_empty());
        let found = if is_asked || at.text("all") == "yes" { found(at)? } else { String::new() };
        let treats = !at.seat.account.roles.intersection(TREAT).is_empty();
        let own = match treats && !is_asked {
            true => "<p><a href=\"/patients?all=yes\">All who are in my care</a></p>",
            false => "",
        };
        let glass = match treats {
            true => {
                "<p class=\"soft\">Patients who are not in your care are not found. In an emergency \
                     <a href=\"/break-glass\">break the glass</a>.</p>"
            }
            false => "",
        };
        let body = format!(
            "<h1>Find a patient</h1><form class=\"wide\" method=\"get\" action=\"/patients\"><div class=\"side\">{}{}{}</div>\
             <button>Find</button></form>{own}{found}{glass}",
            line("name", "Name", at.text("name"), "autocomplete=\"off\""),
            line("born", "Day of birth", at.text("born"), "type=\"date\""),
            line("number", "Record number", at.text("number"), "autocomplete=\"off\""),
        );
        Ok(at.page("Patients", &body))
    })
}

fn found(at: &At<'_>) -> Result<String, Error> {
    let mut pairs = vec![("_sort", "family,given"), ("_total", "none")];
    let words: Vec<&str> = at.text("name").split_whitespace().filter(|word| word.len() <= WORD_BYTES_MAX).collect();
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    pairs.extend(words.iter().map(|word| ("name", word.as_str())));
    let number = quoted(at.text("number"));
    for (name, value) in [("birthdate", at.text("born")), ("identifier", &number)] {
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    let offset = at.text("from").parse().unwrap_or(0);
    let found = at.find("Patient", &pairs, &Page { at: None, offset, count: SHOWN })?;
    let rows: Vec<Vec<String>> = found.matches.iter().filter_map(row).collect();
    if rows.is_empty() {
        return Ok("<p role=\"status\">Nobody whom you may see fits.</p>".to_owned());
    }
    let next = found.next.map(|next| {
        let mut pairs: Vec<_> = ["name", "born", "number", "all"].iter().map(|name| (*name, at.text(name))).collect();
        let next = next.to_string();
        pairs.push(("from", &next));
        format!("<p><a href=\"{}\">More</a></p>", link("/patients", &pairs))
    });
    Ok(table(&["Name", "Born", "Sex", "Record number"], rows) + &next.unwrap_or_default())
}

/// A value whose marks mean nothing to a search (R4 search section 3.1.1.4.0.2).
fn quoted(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '\\' | ',' | '|' | '$') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

fn row(version: &Version) -> Option<Vec<String>> {
    let patient = Json::parse(&version.body).ok()?;
    let name = Some(words::name(&patient)).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "without a name".to_owned());
    Some(vec![
        format!("<a href=\"{}\">{}</a>", link("/patient", &[("id", &version.id)]), escape(&name)),
        escape(&words::date(patient.text("birthDate").unwrap_or_default())),
        escape(patient.text("gender").unwrap_or_default()),
        escape(&number(&patient)),
    ])
}

/// The first record number that a patient has.
pub fn number(patient: &Json<'_>) -> String {
    let identifiers = patient.get("identifier").map_or(&[][..], Json::items);
    let is_record = |identifier: &&Json<'_>| {
        let codings = identifier.get("type").and_then(|kind| kind.get("coding")).map_or(&[][..], Json::items);
        codings.iter().any(|coding| coding.text("code") == Some("MR"))
    };
    let first = identifiers.iter().find(is_record).or_else(|| identifiers.first());
    first.and_then(|identifier| identifier.text("value")).unwrap_or_default().to_owned()
}
