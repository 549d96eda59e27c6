//! What passes: infections, injuries, and the days in the emergency room and in bed.

use crate::hospital::chart::Chart;
use crate::hospital::codes::conditions::{self as c, Problem};
use crate::hospital::codes::drugs::{self as d, Drug};
use crate::hospital::codes::{Code, labs, procedures};
use crate::hospital::day::Day;
use crate::hospital::house::{EMERGENCY_DOCTOR, HOSPITALIST, ORTHOPAEDIST, PSYCHIATRIST, RADIOLOGIST, STAFF};
use crate::hospital::people::{Person, Sex};
use crate::hospital::tree::{link, object};
use crate::hospital::visits::{HOME, Kind, REHABILITATION, Visit};

/// A short illness that the clinic sees.
pub struct Illness {
    problem: &'static Problem,
    /// What the patient says.
    complaint: &'static str,
    drug: Option<&'static Drug>,
    days: i32,
    /// Per thousand of children, women and men over the years of the record.
    rates: [usize; 3],
    /// Tenths of a degree Celsius above 36.8.
    fever: i32,
}

/// The usual ones.
pub static ILLNESSES: &[Illness] = &[
    Illness {
        problem: &c::STREP,
        complaint: "a sore throat and fever for two days",
        drug: Some(&d::AMOXICILLIN),
        days: 10,
        rates: [220, 40, 30],
        fever: 18,
    },
    Illness {
        problem: &c::OTITIS,
        complaint: "ear pain since last night",
        drug: Some(&d::AMOXICILLIN),
        days: 10,
        rates: [300, 10, 10],
        fever: 12,
    },
    Illness {
        problem: &c::COLD,
        complaint: "cough and a runny nose for four days",
        drug: None,
        days: 8,
        rates: [300, 120, 110],
        fever: 5,
    },
    Illness {
        problem: &c::URINARY,
        complaint: "burning on urination for two days",
        drug: Some(&d::CIPROFLOXACIN),
        days: 5,
        rates: [0, 160, 20],
        fever: 3,
    },
];

impl Illness {
    /// How often it happens to this person.
    pub fn per_thousand(&self, person: &Person, age: i32) -> usize {
        match (age, person.sex) {
            (..18, _) => self.rates[0],
            (_, Sex::Female) => self.rates[1],
            (_, Sex::Male) => self.rates[2],
        }
    }
}

/// A visit for a short illness.
pub fn illness(chart: &mut Chart, day: Day, illness: &'static Illness) {
    if day < chart.person.birth.plus(200) {
        return;
    }
    let mut visit = chart.clinic(day, procedures::SYMPTOM, illness.complaint);
    let fever = 368 + chart.dice.between(0, illness.fever);
    chart.vital(&mut visit, &labs::TEMPERATURE, fever, "body-temperature");
    let condition = chart.acute(&mut visit, illness.problem, illness.days);
    match illness.drug {
        // Amoxicillin is a penicillin.
        Some(drug) if drug.name.starts_with("amox") && chart.allergies.iter().any(|a| a.contains("cillin")) => {
            chart.prescribe(&mut visit, &d::AZITHROMYCIN, Some(&condition));
        }
        Some(drug) => chart.prescribe(&mut visit, drug, Some(&condition)),
        None => visit.plan.push("Rest and fluids; come back if it is not better in a week.".to_owned()),
    }
    chart.leave(visit, None);
}

fn emergency(chart: &mut Chart, day: Day, minutes: i32, reason: &str) -> Visit {
    let start = day.at(chart.dice.between(0, 22), chart.dice.between(0, 59));
    let doctor = EMERGENCY_DOCTOR + chart.dice.below(2);
    let mut visit = chart.arrive(Kind::Emergency, start, minutes, doctor, procedures::EMERGENCY, reason.to_owned());
    chart.vitals(&mut visit);
    let breaths = chart.dice.around(17, 4);
    chart.vital(&mut visit, &labs::BREATHING, breaths, "respiratory-rate");
    visit
}

fn admit(chart: &mut Chart, day: Day, days: i32, doctor: usize, reason: &str) -> Visit {
    let start = day.at(chart.dice.between(10, 21), chart.dice.between(0, 59));
    let minutes = days * 1440 - 200;
    let sort = procedures::ADMISSION;
    let mut visit = chart.arrive(Kind::Inpatient(0), start, minutes, doctor, sort, reason.to_owned());
    chart.vitals(&mut visit);
    visit
}

/// An image and the radiologist's words about it.
pub fn image(chart: &mut Chart, visit: &mut Visit, code: Code, conclusion: &str) {
    let at = visit.start.plus(45);
    let order = chart.order(visit, code, visit.start.plus(15));
    let body = object! {
        "basedOn": [link(&order)],
        "status": "final",
        "category": [labs::RADIOLOGY_REPORT],
        "code": labs::IMAGING,
        "subject": chart.patient(),
        "encounter": link(&visit.link),
        "effectiveDateTime": at,
        "issued": at.plus(30),
        "performer": [link(&STAFF[RADIOLOGIST].link())],
        "conclusion": conclusion.to_owned(),
    };
    chart.add("DiagnosticReport", Some("diagnosticreport-note"), body);
    visit.findings.push(format!("{}: {conclusion}", code.display));
}

/// Chest pain that turns out to be nothing.
pub fn chest_pain(chart: &mut Chart, day: Day) {
    let mut visit = emergency(chart, day, 260, "chest pain for two hours");
    let condition = chart.acute(&mut visit, &c::CHEST_PAIN, 1);
    chart.procedure(&mut visit, procedures::CARDIOGRAM, 10, Some(&condition));
    visit.findings.push("Electrocardiogram: sinus rhythm, no acute changes.".to_owned());
    chart.metabolic(&mut visit);
    image(chart, &mut visit, procedures::CHEST_X_RAY, "Heart and lungs are normal.");
    visit.plan.push("Go home. See your own clinician within a week.".to_owned());
    chart.leave(visit, Some(HOME));
}

/// A sprain.
pub fn ankle(chart: &mut Chart, day: Day) {
    let mut visit = emergency(chart, day, 110, "a twisted right ankle");
    let condition = chart.acute(&mut visit, &c::ANKLE, 30);
    chart.prescribe(&mut visit, &d::ACETAMINOPHEN, Some(&condition));
    visit.plan.push("Rest, ice, compression, elevation.".to_owned());
    chart.leave(visit, Some(HOME));
}

/// A broken wrist: splinted in the emergency room, seen again by the orthopaedist.
pub fn wrist(chart: &mut Chart, day: Day) {
    let mut visit = emergency(chart, day, 190, "pain in the right wrist after a fall");
    let condition = chart.acute(&mut visit, &c::WRIST, 60);
    let words = "Fracture of the distal radius without displacement.";
    image(chart, &mut visit, crate::hospital::codes::snomed("39714003", "Skeletal X-ray of wrist and hand"), words);
    chart.procedure(&mut visit, procedures::IMMOBILIZATION, 25, Some(&condition));
    chart.prescribe(&mut visit, &d::ACETAMINOPHEN, Some(&condition));
    chart.leave(visit, Some(HOME));
    let reason = "the broken wrist".to_owned();
    let start = day.plus(14).workday().at(13, 30);
    if start.day() < chart.end() {
        let mut again = chart.arrive(Kind::Clinic, start, 20, ORTHOPAEDIST, procedures::FOLLOW_UP, reason);
        again.diagnoses.push((&c::WRIST, condition));
        again.plan.push("Healing well. Cast for four more weeks.".to_owned());
        chart.leave(again, None);
    }
}

/// Pneumonia with some days in bed.
pub fn pneumonia(chart: &mut Chart, day: Day) {
    let days = chart.dice.between(2, 5);
    let mut visit = admit(chart, day, days, HOSPITALIST, "fever, cough and shortness of breath for three days");
    let condition = chart.acute(&mut visit, &c::PNEUMONIA, 21);
    let fever = chart.dice.between(383, 396);
    chart.vital(&mut visit, &labs::TEMPERATURE, fever, "body-temperature");
    let saturation = chart.dice.between(86, 91);
    chart.oximetry(&mut visit, saturation);
    let leukocytes = chart.dice.between(128, 196);
    chart.count(&mut visit, leukocytes);
    chart.metabolic(&mut visit);
    image(chart, &mut visit, procedures::CHEST_X_RAY, "Consolidation in the right lower lobe.");
    chart.prescribe(&mut visit, &d::AZITHROMYCIN, Some(&condition));
    visit.plan.push("Repeat the chest X-ray in six weeks.".to_owned());
    chart.leave(visit, Some(HOME));
}

/// A flare of COPD.
pub fn flare(chart: &mut Chart, day: Day) {
    let mut visit = admit(chart, day, 3, HOSPITALIST, "worse shortness of breath and sputum");
    let condition = chart.acute(&mut visit, &c::COPD_FLARE, 14);
    let saturation = chart.dice.between(83, 88);
    chart.oximetry(&mut visit, saturation);
    let leukocytes = chart.dice.between(90, 140);
    chart.count(&mut visit, leukocytes);
    image(chart, &mut visit, procedures::CHEST_X_RAY, "Hyperinflated lungs, no consolidation.");
    chart.prescribe(&mut visit, &d::PREDNISONE, Some(&condition));
    chart.prescribe(&mut visit, &d::AZITHROMYCIN, Some(&condition));
    chart.leave(visit, Some(HOME));
}

/// A broken hip: operated on, then to rehabilitation.
pub fn hip(chart: &mut Chart, day: Day) {
    let mut visit = admit(chart, day, 5, ORTHOPAEDIST, "pain in the right hip after a fall at home");
    let condition = chart.acute(&mut visit, &c::HIP, 90);
    let words = "Displaced fracture of the right femoral neck.";
    image(chart, &mut visit, crate::hospital::codes::snomed("268425006", "Pelvis X-ray"), words);
    chart.body.hemoglobin -= 14;
    let leukocytes = chart.dice.between(70, 110);
    chart.count(&mut visit, leukocytes);
    chart.procedure(&mut visit, procedures::HIP_REPLACEMENT, 95, Some(&condition));
    chart.prescribe(&mut visit, &d::ENOXAPARIN, Some(&condition));
    chart.prescribe(&mut visit, &d::OXYCODONE, Some(&condition));
    chart.body.hemoglobin += 10;
    chart.leave(visit, Some(REHABILITATION));
}

/// Alcohol withdrawal.
pub fn withdrawal(chart: &mut Chart, day: Day) {
    chart.body.systolic += 30;
    let mut visit = admit(chart, day, 4, HOSPITALIST, "tremor and sweating a day after the last drink");
    chart.body.systolic -= 30;
    let condition = chart.acute(&mut visit, &c::WITHDRAWAL, 5);
    let ethanol = chart.dice.between(20, 140);
    chart.panel(&mut visit, &labs::ETHANOL_TEST, &[(&labs::ETHANOL, ethanol)]);
    chart.metabolic(&mut visit);
    chart.procedure(&mut visit, procedures::DETOXIFICATION, 240, Some(&condition));
    visit.plan.push("Outpatient program from next Monday.".to_owned());
    chart.leave(visit, Some(HOME));
}

/// An hour of therapy for depression.
pub fn therapy(chart: &mut Chart, day: Day) {
    let Some(active) = chart.problems.iter().find(|a| std::ptr::eq(a.problem, &raw const c::DEPRESSION)).cloned()
    else {
        return;
    };
    let start = day.workday().at(14, 0);
    let reason = "cognitive behavioral therapy".to_owned();
    let mut visit = chart.arrive(Kind::Clinic, start, 50, PSYCHIATRIST, procedures::FOLLOW_UP, reason);
    visit.diagnoses.push((&c::DEPRESSION, active.link.clone()));
    chart.procedure(&mut visit, procedures::THERAPY, 45, Some(&active.link));
    let score = chart.body.phq9;
    chart.score(&mut visit, &labs::PHQ9, score);
    chart.body.phq9 = (score - chart.dice.between(0, 2)).max(1);
    chart.leave(visit, None);
}
