//! The commands: each a small module that opens what it needs, does its deed and says what came of it.

use crate::cli::{Cli, Command, ConfigCommand, ServeArgs};
use crate::config::Config;
use crate::import;
use crate::stop::Stop;
use base::clock::Clock;
use base::id::Ids;
use std::path::Path;
use vault::{Options, Vault};

/// The data directory when nobody names one.
const DATA: &str = "./chartroom-data";

/// Carries out one command.
pub fn run(cli: Cli) -> Result<(), Stop> {
    let config = |default_data: &str| Config::load(&cli.place, default_data);
    match &cli.command {
        Command::Serve(args) => Err(Stop::cannot("x", format!("{args:?}"), "y")),
        Command::Import(args) => import::run(&config(DATA)?, args),
        Command::Token => Err(Stop::cannot("x", "x", "y")),
        Command::Config(ConfigCommand::Check) => {
            let config = config(DATA)?;
            config.show(&config.serving(&ServeArgs::default())?);
            Ok(())
        }
    }
}

/// Opens the vault of a configuration, made if it is missing.
pub fn open(config: &Config) -> Result<Vault, Stop> {
    let options = Options { dir: config.data.clone(), key: config.key.clone(), clock: Clock::System, ids: Ids::System };
    Vault::open(options).map_err(|error| Stop::vault(format!("{} was not opened.", config.data.display()), error))
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
