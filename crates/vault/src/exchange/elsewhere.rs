//! Resource types of other FHIR versions, so that an export of one is told from a misspelt name.

/// FHIR's other versions with the types that R4 does not have (the lists of resources of R5, R4B, STU3 and DSTU2).
const VERSIONS: [(&str, &[&str]); 4] = [
    (
        "R5",
        &[
            "ActorDefinition",
            "ArtifactAssessment",
            "BiologicallyDerivedProductDispense",
            "ConditionDefinition",
            "DeviceAssociation",
            "DeviceDispense",
            "DeviceUsage",
            "EncounterHistory",
            "FormularyItem",
            "GenomicStudy",
            "ImagingSelection",
            "InventoryItem",
            "InventoryReport",
            "NutritionIntake",
            "Permission",
            "RequestOrchestration",
            "Requirements",
            "TestPlan",
            "Transport",
        ],
    ),
    (
        "R4B or R5",
        &[
            "AdministrableProductDefinition",
            "Citation",
            "ClinicalUseDefinition",
            "EvidenceReport",
            "Ingredient",
            "ManufacturedItemDefinition",
            "MedicinalProductDefinition",
            "NutritionProduct",
            "PackagedProductDefinition",
            "RegulatedAuthorization",
            "SubscriptionStatus",
            "SubscriptionTopic",
            "SubstanceDefinition",
        ],
    ),
    ("STU3", &["ExpansionProfile", "ImagingManifest", "ProcedureRequest", "Sequence", "ServiceDefinition"]),
    (
        "STU3 or DSTU2",
        &[
            "BodySite",
            "Conformance",
            "DataElement",
            "DeviceComponent",
            "DeviceUseRequest",
            "DiagnosticOrder",
            "EligibilityRequest",
            "EligibilityResponse",
            "ImagingObjectSelection",
            "MedicationOrder",
            "Order",
            "OrderResponse",
            "ProcessRequest",
            "ProcessResponse",
            "ReferralRequest",
        ],
    ),
];

/// What to say of a `resourceType` that R4 does not have.
pub(super) fn not_r4(resource_type: &str) -> String {
    let known = VERSIONS.iter().find(|(_, types)| types.contains(&resource_type));
    match known {
        Some((version, _)) => format!(
            "the resourceType is not one of FHIR R4's, but of {version}; convert the file to R4, or export it anew as R4"
        ),
        None => "the resourceType is not one of FHIR R4's".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fhir::definitions::r4;

    #[test]
    fn types_of_other_versions_are_named_and_none_is_of_r4() {
        assert!(not_r4("EncounterHistory").contains("but of R5;"));
        assert_eq!(not_r4("Nonsense"), "the resourceType is not one of FHIR R4's");
        for name in VERSIONS.iter().flat_map(|(_, types)| *types) {
            assert!(r4().resource(name).is_none(), "{name} is a type of R4");
        }
    }
}
