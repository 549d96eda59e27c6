//! What is prescribed (`RxNorm`), and what is not tolerated.

use super::{Code, rxnorm, snomed};

/// A drug and how it is taken.
#[derive(Debug)]
pub struct Drug {
    /// `RxNorm` semantic clinical drug.
    pub code: Code,
    /// In the words of a note.
    pub name: &'static str,
    /// The label's words.
    pub sig: &'static str,
    /// Times a day.
    pub daily: i32,
    /// Days of supply when it is for a while; 0 when it is for good.
    pub days: i32,
}

macro_rules! drugs {
    ($($name:ident $text:literal, $code:literal $display:literal, $sig:literal, $daily:literal, $days:literal;)*) => {
        $(
            #[doc = concat!("RxNorm ", $code, ".")]
            pub static $name: Drug =
                Drug { code: rxnorm($code, $display), name: $text, sig: $sig, daily: $daily, days: $days };
        )*
    };
}

drugs! {
    METFORMIN_500 "metformin 500 mg", "861007" "metformin hydrochloride 500 MG Oral Tablet", "Take 1 tablet by mouth twice a day with meals", 2, 0;
    METFORMIN_1000 "metformin 1000 mg", "861004" "metformin hydrochloride 1000 MG Oral Tablet", "Take 1 tablet by mouth twice a day with meals", 2, 0;
    LISINOPRIL_10 "lisinopril 10 mg", "314076" "lisinopril 10 MG Oral Tablet", "Take 1 tablet by mouth once a day", 1, 0;
    LISINOPRIL_20 "lisinopril 20 mg", "314077" "lisinopril 20 MG Oral Tablet", "Take 1 tablet by mouth once a day", 1, 0;
    AMLODIPINE "amlodipine 5 mg", "197361" "amlodipine 5 MG Oral Tablet", "Take 1 tablet by mouth once a day", 1, 0;
    THIAZIDE "hydrochlorothiazide 25 mg", "310798" "hydrochlorothiazide 25 MG Oral Tablet", "Take 1 tablet by mouth once a day", 1, 0;
    SIMVASTATIN "simvastatin 20 mg", "312961" "simvastatin 20 MG Oral Tablet", "Take 1 tablet by mouth at bedtime", 1, 0;
    WARFARIN "warfarin 5 mg", "855332" "warfarin sodium 5 MG Oral Tablet", "Take 1 tablet by mouth once a day as directed", 1, 0;
    ALBUTEROL "albuterol inhaler", "2123111" "NDA020503 200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", "Inhale 2 puffs every 4 to 6 hours as needed", 4, 0;
    FLUTICASONE "fluticasone inhaler", "895994" "120 ACTUAT fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler", "Inhale 2 puffs twice a day", 2, 0;
    SALMETEROL "fluticasone/salmeterol inhaler", "896209" "60 ACTUAT fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 MG/ACTUAT Dry Powder Inhaler", "Inhale 1 puff twice a day", 2, 0;
    PREDNISONE "prednisone 5 mg", "312617" "prednisone 5 MG Oral Tablet", "Take 8 tablets by mouth once a day for 5 days", 1, 5;
    LEVOTHYROXINE "levothyroxine 0.075 mg", "966222" "levothyroxine sodium 0.075 MG Oral Tablet", "Take 1 tablet by mouth once a day on an empty stomach", 1, 0;
    SERTRALINE "sertraline 50 mg", "312941" "sertraline 50 MG Oral Tablet", "Take 1 tablet by mouth once a day", 1, 0;
    FLUOXETINE "fluoxetine 20 mg", "310385" "fluoxetine 20 MG Oral Capsule", "Take 1 capsule by mouth once a day", 1, 0;
    BUPRENORPHINE "buprenorphine/naloxone 2/0.5 mg", "351266" "buprenorphine 2 MG / naloxone 0.5 MG Sublingual Tablet", "Dissolve 2 tablets under the tongue once a day", 1, 0;
    AMOXICILLIN "amoxicillin 250 mg", "308182" "amoxicillin 250 MG Oral Capsule", "Take 1 capsule by mouth three times a day for 10 days", 3, 10;
    AZITHROMYCIN "azithromycin 250 mg", "308460" "azithromycin 250 MG Oral Tablet", "Take 2 tablets on the first day, then 1 a day for 4 days", 1, 5;
    CIPROFLOXACIN "ciprofloxacin 500 mg", "309309" "ciprofloxacin 500 MG Oral Tablet", "Take 1 tablet by mouth twice a day for 3 days", 2, 3;
    ACETAMINOPHEN "acetaminophen 325 mg", "313782" "acetaminophen 325 MG Oral Tablet", "Take 2 tablets by mouth every 6 hours as needed for pain", 4, 14;
    IBUPROFEN "ibuprofen 200 mg", "310965" "ibuprofen 200 MG Oral Tablet", "Take 2 tablets by mouth every 6 hours as needed for pain", 4, 14;
    OXYCODONE "acetaminophen/oxycodone 325/5 mg", "1049221" "acetaminophen 325 MG / oxycodone hydrochloride 5 MG Oral Tablet", "Take 1 tablet by mouth every 6 hours as needed for severe pain", 4, 5;
    ENOXAPARIN "enoxaparin 40 mg", "854235" "0.4 ML enoxaparin sodium 100 MG/ML Prefilled Syringe", "Inject 40 mg under the skin once a day for 28 days", 1, 28;
    ANASTROZOLE "anastrozole 1 mg", "199224" "anastrozole 1 MG Oral Tablet", "Take 1 tablet by mouth once a day for 5 years", 1, 0;
    IRON "ferrous sulfate 325 mg", "310325" "ferrous sulfate 325 MG Oral Tablet", "Take 1 tablet by mouth once a day", 1, 180;
}

/// What is not tolerated, its kind, and what it does.
#[derive(Debug)]
pub struct Allergen {
    /// The substance.
    pub code: Code,
    /// FHIR value set allergy-intolerance-category.
    pub category: &'static str,
    /// What happened.
    pub reaction: Code,
    /// FHIR value set reaction-event-severity.
    pub severity: &'static str,
}

const RASH: Code = snomed("271807003", "Eruption of skin");
const HIVES: Code = snomed("126485001", "Urticaria");
const NAUSEA: Code = snomed("422587007", "Nausea");
const SNEEZING: Code = snomed("76067001", "Sneezing");
const ANAPHYLAXIS: Code = snomed("39579001", "Anaphylaxis");

/// The usual ones.
pub static ALLERGENS: &[Allergen] = &[
    Allergen { code: rxnorm("723", "amoxicillin"), category: "medication", reaction: RASH, severity: "mild" },
    Allergen { code: rxnorm("7980", "penicillin G"), category: "medication", reaction: HIVES, severity: "moderate" },
    Allergen { code: rxnorm("2670", "codeine"), category: "medication", reaction: NAUSEA, severity: "mild" },
    Allergen { code: rxnorm("1191", "aspirin"), category: "medication", reaction: HIVES, severity: "moderate" },
    Allergen { code: snomed("762952008", "Peanut"), category: "food", reaction: ANAPHYLAXIS, severity: "severe" },
    Allergen {
        code: snomed("256277009", "Grass pollen"),
        category: "environment",
        reaction: SNEEZING,
        severity: "mild",
    },
];
