//! Breaking the glass: opening one patient's chart in an emergency, with a reason, for some hours
//! (45 CFR 164.312(a)(2)(ii)). Each is a document in the log and an event of the audit; a privacy officer reviews it.

use super::audit::Deed;
use super::private::Document;
use super::{Action, Class, Visit};
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::records::{Expect, Vault, Version};
use crate::search::Page;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::search::query::parse;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How long a broken glass stays open.
pub const HOURS: i64 = 4;

/// A reason shorter than this says nothing.
const REASON_CHARS_MIN: usize = 10;

/// Patients who fit a name that are looked at; with more of them nobody was named.
const FITTING_MAX: usize = 50;

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
    /// The whole family name, however its letters are written.
    pub family: &'n str,
    /// Day of birth, `1970-01-01`.
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
    pub fn break_glass(&self, visit: &Visit, patient: &str, reason: &str) -> Result<Glass, Error> {
        self.permit(visit, Action::BreakGlass, Class::Identity, None)?;
        let reason = said(reason)?;
        let store = &self.inner.store;
        let there = store.read("Patient", patient, None)?.is_some_and(|version| !version.deleted);
        let Some(kid) = self.kid_of(patient).filter(|_| there) else {
            let message = format!("there is no Patient/{patient}");
            return Err(Refusal::new(Kind::NotFound, "not-found", message).into());
        };
        let from = store.clock.now();
        let glass = Glass {
            id: self.fresh_id(),
            account: visit.principal().account.clone(),
            patient: patient.to_owned(),
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

    /// [`Vault::break_glass`] for a patient whose id is not known. Who fits is told only by opening the chart, with the reason.
    pub fn break_glass_for(&self, visit: &Visit, named: Named<'_>, reason: &str) -> Result<Glass, Error> {
        self.permit(visit, Action::BreakGlass, Class::Identity, None)?;
        let reason = said(reason)?;
        let patient = self.whoever_is(named)?;
        self.break_glass(visit, &patient, reason)
    }

    /// The id of the one patient who is named.
    fn whoever_is(&self, named: Named<'_>) -> Result<String, Error> {
        let pairs = match (named.number, named.family, named.born) {
            ("", "", _) | ("", _, "") => {
                let message = "name the patient by the record number, or by family name and day of birth";
                return Err(Refusal::new(Kind::Invalid, "required", message).into());
            }
            ("", family, born) => vec![("family", family), ("birthdate", born)],
            (number, ..) => vec![("identifier", number)],
        };
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (name.to_owned(), quoted(value))).collect();
        let query = parse(Some("Patient"), &pairs, true, self.clock().now())?;
        // The search is the gate's own: nothing of it is shown, but whom the broken glass opens.
        let found = self.search(&Visit::operator(), &query, &Page { count: FITTING_MAX, ..Page::default() })?;
        let fits = |version: &&Version| !named.number.is_empty() || has_family(version, named.family);
        let fitting: Vec<&Version> = found.matches.iter().filter(fits).collect();
        match fitting.as_slice() {
            [one] => Ok(one.id.clone()),
            [] => Err(Refusal::new(Kind::Invalid, "not-found", "no patient fits exactly; look at the spelling").into()),
            _ => {
                Err(Refusal::new(Kind::Invalid, "multiple-matches", "several patients fit; use the record number")
                    .into())
            }
        }
    }

    /// All that were ever broken, newest first; for whoever may read the audit.
    pub fn glasses(&self, visit: &Visit) -> Result<Vec<Glass>, Error> {
        self.permit(visit, Action::AuditRead, Class::Audit, None)?;
        let mut all = self.read_glasses()?;
        all.reverse();
        Ok(all)
    }

    /// Notes what a privacy officer found.
    pub fn review_glass(&self, visit: &Visit, id: &str, finding: &str) -> Result<(), Error> {
        self.permit(visit, Action::AuditRead, Class::Audit, None)?;
        let found = self.document(DOCUMENT, id)?;
        let Some((document, mut glass)) = found.and_then(|d| self.read_glass(&d).map(|glass| (d, glass))) else {
            return Err(Refusal::new(Kind::NotFound, "not-found", "there is no such entry to review").into());
        };
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

/// Whether a patient has this family name.
fn has_family(version: &Version, family: &str) -> bool {
    let Ok(patient) = Json::parse(&version.body) else { return false };
    let names = patient.get("name").map_or(&[][..], Json::items);
    names.iter().filter_map(|name| name.text("family")).any(|name| name.to_lowercase() == family.to_lowercase())
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
