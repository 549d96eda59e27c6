//! Deadlines: one engine for all of them. Pure: the day is an argument.
//!
//! A [`Duty`] is what the law says; a [`Run`] is one case of it: when it began, how often it was put off, what holds it. A
//! day counts to its end. The law counts calendar days unless it says otherwise, and a deadline that falls on a Sunday is
//! a deadline on a Sunday.

use crate::clock::Instant;
use crate::day::Day;
use crate::refusal::{Kind, Refusal};
use crate::workdays::Calendar;
use std::fmt;

/// How long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Days of the calendar.
    Days(u16),
    /// Days on which people are at work.
    BusinessDays(u16),
    /// Hours of the clock.
    Hours(u16),
}

impl Length {
    /// When it ends that began at a moment.
    #[must_use]
    pub fn after(self, began: Instant, calendar: &Calendar) -> Instant {
        match self {
            Length::Days(days) => Day::at(began).plus(days.into()).ends(),
            Length::BusinessDays(days) => calendar.plus(Day::at(began), days).ends(),
            Length::Hours(hours) => Instant(began.0.saturating_add(i64::from(hours) * 3_600_000)),
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Length::Days(days) => write!(f, "{days} days"),
            Length::BusinessDays(days) => write!(f, "{days} business days"),
            Length::Hours(hours) => write!(f, "{hours} hours"),
        }
    }
}

/// How a deadline may be put off: always in writing, with the reason and the promised day, before it has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// By at most so many days each time.
    pub days: u16,
    /// How often.
    pub times: u8,
    /// The paragraph.
    pub source: &'static str,
}

/// What makes a deadline wait: it is not over before the hold is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Whose word it takes.
    pub ground: &'static str,
    /// How many days a word counts that is not in writing.
    pub oral_days: u16,
    /// The paragraph.
    pub source: &'static str,
}

/// A deadline of law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    /// A short name for programs, `access`.
    pub code: &'static str,
    /// What is to be done.
    pub name: &'static str,
    /// What starts it.
    pub begins: &'static str,
    /// The paragraph.
    pub source: &'static str,
    /// The first day on which it is law.
    pub effective: Day,
    /// The last day on which it is law; `None`: it is.
    pub until: Option<Day>,
    /// How long it takes.
    pub length: Length,
    /// How it may be put off, if it may.
    pub extension: Option<Extension>,
    /// What makes it wait, if anything does.
    pub hold: Option<Hold>,
}

impl Duty {
    /// Whether it is law on a day.
    #[must_use]
    pub fn is_law(&self, day: Day) -> bool {
        day >= self.effective && self.until.is_none_or(|until| day <= until)
    }

    /// Its last day, for what began on a day and was not put off. For lengths in hours, the day in which they end.
    #[must_use]
    pub fn first_end(&self, began: Day, calendar: &Calendar) -> Day {
        Day::at(self.length.after(began.begins(), calendar))
    }
}

/// One time that a deadline was put off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extended {
    /// The day on which it was told in writing.
    pub told: Day,
    /// The new date.
    pub until: Day,
    /// The reasons for the delay.
    pub reason: String,
}

/// One time that a deadline was made to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The day of the statement.
    pub from: Day,
    /// The last day of the time it names.
    pub until: Day,
    /// Whether it was in writing.
    pub is_written: bool,
}

/// One case of a duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What the law says.
    pub duty: Duty,
    /// When it began.
    pub began: Instant,
    /// How often it was put off, oldest first.
    pub extended: Vec<Extended>,
    /// What made it wait.
    pub held: Vec<Held>,
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// So many whole days are left after today; 0: it ends today.
    Running(i64),
    /// It is so many days late.
    Late(i64),
}

impl Run {
    /// A case that began at a moment.
    #[must_use]
    pub fn new(duty: Duty, began: Instant) -> Run {
        Run { duty, began, extended: Vec::new(), held: Vec::new() }
    }

    /// When it must be done at the latest.
    #[must_use]
    pub fn due(&self, calendar: &Calendar) -> Instant {
        let end = match self.extended.last() {
            Some(extended) => extended.until.ends(),
            None => self.duty.length.after(self.began, calendar),
        };
        self.held.iter().map(|held| self.held_until(held).ends()).fold(end, Instant::max)
    }

    /// The day of that.
    #[must_use]
    pub fn due_day(&self, calendar: &Calendar) -> Day {
        Day::at(self.due(calendar))
    }

    fn held_until(&self, held: &Held) -> Day {
        let oral = self.duty.hold.map_or(0, |hold| hold.oral_days);
        if held.is_written { held.until } else { held.until.min(held.from.plus(oral.into())) }
    }

    /// Where it stands at a moment.
    #[must_use]
    pub fn standing(&self, now: Instant, calendar: &Calendar) -> Standing {
        let due = self.due(calendar);
        let days = Day::at(due).0 - Day::at(now).0;
        if now > due { Standing::Late(-days) } else { Standing::Running(days) }
    }

    /// Puts it off, with the reasons told in writing; without a day as long as the law permits.
    pub fn extend(&mut self, today: Day, until: Option<Day>, reason: &str, calendar: &Calendar) -> Result<(), Refusal> {
        let (due, source) = (self.due_day(calendar), self.duty.source);
        let Some(rule) = self.duty.extension else {
            return Err(wrong(format!("this deadline cannot be put off ({source}); answer by {due}")));
        };
        let (latest, source) = (due.plus(rule.days.into()), rule.source);
        let until = until.unwrap_or(latest);
        if self.extended.len() >= usize::from(rule.times) {
            let only =
                if rule.times == 1 { "is one extension".to_owned() } else { format!("are {} extensions", rule.times) };
            return Err(wrong(format!("there {only} only ({source}); answer by {due}")));
        }
        if today > due {
            return Err(wrong(format!("an extension is told before the first date, by {due} ({source}); answer now")));
        }
        if until <= due || until > latest {
            return Err(wrong(format!("an extension ends after {due} and by {latest} ({source}); name such a day")));
        }
        if reason.trim().is_empty() {
            return Err(wrong(format!("an extension tells the reasons for the delay ({source}); say them")));
        }
        self.extended.push(Extended { told: today, until, reason: reason.trim().to_owned() });
        Ok(())
    }

    /// Makes it wait for somebody whose word the law takes.
    pub fn hold(&mut self, held: Held) -> Result<(), Refusal> {
        let source = self.duty.source;
        let Some(rule) = self.duty.hold else {
            return Err(wrong(format!("nothing makes this deadline wait ({source}); answer in time")));
        };
        if held.until < held.from {
            return Err(wrong("the delay ends before it begins; say until when it is to last"));
        }
        if !held.is_written && held.until > held.from.plus(rule.oral_days.into()) {
            let (days, source) = (rule.oral_days, rule.source);
            return Err(wrong(format!(
                "an oral statement delays for at most {days} days ({source}); ask {} for a written one",
                rule.ground
            )));
        }
        self.held.push(held);
        Ok(())
    }
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, "business-rule", message)
}
