//! The gate: nothing is read or written without a visit that says who and why.

/// Who is here, and why. Only this module makes one.
#[derive(Clone, Debug)]
pub struct Visit {
    principal: String,
}

impl Visit {
    /// The operator at the machine's own command line: whoever can read the root key.
    #[must_use]
    pub fn operator() -> Visit {
        Visit { principal: "operator".to_owned() }
    }

    /// A name for the audit.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }
}
