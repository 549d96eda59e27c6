//! `chartroom app`: what can be said of programs of others.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to do with apps.
#[derive(Debug, Subcommand)]
pub enum AppCommand {
    /// Register an app; it waits for `app approve` unless --approve is given. A secret is printed once.
    Register(Box<Registered>),
    /// Print all apps
    List {
        /// One line of JSON an app
        #[arg(long)]
        json: bool,
    },
    /// Let an app act
    Approve {
        /// Its client id
        client: String,
        /// Print the app as JSON
        #[arg(long)]
        json: bool,
    },
    /// End an app's access: its tokens are void at once
    Suspend {
        /// Its client id
        client: String,
        /// Print the app as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new secret for an app that has one, and print it once; the one before is void
    Secret {
        /// Its client id
        client: String,
    },
}

/// What an app is.
#[derive(Clone, Debug, Args)]
pub struct Registered {
    /// The name that people are shown
    pub name: String,
    /// Where codes may be sent, letter for letter; may be given several times
    #[arg(long, value_name = "URL")]
    pub redirect: Vec<String>,
    /// A scope it may ask for, such as patient/*.rs; may be given several times
    #[arg(long, value_name = "SCOPE", required = true)]
    pub scope: Vec<String>,
    /// Where it is opened from charts
    #[arg(long, value_name = "URL")]
    pub launch: Option<String>,
    /// It keeps a secret, which is made up
    #[arg(long, group = "proof")]
    pub secret: bool,
    /// It signs: a file with its public keys, a JSON Web Key Set
    #[arg(long, value_name = "FILE", group = "proof")]
    pub keys: Option<PathBuf>,
    /// It signs: the address of its public keys
    #[arg(long, value_name = "URL", group = "proof")]
    pub keys_at: Option<String>,
    /// The account, of role app, that it acts as when it acts by itself
    #[arg(long, value_name = "LOGIN")]
    pub acts_as: Option<String>,
    /// What it acts for then: HL7's code, such as HOPERAT [default: the first that the account's roles come for]
    #[arg(long, value_name = "CODE", requires = "acts_as")]
    pub purpose: Option<String>,
    /// How long its access tokens last [default: 900]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(60..=3_600))]
    pub token_seconds: Option<u32>,
    /// Who stands behind it: house (the hospital), patient (the patient's own choice), outside (what it reads is disclosed,
    /// and accounted for)
    #[arg(long, value_name = "WHO", value_parser = ["house", "patient", "outside"])]
    pub reach: String,
    /// The legal ground on which an outside recipient reads, such as public-health
    #[arg(long, value_name = "CODE")]
    pub basis: Option<String>,
    /// The recipient's address, for accountings
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
    /// Its client id [default: made up]
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Let it act at once
    #[arg(long)]
    pub approve: bool,
    /// Print the app as JSON
    #[arg(long)]
    pub json: bool,
}
