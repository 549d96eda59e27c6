//! Recording, listing and accounting: the gate asked, and what is kept.

use super::entry::{KIND, PROTOCOL};
use super::recipients::recipients;
use super::{
    Accounting, Basis, Day, Disclosure, Law, Origin, Period, Protocol, Recipient, Suspension, accounting, meant,
    suspension,
};
use crate::access::{Action, Class, Visit};
use crate::error::Error;
use crate::keys::patients::{Kid, SHARED};
use crate::records::{Expect, Vault, Version};
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::reference::Reference;
use std::collections::HashMap;

/// Earlier versions of a resource that are looked at for whose they were.
const VERSIONS_MAX: usize = 100;

/// Which accounting somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Under which law.
    pub law: Law,
    /// The first day, if not as far back as the law reaches.
    pub from: Option<Day>,
    /// The last day, if not the day of the request.
    pub until: Option<Day>,
}

impl Vault {
    /// The day now.
    pub fn today(&self) -> Day {
        Day::at(self.clock().now())
    }

    /// Refuses a visit that may not do this with a patient's disclosures, before anything else is said.
    pub fn check_accountable(&self, visit: &Visit, action: Action, patient: &str) -> Result<(), Error> {
        self.accountable(visit, action, patient).map(|_| ())
    }

    /// Refuses a visit that records no disclosures.
    pub fn check_records_disclosures(&self, visit: &Visit) -> Result<(), Error> {
        self.permit(visit, Action::RecordDisclosure, Class::Audit, None)
    }

    /// Keeps a disclosure; answers when it is durable. Who recorded it, when, and its id are filled in.
    pub fn record_disclosure(&self, visit: &Visit, disclosure: Disclosure) -> Result<Disclosure, Error> {
        let kid = self.accountable(visit, Action::RecordDisclosure, &disclosure.patient)?;
        let disclosure = Disclosure {
            id: self.fresh_id(),
            by: visit.principal().account.clone(),
            recorded: self.clock().now(),
            origin: Origin::Recorded,
            ..disclosure.checked(self.today())?
        };
        self.check_named(visit, kid, &disclosure)?;
        self.keep(visit, disclosure.write(), Expect::Absent)?;
        Ok(disclosure)
    }

    /// Refuses a resource or consent that never was one of the patient's. The operator sees everything and is told so; others
    /// may name what they do not see, and are not told whether it is there.
    fn check_named(&self, visit: &Visit, kid: Kid, disclosure: &Disclosure) -> Result<(), Error> {
        if !visit.is_operator() {
            return Ok(());
        }
        for named in disclosure.resources.iter().chain(&disclosure.consent) {
            if !self.was_kept_for(kid, named)? {
                let message =
                    format!("the patient has no {named} and never had one; name what was sent, or leave it out");
                return Err(Refusal::new(Kind::NotFound, "not-found", message).into());
            }
        }
        Ok(())
    }

    /// Whether any version of a resource, a deleted one too, is kept for a patient, or for nobody in particular.
    fn was_kept_for(&self, kid: Kid, reference: &str) -> Result<bool, Error> {
        let Some(named) = Reference::local(reference) else { return Ok(false) };
        let (store, of) = (&self.inner.store, (named.resource_type, named.id));
        let Some(newest) = store.read(of.0, of.1, None)? else { return Ok(false) };
        let is_theirs = |version: &Version| version.kid == kid || version.kid == SHARED;
        if is_theirs(&newest) {
            return Ok(true);
        }
        for number in (1..newest.version).rev().take(VERSIONS_MAX) {
            if store.vread(of.0, of.1, number)?.is_some_and(|version| is_theirs(&version)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps a protocol of research about 50 people or more.
    pub fn record_protocol(&self, visit: &Visit, protocol: Protocol) -> Result<Protocol, Error> {
        self.permit(visit, Action::RecordDisclosure, Class::Audit, None)?;
        let protocol = Protocol { id: self.fresh_id(), ..protocol.checked(self.today())? };
        self.keep(visit, protocol.write(), Expect::Absent)?;
        Ok(protocol)
    }

    /// Every disclosure of a patient that the house knows of, oldest first. For those who record them.
    pub fn disclosures(&self, visit: &Visit, patient: &str) -> Result<Vec<Disclosure>, Error> {
        let kid = self.accountable(visit, Action::RecordDisclosure, patient)?;
        let mut all = self.all_of(kid, patient, Day(0))?;
        all.sort_by_key(|one| one.day);
        visit.trail().shown += all.len() as u64;
        Ok(all)
    }

    /// Everything that people recorded for these days, oldest first. For those who record.
    pub fn recorded_disclosures(&self, visit: &Visit, from: Day, until: Day) -> Result<Vec<Disclosure>, Error> {
        self.permit(visit, Action::RecordDisclosure, Class::Audit, None)?;
        let mut all: Vec<_> = self.documents(KIND)?.iter().filter_map(Disclosure::read).collect();
        all.retain(|one| (from..=until).contains(&one.day));
        all.sort_by_key(|one| one.day);
        self.retain_shown(visit, &mut all, |one| &one.patient)?;
        Ok(all)
    }

    /// The accounting of a patient as it is today. Patients get their own copy of their own, which leaves out what an agency
    /// has had suspended and does not say so.
    pub fn accounting(&self, visit: &Visit, patient: &str, ask: Ask) -> Result<Accounting, Error> {
        let kid = self.accountable(visit, Action::Account, patient)?;
        let period = Period::of(ask.law, self.today(), ask.from, ask.until)?;
        let done = self.account_for(kid, patient, ask.law, period)?;
        visit.trail().shown += done.listed.len() as u64;
        let is_staff = self.permit(visit, Action::RecordDisclosure, Class::Audit, None).is_ok();
        Ok(if is_staff { done } else { done.for_patient() })
    }

    /// The accounting for days, of somebody who was let in.
    pub(super) fn account_for(&self, kid: Kid, patient: &str, law: Law, period: Period) -> Result<Accounting, Error> {
        let disclosures = self.all_of(kid, patient, period.from)?;
        let protocols: Vec<_> = self.documents(PROTOCOL)?.iter().filter_map(Protocol::read).collect();
        let suspensions = self.read_suspensions(patient)?;
        let known = accounting::Known {
            disclosures: &disclosures,
            protocols: &protocols,
            suspensions: &suspensions,
            today: self.today(),
        };
        let mut done = accounting::account(patient, law, period, &known);
        done.name = self.name_of(patient)?;
        Ok(done)
    }

    /// Who received something of a patient. With a consent: those whom disclosures under it name, and the programs of others
    /// that read while it stood, since the gate may have let them in by it.
    pub fn recipients(&self, visit: &Visit, patient: &str, consent: Option<&str>) -> Result<Vec<Recipient>, Error> {
        let kid = self.accountable(visit, Action::Account, patient)?;
        let mut all = self.all_of(kid, patient, Day(0))?;
        if self.permit(visit, Action::RecordDisclosure, Class::Audit, None).is_err() {
            let (today, suspensions) = (self.today(), self.read_suspensions(patient)?);
            all.retain(|one| !suspension::is_untold(one, &suspensions, today));
        }
        if let Some(consent) = consent {
            let stood = self.stood(patient, consent)?;
            all.retain(|one| match &one.origin {
                Origin::Recorded => one.consent.as_deref() == Some(consent),
                Origin::Audit { .. } => one.basis != Basis::Individual && (stood.0..=stood.1).contains(&one.day),
            });
        }
        visit.trail().shown += all.len() as u64;
        Ok(recipients(&all))
    }

    /// From when until when a consent of a patient stood.
    fn stood(&self, patient: &str, consent: &str) -> Result<(Day, Day), Error> {
        let message = "the patient has no such consent; name it as Consent/id";
        let unknown = || Refusal::new(Kind::NotFound, "not-found", message);
        let id = consent.strip_prefix("Consent/").ok_or_else(unknown)?;
        let now = self.inner.store.read("Consent", id, None)?.ok_or_else(unknown)?;
        let first = self.inner.store.vread("Consent", id, 1)?.map_or(now.updated, |first| first.updated);
        let says = Json::parse(&now.body).unwrap_or(Json::Null);
        if self.kid_of(patient) != Some(now.kid) {
            return Err(unknown().into());
        }
        let is_active = !now.deleted && says.text("status") == Some("active");
        let given = says.text("dateTime").and_then(Day::parse).unwrap_or(Day::at(first));
        Ok((given, if is_active { self.today() } else { Day::at(now.updated) }))
    }

    /// Suspends the patient's right for an agency or official. `until`: the last day of the time they named.
    pub fn suspend_accounting(
        &self,
        visit: &Visit,
        suspension: Suspension,
        until: Option<Day>,
    ) -> Result<Suspension, Error> {
        self.accountable(visit, Action::RecordDisclosure, &suspension.patient)?;
        let known = self.read_suspensions(&suspension.patient)?;
        let suspension = Suspension {
            id: self.fresh_id(),
            by: visit.principal().account.clone(),
            lifted: None,
            ..suspension.checked(until, self.today(), &known)?
        };
        self.keep(visit, suspension.write(), Expect::Absent)?;
        Ok(suspension)
    }

    /// Lifts a suspension today.
    pub fn resume_accounting(&self, visit: &Visit, patient: &str, id: &str) -> Result<Suspension, Error> {
        self.accountable(visit, Action::RecordDisclosure, patient)?;
        let all = self.documents_of(suspension::KIND, patient)?;
        let all = all.iter().filter_map(|document| Some((Suspension::read(document)?, document.version))).collect();
        let (mut suspension, version) = meant("suspension", id, all, |(one, _)| &one.id)?;
        suspension.lifted = suspension.lifted.or(Some(self.today()));
        self.keep(visit, suspension.write(), Expect::Version(version))?;
        Ok(suspension)
    }

    /// The suspensions of a patient, oldest first. For those who record.
    pub fn suspensions(&self, visit: &Visit, patient: &str) -> Result<Vec<Suspension>, Error> {
        self.accountable(visit, Action::RecordDisclosure, patient)?;
        self.read_suspensions(patient)
    }

    pub(super) fn read_suspensions(&self, patient: &str) -> Result<Vec<Suspension>, Error> {
        Ok(self.documents_of(suspension::KIND, patient)?.iter().filter_map(Suspension::read).collect())
    }

    fn all_of(&self, kid: Kid, patient: &str, from: Day) -> Result<Vec<Disclosure>, Error> {
        let mut all: Vec<_> = self.documents_of(KIND, patient)?.iter().filter_map(Disclosure::read).collect();
        all.extend(self.derived(kid, patient, from.begins())?);
        Ok(all)
    }

    /// Lets a visit at a patient's disclosures, or refuses; the audit will say whose they were.
    pub(crate) fn accountable(&self, visit: &Visit, action: Action, patient: &str) -> Result<Kid, Error> {
        visit.must_ask()?;
        let known = self.kid_of(patient);
        self.permit(visit, action, Class::Audit, known)?;
        let there = self.is_patient_shown(visit, patient)?;
        let Some(kid) = known.filter(|_| there) else {
            return Err(Refusal::new(Kind::NotFound, "not-found", format!("there is no Patient/{patient}")).into());
        };
        visit.trail().patients.insert(kid);
        Ok(kid)
    }

    /// Whether there is such a patient for a visit: who may not be seen is answered like who never was.
    fn is_patient_shown(&self, visit: &Visit, patient: &str) -> Result<bool, Error> {
        Ok(self.read(visit, "Patient", patient, None)?.is_some_and(|version| !version.deleted))
    }

    /// Leaves out what is about patients whom a visit may not see, and notes the others for the audit.
    pub(crate) fn retain_shown<T>(&self, visit: &Visit, all: &mut Vec<T>, whose: fn(&T) -> &str) -> Result<(), Error> {
        let mut known: HashMap<String, bool> = HashMap::new();
        for one in all.iter() {
            if !known.contains_key(whose(one)) {
                known.insert(whose(one).to_owned(), self.is_patient_shown(visit, whose(one))?);
            }
        }
        all.retain(|one| known.get(whose(one)) == Some(&true));
        let mut trail = visit.trail();
        trail.shown += all.len() as u64;
        trail.patients.extend(all.iter().filter_map(|one| self.kid_of(whose(one))));
        Ok(())
    }

    fn name_of(&self, patient: &str) -> Result<String, Error> {
        let Some(version) = self.inner.store.read("Patient", patient, None)? else { return Ok(String::new()) };
        let Ok(resource) = Json::parse(&version.body) else { return Ok(String::new()) };
        let Some(name) = resource.get("name").and_then(|names| names.items().first()) else { return Ok(String::new()) };
        if let Some(text) = name.text("text") {
            return Ok(text.replace(char::is_control, " "));
        }
        let given = name.get("given").map_or(&[][..], Json::items).iter().filter_map(Json::as_str);
        let words: Vec<&str> = given.chain(name.text("family")).collect();
        Ok(words.join(" ").replace(char::is_control, " "))
    }
}
