//! From a resource to its labels, and to the reasons for them.
//!
//! Every coding anywhere in the resource counts, contained resources and the entries of a document included; so do
//! labels that somebody wrote into it, and references to places that a site has named. Narrative and free text are not
//! read: a note that says more than its codes needs a label written into `meta.security`.

use super::Labels;
use super::value_sets::ValueSets;
use super::written::{self, ACT_CODE, CONFIDENTIALITY};
use fhir::json::{Json, Object};
use std::fmt::Write;

/// Types that describe medicine or the house and no patient, in alphabetical order: their codes label nothing, or every
/// code list would be as secret as its most secret entry. `Medication` is not here: a prescription may point to one.
const OF_NOBODY: &[&str] = &[
    "ActivityDefinition",
    "CapabilityStatement",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "DeviceDefinition",
    "Endpoint",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "GraphDefinition",
    "Group",
    "HealthcareService",
    "ImplementationGuide",
    "InsurancePlan",
    "Library",
    "Location",
    "Measure",
    "MeasureReport",
    "MedicationKnowledge",
    "MessageDefinition",
    "NamingSystem",
    "ObservationDefinition",
    "OperationDefinition",
    "Organization",
    "OrganizationAffiliation",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "Schedule",
    "SearchParameter",
    "Slot",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
];

/// Why a resource has a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it gives.
    pub labels: Labels,
    /// Where, as a FHIRPath: `Condition.code.coding[0]`.
    pub path: String,
    /// The code or reference that did it.
    pub code: String,
    /// Its system; empty for a reference or a type.
    pub system: String,
    /// Which value set has it. `None`: the label is written in the resource itself.
    pub value_set: Option<String>,
}

impl ValueSets {
    /// The labels of a resource. Made for the path of every write: a resource without a match costs one walk.
    #[must_use]
    pub fn labels_of(&self, resource: &Json) -> Labels {
        let mut labels = Labels::NONE;
        self.each(resource, &mut |found| labels = labels.union(found.labels));
        labels
    }

    /// The same labels with their reasons, in the order of the resource, for a person to read.
    #[must_use]
    pub fn reasons_of(&self, resource: &Json) -> Vec<Reason> {
        let root = resource.text("resourceType").unwrap_or("Resource");
        let mut reasons = Vec::new();
        self.each(resource, &mut |found| reasons.push(found.reason(root)));
        reasons
    }

    /// The labels of each part of a document that can be kept from a reader by itself: entries of a bundle, sections of
    /// a composition, items of a list, contained resources. Parts without a label are left out.
    #[must_use]
    pub fn labels_of_parts(&self, resource: &Json) -> Vec<(String, Labels)> {
        let mut parts: Vec<(String, Labels)> = Vec::new();
        for reason in self.reasons_of(resource) {
            let Some(part) = part_of(&reason.path) else { continue };
            match parts.iter_mut().find(|(path, _)| path == part) {
                Some((_, labels)) => *labels = labels.union(reason.labels),
                None => parts.push((part.to_owned(), reason.labels)),
            }
        }
        parts
    }

    fn each(&self, resource: &Json, found: &mut dyn FnMut(Found)) {
        let Some(object) = resource.as_object() else { return };
        let resource_type = resource.text("resourceType").unwrap_or("");
        let walk = Walk { sets: self, codes: OF_NOBODY.binary_search(&resource_type).is_err() };
        let trail = Trail { up: None, step: Step::Root };
        walk.hits(self.with_type(resource_type), "", resource_type, &trail, found);
        walk.object(object, &trail, found);
    }
}

/// The path of the part in which something stands, if it stands in one.
fn part_of(path: &str) -> Option<&str> {
    const PARTS: [&str; 4] = [".entry[", ".section[", ".contained[", ".item["];
    let start = PARTS.iter().filter_map(|part| path.find(part)).min()?;
    let end = start + path[start..].find(']')?;
    Some(&path[..=end])
}

struct Walk<'w> {
    sets: &'w ValueSets,
    codes: bool,
}

/// The way from the root to where the walk stands: a list on the stack, read only when something is found.
struct Trail<'t> {
    up: Option<&'t Trail<'t>>,
    step: Step<'t>,
}

enum Step<'t> {
    Root,
    Member(&'t str),
    Item(usize),
}

struct Found<'f> {
    labels: Labels,
    trail: &'f Trail<'f>,
    system: &'f str,
    code: &'f str,
    value_set: Option<&'f str>,
}

impl Walk<'_> {
    fn visit(&self, at: &Json, trail: &Trail, found: &mut dyn FnMut(Found)) {
        match at {
            Json::Object(object) => self.object(object, trail, found),
            Json::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    if matches!(item, Json::Object(_)) {
                        self.visit(item, &Trail { up: Some(trail), step: Step::Item(i) }, found);
                    }
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    fn object(&self, object: &Object, trail: &Trail, found: &mut dyn FnMut(Found)) {
        let (mut system, mut code) = ("", "");
        for (name, value) in object.iter() {
            match (name, value) {
                ("system", Json::String(text)) => system = text,
                ("code", Json::String(text)) => code = text,
                ("reference", Json::String(text)) => self.hits(self.sets.with_place(text), "", text, trail, found),
                ("confidentiality", Json::String(text)) => self.written(CONFIDENTIALITY, text, trail, found),
                (_, Json::Object(_) | Json::Array(_)) => {
                    self.visit(value, &Trail { up: Some(trail), step: Step::Member(name) }, found);
                }
                _ => {}
            }
        }
        if !code.is_empty() {
            self.coding(system, code, trail, found);
        }
    }

    fn coding(&self, system: &str, code: &str, trail: &Trail, found: &mut dyn FnMut(Found)) {
        match system {
            ACT_CODE | CONFIDENTIALITY => self.written(system, code, trail, found),
            // Somebody meant a label and forgot its system: rather one too many than one too few.
            "" if trail.in_security() => self.written(system, code, trail, found),
            "" => {}
            _ if self.codes => self.hits(&self.sets.with_code(system, code), system, code, trail, found),
            _ => {}
        }
    }

    fn written(&self, system: &str, code: &str, trail: &Trail, found: &mut dyn FnMut(Found)) {
        let labels = written::labels_of_code(code);
        if !labels.is_empty() {
            found(Found { labels, trail, system, code, value_set: None });
        }
    }

    fn hits(&self, sets: &[u16], system: &str, code: &str, trail: &Trail, found: &mut dyn FnMut(Found)) {
        for set in sets.iter().filter_map(|set| self.sets.sets.get(usize::from(*set))) {
            found(Found { labels: set.labels, trail, system, code, value_set: Some(&set.name) });
        }
    }
}

impl Trail<'_> {
    fn in_security(&self) -> bool {
        let is_security = |trail: &&Trail| matches!(trail.step, Step::Member("security" | "securityLabel"));
        std::iter::successors(Some(self), |trail| trail.up).take(2).any(|trail| is_security(&trail))
    }

    fn write(&self, out: &mut String) {
        if let Some(up) = self.up {
            up.write(out);
        }
        // Writing to a String cannot fail.
        let _ = match self.step {
            Step::Root => Ok(()),
            Step::Member(name) => write!(out, ".{name}"),
            Step::Item(i) => write!(out, "[{i}]"),
        };
    }
}

impl Found<'_> {
    fn reason(&self, root: &str) -> Reason {
        let mut path = root.to_owned();
        self.trail.write(&mut path);
        Reason {
            labels: self.labels,
            path,
            code: self.code.to_owned(),
            system: self.system.to_owned(),
            value_set: self.value_set.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::value_sets::shipped;
    use super::super::{Label, Labels};
    use super::*;

    fn read(text: &str) -> Json<'_> {
        Json::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    fn coded(element: &str, system: &str, code: &str) -> String {
        format!(
            r#"{{"resourceType":"Observation","{element}":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}}}"#
        )
    }

    #[test]
    fn a_code_anywhere_gives_its_label() {
        use Label::{
            Genetic, Hiv, MentalHealth, Oncology, OpioidUse, Part2, Reproductive, SickleCell, SubstanceUse, Violence,
        };
        const ICD: &str = "http://hl7.org/fhir/sid/icd-10-cm";
        const SCT: &str = "http://snomed.info/sct";
        let cases: [(&str, &str, &str, &[Label]); 17] = [
            ("code", ICD, "E11.9", &[]),
            ("code", ICD, "B20", &[Hiv]),
            ("code", ICD, "F10.20", &[SubstanceUse]),
            ("code", ICD, "F11.20", &[SubstanceUse, OpioidUse]),
            ("code", ICD, "F17.210", &[]),
            ("code", ICD, "F33.1", &[MentalHealth]),
            ("code", ICD, "C50.911", &[Oncology]),
            ("code", ICD, "D22.5", &[]),
            ("code", ICD, "O80", &[Reproductive]),
            ("code", ICD, "T74.11XA", &[Violence]),
            ("code", ICD, "D57.1", &[SickleCell]),
            ("valueCodeableConcept", SCT, "86406008", &[Hiv]),
            ("code", "http://loinc.org", "75622-1", &[Hiv]),
            ("category", "http://terminology.hl7.org/CodeSystem/v2-0074", "GE", &[Genetic]),
            (
                "medicationCodeableConcept",
                "http://www.nlm.nih.gov/research/umls/rxnorm",
                "1819",
                &[SubstanceUse, OpioidUse],
            ),
            ("type", "urn:oid:2.16.840.1.113883.6.285", "G2078", &[SubstanceUse, OpioidUse, Part2]),
            ("code", "http://example.org/codes", "B20", &[]),
        ];
        for (element, system, code, labels) in cases {
            let text = coded(element, system, code);
            let expected: Labels = labels.iter().copied().collect();
            assert_eq!(shipped().labels_of(&read(&text)), expected, "{text}");
        }
    }

    #[test]
    fn a_written_label_counts_with_or_without_its_system() {
        for (security, expected) in [
            (format!(r#"{{"system":"{ACT_CODE}","code":"PSYTHPN"}}"#), "PSY PSYTHPN"),
            (format!(r#"{{"system":"{CONFIDENTIALITY}","code":"V"}}"#), "R"),
            (r#"{"code":"HIV"}"#.to_owned(), "HIV"),
            (r#"{"system":"http://example.org","code":"HIV"}"#.to_owned(), ""),
            (format!(r#"{{"system":"{CONFIDENTIALITY}","code":"N"}}"#), ""),
        ] {
            let text = format!(r#"{{"resourceType":"Observation","meta":{{"security":[{security}]}}}}"#);
            assert_eq!(shipped().labels_of(&read(&text)).to_string(), expected, "{text}");
        }
        let composition = read(r#"{"resourceType":"Composition","confidentiality":"R"}"#);
        assert_eq!(shipped().labels_of(&composition), Labels::NONE.with(Label::Restricted));
    }

    #[test]
    fn a_reason_names_place_code_and_value_set() {
        let text = coded("code", "http://loinc.org", "75622-1");
        let reasons = shipped().reasons_of(&read(&text));
        assert_eq!(reasons.len(), 1);
        assert_eq!(reasons[0].path, "Observation.code.coding[0]");
        assert_eq!((reasons[0].code.as_str(), reasons[0].value_set.as_deref()), ("75622-1", Some("HIV and AIDS")));
    }

    #[test]
    fn a_document_is_labelled_as_a_whole_and_by_its_parts() {
        let text = r#"{"resourceType":"Bundle","entry":[
            {"resource":{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006"}]}}},
            {"resource":{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"86406008"}]}}}]}"#;
        let document = read(text);
        assert_eq!(shipped().labels_of(&document).to_string(), "HIV");
        let parts = shipped().labels_of_parts(&document);
        assert_eq!(parts, [("Bundle.entry[1]".to_owned(), Labels::NONE.with(Label::Hiv))]);
    }

    #[test]
    fn codes_of_nobody_label_nothing() {
        assert!(OF_NOBODY.is_sorted());
        for name in OF_NOBODY {
            assert!(fhir::definitions::r4().resource(name).is_some(), "{name} is no R4 type");
        }
        let text = coded("code", "http://snomed.info/sct", "86406008").replace("Observation", "ValueSet");
        assert!(shipped().labels_of(&read(&text)).is_empty());
    }

    #[test]
    fn narrative_and_units_label_nothing() {
        let text = r#"{"resourceType":"Observation","text":{"status":"generated","div":"<div>HIV B20</div>"},
            "valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"B20"},"note":[{"text":"B20"}]}"#;
        assert!(shipped().labels_of(&read(text)).is_empty());
        assert!(shipped().labels_of(&Json::Null).is_empty());
    }
}
