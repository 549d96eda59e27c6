//! Whoever acts for a patient lifts nothing by which the patient keeps that very person out: neither by withdrawing or changing
//! the consent, nor by a later one that would take its place (45 CFR 164.502(g)(5); 164.522(a)).

use super::consent::{self, Asker, Consent, Status};
use super::policy::Relationship;
use super::sight::Sight;
use super::{Principal, Visit};
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::log::leaf;
use crate::records::Vault;
use crate::records::prepare::Prepared;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;

const CONSENT: &str = "Consent";

impl Vault {
    /// Whether a consent of a patient keeps the visitor out, who acts for that patient: others must withdraw it.
    pub fn keeps_out(&self, visit: &Visit, patient: &str, id: &str) -> Result<bool, Error> {
        let Some(kid) = self.kid_of(patient) else { return Ok(false) };
        Ok(self.lifted(visit.principal(), kid, id, None)?.is_some())
    }

    /// Refuses to try what would be refused.
    pub(super) fn check_trial(&self, visit: &Visit, kid: Kid, id: &str, draft: Option<&Json>) -> Result<(), Error> {
        let draft = draft.map(|draft| consent::read(draft, "Consent/draft").0);
        match self.lifted(visit.principal(), kid, id, draft.as_ref())? {
            Some(_) => Err(keeps_you_out().into()),
            None => Ok(()),
        }
    }

    /// Refuses a change of a consent to somebody who acts for the patient and whom it, or one that it would replace, keeps
    /// out. `reads`: one that they may not see is not spoken of.
    pub(super) fn check_lifts_no_bar(&self, visit: &Visit, reads: &Sight, change: &Prepared) -> Result<(), Error> {
        if change.resource_type != CONSENT {
            return Ok(());
        }
        let store = &self.inner.store;
        let current = store.read(CONSENT, &change.id, None)?.filter(|version| !version.deleted);
        let draft = match change.kind {
            leaf::Kind::Deletion => None,
            _ => Json::parse(&change.kept).ok().map(|says| consent::read(&says, "Consent/draft").0),
        };
        let kids = current.map(|version| version.kid).into_iter().chain([change.patient.kid]);
        for kid in kids {
            let Some(barred) = self.lifted(visit.principal(), kid, &change.id, draft.as_ref())? else { continue };
            let known = barred.strip_prefix("Consent/").map(|id| store.read(CONSENT, id, None)).transpose()?.flatten();
            let seen = known.map(|version| store.sees(reads, &version)).transpose()?;
            return Err(if seen == Some(true) { keeps_you_out() } else { super::writing::not_yours() }.into());
        }
        Ok(())
    }

    /// The consent, as `Consent/1`, that keeps somebody out who acts for the patient, and that a change of the one with this
    /// id would lift: it itself, or one whose place a draft would take.
    fn lifted(
        &self,
        principal: &Principal,
        kid: Kid,
        id: &str,
        draft: Option<&Consent>,
    ) -> Result<Option<String>, Error> {
        let relations = self.relations(principal)?;
        let acts = relations
            .of
            .get(&kid)
            .is_some_and(|ways| ways.contains(Relationship::Proxy) && !ways.contains(Relationship::Own));
        if !acts {
            return Ok(None);
        }
        let belonging = &relations.belonging;
        let asker = Asker::of(principal, "").belonging(&belonging.references, &belonging.kinds);
        let head = self.inner.store.changes();
        self.inner.store.index.wait_for(head)?;
        let all = self.consents(u32::try_from(head.0).unwrap_or(u32::MAX))?;
        let own = format!("Consent/{id}");
        let barred = all.get(&kid).and_then(|known| {
            let mut barring = known.iter().map(|(_, known)| known).filter(|known| known.keeps_out(&asker));
            let replaces =
                |draft: &Consent, known: &Consent| known.status == Status::Active && draft.is_about_what(known);
            barring.find(|known| known.reference == own || draft.is_some_and(|draft| replaces(draft, known)))
        });
        Ok(barred.map(|known| known.reference.clone()))
    }
}

fn keeps_you_out() -> Refusal {
    let message = "the patient keeps you out by this consent, or by one that it would replace; only the patient or the \
                   privacy office can lift that";
    Refusal::new(Kind::Forbidden, "forbidden", message)
}
