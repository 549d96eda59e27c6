//! `chartroom disclosure`: what can be said of who received what.

use clap::{Args, Subcommand, ValueEnum};

/// What to do with disclosures.
#[derive(Debug, Subcommand)]
pub enum DisclosureCommand {
    /// Note that something of a patient was sent, told or shown to somebody outside
    Record(Box<RecordArgs>),
    /// Note research about 50 people or more, which accountings list by its protocol
    Research(Box<ResearchArgs>),
    /// Print disclosures as a table (CSV): all of one patient, apps' reading among them, or what people recorded for some days
    List {
        /// Id of the patient
        #[arg(long, value_name = "PATIENT-ID", conflicts_with_all = ["since", "until"])]
        patient: Option<String>,
        /// Not before: a day, such as 2026-11-23 [default: six years ago]
        #[arg(long, value_name = "DAY")]
        since: Option<String>,
        /// Not after [default: today]
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
        /// One line of JSON a disclosure
        #[arg(long)]
        json: bool,
    },
    /// Make a patient's accounting, and print it as a letter
    Account(AccountingArgs),
    /// Note that a patient asks for an accounting; 60 days run from now
    Request {
        /// Which one.
        #[command(flatten)]
        wanted: Wanted,
        /// Print the request as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print requests with the day by which each is due: those that wait, or all of a patient
    Requests {
        /// Id of the patient
        #[arg(long, value_name = "PATIENT-ID")]
        patient: Option<String>,
        /// One line of JSON a request
        #[arg(long)]
        json: bool,
    },
    /// Note what happens to a request: put off once, a fee told, agreed to, taken back
    Change(ChangeArgs),
    /// Keep disclosures to an agency or official out of a patient's accountings, on their statement
    Suspend(SuspendArgs),
    /// Lift a suspension
    Resume {
        /// Id of the patient
        patient: String,
        /// Id of the suspension
        id: String,
        /// Print the suspension as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print who received something of a patient, also under one consent
    Recipients {
        /// Id of the patient
        patient: String,
        /// Only those who received under it, as Consent/id
        #[arg(long, value_name = "CONSENT")]
        consent: Option<String>,
        /// One line of JSON a recipient
        #[arg(long)]
        json: bool,
    },
}

/// A disclosure.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// Id of the patient
    pub patient: String,
    /// Who received it: a name
    #[arg(long, value_name = "NAME")]
    pub to: String,
    /// Their address, if it is known
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
    /// What, briefly
    #[arg(long, value_name = "TEXT")]
    pub what: String,
    /// What for, or what was asked [default: the words of the basis]
    #[arg(long, value_name = "TEXT")]
    pub purpose: Option<String>,
    /// The legal ground, such as public-health; the manual lists them
    #[arg(long, value_name = "CODE")]
    pub basis: String,
    /// How: paper, fax, phone, in-person, email, media, portal, interface, app [default: paper]
    #[arg(long, value_name = "CODE")]
    pub channel: Option<String>,
    /// When [default: today]
    #[arg(long, value_name = "DAY")]
    pub date: Option<String>,
    /// What was sent, as Type/id; may be given several times
    #[arg(long, value_name = "TYPE/ID")]
    pub resource: Vec<String>,
    /// The consent or authorization under which it went, as Consent/id
    #[arg(long, value_name = "CONSENT")]
    pub consent: Option<String>,
    /// Print the disclosure as JSON
    #[arg(long)]
    pub json: bool,
}

/// A protocol of research.
#[derive(Clone, Debug, Args)]
pub struct ResearchArgs {
    /// Its name
    pub name: String,
    /// What it is for, and by what people were chosen
    #[arg(long, value_name = "TEXT")]
    pub describes: String,
    /// What sort of information
    #[arg(long, value_name = "TEXT")]
    pub what: String,
    /// The first day on which something was or may have been disclosed
    #[arg(long, value_name = "DAY")]
    pub from: String,
    /// The last
    #[arg(long, value_name = "DAY")]
    pub until: String,
    /// Name, address and telephone of the sponsor
    #[arg(long, value_name = "TEXT")]
    pub sponsor: String,
    /// Name, address and telephone of the researcher
    #[arg(long, value_name = "TEXT")]
    pub researcher: String,
    /// How many people, 50 or more
    #[arg(long, value_name = "N")]
    pub people: u64,
}

/// Which accounting.
#[derive(Clone, Debug, Args)]
pub struct Wanted {
    /// Id of the patient
    pub patient: String,
    /// Under which law: hipaa (six years), part-2 or intermediary (three)
    #[arg(long, value_name = "LAW", default_value = "hipaa")]
    pub law: String,
    /// The first day [default: as far back as the law reaches]
    #[arg(long, value_name = "DAY")]
    pub start: Option<String>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY")]
    pub end: Option<String>,
}

/// How it is printed, and whether it is given.
#[derive(Clone, Debug, Args)]
pub struct AccountingArgs {
    /// Which one.
    #[command(flatten)]
    pub wanted: Wanted,
    /// Keep that it was given, with its text
    #[arg(long)]
    pub provide: bool,
    /// For this request, whose days count
    #[arg(long, value_name = "ID", requires = "provide")]
    pub request: Option<String>,
    /// Print it as a table (CSV)
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// What happens to a request.
#[derive(Clone, Debug, Args)]
pub struct ChangeArgs {
    /// Id of the patient
    pub patient: String,
    /// Id of the request
    pub id: String,
    /// What happens
    pub step: StepName,
    /// extend: the new day [default: 90 days from the request]
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
    /// extend: why, as the patient was told in writing
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// charge, agree: cents
    #[arg(long, value_name = "N")]
    pub cents: Option<u64>,
    /// Print the request as JSON
    #[arg(long)]
    pub json: bool,
}

/// A step.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StepName {
    /// It is put off, once
    Extend,
    /// A fee was told
    Charge,
    /// The patient agrees to the fee
    Agree,
    /// The patient takes it back
    Withdraw,
}

/// A suspension.
#[derive(Clone, Debug, Args)]
pub struct SuspendArgs {
    /// Id of the patient
    pub patient: String,
    /// The agency or official, as disclosures name them
    #[arg(long, value_name = "NAME")]
    pub agency: String,
    /// oversight or law-enforcement
    #[arg(long, value_name = "CODE")]
    pub basis: String,
    /// What they said
    #[arg(long, value_name = "TEXT")]
    pub statement: String,
    /// It came in writing; otherwise it counts for at most 30 days
    #[arg(long, requires = "until")]
    pub written: bool,
    /// The day of the statement [default: today]
    #[arg(long, value_name = "DAY")]
    pub date: Option<String>,
    /// The last day of the time they named
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
    /// Print the suspension as JSON
    #[arg(long)]
    pub json: bool,
}
