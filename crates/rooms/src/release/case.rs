//! A request with what the desk has decided about it: found, listed, with its clock. Asks the vault, and changes nothing.

use super::dossier::State;
use super::guard::{Known, signs};
use super::package::{Item, Package, Selection};
use super::request::{CODE, Request};
use super::rules::Route;
use crate::clocks::ACCESS;
use crate::task::{self, ITEMS_MAX, read_all};
use base::clock::Instant;
use base::day::Day;
use base::duty::{Run, Standing};
use base::refusal::{Kind, Refusal};
use base::workdays::Calendar;
use fhir::definitions::r4;
use fhir::json::Json;
use fhir::search::params;
use fhir::search::query::Filter;
use std::collections::HashMap;
use vault::access::Visit;
use vault::access::release::Dossier;
use vault::{Error, Vault, Version};

/// One request at the desk.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is asked.
    pub request: Request,
    /// The Task, as the visit sees it.
    pub task: Version,
    /// What was decided.
    pub state: State,
    /// As it is kept.
    pub dossier: Dossier,
}

impl Case {
    /// The request of a Task, for those who work on it.
    pub fn find(vault: &Vault, visit: &Visit, id: &str) -> Result<Case, Error> {
        let task = vault.read(visit, "Task", id, None)?;
        let found = task.and_then(|task| Request::read(&task).map(|request| (task, request)));
        let (task, request) = found.ok_or_else(no_request)?;
        let dossier = vault.dossier(visit, &request.patient, id)?;
        Ok(Case { state: State::read(&dossier.says), request, task, dossier })
    }

    /// All requests that wait, those due first at the top; those without a deadline by age after them.
    pub fn waiting(vault: &Vault, visit: &Visit) -> Result<Vec<Case>, Error> {
        let mut all = Case::all(vault, visit)?;
        all.retain(|case| case.request.is_open());
        all.sort_by_key(|case| {
            (case.due().map_or(i64::MAX, |due| due.0), case.request.received, case.request.id.clone())
        });
        Ok(all)
    }

    /// All requests, whatever became of them, oldest first.
    pub fn all(vault: &Vault, visit: &Visit) -> Result<Vec<Case>, Error> {
        let mut dossiers: HashMap<String, Dossier> =
            vault.dossiers(visit)?.into_iter().map(|dossier| (dossier.id.clone(), dossier)).collect();
        let mut all = Vec::new();
        for task in tasks(vault, visit, None)? {
            let Some(request) = Request::read(&task) else { continue };
            // A dossier of another patient's is not this request's.
            let dossier = dossiers.remove(&request.id).filter(|dossier| dossier.patient == request.patient);
            let dossier = dossier.unwrap_or_else(|| Dossier {
                id: request.id.clone(),
                patient: request.patient.clone(),
                version: 0,
                says: Json::object::<&str>([]),
            });
            all.push(Case { state: State::read(&dossier.says), request, task, dossier });
        }
        Ok(all)
    }

    /// The route: the one that was decided, or the one that was asked for, if any.
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        let decided = self.state.decided.as_ref().map(|decided| decided.route);
        decided.or_else(|| Route::from_code(self.request.text("route")))
    }

    /// Its clock. As long as nobody has decided on a route, the patient's own: it is the shortest.
    #[must_use]
    pub fn clock(&self) -> Option<Run> {
        let duty = match &self.state.decided {
            Some(decided) => decided.route.terms().clock?,
            None => ACCESS,
        };
        Some(Run { extended: self.state.extended.clone(), ..Run::new(duty, self.request.received) })
    }

    /// The day by which it must be answered.
    #[must_use]
    pub fn due(&self) -> Option<Day> {
        self.clock().map(|run| run.due_day(&Calendar::default()))
    }

    /// Where its clock stands.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Option<Standing> {
        self.clock().map(|run| run.standing(now, &Calendar::default()))
    }

    /// What is to be done next, in words.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match &self.state {
            _ if !self.request.is_open() => "nothing",
            State { claimed: None, .. } => "take it",
            State { decided: None, .. } => "decide the route and what goes",
            State { decided: Some(decided), .. } if decided.asked != self.request.fingerprint() => {
                "the request was changed: decide again"
            }
            State { decided: Some(_), .. } => "send it, or refuse it",
        }
    }
}

/// The Tasks that ask for records, oldest first; `patient`: those of one.
pub fn tasks(vault: &Vault, visit: &Visit, patient: Option<&str>) -> Result<Vec<Version>, Error> {
    task::tasks(vault, visit, CODE, patient)
}

/// What would go of a patient, as the visit sees the chart now.
pub fn package(vault: &Vault, visit: &Visit, patient: &str, route: Route, what: &Selection) -> Result<Package, Error> {
    let mut query = vault.query(visit, None, &[], true, vault.clock().now())?;
    query.types = r4()
        .resource_names()
        .filter(|ty| *ty != "Patient" && *ty != "AuditEvent" && !params::compartment("Patient", ty).is_empty())
        .map(str::to_owned)
        .collect();
    query.filter = Filter::Compartment { kind: "Patient".to_owned(), id: patient.to_owned() };
    let mut found = read_all(vault, visit, &query)?;
    found.extend(vault.read(visit, "Patient", patient, None)?.filter(|version| !version.deleted));
    if found.len() >= ITEMS_MAX {
        let message = format!("the chart has more than {ITEMS_MAX} resources; use the bulk export for it");
        return Err(Refusal::new(Kind::TooCostly, "too-costly", message).into());
    }
    let labelled = |version: Version| Item { labels: vault.labels_of(&version), version };
    let person = found.iter().find(|version| version.resource_type == "Patient" && version.id == patient);
    let known = person.and_then(|version| Json::parse(&version.body).ok()).map(|json| Known::of(patient, &json));
    let mut package = Package::of(found.into_iter().map(labelled).collect(), route, what);
    let known = known.unwrap_or_else(|| Known::of(patient, &Json::Null));
    let (this, ..) = fhir::calendar::civil(vault.today().0);
    package.foreign = package.items.iter().flat_map(|item| signs(item, &known, this)).collect();
    Ok(package)
}

/// Said where there is no such request.
#[must_use]
pub fn no_request() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "there is no such request for records")
}
