//! `chartroom quarantine`: what imports refused, read back from where it is sealed. Beside a running server too.

use super::{exists, options};
use crate::cli::QuarantineCommand;
use crate::config::Config;
use crate::control::{self, Note};
use crate::import::quarantine::NAMES;
use crate::stop::Stop;
use std::io::{Write, stdout};
use vault::access::audit::Deed;
use vault::memo::{Kept, Memos};

const WHAT: &str = "No quarantine was shown.";

/// Lists the quarantines of a data directory, or prints one. Ends with `Wrong` when the end of it was altered or lost.
pub fn quarantine(config: &Config, command: &QuarantineCommand) -> Result<(), Stop> {
    exists(&config.data)?;
    let memos = Memos::open(&options(config)).map_err(|e| Stop::vault(WHAT, e))?;
    let names = memos.names(NAMES).map_err(|e| Stop::vault(WHAT, e))?;
    match command {
        QuarantineCommand::List => list(&memos, &names),
        QuarantineCommand::Show { name } => {
            let name = chosen(&names, name.as_deref())?;
            control::note(config, &Note::new(Deed::Read, "quarantine show", name.clone()))?;
            show(&memos, &name)
        }
    }
}

fn list(memos: &Memos, names: &[String]) -> Result<(), Stop> {
    if names.is_empty() {
        eprintln!("There is no quarantine here: no import has refused anything.");
    }
    let mut text = String::new();
    for name in names {
        let count = kept(memos, name)?.lines.len();
        text.push_str(&format!("{}  {count} refused\n", name.strip_prefix(NAMES).unwrap_or(name)));
    }
    print(text.as_bytes())
}

/// The quarantine of that name, or the latest.
fn chosen(names: &[String], wanted: Option<&str>) -> Result<String, Stop> {
    let found = match wanted {
        Some(wanted) => names.iter().find(|name| name.strip_prefix(NAMES) == Some(wanted)),
        None => names.last(),
    };
    let why =
        wanted.map_or("there is none in this data directory".to_owned(), |name| format!("there is no `{name}` here"));
    let next = "`chartroom quarantine list` names all; an import that refuses nothing leaves none";
    found.cloned().ok_or_else(|| Stop::cannot(WHAT, why, next))
}

fn show(memos: &Memos, name: &str) -> Result<(), Stop> {
    let Kept { lines, whole, .. } = kept(memos, name)?;
    let text: Vec<u8> = lines
        .into_iter()
        .flat_map(|mut line| {
            line.push(b'\n');
            line
        })
        .collect();
    print(&text)?;
    if whole {
        return Ok(());
    }
    eprintln!("What follows does not open: the import was killed while it wrote, or the file was altered.");
    eprintln!("next: run the same import again; it refuses the same again");
    Err(Stop::Wrong)
}

fn kept(memos: &Memos, name: &str) -> Result<Kept, Stop> {
    let kept = memos.read(name).map_err(|e| Stop::vault(WHAT, e))?;
    Ok(kept.unwrap_or_default())
}

fn print(text: &[u8]) -> Result<(), Stop> {
    stdout().write_all(text).map_err(|e| Stop::cannot(WHAT, e, "mend what reads the output"))
}
