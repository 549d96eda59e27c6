//! What goes into a package, and what is left out and why. Pure.

use super::guard::Found;
use super::rules::Route;
use super::rules::route::needs_second_look;
use crate::notice;
use base::day::Day;
use fhir::json::Json;
use std::collections::HashSet;
use vault::Version;
use vault::access::Labels;
use vault::log::receipt::digest;

/// What was decided to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Types of resources; empty: all.
    pub types: Vec<String>,
    /// The first day.
    pub from: Option<Day>,
    /// The last.
    pub until: Option<Day>,
    /// What is left out by hand, as `Type/id`.
    pub but: Vec<String>,
    /// Whether the authorization is for psychotherapy notes.
    pub opens_notes: bool,
}

/// One resource with its labels.
#[derive(Clone, Debug)]
pub struct Item {
    /// The version.
    pub version: Version,
    /// What it is labelled.
    pub labels: Labels,
}

/// One resource that stays here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// `Type/id`.
    pub about: String,
    /// Why.
    pub why: &'static str,
}

/// A package as it would go now.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// What goes.
    pub items: Vec<Item>,
    /// What stays.
    pub left_out: Vec<LeftOut>,
    /// Signs that something that goes is another person's.
    pub foreign: Vec<Found>,
}

/// Types that are the house's own work about a chart, and no part of it.
const NOT_CHART: [&str; 3] = ["Task", "AuditEvent", "Consent"];

impl Package {
    /// Sorts what was found of a patient.
    #[must_use]
    pub fn of(found: Vec<Item>, route: Route, selection: &Selection) -> Package {
        let mut package = Package::default();
        let mut not_asked_for = Vec::new();
        for item in found {
            match kept_back(&item, route, selection) {
                Some(why) => package.left_out.push(LeftOut { about: about(&item.version), why }),
                None => match not_asked(&item, selection) {
                    Some(why) => not_asked_for.push((item, why)),
                    None => package.items.push(item),
                },
            }
        }
        let going: HashSet<String> = package.items.iter().map(|item| about(&item.version)).collect();
        for (item, why) in not_asked_for {
            // What the patient disputes, and what was amended, goes along with the entry (45 CFR 164.526(d)(5)).
            match notice::about(&item.version).is_some_and(|entries| entries.iter().any(|one| going.contains(one))) {
                true => package.items.push(item),
                false => package.left_out.push(LeftOut { about: about(&item.version), why }),
            }
        }
        package.items.sort_by_key(|item| about(&item.version));
        package.left_out.sort_by(|a, b| (a.why, &a.about).cmp(&(b.why, &b.about)));
        package
    }

    /// What a second person is to look at.
    pub fn sensitive(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.labels.iter().any(needs_second_look))
    }

    /// Which versions go, as one hash: what was looked at is what goes, or it is looked at again.
    #[must_use]
    pub fn digest(&self) -> String {
        let lines: String = self.items.iter().map(|item| format!("{}\n", numbered(&item.version))).collect();
        digest(lines.as_bytes())
    }
}

/// `Type/id`.
#[must_use]
pub fn about(version: &Version) -> String {
    format!("{}/{}", version.resource_type, version.id)
}

/// `Type/id/_history/3`.
#[must_use]
pub fn numbered(version: &Version) -> String {
    format!("{}/_history/{}", about(version), version.version)
}

/// Why something stays whatever is asked.
fn kept_back(item: &Item, route: Route, selection: &Selection) -> Option<&'static str> {
    if NOT_CHART.contains(&item.version.resource_type.as_str()) {
        return Some("the house's own work, no part of the chart");
    }
    item.labels.iter().find_map(|label| route.keeps_back(label, selection.opens_notes))
}

/// Why something is not among what was asked for.
fn not_asked(item: &Item, selection: &Selection) -> Option<&'static str> {
    let version = &item.version;
    if selection.but.contains(&about(version)) {
        return Some("left out by hand");
    }
    // Whose record it is goes along always.
    if version.resource_type == "Patient" {
        return None;
    }
    if !selection.types.is_empty() && !selection.types.contains(&version.resource_type) {
        return Some("of another type than asked for");
    }
    match day_of(&Json::parse(&version.body).ok()?) {
        Some(day) if selection.from.is_some_and(|from| day < from) => Some("before the days asked for"),
        Some(day) if selection.until.is_some_and(|until| day > until) => Some("after the days asked for"),
        None if selection.from.is_some() || selection.until.is_some() => Some("bears no day"),
        _ => None,
    }
}

/// Elements that say when a resource's matter happened, the most telling first.
const DAYS: [&str; 16] = [
    "effectiveDateTime",
    "effectiveInstant",
    "performedDateTime",
    "occurrenceDateTime",
    "onsetDateTime",
    "recordedDate",
    "authoredOn",
    "authored",
    "started",
    "date",
    "issued",
    "created",
    "whenHandedOver",
    "whenPrepared",
    "sent",
    "recorded",
];

/// The day on which a resource's matter happened or began.
fn day_of(resource: &Json<'_>) -> Option<Day> {
    let first = |text: &str| fhir::calendar::span(text).map(|(low, _)| Day::at(base::clock::Instant(low)));
    let periods = ["effectivePeriod", "performedPeriod", "occurrencePeriod", "onsetPeriod", "period", "billablePeriod"];
    let begun = periods.iter().find_map(|name| resource.get(name)?.text("start"));
    DAYS.iter().find_map(|name| resource.text(name)).or(begun).and_then(first)
}
