//! Labels that somebody wrote into a resource or a consent, as HL7's security codes.

use super::{Label, Labels};

/// HL7's system of sensitivity and handling codes.
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// HL7's system of confidentiality codes.
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// The labels of a code in `meta.security` or `Consent.provision.securityLabel`; none where it asks for no more care
/// than usual. A narrower code has the label above it too, so that a mask of the wider never lets the narrower through.
#[must_use]
pub fn labels_of_code(code: &str) -> Labels {
    let labels: &[Label] = match code {
        "ETH" | "SUD" | "ETHUD" => &[Label::SubstanceUse],
        "OPIOIDUD" => &[Label::SubstanceUse, Label::OpioidUse],
        // A record of such a program says by itself that the patient was there for substance use (42 CFR 2.11).
        "42CFRPart2" => &[Label::Part2, Label::SubstanceUse],
        "HIV" => &[Label::Hiv],
        "PSY" | "MH" | "BH" | "COGN" | "DVD" | "EMOTDIS" => &[Label::MentalHealth],
        "PSYTHPN" => &[Label::PsychotherapyNote, Label::MentalHealth],
        "SEX" => &[Label::Reproductive],
        "STD" => &[Label::SexuallyTransmitted],
        "SDV" | "VIO" | "MST" => &[Label::Violence],
        "GDIS" => &[Label::Genetic],
        "SCA" | "SICKLE" => &[Label::SickleCell],
        "ADOL" => &[Label::Minor],
        "CEL" => &[Label::Vip],
        "EMP" => &[Label::Employee],
        "ONC" => &[Label::Oncology],
        "R" | "V" => &[Label::Restricted],
        _ => &[],
    };
    labels.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_can_be_written() {
        // A concern is one by its code: a label that shuts out those who treat is not for everybody to put on.
        for label in Label::ALL.iter().filter(|label| **label != Label::Concern) {
            assert!(labels_of_code(label.code()).contains(*label), "{label}");
        }
        assert!(["N", "U", "", "hiv", "TREAT", "CONCERN"].iter().all(|code| labels_of_code(code).is_empty()));
    }
}
