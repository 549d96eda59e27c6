//! What is done, and where visits are of which kind (SNOMED CT).

use super::{Code, snomed};

macro_rules! acts {
    ($($name:ident $code:literal $display:literal;)*) => {
        $(
            #[doc = concat!("SNOMED CT ", $code, ".")]
            pub const $name: Code = snomed($code, $display);
        )*
    };
}

acts! {
    // Visits
    CHECK_UP "185349003" "Encounter for check up";
    FOLLOW_UP "390906007" "Follow-up encounter";
    SYMPTOM "185345009" "Encounter for symptom";
    WELL_CHILD "410620009" "Well child visit";
    PRENATAL "424619006" "Prenatal visit";
    EMERGENCY "50849002" "Emergency room admission";
    ADMISSION "32485007" "Hospital admission";
    // Procedures
    CHILDBIRTH "66348005" "Childbirth";
    CHEST_X_RAY "399208008" "Plain chest X-ray";
    CARDIOGRAM "29303009" "Electrocardiographic procedure";
    SPIROMETRY "127783003" "Spirometry";
    IMMOBILIZATION "274474001" "Bone immobilization";
    HIP_REPLACEMENT "52734007" "Total replacement of hip";
    COLONOSCOPY "73761001" "Colonoscopy";
    BREAST_BIOPSY "122548005" "Biopsy of breast";
    LUMPECTOMY "392021009" "Lumpectomy of breast";
    COLECTOMY "43075005" "Partial resection of colon";
    LUNG_BIOPSY "432231006" "Fine needle aspiration biopsy of lung";
    PROSTATECTOMY "90470006" "Prostatectomy";
    SKIN_BIOPSY "240977001" "Biopsy of skin";
    DETOXIFICATION "56876005" "Drug rehabilitation and detoxification";
    THERAPY "228557008" "Cognitive and behavioral therapy";
    QUIT_SMOKING "225323000" "Smoking cessation education";
    // Smoking
    NEVER_SMOKED "266919005" "Never smoked tobacco";
    EX_SMOKER "8517006" "Ex-smoker";
    SMOKES_DAILY "449868002" "Smokes tobacco daily";
    // Goals and plans
    CARE_PLAN "734163000" "Care plan";
}
