//! The legal route of a request, and what follows from it: one row a route.

use super::FeeRule;
use crate::clocks::ACCESS;
use base::duty::Duty;
use base::vocabulary;
use vault::access::Label;
use vault::access::disclosures::Basis;

vocabulary! {
    /// On what legal ground somebody asks for records.
    Route {
        /// The patient asks for their own.
        Access = "access", "the patient's own access";
        /// Whoever may decide for the patient asks.
        Representative = "representative", "access by a personal representative";
        /// The patient has a copy sent to somebody else.
        Directive = "directive", "copy sent where the patient directs";
        /// The patient has signed that somebody may have it.
        Authorization = "authorization", "the patient's authorization";
        /// A provider treats the patient.
        Treatment = "treatment", "treatment";
        /// A bill is to be paid.
        Payment = "payment", "payment";
        /// Another covered entity's operations.
        Operations = "operations", "health care operations";
        /// Family, friends, whoever helps with care.
        InvolvedInCare = "involved-in-care", "people involved in the patient's care";
        /// A statute or a regulation demands it.
        RequiredByLaw = "required-by-law", "required by law";
        /// A judge has ordered it.
        CourtOrder = "court-order", "court order";
        /// A subpoena or a discovery request without a judge's order.
        Subpoena = "subpoena", "subpoena or discovery request";
        /// Reports of diseases, births, deaths; product safety.
        PublicHealth = "public-health", "public health";
        /// Reports of victims.
        Abuse = "abuse", "report of abuse, neglect or domestic violence";
        /// Audits, inspections, licensure.
        Oversight = "oversight", "health oversight";
        /// Police and prosecutors.
        LawEnforcement = "law-enforcement", "law enforcement";
        /// Coroners, medical examiners, funeral directors.
        Coroner = "coroner", "coroner, medical examiner or funeral director";
        /// Organs, eyes, tissue.
        Donation = "donation", "organ, eye or tissue donation";
        /// With a waiver of authorization.
        Research = "research", "research";
        /// To avert it.
        SeriousThreat = "serious-threat", "serious threat to health or safety";
        /// Armed forces, protective services, benefits.
        Government = "government", "specialized government function";
        /// Injured at work.
        WorkersCompensation = "workers-compensation", "workers' compensation";
        /// The Secretary investigates compliance.
        Secretary = "secretary", "the Secretary of HHS";
        /// A consent for records of substance use disorder treatment.
        Part2Consent = "part-2-consent", "Part 2 consent";
        /// The same, for treatment, payment and operations.
        Part2Tpo = "part-2-tpo", "Part 2 consent for treatment, payment and operations";
        /// A judge has ordered it in a proceeding under 42 CFR 2.61 to 2.67.
        Part2Order = "part-2-order", "Part 2 court order";
    }
}

/// How much may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimum {
    /// Whatever is asked for: the minimum necessary does not apply.
    Exempt(&'static str),
    /// What the paper names, and no more.
    Named(&'static str),
    /// What the purpose needs.
    Necessary(&'static str),
}

impl Minimum {
    /// The paragraph.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Minimum::Exempt(source) | Minimum::Named(source) | Minimum::Necessary(source) => source,
        }
    }

    /// What a release specialist reads.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Minimum::Exempt(_) => "everything that is asked for",
            Minimum::Named(_) => "what the paper names and no more",
            Minimum::Necessary(_) => "the minimum that the purpose needs",
        }
    }
}

vocabulary! {
    /// What is to be in hand before anything goes (45 CFR 164.514(h)).
    Proof {
        /// Who the patient is who asks.
        Patient = "patient", "that the requester is the patient";
        /// That somebody may decide for the patient.
        Authority = "authority", "the authority to act for the patient";
        /// Whoever is to have it.
        Recipient = "recipient", "who the recipient is";
        /// Badge, letterhead, or the writing of a public official.
        Official = "official", "that a public official asks, by badge, letterhead or writing";
        /// The order itself.
        Order = "order", "the order of the court";
        /// Notice to the patient, or a qualified protective order.
        Assurance = "assurance", "satisfactory assurance of notice or of a protective order";
        /// The subpoena that goes with an order under Part 2.
        Compulsion = "compulsion", "a subpoena that compels what the order permits";
        /// Writing, signature, recipient and place.
        Directive = "directive", "the patient's signed writing that names who is to have it and where";
        /// Checked element by element.
        Authorization = "authorization", "the authorization, valid in every element";
        /// Checked element by element.
        Consent = "consent", "the Part 2 consent, valid in every element";
        /// The board's.
        Waiver = "waiver", "the waiver of an institutional review or privacy board";
    }
}

/// What follows from a route.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The ground under which the disclosure is recorded; it decides whether an accounting lists it.
    pub basis: Basis,
    /// What permits or demands it.
    pub source: &'static str,
    /// The deadline of law, if there is one.
    pub clock: Option<Duty>,
    /// What may be charged.
    pub fee: FeeRule,
    /// How much may go.
    pub minimum: Minimum,
    /// What is to be in hand.
    pub proofs: &'static [Proof],
}

const NECESSARY: Minimum = Minimum::Necessary("45 CFR 164.502(b)(1), 164.514(d)(3)");
const BY_LAW: Minimum = Minimum::Exempt("45 CFR 164.502(b)(2)(v)");

impl Route {
    /// What follows.
    #[must_use]
    pub const fn terms(self) -> Terms {
        match self {
            Route::Access => own("45 CFR 164.524", &[Proof::Patient]),
            Route::Representative => own("45 CFR 164.502(g), 164.524", &[Proof::Recipient, Proof::Authority]),
            Route::Directive => Terms {
                // Ciox Health v. Azar, D.D.C. 2020: what the patient's own copy may cost does not bind this one.
                fee: FeeRule::Reasonable,
                ..own("45 CFR 164.524(c)(3)(ii)", &[Proof::Directive])
            },
            Route::Authorization => {
                let exempt = Minimum::Named("45 CFR 164.508(c)(1)(i), 164.502(b)(2)(iii)");
                charged(Basis::Authorization, "45 CFR 164.508", exempt, &[Proof::Authorization])
            }
            Route::Treatment => {
                free(Basis::Treatment, "45 CFR 164.506(c)(2)", Minimum::Exempt("45 CFR 164.502(b)(2)(i)"), RECIPIENT)
            }
            Route::Payment => free(Basis::Payment, "45 CFR 164.506(c)(3)", NECESSARY, RECIPIENT),
            Route::Operations => free(Basis::Operations, "45 CFR 164.506(c)(4)", NECESSARY, RECIPIENT),
            Route::InvolvedInCare => {
                let relevant = Minimum::Necessary("45 CFR 164.510(b)(1)(i)");
                free(Basis::InvolvedInCare, "45 CFR 164.510(b)", relevant, RECIPIENT)
            }
            Route::RequiredByLaw => free(Basis::RequiredByLaw, "45 CFR 164.512(a)", BY_LAW, OFFICIAL),
            Route::CourtOrder => {
                let ordered = Minimum::Named("45 CFR 164.512(e)(1)(i)");
                charged(Basis::Judicial, "45 CFR 164.512(e)(1)(i)", ordered, &[Proof::Order])
            }
            Route::Subpoena => {
                let asked = Minimum::Named("45 CFR 164.512(e)(1)(ii)");
                charged(Basis::Judicial, "45 CFR 164.512(e)(1)(ii)", asked, &[Proof::Assurance])
            }
            Route::PublicHealth => free(Basis::PublicHealth, "45 CFR 164.512(b)", relied_on(), OFFICIAL),
            Route::Abuse => free(Basis::Abuse, "45 CFR 164.512(c)", relied_on(), OFFICIAL),
            Route::Oversight => free(Basis::Oversight, "45 CFR 164.512(d)", relied_on(), OFFICIAL),
            Route::LawEnforcement => free(Basis::LawEnforcement, "45 CFR 164.512(f)", relied_on(), OFFICIAL),
            Route::Coroner => free(Basis::Decedent, "45 CFR 164.512(g)", relied_on(), OFFICIAL),
            Route::Donation => free(Basis::Donation, "45 CFR 164.512(h)", NECESSARY, RECIPIENT),
            Route::Research => charged(Basis::Research, "45 CFR 164.512(i)", NECESSARY, &[Proof::Waiver]),
            Route::SeriousThreat => free(Basis::SeriousThreat, "45 CFR 164.512(j)", NECESSARY, RECIPIENT),
            Route::Government => free(Basis::Government, "45 CFR 164.512(k)", relied_on(), OFFICIAL),
            Route::WorkersCompensation => {
                let laws = Minimum::Necessary("45 CFR 164.512(l), 164.502(b)(1)");
                charged(Basis::WorkersCompensation, "45 CFR 164.512(l)", laws, RECIPIENT)
            }
            Route::Secretary => {
                let all = Minimum::Exempt("45 CFR 164.502(b)(2)(iv)");
                free(Basis::Secretary, "45 CFR 164.502(a)(2)(ii)", all, OFFICIAL)
            }
            Route::Part2Consent => {
                let named = Minimum::Named("42 CFR 2.13(a), 2.31(a)(3)");
                charged(Basis::Part2Consent, "42 CFR 2.31, 2.33(a)", named, &[Proof::Consent])
            }
            Route::Part2Tpo => {
                let needed = Minimum::Necessary("42 CFR 2.13(a)");
                free(Basis::Part2Tpo, "42 CFR 2.31(a)(4), 2.33(b)", needed, &[Proof::Consent])
            }
            Route::Part2Order => {
                let ordered = Minimum::Named("42 CFR 2.64(e), 2.65(e)");
                charged(Basis::Judicial, "42 CFR 2.61 to 2.67", ordered, &[Proof::Order, Proof::Compulsion])
            }
        }
    }

    /// Why something that carries a label stays here on this route, with the paragraph; `None`: it may go.
    ///
    /// `opens_notes`: whether the patient's authorization is for psychotherapy notes.
    #[must_use]
    pub fn keeps_back(self, label: Label, opens_notes: bool) -> Option<&'static str> {
        match label {
            Label::PsychotherapyNote if self == Route::Authorization && opens_notes => None,
            Label::PsychotherapyNote if self.is_own() => Some("psychotherapy notes (45 CFR 164.524(a)(1)(i))"),
            Label::PsychotherapyNote => Some("psychotherapy notes need an authorization (45 CFR 164.508(a)(2))"),
            // 42 CFR 2.23: the patient's own access needs no consent.
            Label::Part2 if self.is_own() || self.is_part2() => None,
            Label::Part2 => Some("Part 2 records need a Part 2 consent or order (42 CFR 2.13(a))"),
            _ => None,
        }
    }

    /// Whether the patient asks, or whoever decides for the patient.
    #[must_use]
    pub const fn is_own(self) -> bool {
        matches!(self, Route::Access | Route::Representative | Route::Directive)
    }

    /// Whether it goes by 42 CFR Part 2.
    #[must_use]
    pub const fn is_part2(self) -> bool {
        matches!(self, Route::Part2Consent | Route::Part2Tpo | Route::Part2Order)
    }

    /// The notice that goes with what is disclosed (42 CFR 2.32(a)).
    #[must_use]
    pub const fn notice(self) -> Option<&'static str> {
        match self {
            Route::Part2Consent => Some(
                "This record which has been disclosed to you is protected by Federal confidentiality rules (42 CFR part 2). \
                 You may not use or disclose it further unless the patient's written consent or 42 CFR part 2 permits that. \
                 A general authorization for medical or other information is not enough for it.",
            ),
            Route::Part2Tpo => Some("42 CFR part 2 prohibits unauthorized use or disclosure of these records."),
            _ => None,
        }
    }
}

/// Whether what carries this label is looked at by a second person before it goes.
#[must_use]
pub const fn needs_second_look(label: Label) -> bool {
    match label {
        Label::SubstanceUse
        | Label::OpioidUse
        | Label::Hiv
        | Label::MentalHealth
        | Label::PsychotherapyNote
        | Label::Reproductive
        | Label::SexuallyTransmitted
        | Label::Violence
        | Label::Genetic
        | Label::SickleCell
        | Label::Minor
        | Label::Part2
        | Label::Restricted
        | Label::Concern => true,
        // Labels for other ends: the registry's charts, and looks at people whom many know.
        Label::Oncology | Label::Vip | Label::Employee => false,
    }
}

const RECIPIENT: &[Proof] = &[Proof::Recipient];
const OFFICIAL: &[Proof] = &[Proof::Official];

const fn relied_on() -> Minimum {
    // A public official's word that it is the minimum may be relied on.
    Minimum::Necessary("45 CFR 164.502(b)(1), 164.514(d)(3)(iii)(A)")
}

const fn own(source: &'static str, proofs: &'static [Proof]) -> Terms {
    Terms {
        basis: Basis::Individual,
        source,
        clock: Some(ACCESS),
        fee: FeeRule::CostBased,
        minimum: Minimum::Exempt("45 CFR 164.502(b)(2)(ii)"),
        proofs,
    }
}

const fn free(basis: Basis, source: &'static str, minimum: Minimum, proofs: &'static [Proof]) -> Terms {
    Terms { basis, source, clock: None, fee: FeeRule::Free, minimum, proofs }
}

const fn charged(basis: Basis, source: &'static str, minimum: Minimum, proofs: &'static [Proof]) -> Terms {
    Terms { basis, source, clock: None, fee: FeeRule::Reasonable, minimum, proofs }
}
