//! The commands: each a small module that opens what it needs, does its deed and says what came of it.

mod account;
mod amendment;
mod app;
mod audit;
mod bench;
mod demo;
mod disclosure;
mod doctor;
mod export;
mod fhirpath;
mod log;
mod policy;
mod quarantine;
mod release;
mod serve;
mod upkeep;
mod verify;
mod witness;

use crate::cli::{Cli, Command, ConfigCommand, KeysCommand};
use crate::config::Config;
use crate::control::{self, Note};
use crate::import;
use crate::stop::Stop;
use base::clock::Clock;
use base::id::Ids;
use std::path::Path;
use vault::access::audit::Deed;
use vault::access::{Context, Visit, issue_token};
use vault::{Options, Vault};

/// The data directory when nobody names one.
const DATA: &str = "./chartroom-data";

/// The demo's data directory when nobody names one.
const DEMO_DATA: &str = "./chartroom-demo";

/// The witness's directory when nobody names one.
const WITNESS_DATA: &str = "./chartroom-witness";

/// Carries out one command.
pub fn run(cli: &Cli) -> Result<(), Stop> {
    let config = |default_data: &str| Config::load(&cli.place, default_data);
    match &cli.command {
        Command::Demo(args) => demo::demo(&config(DEMO_DATA)?, args),
        Command::Serve(args) => serve::serve(&config(DATA)?, args),
        Command::Import(args) => import::run(&config(DATA)?, args),
        Command::Quarantine(command) => quarantine::quarantine(&config(DATA)?, command),
        Command::Verify { package: Some(package), key, password_file, .. } => {
            release::verify(package, key.as_deref(), password_file.as_deref())
        }
        Command::Verify { json, .. } => verify::verify(&config(DATA)?, *json),
        Command::Rebuild => upkeep::rebuild(&config(DATA)?),
        Command::Backup { to } => upkeep::backup(&config(DATA)?, to),
        Command::Restore(args) => upkeep::restore(&config(DATA)?, args),
        Command::Keys(KeysCommand::Rotate { to }) => upkeep::rotate(&config(DATA)?, to.clone()),
        Command::Shred(args) => upkeep::shred(&config(DATA)?, args),
        Command::Log(command) => log::log(&config(DATA)?, command),
        Command::Witness(args) => witness::witness(&config(WITNESS_DATA)?, args),
        Command::Fhirpath(args) => fhirpath::fhirpath(args),
        Command::Export(args) => export::export(&config(DATA)?, &args.out),
        Command::Audit(args) => audit::audit(&config(DATA)?, args),
        Command::Doctor => doctor::doctor(&config(DATA)?),
        Command::Bench(args) => bench::bench(args),
        Command::BenchEcho { listen } => bench::echo(*listen),
        Command::BenchServe { listen } => bench::serve(&config(DATA)?, *listen),
        Command::Token(args) => match &args.login {
            Some(login) => account::token(&config(DATA)?, login, args),
            None => token(&config(DATA)?),
        },
        Command::App(command) => app::app(&config(DATA)?, command),
        Command::Account(command) => account::account(&config(DATA)?, command),
        Command::Disclosure(command) => disclosure::disclosure(&config(DATA)?, command),
        Command::Amendment(command) => amendment::amendment(&config(DATA)?, command),
        Command::Release(command) => release::release(&config(DATA)?, command),
        Command::Policy(command) => policy::policy(&config(DATA)?, command),
        Command::Config(ConfigCommand::Check(args)) => {
            let config = config(DATA)?;
            config.show(&config.serving(args)?);
            config.site_policies()?;
            config.check_labels()
        }
    }
}

/// Prints a token. Needs the key and not the lock, so that the server may run.
fn token(config: &Config) -> Result<(), Stop> {
    exists(&config.data)?;
    let token = issue_token(&config.data, &config.key).map_err(|e| Stop::vault("No token was made.", e))?;
    control::note_if_open(config, &Note::new(Deed::Administer, "token", "the operator's"));
    println!("{token}");
    Ok(())
}

/// How to open the vault of a configuration.
pub fn options(config: &Config) -> Options {
    let (dir, key, labels) = (config.data.clone(), config.key.clone(), config.labels.clone());
    Options { dir, key, clock: Clock::System, ids: Ids::System, labels }
}

/// Opens the vault of a configuration, made if it is missing.
pub fn open(config: &Config) -> Result<Vault, Stop> {
    not_bereft(&config.data)?;
    let (options, policies) = (options(config), config.site_policies()?);
    let shut = |error| Stop::vault(format!("{} was not opened.", config.data.display()), error);
    let vault = Vault::open(options).map_err(shut)?;
    if let Some(policies) = policies {
        let visit = Visit::operator().asking(Context::new(Deed::Administer, "policy apply"));
        vault.apply_policies(&visit, &policies).map_err(shut)?;
    }
    Ok(vault)
}

/// Refuses a directory that has lost its record: a new one in its place would hide the loss, and a restore would find
/// the directory taken.
fn not_bereft(data: &Path) -> Result<(), Stop> {
    if data.join("record.sqlite").exists() || !data.join("index.sqlite").exists() {
        return Ok(());
    }
    let what = format!("{} was not opened.", data.display());
    let next =
        "put record.sqlite back, or restore a backup into another directory; for a new record name a new directory";
    Err(Stop::cannot(what, "its record.sqlite is missing, and only its index is there", next))
}

/// Opens a vault that must be there already.
pub fn open_existing(config: &Config) -> Result<Vault, Stop> {
    exists(&config.data)?;
    open(config)
}

/// Refuses a directory without a record in it.
pub fn exists(data: &Path) -> Result<(), Stop> {
    if data.join("record.sqlite").is_file() {
        return Ok(());
    }
    let what = format!("{} was not opened.", data.display());
    let next = "name the directory with --data, or begin one with `chartroom import` or `chartroom serve`";
    Err(Stop::cannot(what, "there is no record in it", next))
}
