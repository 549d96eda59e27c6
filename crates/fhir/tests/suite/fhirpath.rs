//! The official FHIRPath suite for R4, unchanged.

use crate::fhir_xml;
use base::clock::Instant;
use fhir::definitions::{Constraint, r4};
use fhir::fhirpath::{Context, Expr, FhirPathError, Item, Node as Place, Strictness, compile};
use fhir::json::{Json, Object};
use roxmltree::{Document, Node};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Tests that cannot pass, each with the reason. One that passes must leave the list.
const CANNOT_PASS: &[(&str, &str)] = &[];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fhirpath")
}

fn now() -> Instant {
    Instant::parse("2026-11-23T09:05:12.345Z").unwrap()
}

#[test]
fn the_official_suite_passes() {
    let Ok(text) = std::fs::read_to_string(folder().join("tests-fhir-r4.xml")) else {
        println!("skipped: ../shared/data/fhirpath not found");
        return;
    };
    let document = Document::parse(&text).unwrap();
    let mut inputs = HashMap::new();
    let (mut passed, mut wrong) = (0, Vec::new());
    for test in document.descendants().filter(|node| node.has_tag_name("test")) {
        let name = test.attribute("name").unwrap_or_default();
        let listed = CANNOT_PASS.iter().any(|(listed, _)| *listed == name);
        let input = test.attribute("inputfile").map(|file| &*inputs.entry(file).or_insert_with(|| read(file)));
        match (outcome(test, input), listed) {
            (Ok(()), false) => passed += 1,
            (Ok(()), true) => wrong.push(format!("{name} passes and must leave the list")),
            (Err(_), true) => {}
            (Err(why), false) => wrong.push(format!("{name}: {why}")),
        }
    }
    println!("FHIRPath: {passed} passed, {} failed, {} listed", wrong.len(), CANNOT_PASS.len());
    assert!(wrong.is_empty(), "{} of the suite are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(passed + CANNOT_PASS.len(), 935);
}

fn read(file: &str) -> Json<'static> {
    let path = folder().join("inputs").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{file} is among the inputs"));
    match file.ends_with(".xml") {
        true => fhir_xml::parse(&text),
        false => Json::parse(text.trim_start_matches('\u{feff}').as_bytes()).unwrap().into_owned(),
    }
}

fn outcome(test: Node<'_, '_>, input: Option<&Json<'static>>) -> Result<(), String> {
    let expression = test.children().find(|node| node.has_tag_name("expression")).expect("an expression");
    let text = expression.text().unwrap_or_default();
    let result = compile(text).map_err(|error| (Stage::Compile, error));
    let result = result.and_then(|expr| match expression.attribute("invalid") {
        Some("semantic") => check(&expr, test, input).map_err(|error| (Stage::Check, error)).map(|()| Vec::new()),
        Some(_) => evaluate(&expr, test, input).map_err(|error| (Stage::Evaluate, error)),
        // What the suite holds for right, strict mode must let pass too.
        None => check(&expr, test, input)
            .map_err(|error| (Stage::Check, error))
            .and_then(|()| evaluate(&expr, test, input).map_err(|error| (Stage::Evaluate, error))),
    });
    match (expression.attribute("invalid"), result) {
        (None, Ok(items)) => compare(test, &items, text),
        (None, Err((_, error))) => Err(format!("{text}\n    failed: {error}")),
        (Some("syntax"), Err((Stage::Compile, FhirPathError::Syntax { .. }))) => Ok(()),
        (Some("semantic" | "execution"), Err(_)) => Ok(()),
        (Some(kind), Ok(_)) => Err(format!("{text}\n    should be a {kind} error")),
        (Some(kind), Err((_, error))) => Err(format!("{text}\n    should be a {kind} error and is: {error}")),
    }
}

enum Stage {
    Compile,
    Check,
    Evaluate,
}

fn check(expr: &Expr, test: Node<'_, '_>, input: Option<&Json<'_>>) -> Result<(), FhirPathError> {
    let strictness = match test.attribute("checkOrderedFunctions") {
        Some("true") => Strictness::TypesAndOrder,
        _ => Strictness::Types,
    };
    expr.check(input.and_then(|input| input.text("resourceType")), strictness)
}

/// The items as type and text.
fn evaluate(
    expr: &Expr,
    test: Node<'_, '_>,
    input: Option<&Json<'static>>,
) -> Result<Vec<(String, String)>, FhirPathError> {
    let context = input.map_or(Context::empty(now()), |input| Context::new(input, now()));
    let items = expr.evaluate(&Context { single_as: true, ..context })?;
    if test.attribute("predicate") == Some("true") {
        return Ok(vec![("boolean".into(), (!items.is_empty()).to_string())]);
    }
    Ok(items.iter().map(|item| (type_name(item), shown(item))).collect())
}

fn type_name(item: &Item<'_>) -> String {
    match item.type_name() {
        "DateTime" => "dateTime".into(),
        name @ ("Boolean" | "String" | "Integer" | "Decimal" | "Date" | "Time") => name.to_lowercase(),
        name => name.into(),
    }
}

fn shown(item: &Item<'_>) -> String {
    match item {
        Item::Node(node) if node.json.as_str().is_some() => node.json.as_str().unwrap_or_default().to_owned(),
        Item::Node(node) => String::from_utf8(node.json.to_bytes()).unwrap_or_default(),
        Item::Value(value) => value.to_string(),
        Item::Type { namespace, name } => format!("{namespace}.{name}"),
    }
}

fn compare(test: Node<'_, '_>, items: &[(String, String)], text: &str) -> Result<(), String> {
    let outputs: Vec<_> = test.children().filter(|node| node.has_tag_name("output")).collect();
    let mut open: Vec<_> = items.iter().collect();
    let is_ordered = test.attribute("ordered") != Some("false");
    for output in &outputs {
        let at = open.iter().take(if is_ordered { 1 } else { usize::MAX }).position(|item| fits(*output, item));
        match at {
            Some(at) => open.remove(at),
            None => return Err(format!("{text}\n    gives {items:?}")),
        };
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{text}\n    gives {items:?}, more than expected")) }
}

fn fits(output: Node<'_, '_>, (ty, value): &(String, String)) -> bool {
    let wanted = output.text().unwrap_or_default();
    let plain = wanted.strip_prefix('@').map_or(wanted, |moment| moment.strip_prefix('T').unwrap_or(moment));
    // The suite writes minus zero, which no decimal here is.
    let plain = if plain == "-0.0" { "0.0" } else { plain };
    let value = if value == "-0.0" { "0.0" } else { value };
    output.attribute("type").is_none_or(|wanted| wanted == ty) && plain == value
}

/// Every invariant and search parameter of R4, with the type it is asked of.
fn published() -> Vec<(&'static str, &'static str, String)> {
    let mut all = Vec::new();
    for ty in &r4().types {
        for constraint in &ty.constraints {
            all.push((constraint.key.as_str(), constraint.expression.as_str(), ty.name.clone()));
        }
        for element in &ty.elements {
            let of = element.types.first().filter(|_| element.types.len() == 1);
            let of = of.map_or("Element", |of| r4().get(of.id).name.as_str());
            for constraint in &element.constraints {
                all.push((constraint.key.as_str(), constraint.expression.as_str(), of.to_owned()));
            }
        }
    }
    let params = r4().search_params.iter().filter(|param| !param.expression.is_empty());
    all.extend(params.map(|param| (param.url.as_str(), param.expression.as_str(), "Resource".to_owned())));
    all
}

#[test]
fn every_expression_of_r4_compiles_and_fits_its_type() {
    let all = published();
    assert!(all.len() > 2500, "{} expressions", all.len());
    let mut wrong = Vec::new();
    for (key, expression, ty) in &all {
        if let Err(error) = compile(expression).and_then(|expr| expr.check(Some(ty), Strictness::Types)) {
            wrong.push(format!("{key} of {ty}: {expression}\n    {error}"));
        }
    }
    // R4 itself is wrong here: a ChargeItemDefinition has a title and no name.
    wrong.retain(|line| !line.starts_with("cid-0 of ChargeItemDefinition:"));
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Asks constraints, each compiled once, and notes those that fail with an error.
#[derive(Default)]
struct Asker {
    compiled: HashMap<&'static str, Expr>,
    errors: BTreeSet<String>,
    asked: usize,
}

impl Asker {
    /// Every constraint of a node and of what is below it.
    fn ask<'a>(&mut self, context: &Context<'a>, node: Place<'a>, own: &'static [Constraint]) {
        let def = r4().get(node.ty.expect("a type"));
        let is_resource = node.json.text("resourceType").is_some();
        let context = if is_resource { context.within(node) } else { context.at(node) };
        for constraint in def.constraints.iter().chain(own) {
            self.asked += 1;
            let text = constraint.expression.as_str();
            let expr = self.compiled.entry(text).or_insert_with(|| compile(text).expect("it compiles"));
            if let Err(error) = expr.holds(&context) {
                self.errors.insert(format!("{}: {error}", constraint.key));
            }
        }
        for (name, value) in node.json.as_object().into_iter().flat_map(Object::iter) {
            let Some(property) = def.property(name) else { continue };
            let items = if property.element.is_array { value.items() } else { std::slice::from_ref(value) };
            for json in items.iter().filter(|json| json.as_object().is_some()) {
                let actual = json.text("resourceType").and_then(|name| r4().type_id(name));
                let below = Place::typed(json, actual.unwrap_or(property.ty));
                self.ask(&context, below, &property.element.constraints);
            }
        }
    }
}

#[test]
fn every_constraint_of_r4_can_be_asked_of_the_official_examples() {
    let Some(files) = crate::archives::json_files("fhir/hl7.fhir.r4.examples-4.0.1.tgz") else { return };
    let mut asker = Asker::default();
    // One in twenty of all: enough to meet each kind of constraint in a second.
    for (_, bytes) in files.iter().step_by(20).filter(|(_, bytes)| bytes.len() < 100_000) {
        let Ok(json) = Json::parse(bytes) else { continue };
        let node = Place::resource(&json);
        if node.ty.is_some() {
            asker.ask(&Context::new(&json, now()), node, &[]);
        }
    }
    assert!(asker.errors.is_empty(), "{:?}", asker.errors);
    assert!(asker.asked > 10_000, "{} asked", asker.asked);
}
