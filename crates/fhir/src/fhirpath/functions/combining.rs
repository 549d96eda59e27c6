//! Collections put together and taken apart (FHIRPath sections 5.3, 5.4).

use super::Arguments::{Between, Exactly};
use super::{Function, function};
use crate::fhirpath::ast::Outcome;
use crate::fhirpath::eval::{Evaluator, Invocation};
use crate::fhirpath::item::Collection;

pub(super) const FUNCTIONS: &[Function] = &[
    function("union", Exactly(1), union),
    function("combine", Between(1, 2), combine),
    function("intersect", Exactly(1), intersect),
    function("exclude", Exactly(1), exclude),
];

type Answer<'a> = Outcome<Collection<'a>>;

fn union<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let other = e.arg(&inv, 0)?;
    e.distinct(inv.input.into_iter().chain(other))
}

fn combine<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let other = e.arg(&inv, 0)?;
    let mut out = inv.input;
    e.spend(other.len() as u64)?;
    out.extend(other);
    Ok(out)
}

fn intersect<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let other = e.arg(&inv, 0)?;
    let mut out = Vec::new();
    for item in e.distinct(inv.input)? {
        if e.holds(&other, &item)? {
            out.push(item);
        }
    }
    Ok(out.into())
}

fn exclude<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let other = e.arg(&inv, 0)?;
    let mut out = Vec::new();
    for item in inv.input {
        if !e.holds(&other, &item)? {
            out.push(item);
        }
    }
    Ok(out.into())
}
