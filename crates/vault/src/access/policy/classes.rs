//! Which class each of R4's 146 resource types is in: the unit in which policies speak of resources.
//!
//! A type is in the class of the most telling thing it can hold: a `Provenance` names what was done for a patient, so it
//! is clinical; a `Group` names patients, so it is a population and not a definition.

use super::question::Class;

const CLASSES: &[(Class, &[&str])] = &[
    (Class::Identity, &["Patient", "Person", "RelatedPerson"]),
    (
        Class::Directory,
        &[
            "Endpoint",
            "HealthcareService",
            "InsurancePlan",
            "Location",
            "Organization",
            "OrganizationAffiliation",
            "Practitioner",
            "PractitionerRole",
            "Schedule",
            "Slot",
        ],
    ),
    (Class::Encounter, &["Appointment", "AppointmentResponse", "Encounter", "EpisodeOfCare"]),
    (
        Class::Clinical,
        &[
            "AdverseEvent",
            "AllergyIntolerance",
            "BiologicallyDerivedProduct",
            "BodyStructure",
            "CarePlan",
            "CareTeam",
            "CommunicationRequest",
            "Condition",
            "DetectedIssue",
            "Device",
            "DeviceMetric",
            "DeviceRequest",
            "DeviceUseStatement",
            "DiagnosticReport",
            "FamilyMemberHistory",
            "Flag",
            "Goal",
            "GuidanceResponse",
            "ImagingStudy",
            "Immunization",
            "ImmunizationEvaluation",
            "ImmunizationRecommendation",
            "List",
            "MedicationAdministration",
            "MedicationDispense",
            "MedicationRequest",
            "MedicationStatement",
            "MolecularSequence",
            "NutritionOrder",
            "Observation",
            "Procedure",
            "Provenance",
            "RequestGroup",
            "ResearchSubject",
            "RiskAssessment",
            "ServiceRequest",
            "Specimen",
            "SupplyDelivery",
            "SupplyRequest",
            "VisionPrescription",
        ],
    ),
    (
        Class::Note,
        &[
            "Basic",
            "Bundle",
            "ClinicalImpression",
            "Communication",
            "Composition",
            "DocumentManifest",
            "DocumentReference",
            "Linkage",
            "Media",
            "MessageHeader",
            "Parameters",
        ],
    ),
    (
        Class::Billing,
        &[
            "Account",
            "ChargeItem",
            "Claim",
            "ClaimResponse",
            "Contract",
            "Coverage",
            "CoverageEligibilityRequest",
            "CoverageEligibilityResponse",
            "EnrollmentRequest",
            "EnrollmentResponse",
            "ExplanationOfBenefit",
            "Invoice",
            "PaymentNotice",
            "PaymentReconciliation",
        ],
    ),
    (Class::Consent, &["Consent"]),
    (Class::Task, &["Task"]),
    (Class::Audit, &["AuditEvent"]),
    (
        Class::Knowledge,
        &[
            "ActivityDefinition",
            "CapabilityStatement",
            "CatalogEntry",
            "ChargeItemDefinition",
            "CodeSystem",
            "CompartmentDefinition",
            "ConceptMap",
            "DeviceDefinition",
            "EffectEvidenceSynthesis",
            "EventDefinition",
            "Evidence",
            "EvidenceVariable",
            "ExampleScenario",
            "GraphDefinition",
            "ImplementationGuide",
            "Library",
            "Measure",
            "Medication",
            "MedicationKnowledge",
            "MedicinalProduct",
            "MedicinalProductAuthorization",
            "MedicinalProductContraindication",
            "MedicinalProductIndication",
            "MedicinalProductIngredient",
            "MedicinalProductInteraction",
            "MedicinalProductManufactured",
            "MedicinalProductPackaged",
            "MedicinalProductPharmaceutical",
            "MedicinalProductUndesirableEffect",
            "MessageDefinition",
            "NamingSystem",
            "ObservationDefinition",
            "OperationDefinition",
            "OperationOutcome",
            "PlanDefinition",
            "Questionnaire",
            "ResearchDefinition",
            "ResearchElementDefinition",
            "ResearchStudy",
            "RiskEvidenceSynthesis",
            "SearchParameter",
            "SpecimenDefinition",
            "StructureDefinition",
            "StructureMap",
            "Substance",
            "SubstanceNucleicAcid",
            "SubstancePolymer",
            "SubstanceProtein",
            "SubstanceReferenceInformation",
            "SubstanceSourceMaterial",
            "SubstanceSpecification",
            "TerminologyCapabilities",
            "TestReport",
            "TestScript",
            "ValueSet",
            "VerificationResult",
        ],
    ),
    (Class::Aggregate, &["MeasureReport"]),
    (Class::Population, &["Group"]),
    (Class::Blob, &["Binary"]),
    (Class::System, &["Subscription"]),
    (Class::Form, &["QuestionnaireResponse"]),
];

/// The class of a resource type. `None`: not an R4 type; private documents of the vault are in no class and never asked
/// about.
#[must_use]
pub fn class_of(resource_type: &str) -> Option<Class> {
    CLASSES.iter().find(|(_, types)| types.binary_search(&resource_type).is_ok()).map(|(class, _)| *class)
}

/// The resource types of a class, in alphabetical order.
#[must_use]
pub fn types_of(class: Class) -> &'static [&'static str] {
    CLASSES.iter().find(|(c, _)| *c == class).map_or(&[], |(_, types)| types)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_r4_type_has_exactly_one_class() {
        let listed: Vec<&str> = CLASSES.iter().flat_map(|(_, types)| types.iter().copied()).collect();
        for name in fhir::definitions::r4().resource_names() {
            assert_eq!(listed.iter().filter(|n| **n == name).count(), 1, "{name}");
            assert!(class_of(name).is_some(), "{name}");
        }
        let known = fhir::definitions::r4();
        for name in &listed {
            assert!(known.resource(name).is_some(), "{name} is no R4 type");
        }
        assert_eq!(listed.len(), known.resource_names().count());
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(CLASSES.iter().all(|(_, types)| types.is_sorted()));
        assert!(Class::ALL.iter().all(|class| CLASSES.iter().any(|(c, _)| c == class)));
        assert_eq!(class_of("patient"), None);
    }
}
