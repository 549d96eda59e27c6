//! Trying a consent before it is given or withdrawn: for everybody who has an account, what of the chart they see now and what
//! they would see then. It is the gate that answers, with the consents changed; nothing is written.

use super::consent::{self, Consent};
use super::seeing::ByPatient;
use super::sight::Sight;
use super::{Account, Action, Class, Purpose, Roles, Visit, purposes};
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::records::{Vault, Version};
use crate::search::Page;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::search::params;
use fhir::search::query::{Filter, parse};
use std::collections::HashMap;
use std::sync::Arc;

/// Entries of a chart that are tried at most, newest first.
const CHART_MAX: usize = 2_000;

/// Accounts that are asked at most; those whom the consent names come first.
const ACCOUNTS_MAX: usize = 300;

/// What would become of a patient's consents.
#[derive(Clone, Copy, Debug)]
pub enum Edit<'e> {
    /// This one would be given, as if it were active.
    Give(&'e Json<'e>),
    /// This one would be withdrawn, by its id.
    Withdraw(&'e str),
}

/// What an edit would change.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The chart as far as whoever tries it sees it, at most 2,000 entries.
    pub chart: Vec<Version>,
    /// Those who see something of it now or would then, by name.
    pub people: Vec<Tried>,
    /// Accounts that were not asked, because there are too many.
    pub left_out: usize,
}

/// What one account sees of the chart: places in [`Trial::chart`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Its name.
    pub name: String,
    /// Its roles.
    pub roles: Roles,
    /// The purpose its owner usually comes for; it is for this one that was asked.
    pub purpose: Purpose,
    /// Now.
    pub now: Vec<usize>,
    /// After the edit.
    pub then: Vec<usize>,
}

impl Vault {
    /// What an edit of a patient's consents would change, for whoever may make it.
    pub fn try_consent(&self, visit: &Visit, patient: &str, edit: Edit<'_>) -> Result<Trial, Error> {
        let kid = self.kid_of(patient).ok_or_else(|| no_patient(patient))?;
        self.permit(visit, Action::Write, Class::Consent, Some(kid))?;
        match edit {
            Edit::Give(draft) => self.check_trial(visit, kid, "", Some(draft))?,
            Edit::Withdraw(id) => self.check_trial(visit, kid, id, None)?,
        }
        let chart = self.chart(visit, patient)?;
        let head = self.inner.store.changes();
        self.inner.store.index.wait_for(head)?;
        let now = self.consents(u32::try_from(head.0).unwrap_or(u32::MAX))?.get(&kid).cloned().unwrap_or_default();
        let then = edited(&now, edit);
        let (now, then) = (of_one(kid, &now), of_one(kid, &Arc::new(then)));
        let named = match edit {
            Edit::Give(draft) => consent::facts_of(draft, super::Labels::NONE).links,
            Edit::Withdraw(_) => Vec::new(),
        };
        let mut accounts = self.accounts()?;
        accounts.retain(|account| account.is_active && !is_own(account, patient));
        accounts.sort_by_key(|account| !account.stands_for.iter().any(|own| named.contains(own)));
        let left_out = accounts.len().saturating_sub(ACCOUNTS_MAX);
        let mut people = Vec::new();
        for account in accounts.iter().take(ACCOUNTS_MAX) {
            let Some(&purpose) = purposes(account.roles).first() else { continue };
            let guest = Visit::of(account.principal(), purpose, visit.context().cloned());
            let (now, then) = (self.of_chart(&guest, &chart, &now)?, self.of_chart(&guest, &chart, &then)?);
            if !(now.is_empty() && then.is_empty()) {
                people.push(Tried { name: account.name.clone(), roles: account.roles, purpose, now, then });
            }
        }
        people.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Trial { chart, people, left_out })
    }

    /// The patient and what is theirs, as the visit sees it.
    fn chart(&self, visit: &Visit, patient: &str) -> Result<Vec<Version>, Error> {
        let pairs = [("_sort".to_owned(), "-_lastUpdated".to_owned())];
        let mut query = parse(None, &pairs, true, self.clock().now())?;
        let is_member = |name: &&str| *name == "Patient" || !params::compartment("Patient", name).is_empty();
        query.types = fhir::definitions::r4().resource_names().filter(is_member).map(str::to_owned).collect();
        query.filter = Filter::Compartment { kind: "Patient".to_owned(), id: patient.to_owned() };
        let found = self.search(visit, &query, &Page { count: CHART_MAX, ..Page::default() })?;
        // Others' entries name the patient too, and are none of the patient's chart.
        let kid = self.kid_of(patient);
        Ok(found.matches.into_iter().filter(|version| Some(version.kid) == kid).collect())
    }

    /// What a visitor sees of a chart under some consents.
    fn of_chart(&self, guest: &Visit, chart: &[Version], consents: &ByPatient) -> Result<Vec<usize>, Error> {
        let principal = guest.principal();
        let relations = self.relations(principal)?;
        let at = u32::try_from(self.inner.store.changes().0).unwrap_or(u32::MAX);
        let authored = self.authored(principal, at)?;
        let program = self.program(guest, Action::Read, at)?;
        let sight: Sight = self.work_out(guest, Action::Read, &relations, consents)?.writing(authored).within(program);
        let mut seen = Vec::new();
        for (i, version) in chart.iter().enumerate() {
            if self.inner.store.sees(&sight, version)? {
                seen.push(i);
            }
        }
        Ok(seen)
    }
}

fn edited(now: &[(i64, Consent)], edit: Edit<'_>) -> Vec<(i64, Consent)> {
    let mut then = now.to_vec();
    match edit {
        Edit::Give(draft) => then.push((0, consent::read(draft, "Consent/draft").0)),
        Edit::Withdraw(id) => then.retain(|(_, consent)| consent.reference != format!("Consent/{id}")),
    }
    then
}

fn of_one(kid: Kid, consents: &Arc<Vec<(i64, Consent)>>) -> ByPatient {
    // A patient without any stands as if nobody had asked.
    if consents.is_empty() { HashMap::new() } else { HashMap::from([(kid, Arc::clone(consents))]) }
}

fn is_own(account: &Account, patient: &str) -> bool {
    account.principal().ids_of("Patient").any(|id| id == patient)
}

fn no_patient(patient: &str) -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", format!("there is no Patient/{patient}"))
}
