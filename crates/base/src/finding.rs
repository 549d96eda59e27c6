//! A finding: something odd about an input, at its place, for whoever can mend it.

use std::fmt;

/// How bad it is (FHIR value set issue-severity).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Information,
    /// Work goes on; somebody should look.
    Warning,
    /// The input cannot be taken as it is.
    Error,
    /// Nothing after this could be looked at.
    Fatal,
}

impl Severity {
    /// FHIR's code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Severity::Information => "information",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Fatal => "fatal",
        }
    }
}

/// One issue of an `OperationOutcome`. The message never repeats a patient's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// FHIR value set issue-type: `structure`, `required`, `value`, `invariant`, `code-invalid`, `not-found`, ...
    pub code: &'static str,
    /// Where: a FHIRPath such as `Patient.name[0].given`, or empty.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Finding {
    /// An error at a place.
    pub fn error(code: &'static str, path: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding { severity: Severity::Error, code, path: path.into(), message: message.into() }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, path: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, code, path: path.into(), message: message.into() }
    }

    /// Whether the input cannot be taken as it is.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity >= Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}
