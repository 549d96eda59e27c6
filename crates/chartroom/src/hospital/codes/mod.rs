//! The codes the demo hospital uses, one table a domain. Codes and displays are those of the systems' owners.

pub mod conditions;
pub mod drugs;
pub mod labs;
pub mod procedures;
pub mod vaccines;

/// A code with the words its system gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code system's URI.
    pub system: &'static str,
    /// The code.
    pub code: &'static str,
    /// The words.
    pub display: &'static str,
}

/// SNOMED CT.
pub const fn snomed(code: &'static str, display: &'static str) -> Code {
    Code { system: "http://snomed.info/sct", code, display }
}

/// LOINC.
pub const fn loinc(code: &'static str, display: &'static str) -> Code {
    Code { system: "http://loinc.org", code, display }
}

/// ICD-10-CM, with the point.
pub const fn icd10(code: &'static str, display: &'static str) -> Code {
    Code { system: "http://hl7.org/fhir/sid/icd-10-cm", code, display }
}

/// `RxNorm`.
pub const fn rxnorm(code: &'static str, display: &'static str) -> Code {
    Code { system: "http://www.nlm.nih.gov/research/umls/rxnorm", code, display }
}

/// CVX, the CDC's vaccine codes.
pub const fn cvx(code: &'static str, display: &'static str) -> Code {
    Code { system: "http://hl7.org/fhir/sid/cvx", code, display }
}

/// A code system of FHIR or HL7 below `http://terminology.hl7.org/CodeSystem/`.
macro_rules! hl7 {
    ($name:literal, $code:expr, $display:expr) => {
        $crate::hospital::codes::Code {
            system: concat!("http://terminology.hl7.org/CodeSystem/", $name),
            code: $code,
            display: $display,
        }
    };
}
pub(crate) use hl7;
