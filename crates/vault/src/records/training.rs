//! Training the dictionary: once there are enough versions, on a thread of its own, from the site's own data.

use super::dictionary::{self, Dictionary, TRAIN_FROM};
use super::store::{Entry, Store};
use super::writer::{Job, transact};
use crate::error::Error;
use crossbeam_channel::Sender;
use rusqlite::params;
use std::sync::Arc;

/// The number of the first dictionary.
const FIRST: u32 = 1;

/// Starts training when it is time and nobody does it yet.
pub(crate) fn train_if_due(store: &Arc<Store>, jobs: &Sender<Job>) {
    if store.head() < TRAIN_FROM || store.dictionaries.current().is_some() || store.dictionaries.begin_training() {
        return;
    }
    let (store, jobs) = (Arc::clone(store), jobs.clone());
    let spawned = std::thread::Builder::new().name("dictionary".to_owned()).spawn(move || {
        // Without one, bodies are only larger.
        if let Some(bytes) = samples(&store).ok().and_then(|samples| dictionary::train(&samples)) {
            let _ = jobs.send(Job::Task(Box::new(move |desk| keep(desk, &bytes))));
        }
    });
    drop(spawned);
}

fn keep(desk: &mut super::desk::Desk, bytes: &[u8]) {
    let kept = transact(desk, |desk, _| {
        let ring = Arc::clone(&desk.store.ring.read().now);
        let sealed = ring.secrets.seal(&label(FIRST), bytes)?;
        desk.connection.execute("INSERT INTO dictionary(id, sealed) VALUES (?, ?)", params![FIRST, sealed])?;
        Ok(())
    });
    if kept.is_ok() {
        desk.store.dictionaries.add(Dictionary::new(FIRST, bytes));
    }
}

/// What ties a sealed dictionary to its number.
pub(crate) fn label(id: u32) -> Vec<u8> {
    format!("dictionary {id}").into_bytes()
}

/// The kept texts of the newest versions.
fn samples(store: &Store) -> Result<Vec<Vec<u8>>, Error> {
    store.readers.with(|connection| {
        let mut find = connection.prepare(
            "SELECT pos, key, ver, kind, at, kid, dict, body FROM entry WHERE kind = 0 ORDER BY pos DESC LIMIT ?",
        )?;
        let entries = find.query_map([TRAIN_FROM.cast_signed()], Entry::of)?;
        let mut samples = Vec::new();
        for entry in entries {
            samples.extend(store.open(connection, &mut entry?)?);
        }
        Ok(samples)
    })
}
