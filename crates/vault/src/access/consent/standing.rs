//! Which of a patient's consents stand now.

use super::asking::Asker;
use super::model::{Consent, Effect, Provision, Regime, Status};
use base::clock::Instant;

/// A consent that stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing<'c> {
    /// The consent.
    pub consent: &'c Consent,
    /// Whether what it permits opens something. Where it has no date, and another about the same has one, nobody knows which
    /// is the later one: both deny what they deny, and this one opens nothing.
    pub opens: bool,
}

/// The consents that stand: in force, and not replaced by a later directive about the same. Their order is that of the
/// argument; it does not matter to what they hide.
#[must_use]
pub fn standing(consents: &[Consent], now: Instant) -> Vec<Standing<'_>> {
    let in_force = |consent: &&Consent| consent.status == Status::Active && consent.regime != Regime::Other;
    let all: Vec<&Consent> = consents.iter().filter(in_force).collect();
    let stands = |one: &&&Consent| !all.iter().any(|other| replaces(other, one, now));
    let opens = |one: &Consent| one.given.is_some() || !all.iter().any(|other| may_replace(other, one, now));
    all.iter().filter(stands).map(|one| Standing { consent: one, opens: opens(one) }).collect()
}

/// Whether the later consent takes the earlier one's place. Only directives do: the others are about one matter each
/// and stand side by side. Of the same moment, both stand, and so
/// does one without a date: it may be the later one. One that has not begun or has ended replaces nothing.
fn replaces(later: &Consent, earlier: &Consent, now: Instant) -> bool {
    let after = earlier.given.zip(later.given).is_some_and(|(earlier, later)| earlier < later);
    after && can_replace(later, earlier, now) && !later.lifts_own_bar(earlier)
}

/// Whether one with a date may be later than one without.
fn may_replace(dated: &Consent, undated: &Consent, now: Instant) -> bool {
    dated.given.is_some() && can_replace(dated, undated, now)
}

fn can_replace(later: &Consent, earlier: &Consent, now: Instant) -> bool {
    let period = later.provision.as_ref().and_then(|provision| provision.period);
    let holds = period.is_none_or(|(first, last)| first <= now.0 && now.0 <= last);
    later.is_about_what(earlier) && holds && !later.unreadable
}

impl Consent {
    /// Whether both are directives of one patient about the same, so that the later one takes the place of the other.
    #[must_use]
    pub fn is_about_what(&self, other: &Consent) -> bool {
        let directives = self.regime == Regime::Directive && other.regime == Regime::Directive;
        directives && self.patient == other.patient && self.about == other.about && !self.about.is_empty()
    }

    /// Whether it keeps out by name somebody who acts for the patient: a deny that names them, wherever it stands in it. One
    /// that cannot be read keeps everybody out.
    #[must_use]
    pub fn keeps_out(&self, asker: &Asker) -> bool {
        self.unreadable || self.provision.as_ref().is_some_and(|root| denies(root, asker))
    }

    /// Whether a person who acts for the patient gave it, and the other, which somebody else gave, keeps that person out.
    fn lifts_own_bar(&self, other: &Consent) -> bool {
        let proxies = self.performers.iter().filter(|who| who.starts_with("RelatedPerson/"));
        proxies.filter(|who| !other.performers.contains(who)).any(|who| {
            let (references, kinds) = (vec![who.clone()], vec!["proxy".to_owned()]);
            other.keeps_out(&Asker { references, kinds, ..Asker::default() })
        })
    }
}

fn denies(provision: &Provision, asker: &Asker) -> bool {
    let names = || provision.parties.as_ref().is_some_and(|all| all.iter().any(|party| asker.is(party)));
    let here = provision.effect == Some(Effect::Deny) && names();
    here || provision.exceptions.iter().any(|inner| denies(inner, asker))
}
