//! What is measured: LOINC, UCUM, and the range that is usual in this laboratory.

use super::{Code, loinc};

/// One measurement.
#[derive(Debug)]
pub struct Lab {
    /// LOINC.
    pub code: Code,
    /// In the words of a note.
    pub name: &'static str,
    /// UCUM.
    pub unit: &'static str,
    /// Decimal places; values are whole numbers of that last place.
    pub places: usize,
    /// Lowest usual value.
    pub low: Option<i32>,
    /// Highest usual value.
    pub high: Option<i32>,
}

/// Several that are ordered together.
#[derive(Debug)]
pub struct Panel {
    /// LOINC.
    pub code: Code,
    /// In the words of a note.
    pub name: &'static str,
    /// What is drawn.
    pub specimen: Code,
}

macro_rules! labs {
    ($($name:ident $text:literal, $code:literal $display:literal, $unit:literal, $places:literal, $low:expr, $high:expr;)*) => {
        $(
            #[doc = concat!("LOINC ", $code, " in `", $unit, "`.")]
            pub static $name: Lab = Lab {
                code: loinc($code, $display), name: $text, unit: $unit, places: $places, low: $low, high: $high,
            };
        )*
    };
}

labs! {
    // Vital signs
    HEART_RATE "heart rate", "8867-4" "Heart rate", "/min", 0, None, None;
    BREATHING "respiratory rate", "9279-1" "Respiratory rate", "/min", 0, None, None;
    TEMPERATURE "temperature", "8310-5" "Body temperature", "Cel", 1, None, None;
    HEIGHT "height", "8302-2" "Body height", "cm", 0, None, None;
    WEIGHT "weight", "29463-7" "Body weight", "kg", 1, None, None;
    BMI "BMI", "39156-5" "Body mass index (BMI) [Ratio]", "kg/m2", 1, None, None;
    HEAD "head circumference", "9843-4" "Head Occipital-frontal circumference", "cm", 1, None, None;
    // Metabolic panel
    GLUCOSE "glucose", "2345-7" "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 0, Some(70), Some(99);
    UREA "urea nitrogen", "3094-0" "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", 0, Some(7), Some(20);
    CREATININE "creatinine", "2160-0" "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 2, Some(60), Some(130);
    EGFR "eGFR", "98979-8" "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)", "mL/min/{1.73_m2}", 0, Some(60), None;
    SODIUM "sodium", "2951-2" "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 0, Some(136), Some(145);
    POTASSIUM "potassium", "2823-3" "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 1, Some(35), Some(51);
    // Lipids
    CHOLESTEROL "total cholesterol", "2093-3" "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 0, None, Some(199);
    TRIGLYCERIDE "triglycerides", "2571-8" "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", 0, None, Some(149);
    HDL "HDL cholesterol", "2085-9" "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", 0, Some(40), None;
    LDL "LDL cholesterol", "13457-7" "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation", "mg/dL", 0, None, Some(129);
    // Blood count
    LEUKOCYTES "white cells", "6690-2" "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 1, Some(40), Some(110);
    HEMOGLOBIN "hemoglobin", "718-7" "Hemoglobin [Mass/volume] in Blood", "g/dL", 1, Some(120), Some(175);
    HEMATOCRIT "hematocrit", "4544-3" "Hematocrit [Volume Fraction] of Blood by Automated count", "%", 1, Some(360), Some(520);
    PLATELETS "platelets", "777-3" "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 0, Some(150), Some(400);
    // Single tests
    A1C "hemoglobin A1c", "4548-4" "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 1, None, Some(56);
    ALBUMIN "urine albumin/creatinine", "9318-7" "Albumin/Creatinine [Mass Ratio] in Urine", "mg/g", 0, None, Some(29);
    TSH "TSH", "3016-3" "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", 2, Some(40), Some(450);
    PSA "PSA", "2857-1" "Prostate specific Ag [Mass/volume] in Serum or Plasma", "ng/mL", 1, None, Some(40);
    CEA "CEA", "2039-6" "Carcinoembryonic Ag [Mass/volume] in Serum or Plasma", "ng/mL", 1, None, Some(30);
    ETHANOL "ethanol", "5643-2" "Ethanol [Mass/volume] in Serum or Plasma", "mg/dL", 0, None, Some(9);
    // Scores
    PHQ9 "PHQ-9", "44261-6" "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]", "{score}", 0, None, None;
    APGAR_1 "Apgar at 1 minute", "9272-6" "1 minute Apgar Score", "{score}", 0, None, None;
    APGAR_5 "Apgar at 5 minutes", "9274-2" "5 minute Apgar Score", "{score}", 0, None, None;
}

/// Serum in a tube.
pub const SERUM: Code = super::snomed("119364003", "Serum specimen");
/// Whole blood.
pub const BLOOD: Code = super::snomed("119297000", "Blood specimen");
/// Urine.
pub const URINE: Code = super::snomed("122575003", "Urine specimen");
/// Tissue.
pub const TISSUE: Code = super::snomed("119376003", "Tissue specimen");

macro_rules! panels {
    ($($name:ident $text:literal, $code:literal $display:literal, $specimen:expr;)*) => {
        $(
            #[doc = concat!("LOINC ", $code, ".")]
            pub static $name: Panel = Panel { code: loinc($code, $display), name: $text, specimen: $specimen };
        )*
    };
}

panels! {
    METABOLIC "Basic metabolic panel", "24321-2" "Basic metabolic 2000 panel - Serum or Plasma", SERUM;
    LIPID "Lipid panel", "24331-1" "Lipid 1996 panel - Serum or Plasma", SERUM;
    COUNT "Complete blood count", "58410-2" "CBC panel - Blood by Automated count", BLOOD;
    A1C_TEST "Hemoglobin A1c", "4548-4" "Hemoglobin A1c/Hemoglobin.total in Blood", BLOOD;
    ALBUMIN_TEST "Urine albumin", "9318-7" "Albumin/Creatinine [Mass Ratio] in Urine", URINE;
    TSH_TEST "TSH", "3016-3" "Thyrotropin [Units/volume] in Serum or Plasma", SERUM;
    PSA_TEST "PSA", "2857-1" "Prostate specific Ag [Mass/volume] in Serum or Plasma", SERUM;
    CEA_TEST "CEA", "2039-6" "Carcinoembryonic Ag [Mass/volume] in Serum or Plasma", SERUM;
    ETHANOL_TEST "Ethanol", "5643-2" "Ethanol [Mass/volume] in Serum or Plasma", SERUM;
}

/// Documents.
pub const HISTORY_AND_PHYSICAL: Code = loinc("34117-2", "History and physical note");
/// LOINC 18842-5.
pub const DISCHARGE_SUMMARY: Code = loinc("18842-5", "Discharge summary");
/// LOINC 11506-3.
pub const PROGRESS_NOTE: Code = loinc("11506-3", "Progress note");
/// LOINC 34111-5.
pub const EMERGENCY_NOTE: Code = loinc("34111-5", "Emergency department Note");
/// LOINC 11526-1.
pub const PATHOLOGY: Code = loinc("11526-1", "Pathology study");
/// LOINC 18748-4.
pub const IMAGING: Code = loinc("18748-4", "Diagnostic imaging study");
/// What sort of report (US Core's categories of DiagnosticReport notes).
pub const PATHOLOGY_REPORT: Code = loinc("LP7839-6", "Pathology");
/// LOINC LP29684-5.
pub const RADIOLOGY_REPORT: Code = loinc("LP29684-5", "Radiology");
/// LOINC 72166-2.
pub const SMOKING: Code = loinc("72166-2", "Tobacco smoking status");
/// LOINC 85354-9.
pub const BLOOD_PRESSURE: Code = loinc("85354-9", "Blood pressure panel with all children optional");
/// LOINC 8480-6.
pub const SYSTOLIC: Code = loinc("8480-6", "Systolic blood pressure");
/// LOINC 8462-4.
pub const DIASTOLIC: Code = loinc("8462-4", "Diastolic blood pressure");
/// LOINC 59408-5.
pub const OXIMETRY: Code = loinc("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry");
/// LOINC 2708-6.
pub const SATURATION: Code = loinc("2708-6", "Oxygen saturation in Arterial blood");
/// Stage from clinic and imaging (AJCC), its T, N and M.
pub const CLINICAL_STAGE: [Code; 4] = [
    loinc("21908-9", "Stage group.clinical Cancer"),
    loinc("21905-5", "Primary tumor.clinical [Class] Cancer"),
    loinc("21906-3", "Regional lymph nodes.clinical [Class] Cancer"),
    loinc("21907-1", "Distant metastases.clinical [Class] Cancer"),
];
/// Stage from the specimen (AJCC), its T, N and M.
pub const STAGE: [Code; 4] = [
    loinc("21902-2", "Stage group.pathology Cancer"),
    loinc("21899-0", "Primary tumor.pathology Cancer"),
    loinc("21900-6", "Regional lymph nodes.pathology [Class] Cancer"),
    loinc("21901-4", "Distant metastases.pathology [Class] Cancer"),
];
