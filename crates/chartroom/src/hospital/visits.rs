//! Visits: an encounter from its first minute to its note and its bill.
//!
//! What is measured, found and ordered is collected in the [`Visit`] as it happens; the note is written from that at
//! the end. So text and structured data cannot disagree.

use super::chart::Chart;
use super::codes::conditions::{self, Problem};
use super::codes::{Code, hl7, labs, procedures};
use super::day::{Day, Moment, TODAY};
use super::house::{self, STAFF};
use super::tree::{Tree, base64, coding, concept, dollars, identifier, link, link_named, object, period, words};
use fhir::definitions::capital;

/// What kind of visit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In the clinic.
    Clinic,
    /// In the emergency room.
    Emergency,
    /// In a bed of that unit ([`house::UNITS`]).
    Inpatient(usize),
}

/// A visit that is going on.
pub struct Visit {
    /// `Encounter/...`
    pub link: String,
    /// What kind.
    pub kind: Kind,
    /// When it began.
    pub start: Moment,
    /// When it ends.
    pub end: Moment,
    /// Who sees the patient: an index into [`STAFF`].
    pub doctor: usize,
    /// `Location/...`
    pub place: String,
    /// Why the patient came, in words.
    pub reason: String,
    /// What sort of encounter, in SNOMED CT.
    pub sort: Code,
    /// The conditions it was about, with their references; the first is the principal one.
    pub diagnoses: Vec<(&'static Problem, String)>,
    /// What the patient said.
    pub history: Vec<String>,
    /// What was measured.
    pub findings: Vec<String>,
    /// What was decided.
    pub plan: Vec<String>,
    /// What was done.
    pub procedures: Vec<Code>,
    slot: usize,
    id: String,
}

impl Visit {
    /// What the bill says it was about: a claim needs at least one diagnosis, be it that there was none.
    fn billed_for(&self) -> Vec<&'static Problem> {
        match self.diagnoses.len() {
            0 if self.sort == procedures::WELL_CHILD => vec![&conditions::WELL_CHILD],
            0 => vec![&conditions::CHECKUP],
            _ => self.diagnoses.iter().map(|(problem, _)| *problem).collect(),
        }
    }

    /// What the visit is about, in the words of a note.
    fn about(&self) -> String {
        let names: Vec<&str> = self.diagnoses.iter().map(|(problem, _)| problem.name).collect();
        if names.is_empty() { "no new diagnosis".to_owned() } else { names.join(", ") }
    }
}

impl Chart {
    /// Begins a visit in the clinic with the patient's own clinician, on a working day.
    pub fn clinic(&mut self, day: Day, sort: Code, reason: impl Into<String>) -> Visit {
        let start = day.workday().at(self.dice.between(8, 15), self.dice.between(0, 3) * 15);
        let minutes = 20 + self.dice.between(0, 2) * 10;
        self.arrive(Kind::Clinic, start, minutes, self.person.doctor, sort, reason.into())
    }

    /// Begins a visit of any kind.
    pub fn arrive(
        &mut self,
        kind: Kind,
        start: Moment,
        minutes: i32,
        doctor: usize,
        sort: Code,
        reason: String,
    ) -> Visit {
        let (slot, id) = self.reserve();
        let place = match kind {
            Kind::Clinic => house::CLINIC_PLACE.to_owned(),
            Kind::Emergency => house::EMERGENCY.to_owned(),
            Kind::Inpatient(unit) => house::bed(unit, self.person.number + start.day().0 as usize),
        };
        Visit {
            link: format!("Encounter/{id}"),
            kind,
            start,
            end: start.plus(minutes),
            doctor,
            place,
            reason,
            sort,
            diagnoses: Vec::new(),
            history: Vec::new(),
            findings: Vec::new(),
            plan: Vec::new(),
            procedures: Vec::new(),
            slot,
            id,
        }
    }

    /// Ends a visit: writes its encounter, its note and its bill.
    pub fn leave(&mut self, visit: Visit, discharge: Option<Code>) {
        self.note(&visit);
        self.bill(&visit);
        let class = match visit.kind {
            Kind::Clinic => hl7!("v3-ActCode", "AMB", "ambulatory"),
            Kind::Emergency => hl7!("v3-ActCode", "EMER", "emergency"),
            Kind::Inpatient(_) => hl7!("v3-ActCode", "IMP", "inpatient encounter"),
        };
        let diagnoses: Vec<Tree> = visit
            .diagnoses
            .iter()
            .enumerate()
            .map(|(i, (_, condition))| {
                object! {
                    "condition": link(condition),
                    "use": hl7!("diagnosis-role", "billing", "Billing"),
                    "rank": i as i32 + 1,
                }
            })
            .collect();
        let owner = if visit.kind == Kind::Clinic { house::CLINIC } else { house::HOSPITAL };
        let body = object! {
            "identifier": [identifier("https://saguaro-valley.example.org/visit", visit.id.clone())],
            "status": "finished",
            "class": coding(class),
            "type": [visit.sort],
            "subject": self.patient(),
            "participant": [object! {
                "type": [hl7!("v3-ParticipationType", "PPRF", "primary performer")],
                "period": period(visit.start, visit.end),
                "individual": link_named(&STAFF[visit.doctor].link(), &STAFF[visit.doctor].signature()),
            }],
            "period": period(visit.start, visit.end),
            "reasonCode": [words(visit.reason.clone())],
            "diagnosis": diagnoses,
            "hospitalization": discharge.map(|how| object! { "dischargeDisposition": how }),
            "location": [object! {
                "location": link(&visit.place), "status": "completed", "period": period(visit.start, visit.end),
            }],
            "serviceProvider": link(owner),
        };
        self.fill(visit.slot, "Encounter", visit.id, Some("encounter"), body);
    }

    fn note(&mut self, visit: &Visit) {
        let person = &self.person;
        let day = visit.start.day();
        let (code, title) = match visit.kind {
            Kind::Clinic => (labs::PROGRESS_NOTE, "PROGRESS NOTE"),
            Kind::Emergency => (labs::EMERGENCY_NOTE, "EMERGENCY ROOM NOTE"),
            Kind::Inpatient(_) => (labs::HISTORY_AND_PHYSICAL, "HISTORY AND PHYSICAL"),
        };
        let mut text = format!(
            "{}\n{title}\n\nPatient: {}   MRN: {}   Born: {}\nDate: {day}   Clinician: {}\n\n{} comes because of {}.\n",
            house::NAME,
            person.name(),
            person.record_number(),
            person.birth,
            STAFF[visit.doctor].signature(),
            capital(&person.described(day)),
            visit.reason,
        );
        section(&mut text, "HISTORY", &visit.history);
        let allergies = if self.allergies.is_empty() {
            "No known allergies.".to_owned()
        } else {
            format!("Allergic to {}.", self.allergies.join(", ").to_lowercase())
        };
        section(&mut text, "ALLERGIES", &[allergies]);
        let drugs: Vec<String> = self.drugs.iter().map(|t| format!("- {}", t.drug.name)).collect();
        section(&mut text, "MEDICATIONS AT THE END OF THE VISIT", &drugs);
        section(&mut text, "FINDINGS", &visit.findings);
        section(&mut text, "ASSESSMENT", &[format!("{}.", capital(&visit.about()))]);
        section(&mut text, "PLAN", &visit.plan);
        self.document(visit, code, visit.start.plus(30), &text, visit.doctor);
        if matches!(visit.kind, Kind::Inpatient(_)) {
            self.discharge_summary(visit);
        }
    }

    fn discharge_summary(&mut self, visit: &Visit) {
        let person = &self.person;
        let mut text = format!(
            "{}\nDISCHARGE SUMMARY\n\nPatient: {}   MRN: {}   Born: {}\nAdmitted: {}   Discharged: {}\n\n\
             {} was admitted because of {}.\n",
            house::NAME,
            person.name(),
            person.record_number(),
            person.birth,
            visit.start.day(),
            visit.end.day(),
            capital(&person.described(visit.start.day())),
            visit.reason,
        );
        section(&mut text, "DIAGNOSES", &[format!("{}.", capital(&visit.about()))]);
        let done: Vec<String> = visit.procedures.iter().map(|code| format!("- {}", code.display)).collect();
        section(&mut text, "PROCEDURES", &done);
        section(&mut text, "COURSE", &visit.findings);
        section(&mut text, "AT HOME", &visit.plan);
        let document = self.document(visit, labs::DISCHARGE_SUMMARY, visit.end, &text, visit.doctor);
        let signed = visit.end.plus(self.dice.between(1, 40) * 1440);
        self.deficiency(visit, &document, signed);
        if signed.day() <= TODAY {
            self.signature(visit, &document, signed);
        }
    }

    /// A `DocumentReference` with the text in it.
    pub fn document(&mut self, visit: &Visit, code: Code, at: Moment, text: &str, author: usize) -> String {
        let body = object! {
            "status": "current",
            "docStatus": "final",
            "type": code,
            "category": [object! { "coding": [object! {
                "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
                "code": "clinical-note",
                "display": "Clinical Note",
            }] }],
            "subject": self.patient(),
            "date": at,
            "author": [link_named(&STAFF[author].link(), &STAFF[author].signature())],
            "custodian": link(house::HOSPITAL),
            "content": [object! { "attachment": object! {
                "contentType": "text/plain; charset=utf-8",
                "data": base64(text.as_bytes()),
                "title": code.display,
                "creation": at,
            } }],
            "context": object! {
                "encounter": [link(&visit.link)],
                "period": period(visit.start, visit.end),
            },
        };
        self.add("DocumentReference", Some("documentreference"), body)
    }

    /// Who wrote and signed a document.
    fn signature(&mut self, visit: &Visit, document: &str, at: Moment) {
        let body = object! {
            "target": [link(document)],
            "recorded": at,
            "activity": hl7!("v3-DocumentCompletion", "LA", "legally authenticated"),
            "agent": [object! {
                "type": hl7!("provenance-participant-type", "author", "Author"),
                "who": link_named(&STAFF[visit.doctor].link(), &STAFF[visit.doctor].signature()),
                "onBehalfOf": link(house::HOSPITAL),
            }],
        };
        self.add("Provenance", Some("provenance"), body);
    }

    /// A chart deficiency: somebody has yet to sign, or has signed by now.
    fn deficiency(&mut self, visit: &Visit, document: &str, signed: Moment) {
        let done = signed.day() <= TODAY;
        let body = object! {
            "status": if done { "completed" } else { "requested" },
            "intent": "order",
            "priority": "routine",
            "code": words("Signature missing"),
            "description": "The discharge summary needs a signature within 30 days of the discharge.",
            "focus": link(document),
            "for": self.patient(),
            "encounter": link(&visit.link),
            "executionPeriod": done.then(|| object! { "end": signed }),
            "authoredOn": visit.end,
            "owner": link_named(&STAFF[visit.doctor].link(), &STAFF[visit.doctor].signature()),
            "restriction": object! { "period": object! { "end": visit.end.day().plus(30) } },
        };
        self.add("Task", None, body);
    }

    fn bill(&mut self, visit: &Visit) {
        let Some(coverage) = self.coverage.clone() else { return };
        let payer = house::PAYERS[self.person.payer.unwrap_or_default()].0;
        let days = (visit.end.day().0 - visit.start.day().0).max(1);
        let (kind, cents) = match visit.kind {
            Kind::Clinic => ("professional", 14_500 + visit.procedures.len() as i32 * 9_500),
            Kind::Emergency => ("institutional", 128_000 + visit.procedures.len() as i32 * 42_000),
            Kind::Inpatient(_) => ("institutional", 384_000 * days + visit.procedures.len() as i32 * 610_000),
        };
        let kind_words = if kind == "professional" { "Professional" } else { "Institutional" };
        let billed = visit.end.day().plus(3);
        if billed > TODAY {
            return;
        }
        let diagnoses: Vec<Tree> = visit
            .billed_for()
            .iter()
            .enumerate()
            .map(|(i, problem)| {
                object! {
                    "sequence": i as i32 + 1, "diagnosisCodeableConcept": concept(&[problem.icd]),
                }
            })
            .collect();
        let provider = link(if visit.kind == Kind::Clinic { house::CLINIC } else { house::HOSPITAL });
        let period = period(visit.start, visit.end);
        let claim = self.add(
            "Claim",
            None,
            object! {
                "status": "active",
                "type": hl7!("claim-type", kind, kind_words),
                "use": "claim",
                "patient": self.patient(),
                "billablePeriod": period.clone(),
                "created": billed,
                "provider": provider.clone(),
                "priority": object! { "coding": [object! {
                    "system": "http://terminology.hl7.org/CodeSystem/processpriority", "code": "normal",
                }] },
                "diagnosis": diagnoses,
                "insurance": [object! { "sequence": 1, "focal": true, "coverage": link(&coverage) }],
                "item": [object! {
                    "sequence": 1,
                    "productOrService": visit.sort,
                    "servicedPeriod": period.clone(),
                    "net": dollars(cents),
                    "encounter": [link(&visit.link)],
                }],
                "total": dollars(cents),
            },
        );
        let paid = billed.plus(21);
        if paid > TODAY {
            return;
        }
        let allowed = cents / 100 * 62;
        let share = allowed / 5;
        self.add("ExplanationOfBenefit", None, object! {
            "status": "active",
            "type": hl7!("claim-type", kind, kind_words),
            "use": "claim",
            "patient": self.patient(),
            "billablePeriod": period,
            "created": paid,
            "insurer": link(&format!("Organization/{payer}")),
            "provider": provider,
            "claim": link(&claim),
            "outcome": "complete",
            "insurance": [object! { "focal": true, "coverage": link(&coverage) }],
            "total": [
                object! { "category": hl7!("adjudication", "submitted", "Submitted Amount"), "amount": dollars(cents) },
                object! { "category": hl7!("adjudication", "eligible", "Eligible Amount"), "amount": dollars(allowed) },
                object! { "category": hl7!("adjudication", "copay", "CoPay"), "amount": dollars(share) },
                object! { "category": hl7!("adjudication", "benefit", "Benefit Amount"), "amount": dollars(allowed - share) },
            ],
            "payment": object! { "date": paid, "amount": dollars(allowed - share) },
        });
    }

    /// The next appointment, after today.
    pub fn appointment(&mut self, reason: &'static str) {
        if self.died.is_some() {
            return;
        }
        let day = TODAY.plus(self.dice.between(5, 80)).workday();
        let start = day.at(self.dice.between(8, 15), self.dice.between(0, 3) * 15);
        let doctor = &STAFF[self.person.doctor];
        let body = object! {
            "status": "booked",
            "serviceType": [procedures::FOLLOW_UP],
            "description": reason,
            "start": start,
            "end": start.plus(20),
            "created": TODAY.plus(-7),
            "participant": [
                object! { "actor": self.patient(), "required": "required", "status": "accepted" },
                object! { "actor": link_named(&doctor.link(), &doctor.signature()), "status": "accepted" },
                object! { "actor": link(house::CLINIC_PLACE), "status": "accepted" },
            ],
        };
        self.add("Appointment", None, body);
    }
}

/// Where people go when they leave the hospital.
pub const HOME: Code = hl7!("discharge-disposition", "home", "Home");
/// To a nursing home for rehabilitation.
pub const REHABILITATION: Code = hl7!("discharge-disposition", "rehab", "Rehabilitation");

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    text.push('\n');
    text.push_str(title);
    text.push('\n');
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
}
