//! Training a type's dictionary: as soon as enough of its texts were seen, by the thread that saw the last of them.
//!
//! The dictionary is durable before the first body that needs it: the writer keeps it in a transaction of its own, and
//! the type's new texts wait until then. (Training beside the writes was tried: an import then writes a whole file of one
//! type before its dictionary is there.) The texts are only ever in memory, and masked before they are used.

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
            dictionaries.end_training(&resource_type, &texts);
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

#[cfg(test)]
mod tests {
    use super::super::{Change, Expect, KeySource, Options};
    use super::*;
    use crate::access::Visit;
    use base::clock::{Clock, Instant};
    use base::id::Ids;
    use fhir::json::Json;

    fn put(text: &str) -> Change {
        let resource = Json::parse(text.as_bytes()).expect("JSON").into_owned();
        Change::Put { resource, expect: Expect::Any, skip_same: false }
    }

    /// A patient and ten observations; the planted words are the same for all, as if every patient had them.
    fn chart(n: usize) -> Vec<Change> {
        let patient = format!(
            r#"{{"resourceType":"Patient","id":"planted{n}","identifier":[{{"system":"http://hospital.example/mrn","value":"PLANTED-MRN"}}],"name":[{{"family":"Plantedname","given":["Plantedgiven"]}}],"gender":"female","birthDate":"1931-02-03","telecom":[{{"system":"phone","value":"555-PLANTED"}}],"address":[{{"city":"Plantedtown"}}]}}"#
        );
        let observation = |i: usize| {
            put(&format!(
                r#"{{"resourceType":"Observation","id":"o{n}-{i}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}}]}},"subject":{{"reference":"Patient/planted{n}","display":"Plantedname"}},"effectiveDateTime":"1931-02-03","valueString":"Planted finding","note":[{{"text":"Planted note {n}"}}]}}"#
            ))
        };
        std::iter::once(put(&patient)).chain((0..10).map(observation)).collect()
    }

    #[test]
    fn no_dictionary_holds_anything_of_a_patient() {
        let dir = tempfile::tempdir().expect("a folder");
        let (clock, ids) = (Clock::manual(Instant(1_795_424_712_000)), Ids::seeded(1));
        let options = Options { dir: dir.path().to_owned(), key: KeySource::Beside, clock, ids, labels: None };
        let vault = Vault::open(options).expect("opens");
        for n in 0..450 {
            vault.commit(&Visit::operator(), chart(n)).expect("written");
        }
        let ring = Arc::clone(&vault.inner.store.ring.read().now);
        let contents = vault.inner.store.readers.with(|connection| {
            let mut find = connection.prepare("SELECT id, sealed FROM dictionary ORDER BY id")?;
            let rows = find.query_map([], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
            rows.map(|row| row.map_err(crate::error::Error::from)).collect::<Result<Vec<_>, _>>()
        });
        let contents: Vec<String> = contents
            .expect("read")
            .into_iter()
            .map(|(id, mut sealed)| ring.secrets.open(&label(id), &mut sealed).expect("opens").to_vec())
            .map(|content| {
                let end = content.iter().position(|&b| b == 0).expect("a type");
                String::from_utf8_lossy(&dictionary::phrases(&content[end + 1..])).into_owned()
            })
            .collect();
        // Observations twice, because the first 400 were of 40 patients only at best; patients once.
        assert!(contents.len() >= 2, "{}", contents.len());
        assert!(contents.iter().any(|content| content.contains("8867-4")), "codes are known");
        for content in &contents {
            for planted in ["lanted", "PLANTED", "1931-02-03", "finding", "\"o1-"] {
                assert!(!content.contains(planted), "{planted}");
            }
        }
    }
}
