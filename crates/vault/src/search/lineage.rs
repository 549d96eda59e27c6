//! Reference `:above` and `:below`: the hierarchies resources stand in, walked from one of them (R4 search section
//! 3.1.1.4.12, where a reference points to another resource of the same type).

use super::Look;
use super::plan::own_parts;
use crate::error::Error;
use base::refusal::{Kind as No, Refusal};
use fhir::definitions::r4;
use fhir::json::Json;
use fhir::search::extract::{Value, extract};
use fhir::search::params::{Param, hierarchy};
use fhir::search::query::{Filter, Operand, Test};
use std::collections::HashSet;

/// Resources one hierarchy may lead over. A hospital of 1,000 beds has fewer locations.
const LINE_MAX: usize = 10_000;

impl Look<'_> {
    /// What refers by `param` to the start of a line, or to what stands above or below it.
    pub(super) fn line(&self, param: &'static Param, above: bool, from: &Operand) -> Result<Filter, Error> {
        let from = self.own(from);
        let mut tests = vec![Filter::Test(Test { param, operand: from.clone() })];
        for resource_type in types_of(param, &from) {
            let Some(parents) = hierarchy(resource_type) else { continue };
            let start = typed(&from, resource_type);
            let line = Line { look: self, resource_type, parents };
            let found = if above { line.above(start)? } else { line.below(start)? };
            tests.extend(found.into_iter().map(|operand| Filter::Test(Test { param, operand })));
        }
        Ok(Filter::Or(tests))
    }

    /// A URL that begins with this server's own address leads here.
    fn own(&self, from: &Operand) -> Operand {
        match from {
            Operand::Url(url) => match own_parts(&self.reading.bases(), url) {
                Some((ty, id)) => Operand::Local { resource_type: Some(ty.to_owned()), id: id.to_owned() },
                None => from.clone(),
            },
            other => other.clone(),
        }
    }
}

/// The types a start may have.
fn types_of(param: &'static Param, from: &Operand) -> Vec<&'static str> {
    let all = r4().resource_names();
    match from {
        Operand::Local { resource_type: Some(wanted), .. } => all.filter(|ty| ty == wanted).collect(),
        _ => all.filter(|ty| param.targets.is_empty() || param.targets.iter().any(|target| target == ty)).collect(),
    }
}

fn typed(from: &Operand, resource_type: &str) -> Operand {
    match from {
        Operand::Local { id, .. } => Operand::Local { resource_type: Some(resource_type.to_owned()), id: id.clone() },
        other => other.clone(),
    }
}

/// One hierarchy of one type.
struct Line<'l> {
    look: &'l Look<'l>,
    resource_type: &'static str,
    parents: &'static Param,
}

impl Line<'_> {
    /// All that is part of the start, or of a part of it.
    fn below(&self, start: Operand) -> Result<Vec<Operand>, Error> {
        let types = [self.resource_type.to_owned()];
        let (mut seen, mut found, mut front) = (HashSet::new(), Vec::new(), vec![start]);
        while !front.is_empty() {
            let parts = front.into_iter().map(|operand| Filter::Test(Test { param: self.parents, operand }));
            let parts = self.look.matching(&Filter::Or(parts.collect()), &types)?;
            front = Vec::new();
            for position in parts.into_iter().filter(|&position| seen.insert(position)) {
                front.extend(self.named(position)?);
            }
            found.extend(front.iter().cloned());
            bounded(found.len())?;
        }
        Ok(found)
    }

    /// What the start is part of, and what that is part of.
    fn above(&self, start: Operand) -> Result<Vec<Operand>, Error> {
        let (mut seen, mut found, mut front) = (HashSet::new(), Vec::new(), vec![start]);
        while let Some(operand) = front.pop() {
            let Operand::Local { id, .. } = &operand else { continue };
            if !seen.insert(id.clone()) {
                continue;
            }
            let key = self.look.reading.hasher().resource(self.resource_type, id);
            let Some(position) = self.look.records.current(key, self.look.reading.at)? else { continue };
            let parents = self.look.records.resource(position, |resource| self.parents_of(resource))?;
            for parent in parents.unwrap_or_default() {
                let parent = self.look.own(&parent);
                found.push(parent.clone());
                front.push(parent);
            }
            bounded(found.len())?;
        }
        Ok(found)
    }

    fn named(&self, position: u32) -> Result<Option<Operand>, Error> {
        let id = self.look.records.resource(position, |resource| resource.text("id").map(str::to_owned))?.flatten();
        Ok(id.map(|id| Operand::Local { resource_type: Some(self.resource_type.to_owned()), id }))
    }

    fn parents_of(&self, resource: &Json) -> Vec<Operand> {
        let mut parents = Vec::new();
        extract(resource, &mut |path, value| {
            let is_parent = self.parents.paths.iter().any(|used| used.path == path);
            match value {
                Value::Local { resource_type, id } if is_parent && *resource_type == *self.resource_type => {
                    let resource_type = Some(self.resource_type.to_owned());
                    parents.push(Operand::Local { resource_type, id: id.to_string() });
                }
                Value::Url(url) if is_parent => parents.push(Operand::Url(url.to_string())),
                _ => {}
            }
        });
        parents
    }
}

fn bounded(found: usize) -> Result<(), Error> {
    if found <= LINE_MAX {
        return Ok(());
    }
    let why = format!("this hierarchy leads over more than {LINE_MAX} resources; start further down");
    Err(Refusal::new(No::TooCostly, "too-costly", why).into())
}
