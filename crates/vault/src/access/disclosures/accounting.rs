//! What an accounting lists, and what it leaves out by which paragraph (45 CFR 164.528(a), (b); 42 CFR 2.25). Pure.

use super::rules::{COMPLIANCE, INTERMEDIARY_YEARS, PART2_YEARS, YEARS};
use super::{Basis, Day, Disclosure, Origin, Protocol, Suspension, derived, suspension, wrong};
use crate::access::vocabulary::vocabulary;
use base::refusal::Refusal;
use std::collections::BTreeMap;

vocabulary! {
    /// Under which law somebody asks.
    Law {
        /// 45 CFR 164.528.
        Hipaa = "hipaa", "45 CFR 164.528";
        /// 42 CFR 2.25.
        Part2 = "part-2", "42 CFR 2.25";
        /// 42 CFR 2.24: the list of an intermediary.
        Intermediary = "intermediary", "42 CFR 2.24";
    }
}

impl Law {
    /// What is listed under it, as a patient understands it.
    #[must_use]
    pub const fn plain(self) -> &'static str {
        match self {
            Law::Hipaa => "What the law lets every patient know",
            Law::Part2 => "What a substance use program sent with the patient's consent",
            Law::Intermediary => "What an exchange passed on to those who treat the patient",
        }
    }
}

/// The days that an accounting covers, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: Day,
    /// The last.
    pub until: Day,
    /// The day of the request.
    pub asked: Day,
}

impl Period {
    /// The days that may be asked for on a day: all years that the law gives, or fewer of the patient's own choice
    /// (45 CFR 164.528(a)(3)). What was asked for beyond them is cut off.
    pub fn of(law: Law, asked: Day, from: Option<Day>, until: Option<Day>) -> Result<Period, Refusal> {
        let years = match law {
            Law::Hipaa => YEARS.limit,
            Law::Part2 => PART2_YEARS.limit,
            Law::Intermediary => INTERMEDIARY_YEARS.limit,
        };
        let earliest = asked.years_before(years);
        let from = from.map_or(earliest, |from| from.max(earliest));
        let until = until.map_or(asked, |until| until.min(asked));
        if from > until {
            return Err(wrong(
                "the period ends before it begins; an accounting reaches back from the day it is asked for",
            ));
        }
        Ok(Period { from, until, asked })
    }

    fn holds(&self, day: Day) -> bool {
        (self.from..=self.until).contains(&day)
    }
}

/// One line of an accounting: a disclosure, or several that differ in nothing but the day and in which resources it was
/// (45 CFR 164.528(b)(3)). Nothing of any of them is lost in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The first in the period.
    pub first: Disclosure,
    /// How many times.
    pub times: u64,
    /// The day of the last.
    pub last: Day,
    /// Each day on which there was one, in order.
    pub days: Vec<Day>,
    /// `Type/id` of what was sent in any of them.
    pub resources: Vec<String>,
    /// The ids of those that people recorded.
    pub ids: Vec<String>,
}

impl Series {
    /// The line of one disclosure.
    #[must_use]
    pub fn of(one: &Disclosure) -> Series {
        Series {
            first: one.clone(),
            times: one.times,
            last: one.day,
            days: vec![one.day],
            resources: one.resources.clone(),
            ids: Some(&one.id).filter(|id| !id.is_empty()).cloned().into_iter().collect(),
        }
    }

    /// Adds one that belongs to it and is not earlier.
    fn add(&mut self, one: &Disclosure) {
        let more = Series::of(one);
        self.first.what = derived::together(&self.first.what, &one.what);
        self.times += more.times;
        self.last = self.last.max(more.last);
        for (held, new) in [(&mut self.resources, more.resources), (&mut self.ids, more.ids)] {
            let fresh: Vec<String> = new.into_iter().filter(|one| !held.contains(one)).collect();
            held.extend(fresh);
        }
        self.days.extend(more.days.into_iter().filter(|day| !self.days.contains(day)).collect::<Vec<_>>());
    }

    /// How often, in words; `None` for a single one.
    #[must_use]
    pub fn frequency(&self) -> Option<String> {
        let days = self.last.0 - self.first.day.0;
        match (self.times, days) {
            (..=1, _) => None,
            (times, 0) => Some(format!("{times} times on that day")),
            (times, days) => {
                let every = (days.unsigned_abs() / (times - 1)).max(1);
                let every = if every == 1 { "day".to_owned() } else { format!("{every} days") };
                Some(format!("{times} times, about every {every}"))
            }
        }
    }
}

/// What an accounting leaves out for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub count: u64,
    /// For what they were, or why they are left out.
    pub why: &'static str,
    /// The paragraph.
    pub source: &'static str,
    /// Whether the patient's own copy says so.
    pub is_told: bool,
}

/// An accounting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounting {
    /// The id of the patient.
    pub patient: String,
    /// The patient's name; empty where none is kept.
    pub name: String,
    /// The law.
    pub law: Law,
    /// The days.
    pub period: Period,
    /// What is listed, oldest first.
    pub listed: Vec<Series>,
    /// Research about many people.
    pub research: Vec<Protocol>,
    /// What is left out.
    pub left_out: Vec<LeftOut>,
}

impl Accounting {
    /// The patient's own copy: without what they may not know of.
    #[must_use]
    pub fn for_patient(mut self) -> Accounting {
        self.left_out.retain(|left| left.is_told);
        for series in &mut self.listed {
            series.first.by.clear();
        }
        self
    }
}

/// What there is to account for.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// Every disclosure of the patient.
    pub disclosures: &'k [Disclosure],
    /// Every protocol.
    pub protocols: &'k [Protocol],
    /// Every suspension of the patient's.
    pub suspensions: &'k [Suspension],
    /// The day on which the accounting is given.
    pub today: Day,
}

/// The accounting for a period. Disclosures outside the period are not counted.
#[must_use]
pub fn account(patient: &str, law: Law, period: Period, known: &Known<'_>) -> Accounting {
    let mut listed: Vec<Series> = Vec::new();
    let mut left_out = BTreeMap::new();
    let mut all: Vec<&Disclosure> = known.disclosures.iter().filter(|one| period.holds(one.day)).collect();
    all.sort_by_key(|one| one.day);
    for one in all {
        match kept_back(one, law, known) {
            Some((why, source, is_told)) => {
                *left_out.entry((source, why, is_told)).or_insert(0) += one.times;
            }
            None => list(&mut listed, one),
        }
    }
    let left_out = left_out.into_iter().map(|((source, why, is_told), count)| LeftOut { count, why, source, is_told });
    let overlaps = |protocol: &&Protocol| protocol.from <= period.until && protocol.until >= period.from;
    let research = match law {
        Law::Hipaa => known.protocols.iter().filter(overlaps).cloned().collect(),
        Law::Part2 | Law::Intermediary => Vec::new(),
    };
    Accounting {
        patient: patient.to_owned(),
        name: String::new(),
        law,
        period,
        listed,
        research,
        left_out: left_out.collect(),
    }
}

/// Why one is left out, by which paragraph, and whether the patient is told that.
fn kept_back(one: &Disclosure, law: Law, known: &Known<'_>) -> Option<(&'static str, &'static str, bool)> {
    let out = match law {
        Law::Hipaa if one.day < COMPLIANCE => Some(("before the compliance date", "45 CFR 164.528(a)(1)(ix)", true)),
        Law::Hipaa => one.basis.exclusion().map(|excluded| (one.basis.words(), excluded.source, excluded.is_told)),
        Law::Part2 if !one.basis.is_part2() => Some(("made without a consent under Part 2", "42 CFR 2.25(a)", true)),
        Law::Part2 if one.basis == Basis::Part2Tpo && !one.channel.is_electronic() => {
            Some(("for treatment, payment and operations, not through an electronic record", "42 CFR 2.25(b)(1)", true))
        }
        Law::Part2 => None,
        Law::Intermediary if one.basis != Basis::Part2General => {
            Some(("made without a general designation in a Part 2 consent", "42 CFR 2.24", true))
        }
        Law::Intermediary => None,
    };
    let suspended = || {
        let is_suspended = suspension::is_suspended(one, known.suspensions, known.today);
        is_suspended.then_some(("suspended for an agency or official", "45 CFR 164.528(a)(2)", false))
    };
    // Which agency it was must not show in a number for its kind.
    out.or_else(suspended)
}

/// Adds one to the list: to the series it belongs to, if there is one.
fn list(listed: &mut Vec<Series>, one: &Disclosure) {
    let same = |series: &&mut Series| one.basis.is_serial() && is_series(&series.first, one);
    match listed.iter_mut().find(same) {
        Some(series) => series.add(one),
        None => listed.push(Series::of(one)),
    }
}

/// The same things to the same recipient, in the same way and for the same purpose.
fn is_series(a: &Disclosure, b: &Disclosure) -> bool {
    let alike = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let is_same_way = match (&a.origin, &b.origin) {
        (Origin::Recorded, Origin::Recorded) => alike(&a.what, &b.what) && a.channel == b.channel,
        (Origin::Audit { app: a, .. }, Origin::Audit { app: b, .. }) => a == b,
        (Origin::Recorded, Origin::Audit { .. }) | (Origin::Audit { .. }, Origin::Recorded) => false,
    };
    is_same_way
        && a.basis == b.basis
        && a.consent == b.consent
        && alike(&a.recipient, &b.recipient)
        && alike(&a.address, &b.address)
        && alike(&a.purpose, &b.purpose)
}
