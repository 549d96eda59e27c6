//! Who works at the demo hospital, and two whom it treats: one account a role. None has a password: one click signs in, and
//! only where the data directory is a demo.

use super::Hospital;
use super::people::patient_id;
use fhir::json::Json;
use vault::access::{Profile, Role, Roles};

/// A mother and her child: she acts for it.
const CHILD: usize = 8;

/// Login, name, roles, what it stands for, units.
type Row = (&'static str, &'static str, &'static [Role], &'static [&'static str], &'static [&'static str]);

const STAFF: &[Row] = &[
    ("kim", "Ji-woo Kim, MD", &[Role::Physician], &["Practitioner/kim"], &["Location/emergency"]),
    ("okafor", "Ngozi Okafor, MD", &[Role::Physician], &["Practitioner/okafor"], &["Location/clinic"]),
    ("begaye", "Leland Begaye, MD", &[Role::Physician], &["Practitioner/begaye"], &[]),
    ("nurse", "Rosa Tapia, RN", &[Role::Nurse], &["Practitioner/tapia"], &["Location/medsurg", "Location/swing"]),
    ("him", "Dana Whitaker, RHIA", &[Role::HimSpecialist], &[], &[]),
    ("coder", "Miguel Soto, CCS", &[Role::Coder], &[], &[]),
    ("registrar", "Helen Park, ODS", &[Role::CancerRegistrar], &[], &[]),
    ("privacy", "Ada Freeman, CHPS", &[Role::PrivacyOfficer], &[], &[]),
    ("biller", "Tom Vasquez", &[Role::Biller], &[], &[]),
    ("manager", "Joan Littlefield", &[Role::Manager], &[], &[]),
    ("researcher", "Priya Raman, PhD", &[Role::Researcher], &[], &[]),
    ("public-health", "Owen Bird, MPH", &[Role::PublicHealth], &[], &[]),
    ("auditor", "Grace Lindholm, CISA", &[Role::Auditor], &[], &[]),
    ("technologist", "Sam Ortega", &[Role::Technologist], &[], &[]),
];

/// All accounts of a hospital.
pub fn profiles(hospital: Hospital) -> Vec<Profile> {
    let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
    let mut all: Vec<Profile> = STAFF
        .iter()
        .map(|(login, name, roles, stands_for, units)| Profile {
            login: (*login).to_owned(),
            name: (*name).to_owned(),
            roles: roles.iter().copied().collect(),
            stands_for: owned(stands_for),
            units: owned(units),
            is_demo: true,
        })
        .collect();
    let outside = |login: &str, name: &str, role: Role, stands_for: String| Profile {
        login: login.to_owned(),
        name: name.to_owned(),
        roles: Roles::NONE.with(role),
        stands_for: vec![stands_for],
        units: Vec::new(),
        is_demo: true,
    };
    all.push(outside("zoe", "Zoë, a patient", Role::Patient, format!("Patient/{}", patient_id(0))));
    all.extend(mother(hospital).map(|who| outside("mother", "A mother, for her child", Role::Proxy, who)));
    all
}

/// Whoever the child's chart names as related.
fn mother(hospital: Hospital) -> Option<String> {
    hospital.group(CHILD + 1).iter().find_map(|tree| {
        let bytes = tree.to_bytes();
        let resource = Json::parse(&bytes).ok()?;
        let is_related = resource.text("resourceType") == Some("RelatedPerson");
        is_related.then(|| format!("RelatedPerson/{}", resource.text("id").unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_of_people_signs_in_and_stands_for_what_is_there() {
        let hospital = Hospital::new(1, 20);
        let profiles = profiles(hospital);
        for role in Role::ALL.iter().filter(|role| !matches!(role, Role::App | Role::InterfacePartner)) {
            assert!(profiles.iter().any(|profile| profile.roles.contains(*role)), "{role}");
        }
        let there: Vec<String> = (0..=20)
            .flat_map(|group| hospital.group(group))
            .map(|tree| {
                let bytes = tree.to_bytes();
                let json = Json::parse(&bytes).expect("JSON");
                format!("{}/{}", json.text("resourceType").unwrap_or_default(), json.text("id").unwrap_or_default())
            })
            .collect();
        for reference in profiles.iter().flat_map(|profile| profile.stands_for.iter().chain(&profile.units)) {
            assert!(there.contains(reference), "{reference}");
        }
    }
}
