//! What a consent needs to know of a resource whose labels and type do not decide.

use super::super::Labels;
use super::super::label::same_code;
use fhir::calendar::span;
use fhir::json::Json;

/// The facts of one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// `Observation`.
    pub resource_type: String,
    /// `Observation/9`.
    pub reference: String,
    /// Its labels, inherited ones included.
    pub labels: Labels,
    /// Whether no consent under Part 2 is asked for: whoever asks works in the program that recorded it, and comes to treat
    /// (42 CFR 2.12(c)(3)), or wrote it and comes for what the policies show an author.
    pub is_exempt: bool,
    /// Every coding in it, in comparable form.
    pub codes: Vec<(String, String)>,
    /// When it happened, each date it gives. Empty: it does not say.
    pub dates: Vec<(i64, i64)>,
    /// Who wrote or performed it.
    pub authors: Vec<String>,
    /// What it refers to.
    pub links: Vec<String>,
}

/// Dates by which a clinician would place a resource in time.
const DATES: [&str; 18] = [
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "onsetDateTime",
    "onsetPeriod",
    "recordedDate",
    "authoredOn",
    "occurrenceDateTime",
    "occurrencePeriod",
    "performedDateTime",
    "performedPeriod",
    "period",
    "date",
    "issued",
    "created",
    "started",
    "sent",
    "billablePeriod",
];
const AUTHORS: [&str; 8] =
    ["author", "performer", "recorder", "asserter", "requester", "sender", "provider", "attester"];

/// The facts of a resource; `labels` are those the index keeps of it.
#[must_use]
pub fn facts_of(resource: &Json, labels: Labels) -> Facts {
    let resource_type = resource.text("resourceType").unwrap_or("").to_owned();
    let reference = format!("{resource_type}/{}", resource.text("id").unwrap_or(""));
    let mut facts = Facts { resource_type, reference, labels, ..Facts::default() };
    gather(resource, &mut facts);
    facts.dates = DATES.iter().filter_map(|name| span_of(resource.get(name)?)).collect();
    for name in AUTHORS {
        if let Some(value) = resource.get(name) {
            references(value, &mut facts.authors);
        }
    }
    facts
}

/// A coding in the form in which two are compared.
pub(super) fn coding_of(coding: &Json) -> Option<(String, String)> {
    let code = coding.text("code")?;
    Some(same_code(coding.text("system").unwrap_or(""), code))
}

fn gather(at: &Json, facts: &mut Facts) {
    match at {
        Json::Array(items) => items.iter().for_each(|item| gather(item, facts)),
        Json::Object(object) => {
            facts.codes.extend(at.text("system").and_then(|_| coding_of(at)));
            facts.links.extend(at.text("reference").map(str::to_owned));
            object.iter().for_each(|(_, value)| gather(value, facts));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn references(at: &Json, out: &mut Vec<String>) {
    match at {
        Json::Array(items) => items.iter().for_each(|item| references(item, out)),
        Json::Object(object) => {
            out.extend(at.text("reference").map(str::to_owned));
            object.iter().for_each(|(_, value)| references(value, out));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn span_of(value: &Json) -> Option<(i64, i64)> {
    if let Some(text) = value.as_str() {
        return span(text);
    }
    let first = value.text("start").map_or(Some(i64::MIN), |text| span(text).map(|(first, _)| first))?;
    let last = value.text("end").map_or(Some(i64::MAX), |text| span(text).map(|(_, last)| last))?;
    Some((first, last))
}
