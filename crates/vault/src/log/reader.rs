//! The log as anybody with the key can read it beside a running server: no lock, no writer, nothing changed.

use super::checkpoint::{Signer, VerifierKey};
use super::proof::{note, prove, request};
use crate::access::Visit;
use crate::error::Error;
use crate::keys::Hasher;
use crate::keys::patients::{Kid, PatientKey};
use crate::keys::root::Ring;
use crate::records::opening::{Secrets, ring_of};
use crate::records::store::{altered_key, wrapped_key};
use crate::records::{Options, Position, schema};
use rusqlite::Connection;

/// An open log. It sees what was committed before each question.
pub struct LogReader {
    connection: Connection,
    ring: Ring,
    hasher: Hasher,
    key: VerifierKey,
}

impl LogReader {
    /// Opens the log of a data directory that has a record.
    pub fn open(options: &Options) -> Result<LogReader, Error> {
        let ring = ring_of(&options.dir, &options.key)?;
        let connection = schema::reader(&options.dir.join(schema::FILE))?;
        let secrets = Secrets::open(&connection, &ring)?;
        let key = Signer::new(&secrets.origin, &secrets.signing)?.verifier();
        Ok(LogReader { connection, ring, hasher: Hasher::new(&secrets.index), key })
    }

    /// The public key that checks this log's checkpoints.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The latest signed checkpoint. `None` only if the record was altered.
    pub fn checkpoint(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(note(&self.connection, "latest")?)
    }

    /// The latest checkpoint that witnesses cosigned.
    pub fn witnessed(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(note(&self.connection, "witnessed")?)
    }

    /// The body of an `add-checkpoint` request to a witness that saw `old` entries last.
    pub fn witness_request(&self, old: u64) -> Result<String, Error> {
        let snapshot = self.connection.unchecked_transaction()?;
        request(&snapshot, old)
    }

    /// Where the current version of a resource stands, a deletion included. `None`: there never was one.
    pub fn position(&self, visit: &Visit, resource_type: &str, id: &str) -> Result<Option<Position>, Error> {
        let _ = visit;
        let key = self.hasher.resource(resource_type, id);
        let mut find = self.connection.prepare_cached("SELECT max(pos) FROM entry WHERE key = ? AND key <> 0")?;
        let found: Option<i64> = find.query_row([key], |row| row.get(0))?;
        Ok(found.map(|pos| Position(pos.cast_unsigned())))
    }

    /// A proof that the entry at `position` is in the log, as [`crate::Vault::proof`] gives it.
    pub fn proof(&self, visit: &Visit, position: Position) -> Result<Option<String>, Error> {
        let _ = visit;
        // One snapshot: the checkpoint and the tree it signs.
        let snapshot = self.connection.unchecked_transaction()?;
        prove(&snapshot, position.0, |kid| self.salt(&snapshot, kid, position))
    }

    fn salt(&self, connection: &Connection, kid: Kid, position: Position) -> Result<Option<[u8; 32]>, Error> {
        let Some((owner, wrapped)) = wrapped_key(connection, kid)? else { return Ok(None) };
        let key = PatientKey::unwrap(&self.ring, kid, owner, &wrapped).ok_or_else(|| altered_key(kid))?;
        Ok(Some(key.salt(position.0)))
    }
}
