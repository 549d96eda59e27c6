//! Backup: a copy of the record as it is at one moment, while it is in use. Bodies and keys in it stay sealed; the root
//! key is not in it, and must be kept elsewhere. The index is left out: it is made anew from the record.

use super::manifest::{FILE, Listed, Manifest};
use crate::error::{Error, Fault};
use crate::keys::root::write_file;
use crate::log::checkpoint::{Signed, Signer};
use crate::records::opening::{Secrets, ring_of};
use crate::records::replay::MARK;
use crate::records::{Options, Vault, schema};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, params};
use std::fs;
use std::path::Path;

/// Pages copied between two reports of progress.
const PAGES: i32 = 4_096;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// Entries of the log.
    pub entries: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

impl Vault {
    /// Copies the record into an empty or new folder, whether a server has it open or not. `progress` hears how many
    /// pages of how many are done.
    pub fn backup(options: &Options, to: &Path, progress: &dyn Fn(u64, u64)) -> Result<BackedUp, Error> {
        let ring = ring_of(&options.dir, &options.key)?;
        super::restore::make_empty(to)?;
        let copy = to.join(schema::FILE);
        copy_record(&options.dir.join(schema::FILE), &copy, progress)?;
        let connection = schema::reader(&copy)?;
        let secrets = Secrets::open(&connection, &ring)?;
        let signer = Signer::new(&secrets.origin, &secrets.signing)?;
        let signed = latest(&connection)?;
        drop(connection);
        let mut files = vec![Listed::of(to, schema::FILE)?];
        let salt = options.dir.join("root.salt");
        if salt.exists() {
            // It is no secret, and without it the passphrase is no key.
            let bytes = fs::read(&salt).map_err(|error| Fault::file("reading", &salt, error))?;
            write_file(&to.join("root.salt"), &bytes)?;
            files.push(Listed::of(to, "root.salt")?);
        }
        let manifest = Manifest {
            origin: secrets.origin,
            at: options.clock.now().to_string(),
            entries: signed.checkpoint.size(),
            root: signed.checkpoint.hash().to_string(),
            files,
        };
        write_file(&to.join(FILE), &signer.sign_text(&manifest.text()))?;
        let bytes = manifest.files.iter().map(|file| file.bytes).sum();
        Ok(BackedUp { entries: manifest.entries, bytes })
    }
}

/// The latest checkpoint of a record.
pub(super) fn latest(connection: &Connection) -> Result<Signed, Error> {
    let note: Vec<u8> =
        connection.query_row("SELECT note FROM checkpoint WHERE name = 'latest'", [], |row| row.get(0))?;
    let unreadable = || Fault::Altered("The record's checkpoint cannot be read. next: run verify.".to_owned());
    Ok(Signed::parse(&note).ok_or_else(unreadable)?)
}

fn copy_record(from: &Path, to: &Path, progress: &dyn Fn(u64, u64)) -> Result<(), Error> {
    let source = schema::reader(from)?;
    // One view of the record for all steps, whatever is written meanwhile.
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
    let mut target = Connection::open(to)?;
    target.pragma_update(None, "synchronous", "FULL")?;
    let backup = Backup::new(&source, &mut target)?;
    loop {
        let step = backup.step(PAGES)?;
        let done = backup.progress();
        let total = u64::try_from(done.pagecount).unwrap_or(0);
        progress(total - u64::try_from(done.remaining).unwrap_or(0).min(total), total);
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
    }
    drop(backup);
    schema::rows_alone(&target)?;
    // A file of its own, without a log beside it.
    target.pragma_update(None, "journal_mode", "DELETE")?;
    // The index is left out on purpose, and the copy says so.
    target.execute("INSERT OR REPLACE INTO meta(name, value) VALUES (?, ?)", params![MARK, b"left out"])?;
    drop(target);
    sync(to)
}

/// Makes a file and its name survive a power loss.
pub(super) fn sync(path: &Path) -> Result<(), Error> {
    let file = fs::File::open(path).and_then(|file| file.sync_all());
    file.and_then(|()| crate::keys::root::sync_folder(path)).map_err(|error| Fault::file("syncing", path, error).into())
}
