//! Strict mode: what is wrong with an expression before it meets any data (FHIRPath section 10, type safety).
//!
//! Follows types through the expression and complains only of what can never be right: elements no possible type has,
//! text functions on elements with children, conditions that are no booleans, order asked of what has none. Where a
//! type is not known (`resolve()`, `children()`, `contained`) everything is allowed.

use super::ast::{Ast, Call, Name, Operator, Outcome, Step, TypeSpec};
use super::error::FhirPathError;
use super::model::{Class, model};
use super::value::Value;
use crate::definitions::TypeId;

/// How much is asked of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Elements and types must fit.
    Types,
    /// Also, `first()`, `skip()` and the like must not stand after `children()` or `descendants()`: they have none.
    TypesAndOrder,
}

/// What is known of a part of the expression.
#[derive(Clone)]
struct Shape {
    kind: Kind,
    is_ordered: bool,
}

#[derive(Clone, PartialEq)]
enum Kind {
    Unknown,
    System(&'static str),
    Fhir(Vec<TypeId>),
}

const UNKNOWN: Shape = Shape { kind: Kind::Unknown, is_ordered: true };

fn system(name: &'static str) -> Shape {
    Shape { kind: Kind::System(name), is_ordered: true }
}

fn fhir(types: Vec<TypeId>) -> Shape {
    let kind = if types.is_empty() { Kind::Unknown } else { Kind::Fhir(types) };
    Shape { kind, is_ordered: true }
}

fn wrong<T>(what: String) -> Outcome<T> {
    Err(FhirPathError::Semantic(what))
}

/// Checks an expression that starts at a node of type `root` (`None`: at something unknown).
pub(super) fn check(ast: &Ast, root: Option<TypeId>, strictness: Strictness) -> Outcome<()> {
    let this = fhir(root.into_iter().collect());
    Checker { strictness }.shape(ast, &this).map(|_| ())
}

struct Checker {
    strictness: Strictness,
}

impl Checker {
    fn shape(&self, ast: &Ast, this: &Shape) -> Outcome<Shape> {
        match ast {
            Ast::Empty | Ast::Total | Ast::Constant(_) => Ok(UNKNOWN),
            Ast::Literal(value) => Ok(system(value.type_name())),
            Ast::This => Ok(this.clone()),
            Ast::Index => Ok(system("Integer")),
            Ast::Path { start, steps } => self.path(start.as_deref(), steps, this),
            Ast::Chain { first, rest } => {
                let mut left = self.shape(first, this)?;
                for (operator, ast) in rest {
                    let right = self.shape(ast, this)?;
                    left = combined(*operator, left, &right)?;
                }
                Ok(left)
            }
            Ast::Sign { of, .. } => self.shape(of, this),
            Ast::Is(of, _) => self.shape(of, this).map(|_| system("Boolean")),
            Ast::As(of, ty) => self.shape(of, this).map(|_| named(*ty)),
        }
    }

    fn path(&self, start: Option<&Ast>, steps: &[Step], this: &Shape) -> Outcome<Shape> {
        let mut current = start.map_or_else(|| Ok(this.clone()), |start| self.shape(start, this))?;
        for (at, step) in steps.iter().enumerate() {
            current = match step {
                Step::Members(names) if at == 0 && start.is_none() => from_root(names, &current)?,
                Step::Members(names) => members(names, current)?,
                Step::Call(call) => self.call(call, &current, this)?,
                Step::Item(index) => {
                    self.ordered("[]", &current)?;
                    self.shape(index, this)?;
                    current
                }
            };
        }
        Ok(current)
    }

    fn ordered(&self, what: &str, input: &Shape) -> Outcome<()> {
        if self.strictness == Strictness::TypesAndOrder && !input.is_ordered {
            return wrong(format!("{what} asks for an order where there is none"));
        }
        Ok(())
    }

    fn call(&self, call: &Call, input: &Shape, this: &Shape) -> Outcome<Shape> {
        let name = call.function.name;
        if TEXT.contains(&name) && !may_be_text(input) {
            return wrong(format!("{name}() works on text, which this never is"));
        }
        if ORDER.contains(&name) {
            self.ordered(name, input)?;
        }
        let scope = if PER_ITEM.contains(&name) { input } else { this };
        let args: Vec<Shape> = call.args.iter().map(|arg| self.shape(arg, scope)).collect::<Outcome<_>>()?;
        if name == "iif" && args.first().is_some_and(|condition| !may_be_boolean(condition)) {
            return wrong("the condition of iif() is never a boolean".into());
        }
        Ok(match name {
            "ofType" | "as" => call.ty.map_or(UNKNOWN, named),
            "children" | "descendants" => Shape { is_ordered: false, ..UNKNOWN },
            "extension" => fhir(model().extension.into_iter().collect()),
            "select" => args.into_iter().next().unwrap_or(UNKNOWN),
            "iif" => args.into_iter().skip(1).reduce(either).unwrap_or(UNKNOWN),
            _ if SAME.contains(&name) => input.clone(),
            _ if BOOLEAN.contains(&name) => system("Boolean"),
            _ if INTEGER.contains(&name) => system("Integer"),
            _ => UNKNOWN,
        })
    }
}

const TEXT: [&str; 14] = [
    "startsWith",
    "endsWith",
    "contains",
    "indexOf",
    "substring",
    "upper",
    "lower",
    "replace",
    "matches",
    "matchesFull",
    "replaceMatches",
    "length",
    "toChars",
    "split",
];
const ORDER: [&str; 5] = ["first", "last", "tail", "skip", "take"];
const PER_ITEM: [&str; 10] =
    ["where", "select", "all", "exists", "repeat", "iif", "aggregate", "sort", "defineVariable", "trace"];
const SAME: [&str; 13] = [
    "where",
    "first",
    "last",
    "tail",
    "skip",
    "take",
    "single",
    "trace",
    "distinct",
    "exclude",
    "intersect",
    "sort",
    "checkModifiers",
];
const BOOLEAN: [&str; 19] = [
    "empty",
    "exists",
    "all",
    "allTrue",
    "anyTrue",
    "allFalse",
    "anyFalse",
    "subsetOf",
    "supersetOf",
    "isDistinct",
    "not",
    "is",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "matchesFull",
    "hasValue",
    "toBoolean",
];
const INTEGER: [&str; 4] = ["count", "length", "indexOf", "toInteger"];

fn named(ty: TypeSpec) -> Shape {
    match ty {
        TypeSpec::Fhir(id) | TypeSpec::Quantity(id) => fhir(vec![id]),
        TypeSpec::System(name) => system(name),
        TypeSpec::Never => UNKNOWN,
    }
}

fn either(a: Shape, b: Shape) -> Shape {
    let is_ordered = a.is_ordered && b.is_ordered;
    let kind = match (a.kind, b.kind) {
        (Kind::Fhir(mut a), Kind::Fhir(b)) => {
            a.extend(b);
            Kind::Fhir(a)
        }
        (a, b) if a == b => a,
        _ => Kind::Unknown,
    };
    Shape { kind, is_ordered }
}

fn combined(operator: Operator, left: Shape, right: &Shape) -> Outcome<Shape> {
    match operator {
        Operator::Union => Ok(either(left, right.clone())),
        Operator::Plus | Operator::Minus if is_moment(&left) && is_number(right) => {
            wrong("a number cannot be added to a date; give it a unit, such as 7 days".into())
        }
        Operator::Times | Operator::Divide | Operator::Div | Operator::Mod | Operator::Plus | Operator::Minus => {
            Ok(UNKNOWN)
        }
        Operator::Join => Ok(system("String")),
        _ => Ok(system("Boolean")),
    }
}

fn is_moment(shape: &Shape) -> bool {
    match &shape.kind {
        Kind::System(name) => matches!(*name, "Date" | "DateTime" | "Time"),
        Kind::Fhir(types) => {
            types.iter().all(|ty| matches!(model().class(*ty), Class::Date | Class::DateTime | Class::Time))
        }
        Kind::Unknown => false,
    }
}

fn is_number(shape: &Shape) -> bool {
    matches!(shape.kind, Kind::System("Integer" | "Decimal"))
}

fn may_be_text(shape: &Shape) -> bool {
    match &shape.kind {
        Kind::Unknown => true,
        Kind::System(name) => *name == "String",
        Kind::Fhir(types) => types.iter().any(|ty| is_open(*ty) || model().is_primitive(*ty)),
    }
}

fn may_be_boolean(shape: &Shape) -> bool {
    match &shape.kind {
        Kind::Unknown => true,
        Kind::System(name) => *name == Value::Boolean(true).type_name(),
        Kind::Fhir(types) => types.iter().any(|ty| is_open(*ty) || model().class(*ty) == Class::Boolean),
    }
}

/// Types that stand for others, whose elements are not known.
fn is_open(ty: TypeId) -> bool {
    model().definitions.get(ty).is_abstract
}

fn from_root(names: &[Name], this: &Shape) -> Outcome<Shape> {
    let Some((Name { root: Some(root), text, .. }, rest)) = names.split_first() else {
        return members(names, this.clone());
    };
    let definitions = &model().definitions;
    let start = match &this.kind {
        Kind::Fhir(types) => {
            let fitting: Vec<TypeId> = types
                .iter()
                .copied()
                .filter(|ty| definitions.is_a(*ty, *root) || (is_open(*ty) && definitions.is_a(*root, *ty)))
                .collect();
            if fitting.is_empty() {
                return wrong(format!("the expression begins at {text}, which it is not asked of"));
            }
            fitting
        }
        Kind::Unknown | Kind::System(_) => vec![*root],
    };
    members(rest, fhir(start))
}

fn members(names: &[Name], from: Shape) -> Outcome<Shape> {
    let mut current = from;
    for name in names {
        let Kind::Fhir(types) = &current.kind else { return Ok(UNKNOWN) };
        let mut next = Vec::new();
        let mut is_known = true;
        for ty in types {
            match name.id.and_then(|id| model().member(*ty, id)) {
                Some(member) => next.extend(member.keys.iter().map(|key| key.ty)),
                None => is_known &= !is_open(*ty),
            }
        }
        if !is_known {
            return Ok(UNKNOWN);
        }
        if next.is_empty() {
            let owner = types.first().map_or("this", |ty| &model().definitions.get(*ty).name);
            return wrong(format!("{owner} has no element {}", name.text));
        }
        current = Shape { kind: Kind::Fhir(next), is_ordered: current.is_ordered };
    }
    Ok(current)
}
