//! What can go wrong with an expression, told without a patient's values.

use std::borrow::Cow;

/// Why an expression could not be compiled or evaluated. Names positions and elements, never values of a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FhirPathError {
    /// The text is not FHIRPath, or names a function or type that does not exist.
    #[error("{what} at position {at} of the expression")]
    Syntax {
        /// What is wrong and what was expected.
        what: Cow<'static, str>,
        /// Byte offset in the expression.
        at: usize,
    },
    /// The expression can never be right for the type it is asked of (strict mode, [`super::Expr::check`]).
    #[error("{0}")]
    Semantic(String),
    /// The values met do not allow what the expression asks, such as `single()` of two items.
    #[error("{0}")]
    Evaluation(Cow<'static, str>),
    /// The step budget of the context is used up.
    #[error("the expression costs more steps than are allowed; narrow it")]
    TooCostly,
}

impl FhirPathError {
    pub(super) fn syntax(what: impl Into<Cow<'static, str>>, at: usize) -> FhirPathError {
        FhirPathError::Syntax { what: what.into(), at }
    }

    pub(super) fn evaluation(what: impl Into<Cow<'static, str>>) -> FhirPathError {
        FhirPathError::Evaluation(what.into())
    }
}
