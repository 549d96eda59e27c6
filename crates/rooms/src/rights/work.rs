//! What the house does with a request to amend: asks the vault, asks the rules, and keeps what follows. Pages, operations and
//! commands call these functions and no others.

use super::case::{Answer, Case};
use super::letter::{self, About};
use super::request::{Request, Statement};
use super::rules::{Ground, NO_GROUNDS};
use crate::notice::{Kind as Notice, document};
use crate::office::office;
use crate::task::{marked, said, wrong};
use base::day::Day;
use base::refusal::{Kind, Refusal};
use base::workdays::Calendar;
use fhir::json::Json;
use fhir::search::params;
use std::fmt::Write;
use vault::access::Visit;
use vault::access::disclosures::reading::{self, Words};
use vault::access::release::Along;
use vault::search::Page;
use vault::{Error, Vault, Written, exchange};

/// What was done, and what to say of it.
#[derive(Clone, Debug)]
pub struct Done {
    /// The request as it is now.
    pub case: Case,
    /// A sentence, or a letter.
    pub says: String,
}

/// A step that may be taken with a request.
pub const STEPS: [&str; 8] = ["take", "put-back", "extend", "amend", "deny", "tell", "link", "withdraw"];

/// Most entries that one request is about.
const RECORDS_MAX: usize = 100;

/// Notes a request that came in; the patient's own, too. Answers with it.
pub fn take_in(vault: &Vault, visit: &Visit, words: &[(String, String)]) -> Result<Request, Error> {
    let mut request = Request::asked(words, vault.clock().now())?;
    if !request.record.is_empty() {
        must_be_of(vault, visit, &request.patient, &request.record)?;
    }
    let written = exchange::create(vault, visit, "Task", request.write(), None)?.written;
    if let Written::Created(version) = written {
        request.id = version.id;
    }
    Ok(request)
}

/// Notes what the patient says to a denial: `says`; without it, that request and denial are to go along (45 CFR
/// 164.526(d)(1)(iii), (2)).
pub fn answer_back(vault: &Vault, visit: &Visit, id: &str, words: &[(String, String)]) -> Result<Statement, Error> {
    let task = vault.read(visit, "Task", id, None)?;
    let request = task.and_then(|task| Request::read(&task)).ok_or_else(super::case::no_request)?;
    if request.status != "rejected" {
        return Err(wrong("a statement answers a denial, and this request was not refused").into());
    }
    let statement =
        Statement { about: request.id, patient: request.patient, on: vault.clock().now(), says: said(words, "says")? };
    exchange::create(vault, visit, "Task", statement.write(), None)?;
    Ok(statement)
}

/// Takes a step.
pub fn step(vault: &Vault, visit: &Visit, id: &str, what: &str, words: &[(String, String)]) -> Result<Done, Error> {
    let mut case = Case::find(vault, visit, id)?;
    let me = visit.principal().account.clone();
    if !STEPS.contains(&what) {
        return Err(wrong(format!("a step is one of {}", STEPS.join(", "))).into());
    }
    if !matches!(what, "tell" | "link") && !case.request.is_open() {
        return Err(wrong("this request has been answered; a new one is noted by itself").into());
    }
    must_be_mine(vault, &case, &me, what, words)?;
    let (says, status, notice) = match what {
        "take" => {
            case.state.claimed = Some(me);
            ("It is yours.".to_owned(), "in-progress", None)
        }
        "put-back" => {
            case.state.claimed = None;
            ("It waits for whoever takes it.".to_owned(), "in-progress", None)
        }
        "extend" => (extend(vault, &mut case, words)?, "in-progress", None),
        "amend" => amend(vault, visit, &mut case, &me, words)?,
        "deny" => (deny(vault, &mut case, &me, words)?, "rejected", None),
        "tell" => (tell(vault, &mut case, words)?, "completed", None),
        "link" => link(vault, &mut case, words)?,
        _ => ("It was taken back.".to_owned(), "cancelled", None),
    };
    keep(vault, visit, case, status, notice).map(|case| Done { case, says })
}

/// Refused where somebody else works on it; taking it over is said with `over=yes`.
fn must_be_mine(vault: &Vault, case: &Case, me: &str, what: &str, words: &[(String, String)]) -> Result<(), Error> {
    match case.state.claimed.as_deref() {
        Some(other) if other != me && !(what == "take" && words.one("over") == Some("yes")) => {
            let name = vault.who(other)?.name;
            let name = if name.is_empty() { "the operator".to_owned() } else { name };
            let message = format!("{name} works on this request; speak with them, or take it over");
            Err(Refusal::new(Kind::Conflict, "conflict", message).into())
        }
        None if what != "take" => Err(wrong("nobody has taken this request; take it first").into()),
        _ => Ok(()),
    }
}

fn extend(vault: &Vault, case: &mut Case, words: &[(String, String)]) -> Result<String, Refusal> {
    let mut clock =
        case.clock().ok_or_else(|| wrong("no law sets a deadline for this one; there is nothing to put off"))?;
    let (until, reason) = (reading::day(words, "until")?, said(words, "reason")?);
    clock.extend(vault.today(), until, &reason, &Calendar::default())?;
    let due = clock.due_day(&Calendar::default());
    case.state.extended = clock.extended;
    Ok(letter::extended(about(vault, case), due, &reason, &office()))
}

type Step = (String, &'static str, Option<Json<'static>>);

/// The record is amended: a document says how, linked to every entry that it is about.
fn amend(vault: &Vault, visit: &Visit, case: &mut Case, me: &str, words: &[(String, String)]) -> Result<Step, Error> {
    let named = words.all("record").into_iter().flat_map(|list| list.split([',', ' '])).filter(|one| !one.is_empty());
    let mut records: Vec<String> = named.map(str::to_owned).collect();
    if records.is_empty() && !case.request.record.is_empty() {
        records.push(case.request.record.clone());
    }
    records.dedup();
    if records.is_empty() || records.len() > RECORDS_MAX {
        let message =
            "name the entries that are affected as `record`, such as Condition/17 (45 CFR 164.526(c)(1)); at most 100";
        return Err(wrong(message).into());
    }
    for record in &records {
        must_be_of(vault, visit, &case.request.patient, record)?;
    }
    let how = said(words, "how")?;
    if how.is_empty() {
        return Err(wrong("say what was amended, as `how`").into());
    }
    let says = format!(
        "{}\n\nAsked for by the patient: {}\nAmended on {}: {how}\n",
        Notice::Amended.words(),
        case.request.what,
        vault.today()
    );
    let notice = document(Notice::Amended, &case.request.patient, &records, &says, vault.clock().now());
    let letter = letter::accepted(about(vault, case), &how, &office());
    case.state.answer = Some((Answer::Amended(records, how), me.to_owned(), vault.today()));
    Ok((letter, "completed", Some(notice)))
}

fn deny(vault: &Vault, case: &mut Case, me: &str, words: &[(String, String)]) -> Result<String, Refusal> {
    if case.request.via == "entity" {
        return Err(wrong("what another covered entity has amended is amended here, too (45 CFR 164.526(e))"));
    }
    let code = words.one("ground").unwrap_or_default();
    if let Some((_, why)) = NO_GROUNDS.iter().find(|(known, _)| *known == code) {
        return Err(wrong(*why));
    }
    let ground = Ground::from_code(code).ok_or_else(|| {
        let known: Vec<&str> = Ground::ALL.iter().map(|ground| ground.code()).collect();
        wrong(format!("`ground` is one of {} (45 CFR 164.526(a)(2))", known.join(", ")))
    })?;
    if !ground.stands(words.one("maker-gone") == Some("yes")) {
        return Err(wrong("whoever made it cannot act any more, so that this is no ground (45 CFR 164.526(a)(2)(i))"));
    }
    let explains = said(words, "explains")?;
    let letter = letter::denied(about(vault, case), ground, &explains, &office());
    case.state.answer = Some((Answer::Denied(ground, explains), me.to_owned(), vault.today()));
    Ok(letter)
}

/// Somebody who has the earlier record was told.
fn tell(vault: &Vault, case: &mut Case, words: &[(String, String)]) -> Result<String, Refusal> {
    let Some((Answer::Amended(records, _), ..)) = &case.state.answer else {
        return Err(wrong("nothing was amended, so that nobody is to be told"));
    };
    let who = said(words, "who")?;
    if who.is_empty() {
        return Err(wrong("say whom, as `who`"));
    }
    let letter = letter::told(about(vault, case), records, &office());
    case.state.told.push((who, vault.today()));
    Ok(letter)
}

/// Links request, denial, statement and rebuttal to the entry (45 CFR 164.526(d)(3)-(4)).
fn link(vault: &Vault, case: &mut Case, words: &[(String, String)]) -> Result<Step, Refusal> {
    let Some((Answer::Denied(ground, explains), _, on)) = &case.state.answer else {
        return Err(wrong("nothing was refused, so that there is nothing to link"));
    };
    let statement = case.statement.as_ref().ok_or_else(|| wrong("the patient has sent no statement"))?;
    if case.state.linked.is_some() {
        return Err(wrong("it is linked already"));
    }
    let record = words.one("record").map_or_else(|| case.request.record.clone(), str::to_owned);
    if record.is_empty() {
        return Err(wrong("name the entry in dispute as `record`, such as Condition/17 (45 CFR 164.526(d)(4))"));
    }
    let rebuttal = said(words, "rebuttal")?;
    let mut says = format!(
        "{}\n\nAsked on {}: {}\nWhy: {}\n\nRefused on {on}: {} ({})\n{explains}\n",
        Notice::Disputed.words(),
        Day::at(case.request.received),
        case.request.what,
        case.request.why,
        ground.words(),
        ground.source()
    );
    if !statement.says.is_empty() {
        let _ = writeln!(says, "\nThe patient disagrees, {}: {}", Day::at(statement.on), statement.says);
    }
    if !rebuttal.is_empty() {
        let _ = writeln!(says, "\nRebuttal of the house, {}: {rebuttal}", vault.today());
    }
    let notice =
        document(Notice::Disputed, &case.request.patient, std::slice::from_ref(&record), &says, vault.clock().now());
    case.state.linked = Some(record);
    let copy =
        if rebuttal.is_empty() { "" } else { " The patient gets a copy of the rebuttal (45 CFR 164.526(d)(3))." };
    Ok((format!("It is linked, and goes along from now on.{copy}"), "rejected", Some(notice)))
}

fn about<'c>(vault: &Vault, case: &'c Case) -> About<'c> {
    About { request: &case.request.id, received: Day::at(case.request.received), today: vault.today() }
}

/// Refused where an entry is not of that patient, or not there for the visit.
fn must_be_of(vault: &Vault, visit: &Visit, patient: &str, record: &str) -> Result<(), Error> {
    let missing = || wrong("`record` names an entry of this patient's chart as Type/id, such as Condition/17");
    let (kind, id) = record.split_once('/').ok_or_else(missing)?;
    if kind == "Patient" && id == patient {
        return Ok(());
    }
    for param in params::compartment("Patient", kind) {
        let pairs = [("_id".to_owned(), id.to_owned()), (param.code.to_string(), format!("Patient/{patient}"))];
        let query = vault.query(visit, Some(kind), &pairs, true, vault.clock().now())?;
        if !vault.search(visit, &query, &Page { count: 1, ..Page::default() })?.matches.is_empty() {
            return Ok(());
        }
    }
    Err(missing().into())
}

fn keep(
    vault: &Vault,
    visit: &Visit,
    mut case: Case,
    status: &str,
    notice: Option<Json<'static>>,
) -> Result<Case, Error> {
    let says = match (&case.state.answer, status) {
        (Some((Answer::Amended(..), ..)), _) => "amended",
        (Some((Answer::Denied(..), ..)), _) if case.state.linked.is_some() => "refused; your statement goes along",
        (Some((Answer::Denied(..), ..)), _) => "refused, by letter",
        (_, "cancelled") => "taken back",
        _ if !case.state.extended.is_empty() => "put off, by letter",
        _ if case.state.claimed.is_some() => "somebody works on it",
        _ => "received",
    };
    let now = vault.clock().now();
    let task = marked(&case.task, status, says, case.due(), now).ok_or_else(super::case::no_request)?;
    case.dossier.says = case.state.write();
    let along = Along { task: Some((task, case.task.version)), added: notice, ..Along::default() };
    vault.keep_dossier(visit, case.dossier, along)?;
    Case::find(vault, visit, &case.request.id)
}
