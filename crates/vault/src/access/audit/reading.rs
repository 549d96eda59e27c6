//! Reading the audit: who looked at a patient's record, what somebody did, newest first. Reading it is in it, too.

use super::balp::{self, Around};
use super::event::{Deed, Event, Outcome};
use super::telling::{Naming, PATIENTS_MAX, limited};
use crate::access::{Action, Class, Visit};
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::log::leaf::Kind;
use crate::records::store::{Entry, altered, entries, wrapped_key};
use crate::records::{Position, Vault};
use crate::search::index::ListName;
use crate::search::rows::{AUDIT, Names, Sort};
use base::clock::Instant;
use fhir::json::Json;
use rusqlite::{Connection, OptionalExtension};

/// What to look for; everything that is said must hold.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Id of the patient whose information it was.
    pub patient: Option<String>,
    /// Account id of whoever did it.
    pub account: Option<String>,
    /// Not before.
    pub since: Option<Instant>,
    /// Not after.
    pub until: Option<Instant>,
    /// What was done.
    pub deed: Option<Deed>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Only events below this position: where the page before ended.
    pub below: Option<Position>,
    /// At most this many.
    pub count: usize,
    /// Most patients of one event that are named; `None`: [`PATIENTS_MAX`].
    pub names: Option<usize>,
}

impl Wanted {
    /// Whether an event that stands where it was looked for is one.
    fn fits(&self, event: &Event) -> bool {
        self.account.as_ref().is_none_or(|account| *account == event.account)
            && self.deed.is_none_or(|deed| deed == event.deed)
            && self.outcome.is_none_or(|outcome| outcome == event.outcome)
    }
}

/// One event, found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its place in the log.
    pub position: Position,
    /// When it was written.
    pub at: Instant,
    /// What happened.
    pub event: Event,
    /// The patients, as `Patient/1`: the one who was asked about, then the first others. One who was shredded is missing.
    pub patients: Vec<String>,
    /// The number of each of them in the ids of the event's AuditEvents.
    pub numbers: Vec<usize>,
    /// How many more there are.
    pub unnamed: usize,
}

impl Found {
    fn new(position: Position, at: Instant, event: Event) -> Found {
        Found { position, at, event, patients: Vec::new(), numbers: Vec::new(), unnamed: 0 }
    }

    /// Leaves one patient, as `Patient/1`.
    pub fn retain(&mut self, patient: &str) {
        let named = self.patients.iter().zip(&self.numbers).filter(|(known, _)| *known == patient);
        (self.patients, self.numbers) = named.map(|(known, number)| (known.clone(), *number)).unzip();
        self.unnamed = 0;
    }
}

/// A page of events.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Newest first.
    pub found: Vec<Found>,
    /// Where the next page begins, if something is left.
    pub next: Option<Position>,
    /// Whoever asked may know who saw this patient's information and why, and nothing about others.
    pub is_limited: bool,
}

/// Whose account an event is of, as it is called now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The name people know.
    pub name: String,
    /// What it stands for in the record, such as `Practitioner/7`.
    pub stands_for: Option<String>,
}

impl Vault {
    /// Refuses a visit that may not read the whole audit, as those do who review it.
    pub fn check_reviews_audit(&self, visit: &Visit) -> Result<(), Error> {
        self.permit(visit, Action::AuditRead, Class::Audit, None)
    }

    /// Reads the audit. Refused to whoever may not; somebody who may read it for one patient only must name that patient.
    pub fn audit(&self, visit: &Visit, wanted: &Wanted) -> Result<Page, Error> {
        visit.must_ask()?;
        let kid = wanted.patient.as_deref().map(|id| self.kid_of(id));
        self.permit(visit, Action::AuditRead, Class::Audit, kid.flatten())?;
        visit.trail().patients.extend(kid.flatten());
        let (store, head) = (&self.inner.store, self.head());
        store.index.wait_for(head)?;
        let below = wanted.below.unwrap_or(head).min(head);
        let (from, to) = (self.first_at(wanted.since)?, self.first_after(wanted.until)?.min(below.0));
        let mut positions = match kid {
            Some(None) => Vec::new(),
            kid => self.listed(kid.flatten(), wanted.account.as_deref(), head)?,
        };
        positions.retain(|&position| (from..to).contains(&u64::from(position)));
        let open = self.open_audits(visit)?;
        let mut page = Page { is_limited: open.is_limited(), ..Page::default() };
        let mut naming = Naming::new(wanted.names.unwrap_or(PATIENTS_MAX));
        store.readers.with(|db| {
            for &position in positions.iter().rev() {
                if page.found.len() == wanted.count {
                    page.next = page.found.last().map(|found| found.position);
                    break;
                }
                let Some((at, event)) = self.event_at(db, u64::from(position))? else { continue };
                if wanted.fits(&event) {
                    let found = Found::new(Position(position.into()), at, event);
                    page.found.extend(self.told(db, found, (kid.flatten(), &open), &mut naming)?);
                }
            }
            Ok::<_, Error>(())
        })?;
        Ok(page)
    }

    /// The event at a position, for its AuditEvent of that number: that of one of its patients. `None`: there is none, or it
    /// is not about a patient whose audit is open to the visit. Who may see only that of some patients counts these alone,
    /// and gets the event with no others.
    pub fn audit_entry(
        &self,
        visit: &Visit,
        position: Position,
        number: usize,
    ) -> Result<Option<(Found, bool)>, Error> {
        visit.must_ask()?;
        let open = self.open_audits(visit)?;
        let found = self.inner.store.readers.with(|db| {
            let Some((at, event)) = self.event_at(db, position.0)? else { return Ok(None) };
            let shown = open.of(&event);
            let kid = shown.get(number).copied();
            if kid.is_none() && (open.is_limited() || number > 0 || !shown.is_empty()) {
                return Ok(None);
            }
            visit.trail().patients.extend(kid);
            let mut found = self.told(db, Found::new(position, at, event), (kid, &open), &mut Naming::new(1))?;
            if let Some(found) = &mut found {
                (found.event.patients, found.unnamed) = (kid.into_iter().collect(), 0);
            }
            Ok::<_, Error>(found)
        })?;
        Ok(found.map(|found| (found, open.is_limited())))
    }

    /// The events since a moment in which an app was shown something of a patient, oldest first.
    pub(crate) fn app_events(&self, kid: Kid, since: Instant) -> Result<Vec<(u64, Instant, Event)>, Error> {
        let (store, head) = (&self.inner.store, self.head());
        store.index.wait_for(head)?;
        let (from, mut found) = (self.first_at(Some(since))?, Vec::new());
        let positions = self.listed(Some(kid), None, head)?;
        store.readers.with(|db| {
            for position in positions.into_iter().map(u64::from).filter(|&position| position >= from) {
                let Some((at, event)) = self.event_at(db, position)? else { continue };
                if !event.app.is_empty() && event.outcome == Outcome::Served && event.shown > 0 {
                    found.push((position, at, event));
                }
            }
            Ok::<_, Error>(())
        })?;
        Ok(found)
    }

    /// Who an account is; nothing is known of one that is not here, such as the operator.
    pub fn who(&self, account: &str) -> Result<Who, Error> {
        let account = if account.is_empty() { None } else { self.account(account)? };
        let who =
            account.map(|account| Who { name: account.name.clone(), stands_for: account.stands_for.first().cloned() });
        Ok(who.unwrap_or_default())
    }

    /// The AuditEvents of an event (IHE BALP), one a patient. With `is_limited` each says nothing of others.
    #[must_use]
    pub fn audit_events(&self, found: &Found, who: &Who, is_limited: bool) -> Vec<Json<'static>> {
        let around = Around {
            position: found.position.0,
            recorded: Some(found.at),
            name: who.name.clone(),
            stands_for: who.stands_for.clone(),
            patients: found.patients.clone(),
            numbers: found.numbers.clone(),
            unnamed: found.unnamed,
            origin: self.inner.store.signer.origin().to_owned(),
        };
        if !is_limited {
            return balp::audit_events(&found.event, &around);
        }
        let event = Event { about: Vec::new(), ..limited(found.event.clone()) };
        balp::audit_events(&event, &around)
    }

    /// Positions of events, ascending: of a patient, of an account, of both, or all.
    fn listed(&self, patient: Option<Kid>, account: Option<&str>, head: Position) -> Result<Vec<u32>, Error> {
        let reading = self.inner.store.index.reading(u32::try_from(head.0).unwrap_or(u32::MAX))?;
        let mut names = Names::new(reading.hasher());
        let of_patient = patient.map(|kid| names.local(AUDIT, i64::from(kid)));
        let of_account = account.map(|account| names.list(AUDIT, Sort::Code, &[account]));
        let list = |hash| {
            let mut positions = Vec::new();
            reading.list(ListName::plain(hash), &mut positions)?;
            positions.sort_unstable();
            Ok::<_, Error>(positions)
        };
        match (of_patient, of_account) {
            (Some(patient), Some(account)) => {
                let (mut positions, of_account) = (list(patient)?, list(account)?);
                positions.retain(|position| of_account.binary_search(position).is_ok());
                Ok(positions)
            }
            (Some(one), None) | (None, Some(one)) => list(one),
            (None, None) => list(names.list(AUDIT, Sort::Any, &[""])),
        }
    }

    fn event_at(&self, db: &Connection, position: u64) -> Result<Option<(Instant, Event)>, Error> {
        let mut find = db.prepare_cached(entries!("WHERE pos = ?"))?;
        let Some(mut entry) = find.query_row([position.cast_signed()], Entry::of).optional()? else { return Ok(None) };
        if entry.kind != Some(Kind::Access) || entry.body.is_empty() {
            return Ok(None);
        }
        let Some(text) = self.inner.store.open(db, &mut entry)? else { return Ok(None) };
        let event = Event::read(&text).ok_or_else(|| altered(position))?;
        Ok(Some((Instant(entry.at), event)))
    }

    /// `Patient/1` of a data key; `None` when it was destroyed or no Patient resource is here.
    pub(crate) fn patient_of(&self, db: &Connection, kid: Kid) -> Result<Option<String>, Error> {
        let Some((owner, _)) = wrapped_key(db, kid)? else { return Ok(None) };
        let mut find =
            db.prepare_cached(entries!("WHERE key = ? AND key <> 0 AND kind = 0 ORDER BY pos DESC LIMIT 1"))?;
        let Some(entry) = find.query_row([owner], Entry::of).optional()? else { return Ok(None) };
        let version = self.inner.store.version(db, entry)?;
        Ok(version.map(|version| format!("{}/{}", version.resource_type, version.id)))
    }

    fn first_at(&self, since: Option<Instant>) -> Result<u64, Error> {
        since.map_or(Ok(0), |since| Ok(self.position_at(Instant(since.0.saturating_sub(1)))?.0))
    }

    fn first_after(&self, until: Option<Instant>) -> Result<u64, Error> {
        until.map_or(Ok(u64::MAX), |until| Ok(self.position_at(until)?.0))
    }
}
