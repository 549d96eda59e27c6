//! What was measured, against its goal, as a table for people and JSON for programs.

use fhir::json::Json;
use std::fmt::Write as _;

/// What would be good.
#[derive(Clone, Copy)]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Only for comparison.
    Context,
}

/// One figure.
pub struct Measure {
    /// Stable name: `import.rate`.
    pub name: &'static str,
    /// What it is, in words.
    pub what: String,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What would be good.
    pub goal: Goal,
}

impl Measure {
    /// Whether the goal is reached; context always is.
    pub fn reached(&self) -> bool {
        match self.goal {
            Goal::AtLeast(least) => self.value >= least,
            Goal::AtMost(most) => self.value <= most,
            Goal::Context => true,
        }
    }

    fn goal_text(&self) -> String {
        match self.goal {
            Goal::AtLeast(least) => format!("≥ {}", figure(least)),
            Goal::AtMost(most) => format!("≤ {}", figure(most)),
            Goal::Context => String::new(),
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.goal, self.reached()) {
            (Goal::Context, _) => "",
            (_, true) => "reached",
            (_, false) => "missed",
        }
    }
}

/// All figures of one run.
#[derive(Default)]
pub struct Report {
    /// In the order they were taken.
    pub measures: Vec<Measure>,
}

impl Report {
    /// Adds a figure and shows it on standard error, so that a long run can be followed.
    pub fn add(&mut self, name: &'static str, what: impl Into<String>, value: f64, unit: &'static str, goal: Goal) {
        let measure = Measure { name, what: what.into(), value, unit, goal };
        eprintln!("{:<28} {:>12} {:<16} {:<12} {}", name, figure(value), unit, measure.goal_text(), measure.verdict());
        self.measures.push(measure);
    }

    /// One JSON object with one member a figure.
    pub fn json(&self) -> Json<'static> {
        Json::object(self.measures.iter().map(|m| {
            let mut members = vec![("value", Json::number(m.value)), ("unit", Json::string(m.unit))];
            match m.goal {
                Goal::AtLeast(least) => members.push(("atLeast", Json::number(least))),
                Goal::AtMost(most) => members.push(("atMost", Json::number(most))),
                Goal::Context => {}
            }
            members.push(("reached", Json::Bool(m.reached())));
            (m.name, Json::object(members))
        }))
    }

    /// The manual's chapter on performance.
    pub fn markdown(&self, machine: &str, today: &str) -> String {
        let mut out = format!(
            "# Performance\n\nWritten by `cargo x bench` on {today}; measured on {machine}. Every figure is of the release \
             build with encryption, validation, indexing, sealing and full durability on. Machines differ: compare the \
             ratios, which are taken in one run, before the absolute figures.\n\n\
             | What | Figure | Unit | Goal | |\n|---|---:|---|---|---|\n"
        );
        for m in &self.measures {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                m.what,
                figure(m.value),
                m.unit,
                m.goal_text(),
                m.verdict()
            );
        }
        out
    }
}

/// A figure as people read it: thousands separated, three decimals below ten.
fn figure(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.3}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if (digits.len() - i).is_multiple_of(3) && out.ends_with(|c: char| c.is_ascii_digit()) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
