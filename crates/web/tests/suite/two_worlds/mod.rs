//! Two worlds: whoever may not see something gets, byte for byte, the same answers whether it is there or not.
//!
//! For each person two records are made that differ only in what that person may not see. Then requests are drawn from
//! the capability statement and put to both. `TWO_WORLDS=1000000` asks that many; `TWO_WORLDS_SEED=7` replays a round.

mod asking;
mod deeds;
mod exports;
mod pages;
mod twins;

use crate::hospital::Dice;
use crate::people::{App, PEOPLE, Person, person};
use asking::{Ask, Grammar};
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Runtime;
use twins::{Twins, World};

/// Pairs in a run that nobody told how many.
const PAIRS: usize = 5_000;
/// Pairs put to two records before new ones are made.
const ROUND: usize = 420;
/// Further pages that are turned over.
const PAGES: usize = 3;

/// An answer as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// A leak put in on purpose, to see that it is found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Planted {
    None,
    /// What includes bring along is not filtered.
    Includes,
    /// Totals count what is hidden.
    Totals,
    /// A read of what is hidden says so.
    Existence,
    /// A conditional write sees what is hidden.
    Conditions,
}

fn send(runtime: &Runtime, world: &World, ask: &Ask, token: &str) -> Answer {
    send_to(runtime, world, ask, "/fhir/", Some(token))
}

/// A request below a place.
fn send_to(runtime: &Runtime, world: &World, ask: &Ask, place: &str, token: Option<&str>) -> Answer {
    let mut request = Request::builder().method(ask.method).uri(format!("{place}{}", ask.path));
    request = request.header("x-request-id", "r");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in &ask.headers {
        request = request.header(*name, value);
    }
    let request = request.body(Body::from(ask.body.clone())).expect("a request");
    runtime.block_on(async {
        let (parts, body) = world.server.answer(request).await.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let mut headers: Vec<_> = parts.headers.iter().map(header).collect();
        headers.sort();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: parts.status.as_u16(), headers, body }
    })
}

/// The answer without what differs by design: what seals a page link is random, and a proof is about the whole log.
fn comparable(ask: &Ask, mut answer: Answer) -> Answer {
    if ask.path.contains("/$proof") && answer.status == 200 {
        answer.body.clear();
        return answer;
    }
    let mut out = String::with_capacity(answer.body.len());
    let mut rest = answer.body.as_str();
    while let Some(at) = rest.find("_page=") {
        let end = rest[at + 6..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap_or(0);
        out.push_str(&rest[..at]);
        // How long a link is counts.
        out.push_str(&format!("_page=<{end}>"));
        rest = &rest[at + 6 + end..];
    }
    out.push_str(rest);
    answer.body = out;
    answer
}

fn next_page(answer: &Answer) -> Option<String> {
    let tree: Value = serde_json::from_str(&answer.body).ok()?;
    let link = tree["link"].as_array()?.iter().find(|link| link["relation"] == "next")?;
    Some(link["url"].as_str()?.strip_prefix("http://localhost/fhir")?.trim_start_matches('/').to_owned())
}

/// What the person is told in one world, with the planted leak.
fn told(runtime: &Runtime, world: &World, ask: &Ask, planted: Planted) -> Answer {
    let answer = send(runtime, world, ask, &world.token);
    let all = |ask: &Ask| send(runtime, world, ask, &world.operator);
    let mut leaked = answer.clone();
    match planted {
        Planted::Includes if ask.method == "GET" && ask.path.contains("include") && answer.status == 200 => {
            let is_included = |entry: &&Value| entry["search"]["mode"] == "include";
            let all: Value = serde_json::from_str(&all(ask).body).unwrap_or_default();
            let included = all["entry"].as_array().into_iter().flatten().filter(is_included);
            leaked.body.extend(included.map(Value::to_string));
        }
        Planted::Totals if ask.method == "GET" && answer.body.contains("\"total\":") => {
            let all: Value = serde_json::from_str(&all(ask).body).unwrap_or_default();
            leaked.body.push_str(&all["total"].to_string());
        }
        Planted::Existence if ask.method == "GET" && answer.status == 404 => leaked.status = all(ask).status,
        Planted::Conditions if ask.headers.iter().any(|(name, _)| *name == "if-none-exist") => {
            let (_, condition) = ask.headers.iter().find(|(name, _)| *name == "if-none-exist").expect("there");
            let search = Ask {
                method: "GET",
                path: format!("{}?{condition}", ask.path),
                headers: Vec::new(),
                body: String::new(),
            };
            leaked.body.push_str(&next_total(&all(&search)));
        }
        _ => {}
    }
    leaked
}

fn next_total(answer: &Answer) -> String {
    let tree: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    tree["total"].to_string()
}

/// What came of a round.
#[derive(Default)]
struct Told {
    pairs: usize,
    statuses: BTreeMap<u16, usize>,
    features: BTreeMap<&'static str, usize>,
    leaks: Vec<String>,
}

/// Puts drawn requests to both worlds of a person until enough were compared, or one differs.
fn round(person: &Person, seed: u64, pairs: usize, planted: Planted) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let twins = Twins::new(person, seed);
    let [a, b] = &twins.worlds;
    assert!(twins.differences.iter().sum::<usize>() > 20, "{}: {:?} differ", person.login, twins.differences);
    let statement = Ask { method: "GET", path: "metadata".to_owned(), headers: Vec::new(), body: String::new() };
    let statement = send(&runtime, a, &statement, &a.token);
    let mut grammar = Grammar::new(&serde_json::from_str(&statement.body).expect("a statement"), twins.names.clone());
    assert!(grammar.unasked().is_empty(), "nothing asks for {:?}", grammar.unasked());
    let mut dice = Dice::new(seed.wrapping_mul(31));
    let mut told_both = Told::default();
    while told_both.pairs < pairs {
        let mut asks = [
            grammar.ask(&mut dice),
            Ask { method: "GET", path: String::new(), headers: Vec::new(), body: String::new() },
        ];
        asks[1] = asks[0].clone();
        for page in 0..=PAGES {
            [a, b].iter().for_each(|world| world.clock.advance(1_000));
            let raw = [told(&runtime, a, &asks[0], planted), told(&runtime, b, &asks[1], planted)];
            let [is, other] = [comparable(&asks[0], raw[0].clone()), comparable(&asks[1], raw[1].clone())];
            told_both.pairs += 1;
            *told_both.statuses.entry(is.status).or_default() += 1;
            if is != other {
                let leak = format!(
                    "{} seed {seed}, pair {}, page {page}: {}\n{}",
                    person.login,
                    told_both.pairs,
                    shown(&asks[0]),
                    difference(&is, &other)
                );
                told_both.leaks.push(leak);
                return told_both;
            }
            if let Some((_, location)) = is.headers.iter().find(|(name, _)| name == "location") {
                let parts: Vec<&str> = location.trim_start_matches("http://localhost/fhir/").split('/').collect();
                grammar.learn(format!("{}/{}", parts[0], parts[1]));
            }
            let (Some(x), Some(y)) = (next_page(&raw[0]), next_page(&raw[1])) else { break };
            *told_both.features.entry("next page").or_default() += 1;
            (asks[0].path, asks[1].path) = (x, y);
            asks.iter_mut().for_each(|ask| {
                ask.method = "GET";
                ask.body.clear();
                ask.headers.retain(|(name, _)| *name == "prefer");
            });
        }
    }
    grammar
        .features()
        .into_iter()
        .for_each(|(feature, count)| *told_both.features.entry(feature).or_default() += count);
    told_both
}

fn shown(ask: &Ask) -> String {
    format!("{} {} {:?} {}", ask.method, ask.path, ask.headers, ask.body)
}

fn difference(is: &Answer, other: &Answer) -> String {
    if is.status != other.status || is.headers != other.headers {
        return format!(
            "{} {:?} {}\n{} {:?} {}",
            is.status,
            is.headers,
            cut(&is.body, 0),
            other.status,
            other.headers,
            cut(&other.body, 0)
        );
    }
    let at = is
        .body
        .bytes()
        .zip(other.body.bytes())
        .position(|(x, y)| x != y)
        .unwrap_or(is.body.len().min(other.body.len()));
    format!("status {}, from byte {at}:\n  {}\n  {}", is.status, cut(&is.body, at), cut(&other.body, at))
}

fn cut(text: &str, at: usize) -> String {
    text.chars().skip(at.saturating_sub(120)).take(400).collect()
}

/// Some of them, seen through an app that may do less than they.
const APPS: [Person; 4] = [
    Person {
        stands_for: &["Practitioner/kim"],
        app: Some(App { scopes: "user/*.rs", patient: None }),
        ..person("kim-app", "physician", "TREAT")
    },
    Person {
        stands_for: &["Practitioner/kim"],
        app: Some(App { scopes: "patient/Observation.rs patient/Condition.r patient/Patient.rs", patient: Some("p1") }),
        ..person("kim-chart", "physician", "TREAT")
    },
    Person {
        stands_for: &["Patient/p1"],
        app: Some(App { scopes: "patient/*.cruds", patient: Some("p1") }),
        ..person("patient-app", "patient", "PATRQT")
    },
    Person {
        app: Some(App { scopes: "user/Observation.rs?status=final user/Encounter.s user/Patient.r", patient: None }),
        ..person("him-app", "him-specialist", "RECORDMGT")
    },
];

/// Rounds in turn, each with somebody else, on a few threads.
fn rounds(pairs: usize) -> Told {
    let seed = std::env::var("TWO_WORLDS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1_u64);
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Told::default()));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number * ROUND >= pairs || !all.lock().expect("no panic").leaks.is_empty() {
                return;
            }
            let number_of = number % (PEOPLE.len() + APPS.len());
            let person = PEOPLE.iter().chain(&APPS).nth(number_of).expect("somebody");
            let told = round(person, seed + number as u64, ROUND, Planted::None);
            let mut all = all.lock().expect("no panic");
            all.pairs += told.pairs;
            told.statuses.iter().for_each(|(status, count)| *all.statuses.entry(*status).or_default() += count);
            told.features.iter().for_each(|(feature, count)| *all.features.entry(feature).or_default() += count);
            all.leaks.extend(told.leaks);
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    all.into_inner().expect("no panic")
}

#[test]
fn nobody_can_tell_two_worlds_apart_by_what_is_hidden() {
    let pairs = std::env::var("TWO_WORLDS").ok().and_then(|text| text.parse().ok()).unwrap_or(PAIRS);
    let told = rounds(pairs);
    println!("{} pairs; statuses {:?}; asked {:?}", told.pairs, told.statuses, told.features);
    assert!(told.leaks.is_empty(), "{}", told.leaks.join("\n\n"));
    assert!(told.pairs >= pairs);
    let good = told.statuses.iter().filter(|(status, _)| **status < 300).map(|(_, count)| count).sum::<usize>();
    assert!(good * 4 > told.pairs, "only {good} of {} are answered", told.pairs);
    assert!(told.features.len() > 28, "{:?}", told.features);
}

#[test]
fn a_planted_leak_is_found() {
    for planted in [Planted::Includes, Planted::Totals, Planted::Existence, Planted::Conditions] {
        let found = (0..24).any(|seed| !round(&PEOPLE[0], 100 + seed, ROUND, planted).leaks.is_empty());
        assert!(found, "a planted leak went unnoticed");
    }
}
