//! `:in`, `:above` and `:below` on codes: terminology says which codes are meant, from the specification's own systems
//! and from the `CodeSystem` and `ValueSet` resources stored here.

use super::index::ListName;
use super::rows::{Names, Sort, type_number};
use super::{Look, plan};
use crate::access::{Action, Visit};
use crate::error::Error;
use crate::records::{Position, Vault};
use base::refusal::{Kind as No, Refusal};
use fhir::json::Json;
use fhir::search::params;
use fhir::search::query::{Filter, Operand, Test};
use fhir::terminology::model::{System, ValueSet};
use fhir::terminology::{Kind, Library, Stored, TerminologyError, compose, lookup};
use std::cell::RefCell;
use std::sync::Arc;

impl Vault {
    /// Lets `ask` put questions to terminology: the specification's own, and before it what is stored here at a position
    /// (`None`: now).
    pub fn terminology<T>(
        &self,
        visit: &Visit,
        at: Option<Position>,
        ask: impl FnOnce(&Library) -> T,
    ) -> Result<T, Error> {
        let sight = self.sight(visit, Action::Search)?;
        self.look(&sight, at, None, |look| look.terminology(ask))
    }
}

impl Look<'_> {
    fn terminology<T>(&self, ask: impl FnOnce(&Library) -> T) -> Result<T, Error> {
        let failure = RefCell::new(None);
        let stored = |canonical: &str, kind: Kind| match self.stored(canonical, kind) {
            Ok(found) => found,
            Err(error) => {
                failure.replace(Some(error));
                None
            }
        };
        let answer = ask(&Library::with(&stored));
        failure.into_inner().map_or(Ok(answer), Err)
    }

    /// A stored definition by its canonical URL; of several the one written last.
    fn stored(&self, canonical: &str, kind: Kind) -> Result<Option<Stored>, Error> {
        let name = match kind {
            Kind::System => "CodeSystem",
            Kind::ValueSet => "ValueSet",
        };
        let Some(position) = self.bearing(name, canonical)?.pop() else { return Ok(None) };
        self.defined(position, kind)
    }

    /// The current resources of a type that bear a canonical URL, oldest first.
    pub(super) fn bearing(&self, resource_type: &str, canonical: &str) -> Result<Vec<u32>, Error> {
        if params::find(resource_type, "url").is_none() {
            return Ok(Vec::new());
        }
        let (url, version) = canonical.split_once('|').map_or((canonical, None), |(url, v)| (url, Some(v)));
        let types = vec![type_number(resource_type)];
        let mut names = Names::new(self.reading.hasher());
        let mut list = |code: &str, sort: Sort, value: &str| -> Vec<ListName> {
            let paths = params::find(resource_type, code).map_or(&[][..], |param| &param.paths);
            let hashes = paths.iter().map(|p| names.list(p.path, sort, &[value]));
            hashes.map(|hash| ListName { hash, system: None }).collect()
        };
        let matcher = self.matcher();
        let found = matcher.lists(&list("url", Sort::Uri, url), &types)?;
        match version {
            Some(version) => matcher.lists_within(&list("version", Sort::Code, version), &types, &found),
            None => Ok(found),
        }
    }

    /// Reads a definition, or takes it from the shelf of those read before: large code systems take long to read.
    fn defined(&self, position: u32, kind: Kind) -> Result<Option<Stored>, Error> {
        if let Some(kept) = self.reading.shelf(position) {
            return Ok(Some(kept));
        }
        let read = |resource: &Json| match kind {
            Kind::System => System::read(resource).map(|system| Stored::System(Arc::new(system))),
            Kind::ValueSet => ValueSet::read(resource).map(|set| Stored::ValueSet(Arc::new(set))),
        };
        let found = self.records.resource(position, read)?.flatten();
        if let Some(found) = &found {
            self.reading.shelve(position, found.clone());
        }
        Ok(found)
    }

    /// The filter with codes and references in the place of `:in`, `:above` and `:below`; `None` when it has none of these.
    pub(super) fn resolved(&self, filter: &Filter) -> Result<Option<Filter>, Error> {
        if !asks_more(filter) {
            return Ok(None);
        }
        self.resolve(filter).map(Some)
    }

    fn resolve(&self, filter: &Filter) -> Result<Filter, Error> {
        let each = |filters: &[Filter]| filters.iter().map(|f| self.resolve(f)).collect::<Result<Vec<_>, _>>();
        Ok(match filter {
            Filter::And(filters) => Filter::And(each(filters)?),
            Filter::Or(filters) => Filter::Or(each(filters)?),
            Filter::Not(filter) => Filter::Not(Box::new(self.resolve(filter)?)),
            Filter::Chain { param, target, filter } => {
                Filter::Chain { param, target: target.clone(), filter: Box::new(self.resolve(filter)?) }
            }
            Filter::Has { source, param, filter } => {
                Filter::Has { source: source.clone(), param, filter: Box::new(self.resolve(filter)?) }
            }
            Filter::Test(Test { param, operand: Operand::Line { above, from } }) => self.line(param, *above, from)?,
            Filter::Test(Test { param, operand }) => {
                Filter::Test(Test { param, operand: self.codes(operand)?.unwrap_or_else(|| operand.clone()) })
            }
            other => other.clone(),
        })
    }

    fn codes(&self, operand: &Operand) -> Result<Option<Operand>, Error> {
        let codes = match operand {
            Operand::In(set) => self.members(set)?,
            Operand::CodeBelow { system, code } => self.lines(system.as_deref(), code, lookup::descendants)?,
            Operand::CodeAbove { system, code } => self.lines(system.as_deref(), code, lookup::ancestors)?,
            _ => return Ok(None),
        };
        Ok(Some(Operand::TokenAny(codes)))
    }

    fn members(&self, set: &str) -> Result<Vec<(Option<String>, String)>, Error> {
        let by_id = match plan::local_parts(set) {
            Some(("ValueSet", id)) => {
                let key = self.reading.hasher().resource("ValueSet", id);
                self.records.current(key, self.reading.at)?
            }
            _ => None,
        };
        let by_id = by_id.map(|position| self.defined(position, Kind::ValueSet)).transpose()?.flatten();
        let members = self.terminology(|library| match &by_id {
            Some(Stored::ValueSet(set)) => compose::members_of(library, set),
            _ => compose::members(library, set),
        })?;
        let members = members.map_err(|error| unanswered(&error))?;
        Ok(members.into_iter().map(|m| (Some(m.system).filter(|s| !s.is_empty()), m.code)).collect())
    }

    fn lines(&self, system: Option<&str>, code: &str, of: Lines) -> Result<Vec<(Option<String>, String)>, Error> {
        let Some(system) = system else {
            let why = "`:above` and `:below` need the code's system: write system|code";
            return Err(Refusal::new(No::Malformed, "value", why).into());
        };
        let mut codes = self.terminology(|library| of(library, system, code))?.map_err(|error| unanswered(&error))?;
        codes.push(code.to_owned());
        Ok(codes.into_iter().map(|code| (Some(system.to_owned()), code)).collect())
    }
}

type Lines = fn(&Library, &str, &str) -> Result<Vec<String>, TerminologyError>;

fn unanswered(error: &TerminologyError) -> Error {
    Refusal::new(No::Invalid, error.code(), error.to_string()).into()
}

/// Whether the filter can only be planned once something else was asked: terminology, or a hierarchy.
fn asks_more(filter: &Filter) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().any(asks_more),
        Filter::Not(filter) | Filter::Chain { filter, .. } | Filter::Has { filter, .. } => asks_more(filter),
        Filter::Test(test) => {
            let more = |operand: &Operand| {
                matches!(
                    operand,
                    Operand::In(_) | Operand::CodeBelow { .. } | Operand::CodeAbove { .. } | Operand::Line { .. }
                )
            };
            more(&test.operand)
        }
        _ => false,
    }
}
