//! The command line.

mod app;
mod disclosure;
mod release;

pub use app::{AppCommand, Registered};
pub use disclosure::{DisclosureCommand, StepName, Wanted};
pub use release::{AmendmentCommand, ReleaseCommand};

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The heading of the options that every command takes.
const GLOBAL: &str = "Options of every command";

/// Reads an address with its port.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, as 127.0.0.1:8080".to_owned())
}

/// Chartroom keeps a hospital's records: every version sealed, in order, and provable.
///
/// Exit codes: 0 done, 1 found something wrong, 2 could not run.
#[derive(Debug, Parser)]
#[command(name = "chartroom", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// Where the data is and how it is opened.
    #[command(flatten)]
    pub place: Place,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes. A flag wins over the environment, the environment over the file.
#[derive(Clone, Debug, Default, Args)]
pub struct Place {
    /// Data directory [default: ./chartroom-data; demo: ./chartroom-demo]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DIR", env = "CHARTROOM_DATA")]
    pub data: Option<PathBuf>,
    /// Configuration file [default: chartroom.toml in the data directory, if it is there]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", env = "CHARTROOM_CONFIG")]
    pub config: Option<PathBuf>,
    /// Root key file [default: root.key in the data directory]. Instead: CHARTROOM_KEY (64 hexadecimal digits) or
    /// CHARTROOM_PASSPHRASE in the environment.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", env = "CHARTROOM_KEY_FILE")]
    pub key_file: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a demo hospital and serve it
    Demo(DemoArgs),
    /// Serve FHIR over HTTP
    Serve(ServeArgs),
    /// Take in bundles, resources and NDJSON from files and directories
    Import(ImportArgs),
    /// What imports refused, with places and reasons
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Check that everything is still what was written; exit code 1 when something was altered
    Verify {
        /// Print the report as one line of JSON
        #[arg(long, conflicts_with = "package")]
        json: bool,
        /// A package that the release desk sent; it needs no record
        #[arg(value_name = "PACKAGE")]
        package: Option<PathBuf>,
        /// The key of the sender's log, or a file that holds it
        #[arg(long, value_name = "KEY", requires = "package")]
        key: Option<String>,
        /// The password of an encrypted package is on the first line of this file
        #[arg(long, value_name = "FILE", requires = "package")]
        password_file: Option<PathBuf>,
    },
    /// Make the search index anew from the record
    Rebuild,
    /// Write the current record as NDJSON, one file a type, also while the server runs
    Export(ExportArgs),
    /// Copy the record, also while the server runs
    Backup {
        /// A new or empty directory
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Put a backup into an empty data directory
    Restore(RestoreArgs),
    /// Print a bearer token with the operator's full rights or an account's, also while the server runs
    Token(TokenArgs),
    /// Who may come in, also while the server runs
    #[command(subcommand)]
    Account(AccountCommand),
    /// Programs of others that act for people or by themselves, also while the server runs
    #[command(subcommand)]
    App(AppCommand),
    /// Print who looked at what and changed what, newest first, as a table (CSV), also while the server runs
    Audit(AuditArgs),
    /// Who received what of a patient, and the accounting of it (45 CFR 164.528), also while the server runs
    #[command(subcommand)]
    Disclosure(DisclosureCommand),
    /// Requests for records: noted, decided, sent, refused, also while the server runs
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Work on requests to amend the record (45 CFR 164.526)
    #[command(subcommand)]
    Amendment(AmendmentCommand),
    /// Who may do what: policies in force, tried, compared and changed, also while the server runs
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Look at the key, the disk and the directory, and say what to mend
    Doctor,
    /// Change the root key
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Make everything about one patient unreadable, for good, also while the server runs
    Shred(ShredArgs),
    /// Proofs, checkpoints and cosignatures of the log
    #[command(subcommand)]
    Log(LogCommand),
    /// Cosign the checkpoints of other machines' logs
    Witness(WitnessArgs),
    /// Evaluate a FHIRPath expression on a resource, and print the result as JSON
    Fhirpath(FhirpathArgs),
    /// Measure speed, memory and disk on this machine, each against something measured in the same run
    Bench(BenchArgs),
    /// The bare server that bench compares with
    #[command(hide = true)]
    BenchEcho {
        /// Address and port.
        listen: SocketAddr,
    },
    /// A server that leaves no audit, on a store that bench has made
    #[command(hide = true)]
    BenchServe {
        /// Address and port.
        listen: SocketAddr,
    },
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Where to listen.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// Address and port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT", value_parser = address, env = "CHARTROOM_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// The address as clients write it, when it differs: `https://records.example.org`
    #[arg(long, value_name = "URL", env = "CHARTROOM_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Certificate chain for TLS, PEM
    #[arg(long, value_name = "FILE", env = "CHARTROOM_TLS_CERTIFICATE")]
    pub tls_certificate: Option<PathBuf>,
    /// Private key for TLS, PEM
    #[arg(long, value_name = "FILE", env = "CHARTROOM_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// A witness to have the log co-signed by, with its key; may be given several times
    #[arg(long, value_name = "URL=KEY", env = "CHARTROOM_WITNESS", value_delimiter = ',')]
    pub witness: Vec<String>,
    /// Seconds from one asking of the witnesses to the next [default: 60]
    #[arg(long, value_name = "SECONDS", env = "CHARTROOM_WITNESS_INTERVAL", value_parser = clap::value_parser!(u64).range(1..))]
    pub witness_interval: Option<u64>,
    /// Most resources that one conditional delete may delete; 1 refuses a condition that matches several [default: 100]
    #[arg(long, value_name = "N", env = "CHARTROOM_CONDITIONAL_DELETES_MAX")]
    pub conditional_deletes_max: Option<NonZeroUsize>,
}

/// Which hospital to make.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Where to listen.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// How many patients [default: 1000]
    #[arg(long, value_name = "N")]
    pub patients: Option<usize>,
    /// What it is made from: the same seed gives the same hospital [default: 1]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
}

/// What to take in.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// Files and directories: bundles, single resources, arrays, NDJSON; plain, .gz, .zst or .bz2. `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// End with one line of JSON: {"read":n,"stored":n,"unchanged":n,"refused":n,"seconds":s}
    #[arg(long)]
    pub json: bool,
    /// Write what is refused here, resources included, in plain text
    ///
    /// [default: sealed in the data directory, with places and reasons but without the resources; `chartroom quarantine
    /// show` reads it]
    #[arg(long, value_name = "FILE")]
    pub quarantine: Option<PathBuf>,
}

/// What to do with quarantines.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Print the name of each quarantine in the data directory, oldest first, and how many were refused
    List,
    /// Print what was refused as NDJSON: file, line, entry and reasons
    Show {
        /// Its name, as `list` prints it [default: the latest]
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
}

/// Where to write.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// A new or empty directory. What is written there is readable by whoever can read the directory.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What to restore.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// The directory that `backup` wrote
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The latest checkpoint a witness kept: says whether the backup is complete
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Seal everything under a new root key, also while the server runs; tokens given out before are no longer good
    Rotate {
        /// File of the new key, made if it is missing [default: a new key in place of the present one]. Instead:
        /// CHARTROOM_NEW_KEY or CHARTROOM_NEW_PASSPHRASE in the environment.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

/// Whom to shred.
#[derive(Clone, Debug, Args)]
pub struct ShredArgs {
    /// Logical id of the Patient
    #[arg(value_name = "PATIENT-ID")]
    pub patient: String,
    /// Yes: it cannot be taken back
    #[arg(long)]
    pub for_good: bool,
}

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Print the public key that checks this log
    Key,
    /// Print the latest signed checkpoint
    Checkpoint {
        /// The latest that witnesses cosigned
        #[arg(long)]
        witnessed: bool,
    },
    /// Print the proof that an entry is in the log
    Proof {
        /// Its position, or Type/id for the current version
        #[arg(value_name = "POSITION|TYPE/ID")]
        what: String,
    },
    /// Print the request that asks a witness to cosign the latest checkpoint
    Request {
        /// The size the witness saw last
        #[arg(long, value_name = "SIZE", default_value_t = 0)]
        since: u64,
    },
    /// Take in a witness's answer from standard input, also while the server runs
    Cosign {
        /// The witness's public key; may be given several times
        #[arg(long, value_name = "KEY", required = true)]
        witness: Vec<String>,
        /// The request that was answered, as `log request` printed it [default: one for the latest checkpoint]
        #[arg(long, value_name = "FILE")]
        request: Option<PathBuf>,
    },
}

/// Which logs to cosign.
#[derive(Clone, Debug, Args)]
pub struct WitnessArgs {
    /// The name that stands in cosignatures
    #[arg(long, default_value = "chartroom-witness")]
    pub name: String,
    /// Public key of a log, from `chartroom log key`; may be given several times
    #[arg(long, value_name = "KEY", required = true)]
    pub log: Vec<String>,
    /// Address and port [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
}

/// Whose token.
#[derive(Clone, Debug, Args)]
pub struct TokenArgs {
    /// The account whose rights it has [default: the operator's]
    #[arg(long = "as", value_name = "LOGIN")]
    pub login: Option<String>,
    /// Why: HL7's code, such as TREAT [default: the first that the account's roles come for]
    #[arg(long, value_name = "CODE", requires = "login")]
    pub purpose: Option<String>,
    /// How long an account's token is good [default: 60]
    #[arg(long, value_name = "MINUTES", requires = "login", value_parser = clap::value_parser!(u32).range(1..=1_440))]
    pub minutes: Option<u32>,
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an account, with a password that is made up and printed unless one is given; with --json none is made up
    Add {
        /// What it is.
        #[command(flatten)]
        profile: Profiled,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print all accounts
    List {
        /// One line of JSON an account
        #[arg(long)]
        json: bool,
    },
    /// Change what is given and leave the rest; it counts from the next request on
    Change {
        /// What it is to be.
        #[command(flatten)]
        profile: Profiled,
        /// Let it be used again
        #[arg(long)]
        activate: bool,
    },
    /// End its use: sessions and tokens are void at once
    Deactivate {
        /// The login
        login: String,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
    /// Void its sessions and tokens
    SignOut {
        /// The login
        login: String,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
    /// Set its password: one is made up and printed unless one is given
    Password {
        /// The login
        login: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
        /// Print the account as JSON, and never the password; give one with --password-stdin
        #[arg(long, requires = "password_stdin")]
        json: bool,
    },
    /// Give it a second factor, and print secret and recovery codes
    Totp {
        /// The login
        login: String,
        /// Take its second factor away instead
        #[arg(long)]
        remove: bool,
    },
    /// Take its passkeys away, all of them; its sessions and tokens are void at once
    RemovePasskeys {
        /// The login
        login: String,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
    /// Link it with who its owner is at an identity provider: that person signs in there from now on
    Link {
        /// The login
        login: String,
        /// The provider's id in the configuration
        #[arg(long, value_name = "ID")]
        provider: String,
        /// Who the owner is there: the value of the claim that names people, usually `sub`
        #[arg(long, value_name = "SUBJECT")]
        subject: String,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
    /// End its links with an identity provider; its sessions and tokens are void at once
    Unlink {
        /// The login
        login: String,
        /// The provider's id in the configuration, or its issuer if it stands there no more
        #[arg(long, value_name = "ID|ISSUER")]
        provider: String,
        /// This person there alone [default: all]
        #[arg(long, value_name = "SUBJECT")]
        subject: Option<String>,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which events of the audit; everything that is said must hold.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    /// What else to do with it.
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
    /// Id of the patient whose information it was
    #[arg(long, value_name = "PATIENT-ID")]
    pub patient: Option<String>,
    /// Login of whoever did it; `operator` for the command line
    #[arg(long, value_name = "LOGIN")]
    pub user: Option<String>,
    /// Not before: a date or time, such as 2026-11-23
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Not after
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// What was done: read, search, history, create, update, delete, batch, operation, export, sign-in, sign-out, break-glass,
    /// read-audit, administer, disclose
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// How it ended: served, refused, failed
    #[arg(long, value_name = "OUTCOME")]
    pub outcome: Option<String>,
}

/// What else to do with the audit.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Destroy what old events say; the log and its proofs stay whole
    Expire {
        /// How many years events are kept, at least 6
        #[arg(long, value_name = "N", default_value_t = 6)]
        years: u32,
    },
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print the policies in force, or one of them as text
    Show {
        /// Its id
        id: Option<String>,
    },
    /// Try policies and print what is wrong, with line and column; exit code 1 when something is
    Check {
        /// Files or directories of *.cedar [default: access.policies]
        files: Vec<PathBuf>,
    },
    /// Say for how many people what would change, and change nothing
    Simulate {
        /// Files or directories of *.cedar [default: access.policies]
        files: Vec<PathBuf>,
    },
    /// Put policies in force from the next request on; those of the site that are not named end
    Apply {
        /// Files or directories of *.cedar [default: access.policies]
        files: Vec<PathBuf>,
    },
    /// Say why somebody sees a resource or does not
    Why {
        /// The login
        login: String,
        /// The resource, such as Observation/9
        #[arg(value_name = "TYPE/ID")]
        reference: String,
        /// Why they come: HL7's code, such as TREAT [default: the first that the account's roles come for]
        #[arg(long, value_name = "CODE")]
        purpose: Option<String>,
    },
}

/// What an account is.
#[derive(Clone, Debug, Args)]
pub struct Profiled {
    /// The login: lower-case letters, digits and . _ - @ +
    pub login: String,
    /// The name people know
    #[arg(long)]
    pub name: Option<String>,
    /// A role, such as physician; may be given several times
    #[arg(long, value_name = "ROLE")]
    pub role: Option<Vec<String>>,
    /// What it stands for in the record, such as Practitioner/7; may be given several times
    #[arg(long, value_name = "TYPE/ID")]
    pub stands_for: Option<Vec<String>>,
    /// A unit it works on, such as Location/icu; may be given several times
    #[arg(long, value_name = "TYPE/ID")]
    pub unit: Option<Vec<String>>,
    /// Print the account as JSON
    #[arg(long)]
    pub json: bool,
}

/// What to evaluate.
#[derive(Clone, Debug, Args)]
pub struct FhirpathArgs {
    /// The expression
    #[arg(value_name = "EXPR")]
    pub expression: String,
    /// A resource as JSON; `-` is standard input
    pub file: PathBuf,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting in force and where it comes from
    Check(ServeArgs),
}

/// What to measure.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// End with one line of JSON: every figure with its unit, its goal and whether it was reached
    #[arg(long)]
    pub json: bool,
    /// Write the figures as a chapter of the manual
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// A directory of Synthea bundles to import
    #[arg(long, value_name = "DIR")]
    pub synthea: Option<PathBuf>,
    /// Patients of the smaller demo hospital; the larger one has ten times as many
    #[arg(long, value_name = "N", default_value_t = 1_250)]
    pub patients: u32,
    /// Where the stores are made, on the disk to be measured; removed afterwards [default: ./chartroom-bench]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
}
