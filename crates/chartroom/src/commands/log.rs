//! `chartroom log`: what the log gives out and takes in.

use super::open_existing;
use crate::cli::LogCommand;
use crate::config::Config;
use crate::stop::Stop;
use std::io::{Read, Write, stdin, stdout};
use vault::access::Visit;
use vault::log::checkpoint::VerifierKey;
use vault::{Error, Position, Vault};

/// Prints a key, a checkpoint, a proof or a witness's request, or takes a witness's answer in.
pub fn log(config: &Config, command: &LogCommand) -> Result<(), Stop> {
    // Standard input is read before the record is opened: in a pipe from `log request` that one has it open till then.
    let answer = match command {
        LogCommand::Cosign { .. } => lines()?,
        _ => String::new(),
    };
    let vault = open_existing(config)?;
    let text = match command {
        LogCommand::Key => format!("{}\n", vault.log_key()).into_bytes(),
        LogCommand::Checkpoint { witnessed } => {
            let note = if *witnessed { vault.witnessed() } else { vault.checkpoint() };
            let next = "ask a witness first: `chartroom log request`";
            some(note, "There is no such checkpoint.", "no witness has cosigned yet", next)?
        }
        LogCommand::Proof { what } => proof(&vault, what)?.into_bytes(),
        LogCommand::Request { since } => {
            vault.witness_request(*since).map_err(|e| Stop::vault("No request was made.", e))?.into_bytes()
        }
        LogCommand::Cosign { witness } => {
            format!("{} cosignatures taken in\n", cosign(&vault, witness, &answer)?).into()
        }
    };
    drop(vault);
    let put = stdout().write_all(&text);
    put.map_err(|e| Stop::cannot("Nothing was printed.", e, "mend what reads the output"))
}

/// A proof for a position, or for the current version of `Type/id`.
fn proof(vault: &Vault, what: &str) -> Result<String, Stop> {
    let visit = Visit::operator();
    let missing =
        ("No proof was made.", "the log has no such entry", "name a position below the log's size, or Type/id");
    let position = match (what.parse::<u64>(), what.split_once('/')) {
        (Ok(position), _) => Position(position),
        (Err(_), Some((resource_type, id))) => {
            some(vault.read(&visit, resource_type, id, None), missing.0, missing.1, missing.2)?.position
        }
        (Err(_), None) => return Err(Stop::cannot(missing.0, missing.1, missing.2)),
    };
    some(vault.proof(&visit, position), missing.0, missing.1, missing.2)
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
