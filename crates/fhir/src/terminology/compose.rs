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

/// Whether a code belongs to a value set. Without a system any system's code will do.
///
/// Only the clauses that can decide are worked out: a clause about SNOMED CT, which is not loaded, does not hinder the
/// answer about a LOINC code.
///
/// # Errors
/// If a clause that could decide cannot be worked out, and no other says yes.
pub fn contains(library: &Library, set: &ValueSet, system: Option<&str>, code: &str) -> Result<bool, TerminologyError> {
    Composer { library }.has(set, Asked { system, code, inactive: set.inactive }, 0)
}

/// The question of [`contains`].
#[derive(Clone, Copy)]
struct Asked<'a> {
    system: Option<&'a str>,
    code: &'a str,
    inactive: bool,
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

    fn has(&self, set: &ValueSet, asked: Asked, depth: usize) -> Result<bool, TerminologyError> {
        if depth > IMPORT_DEPTH_MAX {
            return Err(TerminologyError::Circle(set.url.clone()));
        }
        for clause in &set.exclude {
            if self.clause_has(clause, asked, depth)? {
                return Ok(false);
            }
        }
        let mut unclear = Ok(false);
        for clause in &set.include {
            match self.clause_has(clause, asked, depth) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(why) => unclear = Err(why),
            }
        }
        unclear
    }

    fn clause_has(&self, clause: &Clause, asked: Asked, depth: usize) -> Result<bool, TerminologyError> {
        if !clause.system.is_empty() && !self.system_has(clause, asked)? {
            return Ok(false);
        }
        for import in &clause.value_sets {
            let set = self.library.value_set(import)?;
            if !self.has(&set, Asked { inactive: asked.inactive && set.inactive, ..asked }, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(!(clause.system.is_empty() && clause.value_sets.is_empty()))
    }

    fn system_has(&self, clause: &Clause, asked: Asked) -> Result<bool, TerminologyError> {
        if asked.system.is_some_and(|system| system != clause.system) {
            return Ok(false);
        }
        if !clause.concepts.is_empty() {
            return Ok(self.listed(clause).iter().any(|m| m.code == asked.code && (asked.inactive || !m.inactive)));
        }
        let system = self.library.loaded(&canonical(clause))?;
        let Some(place) = system.position(asked.code) else {
            // What a part does not have, the whole may have.
            let is_whole = system.content == Content::Complete;
            return if is_whole { Ok(false) } else { Err(TerminologyError::NotLoaded(canonical(clause))) };
        };
        let mut keep = vec![true; if clause.filters.is_empty() { 0 } else { system.concepts.len() }];
        for filter in &clause.filters {
            selects(&system, filter, &mut keep)?;
        }
        let passes = keep.get(place as usize).is_none_or(|keep| *keep);
        Ok(passes && (asked.inactive || !system.concepts[place as usize].is_inactive()))
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
