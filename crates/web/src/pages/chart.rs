//! A patient's chart as a page: who it is, and what the gate shows of each kind, newest first; one kind whole; one entry.

use super::frame::{At, link, seated, table};
use super::{escape, patients, words};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::access::audit::Deed;
use vault::access::{Role, Roles};
use vault::search::{Found, Page};
use vault::{Error, Version};

/// Entries of each kind on the chart's page.
const FIRST: usize = 5;

/// Entries on a page of one kind.
const SHOWN: usize = 50;

/// `GET /patient?id=ID`; without an id a patient's own.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Search, |at| {
        let id = patient(at)?;
        let (banner, name) = banner(at, &id)?;
        let mut parts = String::new();
        for kind in words::kinds() {
            let Some(found) = of_kind(at, kind, &id, &Page { count: FIRST, ..Page::default() })? else { continue };
            if found.matches.is_empty() {
                continue;
            }
            let all = link("/patient/entries", &[("id", &id), ("kind", kind)]);
            let more = found.next.map(|_| format!("<p><a href=\"{all}\">All of them</a></p>")).unwrap_or_default();
            parts.push_str(&format!("<h2>{}</h2>{}{more}", words::several(kind), entries(&found.matches)));
        }
        let parts = match parts.is_empty() {
            true => "<p>There is nothing else in this chart that you may see.</p>".to_owned(),
            false => parts,
        };
        Ok(at.page(&name, &format!("{banner}{}{parts}", ways(at, &id))))
    })
}

/// What can be done from a chart.
fn ways(at: &At<'_>, id: &str) -> String {
    let roles = at.seat.account.roles;
    let treats = !roles.intersection(Roles::NONE.with(Role::Physician).with(Role::Nurse)).is_empty();
    let why = link("/why", &[("about", &format!("Patient/{id}"))]);
    let app = if treats {
        format!(" · <a href=\"{}\">Open an app</a>", link("/smart/launch", &[("patient", id)]))
    } else {
        String::new()
    };
    format!("<p><a href=\"{why}\">Why can I see this?</a>{app}</p>")
}

/// The patient whom the address names, or who is asking.
fn patient(at: &At<'_>) -> Result<String, Error> {
    let id = at.text("id");
    let own = || super::whose::whose(at).map(|people| people.into_iter().next().map(|person| person.id));
    let id = if id.is_empty() { own()? } else { Some(id.to_owned()) };
    id.ok_or_else(|| Refusal::new(Kind::NotFound, "not-found", "name a patient; find one under /patients").into())
}

/// Who the patient is, always in the same place; and the name, for the title.
fn banner(at: &At<'_>, id: &str) -> Result<(String, String), Error> {
    let found = at.shared.vault.read(&at.seat.visit, "Patient", id, None)?.filter(|version| !version.deleted);
    let version = found.ok_or_else(|| nothing("Patient", id))?;
    let patient = Json::parse(&version.body).unwrap_or(Json::Null);
    let name = Some(words::name(&patient)).filter(|name| !name.is_empty()).unwrap_or_else(|| format!("Patient/{id}"));
    let born = patient.text("birthDate").unwrap_or_default();
    let age = age(born, at.shared.vault.clock().now()).map(|age| format!(" ({age})")).unwrap_or_default();
    let mut facts = vec![format!("<strong>{}</strong>", escape(&name))];
    facts.extend((!born.is_empty()).then(|| format!("<span>born {}{age}</span>", escape(&words::date(born)))));
    facts.extend(patient.text("gender").map(|sex| format!("<span>{}</span>", escape(sex))));
    let number = Some(patients::number(&patient)).filter(|number| !number.is_empty());
    facts.extend(number.map(|number| format!("<span>record number {}</span>", escape(&number))));
    if patient.get("deceasedDateTime").is_some() || patient.get("deceasedBoolean").and_then(Json::as_bool) == Some(true)
    {
        facts.push("<span class=\"mark\">has died</span>".to_owned());
    }
    Ok((format!("<h1 class=\"banner\">{}</h1>", facts.concat()), name))
}

/// Full years from a day of birth to now; `None` where the day is not known whole.
fn age(born: &str, now: Instant) -> Option<i64> {
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<i64>().ok());
    let (year, month, day) = (number(born.get(..4))?, number(born.get(5..7))?, number(born.get(8..10))?);
    let (this, of_year, of_month) = fhir::calendar::civil(now.0.div_euclid(86_400_000));
    Some(this - year - i64::from((i64::from(of_year), i64::from(of_month)) < (month, day)))
}

/// Entries of a kind; `None` where the visitor never sees any of it.
fn of_kind(at: &At<'_>, kind: &str, patient: &str, page: &Page) -> Result<Option<Found>, Error> {
    let patient = format!("Patient/{patient}");
    let mut pairs = vec![("patient", patient.as_str()), ("_total", "none")];
    if let Some(sort) = newest_first(kind) {
        pairs.push(("_sort", sort));
    }
    match at.find(kind, &pairs, page) {
        Ok(found) => Ok(Some(found)),
        Err(Error::Refusal(refusal)) if matches!(refusal.kind, Kind::Forbidden | Kind::Malformed) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How a kind is ordered by when its matter happened.
fn newest_first(kind: &str) -> Option<&'static str> {
    ["date", "authoredon", "authored-on", "onset-date", "effective-time", "started", "created", "sent", "recorded"]
        .into_iter()
        .find(|code| fhir::search::params::find(kind, code).is_some())
        .map(|code| match code {
            "date" => "-date",
            "authoredon" => "-authoredon",
            "authored-on" => "-authored-on",
            "onset-date" => "-onset-date",
            "effective-time" => "-effective-time",
            "started" => "-started",
            "created" => "-created",
            "sent" => "-sent",
            _ => "-recorded",
        })
}

fn entries(versions: &[Version]) -> String {
    let row = |version: &Version| {
        let resource = Json::parse(&version.body).ok()?;
        let to = link("/entry", &[("about", &format!("{}/{}", version.resource_type, version.id))]);
        let status = resource.text("status").map_or_else(|| clinical_status(&resource), str::to_owned);
        Some(vec![
            format!("<a href=\"{to}\">{}</a>", escape(&words::title(&resource))),
            format!("<span class=\"when\">{}</span>", escape(&words::happened(&resource))),
            escape(&status),
        ])
    };
    let table = table(&["What", "When", "State"], versions.iter().filter_map(row));
    // The columns of all kinds stand below each other.
    format!("<div class=\"list\">{table}</div>")
}

fn clinical_status(resource: &Json<'_>) -> String {
    resource.get("clinicalStatus").map(words::concept).unwrap_or_default().to_lowercase()
}

/// `GET /patient/entries?id=ID&kind=TYPE&from=N`.
pub fn list(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Search, |at| {
        let id = patient(at)?;
        let kind = words::kinds().find(|kind| *kind == at.text("kind"));
        let kind = kind.ok_or_else(|| Refusal::new(Kind::NotFound, "not-found", "no page shows such entries"))?;
        let (banner, _) = banner(at, &id)?;
        let offset = at.text("from").parse().unwrap_or(0);
        let found =
            of_kind(at, kind, &id, &Page { at: None, offset, count: SHOWN })?.ok_or_else(|| nothing(kind, &id))?;
        let next = found.next.map(|next| {
            let to = link("/patient/entries", &[("id", &id), ("kind", kind), ("from", &next.to_string())]);
            format!("<p><a href=\"{to}\">Older ones</a></p>")
        });
        let body = format!(
            "{banner}<p><a href=\"{}\">The whole chart</a></p><h2>{}</h2>{}{}",
            link("/patient", &[("id", &id)]),
            words::several(kind),
            entries(&found.matches),
            next.unwrap_or_default()
        );
        Ok(at.page(words::several(kind), &body))
    })
}

/// `GET /entry?about=TYPE/ID`: one entry, whole.
pub fn entry(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        let about = at.text("about");
        let (kind, id) = about.split_once('/').ok_or_else(|| nothing(about, ""))?;
        let found = shared.vault.read(&at.seat.visit, kind, id, None)?.filter(|version| !version.deleted);
        let version = found.ok_or_else(|| nothing(kind, id))?;
        let resource = Json::parse(&version.body).unwrap_or(Json::Null);
        let of = ["subject", "patient", "beneficiary", "for"].into_iter().find_map(|name| resource.get(name));
        let of = of.and_then(|of| of.text("reference")?.strip_prefix("Patient/").map(str::to_owned));
        let banner = match &of {
            Some(patient) => {
                let banner = banner(at, patient)?.0;
                format!("{banner}<p><a href=\"{}\">The whole chart</a></p>", link("/patient", &[("id", patient)]))
            }
            None => String::new(),
        };
        let mut pretty = Vec::new();
        resource.write_pretty(&mut pretty);
        let part =
            if version.partial { "<p class=\"soft\">Your role sees this without some elements.</p>" } else { "" };
        let body = format!(
            "{banner}<h2>{}</h2><p><span class=\"mark\">{}</span> {} <small>version {}, written {}</small></p>{part}\
             <p><a href=\"{}\">Why can I see this?</a></p>{}<details><summary>As it is kept (FHIR)</summary><pre>{}</pre></details>",
            escape(&words::title(&resource)),
            escape(&words::one(kind)),
            escape(&words::happened(&resource)),
            version.version,
            words::time(version.updated),
            link("/why", &[("about", about)]),
            facts(&resource),
            escape(&String::from_utf8_lossy(&pretty))
        );
        Ok(at.page(&words::title(&resource), &body))
    })
}

/// The members that people can read as they are.
fn facts(resource: &Json<'_>) -> String {
    const PASSED_OVER: [&str; 8] =
        ["resourceType", "id", "meta", "text", "implicitRules", "language", "contained", "identifier"];
    let Some(object) = resource.as_object() else { return String::new() };
    let members = object.iter().filter(|(name, _)| !PASSED_OVER.contains(name));
    let lines = members.filter_map(|(name, value)| Some((name, said(value)?)));
    let lines: String =
        lines.map(|(name, said)| format!("<dt>{}</dt><dd>{}</dd>", escape(&spaced(name)), escape(&said))).collect();
    format!("<dl>{lines}</dl>")
}

/// A value in a few words; `None` for what has none.
fn said(value: &Json<'_>) -> Option<String> {
    let said = match value {
        Json::String(text) if text.len() >= 4 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit) => {
            words::date(text)
        }
        Json::String(text) => text.chars().take(400).collect(),
        Json::Number(number) => number.to_string(),
        Json::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
        Json::Array(items) => items.iter().take(20).filter_map(said).collect::<Vec<_>>().join("; "),
        Json::Object(_) => of_object(value),
        Json::Null => String::new(),
    };
    (!said.is_empty()).then_some(said)
}

fn of_object(value: &Json<'_>) -> String {
    let number = value.get("value").and_then(Json::as_number);
    if let Some(number) = number {
        let unit = value.text("unit").or_else(|| value.text("code")).unwrap_or_default();
        return format!("{number} {unit}").trim().to_owned();
    }
    if value.get("start").is_some() || value.get("end").is_some() {
        let edge = |name: &str| value.text(name).map(words::date).unwrap_or_default();
        return format!("{} to {}", edge("start"), edge("end"));
    }
    if let (Some(code), Some(_)) = (value.get("code"), value.get("valueQuantity")) {
        let quantity = value.get("valueQuantity").map(of_object).unwrap_or_default();
        return format!("{} {quantity}", words::concept(code));
    }
    let inner =
        ["individual", "member", "actor", "valueReference", "onsetPeriod"].into_iter().find_map(|n| value.get(n));
    let named = words::concept(value);
    let named = if named.is_empty() { inner.map(of_object).unwrap_or_default() } else { named };
    if named.is_empty() { value.text("reference").unwrap_or_default().to_owned() } else { named }
}

/// `effectiveDateTime` as `Effective date time`.
fn spaced(name: &str) -> String {
    let mut spaced = String::with_capacity(name.len() + 4);
    for (i, c) in name.chars().enumerate() {
        match (i, c.is_uppercase()) {
            (0, _) => spaced.extend(c.to_uppercase()),
            (_, true) => {
                spaced.push(' ');
                spaced.extend(c.to_lowercase());
            }
            (_, false) => spaced.push(c),
        }
    }
    spaced
}

fn nothing(kind: &str, id: &str) -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", format!("there is no {kind}/{id} that is open to you"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_names_of_members_are_said_as_people_do() {
        let now = Instant::parse("2026-11-23T00:00:00Z").expect("a moment");
        for (born, years) in
            [("1961-02-28", Some(65)), ("1961-12-01", Some(64)), ("2026-11-23", Some(0)), ("1961", None)]
        {
            assert_eq!(age(born, now), years, "{born}");
        }
        assert_eq!(age("éééééé", now), None);
        assert_eq!(spaced("effectiveDateTime"), "Effective date time");
    }
}
