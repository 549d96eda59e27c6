//! A request for an accounting, its clock and its fee (45 CFR 164.528(c)).

use super::rules::{ACCOUNTING, FREE_MONTHS, INTERMEDIARY};
use super::{Day, Law, Period, said, wrong};
use crate::access::private::Document;
use base::clock::Instant;
use base::duty::Run;
use base::refusal::Refusal;
use base::workdays::Calendar;
use fhir::json::Json;

/// The type of these documents.
pub(super) const KIND: &str = "x-accounting";

/// The one extension (45 CFR 164.528(c)(1)(ii)).
pub use base::duty::Extended as Extension;

/// What a later accounting costs (45 CFR 164.528(c)(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Cents of a dollar.
    pub cents: u64,
    /// The day on which the patient was told.
    pub told: Day,
    /// The day on which they agreed.
    pub agreed: Option<Day>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The accounting was given: when, by which account, and its text (164.528(d)).
    Provided(Day, String, String),
    /// The patient took it back.
    Withdrawn(Day),
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// The id of the patient.
    pub patient: String,
    /// Under which law.
    pub law: Law,
    /// The days asked about.
    pub period: Period,
    /// The moment it was written down: of several on one day the first is free.
    pub filed: Instant,
    /// The account that wrote it down.
    pub by: String,
    /// The extension, if there was one.
    pub extension: Option<Extension>,
    /// The fee, if there is one.
    pub fee: Option<Fee>,
    /// How it ended, if it has.
    pub ended: Option<Ended>,
}

impl Request {
    /// The day of the request.
    #[must_use]
    pub fn asked(&self) -> Day {
        self.period.asked
    }

    /// The day by which it must be answered, counting the extension.
    #[must_use]
    pub fn due(&self) -> Day {
        self.clock().due_day(&Calendar::default())
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> Run {
        let extended = self.extension.iter().cloned().collect();
        let duty = match self.law {
            Law::Hipaa | Law::Part2 => ACCOUNTING,
            Law::Intermediary => INTERMEDIARY,
        };
        Run { extended, ..Run::new(duty, self.asked().begins()) }
    }

    /// Whether it waits for its answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Where it stands, in a word.
    #[must_use]
    pub fn state(&self, today: Day) -> &'static str {
        match &self.ended {
            Some(Ended::Provided(..)) => "provided",
            Some(Ended::Withdrawn(_)) => "withdrawn",
            None if today > self.due() => "overdue",
            None => "open",
        }
    }

    /// The day on which the accounting was given.
    #[must_use]
    pub fn provided(&self) -> Option<Day> {
        match &self.ended {
            Some(Ended::Provided(day, ..)) => Some(*day),
            Some(Ended::Withdrawn(_)) | None => None,
        }
    }

    /// Puts the date off, once, within the first 60 days, for at most 30 more, with the reasons.
    pub fn extend(&mut self, today: Day, until: Option<Day>, reason: &str) -> Result<(), Refusal> {
        self.must_be_open()?;
        let mut clock = self.clock();
        clock.extend(today, until, reason, &Calendar::default())?;
        said("reason", reason)?;
        self.extension = clock.extended.pop();
        Ok(())
    }

    /// Whether it is free: the patient's first in twelve months (45 CFR 164.528(c)(2)). One that was filed before it in that
    /// time, or given then, comes before it, also while it still waits; so does a later one that was given without a fee.
    #[must_use]
    pub fn is_free(&self, others: &[Request]) -> bool {
        let since = self.asked().years_before(FREE_MONTHS.limit / 12);
        let counts = |day: Day| day > since && day <= self.asked();
        let is_before = |other: &Request| (other.filed, &other.id) < (self.filed, &self.id);
        let mut others = others.iter().filter(|other| other.id != self.id && other.law != Law::Intermediary);
        !others.any(|other| match other.provided() {
            Some(given) => {
                counts(given) && (is_before(other) || other.fee.is_none()) || is_before(other) && counts(other.asked())
            }
            None => other.is_open() && is_before(other) && counts(other.asked()),
        })
    }

    /// Notes that the patient was told of a fee. Refused where it is free.
    pub fn charge(&mut self, today: Day, cents: u64, others: &[Request]) -> Result<(), Refusal> {
        self.must_be_open()?;
        if self.law == Law::Intermediary {
            return Err(wrong("42 CFR 2.24 knows no fee for this list; give it without one"));
        }
        if self.is_free(others) {
            return Err(wrong(format!(
                "the first accounting in 12 months is free ({}); give it without a fee",
                FREE_MONTHS.source
            )));
        }
        self.fee = Some(Fee { cents, told: today, agreed: None });
        Ok(())
    }

    /// Notes that the patient agrees to a fee of so many cents. Refused where another was told: it may have changed since.
    pub fn agree(&mut self, today: Day, cents: u64) -> Result<(), Refusal> {
        self.must_be_open()?;
        let fee = self.fee.as_mut().ok_or_else(|| wrong("no fee was told; there is nothing to agree to"))?;
        if fee.cents != cents {
            let told = fee.cents;
            return Err(wrong(format!("the fee that was told is {told} cents; look at it again and agree to that")));
        }
        fee.agreed = Some(today);
        Ok(())
    }

    /// Notes that the patient takes it back.
    pub fn withdraw(&mut self, today: Day) -> Result<(), Refusal> {
        self.must_be_open()?;
        self.ended = Some(Ended::Withdrawn(today));
        Ok(())
    }

    /// Notes that the accounting was given, with its text. Refused while a fee was told and not agreed to.
    pub fn provide(&mut self, today: Day, by: &str, letter: &str) -> Result<(), Refusal> {
        self.must_be_open()?;
        if self.fee.is_some_and(|fee| fee.agreed.is_none()) {
            let source = FREE_MONTHS.source;
            return Err(wrong(format!(
                "the patient has not agreed to the fee yet ({source}); note that they did, or that they withdraw"
            )));
        }
        self.ended = Some(Ended::Provided(today, by.to_owned(), letter.to_owned()));
        Ok(())
    }

    fn must_be_open(&self) -> Result<(), Refusal> {
        if self.is_open() { Ok(()) } else { Err(wrong("this request has ended; ask anew")) }
    }

    pub(super) fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let day = |day: Day| Json::string(day.to_string());
        let mut members = vec![
            ("resourceType", text(KIND)),
            ("id", text(&self.id)),
            ("about", text(&format!("Patient/{}", self.patient))),
            ("law", text(self.law.code())),
            ("from", day(self.period.from)),
            ("until", day(self.period.until)),
            ("asked", day(self.period.asked)),
            ("filed", text(&self.filed.to_string())),
            ("by", text(&self.by)),
        ];
        if let Some(Extension { told, until, reason }) = &self.extension {
            members.extend([("extended", day(*told)), ("due", day(*until)), ("reason", text(reason))]);
        }
        if let Some(Fee { cents, told, agreed }) = self.fee {
            members.extend([("cents", Json::number(cents)), ("feeTold", day(told))]);
            members.extend(agreed.map(|agreed| ("feeAgreed", day(agreed))));
        }
        match &self.ended {
            Some(Ended::Provided(on, by, letter)) => {
                members.extend([("provided", day(*on)), ("providedBy", text(by)), ("letter", text(letter))]);
            }
            Some(Ended::Withdrawn(on)) => members.push(("withdrawn", day(*on))),
            None => {}
        }
        Json::object(members)
    }

    pub(super) fn read(document: &Document) -> Option<Request> {
        let says = &document.says;
        let text = |name: &str| says.text(name).map(str::to_owned);
        let day = |name: &str| says.text(name).and_then(Day::parse);
        let extension = day("extended").zip(day("due")).zip(text("reason"));
        let cents = says.get("cents").and_then(Json::as_number).and_then(|cents| cents.parse().ok());
        let provided = day("provided").zip(text("providedBy")).zip(text("letter"));
        let provided = provided.map(|((on, by), letter)| Ended::Provided(on, by, letter));
        Some(Request {
            id: document.id.clone(),
            patient: says.text("about")?.strip_prefix("Patient/")?.to_owned(),
            law: Law::from_code(says.text("law")?)?,
            period: Period { from: day("from")?, until: day("until")?, asked: day("asked")? },
            filed: says.text("filed").and_then(Instant::parse).or_else(|| day("asked").map(Day::begins))?,
            by: text("by")?,
            extension: extension.map(|((told, until), reason)| Extension { told, until, reason }),
            fee: cents.zip(day("feeTold")).map(|(cents, told)| Fee { cents, told, agreed: day("feeAgreed") }),
            ended: provided.or_else(|| day("withdrawn").map(Ended::Withdrawn)),
        })
    }
}
