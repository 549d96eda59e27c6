//! Who answers for the house in its letters.

use base::day::Day;
use std::fmt::Write;

/// Who answers for the house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Office {
    /// The house.
    pub name: String,
    /// Name or title of whom to turn to (45 CFR 164.524(d)(2)(iii)).
    pub contact: String,
    /// Their telephone number.
    pub telephone: String,
}

impl Office {
    /// How a letter about a request begins.
    #[must_use]
    pub fn head(&self, request: &str, received: Day, today: Day) -> String {
        format!("{}\n{today}\n\nYour request {request}, received on {received}\n\n", self.name)
    }
}

/// Who answers for the house in letters.
#[must_use]
pub fn office() -> Office {
    Office {
        name: "Health Information Management".to_owned(),
        contact: "the release desk".to_owned(),
        telephone: "the number on this letterhead".to_owned(),
    }
}

/// Where somebody may complain (45 CFR 164.530(d), 160.306).
pub fn complaints(text: &mut String, office: &Office) {
    let _ = writeln!(
        text,
        "\nYou may complain to us: {}, {}. You may also complain to the Secretary of Health and Human Services, Office for \
         Civil Rights, www.hhs.gov/ocr/complaints (45 CFR 160.306). Nobody may hold it against you.",
        office.contact, office.telephone
    );
}
