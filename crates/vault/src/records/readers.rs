//! Connections that read, lent to one thread at a time. A connection keeps its prepared statements.

use super::schema;
use crate::error::Error;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::path::PathBuf;

/// Idle connections beyond this are closed; each may hold 4 MiB of pages.
const IDLE_MAX: usize = 8;

/// The connections.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Readers of a database file.
    pub fn new(path: PathBuf) -> Readers {
        Readers { path, idle: Mutex::new(Vec::new()) }
    }

    /// Closes what is idle, so that the last to go, the writer, can clear up behind the write-ahead log.
    pub fn close(&self) {
        self.idle.lock().clear();
    }

    /// Lends a connection to `work`.
    pub fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::reader(&self.path)?,
        };
        let result = work(&connection);
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        result
    }
}
