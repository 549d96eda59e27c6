//! Minimum necessary: elements that a role does not see in resources it may see (45 CFR 164.502(b), 164.514(d)(2)).
//!
//! Only elements at the top level that R4 does not demand, so that what is left is still FHIR. Somebody with several roles
//! sees what any of them sees. Whole classes that a role may not see are a matter of the policies, not of views.

use super::classes::class_of;
use super::question::Class;
use crate::access::principal::{Role, Roles};
use fhir::search::query::Hidden;

/// Role, resource type, hidden elements.
const VIEWS: &[(Role, &str, &[&str])] = &[
    // A bill needs who, where to write, and how old; not the family, the language, the picture, or a summary in prose.
    (Role::Biller, "Patient", &["text", "photo", "contact", "communication", "multipleBirth", "generalPractitioner"]),
    (Role::Biller, "Encounter", &["text", "reasonReference", "hospitalization", "statusHistory", "classHistory"]),
    (Role::Biller, "EpisodeOfCare", &["text"]),
    (Role::Biller, "Appointment", &["text", "comment", "patientInstruction", "reasonCode", "reasonReference"]),
    (Role::Biller, "Task", &["text"]),
    // A code needs age, sex and the facts; not where somebody lives.
    (
        Role::Coder,
        "Patient",
        &["text", "photo", "telecom", "address", "contact", "communication", "maritalStatus", "generalPractitioner"],
    ),
    // The registry reports residence, race and next of kin; a face it does not.
    (Role::CancerRegistrar, "Patient", &["text", "photo"]),
    (Role::PublicHealth, "Patient", &["text", "photo", "maritalStatus", "generalPractitioner"]),
    (Role::PublicHealth, "Encounter", &["text", "account"]),
    // Enough to tell two people of one name apart, and to see a shared name or address.
    (
        Role::PrivacyOfficer,
        "Patient",
        &["text", "photo", "communication", "maritalStatus", "multipleBirth", "generalPractitioner"],
    ),
    (Role::PrivacyOfficer, "Task", &["text", "input", "output"]),
    (Role::App, "Patient", &["photo"]),
    // Where staff live and when they were born is theirs.
    (Role::Patient, "Practitioner", STAFF_OWN),
    (Role::Proxy, "Practitioner", STAFF_OWN),
    (Role::App, "Practitioner", STAFF_OWN),
    (Role::Researcher, "Practitioner", STAFF_OWN),
    (Role::PublicHealth, "Practitioner", STAFF_OWN),
    (Role::Auditor, "Practitioner", STAFF_OWN),
];

const STAFF_OWN: &[&str] = &["text", "telecom", "address", "birthDate", "photo"];

/// What is hidden from somebody who reads each class by some roles.
pub(super) fn hidden_by(readers: &[Roles; Class::ALL.len()]) -> Hidden {
    let mut types: Vec<&str> = VIEWS.iter().map(|(_, name, _)| *name).collect();
    types.sort_unstable();
    types.dedup();
    let of = |name| class_of(name).map_or_else(Vec::new, |class| hidden(readers[class.number()], name));
    Hidden::new(types.into_iter().map(|name| (name, of(name))))
}

/// The elements hidden from somebody who reads a type by some roles: those that every one of the roles does not see.
pub(super) fn hidden(readers: Roles, resource_type: &str) -> Vec<&'static str> {
    let mut views = readers.iter().map(|role| of_role(role, resource_type));
    let first = views.next().unwrap_or(&[]).to_vec();
    views.fold(first, |hidden, view| hidden.into_iter().filter(|element| view.contains(element)).collect())
}

fn of_role(role: Role, resource_type: &str) -> &'static [&'static str] {
    VIEWS.iter().find(|(r, name, _)| *r == role && *name == resource_type).map_or(&[], |(_, _, elements)| elements)
}

/// Every view: role, resource type, hidden elements.
pub fn all() -> impl Iterator<Item = (Role, &'static str, &'static [&'static str])> {
    VIEWS.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_hides_only_what_r4_does_not_demand() {
        for (role, name, elements) in VIEWS {
            let ty = fhir::definitions::r4().resource(name).expect(name);
            for element in *elements {
                let defined = ty.elements.iter().find(|e| e.name == *element);
                let defined = defined.unwrap_or_else(|| panic!("{role}: {name}.{element} is no element"));
                assert!(defined.min == 0 && !defined.is_modifier, "{name}.{element}");
            }
            assert_eq!(VIEWS.iter().filter(|(r, n, _)| r == role && n == name).count(), 1);
        }
    }

    #[test]
    fn more_roles_see_more() {
        let coder = Roles::NONE.with(Role::Coder);
        assert!(hidden(coder, "Patient").contains(&"address"));
        assert!(!hidden(coder.with(Role::Biller), "Patient").contains(&"address"));
        assert!(hidden(coder.with(Role::Biller), "Patient").contains(&"photo"));
        assert!(hidden(coder.with(Role::Nurse), "Patient").is_empty());
        assert!(hidden(Roles::NONE, "Patient").is_empty());
    }
}
