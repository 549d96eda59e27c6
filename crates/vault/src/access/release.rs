//! What the release desk has decided about a request for records, kept apart from the request itself: that is a FHIR Task,
//! which the patient may have written and may change. Nobody but who may record disclosures writes here.
//!
//! What is sent is recorded in the same commit as that it was sent, so that no accounting can lack it.

use super::disclosures::{Disclosure, Origin};
use super::private::Document;
use super::{Action, Class, Visit};
use crate::error::Error;
use crate::records::{Change, Expect, Vault};
use base::refusal::{Kind, Refusal};
use fhir::json::Json;

/// The type of these documents.
const KIND: &str = "x-release";

/// The desk's work on one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Dossier {
    /// The id of the request's Task.
    pub id: String,
    /// The id of the patient.
    pub patient: String,
    /// Its version; 0: it is not kept yet.
    pub version: u64,
    /// What was decided, as an object.
    pub says: Json<'static>,
}

/// What is kept together with a dossier.
#[derive(Debug, Default)]
pub struct Along {
    /// The request's Task as it is from now on, and the version that is replaced.
    pub task: Option<(Json<'static>, u64)>,
    /// What is added to the chart: it says what was decided about an entry.
    pub added: Option<Json<'static>>,
    /// What leaves the house.
    pub disclosure: Option<Disclosure>,
}

impl Vault {
    /// The dossier of a request; one that says nothing where nothing was decided yet.
    pub fn dossier(&self, visit: &Visit, patient: &str, id: &str) -> Result<Dossier, Error> {
        self.accountable(visit, Action::RecordDisclosure, patient)?;
        let found = self.document(KIND, id)?.and_then(|document| read(&document));
        match found {
            Some(dossier) if dossier.patient == patient => Ok(dossier),
            Some(_) => {
                Err(Refusal::new(Kind::NotFound, "not-found", "there is no such request of this patient").into())
            }
            None => Ok(Dossier {
                id: id.to_owned(),
                patient: patient.to_owned(),
                version: 0,
                says: Json::object::<&str>([]),
            }),
        }
    }

    /// All dossiers that a visit may see, oldest change first.
    pub fn dossiers(&self, visit: &Visit) -> Result<Vec<Dossier>, Error> {
        self.permit(visit, Action::RecordDisclosure, Class::Audit, None)?;
        let mut all: Vec<_> = self.documents(KIND)?.iter().filter_map(read).collect();
        self.retain_shown(visit, &mut all, |dossier| &dossier.patient)?;
        Ok(all)
    }

    /// Keeps a dossier and what goes along with it, all or nothing; answers when it is durable. Refused with a conflict when
    /// somebody else was faster. Answers the id of the disclosure, if there is one.
    pub fn keep_dossier(&self, visit: &Visit, dossier: Dossier, along: Along) -> Result<Option<String>, Error> {
        let kid = self.accountable(visit, Action::RecordDisclosure, &dossier.patient)?;
        let expect = if dossier.version == 0 { Expect::Absent } else { Expect::Version(dossier.version) };
        let mut changes = Vec::new();
        let mut id = None;
        if let Some(disclosure) = along.disclosure {
            let disclosure = self.disclosure_of(visit, &dossier.patient, disclosure)?;
            changes.push(put(disclosure.write(), Expect::Absent));
            id = Some(disclosure.id);
        }
        if let Some((task, version)) = along.task {
            self.permit(visit, Action::Write, Class::Task, Some(kid))?;
            if task.text("resourceType") != Some("Task") || task.text("id") != Some(&dossier.id) {
                return Err(Refusal::new(Kind::Invalid, "business-rule", "this is not the Task of the request").into());
            }
            changes.push(put(task, Expect::Version(version)));
        }
        if let Some(mut added) = along.added {
            self.permit(visit, Action::Write, Class::Note, Some(kid))?;
            let subject = added.get("subject").and_then(|subject| subject.text("reference"));
            let is_about = subject.and_then(|of| of.strip_prefix("Patient/")) == Some(&dossier.patient);
            if added.text("resourceType") != Some("DocumentReference") || !is_about {
                return Err(Refusal::new(Kind::Invalid, "business-rule", "this is no document of the patient").into());
            }
            if let Some(object) = added.as_object_mut() {
                object.set("id", Json::string(self.fresh_id()));
            }
            changes.push(put(added, Expect::Absent));
        }
        changes.push(put(written(dossier, id.as_deref()), expect));
        let (answer, answered) = crossbeam_channel::bounded(1);
        let done = Box::new(move |written: Result<Vec<_>, Error>| drop(answer.send(written.map(|_| ()))));
        self.submit_unchecked(visit, changes, done);
        answered.recv().unwrap_or_else(|_| Err(crate::records::ended().into())).map_err(overtaken)?;
        Ok(id)
    }

    fn disclosure_of(&self, visit: &Visit, patient: &str, disclosure: Disclosure) -> Result<Disclosure, Error> {
        Ok(Disclosure {
            id: self.fresh_id(),
            patient: patient.to_owned(),
            by: visit.principal().account.clone(),
            recorded: self.clock().now(),
            origin: Origin::Recorded,
            ..disclosure.checked(self.today())?
        })
    }
}

fn put(resource: Json<'static>, expect: Expect) -> Change {
    Change::Put { resource, expect, skip_same: false }
}

/// Somebody else wrote first: said so that a person at a desk knows what to do.
fn overtaken(error: Error) -> Error {
    match error {
        Error::Refusal(no) if matches!(no.kind, Kind::Conflict | Kind::Precondition) => {
            let message = "somebody else worked on this request meanwhile; look at it again, then decide";
            Refusal::new(Kind::Conflict, "conflict", message).into()
        }
        error => error,
    }
}

fn written(dossier: Dossier, disclosure: Option<&str>) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let mut members = vec![
        ("resourceType", text(KIND)),
        ("id", text(&dossier.id)),
        ("about", text(&format!("Patient/{}", dossier.patient))),
        ("says", dossier.says),
    ];
    members.extend(disclosure.map(|id| ("disclosure", text(id))));
    Json::object(members)
}

fn read(document: &Document) -> Option<Dossier> {
    Some(Dossier {
        id: document.id.clone(),
        patient: document.says.text("about")?.strip_prefix("Patient/")?.to_owned(),
        version: document.version,
        says: document.says.get("says")?.clone(),
    })
}
