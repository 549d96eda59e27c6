//! A witness on a disk: its key, and for each log the size and root it cosigned last.

use super::{Reply, Request, Seen, Witness};
use crate::error::{Error, Fault};
use crate::keys::root::{hex, own_secret, write_file};
use crate::log::checkpoint::VerifierKey;
use crate::log::leaf::sha256;
use base::clock::Clock;
use parking_lot::Mutex;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tlog_tiles::Hash;

/// A witness's folder: `witness.key`, and one file a log.
pub struct WitnessFolder {
    dir: PathBuf,
    witness: Witness,
    logs: Vec<VerifierKey>,
    clock: Clock,
    turn: Mutex<()>,
}

impl WitnessFolder {
    /// Opens or makes a witness of that name for the given logs' keys.
    pub fn open(dir: &Path, name: &str, logs: Vec<VerifierKey>, clock: Clock) -> Result<WitnessFolder, Error> {
        if !signed_note::is_key_name_valid(name) {
            let line = format!("{name:?} cannot name a witness: it must have no space and no plus sign.");
            return Err(Fault::Key(line).into());
        }
        fs::create_dir_all(dir).map_err(|error| Fault::file("making", dir, error))?;
        let seed = own_secret(&dir.join("witness.key"))?;
        Ok(WitnessFolder {
            dir: dir.to_owned(),
            witness: Witness::new(name, &seed)?,
            logs,
            clock,
            turn: Mutex::default(),
        })
    }

    /// The public key that checks its cosignatures.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.witness.verifier()
    }

    /// Answers an `add-checkpoint` request. What was seen is durable before the answer is given; a fault means that
    /// nothing was cosigned.
    pub fn add_checkpoint(&self, body: &[u8]) -> Result<Reply, Error> {
        let Some(request) = Request::read(body) else { return Ok(Reply::Malformed) };
        // One at a time: between looking and keeping nobody else may keep.
        let _turn = self.turn.lock();
        let path = self.dir.join(format!("{}.seen", hex(&sha256(&[request.origin().as_bytes()]))));
        let seen = last_seen(&path)?;
        let seconds = self.clock.now().0.max(0).cast_unsigned() / 1000;
        match self.witness.consider(&request, &self.logs, seen, seconds) {
            Err(reply) => Ok(reply),
            Ok((now, line)) => {
                let text = format!("{}\n{}\n{}\n", request.origin(), now.size, now.root);
                write_file(&path, text.as_bytes())?;
                Ok(Reply::Cosigned(line))
            }
        }
    }
}

fn last_seen(path: &Path) -> Result<Option<Seen>, Fault> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::file("reading", path, error)),
    };
    let mut lines = text.lines().skip(1);
    let size = lines.next().and_then(|line| line.parse().ok());
    let root = lines.next().and_then(|line| Hash::parse_hash(line).ok());
    match (size, root) {
        (Some(size), Some(root)) => Ok(Some(Seen { size, root })),
        _ => Err(Fault::Altered(format!("{} is not what the witness wrote. next: put its copy back.", path.display()))),
    }
}
