//! Compression: zstd, with a dictionary trained on the site's own resources once there are enough of them.
//!
//! A dictionary holds pieces of patients' data, so it is kept sealed. Bodies name the dictionary they need by number;
//! 0 is none. Contexts are made once a thread, dictionaries prepared once a process.

use crate::error::Fault;
use parking_lot::RwLock;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use zstd::zstd_safe::{CCtx, CDict, DCtx, DDict, compress_bound};

/// The number of a dictionary; 0 is none.
pub(crate) type DictionaryId = u32;

/// Versions needed before a dictionary is trained.
pub(crate) const TRAIN_FROM: u64 = 2_000;

/// Bytes of a dictionary (the size zstd's authors recommend for small records).
const DICTIONARY_BYTES: usize = 112_640;

/// zstd's level: 3 is its default; higher ones cost more than they save on records of 1.4 KB.
const LEVEL: i32 = 3;

/// A body larger than this when unpacked is no body (a resource is refused long before).
const BODY_BYTES_MAX: usize = 256 << 20;

thread_local! {
    static PACK: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static UNPACK: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// One dictionary, ready for use.
pub(crate) struct Dictionary {
    /// Its number.
    pub id: DictionaryId,
    pack: CDict<'static>,
    unpack: DDict<'static>,
}

impl Dictionary {
    /// Prepares a dictionary.
    pub fn new(id: DictionaryId, bytes: &[u8]) -> Dictionary {
        Dictionary { id, pack: CDict::create(bytes, LEVEL), unpack: DDict::create(bytes) }
    }
}

/// The dictionaries of an installation.
#[derive(Default)]
pub(crate) struct Dictionaries {
    all: RwLock<HashMap<DictionaryId, Arc<Dictionary>>>,
    current: RwLock<Option<Arc<Dictionary>>>,
    training: AtomicBool,
}

impl Dictionaries {
    /// Adds one; the highest number is the current one.
    pub fn add(&self, dictionary: Dictionary) {
        let dictionary = Arc::new(dictionary);
        self.all.write().insert(dictionary.id, Arc::clone(&dictionary));
        let mut current = self.current.write();
        if current.as_ref().is_none_or(|c| c.id < dictionary.id) {
            *current = Some(dictionary);
        }
    }

    /// Whether training had begun already; from now on it has.
    pub fn begin_training(&self) -> bool {
        self.training.swap(true, Ordering::AcqRel)
    }

    /// The one new bodies are packed with.
    pub fn current(&self) -> Option<Arc<Dictionary>> {
        self.current.read().clone()
    }

    /// Unpacks what was packed with dictionary `id`. `None` if it is not such.
    pub fn unpack(&self, id: DictionaryId, packed: &[u8]) -> Option<Vec<u8>> {
        if id == 0 {
            return unpack(None, packed);
        }
        let dictionary = Arc::clone(self.all.read().get(&id)?);
        unpack(Some(&dictionary), packed)
    }
}

/// Appends the packed text to `out`.
pub(crate) fn pack(dictionary: Option<&Dictionary>, text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let start = out.len();
    out.resize(start + compress_bound(text.len()), 0);
    let written = PACK.with_borrow_mut(|context| match dictionary {
        Some(dictionary) => context.compress_using_cdict(&mut out[start..], text, &dictionary.pack),
        None => context.compress(&mut out[start..], text, LEVEL),
    });
    let written = written.map_err(|_| Fault::Altered("A body could not be compressed.".to_owned()))?;
    out.truncate(start + written);
    Ok(())
}

fn unpack(dictionary: Option<&Dictionary>, packed: &[u8]) -> Option<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten()?;
    let size = usize::try_from(size).ok().filter(|&size| size <= BODY_BYTES_MAX)?;
    let mut text = Vec::with_capacity(size);
    let done = UNPACK.with_borrow_mut(|context| match dictionary {
        Some(dictionary) => context.decompress_using_ddict(&mut text, packed, &dictionary.unpack),
        None => context.decompress(&mut text, packed),
    });
    done.ok().filter(|&n| n == size && text.len() == size).map(|_| text)
}

/// Trains a dictionary; `None` if the samples do not lend themselves to one.
pub(crate) fn train(samples: &[Vec<u8>]) -> Option<Vec<u8>> {
    zstd::dict::from_samples(samples, DICTIONARY_BYTES).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(i: usize) -> Vec<u8> {
        let text = format!(
            r#"{{"resourceType":"Observation","id":"{i}","meta":{{}},"status":"final","code":{{"text":"Heart rate {}"}},"valueQuantity":{{"value":{},"unit":"/min"}}}}"#,
            i * 7919,
            i % 200
        );
        text.into_bytes()
    }

    #[test]
    fn a_text_comes_back_with_and_without_a_dictionary() {
        let samples: Vec<Vec<u8>> = (0..3000).map(sample).collect();
        let dictionaries = Dictionaries::default();
        let (mut plain, mut packed) = (Vec::new(), vec![9]);
        pack(None, &samples[7], &mut plain).expect("packed");
        dictionaries.add(Dictionary::new(1, &train(&samples).expect("trained")));
        pack(dictionaries.current().as_deref(), &samples[7], &mut packed).expect("packed");
        assert!(packed.len() < plain.len());
        assert_eq!(dictionaries.unpack(1, &packed[1..]).as_ref(), Some(&samples[7]));
        assert_eq!(dictionaries.unpack(0, &plain).as_ref(), Some(&samples[7]));
        assert_eq!(dictionaries.unpack(2, &packed[1..]), None);
        assert_eq!(dictionaries.unpack(0, b"no frame"), None);
    }
}
