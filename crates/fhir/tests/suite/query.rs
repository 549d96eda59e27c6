//! What queries mean, as a table; that no query breaks the parser; that US Core's searches are all understood.

use base::clock::Instant;
use fhir::search::query::{DateTest, Filter, NumberTest, Operand, Prefix, Query, SortBy, SystemTest, parse};
use proptest::prelude::*;

const NOW: Instant = Instant(1_700_000_000_000);

fn ask(ty: &str, query: &str, strict: bool) -> Result<Query, base::refusal::Refusal> {
    let pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|pair| {
            pair.split_once('=').map_or((pair.to_owned(), String::new()), |(n, v)| (n.to_owned(), v.to_owned()))
        })
        .collect();
    parse(Some(ty).filter(|t| !t.is_empty()), &pairs, strict, NOW)
}

fn meaning(ty: &str, query: &str) -> String {
    match ask(ty, query, true) {
        Ok(query) => show(&query.filter),
        Err(refusal) => format!("{:?}: {refusal}", refusal.kind),
    }
}

fn show(filter: &Filter) -> String {
    let list = |parts: &[Filter], word: &str| format!("({})", parts.iter().map(show).collect::<Vec<_>>().join(word));
    match filter {
        Filter::All => "all".into(),
        Filter::Never => "never".into(),
        Filter::And(parts) => list(parts, " and "),
        Filter::Or(parts) => list(parts, " or "),
        Filter::Not(inner) => format!("not {}", show(inner)),
        Filter::Test(test) => format!("{} {}", test.param.code, operand(&test.operand)),
        Filter::Missing { param, missing } => format!("{} {}", param.code, if *missing { "missing" } else { "there" }),
        Filter::Chain { param, target, filter } => format!("{}→{target}[{}]", param.code, show(filter)),
        Filter::Has { source, param, filter } => format!("←{source}.{}[{}]", param.code, show(filter)),
        Filter::Id(ids) => format!("id {}", ids.join(",")),
        Filter::LastUpdated(test) => format!("updated {}", date(test)),
        Filter::List(id) => format!("list {id}"),
        Filter::Current(current) => {
            format!("listed by [{}] or else [{}]", show(&current.stored), show(&current.otherwise))
        }
        Filter::Words { narrative, words } => {
            format!("{} {}", if *narrative { "text" } else { "content" }, words.join("+"))
        }
        Filter::Compartment { kind, id } => format!("in {kind}/{id}"),
    }
}

fn operand(operand: &Operand) -> String {
    let or = |s: &Option<String>| s.clone().unwrap_or_else(|| "?".into());
    match operand {
        Operand::Token { system, code } => format!("{}{}", show_system(system), or(code)),
        Operand::TokenAny(codes) => format!("{} codes", codes.len()),
        Operand::TokenText(text) => format!("text {text}"),
        Operand::OfType { system, code, value } => format!("{}|{code}|{value}", or(system)),
        Operand::Local { resource_type, id } => format!("{}/{id}", or(resource_type)),
        Operand::Url(url) => format!("<{url}>"),
        Operand::Line { above, from } => format!("{}{}", self::operand(from), if *above { "↑" } else { "↓" }),
        Operand::Versions { above, url, version } => format!("<{url}>|{version}{}", if *above { "↑" } else { "↓" }),
        Operand::Logical { system, value } => format!("logical {}{}", show_system(system), or(value)),
        Operand::Starts(text) => format!("{text}*"),
        Operand::Contains(text) => format!("*{text}*"),
        Operand::Ends(text) => format!("*{text}"),
        Operand::Exact(text) => format!("\"{text}\""),
        Operand::Date(test) => date(test),
        Operand::Number(test) => number(test),
        Operand::Quantity { number: n, system, unit } => format!("{} {}|{}", number(n), or(system), or(unit)),
        Operand::Uri(uri) => format!("<{uri}>"),
        Operand::UriBelow(uri) => format!("<{uri}>↓"),
        Operand::UriAbove(uri) => format!("<{uri}>↑"),
        Operand::In(set) => format!("in <{set}>"),
        Operand::CodeBelow { system, code } => format!("{}|{code}↓", or(system)),
        Operand::CodeAbove { system, code } => format!("{}|{code}↑", or(system)),
        Operand::Near { latitude, longitude, km } => format!("{latitude},{longitude}±{km}"),
        Operand::Composite(parts) => parts.iter().map(|(_, o)| self::operand(o)).collect::<Vec<_>>().join(" $ "),
    }
}

fn show_system(system: &SystemTest) -> String {
    match system {
        SystemTest::Any => String::new(),
        SystemTest::Absent => "|".into(),
        SystemTest::Is(system) => format!("{system}|"),
    }
}

fn date(test: &DateTest) -> String {
    format!("{:?} {}..{}", test.prefix, &Instant(test.low).to_string()[..10], &Instant(test.high).to_string()[..10])
}

fn number(test: &NumberTest) -> String {
    match test.prefix {
        Prefix::Eq | Prefix::Ne | Prefix::Ap => format!("{:?} [{}, {})", test.prefix, test.low, test.high),
        prefix => format!("{prefix:?} {}", test.value),
    }
}

/// Type, query, meaning.
const QUERIES: &[(&str, &str, &str)] = &[
    // Strings, tokens, their modifiers.
    ("Patient", "", "all"),
    ("Patient", "name=Évé", "name eve*"),
    ("Patient", r"name=a\,b,c", "(name a,b* or name c*)"),
    ("Patient", "name=a&name=b", "(name a* and name b*)"),
    ("Patient", "family:exact=Eve", "family \"Eve\""),
    ("Patient", "family:contains=EV", "family *ev*"),
    ("Patient", "gender=male", "gender male"),
    ("Patient", "gender:not=male,female", "not (gender male or gender female)"),
    ("Patient", "identifier=mrn|1,|2,mrn|", "(identifier mrn|1 or identifier |2 or identifier mrn|?)"),
    ("Patient", "identifier:of-type=http://v2|MR|446053", "identifier http://v2|MR|446053"),
    ("Patient", "gender:missing=true", "gender missing"),
    ("Patient", "gender:missing=false", "gender there"),
    ("Condition", "code:text=Head ache", "code text head ache"),
    ("Condition", "code:in=http://vs", "code in <http://vs>"),
    ("Condition", "code:not-in=http://vs", "not code in <http://vs>"),
    ("Condition", "code:below=http://snomed.info/sct|1", "code http://snomed.info/sct|1↓"),
    ("Condition", "code:above=1", "code ?|1↑"),
    // Dates, numbers, quantities, uris.
    ("Patient", "birthdate=1970", "birthdate Eq 1970-01-01..1970-12-31"),
    (
        "Patient",
        "birthdate=ge1970-02&birthdate=lt1971",
        "(birthdate Ge 1970-02-01..1970-02-28 and birthdate Lt 1971-01-01..1971-12-31)",
    ),
    ("Patient", "_lastUpdated=gt2024-01-01T00:00:00 02:00", "updated Gt 2023-12-31..2023-12-31"),
    ("RiskAssessment", "probability=gt0.8", "probability Gt 0.8"),
    ("RiskAssessment", "probability=0.8", "probability Eq [0.75, 0.85)"),
    (
        "Observation",
        "value-quantity=5.4|http://unitsofmeasure.org|mg",
        "value-quantity Eq [5.35, 5.45) http://unitsofmeasure.org|mg",
    ),
    ("Observation", "value-quantity=le5.4||mg", "value-quantity Le 5.4 ?|mg"),
    ("Observation", "value-quantity=ap10", "value-quantity Ap [9, 11) ?|?"),
    ("ValueSet", "url:below=http://acme.org/fhir", "url <http://acme.org/fhir>↓"),
    ("ValueSet", "url:above=http://acme.org/fhir/1", "url <http://acme.org/fhir/1>↑"),
    ("Location", "near=42.2|-83.6|11|[mi_i]", "near 42.2,-83.6±17.702784"),
    // References.
    ("Observation", "patient=p1", "patient Patient/p1"),
    ("Observation", "subject=p1", "subject ?/p1"),
    ("Observation", "subject:Patient=p1", "subject Patient/p1"),
    ("Observation", "subject=Patient/p1/_history/2", "subject Patient/p1"),
    ("Observation", "subject=http://a.org/fhir/Patient/1", "subject <http://a.org/fhir/Patient/1>"),
    ("Observation", "subject:identifier=mrn|1", "subject logical mrn|1"),
    ("QuestionnaireResponse", "questionnaire=http://q|2", "questionnaire <http://q|2>"),
    ("Encounter", "location:below=Location/l1", "location Location/l1↓"),
    ("Encounter", "service-provider:above=o1", "service-provider Organization/o1↑"),
    ("Location", "partof:below=http://a.org/fhir/Location/1", "partof <http://a.org/fhir/Location/1>↓"),
    ("QuestionnaireResponse", "questionnaire:below=http://q|1.2", "questionnaire <http://q>|1.2↓"),
    // Composites.
    (
        "Observation",
        "code-value-quantity=http://loinc.org|1$lt5.4||mg",
        "code-value-quantity http://loinc.org|1 $ Lt 5.4 ?|mg",
    ),
    // Chains.
    ("Observation", "subject:Patient.name=eve", "subject→Patient[name eve*]"),
    ("Observation", "patient.family:exact=Eve", "patient→Patient[family \"Eve\"]"),
    (
        "Observation",
        "encounter.subject:Patient.birthdate=1970",
        "encounter→Encounter[subject→Patient[birthdate Eq 1970-01-01..1970-12-31]]",
    ),
    ("Encounter", "subject.identifier=x", "(subject→Group[identifier x] or subject→Patient[identifier x])"),
    ("Observation", "patient._id=1", "patient→Patient[id 1]"),
    ("Patient", "_has:Observation:patient:code=1,2", "←Observation.patient[(code 1 or code 2)]"),
    (
        "Patient",
        "_has:Observation:patient:_has:AuditEvent:entity:agent=MyUserId",
        "←Observation.patient[←AuditEvent.entity[agent ?/MyUserId]]",
    ),
    ("Patient", "_has:Encounter:patient:location.name=ICU", "←Encounter.patient[location→Location[name icu*]]"),
    ("Encounter", "patient._has:Group:member:_id=102", "patient→Patient[←Group.member[id 102]]"),
    // Parameters of all types.
    ("Patient", "_id=1,2", "id 1,2"),
    ("Patient", "_id:not=1", "not id 1"),
    (
        "Patient",
        "_tag=s|c&_security=R&_profile=http://p&_source=http://s",
        "(_tag s|c and _security R and _profile <http://p> and _source <http://s>)",
    ),
    ("Patient", "_list=42", "list 42"),
    (
        "MedicationRequest",
        "subject=Patient/p1&_list=$current-medications",
        "(subject Patient/p1 and listed by [((code http://loinc.org|10160-0 or \
         code http://terminology.hl7.org/CodeSystem/list-example-use-codes|medications) and status current and \
         patient Patient/p1)] or else [(status active or status on-hold)])",
    ),
    (
        "MedicationRequest",
        "_list=$current-medications",
        "Malformed: _list: $current-medications needs one patient: add patient=ID",
    ),
    (
        "Condition",
        "patient=1&_list=$worklist",
        "Malformed: _list: of lists by function there are $current-problems, \
     $current-medications, $current-allergies, $current-drug-allergies",
    ),
    ("Encounter", "patient=1&_list=$current-problems", "Malformed: _list: $current-problems is a list of Condition"),
    ("Patient", "_text=(bone OR liver) and metastases", "((text bone or text liver) and text metastases)"),
    ("Patient", "_content=High-Fever", "content high+fever"),
    ("", "_tag=c", "_tag c"),
    (
        "",
        "_type=Observation,Condition&code=1&subject:missing=true",
        "((code 1 or code 1) and (subject missing and subject missing))",
    ),
    // Refused.
    ("Patient", "gender:exact=male", "Malformed: gender:exact: a token parameter does not take this modifier"),
    (
        "Patient",
        "birthdate=1970-13",
        "Malformed: birthdate: a date was expected, such as 2024, 2024-03, 2024-03-01 or 2024-03-01T10:00:00Z, with a prefix or without",
    ),
    (
        "Patient",
        "birthdat=1970",
        "Malformed: \"birthdat\" is not a search parameter of Patient; did you mean \"birthdate\"?",
    ),
    (
        "Patient",
        "_lastupdated=2020",
        "Malformed: \"_lastupdated\" is not a search parameter of Patient; did you mean \"_lastUpdated\"?",
    ),
    ("Patient", "xyzzy=1", "Malformed: \"xyzzy\" is not a search parameter of Patient"),
    ("", "name=eve", "Malformed: \"name\" is not a search parameter of all types"),
    ("Patient", "name=", "Malformed: \"name\" has no value"),
    ("Patients", "", "NotFound: \"Patients\" is not a resource type of R4; did you mean \"Patient\"?"),
    (
        "Observation",
        "subject:Encounter=1",
        "Malformed: subject:Encounter: a reference parameter does not take this modifier",
    ),
    (
        "Observation",
        "patient=Device/1",
        "Malformed: patient: a reference to a type that this parameter points to was expected",
    ),
    ("Observation", "code.name=1", "Malformed: code: only a reference can be followed to another resource"),
    (
        "Patient",
        "_has:Observation:encounter:code=1",
        "Malformed: _has: that reference does not point to the type searched",
    ),
    ("Observation", "code-value-quantity=1", "Malformed: code-value-quantity: 2 values joined by $ were expected"),
    ("Patient", "_type=Patient", "Malformed: \"_type\" has no meaning here, or not in this form"),
    ("Patient", "_count=-1", "Malformed: _count: a whole number, 0 or more, was expected"),
    ("Patient", "_sort=near", "Malformed: \"near\" is not a search parameter of Patient"),
    ("Observation", "_sort=code-value-concept", "Malformed: _sort: a composite parameter has no order"),
];

#[test]
fn a_query_means_what_the_specification_says() {
    for &(ty, query, expected) in QUERIES {
        assert_eq!(meaning(ty, query), expected, "{ty}?{query}");
    }
}

#[test]
fn a_filter_expression_means_the_same_as_parameters() {
    let cases = [
        (r#"name eq "Eve""#, "name \"Eve\""),
        ("name co pet", "name *pet*"),
        (r#"name sw "An a" and birthdate ge 1970"#, "(name an a* and birthdate Ge 1970-01-01..1970-12-31)"),
        ("name ew x or gender eq male and active eq true", "(name *x or (gender male and active true))"),
        ("(name ew x or gender eq male) and not(active eq true)", "((name *x or gender male) and not active true)"),
        ("gender ne male", "(gender there and not gender male)"),
        ("birthdate ne 1970", "birthdate Ne 1970-01-01..1970-12-31"),
        ("birthdate po 1970", "birthdate Ap 1970-01-01..1970-12-31"),
        ("gender pr false", "gender missing"),
        ("_id eq 12 or _lastUpdated gt 2024", "(id 12 or updated Gt 2024-01-01..2024-12-31)"),
        ("general-practitioner:Practitioner.name co a", "general-practitioner→Practitioner[name *a*]"),
        ("organization[active eq true].name sw b", "organization→Organization[(active true and name b*)]"),
        ("language in http://vs", "language in <http://vs>"),
        ("language sb s|c", "language s|c↓"),
        ("organization re Organization/1", "organization Organization/1"),
        ("name eq", "Malformed: _filter: a value was expected"),
        ("name eq \"a", "Malformed: _filter: a closing quote was expected"),
        ("(name eq a", "Malformed: _filter: a closing bracket was expected"),
        ("name gt a", "Malformed: name: a string parameter does not take this comparison"),
        ("nam eq a", "Malformed: \"nam\" is not a search parameter of Patient; did you mean \"name\"?"),
        ("name eq a b", "Malformed: _filter: and, or, or the end of the expression was expected"),
    ];
    for (expression, expected) in cases {
        let found = match parse(Some("Patient"), &[("_filter".into(), expression.into())], true, NOW) {
            Ok(query) => show(&query.filter),
            Err(refusal) => format!("{:?}: {refusal}", refusal.kind),
        };
        assert_eq!(found, expected, "{expression}");
    }
}

#[test]
fn what_the_answer_looks_like_is_read_too() {
    let query = ask(
        "Observation",
        "_sort=-date,_id,code&_count=5000&_total=none&_summary=data&_elements=status,code&_include=Observation:subject:Patient\
         &_include:iterate=Patient:organization&_revinclude=Provenance:target&_include:recurse=*&_format=json&_asof=2024-03-01",
        true,
    )
    .unwrap();
    let key = |by: &SortBy| match by {
        SortBy::LastUpdated => "_lastUpdated".to_owned(),
        SortBy::Id => "_id".to_owned(),
        SortBy::Param(param) => param.code.clone(),
    };
    let sort: Vec<(String, bool)> = query.sort.iter().map(|s| (key(&s.by), s.descending)).collect();
    assert_eq!(sort, [("date".to_owned(), true), ("_id".to_owned(), false), ("code".to_owned(), false)]);
    assert_eq!(query.count, Some(1000));
    assert_eq!(query.findings.len(), 1);
    assert_eq!(query.elements, ["status", "code"]);
    let includes: Vec<String> = query
        .include
        .iter()
        .chain(&query.revinclude)
        .map(|i| {
            format!(
                "{}:{}:{}{}",
                i.source,
                i.param,
                i.target.as_deref().unwrap_or("-"),
                if i.iterate { "*" } else { "" }
            )
        })
        .collect();
    assert_eq!(includes, ["Observation:subject:Patient", "Patient:organization:-*", "*:*:-*", "Provenance:target:-"]);
    assert_eq!(query.as_of.map(|t| t.to_string()).as_deref(), Some("2024-03-01T23:59:59.999Z"));
    assert_eq!(query.understood.len(), 11);
    assert_eq!(query.understood[1], ("_count".to_owned(), "1000".to_owned()));
}

#[test]
fn what_is_not_understood_is_said() {
    let query = ask("Patient", "nmae=eve&gender=male&_include=Patient:nothing", false).unwrap();
    assert_eq!(show(&query.filter), "gender male");
    assert_eq!(query.understood, [("gender".to_owned(), "male".to_owned())]);
    let said: Vec<&str> = query.findings.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(said.len(), 2);
    assert!(said[0].contains("did you mean \"name\"?; it was not used"), "{}", said[0]);
}

#[test]
fn a_bomb_is_refused() {
    let many = (0..20_000).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let bombs = [
        ("Patient", format!("_id={many}")),
        ("Composition", format!("{}identifier=1", "subject.".repeat(14))),
        ("Patient", format!("{}code=1", "_has:Observation:patient:".repeat(40))),
        ("Patient", "name=a&".repeat(600)),
        ("Patient", format!("_filter={}name eq a{}", "(".repeat(50_000), ")".repeat(50_000))),
        ("Patient", format!("_text={}", "(".repeat(50_000))),
    ];
    for (ty, query) in bombs {
        assert!(ask(ty, &query, true).is_err(), "{ty}?{}", &query[..40]);
    }
    let ids = (0..10_000).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    assert!(ask("Patient", &format!("_id={ids}"), true).is_ok());
}

/// US Core 6.1's required searches, one value of the fitting kind for each parameter.
#[test]
fn us_core_searches_are_all_understood() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/inferno-metadata/us-core-610-required-searches.txt");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: ../shared/data/inferno-metadata not found");
        return;
    };
    let mut count = 0;
    for line in text.lines() {
        let Some((ty, rest)) = line.split_once(' ') else { continue };
        let Some((_, searches)) = rest.split_once(" searches=") else { continue };
        let searches = searches.split(" MS=").next().unwrap_or_default();
        for search in searches.split("; ").filter(|s| !s.is_empty()) {
            let names = search.split_once('(').map_or(search, |(names, _)| names);
            let query: Vec<String> = names.split('+').map(|name| format!("{name}={}", sample(ty, name))).collect();
            let asked = query.join("&") + "&_revinclude=Provenance:target";
            assert!(ask(ty, &asked, true).is_ok(), "{ty}?{asked}: {}", ask(ty, &asked, true).unwrap_err());
            count += 1;
        }
    }
    assert_eq!(count, 222);
}

fn sample(ty: &str, name: &str) -> &'static str {
    use fhir::search::params::{Kind, find};
    match find(ty, name).unwrap_or_else(|| panic!("{ty}?{name}")).kind {
        Kind::Date => "ge2024-01-01",
        Kind::Number | Kind::Quantity => "1",
        _ => "abc",
    }
}

proptest! {
    #[test]
    fn no_query_breaks_the_parser(
        name in r"(_has:Observation:patient:|subject[.]|patient:Patient[.]|_filter|_include|near|code-value-quantity|date|value-quantity|[_a-z:.\-]{0,12}){1,4}",
        value in r#"[ -~é\\$|,]{0,40}"#,
        strict: bool,
    ) {
        for ty in [None, Some("Observation"), Some("Location")] {
            let _ = parse(ty, &[(name.clone(), value.clone())], strict, NOW);
        }
    }

    #[test]
    fn no_filter_breaks_the_parser(value in r#"((name|subject|code|date)|[\[\]().]| (eq|co|and|or|not|pr) |"|\\|[a-z0-9|é]{1,3}){0,20}"#) {
        let _ = parse(Some("Observation"), &[("_filter".to_owned(), value)], true, NOW);
    }

    #[test]
    fn no_number_or_date_breaks_the_parser(value in r"(ge|ap|ne)?[0-9]{0,30}[.:T-]?[0-9]{0,9}([eE][+-]?[0-9]{0,10})?[|Z+]?[0-9:]{0,5}") {
        for (ty, name) in [("RiskAssessment", "probability"), ("Patient", "birthdate"), ("Observation", "value-quantity")] {
            let _ = parse(Some(ty), &[(name.to_owned(), value.clone())], true, NOW);
        }
        let _ = parse(Some("Location"), &[("near".to_owned(), format!("{value}|{value}"))], true, NOW);
    }
}
