//! Proxies: who acts for a patient, from when until when, and what they do not see.
//!
//! A parent is a personal representative of a minor (45 CFR 164.502(g)(3)), except for care to which the minor
//! consented alone under State law; that part has labels, and [`super::minors`] says from which age. At majority a
//! parent's access ends by itself. Under 42 CFR 2.14 a minor who may consent alone to substance use treatment is the
//! only one who may consent to its disclosure.

use super::super::{Label, Labels};
use super::minors::{StateLaw, age};
use base::clock::Instant;
use base::finding::Finding;
use fhir::calendar::span;
use fhir::json::Json;

/// Somebody who acts for a patient: a RelatedPerson, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The patient, `Patient/3`.
    pub patient: String,
    /// First and last millisecond.
    pub period: (i64, i64),
    /// A parent or guardian of a child, whose standing ends with the child's majority. Others (health care agent,
    /// guardian of an adult) are not touched by age.
    pub parental: bool,
    active: bool,
}

/// v3-RoleCode: parents of every kind, and `GUARD` for a child's guardian.
const PARENTAL: &[&str] = &[
    "PRN", "FTH", "MTH", "NPRN", "NFTH", "NMTH", "ADOPTP", "ADOPTF", "ADOPTM", "STPPRN", "STPFTH", "STPMTH", "PRNFOST",
    "GESTM",
];

impl Proxy {
    /// Reads a RelatedPerson. A period that is none ends the standing: access that was not given clearly was not given.
    pub fn read(related: &Json) -> Result<Proxy, Finding> {
        let patient = related.get("patient").and_then(|p| p.text("reference")).map(str::to_owned);
        let patient = patient.ok_or_else(|| {
            Finding::error("required", "RelatedPerson.patient", "a proxy needs a reference to the patient")
        })?;
        let bound = |name: &str, open: i64, pick: fn((i64, i64)) -> i64| match related
            .get("period")
            .and_then(|p| p.get(name))
        {
            None => Some(open),
            Some(value) => value.as_str().and_then(span).map(pick),
        };
        let period = bound("start", i64::MIN, |s| s.0).zip(bound("end", i64::MAX, |s| s.1));
        let period = period.ok_or_else(|| {
            Finding::error(
                "value",
                "RelatedPerson.period",
                "this is no period; until it is corrected the proxy sees nothing",
            )
        })?;
        let relationships = related.get("relationship").map_or(&[][..], Json::items).iter();
        let codings = relationships.flat_map(|concept| concept.get("coding").map_or(&[][..], Json::items));
        let parental = codings.filter_map(|coding| coding.text("code")).any(|code| PARENTAL.contains(&code));
        let active = related.get("active").and_then(Json::as_bool) != Some(false);
        Ok(Proxy { patient, period, parental, active })
    }

    /// Whether they act for the patient now. `birth` is the patient's birth date.
    #[must_use]
    pub fn stands(&self, birth: Option<&str>, law: &StateLaw, now: Instant) -> bool {
        let timely = self.active && self.period.0 <= now.0 && now.0 <= self.period.1;
        // Without a birth date nobody knows that the patient is a child.
        let child = || birth.and_then(|birth| age(birth, now)).is_some_and(|years| years < law.majority);
        timely && (!self.parental || child())
    }

    /// The labels that are hidden from them although they act for the patient: for a parent, what a minor of this age
    /// decides alone; psychotherapy notes from every proxy (45 CFR 164.524(a)(1)(i): not even the patient has a right
    /// to those).
    #[must_use]
    pub fn hidden(&self, birth: Option<&str>, law: &StateLaw, now: Instant) -> Labels {
        let notes = Labels::NONE.with(Label::PsychotherapyNote);
        if !self.parental {
            return notes;
        }
        let years = birth.and_then(|birth| age(birth, now)).unwrap_or(0);
        notes.union(law.minors_own(years))
    }
}

#[cfg(test)]
mod tests {
    use super::super::minors::law_of;
    use super::*;

    fn proxy(text: &str) -> Result<Proxy, Finding> {
        Proxy::read(&Json::parse(text.as_bytes()).expect("JSON"))
    }

    fn at(text: &str) -> Instant {
        Instant::parse(text).expect("an instant")
    }

    const MOTHER: &str = r#"{"resourceType":"RelatedPerson","patient":{"reference":"Patient/1"},
        "relationship":[{"coding":[{"code":"MTH"}]}],"period":{"start":"2020-01-01"}}"#;
    const AGENT: &str = r#"{"resourceType":"RelatedPerson","patient":{"reference":"Patient/1"},
        "relationship":[{"coding":[{"code":"HPOWATT"}]}],"period":{"start":"2020-01-01","end":"2026-06-30"}}"#;

    #[test]
    fn a_parent_stands_until_majority_and_an_agent_until_the_end_of_the_period() {
        let law = law_of("US-CA");
        let cases = [
            (MOTHER, "2010-05-01", "2019-12-31T00:00:00Z", false),
            (MOTHER, "2010-05-01", "2026-01-01T00:00:00Z", true),
            (MOTHER, "2010-05-01", "2028-04-30T00:00:00Z", true),
            (MOTHER, "2010-05-01", "2028-05-01T12:00:00Z", false),
            (AGENT, "1950-01-01", "2026-06-30T12:00:00Z", true),
            (AGENT, "1950-01-01", "2026-07-01T00:00:00Z", false),
        ];
        for (who, birth, now, stands) in cases {
            assert_eq!(proxy(who).expect("a proxy").stands(Some(birth), law, at(now)), stands, "{birth} {now}");
        }
        assert!(!proxy(MOTHER).expect("a proxy").stands(None, law, at("2026-01-01T00:00:00Z")));
    }

    #[test]
    fn what_a_minor_decides_alone_is_hidden_from_the_parent() {
        let (mother, law) = (proxy(MOTHER).expect("a proxy"), law_of("US-CA"));
        let hidden = |now: &str| mother.hidden(Some("2010-05-01"), law, at(now));
        assert!(!hidden("2021-05-01T00:00:00Z").contains(Label::SubstanceUse));
        assert!(hidden("2023-05-01T00:00:00Z").contains(Label::SubstanceUse));
        assert!(hidden("2021-05-01T00:00:00Z").contains(Label::PsychotherapyNote));
        assert_eq!(proxy(AGENT).expect("a proxy").hidden(None, law, at("2026-01-01T00:00:00Z")).iter().count(), 1);
    }

    #[test]
    fn an_unclear_proxy_is_none() {
        assert!(proxy(r#"{"resourceType":"RelatedPerson"}"#).is_err());
        assert!(proxy(r#"{"patient":{"reference":"Patient/1"},"period":{"end":"soon"}}"#).is_err());
        let ended = MOTHER.replacen("\"patient\"", "\"active\":false,\"patient\"", 1);
        assert!(!proxy(&ended).expect("a proxy").stands(
            Some("2015-01-01"),
            law_of("US-CA"),
            at("2026-01-01T00:00:00Z")
        ));
    }
}
