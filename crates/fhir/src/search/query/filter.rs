//! `_filter`: conditions written as an expression (R4 search_filter), made into the same tree as all others.
//!
//! `and` binds tighter than `or`; `eq` on strings is exact. `ne` holds where there is a value and none is equal, for kinds
//! that have no prefix of their own.

use super::condition::{DEPTH_MAX, Read, Reader, all, any, known, wrong};
use super::value::{self, Expected};
use super::{DateTest, Filter, Operand, Prefix, Test};
use crate::search::params::{Kind, Param};
use base::refusal::Refusal;

/// `_filter`'s comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    /// `gt lt ge le ap sa eb`.
    Order(Prefix),
    Pr,
    Po,
    Ss,
    Sb,
    In,
    Re,
}

impl Op {
    fn parse(word: &str) -> Option<Op> {
        Some(match word {
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "co" => Op::Co,
            "sw" => Op::Sw,
            "ew" => Op::Ew,
            "gt" => Op::Order(Prefix::Gt),
            "lt" => Op::Order(Prefix::Lt),
            "ge" => Op::Order(Prefix::Ge),
            "le" => Op::Order(Prefix::Le),
            "ap" => Op::Order(Prefix::Ap),
            "sa" => Op::Order(Prefix::Sa),
            "eb" => Op::Order(Prefix::Eb),
            "pr" => Op::Pr,
            "po" => Op::Po,
            "ss" => Op::Ss,
            "sb" => Op::Sb,
            "in" => Op::In,
            "re" => Op::Re,
            _ => return None,
        })
    }
}

/// An expression before it knows its types.
#[derive(Debug)]
enum Tree {
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
    /// Steps of the path with the condition in brackets after each, the comparison, and its value without escapes.
    Test(Vec<(String, Option<Tree>)>, Op, String),
}

impl Reader<'_> {
    /// The filter of an expression.
    pub(super) fn expression(&mut self, types: &[&str], text: &str, depth: usize) -> Read<Filter> {
        let mut tokens = Tokens { rest: text, depth };
        let tree = tokens.either()?;
        if !tokens.rest.trim_start().is_empty() {
            return Err(malformed("and, or, or the end of the expression was expected").into());
        }
        self.tree(types, &tree)
    }

    fn tree(&mut self, types: &[&str], tree: &Tree) -> Read<Filter> {
        match tree {
            Tree::And(parts) => Ok(all(self.trees(types, parts)?)),
            Tree::Or(parts) => Ok(any(self.trees(types, parts)?)),
            Tree::Not(inner) => Ok(Filter::Not(Box::new(self.tree(types, inner)?))),
            Tree::Test(path, op, value) => self.path(types, path, *op, value),
        }
    }

    fn trees(&mut self, types: &[&str], parts: &[Tree]) -> Read<Vec<Filter>> {
        parts.iter().map(|part| self.tree(types, part)).collect()
    }

    fn path(&mut self, types: &[&str], path: &[(String, Option<Tree>)], op: Op, value: &str) -> Read<Filter> {
        match path {
            [] => Err(malformed("a parameter was expected").into()),
            [(last, None)] => self.compare(types, last, op, value),
            [(_, Some(_))] => Err(malformed("a parameter was expected after the brackets").into()),
            [(step, condition), rest @ ..] => self.follow(types, step, &mut |reader, target| {
                let there = reader.path(&[target], rest, op, value)?;
                match condition {
                    Some(condition) => Ok(all(vec![reader.tree(&[target], condition)?, there])),
                    None => Ok(there),
                }
            }),
        }
    }

    fn compare(&mut self, types: &[&str], code: &str, op: Op, text: &str) -> Read<Filter> {
        self.spend(1)?;
        match code {
            "_id" => return identity(op, text),
            "_lastUpdated" => {
                let test = self.date(op, text).map_err(|e| wrong(code, e))?;
                return Ok(Filter::LastUpdated(test));
            }
            "_text" | "_content" | "_list" | "_filter" | "_has" => {
                return Err(wrong(code, "it cannot stand in _filter").into());
            }
            _ => {}
        }
        let params = known(self.hidden, types, code)?;
        let missing = |missing: bool| {
            let each = params.iter().map(|param| Filter::Missing { param, missing }).collect();
            if missing { all(each) } else { any(each) }
        };
        if op == Op::Pr {
            return match text {
                "true" => Ok(missing(false)),
                "false" => Ok(missing(true)),
                _ => Err(wrong(code, "pr true or pr false was expected").into()),
            };
        }
        let mut tests = Vec::new();
        let mut none_equal = false;
        for param in &params {
            let plain = !matches!(param.kind, Kind::Date | Kind::Number | Kind::Quantity);
            let asked = if op == Op::Ne && plain { Op::Eq } else { op };
            none_equal |= asked != op;
            let operand = self.filter_operand(param, asked, text).map_err(|expected| wrong(code, expected))?;
            tests.push(Filter::Test(Test { param, operand }));
        }
        match none_equal {
            true => Ok(Filter::And(vec![missing(false), Filter::Not(Box::new(any(tests)))])),
            false => Ok(any(tests)),
        }
    }

    fn filter_operand(&self, param: &Param, op: Op, text: &str) -> Result<Operand, Expected> {
        let prefix = match op {
            Op::Eq => Prefix::Eq,
            Op::Ne => Prefix::Ne,
            Op::Order(prefix) => prefix,
            _ => Prefix::Ap,
        };
        match (param.kind, op) {
            (Kind::String, Op::Eq) => Ok(Operand::Exact(text.to_owned())),
            (Kind::String, Op::Co) => Ok(Operand::Contains(value::comparable(text)?)),
            (Kind::String, Op::Sw) => Ok(Operand::Starts(value::comparable(text)?)),
            (Kind::String, Op::Ew) => Ok(Operand::Ends(value::comparable(text)?)),
            (Kind::Date, _) => Ok(Operand::Date(self.date(op, text)?)),
            (Kind::Number, Op::Eq | Op::Ne | Op::Order(_)) => Ok(Operand::Number(value::number(prefix, text)?)),
            (Kind::Quantity, Op::Eq | Op::Ne | Op::Order(_)) => match value::quantity(text)? {
                Operand::Quantity { number, system, unit } if number.prefix == Prefix::Eq => {
                    let bare = value::split(text, '|')[0];
                    Ok(Operand::Quantity { number: value::number(prefix, bare)?, system, unit })
                }
                _ => Err("a quantity without a prefix was expected".to_owned()),
            },
            (Kind::Token, Op::Eq) => value::operand(param, text, self.now),
            (Kind::Token, Op::In) => Ok(Operand::In(text.to_owned())),
            (Kind::Token, Op::Ss) => super::condition::subsumption(true, text),
            (Kind::Token, Op::Sb) => super::condition::subsumption(false, text),
            (Kind::Uri, Op::Eq) => Ok(Operand::Uri(text.to_owned())),
            (Kind::Uri, Op::Sw) => Ok(Operand::UriBelow(text.to_owned())),
            (Kind::Reference, Op::Eq | Op::Re) => value::reference(&param.targets, None, text),
            (kind, _) => Err(format!("a {} parameter does not take this comparison", kind.code())),
        }
    }

    fn date(&self, op: Op, text: &str) -> Result<DateTest, Expected> {
        match op {
            Op::Eq => value::date(Prefix::Eq, text, self.now),
            Op::Ne => value::date(Prefix::Ne, text, self.now),
            Op::Order(prefix) => value::date(prefix, text, self.now),
            // Overlap, which is what `ap` asks, with nothing added.
            Op::Po => Ok(DateTest { prefix: Prefix::Ap, ..value::date(Prefix::Eq, text, self.now)? }),
            _ => Err("a date parameter does not take this comparison".to_owned()),
        }
    }
}

fn identity(op: Op, text: &str) -> Read<Filter> {
    let ids = Filter::Id(vec![text.to_owned()]);
    match op {
        Op::Eq => Ok(ids),
        Op::Ne => Ok(Filter::Not(Box::new(ids))),
        Op::Pr => Ok(if text == "true" { Filter::All } else { Filter::Never }),
        _ => Err(wrong("_id", "eq or ne was expected").into()),
    }
}

fn malformed(expected: &str) -> Refusal {
    wrong("_filter", expected)
}

struct Tokens<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Tokens<'t> {
    fn either(&mut self) -> Result<Tree, Refusal> {
        let mut parts = vec![self.both()?];
        while self.word("or") {
            parts.push(self.both()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Tree::Or(parts) })
    }

    fn both(&mut self) -> Result<Tree, Refusal> {
        let mut parts = vec![self.one()?];
        while self.word("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Tree::And(parts) })
    }

    fn one(&mut self) -> Result<Tree, Refusal> {
        let before = self.rest;
        if self.word("not") {
            if self.eat('(') {
                return Ok(Tree::Not(Box::new(self.inner(')')?)));
            }
            self.rest = before;
        }
        if self.eat('(') { self.inner(')') } else { self.test() }
    }

    /// What stands between brackets that are open already.
    fn inner(&mut self, close: char) -> Result<Tree, Refusal> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(malformed("less nesting was expected"));
        }
        let tree = self.either()?;
        self.depth -= 1;
        if self.eat(close) { Ok(tree) } else { Err(malformed("a closing bracket was expected")) }
    }

    fn test(&mut self) -> Result<Tree, Refusal> {
        let mut path = Vec::new();
        loop {
            let name = self.run(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':'));
            if name.is_empty() {
                return Err(malformed("a parameter was expected"));
            }
            let condition = if self.eat('[') { Some(self.inner(']')?) } else { None };
            path.push((name.to_owned(), condition));
            if path.len() > DEPTH_MAX {
                return Err(malformed("a shorter path was expected"));
            }
            if !self.eat('.') {
                break;
            }
        }
        let op = self.run(|c| c.is_ascii_alphabetic());
        let op = Op::parse(op).ok_or_else(|| malformed("a comparison such as eq, co or ge was expected"))?;
        Ok(Tree::Test(path, op, self.value()?))
    }

    fn value(&mut self) -> Result<String, Refusal> {
        if self.rest.trim_start().starts_with('"') {
            return self.quoted();
        }
        let value = self.run(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '[' | ']' | '"'));
        if value.is_empty() { Err(malformed("a value was expected")) } else { Ok(value.to_owned()) }
    }

    /// A JSON string.
    fn quoted(&mut self) -> Result<String, Refusal> {
        let text = self.rest.trim_start();
        let mut escaped = false;
        let end = text.char_indices().skip(1).find(|&(_, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let unclosed = || malformed("a closing quote was expected");
        let end = end.ok_or_else(unclosed)?.0 + 1;
        let value = crate::json::Json::parse(&text.as_bytes()[..end]).map_err(|_| unclosed())?;
        self.rest = &text[end..];
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let text = self.rest.trim_start();
        let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
        self.rest = &text[end..];
        &text[..end]
    }

    fn eat(&mut self, c: char) -> bool {
        let Some(rest) = self.rest.trim_start().strip_prefix(c) else { return false };
        self.rest = rest;
        true
    }

    fn word(&mut self, word: &str) -> bool {
        let before = self.rest;
        if self.run(|c| c.is_ascii_alphabetic()) == word && !self.rest.starts_with(['-', ':', '.']) {
            return true;
        }
        self.rest = before;
        false
    }
}
