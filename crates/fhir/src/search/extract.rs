//! What a resource says for each search path.

use super::params::{Param, PathId};
use crate::json::Json;
use std::borrow::Cow;

/// One value of one path. Borrows from the resource where it can.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A code with its system. `system` is `None` where there is none; a `code` element has the system its required
    /// binding implies, where that is one system.
    Token {
        /// System URI.
        system: Option<Cow<'a, str>>,
        /// Code, identifier value, `true`/`false`.
        code: Cow<'a, str>,
    },
    /// Human text of a token (`:text`): `CodeableConcept.text`, `Coding.display`, `Identifier.type.text`.
    Display(Cow<'a, str>),
    /// `Identifier.type` coding with the identifier's value (`:of-type`).
    OfType {
        /// System of the type coding.
        system: Option<Cow<'a, str>>,
        /// Code of the type coding.
        code: Cow<'a, str>,
        /// The identifier's value.
        value: Cow<'a, str>,
    },
    /// A literal reference to a resource of this server: `Patient/1` (a version is left off).
    Local {
        /// Resource type.
        resource_type: Cow<'a, str>,
        /// Logical id.
        id: Cow<'a, str>,
    },
    /// An absolute or canonical reference; a canonical's `|version` is left on.
    Url(Cow<'a, str>),
    /// `Reference.identifier` (`:identifier`).
    Logical {
        /// System URI.
        system: Option<Cow<'a, str>>,
        /// Identifier value.
        value: Cow<'a, str>,
    },
    /// A span of time: first millisecond and last millisecond, both inclusive. Open ends are `i64::MIN`/`i64::MAX`.
    Date {
        /// First millisecond.
        low: i64,
        /// Last millisecond.
        high: i64,
    },
    /// A number, or a span of numbers where it is a Range.
    Number {
        /// Least.
        low: f64,
        /// Greatest.
        high: f64,
    },
    /// A quantity.
    Quantity {
        /// Least.
        low: f64,
        /// Greatest.
        high: f64,
        /// Unit system.
        system: Option<Cow<'a, str>>,
        /// Unit code.
        code: Option<Cow<'a, str>>,
        /// Human unit.
        unit: Option<Cow<'a, str>>,
    },
    /// Text, as it stands; [`normal`] gives the form that is compared.
    String(Cow<'a, str>),
    /// A URI.
    Uri(Cow<'a, str>),
    /// A place on the globe (`Location.position`), for `near`.
    Point {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
    },
}

/// Calls `found` for each value of each path that some parameter of the resource's type uses. A path's values come in
/// the order of the resource; the same value may come twice.
pub fn extract<'a>(resource: &'a Json<'a>, found: &mut dyn FnMut(PathId, Value<'a>)) {
    let _ = (resource, found);
    unimplemented!()
}

/// What a composite parameter compares: for each element it looks at (numbered from 0), the values of each component
/// (numbered as in [`Param::components`](super::params::Param)).
pub fn tuples<'a>(param: &Param, resource: &'a Json<'a>, found: &mut dyn FnMut(usize, usize, Value<'a>)) {
    let _ = (param, resource, found);
    unimplemented!()
}

/// Text as string search compares it: NFKD, without marks, lower case, inner white space as one space
/// (R4 search section 3.1.1.4.8: case-insensitive and accent-insensitive).
#[must_use]
pub fn normal(text: &str) -> String {
    let _ = text;
    unimplemented!()
}
