//! When a request to amend may be refused: a closed list (45 CFR 164.526(a)(2)), and what is no ground.

use base::vocabulary;

vocabulary! {
    /// Why the record stays as it is.
    Ground {
        /// Not where whoever made it is gone.
        NotOurs = "not-ours", "we did not make it, and whoever did can still act on your request";
        /// What no decision is made from.
        NotInSet = "not-in-the-set", "it is no part of the record that decisions about you are made from";
        /// What the patient may not see.
        NotOpen = "not-open", "it is not open to your access";
        /// It is right.
        Accurate = "accurate", "it is accurate and complete";
    }
}

/// What is no ground, however often it is given.
pub const NO_GROUNDS: [(&str, &str); 4] = [
    ("signed", "that a note is signed is no ground; an amendment is added to it (45 CFR 164.526(c)(1))"),
    ("old", "age is no ground: the right lasts as long as the record is kept (45 CFR 164.526(a)(1))"),
    ("author-gone", "that whoever wrote it has left is no ground (45 CFR 164.526(a)(2)(i))"),
    ("already-sent", "that it was sent already is no ground; those who have it are told (45 CFR 164.526(c)(3))"),
];

impl Ground {
    /// The paragraph.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Ground::NotOurs => "45 CFR 164.526(a)(2)(i)",
            Ground::NotInSet => "45 CFR 164.526(a)(2)(ii)",
            Ground::NotOpen => "45 CFR 164.526(a)(2)(iii)",
            Ground::Accurate => "45 CFR 164.526(a)(2)(iv)",
        }
    }

    /// Whether it stands. `maker_is_gone`: there is reason to believe that whoever made it cannot act any more.
    #[must_use]
    pub const fn stands(self, maker_is_gone: bool) -> bool {
        !matches!(self, Ground::NotOurs) || !maker_is_gone
    }
}
