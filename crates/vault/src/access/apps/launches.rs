//! Launches: opening an app from a chart ("EHR launch"). The app is given a sealed word for the chart, which counts once,
//! for the person who opened it and for that app.

use crate::access::Visit;
use crate::error::Error;
use crate::records::{Vault, Version};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::Json;
use fhir::reference::Reference;
use std::sync::Arc;

const FORM: &str = "cl1.";
const LABEL: &[u8] = b"app launch";

/// How long an app may take until it asks with it.
const LAUNCH_MS: i64 = 5 * 60_000;

/// The chart that an app was opened from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Names it.
    pub id: String,
    /// Whom it is about, by id.
    pub patient: String,
    /// Which visit, by id.
    pub encounter: Option<String>,
}

impl Vault {
    /// The word with which an app is opened from a patient's chart. `visit` must be able to see the patient, and the
    /// encounter must be the patient's.
    pub fn open_launch(
        &self,
        visit: &Visit,
        client: &str,
        patient: &str,
        encounter: Option<&str>,
    ) -> Result<String, Error> {
        let app = self.app(client)?.filter(|app| app.is_approved() && app.registration.launch.is_some());
        let app = app.ok_or_else(|| refused("no app that is opened from charts has this client id"))?;
        self.read(visit, "Patient", patient, None)?.filter(|p| !p.deleted).ok_or_else(|| nothing("Patient"))?;
        if let Some(id) = encounter {
            let found = self.read(visit, "Encounter", id, None)?.filter(|version| is_of(version, patient));
            found.ok_or_else(|| nothing("Encounter"))?;
        }
        let account = &visit.principal().account;
        let until = self.clock().now().0 + LAUNCH_MS;
        let id = self.inner.store.ids.uuid();
        let plain = format!("{id} {account} {} {until} {patient} {}", app.id, encounter.unwrap_or_default());
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        Ok(format!("{FORM}{}", URL_SAFE_NO_PAD.encode(ring.sessions.seal(LABEL, plain.as_bytes())?)))
    }

    /// The launch of a word, for the person and the app that it was made for.
    pub fn launch(&self, visit: &Visit, client: &str, word: &str) -> Result<Launch, Refusal> {
        let opened = self.unseal_launch(word).filter(|opened| {
            let own = opened.account == visit.principal().account && opened.client == client;
            own && self.clock().now() < opened.until
        });
        let opened = opened.ok_or_else(|| {
            refused("this app was not opened from a chart by you, or too long ago; open it from the chart again")
        })?;
        Ok(opened.launch)
    }

    fn unseal_launch(&self, word: &str) -> Option<Opened> {
        let ring = Arc::clone(&self.inner.store.ring.read().now);
        let mut sealed = URL_SAFE_NO_PAD.decode(word.strip_prefix(FORM)?).ok()?;
        let plain = str::from_utf8(ring.sessions.open(LABEL, &mut sealed)?).ok()?;
        let parts: Vec<&str> = plain.split(' ').collect();
        let [id, account, client, until, patient, encounter] = parts[..] else { return None };
        let encounter = (!encounter.is_empty()).then(|| encounter.to_owned());
        Some(Opened {
            account: account.to_owned(),
            client: client.to_owned(),
            until: Instant(until.parse().ok()?),
            launch: Launch { id: id.to_owned(), patient: patient.to_owned(), encounter },
        })
    }
}

struct Opened {
    account: String,
    client: String,
    until: Instant,
    launch: Launch,
}

fn is_of(encounter: &Version, patient: &str) -> bool {
    let resource = Json::parse(&encounter.body).ok().filter(|_| !encounter.deleted);
    let reference = resource.as_ref().and_then(|resource| resource.get("subject")?.text("reference"));
    reference.and_then(Reference::local).is_some_and(|to| to.resource_type == "Patient" && to.id == patient)
}

fn refused(message: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "invalid", message)
}

fn nothing(resource_type: &str) -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", format!("there is no such {resource_type}"))
}
