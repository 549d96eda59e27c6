//! The packs hold what HL7 published.

use crate::archives::json_files;
use fhir::definitions::{TypeKind, r4};
use fhir::json::Json;
use fhir::terminology::pack;
use std::collections::BTreeSet;

#[test]
fn the_packs_hold_every_published_definition() {
    let Some(files) = json_files("fhir/hl7.fhir.r4.core-definitions-4.0.1.tgz") else { return };
    let (mut resources, mut params, mut compartments) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut systems, mut concepts, mut sets) = (0, 0, 0);
    for (_, bytes) in &files {
        let Ok(tree) = Json::parse(bytes) else { panic!("a published file does not parse") };
        let text = |name: &str| tree.text(name).unwrap_or_default().to_owned();
        match tree.text("resourceType") {
            Some("StructureDefinition")
                if text("kind") == "resource"
                    && text("derivation") == "specialization"
                    && tree.get("abstract").and_then(Json::as_bool) == Some(false) =>
            {
                resources.insert(text("type"));
            }
            Some("SearchParameter") if tree.get("experimental").and_then(Json::as_bool) != Some(true) => {
                params.insert(text("url"));
            }
            Some("CompartmentDefinition") if text("id") != "example" => {
                compartments.insert(text("code"));
            }
            Some("CodeSystem") => {
                systems += 1;
                concepts += count(&tree);
            }
            Some("ValueSet") => sets += 1,
            _ => {}
        }
    }
    let names = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(names(&mut r4().resource_names()), resources);
    let own = |url: &&str| !url.starts_with("http://hl7.org/fhir/us/");
    assert_eq!(names(&mut r4().search_params.iter().map(|p| p.url.as_str()).filter(own)), params);
    assert_eq!(names(&mut r4().compartments.iter().map(|c| c.code.as_str())), compartments);
    assert_eq!((pack::r4().systems.len(), pack::r4().value_sets.len()), (systems, sets));
    assert_eq!(pack::r4().systems.iter().map(|s| s.concepts.len()).sum::<usize>(), concepts);
}

fn count(of: &Json) -> usize {
    of.get("concept").map(Json::items).unwrap_or_default().iter().map(|c| 1 + count(c)).sum()
}

#[test]
fn types_are_as_the_specification_has_them() {
    let r4 = r4();
    assert_eq!(r4.version, "4.0.1");
    assert_eq!(r4.resource_names().count(), 146);
    assert!(r4.resource_names().is_sorted());
    let of = |ty: &str, member: &str| {
        let property = r4.by_name(ty)?.property(member)?;
        let max = property.element.max.map_or("*".to_owned(), |m| m.to_string());
        Some(format!("{} {}..{max}", r4.get(property.ty).name, property.element.min))
    };
    for (ty, member, expected) in [
        ("Patient", "id", Some("id 0..1")),
        ("Patient", "birthDate", Some("date 0..1")),
        ("Patient", "deceasedBoolean", Some("boolean 0..1")),
        ("Patient", "deceased", None),
        ("Patient", "contact", Some("Patient.contact 0..*")),
        ("Patient.contact", "relationship", Some("CodeableConcept 0..*")),
        ("Patient.contact", "modifierExtension", Some("Extension 0..*")),
        ("HumanName", "id", Some("string 0..1")),
        ("Extension", "url", Some("uri 1..1")),
        ("Extension", "valueBase64Binary", Some("base64Binary 0..1")),
        ("Questionnaire.item", "item", Some("Questionnaire.item 0..*")),
        ("Timing", "repeat", Some("Timing.repeat 0..1")),
        ("Bundle.entry", "resource", Some("Resource 0..1")),
        ("Narrative", "div", Some("xhtml 1..1")),
        ("Age", "value", Some("decimal 0..1")),
        ("Meta", "author", None),
    ] {
        assert_eq!(of(ty, member).as_deref(), expected, "{ty}.{member}");
    }
    let contact = r4.by_name("Patient").and_then(|p| p.element("contact")).expect("Patient.contact");
    assert_eq!(contact.constraints.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["pat-1"]);
    let gender = r4.by_name("Patient").and_then(|p| p.element("gender")?.binding.as_ref()).expect("a binding");
    assert_eq!(gender.system.as_deref(), Some("http://hl7.org/fhir/administrative-gender"));
    let age = r4.type_id("Age").expect("Age");
    assert!(r4.is_a(age, r4.type_id("Quantity").expect("Quantity")));
    assert_eq!(r4.by_name("Patient.contact").expect("backbone").kind, TypeKind::Backbone);
    let id = r4.by_name("id").expect("id");
    assert_eq!((id.kind, id.regex.as_deref()), (TypeKind::Primitive, Some("[A-Za-z0-9\\-\\.]{1,64}")));
    let codes: Vec<&str> = r4.compartments.iter().map(|c| c.code.as_str()).collect();
    assert_eq!(codes, ["Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"]);
}

#[test]
fn search_parameters_are_those_of_the_specification_and_us_cores_own() {
    let guide: Vec<&str> =
        r4().search_params.iter().filter(|p| p.url.contains("/us/core/")).map(|p| &*p.code).collect();
    assert_eq!(
        guide,
        ["role", "asserted-date", "discharge-disposition", "ethnicity", "description", "gender-identity", "race"]
    );
    let composite = r4().search_params.iter().find(|p| p.code == "code-value-quantity").expect("a composite");
    assert_eq!(composite.components.len(), 2);
}
