//! Faults planted one by one: each is found where it is, and nowhere else.

use fhir::json::Json;
use fhir::validate::{Depth, validate};

/// What a resource says, and the findings it gets: issue type and place, in the walk's order.
const FAULTS: &[(&str, &[(&str, &str)])] = &[
    // A whole one of each sort is right.
    (r#"{"resourceType":"Patient","id":"a","active":true,"name":[{"given":["Eve"]}],"deceasedBoolean":false}"#, &[]),
    (
        r#"{"resourceType":"Patient","birthDate":"1970-03-30","_birthDate":{"extension":[{"url":"http://x","valueCode":"a"}]}}"#,
        &[],
    ),
    (r#"{"resourceType":"Patient","_birthDate":{"extension":[{"url":"http://x","valueCode":"a"}]}}"#, &[]),
    (
        r#"{"resourceType":"Patient","name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"http://x","valueCode":"a"}]}]}]}"#,
        &[],
    ),
    // The resource itself.
    (r#"[]"#, &[("structure", "Resource")]),
    (r#"{"id":"a"}"#, &[("structure", "Resource")]),
    (r#"{"resourceType":"Patiant"}"#, &[("structure", "Patiant")]),
    (r#"{"resourceType":"DomainResource"}"#, &[("structure", "DomainResource")]),
    (r#"{"resourceType":"Patient","id":"a b"}"#, &[("value", "Patient.id")]),
    // Elements.
    (r#"{"resourceType":"Patient","birthdate":"1970"}"#, &[("structure", "Patient.birthdate")]),
    (r#"{"resourceType":"Patient","name":[{"given":["a"]},{"givn":["b"]}]}"#, &[("structure", "Patient.name[1].givn")]),
    (r#"{"resourceType":"Patient","deceased":true}"#, &[("structure", "Patient.deceased")]),
    (r#"{"resourceType":"Patient","fhir_comments":["x"]}"#, &[("structure", "Patient.fhir_comments")]),
    // Cardinality, arrays, types.
    (r#"{"resourceType":"Patient","name":{"family":"x"}}"#, &[("structure", "Patient.name")]),
    (r#"{"resourceType":"Patient","birthDate":["1970"]}"#, &[("structure", "Patient.birthDate")]),
    (r#"{"resourceType":"Patient","name":[]}"#, &[("structure", "Patient.name")]),
    (r#"{"resourceType":"Patient","name":[{}]}"#, &[("structure", "Patient.name[0]")]),
    (r#"{"resourceType":"Patient","name":[{"id":"x"}]}"#, &[("structure", "Patient.name[0]")]),
    (r#"{"resourceType":"Patient","name":["Eve"]}"#, &[("structure", "Patient.name[0]")]),
    (r#"{"resourceType":"Patient","name":[null]}"#, &[("structure", "Patient.name[0]")]),
    (r#"{"resourceType":"Patient","active":"true"}"#, &[("structure", "Patient.active")]),
    (r#"{"resourceType":"Patient","active":null}"#, &[("structure", "Patient.active")]),
    (r#"{"resourceType":"Patient","birthDate":1970}"#, &[("structure", "Patient.birthDate")]),
    (r#"{"resourceType":"Observation","code":{"text":"x"}}"#, &[("required", "Observation.status")]),
    (r#"{"resourceType":"Patient","link":[{"type":"seealso"}]}"#, &[("required", "Patient.link[0].other")]),
    // Formats.
    (r#"{"resourceType":"Patient","birthDate":"30.3.1970"}"#, &[("value", "Patient.birthDate")]),
    (r#"{"resourceType":"Patient","name":[{"given":["a",""]}]}"#, &[("value", "Patient.name[0].given[1]")]),
    (r#"{"resourceType":"Patient","multipleBirthInteger":1.5}"#, &[("value", "Patient.multipleBirth")]),
    (r#"{"resourceType":"Patient","telecom":[{"rank":0}]}"#, &[("value", "Patient.telecom[0].rank")]),
    (r#"{"resourceType":"Patient","meta":{"lastUpdated":"2024-01-01"}}"#, &[("value", "Patient.meta.lastUpdated")]),
    (
        r#"{"resourceType":"Patient","photo":[{"contentType":"image/png","data":"Y"}]}"#,
        &[("value", "Patient.photo[0].data")],
    ),
    (
        r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div><script>x</script></div>"}}"#,
        &[("value", "Patient.text.div")],
    ),
    // Choices.
    (
        r#"{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2024"}"#,
        &[("structure", "Patient.deceased")],
    ),
    (
        r#"{"resourceType":"Patient","deceasedBoolean":true,"_deceasedDateTime":{"extension":[{"url":"http://x","valueCode":"a"}]}}"#,
        &[("structure", "Patient.deceased")],
    ),
    (
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueAge":{"value":1}}"#,
        &[("structure", "Observation.valueAge")],
    ),
    // Primitive extensions.
    (
        r#"{"resourceType":"Patient","_name":[{"extension":[{"url":"http://x","valueCode":"a"}]}]}"#,
        &[("structure", "Patient.name")],
    ),
    (r#"{"resourceType":"Patient","_active":{"id":"x"}}"#, &[("structure", "Patient.active")]),
    (r#"{"resourceType":"Patient","_active":{}}"#, &[("structure", "Patient.active")]),
    (r#"{"resourceType":"Patient","name":[{"given":["a",null]}]}"#, &[("structure", "Patient.name[0].given[1]")]),
    (
        r#"{"resourceType":"Patient","name":[{"given":["a"],"_given":[null,{"id":"x"}]}]}"#,
        &[("structure", "Patient.name[0].given")],
    ),
    // Extensions.
    (r#"{"resourceType":"Patient","extension":[{"valueCode":"a"}]}"#, &[("required", "Patient.extension[0].url")]),
    (r#"{"resourceType":"Patient","extension":[{"url":"http://x"}]}"#, &[("invariant", "Patient.extension[0]")]),
    (
        r#"{"resourceType":"Patient","extension":[{"url":"http://x","valueCode":"a","extension":[{"url":"b","valueCode":"c"}]}]}"#,
        &[("invariant", "Patient.extension[0]")],
    ),
    (
        r#"{"resourceType":"Patient","name":[{"modifierExtension":[{"url":"http://x","valueCode":"a"}],"text":"x"}]}"#,
        &[("structure", "Patient.name[0].modifierExtension")],
    ),
    // Codes.
    (r#"{"resourceType":"Patient","gender":"woman"}"#, &[("code-invalid", "Patient.gender")]),
    (
        r#"{"resourceType":"Condition","subject":{"display":"x"},"clinicalStatus":{"coding":[{"system":"http://x","code":"active"}]}}"#,
        &[("code-invalid", "Condition.clinicalStatus")],
    ),
    // References.
    (r#"{"resourceType":"Condition","subject":{"reference":"Device/1"}}"#, &[("value", "Condition.subject.reference")]),
    (r##"{"resourceType":"Condition","subject":{"reference":"#p"}}"##, &[("not-found", "Condition.subject.reference")]),
    // Contained resources.
    (
        r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}}"##,
        &[],
    ),
    (
        r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p","meta":{"versionId":"1"},"brithDate":"1970"}],"subject":{"reference":"#p"}}"##,
        &[("structure", "Condition.contained[0].brithDate"), ("invariant", "Condition.contained[0].meta.versionId")],
    ),
    (
        r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p","contained":[{"resourceType":"Patient","id":"q"}]}],"subject":{"reference":"#p"}}"##,
        &[("structure", "Condition.contained[0].contained[0]")],
    ),
    (
        r#"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p"}],"subject":{"display":"x"}}"#,
        &[("invariant", "Condition.contained[0]")],
    ),
    (
        r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p"},{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}}"##,
        &[("value", "Condition.contained[1].id")],
    ),
    // Invariants.
    (
        r#"{"resourceType":"Patient","contact":[{"name":{"text":"x"}},{"gender":"female"}]}"#,
        &[("invariant", "Patient.contact[1]")],
    ),
    (
        r#"{"resourceType":"Patient","name":[{"text":"x","period":{"start":"2024","end":"2023-01-01"}}]}"#,
        &[("invariant", "Patient.name[0].period")],
    ),
    (r#"{"resourceType":"Patient","name":[{"text":"x","period":{"start":"2024","end":"2024-01-01"}}]}"#, &[]),
    (
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"code":"mg"}}"#,
        &[("invariant", "Observation.value")],
    ),
    (
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"x","dataAbsentReason":{"text":"x"}}"#,
        &[("invariant", "Observation")],
    ),
    (
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"referenceRange":[{"low":{"value":1,"comparator":"<"}}]}"#,
        &[("invariant", "Observation.referenceRange[0].low")],
    ),
    (
        r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":[{"linkId":"2","type":"group"}]}]}"#,
        &[("invariant", "Questionnaire.item[0].item[0]")],
    ),
    // Bundles.
    (
        r#"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{"resourceType":"Patient","gender":"f"}}]}"#,
        &[("code-invalid", "Bundle.entry[0].resource.gender")],
    ),
];

#[test]
fn each_planted_fault_is_found_at_its_place() {
    for (text, expected) in FAULTS {
        let tree = Json::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let findings = validate(&tree, Depth::Full);
        let found: Vec<(&str, &str)> = findings.iter().map(|f| (f.code, f.path.as_str())).collect();
        assert_eq!(found, *expected, "{text}\n{findings:#?}");
    }
}

#[test]
fn a_message_says_what_would_be_right() {
    for (text, expected) in [
        (r#"{"resourceType":"Patient","birthdate":"x"}"#, "Patient has no such element; did you mean birthDate?"),
        (
            r#"{"resourceType":"Patient","deceased":true}"#,
            "deceased has its type in its name: deceasedBoolean or deceasedDateTime",
        ),
        (
            r#"{"resourceType":"Patient","gender":"woman"}"#,
            "the code must be one of http://hl7.org/fhir/ValueSet/administrative-gender: female, male, other, unknown",
        ),
        (
            r#"{"resourceType":"Condition","subject":{"reference":"Device/1"}}"#,
            "this may not point to Device: it must be Patient or Group",
        ),
    ] {
        let tree = Json::parse(text.as_bytes()).expect("the test's own JSON");
        assert_eq!(validate(&tree, Depth::Full)[0].message, expected);
    }
}

#[test]
fn a_missing_narrative_is_advice_only() {
    let tree = Json::parse(br#"{"resourceType":"Patient"}"#).expect("the test's own JSON");
    assert!(validate(&tree, Depth::Full).is_empty());
    let findings = validate(&tree, Depth::Advice);
    assert!(findings.len() == 1 && !findings[0].is_error());
}

#[test]
fn endless_faults_make_a_short_list() {
    let names = vec!["{}"; 10_000].join(",");
    let text = format!(r#"{{"resourceType":"Patient","name":[{names}]}}"#);
    let tree = Json::parse(text.as_bytes()).expect("the test's own JSON");
    assert_eq!(validate(&tree, Depth::Full).len(), 101);
}

/// Each of these takes minutes if some part of the walk is quadratic.
#[test]
fn a_hostile_resource_is_soon_done_with() {
    let contained: Vec<String> = (0..20_000).map(|i| format!(r#"{{"resourceType":"Patient","id":"p{i}"}}"#)).collect();
    let references: Vec<String> =
        (0..20_000).map(|i| format!(r##"{{"individual":{{"reference":"#p{}"}}}}"##, 19_999 - i)).collect();
    let unknown: Vec<String> = (0..100_000).map(|i| format!(r#""brithDate{i}":1"#)).collect();
    for text in [
        format!(
            r#"{{"resourceType":"Encounter","contained":[{}],"participant":[{}]}}"#,
            contained.join(","),
            references.join(",")
        ),
        format!(r#"{{"resourceType":"Patient",{}}}"#, unknown.join(",")),
    ] {
        let tree = Json::parse(text.as_bytes()).expect("the test's own JSON");
        assert!(!validate(&tree, Depth::Full).is_empty());
    }
}
