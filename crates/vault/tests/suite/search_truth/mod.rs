//! Every search feature against an evaluator that looks at every resource: same matches, order, totals and includes.

pub mod load;
pub mod naive;
pub mod questions;
pub mod values;

use crate::place::{Place, delete, write};
use fhir::search::query::{Query, parse};
use load::{Loaded, ODDITIES, bundle, load, shared};
use naive::World;
use std::collections::{BTreeMap, BTreeSet};
use vault::access::Visit;
use vault::search::{Found, Page};
use vault::{Change, Expect, Vault};

pub fn query(vault: &Vault, text: &str) -> Result<Query, String> {
    let (resource_type, rest) = text.split_once('?').expect("a question mark");
    let pair = |pair: &str| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).expect("name=value");
    let pairs: Vec<_> = rest.split('&').filter(|p| !p.is_empty()).map(pair).collect();
    parse(Some(resource_type).filter(|t| !t.is_empty()), &pairs, true, vault.clock().now()).map_err(|no| no.to_string())
}

/// Compares one query, asked at a position, with the truth. `Err` says what differs.
fn compare(vault: &Vault, world: &World, text: &str, at: u64) -> Result<usize, String> {
    let query = query(vault, text)?;
    let page = Page { at: Some(vault::Position(at)), offset: 0, count: 100_000 };
    let found = vault.search(&Visit::operator(), &query, &page).map_err(|e| e.to_string())?;
    let names = |versions: &[vault::Version]| -> Vec<String> {
        versions.iter().map(|v| format!("{}/{}", v.resource_type, v.id)).collect()
    };
    let now = world.at(at);
    let (is, should) = (names(&found.matches), now.search(&query));
    if is != should {
        return Err(difference(&is, &should));
    }
    if found.total != Some(should.len() as u64) || found.next.is_some() {
        return Err(format!("total {:?}, but {} match", found.total, should.len()));
    }
    let included: BTreeSet<String> = names(&found.included).into_iter().collect();
    let truly = now.included(&query, &is);
    if included != truly || included.len() != found.included.len() {
        return Err(format!("includes {included:?}, should be {truly:?}"));
    }
    Ok(is.len())
}

pub fn difference(is: &[String], should: &[String]) -> String {
    let (found, truth): (BTreeSet<_>, BTreeSet<_>) = (is.iter().collect(), should.iter().collect());
    let few = |names: Vec<&&String>| format!("{} ({:?})", names.len(), names.iter().take(3).collect::<Vec<_>>());
    if found == truth {
        let first = is.iter().zip(should).find(|(a, b)| a != b);
        return format!("order differs at {first:?}");
    }
    let (missed, extra) = (truth.difference(&found).collect(), found.difference(&truth).collect());
    format!("missed {}, too many {}", few(missed), few(extra))
}

fn check(vault: &Vault, world: &World, queries: &[String], at: u64) -> usize {
    let mut failures: BTreeMap<&str, String> = BTreeMap::new();
    let mut filled = 0;
    for text in queries {
        match compare(vault, world, text, at) {
            Ok(count) => filled += usize::from(count > 0),
            Err(why) => {
                failures.insert(text, why);
            }
        }
    }
    let few: Vec<String> = failures.iter().take(40).map(|(text, why)| format!("{text}: {why}")).collect();
    assert!(failures.is_empty(), "{} of {} queries differ:\n{}", failures.len(), queries.len(), few.join("\n"));
    filled
}

#[test]
fn every_question_is_answered_as_if_all_resources_were_looked_at() {
    let Some(bundles) = shared(&["uscore_bundle_patient_85.json", "uscore_bundle_patient_client_test.json"]) else {
        return;
    };
    let place = Place::new();
    let vault = place.open();
    let mut resources: Vec<_> = bundles.iter().flat_map(bundle).collect();
    resources.extend(load::synthea(2));
    resources.extend(ODDITIES.iter().map(|text| crate::place::json(text)));
    let mut loaded = Loaded { place: &place, vault: &vault, world: World::default() };
    load(&mut loaded, &resources);
    let before = vault.head().0;
    // All of them take a minute; a part is asked unless TRUTH=all.
    let step = if std::env::var("TRUTH").is_ok_and(|v| v == "all") { 1 } else { 6 };
    let asked: Vec<String> = questions::questions(&loaded.world).into_iter().step_by(step).collect();
    let filled = check(&vault, &loaded.world, &asked, before);
    println!("{} queries over {} resources, {filled} of them find something", asked.len(), loaded.world.versions.len());
    assert!(asked.len() > 1000 && filled * 10 > asked.len() * 7);

    change(&mut loaded);
    let some: Vec<String> = asked.iter().step_by(5).cloned().collect();
    check(&vault, &loaded.world, &some, vault.head().0);
    check(&vault, &loaded.world, &some, before);
    check(&vault, &loaded.world, &special(), vault.head().0);
}

/// Takes away every seventh resource and changes every fifth.
fn change(loaded: &mut Loaded) {
    let now: Vec<(String, String, fhir::json::Json<'static>)> = loaded
        .world
        .versions
        .iter()
        .filter_map(|s| Some((s.resource_type.clone(), s.id.clone(), s.resource.clone()?)))
        .collect();
    for (i, (resource_type, id, mut resource)) in now.into_iter().enumerate() {
        if i % 7 == 0 {
            loaded.write(delete(&resource_type, &id));
        } else if i % 5 == 0 {
            let object = resource.as_object_mut().expect("a resource");
            object.set("language", fhir::json::Json::string("de"));
            ["status", "subject", "name"].iter().take(i % 4).for_each(|name| {
                object.remove(name);
            });
            loaded.write(Change::Put { resource, expect: Expect::Any, skip_same: false });
        }
    }
}

fn special() -> Vec<String> {
    let queries = [
        "?_lastUpdated=gt2000&_type=Patient,Observation",
        "?_id=85",
        "?_tag=http://a.org/tags|x",
        "?_profile=http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient",
        "Patient?_text=interpreter",
        "Patient?_content=interpreter",
        "Patient?_list=odd-list",
        "Patient?_id=85,odd-1",
        "Patient?_id:not=85",
        "Patient?_sort=-_id",
        "Patient?_sort=_lastUpdated",
        "Observation?_sort=-_lastUpdated",
        "Observation?_sort=status,-date,code",
        "Observation?_include=*",
        "Encounter?_include=*&_include:iterate=*",
        "Patient?_revinclude=*",
        "Organization?_revinclude=Encounter:service-provider&_revinclude:iterate=Observation:encounter",
        "Patient?_has:Encounter:patient:_has:Observation:encounter:status=final",
        "Observation?subject:Patient.general-practitioner:Practitioner.name=a",
        "Observation?patient.organization.name=a",
        "Observation?encounter.participant.name=a",
        "Patient?_filter=name co \"ar\" or birthdate lt 1980 and not (gender eq female)",
        "Patient?_filter=name ew \"y\"",
        "Patient?_filter=gender ne male",
        "Observation?_filter=value-quantity gt 100 and status eq final",
        "Encounter?location:below=Location/odd-11",
        "Encounter?location:above=Location/odd-13",
        "Encounter?location:below=Location/odd-14",
        "Encounter?location:above=odd-15",
        "Encounter?location:above=Location/odd-16",
        "Encounter?location:below=http://elsewhere.org/fhir/Location/1",
        "Location?partof:below=odd-11",
        "Observation?encounter:below=Encounter/odd-17",
        "QuestionnaireResponse?questionnaire:below=http://a.org/q|1.2",
        "QuestionnaireResponse?questionnaire:above=http://a.org/q|1.2.3",
        "Condition?patient=odd-1&_list=$current-problems",
        "Condition?patient=Patient/odd-2&_list=$current-problems",
        "Condition?patient=85&_list=$current-problems",
        "AllergyIntolerance?patient=odd-1&_list=$current-allergies",
        "AllergyIntolerance?patient=odd-1&_list=$current-drug-allergies",
        "MedicationRequest?subject=Patient/85&_list=$current-medications",
        "Medication?_contained=true",
        "Medication?_contained=true&code=urn:drugs|d1",
        "Medication?_contained=both&code=urn:drugs|d1",
        "Medication?_contained=both&_containedType=contained&code=urn:drugs|d1",
        "Medication?_contained=true&_containedType=contained",
        "Medication?_contained=true&_containedType=contained&status:missing=true",
        "Medication?_contained=true&_containedType=contained&code:not=d1",
        "Medication?_contained=true&_containedType=contained&_id=n,o",
        "Medication?_contained=both&_include=MedicationRequest:subject",
        "Organization?_contained=true&_containedType=contained&name=mak",
        "?_contained=true&_containedType=contained&_id=m,o,inside",
        "Observation?value-quantity=5.4|http://unitsofmeasure.org|mg",
        "Observation?value-quantity=5400|http://unitsofmeasure.org|ug",
        "Observation?value-quantity=ge0.0054|http://unitsofmeasure.org|g",
        "Observation?value-quantity=gt5.4|http://unitsofmeasure.org|mg",
        "Observation?value-quantity=5.4||mg",
        "Observation?code-value-quantity=dose$5.4|http://unitsofmeasure.org|mg",
        "Observation?combo-code-value-quantity=8480-6$gt100",
        "Observation?status=final,preliminary&status:not=preliminary&date=ge2010",
    ];
    queries.iter().map(|q| (*q).to_owned()).collect()
}

#[test]
fn the_222_searches_of_us_core_are_answered_in_full() {
    let files = ["patient_355", "patient_85", "patient_907", "patient_908", "patient_client_test", "asserted-date"];
    let files = files.map(|name| format!("uscore_bundle_{name}.json"));
    let Some(bundles) = shared(&files.each_ref().map(String::as_str)) else { return };
    let Some(list) = load::text("inferno-metadata/us-core-610-required-searches.txt") else { return };
    let place = Place::new();
    let vault = place.open();
    let mut loaded = Loaded { place: &place, vault: &vault, world: World::default() };
    load(&mut loaded, &bundles.iter().flat_map(bundle).collect::<Vec<_>>());
    let mut searches = Vec::new();
    for line in list.lines() {
        let (Some(ty), Some((_, rest))) = (line.split(' ').next(), line.split_once("searches=")) else { continue };
        let list = rest.split(" MS=").next().unwrap_or_default();
        let combos = list.split("; ").filter(|c| !c.is_empty()).map(|c| c.split('(').next().unwrap_or_default());
        searches.extend(combos.map(|combo| load::filled(&loaded.world, ty, combo)));
    }
    assert_eq!(searches.len(), 222);
    let filled = check(&vault, &loaded.world, &searches, vault.head().0);
    println!("{filled} of 222 searches find something");
    assert!(filled >= 210, "only {filled} find something");
}

#[test]
fn an_index_made_anew_equals_the_live_one() {
    let Some(bundles) = shared(&["uscore_bundle_patient_85.json"]) else { return };
    let place = Place::new();
    let asked = |vault: &Vault| -> Vec<Found> {
        let queries = ["Observation?status=final", "Encounter?date=gt2015", "Patient?name=a", "Observation?_sort=date"];
        let one = |text: &&str| {
            let page = Page { count: 1000, ..Page::default() };
            vault.search(&Visit::operator(), &query(vault, text).expect(text), &page).expect(text)
        };
        queries.iter().map(one).collect()
    };
    let vault = place.open();
    let mut loaded = Loaded { place: &place, vault: &vault, world: World::default() };
    load(&mut loaded, &bundles.iter().flat_map(bundle).collect::<Vec<_>>());
    change(&mut loaded);
    let live = asked(&vault);
    drop(loaded);
    drop(vault);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(place.dir().join(format!("index.sqlite{suffix}")));
    }
    let again = asked(&place.open());
    let bodies = |found: &[Found]| -> Vec<Vec<vault::Version>> { found.iter().map(|f| f.matches.clone()).collect() };
    assert_eq!(bodies(&live), bodies(&again));
}

#[test]
fn a_query_made_of_nonsense_is_refused_or_answered() {
    let place = Place::new();
    let vault = place.open();
    write(&vault, vec![crate::place::put(ODDITIES[0])]).expect("written");
    for text in
        ["Patient?name=a,,b", "Patient?birthdate=gt", "Patient?_sort=-", "Patient?identifier=|", "Patient?_has:x=1"]
    {
        if let Ok(query) = query(&vault, text) {
            let _ = vault.search(&Visit::operator(), &query, &Page { count: 10, ..Page::default() });
        }
    }
}
