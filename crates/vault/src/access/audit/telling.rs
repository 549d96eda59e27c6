//! What of an event somebody is told: those who review the audit all of it, patients and those who act for them what is about
//! that patient, as far as they may know of it.

use super::event::{Deed, Event};
use super::reading::Found;
use crate::access::{Action, Class, Purpose, Relationship, Visit};
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::records::Vault;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};

/// Patients of one event that are named where nobody says otherwise: one export may be about everybody. The others are
/// counted, and each finds the event by asking about that patient.
pub const PATIENTS_MAX: usize = 100;

/// Patients that are opened for their names in one answer; each costs a look at the record.
const OPENED_MAX: usize = 20_000;

/// Whose events a visit may read.
pub(super) enum Open {
    /// Everybody's.
    All,
    /// Those of some patients, without those of the apps that are named with each.
    Of(HashMap<Kid, HashSet<String>>),
}

impl Open {
    pub fn is_limited(&self) -> bool {
        matches!(self, Open::Of(_))
    }

    /// The patients of an event whose AuditEvent the visit may read, in their order.
    pub fn of(&self, event: &Event) -> Vec<Kid> {
        match self {
            Open::All => event.patients.clone(),
            // That something is recorded as disclosed stands in the accounting, as far as the patient may know of it.
            Open::Of(_) if matches!(event.deed, Deed::Disclose | Deed::RecordDisclosure) => Vec::new(),
            Open::Of(known) => {
                let is_told = |kid: &&Kid| known.get(*kid).is_some_and(|quiet| !quiet.contains(&event.app));
                event.patients.iter().filter(is_told).copied().collect()
            }
        }
    }
}

/// Names patients by opening each once.
pub(super) struct Naming {
    known: HashMap<Kid, Option<String>>,
    each: usize,
}

impl Naming {
    /// At most so many of each event.
    pub fn new(each: usize) -> Naming {
        Naming { known: HashMap::new(), each }
    }
}

impl Vault {
    /// Whose events a visit may read. Who reviews the audit reads all; others those of patients whom they are or act for,
    /// and nothing of what the patient may not be told now.
    pub(super) fn open_audits(&self, visit: &Visit) -> Result<Open, Error> {
        if self.check_reviews_audit(visit).is_ok() {
            return Ok(Open::All);
        }
        let mut known = HashMap::new();
        for (&kid, relationships) in &self.relations(visit.principal())?.of {
            let stands = [Relationship::Own, Relationship::Proxy].iter().any(|way| relationships.contains(*way));
            if !stands || self.permit(visit, Action::AuditRead, Class::Audit, Some(kid)).is_err() {
                continue;
            }
            let patient = self.inner.store.readers.with(|db| self.patient_of(db, kid))?;
            if let Some(id) = patient.as_deref().and_then(|patient| patient.strip_prefix("Patient/")) {
                known.insert(kid, self.quiet_apps(id)?);
            }
        }
        Ok(Open::Of(known))
    }

    /// Leaves of an event what somebody who asked about a patient may be told, or nothing, and names its patients.
    pub(super) fn told(
        &self,
        db: &Connection,
        mut found: Found,
        (asked, open): (Option<Kid>, &Open),
        naming: &mut Naming,
    ) -> Result<Option<Found>, Error> {
        let shown = open.of(&found.event);
        let first = asked.and_then(|asked| shown.iter().position(|kid| *kid == asked));
        if asked.is_some() && first.is_none() {
            return Ok(None);
        }
        let others = (0..shown.len()).filter(|number| !open.is_limited() && Some(*number) != first);
        let numbers: Vec<usize> = first.into_iter().chain(others).take(naming.each).collect();
        if open.is_limited() {
            found.event = limited(found.event);
        } else {
            found.unnamed = shown.len() - numbers.len();
        }
        for number in numbers {
            self.name(db, &mut found, (number, shown[number]), naming)?;
        }
        Ok(Some(found))
    }

    /// Names one patient of an event: `Patient/1`. One who was shredded has no name.
    fn name(
        &self,
        db: &Connection,
        found: &mut Found,
        (number, kid): (usize, Kid),
        naming: &mut Naming,
    ) -> Result<(), Error> {
        let name = match naming.known.get(&kid) {
            Some(name) => name.clone(),
            None if naming.known.len() >= OPENED_MAX => {
                found.unnamed += 1;
                return Ok(());
            }
            None => {
                let name = self.patient_of(db, kid)?;
                naming.known.insert(kid, name.clone());
                name
            }
        };
        if let Some(name) = name {
            found.patients.push(name);
            found.numbers.push(number);
        }
        Ok(())
    }
}

/// The event for whoever may know of one patient only. What was asked may be about others, and an address is the visitor's
/// own affair. Of an event about several patients nothing is left that may be another's: what it names, how much that was,
/// and the emergency, which was that of one of them.
pub(super) fn limited(mut event: Event) -> Event {
    for told in [&mut event.asked, &mut event.from, &mut event.request, &mut event.place] {
        told.clear();
    }
    if event.patients.len() != 1 {
        event.about.clear();
        event.reason.clear();
        (event.shown, event.changed) = (0, 0);
        if event.purpose == Purpose::BreakGlass.code() {
            event.purpose.clear();
        }
    }
    event
}
