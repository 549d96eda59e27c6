//! Protected health information in a wrapper that cannot be printed by accident (45 CFR 160.103).

use std::fmt;

/// A value that identifies or describes a patient. It has no `Display`; its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Phi<T> {
        Phi(value)
    }

    /// The value, for a place that has the right to it.
    pub fn reveal(&self) -> &T {
        &self.0
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phi(…)")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_log_line_shows_nothing() {
        assert_eq!(format!("{:?}", super::Phi::new("Zoë O'Null")), "Phi(…)");
    }
}
