//! Stops: why a command ends early, in words that say what, why and what next, and with the exit code that fits.

use base::refusal::{Kind, Refusal};
use std::fmt;
use std::process::ExitCode;
use vault::exchange::status;
use vault::{Error, Fault};

/// The end of a command that did not simply succeed.
#[derive(Debug)]
pub enum Stop {
    /// It ran, and found something wrong; everything about it has been printed. Exit code 1.
    Wrong,
    /// It could not run. Exit code 2.
    Cannot(Box<Trouble>),
}

/// Why a command could not run.
#[derive(Debug)]
pub struct Trouble {
    /// What did not happen.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do next.
    pub next: String,
    /// What the vault said, for a caller who can go on.
    pub error: Option<Error>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chartroom: {}\nwhy: {}\nnext: {}", self.what, self.why, self.next)
    }
}

impl Stop {
    /// A command that could not run.
    pub fn cannot(what: impl Into<String>, why: impl fmt::Display, next: impl Into<String>) -> Stop {
        Stop::Cannot(Box::new(Trouble { what: what.into(), why: why.to_string(), next: next.into(), error: None }))
    }

    /// What the vault said, with what to do about it.
    pub fn vault(what: impl Into<String>, error: Error) -> Stop {
        let next = match &error {
            Error::Refusal(refusal) => next_after(refusal),
            Error::Fault(Fault::Busy(_)) => "stop the other chartroom, or name another directory with --data",
            Error::Fault(Fault::Key(_)) => "give the key this directory was made with",
            Error::Fault(Fault::Altered(_)) => "run `chartroom verify`, and restore a backup if it confirms this",
            Error::Fault(Fault::Broken(_)) => {
                "end this process, look at the disk with `chartroom doctor`, and start again"
            }
            Error::Fault(Fault::File { .. } | Fault::Database(_)) => "run `chartroom doctor`, which checks the disk",
        };
        let said = error.to_string();
        // A fault that knows better what to do says so itself.
        let (why, next) = said.split_once(" next: ").unwrap_or((&said, next));
        let ways = if matches!(error, Error::Fault(Fault::Key(_))) { KEY_WAYS } else { "" };
        let next = format!("{}{ways}", next.trim_end_matches('.'));
        Stop::Cannot(Box::new(Trouble { what: what.into(), why: why.to_owned(), next, error: Some(error) }))
    }

    /// The HTTP status that the audit gives it: a fault is ours, everything else the mistake of whoever asked.
    pub fn status(&self) -> u16 {
        match self {
            Stop::Wrong => 409,
            Stop::Cannot(trouble) => match &trouble.error {
                Some(Error::Fault(_)) => 500,
                Some(Error::Refusal(refusal)) => status(refusal.kind),
                None => 422,
            },
        }
    }

    /// Says it on standard error, and gives the exit code.
    pub fn end(&self) -> ExitCode {
        match self {
            Stop::Wrong => ExitCode::from(1),
            Stop::Cannot(trouble) => {
                eprintln!("{trouble}");
                ExitCode::from(2)
            }
        }
    }
}

const KEY_WAYS: &str = " (--key-file, CHARTROOM_KEY or CHARTROOM_PASSPHRASE)";

fn next_after(refusal: &Refusal) -> &'static str {
    match refusal.kind {
        Kind::Full => "free disk space and run the same command again; nothing acknowledged was lost",
        Kind::NotFound | Kind::Gone => "check the name or id that was given",
        _ => "mend what is named, and run the same command again",
    }
}
