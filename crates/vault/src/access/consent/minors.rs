//! From which age a minor decides alone, by State: a table with its sources (`packs/minors/states.toml`).

use super::super::{Label, Labels};
use base::clock::Instant;
use fhir::calendar::span;
use serde::Deserialize;
use std::sync::OnceLock;

/// What one State's law says. Ages in years.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct StateLaw {
    /// `US-CA`; `default` where the State has no row.
    pub state: String,
    /// Full age.
    pub majority: u32,
    /// The services a minor consents to alone, and from which age.
    pub alone: Vec<Alone>,
    /// The sections of law.
    pub source: String,
    /// When it was last compared with its source, `YYYY-MM-DD`.
    pub date: String,
}

/// One service.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Alone {
    /// The label its records carry: `STD`, `SEX`, `ETH`, `PSY`.
    pub label: String,
    /// From this age.
    pub from: u32,
}

impl StateLaw {
    /// The labels of what a minor of this age decides alone. What was recorded as a minor's own (ADOL) is always
    /// theirs.
    #[must_use]
    pub fn minors_own(&self, years: u32) -> Labels {
        let own = self.alone.iter().filter(|service| years >= service.from);
        let labels: Labels = own.filter_map(|service| Label::from_code(&service.label)).collect();
        // Whoever may consent alone to treatment of substance use decides alone about its records (42 CFR 2.14(b)).
        let programs = if labels.contains(Label::SubstanceUse) {
            labels.with(Label::Part2).with(Label::OpioidUse)
        } else {
            labels
        };
        programs.with(Label::Minor)
    }
}

/// The law of a State (`US-CA`); the cautious default where there is no row.
#[must_use]
pub fn law_of(state: &str) -> &'static StateLaw {
    let laws = laws();
    laws.iter().find(|law| law.state == state).unwrap_or(&laws[0])
}

/// Whole years of somebody born on `birth` (a FHIR date). Of a date without day or month the latest counts: rather too
/// young than too old.
#[must_use]
pub fn age(birth: &str, now: Instant) -> Option<u32> {
    let (_, last) = span(birth)?;
    let born = parts(last)?;
    let today = parts(now.0)?;
    let had_birthday = (today.1, today.2) >= (born.1, born.2);
    u32::try_from(today.0 - born.0 - i64::from(!had_birthday)).ok()
}

fn parts(ms: i64) -> Option<(i64, i64, i64)> {
    let text = Instant(ms).to_string();
    let mut numbers = text.get(..10)?.split('-').map(str::parse::<i64>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn laws() -> &'static [StateLaw] {
    #[derive(Deserialize)]
    struct File {
        law: Vec<StateLaw>,
    }
    static LAWS: OnceLock<Vec<StateLaw>> = OnceLock::new();
    LAWS.get_or_init(|| {
        let read = toml::from_str::<File>(include_str!("../../../../../packs/minors/states.toml"));
        let laws = read.map(|file| file.law).unwrap_or_default();
        assert!(laws.first().is_some_and(|law| law.state == "default"), "packs/minors/states.toml cannot be read");
        laws
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_source_date_and_known_labels() {
        for law in laws() {
            assert!(law.majority >= 18 && !law.source.is_empty() && law.date.len() == 10, "{}", law.state);
            assert!(law.alone.iter().all(|service| Label::from_code(&service.label).is_some()), "{}", law.state);
        }
        assert_eq!(law_of("US-ZZ").state, "default");
    }

    #[test]
    fn age_counts_birthdays_and_errs_on_the_young_side() {
        let on = |birth: &str, now: &str| age(birth, Instant::parse(now).expect("an instant"));
        for (birth, now, years) in [
            ("2010-05-01", "2026-04-30T23:00:00Z", Some(15)),
            ("2010-05-01", "2026-05-01T00:00:00Z", Some(16)),
            ("2010", "2026-06-01T00:00:00Z", Some(15)),
            ("2010-05", "2026-05-30T00:00:00Z", Some(15)),
            ("2008-02-29", "2026-02-28T00:00:00Z", Some(17)),
            ("2008-02-29", "2026-03-01T00:00:00Z", Some(18)),
            ("2030-01-01", "2026-01-01T00:00:00Z", None),
            ("soon", "2026-01-01T00:00:00Z", None),
        ] {
            assert_eq!(on(birth, now), years, "{birth} on {now}");
        }
    }
}
