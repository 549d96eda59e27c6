//! The tree below, the types, and the clock (FHIRPath sections 5.8, 5.9, 6.3).

use super::Arguments::Exactly;
use super::{Function, function};
use crate::calendar::Moment;
use crate::fhirpath::ast::Outcome;
use crate::fhirpath::eval::{Evaluator, Invocation, single};
use crate::fhirpath::item::{Collection, Item};
use crate::fhirpath::navigate;
use crate::fhirpath::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("children", Exactly(0), children),
    function("descendants", Exactly(0), descendants),
    function("type", Exactly(0), type_),
    function("now", Exactly(0), |e, _| Ok(Collection::from(Value::DateTime(now(e))))),
    function("today", Exactly(0), |e, _| Ok(Collection::from(Value::Date(now(e).date())))),
    function("timeOfDay", Exactly(0), |e, _| Ok(Collection::from(Value::Time(now(e).time_of_day())))),
];

type Answer<'a> = Outcome<Collection<'a>>;

fn now(e: &Evaluator<'_, '_>) -> Moment {
    Moment::from_instant(e.context.now)
}

fn children<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let mut out = Vec::new();
    for item in &*inv.input {
        let below = navigate::children(item);
        e.spend(1 + below.len() as u64)?;
        out.extend(below);
    }
    Ok(out.into())
}

/// Everything below, level by level.
fn descendants<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let mut out: Vec<Item<'a>> = Vec::new();
    for item in &*inv.input {
        out.extend(navigate::children(item));
    }
    let mut at = 0;
    while at < out.len() {
        let below = navigate::children(&out[at]);
        e.spend(1 + below.len() as u64)?;
        out.extend(below);
        at += 1;
    }
    Ok(out.into())
}

fn type_<'a>(_: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let Some(item) = single(&inv.input, "type()")? else { return Ok(Collection::EMPTY) };
    let namespace = if item.node().is_some() { "FHIR" } else { "System" };
    Ok(Collection::from(Item::Type { namespace, name: item.type_name() }))
}
