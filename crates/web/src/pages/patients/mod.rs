//! Finding a patient among those who are open to the visitor: one box for a name, a day of birth, or a number.
//!
//! The gate answers few plain questions about what was typed; what it shows is put in order here by how well it fits.

mod likeness;
mod typed;

use super::frame::{At, line, link, seated, table};
use super::{escape, words};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use fhir::calendar::civil;
use fhir::json::Json;
use typed::Typed;
use vault::access::audit::Deed;
use vault::access::{Role, Roles};
use vault::search::Page;
use vault::search::picking::Picking;
use vault::{Error, Version};

/// Patients on a page.
const SHOWN: usize = 25;

/// Patients whom one question may bring.
const BROUGHT: usize = 100;

/// Words of a name that count.
const WORDS: usize = 6;

/// What another name costs somebody whose number was typed: more than any slip.
const OTHER_NAME: usize = 100;

/// Who may break the glass: it is offered to them where nobody was found.
const TREAT: Roles = Roles::NONE.with(Role::Physician).with(Role::Nurse);

/// The days that a text may mean, in any common form, as FHIR dates; `this` is the year of today.
#[must_use]
pub fn days_in(text: &str, this: i64) -> Vec<String> {
    Typed::read(text, this).days
}

/// `GET /patients?q=TEXT`, or `?all=yes&from=N`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Search, |at| {
        let text = at.text("q");
        let found = match (text.is_empty(), at.text("all") == "yes") {
            (false, _) => found(at, text, &|id| link("/patient", &[("id", id)]))?,
            (true, true) => all(at)?,
            (true, false) => String::new(),
        };
        let treats = !at.seat.account.roles.intersection(TREAT).is_empty();
        let own = match treats && text.is_empty() {
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
            "<h1>Find a patient</h1><form role=\"search\" method=\"get\" action=\"/patients\">{}\
             <small id=\"hint\">In any order, also with a slip: Garcia Maria · 3/14/1962 · 14 Mar 1962 · SV1000003</small>\
             <br><button>Find</button></form>{own}{found}{glass}",
            line(
                "q",
                "Name, day of birth, or a number",
                text,
                "type=\"search\" autocomplete=\"off\" spellcheck=\"false\" aria-describedby=\"hint\" autofocus"
            ),
        );
        Ok(at.page("Patients", &body))
    })
}

/// All who are open to the visitor, by name.
fn all(at: &At<'_>) -> Result<String, Error> {
    let offset = at.text("from").parse().unwrap_or(0);
    let pairs = [("_sort", "family,given"), ("_total", "none")];
    let found = at.find("Patient", &pairs, &Page { at: None, offset, count: SHOWN })?;
    if found.matches.is_empty() {
        return Ok(nobody());
    }
    let next = found.next.map(|next| {
        let to = link("/patients", &[("all", "yes"), ("from", &next.to_string())]);
        format!("<p><a href=\"{to}\">More</a></p>")
    });
    let chart = |id: &str| link("/patient", &[("id", id)]);
    Ok(list(found.matches.iter().filter_map(parsed).map(|patient| row(&patient, &chart))) + &next.unwrap_or_default())
}

fn nobody() -> String {
    "<p role=\"status\">Nobody whom you may see fits.</p>".to_owned()
}

/// A patient who may be meant.
struct Fitting {
    id: String,
    patient: Json<'static>,
}

/// How well somebody fits: what the slips cost, then the name, then the id.
type Fit = (usize, String, String);

/// Those who fit, the best first; those who fit with a slip apart from them.
///
/// `to` is where the name of each leads, ready to stand in an attribute.
pub fn found(at: &At<'_>, text: &str, to: &dyn Fn(&str) -> String) -> Result<String, Error> {
    let (this, ..) = civil(at.shared.vault.clock().now().0.div_euclid(86_400_000));
    let mut typed = Typed::read(text, this);
    typed.words.truncate(WORDS);
    let (fitting, more) = fitting(at, &typed)?;
    if fitting.is_empty() {
        return Ok(nobody());
    }
    let (exact, similar): (Vec<_>, Vec<_>) = fitting.into_iter().partition(|((cost, ..), _)| *cost < 10);
    let part = |title: &str, part: &[(Fit, Version)]| match part.is_empty() {
        true => String::new(),
        false => {
            let patients = part.iter().filter_map(|(_, version)| parsed(version));
            format!("<h2>{title}</h2>{}", list(patients.map(|patient| row(&patient, to))))
        }
    };
    let more = if more > 0 { "<p class=\"soft\">More fit. Add a day of birth or another name.</p>" } else { "" };
    Ok(part("Found", &exact) + &part("Similar", &similar) + more)
}

fn fitting(at: &At<'_>, typed: &Typed) -> Result<(Vec<(Fit, Version)>, usize), Error> {
    let (vault, visit) = (&at.shared.vault, &at.seat.visit);
    let mut picking = Picking::new(vault, visit);
    let mut ask = |pairs: &[(&str, &str)], is_named: bool| -> Result<usize, Error> {
        let pairs = pairs.iter().chain(&[("_total", "none")]);
        let pairs: Vec<_> = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let query = vault.query(visit, Some("Patient"), &pairs, true, vault.clock().now())?;
        picking.ask(&query, BROUGHT, |version| {
            let one = parsed(version)?;
            let cost = likeness::cost(&typed.words, &likeness::names(&one.patient));
            Some((cost.or(is_named.then_some(OTHER_NAME))?, words::name(&one.patient), one.id))
        })
    };
    if !typed.numbers.is_empty() {
        ask(&[("identifier", &any_of(&typed.numbers))], true)?;
    }
    let days = typed.days.join(",");
    if !typed.days.is_empty() {
        ask(&[("birthdate", &days)], false)?;
    }
    // With a number beside it, a name names nobody else.
    if typed.days.is_empty() && typed.numbers.is_empty() && !typed.words.is_empty() {
        for question in questions(&typed.words) {
            let pairs: Vec<_> = question.iter().map(|word| ("name", word.as_str())).collect();
            if ask(&pairs, false)? >= SHOWN {
                break;
            }
        }
    }
    Ok(picking.best(SHOWN))
}

/// What is asked about the words of a name, until enough are found: the words as they are, each alone, then how they begin.
fn questions(words: &[String]) -> Vec<Vec<String>> {
    let begin = |letters: usize| words.iter().map(|word| word.chars().take(letters).collect()).collect::<Vec<String>>();
    let mut all = vec![words.to_vec()];
    let longer = |word: &&String| word.chars().count() > 1;
    all.extend(words.iter().filter(longer).map(|word| vec![word.clone()]));
    all.extend([4, 3, 2, 1].map(begin));
    all.extend(words.iter().filter(longer).map(|word| vec![word.chars().take(3).collect()]));
    all.dedup();
    all
}

/// Values of which one must fit, with marks that mean nothing to a search (R4 search section 3.1.1.4.0.2).
fn any_of(values: &[String]) -> String {
    let quoted = |value: &String| {
        let quote = |c| if matches!(c, '\\' | ',' | '|' | '$') { vec!['\\', c] } else { vec![c] };
        value.chars().flat_map(quote).collect::<String>()
    };
    values.iter().map(quoted).collect::<Vec<_>>().join(",")
}

fn parsed(version: &Version) -> Option<Fitting> {
    let patient = Json::parse(&version.body).ok()?.into_owned();
    Some(Fitting { id: version.id.clone(), patient })
}

fn list(rows: impl Iterator<Item = Vec<String>>) -> String {
    table(&["Name", "Born", "Sex", "Record number"], rows)
}

fn row(one: &Fitting, to: &dyn Fn(&str) -> String) -> Vec<String> {
    let patient = &one.patient;
    let name = Some(words::name(patient)).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "without a name".to_owned());
    vec![
        format!("<a href=\"{}\">{}</a>", to(&one.id), escape(&name)),
        escape(&words::date(patient.text("birthDate").unwrap_or_default())),
        escape(patient.text("gender").unwrap_or_default()),
        escape(&number(patient)),
    ]
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
