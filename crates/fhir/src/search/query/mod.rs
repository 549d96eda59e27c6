//! A query: what `GET /Patient?name=eve&_include=...` asks, parsed and checked, before anyone looks for matches.

mod chain;
mod condition;
mod current;
mod filter;
mod hidden;
mod parse;
mod result;
pub mod url;
mod value;
mod words;

pub use hidden::{Hidden, NOTHING};
pub use parse::{parse, parse_for};

use super::params::{Kind, Param};
use base::clock::Instant;
use base::finding::Finding;

/// A parsed search.
#[derive(Clone, Debug)]
pub struct Query {
    /// The type searched, or several for a system search (`_type`); empty means all types.
    pub types: Vec<String>,
    /// What must hold.
    pub filter: Filter,
    /// `_sort`, first key first.
    pub sort: Vec<Sort>,
    /// `_include`.
    pub include: Vec<Include>,
    /// `_revinclude`.
    pub revinclude: Vec<Include>,
    /// `_count`; `Some(0)` asks for the total only.
    pub count: Option<u32>,
    /// `_total`.
    pub total: Total,
    /// `_summary`.
    pub summary: Summary,
    /// `_elements`, base names.
    pub elements: Vec<String>,
    /// `_contained`: whether contained resources are looked for.
    pub contained: Contained,
    /// `_containedType=contained`: answer the contained resource itself, not the one that holds it.
    pub contained_alone: bool,
    /// `_asof`: the record as it was known then.
    pub as_of: Option<Instant>,
    /// What was understood, as it goes into the `self` link: names and values, percent-decoded.
    pub understood: Vec<(String, String)>,
    /// What was not understood; with `handling=strict` a refusal, otherwise an OperationOutcome entry in the answer.
    pub findings: Vec<Finding>,
}

/// What must hold for a resource to match.
#[derive(Clone, Debug)]
pub enum Filter {
    /// Always.
    All,
    /// Never.
    Never,
    /// Each of these.
    And(Vec<Filter>),
    /// One of these.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// One parameter with one value.
    Test(Test),
    /// `:missing=true` (`missing`) or `:missing=false`.
    Missing {
        /// The parameter.
        param: &'static Param,
        /// Whether it must be missing.
        missing: bool,
    },
    /// `subject:Patient.name=...`: a reference whose target matches.
    Chain {
        /// The reference parameter.
        param: &'static Param,
        /// The target's type.
        target: String,
        /// What must hold of the target.
        filter: Box<Filter>,
    },
    /// `_has:Observation:patient:code=...`: some resource of type `source` refers here by `param` and matches.
    Has {
        /// The referring type.
        source: String,
        /// Its reference parameter.
        param: &'static Param,
        /// What must hold of the referring resource.
        filter: Box<Filter>,
    },
    /// `_id`.
    Id(Vec<String>),
    /// `_lastUpdated`, one comparison.
    LastUpdated(DateTest),
    /// `_list=ID`.
    List(String),
    /// `_list=$current-problems` and its like.
    Current(Box<Current>),
    /// `_text` (narrative) or `_content` (everything): all these words, normalised, somewhere.
    Words {
        /// Whether only the narrative counts.
        narrative: bool,
        /// The words.
        words: Vec<String>,
    },
    /// Belongs to a compartment: some of these reference parameters points to it (`Patient/1/Observation`).
    Compartment {
        /// `Patient`.
        kind: String,
        /// Id of the patient.
        id: String,
    },
}

/// A list by its function.
#[derive(Clone, Debug)]
pub struct Current {
    /// Which `List` somebody keeps for it; of several the one written last decides.
    pub stored: Filter,
    /// What of that List's items counts.
    pub only: Filter,
    /// What is current where nobody keeps one.
    pub otherwise: Filter,
}

/// One parameter, one value.
#[derive(Clone, Debug)]
pub struct Test {
    /// The parameter.
    pub param: &'static Param,
    /// The comparison.
    pub operand: Operand,
}

/// A comparison, by kind of parameter.
#[derive(Clone, Debug)]
pub enum Operand {
    /// Token: `system|code`, `|code`, `code`, `system|`.
    Token {
        /// Which systems count.
        system: SystemTest,
        /// The code; `None` for `system|`.
        code: Option<String>,
    },
    /// Token, one of many codes: `:in`, `:above`, `:below`, resolved by terminology. (`:not-in` is `Not` of it.)
    TokenAny(Vec<(Option<String>, String)>),
    /// Token `:text`: some display or text starts with this (normalised).
    TokenText(String),
    /// Token `:of-type`.
    OfType {
        /// Type system.
        system: Option<String>,
        /// Type code.
        code: String,
        /// Identifier value.
        value: String,
    },
    /// Reference to a resource here. `None` type: any target type the parameter allows.
    Local {
        /// Target type.
        resource_type: Option<String>,
        /// Target id.
        id: String,
    },
    /// Absolute or canonical reference; without `|version` it matches any version.
    Url(String),
    /// Reference `:above` and `:below`: what it names, and all above or below that in its hierarchy (locations that are
    /// part of a location). The vault walks it.
    Line {
        /// Upwards, or downwards.
        above: bool,
        /// Where it starts: [`Operand::Local`] or [`Operand::Url`].
        from: Box<Operand>,
    },
    /// Canonical reference `:below`: this version or one within it (`1.2` is also `1.2.3`). `:above`: this or one it is
    /// within.
    Versions {
        /// Upwards, or downwards.
        above: bool,
        /// The canonical URL.
        url: String,
        /// The version.
        version: String,
    },
    /// Reference `:identifier`.
    Logical {
        /// Which systems count.
        system: SystemTest,
        /// The value.
        value: Option<String>,
    },
    /// String: starts with (normalised).
    Starts(String),
    /// String `:contains` (normalised).
    Contains(String),
    /// String `:exact`.
    Exact(String),
    /// Date.
    Date(DateTest),
    /// Number.
    Number(NumberTest),
    /// Quantity.
    Quantity {
        /// The number.
        number: NumberTest,
        /// Unit system, if given.
        system: Option<String>,
        /// Unit code, or human unit when no system was given.
        unit: Option<String>,
    },
    /// URI equal.
    Uri(String),
    /// URI `:below`: this or a path under it.
    UriBelow(String),
    /// URI `:above`: this or a path it lies under.
    UriAbove(String),
    /// Token `:in`: a code of this value set (its URL, as written). Only terminology knows which these are; the vault
    /// asks it. (`:not-in` is `Not` of it.)
    In(String),
    /// Token `:below`: this code or one it subsumes. Terminology resolves it.
    CodeBelow {
        /// System URI, if given.
        system: Option<String>,
        /// The code.
        code: String,
    },
    /// Token `:above`: this code or one that subsumes it. Terminology resolves it.
    CodeAbove {
        /// System URI, if given.
        system: Option<String>,
        /// The code.
        code: String,
    },
    /// String: ends with (normalised); `_filter`'s `ew`.
    Ends(String),
    /// `Location?near=`: within this distance.
    Near {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Kilometres.
        km: f64,
    },
    /// Composite: one operand a component, all true of the same element.
    Composite(Vec<(Kind, Operand)>),
}

/// How a token's system is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemTest {
    /// `code`: any system or none.
    Any,
    /// `|code`: no system.
    Absent,
    /// `system|code`.
    Is(String),
}

/// A prefix with a span of time (R4 search section 3.1.1.4.6). Milliseconds, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTest {
    /// Comparison.
    pub prefix: Prefix,
    /// First millisecond of what was written.
    pub low: i64,
    /// Last millisecond of what was written.
    pub high: i64,
}

/// A prefix with a number and the span its precision implies: `5.4` is 5.35 up to but not including 5.45.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberTest {
    /// Comparison.
    pub prefix: Prefix,
    /// The number itself.
    pub value: f64,
    /// Least that counts as equal.
    pub low: f64,
    /// Everything below this counts as equal.
    pub high: f64,
}

/// FHIR's comparison prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// Equal (the default).
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Less.
    Lt,
    /// Greater or equal.
    Ge,
    /// Less or equal.
    Le,
    /// Starts after.
    Sa,
    /// Ends before.
    Eb,
    /// About the same: the stored span and the test's overlap. The test's `low` and `high` are widened already.
    Ap,
}

/// One `_sort` key.
#[derive(Clone, Debug)]
pub struct Sort {
    /// The key.
    pub by: SortBy,
    /// Whether it was written with `-`.
    pub descending: bool,
}

/// What is sorted by.
#[derive(Clone, Debug)]
pub enum SortBy {
    /// `_lastUpdated`.
    LastUpdated,
    /// `_id`.
    Id,
    /// A parameter.
    Param(&'static Param),
}

/// One `_include` or `_revinclude`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// `Observation`, or `*` for every type.
    pub source: String,
    /// The reference parameter's code, or `*`.
    pub param: String,
    /// Only targets of this type.
    pub target: Option<String>,
    /// Whether it applies to included resources again (`:iterate`).
    pub iterate: bool,
}

/// FHIR value set search-total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Total {
    /// Do not count.
    None,
    /// Count exactly. (An estimate is answered exactly too.)
    #[default]
    Accurate,
}

/// FHIR value set summary-types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    /// Everything.
    #[default]
    False,
    /// Summary elements.
    True,
    /// Narrative, id, meta and mandatory elements.
    Text,
    /// Everything but the narrative.
    Data,
    /// The total only.
    Count,
}

/// `_contained` (R4 search section 3.1.1.5.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contained {
    /// Only resources of their own.
    #[default]
    Without,
    /// Only contained ones.
    Only,
    /// Both.
    Both,
}
