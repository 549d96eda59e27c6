//! What a copy may cost (45 CFR 164.524(c)(4)).

use base::vocabulary;

/// What may be charged on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeRule {
    /// A reasonable, cost-based fee: labor of copying, supplies, postage, an agreed summary (45 CFR 164.524(c)(4)).
    CostBased,
    /// HIPAA sets no limit; the law of the State may.
    Reasonable,
    /// The house does not charge.
    Free,
}

/// In what form a copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A copy of what is kept electronically, sent electronically.
    Electronic,
    /// Paper, film, or a copy of what is kept on paper.
    Paper,
}

vocabulary! {
    /// What somebody would like to be paid for.
    Charge {
        /// Labor of copying, by the hours it took.
        Copying = "copying", "labor of copying";
        /// Paper, disc, stick.
        Supplies = "supplies", "supplies";
        /// Stamps.
        Postage = "postage", "postage";
        /// A summary or explanation to which the patient agreed beforehand.
        Summary = "summary", "an agreed summary";
        /// Each page.
        PerPage = "per-page", "a price a page";
        /// At most 6.50 for an electronic copy, in place of everything else.
        Flat = "flat", "the flat fee";
        /// Looking for it.
        Search = "search", "search and retrieval";
        /// Looking through it.
        Review = "review", "review of the request or the record";
        /// Making sure who asks.
        Verification = "verification", "verification of identity";
        /// What the systems cost.
        Systems = "systems", "systems and infrastructure";
        /// Looking at it in the house, or through a portal.
        Viewing = "viewing", "viewing or a portal";
        /// A certificate for a court.
        Certification = "certification", "certification";
    }
}

/// The flat fee that may take the place of actual or average costs, in cents (HHS, guidance on the right of access, 2016).
pub const FLAT_CENTS: u64 = 650;

/// One charge that may not be made, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// Which.
    pub charge: Charge,
    /// In plain words.
    pub why: &'static str,
    /// The paragraph.
    pub source: &'static str,
}

/// What is left after the rule has been applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fee {
    /// What may be charged, in cents.
    pub cents: u64,
    /// What may not.
    pub forbidden: Vec<Forbidden>,
}

const COST: &str = "45 CFR 164.524(c)(4)";

/// Applies the rule to charges in cents.
#[must_use]
pub fn fee(rule: FeeRule, medium: Medium, charges: &[(Charge, u64)]) -> Fee {
    let is_flat = charges.iter().any(|(charge, _)| *charge == Charge::Flat);
    let mut fee = Fee::default();
    for &(charge, cents) in charges {
        match forbids(rule, medium, charge, cents, is_flat) {
            Some((why, source)) => fee.forbidden.push(Forbidden { charge, why, source }),
            None => fee.cents = fee.cents.saturating_add(cents),
        }
    }
    fee
}

fn forbids(
    rule: FeeRule,
    medium: Medium,
    charge: Charge,
    cents: u64,
    is_flat: bool,
) -> Option<(&'static str, &'static str)> {
    match (rule, charge) {
        (FeeRule::Reasonable, _) => None,
        (FeeRule::Free, _) => Some(("nothing is charged on this route", "the house's own rule")),
        (FeeRule::CostBased, Charge::Flat) if medium == Medium::Paper => Some((
            "the flat fee is for electronic copies of what is kept electronically",
            "HHS guidance on 45 CFR 164.524(c)(4)",
        )),
        (FeeRule::CostBased, Charge::Flat) if cents > FLAT_CENTS => {
            Some(("the flat fee is at most $6.50", "HHS guidance on 45 CFR 164.524(c)(4)"))
        }
        (FeeRule::CostBased, Charge::Flat) => None,
        (FeeRule::CostBased, Charge::Copying | Charge::Supplies | Charge::Postage) if is_flat => {
            Some(("the flat fee stands for all costs", "HHS guidance on 45 CFR 164.524(c)(4)"))
        }
        (FeeRule::CostBased, Charge::Copying) => None,
        (FeeRule::CostBased, Charge::Supplies) => None,
        (FeeRule::CostBased, Charge::Postage) if medium == Medium::Electronic => {
            Some(("nothing is mailed", "45 CFR 164.524(c)(4)(iii)"))
        }
        (FeeRule::CostBased, Charge::Postage | Charge::Summary) => None,
        (FeeRule::CostBased, Charge::PerPage) if medium == Medium::Electronic => {
            Some(("an electronic copy has no pages to be paid for", COST))
        }
        // A price a page is a way to say the average cost of copying on paper.
        (FeeRule::CostBased, Charge::PerPage) => None,
        (FeeRule::CostBased, Charge::Search) => Some(("looking for the record may not be charged", COST)),
        (FeeRule::CostBased, Charge::Review) => Some(("looking through the record may not be charged", COST)),
        (FeeRule::CostBased, Charge::Verification) => Some(("making sure who asks may not be charged", COST)),
        (FeeRule::CostBased, Charge::Systems) => Some(("what the systems cost may not be charged", COST)),
        (FeeRule::CostBased, Charge::Viewing) => Some(("looking at the record, or a portal, is free", COST)),
        (FeeRule::CostBased, Charge::Certification) => Some(("a certificate is no cost of copying", COST)),
    }
}

/// Cents as dollars, `6.50`.
#[must_use]
pub fn dollars(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
