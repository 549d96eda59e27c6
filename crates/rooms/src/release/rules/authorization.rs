//! Is an authorization good? Element by element (45 CFR 164.508(c)(1)-(2); 42 CFR 2.31(a) for Part 2).

use base::day::Day;
use base::vocabulary;

vocabulary! {
    /// What a paper is to be.
    Kind {
        /// 45 CFR 164.508.
        Hipaa = "authorization", "authorization under 45 CFR 164.508";
        /// 42 CFR 2.31, for a purpose of its own.
        Part2 = "part-2-consent", "consent under 42 CFR 2.31";
        /// 42 CFR 2.31, for treatment, payment and operations.
        Part2Tpo = "part-2-tpo", "consent under 42 CFR 2.31 for treatment, payment and operations";
    }
}

/// How it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// After a day.
    On(Day),
    /// With an event that is about the patient or the purpose, and has not happened.
    With(String),
    /// It has none, and says so: research, or a Part 2 consent for treatment, payment and operations.
    Never,
}

/// What an authorization says, as somebody read it off the paper. Empty: it says nothing of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorization {
    /// The patient's name.
    pub patient: String,
    /// What may be disclosed.
    pub describes: String,
    /// Who may disclose it.
    pub discloser: String,
    /// To whom.
    pub recipient: String,
    /// What for.
    pub purpose: String,
    /// How it ends.
    pub expiry: Option<Expiry>,
    /// Who signed.
    pub signed_by: String,
    /// When.
    pub signed: Option<Day>,
    /// Where somebody else than the patient signed: by what authority.
    pub authority: String,
    /// Whether somebody else than the patient signed.
    pub is_by_representative: bool,
    /// Which statements of (c)(2) it makes.
    pub statements: Vec<Statement>,
    /// When it was revoked, if that is known.
    pub revoked: Option<Day>,
    /// What else is wrong with it, as far as that is known.
    pub flaws: Vec<Flaw>,
    /// Whether psychotherapy notes are to go.
    pub is_for_psychotherapy_notes: bool,
}

vocabulary! {
    /// A statement that an authorization must make.
    Statement {
        /// That it can be revoked in writing, how, and with what exceptions.
        Revocation = "revocation", "the right to revoke it in writing, and how";
        /// Whether treatment, payment, enrolment or benefits depend on it.
        Conditioning = "conditioning", "whether treatment, payment, enrollment or benefits depend on it";
        /// That the recipient may disclose it further.
        Redisclosure = "redisclosure", "that what is disclosed may be disclosed again by the recipient";
    }
}

vocabulary! {
    /// Something else that makes a paper worthless.
    Flaw {
        /// Joined with another paper where that is not permitted.
        Compound = "compound", "it is joined with another document";
        /// Something of weight in it is known to be false.
        False = "false", "something material in it is known to be false";
        /// A treatment was made to depend on it.
        Conditioned = "conditioned", "treatment was made to depend on it";
        /// Psychotherapy notes together with something else.
        MixedNotes = "mixed-notes", "it joins psychotherapy notes with something else";
        /// A consent for a proceeding joined with another.
        MixedProceeding = "mixed-proceeding", "it joins use in a legal proceeding with another purpose";
    }
}

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// What a patient reads.
    pub says: &'static str,
    /// The paragraph.
    pub source: &'static str,
}

const fn defect(says: &'static str, source: &'static str) -> Defect {
    Defect { says, source }
}

/// All that is wrong with it on a day, in the order of the law; empty: it is good.
#[must_use]
pub fn defects(kind: Kind, paper: &Authorization, today: Day) -> Vec<Defect> {
    let mut found = Vec::new();
    let mut missing = |is_missing: bool, says: &'static str, hipaa: &'static str, part2: &'static str| {
        if is_missing {
            found.push(defect(says, if kind == Kind::Hipaa { hipaa } else { part2 }));
        }
    };
    let is_empty = |text: &str| text.trim().is_empty();
    missing(is_empty(&paper.patient), "It does not name the patient.", "45 CFR 164.508(c)(1)(i)", "42 CFR 2.31(a)(1)");
    missing(
        is_vague(&paper.describes),
        "It does not say in a specific and meaningful way which information may go.",
        "45 CFR 164.508(c)(1)(i)",
        "42 CFR 2.31(a)(3)",
    );
    missing(
        is_empty(&paper.discloser),
        "It does not say who may give the information.",
        "45 CFR 164.508(c)(1)(ii)",
        "42 CFR 2.31(a)(2)",
    );
    missing(
        is_empty(&paper.recipient),
        "It does not say to whom the information may go.",
        "45 CFR 164.508(c)(1)(iii)",
        "42 CFR 2.31(a)(4)",
    );
    missing(
        is_empty(&paper.purpose),
        "It does not say what the information is for.",
        "45 CFR 164.508(c)(1)(iv)",
        "42 CFR 2.31(a)(5)",
    );
    missing(paper.expiry.is_none(), "It does not say when it ends.", "45 CFR 164.508(c)(1)(v)", "42 CFR 2.31(a)(7)");
    missing(is_empty(&paper.signed_by), "It is not signed.", "45 CFR 164.508(c)(1)(vi)", "42 CFR 2.31(a)(8)");
    missing(
        paper.signed.is_none_or(|day| day > today),
        "It does not bear the day on which it was signed.",
        "45 CFR 164.508(c)(1)(vi)",
        "42 CFR 2.31(a)(9)",
    );
    missing(
        paper.is_by_representative && is_empty(&paper.authority),
        "It does not say by what authority somebody signed for the patient.",
        "45 CFR 164.508(c)(1)(vi)",
        "42 CFR 2.31(a)(8)",
    );
    found.extend(unsaid(kind, paper));
    found.extend(ended(kind, paper, today));
    found.extend(paper.flaws.iter().map(|flaw| of_flaw(*flaw, kind)));
    found
}

/// A word that could mean anything is no description.
fn is_vague(describes: &str) -> bool {
    let text = describes.trim().to_lowercase();
    text.is_empty()
        || ["information", "records as needed", "anything", "any information", "whatever is needed"].contains(&&*text)
}

/// The statements that are missing.
fn unsaid(kind: Kind, paper: &Authorization) -> Vec<Defect> {
    let says = |statement: Statement| paper.statements.contains(&statement);
    let wanted = match kind {
        Kind::Hipaa => &[
            (Statement::Revocation, "It does not say that it can be revoked, and how.", "45 CFR 164.508(c)(2)(i)"),
            (
                Statement::Conditioning,
                "It does not say whether treatment, payment, enrollment or benefits depend on it.",
                "45 CFR 164.508(c)(2)(ii)",
            ),
            (
                Statement::Redisclosure,
                "It does not say that the recipient may pass the information on.",
                "45 CFR 164.508(c)(2)(iii)",
            ),
        ][..],
        Kind::Part2 => {
            &[(Statement::Revocation, "It does not say that it can be revoked, and how.", "42 CFR 2.31(a)(6)")][..]
        }
        Kind::Part2Tpo => &[
            (Statement::Revocation, "It does not say that it can be revoked, and how.", "42 CFR 2.31(a)(6)"),
            (
                Statement::Redisclosure,
                "It does not say that the recipient may pass the information on.",
                "42 CFR 2.31(a)(10)(i)",
            ),
            (
                Statement::Conditioning,
                "It does not say what follows when the patient does not sign.",
                "42 CFR 2.31(a)(10)(ii)",
            ),
        ][..],
    };
    wanted.iter().filter(|(statement, ..)| !says(*statement)).map(|(_, says, source)| defect(says, source)).collect()
}

/// Whether it has ended.
fn ended(kind: Kind, paper: &Authorization, today: Day) -> Option<Defect> {
    let (expired, revoked) = match kind {
        Kind::Hipaa => ("45 CFR 164.508(b)(2)(i)", "45 CFR 164.508(b)(2)(iii)"),
        Kind::Part2 | Kind::Part2Tpo => ("42 CFR 2.31(c)(1)", "42 CFR 2.31(c)(3)"),
    };
    if paper.revoked.is_some_and(|day| day <= today) {
        return Some(defect("It was revoked.", revoked));
    }
    match paper.expiry {
        Some(Expiry::On(day)) if day < today => Some(defect("It has expired.", expired)),
        _ => None,
    }
}

fn of_flaw(flaw: Flaw, kind: Kind) -> Defect {
    let part2 = kind != Kind::Hipaa;
    match flaw {
        Flaw::Compound => defect("It is joined with another document.", "45 CFR 164.508(b)(3)"),
        Flaw::False if part2 => defect("Something material in it is known to be false.", "42 CFR 2.31(c)(4)"),
        Flaw::False => defect("Something material in it is known to be false.", "45 CFR 164.508(b)(2)(v)"),
        Flaw::Conditioned => defect("Treatment was made to depend on it.", "45 CFR 164.508(b)(4)"),
        Flaw::MixedNotes if part2 => defect("Counseling notes need a consent of their own.", "42 CFR 2.31(b)"),
        Flaw::MixedNotes => {
            defect("Psychotherapy notes need an authorization of their own.", "45 CFR 164.508(b)(3)(ii)")
        }
        Flaw::MixedProceeding => defect("Use in a legal proceeding needs a consent of its own.", "42 CFR 2.31(d)"),
    }
}
