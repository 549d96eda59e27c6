//! Everything about a change that does not depend on the log's order, done in the caller's thread: shape, compare,
//! compress, seal, derive index rows.

use super::dictionary::{self, OF_EVENTS};
use super::store::{Entry, Store, entries, label};
use super::{Change, Expect, Position, RESOURCE_BYTES_MAX, body, owner};
use crate::access::audit::Event;
use crate::error::{Error, Fault};
use crate::keys::patients::PatientKey;
use crate::keys::seal::{NONCE, TAG};
use crate::log::leaf::Kind;
use crate::search::rows::{Rows, derive, derive_event};
use base::refusal::{Kind as No, Refusal};
use fhir::json::Json;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;

/// A change, ready for its place in the log.
pub(crate) struct Prepared {
    pub key: i64,
    pub resource_type: String,
    pub id: String,
    pub kind: Kind,
    /// The kept text.
    pub kept: Vec<u8>,
    pub patient: Arc<PatientKey>,
    pub sealed: Option<Sealed>,
    pub expect: Expect,
    pub skip_same: bool,
    /// The position whose text was compared with this one, and whether they were the same.
    pub compared: Option<(Position, bool)>,
    pub rows: Rows,
}

/// A sealed body.
pub(crate) struct Sealed {
    pub dict: u32,
    pub body: Vec<u8>,
}

/// An event of the audit, ready for its place in the log.
pub(crate) struct Sealing {
    pub text: Vec<u8>,
    pub body: Vec<u8>,
    pub rows: Rows,
}

impl Prepared {
    /// Bytes it holds while it waits, roughly.
    pub fn bytes(&self) -> usize {
        512 + self.kept.len() * 2 + self.rows.len() * 32 + self.sealed.as_ref().map_or(0, |s| s.body.len())
    }
}

impl Store {
    /// Prepares one change.
    pub fn prepare(&self, change: Change) -> Result<Prepared, Error> {
        match change {
            Change::Put { resource, expect, skip_same } => self.prepare_put(&resource, expect, skip_same),
            Change::Delete { resource_type, id, expect } => self.prepare_deletion(resource_type, id, expect),
        }
    }

    fn prepare_put(&self, resource: &Json<'_>, expect: Expect, skip_same: bool) -> Result<Prepared, Error> {
        let kept = body::keep(resource)?;
        if kept.len() > RESOURCE_BYTES_MAX {
            return Err(too_large().into());
        }
        let (resource_type, id) = body::named(resource)?;
        let key = self.hasher.resource(resource_type, id);
        let owner = owner::patient_of(resource_type, id, resource).map(|p| self.hasher.resource("Patient", p));
        let patient = match owner {
            Some(owner) => self.key_of(owner)?,
            None => self.keys.shared(),
        };
        let compared = if skip_same { self.readers.with(|c| self.compare(c, key, &kept))? } else { None };
        let mut prepared = Prepared {
            key,
            resource_type: resource_type.to_owned(),
            id: id.to_owned(),
            kind: Kind::Version,
            kept,
            patient,
            sealed: None,
            expect,
            skip_same,
            compared,
            rows: Rows::none(),
        };
        if !matches!(compared, Some((_, true))) {
            let dictionary = self.dictionaries.for_new(&prepared.resource_type, owner.unwrap_or(key), &prepared.kept);
            prepared.sealed = Some(seal(&prepared, dictionary.as_deref())?);
            prepared.rows = derive(&self.hasher, &self.labels, resource);
        }
        Ok(prepared)
    }

    fn prepare_deletion(&self, resource_type: String, id: String, expect: Expect) -> Result<Prepared, Error> {
        let named =
            Json::object([("resourceType", Json::string(resource_type.as_str())), ("id", Json::string(id.as_str()))]);
        body::named(&named)?;
        let key = self.hasher.resource(&resource_type, &id);
        let patient = self.readers.with(|connection| self.current_key(connection, key))?;
        let kept = body::keep_deletion(&resource_type, &id);
        let mut prepared = Prepared {
            key,
            resource_type,
            id,
            kind: Kind::Deletion,
            kept,
            patient,
            sealed: None,
            expect,
            skip_same: false,
            compared: None,
            rows: Rows::none(),
        };
        prepared.sealed = Some(self.seal(&prepared)?);
        Ok(prepared)
    }

    /// Seals the kept text of a change with the dictionary that is there.
    pub fn seal(&self, change: &Prepared) -> Result<Sealed, Fault> {
        seal(change, self.dictionaries.ready(&change.resource_type).as_deref())
    }

    /// Prepares an event of the audit.
    pub fn seal_event(&self, event: &Event) -> Result<Sealing, Fault> {
        let (patient, text) = (self.keys.shared(), event.write());
        let body = seal_text(&patient, &label(0, patient.kid, OF_EVENTS), Some(dictionary::of_events()), &text)?;
        Ok(Sealing { text, body, rows: derive_event(&self.hasher, event) })
    }

    /// Compares a text with that of the current version.
    pub fn compare(&self, connection: &Connection, key: i64, kept: &[u8]) -> Result<Option<(Position, bool)>, Error> {
        let mut find = connection.prepare_cached(entries!("WHERE key = ? AND key <> 0 ORDER BY pos DESC LIMIT 1"))?;
        let Some(mut entry) = find.query_row(params![key], Entry::of).optional()? else { return Ok(None) };
        let position = Position(entry.pos);
        if entry.kind != Some(Kind::Version) {
            return Ok(Some((position, false)));
        }
        let same = self.open(connection, &mut entry)?.is_some_and(|current| current == kept);
        Ok(Some((position, same)))
    }

    /// The key of the current version: what is left of a deleted resource goes with the patient, too.
    fn current_key(&self, connection: &Connection, key: i64) -> Result<Arc<PatientKey>, Error> {
        let mut find =
            connection.prepare_cached("SELECT kid FROM entry WHERE key = ? AND key <> 0 ORDER BY pos DESC LIMIT 1")?;
        let kid: Option<u32> = find.query_row(params![key], |row| row.get(0)).optional()?;
        let found = kid.map(|kid| self.key(connection, kid)).transpose()?.flatten();
        Ok(found.unwrap_or_else(|| self.keys.shared()))
    }
}

fn too_large() -> Refusal {
    let message = format!(
        "the resource takes more than {} MiB, the most that one may take; split it into several",
        RESOURCE_BYTES_MAX >> 20
    );
    Refusal::new(No::TooLarge, "too-long", message)
}

fn seal(change: &Prepared, dictionary: Option<&dictionary::Dictionary>) -> Result<Sealed, Fault> {
    let dict = dictionary.map_or(0, |d| d.id);
    let label = label(change.key, change.patient.kid, dict);
    seal_text(&change.patient, &label, dictionary, &change.kept).map(|body| Sealed { dict, body })
}

/// Compresses and seals a text.
pub(crate) fn seal_text(
    patient: &PatientKey,
    label: &[u8],
    dictionary: Option<&dictionary::Dictionary>,
    text: &[u8],
) -> Result<Vec<u8>, Fault> {
    let mut body = dictionary::pack(dictionary, text, NONCE, TAG)?;
    patient.sealer().seal_in_place(label, &mut body)?;
    Ok(body)
}
