//! What the index keeps of one resource: hashes of its tokens, references, words and prefixes; its dates and numbers.
//!
//! Made in the thread that writes the resource, where the tree is at hand. Nothing in it can be read back but dates
//! and numbers.

use super::index::column::{Span, dates, numbers, ordered};
use super::narrative;
use crate::access::audit::Event;
use crate::access::label::{self, Labels, Source, ValueSets};
use crate::access::private;
use crate::keys::Hasher;
use fhir::json::Json;
use fhir::reference::Reference;
use fhir::search::extract::{Value, extract, normal};
use fhir::search::params::{FIRST_PATH, PathId};
use std::sync::OnceLock;

/// Prefixes of a string are kept up to this many characters; longer ones are checked on the resource itself.
pub const PREFIX_CHARS: usize = 16;
/// `:contains` is answered from runs of this many characters.
pub const GRAM_CHARS: usize = 3;

/// The vault's own path for the list of all versions of a type.
pub const TYPE: PathId = 1;
/// The vault's own path for the words of the narrative.
pub const NARRATIVE: PathId = 2;
/// The vault's own path for the events of the audit: whose information it was, who it was.
pub const AUDIT: PathId = 3;
/// The vault's own path for the types of the resources that a resource contains.
pub const CONTAINED: PathId = 4;
/// The vault's own path for the visits in which a resource was recorded ([`label::sources`]).
pub const VISIT_OF: PathId = 5;
/// The vault's own path for what a resource is part of or made of.
pub const MADE_OF: PathId = 6;
const _: () = assert!(MADE_OF < FIRST_PATH);

/// What sort of list a hash names; part of what is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sort {
    /// Some value is there (`:missing`); the text is empty, or the type a reference points to.
    Any = b'a',
    /// A token's code; the system stands beside it.
    Code = b'c',
    /// A token's system.
    System = b's',
    /// A display, normalised, whole.
    Display = b'd',
    /// The beginning of a display: leads to [`Sort::Display`] lists.
    Label = b'l',
    /// Type, code and value of an identifier.
    OfType = b'o',
    /// A reference to a resource here, by its keyed hash.
    Local = b'r',
    /// A reference to somewhere else, or a canonical with and without version.
    Url = b'u',
    /// An identifier in a reference; the system stands beside it.
    Logical = b'i',
    /// The system of an identifier in a reference.
    LogicalSystem = b'j',
    /// The beginning of a string, normalised.
    Prefix = b'p',
    /// A whole string as it stands.
    Exact = b'e',
    /// Three characters in a row of a string, normalised.
    Gram = b'g',
    /// A whole URI.
    Uri = b'q',
    /// A URI or a path it lies under.
    Under = b'b',
    /// A word of the narrative.
    Word = b'w',
    /// A resource type.
    Type = b't',
}

/// One entry of a posting: the hash that names the list, and the token's system (0: none).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Posting {
    /// Names the list.
    pub hash: i64,
    /// 24 bits of the keyed hash of the system's URI.
    pub system: u32,
}

/// A unit of measure, as keyed hashes; 0 where a part is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unit {
    /// Number in [`Span::unit`].
    pub id: u32,
    /// System URI.
    pub system: i64,
    /// Code.
    pub code: i64,
    /// Human unit.
    pub human: i64,
}

/// What the index keeps of one version.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Number of the resource type; 0 for deletions and entries that are no resources.
    pub(crate) type_number: u8,
    /// Its sensitivity labels.
    pub(crate) sensitivity: Labels,
    pub(crate) postings: Vec<Posting>,
    pub(crate) spans: Vec<Span>,
    pub(crate) units: Vec<Unit>,
    /// References to resources here: path and key of what is referred to.
    pub(crate) links: Vec<(PathId, i64)>,
    /// Displays, normalised, with their path: the writer keeps prefixes of those it has not seen.
    pub(crate) labels: Vec<(PathId, i64, Box<str>)>,
}

impl Rows {
    /// Nothing: for a deletion, or a log entry that is no resource.
    #[must_use]
    pub fn none() -> Rows {
        Rows::default()
    }

    /// How many rows, as a measure of memory and work.
    #[must_use]
    pub fn len(&self) -> usize {
        self.postings.len() + self.spans.len() + self.links.len() + self.labels.len() + 1
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.postings.is_empty() && self.spans.is_empty()
    }
}

/// The number of a resource type, from 1 in alphabetical order; 0 when there is no such type.
#[must_use]
pub fn type_number(resource_type: &str) -> u8 {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let mut names: Vec<String> = fhir::definitions::r4().resource_names().map(str::to_owned).collect();
        names.sort();
        names
    });
    let index = names.binary_search_by(|n| n.as_str().cmp(resource_type));
    index.ok().and_then(|i| u8::try_from(i + 1).ok()).unwrap_or(0)
}

/// Makes the hashes that name lists. One text buffer serves all.
#[derive(Debug)]
pub struct Names<'h> {
    hasher: &'h Hasher,
    text: String,
}

impl<'h> Names<'h> {
    /// Names under the site's index key.
    #[must_use]
    pub fn new(hasher: &'h Hasher) -> Names<'h> {
        Names { hasher, text: String::with_capacity(256) }
    }

    /// The name of the list of `sort` for a path and a text in pieces. Pieces are told apart.
    pub fn list(&mut self, path: PathId, sort: Sort, pieces: &[&str]) -> i64 {
        self.begin(path, sort);
        for (i, piece) in pieces.iter().enumerate() {
            if i > 0 {
                self.text.push('\0');
            }
            self.text.push_str(piece);
        }
        self.hasher.hash64(&self.text)
    }

    /// The name of the list of references to the resource with this key.
    pub fn local(&mut self, path: PathId, key: i64) -> i64 {
        self.begin(path, Sort::Local);
        let key = key.cast_unsigned();
        (0..10).for_each(|i| self.text.push(char::from((key >> (7 * i)) as u8 & 0x7f)));
        self.hasher.hash64(&self.text)
    }

    /// The name of the list of references by a path to the resource with this key and to others: one of 4,096 lists, so
    /// that a target that one resource alone refers to takes no list of its own.
    pub fn near(&mut self, path: PathId, key: i64) -> i64 {
        self.local(path, (key.cast_unsigned() >> 52).cast_signed())
    }

    /// The keyed hash of a resource's identity.
    #[must_use]
    pub fn resource(&self, resource_type: &str, id: &str) -> i64 {
        self.hasher.resource(resource_type, id)
    }

    /// 24 bits for a system; 0 for none.
    pub fn system(&mut self, system: Option<&str>) -> u32 {
        let Some(system) = system.filter(|s| !s.is_empty()) else { return 0 };
        ((self.list(0, Sort::System, &[system]).cast_unsigned() >> 40) as u32).max(1)
    }

    /// A unit with its number.
    pub fn unit(&mut self, system: Option<&str>, code: Option<&str>, human: Option<&str>) -> Option<Unit> {
        if system.is_none() && code.is_none() && human.is_none() {
            return None;
        }
        let all = [system, code, human].map(Option::unwrap_or_default);
        let id = (self.list(0, Sort::Any, &all).cast_unsigned() >> 32) as u32;
        let [system, code, human] = all.map(|part| self.unit_part(part));
        Some(Unit { id: id.max(1), system, code, human })
    }

    /// The hash of a unit's system, code or name; 0 for none.
    pub fn unit_part(&mut self, part: &str) -> i64 {
        if part.is_empty() { 0 } else { self.list(0, Sort::Code, &[part]) }
    }

    // Two characters below 128 each for the path: no two paths begin alike, and the text stays UTF-8.
    fn begin(&mut self, path: PathId, sort: Sort) {
        self.text.clear();
        self.text.push(char::from((path >> 7) as u8 & 0x7f));
        self.text.push(char::from(path as u8 & 0x7f));
        self.text.push(char::from(sort as u8));
    }
}

/// What the index keeps of a resource, labelled by these value sets.
#[must_use]
pub fn derive(hasher: &Hasher, labels: &ValueSets, resource: &Json) -> Rows {
    let mut rows = Rows { postings: Vec::with_capacity(64), ..Rows::default() };
    let mut taker = Taker { names: Names::new(hasher), rows: &mut rows, any: None };
    let resource_type = resource.text("resourceType").unwrap_or_default();
    taker.post(TYPE, Sort::Type, &[resource_type]);
    if let Some(patient) = private::patient_of(resource).filter(|_| private::is_private(resource_type)) {
        taker.post(TYPE, Sort::Type, &[resource_type, patient]);
    }
    extract(resource, &mut |path, value| taker.take(path, &value));
    for word in narrative::words(resource) {
        taker.post(NARRATIVE, Sort::Word, &[&word]);
    }
    for inner in resource.get("contained").map_or(&[][..], Json::items) {
        taker.post(CONTAINED, Sort::Any, &[""]);
        taker.post(CONTAINED, Sort::Type, &[inner.text("resourceType").unwrap_or_default()]);
    }
    label::sources(resource).into_iter().for_each(|source| taker.source(&source));
    rows.type_number = type_number(resource_type);
    rows.sensitivity = labels.labels_of(resource);
    rows.postings.sort_unstable();
    rows.postings.dedup();
    rows.spans.sort_unstable();
    rows.spans.dedup();
    rows.links.sort_unstable();
    rows.links.dedup();
    rows
}

/// What the index keeps of an event of the audit: that it is one, whose information it was, which account it was.
#[must_use]
pub(crate) fn derive_event(hasher: &Hasher, event: &Event) -> Rows {
    let mut names = Names::new(hasher);
    let mut hashes = vec![names.list(AUDIT, Sort::Any, &[""]), names.list(AUDIT, Sort::Code, &[&event.account])];
    hashes.extend(event.patients.iter().map(|kid| names.local(AUDIT, i64::from(*kid))));
    let mut postings: Vec<Posting> = hashes.into_iter().map(|hash| Posting { hash, system: 0 }).collect();
    postings.sort_unstable();
    postings.dedup();
    Rows { postings, ..Rows::none() }
}

/// `http://a/b/c` and the paths it lies under, `http://a/b`, `http://a`, longest first.
pub fn paths_above(uri: &str) -> impl Iterator<Item = &str> {
    let whole = uri.trim_end_matches('/');
    let host = whole.find("://").map_or(0, |i| i + 3);
    let cuts = whole[host..].rmatch_indices('/').map(move |(i, _)| host + i);
    std::iter::once(whole).chain(cuts.map(move |i| &whole[..i]))
}

/// The resource type a URL seems to point to: `http://b/fhir/Patient/1` and `.../Patient/1/_history/2` to `Patient`.
#[must_use]
pub fn type_in_url(url: &str) -> Option<&str> {
    let Reference { resource_type, .. } = Reference::parse(url)?;
    (type_number(resource_type) > 0).then_some(resource_type)
}

struct Taker<'h, 'r> {
    names: Names<'h>,
    rows: &'r mut Rows,
    any: Option<PathId>,
}

impl Taker<'_, '_> {
    fn post(&mut self, path: PathId, sort: Sort, pieces: &[&str]) {
        self.post_in(path, sort, pieces, 0);
    }

    fn post_in(&mut self, path: PathId, sort: Sort, pieces: &[&str], system: u32) {
        let hash = self.names.list(path, sort, pieces);
        self.rows.postings.push(Posting { hash, system });
    }

    fn take(&mut self, path: PathId, value: &Value) {
        if self.any.replace(path) != Some(path) {
            self.post(path, Sort::Any, &[""]);
        }
        match value {
            Value::Token { system, code } => self.token(path, [Sort::Code, Sort::System], system.as_deref(), code),
            Value::Logical { system, value } => {
                self.token(path, [Sort::Logical, Sort::LogicalSystem], system.as_deref(), value);
            }
            Value::Display(text) => self.display(path, text),
            Value::OfType { system, code, value } => {
                self.post(path, Sort::OfType, &[system.as_deref().unwrap_or_default(), code, value]);
                self.post(path, Sort::OfType, &[code, value]);
            }
            Value::Local { resource_type, id } => self.local(path, resource_type, id),
            Value::Url(url) => self.url(path, url),
            Value::Date { low, high } => self.span(dates(path), *low, *high, 0),
            Value::Number { low, high } => self.number(path, *low, *high, 0),
            Value::Quantity { low, high, system, code, unit } => {
                let unit = self.names.unit(system.as_deref(), code.as_deref(), unit.as_deref());
                self.rows.units.extend(unit.filter(|u| !self.rows.units.contains(u)));
                self.number(path, *low, *high, unit.map_or(0, |u| u.id));
            }
            Value::String(text) => self.string(path, text),
            Value::Uri(uri) => {
                self.post(path, Sort::Uri, &[uri]);
                paths_above(uri).for_each(|above| self.post(path, Sort::Under, &[above]));
            }
            // `near` is answered on the resource itself.
            Value::Point { .. } => {}
        }
    }

    fn token(&mut self, path: PathId, [code_sort, system_sort]: [Sort; 2], system: Option<&str>, code: &str) {
        let number = self.names.system(system);
        self.post_in(path, code_sort, &[code], number);
        if let Some(system) = system.filter(|s| !s.is_empty()) {
            self.post(path, system_sort, &[system]);
        }
    }

    fn display(&mut self, path: PathId, text: &str) {
        let text = normal(text);
        if text.is_empty() {
            return;
        }
        let hash = self.names.list(path, Sort::Display, &[&text]);
        let posting = Posting { hash, system: 0 };
        if !self.rows.labels.iter().any(|(_, seen, _)| *seen == hash) {
            self.rows.postings.push(posting);
            self.rows.labels.push((path, hash, text.into_boxed_str()));
        }
    }

    fn local(&mut self, path: PathId, resource_type: &str, id: &str) {
        let key = self.names.resource(resource_type, id);
        let hash = self.names.local(path, key);
        self.rows.postings.push(Posting { hash, system: 0 });
        self.rows.links.push((path, key));
        self.post(path, Sort::Any, &[resource_type]);
    }

    /// A reference by which labels are taken over. Those to elsewhere lead to nothing that has labels here.
    fn source(&mut self, source: &Source) {
        let Some(target) = Reference::local(source.reference) else { return };
        let key = self.names.resource(target.resource_type, target.id);
        let hash = self.names.near(source.way, key);
        self.rows.postings.push(Posting { hash, system: 0 });
        self.rows.links.push((source.way, key));
    }

    fn url(&mut self, path: PathId, url: &str) {
        self.post(path, Sort::Url, &[url]);
        if let Some((canonical, _version)) = url.split_once('|') {
            self.post(path, Sort::Url, &[canonical]);
        }
        if let Some(resource_type) = type_in_url(url) {
            self.post(path, Sort::Any, &[resource_type]);
        }
    }

    fn number(&mut self, path: PathId, low: f64, high: f64, unit: u32) {
        if !low.is_nan() && !high.is_nan() {
            self.span(numbers(path), ordered(low), ordered(high), unit);
        }
    }

    fn span(&mut self, axis: u32, low: i64, high: i64, unit: u32) {
        self.rows.spans.push(Span { axis, low, high, unit });
    }

    fn string(&mut self, path: PathId, text: &str) {
        self.post(path, Sort::Exact, &[text]);
        let text = normal(text);
        for prefix in prefixes(&text) {
            self.post(path, Sort::Prefix, &[prefix]);
        }
        for gram in grams(&text) {
            self.post(path, Sort::Gram, &[gram]);
        }
    }
}

/// The first one, two, ... [`PREFIX_CHARS`] characters of a text.
pub fn prefixes(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().take(PREFIX_CHARS).map(|(i, c)| &text[..i + c.len_utf8()])
}

/// Every run of [`GRAM_CHARS`] characters of a text.
pub fn grams(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.char_indices().map(|(i, _)| i);
    let ends = text.char_indices().skip(GRAM_CHARS - 1).map(|(i, c)| i + c.len_utf8());
    starts.zip(ends).map(|(start, end)| &text[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_characters() {
        assert_eq!(prefixes("zoë").collect::<Vec<_>>(), ["z", "zo", "zoë"]);
        assert_eq!(prefixes(&"ä".repeat(40)).count(), PREFIX_CHARS);
        assert_eq!(grams("zoëy").collect::<Vec<_>>(), ["zoë", "oëy"]);
        assert_eq!(grams("zo").count(), 0);
    }

    #[test]
    fn a_uri_lies_under_its_paths() {
        let above: Vec<_> = paths_above("http://a.org/b/c/").collect();
        assert_eq!(above, ["http://a.org/b/c", "http://a.org/b", "http://a.org"]);
        assert_eq!(paths_above("urn:oid:1.2").collect::<Vec<_>>(), ["urn:oid:1.2"]);
    }

    #[test]
    fn names_tell_paths_sorts_and_pieces_apart() {
        let hasher = Hasher::new(&[7; 32]);
        let mut names = Names::new(&hasher);
        let all = [
            names.list(32, Sort::Code, &["a"]),
            names.list(33, Sort::Code, &["a"]),
            names.list(32, Sort::Uri, &["a"]),
            names.list(32, Sort::OfType, &["ab", "c"]),
            names.list(32, Sort::OfType, &["a", "bc"]),
            names.local(32, 1),
            names.local(32, 256),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
