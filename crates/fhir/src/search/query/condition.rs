//! One condition: `birthdate=ge1970`, `code:in=...`, `_id=1,2`; chains and `_has` lead back here for their last part.

use super::value::{self, Expected};
use super::{Filter, Hidden, Operand, Test};
use crate::search::params::{Kind, Param, find, hierarchy, of};
use crate::validate::is_id;
use base::clock::Instant;
use base::near::nearest;
use base::refusal::{self, Refusal};

/// Values, targets and parts of one query, all together. More is an attack or a mistake.
const TESTS_MAX: usize = 20_000;
/// Values in one list.
const VALUES_MAX: usize = 10_000;
/// Steps of a chain, `_has` included; nesting of `_filter`.
pub(super) const DEPTH_MAX: usize = 16;

/// Reads conditions and counts what they cost.
pub(super) struct Reader<'h> {
    /// What does not exist for whoever asks.
    pub(super) hidden: &'h Hidden,
    /// The time, for `ap`.
    pub(super) now: Instant,
    /// The one patient the query is about.
    pub(super) patient: Option<String>,
    /// Tests made so far.
    tests: usize,
}

/// Why there is no filter.
pub(super) enum Trouble {
    /// Nobody knows this parameter; with what to say about it.
    Unknown(String),
    /// It is known and wrong.
    Refused(Refusal),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        Trouble::Refused(refusal)
    }
}

pub(super) type Read<T> = Result<T, Trouble>;

/// A refusal of one parameter's value or modifier (400).
pub(super) fn wrong(name: &str, message: impl AsRef<str>) -> Refusal {
    Refusal::new(refusal::Kind::Malformed, "invalid", format!("{name}: {}", message.as_ref()))
}

fn costly(message: &str) -> Refusal {
    Refusal::new(refusal::Kind::TooCostly, "too-costly", message)
}

impl<'h> Reader<'h> {
    pub(super) fn new(now: Instant, patient: Option<String>, hidden: &'h Hidden) -> Reader<'h> {
        Reader { hidden, now, patient, tests: 0 }
    }

    /// The filter of one condition on resources of these types (none: all types).
    pub(super) fn condition(&mut self, types: &[&str], name: &str, values: &str, depth: usize) -> Read<Filter> {
        if depth > DEPTH_MAX {
            return Err(costly("the query is nested too deeply").into());
        }
        if let Some(rest) = name.strip_prefix("_has:") {
            return self.has(types, rest, values, depth);
        }
        if let Some((reference, rest)) = name.split_once('.') {
            return self.chain(types, reference, rest, values, depth);
        }
        let (code, modifier) = name.split_once(':').map_or((name, None), |(code, m)| (code, Some(m)));
        match code {
            "_id" => self.ids(modifier, values),
            "_lastUpdated" => self.last_updated(modifier, values),
            "_list" if modifier.is_none() && values.starts_with('$') => self.functional(types, values),
            "_list" => self.lists(modifier, values),
            "_text" | "_content" => self.text(types, code, modifier, values),
            "_filter" if modifier.is_none() => self.expression(types, values, depth),
            _ => self.parameter(&known(self.hidden, types, code)?, name, modifier, values),
        }
    }

    /// Counts a test.
    pub(super) fn spend(&mut self, tests: usize) -> Result<(), Refusal> {
        self.tests += tests;
        if self.tests > TESTS_MAX {
            return Err(costly("the query asks for too much at once; name the types in its chains, or split it"));
        }
        Ok(())
    }

    fn values<'v>(&mut self, name: &str, values: &'v str) -> Result<Vec<&'v str>, Refusal> {
        let pieces: Vec<&str> = value::split(values, ',').into_iter().filter(|v| !v.is_empty()).collect();
        if pieces.is_empty() {
            return Err(wrong(name, "a value was expected"));
        }
        if pieces.len() > VALUES_MAX {
            return Err(costly("the list of values is too long"));
        }
        self.spend(pieces.len())?;
        Ok(pieces)
    }

    fn ids(&mut self, modifier: Option<&str>, values: &str) -> Read<Filter> {
        let ids: Vec<String> = self.values("_id", values)?.into_iter().map(value::unescape).collect();
        let ids = || Filter::Id(ids.iter().filter(|id| is_id(id)).cloned().collect());
        match modifier {
            None => Ok(ids()),
            Some("not") => Ok(Filter::Not(Box::new(ids()))),
            Some("missing") => Ok(always_there(truth("_id", values)?)),
            Some(_) => Err(wrong("_id", "it takes the modifiers :not and :missing only").into()),
        }
    }

    fn last_updated(&mut self, modifier: Option<&str>, values: &str) -> Read<Filter> {
        let name = "_lastUpdated";
        match modifier {
            None => {}
            Some("missing") => return Ok(always_there(truth(name, values)?)),
            Some(_) => return Err(wrong(name, "it takes the modifier :missing only").into()),
        }
        let mut tests = Vec::new();
        for text in self.values(name, values)? {
            let (prefix, rest) = value::prefixed(text);
            tests.push(Filter::LastUpdated(value::date(prefix, rest, self.now).map_err(|e| wrong(name, e))?));
        }
        Ok(any(tests))
    }

    fn lists(&mut self, modifier: Option<&str>, values: &str) -> Read<Filter> {
        let ids = self.values("_list", values)?;
        if modifier.is_some() || !ids.iter().all(|id| is_id(id)) {
            return Err(wrong("_list", "the id of a List was expected, without a modifier").into());
        }
        Ok(any(ids.into_iter().map(|id| Filter::List(id.to_owned())).collect()))
    }

    fn text(&mut self, types: &[&str], code: &str, modifier: Option<&str>, values: &str) -> Read<Filter> {
        if self.hidden.hides_words(types, code == "_text") {
            return Err(Trouble::Unknown(unknown(self.hidden, types.first().copied().unwrap_or_default(), code)));
        }
        if modifier.is_some() {
            return Err(wrong(code, "it takes no modifier").into());
        }
        let mut wanted = Vec::new();
        for text in self.values(code, values)? {
            wanted.push(super::words::filter(&value::unescape(text), code == "_text").map_err(|e| wrong(code, e))?);
        }
        Ok(any(wanted))
    }

    /// A parameter of the definitions. Several are one parameter of several types: a resource has the paths of one.
    fn parameter(
        &mut self,
        params: &[&'static Param],
        name: &str,
        modifier: Option<&str>,
        values: &str,
    ) -> Read<Filter> {
        if modifier == Some("missing") {
            self.spend(params.len())?;
            let missing = truth(name, values)?;
            let each = params.iter().map(|param| Filter::Missing { param, missing }).collect();
            return Ok(if missing { all(each) } else { any(each) });
        }
        let (modifier, not) = match modifier {
            Some("not") => (None, true),
            Some("not-in") => (Some("in"), true),
            other => (other, false),
        };
        let mut tests = Vec::new();
        for param in params {
            if not && param.kind != Kind::Token {
                return Err(wrong(name, "only tokens take this modifier").into());
            }
            for text in self.values(name, values)? {
                let operand = self.operand(param, modifier, text).map_err(|expected| wrong(name, expected))?;
                tests.push(Filter::Test(Test { param, operand }));
            }
        }
        Ok(if not { Filter::Not(Box::new(any(tests))) } else { any(tests) })
    }

    fn operand(&self, param: &Param, modifier: Option<&str>, text: &str) -> Result<Operand, Expected> {
        let Some(modifier) = modifier else { return value::operand(param, text, self.now) };
        match (param.kind, modifier) {
            (Kind::String, "exact") => Ok(Operand::Exact(value::unescape(text))),
            (Kind::String, "contains") => Ok(Operand::Contains(value::comparable(text)?)),
            (Kind::Token, "text") => Ok(Operand::TokenText(value::comparable(text)?)),
            (Kind::Token, "of-type") => value::of_type(text),
            (Kind::Token, "in") => Ok(Operand::In(value::unescape(text))),
            (Kind::Token, "above" | "below") => subsumption(modifier == "above", text),
            (Kind::Uri, "above") => Ok(Operand::UriAbove(value::unescape(text))),
            (Kind::Uri, "below") => Ok(Operand::UriBelow(value::unescape(text))),
            (Kind::Reference, "identifier") => {
                let (system, value) = value::token(text)?;
                Ok(Operand::Logical { system, value })
            }
            (Kind::Reference, "above" | "below") => line(param, modifier == "above", text),
            (Kind::Reference, ty) if param.targets.iter().any(|target| target == ty) => {
                value::reference(&param.targets, Some(ty), text)
            }
            (kind, _) => Err(format!("a {} parameter does not take this modifier", kind.code())),
        }
    }
}

/// Token `:above` and `:below`.
pub(super) fn subsumption(above: bool, text: &str) -> Result<Operand, Expected> {
    use super::SystemTest;
    let (system, Some(code)) = value::token(text)? else { return Err("a code was expected".to_owned()) };
    let system = match system {
        SystemTest::Is(system) => Some(system),
        SystemTest::Any => None,
        SystemTest::Absent => return Err("a code of a code system was expected".to_owned()),
    };
    Ok(if above { Operand::CodeAbove { system, code } } else { Operand::CodeBelow { system, code } })
}

/// Reference `:above` and `:below` (R4 search section 3.1.1.4.12): by hierarchy, and by version for a canonical.
fn line(param: &Param, above: bool, text: &str) -> Result<Operand, Expected> {
    let from = value::reference(&param.targets, None, text)?;
    if let Operand::Url(url) = &from
        && let Some((url, version)) = url.split_once('|')
    {
        return Ok(Operand::Versions { above, url: url.to_owned(), version: version.to_owned() });
    }
    let has_parts = |ty: &String| hierarchy(ty).is_some();
    let leads_somewhere = match &from {
        Operand::Local { resource_type: Some(ty), .. } => has_parts(ty),
        Operand::Local { resource_type: None, .. } => param.targets.iter().any(has_parts),
        _ => true,
    };
    match leads_somewhere {
        true => Ok(Operand::Line { above, from: Box::new(from) }),
        false => {
            Err("the resources it points to stand in no hierarchy; those of Location and Organization do".to_owned())
        }
    }
}

/// The parameters of that code that these types have; all of them must have it. Types that share the paths share the
/// parameter.
pub(super) fn known(hidden: &Hidden, types: &[&str], code: &str) -> Read<Vec<&'static Param>> {
    let types = if types.is_empty() { &["Resource"] } else { types };
    let mut params: Vec<&'static Param> = Vec::new();
    for ty in types {
        let found = find(ty, code).filter(|param| !hidden.hides(param));
        let Some(param) = found else { return Err(Trouble::Unknown(unknown(hidden, ty, code))) };
        if !params.iter().any(|p| p.paths == param.paths && p.url == param.url) {
            params.push(param);
        }
    }
    Ok(params)
}

/// What to say about a parameter nobody knows.
fn unknown(hidden: &Hidden, ty: &str, code: &str) -> String {
    if super::parse::CONTROLS.contains(&code) {
        return format!("\"{code}\" has no meaning here, or not in this form");
    }
    let own = of(ty).iter().filter(|param| !hidden.hides(param)).map(|p| p.code.as_str());
    let near = nearest(code, own.chain(super::parse::CONTROLS));
    let hint = near.map(|known| format!("; did you mean \"{known}\"?")).unwrap_or_default();
    let of = if ty == "Resource" { "all types".to_owned() } else { ty.to_owned() };
    let shown: String = code.chars().take(64).collect();
    format!("\"{shown}\" is not a search parameter of {of}{hint}")
}

fn truth(name: &str, text: &str) -> Result<bool, Refusal> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(wrong(name, "true or false was expected")),
    }
}

fn always_there(missing: bool) -> Filter {
    if missing { Filter::Never } else { Filter::All }
}

/// One of these; none of nothing.
pub(super) fn any(mut filters: Vec<Filter>) -> Filter {
    match filters.len() {
        0 => Filter::Never,
        1 => filters.remove(0),
        _ => Filter::Or(filters),
    }
}

/// Each of these; nothing asked is everything.
pub(super) fn all(mut filters: Vec<Filter>) -> Filter {
    match filters.len() {
        0 => Filter::All,
        1 => filters.remove(0),
        _ => Filter::And(filters),
    }
}
