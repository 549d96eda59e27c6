//! Code systems by all the names they go by, and how their codes are compared.

/// A code system that value sets may name.
#[derive(Debug)]
pub(super) struct CodeSystem {
    /// What packs and pages call it.
    pub name: &'static str,
    uris: &'static [&'static str],
    /// Whether dots in codes are for the eye only (`F11.20` and `F1120` are one).
    pub dotted: bool,
}

/// WHO's ICD-10 and ICD-10-CM share their categories as far as the shipped value sets go, so they stand as one.
const KNOWN: &[CodeSystem] = &[
    CodeSystem {
        name: "ICD-10-CM",
        uris: &[
            "http://hl7.org/fhir/sid/icd-10-cm",
            "http://hl7.org/fhir/sid/icd-10",
            "urn:oid:2.16.840.1.113883.6.90",
            "urn:oid:2.16.840.1.113883.6.3",
        ],
        dotted: true,
    },
    CodeSystem {
        name: "ICD-9-CM",
        uris: &[
            "http://hl7.org/fhir/sid/icd-9-cm",
            "http://terminology.hl7.org/CodeSystem/icd9cm",
            "urn:oid:2.16.840.1.113883.6.103",
        ],
        dotted: true,
    },
    CodeSystem {
        name: "ICD-10-PCS",
        uris: &[
            "http://www.cms.gov/Medicare/Coding/ICD10",
            "http://hl7.org/fhir/sid/icd-10-pcs",
            "urn:oid:2.16.840.1.113883.6.4",
        ],
        dotted: false,
    },
    CodeSystem {
        name: "SNOMED CT",
        uris: &["http://snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96"],
        dotted: false,
    },
    CodeSystem { name: "LOINC", uris: &["http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"], dotted: false },
    CodeSystem {
        name: "RxNorm",
        uris: &["http://www.nlm.nih.gov/research/umls/rxnorm", "urn:oid:2.16.840.1.113883.6.88"],
        dotted: false,
    },
    CodeSystem {
        name: "HCPCS",
        uris: &[
            "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
            "http://terminology.hl7.org/CodeSystem/HCPCS",
            "urn:oid:2.16.840.1.113883.6.285",
        ],
        dotted: false,
    },
    CodeSystem {
        name: "CPT",
        uris: &["http://www.ama-assn.org/go/cpt", "urn:oid:2.16.840.1.113883.6.12"],
        dotted: false,
    },
    CodeSystem {
        name: "place of service",
        uris: &["https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"],
        dotted: false,
    },
];

/// The system of that name or address. `None`: the address stands for itself.
pub(super) fn known(name_or_uri: &str) -> Option<&'static CodeSystem> {
    KNOWN.iter().find(|system| system.name == name_or_uri || system.uris.contains(&name_or_uri))
}

/// All addresses that mean the same as this name or address.
pub(super) fn addresses(name_or_uri: &str) -> Vec<&str> {
    known(name_or_uri).map_or_else(|| vec![name_or_uri], |system| system.uris.to_vec())
}

/// A code as it is compared: without its dots, in capitals, where dots are for the eye.
pub(super) fn comparable(code: &str, dotted: bool) -> String {
    let code = code.trim();
    if dotted { code.replace('.', "").to_ascii_uppercase() } else { code.to_owned() }
}

/// A coding in the form in which two are the same: the system's own name, the code without what is for the eye.
#[must_use]
pub fn same_code(system: &str, code: &str) -> (String, String) {
    match known(system) {
        Some(known) => (known.name.to_owned(), comparable(code, known.dotted)),
        None => (system.to_owned(), code.trim().to_owned()),
    }
}
