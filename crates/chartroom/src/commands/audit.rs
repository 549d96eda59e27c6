//! `chartroom audit`: who looked at what, as a table; and the end of its keeping.

use crate::cli::{AuditArgs, AuditCommand};
use crate::config::Config;
use crate::control::{self, Deed, Question};
use crate::stop::Stop;
use fhir::calendar;
use std::io::{Write, stdout};
use vault::access::audit::report;

const UNREAD: &str = "The audit was not read.";

/// Prints events, newest first, or destroys what old ones say.
pub fn audit(config: &Config, args: &AuditArgs) -> Result<(), Stop> {
    if let Some(AuditCommand::Expire { years }) = &args.command {
        let (done, _) = control::carry_out(config, &Deed::Expire { years: *years })?;
        print!("{}", done.said);
        return Ok(());
    }
    let span = |text: &Option<String>| text.as_deref().map(moment).transpose();
    let (since, until) = (span(&args.since)?, span(&args.until)?);
    let mut question = Question {
        patient: args.patient.as_deref().map(|id| id.strip_prefix("Patient/").unwrap_or(id).to_owned()),
        login: args.user.clone(),
        since: since.map(|(low, _)| low),
        until: until.map(|(_, high)| high),
        action: args.action.clone(),
        outcome: args.outcome.clone(),
        below: None,
    };
    put(&report::header())?;
    loop {
        let (done, _) = control::carry_out(config, &Deed::Audit(question.clone()))?;
        let (next, lines) = done.said.split_once('\n').unwrap_or(("-", ""));
        put(lines)?;
        match next.parse() {
            Ok(below) => question.below = Some(below),
            Err(_) => return Ok(()),
        }
    }
}

/// First and last millisecond of a date or time.
fn moment(text: &str) -> Result<(i64, i64), Stop> {
    calendar::span(text).ok_or_else(|| {
        Stop::cannot(UNREAD, format!("`{text}` is no date or time"), "write it as 2026-11-23 or 2026-11-23T09:05:00Z")
    })
}

fn put(text: &str) -> Result<(), Stop> {
    stdout().write_all(text.as_bytes()).map_err(|e| Stop::cannot(UNREAD, e, "mend what reads the output"))
}
