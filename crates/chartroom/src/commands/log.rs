//! `chartroom log`: what the log gives out and takes in.

use super::{exists, options};
use crate::cli::LogCommand;
use crate::config::Config;
use crate::control::{self, Deed};
use crate::stop::Stop;
use base::near::nearest;
use fhir::definitions::r4;
use fhir::validate::is_id;
use std::fs;
use std::io::{Read, Write, stdin, stdout};
use std::path::Path;
use vault::access::Visit;
use vault::log::reader::LogReader;
use vault::{Error, Position};

/// Prints a key, a checkpoint, a proof or a witness's request; or takes a witness's answer in. Beside a running server too.
pub fn log(config: &Config, command: &LogCommand) -> Result<(), Stop> {
    let text = match command {
        LogCommand::Cosign { witness, request } => {
            let checkpoint = request.as_deref().map(asked_about).transpose()?;
            // Standard input is read before the record is opened: it may come from a pipe that is slow.
            let deed = Deed::Cosign { witnesses: witness.clone(), checkpoint, lines: lines()? };
            control::carry_out(config, &deed)?.0.said.into_bytes()
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
    let position = match named(what)? {
        Named::Position(position) => position,
        Named::Resource(kind, id) => some(log.position(&visit, kind, id), missing.0, missing.1, missing.2)?,
    };
    some(log.proof(&visit, position), missing.0, missing.1, missing.2)
}

/// What `log proof` is asked about.
#[derive(Debug)]
enum Named<'a> {
    Position(Position),
    Resource(&'a str, &'a str),
}

/// Reads a position, or `Type/id`.
fn named(what: &str) -> Result<Named<'_>, Stop> {
    let not = |why: String, next: String| Err(Stop::cannot("No proof was made.", why, next));
    if let Ok(position) = what.parse() {
        return Ok(Named::Position(Position(position)));
    }
    let Some((kind, id)) = what.split_once('/') else {
        let next = "write a position, as 17, or a resource's type and id, as Patient/17";
        return not(format!("`{what}` is neither a position in the log nor Type/id"), next.to_owned());
    };
    if r4().resource(kind).is_none() {
        let near = nearest(kind, r4().resource_names());
        let next = near.map_or("write a resource's type and id, as Patient/17".to_owned(), |near| {
            format!("did you mean {near}/{id}?")
        });
        return not(format!("`{kind}` is not a resource type of FHIR R4"), next);
    }
    if !is_id(id) {
        let next = "write a resource's type and id, as Patient/17";
        return not(
            format!("`{id}` is not an id: it has 1 to 64 characters of A-Z, a-z, 0-9, - and ."),
            next.to_owned(),
        );
    }
    Ok(Named::Resource(kind, id))
}

const NOT_TAKEN: &str = "No cosignature was taken in.";

/// The checkpoint in a request, which ends with it (C2SP tlog-witness).
fn asked_about(request: &Path) -> Result<String, Stop> {
    let next = "name the file that `chartroom log request` was written to";
    let text = fs::read_to_string(request)
        .map_err(|e| Stop::cannot(NOT_TAKEN, format!("{}: {e}", request.display()), next))?;
    let note = text.split_once("\n\n").map(|(_, note)| note.to_owned());
    note.ok_or_else(|| Stop::cannot(NOT_TAKEN, format!("{} is no request", request.display()), next))
}

/// The witness's answer on standard input.
fn lines() -> Result<String, Stop> {
    let mut lines = String::new();
    match stdin().lock().take(1 << 16).read_to_string(&mut lines) {
        Ok(_) => Ok(lines),
        Err(error) => Err(Stop::cannot(NOT_TAKEN, error, "give the witness's answer on standard input")),
    }
}

fn some<T>(answer: Result<Option<T>, Error>, what: &str, why: &str, next: &str) -> Result<T, Stop> {
    answer.map_err(|e| Stop::vault(what, e))?.ok_or_else(|| Stop::cannot(what, why, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proof_is_about_is_read_strictly_and_mistakes_are_named() {
        assert!(matches!(named("17"), Ok(Named::Position(Position(17)))));
        assert!(matches!(named("Patient/17"), Ok(Named::Resource("Patient", "17"))));
        for (wrong, why, next) in [
            ("foo", "`foo` is neither a position in the log nor Type/id", "as Patient/17"),
            ("-1", "neither a position", "as 17"),
            ("99999999999999999999", "neither a position", "as 17"),
            ("Patiant/1", "`Patiant` is not a resource type", "did you mean Patient/1?"),
            ("/1", "not a resource type", "as Patient/17"),
            ("Patient/", "not an id", "as Patient/17"),
            ("Patient/1/_history/2", "not an id", "as Patient/17"),
        ] {
            let Err(Stop::Cannot(trouble)) = named(wrong) else { panic!("taken: {wrong}") };
            assert!(trouble.why.contains(why) && trouble.next.contains(next), "{wrong}: {trouble}");
        }
    }
}
