//! What verify needs before it can open an entry: the keys, as far as they open.

use super::{Report, tables};
use crate::access::label::{self, ValueSets};
use crate::error::{Error, Fault};
use crate::keys::Hasher;
use crate::keys::patients::{Kid, PatientKey, PatientKeys, SHARED};
use crate::keys::root::{Ring, RootKey};
use crate::log::checkpoint::{Signer, VerifierKey};
use crate::records::dictionary::{Dictionaries, Dictionary};
use crate::records::opening::meta;
use crate::records::{Options, schema, training};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use std::sync::Arc;

/// Keys and dictionaries, each as far as it opens.
pub(super) struct Evidence {
    pub ring: Ring,
    pub hasher: Option<Hasher>,
    pub labels: Arc<ValueSets>,
    pub log_key: Option<VerifierKey>,
    pub keys: PatientKeys,
    pub dictionaries: Dictionaries,
    /// Whether the root key is the record's, as far as its check says.
    pub key_fits: bool,
}

impl Evidence {
    /// Opens what opens, and reports what does not. `None`: the file itself cannot be read, and the report says so.
    pub fn gather(options: &Options, path: &Path, report: &mut Report) -> Result<Option<Evidence>, Error> {
        if !path.is_file() {
            let line = format!("There is no record in {}. next: name the right directory.", options.dir.display());
            return Err(Fault::Key(line).into());
        }
        let mut ring = RootKey::find(&options.key, &options.dir, false)?.ring()?;
        let connection = match schema::evidence(path).and_then(|c| schema::exists(&c).map(|found| (c, found))) {
            Ok((connection, true)) => connection,
            Ok((_, false)) => {
                report.find("record.sqlite", "its tables are missing");
                return Ok(None);
            }
            Err(fault @ (Fault::Busy(_) | Fault::File { .. })) => return Err(fault.into()),
            Err(fault) => {
                report.find("record.sqlite", format!("cannot be read as a database: {fault}"));
                return Ok(None);
            }
        };
        tables::schema(&connection, report);
        let check = meta(&connection, "key check").ok();
        // A change of keys that was cut short, or is just being made: the new key still waits beside its place.
        if check.as_deref() != Some(&ring.check[..])
            && let Some(next) = RootKey::waiting(&options.key, &options.dir).and_then(|(key, _)| key.ring().ok())
            && check.as_deref() == Some(&next.check[..])
        {
            ring = next;
        }
        let secret = |name: &str| meta(&connection, name).ok().and_then(|s| ring.secrets.open_key(name.as_bytes(), &s));
        let (index, signing, link) = (secret("index key"), secret("signing key"), secret("link key"));
        let shared = shared_key(&connection, &ring)?;
        let key_fits = check.as_deref() == Some(&ring.check[..]);
        if !key_fits && index.is_none() && signing.is_none() && link.is_none() && shared.is_none() {
            let line = "The root key is not the one this record is sealed under. next: give the right key; after a \
                        change of keys that is the new one.";
            return Err(Fault::Key(line.to_owned()).into());
        }
        let origin = meta(&connection, "origin").ok().and_then(|origin| String::from_utf8(origin).ok());
        for (name, is_good) in [
            ("origin", origin.is_some()),
            ("key check", key_fits),
            ("format", meta(&connection, "format").is_ok_and(|kept| kept == schema::FORMAT)),
            ("index key", index.is_some()),
            ("signing key", signing.is_some()),
            ("link key", link.is_some()),
            // Without it no checkpoint's signature could be checked.
            ("origin", origin.is_some()),
        ] {
            if !is_good {
                report.find("record.sqlite meta", format!("the {name} is missing or was altered"));
            }
        }
        let signer = origin.zip(signing).and_then(|(origin, seed)| Signer::new(&origin, &seed).ok());
        let dictionaries = open_dictionaries(&connection, &ring, report);
        // A key that fits nothing stands in for a shared key that does not open; that it does not is reported.
        let shared = shared.map_or_else(|| PatientKey::new(SHARED, 0, [0; 32], true), Ok)?;
        let next: Kid =
            connection.query_row("SELECT coalesce(max(kid), 0) FROM patient_key", [], |r| r.get(0)).unwrap_or(0);
        Ok(Some(Evidence {
            hasher: index.map(|key| Hasher::new(&key)),
            labels: label::sets(options.labels.as_deref())?,
            log_key: signer.map(|signer| signer.verifier()),
            keys: PatientKeys::new(Arc::new(shared), next.saturating_add(1)),
            dictionaries,
            ring,
            key_fits,
        }))
    }

    /// Whether a server has changed the root key since: then what did not open was not altered.
    pub fn is_overtaken(&self, path: &Path) -> bool {
        let now = schema::reader(path).and_then(|connection| meta(&connection, "key check"));
        self.key_fits && now.is_ok_and(|check| check != self.ring.check)
    }
}

fn shared_key(connection: &Connection, ring: &Ring) -> Result<Option<PatientKey>, Error> {
    let wrapped =
        connection.query_row("SELECT wrapped FROM patient_key WHERE kid = 0", [], |row| row.get(0)).optional();
    let wrapped: Option<Vec<u8>> = wrapped.unwrap_or(None);
    Ok(wrapped.and_then(|wrapped| PatientKey::unwrap(ring, SHARED, 0, &wrapped)))
}

fn open_dictionaries(connection: &Connection, ring: &Ring, report: &mut Report) -> Dictionaries {
    let dictionaries = Dictionaries::default();
    let read = || -> Result<Vec<(u32, Vec<u8>)>, rusqlite::Error> {
        let mut find = connection.prepare("SELECT id, sealed FROM dictionary")?;
        let rows = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    };
    match read() {
        Ok(rows) => {
            for (id, mut sealed) in rows {
                match ring.secrets.open(&training::label(id), &mut sealed) {
                    Some(bytes) => dictionaries.add(Dictionary::new(id, bytes)),
                    None => report.find("record.sqlite dictionary", format!("dictionary {id} was altered")),
                }
            }
        }
        Err(error) => report.find("record.sqlite dictionary", format!("cannot be read: {error}")),
    }
    dictionaries
}
