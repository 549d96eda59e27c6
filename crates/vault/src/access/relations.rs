//! How a visitor stands to patients, read from the record: care teams, encounters, referrals, general practitioners,
//! episodes, appointments, and whom a patient has named.
//!
//! A relationship from an encounter, an episode, an appointment, a referral or a care team ends [`CARE_DAYS`] after it: one
//! visit years ago opens no chart today. What was worked out is kept until something is written that could change it.

use super::belonging::Belonging;
use super::consent::{Proxy, law_of};
use super::policy::{Relationship, Relationships};
use super::{Label, Labels, Principal, Role};
use crate::error::Error;
use crate::keys::patients::{Kid, SHARED};
use crate::records::{Position, Vault};
use crate::search::index::{ListName, Reading};
use crate::search::rows::{Names, type_number};
use base::clock::Instant;
use fhir::calendar::span;
use fhir::json::Json;
use fhir::search::params;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Days after its end that a relationship of care still opens the chart: time to write the letter and read the result.
pub const CARE_DAYS: i64 = 90;

const DAY_MS: i64 = 86_400_000;

/// How soon a registry sees a new case.
const CASES_MS: i64 = 60_000;

/// How soon it counts that somebody changes their role or organization.
const BELONGING_MS: i64 = 60_000;

/// What makes a relationship of care: type, search parameter that names the visitor, element that says when it ends.
const CARE: [(&str, &str, &str); 8] = [
    ("CareTeam", "participant", "period"),
    ("Encounter", "participant", "period"),
    ("Encounter", "location", "period"),
    ("EpisodeOfCare", "care-manager", "period"),
    ("Appointment", "practitioner", "end"),
    ("ServiceRequest", "performer", "authoredOn"),
    ("ServiceRequest", "requester", "authoredOn"),
    ("Patient", "general-practitioner", ""),
];

/// Statuses of what was never agreed to, was called off, or never was: no relationship comes of it.
const VOID: [&str; 6] = ["entered-in-error", "cancelled", "revoked", "inactive", "draft", "proposed"];

/// Statuses of what is over, whether it says when or not.
const OVER: [&str; 3] = ["finished", "completed", "fulfilled"];

/// Elements whose items name the visitor, each with a period of its own.
const PARTS: [&str; 2] = ["participant", "location"];

/// Types whose change may change what somebody sees.
const TELLING: [&str; 8] =
    ["CareTeam", "Encounter", "EpisodeOfCare", "Appointment", "ServiceRequest", "Patient", "RelatedPerson", "Consent"];

/// How one visitor stands to patients.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    /// By the number of the patient's data key.
    pub of: HashMap<Kid, Relationships>,
    /// True for the log's first entries.
    at: u32,
    stands_for: Vec<String>,
    units: Vec<String>,
    /// True as long as nobody breaks another glass.
    glass: u64,
    /// What the visitor belongs to, as consents name people.
    pub belonging: Belonging,
    /// What is hidden of a patient from somebody who acts for them.
    pub hidden: HashMap<Kid, Labels>,
    /// When the first of them runs out.
    pub until: Option<Instant>,
}

/// What was worked out for whom.
#[derive(Default)]
pub(crate) struct Known {
    by_account: Mutex<HashMap<String, Arc<Relations>>>,
}

impl Vault {
    /// How a visitor stands to patients now.
    pub(crate) fn relations(&self, principal: &Principal) -> Result<Arc<Relations>, Error> {
        self.know_glass()?;
        let store = &self.inner.store;
        let head = self.inner.store.changes();
        store.index.wait_for(head)?;
        let at = u32::try_from(head.0).unwrap_or(u32::MAX);
        let known = store.gate.relations.by_account.lock().get(&principal.account).cloned();
        if let Some(known) = known
            && known.stands_for == principal.stands_for
            && known.units == principal.units
            && known.glass == store.gate.glass.generation()
            && known.until.is_none_or(|until| store.clock.now() < until)
            && !self.is_telling(known.at, at)
        {
            return Ok(known);
        }
        let relations = Arc::new(self.relate(principal, at)?);
        let mut by_account = store.gate.relations.by_account.lock();
        by_account.insert(principal.account.clone(), Arc::clone(&relations));
        Ok(relations)
    }

    /// Whether something that could change a relationship or a consent stands between two positions.
    pub(super) fn is_telling(&self, from: u32, to: u32) -> bool {
        let telling = TELLING.map(type_number);
        self.inner.store.index.any_place(from..to, |place| {
            // A deletion has no type in the index.
            place.kid != SHARED && (place.type_number == 0 || telling.contains(&place.type_number))
        })
    }

    fn relate(&self, principal: &Principal, at: u32) -> Result<Relations, Error> {
        let (stands_for, units) = (principal.stands_for.clone(), principal.units.clone());
        let glass = self.inner.store.gate.glass.generation();
        let mut relations = Relations { at, stands_for, units, glass, ..Relations::default() };
        relations.belonging = self.belonging(principal, at)?;
        if relations.belonging != Belonging::default() {
            // Roles and organizations are nobody's: a change of them does not tell.
            relations.runs_out(Some(Instant(self.inner.store.clock.now().0.saturating_add(BELONGING_MS))));
        }
        for id in principal.ids_of("Patient") {
            relations.add_patient(self, id, Relationship::Own);
        }
        for id in principal.ids_of("RelatedPerson") {
            self.add_proxy(&mut relations, id)?;
        }
        for reference in principal.stands_for.iter().chain(&principal.units) {
            for (resource_type, param, ends) in CARE {
                self.add_care(&mut relations, reference, (resource_type, param, ends))?;
            }
        }
        if principal.roles.contains(Role::CancerRegistrar) || principal.roles.contains(Role::PublicHealth) {
            self.cases(at).into_iter().for_each(|kid| relations.add(kid, Relationship::Case));
            relations.runs_out(Some(Instant(self.inner.store.clock.now().0.saturating_add(CASES_MS))));
        }
        for glass in self.inner.store.gate.glass.broken_by(&principal.account, self.inner.store.clock.now()) {
            relations.add(glass.kid, Relationship::Glass);
            relations.runs_out(Some(glass.until));
        }
        Ok(relations)
    }

    /// Whoever a patient's record names as related acts for the patient while that lasts (45 CFR 164.502(g)).
    fn add_proxy(&self, relations: &mut Relations, id: &str) -> Result<(), Error> {
        let Some(version) = self.inner.store.read("RelatedPerson", id, None)?.filter(|v| !v.deleted) else {
            return Ok(());
        };
        let Ok(person) = Json::parse(&version.body) else { return Ok(()) };
        let Ok(proxy) = Proxy::read(&person) else { return Ok(()) };
        let Some(patient) = proxy.patient.strip_prefix("Patient/") else { return Ok(()) };
        let chart = self.inner.store.read("Patient", patient, None)?.filter(|v| !v.deleted);
        let chart = chart.as_ref().and_then(|version| Json::parse(&version.body).ok());
        let birth = chart.as_ref().and_then(|chart| chart.text("birthDate"));
        let (now, law) = (self.inner.store.clock.now(), law_of(&state_of(chart.as_ref())));
        if !proxy.stands(birth, law, now) {
            return Ok(());
        }
        // A birthday may change what a parent sees: look again tomorrow.
        relations.runs_out(Some(Instant(now.0.saturating_add(DAY_MS).min(proxy.period.1))));
        if let Some(kid) = self.kid_of(patient) {
            relations.add(kid, Relationship::Proxy);
            relations.hidden.insert(kid, proxy.hidden(birth, law, now));
        }
        Ok(())
    }

    fn add_care(
        &self,
        relations: &mut Relations,
        reference: &str,
        (resource_type, param, ends): (&str, &str, &str),
    ) -> Result<(), Error> {
        let store = &self.inner.store;
        let Some((kind, id)) = reference.split_once('/') else { return Ok(()) };
        let Some(param) = params::find(resource_type, param) else { return Ok(()) };
        let reading = store.index.reading(relations.at)?;
        let mut names = Names::new(reading.hasher());
        let key = names.resource(kind, id);
        let mut positions = Vec::new();
        for path in &param.paths {
            reading.list(ListName::plain(names.local(path.path, key)), &mut positions)?;
        }
        positions.sort_unstable();
        positions.dedup();
        let now = store.clock.now();
        for (position, kid) in current(&reading, positions, type_number(resource_type)) {
            if relations.of.get(&kid).is_some_and(|r| r.contains(Relationship::Care)) {
                continue;
            }
            let until = if ends.is_empty() { None } else { self.care_until(position, ends, reference)? };
            if until.is_none_or(|until| now < until) {
                relations.runs_out(until);
                relations.add(kid, Relationship::Care);
            }
        }
        Ok(())
    }

    /// Until when a relationship of care lasts; `None`: it has not ended.
    fn care_until(&self, position: u32, element: &str, reference: &str) -> Result<Option<Instant>, Error> {
        let store = &self.inner.store;
        let version = store.readers.with(|db| store.version_at(db, Position(position.into())))?;
        let Some(version) = version else { return Ok(Some(Instant(0))) };
        let Ok(resource) = Json::parse(&version.body) else { return Ok(Some(Instant(0))) };
        if resource.text("status").is_some_and(|status| VOID.contains(&status)) {
            return Ok(Some(Instant(0)));
        }
        let end = match resource.get(element) {
            Some(period) if period.get("start").is_some() || period.get("end").is_some() => end_of(Some(period)),
            Some(moment) => moment.as_str().and_then(last_moment),
            None => None,
        };
        // What is finished and does not say when ended no later than it was last written, and no earlier than it began.
        let finished = || {
            let is_over = resource.text("status").is_some_and(|status| OVER.contains(&status));
            let start = resource.get(element).and_then(|period| period.text("start")).and_then(last_moment);
            is_over.then(|| start.unwrap_or(version.updated))
        };
        let end = [end.or_else(finished), end_of_part(&resource, reference)].into_iter().flatten().min();
        Ok(end.map(|end| Instant(end.0.saturating_add(CARE_DAYS * DAY_MS))))
    }

    /// Patients of whom something is labelled as cancer now. What was corrected or taken back makes no case.
    fn cases(&self, at: u32) -> HashSet<Kid> {
        let mut cases = self.inner.store.index.patients_with(Label::Oncology, at);
        cases.remove(&SHARED);
        cases
    }

    /// The number of a patient's data key; `None` when nothing of the patient is here.
    pub(crate) fn kid_of(&self, patient: &str) -> Option<Kid> {
        let store = &self.inner.store;
        let owner = store.hasher.resource("Patient", patient);
        store.readers.with(|db| store.kid_of(db, owner)).ok().flatten()
    }
}

impl Relations {
    fn add(&mut self, kid: Kid, relationship: Relationship) {
        let known = self.of.entry(kid).or_insert(Relationships::NONE);
        *known = known.with(relationship);
    }

    fn add_patient(&mut self, vault: &Vault, id: &str, relationship: Relationship) {
        if let Some(kid) = vault.kid_of(id) {
            self.add(kid, relationship);
        }
    }

    fn runs_out(&mut self, until: Option<Instant>) {
        self.until = [self.until, until].into_iter().flatten().min();
    }
}

/// The positions of current versions of a type that are some patient's, with that patient's key.
fn current(reading: &Reading<'_>, positions: Vec<u32>, wanted: u8) -> Vec<(u32, Kid)> {
    let places = reading.places();
    let found = positions.into_iter().filter(|&p| places.type_number(p) == wanted && places.current(p, reading.at));
    found.map(|p| (p, places.get(p).kid)).filter(|(_, kid)| *kid != SHARED).collect()
}

/// The State a patient lives in, as `US-CA`.
fn state_of(chart: Option<&Json<'_>>) -> String {
    let addresses = chart.and_then(|chart| chart.get("address")).map_or(&[][..], Json::items);
    let state = addresses.iter().find_map(|address| address.text("state")).unwrap_or_default();
    if state.len() == 2 { format!("US-{state}") } else { state.to_owned() }
}

/// When the last part of somebody in a team, a visit or a place ended; `None`: one has not, or none is told.
fn end_of_part(resource: &Json<'_>, reference: &str) -> Option<Instant> {
    let items = PARTS.iter().filter_map(|name| resource.get(name)).flat_map(Json::items);
    let names =
        |item: &&Json| item.as_object().is_some_and(|o| o.iter().any(|(_, v)| v.text("reference") == Some(reference)));
    let ends: Vec<Option<Instant>> = items.filter(names).map(|item| end_of(item.get("period"))).collect();
    ends.into_iter().collect::<Option<Vec<Instant>>>()?.into_iter().max()
}

fn last_moment(text: &str) -> Option<Instant> {
    span(text).map(|(_, last)| Instant(last))
}

fn end_of(period: Option<&Json<'_>>) -> Option<Instant> {
    period?.text("end").and_then(last_moment)
}
