//! `chartroom export`: one NDJSON file a type, current versions, ordered by id, the same bytes for the same record.

use super::{exists, options};
use crate::config::Config;
use crate::control::{self, Note};
use crate::stop::Stop;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use vault::access::Visit;
use vault::access::audit::Deed;
use vault::records::snapshot::Snapshot;
use vault::{Error, Position};

/// How many versions are looked at together.
const BATCH: usize = 1_000;

/// Ids of one type with the position of each current version.
type Ids = BTreeMap<String, Position>;

/// Writes `DIR/Patient.ndjson` and so on, all as of one position, whether a server has the record open or not. The
/// directory must be new or empty, so that nothing stale stays beside.
pub fn export(config: &Config, out: &Path) -> Result<(), Stop> {
    exists(&config.data)?;
    let snapshot = Snapshot::open(&options(config)).map_err(|e| Stop::vault("Nothing was exported.", e))?;
    make_empty(out).map_err(|e| not_written(out, &e))?;
    control::note(config, &Note::new(Deed::Export, "export", format!("everything, to {}", out.display())))?;
    let visit = Visit::operator();
    let types = current(&snapshot, &visit).map_err(|e| Stop::vault("Nothing was exported.", e))?;
    for (resource_type, ids) in &types {
        let path = out.join(format!("{resource_type}.ndjson"));
        write_type(&snapshot, &visit, &path, ids)?;
    }
    let count: usize = types.values().map(BTreeMap::len).sum();
    let head = snapshot.head().0;
    println!("exported {count} resources of {} types as of position {head} to {}", types.len(), out.display());
    Ok(())
}

/// What is current, type by type. Goes through the log from its end; the first version met of each id is current.
fn current(snapshot: &Snapshot, visit: &Visit) -> Result<BTreeMap<String, Ids>, Error> {
    let mut types: BTreeMap<String, BTreeMap<String, Option<Position>>> = BTreeMap::new();
    let mut below = snapshot.head();
    loop {
        let versions = snapshot.history(visit, below, BATCH)?;
        let Some(last) = versions.last() else { break };
        below = last.position;
        for version in versions {
            let place = (!version.deleted).then_some(version.position);
            types.entry(version.resource_type).or_default().entry(version.id).or_insert(place);
        }
    }
    let alive = |ids: BTreeMap<String, Option<Position>>| -> Ids {
        ids.into_iter().filter_map(|(id, place)| Some((id, place?))).collect()
    };
    let types = types.into_iter().map(|(name, ids)| (name, alive(ids)));
    Ok(types.filter(|(_, ids)| !ids.is_empty()).collect())
}

fn write_type(snapshot: &Snapshot, visit: &Visit, path: &Path, ids: &Ids) -> Result<(), Stop> {
    let file = File::create_new(path).map_err(|e| not_written(path, &e))?;
    let mut file = BufWriter::with_capacity(1 << 18, file);
    for &position in ids.values() {
        let version = snapshot.at(visit, position).map_err(|e| Stop::vault("The export is not complete.", e))?;
        let Some(version) = version else { continue };
        let written = file.write_all(&version.body).and_then(|()| file.write_all(b"\n"));
        written.map_err(|e| not_written(path, &e))?;
    }
    let file = file.into_inner().map_err(|e| not_written(path, e.error()))?;
    file.sync_all().map_err(|e| not_written(path, &e))
}

fn make_empty(out: &Path) -> io::Result<()> {
    // Patients' records: what is made here is its owner's; a directory that is there keeps its permissions.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(out)?;
    match fs::read_dir(out)?.next() {
        None => Ok(()),
        Some(_) => Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, "the directory is not empty")),
    }
}

fn not_written(path: &Path, error: &io::Error) -> Stop {
    let next = "name a new or empty directory with --out, on a disk with room";
    Stop::cannot("The export was not written.", format!("{}: {error}", path.display()), next)
}
