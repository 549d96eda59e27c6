//! Runs the tables of `spec.md`.

use super::super::label::labels_of_code;
use super::super::{Label, Labels, Purpose};
use super::*;
use base::clock::Instant;
use fhir::json::Json;
use std::collections::HashMap;

const SPEC: &str = include_str!("spec.md");
const NOW: &str = "2026-11-23T12:00:00Z";

type Row = HashMap<String, String>;

/// The rows of all tables whose first column has this name, each with its line.
fn rows(first: &str) -> Vec<(usize, Row)> {
    let mut rows = Vec::new();
    let mut header: Vec<String> = Vec::new();
    for (number, line) in SPEC.lines().enumerate() {
        let Some(inner) = line.strip_prefix('|').and_then(|l| l.strip_suffix('|')) else {
            header.clear();
            continue;
        };
        let inner = inner.replace("\\|", "\u{1}");
        let cells: Vec<String> = inner.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect();
        if header.is_empty() {
            header = cells;
        } else if header[0] == first && !cells[0].starts_with("--") {
            assert_eq!(cells.len(), header.len(), "line {}", number + 1);
            rows.push((number + 1, header.iter().cloned().zip(cells).collect()));
        }
    }
    rows
}

fn named(column: &str) -> Vec<(String, Row)> {
    let of_table = |row: &Row| row.contains_key(column);
    rows("name").into_iter().filter(|(_, row)| of_table(row)).map(|(_, row)| (row["name"].clone(), row)).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn askers() -> HashMap<String, Asker> {
    let asker = |row: &Row| Asker {
        references: words(&row["stands for"]),
        kinds: words(&row["kinds"]),
        is_patient: row["place"] == "patient",
        acts_for_patient: row["place"] == "proxy",
    };
    named("stands for").into_iter().map(|(name, row)| (name, asker(&row))).collect()
}

/// The chart as somebody meets it: whoever works in the program works in the one that recorded its Part 2 records.
fn chart_for(who: &str) -> Vec<(String, Facts)> {
    let works = named("stands for").iter().any(|(name, row)| name == who && row["place"] == "program");
    let mut chart = chart();
    chart.iter_mut().for_each(|(_, facts)| facts.is_exempt = works && facts.labels.contains(Label::Part2));
    chart
}

fn chart() -> Vec<(String, Facts)> {
    named("author").into_iter().map(|(name, row)| (name.clone(), facts(&name, &row))).collect()
}

fn facts(name: &str, row: &Row) -> Facts {
    let labels: Labels =
        words(&row["labels"]).iter().map(|code| labels_of_code(code)).fold(Labels::NONE, Labels::union);
    let mut resource = vec![("resourceType", Json::string(&row["type"])), ("id", Json::string(name))];
    if let [system, code] = words(&row["code"]).as_slice() {
        resource.push(("code", concept(system, code)));
    }
    if !row["date"].is_empty() {
        resource.push(("date", Json::string(&row["date"])));
    }
    if !row["author"].is_empty() {
        resource.push(("author", reference(&row["author"])));
    }
    if !row["links"].is_empty() {
        resource.push(("about", reference(&row["links"])));
    }
    facts_of(&Json::object(resource), labels)
}

fn reference(to: &str) -> Json<'static> {
    Json::object([("reference", Json::string(to))])
}

fn coding(system: &str, code: &str) -> Json<'static> {
    Json::object([("system", Json::string(system)), ("code", Json::string(code))])
}

fn concept(system: &str, code: &str) -> Json<'static> {
    Json::object([("coding", Json::Array(vec![coding(system, code)]))])
}

/// The FHIR Consent that a row stands for.
fn consent_of(row: &Row) -> Json<'static> {
    let (scope, rule) = match row["kind"].as_str() {
        "directive" => ("patient-privacy", None),
        "treatment" => ("treatment", None),
        "restriction" => ("patient-privacy", Some("hipaa-restrictions")),
        "selfpay" => ("patient-privacy", Some("hipaa-self-pay")),
        "authorization" => ("patient-privacy", Some("hipaa-auth")),
        "part2" => ("patient-privacy", Some("42CFRPart2")),
        kind => panic!("no kind {kind}"),
    };
    let base = Some(row["base"].as_str()).filter(|base| !base.is_empty());
    let mut consent = vec![
        ("resourceType", Json::string("Consent")),
        ("status", Json::string(&row["status"])),
        ("scope", concept("s", scope)),
        ("category", Json::Array(rule.into_iter().chain(["59284-0"]).map(|code| concept("c", code)).collect())),
        ("patient", reference("Patient/1")),
    ];
    consent
        .extend(Some(&row["given"]).filter(|given| !given.is_empty()).map(|given| ("dateTime", Json::string(given))));
    consent.extend(base.map(|base| ("policyRule", concept("p", base))));
    let mut tokens = words(&row["rule"]).into_iter().peekable();
    if tokens.peek().is_some() {
        consent.push(("provision", provision(&mut tokens)));
    }
    Json::object(consent)
}

/// `deny actor=a label=HIV [ permit ... ; deny ... ]`.
fn provision(tokens: &mut std::iter::Peekable<impl Iterator<Item = String>>) -> Json<'static> {
    let mut lists: Vec<(&'static str, Vec<Json<'static>>)> = Vec::new();
    let mut single = Vec::new();
    let mut add = |name, item| match lists.iter_mut().find(|(n, _)| *n == name) {
        Some((_, items)) => items.push(item),
        None => lists.push((name, vec![item])),
    };
    match tokens.next().expect("permit, deny or none").as_str() {
        "none" => {}
        effect => single.push(("type", Json::string(effect))),
    }
    while let Some(token) = tokens.next_if(|token| token.contains('=')) {
        let (name, value) = token.split_once('=').expect("name=value");
        match name {
            "actor" => add("actor", Json::object([("role", concept("r", "IRCP")), ("reference", reference(value))])),
            "author" => add("actor", Json::object([("role", concept("r", "AUT")), ("reference", reference(value))])),
            "purpose" => add("purpose", coding("p", value)),
            "action" => add("action", concept("a", value)),
            "label" => add("securityLabel", coding("l", value)),
            "class" => add("class", coding("http://hl7.org/fhir/resource-types", value)),
            "code" => {
                let (system, code) = value.split_once('|').expect("system|code");
                add("code", concept(system, code));
            }
            "period" => single.push(("period", period(value))),
            "dataPeriod" => single.push(("dataPeriod", period(value))),
            meaning => {
                let data = [("meaning", Json::string(meaning)), ("reference", reference(value))];
                add("data", Json::object(data));
            }
        }
    }
    if tokens.next_if(|token| token == "[").is_some() {
        loop {
            add("provision", provision(tokens));
            match tokens.next().as_deref() {
                Some(";") => {}
                Some("]") => break,
                other => panic!("; or ] expected, not {other:?}"),
            }
        }
    }
    Json::object(single.into_iter().chain(lists.into_iter().map(|(name, items)| (name, Json::Array(items)))))
}

fn period(text: &str) -> Json<'static> {
    let (start, end) = text.split_once('/').expect("start/end");
    let bounds = [("start", start), ("end", end)];
    Json::object(bounds.into_iter().filter(|(_, at)| !at.is_empty()).map(|(name, at)| (name, Json::string(at))))
}

#[test]
fn the_tables_hold() {
    let askers = askers();
    let read_row = |(name, row): (String, Row)| (name.clone(), read(&consent_of(&row), &format!("Consent/{name}")).0);
    let consents: HashMap<String, Consent> = named("rule").into_iter().map(read_row).collect();
    let now = Instant::parse(NOW).expect("an instant");
    let mut wrong = Vec::new();
    let cases = rows("consents");
    assert!(cases.len() > 70, "{}", cases.len());
    for (line, case) in cases {
        let given: Vec<Consent> = words(&case["consents"]).iter().map(|name| consents[name].clone()).collect();
        let handling = match case["handling"].as_str() {
            "access" => Handling::Access,
            "disclose" => Handling::Disclose,
            handling => panic!("line {line}: no handling {handling}"),
        };
        let purpose = Purpose::from_code(&case["purpose"]).expect("a purpose");
        let question = Question { asker: &askers[&case["who"]], purpose, handling, now };
        let seen = seen(&chart_for(&case["who"]), &given, &question);
        if seen != case["seen"] {
            wrong.push(format!("line {line}: {} by {}: {seen}", case["consents"], case["who"]));
        }
    }
    assert!(wrong.is_empty(), "what is seen is not what spec.md says:\n{}", wrong.join("\n"));
}

fn seen(chart: &[(String, Facts)], consents: &[Consent], question: &Question) -> String {
    let links_of = |reference: &str| {
        chart.iter().find(|(_, facts)| facts.reference == reference).map(|(_, f)| f.links.clone()).unwrap_or_default()
    };
    let veil = veil(consents, question, &links_of);
    let names: Vec<&str> =
        chart.iter().filter(|(_, facts)| veil.look(facts).is_none()).map(|(name, _)| name.as_str()).collect();
    match names.len() {
        0 => "none".to_owned(),
        n if n == chart.len() => "all".to_owned(),
        _ => names.join(" "),
    }
}

#[test]
fn a_preview_says_who_would_see_what() {
    let chart: Vec<Facts> = chart().into_iter().map(|(_, facts)| facts).collect();
    let glucose_and_hiv = &chart[..2];
    let consents = named("rule");
    let row = |wanted: &str| consents.iter().find(|(name, _)| name == wanted).map(|(_, row)| row).expect(wanted);
    let drafts = [read(&consent_of(row("closed-kim")), "Consent/draft").0];
    let recipient = |name: &str, who: &str, purpose, handling| Recipient {
        name: name.to_owned(),
        asker: askers()[who].clone(),
        purpose,
        handling,
    };
    let recipients = [
        recipient("Dr Kim", "Kim", Purpose::Treatment, Handling::Access),
        recipient("the insurer", "insurer", Purpose::Payment, Handling::Disclose),
    ];
    let names = ["the glucose".to_owned(), "the HIV test".to_owned()];
    let now = Instant::parse(NOW).expect("an instant");
    let all = preview(glucose_and_hiv, &drafts, &recipients, now);
    assert_eq!(sentence(&all, &names), "With this, Dr Kim sees everything; the insurer sees nothing");
    assert_eq!(all[1].hidden[0].1.consent, "Consent/draft");
    assert_eq!(all[1].hidden[0].1.provision, "policyRule");
    let masked = [read(&consent_of(row("mask")), "Consent/draft").0];
    let all = preview(glucose_and_hiv, &masked, &recipients, now);
    assert_eq!(sentence(&all, &names), "With this, Dr Kim sees the glucose; the insurer sees the glucose");
}

#[test]
fn a_restriction_that_must_be_agreed_to_hides_from_the_plan_alone() {
    let asked = Restriction {
        patient: "Patient/1".to_owned(),
        recipient: "Organization/insurer".to_owned(),
        to_health_plan: true,
        purpose: Purpose::Payment,
        items: vec!["Observation/hiv".to_owned()],
        paid_in_full: true,
        required_by_law: false,
    };
    assert!(must_agree(&asked));
    for refusable in [
        Restriction { to_health_plan: false, ..asked.clone() },
        Restriction { purpose: Purpose::Treatment, ..asked.clone() },
        Restriction { paid_in_full: false, ..asked.clone() },
        Restriction { required_by_law: true, ..asked.clone() },
        Restriction { items: vec![], ..asked.clone() },
    ] {
        assert!(!must_agree(&refusable), "{refusable:?}");
    }
    let (consent, findings) = read(&asked.consent("2026-03-01"), "Consent/paid");
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(consent.regime, Regime::SelfPay);
    let now = Instant::parse(NOW).expect("an instant");
    let (askers, chart) = (askers(), chart());
    let by = |who: &str, purpose, handling| {
        seen(&chart, std::slice::from_ref(&consent), &Question { asker: &askers[who], purpose, handling, now })
    };
    assert_eq!(by("insurer", Purpose::Payment, Handling::Disclose), "glucose both tumor note undated");
    assert!(by("Kim", Purpose::Treatment, Handling::Access).contains("hiv"));
}

#[test]
fn a_finding_names_the_place_and_no_value() {
    let text = r#"{"resourceType":"Consent","status":"SECRET","patient":{"reference":"Patient/SECRET"},"modifierExtension":[{}],
        "provision":{"type":"SECRET","purpose":[{"code":"SECRET"}],"period":{"start":"SECRET"},"provision":[{"action":[{}]}]}}"#;
    let (consent, findings) = read(&Json::parse(text.as_bytes()).expect("JSON"), "Consent/1");
    assert!(consent.unreadable);
    let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(said.iter().all(|finding| !finding.contains("SECRET")), "{said:?}");
    for place in [
        "Consent.status",
        "Consent.modifierExtension",
        "Consent.dateTime",
        "Consent.provision.type",
        "Consent.provision.purpose",
        "Consent.provision.period",
        "Consent.provision.provision[0].type",
        "Consent.provision.provision[0].action",
    ] {
        assert!(findings.iter().any(|finding| finding.path == place), "{place}: {said:?}");
    }
}

#[test]
fn an_emergency_obliges() {
    let consents = named("rule");
    let row = |wanted: &str| consents.iter().find(|(name, _)| name == wanted).map(|(_, row)| row).expect(wanted);
    let agreed = [read(&consent_of(row("agreed")), "Consent/agreed").0];
    let now = Instant::parse(NOW).expect("an instant");
    let askers = askers();
    let question = |purpose| Question { asker: &askers["Kim"], purpose, handling: Handling::Access, now };
    let none = |_: &str| Vec::new();
    let duties = veil(&agreed, &question(Purpose::BreakGlass), &none).duties().to_vec();
    assert_eq!(duties, [Duty::DocumentEmergency, Duty::AskNotToDisclose]);
    assert!(veil(&agreed, &question(Purpose::Treatment), &none).duties().is_empty());
}
