//! Upkeep: rebuild, back up, restore, change the root key, shred a patient.

use super::{exists, options};
use crate::cli::{RestoreArgs, ShredArgs};
use crate::config::Config;
use crate::control::{self, By, Deed, Note};
use crate::import::finished;
use crate::import::quarantine::NAMES;
use crate::stop::Stop;
use std::path::{Path, PathBuf};
use vault::Vault;
use vault::access::audit;
use vault::memo::Memos;
use vault::records::KeySource;

/// `chartroom rebuild`: the index made anew from the record. Ends with `Wrong` when the old one held other rows.
pub fn rebuild(config: &Config) -> Result<(), Stop> {
    exists(&config.data)?;
    let (_, rebuilt) =
        Vault::rebuild(options(config), &|_, _| {}).map_err(|e| Stop::vault("The index was not rebuilt.", e))?;
    println!("The index was made anew from {} entries.", rebuilt.entries);
    match rebuilt.same {
        Some(true) => println!("By its sums it holds the same rows as before."),
        Some(false) => {
            println!("The old index held other rows: it had been altered or damaged. Searches are right from now on.");
            println!("next: run `chartroom verify` to see whether the record itself is as it was written");
            return Err(Stop::Wrong);
        }
        None => println!("There was no old index that it could be compared with."),
    }
    Ok(())
}

/// `chartroom backup`: a copy of the record, also while the server runs.
pub fn backup(config: &Config, to: &Path) -> Result<(), Stop> {
    exists(&config.data)?;
    // It is sealed as the record is: whoever has it without the key has nothing.
    control::note_if_open(config, &Note::new(audit::Deed::Export, "backup", format!("to {}", to.display())));
    let done = Vault::backup(&options(config), to, &|_, _| {}).map_err(|e| Stop::vault("No backup was made.", e))?;
    println!("{} entries, {} bytes, in {}", done.entries, done.bytes, to.display());
    println!("next: keep the root key too, elsewhere; without it nobody can read the backup");
    Ok(())
}

/// `chartroom restore`: a backup put into an empty directory. Ends with `Wrong` when a witness saw more than it holds.
pub fn restore(config: &Config, args: &RestoreArgs) -> Result<(), Stop> {
    let what = "Nothing was restored.";
    let witnessed =
        args.checkpoint.as_ref().map(std::fs::read).transpose().map_err(|e| {
            Stop::cannot(what, format!("the checkpoint: {e}"), "name a checkpoint file that can be read")
        })?;
    let restored =
        Vault::restore(&args.from, &options(config), witnessed.as_deref()).map_err(|e| Stop::vault(what, e))?;
    finished::forget(&config.data);
    println!("{} entries of {} are in {}", restored.entries, restored.at, config.data.display());
    let asked = format!("{} entries of {}, from {}", restored.entries, restored.at, args.from.display());
    control::note(config, &Note::new(audit::Deed::Administer, "restore", asked))?;
    let Some(lost) = restored.lost else { return Ok(()) };
    println!("Entries {} to {} were witnessed and are not in this backup.", lost.from, lost.to.saturating_sub(1));
    println!("next: look for a later backup, or enter again what happened after {}", restored.at);
    Err(Stop::Wrong)
}

/// `chartroom keys rotate`: everything sealed again under another root key, here or by the server that runs.
pub fn rotate(config: &Config, to: Option<PathBuf>) -> Result<(), Stop> {
    let next = next_key(&config.key, to)?;
    let is_elsewhere = !same(&next, &config.key);
    let Some(to) = control::absolute(next) else {
        return Err(Stop::cannot(
            "The root key is as it was.",
            "the key file's path is no UTF-8",
            "choose another path",
        ));
    };
    let deed = Deed::Rotate { to: to.clone() };
    let (done, _) = control::carry_out(config, &deed)?;
    print!("{}", done.said);
    match &to {
        KeySource::File(path) if is_elsewhere => {
            println!("next: name the new key with --key-file {}, and destroy the old one", path.display());
        }
        KeySource::Hex(_) if is_elsewhere => println!("next: set CHARTROOM_KEY to the new key"),
        KeySource::Passphrase(_) if is_elsewhere => println!("next: set CHARTROOM_PASSPHRASE to the new passphrase"),
        _ => {}
    }
    println!("next: give programs a new token: `chartroom token` prints one");
    if done.is_wrong { Err(Stop::Wrong) } else { Ok(()) }
}

/// The next key: a file that is named, a value from the environment, or a new one where the present one is kept.
fn next_key(present: &KeySource, to: Option<PathBuf>) -> Result<KeySource, Stop> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let others =
        [given("CHARTROOM_NEW_KEY").map(KeySource::Hex), given("CHARTROOM_NEW_PASSPHRASE").map(KeySource::Passphrase)];
    let mut all = to.map(KeySource::File).into_iter().chain(others.into_iter().flatten());
    match (all.next(), all.next(), present) {
        (Some(next), None, _) => Ok(next),
        (None, _, KeySource::Beside | KeySource::File(_)) => Ok(present.clone()),
        (Some(_), Some(_), _) => Err(Stop::cannot(
            "The root key is as it was.",
            "more than one new key is given",
            "keep one of --to, CHARTROOM_NEW_KEY and CHARTROOM_NEW_PASSPHRASE",
        )),
        (None, _, KeySource::Hex(_) | KeySource::Passphrase(_)) => Err(Stop::cannot(
            "The root key is as it was.",
            "the present key comes from the environment, and no new one is given",
            "set CHARTROOM_NEW_KEY or CHARTROOM_NEW_PASSPHRASE, or name a file with --to",
        )),
    }
}

fn same(a: &KeySource, b: &KeySource) -> bool {
    matches!((a, b), (KeySource::File(a), KeySource::File(b)) if a == b)
}

/// `chartroom shred`: one patient made unreadable, for good.
pub fn shred(config: &Config, args: &ShredArgs) -> Result<(), Stop> {
    let what = "Nothing was shredded.";
    if !args.for_good {
        let why = "this destroys the key of everything kept about the patient, and nobody can take it back";
        return Err(Stop::cannot(what, why, "say so with --for-good"));
    }
    let (done, by) = control::carry_out(config, &Deed::Shred { patient: args.patient.clone() })?;
    // What an import took in of the patient is not there any more.
    finished::forget(&config.data);
    if done.is_wrong && by == By::Here {
        let stale = "The patient is shredded, but the index still has dates and numbers; run `chartroom rebuild`.";
        Vault::rebuild(options(config), &|_, _| {}).map_err(|e| Stop::vault(stale, e))?;
    }
    print!("{}", done.said);
    if done.is_wrong && by == By::Server {
        println!("next: start the server again: its index could not be freed of the patient's dates and numbers");
        return Err(Stop::Wrong);
    }
    println!("next: destroy the backups that still hold the patient's key");
    let quarantines = Memos::open(&options(config)).and_then(|memos| memos.names(NAMES)).map_or(0, |names| names.len());
    if quarantines > 0 {
        println!("next: delete quarantine-*.sealed ({quarantines}) if the patient's files may be named there");
    }
    Ok(())
}
