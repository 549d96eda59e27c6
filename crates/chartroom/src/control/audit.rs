//! Deeds of the audit: noting what a command does, reading events as a table, and ending their keeping.

use super::Done;
use crate::stop::Stop;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::collections::HashMap;
use vault::access::Visit;
use vault::access::audit::{Outcome, Wanted, report};
use vault::{Error, Position, Vault};

const UNREAD: &str = "The audit was not read.";

/// Bytes of one answer, so that it fits through the door.
const ANSWER_BYTES_MAX: usize = 400 << 10;

/// Events looked at for one answer.
const EVENTS_MAX: usize = 1_000;

/// What of the audit is to be printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Id of a patient.
    pub patient: Option<String>,
    /// Login of an account, or `operator`.
    pub login: Option<String>,
    /// Milliseconds since 1970: not before.
    pub since: Option<i64>,
    /// Not after.
    pub until: Option<i64>,
    /// Code of what was done.
    pub action: Option<String>,
    /// Code of how it ended.
    pub outcome: Option<String>,
    /// Only below this position: where the answer before ended.
    pub below: Option<u64>,
}

impl Question {
    /// As it is sent.
    pub fn write(&self) -> Json<'static> {
        let mut members = vec![("do", Json::string("audit"))];
        let words =
            [("patient", &self.patient), ("login", &self.login), ("action", &self.action), ("outcome", &self.outcome)];
        members.extend(words.iter().filter_map(|(name, word)| Some((*name, Json::string((*word).clone()?)))));
        let numbers = [("since", self.since), ("until", self.until), ("below", self.below.map(u64::cast_signed))];
        members.extend(numbers.iter().filter_map(|(name, number)| Some((*name, Json::number((*number)?)))));
        Json::object(members)
    }

    /// Reads what [`Question::write`] wrote.
    pub fn read(json: &Json<'_>) -> Question {
        let text = |name: &str| json.text(name).map(str::to_owned);
        let number = |name: &str| json.get(name)?.as_number()?.parse::<i64>().ok();
        Question {
            patient: text("patient"),
            login: text("login"),
            since: number("since"),
            until: number("until"),
            action: text("action"),
            outcome: text("outcome"),
            below: number("below").map(i64::cast_unsigned),
        }
    }

    /// In words, for the audit itself.
    pub fn words(&self) -> String {
        let words = [
            ("patient", self.patient.clone()),
            ("user", self.login.clone()),
            ("since", self.since.map(|at| Instant(at).to_string())),
            ("until", self.until.map(|at| Instant(at).to_string())),
            ("action", self.action.clone()),
            ("outcome", self.outcome.clone()),
        ];
        let said = words.iter().filter_map(|(name, word)| Some(format!("{name}={}", word.as_deref()?)));
        said.collect::<Vec<_>>().join(" ")
    }

    /// Some lines; the first says where the next answer begins, or `-`.
    pub fn answer(&self, vault: &Vault, visit: &Visit) -> Result<Done, Stop> {
        self.lines(vault, visit).map(Done::well).map_err(|e| Stop::vault(UNREAD, e))
    }

    fn lines(&self, vault: &Vault, visit: &Visit) -> Result<String, Error> {
        let wanted = Wanted { below: self.below.map(Position), count: EVENTS_MAX, ..self.wanted(vault)? };
        let page = vault.audit(visit, &wanted)?;
        let mut names: HashMap<String, String> = HashMap::new();
        let (mut text, mut next) = (String::new(), page.next);
        for found in &page.found {
            let account = &found.event.account;
            if !names.contains_key(account) {
                names.insert(account.clone(), vault.who(account)?.name);
            }
            text.push_str(&report::line(found, names.get(account).map_or("", String::as_str)));
            if text.len() > ANSWER_BYTES_MAX {
                next = Some(found.position);
                break;
            }
        }
        let next = next.map_or_else(|| "-".to_owned(), |next| next.0.to_string());
        Ok(format!("{next}\n{text}"))
    }

    fn wanted(&self, vault: &Vault) -> Result<Wanted, Error> {
        let account = match self.login.as_deref() {
            None => None,
            Some("operator") => Some("operator".to_owned()),
            Some(login) => {
                let account = vault.account_of_login(login)?;
                let nobody = || Refusal::new(Kind::NotFound, "not-found", "nobody has this login");
                Some(account.ok_or_else(nobody)?.id.clone())
            }
        };
        let unknown = |what: &str| Refusal::new(Kind::Invalid, "invalid", format!("the audit knows no such {what}"));
        let deed = self
            .action
            .as_deref()
            .map(|code| vault::access::audit::Deed::of_code(code).ok_or_else(|| unknown("action")));
        let outcome = self.outcome.as_deref().map(|code| Outcome::of_code(code).ok_or_else(|| unknown("outcome")));
        Ok(Wanted {
            patient: self.patient.clone(),
            account,
            since: self.since.map(Instant),
            until: self.until.map(Instant),
            deed: deed.transpose()?,
            outcome: outcome.transpose()?,
            ..Wanted::default()
        })
    }
}

/// Destroys what events say that are older than so many years.
pub fn expire(vault: &Vault, visit: &Visit, years: u32) -> Result<Done, Stop> {
    let done = vault.expire_audit(visit, years).map_err(|e| Stop::vault("Nothing was destroyed.", e))?;
    let mut said = format!("{} events older than {years} years say nothing any more", done.events);
    said.push_str(
        &done.position.map_or_else(|| ".\n".to_owned(), |at| format!("; entry {} of the log says so.\n", at.0)),
    );
    if !done.is_cleared {
        said.push_str(super::deed::UNCLEARED);
    }
    Ok(Done::well(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_was_written() {
        let full = Question {
            patient: Some("p".to_owned()),
            login: Some("kim".to_owned()),
            since: Some(-1),
            until: Some(1_700_000_000_000),
            action: Some("read".to_owned()),
            outcome: Some("refused".to_owned()),
            below: Some(7),
        };
        for question in [full, Question::default()] {
            assert_eq!(Question::read(&question.write()), question);
        }
    }
}
