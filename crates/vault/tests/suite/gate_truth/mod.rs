//! What the gate lets through, against a gate that reads everything again for every resource: every search, every read,
//! every history, for somebody in every role.

pub mod hospital;
mod naive;
pub mod people;
mod scoped;

use crate::place::{Place, delete};
use crate::search_truth::load::{Loaded, load};
use crate::search_truth::naive::World;
use crate::search_truth::{difference, query, questions};
use base::refusal::Kind;
use naive::Gate;
use people::{App, PEOPLE, Person, person};
use std::collections::{BTreeMap, BTreeSet};
use vault::access::{Context, Visit, audit::Deed, label};
use vault::records::Scope;
use vault::search::Page;
use vault::{Change, Error, Expect, Options, Position, Vault, Version};

/// Signs somebody in; whoever broke a glass breaks it now.
fn visit(vault: &Vault, person: &Person) -> Visit {
    let visit = vault.session(&person.token(vault)).expect("a visit").1.asking(Context::new(Deed::Search, "test"));
    if let Some(patient) = person.glass {
        vault.break_glass(&visit, patient, "unconscious in the emergency room").expect("broken");
    }
    visit
}

fn names(versions: &[Version]) -> Vec<String> {
    versions.iter().map(|version| format!("{}/{}", version.resource_type, version.id)).collect()
}

/// Compares one search with the truth. `Err` says what differs.
fn compare(vault: &Vault, visit: &Visit, shown: &World, gate: &Gate, text: &str, at: u64) -> Result<usize, String> {
    let query = query(vault, text)?;
    let page = Page { at: Some(Position(at)), offset: 0, count: 100_000 };
    let blind = !query.types.is_empty() && query.types.iter().all(|name| gate.is_blind_to(name, 's'));
    let found = match vault.search(visit, &query, &page) {
        Err(Error::Refusal(no)) if no.kind == Kind::Forbidden && blind => return Ok(0),
        // A parameter over an element that the role does not see.
        Err(Error::Refusal(no)) if no.kind == Kind::Malformed && gate.has_views() => return Ok(0),
        Err(error) => return Err(error.to_string()),
        Ok(_) if blind => return Err("answered, although nothing of the type is open".to_owned()),
        Ok(found) => found,
    };
    let now = shown.seen_at(at, |seen| gate.finds_at(seen.position));
    let (is, should) = (names(&found.matches), now.search(&query));
    if is != should {
        return Err(difference(&is, &should));
    }
    if found.total != Some(should.len() as u64) || found.next.is_some() {
        return Err(format!("total {:?}, but {} match", found.total, should.len()));
    }
    let included: BTreeSet<String> = names(&found.included).into_iter().collect();
    let truly = now.included(&query, &is);
    if included != truly {
        return Err(format!("includes {:?}", included.symmetric_difference(&truly).collect::<BTreeSet<_>>()));
    }
    Ok(is.len())
}

/// Every version by itself, and all of them in the history of everything.
fn compare_reads(vault: &Vault, visit: &Visit, record: &World, gate: &Gate) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    let mut seen_of: BTreeSet<u64> = BTreeSet::new();
    for seen in &record.versions {
        let number = numbers.entry(seen.name()).or_default();
        *number += 1;
        if seen.resource.is_none() {
            continue;
        }
        let should = gate.sees(seen, 'r');
        seen_of.extend(gate.sees(seen, 's').then_some(seen.position));
        let is = match vault.vread(visit, &seen.resource_type, &seen.id, *number) {
            Ok(found) => found.is_some(),
            Err(Error::Refusal(no)) if no.kind == Kind::Forbidden && gate.is_blind_to(&seen.resource_type, 'r') => {
                false
            }
            Err(error) => panic!("{error}"),
        };
        if is != should {
            wrong.push(format!("{} version {number}: read {is}, should be {should}", seen.name()));
        }
    }
    let told = vault.history(visit, &Scope::System, vault.head(), None, 100_000).expect("a history");
    let told: BTreeSet<u64> =
        told.iter().filter(|version| !version.deleted).map(|version| version.position.0).collect();
    if told != seen_of {
        wrong.push(format!("the history differs at {:?}", told.symmetric_difference(&seen_of).collect::<Vec<_>>()));
    }
    wrong
}

/// Takes some away, changes some, moves one to another patient, marks one afterwards.
fn change(loaded: &mut Loaded) {
    let current: Vec<_> = loaded.world.versions.iter().filter_map(|s| Some((s.name(), s.resource.clone()?))).collect();
    let told = |name: &str| ["Consent/", "Patient/", "RelatedPerson/"].iter().any(|kind| name.starts_with(kind));
    for (i, (name, mut resource)) in current.into_iter().enumerate().filter(|(_, (name, _))| !told(name)) {
        let (resource_type, id) = name.split_once('/').expect("a name");
        let object = resource.as_object_mut().expect("an object");
        match i % 11 {
            3 => loaded.write(delete(resource_type, id)),
            5 if object.get("subject").is_some() => {
                object.set("subject", crate::place::json(r#"{"reference":"Patient/p4"}"#));
                loaded.write(Change::Put { resource, expect: Expect::Any, skip_same: false });
            }
            7 => {
                let security =
                    r#"{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSYTHPN"}]}"#;
                object.set("meta", crate::place::json(security));
                loaded.write(Change::Put { resource, expect: Expect::Any, skip_same: false });
            }
            _ => {}
        }
    }
}

/// Questions in which one hidden resource could show in another's place.
const CROSSING: [&str; 26] = [
    "?_type=Patient,Observation,Consent,Task,Device",
    "?_lastUpdated=gt2000",
    "Patient?_revinclude=*",
    "Patient?_sort=family",
    "Patient?_sort=-birthdate&_total=accurate",
    "Patient?_has:Observation:patient:code=7917-8",
    "Patient?_has:Condition:patient:code=F11.20",
    "Patient?_has:Encounter:patient:_has:Observation:encounter:status=final",
    "Patient?general-practitioner.name=kim",
    "Observation?_include=*&_include:iterate=*",
    "Observation?subject:Patient.family=fam",
    "Observation?has-member.code=7917-8",
    "Observation?_include=Observation:has-member&_include:iterate=Observation:has-member",
    "DiagnosticReport?result.status=final",
    "DiagnosticReport?_include=DiagnosticReport:result&_include:iterate=Observation:subject",
    "Observation?_revinclude:iterate=DiagnosticReport:result&_revinclude:iterate=List:item",
    "Practitioner?_revinclude=Observation:performer",
    "Practitioner?_has:DocumentReference:author:_lastUpdated=gt2000",
    "Organization?_revinclude=Patient:organization&_revinclude:iterate=Observation:subject",
    "Observation?code=8480-6,7917-8",
    "Location?_revinclude=Encounter:location",
    "Encounter?location:below=icu",
    "Condition?patient=p0&_list=$current-problems",
    "Observation?_filter=status eq final or value-quantity gt 100",
    "Consent?_include=*",
    "List?_include=List:item&_revinclude=List:item",
];

/// Apps with scopes of both forms, of one patient and of all, and with searches in them.
const APPS: [Person; 6] = [
    Person {
        stands_for: &["Practitioner/kim"],
        app: Some(App { scopes: "user/*.read", patient: None }),
        ..person("kim-v1", "physician", "TREAT")
    },
    Person {
        stands_for: &["Practitioner/kim"],
        app: Some(App { scopes: "patient/*.rs", patient: Some("p4") }),
        ..person("kim-chart", "physician", "TREAT")
    },
    Person {
        stands_for: &["Practitioner/ana"],
        app: Some(App {
            scopes: "user/Observation.rs?status=final user/Condition.rs?code=I10,E11.9 user/Patient.rs user/Encounter.s \
                     user/DiagnosticReport.r user/Practitioner.rs",
            patient: None,
        }),
        ..person("ana-some", "nurse", "TREAT")
    },
    Person {
        stands_for: &["Patient/p1"],
        app: Some(App {
            scopes: "patient/Patient.r patient/Observation.rs?status:not=final patient/DocumentReference.rs?date=ge2025 \
                     patient/Encounter.read patient/Condition.*",
            patient: Some("p1"),
        }),
        ..person("patient-some", "patient", "PATRQT")
    },
    Person {
        app: Some(App { scopes: "user/*.s patient/Patient.rs patient/Observation.r", patient: Some("p2") }),
        ..person("him-mixed", "him-specialist", "RECORDMGT")
    },
    Person {
        app: Some(App { scopes: "user/*.write user/Task.c", patient: None }),
        ..person("him-writes", "him-specialist", "RECORDMGT")
    },
];

#[test]
fn the_gate_agrees_with_one_that_reads_everything_again() {
    for (system, code, labels) in hospital::CODES {
        let text =
            format!(r#"{{"resourceType":"Condition","code":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}}}"#);
        assert_eq!(label::shipped().labels_of(&crate::place::json(&text)).to_string(), labels.join(" "), "{code}");
    }
    let place = Place::new();
    let labels = place.dir().join("labels");
    std::fs::create_dir(&labels).expect("a folder");
    std::fs::write(labels.join("programs.toml"), hospital::PROGRAMS).expect("written");
    let vault = Vault::open(Options { labels: Some(labels), ..place.options() }).expect("opens");
    let mut loaded = Loaded { place: &place, vault: &vault, world: World::default() };
    let resources: Vec<_> = hospital::hospital(7).iter().map(|text| crate::place::json(text)).collect();
    load(&mut loaded, &resources);
    let before = vault.head().0;
    change(&mut loaded);
    let record = &loaded.world;
    let mut asked: Vec<String> = questions::questions(record);
    let (mut wrong, mut count, mut filled, mut of_programs) = (Vec::new(), 0, [0, 0], 0);
    asked.retain(|text| !text.contains("_list"));
    for (number, person) in PEOPLE.iter().chain(&APPS).enumerate() {
        let visit = visit(&vault, person);
        let gate = Gate::new(record, person, place.clock.now());
        let shown = gate.shown();
        of_programs += gate.seen_in_program();
        let blame = |why: String| format!("{}: {why}", person.login);
        wrong.extend(compare_reads(&vault, &visit, record, &gate).into_iter().map(blame));
        let step = if std::env::var("TRUTH").is_ok_and(|v| v == "all") { 1 } else { 41 };
        let some = asked.iter().skip(number).step_by(step).map(String::as_str).chain(CROSSING);
        let head = vault.head().0;
        for text in some {
            for at in [head, before].into_iter().take(1 + usize::from(count % 3 == 0)) {
                count += 1;
                match compare(&vault, &visit, shown.as_ref().unwrap_or(record), &gate, text, at) {
                    Ok(found) => filled[usize::from(person.app.is_some())] += usize::from(found > 0),
                    Err(why) => wrong.push(blame(format!("{text} at {at}: {why}"))),
                }
            }
        }
    }
    println!("{count} searches of {} people and {} apps, {filled:?} find something", PEOPLE.len(), APPS.len());
    let few: Vec<_> = wrong.iter().take(60).cloned().collect();
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), few.join("\n"));
    assert!(of_programs > 3, "only {of_programs} records are seen because somebody works in their program");
    assert!((filled[0] + filled[1]) * 5 > count && filled[1] > 100, "only {filled:?} of {count} find something");
}
