//! A refusal: a rule says no. One value makes the page, the `OperationOutcome` and the audit entry.

use crate::finding::{Finding, Severity};
use std::fmt;

/// What kind of no it is; each stands for one HTTP status (FHIR R4 http section 3.1.0.4 and RFC 9110).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request cannot be understood.
    Malformed,
    /// 401: nobody has signed in.
    Unauthenticated,
    /// 403: this is never allowed to this principal.
    Forbidden,
    /// 404: it does not exist, or may not be seen.
    NotFound,
    /// 405: not that verb here.
    NotAllowed,
    /// 406: no such representation.
    NotAcceptable,
    /// 409: somebody else changed it first, or it is still referred to.
    Conflict,
    /// 410: it was deleted.
    Gone,
    /// 412: a condition does not hold, or matches several.
    Precondition,
    /// 413: too large.
    TooLarge,
    /// 415: no such media type.
    MediaType,
    /// 422: understood, but not valid FHIR or not allowed by a rule.
    Invalid,
    /// 422: it would cost too much; narrow it.
    TooCostly,
    /// 501: this is not offered.
    NotOffered,
    /// 503: not now.
    Unavailable,
    /// 507: the disk is full.
    Full,
}

/// A no, with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub kind: Kind,
    /// Why, at least one.
    pub findings: Vec<Finding>,
}

impl Refusal {
    /// A refusal with one reason.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Refusal {
        let finding = Finding { severity: Severity::Error, code, path: String::new(), message: message.into() };
        Refusal { kind, findings: vec![finding] }
    }

    /// A refusal with the findings that led to it.
    #[must_use]
    pub fn because(kind: Kind, findings: Vec<Finding>) -> Refusal {
        Refusal { kind, findings }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, finding) in self.findings.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}
impl std::error::Error for Refusal {}
