//! Restore: a backup checked whole, its hashes, its signature, its key, before anything is put in place.

use super::backup::{latest, sync};
use super::manifest::{FILE, Listed, Manifest};
use crate::error::{Error, Fault};
use crate::keys::root::RootKey;
use crate::log::checkpoint::{Signed, Signer};
use crate::log::nodes::Nodes;
use crate::records::opening::{Secrets, check_key};
use crate::records::{Options, Vault, schema};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use tlog_tiles::tree_hash;

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Entries of the log.
    pub entries: u64,
    /// When the backup was made.
    pub at: String,
    /// What witnesses saw and the backup lacks.
    pub lost: Option<Lost>,
}

/// Entries that were witnessed and are not in the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first.
    pub from: u64,
    /// How many the witnessed log had.
    pub to: u64,
}

impl Vault {
    /// Puts a backup into an empty or new data directory (`options.dir`; a root key or its salt may lie there already).
    ///
    /// `witnessed` is the latest checkpoint that somebody else kept: a backup that does not fit it is refused, and one that
    /// is shorter is restored with the lost entries named. The search index is made at the next opening.
    pub fn restore(from: &Path, options: &Options, witnessed: Option<&[u8]>) -> Result<Restored, Error> {
        check_empty(&options.dir)?;
        let (manifest, note) = read_manifest(from)?;
        for listed in &manifest.files {
            if Listed::of(from, &listed.name)? != *listed {
                return Err(bad(from, &format!("{} is not what was backed up", listed.name)));
            }
        }
        let salt_beside = if from.join("root.salt").exists() { from } else { &options.dir };
        let key = RootKey::find(&options.key, &options.dir, false).or_else(|fault| {
            if matches!(options.key, crate::records::KeySource::Passphrase(_)) {
                RootKey::find(&options.key, salt_beside, false)
            } else {
                Err(fault)
            }
        })?;
        let lost = check_record(from, &manifest, &note, &key, witnessed)?;
        make_empty(&options.dir)?;
        for listed in manifest.files.iter().rev() {
            put(&from.join(&listed.name), &options.dir.join(&listed.name))?;
        }
        Ok(Restored { entries: manifest.entries, at: manifest.at, lost })
    }
}

fn read_manifest(from: &Path) -> Result<(Manifest, Vec<u8>), Error> {
    let path = from.join(FILE);
    if !path.exists() {
        let line = format!("There is no backup in {}. next: name a directory that `backup` wrote.", from.display());
        return Err(Fault::Altered(line).into());
    }
    let note = fs::read(&path).map_err(|error| Fault::file("reading", &path, error))?;
    let text = std::str::from_utf8(&note).ok().and_then(|note| note.split_once("\n\n"));
    let manifest = text.and_then(|(text, _)| Manifest::read(&format!("{text}\n")));
    let manifest = manifest.filter(|manifest| manifest.files.iter().any(|file| file.name == schema::FILE));
    Ok((manifest.ok_or_else(|| bad(from, "its manifest cannot be read"))?, note))
}

/// Opens the copy without changing it: key, signature, checkpoint, and what was witnessed.
fn check_record(
    from: &Path,
    manifest: &Manifest,
    note: &[u8],
    key: &RootKey,
    witnessed: Option<&[u8]>,
) -> Result<Option<Lost>, Error> {
    let ring = key.ring()?;
    let connection = schema::untouched(&from.join(schema::FILE))?;
    check_key(&connection, &ring)?;
    let secrets = Secrets::open(&connection, &ring)?;
    let log_key = Signer::new(&secrets.origin, &secrets.signing)?.verifier();
    if secrets.origin != manifest.origin || !log_key.signed_text(note) {
        return Err(bad(from, "its manifest is not signed by this record's own key"));
    }
    let signed = latest(&connection)?;
    let is_whole = signed.is_signed_by(&log_key)
        && signed.checkpoint.size() == manifest.entries
        && signed.checkpoint.hash().to_string() == manifest.root;
    if !is_whole {
        return Err(bad(from, "its checkpoint is not the one of the manifest"));
    }
    let Some(witnessed) = witnessed else { return Ok(None) };
    let seen = Signed::parse(witnessed).filter(|seen| seen.is_signed_by(&log_key));
    let seen = seen.ok_or_else(|| bad(from, "the witnessed checkpoint is not one of this record"))?.checkpoint;
    if seen.size() > manifest.entries {
        return Ok(Some(Lost { from: manifest.entries, to: seen.size() }));
    }
    let root = tree_hash(seen.size(), &Nodes::new(&connection))?;
    if root == *seen.hash() { Ok(None) } else { Err(bad(from, "it is not the record that was witnessed")) }
}

fn bad(from: &Path, what: &str) -> Error {
    let line = format!("The backup {} was not restored: {what}. next: take another backup.", from.display());
    Fault::Altered(line).into()
}

/// Refuses a folder with anything in it but a root key.
fn check_empty(dir: &Path) -> Result<(), Error> {
    let found = match fs::read_dir(dir) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Fault::file("reading", dir, error).into()),
    };
    for file in found {
        let file = file.map_err(|error| Fault::file("reading", dir, error))?;
        if !["root.key", "root.salt"].iter().any(|name| file.file_name() == *name) {
            let line = format!("{} is not empty. next: name a new folder.", dir.display());
            return Err(Fault::Busy(line).into());
        }
    }
    Ok(())
}

/// Makes a folder that only its owner can enter, if it is empty or missing.
pub(super) fn make_empty(dir: &Path) -> Result<(), Error> {
    check_empty(dir)?;
    Ok(crate::records::opening::make_folder(dir)?)
}

/// Copies under another name and renames, so that a half copy never passes for a record.
fn put(from: &Path, to: &Path) -> Result<(), Error> {
    let draft = to.with_extension("restoring");
    fs::copy(from, &draft).map_err(|error| Fault::file("copying", from, error))?;
    sync(&draft)?;
    fs::rename(&draft, to).map_err(|error| Fault::file("naming", to, error))?;
    sync(to)
}
