//! Filtering, projection, subsetting, and what goes through a collection item by item (FHIRPath sections 5.2, 5.3, 7).

use super::Arguments::{Between, Exactly, Type};
use super::{Function, function};
use crate::fhirpath::ast::{Ast, Outcome};
use crate::fhirpath::compare::Distinct;
use crate::fhirpath::error::FhirPathError;
use crate::fhirpath::eval::{Evaluator, Invocation, Scope, single, truth};
use crate::fhirpath::item::{Collection, Item};
use crate::fhirpath::types;
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    function("where", Exactly(1), where_),
    function("select", Exactly(1), select),
    function("repeat", Exactly(1), repeat),
    function("ofType", Type, of_type),
    function("as", Type, as_),
    function("is", Type, is),
    function("single", Exactly(0), single_),
    function("first", Exactly(0), |_, inv| Ok(inv.input.into_iter().next().map(Collection::from).unwrap_or_default())),
    function("last", Exactly(0), |_, inv| Ok(inv.input.last().cloned().map(Collection::from).unwrap_or_default())),
    function("tail", Exactly(0), |_, inv| Ok(inv.input.into_iter().skip(1).collect())),
    function("skip", Exactly(1), skip),
    function("take", Exactly(1), take),
    function("iif", Between(2, 3), iif),
    function("aggregate", Between(1, 2), aggregate),
    function("sort", Between(0, 8), sort),
    function("defineVariable", Between(1, 2), define_variable),
    function("trace", Between(1, 2), trace),
];

type Answer<'a> = Outcome<Collection<'a>>;

fn where_<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let mut out = Collection::EMPTY;
    for (at, item) in inv.input.iter().enumerate() {
        if truth(&e.each(&inv, 0, item, at)?)? == Some(true) {
            out.push(item.clone());
        }
    }
    Ok(out)
}

fn select<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let mut out = Collection::EMPTY;
    for (at, item) in inv.input.iter().enumerate() {
        out.extend(e.each(&inv, 0, item, at)?);
    }
    Ok(out)
}

fn repeat<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let mut seen = Distinct::default();
    let mut fresh: Vec<Item<'a>> = inv.input.to_vec();
    while !fresh.is_empty() {
        let mut next = Vec::new();
        for (at, item) in fresh.iter().enumerate() {
            for found in e.each(&inv, 0, item, at)? {
                if seen.insert(e, found.clone())? {
                    next.push(found);
                }
            }
        }
        fresh = next;
    }
    Ok(seen.items.into())
}

fn of_type<'a>(_: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    Ok(inv.call.ty.map(|ty| types::only(inv.input, ty)).unwrap_or_default())
}

fn as_<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    if e.context.single_as {
        single(&inv.input, "as()")?;
    }
    Ok(inv.call.ty.map(|ty| types::only(inv.input, ty)).unwrap_or_default())
}

fn is<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    inv.call.ty.map_or(Ok(Collection::EMPTY), |ty| e.is(&inv.input, ty))
}

fn single_<'a>(_: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    single(&inv.input, "single()")?;
    Ok(inv.input)
}

fn skip<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let count = usize::try_from(e.arg_integer(&inv, 0)?.unwrap_or(0)).unwrap_or(0);
    Ok(inv.input.into_iter().skip(count).collect())
}

fn take<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let count = usize::try_from(e.arg_integer(&inv, 0)?.unwrap_or(0)).unwrap_or(0);
    let mut out = inv.input;
    out.truncate(count);
    Ok(out)
}

/// The branch not taken is not evaluated.
fn iif<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    single(&inv.input, "iif()")?;
    let this = if inv.input.is_empty() { inv.scope.this } else { &*inv.input };
    let scope = Scope { this, ..inv.scope };
    let args = &inv.call.args;
    let condition = match &*e.eval(&args[0], scope)? {
        [] => false,
        [item] => match item.as_bool() {
            Some(value) => value,
            None => return Err(FhirPathError::evaluation("the condition of iif() must be a boolean")),
        },
        _ => return Err(FhirPathError::evaluation("the condition of iif() must be one boolean")),
    };
    match args.get(if condition { 1 } else { 2 }) {
        Some(branch) => e.eval(branch, scope),
        None => Ok(Collection::EMPTY),
    }
}

fn aggregate<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let mut total = e.arg(&inv, 1)?;
    for (at, item) in inv.input.iter().enumerate() {
        let scope = Scope { this: std::slice::from_ref(item), index: Some(at), total: Some(&total) };
        total = e.eval(&inv.call.args[0], scope)?;
    }
    Ok(total)
}

/// Stable; a key written with a minus sorts downwards; items without a key come first.
fn sort<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let mut rows = Vec::with_capacity(inv.input.len());
    for (at, item) in inv.input.iter().enumerate() {
        rows.push((sort_keys(e, &inv, item, at)?, item.clone()));
    }
    let is_down: Vec<bool> =
        inv.call.args.iter().map(|arg| matches!(arg, Ast::Sign { is_negative: true, .. })).collect();
    let mut failed = None;
    e.spend(rows.len() as u64 * u64::from(rows.len().max(2).ilog2()))?;
    rows.sort_by(|(a, _), (b, _)| {
        compare_keys(e, a, b, &is_down).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            Ordering::Equal
        })
    });
    failed.map_or(Ok(rows.into_iter().map(|(_, item)| item).collect()), Err)
}

fn sort_keys<'a>(
    e: &mut Evaluator<'_, 'a>,
    inv: &Invocation<'_, 'a>,
    item: &Item<'a>,
    at: usize,
) -> Outcome<Vec<Collection<'a>>> {
    if inv.call.args.is_empty() {
        return Ok(vec![Collection::from(item.clone())]);
    }
    let scope = Scope { this: std::slice::from_ref(item), index: Some(at), total: inv.scope.total };
    let key = |arg: &Ast| match arg {
        Ast::Sign { is_negative: true, of } => e.eval(of, scope),
        other => e.eval(other, scope),
    };
    inv.call.args.iter().map(key).collect()
}

fn compare_keys<'a>(
    e: &mut Evaluator<'_, 'a>,
    a: &[Collection<'a>],
    b: &[Collection<'a>],
    is_down: &[bool],
) -> Outcome<Ordering> {
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let order = match (a.is_empty(), b.is_empty()) {
            (false, false) => {
                let order = e.order(a, b)?.unwrap_or(Ordering::Equal);
                if is_down.get(i) == Some(&true) { order.reverse() } else { order }
            }
            (a, b) => b.cmp(&a),
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(Ordering::Equal)
}

/// Names a value for the rest of the expression (FHIRPath 2.1 section 5.8).
fn define_variable<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let Some(name) = e.arg_text(&inv, 0)? else { return Ok(inv.input) };
    if matches!(&*name, "resource" | "rootResource" | "context" | "ucum" | "sct" | "loinc") {
        return Err(FhirPathError::evaluation("a constant of the specification cannot be defined anew"));
    }
    let value = match inv.call.args.get(1) {
        Some(ast) => e.eval(ast, Scope { this: &inv.input, ..inv.scope })?,
        None => inv.input.clone(),
    };
    e.variables.push((name, value));
    Ok(inv.input)
}

/// Chartroom writes no trace: what an expression meets may be a patient's. The argument is evaluated all the same.
fn trace<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    e.arg_text(&inv, 0)?;
    if inv.call.args.len() > 1 {
        for (at, item) in inv.input.iter().enumerate() {
            e.each(&inv, 1, item, at)?;
        }
    }
    Ok(inv.input)
}
