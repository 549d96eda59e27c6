//! Runs the tables of `spec.md`.

use super::*;
use base::clock::Instant;
use base::duty::{Held, Run, Standing};
use base::spec::{Row, rows};
use base::workdays::Calendar;

const SPEC: &str = include_str!("spec.md");

fn moment(text: &str) -> Instant {
    Instant::parse(text).or_else(|| Day::parse(text).map(Day::begins)).unwrap_or_else(|| panic!("a day: {text}"))
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap_or_else(|| panic!("a day: {text}"))
}

#[test]
fn every_deadline_stands_in_the_table() {
    let said: Vec<Vec<String>> = rows(SPEC, "code").iter().map(|(_, row)| cells(row)).collect();
    let known: Vec<Vec<String>> = DUTIES.iter().map(written).collect();
    assert_eq!(said, known);
}

fn cells(row: &Row) -> Vec<String> {
    ["code", "law from", "to", "length", "counted from", "citation", "put off", "waits for"]
        .map(|c| row[c].clone())
        .to_vec()
}

fn written(duty: &Duty) -> Vec<String> {
    let times = |times: u8| if times == 1 { "1 time".to_owned() } else { format!("{times} times") };
    let put_off = duty.extension.map(|by| format!("{} days, {}, {}", by.days, times(by.times), by.source));
    let waits = duty.hold.map(|hold| format!("{}, {} days, {}", hold.ground, hold.oral_days, hold.source));
    vec![
        duty.code.to_owned(),
        duty.effective.to_string(),
        duty.until.map(|day| day.to_string()).unwrap_or_default(),
        duty.length.to_string(),
        duty.begins.to_owned(),
        duty.source.to_owned(),
        put_off.unwrap_or_default(),
        waits.unwrap_or_default(),
    ]
}

#[test]
fn every_deadline_names_its_paragraph_and_its_day() {
    let is_paragraph = |source: &str| source.contains(" CFR ") && source.contains('(');
    for duty in DUTIES {
        assert!(is_paragraph(duty.source), "{duty:?}");
        assert!(duty.extension.is_none_or(|by| is_paragraph(by.source)), "{duty:?}");
        assert!(
            duty.effective > Day::of(1980, 1, 1) && duty.until.is_none_or(|until| until > duty.effective),
            "{duty:?}"
        );
        let same = |other: &Duty| other.code == duty.code && other.is_law(duty.effective);
        assert_eq!(DUTIES.iter().filter(|other| same(other)).count(), 1, "{}: two on one day", duty.code);
    }
}

#[test]
fn deadlines_fall_on_their_days() {
    for (line, row) in rows(SPEC, "duty").into_iter().filter(|(_, row)| row.contains_key("due")) {
        let mut run = run(&row);
        let calendar = Calendar::closed_on(row["closed on"].split_whitespace().map(day));
        let done = match row["put off on"].split_once(" to ") {
            _ if row["put off on"].is_empty() => Ok(()),
            Some((told, until)) => run.extend(day(told), Some(day(until)), "why", &calendar),
            None => run.extend(day(&row["put off on"]), None, "why", &calendar),
        };
        let due = match (done, row["due"].contains('T')) {
            (Err(_), _) => "refused".to_owned(),
            (Ok(()), true) => run.due(&calendar).to_string(),
            (Ok(()), false) => run.due_day(&calendar).to_string(),
        };
        assert_eq!(due, row["due"], "line {line}");
    }
}

fn run(row: &Row) -> Run {
    let began = moment(&row["began"]);
    let duty = in_force(&row["duty"], Day::at(began)).unwrap_or_else(|| panic!("no {} then", row["duty"]));
    Run::new(duty, began)
}

#[test]
fn only_a_word_of_law_enforcement_makes_a_breach_notice_wait() {
    for (line, row) in rows(SPEC, "began") {
        let duty = in_force("breach-individual", day(&row["began"])).expect("law");
        let mut run = Run::new(duty, moment(&row["began"]));
        let held =
            Held { from: day(&row["word of"]), until: day(&row["until"]), is_written: row["in writing"] == "yes" };
        let due = run.hold(held).map(|()| run.due_day(&Calendar::default()).to_string());
        assert_eq!(due.unwrap_or_else(|_| "refused".to_owned()), row["due"], "line {line}");
    }
    let held = Held { from: day("2026-01-02"), until: day("2026-01-03"), is_written: true };
    assert!(Run::new(ACCESS, moment("2026-01-01")).hold(held).is_err(), "access waits for nobody");
}

#[test]
fn what_is_not_done_in_time_is_late() {
    for (line, row) in rows(SPEC, "duty").into_iter().filter(|(_, row)| row.contains_key("stands")) {
        let said = match run(&row).standing(moment(&row["now"]), &Calendar::default()) {
            Standing::Running(days) => format!("{days} days left"),
            Standing::Late(1) => "1 day late".to_owned(),
            Standing::Late(days) => format!("{days} days late"),
        };
        assert_eq!(said, row["stands"], "line {line}");
    }
}

#[test]
fn a_deadline_is_put_off_once_with_a_reason() {
    let (calendar, mut run) = (Calendar::default(), Run::new(ACCESS, moment("2026-01-01")));
    assert!(run.extend(day("2026-01-10"), None, " ", &calendar).is_err(), "the reasons are told");
    run.extend(day("2026-01-10"), None, "the chart is at another site", &calendar).expect("once");
    assert!(run.extend(day("2026-01-11"), None, "again", &calendar).is_err(), "one only");
}
