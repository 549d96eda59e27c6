//! From a query's filter to lists and columns of the index.

use super::compare::{date_range, number_range};
use super::index::column::{dates, numbers, ordered};
use super::index::{ListName, Reading};
use super::matching::Matcher;
use super::records::Records;
use super::rows::{
    GRAM_CHARS, NARRATIVE, Names, PREFIX_CHARS, Sort, grams, paths_above, prefixes, type_in_url, type_number,
};
use super::{compare, narrative};
use crate::error::Error;
use base::refusal::{Kind as No, Refusal};
use fhir::json::Json;
use fhir::reference::Reference;
use fhir::search::measure::{UCUM, in_other_units};
use fhir::search::params::{self, Kind, Param, PathId, PathUse};
use fhir::search::query::{Current, DateTest, Filter, NumberTest, Operand, Prefix, SystemTest, Test};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// What is to be found, in terms of the index.
#[derive(Clone, Debug)]
pub enum Plan {
    /// No version.
    Nothing,
    /// Every current version of the searched types.
    Everything,
    /// In each.
    And(Vec<Plan>),
    /// In one at least.
    Or(Vec<Plan>),
    /// Not in it.
    Not(Box<Plan>),
    /// In one of these lists.
    Lists(Vec<ListName>),
    /// Some span of the column meets the test.
    Span(SpanPlan),
    /// Written at the first of these positions or later, and before the second.
    Log(u32, u32),
    /// These versions, ascending.
    Positions(Vec<u32>),
    /// What the first finds, as far as the resource itself meets the filter.
    Check(Box<Plan>, Filter),
    /// Refers, by one of these paths, to a current resource of the type that meets the plan.
    Chain {
        /// Paths of the reference.
        paths: Vec<PathId>,
        /// The target's type.
        target: String,
        /// What must hold of the target.
        inner: Box<Plan>,
    },
    /// Is referred to, by one of these paths, from a current resource of the type that meets the plan.
    Has {
        /// Paths of the reference.
        paths: Vec<PathId>,
        /// The referring type.
        source: String,
        /// What must hold of the referring resource.
        inner: Box<Plan>,
    },
}

/// A test of a column.
#[derive(Clone, Debug)]
pub struct SpanPlan {
    /// Which column.
    pub axis: u32,
    /// The test.
    pub test: SpanTest,
    /// Units that count; `None`: any.
    pub units: Option<Vec<u32>>,
}

/// A comparison of a span.
#[derive(Clone, Copy, Debug)]
pub enum SpanTest {
    /// Of dates.
    Date(DateTest),
    /// Of numbers.
    Number(NumberTest),
}

impl SpanPlan {
    /// Whether a stored span meets the test.
    pub fn holds(&self, span: &super::index::column::Span) -> bool {
        use super::index::column::number;
        let fits = match &self.test {
            SpanTest::Date(test) => compare::date(test, span.low, span.high),
            SpanTest::Number(test) => compare::number(test, number(span.low), number(span.high)),
        };
        fits && self.units.as_ref().is_none_or(|units| units.contains(&span.unit))
    }

    /// Where one end of a matching span lies, if that narrows anything.
    pub fn range(&self) -> Option<RangeInclusive<i64>> {
        match &self.test {
            SpanTest::Date(test) => date_range(test),
            SpanTest::Number(test) => number_range(test).map(|range| ordered(*range.start())..=ordered(*range.end())),
        }
    }
}

/// Makes plans for one look at the index.
pub struct Planner<'p> {
    pub reading: &'p Reading<'p>,
    pub records: &'p Records<'p>,
    pub names: Names<'p>,
    /// URLs that this server is known by.
    pub bases: Vec<String>,
}

impl Planner<'_> {
    /// The plan of a filter for a search of `types`; empty means all.
    pub fn plan(&mut self, filter: &Filter, types: &[String]) -> Result<Plan, Error> {
        Ok(match filter {
            Filter::All => Plan::Everything,
            Filter::Never => Plan::Nothing,
            Filter::And(all) => Plan::And(self.each(all, types)?),
            Filter::Or(some) => or(self.each(some, types)?),
            Filter::Not(filter) => Plan::Not(Box::new(self.plan(filter, types)?)),
            Filter::Test(test) => self.test(test)?,
            Filter::Missing { param, missing } => {
                let there = self.present(param);
                if *missing { Plan::Not(Box::new(there)) } else { there }
            }
            Filter::Chain { param, target, filter } => {
                let inner = Box::new(self.plan(filter, std::slice::from_ref(target))?);
                Plan::Chain { paths: paths_to(param, target), target: target.clone(), inner }
            }
            Filter::Has { source, param, filter } => {
                let inner = Box::new(self.plan(filter, std::slice::from_ref(source))?);
                let paths = param.paths.iter().map(|p| p.path).collect();
                Plan::Has { paths, source: source.clone(), inner }
            }
            Filter::Id(ids) => self.ids(ids, types)?,
            Filter::LastUpdated(test) => self.last_updated(test)?,
            Filter::List(id) => self.list_resource(id)?,
            Filter::Current(current) => self.current(current, types)?,
            Filter::Words { narrative: true, words } => self.narrative(words),
            Filter::Words { narrative: false, .. } => Plan::Check(Box::new(Plan::Everything), filter.clone()),
            Filter::Compartment { kind, id } => self.compartment(kind, id, types)?,
        })
    }

    fn each(&mut self, filters: &[Filter], types: &[String]) -> Result<Vec<Plan>, Error> {
        filters.iter().map(|filter| self.plan(filter, types)).collect()
    }

    fn test(&mut self, test: &Test) -> Result<Plan, Error> {
        let plan = self.operand(test.param, &test.param.paths, &test.operand)?;
        let checked = |plan| Plan::Check(Box::new(plan), Filter::Test(test.clone()));
        Ok(if is_exact(&test.operand) { plan } else { checked(plan) })
    }

    /// The plan of one comparison over some paths. It may find too much where [`is_exact`] says so.
    fn operand(&mut self, param: &Param, paths: &[PathUse], operand: &Operand) -> Result<Plan, Error> {
        if let Operand::Composite(parts) = operand {
            let mut plans = Vec::with_capacity(parts.len());
            for (component, (_, operand)) in param.components.iter().zip(parts) {
                plans.push(self.operand(param, &component.paths, operand)?);
            }
            return Ok(Plan::And(plans));
        }
        let mut plans = Vec::with_capacity(paths.len());
        for path in paths {
            plans.extend(self.on_path(param, path, operand)?);
        }
        Ok(or(plans))
    }

    fn on_path(&mut self, param: &Param, path: &PathUse, operand: &Operand) -> Result<Option<Plan>, Error> {
        let id = path.path;
        Ok(Some(match operand {
            Operand::Token { system, code } => self.token(id, [Sort::Code, Sort::System], system, code.as_deref()),
            Operand::Logical { system, value } => {
                self.token(id, [Sort::Logical, Sort::LogicalSystem], system, value.as_deref())
            }
            Operand::TokenAny(codes) => {
                Plan::Lists(codes.iter().map(|(system, code)| self.code(id, system.as_deref(), code)).collect())
            }
            Operand::TokenText(text) => self.display(id, text)?,
            Operand::OfType { system: Some(system), code, value } => {
                self.list(id, Sort::OfType, &[system, code, value])
            }
            Operand::OfType { system: None, code, value } => self.list(id, Sort::OfType, &[code, value]),
            Operand::Local { resource_type, id } => {
                return Ok(self.local(param, path, resource_type.as_deref(), id));
            }
            Operand::Url(url) => return Ok(self.url(param, path, url)),
            Operand::Starts(text) => self.list(id, Sort::Prefix, &[prefixes(text).last().unwrap_or_default()]),
            Operand::Contains(text) | Operand::Ends(text) => self.grams(id, text),
            Operand::Exact(text) => self.list(id, Sort::Exact, &[text]),
            Operand::Date(test) => span(dates(id), SpanTest::Date(*test), None),
            Operand::Number(test) => span(numbers(id), SpanTest::Number(*test), None),
            Operand::Quantity { number, system, unit } => self.quantity(id, number, system.as_deref(), unit.as_deref()),
            Operand::Versions { url, .. } => self.list(id, Sort::Url, &[url]),
            Operand::Uri(uri) => self.list(id, Sort::Uri, &[uri]),
            Operand::UriBelow(uri) => self.list(id, Sort::Under, &[uri.trim_end_matches('/')]),
            Operand::UriAbove(uri) => self.uri_above(id, uri),
            Operand::Near { .. } => self.list(id, Sort::Any, &[""]),
            Operand::In(_) | Operand::CodeBelow { .. } | Operand::CodeAbove { .. } | Operand::Line { .. } => {
                return Err(self.unresolved());
            }
            // One component of a composite is never a composite.
            Operand::Composite(_) => Plan::Nothing,
        }))
    }

    fn unresolved(&self) -> Error {
        let why = "terminology has to answer :in, :above and :below on codes first";
        Error::Refusal(Refusal::new(No::NotOffered, "not-supported", why))
    }

    fn list(&mut self, path: PathId, sort: Sort, pieces: &[&str]) -> Plan {
        Plan::Lists(vec![ListName::plain(self.names.list(path, sort, pieces))])
    }

    fn code(&mut self, path: PathId, system: Option<&str>, code: &str) -> ListName {
        let hash = self.names.list(path, Sort::Code, &[code]);
        ListName { hash, system: system.map(|system| self.names.system(Some(system))) }
    }

    fn token(&mut self, path: PathId, sorts: [Sort; 2], system: &SystemTest, code: Option<&str>) -> Plan {
        let Some(code) = code else {
            let SystemTest::Is(system) = system else { return Plan::Nothing };
            return self.list(path, sorts[1], &[system]);
        };
        let hash = self.names.list(path, sorts[0], &[code]);
        let system = match system {
            SystemTest::Any => None,
            SystemTest::Absent => Some(0),
            SystemTest::Is(system) => Some(self.names.system(Some(system))),
        };
        Plan::Lists(vec![ListName { hash, system }])
    }

    fn display(&mut self, path: PathId, text: &str) -> Result<Plan, Error> {
        let label = self.names.list(path, Sort::Label, &[prefixes(text).last().unwrap_or_default()]);
        let displays = self.reading.displays(label)?;
        Ok(Plan::Lists(displays.into_iter().map(ListName::plain).collect()))
    }

    fn local(&mut self, param: &Param, path: &PathUse, wanted: Option<&str>, id: &str) -> Option<Plan> {
        let all = || fhir::definitions::r4().resource_names().map(str::to_owned).collect::<Vec<_>>();
        let types = match (path.target.as_deref(), wanted) {
            (Some(target), Some(wanted)) if target != wanted => return None,
            (Some(only), _) | (None, Some(only)) => vec![only.to_owned()],
            (None, None) if param.targets.is_empty() => all(),
            (None, None) => param.targets.clone(),
        };
        let mut lists = Vec::with_capacity(types.len());
        for resource_type in &types {
            let key = self.names.resource(resource_type, id);
            lists.push(ListName::plain(self.names.local(path.path, key)));
            for base in &self.bases {
                let url = format!("{base}/{resource_type}/{id}");
                lists.push(ListName::plain(self.names.list(path.path, Sort::Url, &[&url])));
            }
        }
        Some(Plan::Lists(lists))
    }

    fn url(&mut self, param: &Param, path: &PathUse, url: &str) -> Option<Plan> {
        if let Some((resource_type, id)) = own_parts(&self.bases, url) {
            return self.local(param, path, Some(resource_type), id);
        }
        let fits = path.target.as_deref().is_none_or(|target| type_in_url(url) == Some(target));
        fits.then(|| self.list(path.path, Sort::Url, &[url]))
    }

    fn grams(&mut self, path: PathId, text: &str) -> Plan {
        let lists: Vec<Plan> = grams(text).map(|gram| self.list(path, Sort::Gram, &[gram])).collect();
        if lists.is_empty() { self.list(path, Sort::Any, &[""]) } else { Plan::And(lists) }
    }

    fn uri_above(&mut self, path: PathId, uri: &str) -> Plan {
        let above = paths_above(uri).flat_map(|above| [above.to_owned(), format!("{above}/")]);
        let name = |uri: String| ListName::plain(self.names.list(path, Sort::Uri, &[&uri]));
        Plan::Lists(above.map(name).collect())
    }

    /// A quantity in its own unit, and in each other unit of UCUM that stands in the index and can be converted.
    fn quantity(&mut self, path: PathId, number: &NumberTest, system: Option<&str>, unit: Option<&str>) -> Plan {
        let mut plans = vec![span(numbers(path), SpanTest::Number(*number), self.units(system, unit))];
        let (Some(UCUM), Some(unit)) = (system, unit) else { return or(plans) };
        for (number, other) in in_other_units(number, unit) {
            let units = self.units(Some(UCUM), Some(other)).filter(|units| !units.is_empty());
            plans.extend(units.map(|units| span(numbers(path), SpanTest::Number(number), Some(units))));
        }
        or(plans)
    }

    fn units(&mut self, system: Option<&str>, unit: Option<&str>) -> Option<Vec<u32>> {
        let mut hash = |part: Option<&str>| part.map(|part| self.names.unit_part(part));
        let (system, unit) = (hash(system), hash(unit));
        match (system, unit) {
            (None, None) => None,
            (None, Some(unit)) => Some(self.reading.units(|u| u.code == unit || u.human == unit)),
            (Some(system), None) => Some(self.reading.units(|u| u.system == system)),
            (Some(system), Some(unit)) => Some(self.reading.units(|u| u.system == system && u.code == unit)),
        }
    }

    /// Where the parameter has some value.
    fn present(&mut self, param: &'static Param) -> Plan {
        if param.kind == Kind::Composite {
            let any = self.any_of_components(param);
            return Plan::Check(Box::new(any), Filter::Missing { param, missing: false });
        }
        if param.paths.is_empty() {
            // `_id` and `_lastUpdated` are never missing.
            return Plan::Everything;
        }
        let name = |path: &PathUse| {
            let target = path.target.as_deref().unwrap_or_default();
            ListName::plain(self.names.list(path.path, Sort::Any, &[target]))
        };
        Plan::Lists(param.paths.iter().map(name).collect())
    }

    fn any_of_components(&mut self, param: &Param) -> Plan {
        let mut any = |path: &PathUse| ListName::plain(self.names.list(path.path, Sort::Any, &[""]));
        let lists = param.components.iter().map(|c| Plan::Lists(c.paths.iter().map(&mut any).collect()));
        Plan::And(lists.collect())
    }

    fn narrative(&mut self, words: &[String]) -> Plan {
        let words = words.iter().flat_map(|word| narrative::asked(word));
        let lists: Vec<Plan> = words.map(|word| self.list(NARRATIVE, Sort::Word, &[&word])).collect();
        if lists.is_empty() { Plan::Nothing } else { Plan::And(lists) }
    }

    fn ids(&mut self, ids: &[String], types: &[String]) -> Result<Plan, Error> {
        let types = or_all(types);
        let mut found = Vec::new();
        for (resource_type, id) in types.iter().flat_map(|t| ids.iter().map(move |id| (t, id))) {
            let key = self.names.resource(resource_type, id);
            found.extend(self.records.current(key, self.reading.at)?);
        }
        Ok(positions(found))
    }

    fn last_updated(&self, test: &DateTest) -> Result<Plan, Error> {
        let from = |ms: i64| self.records.first_at(ms);
        let (low, above, end) = (from(test.low)?, from(test.high.saturating_add(1))?, u32::MAX);
        let one = Plan::Log;
        Ok(match test.prefix {
            Prefix::Eq | Prefix::Ap => one(low, above),
            Prefix::Ne => Plan::Or(vec![one(0, low), one(above, end)]),
            Prefix::Gt | Prefix::Sa => one(above, end),
            Prefix::Ge => one(low, end),
            Prefix::Lt | Prefix::Eb => one(0, low),
            Prefix::Le => one(0, above),
        })
    }

    /// A list by its function: the List that was written last for it, or what is current without one.
    fn current(&mut self, current: &Current, types: &[String]) -> Result<Plan, Error> {
        let lists = self.plan(&current.stored, &["List".to_owned()])?;
        let lists = Matcher::new(self.reading, self.records).all(&lists, &vec![type_number("List")])?;
        match lists.last() {
            Some(list) => Ok(Plan::And(vec![self.listed(*list)?, self.plan(&current.only, types)?])),
            None => self.plan(&current.otherwise, types),
        }
    }

    fn list_resource(&mut self, id: &str) -> Result<Plan, Error> {
        let key = self.names.resource("List", id);
        match self.records.current(key, self.reading.at)? {
            Some(list) => self.listed(list),
            None => Ok(Plan::Nothing),
        }
    }

    /// What the List at a position lists.
    fn listed(&mut self, list: u32) -> Result<Plan, Error> {
        let at = self.reading.at;
        let keys = self.records.resource(list, |list| {
            let items = list.get("entry").map_or(&[][..], Json::items);
            let items = items.iter().filter(|item| item.get("deleted").and_then(Json::as_bool) != Some(true));
            let references = items.filter_map(|item| item.get("item")?.text("reference"));
            references.filter_map(local_parts).map(|(ty, id)| self.names.resource(ty, id)).collect::<Vec<_>>()
        })?;
        let mut found = Vec::new();
        for key in keys.unwrap_or_default() {
            found.extend(self.records.current(key, at)?);
        }
        Ok(positions(found))
    }

    fn compartment(&mut self, kind: &str, id: &str, types: &[String]) -> Result<Plan, Error> {
        let key = self.names.resource(kind, id);
        let types = or_all(types);
        let hidden = self.records.hidden();
        let params = types.iter().flat_map(|t| params::compartment(kind, t));
        let paths = params.filter(|param| !hidden.is_some_and(|h| h.hides(param))).flat_map(|param| &param.paths);
        let mut paths: Vec<PathId> =
            paths.filter(|p| p.target.as_deref().is_none_or(|target| target == kind)).map(|p| p.path).collect();
        paths.sort_unstable();
        paths.dedup();
        let lists = paths.into_iter().map(|path| ListName::plain(self.names.local(path, key))).collect();
        let mut plans = vec![Plan::Lists(lists)];
        if types.iter().any(|t| t == kind) {
            plans.push(positions(self.records.current(key, self.reading.at)?.into_iter().collect()));
        }
        Ok(or(plans))
    }
}

/// Whether the index alone answers this comparison.
fn is_exact(operand: &Operand) -> bool {
    match operand {
        Operand::Starts(text) | Operand::TokenText(text) => text.chars().count() <= PREFIX_CHARS,
        Operand::Contains(text) => text.chars().count() == GRAM_CHARS,
        Operand::Composite(_) | Operand::Near { .. } | Operand::Ends(_) | Operand::Versions { .. } => false,
        _ => true,
    }
}

/// The paths of a reference that may lead to a type.
fn paths_to(param: &Param, target: &str) -> Vec<PathId> {
    let fits = |path: &&PathUse| path.target.as_deref().is_none_or(|only| only == target);
    param.paths.iter().filter(fits).map(|path| path.path).collect()
}

/// One of these. Lists are read together: a list of 1,000 ids is one part, not 1,000.
fn or(plans: Vec<Plan>) -> Plan {
    let (mut names, mut others) = (Vec::new(), Vec::new());
    for plan in plans {
        match plan {
            Plan::Lists(some) => names.extend(some),
            other => others.push(other),
        }
    }
    if !names.is_empty() {
        others.push(Plan::Lists(names));
    }
    match others.len() {
        0 => Plan::Nothing,
        1 => others.remove(0),
        _ => Plan::Or(others),
    }
}

fn positions(mut found: Vec<u32>) -> Plan {
    found.sort_unstable();
    found.dedup();
    Plan::Positions(found)
}

/// The types asked for; none are all of R4.
fn or_all(types: &[String]) -> Cow<'_, [String]> {
    match types {
        [] => fhir::definitions::r4().resource_names().map(str::to_owned).collect(),
        _ => types.into(),
    }
}

fn span(axis: u32, test: SpanTest, units: Option<Vec<u32>>) -> Plan {
    Plan::Span(SpanPlan { axis, test, units })
}

/// `Patient/1` and `Patient/1/_history/2` in parts.
pub fn local_parts(reference: &str) -> Option<(&str, &str)> {
    let Reference { resource_type, id, .. } = Reference::local(reference)?;
    (type_number(resource_type) > 0).then_some((resource_type, id))
}

/// Type and id in a URL that begins with one of the server's own.
pub fn own_parts<'u>(bases: &[String], url: &'u str) -> Option<(&'u str, &'u str)> {
    bases.iter().find_map(|base| local_parts(url.strip_prefix(base.as_str())?.strip_prefix('/')?))
}
