//! Requests, drawn from what the capability statement says is answered.

use crate::hospital::{Dice, PATIENTS};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A request below the FHIR base.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// A search parameter as the statement tells it.
#[derive(Clone)]
pub(super) struct Param {
    name: String,
    kind: String,
}

/// What the statement says of one type.
pub(super) struct Kind {
    params: Vec<Param>,
    includes: Vec<String>,
    revincludes: Vec<String>,
    pub(super) operations: Vec<String>,
    interactions: Vec<String>,
}

/// All that can be asked.
pub struct Grammar {
    pub(super) kinds: BTreeMap<String, Kind>,
    all: Vec<String>,
    /// Types of which there is something.
    here: Vec<String>,
    pub(super) system: Vec<String>,
    names: Vec<String>,
    features: RefCell<BTreeMap<&'static str, usize>>,
}

const FORM: &str = "application/x-www-form-urlencoded";
const CODES: [&str; 16] = [
    "8480-6",
    "http://loinc.org|7917-8",
    "7917-8",
    "F11.20",
    "http://hl7.org/fhir/sid/icd-10-cm|E11.9",
    "C50.911",
    "final",
    "active",
    "urn:x|x1",
    "x2",
    "female",
    "other",
    "PSYTHPN",
    "http://loinc.org|",
    "preliminary",
    "en",
];
const WORDS: [&str; 9] = ["fam", "Fam3", "Given1", "other", "kim", "text", "Letter", "City1", "Intensive"];
const DATES: [&str; 9] =
    ["2026", "2025-03", "2026-11-20", "2025-01-01", "2026-11-23T09:06:00Z", "2024", "2027", "1988-03", "2026-11-23"];
const PREFIXES: [&str; 9] = ["", "gt", "lt", "ge", "le", "ne", "sa", "eb", "ap"];
pub(super) const INSTANTS: [&str; 5] = [
    "2026-11-23T09:05:14Z",
    "2026-11-23T09:05:40Z",
    "2026-11-23T09:06:15Z",
    "2026-11-23T09:06:22Z",
    "2026-11-23T10:05:30Z",
];
pub(super) const URIS: [&str; 4] = ["http://a.org/pressure", "http://a.org/q", "http://a.org", "urn:x"];

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn named(value: &Value, name: &str) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item[name].as_str().map(str::to_owned)).collect()
}

impl Grammar {
    /// What the statement offers, over resources of these names.
    pub fn new(statement: &Value, names: Vec<String>) -> Grammar {
        let rest = &statement["rest"][0];
        let kind = |resource: &Value| {
            let params = resource["searchParam"].as_array().into_iter().flatten().map(|param| Param {
                name: param["name"].as_str().unwrap_or_default().to_owned(),
                kind: param["type"].as_str().unwrap_or_default().to_owned(),
            });
            Kind {
                params: params.collect(),
                includes: texts(&resource["searchInclude"]),
                revincludes: texts(&resource["searchRevInclude"]),
                operations: named(&resource["operation"], "name"),
                interactions: named(&resource["interaction"], "code"),
            }
        };
        let resources = rest["resource"].as_array().expect("resources");
        let type_of = |resource: &Value| resource["type"].as_str().expect("a type").to_owned();
        let kinds: BTreeMap<String, Kind> =
            resources.iter().map(|resource| (type_of(resource), kind(resource))).collect();
        let mut here: Vec<String> = names.iter().filter_map(|name| Some(name.split_once('/')?.0.to_owned())).collect();
        here.dedup();
        let system = named(&rest["interaction"], "code");
        Grammar { all: kinds.keys().cloned().collect(), kinds, here, system, names, features: RefCell::default() }
    }

    /// How often each feature was asked.
    pub fn features(&self) -> BTreeMap<&'static str, usize> {
        self.features.borrow().clone()
    }

    /// A resource that somebody made meanwhile.
    pub fn learn(&mut self, name: String) {
        self.names.push(name);
    }

    pub(super) fn note(&self, feature: &'static str) {
        *self.features.borrow_mut().entry(feature).or_default() += 1;
    }

    /// One request.
    pub fn ask(&self, dice: &mut Dice) -> Ask {
        match dice.below(100) {
            0..=17 => self.read(dice),
            18..=57 => self.search(dice),
            58..=63 => self.compartment(dice),
            64..=70 => self.history(dice),
            71..=78 => self.operation(dice),
            79..=91 => self.write(dice),
            92..=97 => self.bundle(dice),
            _ => self.odd(dice),
        }
    }

    pub(super) fn kind(&self, dice: &mut Dice) -> String {
        if dice.chance(88) { dice.one(&self.here).clone() } else { dice.one(&self.all).clone() }
    }

    /// `Type/id` of something that is there, was there, or is in one of the worlds only; now and then of nothing.
    pub(super) fn name(&self, dice: &mut Dice) -> String {
        match dice.below(20) {
            0 => format!("{}/nothing", self.kind(dice)),
            1..=4 => format!("Patient/p{}", dice.below(PATIENTS + 1)),
            5 => "Patient/p90".to_owned(),
            6 | 7 => {
                let x = format!("/x{}", dice.below(40));
                self.names.iter().find(|name| name.ends_with(&x)).unwrap_or(&self.names[0]).clone()
            }
            _ => dice.one(&self.names).clone(),
        }
    }

    pub(super) fn read(&self, dice: &mut Dice) -> Ask {
        let name = self.name(dice);
        let method = if dice.chance(20) { "HEAD" } else { "GET" };
        let mut path = name;
        if dice.chance(30) {
            self.note("vread");
            path = format!("{path}/_history/{}", 1 + dice.below(4));
        } else {
            self.note("read");
        }
        let mut headers = Vec::new();
        match dice.below(8) {
            0 => headers.push(("if-none-match", format!("W/\"{}\"", 1 + dice.below(3)))),
            1 => headers.push(("if-none-match", "*".to_owned())),
            2 => headers.push(("if-modified-since", "Mon, 23 Nov 2026 09:05:20 GMT".to_owned())),
            _ => {}
        }
        let mut pairs = Vec::new();
        self.shape(dice, &mut pairs);
        if dice.chance(10) {
            self.note("read as of");
            pairs.push(("_asof".to_owned(), pick(dice, &INSTANTS).to_owned()));
        }
        pairs.retain(|(name, _)| name != "_count" && name != "_total");
        Ask { method, path: format!("{path}{}", query(&pairs)), headers, body: String::new() }
    }

    /// Parameters that give the answer its shape.
    fn shape(&self, dice: &mut Dice, pairs: &mut Vec<(String, String)>) {
        let mut add = |name: &str, value: &str| pairs.push((name.to_owned(), value.to_owned()));
        if dice.chance(12) {
            add("_summary", pick(dice, &["true", "text", "data", "count", "false"]));
        }
        if dice.chance(10) {
            add("_elements", pick(dice, &["subject", "code,status", "name", "id", "identifier"]));
        }
        if dice.chance(6) {
            add("_pretty", "true");
        }
        if dice.chance(30) {
            add("_count", pick(dice, &["1", "2", "3", "5", "0", "200"]));
        }
        if dice.chance(15) {
            add("_total", pick(dice, &["none", "estimate", "accurate"]));
        }
    }

    /// A value for a parameter.
    fn value(&self, param: &Param, dice: &mut Dice) -> String {
        match param.kind.as_str() {
            "token" => pick(dice, &CODES).to_owned(),
            "string" => pick(dice, &WORDS).to_owned(),
            "date" => format!("{}{}", pick(dice, &PREFIXES), pick(dice, &DATES)),
            "number" | "quantity" => format!("{}{}", pick(dice, &PREFIXES), dice.below(300)),
            "reference" => {
                let name = self.name(dice);
                if dice.chance(40) { name.split_once('/').map_or(name.clone(), |(_, id)| id.to_owned()) } else { name }
            }
            "uri" => pick(dice, &URIS).to_owned(),
            "composite" => format!("{}${}", pick(dice, &CODES), pick(dice, &["gt100", "8480-6", "2026"])),
            _ => pick(dice, &CODES).to_owned(),
        }
    }

    fn modifier(param: &Param, dice: &mut Dice) -> &'static str {
        if !dice.chance(25) {
            return "";
        }
        match param.kind.as_str() {
            "token" => pick(dice, &[":not", ":text", ":in", ":not-in", ":above", ":below", ":of-type", ":missing"]),
            "string" => pick(dice, &[":exact", ":contains", ":missing"]),
            "reference" => pick(dice, &[":identifier", ":missing", ":above", ":below", ":Patient", ":Observation"]),
            "uri" => pick(dice, &[":above", ":below", ":missing"]),
            _ => ":missing",
        }
    }

    /// A condition on a type: plain, modified, chained or reversed.
    fn condition(&self, kind: &str, depth: usize, dice: &mut Dice) -> Option<(String, String)> {
        let Kind { params, revincludes, .. } = self.kinds.get(kind)?;
        if depth < 3 && !revincludes.is_empty() && dice.chance(14) {
            let reverse = self.near(revincludes, dice);
            let (source, by) = reverse.split_once(':')?;
            let (name, value) = self.condition(source, depth + 1, dice)?;
            self.note("reverse chain");
            return Some((format!("_has:{source}:{by}:{name}"), value));
        }
        let param = dice.one(params).clone();
        if param.kind == "reference" && depth < 3 && dice.chance(35) {
            let target = self.kind(dice);
            let target = if dice.chance(60) { "Patient".to_owned() } else { target };
            let (name, value) = self.condition(&target, depth + 1, dice)?;
            self.note("chain");
            return Some((format!("{}:{target}.{name}", param.name), value));
        }
        let modifier = Grammar::modifier(&param, dice);
        let value = match modifier {
            ":missing" => pick(dice, &["true", "false"]).to_owned(),
            ":in" | ":not-in" => "http://a.org/pressure".to_owned(),
            _ => self.value(&param, dice),
        };
        Some((format!("{}{modifier}", param.name), value))
    }

    /// One that has to do with what is there, more often than not.
    fn near<'s>(&self, all: &'s [String], dice: &mut Dice) -> &'s String {
        let near: Vec<&String> = all
            .iter()
            .filter(|text| text.split_once(':').is_some_and(|(kind, _)| self.here.iter().any(|h| h == kind)))
            .collect();
        if near.is_empty() || dice.chance(10) { dice.one(all) } else { near[dice.below(near.len())] }
    }

    fn conditions(&self, kind: &str, dice: &mut Dice) -> Vec<(String, String)> {
        let count = [0, 1, 1, 1, 2, 3][dice.below(6)];
        let mut pairs: Vec<(String, String)> = (0..count).filter_map(|_| self.condition(kind, 0, dice)).collect();
        if dice.chance(25) {
            self.note("patient's");
            pairs.push(("patient".to_owned(), format!("p{}", dice.below(PATIENTS + 1))));
        }
        pairs
    }

    fn extras(&self, kind: &str, dice: &mut Dice, pairs: &mut Vec<(String, String)>) {
        let Some(known) = self.kinds.get(kind) else { return };
        let (mut include, mut revinclude) = (Vec::new(), Vec::new());
        let iterate =
            |dice: &mut Dice, name: &str| if dice.chance(25) { format!("{name}:iterate") } else { name.to_owned() };
        for _ in 0..[0, 0, 0, 1, 2][dice.below(5)] {
            include.push((iterate(dice, "_include"), dice.one(&known.includes).clone()));
        }
        for _ in 0..[0, 0, 0, 1, 2][dice.below(5)] {
            if !known.revincludes.is_empty() {
                let one = if dice.chance(10) { "*".to_owned() } else { self.near(&known.revincludes, dice).clone() };
                revinclude.push((iterate(dice, "_revinclude"), one));
            }
        }
        let sort = dice.chance(25).then(|| format!("{}{}", pick(dice, &["", "-"]), dice.one(&known.params).name));
        let noted =
            [("include", !include.is_empty()), ("revinclude", !revinclude.is_empty()), ("sort", sort.is_some())];
        noted.into_iter().filter(|(_, is)| *is).for_each(|(feature, _)| self.note(feature));
        pairs.extend(include.into_iter().chain(revinclude));
        pairs.extend(sort.map(|sort| ("_sort".to_owned(), sort)));
        let mut add = |feature: &'static str, name: &str, value: String| {
            self.note(feature);
            pairs.push((name.to_owned(), value));
        };
        match dice.below(30) {
            0 => add("as of", "_asof", pick(dice, &INSTANTS).to_owned()),
            1 => add("text", "_text", pick(dice, &WORDS).to_owned()),
            2 => add("content", "_content", pick(dice, &WORDS).to_owned()),
            3 => {
                add("list", "_list", pick(dice, &["p0-3", "x1", "$current-problems", "$current-allergies"]).to_owned());
            }
            4 => add(
                "filter",
                "_filter",
                pick(dice, &["status eq final", "name co \"fam\" or gender eq female", "code eq 8480-6"]).to_owned(),
            ),
            5 => add("contained", "_contained", pick(dice, &["true", "both"]).to_owned()),
            6 => add("last updated", "_lastUpdated", format!("{}{}", pick(dice, &PREFIXES), pick(dice, &INSTANTS))),
            7 => add("security", "_security", "PSYTHPN".to_owned()),
            8 => add("id", "_id", "p0,p3,p90,x1,p2-1".to_owned()),
            9 => add("unknown", "nonsense", "1".to_owned()),
            _ => {}
        }
    }

    pub(super) fn search(&self, dice: &mut Dice) -> Ask {
        let system = dice.chance(8);
        let kind = self.kind(dice);
        let mut pairs = if system { Vec::new() } else { self.conditions(&kind, dice) };
        if system {
            self.note("search everything");
            pairs.push(("_type".to_owned(), format!("{},{}", self.kind(dice), self.kind(dice))));
        }
        self.extras(&kind, dice, &mut pairs);
        self.shape(dice, &mut pairs);
        let mut headers = Vec::new();
        if dice.chance(10) {
            headers.push(("prefer", "handling=strict".to_owned()));
        }
        let place = if system { String::new() } else { kind };
        if dice.chance(12) {
            self.note("search by POST");
            headers.push(("content-type", FORM.to_owned()));
            let path = if place.is_empty() { "_search".to_owned() } else { format!("{place}/_search") };
            let body = query(&pairs);
            return Ask { method: "POST", path, headers, body: body.trim_start_matches('?').to_owned() };
        }
        self.note("search");
        Ask { method: "GET", path: format!("{place}{}", query(&pairs)), headers, body: String::new() }
    }

    fn compartment(&self, dice: &mut Dice) -> Ask {
        self.note("compartment");
        let centre = match dice.below(4) {
            0 => format!("Encounter/p{}-v{}", dice.below(PATIENTS), dice.below(2)),
            1 => "Practitioner/kim".to_owned(),
            _ => format!("Patient/p{}", [dice.below(PATIENTS), 90][usize::from(dice.chance(10))]),
        };
        let kind = if dice.chance(20) { "*".to_owned() } else { self.kind(dice) };
        let mut pairs = if kind == "*" { Vec::new() } else { self.conditions(&kind, dice) };
        self.extras(&kind, dice, &mut pairs);
        self.shape(dice, &mut pairs);
        Ask {
            method: "GET",
            path: format!("{centre}/{kind}{}", query(&pairs)),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    fn history(&self, dice: &mut Dice) -> Ask {
        self.note("history");
        let place = match dice.below(5) {
            0 => String::new(),
            1 | 2 => format!("{}/", self.kind(dice)),
            _ => format!("{}/", self.name(dice)),
        };
        let mut pairs = Vec::new();
        self.shape(dice, &mut pairs);
        pairs.retain(|(name, _)| name != "_total");
        match dice.below(5) {
            0 => pairs.push(("_since".to_owned(), pick(dice, &INSTANTS).to_owned())),
            1 => pairs.push(("_at".to_owned(), pick(dice, &INSTANTS).to_owned())),
            _ => {}
        }
        Ask {
            method: "GET",
            path: format!("{place}_history{}", query(&pairs)),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Interactions of the statement that no request here is made for.
    pub fn unasked(&self) -> Vec<String> {
        const KNOWN: [&str; 13] = [
            "read",
            "vread",
            "update",
            "patch",
            "delete",
            "history-instance",
            "history-type",
            "create",
            "search-type",
            "transaction",
            "batch",
            "search-system",
            "history-system",
        ];
        let all = self.kinds.values().flat_map(|kind| &kind.interactions).chain(&self.system);
        all.filter(|interaction| !KNOWN.contains(&interaction.as_str())).cloned().collect()
    }
}

pub(super) fn pick(dice: &mut Dice, of: &[&'static str]) -> &'static str {
    of[dice.below(of.len())]
}

/// `?a=b&c=d`, percent-encoded; nothing for no pairs.
pub(super) fn query(pairs: &[(String, String)]) -> String {
    let all: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
    if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) }
}

pub(super) fn percent(text: &str) -> String {
    let plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b':' | b'$' | b',' | b'/' | b'*');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
