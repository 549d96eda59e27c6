//! What programs of outside recipients read, as the audit has it: one disclosure a program and day.

use super::{Basis, Channel, Day, Disclosure, Origin, suspension};
use crate::access::apps::{App, Reach};
use crate::access::audit::Event;
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::records::Vault;
use base::clock::Instant;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

/// What an app read, before the types.
const READ: &str = "read by an app: ";

/// The same where no type is known.
const PARTS: &str = "parts of the chart, read by an app";

/// What stands for those beside types that are known; it comes after them in order.
const OTHER_PARTS: &str = "other parts of the chart";

impl Vault {
    /// What was disclosed of a patient by letting apps read that are not the hospital's own, oldest first.
    pub(super) fn derived(&self, kid: Kid, patient: &str, since: Instant) -> Result<Vec<Disclosure>, Error> {
        let mut by_app_and_day: BTreeMap<(Day, String), Disclosure> = BTreeMap::new();
        for (position, at, event) in self.app_events(kid, since)? {
            let Some(app) = self.app(&event.app)? else { continue };
            let Some(basis) = ground(&app) else { continue };
            let day = Day::at(at);
            let one = match by_app_and_day.entry((day, event.app.clone())) {
                Entry::Occupied(held) => {
                    let one = held.into_mut();
                    one.times += 1;
                    one
                }
                Entry::Vacant(room) => room.insert(first(&app, patient, day, basis)),
            };
            note(one, kid, &event, position);
        }
        Ok(by_app_and_day.into_values().map(described).collect())
    }

    /// The apps, by client id, of whose reading a patient may be told nothing today: what the audit has of it must not say
    /// what the accounting keeps back.
    pub(crate) fn quiet_apps(&self, patient: &str) -> Result<HashSet<String>, Error> {
        let (today, suspensions) = (self.today(), self.read_suspensions(patient)?);
        let is_quiet = |app: &App| {
            let basis = ground(app);
            basis.is_some_and(|basis| suspension::is_untold(&first(app, patient, today, basis), &suspensions, today))
        };
        Ok(self.apps()?.iter().filter(|app| is_quiet(app)).map(|app| app.id.clone()).collect())
    }
}

/// The legal ground of what an app gets; `None`: the hospital's own, nothing leaves the house.
fn ground(app: &App) -> Option<Basis> {
    match app.registration.reach {
        Reach::House => None,
        Reach::Patient => Some(Basis::Individual),
        // Registering demands one; what has none is listed, on the safe side.
        Reach::Outside => Some(app.registration.basis.unwrap_or(Basis::Impermissible)),
    }
}

fn first(app: &App, patient: &str, day: Day, basis: Basis) -> Disclosure {
    Disclosure {
        recipient: app.name().to_owned(),
        address: app.registration.address.clone(),
        purpose: basis.words().to_owned(),
        channel: Channel::App,
        origin: Origin::Audit { app: app.id.clone(), entries: Vec::new() },
        ..Disclosure::new(patient, day, basis)
    }
}

/// Adds an event: its place, and what of the patient's it showed. Where others' information was shown with it, what is
/// named may be theirs, and only the place is added.
fn note(one: &mut Disclosure, kid: Kid, event: &Event, position: u64) {
    if let Origin::Audit { entries, .. } = &mut one.origin {
        entries.push(position);
    }
    for about in event.about.iter().filter(|_| event.patients == [kid]) {
        if !one.resources.contains(about) {
            one.resources.push(about.clone());
        }
    }
}

fn described(mut one: Disclosure) -> Disclosure {
    let mut types: Vec<&str> = one.resources.iter().filter_map(|about| about.split('/').next()).collect();
    types.sort_unstable();
    types.dedup();
    one.what = match types.as_slice() {
        [] => PARTS.to_owned(),
        types => format!("{READ}{}", types.join(", ")),
    };
    // Which ones they were is for those who may read the audit.
    one.resources.clear();
    one
}

/// What two disclosures of one series were, in one line: the types that an app read on either day. Of recorded ones the
/// words are the same.
pub(super) fn together(one: &str, other: &str) -> String {
    let types = |what: &str| match what.strip_prefix(READ) {
        Some(types) => types.split(", ").map(str::to_owned).collect(),
        None => vec![OTHER_PARTS.to_owned()],
    };
    if one.to_lowercase() == other.to_lowercase() || ![one, other].iter().all(|what| is_read(what)) {
        return one.to_owned();
    }
    let mut all: Vec<String> = [types(one), types(other)].concat();
    all.sort_unstable();
    all.dedup();
    format!("{READ}{}", all.join(", "))
}

fn is_read(what: &str) -> bool {
    what.starts_with(READ) || what == PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_read_on_several_days_is_named_whole() {
        for (one, other, both) in [
            ("read by an app: Observation", "read by an app: Condition", "read by an app: Condition, Observation"),
            ("read by an app: Observation", PARTS, "read by an app: Observation, other parts of the chart"),
            (PARTS, PARTS, PARTS),
            ("Report", "report", "Report"),
        ] {
            assert_eq!(together(one, other), both);
        }
        assert_eq!(
            together("read by an app: Observation, other parts of the chart", "read by an app: Patient"),
            "read by an app: Observation, Patient, other parts of the chart"
        );
    }
}
