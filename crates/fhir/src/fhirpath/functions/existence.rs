//! Existence: is anything there, and does it all hold (FHIRPath section 5.1).

use super::Arguments::{Between, Exactly};
use super::{Function, function};
use crate::fhirpath::ast::Outcome;
use crate::fhirpath::error::FhirPathError;
use crate::fhirpath::eval::{Evaluator, Invocation, truth};
use crate::fhirpath::item::Collection;

pub(super) const FUNCTIONS: &[Function] = &[
    function("empty", Exactly(0), empty),
    function("exists", Between(0, 1), exists),
    function("all", Exactly(1), all),
    function("allTrue", Exactly(0), |e, inv| each_is(e, &inv, true, true)),
    function("anyTrue", Exactly(0), |e, inv| each_is(e, &inv, true, false)),
    function("allFalse", Exactly(0), |e, inv| each_is(e, &inv, false, true)),
    function("anyFalse", Exactly(0), |e, inv| each_is(e, &inv, false, false)),
    function("subsetOf", Exactly(1), subset_of),
    function("supersetOf", Exactly(1), superset_of),
    function("count", Exactly(0), |_, inv| Ok(Collection::integer(inv.input.len()))),
    function("distinct", Exactly(0), |e, inv| e.distinct(inv.input)),
    function("isDistinct", Exactly(0), is_distinct),
    function("not", Exactly(0), not),
];

type Answer<'a> = Outcome<Collection<'a>>;

fn empty<'a>(_: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    Ok(Collection::boolean(inv.input.is_empty()))
}

fn exists<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    if inv.call.args.is_empty() {
        return Ok(Collection::boolean(!inv.input.is_empty()));
    }
    for (at, item) in inv.input.iter().enumerate() {
        if truth(&e.each(&inv, 0, item, at)?)? == Some(true) {
            return Ok(Collection::boolean(true));
        }
    }
    Ok(Collection::boolean(false))
}

fn all<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    for (at, item) in inv.input.iter().enumerate() {
        if truth(&e.each(&inv, 0, item, at)?)? != Some(true) {
            return Ok(Collection::boolean(false));
        }
    }
    Ok(Collection::boolean(true))
}

/// Whether all (or any) of the booleans are `wanted`.
fn each_is<'a>(_: &mut Evaluator<'_, 'a>, inv: &Invocation<'_, 'a>, wanted: bool, all: bool) -> Answer<'a> {
    let mut count = 0;
    for item in &*inv.input {
        let Some(value) = item.as_bool() else {
            return Err(FhirPathError::evaluation(format!("{}() works on booleans", inv.call.function.name)));
        };
        count += usize::from(value == wanted);
    }
    Ok(Collection::boolean(if all { count == inv.input.len() } else { count > 0 }))
}

fn subset_of<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let other = e.arg(&inv, 0)?;
    is_within(e, &inv.input, &other)
}

fn superset_of<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let other = e.arg(&inv, 0)?;
    is_within(e, &other, &inv.input)
}

fn is_within<'a>(e: &mut Evaluator<'_, 'a>, part: &Collection<'a>, whole: &Collection<'a>) -> Answer<'a> {
    for item in &**part {
        if !e.holds(whole, item)? {
            return Ok(Collection::boolean(false));
        }
    }
    Ok(Collection::boolean(true))
}

fn is_distinct<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let count = inv.input.len();
    let distinct = e.distinct(inv.input)?;
    Ok(Collection::boolean(distinct.len() == count))
}

fn not<'a>(_: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    Ok(Collection::optional_boolean(truth(&inv.input)?.map(|value| !value)))
}
