//! Breaking the glass: opening one patient's chart in an emergency, with a reason, for some hours
//! (45 CFR 164.312(a)(2)(ii)). Each is a document in the log and an event of the audit; a privacy officer reviews it.

use super::accounts::throttle::{Own, Try};
use super::audit::Deed;
use super::private::Document;
use super::{Action, Class, Visit};
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::records::{Expect, Vault};
use crate::search::Page;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::calendar;
use fhir::json::Json;
use fhir::search::query::parse;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How long a broken glass stays open.
pub const HOURS: i64 = 4;

/// A reason shorter than this says nothing.
const REASON_CHARS_MIN: usize = 10;

/// Patients who fit that are looked at: with a second one nobody was named.
const FITTING_MAX: usize = 2;

const DOCUMENT: &str = "x-glass";
const HOUR_MS: i64 = 3_600_000;

/// A glass that somebody broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glass {
    /// Its id.
    pub id: String,
    /// Who broke it: account id.
    pub account: String,
    /// Whose chart: the id of the patient.
    pub patient: String,
    /// Why.
    pub reason: String,
    /// When.
    pub from: Instant,
    /// Until when the chart stays open.
    pub until: Instant,
    /// The privacy officer who reviewed it, and what they found.
    pub reviewed: Option<(String, String)>,
    pub(crate) kid: Kid,
}

/// A patient, named as exactly as somebody can who may not see the chart: the record number, or family name and day of birth.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'n> {
    /// An identifier's value.
    pub number: &'n str,
    /// The whole family name, letter for letter as it stands in the record.
    pub family: &'n str,
    /// Day of birth, whole: `1970-01-01`.
    pub born: &'n str,
}

/// Those that are open now.
#[derive(Default)]
pub(crate) struct Broken {
    now: RwLock<Option<Vec<Glass>>>,
    generation: AtomicU64,
}

impl Broken {
    /// A number that grows whenever a glass is broken.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Those of an account that are open.
    pub fn broken_by(&self, account: &str, now: Instant) -> Vec<Glass> {
        let all = self.now.read();
        let open = all.iter().flatten().filter(|glass| glass.account == account && now < glass.until);
        open.cloned().collect()
    }
}

impl Vault {
    /// Opens one patient's chart to the visit, for [`HOURS`]. The reason is kept, the patient and the privacy officer see it.
    /// Refuses with `Unavailable` whoever names people too often who are none.
    pub fn break_glass(&self, visit: &Visit, patient: &str, reason: &str) -> Result<Glass, Error> {
        self.tried_for(visit, reason, || {
            let there = self.inner.store.read("Patient", patient, None)?.is_some_and(|version| !version.deleted);
            let kid = self.kid_of(patient).filter(|_| there);
            let message = format!("there is no Patient/{patient}");
            let kid = kid.ok_or_else(|| Refusal::new(Kind::NotFound, "not-found", message))?;
            Ok((patient.to_owned(), kid))
        })
    }

    /// [`Vault::break_glass`] for a patient whose id is not known. Who fits is told only by opening the chart, with the reason;
    /// that nobody fits, or several do, is one answer: it tells nobody who is a patient here.
    pub fn break_glass_for(&self, visit: &Visit, named: Named<'_>, reason: &str) -> Result<Glass, Error> {
        let pairs = named.pairs()?;
        self.tried_for(visit, reason, || {
            let one = self.whoever_is(&pairs)?;
            let named = one.and_then(|patient| self.kid_of(&patient).map(|kid| (patient, kid)));
            Ok(named.ok_or_else(nobody)?)
        })
    }

    /// Breaks the glass of the patient whom `find` names. Each try is counted before it is made, like one to sign in.
    fn tried_for(
        &self,
        visit: &Visit,
        reason: &str,
        find: impl FnOnce() -> Result<(String, Kid), Error>,
    ) -> Result<Glass, Error> {
        self.permit(visit, Action::BreakGlass, Class::Identity, None)?;
        let reason = said(reason)?;
        let throttle = &self.inner.store.gate.accounts.throttle;
        let tried = Try::Owner(&visit.principal().account, Own::Glass);
        throttle.begin(self.clock().now(), &tried).map_err(too_often)?;
        let (patient, kid) = find()?;
        throttle.succeed(&tried);
        self.open_chart(visit, patient, kid, reason)
    }

    fn open_chart(&self, visit: &Visit, patient: String, kid: Kid, reason: &str) -> Result<Glass, Error> {
        let from = self.clock().now();
        let glass = Glass {
            id: self.fresh_id(),
            account: visit.principal().account.clone(),
            patient,
            reason: reason.to_owned(),
            from,
            until: Instant(from.0.saturating_add(HOURS * HOUR_MS)),
            reviewed: None,
            kid,
        };
        self.keep(&visit.doing(Deed::BreakGlass, reason, kid), glass.write(), Expect::Absent)?;
        self.remember_glass(&glass)?;
        // That is this request's entry.
        let mut trail = visit.trail();
        trail.told = trail.told.max(Some(trail.shown));
        drop(trail);
        Ok(glass)
    }

    /// The id of the one patient who is named; `None` where there is none or several.
    fn whoever_is(&self, pairs: &[(String, String)]) -> Result<Option<String>, Error> {
        let query = parse(Some("Patient"), pairs, true, self.clock().now())?;
        // The search is the gate's own: nothing of it is shown, but whom the broken glass opens.
        let found = self.search(&Visit::operator(), &query, &Page { count: FITTING_MAX, ..Page::default() })?;
        match found.matches.as_slice() {
            [one] => Ok(Some(one.id.clone())),
            _ => Ok(None),
        }
    }

    /// All that were ever broken, newest first; for whoever may read the audit.
    pub fn glasses(&self, visit: &Visit) -> Result<Vec<Glass>, Error> {
        self.permit(visit, Action::AuditRead, Class::Audit, None)?;
        let mut all = self.read_glasses()?;
        all.reverse();
        Ok(all)
    }

    /// Notes what a privacy officer found: once, and not of a glass of their own.
    pub fn review_glass(&self, visit: &Visit, id: &str, finding: &str) -> Result<(), Error> {
        self.permit(visit, Action::AuditRead, Class::Audit, None)?;
        let found = self.document(DOCUMENT, id)?;
        let Some((document, mut glass)) = found.and_then(|d| self.read_glass(&d).map(|glass| (d, glass))) else {
            return Err(Refusal::new(Kind::NotFound, "not-found", "there is no such entry to review").into());
        };
        if glass.reviewed.is_some() {
            let message = "it has been reviewed, and a review stays as it is; talk to whoever wrote it";
            return Err(Refusal::new(Kind::Conflict, "conflict", message).into());
        }
        if glass.account == visit.principal().account {
            let message = "you broke this glass yourself; somebody else has to review it";
            return Err(Refusal::new(Kind::Forbidden, "forbidden", message).into());
        }
        glass.reviewed = Some((visit.principal().account.clone(), finding.trim().to_owned()));
        self.keep(visit, glass.write(), Expect::Version(document.version))
    }

    /// Reads those that are open, once, at the first question.
    pub(crate) fn know_glass(&self) -> Result<(), Error> {
        let broken = &self.inner.store.gate.glass;
        if broken.now.read().is_none() {
            let all = self.read_glasses()?;
            let mut now = broken.now.write();
            if now.is_none() {
                *now = Some(all);
                broken.generation.fetch_add(1, Ordering::AcqRel);
            }
        }
        Ok(())
    }

    fn remember_glass(&self, glass: &Glass) -> Result<(), Error> {
        self.know_glass()?;
        let broken = &self.inner.store.gate.glass;
        let mut all = broken.now.write();
        let now = self.inner.store.clock.now();
        let all = all.get_or_insert_default();
        all.retain(|other| now < other.until && other.id != glass.id);
        all.push(glass.clone());
        broken.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn read_glasses(&self) -> Result<Vec<Glass>, Error> {
        Ok(self.documents(DOCUMENT)?.iter().filter_map(|document| self.read_glass(document)).collect())
    }

    fn read_glass(&self, document: &Document) -> Option<Glass> {
        let says = &document.says;
        let moment = |name: &str| Instant::parse(says.text(name)?);
        let reviewed = says.text("reviewedBy").zip(says.text("finding"));
        Some(Glass {
            id: document.id.clone(),
            account: says.text("account")?.to_owned(),
            patient: says.text("patient")?.to_owned(),
            reason: says.text("reason")?.to_owned(),
            from: moment("from")?,
            until: moment("until")?,
            reviewed: reviewed.map(|(who, what)| (who.to_owned(), what.to_owned())),
            kid: self.kid_of(says.text("patient")?)?,
        })
    }
}

/// A reason that says something.
fn said(reason: &str) -> Result<&str, Refusal> {
    let reason = reason.trim();
    if reason.chars().count() < REASON_CHARS_MIN {
        let message =
            format!("say why in at least {REASON_CHARS_MIN} characters: the patient and the privacy officer read it");
        return Err(Refusal::new(Kind::Invalid, "required", message));
    }
    Ok(reason)
}

/// A value whose marks mean nothing to a search (R4 search section 3.1.1.4.0.2).
fn quoted(value: &str) -> String {
    let mark = |c: char| matches!(c, '\\' | ',' | '|' | '$').then_some('\\');
    value.chars().flat_map(|c| mark(c).into_iter().chain([c])).collect()
}

/// Whether a text is a whole day, without a word before it that a search would understand.
fn is_day(text: &str) -> bool {
    let is_shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    is_shaped && calendar::span(text).is_some()
}

fn nobody() -> Refusal {
    let message = "nobody fits exactly, or several people do; look at the spelling, or use the record number";
    Refusal::new(Kind::Invalid, "not-found", message)
}

fn too_often(wait_ms: i64) -> Refusal {
    let seconds = (wait_ms + 999) / 1_000;
    let message = format!("you named too many people who are no patients; wait {seconds} seconds, then try again");
    Refusal::new(Kind::Unavailable, "throttled", message)
}

impl Named<'_> {
    /// What is searched for. Refuses what could fit more than one by its form: a year, a month, the beginning of a name.
    fn pairs(&self) -> Result<Vec<(String, String)>, Refusal> {
        let pair = |name: &str, value: &str| (name.to_owned(), quoted(value));
        match (self.number.trim(), self.family.trim(), self.born.trim()) {
            ("", "", _) | ("", _, "") => {
                let message = "name the patient by the record number, or by family name and day of birth";
                Err(Refusal::new(Kind::Invalid, "required", message))
            }
            ("", family, born) if is_day(born) => Ok(vec![pair("family:exact", family), pair("birthdate", born)]),
            ("", ..) => {
                let message = "the day of birth is not whole; write year, month and day, as 1970-01-31";
                Err(Refusal::new(Kind::Invalid, "invalid", message))
            }
            (number, ..) => Ok(vec![pair("identifier", number)]),
        }
    }
}

impl Glass {
    fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let mut members = vec![
            ("resourceType", text(DOCUMENT)),
            ("id", text(&self.id)),
            ("account", text(&self.account)),
            ("patient", text(&self.patient)),
            ("reason", text(&self.reason)),
            ("from", text(&self.from.to_string())),
            ("until", text(&self.until.to_string())),
        ];
        if let Some((who, finding)) = &self.reviewed {
            members.extend([("reviewedBy", text(who)), ("finding", text(finding))]);
        }
        Json::object(members)
    }
}
