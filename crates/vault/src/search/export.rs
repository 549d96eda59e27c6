//! Bulk export: which lines a question has, and the lines themselves (HL7 Bulk Data Access 2.0).
//!
//! An export keeps no copy of anything. What it is asked for is a question at one position of the log; whoever fetches a
//! part of the answer asks it again. So every line passes the gate at the moment it is handed over: what a search would
//! not show to that visit then, and what the policies do not let it export, is not in the file.

use super::records::Records;
use super::{Vault, Version, asked_by_hidden, open_to};
use crate::access::audit::NAMED_MAX;
use crate::access::sight::Sight;
use crate::access::{Action, Visit};
use crate::error::Error;
use crate::keys::patients::{Kid, SHARED};
use crate::records::{Position, owner};
use base::clock::Instant;
use fhir::search::query::{Filter, Query};
use std::collections::HashSet;
use std::sync::Arc;

/// Lines are handed over in pieces of about this many bytes, and at least one line.
const PIECE_BYTES: usize = 1 << 20;

/// The type that patients' own resources are of.
const PATIENT: &str = "Patient";

/// The type of lists of patients.
const GROUP: &str = "Group";

/// Whose resources an export is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's, and what is about nobody.
    Anybodys,
    /// Every patient's.
    Patients,
    /// These patients', by id: what is theirs, and what is in their compartments.
    These(Vec<String>),
}

/// The lines of one piece, and how many positions it took.
#[derive(Debug)]
pub struct Piece {
    /// What may be handed over, in log order.
    pub versions: Vec<Version>,
    /// Positions that were looked at.
    pub taken: usize,
}

impl Vault {
    /// The head, and the moment it stands for: nothing below it is later, and nothing written from now on is earlier. Said by
    /// the writer, between two transactions: times are given before a transaction is done.
    pub fn pin(&self) -> Result<(Position, Instant), Error> {
        let vault = self.clone();
        self.task(move |_| (vault.head(), vault.inner.store.clock.now()))
    }

    /// The types of which a visit may export something, whoever it is about.
    pub fn exportable(&self, visit: &Visit) -> Result<Vec<&'static str>, Error> {
        let sight = self.export_sight(visit)?;
        Ok(fhir::definitions::r4().resource_names().filter(|name| !sight.is_blind_to(name)).collect())
    }

    /// The Group of an export as it was at a position, where the visit may find or export Groups. Its members bound the
    /// export; it is shown to nobody. An app needs the scope that a search needs.
    pub fn group_for_export(&self, visit: &Visit, id: &str, at: Position) -> Result<Option<Version>, Error> {
        let mut sight = self.sight(visit, Action::Export)?;
        if sight.is_blind_to(GROUP) {
            sight = self.sight(visit, Action::Search)?;
            sight.require(GROUP)?;
        }
        let store = &self.inner.store;
        let Some(version) = store.read(GROUP, id, Some(at))?.filter(|version| !version.deleted) else {
            return Ok(None);
        };
        Ok(store.sees(&sight, &version)?.then_some(version))
    }

    /// The positions at which a query of one type finds something that the visit may export now, in log order, with the
    /// record as it was at `at`.
    pub fn gather(&self, visit: &Visit, query: &Query, at: Position, whose: &Whose) -> Result<Vec<u32>, Error> {
        let sight = self.export_sight(visit)?;
        let query = &*open_to(&sight, query)?;
        if sight.hidden().is_some_and(|hidden| hidden.is_asked_by(query)) {
            return Err(asked_by_hidden().into());
        }
        self.look(&sight, Some(at), None, |look| {
            let mut found = look.matching(&query.filter, &query.types)?;
            let also = match whose {
                Whose::These(ids) if !query.types.iter().any(|name| name == PATIENT) => {
                    look.matching(&compartments(ids), &query.types)?
                }
                _ => Vec::new(),
            };
            let of = Of::new(self, whose);
            let places = look.reading.places();
            found.retain(|&position| of.has(places.get(position).kid) || also.binary_search(&position).is_ok());
            Ok(found)
        })
    }

    /// Notes for the audit that what stands at these positions is handed over: all the patients, and the first few by name.
    pub fn note_export(&self, visit: &Visit, positions: &[u32]) -> Result<(), Error> {
        let named = positions.len().min(NAMED_MAX);
        let (mut at, mut first) = (0, Vec::new());
        while at < named {
            let piece = self.piece(visit, &positions[at..named])?;
            at += piece.taken;
            first.extend(piece.versions);
        }
        let index = &self.inner.store.index;
        let mut trail = visit.trail();
        first.iter().for_each(|version| trail.show(version));
        trail.shown += (positions.len() - first.len()) as u64;
        positions.iter().for_each(|&position| trail.concern(index.place(position).kid));
        Ok(())
    }

    /// The lines at the first of these positions, as far as the visit may export them at this moment.
    pub fn piece(&self, visit: &Visit, positions: &[u32]) -> Result<Piece, Error> {
        let sight = self.export_sight(visit)?;
        let store = &self.inner.store;
        let mut piece = Piece { versions: Vec::new(), taken: 0 };
        let mut bytes = 0;
        store.readers.with(|db| {
            // One snapshot for all that is read; it ends with the transaction's own end, whatever happens.
            let snapshot = db.unchecked_transaction()?;
            let records = Records::new(store, &snapshot, &sight);
            for &position in positions {
                piece.taken += 1;
                let (place, newest) = (store.index.place(position), store.index.newest(position));
                if place.type_number == 0 || !records.sees(position, &place, newest)? {
                    continue;
                }
                let Some(version) = records.version(position)? else { continue };
                bytes += version.body.len();
                piece.versions.push(version);
                if bytes >= PIECE_BYTES {
                    break;
                }
            }
            Ok(piece)
        })
    }

    /// What a visit may both find and export.
    fn export_sight(&self, visit: &Visit) -> Result<Arc<Sight>, Error> {
        let found = self.sight(visit, Action::Search)?;
        if found.is_everything() {
            return Ok(found);
        }
        Ok(Arc::new(Sight::Both(found, self.sight(visit, Action::Export)?)))
    }
}

/// Whether resources of a type can be a patient's: those of the others are in an export of the whole system only.
#[must_use]
pub fn is_of_patients(resource_type: &str) -> bool {
    owner::may_be_of_patient(resource_type)
}

/// Whose resources count, by the numbers of the data keys.
enum Of {
    Anybody,
    Patients,
    These(HashSet<Kid>),
}

impl Of {
    fn new(vault: &Vault, whose: &Whose) -> Of {
        match whose {
            Whose::Anybodys => Of::Anybody,
            Whose::Patients => Of::Patients,
            Whose::These(ids) => Of::These(ids.iter().filter_map(|id| vault.kid_of(id)).collect()),
        }
    }

    fn has(&self, kid: Kid) -> bool {
        match self {
            Of::Anybody => true,
            Of::Patients => kid != SHARED,
            Of::These(kids) => kids.contains(&kid),
        }
    }
}

fn compartments(ids: &[String]) -> Filter {
    let compartment = |id: &String| Filter::Compartment { kind: PATIENT.to_owned(), id: id.clone() };
    Filter::Or(ids.iter().map(compartment).collect())
}
