//! Who stands behind an app: whether what it reads is disclosed to somebody outside (45 CFR 164.528).

use super::Registration;
use crate::access::vocabulary::vocabulary;
use base::refusal::{Kind, Refusal};

vocabulary! {
    /// Who stands behind an app.
    Reach {
        /// The hospital, or who works for it by contract: nothing leaves the house.
        House = "house", "the hospital's own";
        /// The patient chose it: what it gets is the patient's own access.
        Patient = "patient", "the patient's own choice";
        /// Somebody else: what it reads is disclosed, and stands in the accounting by its legal ground.
        Outside = "outside", "an outside recipient";
    }
}

#[expect(clippy::derivable_impls, reason = "the enum is made by a macro that derives no default")]
impl Default for Reach {
    fn default() -> Reach {
        Reach::House
    }
}

impl Registration {
    /// Refuses an outside recipient without a legal ground, and a ground that nobody outside needs.
    pub(super) fn check_reach(&self) -> Result<(), Refusal> {
        let message = match (self.reach, self.basis) {
            (Reach::Outside, None) => "an outside recipient gets what it reads on a legal ground; name it as the basis",
            (Reach::House | Reach::Patient, Some(_)) => "only an outside recipient has a basis; leave it out",
            _ if self.address.len() > 300 || self.address.chars().any(char::is_control) => {
                "the recipient's address is too long or has control characters; give it on one line"
            }
            (Reach::Outside, Some(_)) | (Reach::House | Reach::Patient, None) => return Ok(()),
        };
        Err(Refusal::new(Kind::Invalid, "invalid", message))
    }
}
