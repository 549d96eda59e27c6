//! What the audit keeps of a group of submissions, written in the same transaction as their changes: one entry a request,
//! however many of its changes the group has.

use super::Written;
use super::desk::{Desk, Group};
use super::prepare::Sealing;
use crate::access::audit::{Deed, Event, NAMED_MAX};
use crate::error::Fault;
use std::sync::Arc;

/// What the audit keeps of one submission.
pub(crate) enum Noted {
    /// It is known already, and sealed by whoever asked: nothing about it depends on what is written.
    Known(Arc<Sealing>),
    /// It waits for what becomes of the changes.
    Waits {
        /// Tells requests from each other while they last.
        request: usize,
        /// What is known so far.
        event: Box<Event>,
    },
}

/// What a group has to tell.
#[derive(Default)]
pub(crate) struct Notes {
    known: Vec<Arc<Sealing>>,
    changes: Vec<(usize, Event)>,
}

impl Notes {
    /// Takes what is to be kept of a submission that came to this. One that changed nothing leaves its event to the end of
    /// its request.
    pub fn take(&mut self, noted: &Noted, written: &[Written]) {
        match noted {
            Noted::Known(sealing) => self.known.push(Arc::clone(sealing)),
            Noted::Waits { request, event } => {
                let changed = written.iter().filter(|written| written.version().is_some()).count() as u64;
                if changed == 0 {
                    return;
                }
                let mut event = Event { changed, ..Event::clone(event) };
                event.status = status(&event, written);
                match self.changes.iter_mut().find(|(known, _)| *known == *request) {
                    Some((_, first)) => merge(first, event),
                    None => self.changes.push((*request, event)),
                }
            }
        }
    }

    /// Appends everything to the log.
    pub fn append(self, desk: &mut Desk, group: &mut Group) -> Result<(), Fault> {
        for (_, event) in self.changes {
            let sealing = desk.store.seal_event(&event)?;
            desk.append_access(&sealing, group)?;
        }
        self.known.iter().try_for_each(|sealing| desk.append_access(sealing, group).map(|_| ()))
    }
}

/// The status that the answer will have; 0 where it is not asked over HTTP, where every request has an id.
fn status(event: &Event, written: &[Written]) -> u16 {
    match (event.request.is_empty(), event.deed, written) {
        (true, ..) => 0,
        (_, Deed::Create | Deed::Update, [Written::Created(_)]) => 201,
        (_, Deed::Delete, _) => 204,
        _ => 200,
    }
}

/// Adds the changes of one request to what it changed before.
fn merge(first: &mut Event, more: Event) {
    first.changed += more.changed;
    first.shown = first.shown.max(more.shown);
    first.patients.extend(more.patients);
    first.patients.sort_unstable();
    first.patients.dedup();
    let room = NAMED_MAX.saturating_sub(first.about.len());
    first.about.extend(more.about.into_iter().take(room));
}
