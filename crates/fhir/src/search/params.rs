//! The search parameters of each type, with their expressions split into numbered paths.

use super::book::{book, compartments};

/// A path's number: stable for one pack, 1 and up. Numbers below [`FIRST_PATH`] are the vault's own.
pub type PathId = u16;

/// The first number given to a path of the definitions.
pub const FIRST_PATH: PathId = 32;

/// FHIR value set search-param-type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number.
    Number,
    /// A date, dateTime, instant, Period or Timing.
    Date,
    /// Text compared without case and accents.
    String,
    /// A code, identifier or boolean.
    Token,
    /// A reference.
    Reference,
    /// Several parameters of one element.
    Composite,
    /// A number with a unit.
    Quantity,
    /// A URI, compared exactly.
    Uri,
    /// `_text`, `_content`, `near`, ...: each has rules of its own.
    Special,
}

impl Kind {
    /// The kind FHIR calls so.
    #[must_use]
    pub fn parse(code: &str) -> Option<Kind> {
        Some(match code {
            "number" => Kind::Number,
            "date" => Kind::Date,
            "string" => Kind::String,
            "token" => Kind::Token,
            "reference" => Kind::Reference,
            "composite" => Kind::Composite,
            "quantity" => Kind::Quantity,
            "uri" => Kind::Uri,
            "special" => Kind::Special,
            _ => return None,
        })
    }

    /// FHIR's code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Kind::Number => "number",
            Kind::Date => "date",
            Kind::String => "string",
            Kind::Token => "token",
            Kind::Reference => "reference",
            Kind::Composite => "composite",
            Kind::Quantity => "quantity",
            Kind::Uri => "uri",
            Kind::Special => "special",
        }
    }
}

/// One search parameter as it applies to one resource type.
#[derive(Clone, Debug)]
pub struct Param {
    /// `birthdate`.
    pub code: String,
    /// Canonical URL.
    pub url: String,
    /// What sort.
    pub kind: Kind,
    /// Where its values come from. Empty for those the vault answers itself (`_id`, `_lastUpdated`, `_text`, ...) and
    /// for composites.
    pub paths: Vec<PathUse>,
    /// Types a reference may point to, in this resource type.
    pub targets: Vec<String>,
    /// For composites: each part's kind, with its expression relative to the composite's element.
    pub components: Vec<Component>,
    /// The expression as the specification has it.
    pub expression: String,
}

/// One path of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathUse {
    /// The path.
    pub path: PathId,
    /// Only references to this type count (`patient` is `subject` where it points to a Patient).
    pub target: Option<String>,
}

/// One part of a composite.
#[derive(Clone, Debug)]
pub struct Component {
    /// The part's kind.
    pub kind: Kind,
    /// FHIRPath from the composite's element to the part's value.
    pub expression: String,
    /// Where the part's values come from, all elements together: a resource without a fitting value here cannot match.
    pub paths: Vec<PathUse>,
}

/// A path as people read it, `token Observation.code`; `None` for a number that is none.
pub fn path_text(path: PathId) -> Option<&'static str> {
    let index = path.checked_sub(FIRST_PATH)?;
    book().paths.get(usize::from(index)).map(String::as_str)
}

/// Changes whenever the numbering of paths or the meaning of their values does: an index made under another
/// fingerprint must be made anew.
pub fn pack_fingerprint() -> u64 {
    book().fingerprint
}

/// The reference parameters that tie a resource of that type to a compartment (`Patient`, `Encounter`, ...). Empty when
/// the type has no part in it.
pub fn compartment(kind: &str, resource_type: &str) -> &'static [&'static Param] {
    compartments().get(kind).and_then(|members| members.get(resource_type)).map_or(&[], Vec::as_slice)
}

/// The parameters of one type, those of `Resource` and `DomainResource` included, in alphabetical order. `Resource`
/// itself has those that every type has. Empty for an unknown type.
pub fn of(resource_type: &str) -> &'static [Param] {
    book().types.get(resource_type).map_or(&[], |t| &t.params)
}

/// One parameter of one type by its code.
pub fn find(resource_type: &str, code: &str) -> Option<&'static Param> {
    let params = of(resource_type);
    params.binary_search_by(|p| p.code.as_str().cmp(code)).ok().map(|at| &params[at])
}

/// The reference by which resources of a type are part of others of the same type: `Location?partof`, `Encounter?part-of`,
/// `Device?parent`. `None` where R4 has no such parameter.
pub fn hierarchy(resource_type: &str) -> Option<&'static Param> {
    let params = ["partof", "part-of", "parent"].into_iter().filter_map(|code| find(resource_type, code));
    params.into_iter().find(|p| p.kind == Kind::Reference && p.targets.iter().any(|target| target == resource_type))
}
