//! The search parameters of each type, with their expressions split into numbered paths.

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

/// One search parameter as it applies to one resource type.
#[derive(Clone, Debug)]
pub struct Param {
    /// `birthdate`.
    pub code: String,
    /// Canonical URL.
    pub url: String,
    /// What sort.
    pub kind: Kind,
    /// Where its values come from. Empty for those the vault answers itself (`_id`, `_lastUpdated`, `_text`, ...).
    pub paths: Vec<PathUse>,
    /// Types a reference may point to.
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

/// How many paths there are: their numbers run from [`FIRST_PATH`] without a gap.
pub fn path_count() -> usize {
    unimplemented!()
}

/// A path as people read it, `token Observation.code`; `None` for a number that is none.
pub fn path_text(path: PathId) -> Option<&'static str> {
    let _ = path;
    unimplemented!()
}

/// Changes whenever the numbering of paths or the meaning of their values does: an index made under another
/// fingerprint must be made anew.
pub fn pack_fingerprint() -> u64 {
    unimplemented!()
}

/// The reference parameters that tie a resource of that type to a compartment (`Patient`, `Encounter`, ...). Empty when
/// the type has no part in it.
pub fn compartment(kind: &str, resource_type: &str) -> &'static [&'static Param] {
    let _ = (kind, resource_type);
    unimplemented!()
}

/// The parameters of one type, those of `Resource` and `DomainResource` included. `Resource` itself has those that
/// every type has. Empty for an unknown type.
pub fn of(resource_type: &str) -> &'static [Param] {
    let _ = resource_type;
    unimplemented!()
}

/// One parameter of one type by its code.
pub fn find(resource_type: &str, code: &str) -> Option<&'static Param> {
    of(resource_type).iter().find(|p| p.code == code)
}
