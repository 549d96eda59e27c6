//! Where the walk stands: a chain on the stack, written out only when there is something to say.

use std::fmt::{self, Write};

/// One step from the resource down, with the step above it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    above: Option<&'p Place<'p>>,
    name: &'p str,
    index: Option<usize>,
}

impl<'p> Place<'p> {
    /// The place of a resource that stands alone.
    pub fn root(resource_type: &'p str) -> Place<'p> {
        Place { above: None, name: resource_type, index: None }
    }

    /// The place of a single element below this one.
    pub fn member(&'p self, name: &'p str) -> Place<'p> {
        Place { above: Some(self), name, index: None }
    }

    /// The place of one value of a repeating element: `self` is the element.
    pub fn at(mut self, index: usize) -> Place<'p> {
        self.index = Some(index);
        self
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
            f.write_char('.')?;
        }
        f.write_str(self.name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}
