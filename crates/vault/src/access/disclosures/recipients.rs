//! Who received something of a patient: the list to go by when a consent is withdrawn.

use super::{Basis, Day, Disclosure, Origin};

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The name.
    pub name: String,
    /// The address, if it is known.
    pub address: String,
    /// On which grounds.
    pub bases: Vec<Basis>,
    /// The day of the first.
    pub first: Day,
    /// The day of the last.
    pub last: Day,
    /// How many times.
    pub times: u64,
    /// The consents that disclosures to them name.
    pub consents: Vec<String>,
    /// The app's client id, where it is one.
    pub app: Option<String>,
}

/// Everybody who received something, by name, with all they received put together. The patient is no recipient.
#[must_use]
pub fn recipients<'d>(disclosures: impl IntoIterator<Item = &'d Disclosure>) -> Vec<Recipient> {
    let mut all: Vec<Recipient> = Vec::new();
    for one in disclosures {
        let is_same = |known: &&mut Recipient| {
            known.name.to_lowercase() == one.recipient.to_lowercase()
                && known.address.to_lowercase() == one.address.to_lowercase()
        };
        match all.iter_mut().find(is_same) {
            Some(known) => known.add(one),
            None => all.push(Recipient::of(one)),
        }
    }
    all.sort_by(|a, b| (&a.name, &a.address).cmp(&(&b.name, &b.address)));
    all
}

impl Recipient {
    fn of(one: &Disclosure) -> Recipient {
        let app = match &one.origin {
            Origin::Recorded => None,
            Origin::Audit { app, .. } => Some(app.clone()),
        };
        let mut recipient = Recipient {
            name: one.recipient.clone(),
            address: one.address.clone(),
            bases: Vec::new(),
            first: one.day,
            last: one.day,
            times: 0,
            consents: Vec::new(),
            app,
        };
        recipient.add(one);
        recipient
    }

    fn add(&mut self, one: &Disclosure) {
        (self.first, self.last) = (self.first.min(one.day), self.last.max(one.day));
        self.times += one.times;
        if !self.bases.contains(&one.basis) {
            self.bases.push(one.basis);
        }
        self.consents
            .extend(one.consent.iter().filter(|consent| !self.consents.contains(consent)).cloned().collect::<Vec<_>>());
    }
}
