//! The terminology of the specification, as `cargo x pack` made it: opened when first asked for.

use super::model::{System, ValueSet};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// The code systems and value sets of R4, HL7 v2 and v3 tables included.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Terminology {
    /// Code systems, in order of URL.
    pub systems: Vec<System>,
    /// Value sets, in order of URL.
    pub value_sets: Vec<ValueSet>,
}

impl Terminology {
    /// A code system by its URL without version.
    #[must_use]
    pub fn system(&self, url: &str) -> Option<&System> {
        self.systems.binary_search_by(|s| s.url.as_str().cmp(url)).ok().map(|i| &self.systems[i])
    }

    /// A value set by its URL without version.
    #[must_use]
    pub fn value_set(&self, url: &str) -> Option<&ValueSet> {
        self.value_sets.binary_search_by(|v| v.url.as_str().cmp(url)).ok().map(|i| &self.value_sets[i])
    }
}

static R4: OnceLock<Terminology> = OnceLock::new();

/// The terminology of R4.
///
/// # Panics
/// If the embedded pack cannot be read: the build is broken.
pub fn r4() -> &'static Terminology {
    R4.get_or_init(|| open(include_bytes!("../../../../packs/fhir-r4/terminology.pack")))
}

fn open(pack: &[u8]) -> Terminology {
    let plain = zstd::decode_all(pack).expect("the embedded pack is not zstd");
    postcard::from_bytes(&plain).expect("the embedded pack does not fit this program; run `cargo x pack`")
}
