//! Requests for accountings: asked, put off, paid for, given, taken back.

use super::keeping::Ask;
use super::request::KIND;
use super::{Accounting, Day, Period, Request, letter, meant, wrong};
use crate::access::{Action, Class, Visit};
use crate::error::Error;
use crate::records::{Expect, Vault};

/// Requests of one patient that may wait at a time.
const OPEN_MAX: usize = 10;

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is put off, with the reasons told in writing; without a day as long as the law permits.
    Extend(Option<Day>, String),
    /// A fee was told, in cents.
    Charge(u64),
    /// The patient agrees to a fee of so many cents.
    Agree(u64),
    /// The patient takes it back.
    Withdraw,
}

impl Vault {
    /// Keeps a request for an accounting, asked for today. The clock runs from now.
    pub fn request_accounting(&self, visit: &Visit, patient: &str, ask: Ask) -> Result<Request, Error> {
        self.accountable(visit, Action::Account, patient)?;
        let open = self.read_requests(patient)?.iter().filter(|request| request.is_open()).count();
        if open >= OPEN_MAX {
            return Err(wrong(format!(
                "{open} requests of this patient wait for their answer already; take one back, or wait for the answers"
            ))
            .into());
        }
        let request = self.fresh_request(visit, patient, ask)?;
        self.keep(visit, request.write(), Expect::Absent)?;
        Ok(request)
    }

    fn fresh_request(&self, visit: &Visit, patient: &str, ask: Ask) -> Result<Request, Error> {
        Ok(Request {
            id: self.fresh_id(),
            patient: patient.to_owned(),
            law: ask.law,
            period: Period::of(ask.law, self.today(), ask.from, ask.until)?,
            filed: self.clock().now(),
            by: visit.principal().account.clone(),
            extension: None,
            fee: None,
            ended: None,
        })
    }

    /// Takes a step with a request. Fees and extensions are the house's to note, agreeing and withdrawing the patient's, too.
    pub fn step_request(&self, visit: &Visit, patient: &str, id: &str, step: &Step) -> Result<Request, Error> {
        let action = match step {
            Step::Extend(..) | Step::Charge(_) => Action::RecordDisclosure,
            Step::Agree(_) | Step::Withdraw => Action::Account,
        };
        self.accountable(visit, action, patient)?;
        let (mut request, version) = self.request_of(patient, id)?;
        let today = self.today();
        match step {
            Step::Extend(until, reason) => request.extend(today, *until, reason)?,
            Step::Charge(cents) => request.charge(today, *cents, &self.read_requests(patient)?)?,
            Step::Agree(cents) => request.agree(today, *cents)?,
            Step::Withdraw => request.withdraw(today)?,
        }
        self.keep(visit, request.write(), Expect::Version(version))?;
        Ok(request)
    }

    /// Gives an accounting: for a request, or at once without one. What was given is kept with it (45 CFR 164.528(d)(2)).
    pub fn provide_accounting(
        &self,
        visit: &Visit,
        patient: &str,
        ask: Ask,
        request: Option<&str>,
    ) -> Result<(Accounting, Request), Error> {
        let kid = self.accountable(visit, Action::RecordDisclosure, patient)?;
        let (mut request, expect) = match request {
            Some(id) => {
                let (request, version) = self.request_of(patient, id)?;
                (request, Expect::Version(version))
            }
            None => (self.fresh_request(visit, patient, ask)?, Expect::Absent),
        };
        let accounting = self.account_for(kid, patient, request.law, request.period)?;
        let by = &visit.principal().account;
        request.provide(self.today(), by, &letter::letter(&accounting))?;
        visit.trail().shown += accounting.listed.len() as u64;
        self.keep(visit, request.write(), expect)?;
        Ok((accounting, request))
    }

    /// The requests of a patient, oldest first.
    pub fn accounting_requests(&self, visit: &Visit, patient: &str) -> Result<Vec<Request>, Error> {
        self.accountable(visit, Action::Account, patient)?;
        self.read_requests(patient)
    }

    /// All requests that wait for their answer, the one due first at the top. For those who answer them.
    pub fn open_accounting_requests(&self, visit: &Visit) -> Result<Vec<Request>, Error> {
        self.permit(visit, Action::RecordDisclosure, Class::Audit, None)?;
        let mut all: Vec<_> = self.documents(KIND)?.iter().filter_map(Request::read).collect();
        all.retain(Request::is_open);
        all.sort_by_key(|request| (request.due(), request.id.clone()));
        self.retain_shown(visit, &mut all, |request| &request.patient)?;
        Ok(all)
    }

    fn read_requests(&self, patient: &str) -> Result<Vec<Request>, Error> {
        Ok(self.documents_of(KIND, patient)?.iter().filter_map(Request::read).collect())
    }

    fn request_of(&self, patient: &str, id: &str) -> Result<(Request, u64), Error> {
        let all = self.documents_of(KIND, patient)?;
        let all = all.iter().filter_map(|document| Some((Request::read(document)?, document.version))).collect();
        Ok(meant("request", id, all, |(request, _)| &request.id)?)
    }
}
