//! Writing the audit: with the changes of a request in their own transaction, and for what it was shown before the answer
//! leaves.

use super::event::{Event, NAMED_MAX, Outcome};
use crate::access::Visit;
use crate::error::Error;
use crate::keys::patients::SHARED;
use crate::records::prepare::Prepared;
use crate::records::{Vault, Written};

impl Vault {
    /// Ends a request: writes what it was shown, or that it was refused, and calls `done` when that is durable. Only then may
    /// the answer leave. A request whose changes have been written with their event already, and which was shown nothing
    /// else, is not written twice.
    ///
    /// `done` is called on the writer's thread, or on this one when nothing is to be written: it must be short, and may not
    /// write to the vault.
    pub fn close(&self, visit: &Visit, status: u16, done: Box<dyn FnOnce(Result<(), Error>) + Send>) {
        let Some(event) = visit.event(status) else { return done(Ok(())) };
        if event.outcome == Outcome::Served && event.shown == 0 && event.changed > 0 {
            return done(Ok(()));
        }
        match self.inner.store.seal_event(&event) {
            Ok(event) => self.send(Vec::new(), Some(event), Box::new(|written| done(written.map(|_| ())))),
            Err(fault) => done(Err(fault.into())),
        }
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
        let trail = self.trail();
        let outcome = match status {
            0..400 => Outcome::Served,
            400..500 => Outcome::Refused,
            _ => Outcome::Failed,
        };
        Some(Event {
            status,
            outcome,
            shown: trail.shown,
            changed: trail.changed,
            patients: trail.patients.iter().copied().collect(),
            about: trail.about.clone(),
            ..self.bare_event()?
        })
    }

    /// The event of changes that are about to be written.
    pub(crate) fn event_of(&self, changes: &[Prepared]) -> Option<Event> {
        let trail: Vec<_> = self.trail().patients.iter().copied().collect();
        let mut patients: Vec<_> =
            changes.iter().map(|c| c.patient.kid).filter(|kid| *kid != SHARED).chain(trail).collect();
        patients.sort_unstable();
        patients.dedup();
        let about = changes.iter().take(NAMED_MAX).map(|c| format!("{}/{}", c.resource_type, c.id)).collect();
        Some(Event { changed: changes.len() as u64, patients, about, ..self.bare_event()? })
    }

    fn bare_event(&self) -> Option<Event> {
        let (principal, context) = (self.principal(), self.context()?);
        Some(Event {
            account: principal.account.clone(),
            roles: principal.roles.to_string(),
            purpose: self.purpose().code().to_owned(),
            place: context.place.clone(),
            asked: context.asked.clone(),
            app: principal.app.clone().unwrap_or_default(),
            from: context.from.clone(),
            request: context.request.clone(),
            reason: context.reason.clone(),
            ..Event::new(context.deed)
        })
    }

    /// Notes what was written.
    pub(crate) fn note_written(&self, written: &[Written]) {
        let mut trail = self.trail();
        for version in written.iter().filter_map(Written::version) {
            trail.change(version);
        }
    }
}
