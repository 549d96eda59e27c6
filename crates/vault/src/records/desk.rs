//! The writer's desk: one transaction at a time, changes in their order, each with its leaf.

use super::body;
use super::dictionary::OF_EVENTS;
use super::prepare::{Prepared, Sealing};
use super::reserve::Reserve;
use super::store::{Store, shredded};
use super::{Expect, Position, Version, Written};
use crate::error::{Error, Fault};
use crate::keys::patients::{Kid, PatientKey};
use crate::log::leaf::{Kind, Leaf, payload};
use crate::log::tree::{TileRow, Tree};
use crate::search::index::Appended;
use crate::search::rows::Rows;
use base::clock::Instant;
use base::refusal::{Kind as No, Refusal};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The index numbers positions in 32 bits.
const ENTRIES_MAX: u64 = u32::MAX as u64 - 16;

/// What the writer thread works with.
pub(crate) struct Desk {
    pub connection: Connection,
    pub store: Arc<Store>,
    pub tree: Tree,
    /// Time of the last entry.
    pub at: i64,
    /// Numbers of resource types.
    pub types: HashMap<String, i64>,
    /// Keys that were destroyed: what was prepared under them before may not be written.
    pub shredded: HashSet<Kid>,
    /// What was overwritten on purpose still stands in the write-ahead log.
    pub is_uncleared: bool,
    /// Room that is kept for the audit.
    pub reserve: Option<Reserve>,
}

/// What one transaction has gathered so far.
pub(crate) struct Group {
    at: Instant,
    updated: String,
    tiles: Vec<TileRow>,
    keys: Vec<Arc<PatientKey>>,
    types: Vec<String>,
    pub fed: Vec<Appended>,
    /// The last entry that is no event of the audit.
    pub changes: Option<Position>,
}

/// The newest row of a resource.
#[derive(Clone, Copy)]
struct Current {
    position: Position,
    version: u64,
    deleted: bool,
    at: i64,
}

/// An entry on its way into the log.
struct Draft<'a> {
    kind: Kind,
    key: i64,
    version: u64,
    resource_type: &'a str,
    patient: &'a Arc<PatientKey>,
    dict: u32,
    body: &'a [u8],
    served: &'a [u8],
}

impl Desk {
    /// Begins a transaction.
    pub fn begin(&mut self) -> Result<Group, Fault> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let at = Instant(self.store.clock.now().0.max(self.at));
        let updated = body::updated(at);
        Ok(Group {
            at,
            updated,
            tiles: Vec::new(),
            keys: Vec::new(),
            types: Vec::new(),
            fed: Vec::new(),
            changes: None,
        })
    }

    /// Ends it: tiles and a signed checkpoint, then the commit that waits for the disk.
    pub fn commit(&mut self, group: &mut Group) -> Result<(), Fault> {
        if self.tree.size() > self.store.head() {
            self.write_log(&group.tiles)?;
        }
        self.connection.execute_batch("COMMIT")?;
        self.at = group.at.0;
        self.store.keys.committed(&group.keys);
        Ok(())
    }

    /// Undoes it.
    pub fn roll_back(&mut self, group: &Group, tree: Tree) {
        // A full disk or a failed write ends the transaction by itself.
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        self.tree = tree;
        for name in &group.types {
            self.types.remove(name);
        }
    }

    /// Writes the changes of one submission, all or none.
    pub fn write(&mut self, changes: &mut [Prepared], group: &mut Group) -> Result<Vec<Written>, Error> {
        let mut keys = HashSet::with_capacity(changes.len());
        if changes.iter().all(|change| keys.insert(change.key)) {
            let current = self.check_all(changes)?;
            return changes.iter_mut().zip(current).map(|(change, at)| Ok(self.apply(change, at, group)?)).collect();
        }
        self.write_one_by_one(changes, group)
    }

    /// When a resource is changed twice, each check needs what the change before it wrote.
    fn write_one_by_one(&mut self, changes: &mut [Prepared], group: &mut Group) -> Result<Vec<Written>, Error> {
        let (tree, tiles) = (self.tree.clone(), group.tiles.clone());
        let (fed, keys, types) = (group.fed.len(), group.keys.len(), group.types.len());
        self.connection.execute_batch("SAVEPOINT submission")?;
        let each = changes.iter_mut().enumerate().map(|(i, change)| {
            let current = self.check(change, i)?;
            Ok(self.apply(change, current, group)?)
        });
        let written: Result<Vec<Written>, Error> = each.collect();
        if let Err(Error::Refusal(_)) = written {
            self.connection.execute_batch("ROLLBACK TO submission")?;
            self.tree = tree;
            group.tiles = tiles;
            group.fed.truncate(fed);
            // Rows of types and keys are gone with it; the next change that needs them writes them again.
            group.keys.truncate(keys);
            for name in group.types.drain(types..) {
                self.types.remove(&name);
            }
        }
        self.connection.execute_batch("RELEASE submission")?;
        written
    }

    fn check_all(&self, changes: &[Prepared]) -> Result<Vec<Option<Current>>, Error> {
        changes.iter().enumerate().map(|(i, change)| self.check(change, i)).collect()
    }

    /// The current row of a resource, if the change may follow it.
    fn check(&self, change: &Prepared, index: usize) -> Result<Option<Current>, Error> {
        if self.shredded.contains(&change.patient.kid) {
            return Err(shredded().into());
        }
        if self.tree.size() + index as u64 >= ENTRIES_MAX {
            return Err(Refusal::new(No::Full, "no-store", "the log has as many entries as it can hold").into());
        }
        let current = self.current(change.key)?;
        let alive = current.filter(|c| !c.deleted);
        let refusal = match (change.expect, alive) {
            (Expect::Any, _) | (Expect::Absent, None) => return Ok(current),
            (Expect::Version(version), Some(c)) if c.version == version => return Ok(current),
            (Expect::Absent, Some(c)) => {
                (No::Conflict, "duplicate", format!("it exists already, as version {}", c.version))
            }
            (Expect::Version(version), Some(c)) => {
                (No::Precondition, "conflict", format!("version {version} is expected, but it is at {}", c.version))
            }
            (Expect::Version(version), None) => {
                (No::Precondition, "conflict", format!("version {version} is expected, but there is none"))
            }
        };
        let mut refusal = Refusal::new(refusal.0, refusal.1, refusal.2);
        refusal.findings[0].path = format!("change[{index}]");
        Err(refusal.into())
    }

    fn current(&self, key: i64) -> Result<Option<Current>, Fault> {
        let mut find = self.connection.prepare_cached(
            "SELECT pos, ver, kind, at FROM entry WHERE key = ? AND key <> 0 ORDER BY pos DESC LIMIT 1",
        )?;
        let row = find.query_row([key], |row| {
            Ok(Current {
                position: Position(row.get::<_, i64>(0)?.cast_unsigned()),
                version: row.get::<_, i64>(1)?.cast_unsigned(),
                deleted: row.get::<_, i64>(2)? == Kind::Deletion.number(),
                at: row.get(3)?,
            })
        });
        Ok(row.optional()?)
    }

    fn apply(&mut self, change: &mut Prepared, current: Option<Current>, group: &mut Group) -> Result<Written, Fault> {
        let alive = current.filter(|c| !c.deleted);
        if change.kind == Kind::Deletion && alive.is_none() {
            return Ok(Written::Deleted(None));
        }
        if let Some(same) = alive.filter(|_| change.skip_same)
            && self.is_same(change, same.position)?
        {
            let at = Instant(same.at);
            return Ok(Written::Unchanged(version(change, same.position, same.version, at, &body::updated(at))?));
        }
        let number = current.map_or(1, |c| c.version + 1);
        let version = version(change, Position(self.tree.size()), number, group.at, &group.updated)?;
        self.append(change, &version, group)?;
        let previous = current.and_then(|c| u32::try_from(c.position.0).ok());
        let rows = std::mem::replace(&mut change.rows, Rows::none());
        group.fed.push(Appended {
            position: version.position,
            key: change.key,
            kid: change.patient.kid,
            previous,
            rows,
        });
        Ok(match (change.kind, alive) {
            (Kind::Deletion, _) => Written::Deleted(Some(version)),
            (_, Some(_)) => Written::Updated(version),
            (_, None) => Written::Created(version),
        })
    }

    fn append(&mut self, change: &Prepared, version: &Version, group: &mut Group) -> Result<(), Fault> {
        let sealed_now;
        let sealed = match &change.sealed {
            Some(sealed) => sealed,
            None => {
                sealed_now = self.store.seal(change)?;
                &sealed_now
            }
        };
        let draft = Draft {
            kind: change.kind,
            key: change.key,
            version: version.version,
            resource_type: &change.resource_type,
            patient: &change.patient,
            dict: sealed.dict,
            body: &sealed.body,
            served: if change.kind == Kind::Deletion { &change.kept } else { &version.body },
        };
        self.insert(&draft, group)
    }

    fn is_same(&self, change: &Prepared, current: Position) -> Result<bool, Fault> {
        match change.compared {
            Some((compared, same)) if compared == current => Ok(same),
            // Somebody wrote in between.
            _ => match self.store.compare(&self.connection, change.key, &change.kept) {
                Ok(found) => Ok(found.is_some_and(|(_, same)| same)),
                Err(Error::Fault(fault)) => Err(fault),
                Err(Error::Refusal(_)) => Ok(false),
            },
        }
    }

    fn insert(&mut self, draft: &Draft<'_>, group: &mut Group) -> Result<(), Fault> {
        self.write_key(draft.patient, group)?;
        let type_number = self.type_number(draft.resource_type, group)?;
        let position = self.tree.size();
        let payload = payload(&draft.patient.salt(position), draft.served);
        let leaf = Leaf {
            kind: draft.kind,
            position,
            at: group.at.0,
            key: draft.key,
            version: draft.version,
            payload,
            resource_type: draft.resource_type,
        };
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO entry(pos, key, ver, kind, type, at, kid, dict, payload, body) VALUES (?,?,?,?,?,?,?,?,?,?)",
        )?;
        insert.execute(params![
            position.cast_signed(),
            draft.key,
            draft.version.cast_signed(),
            draft.kind.number(),
            type_number,
            group.at.0,
            draft.patient.kid,
            draft.dict,
            payload.as_slice(),
            draft.body
        ])?;
        drop(insert);
        self.tree.push(leaf.hash(), &mut group.tiles);
        if draft.kind != Kind::Access {
            group.changes = Some(Position(position));
        }
        Ok(())
    }

    /// Appends an event of the audit.
    pub fn append_access(&mut self, event: &Sealing, group: &mut Group) -> Result<Position, Fault> {
        let (patient, position) = (self.store.keys.shared(), Position(self.tree.size()));
        let draft = Draft {
            kind: Kind::Access,
            key: 0,
            version: 0,
            resource_type: "",
            patient: &patient,
            dict: OF_EVENTS,
            body: &event.body,
            served: &event.text,
        };
        self.insert(&draft, group)?;
        let rows = event.rows.clone();
        group.fed.push(Appended { position, key: 0, kid: patient.kid, previous: None, rows });
        Ok(position)
    }

    /// Appends an event about keys; what happened stands sealed in its body.
    pub fn append_event(&mut self, what: &str, group: &mut Group) -> Result<Position, Fault> {
        let (patient, position) = (self.store.keys.shared(), Position(self.tree.size()));
        let label = super::store::label(0, patient.kid, 0);
        let body = super::prepare::seal_text(&patient, &label, None, what.as_bytes())?;
        let draft = Draft {
            kind: Kind::Event,
            key: 0,
            version: 0,
            resource_type: "",
            patient: &patient,
            dict: 0,
            body: &body,
            served: what.as_bytes(),
        };
        self.insert(&draft, group)?;
        group.fed.push(Appended { position, key: 0, kid: patient.kid, previous: None, rows: Rows::none() });
        Ok(position)
    }

    fn write_key(&self, patient: &Arc<PatientKey>, group: &mut Group) -> Result<(), Fault> {
        if patient.is_durable() || group.keys.iter().any(|k| k.kid == patient.kid) {
            return Ok(());
        }
        let ring = Arc::clone(&self.store.ring.read().now);
        let wrapped = patient.wrap(&ring)?;
        let mut insert =
            self.connection.prepare_cached("INSERT INTO patient_key(kid, owner, wrapped) VALUES (?, ?, ?)")?;
        insert.execute(params![patient.kid, patient.owner, wrapped])?;
        group.keys.push(Arc::clone(patient));
        Ok(())
    }

    fn type_number(&mut self, name: &str, group: &mut Group) -> Result<i64, Fault> {
        if name.is_empty() {
            return Ok(0);
        }
        if let Some(&number) = self.types.get(name) {
            return Ok(number);
        }
        self.connection.execute("INSERT INTO type(name) VALUES (?)", [name])?;
        let number = self.connection.last_insert_rowid();
        self.types.insert(name.to_owned(), number);
        group.types.push(name.to_owned());
        Ok(number)
    }

    fn write_log(&self, tiles: &[TileRow]) -> Result<(), Fault> {
        let mut put =
            self.connection.prepare_cached("INSERT OR REPLACE INTO tile(level, n, hashes) VALUES (?, ?, ?)")?;
        for tile in tiles {
            put.execute(params![tile.level, tile.n.cast_signed(), tile.hashes])?;
        }
        let note = self.store.signer.sign(self.tree.size(), self.tree.root());
        let mut put =
            self.connection.prepare_cached("INSERT OR REPLACE INTO checkpoint(name, note) VALUES ('latest', ?)")?;
        put.execute([note])?;
        Ok(())
    }
}

/// The version a change makes in its place.
fn version(change: &Prepared, position: Position, number: u64, at: Instant, updated: &str) -> Result<Version, Fault> {
    let deleted = change.kind == Kind::Deletion;
    let served = if deleted { Some(Vec::new()) } else { body::serve(&change.kept, number, updated) };
    let served = served.ok_or_else(|| Fault::Altered("A prepared body lost its form.".to_owned()))?;
    Ok(Version {
        resource_type: change.resource_type.clone(),
        id: change.id.clone(),
        version: number,
        position,
        kid: change.patient.kid,
        updated: at,
        deleted,
        partial: false,
        body: served.into(),
    })
}
