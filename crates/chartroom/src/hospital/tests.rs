//! What the demo hospital promises: the same bytes for a seed, valid resources, references that lead somewhere.

use super::{Hospital, Tree, people};
use fhir::json::Json;
use fhir::validate::{Depth, validate};
use std::collections::HashSet;

fn groups(hospital: Hospital) -> impl Iterator<Item = Vec<Tree>> {
    (0..=hospital.patients).map(move |n| hospital.group(n))
}

/// FNV-1a, 64 bits: enough to see a change, and no dependency.
fn fingerprint(hospital: Hospital) -> u64 {
    let mut bytes = Vec::new();
    groups(hospital).flatten().for_each(|resource| resource.write(&mut bytes));
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn a_seed_gives_the_same_bytes_everywhere() {
    // Changes whenever the stories change; then look at what changed and write the new number here.
    assert_eq!(format!("{:016x}", fingerprint(Hospital::new(1, 200))), "8dc85455eb2e23c1");
    assert_ne!(fingerprint(Hospital::new(2, 20)), fingerprint(Hospital::new(1, 20)));
}

#[test]
fn a_larger_hospital_contains_the_smaller() {
    let small: Vec<_> = groups(Hospital::new(3, 25)).collect();
    let large: Vec<_> = groups(Hospital::new(3, 60)).take(small.len()).collect();
    assert_eq!(small, large);
}

#[test]
fn every_id_is_unique_and_every_reference_resolves() {
    let resources: Vec<Tree> = groups(Hospital::new(1, 400)).flatten().collect();
    let mut names = HashSet::new();
    for resource in &resources {
        assert!(names.insert(name(resource)), "{} stands twice", name(resource));
    }
    for resource in &resources {
        references(resource, &mut |to| assert!(names.contains(to), "{} refers to {to}", name(resource)));
    }
}

#[test]
fn every_resource_is_valid() {
    for resource in groups(Hospital::new(1, 60)).flatten() {
        let errors: Vec<_> =
            validate(&resource, Depth::Full).into_iter().filter(base::finding::Finding::is_error).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", name(&resource));
    }
}

#[test]
fn people_are_varied_and_some_are_related() {
    let people: Vec<_> = (0..1000).map(|n| people::Person::draw(1, n)).collect();
    assert_eq!(people[0].name(), "Zoë O'Null <b>Ltd</b> =1+1");
    let share = |of: &dyn Fn(&people::Person) -> bool| people.iter().filter(|p| of(p)).count();
    assert!((400..600).contains(&share(&|p| p.sex == people::Sex::Female)));
    assert!((130..350).contains(&share(&|p| p.age(super::day::TODAY) < 18)));
    assert!((150..350).contains(&share(&|p| p.age(super::day::TODAY) >= 65)));
    assert!(share(&|p| !p.family.is_ascii()) > 200);
    for person in &people {
        let kin = person.mother.or(person.twin).map(|number| &people[number]);
        if let Some(kin) = kin {
            assert_eq!(kin.family, person.family);
            assert_eq!(kin.birth == person.birth, person.twin.is_some());
        }
    }
}

#[test]
fn charts_are_of_the_promised_size() {
    let sizes: Vec<usize> = groups(Hospital::new(1, 300)).skip(1).map(|group| group.len()).collect();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((60..=100).contains(&mean), "{mean} resources a patient");
}

#[test]
fn no_dose_is_given_twice() {
    for chart in groups(Hospital::new(1, 300)) {
        let mut given = HashSet::new();
        for resource in chart.iter().filter(|r| r.text("resourceType") == Some("Immunization")) {
            let dose = resource.get("protocolApplied").map(Json::to_bytes);
            let vaccine = resource.get("vaccineCode").map(Json::to_bytes);
            assert!(dose.is_none() || given.insert((vaccine, dose)), "{}", name(resource));
        }
    }
}

fn name(resource: &Tree) -> String {
    format!("{}/{}", resource.text("resourceType").unwrap_or("?"), resource.text("id").unwrap_or("?"))
}

fn references(tree: &Tree, each: &mut dyn FnMut(&str)) {
    match tree {
        Json::Object(object) => {
            for (name, value) in object.iter() {
                match value {
                    Json::String(to) if name == "reference" => each(to),
                    value => references(value, each),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, each)),
        _ => {}
    }
}
