//! What a visit may write: the gate of [`Vault::submit`](crate::Vault::submit), asked before anything is queued.

use super::private::is_private;
use super::scopes::Interaction;
use super::sight::Sight;
use super::{Action, Visit};
use crate::error::Error;
use crate::log::leaf;
use crate::records::owner::patient_of;
use crate::records::prepare::Prepared;
use crate::records::{Expect, Vault};
use crate::search::index::Place;
use crate::search::rows::type_number;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::sync::Arc;

/// What a visit may do with what is there.
struct Acts {
    reads: Arc<Sight>,
    creates: Arc<Sight>,
    updates: Arc<Sight>,
    deletes: Arc<Sight>,
}

impl Acts {
    /// Refuses a type that the visit can do nothing with, before any look at the record.
    fn require(&self, resource_type: &str, deletes: bool) -> Result<(), Refusal> {
        if deletes {
            return self.deletes.require(resource_type);
        }
        self.creates.require(resource_type).or_else(|_| self.updates.require(resource_type))
    }
}

const PATIENT: &str = "Patient";

impl Vault {
    /// Refuses changes that the visit may not make. What it may not see is not there: writing over it is answered like
    /// writing to what never was.
    pub(crate) fn check_writes(&self, visit: &Visit, changes: &[Prepared]) -> Result<(), Error> {
        if let Some(change) = changes.iter().find(|change| is_private(&change.resource_type)) {
            return Err(nothing_there(&change.resource_type, &change.id).into());
        }
        if visit.is_operator() {
            return Ok(());
        }
        let acts = Acts {
            reads: self.sight(visit, Action::Read)?,
            creates: self.sight_for(visit, Action::Write, Some(Interaction::Create))?,
            updates: self.sight_for(visit, Action::Write, Some(Interaction::Update))?,
            deletes: self.sight(visit, Action::Delete)?,
        };
        changes.iter().try_for_each(|change| {
            self.check_write(&acts, change)?;
            self.check_lifts_no_bar(visit, &acts.reads, change)?;
            if self.knows_whose(&acts.reads, change, changes)? { Ok(()) } else { Err(not_yours().into()) }
        })
    }

    fn check_write(&self, sights: &Acts, change: &Prepared) -> Result<(), Error> {
        let store = &self.inner.store;
        let deletes = change.kind == leaf::Kind::Deletion;
        sights.require(&change.resource_type, deletes)?;
        let current = store.read(&change.resource_type, &change.id, None)?;
        let seen = current.as_ref().map(|version| store.sees(&sights.reads, version)).transpose()?.unwrap_or(false);
        let current = current.filter(|version| !version.deleted);
        // To delete what never was is refused too, or the answer would tell it from what may not be seen.
        if !seen && (deletes || current.is_some()) {
            return Err(nothing_there(&change.resource_type, &change.id).into());
        }
        let acts = match &current {
            _ if deletes => &sights.deletes,
            Some(_) => &sights.updates,
            None => &sights.creates,
        };
        acts.require(&change.resource_type)?;
        // Nobody makes something theirs by writing over it.
        if let Some(version) = &current
            && !store.sees(acts, version)?
        {
            return Err(not_yours().into());
        }
        if deletes {
            return Ok(());
        }
        let place = Place {
            key: change.key,
            type_number: type_number(&change.resource_type),
            kid: change.patient.kid,
            labels: change.rows.sensitivity,
        };
        let open = |look: &mut dyn FnMut(&Json)| {
            Json::parse(&change.kept).iter().for_each(look);
            Ok(())
        };
        if acts.sees(&place, open)? { Ok(()) } else { Err(not_yours().into()) }
    }

    /// Whether the patient of a change can be seen, or is created with it. Otherwise a write would tell a patient who may
    /// not be seen from one who never was. Those to whom no patient is open send what they know without an answer.
    fn knows_whose(&self, reads: &Sight, change: &Prepared, all: &[Prepared]) -> Result<bool, Error> {
        if change.kind == leaf::Kind::Deletion || change.resource_type == PATIENT || reads.is_blind_to(PATIENT) {
            return Ok(true);
        }
        let Ok(resource) = Json::parse(&change.kept) else { return Ok(false) };
        let Some(id) = patient_of(&change.resource_type, &change.id, &resource) else { return Ok(true) };
        if all.iter().any(|c| c.resource_type == PATIENT && c.id == id && c.kind != leaf::Kind::Deletion) {
            return Ok(true);
        }
        let patient = self.inner.store.read(PATIENT, id, None)?.filter(|version| !version.deleted);
        patient.map_or(Ok(false), |version| self.inner.store.sees(reads, &version))
    }

    /// Refuses an id that a visit with bounds has chosen for something new: whether it is taken would tell what is there.
    pub(crate) fn check_choice(
        &self,
        visit: &Visit,
        resource_type: &str,
        id: &str,
        expect: Expect,
    ) -> Result<(), Error> {
        let bounded = !visit.is_operator();
        if bounded && (expect == Expect::Absent || self.read(visit, resource_type, id, None)?.is_none()) {
            return Err(nothing_there(resource_type, id).into());
        }
        Ok(())
    }
}

fn nothing_there(resource_type: &str, id: &str) -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", format!("there is no {resource_type}/{id}"))
}

pub(super) fn not_yours() -> Refusal {
    let message = "you may not write this: it is about somebody or something that is not open to you for writing";
    Refusal::new(Kind::Forbidden, "forbidden", message)
}
