//! Training a type's dictionary: once it has enough versions, on a thread of its own, from the site's own data.

use super::dictionary::{self, Dictionary, TRAIN_FROM};
use super::store::{Entry, Store};
use super::writer::{Job, transact};
use crate::error::Error;
use crossbeam_channel::Sender;
use rusqlite::params;
use std::sync::Arc;

/// Starts training where it is time.
pub(crate) fn train_if_due(store: &Arc<Store>, jobs: &Sender<Job>) {
    let Some(resource_type) = store.dictionaries.due() else { return };
    let (store, jobs) = (Arc::clone(store), jobs.clone());
    let spawned = std::thread::Builder::new().name("dictionary".to_owned()).spawn(move || {
        // Without one, bodies are only larger.
        if let Some(bytes) = samples(&store, &resource_type).ok().and_then(|samples| dictionary::train(&samples)) {
            let content = dictionary::content(&resource_type, &bytes);
            let _ = jobs.send(Job::Task(Box::new(move |desk| keep(desk, &content))));
        }
    });
    drop(spawned);
}

fn keep(desk: &mut super::desk::Desk, content: &[u8]) {
    let id = desk.store.dictionaries.next_id();
    let kept = transact(desk, |desk, _| {
        let ring = Arc::clone(&desk.store.ring.read().now);
        let sealed = ring.secrets.seal(&label(id), content)?;
        desk.connection.execute("INSERT INTO dictionary(id, sealed) VALUES (?, ?)", params![id, sealed])?;
        Ok(())
    });
    if kept.is_ok() {
        desk.store.dictionaries.add(Dictionary::new(id, content));
    }
}

/// What ties a sealed dictionary to its number.
pub(crate) fn label(id: u32) -> Vec<u8> {
    format!("dictionary {id}").into_bytes()
}

/// The kept texts of the newest versions of a type.
fn samples(store: &Store, resource_type: &str) -> Result<Vec<Vec<u8>>, Error> {
    store.readers.with(|connection| {
        let mut find = connection.prepare(
            "SELECT pos, key, ver, kind, at, kid, dict, body FROM entry 
             WHERE kind = 0 AND type = (SELECT number FROM type WHERE name = ?) ORDER BY pos DESC LIMIT ?",
        )?;
        let entries = find.query_map(params![resource_type, TRAIN_FROM], Entry::of)?;
        let mut samples = Vec::new();
        for entry in entries {
            samples.extend(store.open(connection, &mut entry?)?);
        }
        Ok(samples)
    })
}
