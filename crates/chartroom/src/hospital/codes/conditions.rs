//! What people have: ICD-10-CM for billing, SNOMED CT for care.

use super::{Code, icd10, snomed};

/// A condition as this hospital writes it down.
#[derive(Debug)]
pub struct Problem {
    /// In the words of a note.
    pub name: &'static str,
    /// SNOMED CT.
    pub snomed: Code,
    /// ICD-10-CM.
    pub icd: Code,
}

macro_rules! problems {
    ($($name:ident $text:literal, $snomed:literal $display:literal, $icd:literal $title:literal;)*) => {
        $(
            #[doc = concat!("SNOMED CT ", $snomed, ", ICD-10-CM ", $icd, ".")]
            pub static $name: Problem =
                Problem { name: $text, snomed: snomed($snomed, $display), icd: icd10($icd, $title) };
        )*
        /// All of them.
        #[cfg(test)]
        pub static ALL: &[&Problem] = &[$(&$name),*];
    };
}

problems! {
    // Chronic
    DIABETES "type 2 diabetes", "44054006" "Type 2 diabetes mellitus", "E11.9" "Type 2 diabetes mellitus without complications";
    HYPERTENSION "hypertension", "59621000" "Essential hypertension", "I10" "Essential (primary) hypertension";
    LIPIDS "hyperlipidemia", "55822004" "Hyperlipidemia", "E78.5" "Hyperlipidemia, unspecified";
    KIDNEY_3A "chronic kidney disease stage 3a", "700378005" "Chronic kidney disease stage 3A", "N18.31" "Chronic kidney disease, stage 3a";
    KIDNEY_3B "chronic kidney disease stage 3b", "700379002" "Chronic kidney disease stage 3B", "N18.32" "Chronic kidney disease, stage 3b";
    KIDNEY_4 "chronic kidney disease stage 4", "431857002" "Chronic kidney disease stage 4", "N18.4" "Chronic kidney disease, stage 4 (severe)";
    COPD "COPD", "13645005" "Chronic obstructive pulmonary disease", "J44.9" "Chronic obstructive pulmonary disease, unspecified";
    ASTHMA "asthma", "195967001" "Asthma", "J45.909" "Unspecified asthma, uncomplicated";
    THYROID "hypothyroidism", "40930008" "Hypothyroidism", "E03.9" "Hypothyroidism, unspecified";
    REFLUX "gastroesophageal reflux", "235595009" "Gastroesophageal reflux disease", "K21.9" "Gastro-esophageal reflux disease without esophagitis";
    FIBRILLATION "atrial fibrillation", "49436004" "Atrial fibrillation", "I48.91" "Unspecified atrial fibrillation";
    KNEE "osteoarthritis of the right knee", "239873007" "Osteoarthritis of knee", "M17.11" "Unilateral primary osteoarthritis, right knee";
    BACK "low back pain", "279039007" "Low back pain", "M54.50" "Low back pain, unspecified";
    DEPRESSION "major depression", "370143000" "Major depressive disorder", "F33.1" "Major depressive disorder, recurrent, moderate";
    ANXIETY "generalized anxiety", "21897009" "Generalized anxiety disorder", "F41.1" "Generalized anxiety disorder";
    ALCOHOL "alcohol dependence", "66590003" "Alcohol dependence", "F10.20" "Alcohol dependence, uncomplicated";
    OPIOID "opioid dependence", "75544000" "Opioid dependence", "F11.20" "Opioid dependence, uncomplicated";
    // Acute
    PNEUMONIA "pneumonia", "233604007" "Pneumonia", "J18.9" "Pneumonia, unspecified organism";
    COPD_FLARE "acute exacerbation of COPD", "195951007" "Acute exacerbation of chronic obstructive airways disease", "J44.1" "Chronic obstructive pulmonary disease with (acute) exacerbation";
    STREP "streptococcal pharyngitis", "43878008" "Streptococcal sore throat", "J02.0" "Streptococcal pharyngitis";
    COLD "upper respiratory infection", "54150009" "Upper respiratory infection", "J06.9" "Acute upper respiratory infection, unspecified";
    OTITIS "otitis media", "65363002" "Otitis media", "H66.90" "Otitis media, unspecified, unspecified ear";
    URINARY "urinary tract infection", "68566005" "Urinary tract infectious disease", "N39.0" "Urinary tract infection, site not specified";
    ANKLE "sprain of the right ankle", "44465007" "Sprain of ankle", "S93.401A" "Sprain of unspecified ligament of right ankle, initial encounter";
    WRIST "fracture of the right distal radius", "65966004" "Fracture of forearm", "S52.501A" "Unspecified fracture of the lower end of right radius, initial encounter for closed fracture";
    HIP "fracture of the right femoral neck", "359817006" "Closed fracture of hip", "S72.001A" "Fracture of unspecified part of neck of right femur, initial encounter for closed fracture";
    CHEST_PAIN "chest pain", "29857009" "Chest pain", "R07.9" "Chest pain, unspecified";
    WITHDRAWAL "alcohol withdrawal", "191480000" "Alcohol withdrawal syndrome", "F10.230" "Alcohol dependence with withdrawal, uncomplicated";
    // Birth
    PREGNANCY "pregnancy", "72892002" "Normal pregnancy", "Z34.90" "Encounter for supervision of normal pregnancy, unspecified, unspecified trimester";
    DELIVERY "full-term delivery", "169826009" "Single live birth", "O80" "Encounter for full-term uncomplicated delivery";
    NEWBORN "liveborn infant", "3950001" "Birth", "Z38.00" "Single liveborn infant, delivered vaginally";
    // Visits without a disease
    CHECKUP "annual examination", "185349003" "Encounter for check up", "Z00.00" "Encounter for general adult medical examination without abnormal findings";
    WELL_CHILD "well-child examination", "410620009" "Well child visit", "Z00.129" "Encounter for routine child health examination without abnormal findings";
    // Cancer
    BREAST "carcinoma of the right breast", "254837009" "Malignant neoplasm of breast", "C50.411" "Malignant neoplasm of upper-outer quadrant of right female breast";
    COLON "carcinoma of the sigmoid colon", "363406005" "Malignant neoplasm of colon", "C18.7" "Malignant neoplasm of sigmoid colon";
    LUNG "non-small cell carcinoma of the lung", "254637007" "Non-small cell lung cancer", "C34.11" "Malignant neoplasm of upper lobe, right bronchus or lung";
    PROSTATE "carcinoma of the prostate", "399068003" "Malignant tumor of prostate", "C61" "Malignant neoplasm of prostate";
    MELANOMA "melanoma of the back", "372244006" "Malignant melanoma", "C43.59" "Malignant melanoma of other part of trunk";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::io::Read;

    /// The CDC's tabular list says `<name>E11.9</name> <desc>...</desc>`; codes with a seventh character are built from
    /// their parent, so for those the six characters before it are compared.
    #[test]
    fn icd_titles_are_those_of_the_cdc() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/coding/icd10cm-tabular-2026-04.xml.gz");
        let Ok(file) = std::fs::File::open(path) else {
            println!("skipped: ../shared/data/coding not found");
            return;
        };
        let mut xml = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut xml).unwrap();
        let mut titles = HashMap::new();
        for part in xml.split("<name>").skip(1) {
            let (code, rest) = part.split_once("</name>").unwrap();
            if let Some((_, desc)) = rest.split_once("<desc>") {
                titles.entry(code).or_insert_with(|| desc.split("</desc>").next().unwrap().replace("&amp;", "&"));
            }
        }
        for problem in ALL {
            let (code, display) = (problem.icd.code, problem.icd.display);
            let stem = if code.len() == 8 { &code[..7] } else { code };
            let title = titles.get(stem).unwrap_or_else(|| panic!("{code} is not in the tabular list"));
            assert!(display.starts_with(title.as_str()), "{code}: `{display}` is not `{title}`");
            assert!(code.len() == 8 || display == title, "{code}: `{display}` is not `{title}`");
        }
    }
}
