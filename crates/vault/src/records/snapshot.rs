//! The record as it stands at one position, read whole beside a server that goes on writing.
//!
//! One read transaction holds everything to one moment: entries, data keys and root key. Whatever is written, shredded or
//! sealed anew meanwhile is not seen. The price is that the write-ahead log grows until the snapshot is dropped.

use super::destroyed::Events;
use super::dictionary::Dictionaries;
use super::opening::{Secrets, beside, check_edge, open_dictionaries, open_keys, ring_as_seen, twice};
use super::store::{Entry, altered, altered_key, shape, unseal, wrapped_key};
use super::{Options, Position, Version};
use crate::access::Visit;
use crate::access::private::is_private;
use crate::error::Error;
use crate::keys::patients::{PatientKey, PatientKeys};
use crate::keys::root::Ring;
use crate::log::checkpoint::Signer;
use crate::search::PAGE_BYTES_MAX;
use base::refusal::{Kind, Refusal};
use rusqlite::{Connection, OptionalExtension, params};

/// The record at one position.
pub struct Snapshot {
    connection: Connection,
    ring: Ring,
    keys: PatientKeys,
    dictionaries: Dictionaries,
    head: Position,
}

impl Snapshot {
    /// Takes hold of what is committed now. Needs the root key and no lock, and changes nothing.
    pub fn open(options: &Options) -> Result<Snapshot, Error> {
        twice(|| {
            let connection = beside(&options.dir)?;
            connection.execute_batch("BEGIN")?;
            let ring = ring_as_seen(&connection, &options.dir, &options.key)?;
            let secrets = Secrets::open(&connection, &ring)?;
            let tree = check_edge(&connection, &Signer::new(&secrets.origin, &secrets.signing)?)?;
            let (keys, dictionaries) = (open_keys(&connection, &ring)?, open_dictionaries(&connection, &ring)?);
            let shared = keys.shared();
            let events = Events { connection: &connection, shared: &shared, dictionaries: &dictionaries };
            // Whatever stands in the table: an old copy of it may have been put back.
            keys.bar(events.destroyed_from(0)?);
            Ok(Snapshot { keys, dictionaries, head: Position(tree.size()), connection, ring })
        })
    }

    /// Everything below it is seen, and nothing else.
    #[must_use]
    pub fn head(&self) -> Position {
        self.head
    }

    /// Versions newest first, below `below`, at most `count`. Those of shredded patients, and the vault's own documents, are left out.
    pub fn history(&self, visit: &Visit, below: Position, count: usize) -> Result<Vec<Version>, Error> {
        operators_only(visit)?;
        let mut find = self.connection.prepare_cached(
            "SELECT pos, key, ver, kind, at, kid, dict, body FROM entry WHERE pos < ? AND kind < 2 ORDER BY pos DESC",
        )?;
        let mut rows = find.query([below.0.min(self.head.0).cast_signed()])?;
        let (mut versions, mut bytes) = (Vec::new(), 0);
        while versions.len() < count && bytes < PAGE_BYTES_MAX {
            let Some(row) = rows.next()? else { break };
            if let Some(version) = self.version(Entry::of(row)?)? {
                bytes += version.body.len();
                versions.push(version);
            }
        }
        Ok(versions)
    }

    /// The version at a position. `None`: there is no version there that may be seen.
    pub fn at(&self, visit: &Visit, position: Position) -> Result<Option<Version>, Error> {
        operators_only(visit)?;
        let mut find = self
            .connection
            .prepare_cached("SELECT pos, key, ver, kind, at, kid, dict, body FROM entry WHERE pos = ? AND kind < 2")?;
        let found = find.query_row(params![position.0.cast_signed()], Entry::of).optional()?;
        found.map_or(Ok(None), |entry| self.version(entry))
    }

    fn version(&self, mut entry: Entry) -> Result<Option<Version>, Error> {
        let key = self.keys.by_kid(entry.kid, || -> Result<Option<PatientKey>, Error> {
            let Some((owner, wrapped)) = wrapped_key(&self.connection, entry.kid)? else { return Ok(None) };
            let key = PatientKey::unwrap(&self.ring, entry.kid, owner, &wrapped);
            key.map(Some).ok_or_else(|| altered_key(entry.kid).into())
        })?;
        let Some(key) = key else { return Ok(None) };
        let kept = unseal(&mut entry, &key, &self.dictionaries)?;
        let version = shape(&entry, &kept).ok_or_else(|| altered(entry.pos))?;
        Ok(Some(version).filter(|version| !is_private(&version.resource_type)))
    }
}

/// Without an index nobody knows what another visit may see.
fn operators_only(visit: &Visit) -> Result<(), Refusal> {
    if visit.is_operator() {
        return Ok(());
    }
    Err(Refusal::new(Kind::Forbidden, "forbidden", "only the operator may read the whole record at once"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Principal, Purpose, Roles};
    use crate::records::{Change, Expect, KeySource, Vault};
    use base::clock::Clock;
    use base::id::Ids;
    use fhir::json::Json;

    fn json(text: &str) -> Json<'static> {
        Json::parse(text.as_bytes()).expect("JSON").into_owned()
    }

    #[test]
    fn a_snapshot_stays_as_it_was_and_hides_what_is_the_vaults_own() {
        let dir = tempfile::tempdir().expect("a folder");
        let options = Options {
            dir: dir.path().to_owned(),
            key: KeySource::Beside,
            clock: Clock::System,
            ids: Ids::seeded(1),
            labels: None,
        };
        let vault = Vault::open(options.clone()).expect("opens");
        let operator = Visit::operator();
        let patient = |id: &str| Change::Put {
            resource: json(&format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#)),
            expect: Expect::Any,
            skip_same: false,
        };
        vault.commit(&operator, vec![patient("a")]).expect("written");
        vault.keep(&operator, json(r#"{"resourceType":"x-account","id":"k"}"#), Expect::Any).expect("kept");
        let snapshot = Snapshot::open(&options).expect("opens");
        let head = snapshot.head();
        vault.commit(&operator, vec![patient("b")]).expect("written");
        vault.rotate_root_key(&operator, &KeySource::Beside).expect("changed");
        vault.shred(&operator, "a").expect("done").expect("shredded");
        let seen = snapshot.history(&operator, Position(u64::MAX), 9).expect("read");
        assert_eq!(seen.iter().map(|version| version.id.as_str()).collect::<Vec<_>>(), ["a"]);
        assert!((0..head.0).all(|at| snapshot.at(&operator, Position(at)).expect("read").is_none_or(|v| v.id == "a")));
        let other = Visit::of(Principal::new("kim", "Kim", Roles::NONE), Purpose::Treatment, None);
        assert!(snapshot.history(&other, head, 9).is_err() && snapshot.at(&other, Position(0)).is_err());
        drop(snapshot);
        let seen = Snapshot::open(&options).expect("opens").history(&operator, Position(u64::MAX), 9).expect("read");
        assert_eq!(seen.iter().map(|version| version.id.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
