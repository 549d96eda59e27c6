//! `chartroom log`: what the log gives out and takes in.

use super::{exists, open_existing, options};
use crate::cli::LogCommand;
use crate::config::Config;
use crate::stop::Stop;
use fhir::reference::Reference;
use std::io::{Read, Write, stdin, stdout};
use vault::access::Visit;
use vault::log::checkpoint::VerifierKey;
use vault::log::reader::LogReader;
use vault::{Error, Position, Vault};

/// Prints a key, a checkpoint, a proof or a witness's request, beside a running server too; or takes a witness's answer
/// in, which writes and needs the directory.
pub fn log(config: &Config, command: &LogCommand) -> Result<(), Stop> {
    let text = match command {
        LogCommand::Cosign { witness } => {
            // Standard input is read before the record is opened: it may come from a pipe that is slow.
            let answer = lines()?;
            let count = cosign(&open_existing(config)?, witness, &answer)?;
            format!("cosignatures taken in: {count}\n").into_bytes()
        }
        LogCommand::Key => format!("{}\n", reader(config)?.key()).into_bytes(),
        LogCommand::Checkpoint { witnessed } => {
            let log = reader(config)?;
            let note = if *witnessed { log.witnessed() } else { log.checkpoint() };
            let next = "name a witness for the server in chartroom.toml, or ask one: `chartroom log request`";
            some(note, "There is no such checkpoint.", "no witness has cosigned yet", next)?
        }
        LogCommand::Proof { what } => proof(&reader(config)?, what)?.into_bytes(),
        LogCommand::Request { since } => {
            let request = reader(config)?.witness_request(*since);
            request.map_err(|e| Stop::vault("No request was made.", e))?.into_bytes()
        }
    };
    let put = stdout().write_all(&text);
    put.map_err(|e| Stop::cannot("Nothing was printed.", e, "mend what reads the output"))
}

fn reader(config: &Config) -> Result<LogReader, Stop> {
    exists(&config.data)?;
    LogReader::open(&options(config)).map_err(|e| Stop::vault(format!("{} was not opened.", config.data.display()), e))
}

/// A proof for a position, or for the current version of `Type/id`.
fn proof(log: &LogReader, what: &str) -> Result<String, Stop> {
    let visit = Visit::operator();
    let missing =
        ("No proof was made.", "the log has no such entry", "name a position below the log's size, or Type/id");
    let position = match (what.parse::<u64>(), Reference::local(what)) {
        (Ok(position), _) => Position(position),
        (Err(_), Some(Reference { resource_type, id, version: None, .. })) => {
            some(log.position(&visit, resource_type, id), missing.0, missing.1, missing.2)?
        }
        (Err(_), _) => return Err(Stop::cannot(missing.0, missing.1, missing.2)),
    };
    some(log.proof(&visit, position), missing.0, missing.1, missing.2)
}

const NOT_TAKEN: &str = "No cosignature was taken in.";

/// The witness's answer on standard input.
fn lines() -> Result<String, Stop> {
    let mut lines = String::new();
    match stdin().lock().take(1 << 16).read_to_string(&mut lines) {
        Ok(_) => Ok(lines),
        Err(error) => Err(Stop::cannot(NOT_TAKEN, error, "give the witness's answer on standard input")),
    }
}

/// Takes in cosignature lines for the checkpoint they were made for: the latest. Answers how many.
fn cosign(vault: &Vault, keys: &[String], lines: &str) -> Result<usize, Stop> {
    let parsed: Option<Vec<VerifierKey>> = keys.iter().map(|key| VerifierKey::parse(key)).collect();
    let Some(witnesses) = parsed.filter(|keys| keys.iter().all(VerifierKey::is_witness)) else {
        let next = "copy it from `chartroom witness`: name+hash+base64";
        return Err(Stop::cannot(NOT_TAKEN, "a witness's key is not one", next));
    };
    let checkpoint = some(vault.checkpoint(), NOT_TAKEN, "the log has no checkpoint", "run `chartroom verify`")?;
    match vault.add_cosignatures(&checkpoint, lines, &witnesses).map_err(|e| Stop::vault(NOT_TAKEN, e))? {
        0 => {
            let why = "no line is a cosignature of the latest checkpoint by these witnesses";
            Err(Stop::cannot(NOT_TAKEN, why, "ask again with `chartroom log request`, with nothing written in between"))
        }
        count => Ok(count),
    }
}

fn some<T>(answer: Result<Option<T>, Error>, what: &str, why: &str, next: &str) -> Result<T, Stop> {
    answer.map_err(|e| Stop::vault(what, e))?.ok_or_else(|| Stop::cannot(what, why, next))
}
