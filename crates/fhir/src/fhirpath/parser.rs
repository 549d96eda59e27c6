//! From tokens to a compiled expression (FHIRPath 2.0 appendix B), with names, types and patterns looked up once.

use super::ast::{Ast, Call, Name, Operator, Outcome, Step, TYPE_BINDS, TypeSpec};
use super::error::FhirPathError;
use super::functions::strings::pattern;
use super::functions::{self, Arguments};
use super::lexer::{Placed, Token, tokens};
use super::model::model;
use super::value::{Quantity, Text, Unit, Value};
use crate::calendar::CalendarUnit;

/// Longer expressions are refused. The longest of R4's own has under 2,000 bytes.
const LENGTH_MAX: usize = 65_536;
/// Parentheses, arguments and signs nest no deeper.
const DEPTH_MAX: usize = 32;
/// So many `is` or `as` may follow one another.
const TYPES_MAX: usize = 8;

/// Compiles an expression.
pub(super) fn parse(text: &str) -> Outcome<Ast> {
    if text.len() > LENGTH_MAX {
        return Err(FhirPathError::syntax("the expression is too long", LENGTH_MAX));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let ast = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(ast),
        _ => parser.error("an operator or the end was expected"),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].token
    }

    fn peek_after(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].token
    }

    fn next(&mut self) -> Token {
        let token = self.tokens[self.at].token.clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn error<T>(&self, what: impl Into<std::borrow::Cow<'static, str>>) -> Outcome<T> {
        Err(FhirPathError::syntax(what, self.tokens[self.at].at))
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(s) if *s == sign);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, sign: &'static str) -> Outcome<()> {
        if self.eat(sign) { Ok(()) } else { self.error(format!("'{sign}' was expected")) }
    }

    fn expression(&mut self, binds_least: u8) -> Outcome<Ast> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.error("the expression is nested too deeply");
        }
        let ast = self.operators(binds_least)?;
        self.depth -= 1;
        Ok(ast)
    }

    /// Operators that bind at least so tightly; those of one precedence become one chain.
    fn operators(&mut self, binds_least: u8) -> Outcome<Ast> {
        let mut left = self.signed()?;
        let mut types = 0;
        loop {
            if let Some(is_test) = self.type_operator().filter(|_| binds_least <= TYPE_BINDS) {
                types += 1;
                if types > TYPES_MAX {
                    return self.error("too many is and as in a row");
                }
                self.next();
                let ty = self.type_name(!is_test)?;
                left = if is_test { Ast::Is(Box::new(left), ty) } else { Ast::As(Box::new(left), ty) };
                continue;
            }
            match self.operator() {
                Some(operator) if operator.binds() >= binds_least => left = self.chain(left, operator.binds())?,
                _ => return Ok(left),
            }
        }
    }

    fn chain(&mut self, first: Ast, binds: u8) -> Outcome<Ast> {
        let mut rest = Vec::new();
        while let Some(operator) = self.operator().filter(|operator| operator.binds() == binds) {
            self.next();
            rest.push((operator, self.operators(binds + 1)?));
        }
        Ok(Ast::Chain { first: Box::new(first), rest: rest.into() })
    }

    /// Whether `is` (true) or `as` (false) stands here.
    fn type_operator(&self) -> Option<bool> {
        match self.peek() {
            Token::Word { text, is_quoted: false } if text == "is" => Some(true),
            Token::Word { text, is_quoted: false } if text == "as" => Some(false),
            _ => None,
        }
    }

    fn operator(&self) -> Option<Operator> {
        match self.peek() {
            Token::Sign(sign) => sign_operator(sign),
            Token::Word { text, is_quoted: false } => word_operator(text),
            _ => None,
        }
    }

    fn signed(&mut self) -> Outcome<Ast> {
        let is_negative = match self.peek() {
            Token::Sign("-") => true,
            Token::Sign("+") => false,
            _ => return self.path(),
        };
        self.next();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.error("the expression is nested too deeply");
        }
        let of = Box::new(self.signed()?);
        self.depth -= 1;
        Ok(Ast::Sign { is_negative, of })
    }

    fn path(&mut self) -> Outcome<Ast> {
        let mut steps = Steps::default();
        let start = if matches!(self.peek(), Token::Word { .. }) && !self.is_boolean() {
            self.invocation(&mut steps, true)?;
            None
        } else {
            Some(Box::new(self.term()?))
        };
        loop {
            if self.eat(".") {
                if let Token::Special(_) = self.peek() {
                    return self.error("a name was expected after the dot");
                }
                self.invocation(&mut steps, false)?;
            } else if self.eat("[") {
                let index = self.expression(0)?;
                self.expect("]")?;
                steps.push(Step::Item(index));
            } else {
                break;
            }
        }
        Ok(match (start, steps.finish()) {
            (Some(start), steps) if steps.is_empty() => *start,
            (start, steps) => Ast::Path { start, steps },
        })
    }

    fn is_boolean(&self) -> bool {
        matches!(self.peek(), Token::Word { text, is_quoted: false } if text == "true" || text == "false")
    }

    fn term(&mut self) -> Outcome<Ast> {
        match self.peek() {
            Token::Sign("(") => {
                self.next();
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("{") => {
                self.next();
                self.expect("}")?;
                Ok(Ast::Empty)
            }
            Token::Text(_) | Token::Moment(_) => Ok(self.next().literal().map_or(Ast::Empty, Ast::Literal)),
            Token::Number(_) => self.number(),
            Token::Special(name) => {
                let ast = match *name {
                    "this" => Ast::This,
                    "index" => Ast::Index,
                    _ => Ast::Total,
                };
                self.next();
                Ok(ast)
            }
            Token::Constant(name) => {
                let ast = Ast::Constant(name.as_str().into());
                self.next();
                Ok(ast)
            }
            Token::Word { text, .. } => {
                let ast = Ast::Literal(Value::Boolean(text == "true"));
                self.next();
                Ok(ast)
            }
            Token::Sign(_) | Token::End => self.error("a value or a path was expected"),
        }
    }

    /// A number, or a quantity where a unit follows.
    fn number(&mut self) -> Outcome<Ast> {
        let Token::Number(number) = self.next() else { return self.error("a number was expected") };
        let unit = match self.peek() {
            Token::Text(code) => Some(Unit::Ucum(Text::from(code.clone()))),
            Token::Word { text, is_quoted: false } => CalendarUnit::from_word(text).map(Unit::Calendar),
            _ => None,
        };
        let (Some(unit), Some(value)) = (unit, number.as_decimal()) else { return Ok(Ast::Literal(number)) };
        self.next();
        Ok(Ast::Literal(Value::Quantity(Box::new(Quantity { value, unit }))))
    }

    /// A member name or a function call.
    fn invocation(&mut self, steps: &mut Steps, is_first: bool) -> Outcome<()> {
        let at = self.tokens[self.at].at;
        let Token::Word { text, is_quoted } = self.next() else {
            return Err(FhirPathError::syntax("a name was expected", at));
        };
        if !is_quoted && matches!(self.peek(), Token::Sign("(")) {
            self.next();
            steps.push(Step::Call(self.call(&text, at)?));
        } else if is_first && !is_quoted && RESERVED.contains(&text.as_str()) {
            return Err(FhirPathError::syntax(format!("the word {text} stands where a name was expected"), at));
        } else {
            steps.push_name(&text, is_first);
        }
        Ok(())
    }

    fn call(&mut self, name: &str, at: usize) -> Outcome<Call> {
        let Some(function) = functions::find(name) else {
            return Err(FhirPathError::syntax(format!("there is no function {name}()"), at));
        };
        if let Arguments::Type = function.arguments {
            let ty = self.type_name(function.name != "is")?;
            self.expect(")")?;
            return Ok(Call { function, args: Box::new([]), ty: Some(ty), pattern: None });
        }
        let mut args = Vec::new();
        if !self.eat(")") {
            loop {
                args.push(self.expression(0)?);
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        if !function.arguments.allow(args.len()) {
            return Err(FhirPathError::syntax(format!("{name}() does not take so many arguments"), at));
        }
        let pattern = literal_pattern(name, &args, at)?;
        Ok(Call { function, args: args.into(), ty: None, pattern })
    }

    /// A type name; where it `must_exist`, one that nobody knows is an error.
    fn type_name(&mut self, must_exist: bool) -> Outcome<TypeSpec> {
        let at = self.tokens[self.at].at;
        let Token::Word { text: mut first, .. } = self.next() else { return self.error("a type was expected") };
        let mut namespace = None;
        while matches!(self.peek(), Token::Sign(".")) && matches!(self.peek_after(), Token::Word { .. }) {
            if !matches!(first.as_str(), "FHIR" | "System") || namespace.is_some() {
                break;
            }
            self.next();
            let Token::Word { text, .. } = self.next() else { break };
            namespace = Some(std::mem::replace(&mut first, text));
        }
        match type_spec(namespace.as_deref(), &first) {
            Some(ty) => Ok(ty),
            None if !must_exist && namespace.as_deref() == Some("System") => Ok(TypeSpec::Never),
            None => Err(FhirPathError::syntax(format!("there is no type {first}"), at)),
        }
    }
}

/// Words that are operators and begin no path unless they stand in backticks. After a dot they are names, which the
/// grammar forbids and `Narrative.div` needs.
const RESERVED: [&str; 8] = ["and", "or", "xor", "implies", "div", "mod", "true", "false"];
const SYSTEM: [&str; 9] = ["Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"];

fn type_spec(namespace: Option<&str>, name: &str) -> Option<TypeSpec> {
    let system = SYSTEM.iter().find(|s| **s == name).copied();
    let fhir = model().definitions.type_id(name);
    match namespace {
        Some("System") => system.map(TypeSpec::System),
        Some(_) => fhir.map(TypeSpec::Fhir),
        None => match (system, fhir) {
            (Some(_), Some(id)) => Some(TypeSpec::Quantity(id)),
            (Some(system), None) => Some(TypeSpec::System(system)),
            (None, fhir) => fhir.map(TypeSpec::Fhir),
        },
    }
}

fn literal_pattern(function: &str, args: &[Ast], at: usize) -> Outcome<Option<regex::Regex>> {
    match (function, args.first()) {
        ("matches" | "matchesFull" | "replaceMatches", Some(Ast::Literal(Value::String(text)))) => {
            let regex = pattern(text, function == "matchesFull");
            regex.map(Some).ok_or_else(|| FhirPathError::syntax("the regular expression cannot be read", at))
        }
        _ => Ok(None),
    }
}

/// Steps with neighbouring names joined into one walk.
#[derive(Default)]
struct Steps {
    done: Vec<Step>,
    names: Vec<Name>,
}

impl Steps {
    fn push_name(&mut self, text: &str, is_first: bool) {
        let root = if is_first { model().definitions.type_id(text) } else { None };
        let root = root.filter(|_| text.starts_with(|c: char| c.is_ascii_uppercase()));
        let (id, sibling) = (model().name(text), format!("_{text}").into());
        self.names.push(Name { text: text.into(), sibling, id, root });
    }

    fn push(&mut self, step: Step) {
        self.close();
        self.done.push(step);
    }

    fn close(&mut self) {
        if !self.names.is_empty() {
            self.done.push(Step::Members(std::mem::take(&mut self.names).into()));
        }
    }

    fn finish(mut self) -> Box<[Step]> {
        self.close();
        self.done.into()
    }
}

fn sign_operator(sign: &str) -> Option<Operator> {
    Some(match sign {
        "*" => Operator::Times,
        "/" => Operator::Divide,
        "+" => Operator::Plus,
        "-" => Operator::Minus,
        "&" => Operator::Join,
        "|" => Operator::Union,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "=" => Operator::Equal,
        "~" => Operator::Equivalent,
        "!=" => Operator::NotEqual,
        "!~" => Operator::NotEquivalent,
        _ => return None,
    })
}

fn word_operator(word: &str) -> Option<Operator> {
    Some(match word {
        "div" => Operator::Div,
        "mod" => Operator::Mod,
        "in" => Operator::In,
        "contains" => Operator::Contains,
        "and" => Operator::And,
        "or" => Operator::Or,
        "xor" => Operator::Xor,
        "implies" => Operator::Implies,
        _ => return None,
    })
}
