//! What FHIR adds: extensions, references, terminology, profiles (R4 fhirpath section 2.9.1.3).

use super::Arguments::{Between, Exactly};
use super::{Function, function, html};
use crate::fhirpath::ast::Outcome;
use crate::fhirpath::error::FhirPathError;
use crate::fhirpath::eval::{Evaluator, Invocation, single, text};
use crate::fhirpath::item::{Collection, Item, NOTHING, Node};
use crate::fhirpath::navigate;
use crate::json::Json;
use crate::reference::Reference;

pub(super) const FUNCTIONS: &[Function] = &[
    function("extension", Exactly(1), extension),
    function("hasValue", Exactly(0), has_value),
    function("getValue", Exactly(0), get_value),
    function("resolve", Exactly(0), resolve),
    function("memberOf", Exactly(1), member_of),
    function("subsumes", Exactly(1), |e, inv| subsumes(e, &inv, false)),
    function("subsumedBy", Exactly(1), |e, inv| subsumes(e, &inv, true)),
    function("conformsTo", Exactly(1), conforms_to),
    function("htmlChecks", Exactly(0), html_checks),
    function("elementDefinition", Exactly(0), |_, _| Ok(Collection::EMPTY)),
    function("slice", Exactly(2), |_, _| Ok(Collection::EMPTY)),
    function("checkModifiers", Between(0, 16), check_modifiers),
];

type Answer<'a> = Outcome<Collection<'a>>;

const STRUCTURES: &str = "http://hl7.org/fhir/StructureDefinition/";

fn extensions<'a>(node: &Node<'a>, name: &str) -> &'a [Json<'a>] {
    node.json.get(name).or_else(|| node.sibling?.get(name)).map_or(&[], Json::items)
}

fn extension<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let Some(url) = e.arg_text(&inv, 0)? else { return Ok(Collection::EMPTY) };
    let mut out = Collection::EMPTY;
    for node in inv.input.iter().filter_map(Item::node) {
        let all = extensions(node, "extension");
        e.spend(all.len() as u64)?;
        for json in all.iter().filter(|json| json.text("url") == Some(&url)) {
            out.push(Node { json, sibling: None, ty: e.model.extension });
        }
    }
    Ok(out)
}

fn has_value<'a>(_: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let is_value = match &*inv.input {
        [Item::Node(node)] => matches!(node.json, Json::Bool(_) | Json::Number(_) | Json::String(_)),
        [Item::Value(_)] => true,
        _ => false,
    };
    Ok(Collection::boolean(is_value))
}

fn get_value<'a>(_: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    match &*inv.input {
        [item] => Ok(Collection::optional(item.value())),
        _ => Ok(Collection::EMPTY),
    }
}

/// Contained resources, entries of the same Bundle, what the context finds; else a stub that has the reference's type,
/// so that `resolve() is Patient` can be answered.
fn resolve<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let mut out = Collection::EMPTY;
    for item in &*inv.input {
        e.spend(1)?;
        let said = match item {
            Item::Node(Node { json: json @ Json::Object(_), .. }) => json.text("type"),
            _ => None,
        };
        let reference = match item {
            Item::Node(Node { json: Json::String(text), .. }) => Some(&**text),
            Item::Node(node) => node.json.text("reference"),
            _ => None,
        };
        if let Some(node) = found(e, reference, said)? {
            out.push(node);
        }
    }
    Ok(out)
}

fn found<'a>(e: &mut Evaluator<'_, 'a>, reference: Option<&str>, said: Option<&str>) -> Outcome<Option<Node<'a>>> {
    let stub = |name: &str| {
        let ty = e.model.definitions.resource(name).and_then(|ty| e.model.definitions.type_id(&ty.name));
        ty.map(|ty| Node { json: &NOTHING, sibling: None, ty: Some(ty) })
    };
    let stub = said.or_else(|| Some(Reference::parse(reference?)?.resource_type)).and_then(stub);
    let Some(reference) = reference else { return Ok(stub) };
    if let Some(id) = reference.strip_prefix('#') {
        return contained(e, id);
    }
    let near = in_bundle(e, reference)?;
    let far = near.or_else(|| e.context.resolve.and_then(|resolve| resolve(reference)));
    Ok(far.map(Node::resource).or(stub))
}

fn contained<'a>(e: &mut Evaluator<'_, 'a>, id: &str) -> Outcome<Option<Node<'a>>> {
    for holder in [e.context.resource, e.context.root].into_iter().flatten() {
        if id.is_empty() {
            return Ok(e.context.root);
        }
        let all = holder.json.get("contained").map_or(&[][..], Json::items);
        e.spend(all.len() as u64)?;
        if let Some(json) = all.iter().find(|json| json.text("id") == Some(id)) {
            return Ok(Some(Node::resource(json)));
        }
    }
    Ok(None)
}

/// The resource of the entry whose `fullUrl` is the reference, or ends in it where it is relative.
fn in_bundle<'a>(e: &mut Evaluator<'_, 'a>, reference: &str) -> Outcome<Option<&'a Json<'a>>> {
    let Some(root) = e.context.root.filter(|root| root.json.text("resourceType") == Some("Bundle")) else {
        return Ok(None);
    };
    let entries = root.json.get("entry").map_or(&[][..], Json::items);
    e.spend(entries.len() as u64)?;
    let fits = |url: &str| {
        url == reference
            || url.strip_suffix(reference).is_some_and(|base| base.ends_with('/') && is_relative(reference))
    };
    let entry = entries.iter().find(|entry| entry.text("fullUrl").is_some_and(fits));
    Ok(entry.and_then(|entry| entry.get("resource")))
}

fn is_relative(reference: &str) -> bool {
    !reference.contains(':')
}

/// The codings an item is or holds: system and code.
fn codings<'a>(item: &Item<'a>) -> Vec<(Option<&'a str>, &'a str)> {
    let Item::Node(node) = item else { return Vec::new() };
    let coding = |json: &'a Json<'a>| Some((json.text("system"), json.text("code")?));
    match (node.json, node.json.get("coding")) {
        (Json::String(code), _) => vec![(None, &**code)],
        (_, Some(all)) => all.items().iter().filter_map(coding).collect(),
        (json, None) => coding(json).into_iter().collect(),
    }
}

fn member_of<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let url = e.arg_text(&inv, 0)?;
    let (Some(url), Some(item), Some(ask)) = (url, single(&inv.input, "memberOf()")?, e.context.member_of) else {
        return Ok(Collection::EMPTY);
    };
    let answers: Vec<_> = codings(item).into_iter().map(|(system, code)| ask(system, code, &url)).collect();
    let answer = if answers.contains(&Some(true)) { Some(true) } else { answers.into_iter().flatten().next() };
    Ok(Collection::optional_boolean(answer))
}

fn subsumes<'a>(e: &mut Evaluator<'_, 'a>, inv: &Invocation<'_, 'a>, reversed: bool) -> Answer<'a> {
    let other = e.arg(inv, 0)?;
    let (mine, theirs) = (single(&inv.input, "subsumes()")?, single(&other, "subsumes()")?);
    let (Some(mine), Some(theirs), Some(ask)) = (mine, theirs, e.context.subsumes) else {
        return Ok(Collection::EMPTY);
    };
    let (above, below) = if reversed { (theirs, mine) } else { (mine, theirs) };
    let mut known = None;
    for (system, code) in codings(above) {
        for (other, below) in codings(below) {
            if let Some(system) = system.filter(|_| system == other) {
                known = ask(system, code, below).or(known);
                if known == Some(true) {
                    return Ok(Collection::boolean(true));
                }
            }
        }
    }
    Ok(Collection::optional_boolean(known))
}

/// R4's own types by their URL; other profiles through the context.
fn conforms_to<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let Some(url) = e.arg_text(&inv, 0)? else { return Ok(Collection::EMPTY) };
    let Some(Item::Node(node)) = single(&inv.input, "conformsTo()")? else { return Ok(Collection::EMPTY) };
    let base = url.strip_prefix(STRUCTURES).and_then(|name| e.model.definitions.type_id(name));
    let answer = match base {
        Some(base) => Some(node.ty.is_some_and(|ty| e.model.definitions.is_a(ty, base))),
        None => e.context.conforms_to.and_then(|ask| ask(*node, &url)),
    };
    match answer {
        Some(answer) => Ok(Collection::boolean(answer)),
        None => Err(FhirPathError::evaluation("conformsTo() names a profile that is not loaded")),
    }
}

fn html_checks<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let Some(narrative) = text(&inv.input, "htmlChecks")? else { return Ok(Collection::EMPTY) };
    e.spend_text(narrative.len())?;
    Ok(Collection::boolean(html::is_narrative(&narrative)))
}

/// An error if there is a modifier extension beyond those named.
fn check_modifiers<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let mut known = Vec::new();
    for at in 0..inv.call.args.len() {
        known.extend(e.arg_text(&inv, at)?);
    }
    for item in &*inv.input {
        let Item::Node(node) = item else { continue };
        let is_known = |url: &str| known.iter().any(|known| **known == *url);
        let unknown = |json: &Json<'_>| !json.text("url").is_some_and(is_known);
        e.spend(1 + navigate::children(item).len() as u64)?;
        if extensions(node, "modifierExtension").iter().any(unknown) {
            return Err(FhirPathError::evaluation("an element has a modifier extension that is not understood"));
        }
    }
    Ok(inv.input)
}
