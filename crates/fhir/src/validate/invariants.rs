//! The invariants of the definitions, each expression compiled once.
//!
//! Those that hold for everything (`ele-1`, `ext-1`, `dom-*`, `ref-1`, `txt-*`) are checked by the walk itself.

use super::place::Place;
use super::shortcuts::{self, Shortcut};
use super::walk::{Scope, Walk};
use crate::definitions::Constraint;
use crate::fhirpath::{Context, Expr, Node, compile};
use base::clock::Instant;
use base::finding::Severity;
use std::collections::HashMap;
use std::sync::Arc;

/// Checked by the walk, without FHIRPath.
const NATIVE: [&str; 10] = ["ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "dom-6", "ref-1", "txt-1", "txt-2"];

/// Expressions that R4 published with a slip: the key, and what it means. Later releases have these.
const MEANT: [(&str, &str); 1] = [
    // `Boolean` is FHIRPath's own type, which no element of FHIR has.
    ("que-7", "operator = 'exists' implies (answer is boolean)"),
];

/// One invariant.
pub(super) struct Invariant {
    key: String,
    severity: Severity,
    human: String,
    shortcuts: Vec<Shortcut>,
    expression: Expr,
}

/// Compiles each expression once, however many elements share it.
#[derive(Default)]
pub(super) struct Compiler<'d> {
    done: HashMap<(&'d str, &'d str), Option<Arc<Invariant>>>,
    /// Keys of those that cannot be run, each with the reason.
    pub skipped: Vec<(String, String)>,
}

impl<'d> Compiler<'d> {
    /// The invariants among these that the walk does not check itself.
    pub fn compile(&mut self, constraints: &'d [Constraint]) -> Vec<Arc<Invariant>> {
        let open = constraints.iter().filter(|c| !NATIVE.contains(&c.key.as_str()));
        open.filter_map(|c| self.one(c)).collect()
    }

    fn one(&mut self, constraint: &'d Constraint) -> Option<Arc<Invariant>> {
        let name = (constraint.key.as_str(), constraint.expression.as_str());
        if let Some(done) = self.done.get(&name) {
            return done.clone();
        }
        let meant = MEANT.iter().find(|(key, _)| *key == constraint.key).map(|(_, expression)| *expression);
        let meant = meant.unwrap_or(&constraint.expression);
        let made = match compile(meant) {
            Ok(expression) => Some(Arc::new(Invariant {
                key: constraint.key.clone(),
                severity: if constraint.is_error { Severity::Error } else { Severity::Warning },
                human: constraint.human.clone(),
                shortcuts: shortcuts::of(meant),
                expression,
            })),
            Err(why) => {
                self.skipped.push((constraint.key.clone(), why.to_string()));
                None
            }
        };
        self.done.insert(name, made.clone());
        made
    }
}

/// Looks at the invariants of one element.
pub(super) fn check<'r>(
    walk: &mut Walk,
    invariants: &[Arc<Invariant>],
    node: Node<'r>,
    place: &Place,
    scope: Scope<'r>,
) {
    let plain = |i: &Invariant| i.shortcuts.iter().any(|s| s.holds(node.json, scope.resource.json));
    for invariant in invariants.iter().filter(|i| !plain(i)) {
        // No invariant asks what time it is.
        let context = Context::empty(Instant(0)).at(node);
        let context = Context { resource: Some(scope.resource), root: Some(scope.root), ..context };
        match invariant.expression.holds(&context) {
            // Empty means that the expression has nothing to say: `bdl-8` of an entry without fullUrl, `per-1` of dates that
            // cannot be compared.
            Ok(Some(true) | None) => {}
            Ok(Some(false)) => {
                let message = format!("{}: {}", invariant.key, invariant.human);
                walk.find(invariant.severity, "invariant", place, message);
            }
            Err(why) => {
                let message = format!("{} was not checked: {why}", invariant.key);
                walk.find(Severity::Information, "not-supported", place, message);
            }
        }
    }
}
