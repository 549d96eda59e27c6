//! Searches over a handful of resources, with the answers written beside them.

use crate::place::{Place, delete, put, write};
use base::clock::Instant;
use fhir::search::query::{Query, parse};
use std::sync::atomic::{AtomicUsize, Ordering};
use vault::access::Visit;
use vault::search::{Found, Page};
use vault::{Error, Vault};

const WARD: [&str; 17] = [
    r#"{"resourceType":"Organization","id":"o1","name":"Saint Mary's Hospital","address":[{"city":"Zürich"}]}"#,
    r#"{"resourceType":"Practitioner","id":"d1","name":[{"family":"Weiß","given":["Ada"]}]}"#,
    r#"{"resourceType":"Patient","id":"p1","active":true,"gender":"female","birthDate":"1974-12-25",
        "identifier":[{"system":"urn:mrn","value":"77","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]}}],
        "name":[{"family":"Müller-Lüdenscheidt","given":["Eva","Maria"]}],
        "managingOrganization":{"reference":"Organization/o1"},"generalPractitioner":[{"reference":"Practitioner/d1"}]}"#,
    r#"{"resourceType":"Patient","id":"p2","gender":"male","birthDate":"1974","name":[{"family":"Eckhart"}],
        "identifier":[{"system":"urn:other","value":"77"}]}"#,
    r#"{"resourceType":"Patient","id":"p3","name":[{"text":"Evelyn Smith"}],"generalPractitioner":[{"reference":"Practitioner/d1"}],
        "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Needs an <b>interpreter</b> &amp; a ramp</div>"}}"#,
    r#"{"resourceType":"Encounter","id":"e1","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},
        "subject":{"reference":"Patient/p1"},"period":{"start":"2024-01-10T08:00:00Z","end":"2024-01-12T08:00:00Z"}}"#,
    r#"{"resourceType":"Observation","id":"b1","status":"final","subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},
        "effectiveDateTime":"2024-01-10T09:00:00Z","code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},
        "valueQuantity":{"value":72,"unit":"beats/min","system":"http://unitsofmeasure.org","code":"/min"}}"#,
    r#"{"resourceType":"Observation","id":"b2","status":"final","subject":{"reference":"Patient/p1"},
        "effectiveDateTime":"2024-02-10","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}],"text":"Blood pressure"},
        "component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mmHg"}},
                     {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg"}}]}"#,
    r#"{"resourceType":"Observation","id":"b3","status":"preliminary","subject":{"reference":"Patient/p2"},
        "effectivePeriod":{"start":"2024-01-01"},"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},
        "valueQuantity":{"value":72.4,"unit":"beats/min"},"derivedFrom":[{"reference":"Observation/b1"}]}"#,
    r#"{"resourceType":"Observation","id":"b4","status":"final","subject":{"identifier":{"system":"urn:mrn","value":"99"}},
        "code":{"text":"Heart rhythm as seen on the monitor of ward seven"},"valueString":"irregular"}"#,
    r#"{"resourceType":"ValueSet","id":"v1","url":"http://a.org/fhir/ValueSet/one","version":"1","status":"active","name":"One"}"#,
    r#"{"resourceType":"ValueSet","id":"v2","url":"http://a.org/fhir/ValueSet/one/more","status":"draft"}"#,
    r#"{"resourceType":"ValueSet","id":"v3","url":"http://a.org/women","status":"active",
        "compose":{"include":[{"system":"http://hl7.org/fhir/administrative-gender","concept":[{"code":"female"}]}]}}"#,
    r#"{"resourceType":"Questionnaire","id":"q1","url":"http://a.org/q","version":"2","status":"active"}"#,
    r#"{"resourceType":"QuestionnaireResponse","id":"r1","status":"completed","questionnaire":"http://a.org/q|2","subject":{"reference":"Patient/p1"}}"#,
    r#"{"resourceType":"List","id":"l1","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/p3"}},{"item":{"reference":"Patient/p1"}}]}"#,
    r#"{"resourceType":"Location","id":"k1","name":"Boston","position":{"latitude":42.3601,"longitude":-71.0589}}"#,
];

fn ward(place: &Place) -> Vault {
    let vault = place.open();
    for resource in WARD {
        write(&vault, vec![put(resource)]).unwrap();
        place.clock.advance(1000);
    }
    vault
}

/// `Patient?name=eve` as a query.
fn query(vault: &Vault, text: &str) -> Query {
    let (resource_type, rest) = text.split_once('?').unwrap();
    let pairs = rest.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    let resource_type = Some(resource_type).filter(|name| !name.is_empty());
    parse(resource_type, &pairs.collect::<Vec<_>>(), true, vault.clock().now())
        .unwrap_or_else(|no| panic!("{text}: {no}"))
}

fn found(vault: &Vault, text: &str) -> Result<Found, Error> {
    vault.search(&Visit::operator(), &query(vault, text), &Page { count: 100, ..Page::default() })
}

fn ids(vault: &Vault, text: &str) -> String {
    let found = found(vault, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let ids = |versions: &[vault::Version]| versions.iter().map(|v| v.id.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!(found.total.unwrap_or_default(), found.matches.len() as u64, "{text}");
    if found.included.is_empty() {
        ids(&found.matches)
    } else {
        format!("{} + {}", ids(&found.matches), ids(&found.included))
    }
}

/// Each search with the ids it finds, and after the `+` those it brings along.
const CASES: &[(&str, &str)] = &[
    ("Patient?", "p3 p2 p1"),
    ("Patient?name=eve", "p3"),
    ("Patient?name=mull", "p1"),
    ("Patient?name=MÜLLER-lud", "p1"),
    ("Patient?name=muller-ludenscheidtx", ""),
    ("Patient?name=muller-ludenscheidt", "p1"),
    ("Patient?name:contains=denschei", "p1"),
    ("Patient?name:contains=ev", "p3 p1"),
    ("Patient?name:exact=Eva", "p1"),
    ("Patient?name:exact=eva", ""),
    ("Patient?name=ev,eck", "p3 p2 p1"),
    ("Patient?given=maria&family=m", "p1"),
    ("Patient?identifier=77", "p2 p1"),
    ("Patient?identifier=urn:mrn|77", "p1"),
    ("Patient?identifier=urn:mrn|", "p1"),
    ("Patient?identifier=|77", ""),
    ("Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|77", "p1"),
    ("Patient?gender=male", "p2"),
    ("Patient?gender:not=male", "p3 p1"),
    ("Patient?gender:missing=true", "p3"),
    ("Patient?gender:missing=false", "p2 p1"),
    ("Patient?active=true", "p1"),
    ("Patient?birthdate=1974", "p2 p1"),
    ("Patient?birthdate=1974-12", "p1"),
    ("Patient?birthdate=ne1974-12", "p2"),
    ("Patient?birthdate=gt1974-06", "p2 p1"),
    ("Patient?birthdate=sa1974-06", "p1"),
    ("Patient?birthdate=lt1974-06", "p2"),
    ("Patient?_id=p1,p3,nobody", "p3 p1"),
    ("Patient?_text=interpreter", "p3"),
    ("Patient?_text=interpreter ramp", "p3"),
    ("Patient?_content=evelyn", "p3"),
    ("Patient?_list=l1", "p3 p1"),
    ("Patient?general-practitioner=Practitioner/d1&name=m", "p1"),
    ("Patient?general-practitioner=d1", "p3 p1"),
    ("Patient?general-practitioner:Practitioner.name=weiss", ""),
    ("Patient?general-practitioner:Practitioner.name=wei", "p3 p1"),
    ("Patient?organization.name=saint", "p1"),
    ("Patient?organization.address-city=zurich", "p1"),
    ("Patient?_has:Observation:patient:code=8867-4", "p2 p1"),
    ("Patient?_has:Observation:patient:code=85354-9", "p1"),
    ("Patient?_has:Encounter:patient:_has:Observation:encounter:status=final", "p1"),
    ("Observation?patient=p1", "b2 b1"),
    ("Observation?patient=Patient/p1&code=8867-4", "b1"),
    ("Observation?subject=Patient/p2", "b3"),
    ("Observation?subject:Patient=p2", "b3"),
    ("Observation?subject:identifier=urn:mrn|99", "b4"),
    ("Observation?patient.name=mull", "b2 b1"),
    ("Observation?subject:Patient.organization.name=saint", "b2 b1"),
    ("Observation?encounter.class=AMB", "b1"),
    ("Observation?patient=p1&encounter.class=AMB", "b1"),
    ("Observation?code:text=heart", "b4 b1"),
    ("Observation?code:text=heart rhythm as seen on", "b4"),
    ("Observation?code:text=blood", "b2"),
    ("Observation?code=http://loinc.org|8867-4", "b3 b1"),
    ("Observation?code:not=8867-4", "b4 b2"),
    ("Observation?code=http://loinc.org|", "b3 b2 b1"),
    ("Observation?combo-code=8480-6", "b2"),
    ("Observation?value-quantity=72", "b3 b1"),
    ("Observation?value-quantity=72.0", "b1"),
    ("Observation?value-quantity=gt72", "b3"),
    ("Observation?value-quantity=72||beats/min", "b3 b1"),
    ("Observation?value-quantity=72|http://unitsofmeasure.org|/min", "b1"),
    ("Observation?value-quantity=72||mg", ""),
    ("Observation?component-code-value-quantity=8480-6$gt100", "b2"),
    ("Observation?component-code-value-quantity=8462-4$gt100", ""),
    ("Observation?combo-code-value-quantity=8867-4$ap72", "b3 b1"),
    ("Observation?code-value-quantity=8867-4$72.0", "b1"),
    ("Observation?date=2024-01-10", "b1"),
    ("Observation?date=gt2024-01-31", "b3 b2"),
    ("Observation?date=ge2024-01-10&date=lt2024-02", "b3 b1"),
    ("Observation?date=ap2024-01-15", "b3 b2 b1"),
    ("Observation?date:missing=true", "b4"),
    ("Observation?value-string=irr", "b4"),
    ("Observation?_sort=date", "b3 b1 b2 b4"),
    ("Observation?_sort=-date", "b3 b2 b1 b4"),
    ("Observation?_sort=status,-date", "b2 b1 b4 b3"),
    ("Patient?_sort=family", "p2 p1 p3"),
    ("Patient?_sort=_id", "p1 p2 p3"),
    ("Patient?_sort=_lastUpdated", "p1 p2 p3"),
    ("Patient?_filter=name co \"denschei\" or gender eq male", "p2 p1"),
    ("ValueSet?url=http://a.org/fhir/ValueSet/one", "v1"),
    ("ValueSet?url:below=http://a.org/fhir", "v2 v1"),
    ("ValueSet?url:below=http://a.org/fhir/ValueSet/one", "v2 v1"),
    ("ValueSet?url:above=http://a.org/fhir/ValueSet/one/more/yet", "v2 v1"),
    ("QuestionnaireResponse?questionnaire=http://a.org/q", "r1"),
    ("QuestionnaireResponse?questionnaire=http://a.org/q|2", "r1"),
    ("QuestionnaireResponse?questionnaire=http://a.org/q|3", ""),
    ("QuestionnaireResponse?_include=QuestionnaireResponse:questionnaire", "r1 + q1"),
    ("Observation?_id=b1&_include=Observation:patient", "b1 + p1"),
    ("Observation?_id=b1&_include=*", "b1 + e1 p1"),
    (
        "Observation?_id=b3&_include=Observation:derived-from&_include:iterate=Observation:patient&_include:iterate=Patient:organization",
        "b3 + b1 p2 p1 o1",
    ),
    ("Encounter?_revinclude=Observation:encounter", "e1 + b1"),
    ("Organization?_revinclude=Patient:organization&_revinclude:iterate=Observation:patient", "o1 + p1 b2 b1"),
    ("Observation?status:in=http://hl7.org/fhir/ValueSet/observation-status", "b4 b3 b2 b1"),
    ("Patient?gender:in=ValueSet/v3", "p1"),
    ("Patient?gender:not-in=http://a.org/women", "p3 p2"),
    ("Encounter?class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|_ActEncounterCode", "e1"),
    ("Encounter?class:above=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB", "e1"),
    ("Location?near=42.0|-71.0|60|km", "k1"),
    ("Location?near=42.0|-71.0|10|km", ""),
    ("?_type=Patient,Encounter", "e1 p3 p2 p1"),
    ("?_id=p1,b1", "b1 p1"),
    ("Patient?_lastUpdated=gt2026-11-23T09:05:14.000Z", "p3 p2"),
];

#[test]
fn each_search_finds_what_it_asks_for() {
    let place = Place::new();
    let vault = ward(&place);
    for (text, expected) in CASES {
        assert_eq!(ids(&vault, text), *expected, "{text}");
    }
}

#[test]
fn pages_hold_still_and_old_versions_stay_findable() {
    let place = Place::new();
    let vault = ward(&place);
    let then = vault.clock().now();
    place.clock.advance(1000);
    let first =
        vault.search(&Visit::operator(), &query(&vault, "Patient?"), &Page { count: 2, ..Page::default() }).unwrap();
    assert_eq!((first.matches[0].id.as_str(), first.next, first.total), ("p3", Some(2), Some(3)));
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p1","gender":"other"}"#), delete("Patient", "p2")])
        .unwrap();
    write(&vault, vec![put(r#"{"resourceType":"Patient","id":"p4","gender":"female"}"#)]).unwrap();
    let next = Page { at: Some(first.at), offset: 2, count: 2 };
    let second = vault.search(&Visit::operator(), &query(&vault, "Patient?"), &next).unwrap();
    assert_eq!((second.matches[0].id.as_str(), second.matches[0].version, second.next), ("p1", 1, None));
    assert_eq!(ids(&vault, "Patient?"), "p4 p1 p3");
    assert_eq!(ids(&vault, "Patient?gender=female"), "p4");
    assert_eq!(ids(&vault, &format!("Patient?gender=female&_asof={then}")), "p1");
    assert_eq!(ids(&vault, &format!("Patient?_has:Observation:patient:code=8867-4&_asof={then}")), "p2 p1");
    assert_eq!(ids(&vault, "Patient?_has:Observation:patient:code=8867-4"), "p1");
    assert_eq!(ids(&vault, &format!("Patient?name=eck&_asof={}", Instant(0))), "");
}

/// What is acknowledged before a search begins is in its answer, whoever else writes meanwhile.
#[test]
fn searches_beside_writers_find_what_was_acknowledged_and_never_run_ahead_of_the_index() {
    const WRITERS: usize = 3;
    const EACH: usize = 150;
    let place = Place::new();
    let vault = place.open();
    let acknowledged = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (vault, acknowledged) = (&vault, &acknowledged);
            scope.spawn(move || {
                for n in 0..EACH {
                    let basic = format!(r#"{{"resourceType":"Basic","id":"w{writer}-{n}"}}"#);
                    write(vault, vec![put(&basic)]).unwrap();
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while acknowledged.load(Ordering::SeqCst) < WRITERS * EACH {
                    let before = acknowledged.load(Ordering::SeqCst) as u64;
                    let total = found(&vault, "Basic?_summary=count").unwrap().total.unwrap();
                    assert!(total >= before, "{total} found of {before} acknowledged");
                }
            });
        }
    });
    assert_eq!(found(&vault, "Basic?").unwrap().total, Some((WRITERS * EACH) as u64));
}

#[test]
fn a_reference_to_our_own_url_leads_here() {
    let place = Place::new();
    let vault = ward(&place);
    vault.know_base("https://ehr.example.org/fhir/");
    let own =
        r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"https://ehr.example.org/fhir/Patient/p1"}}"#;
    let other =
        r#"{"resourceType":"Condition","id":"c2","subject":{"reference":"https://other.example.org/fhir/Patient/p1"}}"#;
    write(&vault, vec![put(own), put(other)]).unwrap();
    assert_eq!(ids(&vault, "Condition?patient=p1"), "c1");
    assert_eq!(ids(&vault, "Condition?subject=Patient/p1&_include=Condition:subject"), "c1 + p1");
    assert_eq!(ids(&vault, "Condition?subject=https://other.example.org/fhir/Patient/p1"), "c2");
    assert_eq!(ids(&vault, "Observation?subject=https://ehr.example.org/fhir/Patient/p1"), "b2 b1");
}

/// A house with parts, a dose in three units, and medications inside their requests.
const HOUSE: [&str; 16] = [
    r#"{"resourceType":"Location","id":"house"}"#,
    r#"{"resourceType":"Location","id":"floor","partOf":{"reference":"Location/house"}}"#,
    r#"{"resourceType":"Location","id":"bed","partOf":{"reference":"https://ehr.example.org/fhir/Location/floor"}}"#,
    r#"{"resourceType":"Encounter","id":"e1","location":[{"location":{"reference":"Location/house"}}]}"#,
    r#"{"resourceType":"Encounter","id":"e2","location":[{"location":{"reference":"Location/bed"}}]}"#,
    r#"{"resourceType":"QuestionnaireResponse","id":"r1","questionnaire":"http://a.org/q|1.2"}"#,
    r#"{"resourceType":"QuestionnaireResponse","id":"r2","questionnaire":"http://a.org/q|1.2.3"}"#,
    r#"{"resourceType":"QuestionnaireResponse","id":"r3","questionnaire":"http://a.org/q|1.20"}"#,
    r#"{"resourceType":"Observation","id":"mg","valueQuantity":{"value":5.4,"system":"http://unitsofmeasure.org","code":"mg"}}"#,
    r#"{"resourceType":"Observation","id":"g","valueQuantity":{"value":0.0054,"system":"http://unitsofmeasure.org","code":"g"}}"#,
    r#"{"resourceType":"Observation","id":"own","valueQuantity":{"value":5.4,"unit":"mg"}}"#,
    r##"{"resourceType":"MedicationRequest","id":"m1","subject":{"reference":"Patient/p"},"medicationReference":{"reference":"#a"},
        "contained":[{"resourceType":"Medication","id":"a","code":{"text":"Aspirin"},"status":"active"},
        {"resourceType":"Medication","id":"b","code":{"text":"Aspirin forte"}}]}"##,
    r#"{"resourceType":"Medication","id":"m2","code":{"text":"Aspirin"}}"#,
    r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p"},"clinicalStatus":{"coding":[{"code":"active"}]}}"#,
    r#"{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/p"},"clinicalStatus":{"coding":[{"code":"resolved"}]}}"#,
    r#"{"resourceType":"Patient","id":"p"}"#,
];

#[test]
fn a_search_goes_through_hierarchies_units_and_what_is_contained() {
    let place = Place::new();
    let vault = place.open();
    vault.know_base("https://ehr.example.org/fhir");
    for resource in HOUSE {
        write(&vault, vec![put(resource)]).unwrap();
    }
    for (text, expected) in [
        ("Encounter?location=house", "e1"),
        ("Encounter?location:below=house", "e2 e1"),
        ("Encounter?location:below=https://ehr.example.org/fhir/Location/house", "e2 e1"),
        ("Encounter?location:below=Location/bed", "e2"),
        ("Encounter?location:above=Location/bed", "e2 e1"),
        ("Encounter?location:above=Location/house", "e1"),
        ("Location?partof:below=house", "bed floor"),
        ("QuestionnaireResponse?questionnaire:below=http://a.org/q|1.2", "r2 r1"),
        ("QuestionnaireResponse?questionnaire:above=http://a.org/q|1.2.3", "r2 r1"),
        ("Observation?value-quantity=5.4|http://unitsofmeasure.org|mg", "g mg"),
        ("Observation?value-quantity=5400|http://unitsofmeasure.org|ug", "g mg"),
        ("Observation?value-quantity=ge0.0054|http://unitsofmeasure.org|g", "g mg"),
        ("Observation?value-quantity=gt5.4|http://unitsofmeasure.org|mg", ""),
        ("Observation?value-quantity=5.4||mg", "own mg"),
        ("Medication?code:text=aspirin", "m2"),
        ("Medication?_contained=true&code:text=aspirin", "m1"),
        ("Medication?_contained=both&code:text=aspirin", "m2 m1"),
        ("Medication?_contained=true&_containedType=contained&code:text=aspirin", "m1#a m1#b"),
        ("Medication?_contained=true&_containedType=contained&status:missing=true", "m1#b"),
        ("Medication?_contained=true&code:text=aspirin&_include=MedicationRequest:subject", "m1 + p"),
        ("MedicationRequest?_contained=true", ""),
        ("Condition?patient=p&_list=$current-problems", "c1"),
    ] {
        assert_eq!(ids(&vault, text), expected, "{text}");
    }
    let kept = r#"{"resourceType":"List","id":"l","status":"current","subject":{"reference":"Patient/p"},
        "code":{"coding":[{"system":"http://loinc.org","code":"11450-4"}]},"entry":[{"item":{"reference":"Condition/c2"}}]}"#;
    write(&vault, vec![put(kept)]).unwrap();
    assert_eq!(ids(&vault, "Condition?patient=p&_list=$current-problems"), "c2", "somebody keeps a list");
    for text in ["Medication?_contained=true&_sort=code", "Medication?_contained=both&_list=l"] {
        let Err(Error::Refusal(no)) = found(&vault, text) else { panic!("{text} was answered") };
        assert!(no.to_string().contains("_contained"), "{no}");
    }
    let only = |count, offset| {
        let page = Page { at: None, offset, count };
        let text = "Medication?_contained=true&_containedType=contained";
        let found = vault.search(&Visit::operator(), &query(&vault, text), &page).unwrap();
        (found.matches[0].id.clone(), found.next, found.total)
    };
    assert_eq!(only(1, 0), ("m1#a".to_owned(), Some(1), Some(2)));
    assert_eq!(only(1, 1), ("m1#b".to_owned(), None, Some(2)));
}
