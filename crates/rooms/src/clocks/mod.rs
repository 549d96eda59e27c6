//! The deadlines of law, all in one table: `spec.md` says the same in words, and a test compares them.
//!
//! A rule that changed stands here twice, the old one with its last day, so that what began under it keeps its date.

#[cfg(test)]
mod spec;

use base::day::Day;
use base::duty::{Duty, Extension, Hold, Length};
use vault::access::disclosures::rules::{ACCOUNTING, COMPLIANCE, INTERMEDIARY};

/// Compliance with the changes of 2013 (78 FR 5566), which ended the longer time for records kept elsewhere.
const OMNIBUS: Day = Day::of(2013, 9, 23);

/// The first day of the breach notification rule (74 FR 42740).
const BREACH: Day = Day::of(2009, 9, 23);

const ONCE_30: Extension = Extension { days: 30, times: 1, source: "" };

/// Law enforcement says that a notice would impede an investigation.
const ENFORCEMENT: Hold = Hold { ground: "the law enforcement official", oral_days: 30, source: "45 CFR 164.412" };

/// A deadline that nothing puts off, in force to this day.
const fn plain(
    code: &'static str,
    name: &'static str,
    begins: &'static str,
    source: &'static str,
    effective: Day,
    length: Length,
) -> Duty {
    Duty { code, name, begins, source, effective, until: None, length, extension: None, hold: None }
}

const fn breach(code: &'static str, name: &'static str, begins: &'static str, source: &'static str) -> Duty {
    Duty { hold: Some(ENFORCEMENT), ..plain(code, name, begins, source, BREACH, Length::Days(60)) }
}

/// The right of access: an answer, or a written denial.
pub const ACCESS: Duty = Duty {
    extension: Some(Extension { source: "45 CFR 164.524(b)(2)(ii)", ..ONCE_30 }),
    ..plain(
        "access",
        "act on a patient's request for access",
        "the request",
        "45 CFR 164.524(b)(2)(i)",
        OMNIBUS,
        Length::Days(30),
    )
};

/// The right to amend: an answer, or a written denial.
pub const AMENDMENT: Duty = Duty {
    extension: Some(Extension { source: "45 CFR 164.526(b)(2)(ii)", ..ONCE_30 }),
    ..plain(
        "amendment",
        "act on a patient's request for amendment",
        "the request",
        "45 CFR 164.526(b)(2)(i)",
        COMPLIANCE,
        Length::Days(60),
    )
};

/// An answer to whoever asks for electronic information that cannot be given as asked.
pub const INFEASIBLE: Duty = plain(
    "infeasibility",
    "say in writing why a request for electronic health information is infeasible",
    "the request",
    "45 CFR 171.204(b)",
    Day::of(2021, 4, 5),
    Length::BusinessDays(10),
);

/// All of them.
pub const DUTIES: [Duty; 16] = [
    ACCESS,
    Duty {
        effective: COMPLIANCE,
        until: Some(OMNIBUS.plus(-1)),
        source: "45 CFR 164.524(b)(2)(i) (2002)",
        extension: Some(Extension { source: "45 CFR 164.524(b)(2)(iii) (2002)", ..ONCE_30 }),
        ..ACCESS
    },
    Duty {
        code: "access-off-site",
        name: "act on a patient's request for access to what is kept elsewhere",
        effective: COMPLIANCE,
        until: Some(OMNIBUS.plus(-1)),
        source: "45 CFR 164.524(b)(2)(ii) (2002)",
        length: Length::Days(60),
        extension: Some(Extension { source: "45 CFR 164.524(b)(2)(iii) (2002)", ..ONCE_30 }),
        ..ACCESS
    },
    AMENDMENT,
    ACCOUNTING,
    INTERMEDIARY,
    plain(
        "suspension-oral",
        "end a suspension that an agency asked for without writing",
        "the statement",
        "45 CFR 164.528(a)(2)(ii)",
        COMPLIANCE,
        Length::Days(30),
    ),
    breach(
        "breach-individual",
        "tell those concerned of a breach",
        "the day on which it was or should have been known",
        "45 CFR 164.404(b)",
    ),
    breach(
        "breach-media",
        "tell the media of a breach of more than 500 residents of a State",
        "the day on which it was or should have been known",
        "45 CFR 164.406(b)",
    ),
    breach(
        "breach-secretary",
        "tell the Secretary of a breach of 500 people or more",
        "the day on which it was or should have been known",
        "45 CFR 164.408(b)",
    ),
    breach(
        "breach-secretary-yearly",
        "tell the Secretary of the smaller breaches of a year",
        "the last day of the year",
        "45 CFR 164.408(c)",
    ),
    breach(
        "breach-associate",
        "tell the covered entity of a breach at a business associate",
        "the day on which it was or should have been known",
        "45 CFR 164.410(b)",
    ),
    plain(
        "completion",
        "complete the record of a stay",
        "the discharge",
        "42 CFR 482.24(c)(4)(viii)",
        Day::of(1986, 9, 15),
        Length::Days(30),
    ),
    plain(
        "history-and-physical",
        "write the history and physical",
        "the admission",
        "42 CFR 482.24(c)(4)(i)(A)",
        Day::of(2007, 1, 26),
        Length::Hours(24),
    ),
    plain(
        "history-update",
        "examine again after an older history and physical",
        "the admission",
        "42 CFR 482.24(c)(4)(i)(B)",
        Day::of(2007, 1, 26),
        Length::Hours(24),
    ),
    INFEASIBLE,
];

/// The rule of a code that is law on a day.
#[must_use]
pub fn in_force(code: &str, day: Day) -> Option<Duty> {
    DUTIES.into_iter().find(|duty| duty.code == code && duty.is_law(day))
}
