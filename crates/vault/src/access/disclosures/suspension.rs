//! What an oversight agency or a law enforcement official may ask: that the patient is not told for a time
//! (45 CFR 164.528(a)(2)).

use super::rules::ORAL_DAYS;
use super::{Basis, Day, Disclosure, said, wrong};
use crate::access::private::Document;
use base::refusal::Refusal;
use fhir::json::Json;

/// The type of these documents.
pub(super) const KIND: &str = "x-suspension";

/// One suspension of one patient's right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Its id.
    pub id: String,
    /// The id of the patient.
    pub patient: String,
    /// The agency or official, as disclosures to them name the recipient.
    pub agency: String,
    /// Health oversight or law enforcement.
    pub basis: Basis,
    /// Whether the statement came in writing.
    pub is_written: bool,
    /// What they said: that an accounting would be reasonably likely to impede their work.
    pub statement: String,
    /// The day of the statement.
    pub from: Day,
    /// The last day of the time they named; of an oral statement at most 30 days on.
    pub until: Day,
    /// The day on which it was lifted before that.
    pub lifted: Option<Day>,
    /// The account that wrote it down.
    pub by: String,
}

impl Suspension {
    /// As the law permits it beside those that are `known` of the patient, or why not. Without an end, an oral statement
    /// counts as long as it can.
    pub fn checked(mut self, until: Option<Day>, today: Day, known: &[Suspension]) -> Result<Suspension, Refusal> {
        self.agency = said("agency", &self.agency)?;
        self.statement = said("statement", &self.statement)?;
        if !self.basis.is_suspendable() {
            return Err(wrong(
                "only a health oversight agency or a law enforcement official may ask for it (45 CFR \
                              164.528(a)(2)(i)); name oversight or law-enforcement as its basis",
            ));
        }
        if self.from > today {
            return Err(wrong("a statement counts from the day it was made; name a day that is not ahead"));
        }
        let last = self.last_oral(known);
        self.until = match (self.is_written, until) {
            (true, None) => {
                return Err(wrong("a written statement names the time (45 CFR 164.528(a)(2)(i)); say until when"));
            }
            (_, Some(until)) => until,
            (false, None) => last,
        };
        if !self.is_written && (self.until > last || self.from > last) {
            let (limit, source) = (ORAL_DAYS.limit, ORAL_DAYS.source);
            return Err(wrong(format!(
                "what an agency says suspends for at most {limit} days in all, here until {last} ({source}); ask it for a \
                 written statement"
            )));
        }
        if self.until < self.from {
            return Err(wrong("the suspension ends before it begins; say until when it is to last"));
        }
        Ok(self)
    }

    /// The last day on which an oral statement of this agency about this patient can hold: 30 days after its first one.
    fn last_oral(&self, known: &[Suspension]) -> Day {
        let same =
            known.iter().filter(|one| !one.is_written && one.basis == self.basis && alike(&one.agency, &self.agency));
        same.map(|one| one.from).chain([self.from]).min().unwrap_or(self.from).plus(ORAL_DAYS.limit)
    }

    /// Whether it holds on a day.
    #[must_use]
    pub fn holds(&self, day: Day) -> bool {
        (self.from..=self.until).contains(&day) && self.lifted.is_none_or(|lifted| day < lifted)
    }

    /// Whether it is about a disclosure: one to them, on that ground. A name that holds the agency's counts: an officer of
    /// it is it.
    #[must_use]
    pub fn covers(&self, disclosure: &Disclosure) -> bool {
        self.basis == disclosure.basis && alike(&self.agency, &disclosure.recipient)
    }

    pub(super) fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let mut members = vec![
            ("resourceType", text(KIND)),
            ("id", text(&self.id)),
            ("about", text(&format!("Patient/{}", self.patient))),
            ("agency", text(&self.agency)),
            ("basis", text(self.basis.code())),
            ("written", Json::Bool(self.is_written)),
            ("statement", text(&self.statement)),
            ("from", text(&self.from.to_string())),
            ("until", text(&self.until.to_string())),
            ("by", text(&self.by)),
        ];
        members.extend(self.lifted.map(|lifted| ("lifted", text(&lifted.to_string()))));
        Json::object(members)
    }

    pub(super) fn read(document: &Document) -> Option<Suspension> {
        let says = &document.says;
        let text = |name: &str| says.text(name).map(str::to_owned);
        Some(Suspension {
            id: document.id.clone(),
            patient: says.text("about")?.strip_prefix("Patient/")?.to_owned(),
            agency: text("agency")?,
            basis: Basis::from_code(says.text("basis")?)?,
            is_written: says.get("written")?.as_bool()?,
            statement: text("statement")?,
            from: Day::parse(says.text("from")?)?,
            until: Day::parse(says.text("until")?)?,
            lifted: says.text("lifted").and_then(Day::parse),
            by: text("by")?,
        })
    }
}

/// Whether the patient may not be told of a disclosure today: an agency has had it suspended, or its ground is not told.
#[must_use]
pub fn is_untold(disclosure: &Disclosure, all: &[Suspension], today: Day) -> bool {
    let is_quiet = disclosure.basis.exclusion().is_some_and(|excluded| !excluded.is_told);
    is_quiet || is_suspended(disclosure, all, today)
}

/// Whether one of the patient's suspensions keeps a disclosure back today. Oral ones do for 30 days after the first that is
/// about it, however many there are and under whichever names.
#[must_use]
pub fn is_suspended(disclosure: &Disclosure, all: &[Suspension], today: Day) -> bool {
    let about: Vec<&Suspension> = all.iter().filter(|one| one.covers(disclosure)).collect();
    let said_first = about.iter().filter(|one| !one.is_written).map(|one| one.from).min();
    let is_in_time = said_first.is_none_or(|first| today <= first.plus(ORAL_DAYS.limit));
    about.iter().any(|one| one.holds(today) && (one.is_written || is_in_time))
}

/// Whether one name holds the other.
fn alike(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    one.contains(&other) || other.contains(&one)
}
