//! A request to amend with what was decided about it: found, listed, with its clock. Asks the vault, and changes nothing.

use super::request::{CODE, Request, STATEMENT, Statement};
use super::rules::Ground;
use crate::clocks::AMENDMENT;
use crate::task::{tasks, text};
use base::clock::Instant;
use base::day::Day;
use base::duty::{Extended, Run, Standing};
use base::refusal::{Kind, Refusal};
use base::workdays::Calendar;
use fhir::json::Json;
use std::collections::HashMap;
use vault::access::Visit;
use vault::access::release::Dossier;
use vault::{Error, Vault, Version};

/// How it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The record was amended: these entries, in these words.
    Amended(Vec<String>, String),
    /// It was refused on a ground, with an explanation.
    Denied(Ground, String),
}

/// Everything that was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The account that works on it.
    pub claimed: Option<String>,
    /// How often it was put off.
    pub extended: Vec<Extended>,
    /// The answer, who gave it, and when.
    pub answer: Option<(Answer, String, Day)>,
    /// Who was told that the record was amended, and when.
    pub told: Vec<(String, Day)>,
    /// The document that links request, denial and statement to the entry.
    pub linked: Option<String>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is asked.
    pub request: Request,
    /// What the patient said to a denial.
    pub statement: Option<Statement>,
    /// The Task, as the visit sees it.
    pub task: Version,
    /// What was decided.
    pub state: State,
    /// As it is kept.
    pub dossier: Dossier,
}

impl Case {
    /// The request of a Task, for those who work on it.
    pub fn find(vault: &Vault, visit: &Visit, id: &str) -> Result<Case, Error> {
        let task = vault.read(visit, "Task", id, None)?;
        let found = task.and_then(|task| Request::read(&task).map(|request| (task, request)));
        let (task, request) = found.ok_or_else(no_request)?;
        let dossier = vault.dossier(visit, &request.patient, id)?;
        let statement =
            statements(vault, visit, Some(&request.patient))?.remove(&(id.to_owned(), request.patient.clone()));
        Ok(Case { state: State::read(&dossier.says), request, statement, task, dossier })
    }

    /// All that wait for the house: those due first at the top, those without a deadline by age after them.
    pub fn waiting(vault: &Vault, visit: &Visit) -> Result<Vec<Case>, Error> {
        let mut all = Vec::new();
        for case in Case::all(vault, visit)? {
            if case.next(&case.untold(vault, visit)?).is_some() {
                all.push(case);
            }
        }
        all.sort_by_key(|case| {
            (case.due().map_or(i64::MAX, |due| due.0), case.request.received, case.request.id.clone())
        });
        Ok(all)
    }

    /// All requests, whatever became of them, oldest first.
    pub fn all(vault: &Vault, visit: &Visit) -> Result<Vec<Case>, Error> {
        let mut dossiers: HashMap<String, Dossier> =
            vault.dossiers(visit)?.into_iter().map(|dossier| (dossier.id.clone(), dossier)).collect();
        let mut statements = statements(vault, visit, None)?;
        let mut all = Vec::new();
        for task in tasks(vault, visit, CODE, None)? {
            let Some(request) = Request::read(&task) else { continue };
            // A dossier or a statement of another patient's is not this request's.
            let dossier = dossiers.remove(&request.id).filter(|dossier| dossier.patient == request.patient);
            let dossier = dossier.unwrap_or_else(|| Dossier {
                id: request.id.clone(),
                patient: request.patient.clone(),
                version: 0,
                says: Json::object::<&str>([]),
            });
            let statement = statements.remove(&(request.id.clone(), request.patient.clone()));
            all.push(Case { state: State::read(&dossier.says), request, statement, task, dossier });
        }
        Ok(all)
    }

    /// Its clock; what another entity tells us has none (45 CFR 164.526(e)).
    #[must_use]
    pub fn clock(&self) -> Option<Run> {
        let waits = self.request.is_open() && self.request.via != "entity";
        waits.then(|| Run { extended: self.state.extended.clone(), ..Run::new(AMENDMENT, self.request.received) })
    }

    /// The day by which it must be answered.
    #[must_use]
    pub fn due(&self) -> Option<Day> {
        self.clock().map(|run| run.due_day(&Calendar::default()))
    }

    /// Where its clock stands.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Option<Standing> {
        self.clock().map(|run| run.standing(now, &Calendar::default()))
    }

    /// Who has an amended entry from us and was not told yet, as far as disclosures name what went.
    pub fn untold(&self, vault: &Vault, visit: &Visit) -> Result<Vec<String>, Error> {
        let Some((Answer::Amended(records, _), _, on)) = &self.state.answer else { return Ok(Vec::new()) };
        let had = |one: &vault::access::disclosures::Disclosure| {
            one.day <= *on && one.resources.iter().any(|sent| records.iter().any(|record| is_of(sent, record)))
        };
        let sent = vault.disclosures(visit, &self.request.patient)?;
        let mut all: Vec<String> = sent.into_iter().filter(had).map(|one| one.recipient).collect();
        all.retain(|who| who != "the patient" && !self.state.told.iter().any(|(told, _)| told == who));
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// What is to be done next, in words, `untold` being those who are still to be told.
    #[must_use]
    pub fn next(&self, untold: &[String]) -> Option<&'static str> {
        match &self.state {
            State { claimed: None, .. } if self.request.is_open() => Some("take it"),
            _ if self.request.is_open() => Some("amend the record, or refuse"),
            State { answer: Some((Answer::Denied(..), ..)), linked: None, .. } if self.statement.is_some() => {
                Some("link the statement to the record")
            }
            State { answer: Some((Answer::Amended(..), ..)), .. } if !untold.is_empty() => {
                Some("tell those who have it")
            }
            _ => None,
        }
    }
}

/// Whether what was sent is a version of an entry.
fn is_of(sent: &str, record: &str) -> bool {
    sent.strip_prefix(record).is_some_and(|rest| rest.is_empty() || rest.starts_with("/_history/"))
}

/// Statements by request and patient; the last counts.
fn statements(
    vault: &Vault,
    visit: &Visit,
    patient: Option<&str>,
) -> Result<HashMap<(String, String), Statement>, Error> {
    let all = tasks(vault, visit, STATEMENT, patient)?;
    let read = all.iter().filter_map(Statement::read);
    Ok(read.map(|one| ((one.about.clone(), one.patient.clone()), one)).collect())
}

/// Said where there is no such request.
#[must_use]
pub fn no_request() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "there is no such request to amend a record")
}

impl State {
    /// As it is kept.
    #[must_use]
    pub fn write(&self) -> Json<'static> {
        let mut members = Vec::new();
        members.extend(self.claimed.as_deref().map(|by| ("claimed", text(by))));
        let extended = |one: &Extended| {
            Json::object([
                ("told", text(&one.told.to_string())),
                ("until", text(&one.until.to_string())),
                ("reason", text(&one.reason)),
            ])
        };
        members.push(("extended", Json::Array(self.extended.iter().map(extended).collect())));
        members.extend(self.answer.as_ref().map(|(answer, by, on)| {
            let (kind, says, more) = match answer {
                Answer::Amended(records, how) => {
                    ("amended", how, Json::Array(records.iter().map(|one| text(one)).collect()))
                }
                Answer::Denied(ground, explains) => ("denied", explains, text(ground.code())),
            };
            let of = [("is", text(kind)), ("says", text(says)), ("of", more), ("by", text(by)), ("on", day(*on))];
            ("answer", Json::object(of))
        }));
        let told = |(who, on): &(String, Day)| Json::object([("who", text(who)), ("on", day(*on))]);
        members.push(("told", Json::Array(self.told.iter().map(told).collect())));
        members.extend(self.linked.as_deref().map(|id| ("linked", text(id))));
        Json::object(members)
    }

    /// Reads what [`State::write`] wrote; what is missing is not decided.
    #[must_use]
    pub fn read(says: &Json<'_>) -> State {
        let list = |name: &str| says.get(name).map_or(&[][..], Json::items).iter();
        let day = |one: &Json<'_>, name: &str| one.text(name).and_then(Day::parse);
        let owned = |one: &Json<'_>, name: &str| one.text(name).unwrap_or_default().to_owned();
        let extended = |one: &Json<'_>| {
            Some(Extended { told: day(one, "told")?, until: day(one, "until")?, reason: owned(one, "reason") })
        };
        State {
            claimed: says.text("claimed").map(str::to_owned),
            extended: list("extended").filter_map(extended).collect(),
            answer: says.get("answer").and_then(|one| Some((answer(one)?, owned(one, "by"), day(one, "on")?))),
            told: list("told").filter_map(|one| Some((owned(one, "who"), day(one, "on")?))).collect(),
            linked: says.text("linked").map(str::to_owned),
        }
    }
}

fn answer(one: &Json<'_>) -> Option<Answer> {
    let says = one.text("says")?.to_owned();
    match one.text("is")? {
        "amended" => {
            let records = one.get("of")?.items().iter().filter_map(|of| of.as_str().map(str::to_owned));
            Some(Answer::Amended(records.collect(), says))
        }
        _ => Some(Answer::Denied(Ground::from_code(one.text("of")?)?, says)),
    }
}

fn day(day: Day) -> Json<'static> {
    text(&day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decided_reads_back_as_it_was_written() {
        let day = Day::of(2026, 11, 24);
        let amended = Answer::Amended(vec!["Condition/1".to_owned()], "left, and not right".to_owned());
        for answer in [amended, Answer::Denied(Ground::Accurate, "we looked again".to_owned())] {
            let state = State {
                claimed: Some("hana".to_owned()),
                extended: vec![Extended { told: day, until: day.plus(30), reason: "the author is away".to_owned() }],
                answer: Some((answer, "hana".to_owned(), day)),
                told: vec![("County".to_owned(), day)],
                linked: Some("d1".to_owned()),
            };
            assert_eq!(State::read(&state.write()), state);
        }
        assert_eq!(State::read(&State::default().write()), State::default());
    }

    #[test]
    fn a_version_of_an_entry_is_told_from_another_entry() {
        assert!(is_of("Condition/1", "Condition/1") && is_of("Condition/1/_history/3", "Condition/1"));
        assert!(!is_of("Condition/12", "Condition/1"));
    }
}
