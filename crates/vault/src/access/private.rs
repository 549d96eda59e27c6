//! Documents of the vault's own: accounts, apps, grants, broken glass. They are versions in the same sealed log, under types
//! that are not FHIR's, so that they have history, proof and backup; and nothing outside this module reads or writes them.

use super::Visit;
use crate::error::Error;
use crate::records::{Change, Expect, Vault, Version};
use crate::search::index::ListName;
use crate::search::rows::{Names, Sort, TYPE};
use fhir::json::Json;
use fhir::reference::Reference;

/// What private types begin with; no type of FHIR does.
const PREFIX: &str = "x-";

/// Whether a type is the vault's own.
pub(crate) fn is_private(resource_type: &str) -> bool {
    resource_type.starts_with(PREFIX)
}

/// The patient whom a private document is about: under whose key it is sealed, and by whom it is found. It says so as
/// `about`; the others are the house's.
pub(crate) fn patient_of<'a>(document: &'a Json<'_>) -> Option<&'a str> {
    let about = Reference::local(document.text("about")?)?;
    (about.resource_type == "Patient").then_some(about.id)
}

/// A document: its id, its version, and what it says.
pub(crate) struct Document {
    pub id: String,
    pub version: u64,
    pub says: Json<'static>,
}

impl Vault {
    /// Keeps a document; answers when it is durable. `says` carries `resourceType` and `id`.
    pub(crate) fn keep(&self, visit: &Visit, says: Json<'static>, expect: Expect) -> Result<(), Error> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        let change = Change::Put { resource: says, expect, skip_same: true };
        let done = Box::new(move |written: Result<_, Error>| drop(answer.send(written.map(|_| ()))));
        self.submit_unchecked(visit, vec![change], done);
        answered.recv().unwrap_or_else(|_| Err(crate::records::ended().into()))
    }

    /// A document as it is now.
    pub(crate) fn document(&self, kind: &str, id: &str) -> Result<Option<Document>, Error> {
        Ok(self.inner.store.read(kind, id, None)?.and_then(|version| read(&version)))
    }

    /// All documents of a kind as they are now, oldest change first.
    pub(crate) fn documents(&self, kind: &str) -> Result<Vec<Document>, Error> {
        self.documents_listed(&[kind])
    }

    /// All documents of a kind about a patient as they are now, oldest change first.
    pub(crate) fn documents_of(&self, kind: &str, patient: &str) -> Result<Vec<Document>, Error> {
        self.documents_listed(&[kind, patient])
    }

    fn documents_listed(&self, pieces: &[&str]) -> Result<Vec<Document>, Error> {
        let store = &self.inner.store;
        let head = self.inner.store.changes();
        store.index.wait_for(head)?;
        let reading = store.index.reading(u32::try_from(head.0).unwrap_or(u32::MAX))?;
        let list = ListName::plain(Names::new(reading.hasher()).list(TYPE, Sort::Type, pieces));
        let mut positions = Vec::new();
        reading.list(list, &mut positions)?;
        positions.sort_unstable();
        positions.retain(|&position| reading.places().current(position, reading.at));
        let mut documents = Vec::with_capacity(positions.len());
        for position in positions {
            let found = store.readers.with(|db| store.version_at(db, crate::Position(position.into())))?;
            documents.extend(found.as_ref().and_then(read));
        }
        Ok(documents)
    }
}

fn read(version: &Version) -> Option<Document> {
    let says = Json::parse(&version.body).ok().filter(|_| !version.deleted)?.into_owned();
    Some(Document { id: version.id.clone(), version: version.version, says })
}
