//! Asking one witness to co-sign one checkpoint, and what can come of it.

use super::Witness;
use std::fmt;
use std::io;
use vault::log::checkpoint::Signed;
use vault::log::witness::Request;
use vault::{Error, Vault};

/// A checkpoint that witnesses are asked to co-sign, all the same one.
pub(super) struct Head {
    pub note: String,
    pub size: u64,
}

impl Head {
    /// The latest checkpoint. `None` only if the record was altered.
    pub fn latest(vault: &Vault) -> Result<Option<Head>, Error> {
        let note = vault.checkpoint()?.and_then(|note| String::from_utf8(note).ok());
        Ok(note.and_then(|note| Signed::parse(note.as_bytes()).map(|s| Head { size: s.checkpoint.size(), note })))
    }

    async fn request(&self, vault: &Vault, old: u64) -> Result<String, Trouble> {
        let (vault, new) = (vault.clone(), self.size);
        let proof = unblocked(move || vault.consistency(old, new)).await?;
        Ok(Request::write(old, &proof, &self.note))
    }
}

/// Why there is no cosignature this time.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody answered, or not in time.
    Unreachable(io::Error),
    /// The witness co-signed more entries than this record has.
    Shorter { seen: u64, here: u64 },
    /// What the witness co-signed is not the beginning of this record.
    Forked { seen: u64 },
    /// The witness said no for another reason, by its HTTP status.
    Refused(u16),
    /// It answered something that is no cosignature of the configured key.
    Unsigned,
    /// This side failed.
    Fault(String),
}

impl Trouble {
    /// One word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Trouble::Unreachable(_) => "unreachable",
            Trouble::Shorter { .. } => "record-shorter",
            Trouble::Forked { .. } => "record-forked",
            Trouble::Refused(_) => "refused",
            Trouble::Unsigned => "unsigned",
            Trouble::Fault(_) => "fault",
        }
    }

    /// Whether it says that this record is not what it was.
    pub fn is_alarm(&self) -> bool {
        matches!(self, Trouble::Shorter { .. } | Trouble::Forked { .. })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KEEP: &str =
            "next: keep this directory as it is, and find out who put it there; the newer one is the record";
        match self {
            Trouble::Unreachable(error) => write!(f, "it cannot be reached ({error}); it is asked again"),
            Trouble::Shorter { seen, here } => write!(
                f,
                "ALARM: it has seen {seen} entries of this log, and this record has {here}: an old copy was put in \
                 place, or the end was cut off. {KEEP}"
            ),
            Trouble::Forked { seen } => write!(
                f,
                "ALARM: it has seen {seen} entries of this log, and they are not the ones this record begins with: an \
                 old copy was put in place and written to, or entries were altered. {KEEP}"
            ),
            Trouble::Refused(403 | 404) => {
                f.write_str("it does not know this log. next: start it with --log and what `chartroom log key` prints")
            }
            Trouble::Refused(status) => write!(f, "it refused with status {status}; it is asked again"),
            Trouble::Unsigned => f.write_str(
                "its answer holds no cosignature of the configured key. next: copy the key it prints at its start",
            ),
            Trouble::Fault(why) => write!(f, "it was not asked: {why}"),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Fault(error.to_string())
    }
}

/// Asks a witness that has probably seen `old` entries, and keeps its cosignature.
pub(super) async fn ask(vault: &Vault, witness: &Witness, head: &Head, old: u64) -> Result<(), Trouble> {
    match once(vault, witness, head, old).await? {
        Answer::Cosigned(lines) => keep(vault, witness, head, lines).await,
        // It knows best what it has seen, and is asked once more.
        Answer::Seen(seen) if seen > head.size => Err(Trouble::Shorter { seen, here: head.size }),
        Answer::Seen(seen) if seen == old => Err(Trouble::Forked { seen }),
        Answer::Seen(seen) => match once(vault, witness, head, seen).await? {
            Answer::Cosigned(lines) => keep(vault, witness, head, lines).await,
            Answer::Seen(_) | Answer::Unproved => Err(Trouble::Forked { seen }),
        },
        Answer::Unproved => Err(Trouble::Forked { seen: old }),
    }
}

/// What a witness answers that another step follows from.
enum Answer {
    Cosigned(String),
    /// It has seen another size than the request said.
    Seen(u64),
    Unproved,
}

async fn once(vault: &Vault, witness: &Witness, head: &Head, old: u64) -> Result<Answer, Trouble> {
    let request = head.request(vault, old).await?;
    let (status, body) = witness.address.post("/add-checkpoint", &request).await.map_err(Trouble::Unreachable)?;
    match status {
        200 => Ok(Answer::Cosigned(body)),
        409 => body.trim_end().parse().map(Answer::Seen).map_err(|_| Trouble::Refused(status)),
        422 => Ok(Answer::Unproved),
        other => Err(Trouble::Refused(other)),
    }
}

async fn keep(vault: &Vault, witness: &Witness, head: &Head, lines: String) -> Result<(), Trouble> {
    let (vault, note, key) = (vault.clone(), head.note.clone(), witness.key.clone());
    match unblocked(move || vault.add_cosignatures(note.as_bytes(), &lines, &[key])).await {
        Ok(0) => Err(Trouble::Unsigned),
        Ok(_) => Ok(()),
        Err(trouble) => Err(trouble),
    }
}

/// Work that may wait for the disk, away from the threads that answer requests.
async fn unblocked<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Trouble::Fault("the program failed; this is a bug, please report it".to_owned())),
    }
}
