//! `_include` and `_revinclude`: what the matches refer to, and what refers to them. Each resource once.

use super::index::ListName;
use super::matching::Types;
use super::plan::own_parts;
use super::rows::{Names, type_in_url, type_number};
use super::{Look, PAGE_BYTES_MAX};
use crate::error::Error;
use crate::records::Version;
use base::finding::Finding;
use fhir::json::Json;
use fhir::search::extract::{Value, extract};
use fhir::search::params::{self, Kind, Param, PathId};
use fhir::search::query::Include;
use std::collections::HashSet;

/// More than this is not brought along with one page.
pub const INCLUDED_MAX: usize = 5_000;

/// What a page brings along.
pub struct Including<'i> {
    look: &'i Look<'i>,
    names: Names<'i>,
    bases: Vec<String>,
    seen: HashSet<u32>,
    /// References that were followed: a page's resources refer to the same few again and again.
    followed: HashSet<i64>,
    found: Vec<Version>,
    bytes: usize,
    cut: bool,
}

impl<'i> Including<'i> {
    /// For a page of matches; `seen` are positions that are not brought along.
    pub fn new(look: &'i Look<'i>, seen: impl IntoIterator<Item = u32>) -> Including<'i> {
        let names = Names::new(look.reading.hasher());
        Including {
            look,
            names,
            bases: look.reading.bases(),
            seen: seen.into_iter().collect(),
            followed: HashSet::new(),
            found: Vec::new(),
            bytes: 0,
            cut: false,
        }
    }

    /// Follows the includes from the matches, and those marked `:iterate` from what was brought along, to the end.
    pub fn follow(mut self, matches: &[Version], forward: &[Include], reverse: &[Include]) -> Result<Brought, Error> {
        if forward.is_empty() && reverse.is_empty() {
            return Ok(Brought::default());
        }
        for version in matches {
            self.from(version, forward, reverse)?;
        }
        let again = |all: &[Include]| all.iter().filter(|i| i.iterate).cloned().collect::<Vec<_>>();
        let (forward, reverse) = (again(forward), again(reverse));
        let mut next = 0;
        while next < self.found.len() && !(forward.is_empty() && reverse.is_empty()) {
            let version = self.found[next].clone();
            self.from(&version, &forward, &reverse)?;
            next += 1;
        }
        let findings = if self.cut { vec![too_many()] } else { Vec::new() };
        Ok(Brought { included: self.found, findings })
    }

    fn from(&mut self, version: &Version, forward: &[Include], reverse: &[Include]) -> Result<(), Error> {
        if !forward.is_empty()
            && let Ok(resource) = Json::parse(&version.body)
        {
            self.forward(&version.resource_type, &resource, forward)?;
        }
        for include in reverse {
            self.reverse(version, include)?;
        }
        Ok(())
    }

    fn forward(&mut self, resource_type: &str, resource: &Json, includes: &[Include]) -> Result<(), Error> {
        let mut references: Vec<(PathId, Value)> = Vec::new();
        extract(resource, &mut |path, value| {
            if matches!(value, Value::Local { .. } | Value::Url(_)) {
                references.push((path, value));
            }
        });
        for include in includes.iter().filter(|i| i.source == "*" || i.source == resource_type) {
            for param in self.params(resource_type, &include.param) {
                for (path, value) in &references {
                    let mut uses = param.paths.iter().filter(|p| p.path == *path);
                    if uses.any(|p| leads_to(value, p.target.as_deref(), include.target.as_deref())) {
                        self.take_target(param, include, value)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The reference parameters meant, without those over what is not seen.
    fn params(&self, resource_type: &str, code: &str) -> Vec<&'static Param> {
        let mut params = reference_params(resource_type, code);
        if let Some(hidden) = self.look.records.hidden() {
            params.retain(|param| !hidden.hides(param));
        }
        params
    }

    fn take_target(&mut self, param: &Param, include: &Include, value: &Value) -> Result<(), Error> {
        match value {
            Value::Local { resource_type, id } => {
                let key = self.names.resource(resource_type, id);
                if self.followed.insert(key)
                    && let Some(position) = self.look.records.current(key, self.look.reading.at)?
                {
                    self.take(position)?;
                }
            }
            Value::Url(url) if let Some((resource_type, id)) = own_parts(&self.bases, url) => {
                let own = Value::Local { resource_type: resource_type.into(), id: id.into() };
                self.take_target(param, include, &own)?;
            }
            // What has a question mark is a conditional reference, not a canonical URL.
            Value::Url(url) if !url.contains('?') => {
                for position in self.canonical(param, include, url)? {
                    self.take(position)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The resources here that bear a canonical URL.
    fn canonical(&self, param: &Param, include: &Include, url: &str) -> Result<Vec<u32>, Error> {
        let wanted = |target: &&String| include.target.as_ref().is_none_or(|only| only == *target);
        let mut found = Vec::new();
        for target in param.targets.iter().filter(wanted) {
            found.extend(self.look.bearing(target, url)?);
        }
        Ok(found)
    }

    fn reverse(&mut self, version: &Version, include: &Include) -> Result<(), Error> {
        if include.target.as_ref().is_some_and(|target| *target != version.resource_type) {
            return Ok(());
        }
        let key = self.names.resource(&version.resource_type, &version.id);
        let sources: Vec<&str> = match include.source.as_str() {
            "*" => fhir::definitions::r4().resource_names().collect(),
            one => vec![one],
        };
        let mut types: Types = sources.iter().map(|s| type_number(s)).collect();
        types.sort_unstable();
        let params = sources.iter().flat_map(|source| self.params(source, &include.param));
        let leads = |target: &Option<String>| target.as_ref().is_none_or(|target| *target == version.resource_type);
        let mut paths: Vec<PathId> =
            params.flat_map(|param| &param.paths).filter(|p| leads(&p.target)).map(|p| p.path).collect();
        paths.sort_unstable();
        paths.dedup();
        let lists: Vec<_> = paths.iter().map(|&path| ListName::plain(self.names.local(path, key))).collect();
        for position in self.look.matcher().lists(&lists, &types)?.into_iter().rev() {
            self.take(position)?;
        }
        Ok(())
    }

    fn take(&mut self, position: u32) -> Result<(), Error> {
        if self.seen.contains(&position) {
            return Ok(());
        }
        if self.found.len() >= INCLUDED_MAX || self.bytes >= PAGE_BYTES_MAX {
            self.cut = true;
            return Ok(());
        }
        self.seen.insert(position);
        if let Some(version) = self.look.records.version(position)? {
            self.bytes += version.body.len();
            if self.bytes > PAGE_BYTES_MAX && !self.found.is_empty() {
                self.cut = true;
                return Ok(());
            }
            self.found.push(version);
        }
        Ok(())
    }
}

/// What includes found.
#[derive(Default)]
pub struct Brought {
    /// The resources, in the order they were come upon.
    pub included: Vec<Version>,
    /// Whether some were left out.
    pub findings: Vec<Finding>,
}

fn too_many() -> Finding {
    let message = format!(
        "more than {INCLUDED_MAX} resources or {} MiB would be included with this page; the rest is left out. Ask for fewer \
         matches with _count, or search for them themselves",
        PAGE_BYTES_MAX >> 20
    );
    Finding::warning("incomplete", "", message)
}

fn reference_params(resource_type: &str, code: &str) -> Vec<&'static Param> {
    if code != "*" {
        return params::find(resource_type, code).into_iter().collect();
    }
    params::of(resource_type).iter().filter(|param| param.kind == Kind::Reference).collect()
}

fn leads_to(value: &Value, path_target: Option<&str>, asked: Option<&str>) -> bool {
    match value {
        Value::Local { resource_type, .. } => {
            let fits = |only: Option<&str>| only.is_none_or(|only| only == resource_type);
            fits(path_target) && fits(asked)
        }
        Value::Url(url) => {
            let found = type_in_url(url);
            path_target.is_none_or(|only| found == Some(only))
                && asked.is_none_or(|only| found.is_none_or(|f| f == only))
        }
        _ => false,
    }
}
