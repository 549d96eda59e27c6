//! Compression: zstd, with a dictionary for each resource type, trained on the site's own resources once there are enough.
//!
//! One dictionary for all types was tried: it is larger, slower to use, and an import sorted by type (as every NDJSON
//! export is) trains it on the first type alone, which cost 200 bytes a resource. A dictionary holds pieces of patients'
//! data, so it is kept sealed. Bodies name the dictionary they need by number; 0 is none. Contexts are made once a
//! thread, dictionaries prepared once a process.

use crate::error::Fault;
use parking_lot::{Condvar, Mutex, RwLock};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use zstd::zstd_safe::{CCtx, CDict, DCtx, DDict, compress_bound};

/// The number of a dictionary; 0 is none.
pub(crate) type DictionaryId = u32;

/// A dictionary is trained once this many new texts of a type were seen, or this many bytes of at least so many texts.
const TEXTS_ENOUGH: usize = 400;
const BYTES_ENOUGH: usize = 1 << 20;
const TEXTS_LEAST: usize = 40;

/// Bytes of a dictionary: resources of one type repeat far fewer phrases than the 110 KB zstd's authors recommend.
const DICTIONARY_BYTES: usize = 32_768;

/// zstd's level: 3 is its default; higher ones cost more than they save on records of 1.4 KB.
const LEVEL: i32 = 3;

/// A body larger than this when unpacked is no body (a resource is refused long before).
const BODY_BYTES_MAX: usize = 256 << 20;

/// A thread keeps no more room than this for packing.
const SCRATCH_BYTES_KEPT: usize = 1 << 20;

thread_local! {
    static PACK: RefCell<(CCtx<'static>, Vec<u8>)> = RefCell::new((CCtx::create(), Vec::new()));
    static UNPACK: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// One dictionary, ready for use.
pub(crate) struct Dictionary {
    /// Its number.
    pub id: DictionaryId,
    resource_type: String,
    pack: CDict<'static>,
    unpack: DDict<'static>,
}

impl Dictionary {
    /// Prepares a dictionary from what [`content`] made.
    pub fn new(id: DictionaryId, content: &[u8]) -> Dictionary {
        let end = content.iter().position(|&b| b == 0).unwrap_or(0);
        let resource_type = String::from_utf8_lossy(&content[..end]).into_owned();
        let bytes = content.get(end + 1..).unwrap_or_default();
        Dictionary { id, resource_type, pack: CDict::create(bytes, LEVEL), unpack: DDict::create(bytes) }
    }
}

/// A dictionary as it is sealed: the type's name, NUL, zstd's dictionary.
pub(crate) fn content(resource_type: &str, bytes: &[u8]) -> Vec<u8> {
    [resource_type.as_bytes(), &[0], bytes].concat()
}

/// The dictionaries of an installation.
#[derive(Default)]
pub(crate) struct Dictionaries {
    all: RwLock<HashMap<DictionaryId, Arc<Dictionary>>>,
    by_type: RwLock<HashMap<String, Arc<Dictionary>>>,
    types: Mutex<HashMap<String, Gathering>>,
    trained: Condvar,
}

/// A type on its way to a dictionary.
enum Gathering {
    /// Texts seen since the start.
    Texts(Vec<Vec<u8>>, usize),
    /// Enough of them.
    Enough(Vec<Vec<u8>>),
    /// Somebody trains it; the type's new texts wait for that, which is a matter of milliseconds.
    Training,
    /// It has one, or can have none.
    Done,
}

impl Dictionaries {
    /// Adds one; the highest number of a type is the one for new bodies.
    pub fn add(&self, dictionary: Dictionary) {
        let dictionary = Arc::new(dictionary);
        self.all.write().insert(dictionary.id, Arc::clone(&dictionary));
        let mut by_type = self.by_type.write();
        if by_type.get(&dictionary.resource_type).is_none_or(|d| d.id < dictionary.id) {
            by_type.insert(dictionary.resource_type.clone(), dictionary);
        }
    }

    /// The number of the next dictionary.
    pub fn next_id(&self) -> DictionaryId {
        self.all.read().keys().max().map_or(1, |id| id + 1)
    }

    /// The type's dictionary, if there is one.
    pub fn ready(&self, resource_type: &str) -> Option<Arc<Dictionary>> {
        self.by_type.read().get(resource_type).cloned()
    }

    /// The dictionary for a new text; the text of a type that has none yet is gathered for it.
    pub fn for_new(&self, resource_type: &str, text: &[u8]) -> Option<Arc<Dictionary>> {
        let found = self.ready(resource_type);
        if found.is_some() {
            return found;
        }
        let mut types = self.types.lock();
        loop {
            match types.get_mut(resource_type) {
                None => {
                    types.insert(resource_type.to_owned(), Gathering::Texts(vec![text.to_vec()], text.len()));
                    return None;
                }
                Some(gathering @ Gathering::Texts(..)) => {
                    gathering.gather(text);
                    return None;
                }
                Some(Gathering::Training) => self.trained.wait(&mut types),
                Some(Gathering::Enough(_) | Gathering::Done) => return self.ready(resource_type),
            }
        }
    }

    /// A type with enough texts, and these; each is given once, and [`Dictionaries::end_training`] must follow.
    pub fn begin_training(&self) -> Option<(String, Vec<Vec<u8>>)> {
        let mut types = self.types.lock();
        let (name, gathering) = types.iter_mut().find(|(_, g)| matches!(g, Gathering::Enough(_)))?;
        let Gathering::Enough(texts) = std::mem::replace(gathering, Gathering::Training) else { return None };
        Some((name.clone(), texts))
    }

    /// Lets those who wait go on, with a dictionary if one was added.
    pub fn end_training(&self, resource_type: &str) {
        self.types.lock().insert(resource_type.to_owned(), Gathering::Done);
        self.trained.notify_all();
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

impl Gathering {
    fn gather(&mut self, text: &[u8]) {
        let Gathering::Texts(texts, bytes) = self else { return };
        texts.push(text.to_vec());
        *bytes += text.len();
        if texts.len() >= TEXTS_ENOUGH || (texts.len() >= TEXTS_LEAST && *bytes >= BYTES_ENOUGH) {
            *self = Gathering::Enough(std::mem::take(texts));
        }
    }
}

/// The packed text behind `front` empty bytes, with room for `behind` more.
pub(crate) fn pack(
    dictionary: Option<&Dictionary>,
    text: &[u8],
    front: usize,
    behind: usize,
) -> Result<Vec<u8>, Fault> {
    PACK.with_borrow_mut(|(context, scratch)| {
        // zstd wants room for the worst case; what is kept is a third of it.
        scratch.clear();
        scratch.reserve(compress_bound(text.len()));
        let written = match dictionary {
            Some(dictionary) => context.compress_using_cdict(scratch, text, &dictionary.pack),
            None => context.compress(scratch, text, LEVEL),
        };
        written.map_err(|_| Fault::Altered("A body could not be compressed.".to_owned()))?;
        let mut out = Vec::with_capacity(front + scratch.len() + behind);
        out.resize(front, 0);
        out.extend_from_slice(scratch);
        if scratch.capacity() > SCRATCH_BYTES_KEPT {
            *scratch = Vec::new();
        }
        Ok(out)
    })
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
        let plain = pack(None, &samples[7], 0, 0).expect("packed");
        for text in &samples[..TEXTS_ENOUGH] {
            assert!(dictionaries.begin_training().is_none() && dictionaries.for_new("Observation", text).is_none());
        }
        let (resource_type, texts) = dictionaries.begin_training().expect("enough");
        assert_eq!((resource_type.as_str(), texts.len()), ("Observation", TEXTS_ENOUGH));
        dictionaries.add(Dictionary::new(1, &content("Observation", &train(&texts).expect("trained"))));
        dictionaries.end_training("Observation");
        assert!(dictionaries.for_new("Patient", &samples[7]).is_none());
        let packed = pack(dictionaries.for_new("Observation", &samples[7]).as_deref(), &samples[7], 1, 9);
        let packed = packed.expect("packed");
        assert!(packed.len() < plain.len());
        assert_eq!(dictionaries.unpack(1, &packed[1..]).as_ref(), Some(&samples[7]));
        assert_eq!(dictionaries.unpack(0, &plain).as_ref(), Some(&samples[7]));
        assert_eq!(dictionaries.unpack(2, &packed[1..]), None);
        assert_eq!(dictionaries.unpack(0, b"no frame"), None);
    }
}
