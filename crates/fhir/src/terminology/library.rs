//! Where code systems and value sets are found: what the caller stores first, then the specification's own.

use super::model::{System, ValueSet};
use super::pack;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `CodeSystem`.
    System,
    /// A `ValueSet`.
    ValueSet,
}

/// What a caller has stored.
#[derive(Clone, Debug)]
pub enum Stored {
    /// A code system.
    System(Arc<System>),
    /// A value set.
    ValueSet(Arc<ValueSet>),
}

/// Finds a stored definition by its canonical URL, which may end in `|version`.
pub type Resolver<'l> = &'l dyn Fn(&str, Kind) -> Option<Stored>;

/// Everything terminology can look up.
#[derive(Clone, Copy, Default)]
pub struct Library<'l> {
    stored: Option<Resolver<'l>>,
}

/// A definition of the pack, or one that is stored.
#[derive(Clone, Debug)]
pub enum Held<T: 'static> {
    /// From the pack.
    Pack(&'static T),
    /// Stored by a user.
    Stored(Arc<T>),
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Held::Pack(held) => held,
            Held::Stored(held) => held,
        }
    }
}

/// Why terminology cannot answer. Never answered with an empty list instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminologyError {
    /// No value set of that URL is known.
    UnknownValueSet(String),
    /// No code system of that URL is loaded, or only a part of it.
    NotLoaded(String),
    /// The code does not exist in the system.
    UnknownCode {
        /// The code system.
        system: String,
        /// The code.
        code: String,
    },
    /// A filter cannot be run.
    Filter {
        /// The code system.
        system: String,
        /// What is wrong with the filter.
        what: String,
    },
    /// Value sets import each other in a circle.
    Circle(String),
}

impl TerminologyError {
    /// FHIR value set issue-type.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            TerminologyError::UnknownValueSet(_) | TerminologyError::UnknownCode { .. } => "not-found",
            TerminologyError::NotLoaded(_) => "not-supported",
            TerminologyError::Filter { .. } => "invalid",
            TerminologyError::Circle(_) => "business-rule",
        }
    }
}

impl fmt::Display for TerminologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TerminologyError::UnknownValueSet(url) => {
                write!(f, "the value set {url} is not known here; store it as a ValueSet resource first")
            }
            TerminologyError::NotLoaded(system) => {
                write!(
                    f,
                    "the code system {system} is not loaded, or not whole; store it as a complete CodeSystem resource first"
                )
            }
            TerminologyError::UnknownCode { system, code } => write!(f, "the code system {system} has no code {code}"),
            TerminologyError::Filter { system, what } => {
                write!(f, "a filter on the code system {system} fails: {what}")
            }
            TerminologyError::Circle(url) => {
                write!(f, "the value set {url} imports itself; take one of the imports out")
            }
        }
    }
}

impl std::error::Error for TerminologyError {}

impl<'l> Library<'l> {
    /// The specification's own terminology alone.
    #[must_use]
    pub fn r4() -> Library<'static> {
        Library { stored: None }
    }

    /// The specification's own, and before it what `stored` finds.
    #[must_use]
    pub fn with(stored: Resolver<'l>) -> Library<'l> {
        Library { stored: Some(stored) }
    }

    /// A code system by canonical URL, with or without `|version`.
    #[must_use]
    pub fn system(&self, canonical: &str) -> Option<Held<System>> {
        if let Some(Stored::System(system)) = self.stored.and_then(|find| find(canonical, Kind::System)) {
            return Some(Held::Stored(system));
        }
        let (url, version) = split(canonical);
        pack::r4().system(url).filter(|s| version.is_none_or(|v| v == s.version)).map(Held::Pack)
    }

    /// A code system that has concepts here, all of them or at least some.
    pub fn loaded(&self, canonical: &str) -> Result<Held<System>, TerminologyError> {
        self.system(canonical)
            .filter(|s| !s.concepts.is_empty())
            .ok_or_else(|| TerminologyError::NotLoaded(canonical.to_owned()))
    }

    /// A value set by canonical URL, with or without `|version`.
    pub fn value_set(&self, canonical: &str) -> Result<Held<ValueSet>, TerminologyError> {
        if let Some(Stored::ValueSet(set)) = self.stored.and_then(|find| find(canonical, Kind::ValueSet)) {
            return Ok(Held::Stored(set));
        }
        let (url, version) = split(canonical);
        let found = pack::r4().value_set(url).filter(|v| version.is_none_or(|version| version == v.version));
        found.map(Held::Pack).ok_or_else(|| TerminologyError::UnknownValueSet(canonical.to_owned()))
    }
}

impl fmt::Debug for Library<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.stored.is_some() { "Library(stored, r4)" } else { "Library(r4)" })
    }
}

fn split(canonical: &str) -> (&str, Option<&str>) {
    match canonical.split_once('|') {
        Some((url, version)) => (url, Some(version)),
        None => (canonical, None),
    }
}
