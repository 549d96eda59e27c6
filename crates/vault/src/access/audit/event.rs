//! One event as it is kept: compact JSON with short names, sealed. Nothing is left out that a report needs (ASTM E2147), and
//! nothing is kept twice: names, roles and patients are looked up when somebody reads it.
//!
//! ```text
//! v  1                         w  account                    r  its roles then      p  purpose (HL7 v3 PurposeOfUse)
//! d  deed (read, search, ...)  t  method and shape of path   s  HTTP status         o  outcome: s served, n refused, f failed
//! q  what was asked, as text   x  what it was about: Type/id (/_history/n), the first few
//! n  resources shown           c  changes made               k  numbers of the data keys of the patients
//! a  app (client id)           f  address of the client      i  id of the request   y  reason (break the glass)
//! m  how many requests it stands for, if more than one
//! ```

use crate::keys::patients::Kid;
use fhir::json::Json;

/// What was done, as FHIR's `restful-interaction` and the program's own words have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// One resource, a version of it, or its proof.
    Read,
    /// Histories.
    History,
    /// Searches, compartments, `$everything`.
    Search,
    /// Something new.
    Create,
    /// A new version.
    Update,
    /// A deletion.
    Delete,
    /// A look at what a change would do; nothing is written.
    Preview,
    /// Several at once: a batch or a transaction.
    Batch,
    /// An operation that is no search.
    Operation,
    /// Much at once, out of the house.
    Export,
    /// Signing in.
    SignIn,
    /// Signing out.
    SignOut,
    /// Breaking the glass.
    BreakGlass,
    /// Reading the audit.
    ReadAudit,
    /// Changing accounts, policies, keys.
    Administer,
    /// Sending a patient's information to somebody outside.
    Disclose,
    /// Noting what went outside, or that an agency has it kept quiet; nothing is sent by that.
    RecordDisclosure,
    /// Reading what went outside: lists, accountings, requests for them.
    ReadDisclosures,
    /// A request for an accounting: noted, put off, answered, taken back.
    Accounting,
    /// Letting an app act.
    Agree,
    /// Opening an app from a chart: it may not act by that alone.
    Launch,
    /// Not letting an app act, or no longer.
    Decline,
    /// An app's tokens: handed out, refused, given back.
    Token,
}

/// All deeds with their codes.
const DEEDS: [(Deed, &str); 23] = [
    (Deed::Read, "read"),
    (Deed::History, "history"),
    (Deed::Search, "search"),
    (Deed::Create, "create"),
    (Deed::Update, "update"),
    (Deed::Delete, "delete"),
    (Deed::Preview, "preview"),
    (Deed::Batch, "batch"),
    (Deed::Operation, "operation"),
    (Deed::Export, "export"),
    (Deed::SignIn, "sign-in"),
    (Deed::SignOut, "sign-out"),
    (Deed::BreakGlass, "break-glass"),
    (Deed::ReadAudit, "read-audit"),
    (Deed::Administer, "administer"),
    (Deed::Disclose, "disclose"),
    (Deed::RecordDisclosure, "record-disclosure"),
    (Deed::ReadDisclosures, "read-disclosures"),
    (Deed::Accounting, "accounting"),
    (Deed::Agree, "agree"),
    (Deed::Launch, "launch"),
    (Deed::Decline, "decline"),
    (Deed::Token, "token"),
];

impl Deed {
    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        DEEDS.iter().find(|(deed, _)| *deed == self).map_or("", |(_, code)| code)
    }

    /// The deed of a code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Deed> {
        DEEDS.iter().find(|(_, known)| *known == code).map(|(deed, _)| *deed)
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Served,
    /// A rule said no.
    Refused,
    /// The machine failed.
    Failed,
}

impl Outcome {
    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Outcome::Served => "served",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        }
    }

    /// The outcome of a code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Outcome> {
        [Outcome::Served, Outcome::Refused, Outcome::Failed].into_iter().find(|outcome| outcome.code() == code)
    }
}

/// Resources that one event names; of more it has the number.
pub const NAMED_MAX: usize = 20;

/// Bytes of what was asked that are kept: of the address, and as many of what was asked besides.
pub const ASKED_BYTES_MAX: usize = 16 << 10;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Account id; empty when nobody was signed in.
    pub account: String,
    /// Codes of the roles the account had then.
    pub roles: String,
    /// Code of the purpose.
    pub purpose: String,
    /// What was done.
    pub deed: Deed,
    /// Method and shape of the path, without ids.
    pub place: String,
    /// HTTP status; 0 at the command line.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// What was asked, as text.
    pub asked: String,
    /// `Type/id` of what it was about, at most [`NAMED_MAX`].
    pub about: Vec<String>,
    /// Resources shown.
    pub shown: u64,
    /// Changes made.
    pub changed: u64,
    /// The patients whose information it was, by the numbers of their data keys, ascending.
    pub(crate) patients: Vec<Kid>,
    /// The app's client id.
    pub app: String,
    /// Network address of the client.
    pub from: String,
    /// Id of the request.
    pub request: String,
    /// Why the glass was broken.
    pub reason: String,
    /// How many requests it stands for: more than one only where nobody was signed in.
    pub times: u64,
}

impl Event {
    /// An event of nobody, about nothing.
    #[must_use]
    pub fn new(deed: Deed) -> Event {
        Event {
            account: String::new(),
            roles: String::new(),
            purpose: String::new(),
            deed,
            place: String::new(),
            status: 0,
            outcome: Outcome::Served,
            asked: String::new(),
            about: Vec::new(),
            shown: 0,
            changed: 0,
            patients: Vec::new(),
            app: String::new(),
            from: String::new(),
            request: String::new(),
            reason: String::new(),
            times: 1,
        }
    }

    /// As it is kept.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let outcome = match self.outcome {
            Outcome::Served => "s",
            Outcome::Refused => "n",
            Outcome::Failed => "f",
        };
        let mut members =
            vec![("v", Json::number(1)), ("d", Json::string(self.deed.code())), ("o", Json::string(outcome))];
        let texts = [
            ("w", &self.account),
            ("r", &self.roles),
            ("p", &self.purpose),
            ("t", &self.place),
            ("q", &self.asked),
            ("a", &self.app),
            ("f", &self.from),
            ("i", &self.request),
            ("y", &self.reason),
        ];
        members.extend(texts.into_iter().filter(|(_, t)| !t.is_empty()).map(|(n, t)| (n, Json::string(t.as_str()))));
        let numbers = [("s", self.status.into()), ("n", self.shown), ("c", self.changed)];
        members.extend(numbers.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| (name, Json::number(n))));
        if self.times > 1 {
            members.push(("m", Json::number(self.times)));
        }
        if !self.about.is_empty() {
            members.push(("x", Json::Array(self.about.iter().map(|about| Json::string(about.as_str())).collect())));
        }
        if !self.patients.is_empty() {
            members.push(("k", Json::Array(self.patients.iter().map(Json::number).collect())));
        }
        Json::object(members).to_bytes()
    }

    /// Reads what [`Event::write`] wrote; `None` when it is something else.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Event> {
        let tree = Json::parse(text).ok()?;
        let words = |name: &str| tree.text(name).unwrap_or_default().to_owned();
        let number = |name: &str| tree.get(name).and_then(Json::as_number).and_then(|n| n.parse::<u64>().ok());
        let list = |name: &str| tree.get(name).map_or(&[][..], Json::items);
        if number("v") != Some(1) {
            return None;
        }
        Some(Event {
            account: words("w"),
            roles: words("r"),
            purpose: words("p"),
            deed: Deed::of_code(tree.text("d")?)?,
            place: words("t"),
            status: number("s").and_then(|s| u16::try_from(s).ok()).unwrap_or(0),
            outcome: match tree.text("o")? {
                "s" => Outcome::Served,
                "n" => Outcome::Refused,
                "f" => Outcome::Failed,
                _ => return None,
            },
            asked: words("q"),
            about: list("x").iter().filter_map(|about| about.as_str().map(str::to_owned)).collect(),
            shown: number("n").unwrap_or(0),
            changed: number("c").unwrap_or(0),
            patients: list("k").iter().filter_map(|kid| kid.as_number()?.parse().ok()).collect(),
            app: words("a"),
            from: words("f"),
            request: words("i"),
            reason: words("y"),
            times: number("m").unwrap_or(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back_as_it_was_written() {
        let full = Event {
            account: "kim".to_owned(),
            roles: "physician".to_owned(),
            purpose: "BTG".to_owned(),
            deed: Deed::Search,
            place: "GET search".to_owned(),
            status: 200,
            outcome: Outcome::Refused,
            asked: "name=O\"Brien\nx".to_owned(),
            about: vec!["Patient/1".to_owned(), "Observation/o/_history/2".to_owned()],
            shown: 3,
            changed: 2,
            patients: vec![1, 7],
            app: "growth-chart".to_owned(),
            from: "::1".to_owned(),
            request: "r-1".to_owned(),
            reason: "unconscious".to_owned(),
            times: 4,
        };
        for event in [full, Event::new(Deed::SignIn)] {
            assert_eq!(Event::read(&event.write()), Some(event));
        }
        for wrong in [
            "",
            "{}",
            r#"{"v":2,"d":"read","o":"s"}"#,
            r#"{"v":1,"d":"look","o":"s"}"#,
            r#"{"v":1,"d":"read","o":"?"}"#,
        ] {
            assert_eq!(Event::read(wrong.as_bytes()), None, "{wrong}");
        }
        assert!(DEEDS.iter().all(|(deed, code)| Deed::of_code(code) == Some(*deed) && deed.code() == *code));
    }
}
