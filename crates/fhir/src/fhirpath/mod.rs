//! FHIRPath N1 (2.0) with R4's additions, over the tree as it was read.
//!
//! Compile once, evaluate many times:
//!
//! ```
//! use fhir::fhirpath::{Context, compile};
//! use fhir::json::Json;
//! use base::clock::Instant;
//!
//! let official = compile("name.where(use = 'official').given")?;      // Send + Sync: keep it in a static
//! let patient = Json::parse(br#"{"resourceType":"Patient","name":[{"use":"official","given":["Eve"]}]}"#)?;
//! let given = official.evaluate(&Context::new(&patient, Instant(0)))?;
//! assert_eq!(given[0].value().map(|v| v.to_string()).as_deref(), Some("Eve"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - An element's invariant: `invariant.holds(&context.at(Node::typed(json, type_id)))`, with `sibling` set for a
//!   primitive that has `_name`. `Ok(None)` means unknown (empty) and does not break it: by R4's own constraints an
//!   entry without `fullUrl` (bdl-8) and a reference by identifier (ref-1) give empty.
//! - Inside a contained resource: `context.within(Node::resource(json))` sets `%resource` and leaves `%rootResource`.
//! - A result is a [`Collection`] of [`Item`]s that borrow from the tree (no subtree is copied): match on
//!   [`Item::Node`] for `json`, `sibling` and `ty`, or ask [`Item::value`] for the System value.
//! - `resolve()` looks in `contained`, then in the entries of the Bundle that is `%rootResource`, then asks
//!   [`Context::resolve`]; a reference that leads elsewhere gives a stub of the type its text names, so that
//!   `resolve() is Patient` needs no store.
//! - No expression on any input runs away: nesting, text, patterns and steps ([`Context::steps_max`]) are bounded, and
//!   nothing panics.
//!
//! Where the specification leaves a choice, the official R4 suite decides; it runs unchanged in the tests.

mod ast;
mod check;
mod compare;
mod context;
mod decimal;
mod error;
mod eval;
mod functions;
mod item;
mod lexer;
mod model;
mod navigate;
mod operators;
mod parser;
mod quantity;
mod types;
pub(crate) mod units;
mod value;

pub use check::Strictness;
pub use context::{ConformsTo, Context, MemberOf, Resolve, STEPS_MAX, Subsumes};
pub use error::FhirPathError;
pub use item::{Collection, Item, Node};
pub use value::{Quantity, Text, Unit, Value};

use crate::json::Json;
use base::clock::Instant;
use std::fmt;

/// A compiled expression. Cheap to share between threads.
pub struct Expr {
    ast: ast::Ast,
    source: Box<str>,
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({})", self.source)
    }
}

/// Reads an expression; names, types and literal patterns are looked up now, not when it is evaluated.
pub fn compile(expression: &str) -> Result<Expr, FhirPathError> {
    Ok(Expr { ast: parser::parse(expression)?, source: expression.into() })
}

/// The same as [`Expr::evaluate`].
pub fn evaluate<'a>(expr: &Expr, context: &Context<'a>) -> Result<Collection<'a>, FhirPathError> {
    expr.evaluate(context)
}

/// Evaluates an expression once over a resource, in strict mode, and gives the items as a JSON array.
///
/// # Errors
/// Also where the expression can never be right for the resource's type ([`Expr::check`]).
pub fn evaluate_to_json(expression: &str, resource: &Json<'_>, now: Instant) -> Result<Json<'static>, FhirPathError> {
    let expr = compile(expression)?;
    expr.check(resource.text("resourceType"), Strictness::Types)?;
    let items = expr.evaluate(&Context { single_as: true, ..Context::new(resource, now) })?;
    Ok(Json::Array(items.iter().map(Item::to_json).collect()))
}

impl Expr {
    /// The items the expression leads to.
    pub fn evaluate<'a>(&self, context: &Context<'a>) -> Result<Collection<'a>, FhirPathError> {
        let focus = context.focus.map(Item::Node);
        let scope = eval::Scope { this: focus.as_slice(), index: None, total: None };
        eval::Evaluator::new(context).eval(&self.ast, scope)
    }

    /// Whether the expression is true: `None` if it is empty. A single item that is no boolean counts as true
    /// (FHIRPath section 4.5).
    pub fn holds(&self, context: &Context<'_>) -> Result<Option<bool>, FhirPathError> {
        eval::truth(&self.evaluate(context)?)
    }

    /// Strict mode: finds what can never be right when the expression is asked of a node of type `root` (`None`: of
    /// something unknown), such as elements that do not exist.
    pub fn check(&self, root: Option<&str>, strictness: Strictness) -> Result<(), FhirPathError> {
        let root = root.and_then(|name| model::model().definitions.type_id(name));
        check::check(&self.ast, root, strictness)
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_as_json_keeps_what_was_written() {
        let resource =
            br#"{"resourceType":"Observation","valueQuantity":{"value":1.50,"unit":"mg"},"code":{"text":"x"}}"#;
        let resource = Json::parse(resource).unwrap();
        for (expression, answer) in [
            ("Observation.value.value", "[1.50]"),
            ("value.unit | 'é'", r#"["mg","é"]"#),
            ("code", r#"[{"text":"x"}]"#),
            ("value.value * 2 | today() | true", r#"[3.00,"1970-01-01",true]"#),
            ("4.5 'mg'", r#"[{"value":4.5,"unit":"mg"}]"#),
            ("value.type()", r#"[{"namespace":"FHIR","name":"Quantity"}]"#),
            ("{}", "[]"),
        ] {
            let found = evaluate_to_json(expression, &resource, Instant(0)).unwrap();
            assert_eq!(String::from_utf8(found.to_bytes()).unwrap(), answer, "{expression}");
        }
        for expression in ["valueQuantity", "Patient.name", "code.nobody", "1 +", "f()"] {
            assert!(evaluate_to_json(expression, &resource, Instant(0)).is_err(), "{expression}");
        }
    }
}
