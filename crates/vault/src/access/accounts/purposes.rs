//! Which purposes somebody may choose when they begin to work. What a purpose permits stands in the policies.

use crate::access::{Purpose, Role, Roles};

/// The purposes that roles may come for, the usual one first.
#[must_use]
pub fn purposes(roles: Roles) -> Vec<Purpose> {
    let mut purposes = Vec::new();
    for purpose in roles.iter().flat_map(of) {
        if !purposes.contains(purpose) {
            purposes.push(*purpose);
        }
    }
    purposes
}

/// Breaking the glass is none of them: it is asked for with a reason, for one patient.
fn of(role: Role) -> &'static [Purpose] {
    match role {
        Role::Physician => &[Purpose::Treatment, Purpose::Emergency, Purpose::CareManagement, Purpose::Quality],
        Role::Nurse => &[Purpose::Treatment, Purpose::Emergency, Purpose::CareManagement],
        Role::HimSpecialist => &[
            Purpose::RecordManagement,
            Purpose::PatientAdministration,
            Purpose::Operations,
            Purpose::Legal,
            Purpose::PatientRequest,
        ],
        Role::Coder => &[Purpose::Payment, Purpose::Operations, Purpose::Quality],
        Role::CancerRegistrar => &[Purpose::PublicHealth, Purpose::Operations, Purpose::Quality],
        Role::Technologist => &[Purpose::SystemAdministration],
        Role::Manager => &[Purpose::Operations, Purpose::Quality],
        Role::PrivacyOfficer => &[Purpose::Compliance, Purpose::Legal],
        Role::Researcher => &[Purpose::Research],
        Role::PublicHealth => &[Purpose::PublicHealth],
        Role::Patient => &[Purpose::PatientRequest],
        Role::Proxy => &[Purpose::FamilyRequest, Purpose::PowerOfAttorney],
        Role::App => &[
            Purpose::Operations,
            Purpose::Treatment,
            Purpose::Payment,
            Purpose::Quality,
            Purpose::Research,
            Purpose::PublicHealth,
        ],
        Role::InterfacePartner => &[Purpose::Operations],
        Role::Auditor => &[Purpose::Compliance],
        Role::Biller => &[Purpose::Payment],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_a_purpose_and_none_is_named_twice() {
        assert!(Role::ALL.iter().all(|role| !purposes(Roles::NONE.with(*role)).is_empty()));
        let both = purposes(Roles::NONE.with(Role::Physician).with(Role::Nurse));
        assert_eq!(both.first(), Some(&Purpose::Treatment));
        assert_eq!(both.len(), 4);
        assert!(purposes(Role::ALL.iter().copied().collect()).iter().all(|p| *p != Purpose::BreakGlass));
    }
}
