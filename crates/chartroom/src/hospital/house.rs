//! The house itself: organizations, beds and staff. The same for every seed.
//!
//! Saguaro Valley Critical Access Hospital has 25 beds, as many as 42 CFR 485.620(a) allows, an emergency room, and a
//! clinic next door. Everything in it is invented; telephone numbers are those reserved for fiction (555-01xx).

use super::codes::{Code, hl7};
use super::tree::{Tree, coding, concept, identifier, link, link_named, object};

/// What the hospital is called.
pub const NAME: &str = "Saguaro Valley Critical Access Hospital";
/// The hospital.
pub const HOSPITAL: &str = "Organization/hospital";
/// The clinic.
pub const CLINIC: &str = "Organization/clinic";
/// The state's health information exchange.
pub const EXCHANGE: &str = "Organization/exchange";
/// Where the clinic sees people.
pub const CLINIC_PLACE: &str = "Location/clinic";
/// The emergency room.
pub const EMERGENCY: &str = "Location/emergency";
/// Assigns medical record numbers.
pub const RECORD_NUMBERS: &str = "https://saguaro-valley.example.org/mrn";

/// Who pays: id, name, kind of plan (a code of v3-ActCode's coverage types), and its words.
pub static PAYERS: &[(&str, &str, &str, &str)] = &[
    ("payer-medicare", "Medicare", "SUBSIDIZ", "subsidized health program"),
    ("payer-medicaid", "Arizona Medicaid", "SUBSIDIZ", "subsidized health program"),
    ("payer-copper", "Copper State Health Plan", "EHCPOL", "extended healthcare"),
    ("payer-mesa", "Mesa Verde Mutual", "EHCPOL", "extended healthcare"),
];

/// Number of [`PAYERS`] entries that are Medicare and Medicaid.
pub const MEDICARE: usize = 0;
/// See [`MEDICARE`].
pub const MEDICAID: usize = 1;

/// One who works here.
#[derive(Debug)]
pub struct Clinician {
    /// Resource id.
    pub id: &'static str,
    /// First name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// `MD`, `DO`, `FNP`.
    pub degree: &'static str,
    /// NUCC taxonomy code and its words.
    pub taxonomy: (&'static str, &'static str),
}

impl Clinician {
    /// `Practitioner/...`
    pub fn link(&self) -> String {
        format!("Practitioner/{}", self.id)
    }

    /// As a note is signed.
    pub fn signature(&self) -> String {
        format!("{} {}, {}", self.given, self.family, self.degree)
    }
}

const fn staff(
    id: &'static str,
    given: &'static str,
    family: &'static str,
    degree: &'static str,
    taxonomy: (&'static str, &'static str),
) -> Clinician {
    Clinician { id, given, family, degree, taxonomy }
}

const FAMILY_MEDICINE: (&str, &str) = ("207Q00000X", "Family Medicine Physician");
const EMERGENCY_MEDICINE: (&str, &str) = ("207P00000X", "Emergency Medicine Physician");

/// Everybody on the staff.
pub static STAFF: &[Clinician] = &[
    staff("okafor", "Ngozi", "Okafor", "MD", FAMILY_MEDICINE),
    staff("delgado", "Tomás", "Delgado", "MD", FAMILY_MEDICINE),
    staff("whitehorse", "Carol", "Whitehorse", "DO", FAMILY_MEDICINE),
    staff("reyes", "Inés", "Reyes-Lindqvist", "FNP", ("363LF0000X", "Family Nurse Practitioner")),
    staff("hart", "Samuel", "Hart", "MD", ("207R00000X", "Internal Medicine Physician")),
    staff("kim", "Ji-woo", "Kim", "MD", EMERGENCY_MEDICINE),
    staff("abbott", "Rachel", "Abbott", "DO", EMERGENCY_MEDICINE),
    staff("castellanos", "Lucía", "Castellanos", "MD", ("207V00000X", "Obstetrics & Gynecology Physician")),
    staff("novak", "Peter", "Novák", "MD", ("208600000X", "Surgery Physician")),
    staff("brandt", "Ursula", "Brandt", "MD", ("207X00000X", "Orthopaedic Surgery Physician")),
    staff("iyer", "Meera", "Iyer", "MD", ("207ZP0102X", "Anatomic Pathology & Clinical Pathology Physician")),
    staff("olsen", "Mark", "Olsen", "MD", ("2085R0202X", "Diagnostic Radiology Physician")),
    staff("begaye", "Leland", "Begaye", "MD", ("2084P0800X", "Psychiatry Physician")),
    staff("zhang", "Wei", "Zhang", "MD", ("207RX0202X", "Medical Oncology Physician")),
    staff("tapia", "Rosa", "Tapia", "RN", ("163W00000X", "Registered Nurse")),
];

/// How many of [`STAFF`] keep a panel of clinic patients.
pub const PRIMARY: usize = 4;
/// Numbers in [`STAFF`], by what they do.
pub const HOSPITALIST: usize = 4;
/// Emergency physicians are this one and the next.
pub const EMERGENCY_DOCTOR: usize = 5;
/// Obstetrician.
pub const OBSTETRICIAN: usize = 7;
/// Surgeon.
pub const SURGEON: usize = 8;
/// Orthopaedic surgeon.
pub const ORTHOPAEDIST: usize = 9;
/// Pathologist.
pub const PATHOLOGIST: usize = 10;
/// Radiologist.
pub const RADIOLOGIST: usize = 11;
/// Psychiatrist.
pub const PSYCHIATRIST: usize = 12;
/// Oncologist.
pub const ONCOLOGIST: usize = 13;
/// A nurse of the units.
pub const NURSE: usize = 14;

/// The nursing units and how many beds each has: 25 together.
pub static UNITS: &[(&str, &str, usize)] =
    &[("medsurg", "Medical-Surgical Unit", 18), ("swing", "Swing Bed Unit", 4), ("birth", "Birth Center", 3)];

/// The bed with that number (from 0, taken modulo the unit's beds) of a unit.
pub fn bed(unit: usize, number: usize) -> String {
    let (id, _, beds) = UNITS[unit];
    format!("Location/{id}-bed-{}", number % beds + 1)
}

/// Everything that stands before the first patient comes.
pub fn resources() -> Vec<Tree> {
    let mut all = vec![
        organization("hospital", NAME, hl7!("organization-type", "prov", "Healthcare Provider"), None, Some(1)),
        organization(
            "clinic",
            "Saguaro Valley Family Clinic",
            hl7!("organization-type", "prov", "Healthcare Provider"),
            Some(HOSPITAL),
            Some(2),
        ),
    ];
    let network = hl7!("organization-type", "other", "Other");
    all.push(organization("exchange", "Arizona Health Exchange of the demo", network, None, None));
    for (id, name, ..) in PAYERS {
        all.push(organization(id, name, hl7!("organization-type", "pay", "Payer"), None, None));
    }
    all.push(location("hospital", NAME, ("bu", "Building"), None, "HOSP"));
    all.push(location("clinic", "Saguaro Valley Family Clinic", ("bu", "Building"), None, "PC"));
    all.push(location("emergency", "Emergency Room", ("wa", "Ward"), Some("Location/hospital"), "ER"));
    for (unit, name, beds) in UNITS {
        all.push(location(unit, name, ("wa", "Ward"), Some("Location/hospital"), "HU"));
        for bed in 1..=*beds {
            let (id, name) = (format!("{unit}-bed-{bed}"), format!("{name}, bed {bed}"));
            all.push(location(&id, &name, ("bd", "Bed"), Some(&format!("Location/{unit}")), "HU"));
        }
    }
    for (number, clinician) in STAFF.iter().enumerate() {
        all.push(practitioner(number, clinician));
        all.push(role(number, clinician));
    }
    all
}

fn meta(profile: &'static str) -> Tree {
    object! { "profile": [profile] }
}

fn organization(id: &str, name: &str, kind: Code, part_of: Option<&str>, npi_of: Option<u32>) -> Tree {
    object! {
        "resourceType": "Organization",
        "id": id.to_owned(),
        "meta": meta("http://hl7.org/fhir/us/core/StructureDefinition/us-core-organization"),
        "identifier": npi_of.map(|n| [identifier("http://hl7.org/fhir/sid/us-npi", npi(n))]),
        "active": true,
        "type": [kind],
        "name": name.to_owned(),
        "telecom": [object! { "system": "phone", "value": "(928) 555-0100", "use": "work" }],
        "address": [object! {
            "line": ["1 Hospital Road"], "city": "Palo Seco", "state": "AZ", "postalCode": "85999", "country": "US",
        }],
        "partOf": part_of.map(link),
    }
}

fn location(
    id: &str,
    name: &str,
    (physical, physical_name): (&'static str, &'static str),
    part_of: Option<&str>,
    kind: &'static str,
) -> Tree {
    let owner = if id == "clinic" { CLINIC } else { HOSPITAL };
    object! {
        "resourceType": "Location",
        "id": id.to_owned(),
        "meta": meta("http://hl7.org/fhir/us/core/StructureDefinition/us-core-location"),
        "status": "active",
        "name": name.to_owned(),
        "mode": "instance",
        "type": [object! { "coding": [object! {
            "system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": kind,
        }] }],
        "physicalType": concept(&[hl7!("location-physical-type", physical, physical_name)]),
        "managingOrganization": link(owner),
        "partOf": part_of.map(link),
    }
}

fn practitioner(number: usize, clinician: &Clinician) -> Tree {
    object! {
        "resourceType": "Practitioner",
        "id": clinician.id,
        "meta": meta("http://hl7.org/fhir/us/core/StructureDefinition/us-core-practitioner"),
        "identifier": [identifier("http://hl7.org/fhir/sid/us-npi", npi(100 + number as u32))],
        "active": true,
        "name": [object! {
            "use": "official", "family": clinician.family, "given": [clinician.given], "suffix": [clinician.degree],
        }],
        "telecom": [object! { "system": "phone", "value": format!("(928) 555-01{number:02}"), "use": "work" }],
    }
}

fn role(number: usize, clinician: &Clinician) -> Tree {
    let (code, display) = clinician.taxonomy;
    let specialty = Code { system: "http://nucc.org/provider-taxonomy", code, display };
    let (place, organization) = if number < PRIMARY { (CLINIC_PLACE, CLINIC) } else { ("Location/hospital", HOSPITAL) };
    object! {
        "resourceType": "PractitionerRole",
        "id": format!("{}-role", clinician.id),
        "meta": meta("http://hl7.org/fhir/us/core/StructureDefinition/us-core-practitionerrole"),
        "active": true,
        "practitioner": link_named(&clinician.link(), &clinician.signature()),
        "organization": link(organization),
        "code": [object! { "coding": [coding(if number == NURSE {
            hl7!("practitioner-role", "nurse", "Nurse")
        } else {
            hl7!("practitioner-role", "doctor", "Doctor")
        })] }],
        "specialty": [specialty],
        "location": [link(place)],
        "telecom": [object! { "system": "phone", "value": format!("(928) 555-01{number:02}") }],
        "availabilityExceptions": visiting(number),
    }
}

fn visiting(number: usize) -> Option<&'static str> {
    (number == ONCOLOGIST).then_some("Visits on the first and third Tuesday of the month")
}

/// A National Provider Identifier with its check digit (45 CFR 162.406: Luhn over the number with the prefix 80840).
pub fn npi(n: u32) -> String {
    let stem = 199_000_000 + n;
    // The prefix adds 24 to the sum; every second digit, from the right, is doubled.
    let mut sum = 24;
    let mut rest = stem;
    for place in 0..9 {
        let digit = rest % 10 * if place % 2 == 0 { 2 } else { 1 };
        sum += digit / 10 + digit % 10;
        rest /= 10;
    }
    format!("{stem}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_number_has_its_check_digit() {
        // The standard's own example is 123456789 with the check digit 3.
        let luhn = |text: &str| -> u32 {
            let doubled = |(i, b): (usize, u8)| u32::from(b - b'0') * if i % 2 == 1 { 2 } else { 1 };
            text.bytes().rev().enumerate().map(doubled).map(|d| d / 10 + d % 10).sum()
        };
        assert_eq!(luhn("808401234567893") % 10, 0);
        for n in [1, 2, 100, 113] {
            assert_eq!(luhn(&format!("80840{}", npi(n))) % 10, 0);
        }
    }

    #[test]
    fn there_are_twenty_five_beds() {
        let beds = resources().iter().filter(|r| r.text("name").is_some_and(|n| n.contains(", bed "))).count();
        assert_eq!(beds, 25);
    }
}
