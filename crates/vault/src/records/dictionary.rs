//! Compression: zstd, with a dictionary for each resource type, trained on the site's own resources once there are enough.
//!
//! One dictionary for all types was tried: it is larger, slower to use, and an import sorted by type (as every NDJSON
//! export is) trains it on the first type alone, which cost 200 bytes a resource. A dictionary is trained on masked texts
//! ([`super::mask`]), so that nothing of a patient is in it, and kept sealed all the same. Bodies name the dictionary they need by number; 0 is none. Contexts are made once a
//! thread, dictionaries prepared once a process.

use super::attachment;
use super::mask::{Sample, mask};
use crate::error::Fault;
use parking_lot::{Condvar, Mutex, RwLock};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use zstd::zstd_safe::{CCtx, CDict, DCtx, DDict, compress_bound};

/// The number of a dictionary; 0 is none.
pub(crate) type DictionaryId = u32;

/// A type's first dictionary is trained once this many texts were seen, or this many bytes of at least so many texts.
const TEXTS_ENOUGH: usize = 100;
const BYTES_ENOUGH: usize = 1 << 20;
const TEXTS_LEAST: usize = 40;

/// Codes are learned that many patients have ([`super::mask`]). Where the first texts are of few, as when charts come one
/// after another, the first dictionary knows little but the form; so a second follows, trained on a few texts of each of
/// so many patients. (Measured on 92,114 Synthea resources: two more, at 22 and at 60 patients, save 1 byte a resource, and
/// cost a tenth of an import's CPU.)
const PATIENTS: [usize; 1] = [40];

/// Texts that a later dictionary is trained on, about. (Measured on 92,114 Synthea resources: with 400 texts for the first
/// dictionary and 800 for a later one a resource takes 8 bytes more, because the dictionaries come later.)
const TEXTS_LATER: usize = 400;

/// The dictionary that events of the audit are packed with: part of the format, and in no table.
pub(crate) const OF_EVENTS: DictionaryId = DictionaryId::MAX;

/// What events mostly say ([`crate::access::audit::Event`]), the commonest last. No event may be packed with another text
/// under the same number.
const EVENT_FORM: &[u8] = br#"{"v":1,"d":"write","o":"f","w":"","r":"","p":"HOPERAT","t":"POST [base]","q":"metadata","s":404,"c":1,"o":"n","d":"update","t":"PUT [type]/[id]","d":"create","t":"POST [type]","s":201,"n":20,"x":["Encounter/","Condition/","MedicationRequest/","DiagnosticReport/","Procedure/","Immunization/","DocumentReference/"],"d":"history","t":"GET [type]/[id]/_history","d":"search","t":"GET [type]?","q":"Observation?patient=&category=laboratory&_count=20","r":"physician","p":"TREAT","o":"s","w":"operator","r":"operator","t":"GET [type]","f":"127.0.0.1","s":200,"n":1,"x":["Observation/"],"k":[2]}{"v":1,"d":"read","o":"s","w":"operator","r":"operator","t":"GET [type]/[id]","q":"Patient/","f":"127.0.0.1","i":"","s":200,"n":1,"x":["Patient/"],"k":["#;

/// That dictionary, prepared once a process.
static EVENTS: LazyLock<Dictionary> = LazyLock::new(|| Dictionary::new(OF_EVENTS, &content("", EVENT_FORM)));

/// Bytes of a dictionary: masked resources of one type repeat far fewer phrases than the 110 KB zstd's authors recommend.
/// (Measured on 92,114 Synthea resources: 32 KB cost more than they save.)
const FIRST_BYTES: usize = 8_192;
const LAST_BYTES: usize = 16_384;

/// How a compressed frame begins (RFC 8878 section 3.1.1).
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// zstd's level. (Measured on 92,114 Synthea resources: 6 saves 4 bytes a resource, and costs a tenth of an import's CPU.)
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
        let bytes = phrases(content.get(end + 1..).unwrap_or_default());
        Dictionary { id, resource_type, pack: CDict::create(&bytes, LEVEL), unpack: DDict::create(&bytes) }
    }
}

/// A dictionary as it is sealed: the type's name, NUL, zstd's dictionary, itself compressed (to a third).
pub(crate) fn content(resource_type: &str, bytes: &[u8]) -> Vec<u8> {
    let packed = zstd::bulk::compress(bytes, LEVEL);
    [resource_type.as_bytes(), &[0], packed.as_deref().unwrap_or(bytes)].concat()
}

/// zstd's dictionary of a sealed one's rest. Those of earlier versions are not compressed.
pub(crate) fn phrases(kept: &[u8]) -> Cow<'_, [u8]> {
    let unpacked = kept.starts_with(&FRAME).then(|| zstd::bulk::decompress(kept, LAST_BYTES).ok()).flatten();
    unpacked.map_or(Cow::Borrowed(kept), Cow::Owned)
}

/// The dictionaries of an installation.
#[derive(Default)]
pub(crate) struct Dictionaries {
    all: RwLock<HashMap<DictionaryId, Arc<Dictionary>>>,
    by_type: RwLock<HashMap<String, OfType>>,
    types: Mutex<HashMap<String, Gathering>>,
    trained: Condvar,
}

/// The dictionaries of one type.
struct OfType {
    /// The one for new bodies.
    latest: Arc<Dictionary>,
    /// How many there are.
    count: usize,
    /// Whether no other will follow.
    is_last: bool,
}

/// A type on its way to a dictionary.
enum Gathering {
    /// Texts seen since the start, or since the first dictionary.
    Texts(Texts),
    /// Enough of them.
    Enough(Texts),
    /// Somebody trains it; the type's new texts wait for that, which is a matter of milliseconds.
    Training,
    /// It has what it needs, or can have none.
    Done,
}

/// Texts of a type, and whose each is.
#[derive(Default)]
pub(crate) struct Texts {
    samples: Vec<Sample>,
    bytes: usize,
    by_patient: HashMap<i64, usize>,
    /// Patients that they must be of: 0 for the first dictionary.
    patients: usize,
}

impl Texts {
    /// Takes a text in; answers whether there are enough now.
    fn gather(&mut self, whose: i64, text: &[u8]) -> bool {
        let of_patient = self.by_patient.entry(whose).or_default();
        if self.patients > 0 && *of_patient >= TEXTS_LATER / self.patients {
            return false;
        }
        *of_patient += 1;
        self.bytes += text.len();
        self.samples.push((whose, text.to_vec()));
        let (texts, patients) = (self.samples.len(), self.by_patient.len());
        let is_much = texts >= TEXTS_ENOUGH || (texts >= TEXTS_LEAST && self.bytes >= BYTES_ENOUGH);
        is_much && patients >= self.patients
    }

    /// The patients that the next dictionary wants; `None` when these are as many as any wants.
    fn next(&self) -> Option<usize> {
        PATIENTS.into_iter().find(|&wanted| wanted > self.by_patient.len().max(self.patients))
    }
}

impl Dictionaries {
    /// Adds one; the highest number of a type is the one for new bodies.
    pub fn add(&self, dictionary: Dictionary) {
        let dictionary = Arc::new(dictionary);
        self.all.write().insert(dictionary.id, Arc::clone(&dictionary));
        let mut by_type = self.by_type.write();
        let name = dictionary.resource_type.clone();
        match by_type.get_mut(&name) {
            None => drop(by_type.insert(name, OfType { latest: dictionary, count: 1, is_last: false })),
            Some(of_type) => {
                of_type.count += 1;
                of_type.is_last |= of_type.count > PATIENTS.len();
                if of_type.latest.id < dictionary.id {
                    of_type.latest = dictionary;
                }
            }
        }
    }

    /// The number of the next dictionary.
    pub fn next_id(&self) -> DictionaryId {
        self.all.read().keys().max().map_or(1, |id| id + 1)
    }

    /// The type's dictionary, if there is one.
    pub fn ready(&self, resource_type: &str) -> Option<Arc<Dictionary>> {
        self.by_type.read().get(resource_type).map(|of_type| Arc::clone(&of_type.latest))
    }

    /// The dictionary for a new text, if there is one; the text of a type that needs one yet is gathered for it. `whose`
    /// names its patient, or the resource itself when it is of none.
    pub fn for_new(&self, resource_type: &str, whose: i64, text: &[u8]) -> Option<Arc<Dictionary>> {
        let last = self.by_type.read().get(resource_type).filter(|t| t.is_last).map(|t| Arc::clone(&t.latest));
        if last.is_some() {
            return last;
        }
        let count = self.by_type.read().get(resource_type).map_or(0, |of_type| of_type.count);
        let mut types = self.types.lock();
        loop {
            match types.get_mut(resource_type) {
                None => {
                    let patients = count.checked_sub(1).and_then(|n| PATIENTS.get(n)).copied().unwrap_or(0);
                    let texts = Texts { patients, ..Texts::default() };
                    types.insert(resource_type.to_owned(), Gathering::Texts(texts));
                }
                Some(gathering @ Gathering::Texts(_)) => {
                    gathering.gather(whose, text);
                    return self.ready(resource_type);
                }
                Some(Gathering::Training) => self.trained.wait(&mut types),
                Some(Gathering::Enough(_) | Gathering::Done) => return self.ready(resource_type),
            }
        }
    }

    /// A type with enough texts, and these; each is given once, and [`Dictionaries::end_training`] must follow.
    pub fn begin_training(&self) -> Option<(String, Texts)> {
        let mut types = self.types.lock();
        let (name, gathering) = types.iter_mut().find(|(_, g)| matches!(g, Gathering::Enough(_)))?;
        let Gathering::Enough(texts) = std::mem::replace(gathering, Gathering::Training) else { return None };
        Some((name.clone(), texts))
    }

    /// Lets those who wait go on, with a dictionary if one was added.
    pub fn end_training(&self, resource_type: &str, texts: &Texts) {
        let next = match texts.next() {
            Some(patients) => Gathering::Texts(Texts { patients, ..Texts::default() }),
            None => {
                self.by_type.write().entry(resource_type.to_owned()).and_modify(|of_type| of_type.is_last = true);
                Gathering::Done
            }
        };
        self.types.lock().insert(resource_type.to_owned(), next);
        self.trained.notify_all();
    }

    /// Unpacks what was packed with dictionary `id`. `None` if it is not such.
    pub fn unpack(&self, id: DictionaryId, packed: &[u8]) -> Option<Vec<u8>> {
        match id {
            0 => return unpack(None, packed),
            OF_EVENTS => return unpack(Some(&EVENTS), packed),
            _ => {}
        }
        let dictionary = Arc::clone(self.all.read().get(&id)?);
        unpack(Some(&dictionary), packed)
    }
}

impl Gathering {
    fn gather(&mut self, whose: i64, text: &[u8]) {
        let Gathering::Texts(texts) = self else { return };
        if texts.gather(whose, text) {
            *self = Gathering::Enough(std::mem::take(texts));
        }
    }
}

/// The dictionary of events.
pub(crate) fn of_events() -> &'static Dictionary {
    &EVENTS
}

/// The packed text behind `front` empty bytes, with room for `behind` more.
pub(crate) fn pack(
    dictionary: Option<&Dictionary>,
    text: &[u8],
    front: usize,
    behind: usize,
) -> Result<Vec<u8>, Fault> {
    let folded = attachment::fold(text);
    let text = folded.as_deref().unwrap_or(text);
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
            // The context has grown with the text, too.
            (*context, *scratch) = (CCtx::create(), Vec::new());
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
    done.ok().filter(|&n| n == size && text.len() == size)?;
    attachment::unfold(text)
}

/// Trains a dictionary on the texts, masked; `None` if they do not lend themselves to one.
pub(crate) fn train(texts: &Texts) -> Option<Vec<u8>> {
    let bytes = if texts.next().is_none() { LAST_BYTES } else { FIRST_BYTES };
    zstd::dict::from_samples(&mask(&texts.samples), bytes).ok()
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
        let whose = |i: usize| (i / 100) as i64;
        for (i, text) in samples[..TEXTS_ENOUGH].iter().enumerate() {
            assert!(dictionaries.begin_training().is_none());
            assert!(dictionaries.for_new("Observation", whose(i), text).is_none());
        }
        let (resource_type, texts) = dictionaries.begin_training().expect("enough");
        assert_eq!((resource_type.as_str(), texts.samples.len()), ("Observation", TEXTS_ENOUGH));
        let trained = train(&texts).expect("trained");
        dictionaries.add(Dictionary::new(1, &content("Observation", &trained)));
        dictionaries.end_training("Observation", &texts);
        assert!(dictionaries.for_new("Patient", 7, &samples[7]).is_none());
        let packed = pack(dictionaries.for_new("Observation", 0, &samples[7]).as_deref(), &samples[7], 1, 9);
        let packed = packed.expect("packed");
        assert!(packed.len() < plain.len());
        assert_eq!(dictionaries.unpack(1, &packed[1..]).as_ref(), Some(&samples[7]));
        assert_eq!(dictionaries.unpack(0, &plain).as_ref(), Some(&samples[7]));
        assert_eq!(dictionaries.unpack(2, &packed[1..]), None);
        assert_eq!(dictionaries.unpack(0, b"no frame"), None);
        assert!((0..1000).all(|_| dictionaries.for_new("Observation", 0, &samples[8]).is_some_and(|d| d.id == 1)));
        // The first texts were of few patients: others follow, from a few texts of many.
        for (id, patients) in (2..).zip(PATIENTS) {
            for (i, text) in samples.iter().enumerate().skip(TEXTS_ENOUGH) {
                dictionaries.for_new("Observation", (i / 5) as i64, text);
            }
            let (_, texts) = dictionaries.begin_training().expect("enough of many");
            let most = TEXTS_LATER / patients;
            assert!(texts.by_patient.len() >= patients && texts.by_patient.values().all(|&n| n <= most));
            dictionaries.add(Dictionary::new(id, &content("Observation", &trained)));
            dictionaries.end_training("Observation", &texts);
            assert!((0..50).all(|_| dictionaries.for_new("Observation", 0, &samples[8]).is_some_and(|d| d.id == id)));
        }
        assert!((0..1000).all(|i| dictionaries.for_new("Observation", i, &samples[8]).is_some_and(|d| d.id == 2)));
        assert!(dictionaries.begin_training().is_none());
    }

    #[test]
    fn events_that_were_packed_once_are_unpacked_for_good() {
        let text = br#"{"v":1,"d":"read","o":"s","w":"kim","r":"physician","p":"TREAT","t":"GET [type]/[id]","q":"Patient/p7","f":"127.0.0.1","i":"a1-2f","s":200,"n":1,"x":["Patient/p7"],"k":[9]}"#;
        let packed = pack(Some(of_events()), text, 0, 0).expect("packed");
        assert!(packed.len() < text.len() / 2, "{} of {} bytes", packed.len(), text.len());
        let of_old = "28b52ffd20ac8d0100806b696d703761312d3266307037395d7d0b00474ba0ca60807b770969c982d0b3098eac0bf04d40d336b33109a0e30410";
        let bytes = |i: usize| u8::from_str_radix(&of_old[2 * i..2 * i + 2], 16).expect("hexadecimal");
        let kept: Vec<u8> = (0..of_old.len() / 2).map(bytes).collect();
        assert_eq!(Dictionaries::default().unpack(OF_EVENTS, &kept).as_deref(), Some(&text[..]));
    }
}
