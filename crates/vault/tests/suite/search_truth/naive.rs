//! A search engine that cannot be wrong in a clever way: it looks at every resource, every time.

use super::values::{Value, tuples, values};
use fhir::json::Json;
use fhir::search::params::{Kind, Param, compartment, hierarchy};
use fhir::search::query::{
    Contained, DateTest, Filter, Include, NumberTest, Operand, Prefix, Query, Sort, SortBy, SystemTest,
};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// One version, as it was read back.
pub struct Seen {
    pub position: u64,
    pub updated: i64,
    pub resource_type: String,
    pub id: String,
    /// `None`: a deletion.
    pub resource: Option<Json<'static>>,
}

impl Seen {
    pub fn name(&self) -> String {
        format!("{}/{}", self.resource_type, self.id)
    }
}

/// Values of a parameter at a position.
type Known = HashMap<(String, u64), Rc<Vec<Value>>>;

/// Everything that was ever written.
#[derive(Default)]
pub struct World {
    pub versions: Vec<Seen>,
    known: RefCell<Known>,
}

/// The world at one position.
pub struct Now<'w> {
    world: &'w World,
    current: HashMap<String, &'w Seen>,
    lines: RefCell<HashMap<String, Rc<BTreeSet<String>>>>,
}

impl World {
    pub fn at(&self, position: u64) -> Now<'_> {
        let mut current = HashMap::new();
        for seen in self.versions.iter().filter(|seen| seen.position < position) {
            match seen.resource {
                Some(_) => current.insert(seen.name(), seen),
                None => current.remove(&seen.name()),
            };
        }
        Now { world: self, current, lines: RefCell::default() }
    }

    /// The world at one position, with only what may be seen.
    pub fn seen_at(&self, position: u64, sees: impl Fn(&Seen) -> bool) -> Now<'_> {
        let mut now = self.at(position);
        now.current.retain(|_, seen| sees(seen));
        now
    }

    /// The values of a parameter, remembered.
    pub fn values(&self, param: &Param, seen: &Seen) -> Rc<Vec<Value>> {
        let key = (format!("{} {}", param.url, param.code), seen.position);
        if let Some(known) = self.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let found = Rc::new(seen.resource.as_ref().map(|r| values(param, r)).unwrap_or_default());
        self.known.borrow_mut().insert(key, Rc::clone(&found));
        found
    }
}

impl Now<'_> {
    /// Names of what matches, in order.
    pub fn search(&self, query: &Query) -> Vec<String> {
        if query.contained != Contained::Without {
            return self.search_contained(query);
        }
        let types = &query.types;
        let of_type = |seen: &&&Seen| types.is_empty() || types.contains(&seen.resource_type);
        let mut found: Vec<&Seen> =
            self.current.values().filter(of_type).filter(|s| self.holds(&query.filter, s)).copied().collect();
        found.sort_by_key(|seen| std::cmp::Reverse(seen.position));
        for sort in query.sort.iter().rev() {
            self.sort(sort, &mut found);
        }
        found.iter().map(|seen| seen.name()).collect()
    }

    /// Names of what matches where contained resources count: `MedicationRequest/1#m`, or what holds it.
    fn search_contained(&self, query: &Query) -> Vec<String> {
        let of_type = |seen: &Seen| query.types.is_empty() || query.types.contains(&seen.resource_type);
        let mut hits: Vec<(std::cmp::Reverse<u64>, u64, String)> = Vec::new();
        for holder in self.current.values() {
            if query.contained == Contained::Both && of_type(holder) && self.holds(&query.filter, holder) {
                hits.push((std::cmp::Reverse(holder.position), 0, holder.name()));
            }
            let contained = holder.resource.as_ref().and_then(|r| r.get("contained")).map_or(&[][..], |c| c.items());
            for (i, inner) in (1..).zip(contained) {
                let text = |name: &str| inner.text(name).unwrap_or_default().to_owned();
                let (resource_type, id, resource) = (text("resourceType"), text("id"), Some(inner.clone()));
                // Values are remembered by position: this one is nobody else's.
                let position = holder.position + (i << 40);
                let seen = Seen { position, updated: holder.updated, resource_type, id, resource };
                if of_type(&seen) && self.holds(&query.filter, &seen) {
                    let (number, name) = match query.contained_alone {
                        true => (i, format!("{}#{}", holder.name(), seen.id)),
                        false => (0, holder.name()),
                    };
                    hits.push((std::cmp::Reverse(holder.position), number, name));
                }
            }
        }
        hits.sort();
        hits.dedup();
        hits.into_iter().map(|hit| hit.2).collect()
    }

    /// Names of what a page of matches brings along.
    pub fn included(&self, query: &Query, matches: &[String]) -> BTreeSet<String> {
        let mut out: BTreeSet<String> = BTreeSet::new();
        let mut front: Vec<String> = matches.to_vec();
        let mut first = true;
        while !front.is_empty() {
            let mut next = Vec::new();
            for name in &front {
                let forward = query.include.iter().filter(|i| first || i.iterate).flat_map(|i| self.forward(name, i));
                let reverse =
                    query.revinclude.iter().filter(|i| first || i.iterate).flat_map(|i| self.reverse(name, i));
                next.extend(forward.chain(reverse));
            }
            next.retain(|name| !matches.contains(name) && out.insert(name.clone()));
            (front, first) = (next, false);
        }
        out
    }

    fn params(resource_type: &str, code: &str) -> Vec<&'static Param> {
        let all = fhir::search::params::of(resource_type).iter();
        all.filter(|p| p.kind == Kind::Reference && (code == "*" || p.code == code)).collect()
    }

    fn forward(&self, name: &str, include: &Include) -> Vec<String> {
        let Some(seen) = self.current.get(name) else { return Vec::new() };
        if include.source != "*" && include.source != seen.resource_type {
            return Vec::new();
        }
        let params = Self::params(&seen.resource_type, &include.param);
        let targets = params.iter().flat_map(|p| self.references(p, seen));
        let fits = |name: &String| include.target.as_ref().is_none_or(|t| name.starts_with(&format!("{t}/")));
        targets.filter(|name| self.current.contains_key(name)).filter(fits).collect()
    }

    fn reverse(&self, name: &str, include: &Include) -> Vec<String> {
        if include.target.as_ref().is_some_and(|t| !name.starts_with(&format!("{t}/"))) {
            return Vec::new();
        }
        let sources = self.current.values().filter(|s| include.source == "*" || include.source == s.resource_type);
        let refers = |seen: &&&Seen| {
            let params = Self::params(&seen.resource_type, &include.param);
            params.iter().any(|p| self.references(p, seen).iter().any(|r| r == name))
        };
        sources.filter(refers).map(|seen| seen.name()).collect()
    }

    fn references(&self, param: &Param, seen: &Seen) -> Vec<String> {
        let local = |value: &Value| if let Value::Reference(r) = value { Some(r.clone()) } else { None };
        self.world.values(param, seen).iter().filter_map(local).collect()
    }

    fn holds(&self, filter: &Filter, seen: &Seen) -> bool {
        match filter {
            Filter::All => true,
            Filter::Never => false,
            Filter::And(all) => all.iter().all(|f| self.holds(f, seen)),
            Filter::Or(some) => some.iter().any(|f| self.holds(f, seen)),
            Filter::Not(filter) => !self.holds(filter, seen),
            Filter::Test(test) => match &test.operand {
                Operand::Composite(parts) => self.tuples(test.param, seen).iter().any(|element| {
                    parts.iter().zip(element).all(|((_, operand), values)| values.iter().any(|v| meets(operand, v)))
                }),
                Operand::Line { above, from } => {
                    let line = self.line(test.param, *above, from);
                    self.references(test.param, seen).iter().any(|name| line.contains(name))
                }
                operand => self.world.values(test.param, seen).iter().any(|v| meets(operand, v)),
            },
            Filter::Missing { param, missing } => {
                let there = if param.kind == Kind::Composite {
                    self.tuples(param, seen).iter().any(|element| element.iter().all(|part| !part.is_empty()))
                } else {
                    !self.world.values(param, seen).is_empty()
                };
                *missing != there
            }
            Filter::Chain { param, target, filter } => self.references(param, seen).iter().any(|name| {
                name.starts_with(&format!("{target}/")) && self.current.get(name).is_some_and(|s| self.holds(filter, s))
            }),
            Filter::Has { source, param, filter } => self.current.values().any(|s| {
                s.resource_type == *source && self.references(param, s).contains(&seen.name()) && self.holds(filter, s)
            }),
            Filter::Id(ids) => ids.contains(&seen.id),
            Filter::LastUpdated(test) => span(test, seen.updated, seen.updated),
            Filter::List(id) => self.listed(id).contains(&seen.name()),
            Filter::Current(current) => {
                let kept =
                    self.current.values().filter(|s| s.resource_type == "List" && self.holds(&current.stored, s));
                match kept.max_by_key(|s| s.position) {
                    Some(list) => self.listed(&list.id).contains(&seen.name()) && self.holds(&current.only, seen),
                    None => self.holds(&current.otherwise, seen),
                }
            }
            Filter::Words { narrative, words } => {
                let there = words_of(seen, *narrative);
                words.iter().all(|word| there.contains(&plain(word)))
            }
            Filter::Compartment { kind, id } => {
                let name = format!("{kind}/{id}");
                let params = compartment(kind, &seen.resource_type);
                seen.name() == name || params.iter().any(|p| self.references(p, seen).contains(&name))
            }
        }
    }

    fn tuples(&self, param: &Param, seen: &Seen) -> Vec<Vec<Vec<Value>>> {
        seen.resource.as_ref().map(|r| tuples(param, r)).unwrap_or_default()
    }

    /// What stands above or below a start, and the start: names and URLs.
    fn line(&self, param: &Param, above: bool, from: &Operand) -> Rc<BTreeSet<String>> {
        let key = format!("{above} {from:?} {:?}", param.targets);
        if let Some(known) = self.lines.borrow().get(&key) {
            return Rc::clone(known);
        }
        let mut line: BTreeSet<String> = match from {
            Operand::Local { resource_type: Some(ty), id } => [format!("{ty}/{id}")].into(),
            Operand::Local { resource_type: None, id } => param.targets.iter().map(|ty| format!("{ty}/{id}")).collect(),
            Operand::Url(url) => [url.clone()].into(),
            other => panic!("a line cannot start at {other:?}"),
        };
        loop {
            let mut more = Vec::new();
            for (name, seen) in self.current.iter().filter(|(_, s)| param.targets.contains(&s.resource_type)) {
                let Some(parents) = hierarchy(&seen.resource_type) else { continue };
                let same =
                    |parent: &String| parent.contains("://") || parent.starts_with(&format!("{}/", seen.resource_type));
                let parents: Vec<String> = self.references(parents, seen).into_iter().filter(same).collect();
                match above {
                    true if line.contains(name) => more.extend(parents),
                    false if parents.iter().any(|parent| line.contains(parent)) => more.push(name.clone()),
                    _ => {}
                }
            }
            let before = line.len();
            line.extend(more);
            if line.len() == before {
                let line = Rc::new(line);
                self.lines.borrow_mut().insert(key, Rc::clone(&line));
                return line;
            }
        }
    }

    fn listed(&self, id: &str) -> Vec<String> {
        let list = self.current.get(&format!("List/{id}")).and_then(|s| s.resource.as_ref());
        let entries = list.and_then(|l| l.get("entry")).map_or(&[][..], |e| e.items());
        entries.iter().filter_map(|e| e.get("item")?.text("reference").map(str::to_owned)).collect()
    }

    fn sort(&self, sort: &Sort, found: &mut [&Seen]) {
        let down = sort.descending;
        match &sort.by {
            SortBy::LastUpdated => found.sort_by_key(|s| if down { u64::MAX - s.position } else { s.position }),
            SortBy::Id => by(found, down, |s| vec![s.id.clone()], Ord::cmp),
            SortBy::Param(param) => match param.kind {
                Kind::Date | Kind::Number | Kind::Quantity => {
                    by(
                        found,
                        down,
                        |s| self.world.values(param, s).iter().filter_map(|v| number(v, down)).collect(),
                        f64::total_cmp,
                    );
                }
                _ => by(found, down, |s| self.world.values(param, s).iter().filter_map(sortable).collect(), Ord::cmp),
            },
        }
    }
}

/// A stable sort by the least of some keys, or the greatest; without a key last.
fn by<K: Clone>(
    found: &mut [&Seen],
    down: bool,
    keys: impl Fn(&Seen) -> Vec<K>,
    compare: impl Fn(&K, &K) -> std::cmp::Ordering,
) {
    let order = |a: &K, b: &K| if down { compare(b, a) } else { compare(a, b) };
    let best: HashMap<u64, Option<K>> =
        found.iter().map(|s| (s.position, keys(s).into_iter().min_by(&order))).collect();
    found.sort_by(|a, b| match (&best[&a.position], &best[&b.position]) {
        (Some(a), Some(b)) => order(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
}

fn number(value: &Value, down: bool) -> Option<f64> {
    match value {
        Value::Span(low, high) => Some(if down { *high as f64 } else { *low as f64 }),
        Value::Number { low, high, .. } => Some(if down { *high } else { *low }),
        _ => None,
    }
}

fn sortable(value: &Value) -> Option<String> {
    match value {
        Value::Token(_, code) => Some(code.clone()),
        Value::Words(text) => Some(plain(text)),
        Value::Uri(text) | Value::Reference(text) => Some(text.clone()),
        _ => None,
    }
}

fn words_of(seen: &Seen, narrative: bool) -> BTreeSet<String> {
    let mut text = String::new();
    let resource = seen.resource.as_ref().expect("current");
    if narrative {
        text.push_str(resource.get("text").and_then(|t| t.text("div")).unwrap_or_default());
    } else {
        collect(resource, &mut text);
    }
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    let out = plain(
        &out.replace("&amp;", "&")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'"),
    );
    out.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

fn collect(json: &Json, out: &mut String) {
    match json {
        Json::String(s) => {
            out.push_str(s);
            out.push('\n');
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, out)),
        Json::Object(object) => object.iter().for_each(|(_, value)| collect(value, out)),
        _ => {}
    }
}

/// Lower case, without the accents that occur in the data, white space as one space.
pub fn plain(text: &str) -> String {
    let accents =
        [("áàâäãå", 'a'), ("éèêë", 'e'), ("íìîï", 'i'), ("óòôöõ", 'o'), ("úùûü", 'u'), ("ñ", 'n'), ("ç", 'c')];
    let bare = |c: char| accents.iter().find(|(all, _)| all.contains(c)).map_or(c, |(_, bare)| *bare);
    let lower: String = text.to_lowercase().chars().map(bare).collect();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn span(test: &DateTest, low: i64, high: i64) -> bool {
    let contained = low >= test.low && high <= test.high;
    match test.prefix {
        Prefix::Eq => contained,
        Prefix::Ne => !contained,
        Prefix::Gt => high > test.high,
        Prefix::Ge => high > test.high || contained,
        Prefix::Lt => low < test.low,
        Prefix::Le => low < test.low || contained,
        Prefix::Sa => low > test.high,
        Prefix::Eb => high < test.low,
        Prefix::Ap => !(low > test.high || high < test.low),
    }
}

fn real(test: &NumberTest, low: f64, high: f64) -> bool {
    let contained = low >= test.low && high < test.high;
    match test.prefix {
        Prefix::Eq => contained,
        Prefix::Ne => !contained,
        Prefix::Gt => high > test.value,
        Prefix::Ge => high >= test.value,
        Prefix::Lt => low < test.value,
        Prefix::Le => low <= test.value,
        Prefix::Sa => low > test.value,
        Prefix::Eb => high < test.value,
        Prefix::Ap => !(low > test.high || high < test.low),
    }
}

/// `?` stands for a system that this evaluator does not know.
fn system(test: &SystemTest, system: &str) -> bool {
    match test {
        SystemTest::Any => true,
        SystemTest::Absent => system.is_empty(),
        SystemTest::Is(wanted) => wanted == system || (system == "?" && wanted.starts_with("http://hl7.org/fhir/")),
    }
}

/// What one unit is, and of what: enough for the units of the data.
fn unit(code: &str) -> Option<(f64, &'static str)> {
    Some(match code {
        "kg" => (1e3, "g"),
        "g" => (1.0, "g"),
        "mg" => (1e-3, "g"),
        "ug" => (1e-6, "g"),
        "ng" => (1e-9, "g"),
        "pg" => (1e-12, "g"),
        "[lb_av]" => (453.592_37, "g"),
        "m" => (1.0, "m"),
        "cm" => (1e-2, "m"),
        "mm" => (1e-3, "m"),
        "[in_i]" => (0.0254, "m"),
        "L" | "l" => (1.0, "L"),
        "dL" => (0.1, "L"),
        "mL" => (1e-3, "L"),
        "fL" => (1e-15, "L"),
        "g/dL" => (10.0, "g/L"),
        "g/L" | "mg/mL" => (1.0, "g/L"),
        "mg/dL" => (1e-2, "g/L"),
        "mg/L" | "ug/mL" => (1e-3, "g/L"),
        "ug/dL" => (1e-5, "g/L"),
        "ug/L" | "ng/mL" => (1e-6, "g/L"),
        "ng/dL" => (1e-8, "g/L"),
        "pg/mL" | "ng/L" => (1e-9, "g/L"),
        "mol/L" | "eq/L" => (1.0, "mol/L"),
        "mmol/L" | "meq/L" | "mosm/L" => (1e-3, "mol/L"),
        "umol/L" => (1e-6, "mol/L"),
        "nmol/L" => (1e-9, "mol/L"),
        "pmol/L" => (1e-12, "mol/L"),
        "10*3/uL" | "10*9/L" => (1e9, "/L"),
        "10*6/uL" | "10*12/L" => (1e12, "/L"),
        "/uL" => (1e6, "/L"),
        "U/L" => (1.0, "U/L"),
        "mm[Hg]" => (133.322, "Pa"),
        "kPa" => (1e3, "Pa"),
        "/min" => (1.0, "/min"),
        "mL/min" => (1.0, "mL/min"),
        "mL/s" => (60.0, "mL/min"),
        "%" => (1e-2, "1"),
        "1" => (1.0, "1"),
        "mg/g" => (1e-3, "1"),
        "ug/g" => (1e-6, "1"),
        "a" => (31_557_600.0, "s"),
        "mo" => (2_629_800.0, "s"),
        "wk" => (604_800.0, "s"),
        "d" => (86_400.0, "s"),
        "h" => (3_600.0, "s"),
        "min" => (60.0, "s"),
        "s" => (1.0, "s"),
        _ => return None,
    })
}

/// To 12 digits: what is equal in decimal is equal here.
fn rounded(number: f64) -> f64 {
    format!("{number:.11e}").parse().expect("a number")
}

fn in_unit(test: &NumberTest, asked: &str, stored: &str) -> Option<NumberTest> {
    let (from, to) = (unit(asked)?, unit(stored)?);
    let scaled = |number: f64| rounded(number * from.0 / to.0);
    let (value, low, high) = (scaled(test.value), scaled(test.low), scaled(test.high));
    (from.1 == to.1).then_some(NumberTest { prefix: test.prefix, value, low, high })
}

fn meets(operand: &Operand, value: &Value) -> bool {
    match (operand, value) {
        (Operand::Token { system: s, code }, Value::Token(found, c)) => {
            code.as_ref().is_none_or(|code| code == c) && system(s, found)
        }
        (Operand::TokenText(text), Value::Text(found)) => plain(found).starts_with(text),
        (Operand::OfType { system, code, value }, Value::OfType(s, c, v)) => {
            code == c && value == v && system.as_ref().is_none_or(|system| system == s)
        }
        (Operand::Local { resource_type, id }, Value::Reference(found)) => match resource_type {
            Some(resource_type) => *found == format!("{resource_type}/{id}"),
            None => found.split_once('/').is_some_and(|(_, rest)| rest == id),
        },
        (Operand::Url(url), Value::Reference(found)) => found == url || found.split('|').next() == Some(url),
        (Operand::Versions { above, url, version }, Value::Reference(found)) => {
            let parts = |version: &str| version.split('.').map(str::to_owned).collect::<Vec<_>>();
            let found = found.split_once('|').filter(|(canonical, _)| canonical == url).map(|(_, v)| parts(v));
            found.is_some_and(|found| match above {
                true => parts(version).starts_with(&found),
                false => found.starts_with(&parts(version)),
            })
        }
        (Operand::Logical { system: s, value }, Value::Logical(found, v)) => {
            value.as_ref().is_none_or(|value| value == v) && system(s, found)
        }
        (Operand::Starts(text), Value::Words(found)) => plain(found).starts_with(text),
        (Operand::Contains(text), Value::Words(found)) => plain(found).contains(text),
        (Operand::Ends(text), Value::Words(found)) => plain(found).ends_with(text),
        (Operand::Exact(text), Value::Words(found)) => text == found,
        (Operand::Date(test), Value::Span(low, high)) => span(test, *low, *high),
        (Operand::Number(test), Value::Number { low, high, .. }) => real(test, *low, *high),
        (Operand::Quantity { number, system, unit }, Value::Number { low, high, system: s, code, unit: human }) => {
            let fits = match (system, unit) {
                (None, None) => true,
                (None, Some(unit)) => unit == code || unit == human,
                (Some(system), None) => system == s,
                (Some(system), Some(unit)) => system == s && unit == code,
            };
            let ucum = |system: &str| system == "http://unitsofmeasure.org";
            match (system, unit) {
                (Some(asked), Some(unit)) if !fits && ucum(asked) && ucum(s) => {
                    in_unit(number, unit, code).is_some_and(|test| real(&test, rounded(*low), rounded(*high)))
                }
                _ => fits && real(number, *low, *high),
            }
        }
        (Operand::Uri(uri), Value::Uri(found)) => uri == found,
        (Operand::UriBelow(uri), Value::Uri(found)) => found == uri || found.starts_with(&format!("{uri}/")),
        (Operand::UriAbove(uri), Value::Uri(found)) => found == uri || uri.starts_with(&format!("{found}/")),
        (Operand::Near { latitude, longitude, km }, Value::Place(lat, lon)) => {
            let [a, b] = [latitude.to_radians(), lat.to_radians()];
            let cosine = a.sin() * b.sin() + a.cos() * b.cos() * (lon - longitude).to_radians().cos();
            cosine.clamp(-1.0, 1.0).acos() * 6371.0 <= *km
        }
        _ => false,
    }
}
