//! A compiled expression.

use super::error::FhirPathError;
use super::functions::Function;
use super::model::NameId;
use super::value::Value;
use crate::definitions::TypeId;
use regex::Regex;

/// An expression or a part of one. Chains of operators are flat, so that depth grows with parentheses only.
pub(super) enum Ast {
    /// `{}`
    Empty,
    Literal(Value<'static>),
    /// `$this`
    This,
    /// `$index`
    Index,
    /// `$total`
    Total,
    /// `%name`
    Constant(Box<str>),
    /// `start.step.step`; without start the steps begin at `$this`.
    Path {
        start: Option<Box<Ast>>,
        steps: Box<[Step]>,
    },
    /// Operators of one precedence, from left to right.
    Chain {
        first: Box<Ast>,
        rest: Box<[(Operator, Ast)]>,
    },
    /// `-x` or `+x`
    Sign {
        is_negative: bool,
        of: Box<Ast>,
    },
    /// `x is T`
    Is(Box<Ast>, TypeSpec),
    /// `x as T`
    As(Box<Ast>, TypeSpec),
}

/// One step of a path.
pub(super) enum Step {
    /// `.a.b.c`
    Members(Box<[Name]>),
    /// `.f(x)`
    Call(Call),
    /// `[n]`
    Item(Ast),
}

/// A member name.
pub(super) struct Name {
    pub(super) text: Box<str>,
    /// `_text`, for untyped trees.
    pub(super) sibling: Box<str>,
    /// Its number, if some type has it.
    pub(super) id: Option<NameId>,
    /// The type of that name, if this is the first word of a path: `Patient.name` begins with the patient.
    pub(super) root: Option<TypeId>,
}

/// A call of a function.
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) args: Box<[Ast]>,
    /// For `is`, `as` and `ofType`.
    pub(super) ty: Option<TypeSpec>,
    /// The pattern, compiled, where it is a literal.
    pub(super) pattern: Option<Regex>,
}

/// A type as expressions name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TypeSpec {
    /// `System.Integer`, or `Integer`.
    System(&'static str),
    /// `FHIR.Patient`, or `Patient`.
    Fhir(TypeId),
    /// `Quantity`, which both have.
    Quantity(TypeId),
    /// A type no item can have, such as `System.Patient`.
    Never,
}

/// The binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Times,
    Divide,
    Div,
    Mod,
    Plus,
    Minus,
    Join,
    Union,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Equivalent,
    NotEqual,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}

impl Operator {
    /// How tightly it binds (FHIRPath section 8); `is` and `as` stand between `Join` and `Union` at [`TYPE_BINDS`].
    pub(super) fn binds(self) -> u8 {
        match self {
            Operator::Times | Operator::Divide | Operator::Div | Operator::Mod => 10,
            Operator::Plus | Operator::Minus | Operator::Join => 9,
            Operator::Union => 7,
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => 6,
            Operator::Equal | Operator::Equivalent | Operator::NotEqual | Operator::NotEquivalent => 5,
            Operator::In | Operator::Contains => 4,
            Operator::And => 3,
            Operator::Or | Operator::Xor => 2,
            Operator::Implies => 1,
        }
    }
}

/// Where `is` and `as` bind.
pub(super) const TYPE_BINDS: u8 = 8;

/// What most parts of this module return.
pub(super) type Outcome<T> = Result<T, FhirPathError>;
