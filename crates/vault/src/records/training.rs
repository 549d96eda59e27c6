//! Training a type's dictionary: as soon as enough of its texts were seen, by the thread that saw the last of them.
//!
//! The dictionary is durable before the first body that needs it: the writer keeps it in a transaction of its own, and
//! the type's new texts wait until then. (Training beside the writes was tried: an import then writes a whole file of one
//! type before its dictionary is there.) The texts are only ever in memory.

use super::Vault;
use super::desk::Desk;
use super::dictionary::{self, Dictionary};
use super::writer::transact;
use rusqlite::params;
use std::sync::Arc;

impl Vault {
    /// Trains what is due. Without a dictionary bodies are only larger, so that nothing here can fail a write.
    pub(crate) fn train_if_due(&self) {
        let dictionaries = &self.inner.store.dictionaries;
        while let Some((resource_type, texts)) = dictionaries.begin_training() {
            if let Some(bytes) = dictionary::train(&texts) {
                let content = dictionary::content(&resource_type, &bytes);
                let _ = self.task(move |desk| keep(desk, &content));
            }
            dictionaries.end_training(&resource_type);
        }
    }
}

fn keep(desk: &mut Desk, content: &[u8]) {
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
