//! The functions of FHIRPath, a file a family. To add one: write it in its family and add a line to that family's list.

#![expect(
    clippy::needless_pass_by_value,
    reason = "all functions have the one signature of Handler; half need the input"
)]

pub(super) mod boundaries;
pub(super) mod combining;
pub(super) mod conversion;
pub(super) mod existence;
pub(super) mod filtering;
pub(super) mod html;
pub(super) mod math;
pub(super) mod resources;
pub(super) mod strings;
pub(super) mod text_codes;
pub(super) mod tree;

use super::ast::Outcome;
use super::eval::{Evaluator, Invocation};
use super::item::Collection;

/// A function by its name.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) arguments: Arguments,
    pub(super) run: Handler,
}

/// What carries a function out.
pub(super) type Handler = for<'c, 'a, 's> fn(&mut Evaluator<'c, 'a>, Invocation<'s, 'a>) -> Outcome<Collection<'a>>;

/// What stands between the parentheses.
#[derive(Clone, Copy)]
pub(super) enum Arguments {
    /// So many expressions.
    Exactly(usize),
    /// At least and at most so many.
    Between(usize, usize),
    /// One type name.
    Type,
}

impl Arguments {
    pub(super) fn allow(self, count: usize) -> bool {
        match self {
            Arguments::Exactly(n) => count == n,
            Arguments::Between(least, most) => (least..=most).contains(&count),
            Arguments::Type => count == 1,
        }
    }
}

const fn function(name: &'static str, arguments: Arguments, run: Handler) -> Function {
    Function { name, arguments, run }
}

const FAMILIES: [&[Function]; 9] = [
    existence::FUNCTIONS,
    filtering::FUNCTIONS,
    combining::FUNCTIONS,
    conversion::FUNCTIONS,
    strings::FUNCTIONS,
    math::FUNCTIONS,
    tree::FUNCTIONS,
    boundaries::FUNCTIONS,
    resources::FUNCTIONS,
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FAMILIES.iter().flat_map(|family| family.iter()).find(|function| function.name == name)
}
