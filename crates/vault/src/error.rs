//! What can go wrong: a rule says no (a refusal), or the machine broke (a fault).

use base::refusal::Refusal;
use std::path::Path;

/// The machine broke. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database engine failed.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// A file operation failed.
    #[error("{what}: {source}")]
    File {
        /// What was tried, with the path.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// What is on disk is not what was written.
    #[error("{0}")]
    Altered(String),
    /// Keys do not fit the data, are missing, or could not be used.
    #[error("{0}")]
    Key(String),
    /// A write to the disk failed; nothing may be acknowledged until the program has been started again.
    #[error("{0}")]
    Broken(String),
    /// Another process has the data directory.
    #[error("{0}")]
    Busy(String),
}

impl Fault {
    /// A file operation that failed: what was tried (`reading`), where, why.
    pub(crate) fn file(deed: &str, path: &Path, source: std::io::Error) -> Fault {
        Fault::File { what: format!("{deed} {}", path.display()), source }
    }
}

/// No, or broken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule says no.
    #[error("{0}")]
    Refusal(#[from] Refusal),
    /// The machine broke.
    #[error("{0}")]
    Fault(#[from] Fault),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        Error::Fault(Fault::Database(error))
    }
}

impl From<tlog_tiles::Error> for Error {
    fn from(error: tlog_tiles::Error) -> Error {
        Error::Fault(Fault::Altered(format!("The log could not be read: {error}. next: run verify.")))
    }
}
