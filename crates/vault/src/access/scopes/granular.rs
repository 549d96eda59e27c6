//! Granular scopes: a search that says which resources of a type are meant (SMART App Launch 2.2, "Finer-grained resource
//! constraints using search parameters"). Only what one resource alone can answer is taken: no chains, no value sets.

use base::clock::Instant;
use fhir::json::Json;
use fhir::search::params::Kind;
use fhir::search::query::{Filter, Operand, Query, parse, url};

use crate::search::holds;

/// A search on a type, percent-coded. `None`: it says nothing, something unknown, or something that one resource alone
/// cannot answer.
pub(super) fn query(resource_type: &str, text: &str) -> Option<Query> {
    let pairs = url::pairs(text).ok().filter(|pairs| !pairs.is_empty())?;
    // Controls begin so; of those only these say something of the resource itself.
    let plain = |name: &str| !name.starts_with('_') || ["_id", "_security", "_tag", "_profile"].contains(&name);
    if !pairs.iter().all(|(name, _)| plain(name.split(':').next().unwrap_or_default())) {
        return None;
    }
    // The moment would only serve `ap`.
    let query = parse(Some(resource_type), &pairs, true, Instant(0)).ok()?;
    is_plain(&query.filter).then_some(query)
}

/// Whether a resource is one of those that the filter of a [`query`] means.
pub(super) fn means(filter: &Filter, resource: &Json) -> bool {
    holds(filter, resource)
}

fn is_plain(filter: &Filter) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => !filters.is_empty() && filters.iter().all(is_plain),
        Filter::Not(filter) => is_plain(filter),
        Filter::Test(test) => is_plain_operand(&test.operand),
        Filter::Missing { param, .. } => param.kind != Kind::Composite,
        Filter::Id(_) => true,
        Filter::All
        | Filter::Never
        | Filter::Words { .. }
        | Filter::Chain { .. }
        | Filter::Has { .. }
        | Filter::LastUpdated(_)
        | Filter::List(_)
        | Filter::Current(_)
        | Filter::Compartment { .. } => false,
    }
}

fn is_plain_operand(operand: &Operand) -> bool {
    match operand {
        Operand::Token { .. }
        | Operand::TokenText(_)
        | Operand::OfType { .. }
        | Operand::Local { .. }
        | Operand::Url(_)
        | Operand::Logical { .. }
        | Operand::Starts(_)
        | Operand::Contains(_)
        | Operand::Ends(_)
        | Operand::Exact(_)
        | Operand::Date(_)
        | Operand::Number(_)
        | Operand::Quantity { .. }
        | Operand::Uri(_)
        | Operand::UriBelow(_)
        | Operand::UriAbove(_) => true,
        Operand::TokenAny(_)
        | Operand::Line { .. }
        | Operand::Versions { .. }
        | Operand::In(_)
        | Operand::CodeBelow { .. }
        | Operand::CodeAbove { .. }
        | Operand::Near { .. }
        | Operand::Composite(_) => false,
    }
}
