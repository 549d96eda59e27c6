//! Sensitivity labels: what makes some of a chart more sensitive than the rest, a bit each.
//!
//! Codes are HL7's where HL7 has one (v3 ActCode `_InformationSensitivityPolicy`, Confidentiality). A version carries
//! its labels in the index, so that the gate can decide without opening it; the policies decide one label at a time,
//! and a version with several is seen only where every one of them is permitted.

mod inherited;
mod lowering;
mod reading;
mod site;
mod systems;
mod value_sets;
mod written;

pub use inherited::{EVERY, OF_A_VISIT, Source, WAYS, sources};
pub use reading::Reason;
pub use site::{sets, with_directory};
pub use systems::same_code;
pub use value_sets::{ValueSet, ValueSets, shipped};
pub use written::labels_of_code;

use super::vocabulary::{vocabulary, vocabulary_set};

vocabulary! {
    /// One sensitivity. The number is the bit in the index: never renumber.
    Label {
        /// Use of alcohol or drugs, and its treatment outside a Part 2 programme.
        SubstanceUse = "ETH", "substance use";
        /// Use of opioids.
        OpioidUse = "OPIOIDUD", "opioid use";
        /// HIV or AIDS: tests, results, treatment.
        Hiv = "HIV", "HIV or AIDS";
        /// Mental health, apart from psychotherapy notes.
        MentalHealth = "PSY", "mental health";
        /// Psychotherapy notes, kept apart from the rest of the chart (45 CFR 164.501).
        PsychotherapyNote = "PSYTHPN", "psychotherapy notes";
        /// Sexuality and reproductive health.
        Reproductive = "SEX", "sexuality and reproductive health";
        /// Sexually transmitted disease.
        SexuallyTransmitted = "STD", "sexually transmitted disease";
        /// Sexual assault, abuse, domestic violence.
        Violence = "SDV", "sexual assault, abuse or domestic violence";
        /// Genetic disease and genetic tests.
        Genetic = "GDIS", "genetic disease";
        /// Sickle cell disease or trait.
        SickleCell = "SICKLE", "sickle cell";
        /// Care to which a minor has consented alone, where the law of the state lets them.
        Minor = "ADOL", "care a minor consented to alone";
        /// Made by a federally assisted substance use disorder programme (42 CFR 2.11, 2.12).
        Part2 = "42CFRPart2", "substance use disorder programme (42 CFR Part 2)";
        /// Cancer. Not sensitive in itself: it tells which charts the cancer registry may open.
        Oncology = "ONC", "cancer";
        /// Somebody whom many would like to look up.
        Vip = "CEL", "a person of public interest";
        /// Somebody who works here.
        Employee = "EMP", "an employee";
        /// Marked restricted or very restricted by hand (Confidentiality R, V).
        Restricted = "R", "restricted by hand";
        /// A concern that a patient raised with the privacy officer about a look at the record.
        Concern = "CONCERN", "a patient's concern";
    }
}

vocabulary_set! {
    /// The labels of one version.
    Labels of Label in u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_bit_that_never_moves() {
        let bits = [
            "ETH",
            "OPIOIDUD",
            "HIV",
            "PSY",
            "PSYTHPN",
            "SEX",
            "STD",
            "SDV",
            "GDIS",
            "SICKLE",
            "ADOL",
            "42CFRPart2",
            "ONC",
            "CEL",
            "EMP",
            "R",
            "CONCERN",
        ];
        for (bit, code) in bits.into_iter().enumerate() {
            let label = Label::from_code(code).expect(code);
            assert_eq!(Labels::NONE.with(label).bits(), 1 << bit, "{code}");
        }
        assert_eq!(Label::ALL.len(), 17);
    }

    #[test]
    fn a_set_of_labels_reads_as_its_codes() {
        let labels: Labels = [Label::Part2, Label::Hiv].into_iter().collect();
        assert_eq!(labels.to_string(), "HIV 42CFRPart2");
        assert!(labels.contains(Label::Hiv) && !labels.contains(Label::Vip));
        assert_eq!(labels.without(Labels::NONE.with(Label::Hiv)), Labels::NONE.with(Label::Part2));
        assert_eq!(Labels::from_bits(labels.bits()), labels);
    }
}
