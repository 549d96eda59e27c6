//! `$expand`, `$lookup`, `$validate-code`, `$subsumes` over what is loaded: the specification's own code systems and
//! value sets, and those kept in the record (R4 terminology service).

use super::inputs::{Coding, Inputs};
use super::operations::version;
use super::route::Key;
use super::{Asked, read};
use crate::answer::{Outcome, json};
use crate::server::Shared;
use axum::http::StatusCode;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::terminology::expand::{Ask, expand, value_set};
use fhir::terminology::judge::{Coded, Judgement, in_system, in_value_set, subsumes};
use fhir::terminology::lookup::lookup;
use fhir::terminology::model::{System, ValueSet};
use fhir::terminology::{Kind as Sought, Library, Stored, TerminologyError};
use std::ops::Deref;
use std::sync::Arc;
use vault::access::Visit;
use vault::search::Page;

/// Which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `ValueSet/$expand`.
    Expand,
    /// `CodeSystem/$lookup`.
    Lookup,
    /// `CodeSystem/$validate-code`.
    InSystem,
    /// `ValueSet/$validate-code`.
    InValueSet,
    /// `CodeSystem/$subsumes`.
    Subsumes,
}

impl Operation {
    /// The operation of that name on that type.
    pub fn of(resource_type: &str, name: &str) -> Option<Operation> {
        match (resource_type, name) {
            ("ValueSet", "expand") => Some(Operation::Expand),
            ("CodeSystem", "lookup") => Some(Operation::Lookup),
            ("CodeSystem", "validate-code") => Some(Operation::InSystem),
            ("ValueSet", "validate-code") => Some(Operation::InValueSet),
            ("CodeSystem", "subsumes") => Some(Operation::Subsumes),
            _ => None,
        }
    }

    fn known(self) -> &'static [&'static str] {
        match self {
            Operation::Expand => {
                &["url", "valueSet", "filter", "count", "offset", "activeOnly", "includeDesignations", "excludeNested"]
            }
            Operation::Lookup => &["code", "system", "version", "coding", "property"],
            Operation::InSystem => &["url", "code", "system", "version", "display", "coding", "codeableConcept"],
            Operation::InValueSet => {
                &["url", "valueSet", "code", "system", "display", "coding", "codeableConcept", "abstract"]
            }
            Operation::Subsumes => &["codeA", "codeB", "system", "version", "codingA", "codingB"],
        }
    }
}

/// Answers an operation; `key` is the value set or code system it is called on, if it is called on one.
pub fn answer(shared: &Shared, mut asked: Asked<'_>, operation: Operation, key: Option<Key<'_>>) -> Outcome {
    let inputs = Inputs::read(&mut asked, operation.known())?;
    let stored = |url: &str, sought: Sought| find(shared, &asked.call.visit, url, sought);
    let desk = Desk { shared, asked: &asked, inputs: &inputs, library: Library::with(&stored), key };
    let answer = match operation {
        Operation::Expand => desk.expand()?,
        Operation::Lookup => desk.lookup()?,
        Operation::InSystem => desk.in_system()?,
        Operation::InValueSet => desk.in_value_set()?,
        Operation::Subsumes => desk.subsumes()?,
    };
    Ok(json(StatusCode::OK, asked.printed(answer.to_bytes().into())))
}

/// What is needed to answer.
struct Desk<'d, 'c> {
    shared: &'d Shared,
    asked: &'d Asked<'c>,
    inputs: &'d Inputs<'c>,
    library: Library<'d>,
    key: Option<Key<'d>>,
}

impl Desk<'_, '_> {
    fn expand(&self) -> Result<Json<'static>, vault::Error> {
        let set = self.set()?;
        let ask = Ask {
            filter: self.inputs.text("filter").unwrap_or_default(),
            count: self.inputs.number("count")?,
            offset: self.inputs.number("offset")?.unwrap_or(0),
            active_only: self.inputs.is_true("activeOnly"),
            designations: self.inputs.is_true("includeDesignations"),
        };
        let expansion = expand(&self.library, &set, &ask).map_err(refusal)?;
        let now = self.shared.vault.clock().now().to_string();
        Ok(value_set(&self.library, &set, &ask, &expansion, &now))
    }

    fn lookup(&self) -> Result<Json<'static>, vault::Error> {
        let coding = self.one()?;
        let system = self.versioned(coding.system.ok_or_else(|| needs("code and system, or a coding with both"))?);
        let wanted = self.inputs.texts("property");
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        Ok(lookup(&self.library, &system, &coding.code).map_err(refusal)?.parameters(&wanted))
    }

    fn in_system(&self) -> Result<Json<'static>, vault::Error> {
        let url = match self.key {
            Some(key) => Some(self.own_url(key)?),
            None => self.inputs.text("url"),
        };
        self.first_right(|coding| {
            let own = url.clone().or(coding.system.clone());
            let system = self.versioned(own.ok_or_else(|| needs("the url of the code system"))?);
            in_system(&self.library, &system, &coded(coding)).map_err(refusal)
        })
    }

    fn in_value_set(&self) -> Result<Json<'static>, vault::Error> {
        let set = self.set()?;
        self.first_right(|coding| in_value_set(&self.library, &set, &coded(coding)).map_err(refusal))
    }

    /// What is said of the first coding that is right, or else of the last.
    fn first_right(
        &self,
        judge: impl Fn(&Coding) -> Result<Judgement, vault::Error>,
    ) -> Result<Json<'static>, vault::Error> {
        let mut answer = None;
        for coding in self.codings()? {
            let judgement = judge(&coding)?;
            let right = judgement.result;
            answer = Some(judgement.parameters());
            if right {
                break;
            }
        }
        answer.ok_or_else(|| needs("a code, a coding or a codeableConcept").into())
    }

    fn subsumes(&self) -> Result<Json<'static>, vault::Error> {
        let code = |code: &str, coding: &str| match self.inputs.text(code) {
            Some(code) => Some(Coding { code, ..Coding::default() }),
            None => self.inputs.coding(coding),
        };
        let (Some(a), Some(b)) = (code("codeA", "codingA"), code("codeB", "codingB")) else {
            return Err(needs("codeA and codeB with a system, or codingA and codingB").into());
        };
        if let (Some(a), Some(b)) = (&a.system, &b.system)
            && a != b
        {
            let message = "the two codes are of different systems; $subsumes compares codes of one";
            return Err(Refusal::new(Kind::Malformed, "value", message).into());
        }
        let system = match self.key {
            Some(key) => Some(self.own_url(key)?),
            None => self.inputs.text("system").or(a.system).or(b.system),
        };
        let system = self.versioned(system.ok_or_else(|| needs("the system of the codes"))?);
        Ok(subsumes(&self.library, &system, &a.code, &b.code).map_err(refusal)?.parameters())
    }

    /// The value set that is meant: the one called on, the one given, or the one named.
    fn set(&self) -> Result<AnySet, vault::Error> {
        if let Some(key) = self.key {
            return self.own(key, ValueSet::read).map(|set| AnySet::Own(Box::new(set)));
        }
        if let Some(given) = self.inputs.resource("valueSet") {
            let set = ValueSet::read(given).ok_or_else(|| needs("a ValueSet with a url and a compose"))?;
            return Ok(AnySet::Own(Box::new(set)));
        }
        let url = self.inputs.text("url").ok_or_else(|| needs("the url of a value set, or the value set itself"))?;
        Ok(AnySet::Held(self.library.value_set(&url).map_err(refusal)?))
    }

    fn own<T>(&self, key: Key<'_>, read: impl Fn(&Json) -> Option<T>) -> Result<T, vault::Error> {
        let version = version(self.shared, self.asked, key, None)?;
        let resource = Json::parse(&version.body).map_err(|_| read::gone(key))?;
        read(&resource).ok_or_else(|| {
            let message = format!("this {} has no url or no content to work with", key.resource_type);
            Refusal::new(Kind::Invalid, "incomplete", message).into()
        })
    }

    fn own_url(&self, key: Key<'_>) -> Result<String, vault::Error> {
        self.own(key, |resource| resource.text("url").map(str::to_owned))
    }

    fn codings(&self) -> Result<Vec<Coding>, Refusal> {
        let codings = self.inputs.codings();
        if codings.is_empty() { Err(needs("a code, a coding or a codeableConcept")) } else { Ok(codings) }
    }

    fn one(&self) -> Result<Coding, Refusal> {
        self.codings()?.into_iter().next().ok_or_else(|| needs("a code or a coding"))
    }

    fn versioned(&self, system: String) -> String {
        match self.inputs.text("version") {
            Some(version) if !system.contains('|') => format!("{system}|{version}"),
            _ => system,
        }
    }
}

enum AnySet {
    Own(Box<ValueSet>),
    Held(fhir::terminology::library::Held<ValueSet>),
}

impl Deref for AnySet {
    type Target = ValueSet;

    fn deref(&self) -> &ValueSet {
        match self {
            AnySet::Own(set) => set,
            AnySet::Held(set) => set,
        }
    }
}

fn coded(coding: &Coding) -> Coded<'_> {
    Coded { system: coding.system.as_deref(), code: &coding.code, display: coding.display.as_deref() }
}

/// A code system or value set that is kept in the record, the one written last if several have the URL.
fn find(shared: &Shared, visit: &Visit, canonical: &str, sought: Sought) -> Option<Stored> {
    let resource_type = match sought {
        Sought::System => "CodeSystem",
        Sought::ValueSet => "ValueSet",
    };
    let (url, version) = canonical.split_once('|').map_or((canonical, None), |(url, version)| (url, Some(version)));
    let mut pairs = vec![("url".to_owned(), escaped(url))];
    pairs.extend(version.map(|version| ("version".to_owned(), escaped(version))));
    let query = shared.vault.query(visit, Some(resource_type), &pairs, true, shared.vault.clock().now()).ok()?;
    let found = shared.vault.search(visit, &query, &Page { at: None, offset: 0, count: 1 }).ok()?;
    let resource = Json::parse(&found.matches.first()?.body).ok()?.into_owned();
    match sought {
        Sought::System => System::read(&resource).map(|system| Stored::System(Arc::new(system))),
        Sought::ValueSet => ValueSet::read(&resource).map(|set| Stored::ValueSet(Arc::new(set))),
    }
}

/// Text as one value of a search parameter (R4 search section 3.1.1.4.0.1).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '$' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn refusal(error: TerminologyError) -> vault::Error {
    let kind = match error {
        TerminologyError::UnknownValueSet(_)
        | TerminologyError::NotLoaded(_)
        | TerminologyError::UnknownCode { .. } => Kind::NotFound,
        TerminologyError::Filter { .. } | TerminologyError::Circle(_) => Kind::Invalid,
    };
    Refusal::new(kind, error.code(), error.to_string()).into()
}

fn needs(what: &str) -> Refusal {
    Refusal::new(Kind::Malformed, "required", format!("the operation needs {what}"))
}
