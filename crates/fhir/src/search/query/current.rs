//! `_list=$current-problems` and its like: lists by what they are for (R4 lifecycle section 2.1.0.7.2, current resource
//! lists).
//!
//! Where somebody keeps such a List for the patient, it decides; otherwise what the record says is current.

use super::condition::{Read, Reader, all, wrong};
use super::{Current, Filter};

/// One functional list.
struct Function {
    name: &'static str,
    /// Codes of the List that is kept for it: LOINC, and R4's example codes for the use of a list.
    codes: &'static str,
    /// What of that List counts, where it serves more than this function.
    only: &'static [(&'static str, &'static str)],
    /// Which types it lists, and which of them are current.
    current: &'static [(&'static str, &'static [(&'static str, &'static str)])],
}

const PROBLEMS: &str = "http://loinc.org|11450-4,http://terminology.hl7.org/CodeSystem/list-example-use-codes|problems";
const MEDICATIONS: &str =
    "http://loinc.org|10160-0,http://terminology.hl7.org/CodeSystem/list-example-use-codes|medications";
const ALLERGIES: &str =
    "http://loinc.org|48765-2,http://terminology.hl7.org/CodeSystem/list-example-use-codes|allergies";

/// What was entered in error or refuted is no problem and no allergy.
const NOT_REFUTED: (&str, &str) = ("verification-status:not", "entered-in-error,refuted");
const OF_DRUGS: (&str, &str) = ("category", "medication");

const FUNCTIONS: [Function; 4] = [
    Function {
        name: "$current-problems",
        codes: PROBLEMS,
        only: &[],
        current: &[("Condition", &[("clinical-status", "active,recurrence,relapse"), NOT_REFUTED])],
    },
    Function {
        name: "$current-medications",
        codes: MEDICATIONS,
        only: &[],
        current: &[
            ("MedicationRequest", &[("status", "active,on-hold")]),
            ("MedicationStatement", &[("status", "active,on-hold")]),
        ],
    },
    Function {
        name: "$current-allergies",
        codes: ALLERGIES,
        only: &[],
        current: &[("AllergyIntolerance", &[("clinical-status", "active"), NOT_REFUTED])],
    },
    Function {
        name: "$current-drug-allergies",
        codes: ALLERGIES,
        only: &[OF_DRUGS],
        current: &[("AllergyIntolerance", &[("clinical-status", "active"), NOT_REFUTED, OF_DRUGS])],
    },
];

impl Reader<'_> {
    /// The filter of a functional list for the query's patient.
    pub(super) fn functional(&mut self, types: &[&str], name: &str) -> Read<Filter> {
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
            let names = FUNCTIONS.map(|function| function.name).join(", ");
            return Err(wrong("_list", format!("of lists by function there are {names}")).into());
        };
        let found = function.current.iter().find(|(listed, _)| types == [*listed]);
        let Some((listed, current)) = found else {
            let listed: Vec<&str> = function.current.iter().map(|(listed, _)| *listed).collect();
            return Err(wrong("_list", format!("{name} is a list of {}", listed.join(" or "))).into());
        };
        let Some(patient) = self.patient.clone() else {
            return Err(wrong("_list", format!("{name} needs one patient: add patient=ID")).into());
        };
        let stored = [("code", function.codes), ("status", "current"), ("patient", patient.as_str())];
        Ok(Filter::Current(Box::new(Current {
            stored: self.each(&["List"], &stored)?,
            only: self.each(&[listed], function.only)?,
            otherwise: self.each(&[listed], current)?,
        })))
    }

    fn each(&mut self, types: &[&str], conditions: &[(&str, &str)]) -> Read<Filter> {
        let filters = conditions.iter().map(|(name, values)| self.condition(types, name, values, 1));
        Ok(all(filters.collect::<Result<_, _>>()?))
    }
}

/// The one patient a query is about, as it says itself: `patient=1` or `patient=Patient/1`, or `subject=Patient/1`.
pub(super) fn patient(pairs: &[(String, String)]) -> Option<String> {
    let is_one = |name: &str, value: &str| match name {
        "patient" => !value.contains(','),
        "subject" => value.starts_with("Patient/") && !value.contains(','),
        _ => false,
    };
    pairs.iter().find(|(name, value)| is_one(name, value)).map(|(_, value)| value.clone())
}
