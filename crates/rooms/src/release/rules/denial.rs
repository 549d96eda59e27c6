//! On what grounds a request may be refused: a closed list, each ground with its paragraph (45 CFR 164.524(a)(2)-(3), (d)).

use super::Route;
use base::vocabulary;

vocabulary! {
    /// Why nothing, or not everything, is given.
    Ground {
        /// No review.
        Excepted = "excepted", "psychotherapy notes, or compiled for a legal proceeding";
        /// No review.
        Inmate = "inmate", "a copy would jeopardize health, safety or custody in a correctional institution";
        /// No review.
        ResearchUnderWay = "research-under-way", "research with treatment is under way, and the patient agreed to wait";
        /// No review.
        PrivacyAct = "privacy-act", "the Privacy Act denies it";
        /// No review.
        ConfidentialSource = "confidential-source", "somebody gave it in confidence, who would be revealed";
        /// Reviewed when the patient asks.
        Endangers = "endangers", "reasonably likely to endanger the life or physical safety of somebody";
        /// Reviewed when the patient asks.
        HarmsOther = "harms-other", "speaks of another person, to whom it is reasonably likely to do substantial harm";
        /// Reviewed when the patient asks.
        HarmByRepresentative = "harm-by-representative",
            "access by this representative is reasonably likely to do substantial harm";
        /// Not kept here.
        NotHeld = "not-held", "not kept here";
        /// Nobody may ask in this way.
        Unverified = "unverified", "who asks, or their authority, could not be verified";
        /// The paper is no good.
        DefectiveAuthorization = "defective-authorization", "the authorization or consent is not valid";
        /// No assurance with a subpoena.
        NoAssurance = "no-assurance", "no satisfactory assurance came with the subpoena";
        /// Neither consent nor order.
        Part2Protected = "part-2-protected", "Part 2 records, without a Part 2 consent or order";
        /// Nothing permits it.
        NotPermitted = "not-permitted", "nothing permits the disclosure that was asked for";
    }
}

/// What is no ground, however often it is given (45 CFR 164.524; HHS guidance on the right of access).
pub const NO_GROUNDS: [(&str, &str); 5] = [
    ("unpaid-bill", "an unpaid bill is no ground to refuse or delay access"),
    ("no-reason", "a patient need not say what the record is for (45 CFR 164.524(b)(1))"),
    ("own-form", "a form of the house's own may not stand in the way (45 CFR 164.524(b)(1))"),
    ("use-the-portal", "whoever asks for another form that is readily producible gets it (45 CFR 164.524(c)(2)(i))"),
    ("not-our-document", "what came from elsewhere and is kept here is given, too (45 CFR 164.501)"),
];

impl Ground {
    /// The paragraph.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Ground::Excepted => "45 CFR 164.524(a)(2)(i)",
            Ground::Inmate => "45 CFR 164.524(a)(2)(ii)",
            Ground::ResearchUnderWay => "45 CFR 164.524(a)(2)(iii)",
            Ground::PrivacyAct => "45 CFR 164.524(a)(2)(iv)",
            Ground::ConfidentialSource => "45 CFR 164.524(a)(2)(v)",
            Ground::Endangers => "45 CFR 164.524(a)(3)(i)",
            Ground::HarmsOther => "45 CFR 164.524(a)(3)(ii)",
            Ground::HarmByRepresentative => "45 CFR 164.524(a)(3)(iii)",
            Ground::NotHeld => "45 CFR 164.524(d)(3)",
            Ground::Unverified => "45 CFR 164.514(h)(1)",
            Ground::DefectiveAuthorization => "45 CFR 164.508(b)(2)",
            Ground::NoAssurance => "45 CFR 164.512(e)(1)(ii)",
            Ground::Part2Protected => "42 CFR 2.13(a), 2.61",
            Ground::NotPermitted => "45 CFR 164.502(a)",
        }
    }

    /// Whether a licensed professional who had no part in it reviews it when the patient asks (164.524(a)(4)).
    #[must_use]
    pub const fn is_reviewable(self) -> bool {
        matches!(self, Ground::Endangers | Ground::HarmsOther | Ground::HarmByRepresentative)
    }

    /// Whether it takes the judgment of a licensed health care professional (164.524(a)(3)).
    #[must_use]
    pub const fn needs_professional(self) -> bool {
        self.is_reviewable()
    }

    /// Whether a request on a route may be refused so.
    #[must_use]
    pub const fn fits(self, route: Route) -> bool {
        match self {
            Ground::NotHeld | Ground::Unverified => true,
            Ground::Excepted
            | Ground::Inmate
            | Ground::ResearchUnderWay
            | Ground::PrivacyAct
            | Ground::ConfidentialSource
            | Ground::Endangers
            | Ground::HarmsOther => route.is_own(),
            Ground::HarmByRepresentative => matches!(route, Route::Representative),
            Ground::DefectiveAuthorization => {
                matches!(route, Route::Authorization | Route::Directive | Route::Part2Consent | Route::Part2Tpo)
            }
            Ground::NoAssurance => matches!(route, Route::Subpoena),
            // The patient's own access to them needs no consent (42 CFR 2.23).
            Ground::Part2Protected => !route.is_own() && !route.is_part2(),
            Ground::NotPermitted => !route.is_own(),
        }
    }
}
