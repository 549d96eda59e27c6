//! Writing the audit: with the changes of a request in their own transaction, and for what it was shown before the answer
//! leaves.

use super::event::{Event, NAMED_MAX, Outcome};
use super::trail::one_line;
use crate::access::{Context, Principal, Purpose, Visit};
use crate::error::Error;
use crate::keys::patients::SHARED;
use crate::records::notes::Noted;
use crate::records::prepare::Prepared;
use crate::records::{Vault, Written};
use std::sync::Arc;

impl Vault {
    /// Ends a request: writes what it was shown, or that it was refused, and calls `done` when that is durable. Only then may
    /// the answer leave. A request whose changes have been written with their event already, and which was shown nothing
    /// else, is not written twice.
    ///
    /// `done` is called on the writer's thread, or on this one when nothing is to be written: it must be short, and may not
    /// write to the vault.
    pub fn close(&self, visit: &Visit, status: u16, done: Box<dyn FnOnce(Result<(), Error>) + Send>) {
        let Some(event) = visit.event(status).map(|event| self.marked(event)) else { return done(Ok(())) };
        visit.trail().is_closed = true;
        if event.outcome == Outcome::Served && visit.trail().told.is_some_and(|told| told >= event.shown) {
            return done(Ok(()));
        }
        match self.inner.store.seal_event(&event) {
            Ok(event) => {
                let event = Noted::Known(Arc::new(event));
                self.send(Vec::new(), Some(event), Box::new(|written| done(written.map(|_| ()))));
            }
            Err(fault) => done(Err(fault.into())),
        }
    }

    /// The event with the emergency said by which it came about: whoever broke the glass for one of its patients was there
    /// because of that (42 CFR 2.51(c)).
    pub(crate) fn marked(&self, event: Event) -> Event {
        let broken = self.inner.store.gate.glass.broken_by(&event.account, self.inner.store.clock.now());
        let Some(glass) = broken.into_iter().find(|glass| event.patients.contains(&glass.kid)) else { return event };
        let reason = if event.reason.is_empty() { glass.reason } else { event.reason };
        Event { purpose: Purpose::BreakGlass.code().to_owned(), reason, ..event }
    }

    /// Notes requests that nobody stands behind: without a token, or with one that is not good. One entry may stand for many
    /// of them ([`Context::times`]).
    pub fn note_strangers(&self, context: Context, status: u16, done: Box<dyn FnOnce(Result<(), Error>) + Send>) {
        self.close(&Visit::of(Principal::nobody(), Purpose::Operations, Some(context)), status, done);
    }

    /// [`Vault::close`], and waits for it.
    pub fn close_now(&self, visit: &Visit, status: u16) -> Result<(), Error> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        self.close(visit, status, Box::new(move |result| drop(answer.send(result))));
        answered.recv().unwrap_or_else(|_| Err(crate::records::ended().into()))
    }
}

impl Visit {
    /// The event of this request so far.
    fn event(&self, status: u16) -> Option<Event> {
        let bare = self.bare_event()?;
        let trail = self.trail();
        let outcome = match status {
            0..400 => Outcome::Served,
            400..500 => Outcome::Refused,
            _ => Outcome::Failed,
        };
        let mut event = Event {
            status,
            outcome,
            shown: trail.shown,
            changed: trail.changed,
            patients: trail.patients.iter().copied().collect(),
            about: trail.about.clone(),
            ..bare
        };
        if let [only] = event.about.as_slice()
            && *only == event.asked
        {
            event.asked.clear();
        }
        Some(event)
    }

    /// The event of changes that are about to be written, with all that was shown before.
    pub(crate) fn event_of(&self, changes: &[Prepared]) -> Option<Event> {
        let bare = self.bare_event()?;
        let trail = self.trail();
        let changed = changes.iter().map(|c| c.patient.kid).filter(|kid| *kid != SHARED);
        let mut patients: Vec<_> = changed.chain(trail.patients.iter().copied()).collect();
        patients.sort_unstable();
        patients.dedup();
        let mut about: Vec<_> =
            changes.iter().take(NAMED_MAX).map(|c| format!("{}/{}", c.resource_type, c.id)).collect();
        let room = NAMED_MAX - about.len();
        let shown: Vec<_> = trail.about.iter().filter(|shown| !about.contains(shown)).take(room).cloned().collect();
        about.extend(shown);
        Some(Event { changed: changes.len() as u64, shown: trail.shown, patients, about, ..bare })
    }

    fn bare_event(&self) -> Option<Event> {
        let (principal, context) = (self.principal(), self.context()?);
        let asked = one_line(&context.asked);
        let asked = match self.trail().asked().as_str() {
            "" => asked,
            more => format!("{asked}\n{more}"),
        };
        Some(Event {
            account: principal.account.clone(),
            roles: principal.roles.to_string(),
            purpose: self.purpose().code().to_owned(),
            place: context.place.clone(),
            asked,
            app: principal.app.clone().unwrap_or_default(),
            from: context.from.clone(),
            request: context.request.clone(),
            reason: context.reason.clone(),
            times: context.times,
            ..Event::new(self.trail().deed.unwrap_or(context.deed))
        })
    }

    /// Notes what was written; `told` is how much of what was shown stands in the event that was written with it.
    pub(crate) fn note_written(&self, written: &[Written], told: Option<u64>) {
        let mut trail = self.trail();
        let changed = trail.changed;
        for version in written.iter().filter_map(Written::version) {
            trail.change(version);
        }
        if trail.changed > changed {
            trail.told = trail.told.max(told);
        }
    }

    /// Tells this request from all others, as long as it lasts.
    pub(crate) fn number(&self) -> usize {
        Arc::as_ptr(&self.asked).addr()
    }
}
