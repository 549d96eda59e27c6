//! People: who they are, where they live, who pays for them.

use super::codes::{Code, hl7};
use super::day::{Day, TODAY};
use super::dice::Dice;
use super::house::{self, MEDICAID, MEDICARE, PAYERS, RECORD_NUMBERS};
use super::names;
use super::tree::{Tree, coding, concept, link, link_named, object};

/// Sex at birth, which is what the stories need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// Tobacco.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Smoking {
    /// Never.
    Never,
    /// Not any more.
    Former,
    /// Daily.
    Daily,
}

/// A patient before anything happened to them.
#[derive(Clone, Debug)]
pub struct Person {
    /// Number in the hospital, from 0.
    pub number: usize,
    /// First names.
    pub given: Vec<&'static str>,
    /// Family name.
    pub family: &'static str,
    /// Sex at birth.
    pub sex: Sex,
    /// Day of birth.
    pub birth: Day,
    /// Index into [`RACES`].
    race: usize,
    hispanic: bool,
    spanish: bool,
    house_number: i32,
    street: &'static str,
    town: (&'static str, &'static str),
    /// Index into [`PAYERS`]; none pays for themselves.
    pub payer: Option<usize>,
    /// Index into [`house::STAFF`] of the primary care clinician.
    pub doctor: usize,
    /// Tobacco.
    pub smoking: Smoking,
    /// Height in centimetres, grown up.
    pub height: i32,
    /// The mother's number, when she gave birth here.
    pub mother: Option<usize>,
    /// The number of the older twin.
    pub twin: Option<usize>,
}

/// The permanent demo patient: a name that breaks whatever does not escape.
pub const ODD_NAME: (&str, &str) = ("Zoë", "O'Null <b>Ltd</b> =1+1");

const RACES: &[(&str, &str)] = &[
    ("2106-3", "White"),
    ("1002-5", "American Indian or Alaska Native"),
    ("2028-9", "Asian"),
    ("2054-5", "Black or African American"),
    ("2076-8", "Native Hawaiian or Other Pacific Islander"),
];

/// Every twentieth patient is a mother whose child is the next patient; another is the older of twins.
const MOTHER: usize = 7;
const TWIN: usize = 13;

/// A patient with the family name of the nurse: a privacy officer sees when she looks.
const NAMESAKE: usize = 30;

/// Whether this patient gives birth in the story, and the next one is her child.
pub fn is_mother(number: usize) -> bool {
    number % 20 == MOTHER
}

/// The day on which that mother gives birth.
pub fn delivery(seed: u64, mother: usize) -> Day {
    TODAY.plus(-Dice::new(seed, mother, 2).between(60, 1500))
}

impl Person {
    /// The person with that number.
    pub fn draw(seed: u64, number: usize) -> Person {
        let mut person = Person::alone(seed, number);
        if number == 0 {
            person.become_zoe();
        } else if number == NAMESAKE {
            person.family = house::STAFF[house::NURSE].family;
        } else if is_mother(number) {
            person.sex = Sex::Female;
            person.birth = delivery(seed, number).plus(-Dice::new(seed, number, 3).between(19 * 365, 39 * 365));
            person.given = vec![names::WOMEN[number / 20 % names::WOMEN.len()]];
        } else if number % 20 == MOTHER + 1 {
            person.be_born_to(&Person::draw(seed, number - 1), delivery(seed, number - 1));
        } else if number % 20 == TWIN + 1 {
            person.be_twin_of(&Person::draw(seed, number - 1));
        }
        person.settle(&mut Dice::new(seed, number, 4));
        person
    }

    fn alone(seed: u64, number: usize) -> Person {
        let dice = &mut Dice::new(seed, number, 1);
        let sex = if dice.chance(510) { Sex::Female } else { Sex::Male };
        let first = if sex == Sex::Female { names::WOMEN } else { names::MEN };
        let mut given = vec![*dice.pick(first)];
        if dice.chance(400) {
            given.push(*dice.pick(first));
        }
        let family = *dice.pick(names::FAMILIES);
        let hispanic = dice.chance(360);
        Person {
            number,
            given,
            family,
            sex,
            birth: TODAY
                .plus(-*dice.weighted(&[(22, 6), (30, 30), (26, 50), (22, 74)]) * 365 - dice.between(-2000, 5600)),
            race: *dice.weighted(&[(70, 0), (18, 1), (5, 2), (6, 3), (1, 4)]),
            hispanic,
            spanish: hispanic && dice.chance(500),
            house_number: dice.between(1, 980),
            street: names::STREETS[dice.below(names::STREETS.len())],
            town: *dice.pick(names::TOWNS),
            payer: None,
            doctor: dice.below(house::PRIMARY),
            smoking: Smoking::Never,
            height: if sex == Sex::Female { dice.around(163, 12) } else { dice.around(176, 13) },
            mother: None,
            twin: None,
        }
    }

    fn become_zoe(&mut self) {
        (self.given, self.family) = (vec![ODD_NAME.0], ODD_NAME.1);
        (self.sex, self.birth, self.height, self.doctor) = (Sex::Female, Day::of(1961, 2, 28), 164, 0);
        (self.race, self.hispanic, self.spanish) = (0, false, false);
    }

    fn be_born_to(&mut self, mother: &Person, day: Day) {
        (self.birth, self.mother, self.family) = (day, Some(mother.number), mother.family);
        self.share_home(mother);
    }

    fn be_twin_of(&mut self, other: &Person) {
        (self.birth, self.twin, self.family) = (other.birth, Some(other.number), other.family);
        if self.given == other.given {
            self.given = vec![if self.sex == Sex::Female { "Aurora" } else { "Óscar" }];
        }
        self.share_home(other);
    }

    fn share_home(&mut self, with: &Person) {
        (self.race, self.hispanic, self.spanish) = (with.race, with.hispanic, with.spanish);
        (self.house_number, self.street, self.town) = (with.house_number, with.street, with.town);
        self.doctor = with.doctor;
    }

    /// What depends on age: birth never lies in the future, the plan fits, children do not smoke.
    fn settle(&mut self, dice: &mut Dice) {
        self.birth = self.birth.min(TODAY.plus(-20));
        let age = self.age(TODAY);
        self.payer = match age {
            65.. => Some(MEDICARE),
            _ if dice.chance(if age < 19 { 450 } else { 250 }) => Some(MEDICAID),
            _ if dice.chance(900) => Some(2 + dice.below(2)),
            _ => None,
        };
        self.smoking = match dice.below(100) {
            0..14 if age >= 18 => Smoking::Daily,
            14..38 if age >= 30 => Smoking::Former,
            _ => Smoking::Never,
        };
    }

    /// Full years on a day.
    pub fn age(&self, day: Day) -> i32 {
        day.age(self.birth)
    }

    /// `Patient/...`
    pub fn link(&self) -> String {
        patient_link(self.number)
    }

    /// First and family name.
    pub fn name(&self) -> String {
        format!("{} {}", self.given[0], self.family)
    }

    /// The medical record number.
    pub fn record_number(&self) -> String {
        format!("SV{:07}", 1_000_003 + self.number * 7)
    }

    /// In the words of a note: `65-year-old woman`.
    pub fn described(&self, day: Day) -> String {
        let age = self.age(day);
        match (age, self.sex) {
            (0, _) if day == self.birth => "newborn child".to_owned(),
            (0, _) if day.0 - self.birth.0 < 60 => format!("{}-day-old infant", day.0 - self.birth.0),
            (0, _) => format!("{}-month-old infant", (day.0 - self.birth.0) * 12 / 366),
            (1..13, Sex::Female) => format!("{age}-year-old girl"),
            (1..13, Sex::Male) => format!("{age}-year-old boy"),
            (_, Sex::Female) => format!("{age}-year-old woman"),
            (_, Sex::Male) => format!("{age}-year-old man"),
        }
    }

    /// The `Patient` resource.
    pub fn patient(&self, died: Option<Day>) -> Tree {
        let language = if self.spanish { ("es", "Spanish") } else { ("en", "English") };
        let mrn_type = hl7!("v2-0203", "MR", "Medical record number");
        object! {
            "resourceType": "Patient",
            "id": patient_id(self.number),
            "meta": object! { "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"] },
            "extension": self.extensions(),
            "identifier": [object! {
                "use": "usual", "type": concept(&[mrn_type]), "system": RECORD_NUMBERS, "value": self.record_number(),
                "assigner": link_named(house::HOSPITAL, house::NAME),
            }],
            "active": died.is_none(),
            "name": [object! { "use": "official", "family": self.family, "given": self.given.clone() }],
            "telecom": self.telecoms(),
            "gender": self.gender(),
            "birthDate": self.birth,
            "deceasedDateTime": died,
            "address": [self.address()],
            "multipleBirthBoolean": self.is_twin().then_some(true),
            "communication": [object! {
                "language": object! {
                    "coding": [coding(Code { system: "urn:ietf:bcp:47", code: language.0, display: language.1 })],
                    "text": language.1,
                },
                "preferred": true,
            }],
            "generalPractitioner": [link_named(
                &house::STAFF[self.doctor].link(),
                &house::STAFF[self.doctor].signature(),
            )],
            "managingOrganization": link(house::HOSPITAL),
        }
    }

    fn is_twin(&self) -> bool {
        self.twin.is_some() || (self.number % 20 == TWIN && self.number != 0)
    }

    /// FHIR's word for the sex.
    pub fn gender(&self) -> &'static str {
        if self.sex == Sex::Female { "female" } else { "male" }
    }

    fn telecoms(&self) -> Vec<Tree> {
        let number = format!("(928) 555-01{:02}", self.number % 100);
        let mut all = vec![object! { "system": "phone", "value": number, "use": "home" }];
        if self.age(TODAY) >= 18 {
            let mail = format!("patient{}@example.org", self.number);
            all.push(object! { "system": "email", "value": mail });
        }
        all
    }

    /// The `Address`.
    pub fn address(&self) -> Tree {
        object! {
            "use": "home", "line": [format!("{} {}", self.house_number, self.street)], "city": self.town.0,
            "state": "AZ", "postalCode": self.town.1, "country": "US",
        }
    }

    fn extensions(&self) -> Vec<Tree> {
        let ethnicity =
            if self.hispanic { ("2135-2", "Hispanic or Latino") } else { ("2186-5", "Not Hispanic or Latino") };
        let birth_sex = if self.sex == Sex::Female { "F" } else { "M" };
        vec![
            omb("http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", RACES[self.race]),
            omb("http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity", ethnicity),
            object! {
                "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex", "valueCode": birth_sex,
            },
        ]
    }

    /// The `Coverage`, if anybody pays. `id` and the reference to the patient are the chart's.
    pub fn coverage(&self, id: String) -> Option<Tree> {
        let (payer, name, code, display) = PAYERS[self.payer?];
        let member = format!("{}{:09}", &payer[6..7].to_uppercase(), 100_000_000 + self.number * 37);
        Some(object! {
            "resourceType": "Coverage",
            "id": id,
            "meta": object! { "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-coverage"] },
            "identifier": [object! {
                "type": concept(&[hl7!("v2-0203", "MB", "Member Number")]),
                "system": "https://saguaro-valley.example.org/member", "value": member.clone(),
            }],
            "status": "active",
            "type": hl7!("v3-ActCode", code, display),
            "subscriberId": member,
            "beneficiary": link(&self.link()),
            "relationship": hl7!("subscriber-relationship", "self", "Self"),
            "period": object! { "start": super::day::OPENED.max(self.birth) },
            "payor": [link_named(&format!("Organization/{payer}"), name)],
        })
    }

    /// The `RelatedPerson`: the mother of a child, otherwise somebody to call.
    pub fn related(&self, id: String, mother: Option<&Person>, dice: &mut Dice) -> Tree {
        let child = self.age(TODAY) < 18;
        let (code, words) = match () {
            () if child => ("MTH", "mother"),
            () if self.age(TODAY) > 70 => ("CHILD", "child"),
            () => ("FAMMEMB", "family member"),
        };
        let family = if child { self.family } else { dice.pick(names::FAMILIES) };
        let given = mother.map_or_else(|| *dice.pick(names::WOMEN), |mother| mother.given[0]);
        object! {
            "resourceType": "RelatedPerson",
            "id": id,
            "meta": object! { "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-relatedperson"] },
            "active": true,
            "patient": link(&self.link()),
            "relationship": [hl7!("v3-RoleCode", code, words)],
            "name": [object! { "family": family, "given": [given] }],
            "telecom": [object! { "system": "phone", "value": format!("(928) 555-01{:02}", dice.below(100)) }],
            "address": [self.address()],
        }
    }
}

/// `Patient/...` of a number.
pub fn patient_link(number: usize) -> String {
    format!("Patient/{}", patient_id(number))
}

/// The logical id. It is not the medical record number: ids stand in URLs.
pub fn patient_id(number: usize) -> String {
    if number == 0 { "zoe".to_owned() } else { format!("p{number}") }
}

fn omb(url: &'static str, (code, display): (&'static str, &'static str)) -> Tree {
    let code = Code { system: "urn:oid:2.16.840.1.113883.6.238", code, display };
    object! {
        "extension": [
            object! { "url": "ombCategory", "valueCoding": coding(code) },
            object! { "url": "text", "valueString": display },
        ],
        "url": url,
    }
}
