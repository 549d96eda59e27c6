//! The words of `chartroom release` and `chartroom amendment`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to do at the release desk.
#[derive(Debug, Subcommand)]
pub enum ReleaseCommand {
    /// Print everything that waits, by its deadline
    Due {
        /// A line of JSON each
        #[arg(long)]
        json: bool,
    },
    /// Note a request that came in
    Note(NoteArgs),
    /// Print a request, what was decided, what would go and what stays, as JSON
    Show {
        /// Its id.
        #[arg(value_name = "REQUEST")]
        id: String,
    },
    /// Take a step: take, put-back, check, decide, look, fee, extend, refuse, withdraw
    Step {
        /// Its id.
        #[arg(value_name = "REQUEST")]
        id: String,
        /// Which.
        step: String,
        /// What belongs to it, such as route=access proof=patient type=Observation; each may be given several times
        #[arg(value_name = "NAME=VALUE", value_parser = word)]
        words: Vec<(String, String)>,
    },
    /// Record that it goes, and write the package
    Send {
        /// Its id.
        #[arg(value_name = "REQUEST")]
        id: String,
        /// A file that is not there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How it goes: paper, fax, email, media, portal, interface, in-person [default: portal]
        #[arg(long, value_name = "CODE")]
        channel: Option<String>,
        /// Encrypt it (AES-256) with the password on the first line of this file
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Print who has something in a version that was changed since
    Recall {
        /// Of one patient
        #[arg(long, value_name = "ID")]
        patient: Option<String>,
    },
}

/// What to do about a request to amend.
#[derive(Debug, Subcommand)]
pub enum AmendmentCommand {
    /// Note a request that came in; why=TEXT belongs to it, and record=Type/id where an entry is named
    Note(NoteArgs),
    /// Print a request and what was decided, as JSON
    Show {
        /// Its id.
        #[arg(value_name = "REQUEST")]
        id: String,
    },
    /// Take a step: take, put-back, extend, amend, deny, tell, link, withdraw
    Step {
        /// Its id.
        #[arg(value_name = "REQUEST")]
        id: String,
        /// Which.
        step: String,
        /// What belongs to it, such as record=Condition/17 how=TEXT, or ground=accurate explains=TEXT
        #[arg(value_name = "NAME=VALUE", value_parser = word)]
        words: Vec<(String, String)>,
    },
    /// Note what the patient answers to a refusal
    Answer {
        /// Its id.
        #[arg(value_name = "REQUEST")]
        id: String,
        /// Why they disagree [default: request and refusal are to go along instead]
        #[arg(long, value_name = "TEXT")]
        says: Option<String>,
    },
}

/// A request.
#[derive(Debug, Args)]
pub struct NoteArgs {
    /// Whose records, by id
    #[arg(long, value_name = "ID")]
    pub patient: String,
    /// What is asked for
    #[arg(long, value_name = "TEXT")]
    pub what: String,
    /// More of it, such as via=letter received=2026-11-20 requester=Lee recipient=Lee route=authorization type=Observation
    #[arg(value_name = "NAME=VALUE", value_parser = word)]
    pub words: Vec<(String, String)>,
}

fn word(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "write it as NAME=VALUE".to_owned())
}
