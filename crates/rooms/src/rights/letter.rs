//! Letters about amendments, in plain words. They carry no more of the chart than the request did.

use super::rules::Ground;
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
}

impl About<'_> {
    fn head(self, office: &Office) -> String {
        office.head(self.request, self.received, self.today)
    }
}

/// The record was amended, and whom shall we tell? (45 CFR 164.526(c)(2))
#[must_use]
pub fn accepted(about: About<'_>, how: &str, office: &Office) -> String {
    let mut text = about.head(office);
    let _ = writeln!(
        text,
        "We have amended your record: {how}\n\nThe amendment is linked to what it is about. Please tell us who should know of \
         it, and that we may tell them. We also tell those who have the earlier record from us and may rely on it (45 CFR \
         164.526(c)(3)). Turn to {}, {}.",
        office.contact, office.telephone
    );
    text
}

/// The written denial (45 CFR 164.526(d)(1)): the basis, how to disagree, what can be asked otherwise, how to complain.
#[must_use]
pub fn denied(about: About<'_>, ground: Ground, explains: &str, office: &Office) -> String {
    let mut text = about.head(office);
    let _ =
        writeln!(text, "We do not amend your record as you asked.\n\nWhy: {} ({}).", ground.words(), ground.source());
    if !explains.trim().is_empty() {
        let _ = writeln!(text, "{}", explains.trim());
    }
    let _ = writeln!(
        text,
        "\nYou may send us a statement that you disagree, and why: on the page \"Corrections\" of the portal, or in writing to \
         {}. We link it to the record and send it along whenever we disclose what it is about (45 CFR 164.526(d)(2), (5)).\n\n\
         If you send no statement, you may ask that your request and this letter go along instead (45 CFR \
         164.526(d)(1)(iii)).",
        office.contact
    );
    complaints(&mut text, office);
    text
}

/// That the answer comes later: the reasons and the promised day (45 CFR 164.526(b)(2)(ii)).
#[must_use]
pub fn extended(about: About<'_>, until: Day, reason: &str, office: &Office) -> String {
    let mut text = about.head(office);
    let _ = writeln!(text, "Your request takes longer than 60 days. Why: {reason}\n\nYou get our answer by {until}.");
    text
}

/// To somebody who has the record from us (45 CFR 164.526(c)(3)). Names what to look for, and not what it says.
#[must_use]
pub fn told(about: About<'_>, records: &[String], office: &Office) -> String {
    let mut text = about.head(office);
    let _ = writeln!(
        text,
        "A record that you have from us was amended: {}.\n\nDo not rely on the earlier one. Ask {}, {}, for the record as it is \
         now; you have to amend your own copy (45 CFR 164.526(e)).",
        records.join(", "),
        office.contact,
        office.telephone
    );
    text
}
