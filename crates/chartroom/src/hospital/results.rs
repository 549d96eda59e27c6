//! What is measured: vital signs and laboratory results.

use super::chart::Chart;
use super::codes::labs::{self, Lab, Panel};
use super::codes::{Code, hl7};
use super::day::Moment;
use super::house::{self, STAFF};
use super::people::Sex;
use super::tree::{Tree, concept, decimal, link, object, put, quantity};
use super::visits::Visit;

const VITAL: Code = hl7!("observation-category", "vital-signs", "Vital Signs");
const LABORATORY: Code = hl7!("observation-category", "laboratory", "Laboratory");
const SURVEY: Code = hl7!("observation-category", "survey", "Survey");

impl Chart {
    /// Blood pressure, pulse, weight and body mass index, as at each visit of a grown-up.
    pub fn vitals(&mut self, visit: &mut Visit) {
        let systolic = self.body.systolic + self.dice.between(-5, 5);
        let diastolic = systolic * 11 / 20 + 8 + self.dice.between(-4, 4);
        self.pressure(visit, systolic, diastolic);
        let pulse = self.dice.around(74, 12);
        self.vital(visit, &labs::HEART_RATE, pulse, "heart-rate");
        self.body.weight += self.dice.between(-9, 9);
        self.weigh(visit);
    }

    /// Weight, height and body mass index from [`super::chart::Body`].
    pub fn weigh(&mut self, visit: &mut Visit) {
        let (weight, height) = (self.body.weight, self.body.height);
        self.vital(visit, &labs::WEIGHT, weight, "body-weight");
        self.vital(visit, &labs::HEIGHT, height, "body-height");
        if self.person.age(visit.start.day()) >= 2 {
            // kg/m2 in tenths from tenths of a kilogram and centimetres, rounded.
            let bmi = (weight * 10_000 + height * height / 2) / (height * height);
            self.vital(visit, &labs::BMI, bmi, "bmi");
        }
    }

    fn pressure(&mut self, visit: &mut Visit, systolic: i32, diastolic: i32) {
        let part = |code: Code, value: i32| {
            object! { "code": code, "valueQuantity": quantity(value, 0, "mm[Hg]") }
        };
        let mut body = self.measured(visit, VITAL, labs::BLOOD_PRESSURE);
        if let Some(body) = body.as_object_mut() {
            put(body, "component", [part(labs::SYSTOLIC, systolic), part(labs::DIASTOLIC, diastolic)]);
        }
        self.add("Observation", Some("blood-pressure"), body);
        visit.findings.push(format!("Blood pressure {systolic}/{diastolic} mmHg."));
    }

    /// One vital sign.
    pub fn vital(&mut self, visit: &mut Visit, lab: &'static Lab, value: i32, profile: &'static str) {
        self.single(visit, VITAL, lab, value, Some(profile));
    }

    /// Oxygen saturation by pulse oximetry, in percent.
    pub fn oximetry(&mut self, visit: &mut Visit, percent: i32) {
        let mut body = self.measured(visit, VITAL, labs::OXIMETRY);
        if let Some(body) = body.as_object_mut() {
            put(body, "code", concept(&[labs::OXIMETRY, labs::SATURATION]));
            put(body, "valueQuantity", quantity(percent, 0, "%"));
        }
        self.add("Observation", Some("pulse-oximetry"), body);
        visit.findings.push(format!("Oxygen saturation {percent} % on room air."));
    }

    /// A score of a questionnaire.
    pub fn score(&mut self, visit: &mut Visit, lab: &'static Lab, value: i32) {
        self.single(visit, SURVEY, lab, value, None);
    }

    fn single(&mut self, visit: &mut Visit, category: Code, lab: &Lab, value: i32, profile: Option<&'static str>) {
        let mut body = self.measured(visit, category, lab.code);
        if let Some(body) = body.as_object_mut() {
            put(body, "valueQuantity", quantity(value, lab.places, lab.unit));
        }
        self.add("Observation", profile, body);
        visit.findings.push(said(lab, value));
    }

    /// What all observations of a visit share.
    pub fn measured(&self, visit: &Visit, category: Code, code: Code) -> Tree {
        let at = visit.start.plus(5);
        object! {
            "status": "final",
            "category": [category],
            "code": code,
            "subject": self.patient(),
            "encounter": link(&visit.link),
            "effectiveDateTime": at,
            "issued": at,
            "performer": [link(&STAFF[visit.doctor].link())],
        }
    }

    /// Orders, draws and reports a panel.
    pub fn panel(&mut self, visit: &mut Visit, panel: &'static Panel, values: &[(&'static Lab, i32)]) {
        let (ordered, drawn, done) = (visit.start.plus(10), visit.start.plus(15), visit.start.plus(120));
        let order = self.order(visit, panel.code, ordered);
        let specimen = self.specimen(&order, panel.specimen, drawn);
        let results: Vec<Tree> =
            values.iter().map(|(lab, value)| link(&self.result(visit, &specimen, lab, *value, drawn, done))).collect();
        let said: Vec<String> = values.iter().map(|(lab, value)| said_with_flag(lab, *value)).collect();
        visit.findings.push(match said.as_slice() {
            [one] => format!("{}.", fhir::definitions::capital(one)),
            many => format!("{}: {}.", panel.name, many.join(", ")),
        });
        let body = object! {
            "basedOn": [link(&order)],
            "status": "final",
            "category": [hl7!("v2-0074", "LAB", "Laboratory")],
            "code": panel.code,
            "subject": self.patient(),
            "encounter": link(&visit.link),
            "effectiveDateTime": drawn,
            "issued": done,
            "performer": [link(house::HOSPITAL)],
            "specimen": [link(&specimen)],
            "result": results,
        };
        self.add("DiagnosticReport", Some("diagnosticreport-lab"), body);
    }

    /// A `ServiceRequest`.
    pub fn order(&mut self, visit: &Visit, code: Code, at: Moment) -> String {
        let body = object! {
            "status": "completed",
            "intent": "order",
            "code": code,
            "subject": self.patient(),
            "encounter": link(&visit.link),
            "authoredOn": at,
            "requester": link(&STAFF[visit.doctor].link()),
            "reasonReference": visit.diagnoses.first().map(|(_, condition)| [link(condition)]),
        };
        self.add("ServiceRequest", Some("servicerequest"), body)
    }

    /// A `Specimen`.
    pub fn specimen(&mut self, order: &str, kind: Code, drawn: Moment) -> String {
        let body = object! {
            "status": "available",
            "type": kind,
            "subject": self.patient(),
            "receivedTime": drawn.plus(20),
            "request": [link(order)],
            "collection": object! { "collectedDateTime": drawn },
        };
        self.add("Specimen", Some("specimen"), body)
    }

    fn result(
        &mut self,
        visit: &Visit,
        specimen: &str,
        lab: &'static Lab,
        value: i32,
        drawn: Moment,
        done: Moment,
    ) -> String {
        let bound = |limit: Option<i32>| limit.map(|n| quantity(n, lab.places, lab.unit));
        let range = (lab.low.is_some() || lab.high.is_some())
            .then(|| [object! { "low": bound(lab.low), "high": bound(lab.high) }]);
        let body = object! {
            "status": "final",
            "category": [LABORATORY],
            "code": lab.code,
            "subject": self.patient(),
            "encounter": link(&visit.link),
            "effectiveDateTime": drawn,
            "issued": done,
            "performer": [link(house::HOSPITAL)],
            "valueQuantity": quantity(value, lab.places, lab.unit),
            "interpretation": flag(lab, value).map(|code| [code]),
            "specimen": link(specimen),
            "referenceRange": range,
        };
        self.add("Observation", Some("observation-lab"), body)
    }

    /// A finding in the words of a code, such as a stage.
    pub fn coded(&mut self, visit: &Visit, code: Code, value: Tree, focus: &str, at: Moment) -> String {
        let body = object! {
            "status": "final",
            "category": [LABORATORY],
            "code": code,
            "subject": self.patient(),
            "focus": [link(focus)],
            "encounter": link(&visit.link),
            "effectiveDateTime": at,
            "issued": at,
            "performer": [link(&STAFF[house::PATHOLOGIST].link())],
            "valueCodeableConcept": value,
        };
        self.add("Observation", None, body)
    }

    /// Kidney function, sugar and salts.
    pub fn metabolic(&mut self, visit: &mut Visit) {
        let dice = &mut self.dice;
        let creatinine = self.body.creatinine;
        let egfr = super::kidney::egfr(creatinine, self.person.age(visit.start.day()), self.person.sex);
        // The mean glucose that goes with an A1c is 28.7 times it less 46.7 (Nathan et al., Diabetes Care 2008).
        let glucose = (287 * self.body.a1c - 4670) / 100 - 8 + dice.between(-12, 12);
        let urea = 9 + creatinine / 12 + dice.between(-2, 3);
        let (sodium, potassium) = (dice.around(140, 4), dice.around(42, 6));
        let values = [
            (&labs::GLUCOSE, glucose.max(60)),
            (&labs::UREA, urea),
            (&labs::CREATININE, creatinine),
            (&labs::EGFR, egfr),
            (&labs::SODIUM, sodium),
            (&labs::POTASSIUM, potassium),
        ];
        self.panel(visit, &labs::METABOLIC, &values);
    }

    /// Cholesterol and its parts; LDL as Friedewald (Clin Chem 1972) calculates it.
    pub fn lipids(&mut self, visit: &mut Visit) {
        let cholesterol = self.body.cholesterol + self.dice.between(-8, 8);
        let hdl = self.dice.around(if self.person.sex == Sex::Female { 55 } else { 46 }, 10);
        let triglyceride = self.dice.around(140, 60);
        let values = [
            (&labs::CHOLESTEROL, cholesterol),
            (&labs::TRIGLYCERIDE, triglyceride),
            (&labs::HDL, hdl),
            (&labs::LDL, cholesterol - hdl - triglyceride / 5),
        ];
        self.panel(visit, &labs::LIPID, &values);
    }

    /// Blood count; `leukocytes` in tenths of 10*3/uL.
    pub fn count(&mut self, visit: &mut Visit, leukocytes: i32) {
        let hemoglobin = self.body.hemoglobin + self.dice.between(-4, 4);
        let platelets = self.dice.around(250, 70);
        let values = [
            (&labs::LEUKOCYTES, leukocytes),
            (&labs::HEMOGLOBIN, hemoglobin),
            (&labs::HEMATOCRIT, hemoglobin * 3 + self.dice.between(-5, 5)),
            (&labs::PLATELETS, platelets),
        ];
        self.panel(visit, &labs::COUNT, &values);
    }
}

fn flag(lab: &Lab, value: i32) -> Option<Code> {
    let (code, words) = match (lab.low, lab.high) {
        (Some(low), _) if value < low => ("L", "Low"),
        (_, Some(high)) if value > high => ("H", "High"),
        (None, None) => return None,
        (_, _) => ("N", "Normal"),
    };
    Some(Code { system: "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", code, display: words })
}

fn said(lab: &Lab, value: i32) -> String {
    format!("{} {}.", fhir::definitions::capital(lab.name), amount(lab, value))
}

fn said_with_flag(lab: &Lab, value: i32) -> String {
    let mark = match flag(lab, value).map_or("N", |code| code.code) {
        "H" => " (high)",
        "L" => " (low)",
        _ => "",
    };
    format!("{} {}{mark}", lab.name, amount(lab, value))
}

/// A value with its unit as people write it.
fn amount(lab: &Lab, value: i32) -> String {
    let unit = match lab.unit {
        "{score}" => "",
        "mL/min/{1.73_m2}" => " mL/min/1.73 m2",
        "Cel" => " C",
        unit => return format!("{} {unit}", decimal(value, lab.places)),
    };
    format!("{}{unit}", decimal(value, lab.places))
}
