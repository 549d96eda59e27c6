//! Which of a patient's consents stand now.

use super::model::{Consent, Regime, Status};
use base::clock::Instant;

/// The consents that stand: in force, and not replaced by a later directive about the same. Their order is that of the
/// argument; it does not matter to what they hide.
#[must_use]
pub fn standing(consents: &[Consent], now: Instant) -> Vec<&Consent> {
    let in_force = |consent: &&Consent| consent.status == Status::Active && consent.regime != Regime::Other;
    let all: Vec<&Consent> = consents.iter().filter(in_force).collect();
    all.iter().filter(|one| !all.iter().any(|other| replaces(other, one, now))).copied().collect()
}

/// Whether the later consent takes the earlier one's place. Only directives do: the others are about one matter each
/// and stand side by side. Of the same moment, both stand, and so
/// does one without a date: it may be the later one. One that has not begun or has ended replaces nothing.
fn replaces(later: &Consent, earlier: &Consent, now: Instant) -> bool {
    let same = later.patient == earlier.patient && later.about == earlier.about && !later.about.is_empty();
    let directives = later.regime == Regime::Directive && earlier.regime == Regime::Directive;
    let after = earlier.given.zip(later.given).is_some_and(|(earlier, later)| earlier < later);
    let period = later.provision.as_ref().and_then(|provision| provision.period);
    let holds = period.is_none_or(|(first, last)| first <= now.0 && now.0 <= last);
    same && directives && after && holds && !later.unreadable
}
