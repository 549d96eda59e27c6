//! On what legal ground something was disclosed, and whether the accounting lists it: one row a ground.

use crate::access::vocabulary::vocabulary;

vocabulary! {
    /// The legal ground of a disclosure.
    Basis {
        /// 45 CFR 164.506(c).
        Treatment = "treatment", "treatment";
        /// 45 CFR 164.506(c).
        Payment = "payment", "payment";
        /// 45 CFR 164.506(c).
        Operations = "operations", "health care operations";
        /// To the patient, or where the patient directed it.
        Individual = "individual", "the patient's own access";
        /// A by-product of what was permitted.
        Incidental = "incidental", "incidental to a permitted use";
        /// The patient's written authorization.
        Authorization = "authorization", "the patient's authorization";
        /// The list of who is in the house.
        Directory = "directory", "facility directory";
        /// Family, friends, notification of them.
        InvolvedInCare = "involved-in-care", "people involved in the patient's care";
        /// Intelligence.
        NationalSecurity = "national-security", "national security or intelligence";
        /// Correctional institutions, and officers who hold the patient.
        Custody = "custody", "correctional institution or lawful custody";
        /// Without direct identifiers, under a data use agreement.
        LimitedDataSet = "limited-data-set", "limited data set";
        /// A statute, a regulation or a court demands it.
        RequiredByLaw = "required-by-law", "required by law";
        /// Reports of diseases, births, deaths; product safety.
        PublicHealth = "public-health", "public health";
        /// Victims of abuse, neglect or domestic violence.
        Abuse = "abuse", "report of abuse, neglect or domestic violence";
        /// Audits, inspections, licensure.
        Oversight = "oversight", "health oversight";
        /// Courts and tribunals.
        Judicial = "judicial", "judicial or administrative proceeding";
        /// Police and prosecutors.
        LawEnforcement = "law-enforcement", "law enforcement";
        /// Coroners, medical examiners, funeral directors.
        Decedent = "decedent", "coroner, medical examiner or funeral director";
        /// Organs, eyes, tissue.
        Donation = "donation", "organ, eye or tissue donation";
        /// With a waiver of authorization.
        Research = "research", "research";
        /// To avert it.
        SeriousThreat = "serious-threat", "serious threat to health or safety";
        /// Armed forces, protective services, suitability, benefits.
        Government = "government", "specialized government function";
        /// Injured at work.
        WorkersCompensation = "workers-compensation", "workers' compensation";
        /// The Secretary investigates compliance.
        Secretary = "secretary", "the Secretary of HHS";
        /// What should not have happened: misdirected, stolen, a breach.
        Impermissible = "impermissible", "not permitted: a mistake or a breach";
        /// A Part 2 consent for treatment, payment and operations.
        Part2Tpo = "part-2-tpo", "Part 2 consent for treatment, payment and operations";
        /// Any other Part 2 consent.
        Part2Consent = "part-2-consent", "Part 2 consent";
        /// To a member of an exchange whom a Part 2 consent means without naming them: whoever treats the patient.
        Part2General = "part-2-general", "Part 2 consent with a general designation";
    }
}

/// Why the accounting leaves a ground out, and who is told that it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The paragraph.
    pub source: &'static str,
    /// Whether the patient's own copy gives the number: that somebody's intelligence service asked is not told.
    pub is_told: bool,
}

const fn excluded(source: &'static str) -> Option<Exclusion> {
    Some(Exclusion { source, is_told: true })
}

const fn kept_quiet(source: &'static str) -> Option<Exclusion> {
    Some(Exclusion { source, is_told: false })
}

impl Basis {
    /// What permits or demands it.
    #[must_use]
    pub const fn law(self) -> &'static str {
        match self {
            Basis::Treatment | Basis::Payment | Basis::Operations => "45 CFR 164.506(c)",
            Basis::Individual => "45 CFR 164.502(a)(1)(i), 164.524",
            Basis::Incidental => "45 CFR 164.502(a)(1)(iii)",
            Basis::Authorization => "45 CFR 164.508",
            Basis::Directory => "45 CFR 164.510(a)",
            Basis::InvolvedInCare => "45 CFR 164.510(b)",
            Basis::NationalSecurity => "45 CFR 164.512(k)(2)",
            Basis::Custody => "45 CFR 164.512(k)(5)",
            Basis::LimitedDataSet => "45 CFR 164.514(e)",
            Basis::RequiredByLaw => "45 CFR 164.512(a)",
            Basis::PublicHealth => "45 CFR 164.512(b)",
            Basis::Abuse => "45 CFR 164.512(c)",
            Basis::Oversight => "45 CFR 164.512(d)",
            Basis::Judicial => "45 CFR 164.512(e)",
            Basis::LawEnforcement => "45 CFR 164.512(f)",
            Basis::Decedent => "45 CFR 164.512(g)",
            Basis::Donation => "45 CFR 164.512(h)",
            Basis::Research => "45 CFR 164.512(i)",
            Basis::SeriousThreat => "45 CFR 164.512(j)",
            Basis::Government => "45 CFR 164.512(k)",
            Basis::WorkersCompensation => "45 CFR 164.512(l)",
            Basis::Secretary => "45 CFR 164.502(a)(2)(ii)",
            Basis::Impermissible => "45 CFR 164.402",
            Basis::Part2Tpo => "42 CFR 2.31(a)(4), 2.33(b)",
            Basis::Part2Consent => "42 CFR 2.31",
            Basis::Part2General => "42 CFR 2.31(a)(4)(ii)(B)",
        }
    }

    /// The ground as a patient understands it (45 CFR 164.528(b)(2)(iv)).
    #[must_use]
    pub const fn plain(self) -> &'static str {
        match self {
            Basis::Treatment => "for your treatment",
            Basis::Payment => "to be paid for your care",
            Basis::Operations => "to run the hospital and to look after the quality of care",
            Basis::Individual => "because you, or somebody acting for you, asked for it or chose who gets it",
            Basis::Incidental => "seen or heard by the way, while something permitted was done",
            Basis::Authorization => "because you authorized it in writing",
            Basis::Directory => "so that visitors and callers can find you in the hospital",
            Basis::InvolvedInCare => "to family or others who take part in your care, or to find and tell them",
            Basis::NationalSecurity => "for national security",
            Basis::Custody => "to a prison or to officers who hold somebody in custody",
            Basis::LimitedDataSet => "for research, public health or operations, without your name and address",
            Basis::RequiredByLaw => "because a law or a court demands it",
            Basis::PublicHealth => "to a public health authority, to prevent or control disease or injury",
            Basis::Abuse => "to an authority that protects people from abuse, neglect or violence",
            Basis::Oversight => "to an agency that inspects or audits health care",
            Basis::Judicial => "for a court or an official hearing",
            Basis::LawEnforcement => "to the police or a prosecutor",
            Basis::Decedent => "to a coroner, a medical examiner or a funeral director",
            Basis::Donation => "for the donation of an organ, eye or tissue",
            Basis::Research => "for research that a review board approved without asking each patient",
            Basis::SeriousThreat => "to avert a serious threat to somebody's health or safety",
            Basis::Government => "for a special function of the government, such as the armed forces or benefits",
            Basis::WorkersCompensation => "for a claim about an injury or illness from work",
            Basis::Secretary => "to the federal health department, which checks whether we keep the privacy rules",
            Basis::Impermissible => "by a mistake or a breach: it should not have happened",
            Basis::Part2Tpo => "with your consent for treatment, payment and operations",
            Basis::Part2Consent => "with your consent for this recipient",
            Basis::Part2General => "with your consent for everybody in an exchange who treats you",
        }
    }

    /// Why an accounting under 45 CFR 164.528 leaves it out; `None`: it lists it.
    ///
    /// A Part 2 consent that is not for treatment, payment and operations need not be an authorization under 164.508: it is
    /// listed (docs/readings.md).
    #[must_use]
    pub const fn exclusion(self) -> Option<Exclusion> {
        match self {
            Basis::Treatment | Basis::Payment | Basis::Operations | Basis::Part2Tpo => {
                excluded("45 CFR 164.528(a)(1)(i)")
            }
            Basis::Individual => excluded("45 CFR 164.528(a)(1)(ii)"),
            Basis::Incidental => excluded("45 CFR 164.528(a)(1)(iii)"),
            Basis::Authorization => excluded("45 CFR 164.528(a)(1)(iv)"),
            Basis::Directory | Basis::InvolvedInCare => excluded("45 CFR 164.528(a)(1)(v)"),
            Basis::NationalSecurity => kept_quiet("45 CFR 164.528(a)(1)(vi)"),
            Basis::Custody => kept_quiet("45 CFR 164.528(a)(1)(vii)"),
            Basis::LimitedDataSet => excluded("45 CFR 164.528(a)(1)(viii)"),
            Basis::RequiredByLaw
            | Basis::PublicHealth
            | Basis::Abuse
            | Basis::Oversight
            | Basis::Judicial
            | Basis::LawEnforcement
            | Basis::Decedent
            | Basis::Donation
            | Basis::Research
            | Basis::SeriousThreat
            | Basis::Government
            | Basis::WorkersCompensation
            | Basis::Secretary
            | Basis::Impermissible
            | Basis::Part2Consent
            | Basis::Part2General => None,
        }
    }

    /// Whether repetitions to one recipient for one purpose may stand in one line: only those under 164.512 and to the
    /// Secretary (45 CFR 164.528(b)(3)).
    #[must_use]
    pub const fn is_serial(self) -> bool {
        self.exclusion().is_none() && !matches!(self, Basis::Impermissible | Basis::Part2Consent | Basis::Part2General)
    }

    /// Whether the recipient may have the accounting suspended (45 CFR 164.528(a)(2)(i)).
    #[must_use]
    pub const fn is_suspendable(self) -> bool {
        matches!(self, Basis::Oversight | Basis::LawEnforcement)
    }

    /// Whether it was made with a consent under 42 CFR 2.31.
    #[must_use]
    pub const fn is_part2(self) -> bool {
        matches!(self, Basis::Part2Tpo | Basis::Part2Consent | Basis::Part2General)
    }
}
