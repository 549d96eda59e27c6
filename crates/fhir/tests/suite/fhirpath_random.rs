//! No expression and no tree makes the FHIRPath engine, the strict check or a patch panic or run away.

use base::clock::Instant;
use fhir::fhirpath::{Context, Strictness, compile};
use fhir::json::Json;
use fhir::patch::Patch;
use proptest::prelude::*;

const NAMES: &str = "\
    Patient; name; given; value; extension; url; contained; birthDate; _birthDate; resourceType; id; code; \
    system; reference; valueQuantity; entry";
const LITERALS: &str = "\
    1; 0; -3; 2147483647; 1.50; 79228162514264337593543950335; 'x'; ''; 'é\\u0041'; true; {}; @2015-02; \
    @2015-02-28T23:59:60.123+14:00; @T14:34; @9999-12-31; 4 days; 1.5 'mg'; 1 'wk'; $this; $index; $total; \
    %resource";
const CALLS: &str = "\
    empty(); exists(); allTrue(); count(); distinct(); isDistinct(); not(); single(); first(); last(); tail(); \
    toInteger(); toDecimal(); toString(); toDate(); toDateTime(); toTime(); toQuantity(); toQuantity('g'); \
    toBoolean(); convertsToQuantity(); upper(); trim(); length(); toChars(); join('-'); abs(); ceiling(); \
    exp(); floor(); ln(); sqrt(); truncate(); round(2); children(); descendants(); type(); now(); today(); \
    timeOfDay(); lowBoundary(); highBoundary(); lowBoundary(4); highBoundary(28); precision(); hasValue(); \
    getValue(); resolve(); htmlChecks(); is(Patient); ofType(string); as(Quantity); sort(); sort(-$this); \
    encode('base64'); decode('hex'); escape('html'); unescape('json'); trace('t'); checkModifiers(); \
    defineVariable('v'); elementDefinition()";
const SCRAPS: &str = "(; ); [; .; '; `; @20; @T1; %; $; name; is; /*; //; -; 1; ,; {; \\u00";
const LAMBDAS: &str = "\
    where; select; all; exists; repeat; sort; aggregate; union; combine; intersect; exclude; subsetOf; \
    supersetOf; skip; take; indexOf; substring; matches; split; log; power; comparable; extension; memberOf";
const OPERATORS: &str = "\
    +; -; *; /; div; mod; &; |; <; <=; >; >=; =; ~; !=; !~; in; contains; and; or; xor; implies; \
    .iif(true, $this) =; is Integer or";

fn one_of(words: &'static str) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(words.split("; ").collect::<Vec<_>>())
}

fn expression() -> impl Strategy<Value = String> {
    let leaf =
        prop_oneof![one_of(LITERALS).prop_map(str::to_owned), one_of(NAMES).prop_map(|name| format!("`{name}`")),];
    leaf.prop_recursive(6, 40, 3, |inner| {
        prop_oneof![
            (inner.clone(), one_of(NAMES)).prop_map(|(of, name)| format!("({of}).`{name}`")),
            (inner.clone(), one_of(CALLS)).prop_map(|(of, call)| format!("({of}).{call}")),
            (inner.clone(), one_of(LAMBDAS), inner.clone()).prop_map(|(of, call, arg)| format!("({of}).{call}({arg})")),
            (inner.clone(), one_of(OPERATORS), inner.clone())
                .prop_map(|(a, operator, b)| format!("({a}) {operator} ({b})")),
            (inner.clone(), inner).prop_map(|(of, index)| format!("({of})[{index}]")),
        ]
    })
}

fn tree() -> impl Strategy<Value = Json<'static>> {
    let texts =
        ["Patient", "Bundle", "x", "", "2015-02-04", "T1", "#a", "Patient/1", "<div>a</div>", "é\u{1F600}", "9"];
    let numbers = ["1", "-0", "1.50", "1e400", "-1e-400", "99999999999999999999999999999999"];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        prop::sample::select(numbers.to_vec()).prop_map(|n| Json::Number(n.into())),
        prop::sample::select(texts.to_vec()).prop_map(Json::string),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let member = (one_of(NAMES), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Json::Array),
            prop::collection::vec(member, 0..6).prop_map(Json::object),
        ]
    })
}

fn patient(mut tree: Json<'static>) -> Json<'static> {
    if let Some(object) = tree.as_object_mut() {
        object.set("resourceType", Json::string("Patient"));
    }
    tree
}

proptest! {
    #[test]
    fn any_text_compiles_or_says_why_not(text in ".{0,60}") {
        let _ = compile(&text);
    }

    #[test]
    fn any_words_compile_or_say_why_not(words in prop::collection::vec(one_of(SCRAPS), 0..30)) {
        let _ = compile(&words.concat());
    }

    #[test]
    fn any_expression_over_any_tree_ends(text in expression(), tree in tree()) {
        let resource = patient(tree);
        if let Ok(expr) = compile(&text) {
            let _ = expr.check(Some("Patient"), Strictness::TypesAndOrder);
            let context = Context { steps_max: 20_000, ..Context::new(&resource, Instant(0)) };
            if let Ok(items) = expr.evaluate(&context) {
                items.iter().for_each(|item| {
                    let _ = item.to_json();
                });
            }
        }
    }

    #[test]
    fn any_patch_of_any_tree_ends(path in expression(), tree in tree(), value in tree(), kind in 0..5_usize) {
        let kind = ["add", "insert", "delete", "replace", "move"][kind];
        let part = |name: &str, key: &str, value: Json<'static>| {
            Json::object([("name".to_owned(), Json::string(name)), (key.to_owned(), value)])
        };
        let parts = vec![
            part("type", "valueCode", Json::string(kind)),
            part("path", "valueString", Json::string(path)),
            part("name", "valueString", Json::string("name")),
            part("index", "valueInteger", Json::number(1)),
            part("source", "valueInteger", Json::number(0)),
            part("destination", "valueInteger", Json::number(1)),
            part("value", "valueString", value),
        ];
        let operation = Json::object([("name", Json::string("operation")), ("part", Json::Array(parts))]);
        let operations = Json::Array(vec![operation]);
        let parameters = Json::object([("resourceType", Json::string("Parameters")), ("parameter", operations)]);
        let mut resource = patient(tree);
        let before = resource.clone();
        match Patch::fhirpath(&parameters).and_then(|patch| patch.apply(&mut resource, Instant(0))) {
            Ok(()) => prop_assert_eq!(resource.get("resourceType"), before.get("resourceType")),
            Err(_) => prop_assert_eq!(resource, before),
        }
    }
}

#[test]
fn deep_and_long_expressions_are_refused_or_evaluated() {
    let deep = format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000));
    for text in [
        deep.clone(),
        deep.replace('(', "-").replace(')', ""),
        "name.where(".repeat(5_000),
        format!("1{}", " + 1".repeat(10_000)),
        format!("name{}", ".given".repeat(10_000)),
        format!("true{}", " is Boolean".repeat(5_000)),
        format!("1{}", "[0]".repeat(10_000)),
        format!("{}1", "-".repeat(60_000)),
    ] {
        if let Ok(expr) = compile(&text) {
            let _ = expr.evaluate(&Context::empty(Instant(0)));
            let _ = expr.check(None, Strictness::Types);
        }
    }
    // The deepest that is allowed, each level with every precedence.
    let level = "2 * 1 - 1 | 1 < 1 = true in true and true or true implies (";
    let deepest = format!("{}true{}", level.repeat(30), ")".repeat(30));
    compile(&deepest).unwrap().evaluate(&Context::empty(Instant(0))).unwrap();
    let lambdas = format!("{}true{}", "(1).where(true and (".repeat(15), "))".repeat(15));
    compile(&lambdas).unwrap().evaluate(&Context::empty(Instant(0))).unwrap();
}

#[test]
fn what_would_run_away_stops_at_the_budget() {
    let nine = "(1|2|3|4|5|6|7|8|9)";
    let doubling = "aggregate($total & $total & $total, 'yyyyyyyy')";
    for text in [
        "(1|2).repeat($this + 1)".to_owned(),
        format!("{nine}{}{}", format!(".select({nine}").repeat(7), ")".repeat(7)),
        format!("'aaaaaaaaaaaaaaaa'.toChars().{doubling}.length()"),
    ] {
        let context = Context { steps_max: 200_000, ..Context::empty(Instant(0)) };
        let result = compile(&text).unwrap().evaluate(&context);
        assert!(result.is_err(), "{text}");
    }
}
