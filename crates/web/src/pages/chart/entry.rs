//! One entry of a chart, whole: in words, and as it is kept.

use super::{Chart, nothing};
use crate::answer::Outcome;
use crate::pages::frame::{At, link, seated};
use crate::pages::{escape, words};
use crate::server::Shared;
use crate::sign_in::Asked;
use fhir::json::Json;
use vault::access::audit::Deed;
use vault::{Error, Version};

/// What is no statement of the entry itself.
const PASSED_OVER: [&str; 8] =
    ["resourceType", "id", "meta", "text", "implicitRules", "language", "contained", "identifier"];

/// `GET /entry?about=TYPE/ID&version=N`: one entry, whole, as it is or in an earlier version.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        let about = at.text("about");
        let (kind, id) = about.split_once('/').ok_or_else(|| nothing(about, ""))?;
        let whole = shared.vault.read(&at.seat.visit, kind, id, None)?.ok_or_else(|| nothing(kind, id))?;
        let Some(chart) = chart_of(at, &whole)? else {
            let version = Some(whole).filter(|version| !version.deleted).ok_or_else(|| nothing(kind, id))?;
            return Ok(at.page(&words::one(kind), &body(&version, &Json::parse(&version.body).unwrap_or(Json::Null))));
        };
        let version = wanted(&chart, kind, id)?;
        chart.note(&version);
        let resource = Json::parse(&version.body).unwrap_or(Json::Null);
        let earlier = match version.version < whole.version && chart.then.is_none() {
            true => format!(
                "<p class=\"past\" role=\"note\"><strong>An earlier version.</strong> This entry was changed later. \
                 <a href=\"{}\">As it is now</a></p>",
                chart.about("/entry", about, &[])
            ),
            false => String::new(),
        };
        let versions = chart.about("/entry/versions", about, &[]);
        let mut beside = String::new();
        for adds in shared.settings.rooms.iter().filter_map(|room| room.beside) {
            beside.push_str(&adds(at, about, &chart.id)?);
        }
        let body = format!(
            "{earlier}{}<p><a href=\"{versions}\">Versions and what changed</a></p>{beside}{}",
            body(&version, &resource),
            super::seal::badge(&chart, &version)?
        );
        Ok(chart.page(&words::one(kind), &[("about", about)], &body))
    })
}

/// The version that the address names, or that of the moment; none that was not known then.
fn wanted(chart: &Chart<'_>, kind: &str, id: &str) -> Result<Version, Error> {
    let (vault, visit) = (&chart.at.shared.vault, &chart.at.seat.visit);
    let found = match chart.at.text("version").parse() {
        Ok(number) => vault.vread(visit, kind, id, number)?,
        Err(_) => vault.read(visit, kind, id, chart.position())?,
    };
    let is_known = |version: &Version| chart.position().is_none_or(|then| version.position < then);
    let found = found.filter(|version| !version.deleted && is_known(version));
    Ok(found.ok_or_else(|| nothing(kind, id))?)
}

/// The chart that an entry belongs to, if any.
pub fn chart_of<'a>(at: &'a At<'a>, version: &Version) -> Result<Option<Chart<'a>>, Error> {
    let resource = Json::parse(&version.body).unwrap_or(Json::Null);
    if version.resource_type == "Patient" {
        return Chart::of(at, version.id.clone()).map(Some);
    }
    whose(&resource).map(|patient| Chart::of(at, patient)).transpose()
}

/// The patient whom a resource is about.
fn whose(resource: &Json<'_>) -> Option<String> {
    let patient = |link: &Json<'_>| link.text("reference")?.strip_prefix("Patient/").map(str::to_owned);
    let direct = ["subject", "patient", "beneficiary", "for"].into_iter().filter_map(|name| resource.get(name));
    let taking_part =
        resource.get("participant").map_or(&[][..], Json::items).iter().filter_map(|one| one.get("actor"));
    direct.chain(taking_part).find_map(patient)
}

fn body(version: &Version, resource: &Json<'_>) -> String {
    let about = format!("{}/{}", version.resource_type, version.id);
    let mut pretty = Vec::new();
    resource.write_pretty(&mut pretty);
    let part = if version.partial { "<p class=\"soft\">Your role sees this without some elements.</p>" } else { "" };
    format!(
        "<h2>{}</h2><p><span class=\"mark\">{}</span> {} <small>version {}, written {}</small></p>{part}\
         <p><a href=\"{}\">Why can I see this?</a></p>{}<details><summary>As it is kept (FHIR)</summary><pre>{}</pre></details>",
        escape(&words::title(resource)),
        escape(&words::one(&version.resource_type)),
        escape(&words::happened(resource)),
        version.version,
        words::time(version.updated),
        link("/why", &[("about", &about)]),
        facts(resource),
        escape(&String::from_utf8_lossy(&pretty))
    )
}

/// The members that people can read as they are.
fn facts(resource: &Json<'_>) -> String {
    let Some(object) = resource.as_object() else { return String::new() };
    let members = object.iter().filter(|(name, _)| !PASSED_OVER.contains(name));
    let lines = members.filter_map(|(name, value)| Some((name, said(value)?)));
    let lines: String =
        lines.map(|(name, said)| format!("<dt>{}</dt><dd>{}</dd>", escape(&spaced(name)), escape(&said))).collect();
    format!("<dl>{lines}</dl>")
}

/// A value in a few words; `None` for what has none.
pub fn said(value: &Json<'_>) -> Option<String> {
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
        let unit = value.text("unit").or_else(|| value.text("code")).map(words::unit).unwrap_or_default();
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
    if !named.is_empty() {
        return named;
    }
    let plain = ["value", "reference"].into_iter().find_map(|name| value.text(name));
    plain.map_or_else(|| group(value), str::to_owned)
}

/// A group of fields that have words: `Manifestation: Anaphylaxis, Severity: severe`.
fn group(value: &Json<'_>) -> String {
    const UNSAID: [&str; 6] = ["id", "extension", "system", "data", "url", "hash"];
    let members = value.as_object().into_iter().flat_map(fhir::json::Object::iter);
    let members = members.filter(|(name, _)| !UNSAID.contains(name));
    let said = members.filter_map(|(name, value)| Some(format!("{}: {}", spaced(name), said(value)?)));
    said.collect::<Vec<_>>().join(", ")
}

/// `effectiveDateTime` as `Effective date time`.
pub fn spaced(name: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_members_are_said_as_people_do() {
        assert_eq!(spaced("effectiveDateTime"), "Effective date time");
    }
}
