//! Which codes belong to a value set: its clauses, worked out against the code systems they name.

use super::filters::selects;
use super::library::{Library, TerminologyError};
use super::model::{Clause, Concept, Content, System, ValueSet};
use std::collections::HashSet;

/// Value sets import one another; deeper than this they go in a circle.
const IMPORT_DEPTH_MAX: usize = 16;

/// One code of a value set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Code system.
    pub system: String,
    /// The system's version, may be empty.
    pub version: String,
    /// The code.
    pub code: String,
    /// Its text for people, may be empty.
    pub display: String,
    /// Whether it is no longer in use.
    pub inactive: bool,
    /// Whether it only groups others.
    pub is_abstract: bool,
}

/// The codes of a value set, each once, in the order of its clauses.
///
/// # Errors
/// If the value set, one it imports, or a code system whose concepts are needed is not loaded; if a filter cannot be run.
pub fn members(library: &Library, canonical: &str) -> Result<Vec<Member>, TerminologyError> {
    members_of(library, &*library.value_set(canonical)?)
}

/// The same for a value set that is at hand.
///
/// # Errors
/// As [`members`].
pub fn members_of(library: &Library, set: &ValueSet) -> Result<Vec<Member>, TerminologyError> {
    Composer { library }.set(set, 0)
}

struct Composer<'c, 'l> {
    library: &'c Library<'l>,
}

type Key = (String, String);

fn key(member: &Member) -> Key {
    (member.system.clone(), member.code.clone())
}

impl Composer<'_, '_> {
    fn set(&self, set: &ValueSet, depth: usize) -> Result<Vec<Member>, TerminologyError> {
        if depth > IMPORT_DEPTH_MAX {
            return Err(TerminologyError::Circle(set.url.clone()));
        }
        let mut out: HashSet<Key> = HashSet::new();
        for clause in &set.exclude {
            out.extend(self.clause(clause, depth)?.iter().map(key));
        }
        let mut members = Vec::new();
        for clause in &set.include {
            for member in self.clause(clause, depth)? {
                if (set.inactive || !member.inactive) && out.insert(key(&member)) {
                    members.push(member);
                }
            }
        }
        Ok(members)
    }

    /// The codes that fulfil all of a clause.
    fn clause(&self, clause: &Clause, depth: usize) -> Result<Vec<Member>, TerminologyError> {
        let mut imports = clause.value_sets.iter().map(|import| self.set(&*self.library.value_set(import)?, depth + 1));
        let mut members = if clause.system.is_empty() {
            imports.next().transpose()?.unwrap_or_default()
        } else {
            self.of_system(clause)?
        };
        for import in imports {
            let keep: HashSet<Key> = import?.iter().map(key).collect();
            members.retain(|m| keep.contains(&key(m)));
        }
        Ok(members)
    }

    fn of_system(&self, clause: &Clause) -> Result<Vec<Member>, TerminologyError> {
        if !clause.concepts.is_empty() {
            return Ok(self.listed(clause));
        }
        let canonical = canonical(clause);
        let system = self.library.loaded(&canonical)?;
        if system.content != Content::Complete {
            return Err(TerminologyError::NotLoaded(canonical));
        }
        let mut keep = vec![true; system.concepts.len()];
        for filter in &clause.filters {
            selects(&system, filter, &mut keep)?;
        }
        let kept = system.concepts.iter().zip(keep).filter(|(_, keep)| *keep);
        Ok(kept.map(|(concept, _)| member(&system, concept)).collect())
    }

    /// Codes listed one by one need no code system; where it is there it gives the displays.
    fn listed(&self, clause: &Clause) -> Vec<Member> {
        let system = self.library.system(&canonical(clause));
        let listed = |(code, display): &(String, String)| {
            let known = system.as_ref().and_then(|s| s.concept(code).map(|c| member(s, c)));
            let mut member = known.unwrap_or_else(|| Member {
                system: clause.system.clone(),
                version: clause.version.clone(),
                code: code.clone(),
                ..Member::default()
            });
            if !display.is_empty() {
                member.display.clone_from(display);
            }
            member
        };
        clause.concepts.iter().map(listed).collect()
    }
}

fn canonical(clause: &Clause) -> String {
    if clause.version.is_empty() { clause.system.clone() } else { format!("{}|{}", clause.system, clause.version) }
}

fn member(system: &System, concept: &Concept) -> Member {
    Member {
        system: system.url.clone(),
        version: system.version.clone(),
        code: concept.code.clone(),
        display: concept.display.clone(),
        inactive: concept.is_inactive(),
        is_abstract: concept.is_abstract(),
    }
}
