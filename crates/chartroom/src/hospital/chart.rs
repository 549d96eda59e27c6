//! One patient's chart while it is being written: what they have, what they take, and the resources so far.

use super::codes::conditions::Problem;
use super::codes::drugs::{ALLERGENS, Drug};
use super::codes::{Code, hl7, loinc};
use super::day::{Day, Moment, OPENED, TODAY};
use super::dice::Dice;
use super::house::{self, STAFF};
use super::people::{Person, Smoking};
use super::tree::{Tree, concept, link, link_named, object, put, words};
use super::visits::Visit;
use fhir::json::Json;

/// A condition on the problem list.
#[derive(Clone, Debug)]
pub struct Active {
    /// Which.
    pub problem: &'static Problem,
    /// `Condition/...`
    pub link: String,
    /// Since when.
    pub onset: Day,
}

/// A drug being taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Which.
    pub drug: &'static Drug,
    slot: usize,
}

/// What is measured again and again, and moves slowly. Units are those of the laboratory's last decimal place.
#[derive(Clone, Debug)]
pub struct Body {
    /// Systolic pressure, mmHg.
    pub systolic: i32,
    /// Tenths of a kilogram.
    pub weight: i32,
    /// Centimetres.
    pub height: i32,
    /// Tenths of a percent.
    pub a1c: i32,
    /// Hundredths of mg/dL.
    pub creatinine: i32,
    /// mg/dL.
    pub cholesterol: i32,
    /// Tenths of g/dL.
    pub hemoglobin: i32,
    /// Score.
    pub phq9: i32,
}

/// A chart being written.
pub struct Chart {
    /// Whose.
    pub person: Person,
    /// Chance.
    pub dice: Dice,
    /// The day of death.
    pub died: Option<Day>,
    /// What moves slowly.
    pub body: Body,
    /// The problem list.
    pub problems: Vec<Active>,
    /// The medication list.
    pub drugs: Vec<Taken>,
    /// `Coverage/...`
    pub coverage: Option<String>,
    /// Vaccine and number of each dose given.
    pub doses: Vec<(&'static str, i32)>,
    /// Names of what is not tolerated.
    pub allergies: Vec<&'static str>,
    out: Vec<Tree>,
    next: u32,
}

impl Chart {
    /// A chart with its first pages: the patient, who pays, whom to call.
    pub fn open(seed: u64, number: usize, died: Option<Day>) -> Chart {
        let person = Person::draw(seed, number);
        let mut dice = Dice::new(seed, number, 5);
        let body = Body::draw(&person, &mut dice);
        let out = vec![person.patient(died)];
        let (problems, drugs, allergies) = (Vec::new(), Vec::new(), Vec::new());
        let mut chart = Chart {
            person,
            dice,
            died,
            body,
            problems,
            drugs,
            coverage: None,
            doses: Vec::new(),
            allergies,
            out,
            next: 1,
        };
        chart.first_pages(seed);
        chart
    }

    /// All resources, in an order in which each refers only to what is in the same chart or in the house.
    pub fn close(self) -> Vec<Tree> {
        self.out
    }

    /// The last day on which something happens.
    pub fn end(&self) -> Day {
        self.died.unwrap_or(TODAY)
    }

    /// The reference to the patient.
    pub fn patient(&self) -> Tree {
        link_named(&self.person.link(), &self.person.name())
    }

    /// Reserves the next place; the resource is put there with [`Chart::fill`].
    pub fn reserve(&mut self) -> (usize, String) {
        let id = format!("{}-{}", super::people::patient_id(self.person.number), self.next);
        self.next += 1;
        self.out.push(Json::Null);
        (self.out.len() - 1, id)
    }

    /// Writes a resource into its reserved place. `whole` has no type, id or meta yet.
    pub fn fill(&mut self, slot: usize, kind: &'static str, id: String, profile: Option<&'static str>, whole: Tree) {
        let mut whole = whole;
        if let Some(object) = whole.as_object_mut() {
            object.insert(0, "resourceType", Json::string(kind));
            object.insert(1, "id", Json::string(id));
            if let Some(profile) = profile {
                let url = format!("http://hl7.org/fhir/us/core/StructureDefinition/us-core-{profile}");
                object.insert(2, "meta", object! { "profile": [url] });
            }
        }
        self.out[slot] = whole;
    }

    /// Adds a resource and answers its reference, `Type/id`.
    pub fn add(&mut self, kind: &'static str, profile: Option<&'static str>, body: Tree) -> String {
        let (slot, id) = self.reserve();
        let link = format!("{kind}/{id}");
        self.fill(slot, kind, id, profile, body);
        link
    }

    fn first_pages(&mut self, seed: u64) {
        let (slot, id) = self.reserve();
        let mother = self.person.mother.map(|number| Person::draw(seed, number));
        self.out[slot] = self.person.related(id, mother.as_ref(), &mut self.dice);
        let (slot, id) = self.reserve();
        match self.person.coverage(id.clone()) {
            Some(coverage) => {
                self.out[slot] = coverage;
                self.coverage = Some(format!("Coverage/{id}"));
            }
            None => self.out.truncate(slot),
        }
        if self.dice.chance(250) || self.person.number == 0 {
            self.allergy();
        }
        if self.person.age(TODAY) >= 18 {
            self.consent();
            self.smoking(OPENED.max(self.person.birth.plus(18 * 365)).workday().at(9, 0));
        }
    }

    fn allergy(&mut self) {
        let allergen = self.dice.pick(ALLERGENS);
        self.allergies.push(allergen.code.display);
        let body = object! {
            "clinicalStatus": hl7!("allergyintolerance-clinical", "active", "Active"),
            "verificationStatus": hl7!("allergyintolerance-verification", "confirmed", "Confirmed"),
            "type": "allergy",
            "category": [allergen.category],
            "criticality": if allergen.severity == "severe" { "high" } else { "low" },
            "code": allergen.code,
            "patient": self.patient(),
            "recordedDate": OPENED.max(self.person.birth.plus(1)),
            "reaction": [object! { "manifestation": [allergen.reaction], "severity": allergen.severity }],
        };
        self.add("AllergyIntolerance", Some("allergyintolerance"), body);
    }

    fn consent(&mut self) {
        let kind = if self.dice.chance(900) { "permit" } else { "deny" };
        // Who stays out of the exchange says nothing about the house itself.
        let exchange = object! {
            "role": hl7!("v3-ParticipationType", "IRCP", "information recipient"),
            "reference": link(house::EXCHANGE),
        };
        let body = object! {
            "status": "active",
            "scope": hl7!("consentscope", "patient-privacy", "Privacy Consent"),
            "category": [loinc("59284-0", "Consent Document")],
            "patient": link(&self.person.link()),
            "dateTime": OPENED,
            "organization": [link(house::HOSPITAL)],
            "policyRule": words("Taking part in the state's health information exchange"),
            "provision": object! { "type": kind, "actor": [exchange] },
        };
        self.add("Consent", None, body);
    }

    fn smoking(&mut self, at: Moment) {
        use super::codes::procedures::{EX_SMOKER, NEVER_SMOKED, SMOKES_DAILY};
        let value = match self.person.smoking {
            Smoking::Never => NEVER_SMOKED,
            Smoking::Former => EX_SMOKER,
            Smoking::Daily => SMOKES_DAILY,
        };
        let body = object! {
            "status": "final",
            "category": [hl7!("observation-category", "social-history", "Social History")],
            "code": super::codes::labs::SMOKING,
            "subject": self.patient(),
            "effectiveDateTime": at,
            "issued": at,
            "performer": [link(&STAFF[self.person.doctor].link())],
            "valueCodeableConcept": value,
        };
        self.add("Observation", Some("smokingstatus"), body);
    }

    /// Whether a condition is on the problem list.
    pub fn has(&self, problem: &Problem) -> bool {
        self.problems.iter().any(|a| std::ptr::eq(a.problem, problem))
    }

    /// Puts a condition on the problem list, diagnosed at a visit that names it.
    pub fn diagnose(&mut self, visit: &mut Visit, problem: &'static Problem) -> String {
        if let Some(active) = self.problems.iter().find(|a| std::ptr::eq(a.problem, problem)) {
            let link = active.link.clone();
            visit.diagnoses.push((problem, link.clone()));
            return link;
        }
        let link = self.condition(visit, problem, "problem-list-item", None);
        self.problems.push(Active { problem, link: link.clone(), onset: visit.start.day() });
        link
    }

    /// A condition of one visit, over after so many days.
    pub fn acute(&mut self, visit: &mut Visit, problem: &'static Problem, days: i32) -> String {
        self.condition(visit, problem, "encounter-diagnosis", Some(visit.start.day().plus(days)))
    }

    fn condition(
        &mut self,
        visit: &mut Visit,
        problem: &'static Problem,
        category: &'static str,
        over: Option<Day>,
    ) -> String {
        let (status, status_words, profile) = match over {
            Some(day) if day <= self.end() => ("resolved", "Resolved", "condition-encounter-diagnosis"),
            Some(_) => ("active", "Active", "condition-encounter-diagnosis"),
            None => ("active", "Active", "condition-problems-health-concerns"),
        };
        let words = if category == "problem-list-item" { "Problem List Item" } else { "Encounter Diagnosis" };
        let body = object! {
            "clinicalStatus": hl7!("condition-clinical", status, status_words),
            "verificationStatus": hl7!("condition-ver-status", "confirmed", "Confirmed"),
            "category": [hl7!("condition-category", category, words)],
            "code": concept(&[problem.snomed, problem.icd]),
            "subject": self.patient(),
            "encounter": link(&visit.link),
            "onsetDateTime": visit.start.day(),
            "abatementDateTime": over.filter(|day| *day <= self.end()),
            "recordedDate": visit.start.day(),
            "asserter": link(&STAFF[visit.doctor].link()),
        };
        let link = self.add("Condition", Some(profile), body);
        visit.diagnoses.push((problem, link.clone()));
        link
    }

    /// Whether a drug is being taken.
    pub fn takes(&self, drug: &Drug) -> bool {
        self.drugs.iter().any(|t| std::ptr::eq(t.drug, drug))
    }

    /// Prescribes a drug, unless it is being taken. The note says so.
    pub fn prescribe(&mut self, visit: &mut Visit, drug: &'static Drug, reason: Option<&str>) {
        if self.takes(drug) {
            return;
        }
        let day = visit.start.day();
        let over = drug.days > 0 && day.plus(drug.days) <= self.end();
        let body = object! {
            "status": if over { "completed" } else { "active" },
            "intent": "order",
            "category": [hl7!("medicationrequest-category", "community", "Community")],
            "medicationCodeableConcept": drug.code,
            "subject": self.patient(),
            "encounter": link(&visit.link),
            "authoredOn": visit.start,
            "requester": link_named(&STAFF[visit.doctor].link(), &STAFF[visit.doctor].signature()),
            "reasonReference": reason.map(|r| [link(r)]),
            "dosageInstruction": [object! {
                "text": drug.sig,
                "timing": object! { "repeat": object! { "frequency": drug.daily, "period": 1, "periodUnit": "d" } },
            }],
            "dispenseRequest": object! {
                "numberOfRepeatsAllowed": if drug.days > 0 { 0 } else { 3 },
                "expectedSupplyDuration": super::tree::quantity(if drug.days > 0 { drug.days } else { 90 }, 0, "d"),
            },
        };
        let (slot, id) = self.reserve();
        self.fill(slot, "MedicationRequest", id, Some("medicationrequest"), body);
        if drug.days == 0 {
            self.drugs.push(Taken { drug, slot });
        }
        visit.plan.push(format!("Start {}: {}.", drug.name, lower(drug.sig)));
    }

    /// Stops a drug.
    pub fn stop(&mut self, visit: &mut Visit, drug: &'static Drug) {
        let Some(at) = self.drugs.iter().position(|t| std::ptr::eq(t.drug, drug)) else { return };
        let taken = self.drugs.remove(at);
        if let Some(request) = self.out[taken.slot].as_object_mut() {
            put(request, "status", "stopped");
        }
        visit.plan.push(format!("Stop {}.", drug.name));
    }

    /// A vaccination, at a visit or as history.
    pub fn vaccinate(&mut self, vaccine: Code, day: Day, dose: Option<i32>, visit: Option<&Visit>) {
        if day > self.end() {
            return;
        }
        self.doses.extend(dose.map(|n| (vaccine.code, n)));
        let body = object! {
            "status": "completed",
            "vaccineCode": vaccine,
            "patient": self.patient(),
            "encounter": visit.map(|v| link(&v.link)),
            "occurrenceDateTime": day,
            "primarySource": visit.is_some(),
            "location": visit.map(|v| link(&v.place)),
            "protocolApplied": dose.map(|n| [object! { "doseNumberPositiveInt": n }]),
        };
        self.add("Immunization", Some("immunization"), body);
    }

    /// Something done at a visit, because of a condition.
    pub fn procedure(&mut self, visit: &mut Visit, code: Code, minutes: i32, reason: Option<&str>) -> String {
        let start = visit.start.plus(20);
        let body = object! {
            "status": "completed",
            "code": code,
            "subject": self.patient(),
            "encounter": link(&visit.link),
            "performedPeriod": super::tree::period(start, start.plus(minutes)),
            "performer": [object! { "actor": link(&STAFF[visit.doctor].link()) }],
            "location": link(&visit.place),
            "reasonReference": reason.map(|r| [link(r)]),
        };
        visit.procedures.push(code);
        self.add("Procedure", Some("procedure"), body)
    }
}

impl Body {
    fn draw(person: &Person, dice: &mut Dice) -> Body {
        let age = person.age(OPENED).max(0);
        let height = if age >= 18 { person.height } else { child_height(age, person.height) };
        let bmi = if age >= 18 { dice.around(280, 70) } else { dice.around(165 + age * 2, 12) };
        Body {
            systolic: if age >= 18 { dice.around(118 + age / 6, 8) } else { 90 + age * 2 },
            weight: height * height * bmi / 10_000,
            height,
            a1c: dice.around(53, 3),
            creatinine: dice.around(82, 15),
            cholesterol: dice.around(178, 25),
            hemoglobin: dice.around(if person.sex == super::people::Sex::Female { 132 } else { 149 }, 8),
            phq9: dice.between(0, 4),
        }
    }
}

/// Height in centimetres at an age in years, on the way to the height of the grown person.
pub fn child_height(age: i32, grown: i32) -> i32 {
    const PER_CENT: [i32; 19] = [38, 45, 52, 57, 61, 65, 69, 72, 76, 79, 82, 85, 88, 92, 95, 97, 99, 100, 100];
    grown * PER_CENT[age.clamp(0, 18) as usize] / 100
}

/// The words with a small first letter, for the middle of a sentence.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}
