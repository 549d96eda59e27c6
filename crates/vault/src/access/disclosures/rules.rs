//! Every limit of the accounting in one table: what it says, who says so, and since when.

use super::Day;
use base::duty::{Duty, Extension, Length};

/// A rule of the accounting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is called.
    pub name: &'static str,
    /// The number in it: years, months, days or people, as the name says.
    pub limit: i64,
    /// The paragraph.
    pub source: &'static str,
    /// From when on it is law.
    pub effective: Day,
}

const fn rule(name: &'static str, limit: i64, source: &'static str, effective: Day) -> Rule {
    Rule { name, limit, source, effective }
}

/// The compliance date of 45 CFR 164.528 for covered entities but small health plans (45 CFR 164.534).
pub const COMPLIANCE: Day = Day::of(2003, 4, 14);

/// The effective date of the final rule of 2024 about Part 2 (89 FR 12472). Compliance with 42 CFR 2.25 is tolled until the
/// accounting rule of HIPAA is revised; it is answered here all the same, when somebody asks.
pub const PART2: Day = Day::of(2024, 4, 16);

/// How far back an accounting reaches.
pub const YEARS: Rule = rule("years that an accounting reaches back", 6, "45 CFR 164.528(a)(1)", COMPLIANCE);
/// How far back an accounting of disclosures under Part 2 consents reaches.
pub const PART2_YEARS: Rule = rule("years that an accounting under Part 2 reaches back", 3, "42 CFR 2.25(a)", PART2);
/// When it is due; and 30 days later, once, with a written statement of the reasons and the date.
pub const ACCOUNTING: Duty = Duty {
    code: "accounting",
    name: "give an accounting of disclosures",
    begins: "the request",
    source: "45 CFR 164.528(c)(1)",
    effective: COMPLIANCE,
    until: None,
    length: Length::Days(60),
    extension: Some(Extension { days: 30, times: 1, source: "45 CFR 164.528(c)(1)(ii)" }),
    hold: None,
};
/// How far back the list of an intermediary reaches (42 CFR 2.24): to whom it passed on what came to it under a general
/// designation. Programs, covered entities and business associates are no intermediaries (42 CFR 2.11).
pub const INTERMEDIARY_YEARS: Rule =
    rule("years that an intermediary's list reaches back", 3, "42 CFR 2.24(a)(2)", PART2);
/// When that list is due. It is not put off.
pub const INTERMEDIARY: Duty = Duty {
    code: "intermediary-list",
    name: "list who received under a general designation",
    begins: "the written request",
    source: "42 CFR 2.24(b)(1)",
    effective: PART2,
    until: None,
    length: Length::Days(30),
    extension: None,
    hold: None,
};
/// How often one is free.
pub const FREE_MONTHS: Rule = rule("months in which the first is free", 12, "45 CFR 164.528(c)(2)", COMPLIANCE);
/// How long what an agency only said suspends an accounting.
pub const ORAL_DAYS: Rule = rule("days that an oral statement suspends", 30, "45 CFR 164.528(a)(2)(ii)", COMPLIANCE);
/// From how many people on research may be listed by protocol.
pub const PEOPLE: Rule =
    rule("people from whom on research is listed by protocol", 50, "45 CFR 164.528(b)(4)(i)", COMPLIANCE);

/// All of them but the clocks, which are [`ACCOUNTING`] and [`INTERMEDIARY`].
pub const RULES: [Rule; 6] = [YEARS, PART2_YEARS, INTERMEDIARY_YEARS, FREE_MONTHS, ORAL_DAYS, PEOPLE];
