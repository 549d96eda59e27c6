//! Letters in plain words: a refusal, and what is wrong with an authorization. They carry no more of the chart than the
//! request did.

use super::{Defect, Ground, Route};
use crate::office::{Office, complaints};
use base::day::Day;
use std::fmt::Write;

/// One request, as a letter names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About<'a> {
    /// Its id.
    pub request: &'a str,
    /// When it came.
    pub received: Day,
    /// The day of the letter.
    pub today: Day,
    /// On which route.
    pub route: Route,
}

/// The written denial (45 CFR 164.524(d)(2)): the ground, the review where there is one, how to complain, and what is
/// given all the same. `elsewhere`: where the record is, if that is known (164.524(d)(3)).
#[must_use]
pub fn denial(about: About<'_>, ground: Ground, explains: &str, elsewhere: &str, office: &Office) -> String {
    let mut text = head(about, office);
    let _ = writeln!(
        text,
        "We cannot give you what you asked for, or not all of it.\n\nWhy: {} ({}).",
        ground.words(),
        ground.source()
    );
    for line in [explains.trim()].into_iter().filter(|line| !line.is_empty()) {
        let _ = writeln!(text, "{line}");
    }
    if ground == Ground::NotHeld && !elsewhere.trim().is_empty() {
        let _ = writeln!(text, "\nWhere to ask instead: {} (45 CFR 164.524(d)(3)).", elsewhere.trim());
    }
    if about.route.is_own() {
        text.push_str("\nYou get everything else that you asked for (45 CFR 164.524(d)(1)).\n");
    }
    if ground.is_reviewable() {
        let _ = writeln!(
            text,
            "\nYou may have this reviewed by a licensed health care professional who had no part in the decision (45 CFR \
             164.524(a)(4)). To ask for it, write to {} or call {}.",
            office.contact, office.telephone
        );
    } else if about.route.is_own() {
        text.push_str("\nThe law gives no review of this ground.\n");
    }
    if about.route.is_own() {
        complaints(&mut text, office);
    }
    text
}

/// What is wrong with an authorization, and what to do.
#[must_use]
pub fn defect(about: About<'_>, defects: &[Defect], office: &Office) -> String {
    let mut text = head(about, office);
    text.push_str("The form that came with your request cannot be used as it is:\n\n");
    for Defect { says, source } in defects {
        let _ = writeln!(text, "- {says} ({source})");
    }
    let _ = writeln!(
        text,
        "\nNothing was sent. Please send a form without these faults. If you have questions, turn to {}, {}.",
        office.contact, office.telephone
    );
    text
}

/// That the answer comes later: the reasons and the promised day (45 CFR 164.524(b)(2)(ii)).
#[must_use]
pub fn extension(about: About<'_>, until: Day, reason: &str, office: &Office) -> String {
    let mut text = head(about, office);
    let _ = writeln!(text, "Your request takes longer than 30 days. Why: {reason}\n\nYou get our answer by {until}.");
    text
}

fn head(about: About<'_>, office: &Office) -> String {
    office.head(about.request, about.received, about.today)
}
