//! Runs the tables of `spec.md`. What is linked to an entry is shown by `tests/suite/rights.rs`.

use super::letter::{self, About};
use super::rules::{Ground, NO_GROUNDS};
use crate::office::Office;
use base::day::Day;
use base::spec::rows;

const SPEC: &str = include_str!("spec.md");

#[test]
fn every_ground_has_its_row() {
    let said: Vec<[String; 3]> = rows(SPEC, "ground")
        .iter()
        .map(|(_, row)| ["ground", "citation", "maker gone"].map(|c| row[c].clone()))
        .collect();
    let word = |stands: bool| if stands { "yes" } else { "no" };
    let known: Vec<[String; 3]> =
        Ground::ALL.iter().map(|g| [g.code(), g.source(), word(g.stands(true))].map(str::to_owned)).collect();
    assert_eq!(said, known);
    assert!(Ground::ALL.iter().all(|ground| ground.stands(false)));
}

#[test]
fn what_is_no_ground_has_its_paragraph() {
    let table = rows(SPEC, "said");
    assert_eq!(table.len(), NO_GROUNDS.len());
    for ((_, row), (code, why)) in table.iter().zip(NO_GROUNDS) {
        assert_eq!(row["said"], code);
        assert!(why.contains(&row["because"]), "{code}");
    }
}

#[test]
fn letters_hold_what_they_must() {
    let office =
        Office { name: "House".to_owned(), contact: "the desk".to_owned(), telephone: "the number".to_owned() };
    let day = Day::of(2026, 11, 24);
    let about = About { request: "r1", received: day, today: day };
    let table = rows(SPEC, "letter");
    assert!(table.len() > 10);
    for (_, row) in table {
        let text = match row["letter"].as_str() {
            "denied" => letter::denied(about, Ground::Accurate, "we looked again", &office),
            "accepted" => letter::accepted(about, "left, and not right", &office),
            "extended" => letter::extended(about, Day::of(2027, 1, 23), "the author is away", &office),
            _ => letter::told(about, &["Condition/17".to_owned()], &office),
        };
        assert!(text.contains(&row["says"]), "{}: {} is missing in\n{text}", row["required by"], row["says"]);
        assert!(text.contains("r1") && text.contains("2026-11-24"));
    }
}
