//! Value sets: which codes carry which label, read from small files, and compiled so that asking costs next to nothing.
//!
//! A file names its labels, its source and its date, and lists codes by system: whole codes, beginnings of codes, and
//! exceptions. The shipped ones are in `packs/labels`; a site adds its own ([`super::site`]). Places count too: a
//! reference to the organization that is a 42 CFR Part 2 program labels whatever refers to it.

use super::systems::{self, comparable};
use super::{Label, Labels};
use base::refusal::{Kind, Refusal};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

const SHIPPED: &[(&str, &str)] = &[
    ("substance-use.toml", include_str!("../../../../../packs/labels/substance-use.toml")),
    ("opioid-use.toml", include_str!("../../../../../packs/labels/opioid-use.toml")),
    ("part-2-program.toml", include_str!("../../../../../packs/labels/part-2-program.toml")),
    ("hiv.toml", include_str!("../../../../../packs/labels/hiv.toml")),
    ("mental-health.toml", include_str!("../../../../../packs/labels/mental-health.toml")),
    ("reproductive.toml", include_str!("../../../../../packs/labels/reproductive.toml")),
    ("sexually-transmitted.toml", include_str!("../../../../../packs/labels/sexually-transmitted.toml")),
    ("violence.toml", include_str!("../../../../../packs/labels/violence.toml")),
    ("genetic.toml", include_str!("../../../../../packs/labels/genetic.toml")),
    ("sickle-cell.toml", include_str!("../../../../../packs/labels/sickle-cell.toml")),
    ("concern.toml", include_str!("../../../../../packs/labels/concern.toml")),
    ("cancer.toml", include_str!("../../../../../packs/labels/cancer.toml")),
];

/// One value set, as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueSet {
    /// What people call it.
    pub name: String,
    /// The labels it gives.
    pub labels: Labels,
    /// Who says so: code system edition, law.
    pub source: String,
    /// When it was last compared with its source, `YYYY-MM-DD`.
    pub date: String,
}

/// Value sets, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct ValueSets {
    /// Changes with the texts: an index with labels of others is made anew.
    fingerprint: u64,
    pub(super) sets: Vec<ValueSet>,
    systems: Vec<System>,
    places: HashMap<String, Vec<u16>>,
    types: HashMap<String, Vec<u16>>,
}

/// The codes of one system address.
#[derive(Clone, Debug)]
struct System {
    address: String,
    dotted: bool,
    whole: HashMap<String, Vec<u16>>,
    beginnings: HashMap<String, Vec<u16>>,
    exceptions: Vec<(u16, String)>,
    /// Bit n: some beginning has n bytes.
    lengths: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    labels: Vec<String>,
    source: String,
    date: String,
    #[serde(default)]
    codes: Vec<Codes>,
    /// References whose mention gives the labels: `Organization/recovery-house`.
    #[serde(default)]
    places: Vec<String>,
    /// Resource types that carry the labels whatever they say.
    #[serde(default)]
    types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Codes {
    system: String,
    #[serde(default)]
    is: Vec<String>,
    /// Beginnings of codes; `F10-F16` stands for seven.
    #[serde(default)]
    begins: Vec<String>,
    /// Beginnings that are left out after all.
    #[serde(default)]
    except: Vec<String>,
}

/// The value sets that come with Chartroom.
pub fn shipped() -> &'static Arc<ValueSets> {
    static SETS: OnceLock<Arc<ValueSets>> = OnceLock::new();
    SETS.get_or_init(|| {
        let mut sets = ValueSets::default();
        for (file, text) in SHIPPED {
            let added = sets.add(file, text);
            assert!(added.is_ok(), "a shipped value set cannot be read: {added:?}");
        }
        Arc::new(sets)
    })
}

impl ValueSets {
    /// Adds the value set of one file. `file` is its name, for the message if it cannot be read; then nothing is added.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), Refusal> {
        let read: File = toml::from_str(text).map_err(|e| unreadable(file, e.message()))?;
        let labels = labels_named(file, &read.labels)?;
        let number = u16::try_from(self.sets.len()).map_err(|_| unreadable(file, "there are too many value sets"))?;
        let expanded: Result<Vec<_>, Refusal> =
            read.codes.iter().map(|codes| Ok((codes, beginnings(file, &codes.begins)?))).collect();
        for (codes, begins) in expanded? {
            for address in systems::addresses(&codes.system) {
                self.system(address).add(number, codes, &begins);
            }
        }
        for place in read.places {
            self.places.entry(place).or_default().push(number);
        }
        for resource_type in read.types {
            self.types.entry(resource_type).or_default().push(number);
        }
        self.sets.push(ValueSet { name: read.name, labels, source: read.source, date: read.date });
        let hash = crate::log::leaf::sha256(&[&self.fingerprint.to_le_bytes(), text.as_bytes()]);
        self.fingerprint = hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok(())
    }

    /// A number that changes with the texts of the value sets and their order.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// All of them, in the order they were added.
    pub fn sets(&self) -> &[ValueSet] {
        &self.sets
    }

    /// The sets that have this code. Empty for almost all: the caller looks at nothing else then.
    pub(super) fn with_code(&self, address: &str, code: &str) -> Vec<u16> {
        let system = self.systems.iter().find(|system| system.address == address);
        system.map(|system| system.sets_of(code)).unwrap_or_default()
    }

    /// The places whose mention gives a label.
    pub fn places_of(&self, label: Label) -> impl Iterator<Item = &str> {
        let gives = move |set: &u16| self.sets.get(usize::from(*set)).is_some_and(|set| set.labels.contains(label));
        self.places.iter().filter(move |(_, sets)| sets.iter().any(gives)).map(|(place, _)| place.as_str())
    }

    pub(super) fn with_place(&self, reference: &str) -> &[u16] {
        if self.places.is_empty() { &[] } else { self.places.get(reference).map_or(&[], Vec::as_slice) }
    }

    pub(super) fn with_type(&self, resource_type: &str) -> &[u16] {
        self.types.get(resource_type).map_or(&[], Vec::as_slice)
    }

    fn system(&mut self, address: &str) -> &mut System {
        let at = self.systems.iter().position(|system| system.address == address).unwrap_or_else(|| {
            self.systems.push(System::new(address));
            self.systems.len() - 1
        });
        &mut self.systems[at]
    }
}

impl System {
    fn new(address: &str) -> System {
        System {
            address: address.to_owned(),
            dotted: systems::known(address).is_some_and(|system| system.dotted),
            whole: HashMap::new(),
            beginnings: HashMap::new(),
            exceptions: Vec::new(),
            lengths: 0,
        }
    }

    fn add(&mut self, set: u16, codes: &Codes, begins: &[String]) {
        for code in &codes.is {
            self.whole.entry(comparable(code, self.dotted)).or_default().push(set);
        }
        for beginning in begins {
            let beginning = comparable(beginning, self.dotted);
            self.lengths |= 1 << beginning.len().min(31);
            self.beginnings.entry(beginning).or_default().push(set);
        }
        self.exceptions.extend(codes.except.iter().map(|code| (set, comparable(code, self.dotted))));
    }

    fn sets_of(&self, code: &str) -> Vec<u16> {
        let code = code.trim();
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        // Most codes of other chapters are ruled out by their bytes alone: no copy is made for those without a dot.
        if self.dotted && !code.bytes().all(plain) {
            self.sets_of_comparable(&comparable(code, true))
        } else {
            self.sets_of_comparable(code)
        }
    }

    fn sets_of_comparable(&self, code: &str) -> Vec<u16> {
        let mut sets = self.whole.get(code).cloned().unwrap_or_default();
        let lengths = (1..=code.len().min(31)).filter(|n| self.lengths & 1 << n != 0);
        for beginning in lengths.filter_map(|n| code.get(..n)) {
            sets.extend(self.beginnings.get(beginning).into_iter().flatten());
        }
        sets.retain(|set| !self.exceptions.iter().any(|(s, left_out)| s == set && code.starts_with(left_out.as_str())));
        sets.sort_unstable();
        sets.dedup();
        sets
    }
}

fn labels_named(file: &str, codes: &[String]) -> Result<Labels, Refusal> {
    let unknown = |code: &String| unreadable(file, &format!("there is no label `{code}`"));
    codes.iter().map(|code| Label::from_code(code).ok_or_else(|| unknown(code))).collect()
}

/// `F10-F16` written out; anything else as it is.
fn beginnings(file: &str, written: &[String]) -> Result<Vec<String>, Refusal> {
    let mut all = Vec::with_capacity(written.len());
    for beginning in written {
        match beginning.split_once('-') {
            None => all.push(beginning.clone()),
            Some((first, last)) => {
                let why = || unreadable(file, &format!("`{beginning}` is no span of categories such as F10-F16"));
                all.extend(categories(first, last).ok_or_else(why)?);
            }
        }
    }
    Ok(all)
}

fn categories(first: &str, last: &str) -> Option<Vec<String>> {
    let (letter, from) = (first.get(..1)?, first.get(1..)?.parse::<u8>().ok()?);
    let to = last.strip_prefix(letter)?.parse::<u8>().ok()?;
    let plain = first.len() == 3 && last.len() == 3 && from <= to;
    plain.then(|| (from..=to).map(|n| format!("{letter}{n:02}")).collect())
}

fn unreadable(file: &str, why: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "structure", format!("the value set {file} cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ICD: &str = "http://hl7.org/fhir/sid/icd-10-cm";

    fn one(text: &str) -> Result<ValueSets, Refusal> {
        let mut sets = ValueSets::default();
        let head = "name = \"test\"\nlabels = [\"HIV\"]\nsource = \"here\"\ndate = \"2026-01-01\"\n";
        sets.add("test.toml", &format!("{head}{text}")).map(|()| sets)
    }

    #[test]
    fn beginnings_spans_and_exceptions_hold() {
        let sets = one("[[codes]]\nsystem = \"ICD-10-CM\"\nis = [\"Z21\"]\nbegins = [\"F10-F19\"]\nexcept = [\"F17\"]")
            .expect("a set");
        for (code, inside) in [
            ("F10", true),
            ("F11.20", true),
            ("f1120", true),
            ("F17.210", false),
            ("F20.0", false),
            ("Z21", true),
            ("Z21.1", false),
            ("", false),
            ("F1", false),
        ] {
            assert_eq!(!sets.with_code(ICD, code).is_empty(), inside, "{code}");
            assert_eq!(!sets.with_code("urn:oid:2.16.840.1.113883.6.90", code).is_empty(), inside, "{code}");
        }
        assert!(sets.with_code("http://example.org", "F10").is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why() {
        for (text, why) in [
            ("colour = 1", "unknown field"),
            ("[[codes]]\nsystem = \"LOINC\"\nbegins = [\"5221-7\"]", "no span of categories"),
            ("[[codes]]\nis = []", "missing field"),
        ] {
            let refusal = one(text).expect_err(text).to_string();
            assert!(refusal.contains("test.toml") && refusal.contains(why), "{refusal}");
        }
        let unknown = ValueSets::default().add("a", "name=\"a\"\nlabels=[\"HIVV\"]\nsource=\"\"\ndate=\"\"");
        assert!(unknown.is_err_and(|refusal| refusal.to_string().contains("no label `HIVV`")));
    }

    #[test]
    fn the_shipped_sets_name_source_and_date() {
        assert_eq!(shipped().sets().len(), SHIPPED.len());
        for set in shipped().sets() {
            assert!(!set.labels.is_empty() && !set.source.is_empty(), "{}", set.name);
            assert_eq!(set.date.len(), 10, "{}", set.name);
        }
    }
}
